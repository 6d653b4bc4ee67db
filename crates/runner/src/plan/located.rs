//! A plan's text, by which a fault found later is told with its file and line.

use crate::plan::plan_file::PlanFile;
use crate::plan::train_limits::TrainLimits;
use crate::plan::{ranges, settings};
use crate::registry::{Methods, find};
use crate::sources::devices;
use adapt::Method;
use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The text of a plan and where it stands.
pub(crate) struct PlanText {
    path: PathBuf,
    text: String,
}

/// Values of a plan's table, as `[settings.METHOD]`.
type Values = BTreeMap<String, toml::Value>;

impl PlanText {
    pub(crate) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// The text as TOML of this type.
    ///
    /// # Errors
    /// What is wrong, with file and line.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let line = error.span().map(|span| self.line_of(span.start));
            anyhow!("{}: {}", self.place(line), error.message().trim())
        })
    }

    /// `error`, said to be of what stands under these keys; a number is a place in a list.
    pub(crate) fn at(&self, keys: &[&str], error: anyhow::Error) -> anyhow::Error {
        error.context(self.place(self.line(keys)))
    }

    /// Where the plan itself is at fault: its values are looked at one by one until one is refused. `None` where none is.
    pub(crate) fn fault(&self, methods: Methods, plan: &PlanFile) -> Option<anyhow::Error> {
        let (keys, error) = first_fault(methods, plan)?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Some(self.at(&keys, error))
    }

    fn place(&self, line: Option<usize>) -> String {
        match line {
            Some(line) => format!("{}, line {line}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// The line of the last of these keys that is there.
    fn line(&self, keys: &[&str]) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut found = None;
        let mut at = DeValue::Table(table.into_inner());
        for key in keys {
            let next = match &at {
                DeValue::Table(table) => table
                    .iter()
                    .find(|(name, _)| name.get_ref().as_ref() == *key)
                    .map(|(name, value)| (name.span().start, value.get_ref().clone())),
                DeValue::Array(values) => key
                    .parse::<usize>()
                    .ok()
                    .and_then(|place| values.get(place))
                    .map(|value| (value.span().start, value.get_ref().clone())),
                _ => None,
            };
            let Some((start, value)) = next else {
                break;
            };
            found = Some(self.line_of(start));
            at = value;
        }
        found
    }

    fn line_of(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().iter().take(byte);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

type Fault = (Vec<String>, anyhow::Error);

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn first_fault(methods: Methods, plan: &PlanFile) -> Option<Fault> {
    of_numbers(plan)
        .or_else(|| of_names(methods, plan))
        .or_else(|| of_settings(methods, plan))
        .or_else(|| of_variants(methods, plan))
}

fn of_numbers(plan: &PlanFile) -> Option<Fault> {
    let general = |key: &str, value: Option<usize>| {
        let one = Map::from_iter([(key.to_owned(), Value::from(value?))]);
        settings::budget(&one).err()
    };
    let checks = [
        (
            "seeds",
            plan.seeds.as_ref().and_then(|seeds| seeds.list().err()),
        ),
        (
            "train_limit",
            ranges::limit("train_limit", plan.train_limit).err(),
        ),
        (
            "train_limits",
            TrainLimits::of_plan(plan.train_limit, plan.train_limits.as_deref()).err(),
        ),
        (
            "validation_limit",
            ranges::limit("validation_limit", plan.validation_limit).err(),
        ),
        (
            "test_limit",
            ranges::limit("test_limit", plan.test_limit).err(),
        ),
        ("epochs", general("epochs", plan.epochs)),
        ("batch", general("batch", plan.batch)),
        ("max_length", general("max_length", plan.max_length)),
        (
            "tune",
            plan.tune.and_then(|trials| ranges::tune(trials).err()),
        ),
        (
            "time_limit",
            plan.time_limit
                .and_then(|limit| ranges::time_limit(limit).err()),
        ),
    ];
    let mut checks = checks.into_iter();
    checks.find_map(|(key, error)| Some((keys(&[key]), error?)))
}

fn of_names(methods: Methods, plan: &PlanFile) -> Option<Fault> {
    let listed = plan.methods.iter().flatten().enumerate();
    let mut of_methods = listed.filter(|(_, name)| *name != super::resolve::ALL);
    let method = of_methods.find_map(|(place, name)| {
        let error = find(methods, name).err()?;
        Some((keys(&["methods", &place.to_string()]), error))
    });
    let mut listed = plan.devices.iter().flatten().enumerate();
    method.or_else(|| {
        listed.find_map(|(place, name)| {
            let error = devices::check(name).err()?;
            Some((keys(&["devices", &place.to_string()]), error))
        })
    })
}

fn of_settings(methods: Methods, plan: &PlanFile) -> Option<Fault> {
    let general = guilty(&plan.budget, |values| settings::budget(values).map(drop));
    if let Some((key, error)) = general {
        return Some((keys(&["budget", &key]), error));
    }
    plan.settings.iter().find_map(|(name, own)| {
        let method = match find(methods, name) {
            Ok(method) => method,
            Err(error) => return Some((keys(&["settings", name]), error)),
        };
        let (key, error) = of_method(method, own)?;
        Some((keys(&["settings", name, &key]), error))
    })
}

fn of_variants(methods: Methods, plan: &PlanFile) -> Option<Fault> {
    plan.variant
        .iter()
        .enumerate()
        .find_map(|(place, variant)| {
            let place = place.to_string();
            let named = |error: anyhow::Error| {
                error.context(format!("in the variant \"{}\"", variant.name))
            };
            let method = match find(methods, &variant.method) {
                Ok(method) => method,
                Err(error) => return Some((keys(&["variant", &place, "method"]), named(error))),
            };
            let (key, error) = of_method(method, &variant.settings)?;
            Some((keys(&["variant", &place, "settings", &key]), named(error)))
        })
}

fn of_method(method: &dyn Method, own: &Values) -> Option<(String, anyhow::Error)> {
    guilty(own, |values| settings::laid(method, values).map(drop))
}

/// The first value that is refused alone; an empty key where only their combination is.
fn guilty(
    values: &Values,
    check: impl Fn(&Map<String, Value>) -> anyhow::Result<()>,
) -> Option<(String, anyhow::Error)> {
    let one = |(key, value): (&String, &toml::Value)| {
        let single = Map::from_iter([(key.clone(), settings::json(value))]);
        Some((key.clone(), check(&single).err()?))
    };
    let all = values
        .iter()
        .map(|(key, value)| (key.clone(), settings::json(value)));
    let error = check(&all.collect())
        .context("these settings together")
        .err()?;
    values.iter().find_map(one).or(Some((String::new(), error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METHODS;

    #[test]
    fn a_fault_is_told_with_its_line() {
        let lora = crate::registry::names(METHODS);
        let lora = lora.iter().find(|name| **name == "lora").expect("a method");
        for (text, line, part) in [
            (
                "seeds = 3\n\nmethods = [\n  \"majority\",\n  \"lroa\",\n]\n".to_owned(),
                5,
                "lroa",
            ),
            ("seeds = 2\ndevices = [\"cudda\"]\n".to_owned(), 2, "cudda"),
            (
                "seeds = 9223372036854775807\n".to_owned(),
                1,
                "seeds is 9223372036854775807",
            ),
            (
                "epochs = 100000000000\n".to_owned(),
                1,
                "epochs is 100000000000",
            ),
            ("\n\ntime_limit = 1e308\n".to_owned(), 3, "time limit"),
            ("tune = 1000000000\n".to_owned(), 1, "tune"),
            (
                "seeds = 2\ntrain_limits = [8, 0]\n".to_owned(),
                2,
                "train_limits is 0",
            ),
            (
                "[budget]\nclip_norm = 1\nwarmup_share = 1.5\n".to_owned(),
                3,
                "warmup_share",
            ),
            (
                format!("[settings.{lora}]\nalpha = 2\nrnak = 4\n"),
                3,
                "rnak",
            ),
            ("[settings.lroa]\nrank = 4\n".to_owned(), 1, "lroa"),
            (
                format!(
                    "[[variant]]\nmethod = \"{lora}\"\nname = \"a\"\n[[variant]]\nmethod = \"{lora}\"\nname = \"b\"\n[variant.settings]\nrank = 0\n"
                ),
                8,
                "in the variant \"b\"",
            ),
        ] {
            let path = Path::new("runs/plan.toml");
            let text = PlanText::new(path, text);
            let plan: PlanFile = text.parse().unwrap();
            let error = format!("{:#}", text.fault(METHODS, &plan).unwrap());
            assert!(
                error.starts_with(&format!("runs/plan.toml, line {line}: ")),
                "{error}"
            );
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_no_plan_is_told_with_its_line() {
        for (text, line, part) in [
            ("seeds = 3\nepochs = \n", 2, ""),
            ("seeds = 3\nepochs = \"ten\"\n", 2, "invalid type"),
            ("seeds = -1\n", 1, "expected how many seeds"),
            ("methods = \"lora\"\n", 1, "expected a sequence"),
        ] {
            let text = PlanText::new(Path::new("plan.toml"), text.to_owned());
            let error = text.parse::<PlanFile>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("plan.toml, line {line}: ")),
                "{error}"
            );
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_sound_plan_has_no_fault() {
        let plan = crate::plan::plan_file::default_plan();
        assert!(first_fault(METHODS, &plan).is_none());
    }
}
