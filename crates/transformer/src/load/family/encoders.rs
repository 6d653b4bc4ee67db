//! Names of BERT and its kin.

use super::{Family, Head, HeadActivation, Layout, Pooler, Transform};

pub(super) const BERT_EMBEDDINGS: &[(&str, &str)] = &[
    ("embeddings.word", "embeddings.word_embeddings"),
    ("embeddings.position", "embeddings.position_embeddings"),
    ("embeddings.token_type", "embeddings.token_type_embeddings"),
    ("embeddings.norm", "embeddings.LayerNorm"),
];

const BERT_ATTENTION: &[(&str, &str)] = &[
    ("attention.query", "encoder.layer.#.attention.self.query"),
    ("attention.key", "encoder.layer.#.attention.self.key"),
    ("attention.value", "encoder.layer.#.attention.self.value"),
];

const BERT_OUTPUT: &[(&str, &str)] = &[
    ("attention.out", "encoder.layer.#.attention.output.dense"),
    (
        "attention.norm",
        "encoder.layer.#.attention.output.LayerNorm",
    ),
];

const BERT_FEED_FORWARD: &[(&str, &str)] = &[
    ("feed_forward.up", "encoder.layer.#.intermediate.dense"),
    ("feed_forward.down", "encoder.layer.#.output.dense"),
    ("feed_forward.norm", "encoder.layer.#.output.LayerNorm"),
];

const BERT_BUFFERS: &[&str] = &["embeddings.position_ids", "embeddings.token_type_ids"];

const BERT_HEAD: Head = Head {
    transform: Some(Transform {
        dense: "cls.predictions.transform.dense",
        norm: "cls.predictions.transform.LayerNorm",
        activation: HeadActivation::OfBlocks,
    }),
    biases: &["cls.predictions.bias", "cls.predictions.decoder.bias"],
    decoder: "cls.predictions.decoder.weight",
};

/// RoBERTa's, MPNet's: GELU whatever `hidden_act` says.
const ROBERTA_HEAD: Head = Head {
    transform: Some(Transform {
        dense: "lm_head.dense",
        norm: "lm_head.layer_norm",
        activation: HeadActivation::Gelu,
    }),
    biases: &["lm_head.bias", "lm_head.decoder.bias"],
    decoder: "lm_head.decoder.weight",
};

pub(super) const BERT: Family = Family {
    prefixes: &["bert.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        BERT_ATTENTION,
        BERT_OUTPUT,
        BERT_FEED_FORWARD,
    ],
    maps: Layout::Linear,
    gain_offset: 0.0,
    buffers: BERT_BUFFERS,
    pooler: Pooler::Inside("pooler.dense"),
    heads: &[BERT_HEAD],
};

pub(super) const ROBERTA: Family = Family {
    prefixes: &["roberta.", "model.", ""],
    heads: &[ROBERTA_HEAD],
    ..BERT
};

pub(super) const DISTILBERT: Family = Family {
    prefixes: &["distilbert.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[
            ("attention.query", "transformer.layer.#.attention.q_lin"),
            ("attention.key", "transformer.layer.#.attention.k_lin"),
            ("attention.value", "transformer.layer.#.attention.v_lin"),
            ("attention.out", "transformer.layer.#.attention.out_lin"),
            ("attention.norm", "transformer.layer.#.sa_layer_norm"),
            ("feed_forward.up", "transformer.layer.#.ffn.lin1"),
            ("feed_forward.down", "transformer.layer.#.ffn.lin2"),
            ("feed_forward.norm", "transformer.layer.#.output_layer_norm"),
        ],
    ],
    pooler: Pooler::None,
    heads: &[Head {
        transform: Some(Transform {
            dense: "vocab_transform",
            norm: "vocab_layer_norm",
            activation: HeadActivation::OfBlocks,
        }),
        biases: &["vocab_projector.bias"],
        decoder: "vocab_projector.weight",
    }],
    ..BERT
};

/// The generator's head; a discriminator has none over the vocabulary.
pub(super) const ELECTRA: Family = Family {
    prefixes: &["electra.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[("embeddings.projection", "embeddings_project")],
        BERT_ATTENTION,
        BERT_OUTPUT,
        BERT_FEED_FORWARD,
    ],
    pooler: Pooler::None,
    heads: &[Head {
        transform: Some(Transform {
            dense: "generator_predictions.dense",
            norm: "generator_predictions.LayerNorm",
            activation: HeadActivation::Gelu,
        }),
        biases: &["generator_lm_head.bias"],
        decoder: "generator_lm_head.weight",
    }],
    ..BERT
};

pub(super) const MPNET: Family = Family {
    prefixes: &["mpnet.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[
            ("distances.table", "encoder.relative_attention_bias"),
            ("attention.query", "encoder.layer.#.attention.attn.q"),
            ("attention.key", "encoder.layer.#.attention.attn.k"),
            ("attention.value", "encoder.layer.#.attention.attn.v"),
            ("attention.out", "encoder.layer.#.attention.attn.o"),
            ("attention.norm", "encoder.layer.#.attention.LayerNorm"),
        ],
        BERT_FEED_FORWARD,
    ],
    heads: &[ROBERTA_HEAD],
    ..BERT
};

/// One layer a group; several groups are several blocks.
pub(super) const ALBERT: Family = Family {
    prefixes: &["albert.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[(
            "embeddings.projection",
            "encoder.embedding_hidden_mapping_in",
        )],
        &[
            (
                "attention.query",
                "encoder.albert_layer_groups.#.albert_layers.0.attention.query",
            ),
            (
                "attention.key",
                "encoder.albert_layer_groups.#.albert_layers.0.attention.key",
            ),
            (
                "attention.value",
                "encoder.albert_layer_groups.#.albert_layers.0.attention.value",
            ),
            (
                "attention.out",
                "encoder.albert_layer_groups.#.albert_layers.0.attention.dense",
            ),
            (
                "attention.norm",
                "encoder.albert_layer_groups.#.albert_layers.0.attention.LayerNorm",
            ),
            (
                "feed_forward.up",
                "encoder.albert_layer_groups.#.albert_layers.0.ffn",
            ),
            (
                "feed_forward.down",
                "encoder.albert_layer_groups.#.albert_layers.0.ffn_output",
            ),
            (
                "feed_forward.norm",
                "encoder.albert_layer_groups.#.albert_layers.0.full_layer_layer_norm",
            ),
        ],
    ],
    pooler: Pooler::Inside("pooler"),
    heads: &[Head {
        transform: Some(Transform {
            dense: "predictions.dense",
            norm: "predictions.LayerNorm",
            activation: HeadActivation::OfBlocks,
        }),
        biases: &["predictions.bias", "predictions.decoder.bias"],
        decoder: "predictions.decoder.weight",
    }],
    ..BERT
};

/// The head of the authors' code, which files of DeBERTa-v3 hold, and the one that `transformers` calls legacy. Many files hold a table of
/// absolute positions from training that the model does not use.
pub(super) const DEBERTA_V2: Family = Family {
    prefixes: &["deberta.", "model.", ""],
    parameters: &[
        BERT_EMBEDDINGS,
        &[
            ("distances.table", "encoder.rel_embeddings"),
            ("distances.norm", "encoder.LayerNorm"),
            (
                "attention.query",
                "encoder.layer.#.attention.self.query_proj",
            ),
            ("attention.key", "encoder.layer.#.attention.self.key_proj"),
            (
                "attention.value",
                "encoder.layer.#.attention.self.value_proj",
            ),
        ],
        BERT_OUTPUT,
        BERT_FEED_FORWARD,
    ],
    buffers: &[
        "embeddings.position_ids",
        "embeddings.position_embeddings.weight",
    ],
    pooler: Pooler::Beside("pooler.dense"),
    heads: &[
        Head {
            transform: Some(Transform {
                dense: "lm_predictions.lm_head.dense",
                norm: "lm_predictions.lm_head.LayerNorm",
                activation: HeadActivation::OfBlocks,
            }),
            biases: &["lm_predictions.lm_head.bias"],
            decoder: "cls.predictions.decoder.weight",
        },
        BERT_HEAD,
    ],
    ..BERT
};
