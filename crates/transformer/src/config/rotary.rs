//! The angles of rotary positions, by `rope_theta` and `rope_scaling` (older files) or `rope_parameters` (newer ones).
//! After `modeling_rope_utils.py` of `transformers`.

mod described;
mod scaling;

use serde_json::Map;

use super::Config;
use super::layers::{FULL, SLIDING};
use crate::load::LoadError;
use crate::shape::{Rotation, Shape};
use described::Described;
use scaling::Scaling;

/// No model has heads half as wide; one frequency is computed for each pair of a head's dimensions.
const WIDEST_HEAD: usize = 1 << 16;

/// What a family says of its rotation where the file says nothing, and under which names older files say it.
pub(super) struct Rotary {
    /// Base of the angles.
    pub(super) theta: f64,
    /// Its names beside the object.
    pub(super) theta_keys: &'static [&'static str],
    /// The part of each head that is rotated; none: all of it.
    pub(super) part: Option<Part>,
    /// The kinds of scaling that are read.
    pub(super) kinds: &'static [&'static str],
    /// Other names of longrope.
    pub(super) longrope_too: &'static [&'static str],
    /// The length of the texts in pretraining, where only the field beside the object counts.
    pub(super) original_length: Option<usize>,
}

/// A part of each head, by name.
pub(super) struct Part {
    /// Its name beside the object.
    pub(super) key: &'static str,
    pub(super) default: f64,
}

pub(super) const WHOLE_HEADS: Rotary = Rotary {
    theta: 10_000.0,
    theta_keys: &["rope_theta"],
    part: None,
    kinds: &["default", "linear", "llama3", "yarn", "longrope"],
    longrope_too: &[],
    original_length: None,
};

/// Names and defaults of the bases of layers that see all tokens, and of those that slide.
pub(super) struct ByKind {
    pub(super) full: (&'static str, f64),
    pub(super) sliding: (&'static str, f64),
    /// Whether `rope_scaling` stretches the sliding layers too.
    pub(super) scales_sliding: bool,
}

impl Config {
    /// The rotation of models that have one.
    pub(super) fn rotation(&self, shape: &Shape, rotary: &Rotary) -> Result<Rotation, LoadError> {
        let described = self.described(rotary)?;
        let inner = &described.inner;
        let beside = rotary.theta_keys.iter();
        let theta = beside
            .rev()
            .try_fold(rotary.theta, |theta, key| self.positive_or(key, theta))?;
        let theta = inner.positive_or("rope_theta", theta)?;
        let rotated = self.rotated(&described, shape.head_dim, rotary)?;
        if !rotary.kinds.contains(&described.kind.as_str()) {
            return Err(self.other_kind(&described, rotary.kinds));
        }
        let within = inner.count_or("original_max_position_embeddings", shape.max_length);
        let original = match rotary.original_length {
            Some(length) => length,
            None => within?,
        };
        let scaling = Scaling {
            inner,
            rotated,
            theta,
            max_length: shape.max_length,
            // Beside the object it wins over the one within.
            original: self.count_or("original_max_position_embeddings", original)?,
        };
        let rotation = match described.kind.as_str() {
            "linear" => scaling.linear()?,
            "llama3" => scaling.llama3()?,
            "yarn" => scaling.yarn()?,
            "longrope" => scaling.longrope()?,
            "ntk" => scaling.ntk()?,
            _ => scaling.default(),
        };
        described.refuse_unknown_keys(rotary.part.is_some())?;
        described.finite(rotation)
    }

    /// How many dimensions of each head are rotated.
    fn rotated(
        &self,
        described: &Described,
        head_dim: usize,
        rotary: &Rotary,
    ) -> Result<usize, LoadError> {
        let widest = format!("an even number, at most {WIDEST_HEAD}");
        if head_dim > WIDEST_HEAD || rotary.part.is_none() && head_dim % 2 == 1 {
            return Err(self.field("head_dim", &widest));
        }
        let Some(part) = &rotary.part else {
            return Ok(head_dim);
        };
        let (key, inner) = ("partial_rotary_factor", &described.inner);
        let part = inner.positive_or(key, self.positive_or(part.key, part.default)?)?;
        let rotated = (head_dim as f64 * part) as usize;
        if rotated == 0 || 2 * rotated.div_ceil(2) > head_dim {
            let expected = format!("a part of a head's {head_dim} dimensions, at most 1");
            return Err(inner.field(key, &expected));
        }
        Ok(rotated)
    }

    /// The rotations of models that have one for each kind of layer: of those that see all, and of those that slide.
    pub(super) fn rotations_by_kind(
        &self,
        shape: &Shape,
        rotary: &ByKind,
    ) -> Result<Vec<Rotation>, LoadError> {
        if shape.head_dim % 2 == 1 || shape.head_dim > WIDEST_HEAD {
            let expected = format!("an even number, at most {WIDEST_HEAD}");
            return Err(self.field("head_dim", &expected));
        }
        let parameters = self.object("rope_parameters")?;
        let strange = parameters.iter().flatten().find(|(key, value)| {
            *key != FULL && *key != SLIDING || !(value.is_object() || value.is_null())
        });
        if let Some((key, found)) = strange {
            let key = format!("rope_parameters.{key}");
            let reason = format!("expected an object for \"{FULL}\" and one for \"{SLIDING}\"");
            return Err(self.unsupported(&key, found, &reason));
        }
        let scaling = self.object("rope_scaling")?.unwrap_or_default();
        let kinds = [
            (FULL, rotary.full, true),
            (SLIDING, rotary.sliding, rotary.scales_sliding),
        ];
        let rotations = kinds.into_iter().map(|(kind, (key, theta), scales)| {
            // Without `rope_parameters` the kind is "default", so that "type", its older name, does nothing.
            let unnamed = || Map::from_iter([("rope_type".to_owned(), "default".into())]);
            let own = parameters
                .as_ref()
                .and_then(|all| all.get(kind)?.as_object().cloned());
            let mut fields = own.unwrap_or_else(unnamed);
            if scales {
                fields.extend(scaling.clone());
            }
            let inner = Config::new(self.file.clone(), fields);
            let described = Described {
                key: format!("rope_parameters.{kind}"),
                kind: inner.rope_type()?,
                inner,
            };
            let theta = self.positive_or(key, theta)?;
            self.rotation_of_kind(&described, shape, theta)
        });
        rotations.collect()
    }

    fn rotation_of_kind(
        &self,
        described: &Described,
        shape: &Shape,
        theta: f64,
    ) -> Result<Rotation, LoadError> {
        let scaling = Scaling {
            inner: &described.inner,
            rotated: shape.head_dim,
            theta: described.inner.positive_or("rope_theta", theta)?,
            max_length: shape.max_length,
            original: shape.max_length,
        };
        let rotation = match described.kind.as_str() {
            "default" => scaling.default(),
            "linear" => scaling.linear()?,
            _ => return Err(self.other_kind(described, &["default", "linear"])),
        };
        described.refuse_unknown_keys(false)?;
        described.finite(rotation)
    }

    fn other_kind(&self, described: &Described, kinds: &[&str]) -> LoadError {
        let (last, others) = kinds.split_last().expect("some kinds are read");
        LoadError::UnsupportedSetting {
            file: self.file.clone(),
            key: described.key.clone(),
            found: format!("\"{}\"", described.kind),
            reason: format!("supported types are {} and {last}", others.join(", ")),
        }
    }
}
