//! The names of the parameters of each family, as data.

use super::names::Storage;
use crate::shape::Architecture;

/// The names of one family, without `.weight` and `.bias`.
pub(super) struct Family {
    pub(super) word: &'static str,
    pub(super) position: &'static str,
    pub(super) token_type: &'static str,
    pub(super) embedding_norm: Option<&'static str>,
    pub(super) blocks: &'static str,
    pub(super) attention: AttentionNames,
    pub(super) out: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) gate: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) feed_forward_norm: &'static str,
    pub(super) final_norm: Option<&'static str>,
    pub(super) maps: Storage,
}

pub(super) enum AttentionNames {
    Apart {
        query: &'static str,
        key: &'static str,
        value: &'static str,
    },
    SideBySide {
        all: &'static str,
    },
}

impl Family {
    pub(super) fn of(architecture: Architecture) -> Family {
        match architecture {
            Architecture::Bert | Architecture::Roberta => Family {
                word: "embeddings.word_embeddings",
                position: "embeddings.position_embeddings",
                token_type: "embeddings.token_type_embeddings",
                embedding_norm: Some("embeddings.LayerNorm"),
                blocks: "encoder.layer",
                attention: AttentionNames::Apart {
                    query: "attention.self.query",
                    key: "attention.self.key",
                    value: "attention.self.value",
                },
                out: "attention.output.dense",
                attention_norm: "attention.output.LayerNorm",
                gate: "",
                up: "intermediate.dense",
                down: "output.dense",
                feed_forward_norm: "output.LayerNorm",
                final_norm: None,
                maps: Storage::Transposed,
            },
            Architecture::DistilBert => Family {
                word: "embeddings.word_embeddings",
                position: "embeddings.position_embeddings",
                token_type: "",
                embedding_norm: Some("embeddings.LayerNorm"),
                blocks: "transformer.layer",
                attention: AttentionNames::Apart {
                    query: "attention.q_lin",
                    key: "attention.k_lin",
                    value: "attention.v_lin",
                },
                out: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                gate: "",
                up: "ffn.lin1",
                down: "ffn.lin2",
                feed_forward_norm: "output_layer_norm",
                final_norm: None,
                maps: Storage::Transposed,
            },
            Architecture::Gpt2 => Family {
                word: "wte",
                position: "wpe",
                token_type: "",
                embedding_norm: None,
                blocks: "h",
                attention: AttentionNames::SideBySide { all: "attn.c_attn" },
                out: "attn.c_proj",
                attention_norm: "ln_1",
                gate: "",
                up: "mlp.c_fc",
                down: "mlp.c_proj",
                feed_forward_norm: "ln_2",
                final_norm: Some("ln_f"),
                // Conv1D keeps [d_in, d_out], as we do.
                maps: Storage::Same,
            },
            Architecture::Llama => Family {
                word: "embed_tokens",
                position: "",
                token_type: "",
                embedding_norm: None,
                blocks: "layers",
                attention: AttentionNames::Apart {
                    query: "self_attn.q_proj",
                    key: "self_attn.k_proj",
                    value: "self_attn.v_proj",
                },
                out: "self_attn.o_proj",
                attention_norm: "input_layernorm",
                gate: "mlp.gate_proj",
                up: "mlp.up_proj",
                down: "mlp.down_proj",
                feed_forward_norm: "post_attention_layernorm",
                final_norm: Some("norm"),
                maps: Storage::Transposed,
            },
        }
    }
}
