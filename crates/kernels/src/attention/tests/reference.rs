//! Attention by its definition, in f64.

use super::AttentionShape;

/// Inputs in f64; the bias may be empty.
#[derive(Clone)]
pub(super) struct Inputs {
    pub(super) q: Vec<f64>,
    pub(super) k: Vec<f64>,
    pub(super) v: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

/// Whether query `i` of sequence `b` sees key `j`.
pub(super) fn sees(s: &AttentionShape, mask: Option<&[f32]>, b: usize, i: usize, j: usize) -> bool {
    let distance = j as i64 - (i + s.keys) as i64 + s.queries as i64;
    let near = s
        .reach
        .is_none_or(|reach| distance.unsigned_abs() as usize <= reach || j < s.always);
    near && (!s.causal || distance <= 0) && mask.is_none_or(|m| m[b * s.keys + j] > 0.0)
}

/// The definition one element at a time, and the gradients of all inputs by the chain rule; `dropped` is the dropout mask
/// [b, heads, t_q, t_k].
pub(super) fn reference_and_gradients(
    x: &Inputs,
    mask: Option<&[f32]>,
    dropped: Option<&[f32]>,
    dy: &[f64],
    s: &AttentionShape,
) -> (Vec<f64>, Inputs) {
    let (d, scale) = (s.head_dim, f64::from(s.scale));
    let distances = x.bias.len() / s.heads;
    let mut y = vec![0.0; x.q.len()];
    let mut g = Inputs {
        q: vec![0.0; x.q.len()],
        k: vec![0.0; x.k.len()],
        v: vec![0.0; x.v.len()],
        bias: vec![0.0; x.bias.len()],
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for b in 0..s.batch {
        for h in 0..s.heads {
            for i in 0..s.queries {
                let row = (b * s.heads + h) * s.queries + i;
                let at = ((b * s.queries + i) * s.heads + h) * d;
                let key =
                    |j: usize| ((b * s.keys + j) * s.kv_heads + h / (s.heads / s.kv_heads)) * d;
                let seen: Vec<usize> = (0..s.keys).filter(|j| sees(s, mask, b, i, *j)).collect();
                let place = |j: usize| {
                    (distances > 0 && j >= s.always)
                        .then(|| h * distances + j - s.always + s.queries - 1 - i)
                };
                let (mut weights, mut slopes) = (Vec::new(), Vec::new());
                for j in &seen {
                    let mut score = scale * dot(&x.q[at..at + d], &x.k[key(*j)..key(*j) + d]);
                    score += place(*j).map_or(0.0, |at| x.bias[at]);
                    let cap = s.score_cap.map(f64::from);
                    let share = cap.map_or(0.0, |cap| (score / cap).tanh());
                    weights.push(cap.map_or(score, |cap| cap * share).exp());
                    slopes.push(1.0 - share * share);
                }
                let total: f64 = weights.iter().sum();
                let keep = |j: usize| dropped.map_or(1.0, |m| f64::from(m[row * s.keys + j]));
                let p: Vec<f64> = weights.iter().map(|w| w / total).collect();
                let dp: Vec<f64> = seen
                    .iter()
                    .map(|j| keep(*j) * dot(&dy[at..at + d], &x.v[key(*j)..key(*j) + d]))
                    .collect();
                let mean = dot(&p, &dp);
                for (n, j) in seen.iter().enumerate() {
                    let ds = p[n] * (dp[n] - mean) * slopes[n];
                    if let Some(at) = place(*j) {
                        g.bias[at] += ds;
                    }
                    for e in 0..d {
                        y[at + e] += keep(*j) * p[n] * x.v[key(*j) + e];
                        g.q[at + e] += scale * ds * x.k[key(*j) + e];
                        g.k[key(*j) + e] += scale * ds * x.q[at + e];
                        g.v[key(*j) + e] += keep(*j) * p[n] * dy[at + e];
                    }
                }
            }
        }
    }
    (y, g)
}
