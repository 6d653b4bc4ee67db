//! The position-wise feed-forward, plain (Vaswani et al. 2017, §3.3) or gated (Shazeer 2020).

use burn::module::Module;
use burn::tensor::Tensor;

use crate::context::BlockContext;
use crate::dropout::Place;
use crate::hooks::{At, Point, Proj};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::Shape;

/// The feed-forward of one block, with the norms around it that [`NormOrder`](crate::NormOrder) gives it.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// `[hidden, intermediate]`, in gated ones only.
    pub gate: Option<Linear>,
    /// `[hidden, intermediate]`.
    pub up: Linear,
    /// `[intermediate, hidden]`.
    pub down: Linear,
    /// Before the maps or after the residual add.
    pub norm: Option<Norm>,
    /// Of the result, before the residual add.
    pub output_norm: Option<Norm>,
}

impl FeedForward {
    /// `[b, t, hidden] -> [b, t, hidden]`, before the dropout of the result, output norm and residual.
    pub(crate) fn forward(&self, shape: &Shape, x: Tensor<3>, context: &BlockContext) -> Tensor<3> {
        let hooks = context.pass.hooks;
        let layer = context.block;
        let project = |site, map: &Linear, x: Tensor<3>| {
            let at = At { layer, site };
            hooks.project(at, &hooks.project_input(at, x), map)
        };
        let inner = match &self.gate {
            Some(gate) => {
                let gate = project(Proj::Gate, gate, x.clone()); // [b, t, intermediate]
                let up = project(Proj::Up, &self.up, x.clone());
                ops::gated(gate, up, shape.activation)
            }
            None => ops::activate(project(Proj::Up, &self.up, x.clone()), shape.activation),
        };
        let inner = context.drop(inner, Place::FeedForwardInner);
        let inner = context.hidden(Point::FfnInner, inner, &x); // [b, t, intermediate]
        project(Proj::Down, &self.down, inner)
    }
}
