//! Activation functions, and LLaMA's gated product.

use crate::flex::{self, dense, dims};
use crate::tape::{Saved, Tape};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, activation};
use kernels::activation::{self as kernel, Activation};

/// The function applied to every element of `x`, of any shape.
pub fn activate<const D: usize>(x: Tensor<D>, function: Activation) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x]) else {
        return match function {
            Activation::GeluErf => activation::gelu(x),
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

/// SiLU(gate) · up, element by element: the inner activation of LLaMA's feed-forward.
pub fn silu_mul<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "gate and up differ in shape");
    let Some(tape) = Tape::of(&[&gate, &up]) else {
        return activation::silu(gate) * up;
    };
    let ((gate, gate_edge), (up, up_edge)) = (tape.take(gate), tape.take(up));
    let (gate, up) = (dense(gate), dense(up));
    let y = flex::tensor(
        kernel::silu_mul(flex::values(&gate), flex::values(&up)),
        &dims(&gate),
    );
    tape.finish([gate_edge, up_edge], y, || Gated { gate, up })
}

#[derive(Clone, Debug)]
struct Activated {
    x: FlexTensor,
    function: Activation,
}

impl Saved<1> for Activated {
    fn backward(self, grad: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let mut dy = dense(grad);
        if dy.is_unique() {
            kernel::activate_dx_in_place(
                flex::values(&self.x),
                flex::values_mut(&mut dy),
                self.function,
            );
            return [Some(dy)];
        }
        let dx = kernel::activate_dx(flex::values(&self.x), flex::values(&dy), self.function);
        [Some(flex::tensor(dx, &dims(&self.x)))]
    }
}

#[derive(Clone, Debug)]
struct Gated {
    gate: FlexTensor,
    up: FlexTensor,
}

impl Saved<2> for Gated {
    fn backward(self, grad: FlexTensor, _: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let dy = dense(grad);
        let (d_gate, d_up) = kernel::silu_mul_dx(
            flex::values(&self.gate),
            flex::values(&self.up),
            flex::values(&dy),
        );
        [d_gate, d_up].map(|gradient| Some(flex::tensor(gradient, &dims(&dy))))
    }
}
