//! A plan as TOML: every key may be left out; the file lies over the program's own defaults, options lie over the file.

use crate::plan::located::PlanText;
use crate::plan::ranges;
use crate::registry::unknown;
use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

const DEFAULT: &str = include_str!("../../plans/default.toml");
const BUNDLED: &str = include_str!("../../plans/bundled.toml");
const QUICK: &str = include_str!("../../plans/quick.toml");

/// The keys of a plan.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PlanFile {
    pub(crate) models: Option<Vec<String>>,
    pub(crate) tasks: Option<Vec<String>>,
    /// Names, or `all`.
    pub(crate) methods: Option<Vec<String>>,
    pub(crate) devices: Option<Vec<String>>,
    pub(crate) seeds: Option<Seeds>,
    pub(crate) train_limit: Option<usize>,
    /// The points of a label curve, instead of `train_limit`.
    pub(crate) train_limits: Option<Vec<usize>>,
    pub(crate) validation_limit: Option<usize>,
    pub(crate) test_limit: Option<usize>,
    pub(crate) epochs: Option<usize>,
    pub(crate) batch: Option<usize>,
    pub(crate) max_length: Option<usize>,
    pub(crate) tune: Option<usize>,
    pub(crate) time_limit: Option<f64>,
    /// Further general settings, by the names of `adapt::Budget`.
    pub(crate) budget: BTreeMap<String, toml::Value>,
    /// Settings by method.
    pub(crate) settings: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// Further ways of using a method, beside or instead of its default.
    pub(crate) variant: Vec<VariantFile>,
}

const KEYS: [&str; 17] = [
    "models",
    "tasks",
    "methods",
    "devices",
    "seeds",
    "train_limit",
    "train_limits",
    "validation_limit",
    "test_limit",
    "epochs",
    "batch",
    "max_length",
    "tune",
    "time_limit",
    "budget",
    "settings",
    "variant",
];

/// `seeds = 3` for 0, 1, 2, or the seeds themselves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected how many seeds, or a list of them: whole numbers from 0"
)]
pub(crate) enum Seeds {
    Count(u64),
    List(Vec<u64>),
}

impl Seeds {
    /// # Errors
    /// More than a run has.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<u64>> {
        match self {
            Self::Count(n) => ranges::seeds(*n).map(|()| (0..*n).collect()),
            Self::List(seeds) => ranges::seeds(seeds.len() as u64).map(|()| seeds.clone()),
        }
    }
}

/// `[[variant]]`: a method under another name with settings of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantFile {
    pub(crate) method: String,
    pub(crate) name: String,
    /// Models that it is for, of those of the plan; none: all.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, toml::Value>,
}

/// The program's own plan.
pub(crate) fn default_plan() -> PlanFile {
    toml::from_str(DEFAULT).expect("plans/default.toml is tested")
}

/// What the default comparison adds where neither a model nor a task is named.
pub(crate) fn bundled_plan() -> PlanFile {
    toml::from_str(BUNDLED).expect("plans/bundled.toml is tested")
}

/// What `--quick` changes.
pub(crate) fn quick_plan() -> PlanFile {
    toml::from_str(QUICK).expect("plans/quick.toml is tested")
}

/// Reads a plan.
///
/// # Errors
/// A file that cannot be read, is not TOML, or has a key that no plan has.
pub(crate) fn read(path: &Path) -> anyhow::Result<(PlanFile, PlanText)> {
    let text = files::read_text(path, files::SETTINGS_BYTES)
        .with_context(|| format!("cannot read the plan {}", path.display()))?;
    let text = PlanText::new(path, text);
    Ok((parse(&text)?, text))
}

fn parse(text: &PlanText) -> anyhow::Result<PlanFile> {
    let table: toml::Table = text.parse().context("it is not TOML")?;
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(text.at(&[key], unknown("key", key, &KEYS)));
    }
    let plan: PlanFile = text.parse()?;
    let names: Vec<&str> = plan
        .variant
        .iter()
        .map(|variant| variant.name.as_str())
        .collect();
    for (place, name) in names.iter().enumerate() {
        if name.is_empty() || names[..place].contains(name) {
            let error = anyhow::anyhow!(
                "the variant name \"{name}\" stands twice or is empty, expected a name of its own for every [[variant]]"
            );
            return Err(text.at(&["variant", &place.to_string(), "name"], error));
        }
    }
    Ok(plan)
}

impl PlanFile {
    /// This plan where it says something, `below` where it does not; settings are merged one by one.
    pub(crate) fn over(self, below: PlanFile) -> PlanFile {
        // Naming variants and no methods asks for these variants alone.
        let methods = if self.methods.is_none() && !self.variant.is_empty() {
            Some(Vec::new())
        } else {
            self.methods
        };
        // One key replaces the other.
        let (train_limit, train_limits) = match (self.train_limit, self.train_limits) {
            (None, None) => (below.train_limit, below.train_limits),
            own => own,
        };
        let mut settings = below.settings;
        for (method, own) in self.settings {
            settings.entry(method).or_default().extend(own);
        }
        let mut budget = below.budget;
        budget.extend(self.budget);
        PlanFile {
            models: self.models.or(below.models),
            tasks: self.tasks.or(below.tasks),
            methods: methods.or(below.methods),
            devices: self.devices.or(below.devices),
            seeds: self.seeds.or(below.seeds),
            train_limit,
            train_limits,
            validation_limit: self.validation_limit.or(below.validation_limit),
            test_limit: self.test_limit.or(below.test_limit),
            epochs: self.epochs.or(below.epochs),
            batch: self.batch.or(below.batch),
            max_length: self.max_length.or(below.max_length),
            tune: self.tune.or(below.tune),
            time_limit: self.time_limit.or(below.time_limit),
            budget,
            settings,
            variant: if self.variant.is_empty() {
                below.variant
            } else {
                self.variant
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<PlanFile> {
        super::parse(&PlanText::new(Path::new("plan.toml"), text.to_owned()))
    }

    #[test]
    fn the_programs_own_plans_are_valid() {
        parse(DEFAULT).unwrap();
        parse(BUNDLED).unwrap();
        parse(QUICK).unwrap();
    }

    #[test]
    fn every_key_is_known_to_the_check_of_names() {
        let full = "models=[]\ntasks=[]\nmethods=[]\ndevices=[]\nseeds=[4,2]\ntrain_limit=1\ntrain_limits=[1]\nvalidation_limit=1\ntest_limit=1\nepochs=1\nbatch=1\nmax_length=1\ntune=1\n\
                    time_limit=1.5\n[budget]\nclip_norm=1\n[settings.x]\nrank=3\n[[variant]]\nmethod=\"x\"\nname=\"y\"\n";
        let plan = parse(full).unwrap();
        assert_eq!(plan.seeds.unwrap().list().unwrap(), [4, 2]);
        assert_eq!(full.parse::<toml::Table>().unwrap().len(), KEYS.len());
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest_one() {
        let error = format!("{:#}", parse("seeds = 1\nepoch = 3").unwrap_err());
        assert!(
            error.starts_with("plan.toml, line 2: ")
                && error.contains("\"epoch\" (did you mean \"epochs\"?)"),
            "{error}"
        );
    }

    #[test]
    fn what_a_file_says_wins_and_settings_are_merged() {
        let file = parse("seeds = 5\n[settings.x]\nrank = 4\n").unwrap();
        let below = parse("seeds = 3\nepochs = 7\n[settings.x]\nrank = 8\nalpha = 2\n").unwrap();
        let plan = file.over(below);
        assert_eq!(plan.seeds.unwrap().list().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(plan.epochs, Some(7));
        assert_eq!(plan.settings["x"]["rank"].as_integer(), Some(4));
        assert_eq!(plan.settings["x"]["alpha"].as_integer(), Some(2));
    }

    #[test]
    fn the_points_of_a_curve_replace_a_single_limit_and_the_other_way_round() {
        let [one, several] = ["train_limit = 5\n", "train_limits = [8, 16]\n"].map(parse);
        let (one, several) = (one.unwrap(), several.unwrap());
        let of = |plan: PlanFile| (plan.train_limit, plan.train_limits);
        let points = Some(vec![8, 16]);
        assert_eq!(of(several.clone().over(one.clone())), (None, points));
        assert_eq!(of(one.over(several)), (Some(5), None));
    }

    #[test]
    fn a_file_with_variants_alone_asks_for_them_alone() {
        let file = parse("[[variant]]\nmethod = \"x\"\nname = \"x-small\"\n").unwrap();
        assert_eq!(file.over(default_plan()).methods, Some(Vec::new()));
    }
}
