//! What the search over learning rates and epochs chooses and what it costs, on a method that only pretends to learn: its validation loss is
//! a parabola in the logarithm of the rate, lower the more epochs it has.

use adapt::{
    Budget, ConfigError, Edge, Event, FitError, Footprint, Level, LoadAdapterError, Logits, Method,
    MethodInfo, Plan, PredictError, Predictor, SaveError, SavedInfo, SearchKind, SearchOutcome,
    SearchRange, Setting, parse_config, search_cost, sub_seed, tune,
};
use burn::tensor::Device;
use serde_json::Value;
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::path::Path;
use task::{Example, Split};
use transformer::Pretrained;

thread_local! {
    /// Rate, epochs and seed of every training of this test.
    static TRAININGS: RefCell<Vec<(f64, usize, u64)>> = const { RefCell::new(Vec::new()) };
}

/// How a pretended training ends: at this loss; with answers that are no numbers; or not at all.
#[derive(Clone, Copy)]
enum End {
    Loss(f64),
    NotNumbers,
    Fails,
}

/// What comes of a rate, some epochs and a search seed, 0 or 1.
type World = fn(f64, usize, usize) -> End;

struct Pretends(World);

adapt::settings! {
    /// Settings of a method that only pretends.
    pub struct Rate {
        /// Peak learning rate.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

struct Pretended {
    rate: Rate,
    world: World,
}

struct Trained(End);

impl Method for Pretends {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "pretends",
            definition: "",
            paper: "",
            level: Level::Baseline,
            uses_model: false,
            look: None,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(Pretended {
            rate: parse_config::<Rate>("pretends", config)?,
            world: self.0,
        }))
    }

    fn search_ranges(&self) -> Vec<SearchRange> {
        vec![SearchRange::learning_rate(1e-3)]
    }
}

impl Plan for Pretended {
    fn resolved(&self) -> Value {
        serde_json::to_value(&self.rate).unwrap()
    }

    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let (rate, epochs) = (self.rate.learning_rate, setting.budget.epochs.get());
        TRAININGS.with_borrow_mut(|trainings| trainings.push((rate, epochs, setting.seed)));
        let seed = usize::from(setting.seed == sub_seed(SEED, "tune-1"));
        match (self.world)(rate, epochs, seed) {
            End::Fails => Err(FitError::Other("it pretends to fail".to_owned())),
            end => Ok(Box::new(Trained(end))),
        }
    }

    fn load_with(
        self: Box<Self>,
        _dir: &Path,
        _info: SavedInfo,
        _base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        unreachable!("nothing is kept")
    }
}

impl Predictor for Trained {
    /// Two examples of three are right, and the surer the lower the loss that was pretended; so is the loss at the best temperature.
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let row = |example: &Example| match (self.0, example.row) {
            (End::Loss(_), 2) => vec![1.0, 0.0],
            (End::Loss(loss), _) => vec![0.0, (0.5 + 100.0 / loss) as f32],
            _ => vec![f32::NAN, f32::NAN],
        };
        Ok(examples.iter().map(row).collect())
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    fn save(&self, _dir: &Path) -> Result<(), SaveError> {
        Ok(())
    }
}

const SEED: u64 = 4;

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn search_by(
    kind: SearchKind,
    world: World,
    candidates: usize,
    epochs: usize,
) -> Result<SearchOutcome, FitError> {
    TRAININGS.with_borrow_mut(Vec::clear);
    let example = |row: u64| Example {
        row,
        text: "a text".to_owned(),
        second: None,
        label: 1,
    };
    let split = Split {
        examples: (0..3).map(example).collect(),
    };
    let classes = ["bad", "good"].map(str::to_owned);
    let setting = Setting {
        base: None,
        classes: &classes,
        descriptions: None,
        train: &split,
        validation: &split,
        budget: Budget {
            epochs: n(epochs),
            search: kind,
            ..Budget::default()
        },
        seed: SEED,
        device: &Device::flex(),
        shared: None,
        events: &mut |_: Event| {},
    };
    let found = tune(
        &Pretends(world),
        &Value::Object(Default::default()),
        n(candidates),
        &setting,
    );
    found.map(|found| found.expect("a range"))
}

fn search(world: World, candidates: usize, epochs: usize) -> SearchOutcome {
    search_by(SearchKind::Halving, world, candidates, epochs).unwrap()
}

fn trainings() -> Vec<(f64, usize, u64)> {
    TRAININGS.with_borrow(Clone::clone)
}

/// The lowest loss at `optimum`; half as much above 0.1 with twice the epochs.
fn valley(rate: f64, optimum: f64, epochs: usize) -> End {
    let away = (rate / optimum).log10();
    End::Loss(0.1 + (1.0 + away * away) / epochs as f64)
}

fn rate(found: &SearchOutcome) -> f64 {
    found.best["learning_rate"].as_f64().unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 1e-6,
        "{found:e}, expected {expected:e}"
    );
}

/// The rates of a rung, without their seeds.
fn rates_at(epochs: usize) -> Vec<f64> {
    let mut rates: Vec<f64> = trainings()
        .iter()
        .filter(|training| training.1 == epochs)
        .map(|training| training.0)
        .collect();
    rates.dedup();
    rates
}

#[test]
fn the_better_half_by_loss_goes_on_and_the_best_of_all_is_chosen() {
    let found = search(|rate, epochs, _| valley(rate, 1.5e-3, epochs), 8, 8);
    let mut by_distance = rates_at(2);
    assert_eq!(by_distance.len(), 8);
    let away = |rate: &f64| (rate / 1.5e-3).log10().abs();
    by_distance.sort_by(|a, b| away(a).total_cmp(&away(b)));
    assert_eq!(rates_at(4), by_distance[..4]);
    assert_eq!(rates_at(8), by_distance[..2]);
    close(rate(&found), by_distance[0]);
    assert_eq!((found.epochs.get(), found.edge), (8, None));
    assert_eq!(found.trials[found.chosen].epochs, 8);
    assert_eq!(found.defaults, [("learning_rate".to_owned(), 1e-3)]);
}

#[test]
fn fewer_epochs_are_chosen_where_more_are_worse() {
    let world: World = |rate, epochs, _| {
        let away = (rate / 1e-3).log10();
        End::Loss(0.3 + away * away + 0.05 * epochs as f64)
    };
    let found = search(world, 6, 8);
    assert_eq!(found.epochs.get(), 2);
    assert_eq!(found.trials[found.chosen].epochs, 2);
}

#[test]
fn every_candidate_is_trained_under_both_seeds_and_the_mean_counts() {
    // The highest rate is the best under one seed and the worst in the mean.
    let world: World = |rate, epochs, seed| match (rate > 5e-3, seed) {
        (true, 0) => End::Loss(0.01),
        (true, _) => End::Loss(9.0),
        _ => valley(rate, 1e-3, epochs),
    };
    let found = search(world, 4, 4);
    assert!(rate(&found) < 5e-3);
    let of_seed = |name| {
        let wanted = sub_seed(SEED, name);
        let of = trainings()
            .into_iter()
            .filter(|training| training.2 == wanted);
        of.map(|training| (training.0, training.1))
            .collect::<Vec<_>>()
    };
    assert_eq!(of_seed("tune-0"), of_seed("tune-1"));
    assert_ne!(sub_seed(SEED, "tune-0"), sub_seed(SEED, "tune-1"));
    assert_eq!(found.trainings(), trainings().len());
    assert!(found.trials.iter().all(|trial| trial.seeds.len() == 2));
}

#[test]
fn of_equal_losses_the_first_candidates_go_on() {
    search(|_, _, _| End::Loss(0.5), 4, 4);
    let all = rates_at(1);
    assert_eq!(rates_at(2), all[..2]);
    assert_eq!(rates_at(4), all[..1]);
}

#[test]
fn what_gives_no_numbers_under_one_seed_or_fails_is_never_chosen() {
    let world: World = |rate, epochs, seed| match rate {
        rate if rate > 2e-3 && seed == 1 => End::NotNumbers,
        rate if rate > 2e-3 => End::Loss(0.001),
        rate if rate < 5e-4 => End::Fails,
        rate => valley(rate, 1e-3, epochs),
    };
    let found = search(world, 6, 4);
    assert!((5e-4..2e-3).contains(&rate(&found)), "{found:?}");
    let last = &found.trials[5];
    assert_eq!(
        (last.validation_loss, last.validation_accuracy),
        (None, None)
    );
    assert!(last.seeds[0].validation_loss.is_some() && last.seeds[1].validation_loss.is_none());
    assert!(
        last.error.as_ref().unwrap().contains("not numbers"),
        "{last:?}"
    );
    assert!(
        found.trials[0]
            .error
            .as_ref()
            .unwrap()
            .contains("pretends to fail")
    );
    // A failed candidate does not go on, though half of all might.
    assert!(rates_at(2).iter().all(|rate| (5e-4..2e-3).contains(rate)));
}

#[test]
fn where_everything_fails_the_first_failure_is_told() {
    let error = search_by(SearchKind::Halving, |_, _, _| End::Fails, 3, 4).unwrap_err();
    assert!(error.to_string().contains("pretends to fail"), "{error}");
}

#[test]
fn a_search_whose_optimum_lies_beyond_the_range_ends_inside_the_widened_one() {
    // The range ends at 1e-2; steps of 4 rates are of 30^(1/3).
    let found = search(|rate, epochs, _| valley(rate, 3e-2, epochs), 4, 4);
    close(rate(&found), 1e-2 * 30f64.powf(1.0 / 3.0));
    assert_eq!((found.edge, &found.at_edge[..]), (None, &[][..]));
    let low = search(|rate, epochs, _| valley(rate, 1.2e-4, epochs), 4, 4);
    close(rate(&low), 1e-3 / 3.0 / 30f64.powf(1.0 / 3.0));
    assert_eq!(low.edge, None);
    let wider = low.trials.iter().filter(|trial| trial.settings[0].1 < 3e-4);
    assert_eq!(wider.map(|trial| trial.epochs).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn what_still_ends_at_an_edge_after_three_widenings_is_marked() {
    let found = search(|rate, epochs, _| valley(rate, 1e3, epochs), 4, 4);
    close(rate(&found), 1e-2 * 30.0);
    assert_eq!(found.edge, Some(Edge::High));
    assert_eq!(found.at_edge, ["learning_rate"]);
    assert_eq!(trainings().len(), search_cost(4, n(4)).most_trainings);
    let low = search(|rate, epochs, _| valley(rate, 1e-9, epochs), 4, 4);
    assert_eq!(low.edge, Some(Edge::Low));
}

#[test]
fn a_rate_beyond_the_range_that_fails_leaves_the_best_off_the_edge() {
    let world: World = |rate, epochs, _| match rate {
        rate if rate > 1.01e-2 => End::Fails,
        rate => valley(rate, 3e-2, epochs),
    };
    let found = search(world, 4, 4);
    close(rate(&found), 1e-2);
    assert_eq!(found.edge, None);
}

#[test]
fn every_method_gets_the_same_steps_whatever_comes_of_them() {
    let worlds: [World; 3] = [
        |rate, epochs, _| valley(rate, 1e-3, epochs),
        |rate, epochs, _| valley(rate, 2e-3, epochs),
        |rate, epochs, seed| match valley(rate, 1.5e-3, epochs) {
            End::Loss(loss) => End::Loss(loss + 0.3 * seed as f64),
            end => end,
        },
    ];
    for (candidates, epochs) in [(3, 4), (4, 8), (5, 3), (7, 1), (12, 10)] {
        let cost = search_cost(candidates, n(epochs));
        for world in worlds {
            search(world, candidates, epochs);
            let within: Vec<usize> = trainings().iter().map(|training| training.1).collect();
            assert_eq!(
                within.len(),
                cost.trainings,
                "{candidates} candidates, {epochs} epochs"
            );
            assert_eq!(within.iter().sum::<usize>(), cost.epochs);
        }
    }
}

#[test]
fn random_search_trains_every_draw_for_all_epochs() {
    let found = search_by(
        SearchKind::Random,
        |rate, epochs, _| valley(rate, 1e-3, epochs),
        6,
        5,
    )
    .unwrap();
    assert_eq!(found.trials.len(), 6);
    assert!(found.trials.iter().all(|trial| trial.epochs == 5));
    assert_eq!(
        trainings().len(),
        SearchKind::Random.cost(6, n(5)).trainings
    );
    assert!(
        found
            .trials
            .iter()
            .all(|trial| (1e-3 / 3.0..1e-2).contains(&trial.settings[0].1))
    );
}
