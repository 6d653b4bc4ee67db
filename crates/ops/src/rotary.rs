//! Rotary position embedding of queries and keys.

use crate::flex::{self, dense, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::rotary::{RotaryShape, Turn, rotary_in_place};

/// Rotates each head of `x` [b, t, heads * d] by angles with these cosines and sines [b or 1, t, r], in the convention of
/// Hugging Face's LLaMA: `x1' = x1·cos - x2·sin`, `x2' = x2·cos + x1·sin` for the two halves of a head's first 2r values.
/// The other values, where d > 2r, stay.
///
/// # Panics
/// When the sizes contradict each other.
pub fn rotary(x: Tensor<3>, cos: Tensor<3>, sin: Tensor<3>, heads: usize) -> Tensor<3> {
    let ([batch, length, width], pairs) = (x.dims(), cos.dims()[2]);
    let head_dim = width / heads;
    assert_eq!(width, heads * head_dim, "{heads} heads in {width} values");
    assert!(
        2 * pairs <= head_dim,
        "{pairs} pairs to be rotated in heads of {head_dim}"
    );
    assert_eq!(cos.dims()[1], length, "cosines of [b, t, r]");
    assert_eq!(sin.dims(), cos.dims(), "cosines and sines differ in shape");
    let Some(tape) = Tape::of(&[&x, &cos, &sin]) else {
        let heads_of = x.reshape([batch, length, heads, head_dim]);
        let part = |from, len| heads_of.clone().narrow(3, from, len);
        let (first, second) = (part(0, pairs), part(pairs, pairs));
        let [cos, sin] = [cos, sin].map(|angle| angle.unsqueeze_dim::<4>(2)); // [b, t, 1, r]
        let mut rotated = vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ];
        if 2 * pairs < head_dim {
            rotated.push(part(2 * pairs, head_dim - 2 * pairs));
        }
        return Tensor::cat(rotated, 3).reshape([batch, length, width]);
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
            head_dim,
            pairs,
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
