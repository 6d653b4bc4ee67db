//! What holds of every kind of model: padding, resuming, going on from a past, gradients.

use std::collections::BTreeSet;

use burn::module::Module;
use burn::tensor::Tensor;
use transformer::{Backbone, Encoded, Pass, Rotation, Shape, Side, collate_to};

use crate::fixtures::*;
use crate::tiny::{self, batch_of, configs, text};

fn run(model: &Backbone, texts: &[&Encoded], length: usize, side: Side) -> Vec<f32> {
    let batch = batch_of(texts, length, side);
    let out = model.forward(&batch, &Pass::plain());
    real_rows(out.x, batch.mask)
}

/// Far apart in length, so that one is beyond every window and longrope's short texts.
fn texts() -> [Encoded; 2] {
    [text(7, 1), text(19, 2)]
}

#[test]
fn padding_on_either_side_changes_nothing_in_any_kind() {
    for (name, _) in configs() {
        let model = tiny::model(&tiny::shape(name));
        for text in &texts() {
            let alone = run(&model, &[text], text.ids.len(), Side::Right);
            for (side, extra) in [
                (Side::Right, 2),
                (Side::Left, 2),
                (Side::Right, 13),
                (Side::Left, 13),
            ] {
                let padded = run(&model, &[text], text.ids.len() + extra, side);
                let what = format!("{name}, {side:?} by {extra}");
                assert_close(&padded, &alone, 3e-6, &what);
            }
        }
    }
}

#[test]
fn texts_in_one_batch_are_as_each_alone() {
    for (name, _) in configs() {
        let shape = tiny::shape(name);
        let model = tiny::model(&shape);
        // A longrope model turns a whole batch by its longest text.
        let texts = [text(7, 1), text(if name == "phi3" { 12 } else { 19 }, 2)];
        let each: Vec<f32> = texts
            .iter()
            .flat_map(|text| run(&model, &[text], text.ids.len(), Side::Right))
            .collect();
        for side in [Side::Left, Side::Right] {
            let together = run(&model, &[&texts[0], &texts[1]], 21, side);
            assert_close(&together, &each, 3e-6, &format!("{name}, {side:?}"));
        }
    }
}

#[test]
fn layers_resumed_at_any_depth_equal_one_pass_bit_for_bit_in_any_kind() {
    for (name, _) in configs() {
        let model = tiny::model(&tiny::shape(name));
        let texts = texts();
        let batch = batch_of(&[&texts[0], &texts[1]], 20, Side::Left);
        let pass = Pass::plain();
        let whole = values(model.forward(&batch, &pass).x);
        let layers = model.shape().layers;
        for k in 0..=layers {
            let below = model.blocks(model.embed(&batch, &pass), 0..k, &pass);
            let above = model.blocks(below, k..layers, &pass);
            assert_eq!(values(model.finish(above).x), whole, "{name} at {k}");
        }
    }
}

fn causal() -> Vec<(&'static str, Shape)> {
    let all = configs()
        .into_iter()
        .map(|(name, _)| (name, tiny::shape(name)));
    all.filter(|(_, shape)| shape.causal).collect()
}

fn part(whole: &Encoded, range: std::ops::Range<usize>) -> Encoded {
    Encoded {
        ids: whole.ids[range.clone()].to_vec(),
        types: vec![0; range.len()],
        truncated_tokens: 0,
    }
}

#[test]
fn a_past_and_its_continuation_equal_the_whole_text_in_any_causal_kind() {
    for (name, shape) in causal() {
        let model = tiny::model(&shape);
        let wholes = [text(13, 1), text(8, 2)];
        let starts = [part(&wholes[0], 0..6), part(&wholes[1], 0..3)];
        let ends = [part(&wholes[0], 6..13), part(&wholes[1], 3..8)];
        let mut expected = Vec::new();
        for (whole, start) in wholes.iter().zip(&starts) {
            let all = run(&model, &[whole], whole.ids.len(), Side::Right);
            expected.extend_from_slice(&all[start.ids.len() * shape.hidden..]);
        }
        for first in [Side::Left, Side::Right] {
            for then in [Side::Left, Side::Right] {
                let begun = batch_of(&[&starts[0], &starts[1]], 8, first);
                let (_, past) = model.prefill(&begun, &Pass::plain());
                let rest = batch_of(&[&ends[0], &ends[1]], 9, then);
                let out = model.forward(&rest, &Pass::plain().after(&past));
                let found = real_rows(out.x, rest.mask);
                assert_close(
                    &found,
                    &expected,
                    3e-6,
                    &format!("{name}, {first:?} then {then:?}"),
                );
            }
        }
    }
}

#[test]
fn a_longrope_model_turns_long_texts_by_other_angles() {
    let shape = tiny::shape("phi3");
    let model = tiny::model(&shape);
    let always_short = Shape {
        rotations: shape
            .rotations
            .iter()
            .map(|rotation| Rotation {
                long: None,
                ..rotation.clone()
            })
            .collect(),
        ..shape
    };
    let short = tiny::model(&always_short);
    for (length, same) in [(15, true), (16, true), (17, false)] {
        let text = text(length, 4);
        let found = run(&model, &[&text], length, Side::Right);
        let by_short = run(&short, &[&text], length, Side::Right);
        assert_eq!(found == by_short, same, "{length} tokens");
    }
}

#[test]
fn every_parameter_of_every_kind_gets_a_gradient() {
    for (name, _) in configs() {
        let shape = tiny::shape(name);
        let device = device().autodiff();
        let model = tiny::model_on(&shape, &device);
        let texts = texts();
        let batch = collate_to(20, &[&texts[0], &texts[1]], 3, Side::Right, &device);
        let out = model.forward(&batch, &Pass::plain());
        let mask = out.mask.clone().unsqueeze_dim::<3>(2);
        let gradients = (out.x.clone() * out.x * mask).sum().backward();
        let mut without = Without {
            gradients: &gradients,
            path: Vec::new(),
            found: BTreeSet::new(),
        };
        model.visit(&mut without);
        // The bias of keys adds the same to all scores of a query.
        let found: Vec<String> = without.found.into_iter().collect();
        let expected: Vec<&String> = found
            .iter()
            .filter(|path| path.ends_with("attention.key.bias"))
            .collect();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
    }
}

/// Paths whose gradient is missing or 0.
struct Without<'a> {
    gradients: &'a burn::tensor::Gradients,
    path: Vec<String>,
    found: BTreeSet<String>,
}

impl burn::module::ModuleVisitor for Without<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        let gradient = param
            .val()
            .grad(self.gradients)
            .map(values)
            .unwrap_or_default();
        let largest = gradient
            .iter()
            .fold(0f32, |largest, g| largest.max(g.abs()));
        if largest < 1e-3 {
            self.found.insert(self.path.join("."));
        }
    }
}
