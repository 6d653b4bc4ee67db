//! Rotary position embedding of queries and keys.

use crate::flex::{self, dense, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::rotary::{RotaryShape, Turn, rotary_in_place};

/// Rotates each head of `x` [b, t, heads * d] by angles with these cosines and sines [b or 1, t, d/2], in the
/// convention of Hugging Face's LLaMA: `x1' = x1·cos - x2·sin`, `x2' = x2·cos + x1·sin` for the two halves of a head.
///
/// # Panics
/// When the sizes contradict each other.
pub fn rotary(x: Tensor<3>, cos: Tensor<3>, sin: Tensor<3>, heads: usize) -> Tensor<3> {
    let [batch, length, width] = x.dims();
    let half = width / heads / 2;
    assert_eq!(
        width,
        heads * 2 * half,
        "{heads} heads of an even size in {width} values"
    );
    assert_eq!(cos.dims()[1..], [length, half], "cosines of [b, t, d/2]");
    assert_eq!(sin.dims(), cos.dims(), "cosines and sines differ in shape");
    let Some(tape) = Tape::of(&[&x, &cos, &sin]) else {
        let halves = x.reshape([batch, length, heads, 2 * half]);
        let (first, second) = (
            halves.clone().narrow(3, 0, half),
            halves.narrow(3, half, half),
        );
        let [cos, sin] = [cos, sin].map(|angle| angle.unsqueeze_dim::<4>(2)); // [b, t, 1, d/2]
        let rotated = [
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ];
        return Tensor::cat(rotated.to_vec(), 3).reshape([batch, length, width]);
    };
    let (x, edge) = tape.take(x);
    let [cos, sin] = [cos, sin].map(|angle| dense(tape.take(angle).0)); // angles are constants
    let saved = Rotated {
        cos,
        sin,
        shape: RotaryShape {
            batch,
            length,
            heads,
            head_dim: 2 * half,
        },
    };
    let mut y = dense(x);
    saved.turn(&mut y, Turn::Forward);
    tape.finish([edge], y, || saved)
}

#[derive(Clone, Debug)]
struct Rotated {
    cos: FlexTensor,
    sin: FlexTensor,
    shape: RotaryShape,
}

impl Rotated {
    fn turn(&self, x: &mut FlexTensor, turn: Turn) {
        rotary_in_place(
            flex::values_mut(x),
            values(&self.cos),
            values(&self.sin),
            self.shape,
            turn,
        );
    }
}

impl Saved<1> for Rotated {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let mut dx = dense(grad);
        self.turn(&mut dx, Turn::Back);
        [want.give(|| dx)]
    }
}
