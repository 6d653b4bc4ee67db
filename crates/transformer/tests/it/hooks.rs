//! The sites: identity changes nothing, each is reached once a block, each changes what comes after it.

use std::cell::RefCell;

use burn::tensor::Tensor;
use transformer::{At, Embedded, Hooks, KeyValue, Linear, Pass, Point, Proj, Side, Unhooked};

use crate::fixtures::*;

/// Every site written out as the identity.
struct Identity;

impl Hooks for Identity {
    fn embed(&self, x: Embedded) -> Embedded {
        x
    }
    fn project(&self, _: At<Proj>, x: &Tensor<3>, weight: &Linear) -> Tensor<3> {
        weight.apply(x)
    }
    fn project_input(&self, _: At<Proj>, x: Tensor<3>) -> Tensor<3> {
        x
    }
    fn hidden(&self, _: At<Point>, h: Tensor<3>, _: &Tensor<3>) -> Tensor<3> {
        h
    }
    fn prefix(&self, _: usize) -> Option<KeyValue> {
        None
    }
}

#[test]
fn identity_hooks_equal_no_hooks_bit_for_bit() {
    for family in FAMILIES {
        let model = pretrained(family);
        let batch = batch(&model, &texts(family), Side::Right);
        let plain = model.backbone.forward(&batch, &Pass::with(&Unhooked));
        let hooked = model.backbone.forward(&batch, &Pass::with(&Identity));
        assert_eq!(values(plain.x), values(hooked.x), "{family}");
    }
}

#[test]
fn blocks_resumed_at_any_depth_equal_one_pass_bit_for_bit() {
    for family in FAMILIES {
        let model = pretrained(family);
        let batch = batch(&model, &texts(family), Side::Left);
        let pass = Pass::plain();
        let whole = values(model.backbone.forward(&batch, &pass).x);
        for k in 0..=model.shape.layers {
            let below = model
                .backbone
                .blocks(model.backbone.embed(&batch, &pass), 0..k, &pass);
            let above = model.backbone.blocks(below, k..model.shape.layers, &pass);
            assert_eq!(
                values(model.backbone.finish(above).x),
                whole,
                "{family} at {k}"
            );
        }
    }
}

/// Notes what it is asked, and the widths it sees.
#[derive(Default)]
struct Notes(RefCell<Vec<String>>);

impl Hooks for Notes {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, weight: &Linear) -> Tensor<3> {
        let y = weight.apply(x);
        let note = format!(
            "{} {:?} {}->{}",
            at.layer,
            at.site,
            x.dims()[2],
            y.dims()[2]
        );
        self.0.borrow_mut().push(note);
        y
    }
    fn hidden(&self, at: At<Point>, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        let note = format!(
            "{} {:?} {} of {}",
            at.layer,
            at.site,
            h.dims()[2],
            input.dims()[2]
        );
        self.0.borrow_mut().push(note);
        h
    }
}

#[test]
fn every_site_of_every_block_is_reached_once_in_order() {
    let notes = |family| {
        let model = pretrained(family);
        let hooks = Notes::default();
        let texts = ["a gripping film".to_owned()];
        model
            .backbone
            .forward(&batch(&model, &texts, Side::Right), &Pass::with(&hooks));
        hooks.0.into_inner()
    };
    let llama = notes("llama");
    assert_eq!(llama.len(), 2 * 10);
    assert_eq!(
        llama[10..],
        [
            "1 Query 48->48",
            "1 Key 48->24",
            "1 Value 48->24",
            "1 Out 48->48",
            "1 AttentionOut 48 of 48",
            "1 Gate 48->112",
            "1 Up 48->112",
            "1 FfnInner 112 of 48",
            "1 Down 112->48",
            "1 FfnOut 48 of 48",
        ]
    );
    let distilbert = notes("distilbert");
    assert_eq!(distilbert.len(), 2 * 9);
    assert!(!distilbert.iter().any(|note| note.contains("Gate")));
}

/// Scales one site by a factor.
enum Scale {
    Input(Proj),
    Output(Proj),
    Hidden(Point),
}

impl Hooks for Scale {
    fn project_input(&self, at: At<Proj>, x: Tensor<3>) -> Tensor<3> {
        match self {
            Scale::Input(site) if *site == at.site => x * 1.5,
            _ => x,
        }
    }
    fn project(&self, at: At<Proj>, x: &Tensor<3>, weight: &Linear) -> Tensor<3> {
        match self {
            Scale::Output(site) if *site == at.site => weight.apply(x) * 1.5,
            _ => weight.apply(x),
        }
    }
    fn hidden(&self, at: At<Point>, h: Tensor<3>, _: &Tensor<3>) -> Tensor<3> {
        match self {
            Scale::Hidden(site) if *site == at.site => h * 1.5,
            _ => h,
        }
    }
}

#[test]
fn every_site_changes_the_result() {
    for family in ["distilbert", "llama"] {
        let model = pretrained(family);
        let batch = batch(&model, &texts(family), Side::Right);
        let run = |hooks: &dyn Hooks| values(model.backbone.forward(&batch, &Pass::with(hooks)).x);
        let plain = run(&Unhooked);
        for site in Proj::ALL {
            let there = site != Proj::Gate || family == "llama";
            assert_eq!(
                run(&Scale::Input(site)) != plain,
                there,
                "{family}: input of {site:?}"
            );
            assert_eq!(
                run(&Scale::Output(site)) != plain,
                there,
                "{family}: {site:?}"
            );
        }
        for site in [Point::AttentionOut, Point::FfnInner, Point::FfnOut] {
            assert_ne!(run(&Scale::Hidden(site)), plain, "{family}: {site:?}");
        }
        // A gain on the inner activation is a gain on the input of the second map.
        let inner = run(&Scale::Hidden(Point::FfnInner));
        assert_eq!(inner, run(&Scale::Input(Proj::Down)), "{family}");
    }
}

/// Two tokens in front, as embeddings.
struct Prompt(Tensor<3>);

impl Hooks for Prompt {
    fn embed(&self, e: Embedded) -> Embedded {
        let [b, _, h] = e.x.dims();
        let [_, p, _] = self.0.dims();
        let front = self.0.clone().expand([b, p, h]);
        Embedded {
            x: Tensor::cat(vec![front, e.x], 1),
            mask: Tensor::cat(vec![Tensor::ones([b, p], &e.mask.device()), e.mask], 1),
            ..e
        }
    }
}

#[test]
fn embeddings_of_words_put_in_front_equal_the_words_themselves() {
    for family in FAMILIES {
        let model = pretrained(family);
        let encoded = model
            .tokenizer
            .encode(&[("a gripping film", None), ("x film", None)], 32)
            .unwrap();
        let rest: Vec<_> = encoded
            .iter()
            .map(|text| transformer::Encoded {
                ids: text.ids[..2].to_vec(),
                types: text.types[..2].to_vec(),
                truncated_tokens: 0,
            })
            .collect();
        let joined: Vec<_> = rest
            .iter()
            .map(|text| transformer::Encoded {
                ids: [&[7, 9], &text.ids[..]].concat(),
                types: vec![0; 4],
                truncated_tokens: 0,
            })
            .collect();
        let words = model.backbone.embeddings.word.weight.val();
        let front = Tensor::cat(
            vec![words.clone().narrow(0, 7, 1), words.narrow(0, 9, 1)],
            0,
        );
        let hooks = Prompt(front.unsqueeze_dim::<3>(0));
        for side in [Side::Left, Side::Right] {
            // Left padding then stands between prompt and text, which must change nothing.
            let collate = |texts: &[transformer::Encoded], length| {
                transformer::collate_to(
                    length,
                    &texts.iter().collect::<Vec<_>>(),
                    0,
                    side,
                    &device(),
                )
            };
            let hooked = model
                .backbone
                .forward(&collate(&rest, 5), &Pass::with(&hooks));
            let batch = collate(&joined, 7);
            let plain = model.backbone.forward(&batch, &Pass::plain());
            let (hooked, plain) = (
                real_rows(hooked.x, hooked.mask),
                real_rows(plain.x, batch.mask),
            );
            assert_close(&hooked, &plain, 2e-6, family);
        }
    }
}
