//! What config.json may say: variants that mean the same, switches that change the model, and what is refused by name.

use safetensors::Dtype;
use serde_json::json;
use transformer::{Architecture, LearnedPositions, MODEL_TYPES, Shape, load, load_shape};

use crate::fixtures::*;
use crate::refusals::{refusal, with_config};

#[test]
fn unsupported_configurations_are_refused_by_name() {
    assert_eq!(
        with_config("model-type", "bert", json!({"model_type": "qwen2_moe"})),
        format!(
            "model_type \"qwen2_moe\" in config.json is not supported: the nearest that is read is \"qwen2\" (mixtures of experts are not \
             read); supported are {}",
            MODEL_TYPES.join(", ")
        )
    );
    assert_eq!(
        with_config(
            "positions",
            "bert",
            json!({"position_embedding_type": "relative_key"})
        ),
        "\"position_embedding_type\": \"relative_key\" in config.json is not supported: only \"absolute\" is"
    );
    assert_eq!(
        with_config("decoder", "bert", json!({"is_decoder": true})),
        "\"is_decoder\": true in config.json is not supported: only false is"
    );
    assert_eq!(
        with_config(
            "rope",
            "llama",
            json!({"rope_parameters": {"rope_type": "proportional", "factor": 2.0}})
        ),
        "\"rope_parameters\": \"proportional\" in config.json is not supported: supported types are default, linear, llama3, yarn and \
         longrope"
    );
    assert_eq!(
        with_config(
            "rope-old",
            "llama",
            json!({"rope_parameters": null, "rope_scaling": {"type": "dynamic", "factor": 2.0}})
        ),
        "\"rope_scaling\": \"dynamic\" in config.json is not supported: supported types are default, linear, llama3, yarn and longrope"
    );
    assert_eq!(
        with_config("activation", "bert", json!({"hidden_act": "mish"})),
        "\"hidden_act\": \"mish\" in config.json is not supported: supported are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, \
         silu, swish, relu and tanh"
    );
    assert_eq!(
        with_config("heads", "bert", json!({"num_attention_heads": 5})),
        "\"hidden_size\" in config.json is 48, expected a multiple of num_attention_heads (5)"
    );
    assert_eq!(
        with_config("groups", "llama", json!({"num_key_value_heads": 3})),
        "\"num_attention_heads\" in config.json is 4, expected a multiple of num_key_value_heads (3)"
    );
    assert_eq!(
        with_config("missing-field", "gpt2", json!({"n_layer": null})),
        "\"n_layer\" in config.json is null, expected a whole number above 0"
    );
    assert_eq!(
        with_config("wrong-kind", "gpt2", json!({"n_embd": "48"})),
        "\"n_embd\" in config.json is \"48\", expected a whole number above 0"
    );
    assert_eq!(
        with_config("cross", "gpt2", json!({"add_cross_attention": true})),
        "\"add_cross_attention\": true in config.json is not supported: only false is"
    );
    assert_eq!(
        with_config("pruned", "bert", json!({"pruned_heads": {"1": [0, 2]}})),
        "\"pruned_heads\": {\"1\":[0,2]} in config.json is not supported: every block must have all of its heads"
    );
}

fn shape_with(test: &str, family: &str, fields: serde_json::Value) -> Shape {
    let dir = copy_of(family, &format!("shape-{test}"));
    set_config(&dir, fields);
    load_shape(&dir).unwrap()
}

#[test]
fn configuration_variants_mean_the_same() {
    let plain = load_shape(&oracle("llama")).unwrap();
    let old = json!({"rope_parameters": null, "rope_theta": 10000.0, "rope_scaling": null, "head_dim": null});
    assert_eq!(shape_with("rope-theta", "llama", old), plain);
    let theta = json!({"rope_parameters": null, "rope_theta": 500000.0});
    assert_ne!(shape_with("rope-other", "llama", theta), plain);

    let gpt2 = load_shape(&oracle("gpt2")).unwrap();
    assert_eq!((gpt2.intermediate, gpt2.max_length), (192, 64));
    assert_eq!(
        shape_with("n-inner", "gpt2", json!({"n_inner": 100})).intermediate,
        100
    );
    assert_eq!(
        shape_with(
            "tanh",
            "gpt2",
            json!({"activation_function": "gelu_pytorch_tanh"})
        ),
        gpt2
    );

    let roberta = load_shape(&oracle("roberta")).unwrap();
    assert_eq!(
        roberta.positions,
        Some(LearnedPositions {
            rows: 66,
            offset: 2,
            counts_words: true
        })
    );
    assert_eq!(roberta.max_length, 64);
    let xlm = shape_with("xlm", "roberta", json!({"model_type": "xlm-roberta"}));
    assert_eq!(xlm, roberta);
    assert_eq!(xlm.architecture, Architecture::Roberta);
}

/// Against `ROPE_INIT_FUNCTIONS` of transformers 5.23.0 with head_dim 12 and theta 10000.
#[test]
fn stretched_rotary_frequencies_equal_transformers() {
    let llama3 = json!({"rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 512}});
    let linear = json!({"rope_parameters": null, "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}});
    for (name, fields, expected) in [("llama3", llama3, LLAMA3), ("linear", linear, LINEAR)] {
        let shape = shape_with(name, "llama", fields);
        let inverse_frequencies = &shape.rotations[0].inverse_frequencies;
        for (found, expected) in inverse_frequencies.iter().zip(expected) {
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{name}: {inverse_frequencies:?}"
            );
        }
    }
}

const LLAMA3: [f64; 6] = [
    1.0,
    0.2154434472322464,
    0.04346875473856926,
    0.0012499999720603228,
    0.0002693042915780097,
    5.801986844744533e-05,
];
const LINEAR: [f64; 6] = [
    0.25,
    0.0538608618080616,
    0.011603971011936665,
    0.0024999999441206455,
    0.0005386085831560194,
    0.00011603973689489067,
];

#[test]
fn gpt2_attention_scaling_switches_change_the_scores() {
    let plain = load_shape(&oracle("gpt2")).unwrap();
    assert_eq!(plain.attention_scale(2), 1.0 / 12f64.sqrt());
    let inverse = shape_with(
        "inverse",
        "gpt2",
        json!({"scale_attn_by_inverse_layer_idx": true}),
    );
    assert_eq!(inverse.attention_scale(2), 1.0 / 12f64.sqrt() / 3.0);
    let unscaled = shape_with("unscaled", "gpt2", json!({"scale_attn_weights": false}));
    assert_eq!(unscaled.attention_scale(2), 1.0);
}

#[test]
fn llama_biases_are_read_where_the_configuration_has_them() {
    let dir = copy_of("llama", "llama-biases");
    set_config(&dir, json!({"attention_bias": true, "mlp_bias": true}));
    assert!(
        refusal(&dir).starts_with("tensor \"model.layers.0.self_attn.q_proj.bias\" is missing")
    );
    edit_tensors(&dir, |tensors| {
        let mut more = Vec::new();
        for (name, _, dims, _) in tensors.iter().filter(|t| t.0.ends_with("_proj.weight")) {
            let name = name.replace(".weight", ".bias");
            more.push((name, Dtype::F32, vec![dims[0]], floats(&vec![0.0; dims[0]])));
        }
        tensors.extend(more);
    });
    let zero = load(&dir, &device()).unwrap();
    assert_eq!(
        hidden(&zero, "llama"),
        hidden(&pretrained("llama"), "llama")
    );
    edit_tensors(&dir, |tensors| {
        let bias = tensors
            .iter_mut()
            .find(|t| t.0 == "model.layers.1.mlp.down_proj.bias")
            .unwrap();
        bias.3 = floats(&[0.5; 48]);
    });
    let half = load(&dir, &device()).unwrap();
    let bias = half.backbone.blocks[1]
        .feed_forward
        .down
        .bias
        .as_ref()
        .unwrap();
    assert_eq!(values(bias.val()), [0.5; 48]);
    assert_ne!(hidden(&half, "llama"), hidden(&zero, "llama"));
}
