//! Attention with vectors of distances: fused against composed.

use super::*;

/// Distances of 5 queries and 5 keys, of which the farthest share a row of a table of six.
const ROWS: [u32; 9] = [5, 5, 5, 4, 3, 2, 1, 0, 0];

fn spec(position_keys: Option<Tensor<2>>, position_queries: Option<Tensor<2>>) -> Disentangled {
    Disentangled {
        heads: 2,
        scale: 0.3,
        position_keys,
        position_queries,
        rows: ROWS.to_vec(),
        always: 0,
        key_mask: None,
        dropout: None,
    }
}

/// Both tables are leaves where `given` says so; `change` sets what is not tested by default.
fn check_terms(given: [bool; 2], always: usize, change: impl Fn(Disentangled) -> Disentangled) {
    check(|l| {
        let (q, k, v) = (
            l.leaf([2, 5, 6]),
            l.leaf([2, 5 + always, 6]),
            l.leaf([2, 5 + always, 6]),
        );
        let [keys, queries] = given.map(|given| given.then(|| l.leaf([6, 6])));
        let spec = Disentangled {
            always,
            ..spec(keys, queries)
        };
        disentangled_attention(q, k, v, change(spec))
    });
}

#[test]
fn each_kind_of_term_and_both() {
    for given in [[true, true], [true, false], [false, true], [false, false]] {
        check_terms(given, 0, |spec| spec);
    }
}

#[test]
fn prefix_keys_have_no_distance() {
    check_terms([true, true], 2, |spec| spec);
}

#[test]
fn padded_keys_and_a_row_without_keys() {
    let masks = [
        [[1.0, 1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0]],
        [[0.0; 5], [1.0; 5]],
    ];
    for rows in masks {
        check_terms([true, true], 0, |spec| Disentangled {
            key_mask: Some(Tensor::from_data(rows, &Device::flex())),
            ..spec
        });
    }
}

#[test]
fn dropped_weights_are_the_same_fused_and_composed() {
    check_terms([true, true], 1, |spec| Disentangled {
        dropout: Some(Dropout {
            rate: 0.4,
            seed: 12,
        }),
        ..spec
    });
}

#[test]
fn fewer_queries_than_keys() {
    check(|l| {
        let spec = Disentangled {
            rows: ROWS[..7].to_vec(),
            ..spec(Some(l.leaf([6, 6])), Some(l.leaf([6, 6])))
        };
        let (q, k, v) = (l.leaf([2, 3, 6]), l.leaf([2, 5, 6]), l.leaf([2, 5, 6]));
        disentangled_attention(q, k, v, spec)
    });
}

#[test]
#[should_panic(expected = "width of the vectors of distances")]
fn vectors_are_as_wide_as_the_queries() {
    let x = || Tensor::<3>::zeros([1, 5, 6], &Device::flex());
    let table = Tensor::zeros([6, 4], &Device::flex());
    disentangled_attention(x(), x(), x(), spec(Some(table), None));
}
