//! Settings that hold texts, and the checks that they have in common.

use adapt::Range;
use serde::{Deserialize, Deserializer};

/// A string or a list of strings, so that `--set METHOD.templates="..."` takes one without brackets.
///
/// # Errors
/// Anything else.
pub fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// # Errors
/// No template, or one that `check` refuses; the message names the setting.
pub fn check_templates(
    setting: &str,
    templates: &[String],
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<(), String> {
    if templates.is_empty() {
        return Err(format!(
            "{setting} is empty, expected at least one template"
        ));
    }
    templates
        .iter()
        .try_for_each(|source| check(source).map_err(|reason| format!("{setting}: {reason}")))
}

/// `scale`: what a cosine is multiplied by to become a logit.
pub const SCALE: Range = Range::above(0.0, 1e6);
