//! Activation functions, gated products, and the cap of logits.

use crate::flex::{self, dense, dims};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, activation};
use kernels::activation::{self as kernel, Activation};
use std::f64::consts::FRAC_1_SQRT_2;

/// The function applied to every element of `x`, of any shape.
pub fn activate<const D: usize>(x: Tensor<D>, function: Activation) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x]) else {
        return match function {
            Activation::GeluErf => gelu_erf(x),
            Activation::GeluTanh => activation::gelu_approximate(x),
            Activation::Silu => activation::silu(x),
            Activation::Relu => activation::relu(x),
            Activation::Tanh => activation::tanh(x),
        };
    };
    let (x, edge) = tape.take(x);
    let mut x = dense(x);
    if !edge.tracked && x.is_unique() {
        kernel::activate_in_place(flex::values_mut(&mut x), function);
        return tape.finish([edge], x.clone(), || Activated { x, function });
    }
    let y = flex::tensor(kernel::activate(flex::values(&x), function), &dims(&x));
    tape.finish([edge], y, || Activated { x, function })
}

/// GELU by the error function, whose own gradient is exact. The gradient of burn's `gelu` is that of the approximation by tanh on every backend but flex
/// (burn-backend 0.22.1, ops/activation.rs): off by up to 1e-4 of the largest, which PyTorch's losses show after two steps.
fn gelu_erf<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let twice_share_below = (x.clone() * FRAC_1_SQRT_2).erf() + 1.0;
    x * 0.5 * twice_share_below
}

/// `function(gate) · up`, element by element: the inside of a gated feed-forward layer.
///
/// # Panics
/// When the shapes differ.
pub fn gated<const D: usize>(gate: Tensor<D>, up: Tensor<D>, function: Activation) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "gate and up differ in shape");
    let Some(tape) = Tape::of(&[&gate, &up]) else {
        return activate(gate, function) * up;
    };
    let ((gate, gate_edge), (up, up_edge)) = (tape.take(gate), tape.take(up));
    let (gate, up) = (dense(gate), dense(up));
    let y = flex::tensor(
        kernel::gated(flex::values(&gate), flex::values(&up), function),
        &dims(&gate),
    );
    tape.finish([gate_edge, up_edge], y, || Gated { gate, up, function })
}

/// `cap · tanh(x / cap)`, element by element: keeps logits within ±cap.
pub fn soft_cap<const D: usize>(x: Tensor<D>, cap: f64) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x]) else {
        return (x / cap).tanh() * cap;
    };
    let (x, edge) = tape.take(x);
    let mut y = dense(x);
    kernel::soft_cap_in_place(flex::values_mut(&mut y), cap as f32);
    tape.finish([edge], y.clone(), || Capped { y, cap })
}

#[derive(Clone, Debug)]
struct Activated {
    x: FlexTensor,
    function: Activation,
}

impl Saved<1> for Activated {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let gradient = || {
            let mut dy = dense(grad);
            if dy.is_unique() {
                kernel::activate_dx_in_place(
                    flex::values(&self.x),
                    flex::values_mut(&mut dy),
                    self.function,
                );
                return dy;
            }
            let dx = kernel::activate_dx(flex::values(&self.x), flex::values(&dy), self.function);
            flex::tensor(dx, &dims(&self.x))
        };
        [want.give(gradient)]
    }
}

#[derive(Clone, Debug)]
struct Gated {
    gate: FlexTensor,
    up: FlexTensor,
    function: Activation,
}

impl Saved<2> for Gated {
    fn backward(
        self,
        grad: FlexTensor,
        [want_gate, want_up]: [Want; 2],
    ) -> [Option<FlexTensor>; 2] {
        let dy = dense(grad);
        let (gate, up) = (flex::values(&self.gate), flex::values(&self.up));
        let (d_gate, d_up) = kernel::gated_dx(gate, up, flex::values(&dy), self.function);
        let sizes = dims(&dy);
        [
            want_gate.give(|| flex::tensor(d_gate, &sizes)),
            want_up.give(|| flex::tensor(d_up, &sizes)),
        ]
    }
}

#[derive(Clone, Debug)]
struct Capped {
    y: FlexTensor,
    cap: f64,
}

impl Saved<1> for Capped {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let mut dx = dense(grad);
        let y = flex::values(&self.y);
        kernel::soft_cap_dx_in_place(y, flex::values_mut(&mut dx), self.cap as f32);
        [want.give(|| dx)]
    }
}
