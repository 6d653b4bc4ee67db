//! RoBERTa counts positions over the ids that are not padding, whoever wrote them: `scripts/reference_tokenizers.py`.

use transformer::{Pass, Side, collate};

use crate::fixtures::*;

const TEXTS: [&str; 4] = [
    "a <pad> gripping<pad><pad> film",
    "not bad",
    "<pad>good",
    "a film <pad>",
];

#[test]
fn a_text_that_spells_the_padding_token_has_the_states_of_transformers() {
    let model = pretrained("roberta");
    let reference = tensors(&fixture("spelled_padding.safetensors"));
    let encoded = model
        .tokenizer
        .encode(&TEXTS.map(|text| (text, None)), 32)
        .unwrap();
    for (side, name) in [(Side::Left, "left"), (Side::Right, "right")] {
        let texts: Vec<_> = encoded.iter().collect();
        let batch = collate(&texts, model.tokenizer.pad_id(), side, &device());
        let ids: Vec<f32> = integers(batch.ids.clone())
            .iter()
            .map(|&id| id as f32)
            .collect();
        assert_eq!(ids, reference[&format!("{name}.ids")].1);
        let (_, mask) = &reference[&format!("{name}.mask")];
        assert_eq!(&values(batch.mask.clone()), mask);
        let out = model.backbone.forward(&batch, &Pass::plain());
        let (_, expected) = &reference[&format!("{name}.states")];
        let difference = difference(&values(out.x), expected, mask);
        assert!(difference < 1e-5, "{name}: {difference:e}");
    }
}
