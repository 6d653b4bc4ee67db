//! Which layers see all tokens and which a window, and how wide it is.

use serde_json::Value;

use super::Config;
use crate::load::LoadError;
use crate::shape::LayerKind;

/// How `transformers` calls the two kinds.
pub(super) const FULL: &str = "full_attention";
pub(super) const SLIDING: &str = "sliding_attention";

impl Config {
    /// For each layer whether it sees a window: by `layer_types`, else by the family's rule.
    pub(super) fn sliding_layers(
        &self,
        layers: usize,
        rule: impl Fn(usize) -> bool,
    ) -> Result<Vec<bool>, LoadError> {
        let Some(types) = self.present("layer_types") else {
            return Ok((0..layers).map(rule).collect());
        };
        let sliding = |kind: &Value| match kind.as_str() {
            Some(FULL) => Some(false),
            Some(SLIDING) => Some(true),
            _ => None,
        };
        let kinds = types.as_array().filter(|kinds| kinds.len() == layers);
        let kinds: Option<Vec<bool>> = kinds.and_then(|kinds| kinds.iter().map(sliding).collect());
        kinds.ok_or_else(|| {
            let expected = format!("\"{FULL}\" or \"{SLIDING}\" for each of {layers} layers");
            self.field("layer_types", &expected)
        })
    }

    /// The kind of each layer: those that slide have `reach` and rotation `local`, the others see all and have rotation 0.
    pub(super) fn kinds(
        &self,
        sliding: &[bool],
        reach: Option<usize>,
        local: usize,
    ) -> Result<Vec<LayerKind>, LoadError> {
        let kinds = sliding.iter().map(|&slides| match (slides, reach) {
            (false, _) => Some(LayerKind {
                reach: None,
                rotation: Some(0),
            }),
            (true, Some(reach)) => Some(LayerKind {
                reach: Some(reach),
                rotation: Some(local),
            }),
            (true, None) => None,
        });
        let kinds: Option<Vec<LayerKind>> = kinds.collect();
        kinds.ok_or_else(|| {
            let expected = format!("no \"{SLIDING}\", since the file gives no window");
            self.field("layer_types", &expected)
        })
    }

    /// The kinds of layers that all have the window, where the file gives one; it may not name their kinds then.
    pub(super) fn all_alike(
        &self,
        layers: usize,
        reach: Option<usize>,
    ) -> Result<Vec<LayerKind>, LoadError> {
        if let Some(types) = self.present("layer_types").filter(|_| reach.is_some()) {
            let reason = "all layers have the window that \"sliding_window\" gives";
            return Err(self.unsupported("layer_types", types, reason));
        }
        self.kinds(&vec![reach.is_some(); layers], reach, 0)
    }

    /// Of a causal window of so many tokens, the token itself among them.
    pub(super) fn causal_reach(
        &self,
        key: &str,
        default: Option<usize>,
    ) -> Result<Option<usize>, LoadError> {
        let window = self.nullable_count(key, default)?;
        Ok(window.map(|window| window - 1))
    }
}
