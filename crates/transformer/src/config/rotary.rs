//! The frequencies of rotary positions, by `rope_theta` and `rope_scaling` (older files) or `rope_parameters` (newer ones).
//! After `modeling_rope_utils.py` of `transformers`.

use serde_json::{Map, Value};

use super::Config;
use crate::load::LoadError;

/// No model has heads half as wide; one frequency is computed for each pair of a head's dimensions.
const WIDEST_HEAD: usize = 1 << 16;

/// The keys that some kind of scaling has. A kind ignores those of the others, in `transformers` too.
const OF_OTHER_KINDS: [&str; 12] = [
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "short_factor",
    "long_factor",
];

const OF_ALL_KINDS: [&str; 4] = ["type", "rope_type", "rope_theta", "partial_rotary_factor"];

/// The object that describes the rotation, under the name that it has in the file.
struct Rotation {
    key: &'static str,
    inner: Config,
    kind: String,
}

impl Rotation {
    /// Keys that this kind of scaling reads, beside those of all kinds.
    fn own_keys(&self) -> &'static [&'static str] {
        match self.kind.as_str() {
            "linear" => &OF_OTHER_KINDS[..1],
            "llama3" => &OF_OTHER_KINDS[..4],
            _ => &[],
        }
    }
}

impl Config {
    /// θ^(-2i/d), rescaled.
    pub(super) fn inverse_frequencies(
        &self,
        head_dim: usize,
        max_length: usize,
    ) -> Result<Vec<f64>, LoadError> {
        if head_dim % 2 == 1 || head_dim > WIDEST_HEAD {
            let expected = format!("an even number, at most {WIDEST_HEAD}");
            return Err(self.field("head_dim", &expected));
        }
        let rotation = self.rotation()?;
        let Rotation { key, inner, kind } = &rotation;
        let theta = inner.positive_or("rope_theta", self.positive_or("rope_theta", 10_000.0)?)?;
        let pairs = (0..head_dim / 2).map(|i| theta.powf(-2.0 * i as f64 / head_dim as f64));
        let frequencies: Vec<f64> = match kind.as_str() {
            "default" => pairs.collect(),
            "linear" => {
                let factor = inner.positive("factor")?;
                pairs.map(|frequency| frequency / factor).collect()
            }
            "llama3" => {
                let scale = self.llama3_scaling(inner, max_length)?;
                pairs.map(|frequency| scale.apply(frequency)).collect()
            }
            _ => {
                return Err(LoadError::UnsupportedSetting {
                    file: self.file.clone(),
                    key: (*key).to_owned(),
                    found: format!("\"{kind}\""),
                    reason: "supported types are default, linear and llama3".to_owned(),
                });
            }
        };
        rotation.refuse_unknown_keys()?;
        // Beyond this a float is infinite, and so is every state.
        if frequencies.iter().any(|&f| f > f64::from(f32::MAX)) {
            return Err(inner.field("rope_theta", "a number whose powers are finite"));
        }
        Ok(frequencies)
    }

    fn llama3_scaling(
        &self,
        inner: &Config,
        max_length: usize,
    ) -> Result<Llama3Scaling, LoadError> {
        let key = "original_max_position_embeddings";
        let within = inner.positive_or(key, max_length as f64)?;
        let scale = Llama3Scaling {
            factor: inner.positive("factor")?,
            low: inner.positive("low_freq_factor")?,
            high: inner.positive("high_freq_factor")?,
            // Beside the object it wins over the one within.
            length: self.positive_or(key, within)?,
        };
        if scale.high <= scale.low {
            return Err(inner.field("high_freq_factor", "more than low_freq_factor"));
        }
        Ok(scale)
    }

    /// An object called `rope_scaling` wins over `rope_parameters`, unless it is empty.
    fn rotation(&self) -> Result<Rotation, LoadError> {
        let filled = |fields: &Map<String, Value>| !fields.is_empty();
        let (key, fields) = match self.object("rope_scaling")?.filter(filled) {
            Some(fields) => ("rope_scaling", fields),
            None => (
                "rope_parameters",
                self.object("rope_parameters")?.unwrap_or_default(),
            ),
        };
        let inner = Config {
            file: self.file.clone(),
            fields,
        };
        let kind = inner.text("type", Some("default"))?;
        let kind = inner.text("rope_type", Some(&kind))?;
        Ok(Rotation { key, inner, kind })
    }

    /// Keys of the scaling that are there and change nothing.
    pub(super) fn idle_scaling_keys(&self) -> Vec<String> {
        let Ok(rotation) = self.rotation() else {
            return Vec::new();
        };
        let own = rotation.own_keys();
        let keys = rotation.inner.fields.iter();
        let idle = keys.filter(|(key, value)| {
            let key = key.as_str();
            !value.is_null() && OF_OTHER_KINDS.contains(&key) && !own.contains(&key)
        });
        idle.map(|(key, _)| format!("\"{key}\" in \"{}\"", rotation.key))
            .collect()
    }
}

impl Rotation {
    fn refuse_unknown_keys(&self) -> Result<(), LoadError> {
        let rotated = self.inner.fields.get("partial_rotary_factor");
        if rotated.is_some_and(|part| !part.is_null() && part.as_f64() != Some(1.0)) {
            return Err(self.refused("partial_rotary_factor", "only 1.0 is"));
        }
        let mut keys = self.inner.fields.keys();
        let unknown = keys.find(|key| {
            !OF_ALL_KINDS.contains(&key.as_str()) && !OF_OTHER_KINDS.contains(&key.as_str())
        });
        match unknown {
            None => Ok(()),
            Some(key) => Err(self.refused(key, "no such key is known")),
        }
    }

    fn refused(&self, key: &str, reason: &str) -> LoadError {
        LoadError::UnsupportedSetting {
            file: self.inner.file.clone(),
            key: format!("{}.{key}", self.key),
            found: self.inner.fields[key].to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// Llama 3.1's stretching of long wavelengths, as `_compute_llama3_parameters` in `transformers`.
struct Llama3Scaling {
    factor: f64,
    low: f64,
    high: f64,
    length: f64,
}

impl Llama3Scaling {
    fn apply(&self, frequency: f64) -> f64 {
        let turns = self.length * frequency / (2.0 * std::f64::consts::PI); // Full turns over the original window.
        if turns < self.low {
            frequency / self.factor
        } else if turns > self.high {
            frequency
        } else {
            let smooth = (turns - self.low) / (self.high - self.low);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}
