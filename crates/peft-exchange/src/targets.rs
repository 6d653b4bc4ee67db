//! Which modules a setting means. PEFT's `check_target_module_exists` and `get_pattern_key` (`peft/tuners/tuners_utils.py`, `peft/utils/other.py`).

use crate::PeftError;
use crate::config::refused;
use regex::Regex;
use serde_json::Value;

/// Modules by name.
#[derive(Debug)]
pub(crate) struct Targets {
    names: Names,
    except: Option<Names>,
    layers: Option<Layers>,
}

#[derive(Debug)]
enum Names {
    /// Whatever the checkpoint has tensors for.
    Any,
    /// The end of a module's name, from a dot on; or all of it.
    Ends(Vec<String>),
    /// All of a module's name.
    Whole(Regex),
}

/// Only in these blocks.
#[derive(Debug)]
struct Layers {
    indices: Vec<u64>,
    /// The block's number is the first group.
    number: Vec<Regex>,
}

impl Targets {
    /// A list of names, a regular expression, `"all-linear"`, or null.
    pub(crate) fn parse(key: &str, value: Value) -> Result<Targets, PeftError> {
        Ok(Targets {
            names: names(key, value)?,
            except: None,
            layers: None,
        })
    }

    pub(crate) fn except(&mut self, value: Value) -> Result<(), PeftError> {
        self.except = match value {
            Value::Null => None,
            value => Some(names("exclude_modules", value)?),
        };
        Ok(())
    }

    pub(crate) fn layers(&mut self, indices: Value, patterns: Value) -> Result<(), PeftError> {
        const KEY: &str = "layers_to_transform";
        let given = |value: &Value| !value.is_null() && value.as_str() != Some("");
        let list = match &indices {
            // PEFT makes no configuration of this.
            Value::Null if given(&patterns) && patterns != Value::Array(Vec::new()) => {
                let wanted = "null where layers_to_transform is null";
                return Err(refused("layers_pattern", &patterns, wanted, ""));
            }
            Value::Null => return Ok(()),
            Value::Array(list) => list.iter().map(Value::as_u64).collect(),
            one => one.as_u64().map(|one| vec![one]),
        };
        let wanted = "a block's number or a list of them";
        let indices = list.ok_or_else(|| refused(KEY, &indices, wanted, ""))?;
        if indices.is_empty() {
            return Ok(());
        }
        let patterns = match &patterns {
            Value::Null => Vec::new(),
            Value::String(one) => vec![one.clone()],
            many => texts("layers_pattern", many)?,
        };
        let number = match patterns.is_empty() {
            true => vec![regex(KEY, r"^.*\.[^.]*\.(\d+)\.")?],
            false => {
                let each = patterns.iter();
                each.map(|p| numbered("layers_pattern", p))
                    .collect::<Result<_, _>>()?
            }
        };
        self.layers = Some(Layers { indices, number });
        Ok(())
    }

    /// Whether the module is meant.
    pub(crate) fn contains(&self, module: &str) -> bool {
        self.names.contain(module)
            && !self.except.as_ref().is_some_and(|not| not.contain(module))
            && self
                .layers
                .as_ref()
                .is_none_or(|layers| layers.contain(module))
    }

    /// Whether the checkpoint's tensors alone say which modules are meant.
    pub(crate) fn is_any(&self) -> bool {
        matches!(self.names, Names::Any)
    }
}

impl Names {
    fn contain(&self, module: &str) -> bool {
        match self {
            Names::Any => true,
            Names::Ends(ends) => ends.iter().any(|end| {
                let before = module.strip_suffix(end.as_str());
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }),
            Names::Whole(regex) => regex.is_match(module),
        }
    }
}

impl Layers {
    fn contain(&self, module: &str) -> bool {
        let found = self.number.iter().find_map(|regex| regex.captures(module));
        let number = found.and_then(|groups| groups.get(1)?.as_str().parse().ok());
        number.is_some_and(|number| self.indices.contains(&number))
    }
}

/// Numbers by module: the first pattern that matches the end of a module's name wins.
pub(crate) struct Patterns(Vec<(Regex, f64)>);

impl Patterns {
    pub(crate) fn parse(key: &str, value: Value) -> Result<Patterns, PeftError> {
        let wanted = "an object from module names to numbers";
        let pairs = match &value {
            Value::Null => return Ok(Patterns(Vec::new())),
            Value::Object(pairs) => pairs,
            other => return Err(refused(key, other, wanted, "")),
        };
        let pairs = pairs.iter().map(|(pattern, number)| {
            let number = number
                .as_f64()
                .ok_or_else(|| refused(key, &value, wanted, ""))?;
            Ok((regex(key, &format!(r"^(?:.*\.)?(?:{pattern})$"))?, number))
        });
        Ok(Patterns(pairs.collect::<Result<_, _>>()?))
    }

    /// Itself, if every number is `valid`; else the first that is not.
    pub(crate) fn all(self, valid: impl Fn(f64) -> bool) -> Result<Patterns, f64> {
        match self.0.iter().find(|(_, number)| !valid(*number)) {
            Some((_, number)) => Err(*number),
            None => Ok(self),
        }
    }

    pub(crate) fn of(&self, module: &str) -> Option<f64> {
        let found = self.0.iter().find(|(regex, _)| regex.is_match(module));
        found.map(|(_, number)| *number)
    }
}

fn names(key: &str, value: Value) -> Result<Names, PeftError> {
    Ok(match &value {
        Value::Null => Names::Any,
        Value::String(all) if all == "all-linear" => Names::Any,
        Value::String(pattern) => Names::Whole(regex(key, &format!("^(?:{pattern})$"))?),
        list => Names::Ends(texts(key, list)?),
    })
}

fn texts(key: &str, value: &Value) -> Result<Vec<String>, PeftError> {
    let list = value.as_array().into_iter().flatten();
    let texts: Option<Vec<String>> = list.map(|v| v.as_str().map(str::to_owned)).collect();
    let wanted = "a list of names or a regular expression";
    match texts.filter(|_| value.is_array()) {
        Some(texts) => Ok(texts),
        None => Err(refused(key, value, wanted, "")),
    }
}

/// A pattern of what stands before a block's number. PEFT takes the number from the first group, so the pattern must have none of its own.
fn numbered(key: &str, pattern: &str) -> Result<Regex, PeftError> {
    let regex = regex(key, &format!(r"^.*\.{pattern}\.(\d+)\."))?;
    if regex.captures_len() == 2 {
        return Ok(regex);
    }
    let wanted = "a regular expression without groups (write (?:...) for (...))";
    Err(refused(key, &Value::from(pattern), wanted, ""))
}

fn regex(key: &str, pattern: &str) -> Result<Regex, PeftError> {
    Regex::new(pattern).map_err(|_| {
        refused(
            key,
            &Value::from(pattern),
            "a regular expression without look-around and back-references",
            "; list the modules' names instead",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_matches_whole_words_only() {
        let targets = Targets::parse("t", json!(["output.dense", "query"])).unwrap();
        assert!(targets.contains("bert.encoder.layer.0.attention.output.dense"));
        assert!(targets.contains("query"));
        assert!(!targets.contains("bert.layer.0.myquery"));
        let regex = Targets::parse("t", json!(r".*layer\.1\.query")).unwrap();
        assert!(regex.contains("bert.layer.1.query"));
        assert!(!regex.contains("bert.layer.1.query.more"));
    }

    #[test]
    fn the_first_pattern_wins() {
        let patterns = Patterns::parse("p", json!({"layer.1.query": 5, "query": 4})).unwrap();
        assert_eq!(patterns.of("bert.layer.1.query"), Some(5.0));
        assert_eq!(patterns.of("bert.layer.0.query"), Some(4.0));
        assert_eq!(patterns.of("bert.layer.0.key"), None);
    }

    #[test]
    fn layers_are_counted_after_the_list_of_blocks() {
        let mut targets = Targets::parse("t", json!(["query"])).unwrap();
        targets.layers(json!([1]), Value::Null).unwrap();
        assert!(targets.contains("bert.encoder.layer.1.attention.query"));
        assert!(!targets.contains("bert.encoder.layer.11.attention.query"));
        assert!(!targets.contains("bert.pooler.query"));
    }

    #[test]
    fn a_pattern_with_look_around_is_refused_by_its_key() {
        let error = Targets::parse("target_modules", json!("(?!bert).*")).unwrap_err();
        assert!(error.to_string().contains("target_modules"), "{error}");
    }
}
