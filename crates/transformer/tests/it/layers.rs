//! Layers that share a block, and layers that see a window: what hooks see of them.

use std::cell::RefCell;

use burn::tensor::Tensor;
use transformer::{At, Depth, DropoutPlan, Hooks, KeyValue, Linear, Pass, Point, Proj, Side};

use crate::fixtures::*;
use crate::tiny::{self, batch_of, text};

/// Which block a map belongs to, and for which layer a prefix is wanted.
#[derive(Default)]
struct Note {
    projected: RefCell<Vec<(usize, Proj)>>,
    prefixes: RefCell<Vec<usize>>,
}

impl Hooks for Note {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        self.projected.borrow_mut().push((at.layer, at.site));
        map.apply(x)
    }
    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        self.prefixes.borrow_mut().push(layer);
        None
    }
}

#[test]
fn hooks_see_the_block_that_layers_share_and_prefixes_the_layer() {
    let shape = tiny::shape("albert");
    assert_eq!((shape.layers, shape.blocks), (4, 2));
    let model = tiny::model(&shape);
    assert_eq!(model.blocks.len(), 2);
    let note = Note::default();
    let batch = batch_of(&[&text(5, 1)], 5, Side::Right);
    model.forward(&batch, &Pass::with(&note));
    let outs = note.projected.borrow();
    let outs = outs.iter().filter(|(_, site)| *site == Proj::Out);
    let blocks: Vec<usize> = outs.map(|(block, _)| *block).collect();
    assert_eq!(blocks, [0, 0, 1, 1]);
    assert_eq!(*note.prefixes.borrow(), [0, 1, 2, 3]);
}

/// The attention's outputs, as dropout left them.
#[derive(Default)]
struct Dropped(RefCell<Vec<Vec<bool>>>);

impl Hooks for Dropped {
    fn hidden(&self, at: At<Point>, h: Tensor<3>, _: &Tensor<3>) -> Tensor<3> {
        if at.site == Point::AttentionOut {
            let dropped = values(h.clone()).into_iter().map(|x| x == 0.0);
            self.0.borrow_mut().push(dropped.collect());
        }
        h
    }
}

#[test]
fn layers_that_share_a_block_drop_each_its_own() {
    let shape = tiny::shape("albert");
    let model = tiny::model(&shape);
    let batch = batch_of(&[&text(9, 1)], 9, Side::Right);
    let plan = DropoutPlan {
        hidden: 0.4,
        attention: 0.0,
        seed: 3,
        from: Depth::Block(1),
    };
    let hooks = Dropped::default();
    model.forward(&batch, &Pass::with(&hooks).dropping(plan));
    let dropped = hooks.0.into_inner();
    assert_eq!(dropped.len(), 4);
    assert!(dropped[0].iter().all(|&d| !d), "below the first");
    assert!(dropped[1..].iter().all(|layer| layer.contains(&true)));
    assert_ne!(dropped[2], dropped[3], "the same mask twice");
}

/// A prefix in front of one layer.
struct Before {
    layer: usize,
    keys: KeyValue,
}

impl Hooks for Before {
    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        (layer == self.layer).then(|| self.keys.clone())
    }
}

#[test]
fn a_prefix_is_seen_from_beyond_the_window_of_a_model_that_sees_both_ways() {
    let shape = tiny::shape("modernbert");
    let model = tiny::model(&shape);
    // The last layer is windowed, so that nothing comes to the last token from elsewhere.
    let layer = shape.layers - 1;
    assert!(shape.kinds[layer].reach.is_some_and(|reach| reach < 10));
    let batch = batch_of(&[&text(19, 3)], 19, Side::Right);
    let keys = Tensor::<3>::full([1, 2, shape.key_value_width()], 0.7, &device());
    let hooks = Before {
        layer,
        keys: KeyValue {
            key: keys.clone(),
            value: keys,
        },
    };
    let plain = values(model.forward(&batch, &Pass::plain()).x);
    let hooked = values(model.forward(&batch, &Pass::with(&hooks)).x);
    for token in 0..19 {
        let row = token * shape.hidden..(token + 1) * shape.hidden;
        assert_ne!(plain[row.clone()], hooked[row], "token {token}");
    }
}
