//! A beginning computed once and shared equals the whole text computed each time.

use burn::tensor::Tensor;
use transformer::{Encoded, Hooks, KeyValue, Pass, Side, collate_to};

use crate::fixtures::*;

fn encoded(ids: &[u32]) -> Encoded {
    Encoded {
        ids: ids.to_vec(),
        types: vec![0; ids.len()],
        truncated_tokens: 0,
    }
}

const PREFIX: [u32; 5] = [11, 42, 5, 99, 7];
const QUERIES: [&[u32]; 3] = [&[3, 8, 120], &[200], &[77, 77, 31, 2, 9]];

#[test]
fn a_prefilled_prompt_shared_by_queries_equals_each_full_prompt() {
    for family in ["gpt2", "llama"] {
        let model = pretrained(family);
        for (side, padding) in [
            (Side::Left, 0),
            (Side::Right, 0),
            (Side::Left, 2),
            (Side::Right, 2),
        ] {
            let prompt = encoded(&PREFIX);
            let prompt = collate_to(5 + padding, &[&prompt], 0, side, &device());
            let (_, past) = model.backbone.prefill(&prompt, &Pass::plain());
            assert_eq!(past.len(), 5 + padding);

            let queries = QUERIES.map(encoded);
            let queries: Vec<_> = queries.iter().collect();
            let batch = collate_to(6, &queries, 0, side, &device());
            let out = model.backbone.forward(&batch, &Pass::plain().after(&past));
            let shared = real_rows(out.x, batch.mask);

            let mut each = Vec::new();
            for query in QUERIES {
                let full = encoded(&[&PREFIX, query].concat());
                let batch = collate_to(full.ids.len(), &[&full], 0, side, &device());
                let out = model.backbone.forward(&batch, &Pass::plain());
                each.extend_from_slice(&values(out.x)[5 * 48..]);
            }
            assert_close(
                &shared,
                &each,
                2e-6,
                &format!("{family}, {side:?}, {padding}"),
            );
        }
    }
}

#[test]
fn a_past_of_several_rows_goes_on_row_by_row() {
    for family in ["gpt2", "llama"] {
        let model = pretrained(family);
        let run = |texts: &[&[u32]], pass: &Pass| {
            let texts: Vec<_> = texts.iter().map(|ids| encoded(ids)).collect();
            let texts: Vec<_> = texts.iter().collect();
            let longest = texts.iter().map(|text| text.ids.len()).max().unwrap();
            let batch = collate_to(longest, &texts, 0, Side::Right, &device());
            model.backbone.prefill(&batch, pass)
        };
        let (_, past) = run(&[&[1, 2, 3], &[4]], &Pass::plain());
        let (_, past) = run(&[&[5], &[6, 7]], &Pass::plain().after(&past));
        let (out, _) = run(&[&[8], &[9]], &Pass::plain().after(&past));
        let found = values(out.x);
        let (first, _) = run(&[&[1, 2, 3, 5, 8]], &Pass::plain());
        let (second, _) = run(&[&[4, 6, 7, 9]], &Pass::plain());
        assert_close(&found[..48], &values(first.x)[4 * 48..], 2e-6, family);
        assert_close(&found[48..], &values(second.x)[3 * 48..], 2e-6, family);
    }
}

/// Keys and values as a model kept them, given back through the prefix site.
struct Kept {
    layers: Vec<KeyValue>,
    positions: usize,
}

impl Hooks for Kept {
    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        Some(self.layers[layer].clone())
    }
    fn prefix_length(&self) -> usize {
        self.positions
    }
}

/// Makes the prefix of a real prompt visible: keys and values of every block, by hooks that note them.
struct Note<'a>(&'a std::cell::RefCell<Vec<Tensor<3>>>);

impl Hooks for Note<'_> {
    fn project(
        &self,
        at: transformer::At<transformer::Proj>,
        x: &Tensor<3>,
        weight: &transformer::Linear,
    ) -> Tensor<3> {
        let y = weight.apply(x);
        if matches!(at.site, transformer::Proj::Key | transformer::Proj::Value) {
            self.0.borrow_mut().push(y.clone());
        }
        y
    }
}

#[test]
fn keys_and_values_of_a_prompt_given_as_prefix_equal_the_prompt() {
    // GPT-2: its keys carry no rotation, so what the projection gives is what is kept.
    let model = pretrained("gpt2");
    let notes = std::cell::RefCell::new(Vec::new());
    let prompt = encoded(&PREFIX);
    let prompt = collate_to(5, &[&prompt], 0, Side::Right, &device());
    let (_, past) = model.backbone.prefill(&prompt, &Pass::with(&Note(&notes)));
    let notes = notes.into_inner();
    let layers = notes.chunks(2).map(|pair| KeyValue {
        key: pair[0].clone(),
        value: pair[1].clone(),
    });
    let hooks = Kept {
        layers: layers.collect(),
        positions: 5,
    };
    let queries = QUERIES.map(encoded);
    let queries: Vec<_> = queries.iter().collect();
    let batch = collate_to(6, &queries, 0, Side::Left, &device());
    let by_past = model.backbone.forward(&batch, &Pass::plain().after(&past));
    let by_prefix = model.backbone.forward(&batch, &Pass::with(&hooks));
    let rows = |e: transformer::Embedded| real_rows(e.x, e.mask);
    assert_close(&rows(by_prefix), &rows(by_past), 1e-6, "prefix");

    // A prefix and a prefill together: what is kept then holds both.
    let (whole, _) = model.backbone.prefill(&batch, &Pass::with(&hooks));
    let head = collate_to(2, &[&encoded(&[3, 8])], 0, Side::Right, &device());
    let (_, kept) = model.backbone.prefill(&head, &Pass::with(&hooks));
    assert_eq!(kept.len(), 7);
    let tail = collate_to(1, &[&encoded(&[120])], 0, Side::Right, &device());
    let tail = model
        .backbone
        .forward(&tail, &Pass::with(&hooks).after(&kept));
    let whole = rows(whole);
    assert_close(
        &values(tail.x),
        &whole[2 * 48..3 * 48],
        2e-6,
        "prefix and prefill",
    );
}
