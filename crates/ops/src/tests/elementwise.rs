//! Activations, gated products, caps, norms, dropout and rotary embedding.

use super::*;

const ACTIVATIONS: [Activation; 5] = [
    Activation::GeluErf,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Relu,
    Activation::Tanh,
];

#[test]
fn activations() {
    for function in ACTIVATIONS {
        check(|l| activate(l.leaf([2, 5, 7]), function));
        check(|l| activate(l.leaf([2, 5, 7]).swap_dims(1, 2), function));
        // the gradient is shared between two users, so that it must not be written over
        check(|l| {
            let y = l.leaf([2, 5, 7]) * 1.5;
            activate(y.clone(), function) + y
        });
    }
}

#[test]
fn gated_products() {
    for function in ACTIVATIONS {
        check(|l| gated(l.leaf([2, 5, 7]), l.leaf([2, 5, 7]), function));
        check(|l| {
            let x = l.leaf([2, 5, 14]);
            let part = |i: usize| x.clone().narrow(2, i * 7, 7);
            gated(part(0), part(1), function)
        });
    }
}

#[test]
fn capped_logits() {
    check(|l| soft_cap(l.leaf([2, 5, 7]) * 3.0, 2.5));
    check(|l| {
        let x = l.leaf([2, 5, 7]);
        soft_cap(x.clone(), 30.0) * x
    });
}

#[test]
fn norms() {
    check(|l| layer_norm(l.leaf([2, 5, 7]), l.leaf([7]), Some(l.leaf([7])), 1e-5));
    check(|l| layer_norm(l.leaf([3, 33]), l.leaf([33]), Some(l.leaf([33])), 1e-5));
    check(|l| layer_norm(l.leaf([3, 33]), l.leaf([33]), None, 1e-5));
    check(|l| {
        add_layer_norm(
            l.leaf([2, 5, 7]),
            l.leaf([2, 5, 7]),
            l.leaf([7]),
            Some(l.leaf([7])),
            1e-5,
        )
    });
    check(|l| {
        let (x, residual) = (l.leaf([2, 5, 7]), l.leaf([2, 5, 7]));
        add_layer_norm(x, residual, l.leaf([7]), None, 1e-5)
    });
    check(|l| rms_norm(l.leaf([2, 5, 7]), l.leaf([7]), 1e-5));
}

#[test]
fn a_residual_that_is_used_again_keeps_its_gradient() {
    check(|l| {
        let x = l.leaf([2, 5, 7]) * 2.0;
        let (gamma, beta) = (l.leaf([7]), l.leaf([7]));
        add_layer_norm(
            linear(x.clone(), l.leaf([7, 7]), None),
            x,
            gamma,
            Some(beta),
            1e-5,
        )
    });
}

#[test]
fn residual_sums() {
    check(|l| add(l.leaf([2, 5, 7]), l.leaf([2, 5, 7])));
    check(|l| {
        let x = l.leaf([2, 5, 7]);
        add(add(x.clone(), activate(x.clone(), Activation::Tanh)), x)
    });
}

#[test]
fn gradients_of_a_tensor_with_many_users_add_up() {
    // The hidden state of a block: three projections, a residual, and users that are burn's own operations.
    check(|l| {
        let x = activate(l.leaf([2, 5, 7]), Activation::Tanh);
        let (w, v) = (l.leaf([7, 7]), l.leaf([7, 7]));
        let (q, k) = (
            linear(x.clone(), w.clone(), None),
            linear(x.clone(), v, None),
        );
        let low = linear_low_rank(
            x.clone(),
            w.clone(),
            None,
            w.clone().narrow(1, 0, 2),
            w.narrow(0, 0, 2),
            0.5,
        );
        let (gamma, beta) = (l.leaf([7]), Some(l.leaf([7])));
        let y = add_layer_norm(add(q * 2.0, low), x.clone(), gamma, beta, 1e-5);
        add(y * x.clone().exp(), activate(x.clone(), Activation::Silu)) + k * x
    });
    check(|l| {
        let x = activate(l.leaf([2, 5, 6]), Activation::Tanh);
        let spec = Attention {
            heads: 2,
            kv_heads: 2,
            scale: 0.5,
            causal: true,
            reach: None,
            score_cap: None,
            bias: None,
            always: 0,
            key_mask: None,
            dropout: None,
        };
        add(attention(x.clone(), x.clone(), x.clone(), spec), x.clone()).sum_dim(1) * x
    });
}

#[test]
fn dropouts_draw_the_same_mask_fused_and_composed_forward_and_backward() {
    check(|l| dropout(l.leaf([2, 5, 7]), Dropout { rate: 0.3, seed: 5 }));
    check(|l| dropout(l.leaf([3, 9000]), Dropout { rate: 0.3, seed: 5 }));
    check(|l| dropout(l.leaf([2, 5, 7]), Dropout { rate: 0.0, seed: 5 }));
    let device = Device::flex();
    let ones = Tensor::<3>::ones([4, 50, 50], &device);
    let draw = |seed| numbers(dropout(ones.clone(), Dropout { rate: 0.25, seed }));
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
    let mean = draw(3).iter().sum::<f32>() / 10_000.0;
    assert!(
        (mean - 1.0).abs() < 0.03,
        "mean {mean} after dropout of ones"
    );
}

#[test]
fn rotary_embeddings() {
    let angles = |l: &Leaves, batch| {
        let angle = constant(50, [batch, 5, 3], &l.device);
        (angle.clone().cos(), angle.sin())
    };
    for batch in [1, 2] {
        check(|l| {
            let (cos, sin) = angles(l, batch);
            rotary(l.leaf([2, 5, 12]), cos, sin, 2)
        });
        // Heads of seven values, six of which turn.
        check(|l| {
            let (cos, sin) = angles(l, batch);
            rotary(l.leaf([2, 5, 14]), cos, sin, 2)
        });
    }
}
