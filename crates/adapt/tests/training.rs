//! What the one training loop promises, on a tiny BERT that is trained whole.

use adapt::{
    Attach, Budget, Event, FitError, Frozen, Level, MethodInfo, Peft, Phase, Plan, Setting, Shared,
    init,
};
use burn::module::{Module, Param, ParamGroup};
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use task::{Example, Split};
use transformer::{At, Depth, Hooks, Point, Pretrained, Shape};

/// Trains everything; the loop's behaviour does not depend on the method.
#[derive(Clone, Serialize)]
struct Whole {
    learning_rate: f64,
}

impl Peft for Whole {
    const INFO: MethodInfo = MethodInfo {
        name: "whole",
        definition: "Trains everything.",
        paper: "",
        level: Level::Parameters,
        uses_model: true,
        look: None,
    };
    type Adaptation = Frozen;
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }
    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }
    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex("").unwrap())
    }
    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Embeddings
    }
    fn trainable_params(&self, _shape: &Shape) -> u64 {
        unreachable!("not asked here")
    }
}

fn split(texts: &[(&str, usize)]) -> Split {
    let examples = texts
        .iter()
        .enumerate()
        .map(|(row, &(text, label))| Example {
            row: row as u64,
            text: text.to_owned(),
            second: None,
            label,
        });
    Split {
        examples: examples.collect(),
    }
}

fn train() -> Split {
    split(&[
        (
            "not bad at all , in fact rather good despite the slow opening",
            1,
        ),
        ("x", 0),
        ("a gripping film", 1),
        ("it was fine", 1),
        ("where was the treaty signed ?", 0),
        ("a long and dull evening", 0),
        ("good", 1),
        ("nobody came and the soup was cold", 0),
    ])
}

fn validation() -> Split {
    split(&[
        ("rather good", 1),
        ("the soup was dull", 0),
        ("fine", 1),
        ("bad", 0),
        ("a film", 1),
    ])
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn budget() -> Budget {
    Budget {
        epochs: n(2),
        batch: n(8),
        max_length: n(24),
        dropout: Some(0.0),
        ..Budget::default()
    }
}

fn model() -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/oracle/bert");
    transformer::load(&dir, &Device::flex()).unwrap()
}

/// Trains everything as well; the passes through its first block that it is told give NaN.
#[derive(Clone, Serialize)]
struct Breaks {
    learning_rate: f64,
    #[serde(skip)]
    at: Vec<usize>,
}

#[derive(Module, Debug)]
struct Breaking {
    #[module(skip)]
    at: Vec<usize>,
    #[module(skip)]
    passes: Arc<AtomicUsize>,
}

impl Hooks for Breaking {
    fn hidden(&self, at: At<Point>, h: Tensor<3>, _block_input: &Tensor<3>) -> Tensor<3> {
        if (at.layer, at.site) != (0, Point::FfnOut) {
            return h;
        }
        let pass = 1 + self.passes.fetch_add(1, Ordering::Relaxed);
        if self.at.contains(&pass) {
            h * f64::NAN
        } else {
            h
        }
    }
}

impl Peft for Breaks {
    const INFO: MethodInfo = MethodInfo {
        name: "breaks",
        ..Whole::INFO
    };
    type Adaptation = Breaking;
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }
    fn attach(&self, _to: &mut Attach<'_>) -> Result<Breaking, FitError> {
        Ok(Breaking {
            at: self.at.clone(),
            passes: Arc::default(),
        })
    }
    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex("").unwrap())
    }
    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Embeddings
    }
    fn trainable_params(&self, _shape: &Shape) -> u64 {
        unreachable!("not asked here")
    }
}

struct Fitted {
    events: Vec<Event>,
    /// Logits of the validation split, or the error.
    logits: Result<Vec<Vec<f32>>, FitError>,
}

fn fit(learning_rate: f64, budget: Budget) -> Fitted {
    fit_on(Whole { learning_rate }, &train(), &validation(), budget)
}

fn fit_on(plan: impl Peft, train: &Split, validation: &Split, budget: Budget) -> Fitted {
    fit_sharing(plan, train, validation, budget, None)
}

fn fit_sharing(
    plan: impl Peft,
    train: &Split,
    validation: &Split,
    budget: Budget,
    shared: Option<&Shared>,
) -> Fitted {
    let classes = ["bad", "good"].map(str::to_owned);
    let mut events = Vec::new();
    let setting = Setting {
        base: Some(model()),
        classes: &classes,
        descriptions: None,
        train,
        validation,
        budget,
        seed: 3,
        device: &Device::flex().autodiff(),
        shared,
        events: &mut |event| events.push(event),
    };
    let logits = Box::new(plan)
        .fit(setting)
        .map(|predictor| predictor.class_logits(&validation.examples).unwrap());
    Fitted { events, logits }
}

fn losses(events: &[Event]) -> Vec<f64> {
    let loss = |event: &Event| match event {
        Event::StepDone { loss, .. } => Some(*loss),
        _ => None,
    };
    events.iter().filter_map(loss).collect()
}

fn accuracies(events: &[Event]) -> Vec<f64> {
    let accuracy = |event: &Event| match event {
        Event::Validated { accuracy, .. } => Some(*accuracy),
        _ => None,
    };
    events.iter().filter_map(accuracy).collect()
}

#[test]
fn accumulating_over_uneven_parts_equals_the_whole_batch() {
    let whole = fit(
        1e-3,
        Budget {
            epochs: n(3),
            ..budget()
        },
    );
    let parts = fit(
        1e-3,
        Budget {
            epochs: n(3),
            micro_batch: Some(n(3)),
            ..budget()
        },
    );
    for (a, b) in losses(&whole.events).iter().zip(losses(&parts.events)) {
        assert!((a - b).abs() < 2e-5, "{a} and {b}");
    }
    assert_eq!(losses(&parts.events).len(), 3);
}

#[test]
fn the_kept_model_is_that_of_the_best_validation_accuracy() {
    // A rate at which the last epoch is not the best.
    for rate in [3e-3, 1e-2] {
        let fitted = fit(
            rate,
            Budget {
                epochs: n(8),
                batch: n(3),
                ..budget()
            },
        );
        let best = accuracies(&fitted.events).into_iter().fold(0.0, f64::max);
        let right = fitted
            .logits
            .unwrap()
            .iter()
            .zip(&validation().examples)
            .filter(|(l, e)| (l[1] > l[0]) == (e.label == 1))
            .count();
        assert_eq!(
            right as f64 / 5.0,
            best,
            "rate {rate}: {:?}",
            accuracies(&fitted.events)
        );
    }
}

#[test]
fn patience_ends_training_and_is_recorded() {
    let fitted = fit(
        0.0,
        Budget {
            epochs: n(9),
            patience: Some(n(2)),
            ..with_head_rate(0.0)
        },
    );
    // A rate of 0 changes nothing: the first epoch is the best, and two more are waited for.
    assert_eq!(accuracies(&fitted.events).len(), 3);
    let note = Event::Note {
        name: "stopped_after_epoch".to_owned(),
        value: 3.into(),
    };
    assert!(fitted.events.contains(&note));
}

#[test]
fn phases_come_in_order_and_validation_is_never_within_training() {
    let fitted = fit(
        1e-3,
        Budget {
            batch: n(3),
            ..budget()
        },
    );
    let phases: Vec<Phase> = fitted
        .events
        .iter()
        .filter_map(|e| {
            if let Event::Began(phase) = e {
                Some(*phase)
            } else {
                None
            }
        })
        .collect();
    use Phase::{FirstStep, Prepare, PrepareValidation, Train, Validate};
    let before = [Prepare, PrepareValidation, FirstStep];
    let epochs = [Train, Validate, Train, Validate];
    assert_eq!(phases, [&before[..], &epochs[..]].concat());
    assert_eq!(losses(&fitted.events).len(), 6);
}

#[test]
fn a_loss_that_is_no_number_is_an_error_that_names_the_rate() {
    let error = fit(
        1e20,
        Budget {
            epochs: n(6),
            batch: n(2),
            clip_norm: 1e30,
            ..budget()
        },
    )
    .logits
    .unwrap_err();
    assert!(matches!(error, FitError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

/// Adds √p² of p = 0 to every block: nothing forwards, and a gradient of 0 · ∞.
#[derive(Module, Debug)]
struct Kink {
    p: Param<Tensor<1>>,
}

impl Hooks for Kink {
    fn hidden(&self, _at: At<Point>, h: Tensor<3>, _block_input: &Tensor<3>) -> Tensor<3> {
        let p = self.p.val();
        h + (p.clone() * p).sqrt().unsqueeze::<3>() // [b,t,d] + [1,1,1]
    }
}

/// Inserts a [`Kink`].
#[derive(Clone, Serialize)]
struct Kinked;

impl Peft for Kinked {
    type Adaptation = Kink;
    const INFO: MethodInfo = MethodInfo {
        name: "kinked",
        definition: "",
        paper: "",
        level: Level::InsertedComputation,
        uses_model: true,
        look: None,
    };
    fn learning_rate(&self) -> f64 {
        1e-3
    }
    fn attach(&self, to: &mut Attach<'_>) -> Result<Kink, FitError> {
        let p = init::constant(0.0, [1], to.device);
        Ok(Kink { p })
    }
    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }
    fn trainable_params(&self, _shape: &Shape) -> u64 {
        unreachable!("not asked here")
    }
}

/// One step an epoch: its loss is finite, and no step follows whose loss would show what the gradient did.
#[test]
fn a_gradient_that_is_no_number_ends_the_training_under_its_name() {
    let one_step = Budget {
        epochs: n(1),
        ..budget()
    };
    let error = fit_on(Kinked, &train(), &validation(), one_step)
        .logits
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the norm of the gradients became NaN at step 0 with learning rate 1e-3; try a smaller one (--set METHOD.learning_rate=...)"
    );
}

#[test]
fn clipping_keeps_a_huge_gradient_from_changing_much() {
    let free = fit(
        1e-3,
        Budget {
            clip_norm: f64::INFINITY,
            ..budget()
        },
    );
    let clipped = fit(
        1e-3,
        Budget {
            clip_norm: 1e-9,
            ..budget()
        },
    );
    // Adam rescales gradients, so only its epsilon (1e-8) tells a clipped one: with a norm of 1e-9 the step all but vanishes.
    let change = |losses: Vec<f64>| (losses[0] - losses[1]).abs();
    assert!(
        change(losses(&clipped.events)) < 0.1 * change(losses(&free.events)),
        "{:?} {:?}",
        losses(&clipped.events),
        losses(&free.events)
    );
}

#[test]
fn an_epoch_whose_answers_are_no_numbers_is_never_the_best() {
    // Trained towards one class and validated on the other, the first epoch is the best. If NaN counted as the first class, an epoch that
    // answers NaN would have every answer right.
    let texts = ["a gripping film", "it was fine", "good", "rather good"];
    let of_class = |label| split(&texts.map(|text| (text, label)));
    let fit = |at: &[usize]| {
        let plan = Breaks {
            learning_rate: 1e-2,
            at: at.to_vec(),
        };
        fit_on(plan, &of_class(1), &of_class(0), budget())
    };
    let (sound, broken) = (fit(&[]), fit(&[4])); // train, validate, train, validate
    let (sound_logits, broken_logits) = (sound.logits.unwrap(), broken.logits.unwrap());
    assert_eq!(accuracies(&sound.events), [0.0, 0.0]);
    assert_eq!(accuracies(&broken.events), [0.0]);
    assert_eq!(sound_logits, broken_logits);
}

#[test]
fn a_training_that_never_gives_numbers_fails_by_name() {
    let plan = Breaks {
        learning_rate: 1e-3,
        at: vec![2, 4],
    };
    let error = fit_on(plan, &train(), &validation(), budget())
        .logits
        .unwrap_err();
    assert!(
        matches!(error, FitError::NoUsableModel { steps: 2, .. }),
        "{error}"
    );
}

/// Trains the head alone.
#[derive(Clone, Serialize)]
struct HeadAlone {
    learning_rate: f64,
}

impl Peft for HeadAlone {
    const INFO: MethodInfo = MethodInfo {
        name: "head-alone",
        ..Whole::INFO
    };
    type Adaptation = Frozen;
    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }
    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }
    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Head
    }
    fn trainable_params(&self, _shape: &Shape) -> u64 {
        0
    }
}

fn with_head_rate(rate: f64) -> Budget {
    Budget {
        head_learning_rate: Some(rate),
        ..budget()
    }
}

#[test]
fn where_the_head_alone_trains_the_methods_own_rate_is_the_heads() {
    let fit = |budget| {
        let plan = HeadAlone {
            learning_rate: 3e-2,
        };
        fit_on(plan, &train(), &validation(), budget)
    };
    let (plain, other) = (fit(budget()), fit(with_head_rate(1e-6)));
    assert_eq!(plain.logits.unwrap(), other.logits.unwrap());
    for events in [plain.events, other.events] {
        assert!(
            events.contains(&Event::HeadLearningRate(3e-2)),
            "{events:?}"
        );
    }
}

#[test]
fn trainings_that_share_what_is_prepared_come_to_the_same_as_those_that_stand_alone() {
    let shared = Shared::default();
    let lengths = [128, 128, 4, 128];
    let fitted = lengths.map(|max_length| {
        let budget = || Budget {
            max_length: n(max_length),
            epochs: n(3),
            ..budget()
        };
        let fit = |shared| {
            let plan = HeadAlone {
                learning_rate: 0.05,
            };
            fit_sharing(plan, &train(), &validation(), budget(), shared)
        };
        let (alone, together) = (fit(None), fit(Some(&shared)));
        assert_eq!(losses(&alone.events), losses(&together.events));
        assert_eq!(alone.logits.unwrap(), together.logits.unwrap());
        together.events
    });
    // The second takes over what the first prepared; the third cuts its texts elsewhere, and the fourth finds only that.
    let prepares = |events: &Vec<Event>| events.contains(&Event::Began(Phase::Prepare));
    assert_eq!(fitted.each_ref().map(prepares), [true, false, true, true]);
    assert_ne!(losses(&fitted[1]), losses(&fitted[2]));
}
