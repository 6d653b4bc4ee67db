//! Disentangled attention against the definition in f64: each kind of term alone and both, odd sizes, padding, prefix keys,
//! distances that share a row, dropout, several bands and several blocks.

use super::*;
use crate::dropout::{Dropout, row_mask};
use crate::testing::{assert_close, numeric_gradient, values, wide};
use proptest::prelude::*;

/// Queries, keys, values, position keys, position queries.
type Tensors<T> = [Vec<T>; 5];

struct Case {
    shape: AttentionShape,
    tensors: Tensors<f32>,
    /// Whether there are position keys, and position queries.
    given: [bool; 2],
    rows: Vec<u32>,
    mask: Option<Vec<f32>>,
    dy: Vec<f32>,
}

/// [queries, keys, of these always seen].
fn shape(batch: usize, heads: usize, head_dim: usize, lengths: [usize; 3]) -> AttentionShape {
    let [queries, keys, always] = lengths;
    AttentionShape {
        batch,
        heads,
        kv_heads: heads,
        head_dim,
        queries,
        keys,
        scale: 1.0 / (3.0 * head_dim as f32).sqrt(),
        causal: false,
        reach: None,
        always,
        score_cap: None,
        dropout: None,
    }
}

/// Rows of a table of `table`, falling from key to key as DeBERTa's do; the farthest share a row.
fn falling(shape: &AttentionShape, table: usize) -> Vec<u32> {
    let middle = shape.queries as isize - 1;
    (0..shape.distances() as isize)
        .map(|at| ((middle - at) + table as isize / 2).clamp(0, table as isize - 1) as u32)
        .collect()
}

impl Case {
    fn new(shape: AttentionShape, given: [bool; 2], rows: Vec<u32>, table: usize) -> Self {
        let width = shape.heads * shape.head_dim;
        let [queries, keys] = [shape.queries, shape.keys].map(|t| shape.batch * t * width);
        let lens = [queries, keys, keys, table * width, table * width];
        let mut seed = 10;
        let tensors = lens.map(|len| {
            seed += 1;
            values(seed, len)
        });
        Self {
            shape,
            tensors,
            given,
            rows,
            mask: None,
            dy: values(9, queries),
        }
    }

    fn masked(mut self, mask: Vec<f32>) -> Self {
        self.mask = Some(mask);
        self
    }

    fn inputs(&self) -> (AttentionInputs<'_>, Distances<'_>) {
        let [q, k, v, position_keys, position_queries] = &self.tensors;
        let inputs = AttentionInputs {
            q,
            k,
            v,
            key_mask: self.mask.as_deref(),
            bias: None,
        };
        let distances = Distances {
            keys: self.given[0].then_some(position_keys),
            queries: self.given[1].then_some(position_queries),
            rows: &self.rows,
        };
        (inputs, distances)
    }

    fn run(&self) -> Attended {
        let (inputs, distances) = self.inputs();
        disentangled_attention(inputs, distances, &self.shape)
    }

    fn gradients(&self) -> DisentangledGradients {
        let (inputs, distances) = self.inputs();
        let statistics = self.run().statistics;
        let dy = &self.dy;
        let (s, wants) = (&self.shape, self.given);
        disentangled_attention_backward(inputs, distances, &statistics, dy, s, wants)
    }

    /// The definition, one element at a time.
    fn reference(&self, [q, k, v, position_keys, position_queries]: &Tensors<f64>) -> Vec<f64> {
        let s = &self.shape;
        let (d, width) = (s.head_dim, s.heads * s.head_dim);
        let dropped = s
            .dropout
            .map(|drop| row_mask(s.batch * s.heads * s.queries, s.keys, drop));
        let mut y = vec![0.0; q.len()];
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        for (b, h, i) in (0..s.batch * s.heads * s.queries).map(|n| {
            (
                n / s.queries / s.heads,
                n / s.queries % s.heads,
                n % s.queries,
            )
        }) {
            let q = &q[(b * s.queries + i) * width + h * d..][..d];
            let weights: Vec<f64> = (0..s.keys)
                .map(|j| {
                    if self.mask.as_ref().is_some_and(|m| m[b * s.keys + j] == 0.0) {
                        return 0.0;
                    }
                    let k = &k[(b * s.keys + j) * width + h * d..][..d];
                    let mut score = dot(q, k);
                    if let Some(own) = j.checked_sub(s.always) {
                        let row = self.rows[own + s.queries - 1 - i] as usize;
                        if self.given[0] {
                            score += dot(q, &position_keys[row * width + h * d..][..d]);
                        }
                        if self.given[1] {
                            score += dot(k, &position_queries[row * width + h * d..][..d]);
                        }
                    }
                    (score * f64::from(s.scale)).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            for j in (0..s.keys).filter(|j| weights[*j] > 0.0) {
                let keep = dropped.as_ref().map_or(1.0, |m| {
                    f64::from(m[((b * s.heads + h) * s.queries + i) * s.keys + j])
                });
                for e in 0..d {
                    y[(b * s.queries + i) * width + h * d + e] +=
                        keep * weights[j] / total * v[(b * s.keys + j) * width + h * d + e];
                }
            }
        }
        y
    }

    fn loss(&self, tensors: &Tensors<f64>) -> f64 {
        let y = self.reference(tensors);
        y.iter()
            .zip(&self.dy)
            .map(|(y, dy)| y * f64::from(*dy))
            .sum()
    }

    /// Compares the result and every element of all gradients with the reference.
    fn check(&self) {
        let tensors = self.tensors.each_ref().map(|t| wide(t));
        assert_close(&self.run().y, &self.reference(&tensors), 3e-6);
        let found = self.gradients();
        let found = [
            (0, &found.dq),
            (1, &found.dk),
            (2, &found.dv),
            (3, &found.position_keys),
            (4, &found.position_queries),
        ];
        for (number, found) in found {
            if number > 2 && !self.given[number - 3] {
                assert!(found.is_empty(), "a gradient that was not asked for");
                continue;
            }
            let expected = numeric_gradient(&tensors[number], |moved| {
                let mut tensors = tensors.clone();
                tensors[number] = moved.to_vec();
                self.loss(&tensors)
            });
            assert_close(found, &expected, 1e-5);
        }
    }

    /// Compares the result, and the gradients along one direction in each tensor, with the reference: for sizes that are too large for every element.
    fn check_along_directions(&self) {
        let tensors = self.tensors.each_ref().map(|t| wide(t));
        assert_close(&self.run().y, &self.reference(&tensors), 3e-6);
        let found = self.gradients();
        let found = [
            found.dq,
            found.dk,
            found.dv,
            found.position_keys,
            found.position_queries,
        ];
        for number in 0..5 {
            let direction = wide(&values(40 + number as u64, tensors[number].len()));
            let moved = |step: f64| {
                let mut tensors = tensors.clone();
                for (x, u) in tensors[number].iter_mut().zip(&direction) {
                    *x += step * u;
                }
                self.loss(&tensors)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let slopes = found[number].iter().zip(&direction);
            let slope: f64 = slopes.map(|(g, u)| f64::from(*g) * u).sum();
            let length = wide(&found[number])
                .iter()
                .map(|g| g * g)
                .sum::<f64>()
                .sqrt();
            assert!(
                (slope - expected).abs() < 2e-5 * length.max(1.0),
                "tensor {number}: slope {slope}, expected {expected}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn disentangled_attention_and_its_gradients(
        batch in 1usize..3, heads in 1usize..4, head_dim in 1usize..5, queries in 1usize..6, own in 1usize..6,
        always in 0usize..3, table in 1usize..7, given: [bool; 2], masked: bool, dropout: bool, seed: u64,
    ) {
        let mut shape = shape(batch, heads, head_dim, [queries, own + always, always]);
        shape.dropout = dropout.then(|| Dropout::new(0.3, seed));
        // Any rows at all: that those of neighbouring distances are neighbours is only faster.
        let rows = values(seed, shape.distances());
        let rows = rows.iter().map(|v| ((v + 2.0) * 100.0) as u32 % table as u32).collect();
        let mut case = Case::new(shape, given, rows, table);
        if masked {
            let mask = values(seed ^ 9, batch * shape.keys);
            case = case.masked(mask.iter().map(|v| f32::from(*v > -0.8)).collect());
        }
        case.check();
    }
}

#[test]
fn several_bands_and_sequences_and_padding_on_either_side() {
    // 70 queries are three bands of 32, the last of them short; the table is shorter than the distances are many.
    let shape = shape(3, 1, 2, [70, 75, 5]);
    let mut mask = vec![1.0; 3 * 75];
    mask[5..20].fill(0.0);
    mask[75 + 60..150].fill(0.0);
    Case::new(shape, [true, true], falling(&shape, 61), 61)
        .masked(mask)
        .check_along_directions();
}

#[test]
fn each_kind_of_term_alone() {
    for given in [[true, false], [false, true], [false, false]] {
        let shape = shape(2, 3, 3, [5, 5, 0]);
        Case::new(shape, given, falling(&shape, 6), 6).check();
    }
}

#[test]
fn blocks_of_queries_give_what_the_definition_gives() {
    // 3000 keys leave 32 queries to a block, so that 77 queries take three, the last of them short.
    let shape = shape(1, 2, 3, [77, 3000, 2]);
    Case::new(shape, [true, true], falling(&shape, 101), 101).check_along_directions();
}

#[test]
fn sums_over_many_sequences_hold_every_sequence_once() {
    // 2 heads of 67 sequences: 33 parts of two sequences and one of one.
    let shape = shape(67, 2, 2, [3, 3, 0]);
    Case::new(shape, [true, true], falling(&shape, 4), 4).check_along_directions();
}

#[test]
fn without_tables_it_is_attention() {
    let shape = shape(2, 2, 3, [5, 7, 2]);
    let case = Case::new(shape, [false, false], falling(&shape, 1), 1);
    let (inputs, _) = case.inputs();
    let plain = super::super::attention(inputs, &shape);
    assert_eq!(case.run().y, plain.y);
}

#[test]
fn one_worker_or_three_give_the_same_digits() {
    let shape = shape(5, 2, 3, [40, 41, 1]);
    let case = Case::new(shape, [true, true], falling(&shape, 50), 50);
    let pools = [1, 3].map(|n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
    });
    let [alone, together] = pools.map(|pool| {
        pool.install(|| {
            let g = case.gradients();
            [g.dq, g.dk, g.dv, g.position_keys, g.position_queries]
        })
    });
    assert_eq!(alone, together);
}

#[test]
fn a_query_whose_keys_are_all_masked_gets_zeros_and_gives_zero_gradients() {
    let shape = shape(2, 2, 3, [4, 4, 0]);
    let mask = [[0.0; 4], [1.0, 0.0, 1.0, 1.0]].concat();
    let case = Case::new(shape, [true, true], falling(&shape, 5), 5).masked(mask);
    case.check();
    let half = 4 * 2 * 3;
    assert!(case.run().y[..half].iter().all(|y| *y == 0.0));
    let found = case.gradients();
    for gradient in [&found.dq, &found.dk, &found.dv] {
        assert!(gradient[..half].iter().all(|v| *v == 0.0));
    }
}

#[test]
fn no_sequences_no_queries_no_keys_and_prefix_keys_only() {
    for (batch, lengths) in [
        (0, [2, 2, 0]),
        (2, [0, 2, 0]),
        (2, [2, 0, 0]),
        (2, [3, 2, 2]),
    ] {
        let shape = shape(batch, 2, 3, lengths);
        Case::new(shape, [true, true], falling(&shape, 3), 3).check();
    }
}

#[test]
fn what_is_not_a_number_is_seen_by_those_who_meet_it() {
    let shape = shape(1, 1, 2, [3, 3, 0]);
    let mut case = Case::new(shape, [true, true], vec![4, 3, 2, 1, 0], 5);
    case.tensors[3][1] = f32::NAN; // row 0 is that of query 0 and key 2 alone
    let nan: Vec<bool> = case.run().y.iter().map(|y| y.is_nan()).collect();
    assert_eq!(nan, [true, true, false, false, false, false]);
    case.mask = Some(vec![1.0, 1.0, 0.0]);
    assert!(case.run().y.iter().all(|y| !y.is_nan()), "key 2 is hidden");
}

#[test]
#[should_panic(expected = "row 5 of a table of 5 vectors of distances")]
fn a_row_past_the_table_is_named() {
    let shape = shape(1, 1, 2, [3, 3, 0]);
    Case::new(shape, [true, false], vec![4, 3, 5, 1, 0], 5).run();
}

#[test]
#[should_panic(expected = "one row for each distance of 3 queries and 3 keys")]
fn every_distance_has_a_row() {
    let shape = shape(1, 1, 2, [3, 3, 0]);
    Case::new(shape, [true, true], vec![4, 3, 2, 1], 5).run();
}

#[test]
#[should_panic(expected = "disentangled attention sees all keys")]
fn causality_is_refused() {
    let mut shape = shape(1, 1, 2, [3, 3, 0]);
    shape.causal = true;
    Case::new(shape, [true, true], vec![4, 3, 2, 1, 0], 5).run();
}
