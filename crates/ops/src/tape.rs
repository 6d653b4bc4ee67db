//! Entering fused operations into burn's autodiff graph.
//!
//! An operation asks [`Tape::of`] its inputs whether it may be fused, takes their values off the graph, computes, and
//! [`Tape::finish`]es: with a node in the graph that holds what the backward pass needs if any input is tracked, and
//! with a plain constant otherwise.

use crate::flex::{self, dense};
use crate::pending::Pending;
use crate::recompute::{self, Recompute};
use crate::switch::is_fused;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::{
    BalancedCheckpointing, CheckpointStrategy, NoCheckpointing,
};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{DType, GradientCheckpointingStrategy, Shape, Tensor};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

/// How the inputs of one operation take part in autodiff: all are f32 tensors on `flex`.
#[derive(Clone, Copy)]
pub(crate) struct Tape {
    /// None where no input is associated with autodiff.
    strategy: Option<GradientCheckpointingStrategy>,
}

/// The place of one input in the graph.
pub(crate) struct Edge {
    guard: Option<NodeGuard>,
    /// Whether its gradient is wanted.
    pub(crate) tracked: bool,
    /// What computes its value again, where that is cheap.
    pub(crate) source: Option<Arc<dyn Recompute>>,
}

impl Edge {
    fn constant() -> Self {
        Self {
            guard: None,
            tracked: false,
            source: None,
        }
    }
}

/// What an operation with `N` inputs keeps for its backward pass.
pub(crate) trait Saved<const N: usize>: Clone + Debug + Send + 'static {
    /// The gradients of the inputs, given that of the output; none for an input whose gradient is not wanted.
    fn backward(self, grad: FlexTensor, wanted: [Want; N]) -> [Option<FlexTensor>; N];

    /// What computes the output again, where that is cheap: operations that read it then need not keep it.
    fn source(&self) -> Option<Arc<dyn Recompute>> {
        None
    }
}

/// What becomes of the gradient of one input.
pub(crate) enum Want {
    /// The input is a constant.
    No,
    /// Nobody has contributed to it.
    New,
    /// It is to be added to what other users of the input have contributed.
    Add(FlexTensor),
}

impl Want {
    /// Whether the gradient is wanted.
    pub(crate) fn any(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// The gradient, if it is wanted, with what has been contributed before.
    pub(crate) fn give(self, gradient: impl FnOnce() -> FlexTensor) -> Option<FlexTensor> {
        match self {
            Self::No => None,
            Self::New => Some(gradient()),
            Self::Add(earlier) => {
                let (mut sum, gradient) = (dense(earlier), dense(gradient()));
                kernels::gemm::add_in_place(flex::values_mut(&mut sum), flex::values(&gradient));
                Some(sum)
            }
        }
    }
}

/// An input of a fused operation: a float tensor of any rank, or the lack of one.
pub(crate) trait Traced {
    /// The autodiff strategy of the tensor, if it has one; an error if it cannot be used by a fused operation.
    fn strategy(&self) -> Result<Option<GradientCheckpointingStrategy>, NotFused>;
}

/// The tensor is on another backend, or of another type than f32.
pub(crate) struct NotFused;

impl<const D: usize> Traced for Tensor<D> {
    fn strategy(&self) -> Result<Option<GradientCheckpointingStrategy>, NotFused> {
        let device = self.device();
        let strategy = device.gradient_checkpointing_strategy();
        let inner = device.inner();
        // The pattern always matches where no other backend is compiled in.
        #[allow(unreachable_patterns)]
        match inner.as_dispatch() {
            DispatchDevice::Flex(_) if self.dtype() == DType::F32 => Ok(strategy),
            _ => Err(NotFused),
        }
    }
}

impl<const D: usize> Traced for Option<Tensor<D>> {
    fn strategy(&self) -> Result<Option<GradientCheckpointingStrategy>, NotFused> {
        self.as_ref().map_or(Ok(None), Traced::strategy)
    }
}

impl Tape {
    /// How the inputs take part in autodiff, or `None` if the operation is to be composed of burn's own.
    pub(crate) fn of(inputs: &[&dyn Traced]) -> Option<Self> {
        if !is_fused() {
            return None;
        }
        let mut strategy = None;
        for input in inputs {
            strategy = strategy.or(input.strategy().ok()?);
        }
        Some(Self { strategy })
    }

    /// The value of an input and its place in the graph.
    pub(crate) fn take<const D: usize>(self, tensor: Tensor<D>) -> (FlexTensor, Edge) {
        match self.strategy {
            Some(strategy) if tensor.is_autodiff() => {
                let tensor = match strategy {
                    GradientCheckpointingStrategy::Disabled => {
                        primitive::<Autodiff<Flex, NoCheckpointing>, D>(tensor)
                    }
                    GradientCheckpointingStrategy::Balanced => {
                        primitive::<Autodiff<Flex, BalancedCheckpointing>, D>(tensor)
                    }
                };
                let tracked = tensor.is_tracked();
                let (value, guard) = tensor.into_parts();
                let source = recompute::source_of(guard.id()).filter(|_| tracked);
                let edge = Edge {
                    guard: Some(guard),
                    tracked,
                    source,
                };
                (value, edge)
            }
            _ => (primitive::<Flex, D>(tensor), Edge::constant()),
        }
    }

    /// As [`Tape::take`], for an input that may be missing.
    pub(crate) fn take_option<const D: usize>(
        self,
        tensor: Option<Tensor<D>>,
    ) -> (Option<FlexTensor>, Edge) {
        match tensor {
            Some(tensor) => {
                let (value, edge) = self.take(tensor);
                (Some(value), edge)
            }
            None => (None, Edge::constant()),
        }
    }

    /// Wraps the output; where an input is tracked, with a node that holds what `save` gives.
    pub(crate) fn finish<const D: usize, const N: usize, S: Saved<N>>(
        self,
        edges: [Edge; N],
        output: FlexTensor,
        save: impl FnOnce() -> S,
    ) -> Tensor<D> {
        match self.strategy {
            None => Tensor::from_primitive::<Flex>(output),
            Some(GradientCheckpointingStrategy::Disabled) => {
                Tensor::from_primitive::<Autodiff<Flex, NoCheckpointing>>(record::<
                    NoCheckpointing,
                    N,
                    S,
                >(
                    edges, output, save
                ))
            }
            Some(GradientCheckpointingStrategy::Balanced) => {
                Tensor::from_primitive::<Autodiff<Flex, BalancedCheckpointing>>(record::<
                    BalancedCheckpointing,
                    N,
                    S,
                >(
                    edges, output, save,
                ))
            }
        }
    }
}

/// Whether the gradient of any input is wanted.
pub(crate) fn any_tracked<const N: usize>(edges: &[Edge; N]) -> bool {
    edges.iter().any(|edge| edge.tracked)
}

fn primitive<B, const D: usize>(tensor: Tensor<D>) -> FloatTensor<B>
where
    B: burn::backend::Backend,
    burn::backend::DispatchTensor: burn::backend::DispatchKindConversion<B>,
{
    tensor
        .try_into_primitive::<B>()
        .expect("the tensor's device was checked when the tape was made")
}

fn record<C: CheckpointStrategy, const N: usize, S: Saved<N>>(
    edges: [Edge; N],
    output: FlexTensor,
    save: impl FnOnce() -> S,
) -> FloatTensor<Autodiff<Flex>> {
    if !any_tracked(&edges) {
        return constant(output);
    }
    let guards = edges.map(|edge| {
        edge.guard
            .unwrap_or_else(|| constant(nothing()).into_parts().1)
    });
    match (Step {
        saved: PhantomData::<S>,
    })
    .prepare::<C>(guards)
    .compute_bound()
    .stateful()
    {
        OpsKind::Tracked(prepared) => {
            let saved = save();
            let source = saved.source();
            let output = prepared.finish(saved, output);
            if let Some(source) = source {
                recompute::remember(output.id(), &source);
            }
            output
        }
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

fn constant(value: FlexTensor) -> FloatTensor<Autodiff<Flex>> {
    FloatTensor::<Autodiff<Flex>>::new(value)
}

fn nothing() -> FlexTensor {
    FlexTensor::empty(Shape::from([0]), DType::F32)
}

/// The backward step of any operation: hands the gradient to what was saved, and on to the inputs.
#[derive(Debug)]
struct Step<S> {
    saved: PhantomData<S>,
}

impl<S: Saved<N>, const N: usize> Backward<Flex, N> for Step<S> {
    type State = S;

    fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let mut pending = Pending::take();
        pending.strike_off(ops.node.id);
        let wanted = ops.parents.each_ref().map(|parent| match parent {
            None => Want::No,
            Some(node) if pending.strike_off(node.id) => Want::Add(grads.consume::<Flex>(node)),
            Some(_) => Want::New,
        });
        for (parent, gradient) in ops
            .parents
            .into_iter()
            .zip(ops.state.backward(grad, wanted))
        {
            if let (Some(node), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(node.id, gradient);
                if node.order > 0 {
                    pending.add(node.id);
                }
            }
        }
        pending.put_back();
    }
}
