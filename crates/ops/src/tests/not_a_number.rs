//! NaN and infinity at any place of any input come out where burn's own operations let them out: nothing here turns them into numbers.

use super::*;

/// Plants NaN and both infinities at places of every input. NaN comes out at the same elements of the result; what is not finite in the composed
/// result or its gradients is not finite in the fused ones either (which may lose precision earlier, and say so).
#[track_caller]
fn check_planted<const D: usize>(op: impl Fn(&Leaves) -> Tensor<D>) {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let (plain, tracking) = (Device::flex(), Device::flex().autodiff());
    let inputs = run(&op, 0, &plain, false).gradients.len();
    let all = (1 << inputs) - 1;
    for leaf in 0..inputs {
        // Strides coprime to the sizes: first, last and places between, in other rows and registers.
        for place in [0, 11, 29, 47, 83, usize::MAX] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let planted = Some(Planted { leaf, place, value });
                let run =
                    |tracked, device, fused| run_planted(&op, tracked, device, fused, planted);
                let what = format!("{value} at {place} of input {leaf}");
                let expected = run(all, &tracking, false);
                for (tracked, device) in [(0, &plain), (all, &tracking)] {
                    let found = run(tracked, device, true);
                    if value.is_nan() {
                        let nan = |run: &Run| run.y.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
                        assert_eq!(nan(&found), nan(&expected), "{what}");
                    }
                    assert_not_hidden(&found.y, &expected.y, &what);
                    for (found, expected) in found.gradients.iter().zip(&expected.gradients) {
                        if let (Some(found), Some(expected)) = (found, expected) {
                            assert_not_hidden(found, expected, &format!("gradients, {what}"));
                        }
                    }
                }
            }
        }
    }
}

#[track_caller]
fn assert_not_hidden(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let hidden = found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found.is_finite() && !expected.is_finite());
    if let Some(at) = hidden {
        panic!(
            "{what}: element {at} is {} and should be {}",
            found[at], expected[at]
        );
    }
}

#[test]
fn linear_maps_keep_them() {
    check_planted(|l| linear(l.leaf([2, 5, 7]), l.leaf([7, 3]), Some(l.leaf([3]))));
    check_planted(|l| {
        let (x, w, b) = (l.leaf([2, 5, 7]), l.leaf([7, 4]), l.leaf([4]));
        linear_low_rank(x, w, Some(b), l.leaf([7, 3]), l.leaf([3, 4]), 0.5)
    });
}

#[test]
fn activations_keep_them() {
    for function in [
        Activation::GeluErf,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Relu,
        Activation::Tanh,
    ] {
        check_planted(|l| activate(l.leaf([2, 5, 9]), function));
    }
    for function in [Activation::GeluErf, Activation::GeluTanh, Activation::Silu] {
        check_planted(|l| gated(l.leaf([2, 5, 9]), l.leaf([2, 5, 9]), function));
    }
    check_planted(|l| soft_cap(l.leaf([2, 5, 9]), 2.0));
}

#[test]
fn norms_and_residual_sums_keep_them() {
    check_planted(|l| layer_norm(l.leaf([3, 33]), l.leaf([33]), Some(l.leaf([33])), 1e-5));
    check_planted(|l| layer_norm(l.leaf([3, 33]), l.leaf([33]), None, 1e-5));
    check_planted(|l| {
        let (x, residual) = (l.leaf([3, 33]), l.leaf([3, 33]));
        add_layer_norm(x, residual, l.leaf([33]), Some(l.leaf([33])), 1e-5)
    });
    check_planted(|l| rms_norm(l.leaf([3, 33]), l.leaf([33]), 1e-5));
    check_planted(|l| add(l.leaf([2, 5, 7]), l.leaf([2, 5, 7])));
}

#[test]
fn dropout_does_not_drop_them() {
    for rate in [0.1, 0.9] {
        check_planted(|l| dropout(l.leaf([4, 50]), Dropout { rate, seed: 3 }));
    }
}

#[test]
fn embeddings_rotary_positions_and_losses_keep_them() {
    check_planted(|l| {
        let ids = Tensor::<2, Int>::from_data([[1, 4, 1], [0, 2, 3]], &l.device);
        embedding(l.leaf([5, 7]), ids)
    });
    check_planted(|l| {
        let angle = constant(3, [1, 3, 2], &l.device);
        rotary(l.leaf([2, 3, 8]), angle.clone(), angle, 2)
    });
    check_planted(|l| {
        let targets = Tensor::<1, Int>::from_data([2, 0, 2, 1], &l.device);
        cross_entropy(l.leaf([4, 3]), targets)
    });
}

#[test]
fn attention_keeps_them_with_and_without_padding() {
    let rows = [
        [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ];
    for masked in [false, true] {
        for dropout in [
            None,
            Some(Dropout {
                rate: 0.4,
                seed: 12,
            }),
        ] {
            let spec = || Attention {
                heads: 2,
                kv_heads: 1,
                scale: 0.4,
                causal: false,
                reach: None,
                score_cap: None,
                bias: None,
                always: 0,
                key_mask: masked.then(|| Tensor::from_data(rows, &Device::flex())),
                dropout,
            };
            check_planted(|l| {
                let (q, k, v) = (l.leaf([2, 5, 6]), l.leaf([2, 7, 3]), l.leaf([2, 7, 3]));
                attention(q, k, v, spec())
            });
        }
    }
}

#[test]
fn windows_biases_and_caps_keep_them() {
    // The composed cap also tells of what is not a number where no query looks, so that it goes without a window.
    for (reach, score_cap) in [(Some(2), None), (None, Some(1.5))] {
        check_planted(|l| {
            let (q, k, v) = (l.leaf([2, 5, 6]), l.leaf([2, 7, 3]), l.leaf([2, 7, 3]));
            let spec = Attention {
                heads: 2,
                kv_heads: 1,
                scale: 0.4,
                causal: false,
                reach,
                score_cap,
                bias: Some(l.leaf([2, 10])),
                always: 1,
                key_mask: None,
                dropout: None,
            };
            attention(q, k, v, spec)
        });
    }
}
