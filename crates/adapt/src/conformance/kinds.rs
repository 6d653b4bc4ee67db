//! Tiny models of every kind of block, with random weights: what the kit runs on beside the fixtures that were trained elsewhere.

use serde_json::{Map, Value, json};
use transformer::{Backbone, LanguageHead, Pretrained, load_shape};

/// A kind of model, told by the family that has it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What is particular about it.
    pub name: &'static str,
    /// Its `model_type`.
    pub family: &'static str,
    /// What its config.json says beside the sizes, a JSON object.
    own: &'static str,
}

/// Encoders, which take the tokenizer of an encoder.
pub const ENCODERS: &[Kind] = &[
    Kind {
        name: "windows, fused maps, norms without bias, a rotation for each kind of layer",
        family: "modernbert",
        own: r#"{"hidden_activation": "gelu", "norm_eps": 1e-5, "global_attn_every_n_layers": 2, "local_attention": 4,
            "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "classifier_pooling": "mean"}"#,
    },
    Kind {
        name: "a score bias by buckets of distances",
        family: "mpnet",
        own: r#"{"hidden_act": "gelu", "layer_norm_eps": 1e-5, "relative_attention_num_buckets": 32, "pad_token_id": 1}"#,
    },
    Kind {
        name: "scores by vectors of distances",
        family: "deberta-v2",
        own: r#"{"hidden_act": "gelu", "type_vocab_size": 0, "relative_attention": true, "position_buckets": 6,
            "max_relative_positions": -1, "share_att_key": true, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
            "position_biased_input": false, "layer_norm_eps": 1e-7, "pooler_hidden_act": "gelu"}"#,
    },
    Kind {
        name: "layers that share blocks, projected embeddings",
        family: "albert",
        own: r#"{"hidden_act": "gelu_new", "embedding_size": 14, "num_hidden_layers": 4, "num_hidden_groups": 2,
            "inner_group_num": 1, "type_vocab_size": 2, "layer_norm_eps": 1e-12}"#,
    },
    Kind {
        name: "projected embeddings, a block for each layer",
        family: "electra",
        own: r#"{"hidden_act": "gelu", "embedding_size": 14, "type_vocab_size": 2, "layer_norm_eps": 1e-12}"#,
    },
    Kind {
        name: "a rotating encoder whose head reads every token",
        family: "eurobert",
        own: r#"{"hidden_act": "silu", "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 250000.0}"#,
    },
];

/// Decoders, which take the tokenizer of a decoder.
pub const DECODERS: &[Kind] = &[
    Kind {
        name: "norms of queries and keys, grouped heads wider than the hidden size",
        family: "qwen3",
        own: r#"{"hidden_act": "silu", "num_key_value_heads": 1, "head_dim": 10, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}"#,
    },
    Kind {
        name: "norms before and after, soft caps, windows, scaled embeddings",
        family: "gemma2",
        own: r#"{"hidden_activation": "gelu_pytorch_tanh", "num_key_value_heads": 1, "head_dim": 6, "rms_norm_eps": 1e-6,
            "query_pre_attn_scalar": 5, "rope_theta": 10000.0, "sliding_window": 4, "attn_logit_softcapping": 3.0,
            "final_logit_softcapping": 5.0}"#,
    },
    Kind {
        name: "attention beside the feed-forward, fused maps by head, partial rotation",
        family: "gpt_neox",
        own: r#"{"hidden_act": "gelu", "layer_norm_eps": 1e-5, "rotary_pct": 0.5, "rotary_emb_base": 10000,
            "use_parallel_residual": true}"#,
    },
    Kind {
        name: "norms after the sub-layers, one norm for all heads",
        family: "olmo2",
        own: r#"{"hidden_act": "silu", "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}"#,
    },
    Kind {
        name: "fused maps of unequal widths",
        family: "phi3",
        own: r#"{"hidden_act": "silu", "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0}"#,
    },
];

impl Kind {
    /// A model of this kind with random weights and the tokenizer of `base`.
    ///
    /// # Errors
    /// A config.json that is not read.
    pub fn model(&self, base: &Pretrained) -> Result<Pretrained, String> {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let file = dir.path().join("config.json");
        std::fs::write(&file, self.config(base).to_string()).map_err(|e| e.to_string())?;
        let shape = load_shape(dir.path()).map_err(|e| format!("{}: {e}", self.family))?;
        let backbone = Backbone::random(&shape, 3, &base.backbone.device());
        Ok(Pretrained {
            language_head: Some(LanguageHead::random(&backbone, 4)),
            backbone,
            shape,
            pooler: None,
            name: self.family.to_owned(),
            ..base.clone()
        })
    }

    /// Odd sizes, and the ids that the tokenizer gives.
    fn config(&self, base: &Pretrained) -> Value {
        let mut config = json!({
            "model_type": self.family,
            "vocab_size": base.shape.vocab,
            "hidden_size": 24,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
            "intermediate_size": 40,
            "max_position_embeddings": 80,
            "initializer_range": 0.2,
            "tie_word_embeddings": true,
            "pad_token_id": base.tokenizer.pad_id(),
        });
        let own: Map<String, Value> = serde_json::from_str(self.own).expect("JSON");
        if let Value::Object(fields) = &mut config {
            fields.extend(own);
        }
        config
    }
}
