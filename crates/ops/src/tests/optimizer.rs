//! AdamW fused against composed, and against numbers from PyTorch.

use super::*;
use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};

#[derive(Module, Debug)]
struct Two {
    matrix: Param<Tensor<2>>,
    vector: Param<Tensor<1>>,
}

fn train(fused: bool) -> Vec<f32> {
    set_fused(fused);
    let device = Device::flex().autodiff();
    let mut model = Two {
        matrix: Param::from_tensor(constant(1, [5, 7], &device)),
        vector: Param::from_tensor(constant(2, [7], &device)),
    };
    let mut optimizer = ModuleOptimizer::from(AdamW {
        weight_decay: 0.1,
        ..AdamW::default()
    });
    for step in 0..5 {
        let x = constant(10 + step, [2, 3, 5], &device);
        let y = linear(x, model.matrix.val(), Some(model.vector.val()));
        let gradients = GradientsParams::from_grads((y.clone() * y).sum().backward(), &model);
        model = optimizer.step(1e-2, model, gradients);
    }
    set_fused(true);
    [numbers(model.matrix.val()), numbers(model.vector.val())].concat()
}

#[test]
fn five_steps_give_the_same_weights_fused_and_composed() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    assert_near(&train(true), &train(false), "weights after five steps");
}

#[test]
fn three_steps_of_pytorch() {
    // torch.optim.AdamW([w], lr=0.1, weight_decay=0.5) on w = [1, -2, 0.5] with gradients [0.1, -0.2, 30],
    // [0.3, 0.1, -2], [1e-4, 0, 5] (PyTorch 2, float64).
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    use burn::optim::Optimizer;
    let device = Device::flex();
    let optimizer = AdamW {
        weight_decay: 0.5,
        ..AdamW::default()
    };
    let (mut w, mut state) = (Tensor::<1>::from_data([1.0, -2.0, 0.5], &device), None);
    for gradient in [[0.1, -0.2, 30.0], [0.3, 0.1, -2.0], [1e-4, 0.0, 5.0]] {
        (w, state) = optimizer.step(0.1, w, Tensor::from_data(gradient, &device), state);
    }
    assert_near(&numbers(w), &TORCH, "weights after three steps");
}

const TORCH: [f32; 3] = [0.608_971, -1.578_61, 0.221_935_2];
