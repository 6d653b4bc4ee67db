//! What `config.json` asks for that is done otherwise here, or not at all, and that does no harm to say beside the results.

use serde_json::Value;

use super::Config;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

impl Config {
    /// One sentence each. `stored`: the number format of the first tensor in the file, which counts where config.json names none.
    pub(crate) fn notes(
        &self,
        shape: &Shape,
        stored: Option<&str>,
    ) -> Result<Vec<String>, LoadError> {
        let mut notes = Vec::new();
        if let Some(format) = self.other_format(stored)? {
            notes.push(format!(
                "the weights are used as float32; transformers would compute in {format}"
            ));
        }
        if let Some(id) = self.id("pad_token_id")?.filter(|_| shape.pad_id.is_none()) {
            notes.push(format!(
                "\"pad_token_id\" in config.json is {id}, and the word embeddings have {} rows: it is not used; padding is hidden from the model whatever its id is",
                shape.vocab
            ));
        }
        if shape.architecture == Architecture::Gpt2 {
            let rate = self.probability_or("embd_pdrop", 0.1)?;
            if rate != shape.hidden_dropout {
                notes.push(format!(
                    "\"embd_pdrop\" in config.json is {rate}, and embeddings are dropped at the rate of \"resid_pdrop\", {}, as everything else is",
                    shape.hidden_dropout
                ));
            }
        }
        if self.present("auto_map").is_some() {
            notes.push(
                "\"auto_map\" in config.json names code of its own, which is not run: the model is the plain one of its model_type"
                    .to_owned(),
            );
        }
        if shape.architecture == Architecture::Llama {
            let idle = self.idle_scaling_keys();
            if !idle.is_empty() {
                notes.push(format!(
                    "without effect on this kind of scaling: {}",
                    idle.join(", ")
                ));
            }
        }
        Ok(notes)
    }

    /// The format that `transformers` would compute in, where it is not float32.
    fn other_format(&self, stored: Option<&str>) -> Result<Option<String>, LoadError> {
        let named = ["dtype", "torch_dtype"]
            .into_iter()
            .find(|key| self.present(key).is_some());
        let format = match named {
            None => stored.unwrap_or("float32").to_owned(),
            Some(key) => match self.present(key) {
                Some(Value::String(name)) => name.trim_start_matches("torch.").to_owned(),
                _ => return Err(self.field(key, FORMATS)),
            },
        };
        match format.as_str() {
            "float32" | "float" => Ok(None),
            "float16" | "half" | "bfloat16" | "float64" | "double" => Ok(Some(format)),
            _ => Err(self.field(named.unwrap_or("dtype"), FORMATS)),
        }
    }
}

const FORMATS: &str = "float32, float16, bfloat16 or float64";
