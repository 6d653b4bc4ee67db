//! Attention against the definition in f64, for odd sizes, padding, causality, windows, grouped heads, biases, caps,
//! dropout and empty rows.

use super::*;
use crate::dropout::row_mask;
use crate::testing::{assert_close, numeric_gradient, values, wide};
use proptest::prelude::*;

mod not_a_number;
mod reference;
mod rules;

use reference::{Inputs, reference_and_gradients, sees};

struct Case {
    shape: AttentionShape,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dy: Vec<f32>,
    mask: Option<Vec<f32>>,
    bias: Option<Vec<f32>>,
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
            bias: None,
        }
    }

    fn with_bias(mut self, seed: u64) -> Self {
        self.bias = Some(values(seed, self.shape.heads * self.shape.distances()));
        self
    }

    fn inputs(&self) -> AttentionInputs<'_> {
        AttentionInputs {
            q: &self.q,
            k: &self.k,
            v: &self.v,
            key_mask: self.mask.as_deref(),
            bias: self.bias.as_deref(),
        }
    }

    fn wide(&self) -> Inputs {
        Inputs {
            q: wide(&self.q),
            k: wide(&self.k),
            v: wide(&self.v),
            bias: self.bias.as_deref().map(wide).unwrap_or_default(),
        }
    }

    fn dropped(&self) -> Option<Vec<f32>> {
        let s = &self.shape;
        s.dropout
            .map(|d| row_mask(s.batch * s.heads * s.queries, s.keys, d))
    }

    fn run(&self) -> (Attended, AttentionGradients) {
        let found = attention(self.inputs(), &self.shape);
        let gradients = attention_backward(
            self.inputs(),
            &found.statistics,
            &self.dy,
            &self.shape,
            self.bias.is_some(),
        );
        (found, gradients)
    }

    /// Compares the result and all gradients with the reference.
    fn check(&self, tolerance: f64) {
        let (found, gradients) = self.run();
        let (y, expected) = reference_and_gradients(
            &self.wide(),
            self.mask.as_deref(),
            self.dropped().as_deref(),
            &wide(&self.dy),
            &self.shape,
        );
        assert_close(&found.y, &y, tolerance);
        assert_close(&gradients.dq, &expected.q, tolerance);
        assert_close(&gradients.dk, &expected.k, tolerance);
        assert_close(&gradients.dv, &expected.v, tolerance);
        assert_close(&gradients.d_bias, &expected.bias, tolerance);
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
    AttentionShape {
        batch,
        heads: heads[0],
        kv_heads: heads[1],
        head_dim,
        queries,
        keys,
        scale: 1.0 / (head_dim as f32).sqrt(),
        causal,
        reach: None,
        always: 0,
        score_cap: None,
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
        Case::new(shape, masked, seed).check(5e-6);
    }

    #[test]
    fn gradients_of_the_reference_are_its_differences(
        heads in 1usize..3, queries in 1usize..4, more in 0usize..3, always: bool, causal: bool, masked: bool, seed: u64,
    ) {
        let mut s = shape(2, [heads * 2, heads], 3, queries, queries + more, causal);
        s.reach = Some(1);
        s.always = usize::from(always && more > 0);
        s.score_cap = Some(1.5);
        s.dropout = Some(Dropout::new(0.3, seed));
        let case = Case::new(s, masked, seed).with_bias(seed ^ 7);
        let (x, dropped, mask) = (case.wide(), case.dropped(), case.mask.as_deref());
        let (_, g) = reference_and_gradients(&x, mask, dropped.as_deref(), &wide(&case.dy), &s);
        let loss = |x: Inputs| -> f64 {
            reference_and_gradients(&x, mask, dropped.as_deref(), &wide(&case.dy), &s).0.iter().zip(&case.dy).map(|(y, dy)| y * f64::from(*dy)).sum()
        };
        let narrow = |g: &[f64]| g.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let check = |found: &[f64], input: &[f64], set: &dyn Fn(&mut Inputs, &[f64])| {
            let moved = |values: &[f64]| {
                let mut moved = x.clone();
                set(&mut moved, values);
                loss(moved)
            };
            assert_close(&narrow(found), &numeric_gradient(input, moved), 1e-6);
        };
        check(&g.q, &x.q, &|x, values| x.q = values.to_vec());
        check(&g.k, &x.k, &|x, values| x.k = values.to_vec());
        check(&g.v, &x.v, &|x, values| x.v = values.to_vec());
        check(&g.bias, &x.bias, &|x, values| x.bias = values.to_vec());
    }
}

#[test]
fn a_mask_without_padding_changes_no_bit() {
    let mut case = Case::new(shape(2, [2, 1], 3, 5, 7, true), false, 5);
    let mut run = |mask| {
        case.mask = mask;
        let (y, back) = case.run();
        (y.y, back.dq, back.dk, back.dv)
    };
    assert_eq!(run(Some(vec![1.0; 2 * 7])), run(None));
}

#[test]
fn fewer_keys_than_queries_are_allowed_without_causality() {
    Case::new(shape(2, [3, 3], 5, 7, 2, false), true, 4).check(5e-6);
    let case = Case::new(shape(2, [3, 3], 5, 7, 2, false), true, 4);
    case.with_bias(8).check(5e-6);
}

#[test]
fn blocks_of_queries_give_what_the_definition_gives() {
    // 5000 keys leave 16 queries to a block, so that 35 queries take three, the last of them short.
    for causal in [false, true] {
        Case::new(shape(1, [2, 1], 3, 35, 5000, causal), true, 11).check(1e-5);
    }
}

#[test]
fn a_query_whose_keys_are_all_masked_gets_zeros_and_gives_zero_gradients() {
    let s = shape(2, [2, 2], 3, 4, 4, false);
    let mut case = Case::new(s, true, 5);
    case.mask = Some([[0.0; 4], [1.0, 0.0, 1.0, 1.0]].concat());
    case.check(5e-6);
    let half = 4 * 2 * 3;
    let (found, g) = case.run();
    assert!(found.y[..half].iter().all(|y| *y == 0.0));
    for gradient in [&g.dq, &g.dk, &g.dv] {
        assert!(gradient[..half].iter().all(|v| *v == 0.0));
    }
}

#[test]
fn no_sequences_no_queries_and_no_keys() {
    for (batch, queries, keys) in [(0, 2, 2), (2, 0, 2), (2, 2, 0)] {
        let s = shape(batch, [2, 1], 3, queries, keys, false);
        Case::new(s, false, 6).check(5e-6);
        Case::new(s, false, 6).with_bias(2).check(5e-6);
    }
}

#[test]
#[should_panic(expected = "causal attention of 3 queries to 2 keys")]
fn causal_attention_needs_a_key_for_each_query() {
    Case::new(shape(1, [1, 1], 2, 3, 2, true), false, 7).check(5e-6);
}
