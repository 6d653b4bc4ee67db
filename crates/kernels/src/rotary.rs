//! Rotary position embedding (Su et al. 2021, <https://arxiv.org/abs/2104.09864>) in the half-split form of LLaMA
//! checkpoints: element `i` of a head is rotated with element `i + r`, where `r` pairs are rotated. In most models they
//! fill the head, d = 2r; in GPT-NeoX (Black et al. 2022, <https://arxiv.org/abs/2204.06745>) the rest of it stays.

use crate::simd::simd;
use rayon::prelude::*;

/// Sizes of a rotated tensor [b, t, heads * d].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotaryShape {
    /// Sequences.
    pub batch: usize,
    /// Positions in a sequence.
    pub length: usize,
    /// Heads side by side in the last dimension.
    pub heads: usize,
    /// Values of a head; at least two for each pair.
    pub head_dim: usize,
    /// Pairs of a head that are rotated: the first `2 * pairs` values.
    pub pairs: usize,
}

/// Direction of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// By the given angles.
    Forward,
    /// By minus the given angles: the gradient of the forward rotation.
    Back,
}

/// Rotates `x` [b, t, heads * d] in place by angles whose cosines and sines are [b or 1, t, pairs].
///
/// # Panics
/// When a length does not fit or a head has fewer values than its pairs take.
pub fn rotary_in_place(x: &mut [f32], cos: &[f32], sin: &[f32], shape: RotaryShape, turn: Turn) {
    let RotaryShape {
        batch,
        length,
        heads,
        head_dim,
        pairs,
    } = shape;
    assert!(
        2 * pairs <= head_dim,
        "rotary embedding of {pairs} pairs in heads of {head_dim}"
    );
    assert_eq!(
        x.len(),
        batch * length * heads * head_dim,
        "rotary embedding of a slice that does not fit {shape:?}"
    );
    assert_eq!(cos.len(), sin.len(), "cosines and sines differ in length");
    let angles = length * pairs;
    assert!(
        cos.len() == batch * angles || cos.len() == angles,
        "{} cosines, expected {} (or {angles} for all sequences alike)",
        cos.len(),
        batch * angles
    );
    if x.is_empty() || pairs == 0 {
        return;
    }
    let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
    let positions = cos.len() / pairs;
    x.par_chunks_mut(heads * head_dim)
        .with_min_len(16)
        .enumerate()
        .for_each(|(row, x)| {
            let at = row % positions * pairs;
            let (cos, sin) = (&cos[at..at + pairs], &sin[at..at + pairs]);
            turn_heads(x, head_dim, cos, sin, sign);
        });
}

simd! {
    /// All heads of one token by the same angles.
    fn turn_heads(x: &mut [f32], head_dim: usize, cos: &[f32], sin: &[f32], sign: f32) {
        let pairs = cos.len();
        for head in x.chunks_exact_mut(head_dim) {
            let (first, second) = head[..2 * pairs].split_at_mut(pairs);
            for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                let sin = sign * sin;
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, values, wide};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn rotation_by_the_definition_and_back(
            batch in 0usize..4, length in 1usize..6, heads in 1usize..4, pairs in 0usize..9, rest in 0usize..4, shared: bool, seed: u64,
        ) {
            let d = 2 * pairs + rest;
            let shape = RotaryShape { batch, length, heads, head_dim: d, pairs };
            let angles: Vec<f64> =
                values(seed, if shared { 1 } else { batch } * length * pairs).iter().map(|v| f64::from(*v) * 3.0).collect();
            let cos: Vec<f32> = angles.iter().map(|a| a.cos() as f32).collect();
            let sin: Vec<f32> = angles.iter().map(|a| a.sin() as f32).collect();
            let x = values(seed ^ 1, batch * length * heads * d);
            let mut y = x.clone();
            rotary_in_place(&mut y, &cos, &sin, shape, Turn::Forward);
            let mut expected = wide(&x);
            for b in 0..batch { for t in 0..length { for h in 0..heads { for i in 0..pairs {
                let angle = angles[((if shared { 0 } else { b }) * length + t) * pairs + i];
                let at = ((b * length + t) * heads + h) * d + i;
                let (p, q) = (f64::from(x[at]), f64::from(x[at + pairs]));
                expected[at] = p * angle.cos() - q * angle.sin();
                expected[at + pairs] = q * angle.cos() + p * angle.sin();
            }}}}
            assert_close(&y, &expected, 1e-6);
            rotary_in_place(&mut y, &cos, &sin, shape, Turn::Back);
            assert_close(&y, &wide(&x), 1e-6);
        }
    }
}
