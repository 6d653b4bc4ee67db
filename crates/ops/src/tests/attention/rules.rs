//! Windows, keys that are always seen, biases by distance and caps.

use super::*;
use burn::tensor::DType;

/// As [`check_shapes`], with a bias that is an input beside queries, keys and values.
fn check_with_bias(queries: usize, keys: usize, spec: Attention) {
    let (q_width, kv_width) = (spec.heads * 3, spec.kv_heads * 3);
    let distances = keys - spec.always + queries - 1;
    check(|l| {
        let q = l.leaf([2, queries, q_width]);
        let (k, v) = (l.leaf([2, keys, kv_width]), l.leaf([2, keys, kv_width]));
        let bias = Some(l.leaf([spec.heads, distances]));
        attention(
            q,
            k,
            v,
            Attention {
                bias,
                ..spec.clone()
            },
        )
    });
}

#[test]
fn windows() {
    for causal in [false, true] {
        for reach in [0, 1, 3, 9] {
            let spec = Attention {
                reach: Some(reach),
                ..spec(2, 1, causal)
            };
            check_shapes(7, 7, spec.clone());
            check_shapes(4, 7, spec.clone());
            check_shapes(1, 7, spec);
        }
    }
}

#[test]
fn windows_that_take_several_blocks() {
    let spec = Attention {
        reach: Some(5),
        ..spec(2, 1, false)
    };
    check_shapes(35, 41, spec.clone());
    check_with_bias(35, 41, Attention { always: 6, ..spec });
}

#[test]
fn biases_by_distance() {
    check_with_bias(5, 5, spec(2, 2, false));
    check_with_bias(5, 7, spec(4, 2, true));
    check_with_bias(1, 7, spec(4, 2, true));
    check_with_bias(7, 5, spec(2, 2, false));
}

#[test]
fn a_bias_is_added_where_the_documentation_says() {
    let device = Device::flex();
    let ([queries, keys], always) = ([2, 4], 1);
    // Queries and keys are zeros: a weight is the exponential of its bias over their sum.
    let zeros = |t| Tensor::<3>::zeros([1, t, 1], &device);
    let bias = [0.5f32, -1.0, 2.0, 0.25]; // t_k - always + t_q - 1
    let spec = Attention {
        always,
        bias: Some(Tensor::from_data([bias], &device)),
        ..spec(1, 1, false)
    };
    let values = Tensor::<3>::from_data([[[1.0f32], [10.0], [100.0], [1000.0]]], &device);
    let y = numbers(attention(zeros(queries), zeros(keys), values, spec));
    for (i, y) in y.into_iter().enumerate() {
        let of = |j: usize| match j.checked_sub(always) {
            None => 0.0,
            Some(j) => bias[j + queries - 1 - i],
        };
        let weights: Vec<f32> = (0..keys).map(|j| of(j).exp()).collect();
        let total: f32 = weights.iter().sum();
        let expected: f32 = (0..4)
            .map(|j| weights[j] / total * 10f32.powi(j as i32))
            .sum();
        assert!(
            (y - expected).abs() < 1e-3,
            "query {i}: {y}, expected {expected}"
        );
    }
}

#[test]
fn capped_scores() {
    let spec = Attention {
        score_cap: Some(0.7),
        scale: 1.0,
        ..spec(2, 1, false)
    };
    check_shapes(5, 7, spec.clone());
    check_with_bias(5, 7, spec);
}

#[test]
fn every_rule_at_once() {
    let rows = [
        [0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
    ];
    for causal in [false, true] {
        for reach in [1, 2] {
            let spec = Attention {
                reach: Some(reach),
                score_cap: Some(1.5),
                always: 2,
                key_mask: mask(rows),
                dropout: Some(Dropout {
                    rate: 0.3,
                    seed: 12,
                }),
                ..spec(4, 2, causal)
            };
            check_shapes(5, 7, spec.clone());
            check_with_bias(5, 7, spec);
        }
    }
}

/// Every rule in bfloat16, where no fused operation runs, against f32.
#[test]
fn every_rule_in_bfloat16() {
    let device = Device::flex();
    let leaf = |seed, dims| constant::<3>(seed, dims, &device);
    let (q, k, v) = (leaf(1, [2, 5, 12]), leaf(2, [2, 7, 6]), leaf(3, [2, 7, 6]));
    let bias: Tensor<2> = constant(4, [4, 9], &device);
    let run = |dtype| {
        let spec = Attention {
            reach: Some(2),
            score_cap: Some(1.5),
            always: 2,
            bias: Some(bias.clone().cast(dtype)),
            ..spec(4, 2, false)
        };
        let [q, k, v] = [&q, &k, &v].map(|x| x.clone().cast(dtype));
        numbers(attention(q, k, v, spec))
    };
    let (found, expected) = (run(DType::BF16), run(DType::F32));
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 0.05, "{found} and {expected}");
    }
}

#[test]
#[should_panic(expected = "the bias is [heads, t_k - always + t_q - 1]")]
fn a_bias_of_another_size_is_refused() {
    let x = || constant(1, [1, 3, 2], &Device::flex());
    let spec = Attention {
        bias: Some(constant(2, [1, 6], &Device::flex())),
        ..spec(1, 1, false)
    };
    attention(x(), x(), x(), spec);
}
