//! A real encoder on real sentences: all-MiniLM-L6-v2, fetched by scripts/fetch_minilm.sh; its directory in ADAPTBENCH_MINILM.

use transformer::{Pass, Pooling, Side, collate, load, pool};

use crate::fixtures::*;

#[test]
fn minilm_agrees_with_transformers_on_real_sentences() {
    let Some(dir) = std::env::var_os("ADAPTBENCH_MINILM") else {
        eprintln!(
            "skipped: ADAPTBENCH_MINILM does not name a directory with all-MiniLM-L6-v2; see scripts/fetch_minilm.sh"
        );
        return;
    };
    let start = std::time::Instant::now();
    let model = load(dir.as_ref(), &device()).unwrap();
    println!("loaded in {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(model.warnings, Vec::<String>::new());
    assert!(model.pooler.is_some());
    let expected = tensors(&fixture("minilm/expected.safetensors"));
    let text = std::fs::read_to_string(fixture("minilm/texts.json")).unwrap();
    let text: serde_json::Value = serde_json::from_str(&text).unwrap();
    let max_length = text["max_length"].as_u64().unwrap() as usize;
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let single: Vec<_> = text["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (word(t), None))
        .collect();
    let pairs: Vec<_> = text["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (word(&p[0]), Some(word(&p[1]))))
        .collect();

    for (prefix, texts) in [("", single), ("pair.", pairs)] {
        let of = |name: &str| &expected[&format!("{prefix}{name}")].1;
        let texts: Vec<_> = texts
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_deref()))
            .collect();
        let encoded = model.tokenizer.encode(&texts, max_length).unwrap();
        let encoded: Vec<_> = encoded.iter().collect();
        let batch = collate(&encoded, model.tokenizer.pad_id(), Side::Right, &device());
        let as_floats = |ids: Vec<i64>| ids.into_iter().map(|id| id as f32).collect::<Vec<_>>();
        assert_eq!(
            &as_floats(integers(batch.ids.clone())),
            of("ids"),
            "{prefix}ids"
        );
        if let Some(types) = &batch.types {
            assert_eq!(
                &as_floats(integers(types.clone())),
                of("types"),
                "{prefix}types"
            );
        }
        let mask = values(batch.mask.clone());
        assert_eq!(&mask, of("mask"), "{prefix}mask");

        let out = model.backbone.forward(&batch, &Pass::plain());
        let norms = values(out.x.clone().powf_scalar(2.0).sum_dim(2).sqrt());
        let rows = vec![1.0; texts.len()];
        for (what, found, expected, mask) in [
            ("norms", norms, of("norms"), &mask),
            (
                "first",
                values(pool(&out, Pooling::First)),
                of("first"),
                &rows,
            ),
            ("mean", values(pool(&out, Pooling::Mean)), of("mean"), &rows),
        ] {
            let difference = difference(&found, expected, mask);
            println!("{prefix}{what}: {difference:.1e} of the largest value");
            assert!(difference < 2e-5, "{prefix}{what}: {difference:e}");
        }
    }
}
