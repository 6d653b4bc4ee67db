//! What config.json may say of the families that most people adapt, and what of it is refused.

use serde_json::json;
use transformer::{Shape, load_shape};

use crate::fixtures::*;

/// The shape of a config.json alone, or what is said of it.
fn shape_of(test: &str, config: serde_json::Value) -> Result<Shape, String> {
    let dir = scratch(&format!("shape-of-{test}"));
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    let said = |error: transformer::LoadError| {
        let error = error.to_string();
        error.replace(&format!("{}/", dir.display()), "")
    };
    load_shape(&dir).map_err(said)
}

fn small(model_type: &str, own: serde_json::Value) -> serde_json::Value {
    let mut config = json!({"model_type": model_type, "vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 4,
        "num_attention_heads": 4, "intermediate_size": 40, "max_position_embeddings": 64});
    let fields = config.as_object_mut().unwrap();
    fields.extend(own.as_object().unwrap().clone());
    config
}

#[test]
fn what_a_family_has_and_is_not_implemented_is_refused_by_name() {
    let deberta = |own: serde_json::Value| {
        let mut config = small(
            "deberta-v2",
            json!({"relative_attention": true, "share_att_key": true, "pos_att_type": "c2p|p2c", "position_buckets": 8,
                "position_biased_input": false}),
        );
        let fields = config.as_object_mut().unwrap();
        fields.extend(own.as_object().unwrap().clone());
        config
    };
    for (test, config, expected) in [
        (
            "conv",
            deberta(json!({"conv_kernel_size": 3})),
            "\"conv_kernel_size\": 3 in config.json is not supported: the convolution of the largest DeBERTa-v2 is not implemented",
        ),
        (
            "own-keys",
            deberta(json!({"share_att_key": false})),
            "\"share_att_key\" in config.json is false, expected true: maps of their own for distances are not implemented",
        ),
        (
            "embedding-size",
            deberta(json!({"embedding_size": 12})),
            "\"embedding_size\": 12 in config.json is not supported: only 24 is",
        ),
        (
            "one-bucket",
            deberta(json!({"position_buckets": 1})),
            "\"position_buckets\" in config.json is 1, expected from 2 to less than 2 · (64 - 1), the largest distance",
        ),
        (
            "no-term",
            deberta(json!({"pos_att_type": []})),
            "\"pos_att_type\" in config.json is [], expected \"c2p\", \"p2c\" or both",
        ),
        (
            "inner-groups",
            small("albert", json!({"inner_group_num": 2})),
            "\"inner_group_num\": 2 in config.json is not supported: only 1 is",
        ),
        (
            "groups",
            small("albert", json!({"num_hidden_groups": 3})),
            "\"num_hidden_groups\" in config.json is 3, expected a divisor of num_hidden_layers (4)",
        ),
        (
            "opt-350m",
            small("opt", json!({"ffn_dim": 40, "word_embed_proj_dim": 12})),
            "\"word_embed_proj_dim\": 12 in config.json is not supported: only 24 is",
        ),
        (
            "mpnet-padding",
            small("mpnet", json!({"pad_token_id": 0})),
            "\"pad_token_id\": 0 in config.json is not supported: positions are counted from 1, so that padding must be 1",
        ),
        (
            "window",
            small(
                "qwen2",
                json!({"num_key_value_heads": 2, "layer_types": vec!["sliding_attention"; 4]}),
            ),
            "\"layer_types\" in config.json is [\"sliding_attention\",\"sliding_attention\",\"sliding_attention\",\"sliding_attention\"], \
             expected no \"sliding_attention\", since the file gives no window",
        ),
        (
            "nomic-scaling",
            small("nomic_bert", json!({"rotary_scaling_factor": 2.0})),
            "\"rotary_scaling_factor\": 2.0 in config.json is not supported: angles that follow the length of a text are not implemented",
        ),
        (
            "gemma2-both-ways",
            small(
                "gemma2",
                json!({"num_key_value_heads": 2, "use_bidirectional_attention": true}),
            ),
            "\"use_bidirectional_attention\": true in config.json is not supported: only false is",
        ),
        (
            "unequal-kinds",
            small(
                "modernbert",
                json!({"rope_parameters": {"rope_theta": 500.0}}),
            ),
            "\"rope_parameters.rope_theta\": 500.0 in config.json is not supported: expected an object for \"full_attention\" and one for \
             \"sliding_attention\"",
        ),
    ] {
        assert_eq!(shape_of(test, config).unwrap_err(), expected);
    }
}

/// GTE's stretching, after eq. 6 of <https://kexue.fm/archives/9706>: 10000 times 4, and every angle divided by 4^(2/6).
#[test]
fn the_authors_files_of_gte_and_nomic_are_read() {
    let scaling = json!({"type": "ntk", "factor": 4.0});
    let gte = small(
        "new",
        json!({"rope_theta": 10000.0, "rope_scaling": scaling, "type_vocab_size": 0, "layer_norm_type": "layer_norm",
            "pack_qkv": true, "position_embedding_type": "rope"}),
    );
    let gte = shape_of("gte", gte).unwrap();
    let expected = [1.0, 40_000f64.powf(-1.0 / 3.0), 40_000f64.powf(-2.0 / 3.0)];
    for (found, expected) in gte.rotations[0].inverse_frequencies.iter().zip(expected) {
        let expected = expected / 4f64.powf(1.0 / 3.0);
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
    assert_eq!((gte.token_types, gte.gated), (0, true));

    let authors = json!({"model_type": "nomic_bert", "vocab_size": 50, "n_embd": 24, "n_layer": 4, "n_head": 4, "n_inner": 40,
        "n_positions": 64, "activation_function": "swiglu", "layer_norm_epsilon": 1e-12, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_scaling_factor": null, "qkv_proj_bias": false, "attn_pdrop": 0.0, "resid_pdrop": 0.0});
    let own = small("nomic_bert", json!({}));
    assert_eq!(
        shape_of("nomic-authors", authors).unwrap(),
        shape_of("nomic", own).unwrap()
    );
}
