use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde_json::json;

use super::encoding::Form;
use super::kind::Kind;
use super::value::Value as Entry;
use super::*;

/// What the package `gguf` makes of random blocks of each format: `scripts/reference_gguf.py`.
#[test]
fn blocks_of_every_format_are_decoded_bit_by_bit() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gguf");
    let gguf = Gguf::open(&dir.join("blocks.gguf")).unwrap();
    let bytes = std::fs::read(dir.join("blocks.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(gguf.head.tensors.len(), 11);
    for place in &gguf.head.tensors {
        assert_eq!(place.kind.name(), place.name);
        let encoding = Encoding {
            kind: place.kind,
            form: Form::Same,
        };
        let found = read_values(gguf.file(), place.offset, &place.dims, encoding).unwrap();
        let view = expected.tensor(&place.name).unwrap();
        assert_eq!(view.shape(), place.dims);
        let numbers = view.data().as_chunks::<4>().0.iter();
        for (at, (found, bytes)) in found.iter().zip(numbers).enumerate() {
            let expected = f32::from_le_bytes(*bytes);
            let same = found.to_bits() == expected.to_bits();
            assert!(same, "{} {at}: {found}, expected {expected}", place.name);
        }
    }
}

/// A file of these entries and tensors that is never opened.
fn described(architecture: &str, entries: &[(&str, Entry)], tensors: &[(&str, &[usize])]) -> Gguf {
    let own = entries.iter();
    let own = own.map(|(key, value)| (format!("{architecture}.{key}"), value.clone()));
    let mut values: BTreeMap<String, Entry> = own.collect();
    let name = Entry::Text(architecture.to_owned());
    values.insert("general.architecture".to_owned(), name);
    let places = tensors.iter().map(|(name, dims)| Place {
        name: (*name).to_owned(),
        dims: dims.to_vec(),
        kind: Kind::F32,
        offset: 0,
    });
    let file = PathBuf::from("m.gguf");
    let head = Head {
        metadata: Metadata::new(&file, values),
        tensors: places.collect(),
    };
    Gguf { file, head }
}

const WORDS: (&str, &[usize]) = ("token_embd.weight", &[40, 64]);

fn sizes() -> Vec<(&'static str, Entry)> {
    let count = |key, value| (key, Entry::Integer(value));
    vec![
        count("context_length", 4096),
        count("embedding_length", 64),
        count("block_count", 3),
        count("feed_forward_length", 96),
        count("attention.head_count", 4),
        ("attention.layer_norm_rms_epsilon", Entry::Float32(1e-5)),
    ]
}

fn with(more: &[(&'static str, Entry)]) -> Vec<(&'static str, Entry)> {
    [sizes(), more.to_vec()].concat()
}

#[test]
fn sizes_stand_under_the_names_of_config_json() {
    let gguf = described("qwen2", &sizes(), &[WORDS, ("output.weight", &[40, 64])]);
    let fields = gguf.config_fields().unwrap();
    for (key, value) in [
        ("model_type", json!("qwen2")),
        ("vocab_size", json!(40)),
        ("hidden_size", json!(64)),
        ("num_hidden_layers", json!(3)),
        ("intermediate_size", json!(96)),
        ("num_attention_heads", json!(4)),
        ("num_key_value_heads", json!(4)),
        ("max_position_embeddings", json!(4096)),
        ("rms_norm_eps", json!(1e-5)),
        ("tie_word_embeddings", json!(false)),
        (
            "rope_parameters",
            json!({"rope_type": "default", "rope_theta": 10_000.0}),
        ),
    ] {
        assert_eq!(fields[key], value, "{key}");
    }
    let tied = described("qwen2", &sizes(), &[WORDS]);
    assert_eq!(tied.config_fields().unwrap()["tie_word_embeddings"], true);
}

#[test]
fn rotations_are_scaled_as_the_metadata_says() {
    let text = |text: &str| Entry::Text(text.to_owned());
    let rotation = |more: &[(&'static str, Entry)]| {
        let gguf = described("qwen3", &with(more), &[WORDS]);
        let fields = gguf.config_fields().map_err(|error| error.to_string());
        fields.map(|fields| fields["rope_parameters"].clone())
    };
    let linear = [
        ("rope.scaling.type", text("linear")),
        ("rope.scaling.factor", Entry::Float32(8.0)),
        ("rope.freq_base", Entry::Float32(1_000_000.0)),
    ];
    let expected = json!({"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0});
    assert_eq!(rotation(&linear), Ok(expected));
    let yarn = [
        ("rope.scaling.type", text("yarn")),
        ("rope.scaling.factor", Entry::Float32(4.0)),
        ("rope.scaling.original_context_length", Entry::Integer(1024)),
        ("rope.scaling.yarn_beta_fast", Entry::Float32(24.0)),
    ];
    let expected = json!({
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "beta_fast": 24.0,
        "rope_theta": 10_000.0,
    });
    assert_eq!(rotation(&yarn), Ok(expected));
    let part = [("rope.dimension_count", Entry::Integer(4))];
    let expected =
        json!({"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.25});
    assert_eq!(rotation(&part), Ok(expected));
    let none = [("rope.scaling.type", text("linear"))];
    let error = "\"qwen3.rope.scaling.factor\" in m.gguf is missing, expected a number that the model's configuration needs";
    assert_eq!(rotation(&none), Err(error.to_owned()));
}

#[test]
fn layers_of_gemma_3_and_smollm_3_differ_as_llama_cpp_has_it() {
    let window = ("attention.sliding_window", Entry::Integer(512));
    let width = ("attention.key_length", Entry::Integer(32));
    let layers = |count| ("block_count", Entry::Integer(count));
    let fields = |architecture: &str, more: &[(&'static str, Entry)]| {
        described(architecture, &with(more), &[WORDS])
            .config_fields()
            .unwrap()
    };
    let gemma = fields("gemma3", &[layers(7), window.clone(), width.clone()]);
    let (near, far) = ("sliding_attention", "full_attention");
    assert_eq!(
        gemma["layer_types"],
        json!([near, near, near, near, near, far, near])
    );
    assert_eq!(gemma["query_pre_attn_scalar"], 32);
    assert_eq!(gemma["rope_parameters"][far]["rope_theta"], 1_000_000.0);
    assert_eq!(gemma["rope_parameters"][near]["rope_theta"], 10_000.0);
    assert_eq!(gemma["use_bidirectional_attention"], false);
    let largest = fields("gemma2", &[layers(46), window.clone(), width.clone()]);
    assert_eq!(largest["query_pre_attn_scalar"], 16);
    let embedding = fields("gemma-embedding", &[window, width]);
    assert_eq!(embedding["use_bidirectional_attention"], true);
    let smollm = fields("smollm3", &[layers(5)]);
    assert_eq!(smollm["no_rope_layers"], json!([1, 1, 1, 0, 1]));
}
