//! Clipping all gradients together to a largest L2 norm (Pascanu et al. 2013), as `torch.nn.utils.clip_grad_norm_`.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients by `max / norm` when their common norm is larger than `max`; returns the norm before.
pub fn clip_by_global_norm<M: Module>(grads: &mut GradientsParams, module: &M, max: f64) -> f64 {
    let mut sum = SumOfSquares { grads, total: 0.0 };
    module.visit(&mut sum);
    let norm = sum.total.sqrt();
    if norm > max {
        // torch divides by norm + 1e-6.
        module.visit(&mut Scale {
            grads,
            factor: max / (norm + 1e-6),
        });
    }
    norm
}

struct SumOfSquares<'a> {
    grads: &'a GradientsParams,
    total: f64,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.total += ops::squared_norm(grad);
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            self.grads
                .register(param.id, ops::scaled(grad, self.factor));
        }
    }
}
