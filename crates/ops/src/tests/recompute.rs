//! What a linear map reads of a norm, an activation or a gated product is computed again in the backward pass.

use super::*;
use crate::tape::Tape;

const NORM: [usize; 3] = [2, 5, 7];

/// Operations whose result can be computed again, of one leaf and a vector for the norms.
type Source = fn(&Leaves) -> Tensor<3>;

fn sources() -> Vec<(&'static str, Source)> {
    vec![
        ("RMS norm", |l| rms_norm(l.leaf(NORM), l.leaf([7]), 1e-5)),
        ("layer norm", |l| {
            layer_norm(l.leaf(NORM), l.leaf([7]), Some(l.leaf([7])), 1e-5)
        }),
        ("layer norm of a sum", |l| {
            add_layer_norm(l.leaf(NORM), l.leaf(NORM), l.leaf([7]), None, 1e-5)
        }),
        ("gelu", |l| activate(l.leaf(NORM), Activation::GeluErf)),
        ("gelu by tanh", |l| {
            activate(l.leaf(NORM), Activation::GeluTanh)
        }),
        ("gated product", |l| {
            gated(l.leaf(NORM), l.leaf(NORM), Activation::Silu)
        }),
        // Inputs that belong to nobody else: what was kept is written over.
        ("gelu of a map", |l| {
            let x = linear(l.leaf([2, 5, 3]), l.leaf([3, 7]), None);
            activate(x, Activation::GeluErf)
        }),
        ("gated product of maps", |l| {
            let x = l.leaf([2, 5, 3]);
            let gate = linear(x.clone(), l.leaf([3, 7]), None);
            gated(gate, linear(x, l.leaf([3, 7]), None), Activation::GeluTanh)
        }),
    ]
}

#[test]
fn one_reader_two_and_a_low_rank_one_get_the_gradients_of_the_composed_operations() {
    for (_, source) in sources() {
        check(move |l| linear(source(l), l.leaf([7, 4]), None));
        check(move |l| {
            let x = source(l);
            linear(x.clone(), l.leaf([7, 4]), None)
                + linear(x.clone(), l.leaf([7, 4]), None)
                + x.narrow(2, 1, 4)
        });
    }
    check(|l| {
        let x = rms_norm(l.leaf(NORM), l.leaf([7]), 1e-5);
        linear_low_rank(
            x,
            l.leaf([7, 4]),
            None,
            l.leaf([7, 3]),
            l.leaf([3, 4]),
            5.0 / 3.0,
        )
    });
}

#[test]
fn no_digit_changes() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    for (name, source) in sources() {
        let inputs = {
            let leaves = Leaves {
                device: Device::flex(),
                tracked: 0,
                planted: None,
                readers: RefCell::default(),
            };
            source(&leaves);
            leaves.readers.borrow().len()
        };
        let gradients = |kept: bool| {
            let op = |l: &Leaves| {
                let x = source(l);
                // Another node with the same values: a map behind it keeps them.
                let x = if kept { x * 1.0 } else { x };
                linear(x, l.leaf([7, 4]), None)
            };
            let found = run(&op, (2 << inputs) - 1, &device, true);
            found
                .gradients
                .into_iter()
                .map(|g| g.expect("tracked").into_iter().map(f32::to_bits).collect())
                .collect::<Vec<Vec<u32>>>()
        };
        assert_eq!(gradients(true), gradients(false), "{name}");
    }
}

#[test]
fn the_graph_does_not_hold_what_it_can_compute_again() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let is_held = |source: fn(&Leaves) -> Tensor<3>, again: bool| {
        let leaves = Leaves {
            device: Device::flex().autodiff(),
            tracked: usize::MAX,
            planted: None,
            readers: RefCell::default(),
        };
        let x = source(&leaves);
        let x = if again { x } else { x * 1.0 };
        let y = linear(x.clone(), leaves.leaf([7, 4]), None);
        let tape = Tape::of(&[&x]).expect("a fused backend");
        let is_held = !tape.take(x).0.is_unique();
        drop(y);
        is_held
    };
    for (name, source) in sources() {
        assert!(!is_held(source, true), "{name}");
        assert!(is_held(source, false), "{name}");
    }
}
