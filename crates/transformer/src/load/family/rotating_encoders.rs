//! Names of the encoders that rotate, and of ModernBERT's decoder.

use super::decoders::ROTARY_BUFFERS;
use super::encoders::{BERT, BERT_EMBEDDINGS};
use super::{Family, Head, HeadActivation, Pooler, Transform};

const MODERNBERT_EMBEDDINGS: &[(&str, &str)] = &[
    ("embeddings.word", "embeddings.tok_embeddings"),
    ("embeddings.norm", "embeddings.norm"),
];

/// The first half of `Wi` is activated.
const MODERNBERT_BLOCK: &[(&str, &str)] = &[
    ("attention.out", "layers.#.attn.Wo"),
    ("attention.norm", "layers.#.attn_norm"),
    ("feed_forward.gate", "layers.#.mlp.Wi"),
    ("feed_forward.up", "layers.#.mlp.Wi"),
    ("feed_forward.down", "layers.#.mlp.Wo"),
    ("feed_forward.norm", "layers.#.mlp_norm"),
    ("final_norm", "final_norm"),
];

/// The classification head of ModernBERT is the same module without a decoder.
const MODERNBERT_HEAD: Head = Head {
    transform: Some(Transform {
        dense: "head.dense",
        norm: "head.norm",
        activation: HeadActivation::OfClassifier,
    }),
    biases: &["decoder.bias"],
    decoder: "decoder.weight",
};

/// `Wi` holds the activated half first.
pub(super) const MODERNBERT: Family = Family {
    prefixes: &["model.", ""],
    parameters: &[
        MODERNBERT_EMBEDDINGS,
        &[
            ("attention.query", "layers.#.attn.Wqkv"),
            ("attention.key", "layers.#.attn.Wqkv"),
            ("attention.value", "layers.#.attn.Wqkv"),
        ],
        MODERNBERT_BLOCK,
    ],
    buffers: ROTARY_BUFFERS,
    pooler: Pooler::None,
    heads: &[MODERNBERT_HEAD],
    ..BERT
};

/// The decoder's head of the vocabulary, and that of classification.
pub(super) const MODERNBERT_DECODER: Family = Family {
    prefixes: &["model.", ""],
    parameters: &[
        MODERNBERT_EMBEDDINGS,
        &[
            ("attention.query", "layers.#.attn.q_proj"),
            ("attention.key", "layers.#.attn.k_proj"),
            ("attention.value", "layers.#.attn.v_proj"),
        ],
        MODERNBERT_BLOCK,
    ],
    heads: &[
        Head {
            transform: Some(Transform {
                dense: "lm_head.dense",
                norm: "lm_head.norm",
                activation: HeadActivation::OfClassifier,
            }),
            ..MODERNBERT_HEAD
        },
        MODERNBERT_HEAD,
    ],
    ..MODERNBERT
};

/// As the authors' code names them, and as `transformers` writes them.
pub(super) const GTE_NEW: Family = Family {
    prefixes: &["new.", "gte.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[
            ("attention.query", "encoder.layer.#.attention.qkv_proj"),
            ("attention.key", "encoder.layer.#.attention.qkv_proj"),
            ("attention.value", "encoder.layer.#.attention.qkv_proj"),
            ("attention.out", "encoder.layer.#.attention.o_proj"),
            ("attention.norm", "encoder.layer.#.attn_ln"),
            ("feed_forward.up", "encoder.layer.#.mlp.up_gate_proj"),
            ("feed_forward.gate", "encoder.layer.#.mlp.up_gate_proj"),
            ("feed_forward.down", "encoder.layer.#.mlp.down_proj"),
            ("feed_forward.norm", "encoder.layer.#.mlp_ln"),
        ],
    ],
    buffers: ROTARY_BUFFERS,
    heads: &[Head {
        transform: Some(Transform {
            dense: "lm_head.dense",
            norm: "lm_head.norm",
            activation: HeadActivation::Gelu,
        }),
        biases: &["lm_head.decoder.bias"],
        decoder: "lm_head.decoder.weight",
    }],
    ..BERT
};

/// As the authors' code names them, and as `transformers` writes them.
pub(super) const NOMIC_BERT: Family = Family {
    prefixes: &["nomic_bert.", "bert.", "model.", ""],
    parameters: &[&[
        ("embeddings.word", "embeddings.word_embeddings"),
        ("embeddings.token_type", "embeddings.token_type_embeddings"),
        ("embeddings.norm", "emb_ln"),
        ("attention.query", "encoder.layers.#.attn.Wqkv"),
        ("attention.key", "encoder.layers.#.attn.Wqkv"),
        ("attention.value", "encoder.layers.#.attn.Wqkv"),
        ("attention.out", "encoder.layers.#.attn.out_proj"),
        ("attention.norm", "encoder.layers.#.norm1"),
        ("feed_forward.up", "encoder.layers.#.mlp.fc11"),
        ("feed_forward.gate", "encoder.layers.#.mlp.fc12"),
        ("feed_forward.down", "encoder.layers.#.mlp.fc2"),
        ("feed_forward.norm", "encoder.layers.#.norm2"),
    ]],
    buffers: ROTARY_BUFFERS,
    heads: &[Head {
        transform: Some(Transform {
            dense: "cls.predictions.transform.dense",
            norm: "cls.predictions.transform.layer_norm",
            activation: HeadActivation::OfBlocks,
        }),
        biases: &["cls.predictions.bias", "cls.predictions.decoder.bias"],
        decoder: "cls.predictions.decoder.weight",
    }],
    ..BERT
};
