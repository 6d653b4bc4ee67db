//! What the advice says of limits, labels, baselines, errors and trials that failed, on runs made up in memory.

use record::store::Form;
use record::{MethodNote, Outcome, Prediction, Predictions, Trial, TrialRecord, TrialSpec};
use report::{Advice, Basis, Limits, Question, Run, advice_lines};
use std::path::PathBuf;

const ROWS: u64 = 2000;

/// A way of adapting: the share of rows it gets wrong, seconds to train, and MiB by seed.
#[derive(Clone, Copy)]
struct Arm {
    name: &'static str,
    wrong: f64,
    seconds: f64,
    mebibytes: [u64; 3],
}

const fn arm(name: &'static str, wrong: f64, seconds: f64) -> Arm {
    Arm {
        name,
        wrong,
        seconds,
        mebibytes: [200, 210, 220],
    }
}

/// A number from 0 to 1 that depends on row and seed as if by chance.
fn chance(row: u64, seed: u64) -> f64 {
    let mut z = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 32)) as f64 / u64::MAX as f64
}

fn prediction(row: u64, seed: u64, wrong: f64) -> Prediction {
    // Mostly the row decides, so that arms of equal accuracy answer mostly alike; sure are most of the right answers.
    let hard = chance(row, 0) + 0.01 * (chance(row, seed + 1) - 0.5);
    let right = hard >= wrong;
    let sure: f64 = if right && chance(row, 5) > 0.15 {
        0.9
    } else {
        0.5
    };
    Prediction {
        row,
        label: "good".into(),
        predicted: if right { "good" } else { "bad" }.into(),
        log_probabilities: if right {
            vec![sure.ln(), (1.0 - sure).ln()]
        } else {
            vec![(1.0 - sure).ln(), sure.ln()]
        },
    }
}

fn trial(arm: Arm, seed: u64) -> Trial {
    let spec = TrialSpec {
        method: arm.name.into(),
        model: "m".into(),
        task: "t".into(),
        device: "flex".into(),
        seed,
        ..TrialSpec::default()
    };
    let id = format!("{}--{seed}", arm.name);
    let mut record = TrialRecord::unmeasured(id, spec, Outcome::Finished);
    let rows: Vec<Prediction> = (0..ROWS)
        .map(|row| prediction(row, seed, arm.wrong))
        .collect();
    let right = rows.iter().filter(|p| p.label == p.predicted).count();
    record.test_accuracy = Some(right as f64 / ROWS as f64);
    record.n_test = Some(ROWS);
    record.n_train = Some(100);
    record.n_validation = Some(50);
    record.train_s = Some(arm.seconds * (1.0 + 0.01 * seed as f64));
    record.eval_samples_per_s = Some(100.0);
    record.train_peak_rss_bytes = Some(arm.mebibytes[seed as usize] << 20);
    record.stored_bytes = Some(1000);
    record.total_params = Some(1_000_000);
    record.infer_flops_per_sample = Some(1e6);
    Trial {
        record,
        predictions: Some(Predictions::of(vec!["good".into(), "bad".into()], &rows).unwrap()),
    }
}

/// `change`s the rows that a trial predicted.
fn change_rows(trial: &mut Trial, change: impl FnOnce(&mut Vec<Prediction>)) {
    let before = trial.predictions.as_ref().unwrap();
    let mut rows = before.to_rows();
    change(&mut rows);
    trial.predictions = Some(Predictions::of(before.classes.clone(), &rows).unwrap());
}

fn run(arms: &[Arm]) -> Run {
    run_of(
        arms.iter()
            .flat_map(|arm| (0..3).map(|seed| trial(*arm, seed)))
            .collect(),
    )
}

fn run_of(trials: Vec<Trial>) -> Run {
    let info = serde_json::json!({
        "schema": 1, "command_line": [], "started_at": "", "burn_version": "", "profile": "", "features": [],
        "model_digests": {}, "task_digests": {}, "plan": {},
    });
    Run {
        dir: PathBuf::from("r"),
        form: Form::Folder,
        info: serde_json::from_value(info).unwrap(),
        trials,
    }
}

fn advice(run: &Run, question: &Question) -> Advice {
    let mut all = report::recommend(run, question);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn choice(advice: &Advice) -> (&str, Basis) {
    let (choice, basis) = advice.choice.as_ref().unwrap();
    (&choice.label, *basis)
}

const BEST: Arm = arm("best", 0.100, 76.0);
const CHEAP: Arm = arm("cheap", 0.102, 24.0);
const WEAK: Arm = arm("weak", 0.200, 1.0);

#[test]
fn the_verdict_stands_first_with_intervals_and_units() {
    let found = advice(&run(&[BEST, CHEAP, WEAK]), &Question::default());
    assert_eq!(choice(&found), ("cheap", Basis::CheaperAndAsGood));
    let lines = advice_lines(&found);
    println!("{}", lines.join("\n"));
    assert!(lines[0].starts_with("Choose cheap ("), "{}", lines[0]);
    for part in [
        "% right, 95 % interval",
        "as good as best (",
        "within 1 point",
        "it is 3.2x cheaper to train (24.2 s against 1 min 17 s)",
    ] {
        assert!(lines[0].contains(part), "{part} is missing in {}", lines[0]);
    }
}

#[test]
fn a_limit_is_kept_by_the_median_and_a_seed_beyond_it_is_named() {
    let mut wide = BEST;
    wide.mebibytes = [200, 210, 900];
    let limits = Limits {
        max_memory_bytes: Some(300.0 * 1048576.0),
        ..Limits::default()
    };
    let question = Question {
        limits,
        ..Question::default()
    };
    let found = advice(&run(&[wide, WEAK]), &question);
    assert_eq!(choice(&found).0, "best");
    let text = advice_lines(&found).join("\n");
    assert!(
        text.contains("best: seed 2 needed 900 MiB of memory, allowed 300 MiB"),
        "{text}"
    );
    wide.mebibytes = [200, 900, 910];
    let found = advice(&run(&[wide, WEAK]), &question);
    assert_eq!(choice(&found).0, "weak");
    let text = advice_lines(&found).join("\n");
    assert!(text.contains("A higher limit would allow best ("), "{text}");
    assert!(
        text.contains("points against weak): memory 900 MiB, allowed 300 MiB"),
        "{text}"
    );
}

#[test]
fn labels_for_validation_are_counted_as_labels() {
    let of = |labels: f64| {
        let limits = Limits {
            max_labels: Some(labels),
            ..Limits::default()
        };
        let question = Question {
            limits,
            ..Question::default()
        };
        advice(&run(&[BEST, WEAK]), &question)
    };
    assert!(of(149.0).choice.is_none());
    let enough = of(150.0);
    assert_eq!(choice(&enough).0, "best");
    assert!(
        enough
            .notes
            .iter()
            .any(|note| note.contains("validation are counted"))
    );
}

#[test]
fn a_baseline_is_known_by_its_level_and_in_older_runs_by_having_no_model() {
    let level = arm("counts", 0.104, 0.1);
    let arms = [BEST, CHEAP, level];
    let noisy = |mut trials: Vec<Trial>| {
        // Its rows are others' by chance, so that it is neither as good nor behind.
        for trial in trials
            .iter_mut()
            .filter(|t| t.record.spec.method == "counts")
        {
            let seed = trial.record.spec.seed;
            change_rows(trial, |rows| {
                for row in rows {
                    let right = chance(row.row, 77) + 0.05 * chance(row.row, 90 + seed) >= 0.119;
                    row.predicted = if right { "good" } else { "bad" }.into();
                }
            });
        }
        trials
    };
    let mut named = run(&arms);
    named.trials = noisy(named.trials);
    assert!(advice(&named, &Question::default()).unbeaten.is_empty());
    named.info.methods.push(MethodNote {
        name: "counts".into(),
        definition: String::new(),
        paper: None,
        level: Some(record::BASELINE.into()),
        look: None,
    });
    let found = advice(&named, &Question::default());
    assert_eq!(found.unbeaten[0].scored.label, "counts");
    // `cheap` is as good as `best`, but nothing is called so beside a baseline that nothing beats.
    assert_eq!(choice(&found), ("best", Basis::BaselineUnbeaten));
    let first = &advice_lines(&found)[0];
    assert!(
        first.starts_with("No method is shown to be better than counts"),
        "{first}"
    );

    let mut old = run(&arms);
    old.trials = noisy(old.trials);
    for trial in old
        .trials
        .iter_mut()
        .filter(|t| t.record.spec.method == "counts")
    {
        trial.record.infer_flops_per_sample = None;
        trial.record.total_params = Some(300);
    }
    assert_eq!(advice(&old, &Question::default()).unbeaten.len(), 1);
}

#[test]
fn with_an_error_to_keep_to_arms_are_compared_by_what_they_answer() {
    let question = Question {
        max_error: Some(0.05),
        ..Question::default()
    };
    let mut blind = trial(arm("blind", 0.09, 1.0), 0);
    let all_alike = |trial: &mut Trial, log: f64| {
        change_rows(trial, |rows| {
            rows.iter_mut()
                .for_each(|row| row.log_probabilities = vec![log; 2]);
        });
    };
    all_alike(&mut blind, 0.0);
    let mut silent = trial(arm("silent", 0.09, 1.0), 0);
    all_alike(&mut silent, f64::NAN);
    let mut all = run(&[BEST, WEAK]).trials;
    all.extend([blind, silent]);
    let found = advice(&run_of(all), &question);
    let (chosen, _) = found.choice.as_ref().unwrap();
    let (error, interval) = chosen.error.unwrap();
    assert_eq!(chosen.label, "best");
    assert!(error < 0.05 && interval.high <= 0.05, "{chosen:?}");
    assert!(chosen.mean > 0.5 && chosen.mean < 1.0, "{chosen:?}");
    let text = advice_lines(&found).join("\n");
    println!("{text}");
    for part in [
        "% of the texts, 95 % interval",
        "the rest go to a person",
        "blind (no share of the texts is shown to be answered",
        "silent (probabilities of the answers are not on record)",
        "the test split was parted in two",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn what_did_not_finish_is_said_and_one_seed_is_too_little_to_call_anything_as_good() {
    let mut trials = run(&[BEST, CHEAP]).trials;
    for trial in &mut trials[1..3] {
        trial.record.outcome = Outcome::TimedOut;
        trial.predictions = None;
    }
    let text = advice_lines(&advice(&run_of(trials), &Question::default())).join("\n");
    assert!(
        text.contains("best: 2 of 3 trials did not finish"),
        "{text}"
    );
    let single: Vec<Trial> = [BEST, CHEAP].map(|arm| trial(arm, 0)).to_vec();
    let found = advice(&run_of(single), &Question::default());
    assert_eq!(choice(&found), ("best", Basis::HighestMean));
    let text = advice_lines(&found).join("\n");
    assert!(text.contains("One seed:"), "{text}");
}

#[test]
fn json_has_the_choice_its_reasons_and_the_sentences() {
    let found = report::recommend(&run(&[BEST, CHEAP, WEAK]), &Question::default());
    let json = report::advice_json(&found);
    let group = &json[0];
    assert_eq!(group["choice"]["label"], "cheap");
    assert_eq!(group["basis"], "cheaper_and_as_good");
    assert_eq!(group["others"][0]["label"], "best");
    assert_eq!(group["others"][1]["standing"], "behind");
    assert_eq!(group["sentences"][0], advice_lines(&found[0])[0]);
}
