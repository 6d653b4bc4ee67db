//! What every method must pass, on every backbone: run over `METHODS`, so that a new method is tested by being listed.
//!
//! Each check returns the reason when it fails, with the numbers. Data is small and uneven on purpose: unequal lengths, an odd number of
//! examples, three classes.

pub mod kinds;

use crate::{
    Budget, ConfigError, Event, FitError, HEAD_LEARNING_RATE, Head, HeadPolicy, Logits, Method,
    MethodInfo, Plan, Predictor, Score, SearchOutcome, SearchRange, Setting, tune, with_setting,
};
use burn::tensor::Device;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use task::{Example, Split};
use transformer::Pretrained;

/// One named check.
pub type Check = (&'static str, fn(&dyn Method, &Bench) -> Result<(), String>);

/// All checks: of the settings, of what trains, of what is kept, of what is computed.
pub const CHECKS: &[Check] = &[
    (
        "the_resolved_configuration_is_a_fixed_point",
        resolved_is_a_fixed_point,
    ),
    ("an_unknown_setting_is_refused", unknown_setting_is_refused),
    (
        "training_starts_from_the_pretrained_function_where_declared",
        identity_at_start,
    ),
    (
        "frozen_weights_are_bit_equal_and_trainable_ones_move_in_two_steps",
        two_steps_move_what_is_declared,
    ),
    (
        "the_trainable_count_is_the_closed_form",
        trainable_count_is_the_closed_form,
    ),
    (
        "saved_and_loaded_gives_the_same_logits",
        saved_and_loaded_is_the_same,
    ),
    (
        "the_same_seed_gives_the_same_losses_and_logits",
        same_seed_same_run,
    ),
    (
        "padding_and_batch_composition_change_nothing",
        padding_changes_nothing,
    ),
    (
        "what_is_trained_overfits_eight_examples",
        overfits_eight_examples,
    ),
    (
        "the_cached_prefix_gives_the_uncached_losses",
        cached_is_uncached,
    ),
];

/// A method with its defaults, or under one of the variants it names: what the kit runs over.
#[derive(Clone, Copy)]
pub struct Variant<'a> {
    method: &'a dyn Method,
    /// A JSON object; `{}` for the defaults.
    settings: &'static str,
}

/// The method as it is by default, then under each of [`Method::variants`].
pub fn variants(method: &dyn Method) -> Vec<Variant<'_>> {
    let all = std::iter::once(&"{}").chain(method.variants());
    all.map(|settings| Variant { method, settings }).collect()
}

impl std::fmt::Display for Variant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.info().name, self.settings)
    }
}

impl Method for Variant<'_> {
    fn info(&self) -> &'static MethodInfo {
        self.method.info()
    }

    /// The variant's settings under `config`.
    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let mut settings: Value =
            serde_json::from_str(self.settings).map_err(|error| ConfigError::BadValue {
                method: self.info().name.to_owned(),
                reason: format!("its variant {} is no JSON: {error}", self.settings),
            })?;
        if let Value::Object(given) = config {
            for (name, value) in given {
                settings = with_setting(settings, &name, value);
            }
        }
        self.method.plan(settings)
    }

    fn search_ranges(&self) -> Vec<SearchRange> {
        self.method.search_ranges()
    }
}

/// A model and data to check with.
pub struct Bench {
    /// A tiny pretrained model.
    pub base: Pretrained,
    /// The device with autodiff.
    pub device: Device,
    /// The head that is trained.
    pub head: HeadPolicy,
    classes: Vec<String>,
    train: Split,
    validation: Split,
}

impl Bench {
    /// A bench for this model, with texts of its own.
    pub fn new(base: Pretrained, device: Device) -> Self {
        let split = |texts: &[(&str, usize)]| Split {
            examples: texts
                .iter()
                .enumerate()
                .map(|(row, &(text, label))| Example {
                    row: row as u64,
                    text: text.to_owned(),
                    second: None,
                    label,
                })
                .collect(),
        };
        Self {
            base,
            device,
            head: HeadPolicy::Linear,
            classes: ["bad", "fine", "good"].map(str::to_owned).to_vec(),
            train: split(&TRAIN),
            validation: split(&VALIDATION),
        }
    }

    /// The same with another head.
    pub fn with_head(self, head: HeadPolicy) -> Self {
        Self { head, ..self }
    }

    /// The texts that are scored, of unequal length.
    pub fn examples(&self) -> &[Example] {
        &self.validation.examples
    }

    /// A small budget with this bench's head.
    pub fn budget(&self, epochs: usize, batch: usize) -> Budget {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        Budget {
            epochs: n(epochs),
            batch: n(batch),
            max_length: n(24),
            eval_batch: n(4),
            head: self.head,
            ..Budget::default()
        }
    }

    fn setting<'a>(
        &'a self,
        budget: Budget,
        train: &'a Split,
        events: &'a mut dyn FnMut(Event),
    ) -> Setting<'a> {
        Setting {
            base: Some(self.base.clone()),
            classes: &self.classes,
            descriptions: None,
            train,
            validation: &self.validation,
            budget,
            seed: 5,
            device: &self.device,
            shared: None,
            events,
        }
    }

    /// Trains on the bench's texts.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn fit(
        &self,
        method: &dyn Method,
        config: Value,
        budget: Budget,
    ) -> Result<Box<dyn Predictor>, String> {
        let mut ignore = |_: Event| {};
        let plan = method.plan(config).map_err(|e| e.to_string())?;
        plan.fit(self.setting(budget, &self.train, &mut ignore))
            .map_err(|e: FitError| e.to_string())
    }

    /// Searches the method's settings as `--tune` does.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn search(
        &self,
        method: &dyn Method,
        n: NonZeroUsize,
        budget: Budget,
    ) -> Result<Option<SearchOutcome>, String> {
        if method.search_ranges().is_empty() {
            return Ok(None);
        }
        let mut ignore = |_: Event| {};
        let plan = method.plan(Value::Null).map_err(|e| e.to_string())?;
        let setting = self.setting(budget, &self.train, &mut ignore);
        tune(method, &plan.resolved(), n, &setting).map_err(|e| e.to_string())
    }

    fn losses(&self, method: &dyn Method, budget: Budget) -> Result<Vec<f64>, String> {
        let mut losses = Vec::new();
        let mut events = |event: Event| {
            if let Event::StepDone { loss, .. } = event {
                losses.push(loss);
            }
        };
        let plan = method.plan(Value::Null).map_err(|e| e.to_string())?;
        plan.fit(self.setting(budget, &self.train, &mut events))
            .map_err(|e: FitError| e.to_string())?;
        Ok(losses)
    }
}

fn without_dropout(budget: Budget) -> Budget {
    Budget {
        dropout: Some(0.0),
        ..budget
    }
}

fn resolved_is_a_fixed_point(method: &dyn Method, _bench: &Bench) -> Result<(), String> {
    let once = method
        .plan(Value::Null)
        .map_err(|e| e.to_string())?
        .resolved();
    let twice = method
        .plan(once.clone())
        .map_err(|e| format!("its own resolved settings {once} are refused: {e}"))?
        .resolved();
    ensure(once == twice, || format!("{once} resolves to {twice}"))
}

fn unknown_setting_is_refused(method: &dyn Method, _bench: &Bench) -> Result<(), String> {
    let config = with_setting(
        method
            .plan(Value::Null)
            .map_err(|e| e.to_string())?
            .resolved(),
        "no_such_setting",
        json!(1),
    );
    match method.plan(config) {
        Ok(_) => Err("`no_such_setting` was accepted".to_owned()),
        Err(error) => ensure(error.to_string().contains("no_such_setting"), || {
            format!("the error does not name the setting: {error}")
        }),
    }
}

fn identity_at_start(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let plan = method.plan(Value::Null).map_err(|e| e.to_string())?;
    let Some(plan) = plan.as_trainable() else {
        return Ok(());
    };
    if !plan.identity_at_start() {
        return Ok(());
    }
    let [attached, bare] = plan
        .logits_at_start(
            &bench.base,
            &bench.classes,
            bench.head,
            &bench.train.examples,
        )
        .map_err(|e| e.to_string())?;
    close(&attached, &bare, 1e-5)
}

fn two_steps_move_what_is_declared(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let plan = method.plan(Value::Null).map_err(|e| e.to_string())?;
    let Some(plan) = plan.as_trainable() else {
        return Ok(());
    };
    let mut ignore = |_: Event| {};
    let batch = TRAIN.len().div_ceil(2);
    let compared = plan
        .train_and_compare(bench.setting(
            without_dropout(bench.budget(1, batch)),
            &bench.train,
            &mut ignore,
        ))
        .map_err(|e| e.to_string())?;
    let wrong: Vec<String> = compared
        .iter()
        .filter(|p| p.trainable != p.changed)
        .map(|p| {
            format!(
                "{} {}",
                p.path,
                if p.changed {
                    "is frozen and changed"
                } else {
                    "is trainable and did not move"
                }
            )
        })
        .collect();
    ensure(wrong.is_empty(), || wrong.join("; "))?;
    ensure(compared.iter().any(|p| p.trainable), || {
        "nothing is trainable".to_owned()
    })
}

fn trainable_count_is_the_closed_form(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let plan = method.plan(Value::Null).map_err(|e| e.to_string())?;
    let Some(plan) = plan.as_trainable() else {
        return Ok(());
    };
    let head = Head::params(bench.head, &bench.base.shape, bench.classes.len());
    let expected = plan.trainable_params(&bench.base.shape) + head;
    let found = plan
        .attached_trainable_params(&bench.base, &bench.classes, bench.head)
        .map_err(|e| e.to_string())?;
    ensure(found == expected, || {
        format!("{found} parameters require a gradient, the closed form says {expected}")
    })
}

fn saved_and_loaded_is_the_same(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let predictor = bench.fit(method, Value::Null, bench.budget(2, 4))?;
    let before = predictor
        .class_logits(&bench.validation.examples)
        .map_err(|e| e.to_string())?;
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    predictor.save(dir.path()).map_err(|e| e.to_string())?;
    let info = crate::read_saved_info(dir.path()).map_err(|e| e.to_string())?;
    ensure(info.method == method.info().name, || {
        format!("saved as {}", info.method)
    })?;
    let plan = method.plan(info.config).map_err(|e| e.to_string())?;
    let loaded = plan
        .load(dir.path(), Some(&bench.base))
        .map_err(|e| e.to_string())?;
    let after = loaded
        .class_logits(&bench.validation.examples)
        .map_err(|e| e.to_string())?;
    close(&before, &after, 1e-6)
}

fn same_seed_same_run(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let [first, second] = [
        bench.losses(method, bench.budget(2, 4))?,
        bench.losses(method, bench.budget(2, 4))?,
    ];
    ensure(first == second, || {
        format!("losses {first:?} and {second:?}")
    })?;
    let logits = |p: Box<dyn Predictor>| {
        p.class_logits(&bench.validation.examples)
            .map_err(|e| e.to_string())
    };
    let [first, second] = [
        logits(bench.fit(method, Value::Null, bench.budget(2, 4))?)?,
        logits(bench.fit(method, Value::Null, bench.budget(2, 4))?)?,
    ];
    ensure(first == second, || {
        "two fits with one seed give different logits".to_owned()
    })
}

fn padding_changes_nothing(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let predictor = bench.fit(method, Value::Null, bench.budget(2, 4))?;
    let together = predictor
        .class_logits(&bench.validation.examples)
        .map_err(|e| e.to_string())?;
    for (example, expected) in bench.validation.examples.iter().zip(&together) {
        let alone = predictor
            .class_logits(std::slice::from_ref(example))
            .map_err(|e| e.to_string())?;
        close(&alone, std::slice::from_ref(expected), 1e-4)?;
    }
    Ok(())
}

fn overfits_eight_examples(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let eight = Split {
        examples: bench.train.examples[..8].to_vec(),
    };
    let mut config = method
        .plan(Value::Null)
        .map_err(|e| e.to_string())?
        .resolved();
    // Random weights of 50 numbers a token need larger steps than a pretrained model: the upper ends of the search ranges, the head's as well.
    for range in method.search_ranges() {
        config = with_setting(config, range.setting, range.high.into());
    }
    let plan = method.plan(config).map_err(|e| e.to_string())?;
    let head = SearchRange::learning_rate(HEAD_LEARNING_RATE).high;
    let budget = Budget {
        head_learning_rate: Some(head),
        ..without_dropout(bench.budget(200, 8))
    };
    let mut ignore = |_: Event| {};
    let same = Setting {
        validation: &eight,
        ..bench.setting(budget, &eight, &mut ignore)
    };
    let predictor = plan.fit(same).map_err(|e| e.to_string())?;
    if predictor.footprint().trainable_params == 0 {
        return Ok(());
    }
    let logits = predictor
        .class_logits(&eight.examples)
        .map_err(|e| e.to_string())?;
    let labels: Vec<usize> = eight.examples.iter().map(|e| e.label).collect();
    let score = Score::of_logits(&logits, &labels);
    ensure(score.accuracy == 1.0, || {
        format!("{score:?} on its own eight examples")
    })
}

fn cached_is_uncached(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let cached = bench.losses(method, bench.budget(2, 4))?;
    let uncached = bench.losses(
        method,
        Budget {
            cache: false,
            ..bench.budget(2, 4)
        },
    )?;
    let worst = cached
        .iter()
        .zip(&uncached)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    ensure(cached.len() == uncached.len() && worst < 1e-5, || {
        format!("losses {cached:?} with the cache, {uncached:?} without")
    })
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

fn close(a: &[Logits], b: &[Logits], tolerance: f32) -> Result<(), String> {
    let largest = b.iter().flatten().fold(1e-3_f32, |m, v| m.max(v.abs()));
    let worst = a
        .iter()
        .flatten()
        .zip(b.iter().flatten())
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f32::max);
    ensure(a.len() == b.len() && worst <= tolerance * largest, || {
        format!("logits differ by {worst:e}, the largest is {largest:e}")
    })
}

const TRAIN: [(&str, usize); 11] = [
    (
        "not bad at all , in fact rather good despite the slow opening",
        2,
    ),
    ("x", 0),
    ("a gripping film", 2),
    ("it was fine", 1),
    ("where was the treaty signed ?", 1),
    (
        "a long and dull evening , and then the heating failed as well",
        0,
    ),
    ("good", 2),
    ("nobody came , nobody called and the soup was cold", 0),
    ("neither here nor there", 1),
    ("the best hour of the year", 2),
    ("we would not go back", 0),
];

const VALIDATION: [(&str, usize); 5] = [
    ("rather good", 2),
    (
        "the soup was dull , the bread was dull , and the evening was long",
        0,
    ),
    ("fine , in fact", 1),
    ("bad", 0),
    ("a film", 1),
];
