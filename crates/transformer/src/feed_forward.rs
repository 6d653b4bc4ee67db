//! The position-wise feed-forward, plain (Vaswani et al. 2017, §3.3) or gated (Shazeer 2020).

use burn::module::Module;
use burn::tensor::Tensor;

use crate::backbone::BlockContext;
use crate::hooks::{At, Point, Proj};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::Shape;
use ops::Activation;

/// The feed-forward of one block, with the norm that stands before it (pre-norm) or after its residual add (post-norm).
#[derive(Module, Debug)]
pub struct FeedForward {
    /// `[hidden, intermediate]`, in gated ones only.
    pub gate: Option<Linear>,
    /// `[hidden, intermediate]`.
    pub up: Linear,
    /// `[intermediate, hidden]`.
    pub down: Linear,
    /// Before the maps or after the residual add, as `Shape::norm_order` says.
    pub norm: Norm,
}

impl FeedForward {
    /// `[b, t, hidden] -> [b, t, hidden]`, before dropout and residual.
    pub(crate) fn forward(&self, shape: &Shape, x: Tensor<3>, context: &BlockContext) -> Tensor<3> {
        let hooks = context.pass.hooks;
        let layer = context.layer;
        let project = |site, map: &Linear, x: Tensor<3>| {
            let at = At { layer, site };
            hooks.project(at, &hooks.project_input(at, x), map)
        };
        let inner = match &self.gate {
            Some(gate) => {
                let gate = project(Proj::Gate, gate, x.clone()); // [b, t, intermediate]
                let up = project(Proj::Up, &self.up, x.clone());
                gated(gate, up, shape.activation)
            }
            None => ops::activate(project(Proj::Up, &self.up, x.clone()), shape.activation),
        };
        let site = Point::FfnInner;
        let inner = hooks.hidden(At { layer, site }, inner, &x); // [b, t, intermediate]
        project(Proj::Down, &self.down, inner)
    }
}

fn gated(gate: Tensor<3>, up: Tensor<3>, activation: Activation) -> Tensor<3> {
    match activation {
        Activation::Silu => ops::silu_mul(gate, up),
        other => ops::activate(gate, other) * up,
    }
}
