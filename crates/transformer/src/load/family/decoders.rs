//! Names of the decoders, and of EuroBERT, which is Llama.

use super::{Family, Head, Layout, Pooler};

pub(super) const ROTARY_BUFFERS: &[&str] = &["rotary_emb.inv_freq"];

/// A matrix alone.
const LM_HEAD: Head = Head {
    transform: None,
    biases: &[],
    decoder: "lm_head.weight",
};

const LLAMA_PARTS: &[(&str, &str)] = &[
    ("embeddings.word", "embed_tokens"),
    ("attention.out", "layers.#.self_attn.o_proj"),
    ("attention.query_norm", "layers.#.self_attn.q_norm"),
    ("attention.key_norm", "layers.#.self_attn.k_norm"),
    ("feed_forward.down", "layers.#.mlp.down_proj"),
    ("final_norm", "norm"),
];

const LLAMA_MAPS: &[(&str, &str)] = &[
    ("attention.query", "layers.#.self_attn.q_proj"),
    ("attention.key", "layers.#.self_attn.k_proj"),
    ("attention.value", "layers.#.self_attn.v_proj"),
    ("feed_forward.gate", "layers.#.mlp.gate_proj"),
    ("feed_forward.up", "layers.#.mlp.up_proj"),
];

const LLAMA_NORMS: &[(&str, &str)] = &[
    ("attention.norm", "layers.#.input_layernorm"),
    ("feed_forward.norm", "layers.#.post_attention_layernorm"),
];

/// Mistral, Qwen 2 and 3, SmolLM3 and EuroBERT too.
pub(super) const LLAMA: Family = Family {
    prefixes: &["model.", "transformer.", ""],
    parameters: &[LLAMA_PARTS, LLAMA_MAPS, LLAMA_NORMS],
    maps: Layout::Linear,
    gain_offset: 0.0,
    buffers: ROTARY_BUFFERS,
    pooler: Pooler::None,
    heads: &[LM_HEAD],
};

pub(super) const PHI3: Family = Family {
    parameters: &[
        LLAMA_PARTS,
        &[
            ("attention.query", "layers.#.self_attn.qkv_proj"),
            ("attention.key", "layers.#.self_attn.qkv_proj"),
            ("attention.value", "layers.#.self_attn.qkv_proj"),
            ("feed_forward.gate", "layers.#.mlp.gate_up_proj"),
            ("feed_forward.up", "layers.#.mlp.gate_up_proj"),
        ],
        LLAMA_NORMS,
    ],
    ..LLAMA
};

pub(super) const OLMO2: Family = Family {
    parameters: &[
        LLAMA_PARTS,
        LLAMA_MAPS,
        &[
            ("attention.output_norm", "layers.#.post_attention_layernorm"),
            (
                "feed_forward.output_norm",
                "layers.#.post_feedforward_layernorm",
            ),
        ],
    ],
    ..LLAMA
};

/// Norms multiply by 1 + w and store w.
pub(super) const GEMMA: Family = Family {
    parameters: &[
        LLAMA_PARTS,
        LLAMA_MAPS,
        &[
            ("attention.norm", "layers.#.input_layernorm"),
            ("attention.output_norm", "layers.#.post_attention_layernorm"),
            ("feed_forward.norm", "layers.#.pre_feedforward_layernorm"),
            (
                "feed_forward.output_norm",
                "layers.#.post_feedforward_layernorm",
            ),
        ],
    ],
    gain_offset: 1.0,
    ..LLAMA
};

pub(super) const GPT2: Family = Family {
    prefixes: &["transformer.", "model.", ""],
    parameters: &[&[
        ("embeddings.word", "wte"),
        ("embeddings.position", "wpe"),
        ("attention.query", "h.#.attn.c_attn"),
        ("attention.key", "h.#.attn.c_attn"),
        ("attention.value", "h.#.attn.c_attn"),
        ("attention.out", "h.#.attn.c_proj"),
        ("attention.norm", "h.#.ln_1"),
        ("feed_forward.up", "h.#.mlp.c_fc"),
        ("feed_forward.down", "h.#.mlp.c_proj"),
        ("feed_forward.norm", "h.#.ln_2"),
        ("final_norm", "ln_f"),
    ]],
    maps: Layout::Conv1d,
    buffers: &[".attn.bias", ".attn.masked_bias"],
    ..LLAMA
};

pub(super) const GPT_NEOX: Family = Family {
    prefixes: &["gpt_neox.", "model.", ""],
    parameters: &[&[
        ("embeddings.word", "embed_in"),
        ("attention.query", "layers.#.attention.query_key_value"),
        ("attention.key", "layers.#.attention.query_key_value"),
        ("attention.value", "layers.#.attention.query_key_value"),
        ("attention.out", "layers.#.attention.dense"),
        ("attention.norm", "layers.#.input_layernorm"),
        ("feed_forward.up", "layers.#.mlp.dense_h_to_4h"),
        ("feed_forward.down", "layers.#.mlp.dense_4h_to_h"),
        ("feed_forward.norm", "layers.#.post_attention_layernorm"),
        ("final_norm", "final_layer_norm"),
    ]],
    maps: Layout::PerHead,
    buffers: &[
        ".attention.bias",
        ".attention.masked_bias",
        "rotary_emb.inv_freq",
    ],
    heads: &[
        Head {
            decoder: "embed_out.weight",
            ..LM_HEAD
        },
        LM_HEAD,
    ],
    ..LLAMA
};

pub(super) const OPT: Family = Family {
    prefixes: &["model.", ""],
    parameters: &[&[
        ("embeddings.word", "decoder.embed_tokens"),
        ("embeddings.position", "decoder.embed_positions"),
        ("attention.query", "decoder.layers.#.self_attn.q_proj"),
        ("attention.key", "decoder.layers.#.self_attn.k_proj"),
        ("attention.value", "decoder.layers.#.self_attn.v_proj"),
        ("attention.out", "decoder.layers.#.self_attn.out_proj"),
        ("attention.norm", "decoder.layers.#.self_attn_layer_norm"),
        ("feed_forward.up", "decoder.layers.#.fc1"),
        ("feed_forward.down", "decoder.layers.#.fc2"),
        ("feed_forward.norm", "decoder.layers.#.final_layer_norm"),
        ("final_norm", "decoder.final_layer_norm"),
    ]],
    buffers: &[],
    ..LLAMA
};
