//! Activation functions, gated products, and the cap of logits.

use crate::flex::{self, dense, dims};
use crate::recompute::{Recipe, Sourced};
use crate::tape::{Saved, Tape, Want, any_tracked};
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
    let activated = |x| {
        Sourced::new(Activated {
            x,
            holds_slopes: false,
            function,
        })
    };
    if !edge.tracked && x.is_unique() {
        kernel::activate_in_place(flex::values_mut(&mut x), function);
        return tape.finish([edge], x.clone(), || activated(x));
    }
    let y = flex::tensor(kernel::activate(flex::values(&x), function), &dims(&x));
    tape.finish([edge], y, || activated(x))
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
    let (mut gate, up) = (dense(gate), dense(up));
    let edges = [gate_edge, up_edge];
    if !any_tracked(&edges) && gate.is_unique() {
        kernel::gated_in_place(flex::values_mut(&mut gate), flex::values(&up), function);
        return tape.finish(edges, gate.clone(), || {
            Sourced::new(Gated { gate, up, function })
        });
    }
    let mut gated = Gated { gate, up, function };
    let y = gated.compute();
    tape.finish(edges, y, || Sourced::new(gated))
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
    /// The input; once the result has been computed again, the derivatives there.
    x: FlexTensor,
    holds_slopes: bool,
    function: Activation,
}

impl Recipe for Activated {
    /// Leaves the slopes behind, which take the same exponentials.
    fn compute(&mut self) -> FlexTensor {
        assert!(!self.holds_slopes, "the input has been written over");
        let sizes = dims(&self.x);
        let x = flex::values_mut(&mut self.x);
        let y = kernel::activate_leaving_slopes(x, self.function);
        self.holds_slopes = true;
        flex::tensor(y, &sizes)
    }
}

impl Saved<1> for Activated {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let gradient = || {
            let (mut dy, x) = (dense(grad), flex::values(&self.x));
            if self.holds_slopes {
                kernel::multiply_in_place(flex::values_mut(&mut dy), x);
            } else if dy.is_unique() {
                kernel::activate_dx_in_place(x, flex::values_mut(&mut dy), self.function);
            } else {
                let dx = kernel::activate_dx(x, flex::values(&dy), self.function);
                return flex::tensor(dx, &dims(&self.x));
            }
            dy
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

impl Recipe for Gated {
    fn compute(&mut self) -> FlexTensor {
        let (gate, up) = (flex::values(&self.gate), flex::values(&self.up));
        flex::tensor(kernel::gated(gate, up, self.function), &dims(&self.gate))
    }
}

impl Saved<2> for Gated {
    fn backward(
        mut self,
        grad: FlexTensor,
        [want_gate, want_up]: [Want; 2],
    ) -> [Option<FlexTensor>; 2] {
        let dy = dense(grad);
        kernel::gated_dx_in_place(
            flex::values_mut(&mut self.gate),
            flex::values_mut(&mut self.up),
            flex::values(&dy),
            self.function,
        );
        [want_gate.give(|| self.gate), want_up.give(|| self.up)]
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
