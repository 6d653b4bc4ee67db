//! Clipping all gradients together to a largest L2 norm (Pascanu et al. 2013), as `torch.nn.utils.clip_grad_norm_`.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

/// torch divides by the norm and this.
const EPSILON: f64 = 1e-6;

/// The norm that all gradients have together, before clipping.
#[derive(Clone, Debug)]
#[must_use = "a norm that is no number means that the training has diverged"]
#[expect(clippy::large_enum_variant, reason = "one value a step")]
pub enum Norm {
    /// On the host.
    Known(f64),
    /// On a device that works behind the host's back; `[1]`.
    OnDevice(Tensor<1>),
}

impl Norm {
    /// The norm. Waits for a device that holds it.
    pub fn read(&self) -> f64 {
        match self {
            Norm::Known(norm) => *norm,
            Norm::OnDevice(norm) => f64::from(ops::to_floats(norm.clone())[0]),
        }
    }
}

/// Scales all gradients by `max / norm` when their common norm is larger than `max`. `device` is that of the module.
///
/// Where the norm is no finite number, nothing can be clipped; the gradients are then not to be used, or are NaN throughout.
pub fn clip_by_global_norm<M: Module>(
    grads: &mut GradientsParams,
    module: &M,
    max: f64,
    device: &Device,
) -> Norm {
    match ops::compiles_kernels(device) {
        true => clip_on_device(grads, module, max),
        false => clip_on_host(grads, module, max),
    }
}

fn clip_on_host<M: Module>(grads: &mut GradientsParams, module: &M, max: f64) -> Norm {
    let mut sum = SumOfSquares { grads, total: 0.0 };
    module.visit(&mut sum);
    let norm = sum.total.sqrt();
    if norm > max {
        module.visit(&mut Scale {
            grads,
            factor: max / (norm + EPSILON),
        });
    }
    Norm::Known(norm)
}

/// Reads nothing back: a device that works behind the host's back would stand still at every number the host waits for.
fn clip_on_device<M: Module>(grads: &mut GradientsParams, module: &M, max: f64) -> Norm {
    let mut squares = Squares {
        grads,
        sums: Vec::new(),
    };
    module.visit(&mut squares);
    if squares.sums.is_empty() {
        return Norm::Known(0.0);
    }
    let norm = Tensor::cat(squares.sums, 0).sum().sqrt(); // [1]
    // Not every backend's minimum of NaN and 1 is NaN. Zero times the norm is 0, or NaN where the norm is no finite number: the model then is
    // NaN from here on, and whoever looks next sees it.
    let no_number = norm.clone().mul_scalar(0.0);
    let factor = (norm.clone() + EPSILON)
        .recip()
        .mul_scalar(max)
        .clamp_max(1.0)
        + no_number; // [1]
    module.visit(&mut ScaleBy { grads, factor });
    Norm::OnDevice(norm)
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

struct Squares<'a> {
    grads: &'a GradientsParams,
    /// Sum of squares of each gradient, `[1]`.
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.sums.push(grad.clone().mul(grad).sum());
        }
    }
}

struct ScaleBy<'a> {
    grads: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for ScaleBy<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.grads.register(param.id, grad.mul(factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::LinearConfig;
    use burn::tensor::TensorData;

    type Clip = fn(&mut GradientsParams, &burn::nn::Linear, f64) -> Norm;

    /// A linear map of `x` and the gradients of five times the sum of what it gives.
    fn gradients(x: [f32; 3]) -> (burn::nn::Linear, GradientsParams) {
        let device = ops::test_device().autodiff();
        let module = LinearConfig::new(3, 2).init(&device);
        let x = Tensor::<2>::from_data(TensorData::from([x]), &device);
        let loss = module.forward(x).mul_scalar(5.0).sum();
        let grads = GradientsParams::from_grads(loss.backward(), &module);
        (module, grads)
    }

    /// Norm of all gradients after clipping to `max` by `clip`, and the first gradient.
    fn clipped(clip: Clip, max: f64) -> (f64, Vec<f32>) {
        let (module, mut grads) = gradients([1.0, -2.0, 3.0]);
        let before = clip(&mut grads, &module, max).read();
        assert!((before - 5.0 * 30f64.sqrt()).abs() < 1e-4, "{before}");
        let mut sum = SumOfSquares {
            grads: &grads,
            total: 0.0,
        };
        module.visit(&mut sum);
        (
            sum.total.sqrt(),
            ops::to_floats(grads.get::<2>(module.weight.id).unwrap()),
        )
    }

    #[test]
    fn on_the_device_as_on_the_host() {
        // The gradient is 5·(1, -2, 3) twice and 5 twice for the bias: norm 5·√30.
        for max in [1.5, 27.0, 28.0] {
            let (norm, first) = clipped(clip_on_device, max);
            let (host_norm, host_first) = clipped(clip_on_host, max);
            assert!(
                (norm - max.min(5.0 * 30f64.sqrt())).abs() < 1e-4,
                "{norm} for {max}"
            );
            assert!((norm - host_norm).abs() < 1e-4);
            let apart = first.iter().zip(&host_first).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-5, "{first:?} {host_first:?}");
        }
    }
    #[test]
    fn a_norm_that_is_no_number_is_told_and_poisons_every_gradient_on_the_device() {
        for wrong in [f32::NAN, f32::INFINITY] {
            for clip in [clip_on_device as Clip, clip_on_host] {
                let (module, mut grads) = gradients([1.0, wrong, 3.0]);
                let norm = clip(&mut grads, &module, 1.0).read();
                assert!(!norm.is_finite(), "{norm} of a gradient with {wrong}");
            }
            let (module, mut grads) = gradients([1.0, wrong, 3.0]);
            let _ = clip_on_device(&mut grads, &module, 1.0);
            let bias = module.bias.as_ref().expect("a bias").id;
            let bias = ops::to_floats(grads.get::<1>(bias).expect("its gradient"));
            assert!(bias.iter().all(|value| value.is_nan()), "{bias:?}");
        }
    }
}
