//! What `compare` pairs, what it refuses to pair, what it says differs, and when a build is to fail.

mod synthetic;

use record::{Outcome, Prediction, Predictions, Trial};
use report::statistics::Evidence;
use report::{Change, Gate, Machines, Noise, Run, RunComparison, gate, load_run};

fn made_up() -> (tempfile::TempDir, Run) {
    let dir = tempfile::tempdir().unwrap();
    synthetic::write_run(dir.path());
    let mut run = load_run(dir.path()).unwrap();
    run.trials
        .retain(|trial| trial.record.spec.task == synthetic::TASKS[0]);
    (dir, run)
}

fn compare(first: &Run, second: &Run) -> RunComparison {
    report::compare(first, second, &Noise::default())
}

fn changed(run: &Run, change: impl Fn(&mut Trial)) -> Run {
    let mut run = run.clone();
    run.trials.iter_mut().for_each(change);
    run
}

/// `change`s the rows that a trial predicted.
fn change_rows(trial: &mut Trial, change: impl FnOnce(&mut Vec<Prediction>)) {
    let before = trial.predictions.as_ref().unwrap();
    let mut rows = before.to_rows();
    change(&mut rows);
    trial.predictions = Some(Predictions::of(before.classes.clone(), &rows).unwrap());
}

fn is_paired(comparison: &RunComparison) -> bool {
    let evidence = |arm: &report::ArmComparison| arm.accuracy.unwrap().evidence;
    let mut arms = comparison.arms.iter().map(evidence);
    assert!(arms.len() > 10);
    arms.all(|evidence| matches!(evidence, Evidence::Paired { .. }))
}

#[test]
fn the_same_run_has_no_differences_and_the_same_answers() {
    let (_dir, run) = made_up();
    let found = compare(&run, &run);
    assert!(is_paired(&found) && found.not_paired.is_empty() && found.notes.is_empty());
    for arm in &found.arms {
        assert!(arm.same_answers && !arm.differs(), "{arm:?}");
        assert_eq!(arm.adapt_s.map(|ratio| ratio.change), Some(Change::None));
    }
    let text = report::comparison_table(&found);
    for same in ["settings", "model and task", "machine", "program"] {
        assert!(text.contains(&format!("same {same}")), "{text}");
    }
    assert!(!text.contains('→') || text.contains("(x1.00"), "{text}");
    assert_eq!(gate(&found, 0.01).worse, Vec::<String>::new());
    assert_eq!(gate(&found, 0.0).holding, found.arms.len());
}

#[test]
fn permuted_rows_other_rows_and_other_files_are_not_paired() {
    let (_dir, run) = made_up();
    let permuted = changed(&run, |trial| {
        change_rows(trial, |rows| {
            let shifted: Vec<u64> = rows.iter().map(|row| row.row).collect();
            rows.rotate_left(1);
            rows.iter_mut()
                .zip(shifted)
                .for_each(|(row, at)| row.row = at);
        });
    });
    let fewer = changed(&run, |trial| {
        change_rows(trial, |rows| rows.truncate(400));
        trial.record.n_test = Some(400);
    });
    let other_files = changed(&run, |trial| trial.record.spec.task_digest = "cc".into());
    let unknown = changed(&run, |trial| trial.record.spec.task_digest.clear());
    for (second, said) in [
        (permuted, "test rows have another label, among them row 0"),
        (fewer, "there are 500 test rows and 400"),
        (
            other_files,
            "the task's files differ (SHA-256 bb.. and cc..)",
        ),
        (unknown, "is not on record in both runs"),
    ] {
        let found = compare(&run, &second);
        let evidence: Vec<_> = found
            .arms
            .iter()
            .map(|arm| arm.accuracy.unwrap().evidence)
            .collect();
        assert!(
            evidence.iter().all(|e| *e == Evidence::Unpaired),
            "{said}: {evidence:?}"
        );
        assert!(found.arms.iter().all(|arm| !arm.same_answers), "{said}");
        let text = report::comparison_table(&found);
        assert!(
            text.contains("NOT PAIRED: ") && text.contains(said),
            "{text}"
        );
        let before_numbers = text.find("NOT PAIRED").unwrap() < text.find("accuracy").unwrap();
        assert!(before_numbers, "{text}");
    }
}

#[test]
fn other_classes_are_not_compared_at_all() {
    let (_dir, run) = made_up();
    let renamed = changed(&run, |trial| {
        let predictions = trial.predictions.as_mut().unwrap();
        predictions.classes[0] = "fine".into();
    });
    let more = changed(&run, |trial| trial.record.classes = Some(3));
    for (second, said) in [
        (
            renamed,
            "classes of the first only: \"good\"; of the second only: \"fine\"",
        ),
        (more, "2 classes and 3"),
    ] {
        let found = compare(&run, &second);
        assert!(found.arms.is_empty());
        let text = report::comparison_table(&found);
        assert!(
            text.contains("NOT COMPARED: ") && text.contains(said),
            "{text}"
        );
    }
}

#[test]
fn every_difference_of_settings_machine_program_and_notes_stands_before_the_numbers() {
    let (_dir, run) = made_up();
    let mut second = changed(&run, |trial| {
        let spec = &mut trial.record.spec;
        spec.budget.training["epochs"] = 9.into();
        if spec.method == "lime" {
            spec.config["strength"] = 77.into();
        }
        trial.record.notes.task.push("leak: 3 of 500".into());
    });
    second.info.cores = Some(99);
    second.info.git_revision = Some("0123456789abcdef".into());
    second.info.git_dirty = Some(true);
    second.info.plan["time_limit_s"] = 60.into();
    let found = compare(&run, &second);
    assert_eq!(found.changes.machines, Machines::Other);
    let text = report::comparison_table(&found);
    let (before, numbers) = text.split_once("accuracy, points").unwrap();
    for line in [
        "  budget.epochs: 4 → 9\n",
        "  strength: 12 → 77 (lime)\n",
        "  strength: 13 → 77 (lime:wide)\n",
        "  time_limit_s: not on record → 60\n",
        "  note \"leak: 3 of 500\": not on record → noted\n",
        "→ 99\n",
        "→ 01234567 with changes",
    ] {
        assert!(before.contains(line), "{line:?} is missing in {text}");
    }
    // Times of another machine are shown without a word on them.
    for arm in &found.arms {
        let ratio = arm.adapt_s.unwrap();
        assert!(ratio.interval.is_some());
        assert_eq!(ratio.change, Change::Unsaid);
    }
    assert!(numbers.contains("The machines differ"), "{text}");
}

#[test]
fn runs_that_share_some_seeds_or_none_say_so() {
    let (_dir, run) = made_up();
    let shifted = |by: u64| changed(&run, move |trial| trial.record.spec.seed += by);
    let some = compare(&run, &shifted(1));
    let pair = some.arms[0].accuracy.unwrap().evidence;
    assert_eq!(
        pair,
        Evidence::Paired {
            seeds: 2,
            rows: 500
        }
    );
    assert!(
        some.notes[0].contains("2 of 3 and 3 seeds"),
        "{:?}",
        some.notes
    );
    let none = compare(&run, &shifted(10));
    assert!(none.notes[0].contains("share no seed"), "{:?}", none.notes);
    assert!(none.not_paired.is_empty());
    let ratio = none.arms[5].adapt_s.unwrap();
    assert!(!ratio.is_paired && ratio.interval.is_some());
}

#[test]
fn an_arm_is_found_whatever_else_the_other_run_holds() {
    let (_dir, run) = made_up();
    // A second device makes labels of the second run longer, and another device alone is a setting.
    let mut both = run.clone();
    let copies = changed(&run, |trial| trial.record.spec.device = "cuda".into());
    both.trials.extend(copies.trials.clone());
    let found = compare(&run, &both);
    assert!(is_paired(&found) && found.only_first.is_empty());
    assert_eq!((found.arms.len(), found.only_second.len()), (17, 17));
    let found = compare(&run, &copies);
    assert_eq!(found.arms.len(), 17);
    let text = report::comparison_table(&found);
    assert!(text.contains("  device: flex → cuda\n"), "{text}");
}

#[test]
fn times_beside_a_busy_neighbour_are_left_out_and_counted() {
    let (_dir, run) = made_up();
    let second = changed(&run, |trial| {
        let record = &mut trial.record;
        if record.spec.seed == 1 || record.spec.method == "ia3yew" {
            record.disturbed = Some(true);
            record.train_s = record.train_s.map(|s| 30.0 * s);
            record.prepare_s = record.prepare_s.map(|s| 30.0 * s);
        }
    });
    let found = compare(&run, &second);
    let text = report::comparison_table(&found);
    for arm in found.arms.iter().filter(|arm| arm.label != "ia3yew") {
        let ratio = arm.adapt_s.unwrap();
        assert_eq!(
            (ratio.ratio, ratio.change),
            (1.0, Change::None),
            "{}",
            arm.label
        );
        assert_eq!(arm.disturbed, [0, 1]);
    }
    let all_disturbed = found.arms.iter().find(|arm| arm.label == "ia3yew").unwrap();
    let ratio = all_disturbed.adapt_s.unwrap();
    assert!(
        ratio.ratio > 20.0 && ratio.change == Change::Unsaid,
        "{ratio:?}"
    );
    assert!(
        text.contains("beside a busy neighbour") && text.contains("ia3yew (3)"),
        "{text}"
    );
}

/// Answers one in `one_in` rows wrong under these seeds of `method`.
fn spoilt(run: &Run, method: &str, one_in: u64, seeds: &[u64]) -> Run {
    changed(run, |trial| {
        let spec = &trial.record.spec;
        if spec.method != method || !seeds.contains(&spec.seed) {
            return;
        }
        change_rows(trial, |rows| {
            for row in rows.iter_mut().filter(|row| row.row % one_in == 0) {
                row.predicted = if row.label == "good" { "bad" } else { "good" }.into();
            }
        });
    })
}

fn judged(first: &Run, second: &Run, threshold: f64) -> Gate {
    gate(&compare(first, second), threshold)
}

#[test]
fn a_build_fails_where_accuracy_fell_an_arm_is_gone_or_more_trials_failed() {
    let (_dir, run) = made_up();
    let lower = judged(&run, &spoilt(&run, "ia3yew", 8, &[0, 1, 2]), 0.01);
    assert!(
        lower.worse.len() == 1 && lower.worse[0].contains("ia3yew: -"),
        "{lower:?}"
    );
    assert_eq!(lower.holding, 16);
    // Ten points may be lost.
    let allowed = judged(&run, &spoilt(&run, "ia3yew", 8, &[0, 1, 2]), 0.3);
    assert_eq!(
        (allowed.worse.len(), allowed.holding),
        (0, 17),
        "{allowed:?}"
    );

    let mut gone = run.clone();
    gone.trials
        .retain(|trial| trial.record.spec.method != "knn-birch");
    let gone = judged(&run, &gone, 0.01);
    assert!(
        gone.worse.len() == 1 && gone.worse[0].contains("knn-birch: not in the second"),
        "{gone:?}"
    );

    let failed = |seeds: u64| {
        changed(&run, move |trial| {
            if trial.record.spec.method == "cedar-all" && trial.record.spec.seed < seeds {
                trial.record.outcome = Outcome::OutOfMemory;
                trial.record.test_accuracy = None;
                trial.predictions = None;
            }
        })
    };
    let one = judged(&run, &failed(1), 0.01);
    assert!(
        one.worse[0].contains("1 trials did not finish, 0 in the first"),
        "{one:?}"
    );
    let all = judged(&run, &failed(3), 0.01);
    assert!(
        all.worse.iter().any(|line| line.contains("no accuracy")),
        "{all:?}"
    );
    // Fewer failures than before are none.
    assert!(judged(&failed(1), &run, 0.01).worse.is_empty());
}

#[test]
fn what_is_not_shown_either_way_is_unsettled_and_not_passed_in_silence() {
    let (_dir, run) = made_up();
    // One of three seeds lost six points: the mean is down by two, and the seeds do not agree on it.
    let found = judged(&run, &spoilt(&run, "lime", 14, &[1]), 0.01);
    assert!(found.worse.is_empty(), "{found:?}");
    assert!(
        found.unsettled.len() == 2,
        "lime and its variant: {found:?}"
    );
    assert!(
        found.unsettled[0].contains("the interval reaches below -1"),
        "{found:?}"
    );
    assert_eq!(found.holding, 15);
    let text = report::gate_text(&found, 0.01);
    assert!(
        text.contains("cannot tell: ") && text.contains("15 of 17 hold"),
        "{text}"
    );
}
