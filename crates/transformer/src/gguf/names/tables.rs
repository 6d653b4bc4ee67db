//! The names, architecture by architecture.

use super::Done::{Apart, InterleavedKeys, InterleavedQueries, Nothing, OneMore, Transposed};
use super::{Entry, Names};

const OUTER: &[Entry] = &[
    ("token_embd", "model.embed_tokens", Nothing),
    ("output_norm", "model.norm", Nothing),
    ("output", "lm_head", Nothing),
];
const INTERLEAVED: &[Entry] = &[
    ("attn_q", "self_attn.q_proj", InterleavedQueries),
    ("attn_k", "self_attn.k_proj", InterleavedKeys),
];
const QUERIES_AND_KEYS: &[Entry] = &[
    ("attn_q", "self_attn.q_proj", Nothing),
    ("attn_k", "self_attn.k_proj", Nothing),
];
const OTHER_MAPS: &[Entry] = &[
    ("attn_v", "self_attn.v_proj", Nothing),
    ("attn_output", "self_attn.o_proj", Nothing),
    ("ffn_gate", "mlp.gate_proj", Nothing),
    ("ffn_up", "mlp.up_proj", Nothing),
    ("ffn_down", "mlp.down_proj", Nothing),
];
const FUSED_MAPS: &[Entry] = &[
    ("attn_qkv", "self_attn.qkv_proj", Nothing),
    ("attn_output", "self_attn.o_proj", Nothing),
    ("ffn_up", "mlp.gate_up_proj", Nothing),
    ("ffn_down", "mlp.down_proj", Nothing),
];
const NORMS: &[Entry] = &[
    ("attn_norm", "input_layernorm", Nothing),
    ("ffn_norm", "post_attention_layernorm", Nothing),
];
const QUERY_KEY_NORMS: &[Entry] = &[
    ("attn_q_norm", "self_attn.q_norm", Nothing),
    ("attn_k_norm", "self_attn.k_norm", Nothing),
];
const OUTPUT_NORMS: &[Entry] = &[
    ("post_attention_norm", "post_attention_layernorm", Nothing),
    ("post_ffw_norm", "post_feedforward_layernorm", Nothing),
];
const GEMMAS_OUTER: &[Entry] = &[
    ("token_embd", "model.embed_tokens", Nothing),
    ("output_norm", "model.norm", OneMore),
    ("output", "lm_head", Nothing),
];
const GEMMAS_NORMS: &[Entry] = &[
    ("attn_norm", "input_layernorm", OneMore),
    ("post_attention_norm", "post_attention_layernorm", OneMore),
    ("ffn_norm", "pre_feedforward_layernorm", OneMore),
    ("post_ffw_norm", "post_feedforward_layernorm", OneMore),
    ("attn_q_norm", "self_attn.q_norm", OneMore),
    ("attn_k_norm", "self_attn.k_norm", OneMore),
];

/// A decoder of Llama's kind.
const fn decoder(architecture: &'static str, inner: &'static [&'static [Entry]]) -> Names {
    Names {
        architecture,
        outer: OUTER,
        blocks: "model.layers",
        inner,
    }
}

/// A decoder of Gemma's kind.
const fn gemma(architecture: &'static str) -> Names {
    Names {
        architecture,
        outer: GEMMAS_OUTER,
        blocks: "model.layers",
        inner: &[QUERIES_AND_KEYS, OTHER_MAPS, GEMMAS_NORMS],
    }
}

/// Every architecture that is read.
pub(in crate::gguf) static ARCHITECTURES: [Names; 13] = [
    decoder("llama", &[INTERLEAVED, OTHER_MAPS, NORMS]),
    decoder("qwen2", &[QUERIES_AND_KEYS, OTHER_MAPS, NORMS]),
    decoder(
        "qwen3",
        &[QUERIES_AND_KEYS, OTHER_MAPS, NORMS, QUERY_KEY_NORMS],
    ),
    decoder("smollm3", &[INTERLEAVED, OTHER_MAPS, NORMS]),
    decoder(
        "olmo2",
        &[QUERIES_AND_KEYS, OTHER_MAPS, OUTPUT_NORMS, QUERY_KEY_NORMS],
    ),
    decoder("phi3", &[FUSED_MAPS, NORMS]),
    gemma("gemma2"),
    gemma("gemma3"),
    gemma("gemma-embedding"),
    Names {
        architecture: "gpt2",
        outer: &[
            ("token_embd", "transformer.wte", Nothing),
            ("position_embd", "transformer.wpe", Nothing),
            ("output_norm", "transformer.ln_f", Nothing),
            ("output", "lm_head", Nothing),
        ],
        blocks: "transformer.h",
        inner: &[&[
            ("attn_norm", "ln_1", Nothing),
            ("attn_qkv", "attn.c_attn", Transposed),
            ("attn_output", "attn.c_proj", Transposed),
            ("ffn_norm", "ln_2", Nothing),
            ("ffn_up", "mlp.c_fc", Transposed),
            ("ffn_down", "mlp.c_proj", Transposed),
        ]],
    },
    Names {
        architecture: "gptneox",
        outer: &[
            ("token_embd", "gpt_neox.embed_in", Nothing),
            ("output_norm", "gpt_neox.final_layer_norm", Nothing),
            ("output", "embed_out", Nothing),
        ],
        blocks: "gpt_neox.layers",
        inner: &[&[
            ("attn_norm", "input_layernorm", Nothing),
            ("attn_qkv", "attention.query_key_value", Apart),
            ("attn_output", "attention.dense", Nothing),
            ("ffn_norm", "post_attention_layernorm", Nothing),
            ("ffn_up", "mlp.dense_h_to_4h", Nothing),
            ("ffn_down", "mlp.dense_4h_to_h", Nothing),
        ]],
    },
    Names {
        architecture: "bert",
        outer: &[
            ("token_embd", "bert.embeddings.word_embeddings", Nothing),
            (
                "position_embd",
                "bert.embeddings.position_embeddings",
                Nothing,
            ),
            (
                "token_types",
                "bert.embeddings.token_type_embeddings",
                Nothing,
            ),
            ("token_embd_norm", "bert.embeddings.LayerNorm", Nothing),
        ],
        blocks: "bert.encoder.layer",
        inner: &[&[
            ("attn_q", "attention.self.query", Nothing),
            ("attn_k", "attention.self.key", Nothing),
            ("attn_v", "attention.self.value", Nothing),
            ("attn_output", "attention.output.dense", Nothing),
            ("attn_output_norm", "attention.output.LayerNorm", Nothing),
            ("ffn_up", "intermediate.dense", Nothing),
            ("ffn_down", "output.dense", Nothing),
            ("layer_output_norm", "output.LayerNorm", Nothing),
        ]],
    },
    Names {
        architecture: "nomic-bert",
        outer: &[
            (
                "token_embd",
                "nomic_bert.embeddings.word_embeddings",
                Nothing,
            ),
            (
                "token_types",
                "nomic_bert.embeddings.token_type_embeddings",
                Nothing,
            ),
            ("token_embd_norm", "nomic_bert.emb_ln", Nothing),
        ],
        blocks: "nomic_bert.encoder.layers",
        inner: &[&[
            ("attn_qkv", "attn.Wqkv", Nothing),
            ("attn_output", "attn.out_proj", Nothing),
            ("attn_output_norm", "norm1", Nothing),
            ("ffn_up", "mlp.fc11", Nothing),
            ("ffn_gate", "mlp.fc12", Nothing),
            ("ffn_down", "mlp.fc2", Nothing),
            ("layer_output_norm", "norm2", Nothing),
        ]],
    },
];
