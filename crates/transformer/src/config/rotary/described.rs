//! The object in which `config.json` describes a rotation.

use serde_json::{Map, Value};

use super::{Rotary, WHOLE_HEADS};
use crate::config::Config;
use crate::load::LoadError;
use crate::shape::{LongRotation, Rotation};

/// The keys that some kind of scaling has. A kind ignores those of the others, in `transformers` too.
const OF_SOME_KINDS: [&str; 12] = [
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

/// The object that describes a rotation, under the name that it has in the file.
pub(super) struct Described {
    pub(super) key: String,
    pub(super) inner: Config,
    pub(super) kind: String,
}

impl Config {
    /// An object called `rope_scaling` wins over `rope_parameters`, unless it is empty.
    pub(super) fn described(&self, rotary: &Rotary) -> Result<Described, LoadError> {
        let filled = |fields: &Map<String, Value>| !fields.is_empty();
        let parameters = self.object("rope_parameters")?;
        let (key, fields) = match self.object("rope_scaling")?.filter(filled) {
            Some(fields) => ("rope_scaling", fields),
            None => ("rope_parameters", parameters.unwrap_or_default()),
        };
        let inner = Config::new(self.file.clone(), fields);
        let mut kind = inner.rope_type()?;
        if rotary.longrope_too.contains(&kind.as_str()) {
            kind = "longrope".to_owned();
        }
        Ok(Described {
            key: key.to_owned(),
            inner,
            kind,
        })
    }

    pub(super) fn rope_type(&self) -> Result<String, LoadError> {
        let kind = self.text("type", Some("default"))?;
        self.text("rope_type", Some(&kind))
    }

    /// Keys of the scaling that are there and change nothing.
    pub(in crate::config) fn idle_scaling_keys(&self) -> Vec<String> {
        let Ok(described) = self.described(&WHOLE_HEADS) else {
            return Vec::new();
        };
        let own = described.own_keys();
        let keys = described.inner.fields.iter();
        let idle = keys.filter(|(key, value)| {
            let key = key.as_str();
            !value.is_null() && OF_SOME_KINDS.contains(&key) && !own.contains(&key)
        });
        idle.map(|(key, _)| format!("\"{key}\" in \"{}\"", described.key))
            .collect()
    }
}

impl Described {
    /// Keys that this kind of scaling reads, beside those of all kinds.
    fn own_keys(&self) -> &'static [&'static str] {
        match self.kind.as_str() {
            "linear" | "ntk" => &OF_SOME_KINDS[..1],
            "llama3" => &OF_SOME_KINDS[..4],
            "default" => &[],
            // Longrope under any of its names, and yarn.
            _ => &OF_SOME_KINDS,
        }
    }

    pub(super) fn refuse_unknown_keys(&self, reads_part: bool) -> Result<(), LoadError> {
        let part = self.inner.present("partial_rotary_factor");
        if part.is_some_and(|part| !reads_part && part.as_f64() != Some(1.0)) {
            return Err(self.refused("partial_rotary_factor", "only 1.0 is"));
        }
        let mut keys = self.inner.fields.iter();
        let unknown = keys.find(|(key, value)| {
            let key = key.as_str();
            let known = OF_ALL_KINDS.contains(&key) || OF_SOME_KINDS.contains(&key);
            !(known || key == "mixed_b" && value.is_null())
        });
        match unknown {
            None => Ok(()),
            Some((key, _)) => Err(self.refused(key, "no such key is known")),
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

    /// Beyond the largest float an angle is infinite, and so is every state.
    pub(super) fn finite(&self, rotation: Rotation) -> Result<Rotation, LoadError> {
        let long = rotation.long.iter();
        let long = long.flat_map(|long: &LongRotation| &long.inverse_frequencies);
        let mut all = rotation.inverse_frequencies.iter().chain(long);
        let largest = f64::from(f32::MAX);
        if !all.all(|&frequency| frequency <= largest) {
            let expected = "a number whose powers are finite";
            return Err(self.inner.field("rope_theta", expected));
        }
        Ok(rotation)
    }
}
