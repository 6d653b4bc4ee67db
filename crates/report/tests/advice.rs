//! What is advised on the runs under `results/`, and on simulated tables whose truth is known.

mod tables;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::{Spread, Standing};
use report::{Advice, Basis, Candidate, Cost, Question, Run, load_run};
use std::fs;
use std::path::Path;

/// The runs under `results/`, and what some of them were before.
fn runs() -> Vec<Run> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../../results", "tests/audited"].map(|folder| here.join(folder));
    let mut dirs: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|dir| dir.join("run.json").is_file())
        .collect();
    dirs.sort();
    dirs.iter().map(|dir| load_run(dir).unwrap()).collect()
}

/// Advice on every committed run, by every cost.
fn all_advice() -> Vec<(String, Advice)> {
    let costs = [
        Cost::SearchTrain,
        Cost::Train,
        Cost::Memory,
        Cost::Predict,
        Cost::Total { predictions: 1e5 },
    ];
    let mut all = Vec::new();
    for run in runs() {
        for cost in costs {
            for margin in [0.01, 0.05] {
                // A narrow margin once: what it leaves is much the same by every cost.
                if margin < 0.05 && cost != Cost::SearchTrain {
                    continue;
                }
                let question = Question {
                    cost,
                    margin,
                    ..Question::default()
                };
                let advice = report::recommend(&run, &question);
                if (cost, margin) == (Cost::SearchTrain, 0.01) {
                    println!("### {}\n{}", run.name(), report::advice_text(&advice));
                }
                all.extend(advice.into_iter().map(|advice| (run.name(), advice)));
            }
        }
    }
    all
}

#[test]
fn on_committed_runs_nothing_is_advised_that_may_lose_more_than_the_margin_but_the_best_mean() {
    let (mut cheaper, mut unbeaten) = (0, 0);
    for (run, advice) in all_advice() {
        let (choice, basis) = advice.choice.as_ref().unwrap();
        let best = advice.best.as_ref().unwrap();
        let means = advice.others.iter().map(|other| other.scored.mean);
        assert!(means.fold(best.mean, f64::max) <= best.mean, "{run}");
        if choice != best {
            assert_eq!(*basis, Basis::CheaperAndAsGood, "{run}: {advice:?}");
            let against = advice.choice_against.unwrap();
            assert_eq!(against.standing, Standing::AsGood, "{run}: {advice:?}");
            assert!(
                against.interval.low > -advice.question.margin,
                "{run}: {advice:?}"
            );
            let [own, of_best] = [choice, best].map(|scored| scored.cost.unwrap());
            assert!(own.median < of_best.median, "{run}: {advice:?}");
            cheaper += 1;
        }
        let is_baseline = |label: &str| ["majority", "tf-idf"].contains(&label);
        if *basis == Basis::BaselineUnbeaten {
            assert!(is_baseline(&advice.unbeaten[0].scored.label), "{run}");
            unbeaten += 1;
        }
        // A baseline that may be behind is never what to choose.
        if is_baseline(&choice.label) {
            assert!(choice == best || *basis == Basis::CheaperAndAsGood, "{run}");
        }
        let text = report::advice_lines(&advice).join("\n");
        for weak in ["\u{2248}", "NaN", "inf ", "tied", "-0.0", "+0.0"] {
            assert!(!text.contains(weak), "{run}: {weak} in {text}");
        }
    }
    assert!(
        cheaper > 3 && unbeaten > 3,
        "{cheaper} and {unbeaten}: nothing was checked"
    );
}

#[test]
fn the_advice_on_runs_that_was_wrong_before_is_now_right() {
    let runs = runs();
    let choice = |run: &str, group: usize| {
        // Of two with one name the audited one comes last.
        let run = runs.iter().rfind(|found| found.name() == run).unwrap();
        let advice = &report::recommend(run, &Question::default())[group];
        let (choice, basis) = advice.choice.clone().unwrap();
        (choice.label, basis)
    };
    // Before: majority, tf-idf, bitfit, which were merely not told apart.
    let (label, basis) = choice("bundled-decoder", 0);
    assert!(label.starts_with("in-context") && basis == Basis::BaselineUnbeaten);
    assert_ne!(choice("minilm-imdb", 0).0, "tf-idf");
    assert_ne!(choice("minilm-sst2", 0).0, "bitfit");
}

const ARMS: usize = 8;
const SIMULATED: usize = 100;

/// Mean points lost by what is advised and by the cheapest that is not told apart from the best.
fn points_lost(seeds: u64, rows: usize) -> (f64, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(7 + seeds);
    let (mut advised, mut cheapest) = (0.0, 0.0);
    for _ in 0..SIMULATED {
        // True accuracies up to 10 points below the best, standard deviations between seeds from 0.3 to 2 points, costs over two decades.
        let mut arms: Vec<(f64, f64)> = (0..ARMS)
            .map(|_| {
                let behind = 0.1 * random.random::<f64>();
                (0.85 - behind, 0.003 * (2.0_f64 / 0.3).powf(random.random()))
            })
            .collect();
        arms[0].0 = 0.85;
        let answers = tables::answers(&mut random, &arms, seeds, rows);
        let candidates: Vec<Candidate> = answers
            .into_iter()
            .map(|answers| {
                let cost = 10f64.powf(2.0 * random.random::<f64>());
                let noisy = (0..seeds).map(|_| Some(cost * (1.0 + 0.1 * random.random::<f64>())));
                Candidate {
                    mean: tables::mean(&answers),
                    cost: Spread::of(noisy.collect::<Vec<_>>()),
                    answers,
                    baseline: false,
                }
            })
            .collect();
        let decision = report::decide(&candidates, 0.01).unwrap();
        let lost = |arm: usize| 100.0 * (0.85 - arms[arm].0) / SIMULATED as f64;
        advised += lost(decision.choice);
        let not_behind = (0..ARMS)
            .filter(|arm| decision.against[*arm].is_some_and(|a| a.standing != Standing::Behind));
        let cost = |arm: &usize| candidates[*arm].cost.unwrap().median;
        cheapest += lost(
            not_behind
                .min_by(|a, b| cost(a).total_cmp(&cost(b)))
                .unwrap(),
        );
    }
    (advised, cheapest)
}

/// Of the rule before, the cheapest of what is not told apart from the best, an audit measured 10.9, 3.6 and 1.2 points (1 x 60, 3 x 1000 and 10 x
/// 1000) on its own tables.
#[test]
fn what_is_advised_loses_at_most_half_a_point_with_three_seeds_and_1000_rows() {
    for (seeds, rows, most) in [(1, 60, 4.0), (3, 1000, 0.5), (10, 1000, 0.5)] {
        let (advised, cheapest) = points_lost(seeds, rows);
        println!(
            "{seeds} x {rows}: {advised:.2} points lost, by the cheapest not told apart {cheapest:.2}"
        );
        assert!(
            advised <= most && advised < cheapest,
            "{seeds} x {rows}: {advised}, {cheapest}"
        );
    }
}
