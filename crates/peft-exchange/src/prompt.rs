//! Virtual tokens in front of the text (Lester et al. 2021) or in front of every layer's keys and values (Liu et al. 2022).

use crate::PeftError;
use crate::config::{Tokens, refused};
use crate::tensors::Tensors;
use crate::write::Draft;
use adapt::PromptNetwork;
use burn::tensor::Tensor;
use serde_json::{Value, json};
use transformer::{Architecture, Embedded, Hooks, KeyValue, Shape};

/// PEFT saves what a prompt encoder or a prefix network computed, under this one name.
const TENSOR: &str = "prompt_embeddings";

/// What stands before every text.
pub(crate) enum Front {
    Nothing,
    /// `[p, embedding]`.
    Prompt(Box<Tensor<2>>),
    /// By layer, `[1, p, kv]`.
    Prefix(Vec<KeyValue>),
}

impl Front {
    pub(crate) fn prompt(
        tensors: &mut Tensors,
        shape: &Shape,
        config: &Tokens,
    ) -> Result<Front, PeftError> {
        let tokens = config.tokens;
        require("token_dim", config.token_dim, shape.embedding)?;
        let why = " (num_virtual_tokens by the width of the model's embeddings)";
        let prompt = tensors.take(TENSOR, [tokens, shape.embedding], why)?;
        Ok(Front::Prompt(Box::new(prompt)))
    }

    /// Row v is [k_0, v_0, k_1, v_1, ...]; keys are kept rotated.
    pub(crate) fn prefix(
        tensors: &mut Tensors,
        shape: &Shape,
        config: &Tokens,
    ) -> Result<Front, PeftError> {
        let (tokens, width) = (config.tokens, shape.key_value_width());
        require("token_dim", config.token_dim, width)?;
        require("num_layers", config.layers, shape.layers)?;
        require("num_attention_heads", config.heads, shape.kv_heads)?;
        let why = " (num_virtual_tokens by 2 * layers * width of the keys)";
        let all: Tensor<2> = tensors.take(TENSOR, [tokens, 2 * shape.layers * width], why)?;
        let part = |i: usize| {
            let part = all.clone().narrow(1, i * width, width);
            part.unsqueeze::<3>() // [p, kv] -> [1, p, kv]
        };
        let layers = (0..shape.layers).map(|layer| KeyValue {
            key: part(2 * layer),
            value: part(2 * layer + 1),
        });
        Ok(Front::Prefix(layers.collect()))
    }

    /// Positions that it takes from the text.
    pub(crate) fn tokens(&self) -> usize {
        match self {
            Front::Nothing => 0,
            Front::Prompt(prompt) => prompt.dims()[0],
            Front::Prefix(layers) => layers.first().map_or(0, |layer| layer.key.dims()[1]),
        }
    }
}

/// A size that PEFT takes from its configuration and that is the model's here.
fn require(key: &str, found: Option<usize>, of_the_model: usize) -> Result<(), PeftError> {
    match found {
        Some(found) if found != of_the_model => Err(refused(
            key,
            &found.into(),
            &of_the_model.to_string(),
            ", the model's; was the adapter trained on another one?",
        )),
        _ => Ok(()),
    }
}

/// Puts a prompt as PEFT saves it; the opposite of [`Front::prompt`].
pub(crate) fn put_prompt(
    draft: &mut Draft,
    shape: &Shape,
    vectors: &Tensor<2>,
    network: Option<&PromptNetwork>,
) {
    draft.tensors.put(TENSOR, vectors.clone());
    let heads = shape.heads;
    set(draft, shape, vectors.dims()[0], [shape.embedding, heads]);
    match network {
        None => {
            let start = json!({"prompt_tuning_init": "RANDOM"});
            add(draft, start);
        }
        Some(network) => {
            let kind = if network.recurrent { "LSTM" } else { "MLP" };
            add(
                draft,
                json!({
                    "encoder_dropout": 0.0,
                    "encoder_hidden_size": network.width,
                    "encoder_num_layers": 2,
                    "encoder_reparameterization_type": kind,
                }),
            );
        }
    }
}

/// Whether `transformers`' model of this family takes `past_key_values`, which PEFT hands a prefix over as.
fn takes_past(architecture: Architecture) -> bool {
    use Architecture as A;
    !matches!(
        architecture,
        A::DistilBert
            | A::Mpnet
            | A::Albert
            | A::DebertaV2
            | A::ModernBert
            | A::EuroBert
            | A::GteNew
            | A::NomicBert
    )
}

/// Puts a prefix as PEFT saves it; the opposite of [`Front::prefix`].
pub(crate) fn put_prefix(
    draft: &mut Draft,
    shape: &Shape,
    layers: &[KeyValue],
    network_width: Option<usize>,
) -> Result<(), PeftError> {
    if !takes_past(shape.architecture) {
        return Err(PeftError::NotInPeft {
            what: "a prefix",
            architecture: shape.architecture.name(),
            reason: "the model takes no past_key_values; train soft prompts, or keep using `predict --adapter`",
        });
    }
    let width = shape.key_value_width();
    let parts = layers.iter().flat_map(|layer| [&layer.key, &layer.value]);
    let parts = parts.map(|part| part.clone().squeeze_dim::<2>(0)); // [1, p, kv] -> [p, kv]
    let all = Tensor::cat(parts.collect(), 1); // 2 L x [p, kv] -> [p, 2 L kv]
    let tokens = all.dims()[0];
    draft.tensors.put(TENSOR, all);
    set(draft, shape, tokens, [width, shape.kv_heads]);
    add(
        draft,
        json!({
            "encoder_hidden_size": network_width.unwrap_or(width),
            "prefix_projection": network_width.is_some(),
        }),
    );
    Ok(())
}

/// What every kind of prompt is described by; DistilBERT's config.json has names of its own for these, which PEFT does not know.
fn set(draft: &mut Draft, shape: &Shape, tokens: usize, [width, heads]: [usize; 2]) {
    add(
        draft,
        json!({
            "num_attention_heads": heads,
            "num_layers": shape.layers,
            "num_transformer_submodules": 1,
            "num_virtual_tokens": tokens,
            "token_dim": width,
        }),
    );
}

fn add(draft: &mut Draft, settings: Value) {
    if let Value::Object(settings) = settings {
        draft.config.extend(settings);
    }
}

impl Hooks for Front {
    fn embed(&self, text: Embedded) -> Embedded {
        let Front::Prompt(prompt) = self else {
            return text;
        };
        let [batch, _, hidden] = text.x.dims();
        let p = prompt.dims()[0];
        let front = (**prompt)
            .clone()
            .unsqueeze::<3>()
            .expand([batch, p, hidden]);
        let ones = Tensor::ones([batch, p], &text.mask.device());
        Embedded {
            x: Tensor::cat(vec![front, text.x], 1), // [b, p, h] + [b, t, h] -> [b, p + t, h]
            mask: Tensor::cat(vec![ones, text.mask], 1),
            ..text
        }
    }

    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        match self {
            Front::Prefix(layers) => layers.get(layer).cloned(),
            _ => None,
        }
    }

    fn prefix_length(&self) -> usize {
        match self {
            Front::Prefix(_) => self.tokens(),
            _ => 0,
        }
    }
}
