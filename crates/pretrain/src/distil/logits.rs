//! What a causal teacher expects at every place of a text: its most probable next tokens, kept on disk, and the loss against them.
//!
//! The loss is the divergence KL(teacher ‖ student) of two coarse distributions: the kept tokens one by one, all others together (Hinton et al. 2015;
//! that a few tokens suffice: Team Gemma 2025, arXiv:2503.19786, §3.1). It is never larger than the divergence over the whole vocabulary, and 0 where
//! the student agrees.

use burn::tensor::{Int, Tensor, TensorData, activation, f16};

/// Tokens that are kept of a place.
pub(super) const KEPT: usize = 16;
/// Bytes of a kept token: its id and its probability.
pub(super) const BYTES: usize = 6;

/// What a teacher expects at places of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    /// Row and place in it.
    pub(crate) places: Vec<(usize, usize)>,
    /// `[m, KEPT]`.
    pub(super) ids: Vec<u32>,
    /// `[m, KEPT]`, probabilities.
    pub(super) probabilities: Vec<f32>,
}

/// The most probable tokens of one place with their probabilities among all, the most probable first.
pub(super) fn kept(logits: &[f32]) -> Vec<u8> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|&logit| f64::from(logit - highest).exp())
        .sum();
    let mut best: Vec<u32> = Vec::with_capacity(KEPT + 1);
    for (id, logit) in logits.iter().enumerate() {
        if best.len() == KEPT && *logit <= logits[best[KEPT - 1] as usize] {
            continue;
        }
        let at = best.partition_point(|&other| logits[other as usize] >= *logit);
        best.insert(at, id as u32);
        best.truncate(KEPT);
    }
    let mut bytes = Vec::with_capacity(KEPT * BYTES);
    for place in 0..KEPT {
        // A vocabulary of fewer tokens: the first one again, without a share.
        let (id, share) = match best.get(place) {
            Some(&id) => (id, f64::from(logits[id as usize] - highest).exp() / sum),
            None => (best.first().copied().unwrap_or(0), 0.0),
        };
        bytes.extend(id.to_le_bytes());
        bytes.extend(f16::from_f64(share).to_le_bytes());
    }
    bytes
}

/// A kept token and its probability.
pub(super) fn probability([a, b, c, d, low, high]: [u8; BYTES]) -> (u32, f32) {
    let share = f16::from_le_bytes([low, high]).to_f32();
    (u32::from_le_bytes([a, b, c, d]), share)
}

impl Expected {
    /// Mean divergence from the student's logits at the places, `[m, vocab] -> [1]`.
    pub(crate) fn divergence(&self, logits: Tensor<2>) -> Tensor<1> {
        let device = logits.device();
        let m = self.places.len();
        let ids: Vec<i64> = self.ids.iter().map(|&id| i64::from(id)).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [m, KEPT]), &device);
        let shares = TensorData::new(self.probabilities.clone(), [m, KEPT]);
        let shares = Tensor::<2>::from_data(shares, &device);
        let own = activation::log_softmax(logits, 1).gather(1, ids); // [m, vocab] -> [m, KEPT]
        let others: Vec<f32> = self.others().collect();
        let others = Tensor::<2>::from_data(TensorData::new(others, [m, 1]), &device);
        let own_others = (own.clone().exp().sum_dim(1).neg() + 1.0)
            .clamp_min(1e-6)
            .log(); // [m, 1]
        let crossed = (shares * own).sum_dim(1) + others * own_others;
        // Minus the teacher's own entropy, a constant.
        (crossed.mean().neg()).sub_scalar(self.entropy() as f32)
    }

    /// The probability of all tokens that are not kept, a place.
    fn others(&self) -> impl Iterator<Item = f32> {
        let places = self.probabilities.chunks_exact(KEPT);
        places.map(|shares| (1.0 - shares.iter().sum::<f32>()).max(0.0))
    }

    fn entropy(&self) -> f64 {
        let shares = self.probabilities.iter().copied().chain(self.others());
        let parts = shares.filter(|&share| share > 0.0).map(f64::from);
        let sum: f64 = parts.map(|share| -share * share.ln()).sum();
        sum / self.places.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::random;
    use burn::tensor::Device;
    use ops::to_floats;
    use rand::Rng;

    const VOCAB: usize = 23;

    fn logits(purpose: &str) -> Vec<f32> {
        let mut draws = random(5, purpose, 0);
        (0..3 * VOCAB)
            .map(|_| draws.random_range(-2.0..2.0))
            .collect()
    }

    fn expected(logits: &[f32]) -> Expected {
        let mut expected = Expected::default();
        for (place, logits) in logits.chunks_exact(VOCAB).enumerate() {
            expected.places.push((0, place));
            for &token in kept(logits).as_chunks::<BYTES>().0 {
                let (id, share) = probability(token);
                expected.ids.push(id);
                expected.probabilities.push(share);
            }
        }
        expected
    }

    fn tensor(values: &[f32], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [3, VOCAB]), device)
    }

    #[test]
    fn the_most_probable_tokens_are_kept_with_their_probability_among_all() {
        let mut logits = vec![0.0; 40];
        (logits[31], logits[7]) = (3f32.ln(), 2f32.ln());
        let bytes = kept(&logits);
        let tokens: Vec<(u32, f32)> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|&t| probability(t))
            .collect();
        assert_eq!((tokens.len(), tokens[0].0, tokens[1].0), (KEPT, 31, 7));
        assert_eq!(tokens[2].0, 0, "of equals the first");
        let close = |found: f32, expected: f32| (found / expected - 1.0).abs() < 1e-3;
        assert!(close(tokens[0].1, 3.0 / 43.0) && close(tokens[2].1, 1.0 / 43.0));
        // Fewer tokens than are kept.
        let bytes = kept(&[0.0, 0.0]);
        let sum: f32 = bytes.as_chunks().0.iter().map(|&t| probability(t).1).sum();
        assert!(close(sum, 1.0));
    }

    #[test]
    fn the_divergence_is_0_where_both_agree_and_its_gradient_is_its_slope() {
        let (teacher, student) = (logits("teacher"), logits("student"));
        let expected = expected(&teacher);
        let loss = |values: &[f32]| {
            let divergence = expected.divergence(tensor(values, &Device::flex()));
            f64::from(to_floats(divergence)[0])
        };
        assert!(loss(&teacher).abs() < 1e-3, "{}", loss(&teacher));
        assert!(loss(&student) > 0.3, "{}", loss(&student));
        let device = Device::flex().autodiff();
        let x = tensor(&student, &device).require_grad();
        let grads = expected.divergence(x.clone()).backward();
        let gradient = to_floats(x.grad(&grads).unwrap());
        for at in 0..student.len() {
            let moved = |by: f32| {
                let mut moved = student.clone();
                moved[at] += by;
                loss(&moved)
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let found = f64::from(gradient[at]);
            assert!((found - slope).abs() < 1e-3, "{at}: {found} and {slope}");
        }
    }
}
