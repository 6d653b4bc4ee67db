//! From the metadata of a GGUF file to the fields that config.json of the same model has, so that one reader makes a [`Shape`] of both.
//! What llama.cpp decides by the architecture's name alone (activations, which layers see a window or do not rotate) is written out.
//!
//! [`Shape`]: crate::Shape

mod gemma;
mod keys;
mod rotation;

use serde_json::{Map, Value, json};

use super::{Gguf, names};
use crate::load::LoadError;
pub(super) use keys::not_read;

/// Fields under the names of config.json.
type Fields = Map<String, Value>;

/// The configuration of the file's model.
pub(super) fn fields(gguf: &Gguf) -> Result<Fields, LoadError> {
    let architecture = names::names(gguf)?.architecture;
    let read = Keys { gguf, architecture };
    keys::refuse_what_is_not_implemented(&read)?;
    let mut fields = read.common()?;
    let own = match architecture {
        "llama" => read.llama()?,
        "qwen2" => read.qwen2()?,
        "qwen3" => read.qwen3()?,
        "smollm3" => read.smollm3(&fields)?,
        "olmo2" => read.olmo2()?,
        "phi3" => read.phi3()?,
        "gemma2" => read.gemma2()?,
        "gemma3" => read.gemma3(&fields, false)?,
        "gemma-embedding" => read.gemma3(&fields, true)?,
        "gpt2" => read.gpt2(&mut fields)?,
        "gptneox" => read.gptneox()?,
        "nomic-bert" => read.nomic_bert()?,
        _ => read.bert()?,
    };
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    Ok(fields)
}

/// The metadata of one architecture.
struct Keys<'a> {
    gguf: &'a Gguf,
    architecture: &'a str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn count(&self, name: &str) -> Result<Option<u64>, LoadError> {
        self.gguf.metadata().count(&self.key(name))
    }

    fn number(&self, name: &str) -> Result<Option<f64>, LoadError> {
        self.gguf.metadata().number(&self.key(name))
    }

    /// A number that the model cannot do without.
    fn needed<T>(&self, name: &str, found: Option<T>) -> Result<T, LoadError> {
        let expected = "a number that the model's configuration needs";
        found.ok_or_else(|| self.gguf.metadata().field(&self.key(name), expected))
    }

    fn needed_count(&self, name: &str) -> Result<u64, LoadError> {
        self.needed(name, self.count(name)?)
    }

    fn needed_number(&self, name: &str) -> Result<f64, LoadError> {
        self.needed(name, self.number(name)?)
    }

    /// The width of a head, where the file says it.
    fn head_width(&self) -> Result<Option<u64>, LoadError> {
        let (key, value) = ("attention.key_length", "attention.value_length");
        let (keys, values) = (self.count(key)?, self.count(value)?);
        if let (Some(keys), Some(values)) = (keys, values)
            && keys != values
        {
            let expected = format!("{keys}, as \"{}\"", self.key(key));
            return Err(self.gguf.metadata().field(&self.key(value), &expected));
        }
        Ok(keys)
    }

    /// The width of the model by its heads, where they divide it: not every type of model has that as its default.
    fn share_of_a_head(&self) -> Result<Option<u64>, LoadError> {
        let heads = self.needed_count("attention.head_count")?;
        let width = self.needed_count("embedding_length")?;
        Ok(width.checked_div(heads).filter(|_| width % heads == 0))
    }

    /// What all architectures have.
    fn common(&self) -> Result<Fields, LoadError> {
        let heads = self.needed_count("attention.head_count")?;
        let words = self.gguf.place("token_embd.weight");
        let words = words.map(|place| place.dims[0]);
        let named = |key: &str| {
            self.gguf
                .metadata()
                .id(&format!("tokenizer.ggml.{key}_token_id"))
        };
        let mut fields = Fields::new();
        let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        put("vocab_size", json!(words));
        put("hidden_size", json!(self.needed_count("embedding_length")?));
        put(
            "num_hidden_layers",
            json!(self.needed_count("block_count")?),
        );
        put(
            "intermediate_size",
            json!(self.needed_count("feed_forward_length")?),
        );
        put("num_attention_heads", json!(heads));
        let kv_heads = self.count("attention.head_count_kv")?.unwrap_or(heads);
        put("num_key_value_heads", json!(kv_heads));
        put(
            "max_position_embeddings",
            json!(self.needed_count("context_length")?),
        );
        put(
            "tie_word_embeddings",
            json!(self.gguf.place("output.weight").is_none()),
        );
        put("bos_token_id", json!(named("bos")?));
        put("eos_token_id", json!(named("eos")?));
        put("pad_token_id", json!(named("padding")?));
        put("dtype", json!("float32"));
        Ok(fields)
    }

    /// What the decoders with root-mean-square norms and rotation have in common.
    fn decoder(&self, model_type: &str, mut own: Value) -> Result<Value, LoadError> {
        own["model_type"] = json!(model_type);
        own["rms_norm_eps"] = json!(self.needed_number("attention.layer_norm_rms_epsilon")?);
        own["head_dim"] = json!(self.head_width()?.or(self.share_of_a_head()?));
        if own["rope_parameters"].is_null() {
            own["rope_parameters"] = self.rotation()?;
        }
        if own["hidden_activation"].is_null() {
            own["hidden_act"] = json!("silu");
        }
        Ok(own)
    }

    fn llama(&self) -> Result<Value, LoadError> {
        let bias = |name: &str| self.gguf.place(name).is_some();
        let own = json!({
            "attention_bias": bias("blk.0.attn_q.bias"),
            "mlp_bias": bias("blk.0.ffn_up.bias"),
        });
        let window = self.count("attention.sliding_window")?;
        match window.filter(|window| *window > 0) {
            None => self.decoder("llama", own),
            Some(window) => self.decoder("mistral", json!({"sliding_window": window})),
        }
    }

    fn qwen2(&self) -> Result<Value, LoadError> {
        self.decoder("qwen2", json!({"use_sliding_window": false}))
    }

    fn qwen3(&self) -> Result<Value, LoadError> {
        let own = json!({"use_sliding_window": false, "attention_bias": false});
        self.decoder("qwen3", own)
    }

    /// Every fourth layer does not rotate.
    fn smollm3(&self, fields: &Fields) -> Result<Value, LoadError> {
        let layers = layers(fields);
        let rotates: Vec<u8> = layers.map(|layer| u8::from(layer % 4 != 3)).collect();
        let own = json!({
            "no_rope_layer_interval": 4,
            "no_rope_layers": rotates,
            "use_sliding_window": false,
            "attention_bias": false,
            "mlp_bias": false,
        });
        self.decoder("smollm3", own)
    }

    fn olmo2(&self) -> Result<Value, LoadError> {
        self.decoder("olmo2", json!({"attention_bias": false}))
    }

    fn phi3(&self) -> Result<Value, LoadError> {
        let window = self.count("attention.sliding_window")?;
        let mut own = json!({"sliding_window": window.filter(|window| *window > 0)});
        let key = "rope.scaling.original_context_length";
        if let Some(length) = self.count(key)? {
            own["original_max_position_embeddings"] = json!(length);
        }
        self.decoder("phi3", own)
    }

    fn gpt2(&self, fields: &mut Fields) -> Result<Value, LoadError> {
        for (name, own) in [
            ("hidden_size", "n_embd"),
            ("num_hidden_layers", "n_layer"),
            ("num_attention_heads", "n_head"),
            ("max_position_embeddings", "n_positions"),
            ("intermediate_size", "n_inner"),
        ] {
            if let Some(value) = fields.remove(name) {
                fields.insert(own.to_owned(), value);
            }
        }
        fields.remove("num_key_value_heads");
        Ok(json!({
            "model_type": "gpt2",
            "activation_function": "gelu_new",
            "layer_norm_epsilon": self.needed_number("attention.layer_norm_epsilon")?,
        }))
    }

    fn gptneox(&self) -> Result<Value, LoadError> {
        let parallel = self.key("use_parallel_residual");
        let mut rotation = self.rotation()?;
        if rotation["partial_rotary_factor"].is_null() {
            rotation["partial_rotary_factor"] = json!(1.0); // Where none is said, a quarter of each head is meant.
        }
        Ok(json!({
            "model_type": "gpt_neox",
            "hidden_act": "gelu",
            "layer_norm_eps": self.needed_number("attention.layer_norm_epsilon")?,
            "use_parallel_residual": self.gguf.metadata().flag(&parallel)?.unwrap_or(true),
            "attention_bias": true,
            "rope_parameters": rotation,
        }))
    }

    /// An encoder with WordPiece, whose tokens with a function are other ones.
    fn encoder(&self, model_type: &str) -> Result<Value, LoadError> {
        let types = self.gguf.place("token_types.weight");
        Ok(json!({
            "model_type": model_type,
            "layer_norm_eps": self.needed_number("attention.layer_norm_epsilon")?,
            "type_vocab_size": types.map(|place| place.dims[0]),
            "bos_token_id": null,
            "eos_token_id": null,
        }))
    }

    fn bert(&self) -> Result<Value, LoadError> {
        let mut own = self.encoder("bert")?;
        own["hidden_act"] = json!("gelu");
        Ok(own)
    }

    fn nomic_bert(&self) -> Result<Value, LoadError> {
        let mut own = self.encoder("nomic_bert")?;
        own["hidden_act"] = json!("silu");
        own["rope_parameters"] = self.rotation_with(1_000.0)?;
        Ok(own)
    }
}

/// The layers that the configuration asks for, so many at most as there can be.
fn layers(fields: &Fields) -> impl Iterator<Item = u64> {
    const MOST: u64 = 1 << 16;
    let layers = fields["num_hidden_layers"].as_u64().unwrap_or(0);
    0..layers.min(MOST)
}
