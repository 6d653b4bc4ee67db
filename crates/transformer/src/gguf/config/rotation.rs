//! How a model rotates queries and keys, in the words of `rope_parameters`.

use serde_json::{Value, json};

use super::Keys;
use crate::gguf::names::{FACTORS, LONG_FACTORS, SHORT_FACTORS};
use crate::gguf::{encoding, value};
use crate::load::LoadError;

impl Keys<'_> {
    /// With the base that ggml takes where the file says none.
    pub(super) fn rotation(&self) -> Result<Value, LoadError> {
        self.rotation_with(10_000.0)
    }

    pub(super) fn rotation_with(&self, usual: f64) -> Result<Value, LoadError> {
        let mut rotation = self.scaling()?;
        rotation["rope_theta"] = json!(self.number("rope.freq_base")?.unwrap_or(usual));
        if let Some(rotated) = self.count("rope.dimension_count")? {
            let whole = self.head_width()?.or(self.share_of_a_head()?);
            if let Some(whole) = whole.filter(|whole| rotated != *whole) {
                rotation["partial_rotary_factor"] = json!(rotated as f64 / whole as f64);
            }
        }
        Ok(rotation)
    }

    fn scaling(&self) -> Result<Value, LoadError> {
        if let Some(factors) = self.factors(FACTORS)? {
            // Llama 3's stretched wavelengths stand in the file as what they divide each frequency by, for texts of any length.
            let length = self.needed_count("context_length")?;
            return Ok(long_rope(&factors, &factors, json!(1.0), length));
        }
        let long = self
            .factors(LONG_FACTORS)?
            .zip(self.factors(SHORT_FACTORS)?);
        if let Some((long, short)) = long {
            let length = self.needed_count("rope.scaling.original_context_length")?;
            let factor = json!(self.number("rope.scaling.attn_factor")?);
            return Ok(long_rope(&short, &long, factor, length));
        }
        let key = self.key("rope.scaling.type");
        let kind = self.gguf.metadata().text(&key)?;
        let factor = || self.needed_number("rope.scaling.factor");
        match kind {
            None if self
                .number("rope.scale_linear")?
                .is_some_and(|factor| factor != 1.0) =>
            {
                Ok(json!({"rope_type": "linear", "factor": self.number("rope.scale_linear")?}))
            }
            None | Some("none") => Ok(json!({"rope_type": "default"})),
            Some("linear") => Ok(json!({"rope_type": "linear", "factor": factor()?})),
            Some("yarn") => self.yarn(factor()?),
            Some(other) => Err(self.gguf.unsupported(
                format!("scales its rotation by \"{}\"", value::start_of(other)),
                "read are none, linear, yarn and factors for each frequency",
            )),
        }
    }

    fn yarn(&self, factor: f64) -> Result<Value, LoadError> {
        let length = self.needed_count("rope.scaling.original_context_length")?;
        let mut rotation = json!({
            "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": length,
        });
        for (name, own) in [
            ("yarn_attn_factor", "attention_factor"),
            ("yarn_beta_fast", "beta_fast"),
            ("yarn_beta_slow", "beta_slow"),
        ] {
            if let Some(value) = self.number(&format!("rope.scaling.{name}"))? {
                rotation[own] = json!(value);
            }
        }
        Ok(rotation)
    }

    /// A tensor of factors, one for each pair of dimensions; it is read with the head, so it may not be longer than heads are wide.
    fn factors(&self, name: &str) -> Result<Option<Vec<f64>>, LoadError> {
        const MOST: usize = 1 << 16;
        let Some(place) = self.gguf.place(name) else {
            return Ok(None);
        };
        let file = self.gguf.file.clone();
        if place.dims.iter().product::<usize>() > MOST {
            let problem = format!("tensor \"{name}\" has shape {:?}", place.dims);
            return Err(crate::gguf::GgufError::Damaged { file, problem }.into());
        }
        let as_stored = encoding::Encoding {
            kind: place.kind,
            form: encoding::Form::Same,
        };
        let read = encoding::read_values(&file, place.offset, &place.dims, as_stored);
        let values = read.map_err(|source| LoadError::Read { file, source })?;
        Ok(Some(values.into_iter().map(f64::from).collect()))
    }
}

/// Frequencies divided by factors of their own, other ones beyond `length`.
fn long_rope(short: &[f64], long: &[f64], attention_factor: Value, length: u64) -> Value {
    let mut rotation = json!({
        "rope_type": "longrope",
        "short_factor": short,
        "long_factor": long,
        "original_max_position_embeddings": length,
    });
    if !attention_factor.is_null() {
        rotation["attention_factor"] = attention_factor;
    }
    rotation
}
