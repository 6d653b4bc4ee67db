//! Attention against the definition in f64, for odd sizes, padding, causality, grouped heads, dropout and empty rows.

use super::*;
use crate::dropout::row_mask;
use crate::testing::{assert_close, numeric_gradient, values, wide};
use proptest::prelude::*;

/// The definition, in f64 and one element at a time; `dropped` is the dropout mask [b, heads, t_q, t_k].
fn reference(
    q: &[f64],
    k: &[f64],
    v: &[f64],
    mask: Option<&[f32]>,
    dropped: Option<&[f32]>,
    s: &AttentionShape,
) -> Vec<f64> {
    let (d, group) = (s.head_dim, s.heads / s.kv_heads);
    let mut y = vec![0.0; q.len()];
    for b in 0..s.batch {
        for h in 0..s.heads {
            for i in 0..s.queries {
                let q = &q[s.query_at(b, h, i)..][..d];
                let row = |x: &'_ [f64], j: usize| {
                    x[((b * s.keys + j) * s.kv_heads + h / group) * d..][..d].to_vec()
                };
                let sees = |j: usize| {
                    (!s.causal || j <= i + s.keys - s.queries)
                        && mask.is_none_or(|m| m[b * s.keys + j] > 0.0)
                };
                let weights: Vec<f64> = (0..s.keys)
                    .map(|j| {
                        let score: f64 = q.iter().zip(row(k, j)).map(|(q, k)| q * k).sum();
                        if sees(j) {
                            (score * f64::from(s.scale)).exp()
                        } else {
                            0.0
                        }
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for j in (0..s.keys).filter(|j| weights[*j] > 0.0) {
                    let keep = dropped.map_or(1.0, |m| {
                        f64::from(m[((b * s.heads + h) * s.queries + i) * s.keys + j])
                    });
                    for (y, v) in y[s.query_at(b, h, i)..][..d].iter_mut().zip(row(v, j)) {
                        *y += keep * weights[j] / total * v;
                    }
                }
            }
        }
    }
    y
}

struct Case {
    shape: AttentionShape,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dy: Vec<f32>,
    mask: Option<Vec<f32>>,
}

impl Case {
    fn new(shape: AttentionShape, masked: bool, seed: u64) -> Self {
        let queries = shape.batch * shape.queries * shape.heads * shape.head_dim;
        let keys = shape.batch * shape.keys * shape.kv_heads * shape.head_dim;
        let mask = masked.then(|| {
            values(seed ^ 9, shape.batch * shape.keys)
                .iter()
                .map(|v| f32::from(*v > -0.8))
                .collect()
        });
        Self {
            shape,
            q: values(seed, queries),
            k: values(seed ^ 1, keys),
            v: values(seed ^ 2, keys),
            dy: values(seed ^ 3, queries),
            mask,
        }
    }

    /// Compares the result and all gradients with the reference.
    fn check(&self) {
        let s = &self.shape;
        let mask = self.mask.as_deref();
        let dropped = s
            .dropout
            .map(|d| row_mask(s.batch * s.heads * s.queries, s.keys, d));
        let dropped = dropped.as_deref();
        let (q, k, v) = (wide(&self.q), wide(&self.k), wide(&self.v));
        let found = attention(&self.q, &self.k, &self.v, mask, s);
        assert_close(&found.y, &reference(&q, &k, &v, mask, dropped, s), 2e-6);
        let loss = |q: &[f64], k: &[f64], v: &[f64]| -> f64 {
            reference(q, k, v, mask, dropped, s)
                .iter()
                .zip(&self.dy)
                .map(|(y, dy)| y * f64::from(*dy))
                .sum()
        };
        let gradients = attention_backward(
            &self.q,
            &self.k,
            &self.v,
            mask,
            &found.statistics,
            &self.dy,
            s,
        );
        assert_close(
            &gradients.dq,
            &numeric_gradient(&q, |q| loss(q, &k, &v)),
            5e-6,
        );
        assert_close(
            &gradients.dk,
            &numeric_gradient(&k, |k| loss(&q, k, &v)),
            5e-6,
        );
        assert_close(
            &gradients.dv,
            &numeric_gradient(&v, |v| loss(&q, &k, v)),
            5e-6,
        );
    }
}

fn shape(
    batch: usize,
    heads: [usize; 2],
    head_dim: usize,
    queries: usize,
    keys: usize,
    causal: bool,
) -> AttentionShape {
    let scale = 1.0 / (head_dim as f32).sqrt();
    AttentionShape {
        batch,
        heads: heads[0],
        kv_heads: heads[1],
        head_dim,
        queries,
        keys,
        scale,
        causal,
        dropout: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn attention_and_its_gradients(
        batch in 1usize..3, kv_heads in 1usize..3, group in 1usize..3, head_dim in 1usize..6, queries in 1usize..6,
        more in 0usize..4, causal: bool, masked: bool, dropout: bool, seed: u64,
    ) {
        let mut shape = shape(batch, [kv_heads * group, kv_heads], head_dim, queries, queries + more, causal);
        shape.dropout = dropout.then(|| Dropout::new(0.3, seed));
        Case::new(shape, masked, seed).check();
    }
}

#[test]
fn a_mask_without_padding_changes_no_bit() {
    let plain = Case::new(shape(2, [2, 1], 3, 5, 7, true), false, 5);
    let mask = vec![1.0; 2 * 7];
    let run = |mask| {
        let y = attention(&plain.q, &plain.k, &plain.v, mask, &plain.shape);
        let (q, k, v) = (&plain.q, &plain.k, &plain.v);
        let back = attention_backward(q, k, v, mask, &y.statistics, &plain.dy, &plain.shape);
        (y.y, back.dq, back.dk, back.dv)
    };
    assert_eq!(run(Some(&mask)), run(None));
}

#[test]
fn fewer_keys_than_queries_are_allowed_without_causality() {
    Case::new(shape(2, [3, 3], 5, 7, 2, false), true, 4).check();
}

#[test]
fn blocks_of_queries_give_what_one_block_gives() {
    // 5000 keys leave 16 queries to a block, so that 35 queries take three, the last of them short.
    for causal in [false, true] {
        let s = shape(1, [2, 1], 3, 35, 5000, causal);
        let case = Case::new(s, true, 11);
        let mask = case.mask.as_deref();
        let found = attention(&case.q, &case.k, &case.v, mask, &s);
        assert_close(
            &found.y,
            &reference(
                &wide(&case.q),
                &wide(&case.k),
                &wide(&case.v),
                mask,
                None,
                &s,
            ),
            5e-6,
        );
        let together = attention_backward(
            &case.q,
            &case.k,
            &case.v,
            mask,
            &found.statistics,
            &case.dy,
            &s,
        );
        // The gradient of keys and values is the sum of the gradients that each single query gives.
        let (mut dk, mut dv) = (vec![0f64; case.k.len()], vec![0f64; case.v.len()]);
        let width = 2 * 3;
        for i in 0..35 {
            let keys = if causal { 5000 - 34 + i } else { 5000 };
            let one = shape(1, [2, 1], 3, 1, keys, causal);
            let (q, dy) = (
                &case.q[i * width..][..width],
                &case.dy[i * width..][..width],
            );
            let (k, v, mask) = (
                &case.k[..keys * 3],
                &case.v[..keys * 3],
                mask.map(|m| &m[..keys]),
            );
            let saved = attention(q, k, v, mask, &one);
            let g = attention_backward(q, k, v, mask, &saved.statistics, dy, &one);
            assert_close(&together.dq[i * width..][..width], &wide(&g.dq), 1e-5);
            for j in 0..keys * 3 {
                dk[j] += f64::from(g.dk[j]);
                dv[j] += f64::from(g.dv[j]);
            }
        }
        assert_close(&together.dk, &dk, 1e-5);
        assert_close(&together.dv, &dv, 1e-5);
    }
}

#[test]
fn a_query_whose_keys_are_all_masked_gets_zeros_and_gives_zero_gradients() {
    let s = shape(2, [2, 2], 3, 4, 4, false);
    let mut case = Case::new(s, true, 5);
    case.mask = Some([[0.0; 4], [1.0, 0.0, 1.0, 1.0]].concat());
    case.check();
    let half = 4 * 2 * 3;
    let found = attention(&case.q, &case.k, &case.v, case.mask.as_deref(), &s);
    assert!(found.y[..half].iter().all(|y| *y == 0.0));
    let g = attention_backward(
        &case.q,
        &case.k,
        &case.v,
        case.mask.as_deref(),
        &found.statistics,
        &case.dy,
        &s,
    );
    for gradient in [&g.dq, &g.dk, &g.dv] {
        assert!(gradient[..half].iter().all(|v| *v == 0.0));
    }
}

#[test]
fn no_sequences_no_queries_and_no_keys() {
    for (batch, queries, keys) in [(0, 2, 2), (2, 0, 2), (2, 2, 0)] {
        let s = shape(batch, [2, 1], 3, queries, keys, false);
        Case::new(s, false, 6).check();
    }
}

#[test]
#[should_panic(expected = "causal attention of 3 queries to 2 keys")]
fn causal_attention_needs_a_key_for_each_query() {
    Case::new(shape(1, [1, 1], 2, 3, 2, true), false, 7).check();
}

/// Which elements of the result are no numbers when element `place` of input `input` (queries, keys, values) is NaN.
fn nan_of(case: &Case, input: usize, place: usize) -> Vec<bool> {
    let mut inputs = [case.q.clone(), case.k.clone(), case.v.clone()];
    inputs[input][place] = f32::NAN;
    let [q, k, v] = &inputs;
    let found = attention(q, k, v, case.mask.as_deref(), &case.shape);
    let back = attention_backward(
        q,
        k,
        v,
        case.mask.as_deref(),
        &found.statistics,
        &case.dy,
        &case.shape,
    );
    let reached = found.y.iter().any(|y| y.is_nan());
    let gradients = [&back.dq, &back.dk, &back.dv];
    let told = gradients.iter().any(|g| g.iter().any(|v| v.is_nan()));
    assert!(
        !reached || told,
        "no gradient tells of input {input} at {place}"
    );
    found.y.iter().map(|y| y.is_nan()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_query_that_sees_what_is_not_a_number_is_not_a_number(
        batch in 1usize..3, kv_heads in 1usize..3, group in 1usize..3, head_dim in 1usize..6, queries in 1usize..6,
        more in 0usize..40, causal: bool, masked: bool, place: usize, seed: u64,
    ) {
        let s = shape(batch, [kv_heads * group, kv_heads], head_dim, queries, queries + more, causal);
        let case = Case::new(s, masked, seed);
        let sees = |b: usize, i: usize, j: usize| {
            (!causal || j <= i + s.keys - s.queries) && case.mask.as_ref().is_none_or(|m| m[b * s.keys + j] > 0.0)
        };
        for input in 0..3 {
            let width = if input == 0 { s.heads } else { s.kv_heads } * s.head_dim;
            let place = place % if input == 0 { case.q.len() } else { case.k.len() };
            let (row, head) = (place / width, place % width / s.head_dim);
            let found = nan_of(&case, input, place);
            for b in 0..s.batch {
                for h in 0..s.heads {
                    for i in 0..s.queries {
                        let reached = match input {
                            0 => (b * s.queries + i, h) == (row, head) && (0..s.keys).any(|j| sees(b, i, j)),
                            _ => row / s.keys == b && h / group == head && sees(b, i, row % s.keys),
                        };
                        let at = s.query_at(b, h, i);
                        // A value's element reaches its own only; the others reach the whole head.
                        let own = if input == 2 { place % s.head_dim..place % s.head_dim + 1 } else { 0..s.head_dim };
                        for d in 0..s.head_dim {
                            let expected = reached && own.contains(&d);
                            // Nothing times NaN is NaN: a hidden value may be heard of, and is never silent where it is seen.
                            let hidden_value = input == 2 && !reached;
                            prop_assert!(found[at + d] == expected || hidden_value, "input {input}, query {i} of head {h}, element {d}: {}", found[at + d]);
                        }
                    }
                }
            }
        }
    }
}
