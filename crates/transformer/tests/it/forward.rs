//! Final hidden states and language logits equal those of `transformers`.

use burn::tensor::{Int, Tensor, TensorData};
use transformer::{Batch, Pass, Pooling, Side, load_backbone, pool};

use crate::fixtures::*;

#[test]
fn hidden_states_of_all_families_equal_transformers() {
    for family in FAMILIES {
        let model = pretrained(family);
        let expected = tensors(&oracle(family).join("expected.safetensors"));
        let batch = batch(&model, &texts(family), Side::Right);

        let ids: Vec<f32> = integers(batch.ids.clone())
            .into_iter()
            .map(|id| id as f32)
            .collect();
        let mask = values(batch.mask.clone());
        assert_eq!(mask, expected["mask"].1, "{family}: mask");
        let real = |ids: &[f32]| -> Vec<f32> {
            ids.iter()
                .zip(&mask)
                .filter(|(_, m)| **m == 1.0)
                .map(|(id, _)| *id)
                .collect()
        };
        assert_eq!(real(&ids), real(&expected["ids"].1), "{family}: ids");

        let out = model.backbone.forward(&batch, &Pass::plain());
        let hidden = difference(&values(out.x.clone()), &expected["hidden"].1, &mask);
        let mean = values(pool(&out, Pooling::Mean));
        let mean = difference(&mean, &expected["mean"].1, &[1.0; 5]);
        println!("{family}: hidden {hidden:.1e}, mean {mean:.1e} of the largest value");
        assert!(hidden < 2e-5, "{family}: hidden differs by {hidden:e}");
        assert!(mean < 2e-5, "{family}: mean differs by {mean:e}");
    }
}

#[test]
fn language_logits_equal_transformers() {
    for family in ["gpt2", "llama"] {
        let model = pretrained(family);
        let expected = tensors(&oracle(family).join("expected.safetensors"));
        let batch = batch(&model, &texts(family), Side::Right);
        let out = model.backbone.forward(&batch, &Pass::plain());
        let head = model.language_head.unwrap();
        let logits = values(head.logits(out.x.clone()));
        let found = difference(
            &logits,
            &expected["lm_logits"].1,
            &values(batch.mask.clone()),
        );
        println!("{family}: logits {found:.1e} of the largest value");
        assert!(found < 1e-4, "{family}: logits differ by {found:e}");
        if head.tied {
            let words = &model.backbone.embeddings.word;
            assert_eq!(values(head.logits_tied(out.x, words)), logits);
        }
    }
}

#[test]
fn stories260k_reproduces_its_reference_logits_and_story() {
    let model = load_backbone(&fixture("stories260k"), &device()).unwrap();
    let text = std::fs::read_to_string(fixture("stories260k/reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |key: &str| -> Vec<f64> {
        let list = reference[key].as_array().unwrap().iter();
        list.map(|number| number.as_f64().unwrap()).collect()
    };
    let ids = numbers("token_ids");
    let batch = of_ids(&ids);
    let out = model.backbone.forward(&batch, &Pass::plain());
    let logits = model.language_head.as_ref().unwrap().logits(out.x);
    let logits = values(logits);
    let rows: Vec<&[f32]> = logits.chunks(512).collect();

    let last: Vec<f32> = numbers("logits_last_position")
        .iter()
        .map(|&x| x as f32)
        .collect();
    let worst = difference(rows[63], &last, &[1.0]);
    println!("stories260k: logits {worst:.1e} of the largest value");
    assert!(worst < 1e-4, "{worst:e}");
    let best: Vec<f64> = rows.iter().map(|row| argmax(row) as f64).collect();
    assert_eq!(best, numbers("logits_argmax_each_position"));
    let losses = rows.iter().zip(&ids[1..]).map(|(row, &next)| {
        let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
        sum.ln() - f64::from(row[next as usize])
    });
    let loss = losses.sum::<f64>() / 63.0;
    assert!(
        (loss - reference["mean_next_token_loss"].as_f64().unwrap()).abs() < 1e-5,
        "{loss}"
    );

    // 200 tokens one by one, each over the keys and values kept from those before it.
    let (mut next, mut past) = (1.0, None);
    let story = numbers("greedy_token_ids_no_prompt");
    let mut found = Vec::new();
    while found.len() < story.len() {
        let pass = Pass::plain();
        let pass = past.as_ref().map_or(pass, |past| pass.after(past));
        let (out, kept) = model.backbone.prefill(&of_ids(&[next]), &pass);
        let logits = model.language_head.as_ref().unwrap().logits(out.x);
        next = argmax(&values(logits)) as f64;
        found.push(next);
        past = Some(kept);
    }
    let skip = usize::from(story[0] == 1.0);
    assert_eq!(found[..story.len() - skip], story[skip..]);
}

fn argmax(row: &[f32]) -> usize {
    let order = |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]);
    (0..row.len()).max_by(order).unwrap()
}

fn of_ids(ids: &[f64]) -> Batch {
    let ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
    let dims = [1, ids.len()];
    Batch {
        ids: Tensor::<2, Int>::from_data(TensorData::new(ids, dims), &device()),
        types: None,
        mask: Tensor::ones(dims, &device()),
    }
}
