//! The keys and values that the model itself computes for some words. Li & Liang 2021, §7.4.

use adapt::{Attach, FitError, to_floats};
use burn::tensor::Tensor;
use std::cell::RefCell;
use transformer::{At, Encoded, Hooks, Linear, Pass, Proj, Side, collate};

/// For every layer the keys and values of `tokens` tokens, the text repeated to fill them; `[tokens · h_kv]` each.
///
/// # Errors
/// A text without a word.
pub(crate) fn keys_and_values(
    to: &Attach<'_>,
    text: &str,
    tokens: usize,
) -> Result<Vec<[Vec<f32>; 2]>, FitError> {
    let words = to.tokenizer.encode_plain(text)?;
    if words.is_empty() {
        let reason = "prefix-tuning.init is \"words\" and there are none; set prefix-tuning.init_text, or init to \"random\"";
        return Err(FitError::NotApplicable(reason.to_owned()));
    }
    let ids: Vec<u32> = words.iter().copied().cycle().take(tokens).collect();
    let encoded = Encoded {
        types: vec![0; ids.len()],
        ids,
        truncated_tokens: 0,
    };
    let device = to.backbone.device().inner();
    let batch = collate(&[&encoded], to.tokenizer.pad_id(), Side::Right, &device);
    let seen = Seen::default();
    let pass = Pass {
        hooks: &seen,
        dropout: None,
        past: None,
    };
    to.backbone.forward(&batch, &pass);
    let layers = seen.keys.into_inner().into_iter();
    let values = seen.values.into_inner().into_iter().map(to_floats);
    let keys = layers.enumerate().map(|(layer, key)| {
        // A prefix stands behind the norm of the keys. Rotary models rotate keys after that, and a prefix is not rotated, which
        // leaves its keys at the position 0 of all.
        let block = &to.backbone.blocks[to.shape.block_of(layer)];
        to_floats(match &block.attention.key_norm {
            Some(norm) => norm.apply_to_heads(key),
            None => key,
        })
    });
    Ok(keys.zip(values).map(|(key, value)| [key, value]).collect())
}

/// Keeps what the key and value maps give, layer by layer: `[1,p,h_kv]`.
#[derive(Default)]
struct Seen {
    keys: RefCell<Vec<Tensor<3>>>,
    values: RefCell<Vec<Tensor<3>>>,
}

impl Hooks for Seen {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        let y = map.apply(x); // [1,p,d_in] -> [1,p,h_kv]
        match at.site {
            Proj::Key => self.keys.borrow_mut().push(y.clone()),
            Proj::Value => self.values.borrow_mut().push(y.clone()),
            _ => {}
        }
        y
    }

    /// DeBERTa's distances are no words.
    fn project_distances(&self, _at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        map.apply(x)
    }
}
