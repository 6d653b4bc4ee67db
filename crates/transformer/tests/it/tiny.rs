//! Tiny models of every kind that is read, with random weights: one config.json each, odd sizes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Map, Value, json};
use transformer::{Backbone, Batch, Encoded, Shape, Side, collate_to, load_shape};

use crate::fixtures::*;

/// Tokens that the words of the tiny vocabulary may be.
pub(crate) const VOCAB: usize = 61;

/// What most config.json files say.
fn common() -> Value {
    json!({
        "vocab_size": VOCAB, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
        "max_position_embeddings": 64, "initializer_range": 0.2, "tie_word_embeddings": true, "pad_token_id": 0,
    })
}

fn of(model_type: &str, own: Value) -> Value {
    let mut all: Map<String, Value> = common().as_object().unwrap().clone();
    all.insert("model_type".to_owned(), json!(model_type));
    all.extend(own.as_object().unwrap().clone());
    Value::Object(all)
}

/// Name and config.json of each kind.
pub(crate) fn configs() -> Vec<(&'static str, Value)> {
    let mut all = encoders();
    all.extend(decoders());
    all
}

fn encoders() -> Vec<(&'static str, Value)> {
    let bert = json!({"hidden_act": "gelu", "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1});
    let bert_with = |own: Value| {
        let mut all = bert.as_object().unwrap().clone();
        all.extend(own.as_object().unwrap().clone());
        Value::Object(all)
    };
    let deberta = bert_with(
        json!({"type_vocab_size": 0, "relative_attention": true, "position_buckets": 8,
        "max_relative_positions": -1, "share_att_key": true, "pos_att_type": "p2c|c2p", "norm_rel_ebd": "layer_norm",
        "position_biased_input": false, "layer_norm_eps": 1e-7}),
    );
    vec![
        (
            "electra",
            of("electra", bert_with(json!({"embedding_size": 16}))),
        ),
        (
            "mpnet",
            of(
                "mpnet",
                json!({"hidden_act": "gelu", "layer_norm_eps": 1e-5, "relative_attention_num_buckets": 32, "pad_token_id": 1}),
            ),
        ),
        (
            "albert",
            of(
                "albert",
                bert_with(
                    json!({"embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 1,
                    "hidden_act": "gelu_new"}),
                ),
            ),
        ),
        ("deberta-v2", of("deberta-v2", deberta)),
        (
            "modernbert",
            of(
                "modernbert",
                json!({"hidden_activation": "gelu", "norm_eps": 1e-5, "global_attn_every_n_layers": 3, "local_attention": 6,
                    "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}),
            ),
        ),
        (
            "eurobert",
            of(
                "eurobert",
                json!({"num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 250000.0}),
            ),
        ),
        (
            "gemma3 both ways",
            of(
                "gemma3_text",
                gemma(
                    json!({"use_bidirectional_attention": true, "sliding_window": 8, "sliding_window_pattern": 3}),
                ),
            ),
        ),
    ]
}

fn gemma(own: Value) -> Value {
    let mut all = json!({"num_key_value_heads": 1, "head_dim": 6, "hidden_activation": "gelu_pytorch_tanh", "rms_norm_eps": 1e-6,
        "query_pre_attn_scalar": 5, "rope_theta": 10000.0});
    let fields = all.as_object_mut().unwrap();
    fields.extend(own.as_object().unwrap().clone());
    all
}

fn decoders() -> Vec<(&'static str, Value)> {
    let llama = |own: Value| {
        let mut all = json!({"hidden_act": "silu", "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "rope_theta": 10000.0});
        let fields = all.as_object_mut().unwrap();
        fields.extend(own.as_object().unwrap().clone());
        all
    };
    let long = json!({"type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [1.0, 2.0, 4.0, 9.0]});
    vec![
        (
            "gpt2",
            json!({"model_type": "gpt2", "vocab_size": VOCAB, "n_embd": 24, "n_layer": 3, "n_head": 3, "n_inner": 40, "n_positions": 64,
                "initializer_range": 0.2}),
        ),
        ("qwen2", of("qwen2", llama(json!({})))),
        ("qwen3", of("qwen3", llama(json!({"head_dim": 10})))),
        (
            "mistral",
            of("mistral", llama(json!({"sliding_window": 4}))),
        ),
        (
            "gemma2",
            of(
                "gemma2",
                gemma(
                    json!({"sliding_window": 4, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 1.0}),
                ),
            ),
        ),
        (
            "gemma3",
            of(
                "gemma3_text",
                gemma(
                    json!({"sliding_window": 4, "sliding_window_pattern": 3, "rope_local_base_freq": 100.0}),
                ),
            ),
        ),
        (
            "phi3",
            of(
                "phi3",
                llama(
                    json!({"original_max_position_embeddings": 16, "rope_scaling": long, "pad_token_id": 0}),
                ),
            ),
        ),
        ("olmo2", of("olmo2", llama(json!({})))),
        (
            "smollm3",
            of("smollm3", llama(json!({"no_rope_layers": [1, 0, 1]}))),
        ),
        (
            "gpt_neox",
            of(
                "gpt_neox",
                json!({"hidden_act": "gelu", "layer_norm_eps": 1e-5, "rotary_pct": 0.5, "rotary_emb_base": 10000, "use_parallel_residual": true}),
            ),
        ),
        (
            "opt",
            of(
                "opt",
                json!({"ffn_dim": 40, "activation_function": "relu", "do_layer_norm_before": true, "word_embed_proj_dim": 24,
                    "pad_token_id": 1}),
            ),
        ),
        (
            "modernbert-decoder",
            of(
                "modernbert-decoder",
                json!({"hidden_activation": "gelu", "norm_eps": 1e-5, "global_attn_every_n_layers": 3, "local_attention": 6,
                    "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}),
            ),
        ),
    ]
}

/// The shape that a kind's config.json describes. Read once: tests run side by side.
pub(crate) fn shape(name: &str) -> Shape {
    static SHAPES: LazyLock<BTreeMap<&str, Shape>> = LazyLock::new(|| {
        let dir = scratch("tiny");
        let read = configs().into_iter().map(|(name, config)| {
            std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
            let shape = load_shape(&dir);
            (name, shape.unwrap_or_else(|e| panic!("{name}: {e}")))
        });
        read.collect()
    });
    SHAPES[name].clone()
}

/// Random weights, gains and biases too, a function of the shape.
pub(crate) fn model(shape: &Shape) -> Backbone {
    model_on(shape, &device())
}

pub(crate) fn model_on(shape: &Shape, device: &Device) -> Backbone {
    Backbone::random(shape, 3, device).map(&mut Shake(1))
}

/// Adds up to a quarter to every number, so that no bias is 0 and no gain 1.
pub(crate) struct Shake(pub(crate) u64);

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let (dims, device) = (tensor.dims(), tensor.device());
            let tracked = tensor.is_require_grad();
            let mut numbers = values(tensor);
            for number in &mut numbers {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *number += (self.0 >> 40) as f32 / (1 << 24) as f32 * 0.5 - 0.25;
            }
            Tensor::from_data(TensorData::new(numbers, dims), &device).set_require_grad(tracked)
        })
    }
}

/// A text of so many words, none of them a special token.
pub(crate) fn text(length: usize, seed: u32) -> Encoded {
    let ids = (0..length as u32).map(|at| 4 + (at * at * 7 + at * 5 + seed * 13) % 57);
    Encoded {
        ids: ids.collect(),
        types: vec![0; length],
        truncated_tokens: 0,
    }
}

/// Texts in one batch of `length` tokens.
pub(crate) fn batch_of(texts: &[&Encoded], length: usize, side: Side) -> Batch {
    collate_to(length, texts, 3, side, &device())
}

/// All parameters by their paths.
pub(crate) fn parameters<M: Module>(module: &M) -> Vec<(String, Vec<f32>)> {
    struct Visit(Vec<String>, Vec<(String, Vec<f32>)>);
    impl burn::module::ModuleVisitor for Visit {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push((self.0.join("."), values(param.val())));
        }
    }
    let mut visit = Visit(Vec::new(), Vec::new());
    module.visit(&mut visit);
    visit.1
}
