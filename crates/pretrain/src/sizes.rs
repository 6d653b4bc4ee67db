//! What family and sizes of a new model make of it: widths that follow from others, and config.json.

use crate::config::{Family, Sizes};
use serde_json::{Value, json};

impl Family {
    /// Whether it predicts the next token.
    pub fn is_causal(self) -> bool {
        self != Family::Bert
    }

    /// As the command line spells it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Bert => "bert",
            Family::Gpt2 => "gpt2",
            Family::Llama => "llama",
        }
    }
}

impl Sizes {
    /// Width of the embeddings.
    pub fn embedding_width(&self) -> usize {
        self.embedding.unwrap_or(self.hidden)
    }

    /// The feed-forward's inner width.
    pub fn inner(&self) -> usize {
        self.intermediate.unwrap_or(match self.family {
            Family::Bert | Family::Gpt2 => 4 * self.hidden,
            Family::Llama => (8 * self.hidden / 3).div_ceil(32) * 32,
        })
    }

    /// `config.json` as `transformers` writes it. `vocab`: what the tokenizer really has.
    pub(crate) fn config_json(&self, vocab: usize, length: usize, special: SpecialIds) -> Value {
        let inner = self.inner();
        // 0.02 at a width of 768, as BERT and GPT-2 have it, and in proportion to 1/√width, so that
        // sums over the width begin as large in a narrow model.
        let spread = (0.02 * (768.0 / self.hidden as f64).sqrt() * 1e4).round() / 1e4;
        // "dtype" is what readers compute in; the weights are stored as half of that.
        match self.family {
            Family::Bert => {
                let mut config = json!({
                    "architectures": ["BertForMaskedLM"], "model_type": "bert", "dtype": "float32",
                    "vocab_size": vocab, "hidden_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                    "intermediate_size": inner, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
                    "max_position_embeddings": length, "type_vocab_size": 2, "initializer_range": spread, "layer_norm_eps": 1e-12,
                    "pad_token_id": special.pad, "tie_word_embeddings": true,
                });
                if self.embedding_width() != self.hidden {
                    config["architectures"] = json!(["ElectraForMaskedLM"]);
                    config["model_type"] = json!("electra");
                    config["embedding_size"] = json!(self.embedding_width());
                }
                config
            }
            Family::Gpt2 => json!({
                "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "dtype": "float32",
                "vocab_size": vocab, "n_embd": self.hidden, "n_layer": self.layers, "n_head": self.heads, "n_inner": inner,
                "activation_function": "gelu_new", "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1,
                "n_positions": length, "initializer_range": spread, "layer_norm_epsilon": 1e-5,
                "bos_token_id": special.end, "eos_token_id": special.end, "tie_word_embeddings": true,
            }),
            Family::Llama => json!({
                "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32",
                "vocab_size": vocab, "hidden_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                "num_key_value_heads": self.heads, "intermediate_size": inner, "hidden_act": "silu", "attention_dropout": 0.0,
                "max_position_embeddings": length, "initializer_range": spread, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
                "bos_token_id": special.end, "eos_token_id": special.end, "tie_word_embeddings": true,
            }),
        }
    }
}

/// Ids that `config.json` names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpecialIds {
    pub(crate) pad: Option<u32>,
    pub(crate) end: Option<u32>,
}
