//! What `config.json` asks for that is done otherwise here, or not at all, and that does no harm to say beside the results.

use super::Config;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

impl Config {
    /// One sentence each. `stored` is the format of the weights where it is not float32.
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
        notes.extend(self.other_dropout(shape)?);
        if self.present("auto_map").is_some() {
            notes.push(
                "\"auto_map\" in config.json names code of its own, which is not run: the model is the plain one of its model_type"
                    .to_owned(),
            );
        }
        // A rotation of each kind of layer names its keys in an object of its own.
        if shape.rotations.len() == 1 {
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

    /// Where the file gives embeddings, or something within a block, a rate of its own.
    fn other_dropout(&self, shape: &Shape) -> Result<Option<String>, LoadError> {
        let (key, default, by) = match shape.architecture {
            Architecture::Gpt2 => ("embd_pdrop", 0.1, "resid_pdrop"),
            Architecture::NomicBert => ("embd_pdrop", shape.hidden_dropout, "resid_pdrop"),
            Architecture::ModernBert | Architecture::ModernBertDecoder => {
                ("embedding_dropout", 0.0, "mlp_dropout")
            }
            Architecture::Opt => {
                let rate = self.probability_or("layerdrop", 0.0)?;
                let note = "and no layer is left out in training";
                let note = format!("\"layerdrop\" in config.json is {rate}, {note}");
                return Ok((rate != 0.0).then_some(note));
            }
            _ => return Ok(None),
        };
        let rate = self.probability_or(key, default)?;
        Ok((rate != shape.hidden_dropout).then(|| {
            format!(
                "\"{key}\" in config.json is {rate}, and embeddings are dropped at the rate of \"{by}\", {}, as everything else is",
                shape.hidden_dropout
            )
        }))
    }

    /// The format that `config.json` names, in which `transformers` would compute, where it is not float32; where it names none, the
    /// format that the weights are stored in.
    fn other_format(&self, stored: Option<&str>) -> Result<Option<String>, LoadError> {
        let keys = ["dtype", "torch_dtype"];
        let Some(key) = keys.into_iter().find(|key| self.present(key).is_some()) else {
            return Ok(stored.map(str::to_owned));
        };
        let format = self.text(key, None)?;
        match format.trim_start_matches("torch.") {
            "float32" | "float" => Ok(None),
            named @ ("float16" | "half" | "bfloat16" | "float64" | "double") => {
                Ok(Some(named.to_owned()))
            }
            _ => Err(self.field(key, "float32, float16, bfloat16 or float64")),
        }
    }
}
