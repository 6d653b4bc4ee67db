//! A made-up run with several numbers of training examples, through every file of its report and the advice.

use record::{Outcome, Prediction, RunInfo, TrialRecord, TrialSpec};
use report::{Limits, Question, load_run, store};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const POINTS: [u64; 5] = [8, 32, 128, 512, 2048];
const SEEDS: u64 = 3;
const ROWS: u64 = 900;

/// A method, and its accuracy at so many labels.
type MadeUp = (&'static str, fn(f64) -> f64);

/// What each method has at `labels`: the first is overtaken by the second at 128 labels, the third is behind throughout.
const ARMS: [MadeUp; 3] = [
    ("oak-frozen", |_| 0.70),
    ("lime", |labels| 0.70 + 0.03 * (labels / 128.0).log2()),
    ("ash-count", |_| 0.45),
];

fn noise(parts: [u64; 4]) -> f64 {
    let mix = parts
        .into_iter()
        .fold(0x9e37_79b9_7f4a_7c15_u64, |hash, part| {
            let z = (hash ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z ^ (z >> 29)
        });
    (mix.wrapping_mul(0x94d0_49bb_1331_11eb) >> 11) as f64 / (1_u64 << 53) as f64
}

fn write_trial(dir: &Path, arm: usize, labels: u64, seed: u64) {
    let (method, accuracy) = ARMS[arm];
    let limit = serde_json::json!({"epochs": 3, "train_limit": labels});
    let spec = TrialSpec {
        method: method.into(),
        model: "models/mini".into(),
        task: "letters".into(),
        device: "flex".into(),
        seed,
        budget: serde_json::from_value(limit).unwrap(),
        ..TrialSpec::default()
    };
    let id = format!("{method}--{labels}--{seed}");
    let mut record = TrialRecord::unmeasured(id.clone(), spec, Outcome::Finished);
    let level = accuracy(labels as f64) + 0.01 * (noise([seed, labels, 1, 1]) - 0.5);
    let rows: Vec<Prediction> = (0..ROWS)
        .map(|row| {
            // Half of the rows are as hard for one as for the other.
            let own = [row, seed, labels, arm as u64];
            let bar = if noise(own.map(|x| x + 7)) < 0.5 {
                noise([row, 3, 3, 3])
            } else {
                noise(own)
            };
            let right = bar < level;
            Prediction {
                row,
                label: "good".into(),
                predicted: if right { "good" } else { "bad" }.into(),
                log_probabilities: vec![-0.3, -1.35],
            }
        })
        .collect();
    let right = rows.iter().filter(|p| p.label == p.predicted).count();
    record.n_train = Some(labels);
    record.n_validation = Some(40);
    record.n_test = Some(ROWS);
    record.classes = Some(2);
    record.test_accuracy = Some(right as f64 / ROWS as f64);
    record.train_s = Some(1.0 + arm as f64);
    let classes = ["good".into(), "bad".into()];
    let digest = store::write_predictions(dir, &id, &classes, &rows).unwrap();
    record.predictions_digest = Some(digest);
    store::write_record(dir, &record).unwrap();
}

fn write_run(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let info: RunInfo = serde_json::from_value(serde_json::json!({
        "schema": record::SCHEMA, "command_line": ["adaptbench"], "started_at": "2026-01-02T03:04:05Z", "git_revision": null,
        "git_dirty": null, "rustc": null, "cargo_lock_digest": null, "burn_version": "0.22.1", "profile": "dev", "features": [],
        "cpu": null, "cores": null, "ram_bytes": null, "gpu": null, "driver": null, "os": null, "model_digests": {},
        "task_digests": {}, "plan": {},
    }))
    .unwrap();
    store::write_run_info(&dir, &info).unwrap();
    for arm in 0..ARMS.len() {
        for labels in POINTS {
            (0..SEEDS).for_each(|seed| write_trial(&dir, arm, labels, seed));
        }
    }
    dir
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut table = csv::Reader::from_path(path).unwrap();
    table.deserialize().map(Result::unwrap).collect()
}

#[test]
fn each_point_is_a_group_and_the_curve_is_told_once() {
    let dir = write_run("label-curves");
    let run = load_run(&dir).unwrap();
    let written = report::write(&run, &dir).unwrap();

    let groups = run.groups();
    let points: Vec<Option<u64>> = groups.iter().map(|group| group.point).collect();
    assert_eq!(points, POINTS.map(Some));
    assert!(groups.iter().all(|group| group.arms.len() == ARMS.len()));
    assert_eq!(groups[3].title(), "mini on letters, 512 training examples");
    assert_eq!(
        groups[3].arms[0].label, "ash-count",
        "no number of examples in it"
    );

    let curves = rows(&dir.join("label_curves.csv"));
    assert_eq!(curves.len(), POINTS.len() * ARMS.len());
    let summary = rows(&dir.join("summary.csv"));
    for row in &curves {
        let same = |other: &&HashMap<String, String>| {
            ["label", "n_train"]
                .iter()
                .all(|key| other[*key] == row[*key])
        };
        let other = summary.iter().find(same).unwrap();
        for cell in [
            "test_accuracy_mean",
            "test_accuracy_low",
            "standing",
            "n_validation",
        ] {
            assert_eq!(row[cell], other[cell], "{cell}");
        }
        let is_last = row["n_train"] == "2048";
        assert_eq!(row["next_doubling_points"].is_empty(), !is_last, "{row:?}");
    }

    let crossings = rows(&dir.join("crossings.csv"));
    assert_eq!(crossings.len(), 3);
    let pair = |a: &str, b: &str| {
        let has = |row: &&HashMap<String, String>| {
            [&row["first"], &row["second"]].map(String::as_str) == [a, b]
                || [&row["second"], &row["first"]].map(String::as_str) == [a, b]
        };
        crossings.iter().find(has).unwrap()
    };
    let found = pair("lime", "oak-frozen");
    assert_eq!(
        (found["verdict"].as_str(), found["overtakes"].as_str()),
        ("shown", "lime")
    );
    let number = |cell: &str| found[cell].parse::<f64>().unwrap();
    assert!(
        number("n_train_low") < 128.0 && 128.0 < number("n_train_high"),
        "{found:?}"
    );
    assert!(
        number("n_train") > 60.0 && number("n_train") < 250.0,
        "{found:?}"
    );
    let never = pair("ash-count", "oak-frozen");
    assert_eq!(
        (never["verdict"].as_str(), never["n_train"].as_str()),
        ("none", "")
    );
    assert_eq!(never["ahead_at_most"], "oak-frozen");

    let plots: Vec<String> = written
        .files
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "svg"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in [
        "mini--letters--label-curves",
        "mini--letters--label-curves-apart",
        "mini--letters--n32--accuracy",
    ] {
        assert!(plots.contains(&name.to_owned()), "{name}: {plots:?}");
    }
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert_eq!(page.matches("How many labels: mini on letters").count(), 1);
    assert!(page.contains("lime overtakes oak-frozen at "));

    let table = report::terminal_table(&run);
    let head = table.lines().find(|line| line.starts_with("method "));
    let head: Vec<&str> = head.unwrap().split_whitespace().collect();
    assert_eq!(
        head,
        ["method", "8", "32", "128", "512", "2,048"],
        "{table}"
    );
    assert!(
        !table.contains("accuracy % [95"),
        "no table of each point: {table}"
    );
    assert!(table.contains("Validation takes 40 labels besides"));
}

#[test]
fn advice_is_a_line_a_point_and_labels_choose_the_point() {
    let dir = write_run("label-advice");
    let run = load_run(&dir).unwrap();
    let text = report::advice_text(&report::recommend(&run, &Question::default()));
    assert_eq!(text.lines().count(), 1 + POINTS.len(), "{text}");
    assert!(text.contains("\n  8 training examples: "), "{text}");
    assert!(
        text.contains("\n  2,048 training examples: Choose lime"),
        "{text}"
    );
    let limited = |labels: f64| {
        let limits = Limits {
            max_labels: Some(labels),
            ..Limits::default()
        };
        let question = Question {
            limits,
            ..Question::default()
        };
        report::recommend(&run, &question)
    };
    // Forty of them validate.
    let points: Vec<Option<u64>> = limited(200.0).iter().map(|advice| advice.point).collect();
    assert_eq!(points, [Some(128)]);
    assert!(report::advice_text(&limited(20.0)).contains("Nothing measured fits"));
}
