//! What texts' vectors are held to: cosines of pairs, and the supervised contrastive loss. Both by the matrix of all cosines of a part, which
//! is small beside the model: a text in many pairs has its vector once.

use adapt::unit_length;
use burn::tensor::{Device, Tensor, TensorData, activation};

/// τ of `SupConLoss` in the `setfit` package.
const TEMPERATURE: f64 = 0.07;

/// In place of −∞, which times 0 is no number.
const LEFT_OUT: f32 = -1e9;

/// Mean over the pairs of (cos(u, v) − y)², y being 1 for texts of one class and 0 for texts of two: `[n,h] -> [1]`.
///
/// `pairs` are places among the texts, `labels` their classes. It is `CosineSimilarityLoss` of sentence-transformers.
pub fn cosine_similarity(
    vectors: Tensor<2>,
    pairs: &[[usize; 2]],
    labels: &[usize],
    device: &Device,
) -> Tensor<1> {
    let n = labels.len();
    let mut shares = vec![0.0; n * n];
    for &[a, b] in pairs {
        shares[a * n + b] += 1.0 / pairs.len() as f32;
    }
    let alike = of_pairs(n, |a, b| f32::from(labels[a] == labels[b]));
    let apart = cosines(vectors) - square(alike, n, device);
    (apart.clone() * apart * square(shares, n, device)).sum()
}

/// The supervised contrastive loss of Khosla et al. 2020, eq. 2 (L_out): `[n,h] -> [1]`.
///
/// For text i with others of its class P(i): −1/|P(i)| Σ_{p ∈ P(i)} log(exp(cos_ip/τ) / Σ_{a ≠ i} exp(cos_ia/τ)), and the mean over the texts
/// that have such others; 0 where none has.
pub fn supervised_contrastive(vectors: Tensor<2>, labels: &[usize], device: &Device) -> Tensor<1> {
    let n = labels.len();
    let is_other = |a: usize, b: usize| a != b && labels[a] == labels[b];
    let others: Vec<usize> = (0..n)
        .map(|a| (0..n).filter(|&b| is_other(a, b)).count())
        .collect();
    let anchors = others.iter().filter(|&&others| others > 0).count();
    let shares = of_pairs(n, |a, b| {
        let share = f32::from(is_other(a, b)) / others[a].max(1) as f32;
        share / anchors.max(1) as f32
    });
    let itself = of_pairs(n, |a, b| if a == b { LEFT_OUT } else { 0.0 });
    let scores = cosines(vectors) / TEMPERATURE + square(itself, n, device);
    (activation::log_softmax(scores, 1) * square(shares, n, device))
        .sum()
        .neg()
}

/// Cosines of every two rows, `[n,h] -> [n,n]`.
fn cosines(vectors: Tensor<2>) -> Tensor<2> {
    let unit = unit_length(vectors);
    unit.clone().matmul(unit.transpose()) // [n,h] x [h,n]
}

fn of_pairs(n: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..n * n).map(|i| value(i / n, i % n)).collect()
}

fn square(values: Vec<f32>, n: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, [n, n]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [usize; 5] = [0, 1, 0, 2, 1];

    fn vectors() -> Vec<f64> {
        (0..5 * 7)
            .map(|i| ((i * 13 + 5) % 17) as f64 * 0.21 - 1.4)
            .collect()
    }

    fn cosine(a: usize, b: usize) -> f64 {
        let vectors = vectors();
        let row = |a: usize| &vectors[a * 7..][..7];
        let dot = |a: usize, b: usize| row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    fn computed(loss: impl Fn(Tensor<2>, &Device) -> Tensor<1>) -> f64 {
        let device = Device::flex();
        let values: Vec<f32> = vectors().into_iter().map(|value| value as f32).collect();
        let vectors = Tensor::from_data(TensorData::new(values, [5, 7]), &device);
        f64::from(adapt::to_floats(loss(vectors, &device))[0])
    }

    #[test]
    fn the_cosine_loss_is_the_mean_over_the_pairs_and_repeated_ones_count_again() {
        let pairs = [[0, 2], [3, 1], [4, 1], [0, 4], [3, 1], [2, 0], [2, 0]];
        let found = computed(|x, device| cosine_similarity(x, &pairs, &LABELS, device));
        let one = |&[a, b]: &[usize; 2]| {
            let wanted = f64::from(u8::from(LABELS[a] == LABELS[b]));
            (cosine(a, b) - wanted).powi(2)
        };
        let expected = pairs.iter().map(one).sum::<f64>() / 7.0;
        assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
    }

    #[test]
    fn the_supervised_contrastive_loss_is_its_formula_and_texts_alone_in_their_class_are_no_anchors()
     {
        let found = computed(|x, device| supervised_contrastive(x, &LABELS, device));
        let anchor = |i: usize, p: usize| {
            let score = |a: usize| (cosine(i, a) / 0.07).exp();
            let all: f64 = (0..5).filter(|&a| a != i).map(score).sum();
            -(score(p) / all).ln()
        };
        let expected = [(0, 2), (2, 0), (1, 4), (4, 1)].map(|(i, p)| anchor(i, p));
        let expected = expected.iter().sum::<f64>() / 4.0;
        assert!((found - expected).abs() < 2e-5, "{found} and {expected}");
    }

    #[test]
    fn texts_of_as_many_classes_have_the_supervised_contrastive_loss_0() {
        let found = computed(|x, device| supervised_contrastive(x, &[0, 1, 2, 3, 4], device));
        assert_eq!(found, 0.0);
    }
}
