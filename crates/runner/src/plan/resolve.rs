//! The resolved plan: what a run will do, with every default made explicit. It goes into `run.json` and decides whether a directory holds
//! the same run.

use crate::cli::RunArgs;
use crate::plan::plan_file::{self, PlanFile, Seeds};
use crate::plan::settings::{self, Given};
use crate::plan::train_limits::TrainLimits;
use crate::plan::{names, ranges};
use crate::registry::{Methods, find};
use crate::sources::devices;
use adapt::Budget;
use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::{Map, Value};
use std::num::NonZeroUsize;

/// The methods' list may say so instead of naming each.
pub(super) const ALL: &str = "all";

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Plan {
    pub(crate) models: Vec<String>,
    pub(crate) tasks: Vec<String>,
    pub(crate) devices: Vec<String>,
    pub(crate) seeds: Vec<u64>,
    #[serde(flatten)]
    pub(crate) train_limits: TrainLimits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test_limit: Option<usize>,
    /// Search trials a method.
    pub(crate) tune: usize,
    pub(crate) time_limit_s: Option<f64>,
    pub(crate) budget: Budget,
    pub(crate) arms: Vec<Arm>,
    /// Methods that run at their paper's learning rate where the others have one that was tuned for the bundled models. Said, not recorded:
    /// the arms hold the rates themselves.
    #[serde(skip)]
    pub(crate) untuned: Vec<String>,
}

/// One way of adapting: a method with its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Arm {
    pub(crate) method: String,
    /// Empty for the method's default.
    pub(crate) variant: String,
    /// Settings with every default made explicit.
    pub(crate) config: Value,
    /// Models that it is for; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
}

/// The plan that a command line asks for.
///
/// # Errors
/// An unreadable plan, an unknown method, variant or setting, a value that cannot be used.
pub(crate) fn resolve(methods: Methods, arguments: &RunArgs) -> anyhow::Result<Plan> {
    let Some(path) = &arguments.plan else {
        return resolve_over(methods, arguments, None);
    };
    let (file, text) = plan_file::read(path)?;
    let plan = resolve_over(methods, arguments, Some(file.clone()));
    plan.map_err(|error| text.fault(methods, &file).unwrap_or(error))
}

fn resolve_over(
    methods: Methods,
    arguments: &RunArgs,
    own: Option<PlanFile>,
) -> anyhow::Result<Plan> {
    let file = over_defaults(arguments, own);
    let given = settings_given(methods, &file, arguments)?;
    let arms = arms(methods, &file, &arguments.methods, &given)?;
    let tune = arguments.tune.or(file.tune).unwrap_or(0);
    let untuned = if is_bundled(arguments) && tune == 0 {
        untuned(methods, &arms, &given)?
    } else {
        Vec::new()
    };
    let seeds = match arguments.seeds {
        Some(n) => Seeds::Count(n.get() as u64).list()?,
        None => file.seeds.as_ref().map_or(Ok(Vec::new()), Seeds::list)?,
    };
    let train_limits = train_limits(arguments, &file)?;
    let models = names::list(&chosen(&arguments.model, file.models))?;
    let mut arms = arms;
    for arm in &mut arms {
        arm.models = in_words_of(&models, &names::list(&arm.models)?);
    }
    let plan = Plan {
        train_limits,
        validation_limit: limit(
            "validation_limit",
            arguments.validation_limit,
            file.validation_limit,
        )?,
        test_limit: limit("test_limit", arguments.test_limit, file.test_limit)?,
        models,
        tasks: names::list(&chosen(&arguments.task, file.tasks))?,
        devices: chosen(&arguments.device, file.devices),
        seeds: unique(seeds),
        tune,
        time_limit_s: arguments.time_limit.or(file.time_limit),
        budget: settings::budget(&given.general)?,
        arms,
        untuned,
    };
    plan.check()?;
    Ok(plan)
}

/// Whether the run is of the bundled models and tasks: what suits them is nobody else's default.
fn is_bundled(arguments: &RunArgs) -> bool {
    arguments.plan.is_none() && arguments.model.is_empty() && arguments.task.is_empty()
}

/// The plan file that was named, or what suits the bundled models, over the defaults.
fn over_defaults(arguments: &RunArgs, own: Option<PlanFile>) -> PlanFile {
    let mut file = plan_file::default_plan();
    if let Some(own) = own {
        file = own.over(file);
    } else if is_bundled(arguments) {
        file = plan_file::bundled_plan().over(file);
    }
    if arguments.quick {
        file = plan_file::quick_plan().over(file);
    }
    file
}

/// A variant's models by the names that the plan has for them.
fn in_words_of(models: &[String], own: &[String]) -> Vec<String> {
    let same = |name: &String| models.iter().find(|model| names::is_same(model, name));
    own.iter()
        .map(|name| same(name).unwrap_or(name).clone())
        .collect()
}

/// Settings of methods and general ones: options over `--set` over the file.
fn settings_given(methods: Methods, file: &PlanFile, arguments: &RunArgs) -> anyhow::Result<Given> {
    let mut given = from_file(file, methods)?;
    if !arguments.methods.is_empty() && !arguments.methods.iter().any(|name| name == ALL) {
        // The file's settings of methods that this command leaves out.
        given
            .by_method
            .retain(|method, _| arguments.methods.contains(method));
    }
    for text in &arguments.set {
        settings::add(&mut given, text, methods)?;
    }
    general(&mut given.general, file, arguments);
    Ok(given)
}

/// A limit of examples, as the option or the file says.
fn limit(
    name: &str,
    option: Option<NonZeroUsize>,
    file: Option<usize>,
) -> anyhow::Result<Option<usize>> {
    ranges::limit(name, option.map(NonZeroUsize::get).or(file))
}

/// Training examples, as the option or the file says.
fn train_limits(arguments: &RunArgs, file: &PlanFile) -> anyhow::Result<TrainLimits> {
    let limits: Vec<usize> = arguments.train_limit.iter().map(|n| n.get()).collect();
    if limits.is_empty() {
        TrainLimits::of_plan(file.train_limit, file.train_limits.as_deref())
    } else {
        TrainLimits::of("train_limit", &limits)
    }
}

impl Plan {
    /// Refuses a plan that cannot run.
    fn check(&self) -> anyhow::Result<()> {
        self.time_limit_s.map_or(Ok(()), ranges::time_limit)?;
        ranges::tune(self.tune)?;
        let counts = [
            ("models", self.models.len()),
            ("tasks", self.tasks.len()),
            ("devices", self.devices.len()),
            ("seeds", self.seeds.len()),
            ("methods", self.arms.len()),
            ("train limits", self.train_limits.points().len()),
        ];
        if let Some((what, _)) = counts.iter().find(|(_, count)| *count == 0) {
            bail!("the plan names no {what}, expected at least one");
        }
        ranges::trials(&counts)?;
        if let Some(arm) = self.arms.iter().find(|arm| arm.is_idle(&self.models)) {
            bail!(
                "the variant \"{}\" is for {}, and the models of this run are {}",
                arm.variant,
                arm.models.join(", "),
                self.models.join(", ")
            );
        }
        self.devices
            .iter()
            .try_for_each(|device| devices::check(device))
    }
}

impl Arm {
    /// Whether it is for none of these models.
    fn is_idle(&self, models: &[String]) -> bool {
        !self.models.is_empty() && !models.iter().any(|model| self.models.contains(model))
    }
}

fn from_file(file: &PlanFile, methods: Methods) -> anyhow::Result<Given> {
    let mut given = Given::default();
    for (method, own) in &file.settings {
        find(methods, method).context("in [settings]")?;
        let values = own
            .iter()
            .map(|(key, value)| (key.clone(), settings::json(value)));
        given.by_method.insert(method.clone(), values.collect());
    }
    given.general = file
        .budget
        .iter()
        .map(|(key, value)| (key.clone(), settings::json(value)))
        .collect();
    Ok(given)
}

/// The options that are general settings under a shorter name; options win over `--set`, which wins over the file.
fn general(given: &mut Map<String, Value>, file: &PlanFile, arguments: &RunArgs) {
    let option = |option: Option<NonZeroUsize>| option.map(|n| n.get());
    for (key, from_option, from_file) in [
        ("epochs", option(arguments.epochs), file.epochs),
        ("batch", option(arguments.batch), file.batch),
        ("max_length", option(arguments.max_length), file.max_length),
    ] {
        match (from_option, from_file) {
            (Some(n), _) => {
                given.insert(key.to_owned(), n.into());
            }
            (None, Some(n)) if !given.contains_key(key) => {
                given.insert(key.to_owned(), n.into());
            }
            _ => {}
        }
    }
}

fn arms(
    methods: Methods,
    file: &PlanFile,
    on_command_line: &[String],
    given: &Given,
) -> anyhow::Result<Vec<Arm>> {
    let asked = if on_command_line.is_empty() {
        file.methods.clone().unwrap_or_default()
    } else {
        on_command_line.to_vec()
    };
    let mut wanted: Vec<&str> = Vec::new();
    for name in &asked {
        let found = if name == ALL {
            of_all(methods, given)
        } else {
            vec![find(methods, name)?.info().name]
        };
        wanted.extend(
            found
                .into_iter()
                .filter(|name| !wanted.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    let mut arms = Vec::new();
    for name in &wanted {
        let own = given.by_method.get(*name).cloned().unwrap_or_default();
        arms.push(Arm {
            method: (*name).to_owned(),
            variant: String::new(),
            config: settings::resolve(find(methods, name)?, &own)?,
            models: Vec::new(),
        });
    }
    for variant in &file.variant {
        let method = find(methods, &variant.method)
            .with_context(|| format!("in the variant \"{}\"", variant.name))?;
        if !on_command_line.is_empty() && !wanted.contains(&variant.method.as_str()) {
            continue;
        }
        // A variant is what it says: its own settings win over the method's.
        let mut own = given
            .by_method
            .get(&variant.method)
            .cloned()
            .unwrap_or_default();
        own.extend(
            variant
                .settings
                .iter()
                .map(|(key, value)| (key.clone(), settings::json(value))),
        );
        let config = settings::resolve(method, &own)
            .with_context(|| format!("in the variant \"{}\"", variant.name))?;
        arms.push(Arm {
            method: variant.method.clone(),
            variant: variant.name.clone(),
            config,
            models: variant.models.clone(),
        });
    }
    if let Some(idle) = given
        .by_method
        .keys()
        .find(|method| arms.iter().all(|arm| arm.method != **method))
    {
        bail!(
            "a setting is given for {idle}, which is not among the methods of this run; add it to --methods or leave the setting out"
        );
    }
    Ok(arms)
}

/// What `all` means: every method, but for those whose settings without a default are not given.
fn of_all(methods: Methods, given: &Given) -> Vec<&'static str> {
    let none = Map::new();
    let is_given = |method: &&&dyn adapt::Method| {
        let own = given.by_method.get(method.info().name).unwrap_or(&none);
        settings::missing(**method, own).is_empty()
    };
    let named = methods.iter().filter(is_given);
    named.map(|method| method.info().name).collect()
}

/// What to say of methods that `all` leaves out, where it was asked for by name.
pub(crate) fn left_out_of_all(methods: Methods, arguments: &RunArgs, plan: &Plan) -> Vec<String> {
    if !arguments.methods.iter().any(|name| name == ALL) {
        return Vec::new();
    }
    let runs = |name: &str| plan.arms.iter().any(|arm| arm.method == name);
    let left_out = methods.iter().filter(|method| !runs(method.info().name));
    let said = left_out.map(|method| {
        let (name, needed) = (method.info().name, method.required());
        let options: Vec<String> = needed
            .iter()
            .map(|setting| format!("--set {name}.{setting}=..."))
            .collect();
        format!(
            "note: {name} is not among `all` without {}",
            options.join(" ")
        )
    });
    said.collect()
}

/// The methods among the arms that have a learning rate and are given none.
fn untuned(methods: Methods, arms: &[Arm], given: &Given) -> anyhow::Result<Vec<String>> {
    const RATE: &str = "learning_rate";
    let mut names = Vec::new();
    for arm in arms.iter().filter(|arm| arm.variant.is_empty()) {
        let ranges = find(methods, &arm.method)?.search_ranges();
        let has_rate = ranges.iter().any(|range| range.setting == RATE);
        let own = given.by_method.get(&arm.method);
        if has_rate && !own.is_some_and(|own| own.contains_key(RATE)) {
            names.push(arm.method.clone());
        }
    }
    Ok(names)
}

fn chosen(on_command_line: &[String], in_file: Option<Vec<String>>) -> Vec<String> {
    unique(if on_command_line.is_empty() {
        in_file.unwrap_or_default()
    } else {
        on_command_line.to_vec()
    })
}

fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(values.len());
    values.into_iter().for_each(|value| {
        if !kept.contains(&value) {
            kept.push(value)
        }
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{METHODS, registry};

    #[test]
    fn the_default_is_every_method_with_three_seeds() {
        let plan = resolve(METHODS, &RunArgs::default()).unwrap();
        let plain = plan.arms.iter().filter(|arm| arm.variant.is_empty());
        assert_eq!(
            plain.map(|arm| arm.method.as_str()).collect::<Vec<_>>(),
            of_all(METHODS, &Given::default())
        );
        let served = |plan: &Plan| plan.arms.iter().any(|arm| !without_default(arm).is_empty());
        assert!(!served(&plan));
        assert!(left_out_of_all(METHODS, &RunArgs::default(), &plan).is_empty());
        let name = METHODS.iter().find(|m| !m.required().is_empty()).unwrap();
        let set = name
            .required()
            .iter()
            .map(|setting| format!("{}.{setting}=http://127.0.0.1:1/v1", name.info().name));
        let given = RunArgs {
            methods: vec![ALL.to_owned()],
            set: set.collect(),
            ..RunArgs::default()
        };
        let [said] = &left_out_of_all(METHODS, &given, &plan)[..] else {
            panic!("one method is left out")
        };
        assert!(said.contains(name.info().name), "{said}");
        let plan = resolve(METHODS, &given).unwrap();
        assert!(served(&plan));
        assert!(left_out_of_all(METHODS, &given, &plan).is_empty());
        let plain = plan.arms.iter().filter(|arm| arm.variant.is_empty());
        assert_eq!(plain.count(), METHODS.len());
        let alone = RunArgs {
            methods: vec![name.info().name.to_owned()],
            ..RunArgs::default()
        };
        let error = resolve(METHODS, &alone).unwrap_err().to_string();
        for setting in name.required() {
            assert!(
                error.contains(&format!("--set {}.{setting}=", name.info().name)),
                "{error}"
            );
        }
        assert_eq!(plan.seeds, [0, 1, 2]);
    }

    fn without_default(arm: &Arm) -> &'static [&'static str] {
        find(METHODS, &arm.method).unwrap().required()
    }

    #[test]
    fn a_variant_for_none_of_the_models_is_refused() {
        let arm = Arm {
            method: "x".into(),
            variant: "y".into(),
            config: Value::Null,
            models: vec!["novels-llama".into()],
        };
        assert!(arm.is_idle(&["novels-bert".into()]));
        assert!(!arm.is_idle(&["novels-bert".into(), "novels-llama".into()]));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plan.toml");
        std::fs::write(
            &file,
            "[[variant]]\nmethod = \"in-context\"\nname = \"y\"\nmodels = [\"novel-llama\"]\n",
        )
        .unwrap();
        let arguments = RunArgs {
            plan: Some(file),
            ..RunArgs::default()
        };
        let error = resolve(METHODS, &arguments).unwrap_err().to_string();
        assert!(
            error.contains("the variant \"y\" is for novel-llama, and the models of this run are"),
            "{error}"
        );
    }

    #[test]
    fn what_suits_the_bundled_models_is_not_given_to_a_users_own() {
        let trained = METHODS
            .iter()
            .map(|method| method.info().name)
            .find(|name| {
                let bundled = plan_file::bundled_plan().settings;
                bundled
                    .get(*name)
                    .is_some_and(|own| own.contains_key("learning_rate"))
            })
            .unwrap();
        let of = |model: &[&str]| {
            let arguments = RunArgs {
                methods: vec![trained.to_owned()],
                model: model.iter().map(|name| (*name).to_owned()).collect(),
                ..RunArgs::default()
            };
            resolve(METHODS, &arguments).unwrap()
        };
        let (own, bundled) = (of(&["mine"]), of(&[]));
        let points = [&own, &bundled].map(|plan| plan.train_limits.points());
        assert_eq!(points, [vec![None], vec![Some(200)]]);
        let default = find(METHODS, trained).unwrap().plan(Value::Null).unwrap();
        assert_eq!(own.arms[0].config, default.resolved());
        assert_ne!(own.arms[0].config, bundled.arms[0].config);
        assert_eq!(
            bundled.arms.len(),
            1,
            "other methods' settings are no mistake"
        );
    }

    /// A method that nobody has tuned: another under a new name.
    struct Newcomer;

    impl adapt::Method for Newcomer {
        fn info(&self) -> &'static adapt::MethodInfo {
            &adapt::MethodInfo {
                name: "newcomer",
                definition: "",
                paper: "",
                level: adapt::Level::Parameters,
                uses_model: true,
                look: None,
            }
        }

        fn plan(&self, config: Value) -> Result<Box<dyn adapt::Plan>, adapt::ConfigError> {
            METHODS[METHODS.len() - 1].plan(config)
        }

        fn search_ranges(&self) -> Vec<adapt::SearchRange> {
            vec![adapt::SearchRange::learning_rate(1e-3)]
        }
    }

    #[test]
    fn a_method_is_tuned_for_the_bundled_models_or_it_is_said_that_it_is_not() {
        let with_newcomer: Vec<&dyn adapt::Method> =
            METHODS.iter().copied().chain([&Newcomer as _]).collect();
        let with_newcomer: Methods = Vec::leak(with_newcomer);
        let untuned = |arguments: &RunArgs| resolve(with_newcomer, arguments).unwrap().untuned;
        let tuned = plan_file::bundled_plan().settings;
        let has_rate = |method: &&dyn adapt::Method| {
            let ranges = method.search_ranges();
            ranges.iter().any(|range| range.setting == "learning_rate")
        };
        let expected: Vec<&str> = with_newcomer
            .iter()
            .copied()
            .filter(has_rate)
            .map(|method| method.info().name)
            .filter(|name| {
                !tuned
                    .get(*name)
                    .is_some_and(|own| own.contains_key("learning_rate"))
            })
            .collect();
        assert!(expected.contains(&"newcomer"));
        assert_eq!(untuned(&RunArgs::default()), expected);
        // A search needs no word, and neither does a rate that was given.
        let searching = RunArgs {
            tune: Some(3),
            ..RunArgs::default()
        };
        assert_eq!(untuned(&searching), [""; 0]);
        let given = RunArgs {
            set: vec!["newcomer.learning_rate=1e-2".into()],
            ..RunArgs::default()
        };
        assert!(!untuned(&given).contains(&"newcomer".to_owned()));
    }

    #[test]
    fn options_win_over_set_and_set_over_quick() {
        let n = NonZeroUsize::new;
        let arguments = RunArgs {
            quick: true,
            epochs: n(9),
            set: vec!["budget.epochs=7".into(), "budget.batch=5".into()],
            ..RunArgs::default()
        };
        let plan = resolve(METHODS, &arguments).unwrap();
        assert_eq!(plan.budget.epochs.get(), 9);
        assert_eq!(plan.budget.batch.get(), 5);
        assert_eq!(plan.seeds, [0]);
        let arguments = RunArgs {
            quick: true,
            set: vec!["budget.epochs=7".into()],
            ..RunArgs::default()
        };
        assert_eq!(resolve(METHODS, &arguments).unwrap().budget.epochs.get(), 7);
    }

    #[test]
    fn the_points_of_the_command_line_replace_those_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plan.toml");
        std::fs::write(&file, "train_limits = [64, 16]\n").unwrap();
        let of = |train_limit: &[usize]| {
            let arguments = RunArgs {
                plan: Some(file.clone()),
                train_limit: train_limit
                    .iter()
                    .filter_map(|n| NonZeroUsize::new(*n))
                    .collect(),
                quick: true,
                ..RunArgs::default()
            };
            resolve(METHODS, &arguments).unwrap().train_limits.points()
        };
        assert_eq!(of(&[5]), [Some(5)]);
        assert_eq!(of(&[32, 8]), [Some(8), Some(32)]);
        // `--quick` has a limit of its own.
        assert_eq!(of(&[]), [Some(80)]);
    }

    #[test]
    fn a_setting_for_a_method_that_does_not_run_is_refused() {
        let [first, second, ..] = registry::names(METHODS)[..] else {
            panic!("two methods")
        };
        let arguments = RunArgs {
            methods: vec![first.into()],
            set: vec![format!("{second}.x=1")],
            ..RunArgs::default()
        };
        let error = resolve(METHODS, &arguments).unwrap_err().to_string();
        assert!(
            error.contains("not among the methods of this run"),
            "{error}"
        );
    }
}
