//! Attention with masks, prefix keys, grouped heads and dropout.

use super::*;

mod rules;

fn spec(heads: usize, kv_heads: usize, causal: bool) -> Attention {
    Attention {
        heads,
        kv_heads,
        scale: 0.4,
        causal,
        reach: None,
        score_cap: None,
        bias: None,
        always: 0,
        key_mask: None,
        dropout: None,
    }
}

fn check_shapes(queries: usize, keys: usize, spec: Attention) {
    let (q_width, kv_width) = (spec.heads * 3, spec.kv_heads * 3);
    check(|l| {
        attention(
            l.leaf([2, queries, q_width]),
            l.leaf([2, keys, kv_width]),
            l.leaf([2, keys, kv_width]),
            spec.clone(),
        )
    });
}

fn mask(rows: [[f32; 7]; 2]) -> Option<Tensor<2>> {
    Some(Tensor::from_data(rows, &Device::flex()))
}

#[test]
fn bidirectional_and_causal() {
    check_shapes(5, 5, spec(2, 2, false));
    check_shapes(5, 5, spec(2, 2, true));
    check_shapes(1, 5, spec(2, 2, true));
}

#[test]
fn prefix_keys_are_seen_by_every_query() {
    check_shapes(5, 7, spec(2, 2, true));
    check_shapes(5, 7, spec(2, 2, false));
}

#[test]
fn grouped_heads() {
    check_shapes(5, 7, spec(6, 2, true));
    check_shapes(5, 7, spec(4, 1, false));
}

#[test]
fn padded_keys() {
    let rows = [
        [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
    ];
    for causal in [false, true] {
        check_shapes(
            7,
            7,
            Attention {
                key_mask: mask(rows),
                ..spec(2, 1, causal)
            },
        );
        check_shapes(
            4,
            7,
            Attention {
                key_mask: mask(rows),
                ..spec(2, 2, causal)
            },
        );
    }
}

#[test]
fn a_row_without_keys_gives_zeros_and_zero_gradients() {
    let rows = [[0.0; 7], [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]];
    for causal in [false, true] {
        check_shapes(
            7,
            7,
            Attention {
                key_mask: mask(rows),
                ..spec(2, 2, causal)
            },
        );
    }
    let device = Device::flex();
    let x = || constant(3, [2, 7, 6], &device);
    let y = attention(
        x(),
        x(),
        x(),
        Attention {
            key_mask: mask(rows),
            ..spec(2, 2, true)
        },
    );
    let y = numbers(y);
    assert!(
        y[..7 * 6 + 2 * 6].iter().all(|v| *v == 0.0),
        "the first sequence, and two queries before any key"
    );
    assert!(y[7 * 6 + 2 * 6..].iter().all(|v| *v != 0.0));
}

#[test]
fn dropped_weights_are_the_same_fused_and_composed() {
    let dropout = Some(Dropout {
        rate: 0.4,
        seed: 12,
    });
    let rows = [[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [1.0; 7]];
    check_shapes(
        7,
        7,
        Attention {
            dropout,
            key_mask: mask(rows),
            ..spec(4, 2, true)
        },
    );
    check_shapes(
        5,
        7,
        Attention {
            dropout,
            ..spec(2, 2, false)
        },
    );
}

#[test]
fn packed_projections_are_read_in_place() {
    check(|l| {
        let qkv = l.leaf([2, 5, 18]);
        let part = |i: usize| qkv.clone().narrow(2, i * 6, 6);
        attention(part(0), part(1), part(2), spec(2, 2, true))
    });
}
