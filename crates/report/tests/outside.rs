//! What comes from outside: models and tasks of the same last name, names that are markup, notes on data and models, records and predictions
//! that were damaged.

mod small;

use record::{LeftOut, TrialRecord};
use report::{Run, load_run, store};
use small::{seconds, trial, write_run, write_trial};
use std::fs;
use std::path::Path;

const FINALS: [(&str, &str); 3] = [("a/final", "11"), ("b/final", "22"), ("c/final/", "33")];

fn run_of(models: &[small::Given<'_>], tasks: &[small::Given<'_>]) -> (tempfile::TempDir, Run) {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), models, tasks);
    let run = load_run(dir.path()).unwrap();
    (dir, run)
}

fn text(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn three_models_of_the_same_last_name_have_their_own_titles_and_charts_everywhere() {
    let (dir, run) = run_of(&FINALS, &[("x/data", "t")]);
    let written = report::write(&run, dir.path()).unwrap();
    let advice = report::advice_text(&report::recommend(&run, &report::Question::default()));
    let pages = [
        report::terminal_table(&run),
        text(dir.path(), "summary.md"),
        text(dir.path(), "report.html"),
        advice,
    ];
    for page in pages {
        for title in ["a/final on data", "b/final on data", "c/final on data"] {
            assert!(page.contains(title), "{title} is missing in {page:.3000}");
        }
    }
    for name in [
        "a-final--data--accuracy.svg",
        "b-final--data--accuracy.svg",
        "c-final--data--accuracy.png",
    ] {
        assert!(
            written.files.contains(&dir.path().join("plots").join(name)),
            "{name} is missing"
        );
    }
    let mut files = written.files.clone();
    files.sort();
    files.dedup();
    assert_eq!(files.len(), written.files.len(), "a file was written twice");
}

#[test]
fn tasks_of_the_same_last_name_and_one_model_under_two_names_are_told_apart() {
    let (_dir, run) = run_of(
        &[("m", "1"), ("./m", "1")],
        &[("x/data", "t"), ("y/data", "u")],
    );
    let titles: Vec<String> = report::summarise(&run)
        .into_iter()
        .map(|group| group.title)
        .collect();
    assert_eq!(
        titles,
        [
            "./m on x/data",
            "./m on y/data",
            "m on x/data",
            "m on y/data"
        ]
    );
    let slugs: std::collections::BTreeSet<String> = report::summarise(&run)
        .into_iter()
        .map(|group| group.slug)
        .collect();
    assert_eq!(slugs.len(), 4);
}

#[test]
fn no_arm_is_compared_with_that_of_another_model() {
    let (_first_dir, first) = run_of(&FINALS, &[("x/data", "t")]);
    let same = report::compare(&first, &first, &report::Noise::default());
    assert_eq!(same.arms.len(), 6);
    for arm in &same.arms {
        let ratio = arm.adapt_s.unwrap();
        assert_eq!(ratio.first.median, ratio.second.median, "{}", arm.title);
    }
    assert!(same.only_first.is_empty() && same.only_second.is_empty() && same.notes.is_empty());

    // The second run has one of the models at another place, and another model at the place of one.
    let (_second_dir, second) = run_of(
        &[("moved/final", "22"), ("d/final", "44")],
        &[("data", "t")],
    );
    let found = report::compare(&first, &second, &report::Noise::default());
    assert_eq!(found.arms.len(), 2);
    for arm in &found.arms {
        assert_eq!(arm.title, "b/final on data");
        let ratio = arm.adapt_s.unwrap();
        assert_eq!(
            (ratio.first.median, ratio.second.median),
            (seconds(1), seconds(0))
        );
    }
    let table = report::comparison_table(&found);
    assert!(
        table.contains("b/final of the first run is moved/final of the second"),
        "{table}"
    );
    assert!(
        table.contains("only in the second: d/final on data: "),
        "{table}"
    );
    assert!(
        table.contains("only in the first: a/final on data: "),
        "{table}"
    );
}

#[test]
fn an_older_run_of_the_same_model_is_paired_with_a_word() {
    let (_first_dir, first) = run_of(&[("org/bert", "1111111111")], &[("sst2", "t")]);
    let (_second_dir, second) = run_of(&[("org/bert", "2222222222")], &[("sst2", "t")]);
    let found = report::compare(&first, &second, &report::Noise::default());
    assert_eq!(found.arms.len(), 2);
    let table = report::comparison_table(&found);
    assert!(table.contains("11111111.. and 22222222.."), "{table}");
}

#[test]
fn names_that_are_markup_are_text_in_tables_pages_and_charts() {
    let (dir, mut run) = run_of(
        &[("m/<script>alert(1)</script>|x", "1")],
        &[("t\n| a |\n# head `b` *c*", "t")],
    );
    for trial in &mut run.trials {
        trial.record.spec.variant = "<b>|\u{1b}[31m".to_owned();
        trial.record.notes.task = vec!["a <i> note | of *two*\nlines.".to_owned()];
    }
    report::write(&run, dir.path()).unwrap();
    let page = text(dir.path(), "report.html");
    assert!(
        !page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"),
        "{page:.3000}"
    );
    assert!(page.contains("&lt;b&gt;") && page.contains("a &lt;i&gt; note | of *two* lines.</li>"));
    let summary = text(dir.path(), "summary.md");
    assert!(
        !summary.contains("<script") && !summary.contains("<b>"),
        "{summary}"
    );
    let rows: Vec<&str> = summary
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    // Results, and what probabilities are worth.
    assert_eq!(rows.len(), 2 * 3, "{summary}");
    for (at, row) in rows.iter().enumerate() {
        let edges = if at < 3 { 9 } else { 8 };
        assert_eq!(row.replace("\\|", "").matches('|').count(), edges, "{row}");
    }
    assert!(
        summary.contains("- a &lt;i> note \\| of \\*two\\* lines.\n"),
        "{summary}"
    );
    let terminal = report::terminal_table(&run);
    assert!(
        !terminal.contains('\u{1b}') && terminal.contains("note: a <i> note"),
        "{terminal}"
    );
    for chart in fs::read_dir(dir.path().join("plots")).unwrap().flatten() {
        if chart
            .path()
            .extension()
            .is_some_and(|ending| ending == "svg")
        {
            let svg = fs::read_to_string(chart.path()).unwrap();
            assert!(
                !svg.contains("<script") && !svg.contains("<b>"),
                "{:?}",
                chart.path()
            );
        }
    }
}

#[test]
fn every_note_stands_beside_the_result_once() {
    let (dir, mut run) = run_of(&[("m", "1")], &[("t", "t")]);
    let leak = "leak: 7 of 3080 texts of test also occur in train".to_owned();
    run.info.notes.tasks.insert("t".into(), vec![leak.clone()]);
    run.info
        .notes
        .models
        .insert("m".into(), vec!["a tensor was passed over".into()]);
    run.info.notes.left_out.push(LeftOut {
        method: "ia3yew".into(),
        model: "m".into(),
        reason: "it has no keys".into(),
    });
    run.info.notes.left_out.push(LeftOut {
        method: "ia3yew".into(),
        model: "another".into(),
        reason: "of another model".into(),
    });
    for trial in &mut run.trials {
        let record = &mut trial.record;
        record.notes.task = vec![leak.clone()];
        record.notes.draw = vec!["27 of 77 classes have no example".into()];
        record.notes.model = vec!["a tensor was passed over".into()];
        if record.spec.seed == 1 {
            record
                .notes
                .draw
                .push("leak: 1 of the 8 texts of test".into());
        }
        // As records of earlier versions have it.
        record.details.insert(
            "task_notes".into(),
            serde_json::json!([leak, "9 of 6920 training examples repeat"]),
        );
    }
    report::write(&run, dir.path()).unwrap();
    let expected = [
        "leak: 7 of 3080 texts of test also occur in train",
        "9 of 6920 training examples repeat",
        "27 of 77 classes have no example",
        "leak: 1 of the 8 texts of test (seed 1)",
        "model: a tensor was passed over",
        "ia3yew is left out: it has no keys",
        "texts are cut to 128 tokens (--max-length) by lime: 5 to 6 of 20 in train, 0 of 9 in validation, 7 of 8 in test",
        "texts are read whole by ash-count",
    ];
    assert_eq!(report::summarise(&run)[0].notes, expected);
    let pages = [
        report::terminal_table(&run),
        text(dir.path(), "summary.md"),
        text(dir.path(), "report.html"),
    ];
    for page in pages {
        for note in expected {
            assert_eq!(
                page.matches(&format!("{note}.")).count(),
                1,
                "{note}: {page:.3000}"
            );
        }
    }
}

#[test]
fn what_was_read_of_the_texts_is_said_for_windows_for_prompts_and_for_old_records() {
    let notes = |change: fn(&mut TrialRecord)| {
        let (_dir, mut run) = run_of(&[("m", "1")], &[("t", "t")]);
        run.trials
            .iter_mut()
            .for_each(|trial| change(&mut trial.record));
        report::summarise(&run)[0].notes.clone()
    };
    let prompted = notes(|r| {
        if let Some(reading) = &mut r.reading {
            reading.longest = reading.longest.map(|_| 100);
        }
    });
    assert!(
        prompted[0].starts_with("texts are cut to 100 tokens (--max-length is 128; the model's window and what stands around a text leave less) by lime:"),
        "{prompted:?}"
    );
    let uncut = notes(|r| {
        let reading = r.reading.as_mut().unwrap();
        reading.train.cut = 0;
        reading.validation.cut = 0;
        reading.test.cut = 0;
    });
    assert_eq!(
        uncut,
        ["no text is longer than the 128 tokens (--max-length) that are read by lime"]
    );
    let old = notes(|r| {
        r.reading = None;
        if r.spec.method == "lime" {
            r.details
                .insert("truncated_texts".into(), (270 + r.spec.seed).into());
        }
    });
    assert_eq!(
        old,
        [
            "texts are cut (--max-length 128) by lime: 270 to 271 in train and validation together; in test they were not counted"
        ]
    );
    assert_eq!(notes(|r| r.reading = None), [] as [&str; 0]);
}

/// What loading says after `spoil` was done to the first trial's folder.
fn refusal(spoil: impl Fn(&Path)) -> String {
    let (dir, run) = run_of(&[("m", "1")], &[("t", "t")]);
    let trial = store::trial_dir(dir.path(), &run.trials[0].record.trial_id);
    spoil(&trial);
    match load_run(dir.path()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn damaged_predictions_are_refused_by_name() {
    let of = |spoil: fn(String) -> String| {
        refusal(|trial| {
            let path = trial.join("predictions.csv");
            let whole = fs::read_to_string(&path).unwrap();
            fs::write(path, spoil(whole)).unwrap();
        })
    };
    let spoilt: [fn(String) -> String; 4] = [
        |whole| whole.split_inclusive('\n').take(3).collect(),
        |whole| whole[..whole.len() - 3].to_owned(),
        |whole| whole.replacen("good", "bad", 1),
        |_| String::new(),
    ];
    for spoil in spoilt {
        let error = of(spoil);
        assert!(
            error.contains("predictions.csv") && error.contains("SHA-256"),
            "{error}"
        );
    }
    assert_eq!(of(|whole| whole), "accepted");
}

#[test]
fn lost_predictions_are_noted() {
    let (dir, run) = run_of(&[("m", "1")], &[("t", "t")]);
    let id = &run.trials[0].record.trial_id;
    fs::remove_file(store::trial_dir(dir.path(), id).join("predictions.csv")).unwrap();
    let run = load_run(dir.path()).unwrap();
    let notes = &report::summarise(&run)[0].notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("missing for 1 of the trials")),
        "{notes:?}"
    );
}

#[test]
fn absurd_numbers_in_a_record_are_refused_by_name() {
    for (from, to, reason) in [
        (
            "\"test_accuracy\": 0.75",
            "\"test_accuracy\": 1.5",
            "test_accuracy is 1.5",
        ),
        (
            "\"test_accuracy\": 0.75",
            "\"test_accuracy\": 1e999",
            "number out of range",
        ),
        (
            "\"test_accuracy\": 0.75",
            "\"test_accuracy\": NaN",
            "record.json",
        ),
        ("\"train_s\": 1.0", "\"train_s\": -1.0", "train_s is -1.0"),
        ("\"train_s\": 1.0", "\"train_s\": 1e300", "train_s is 1e300"),
        ("\"n_test\": 8", "\"n_test\": 0", "n_test is 0"),
        ("\"n_test\": 8", "\"n_test\": 9", "8 rows, expected 9"),
        ("\"n_test\": 8", "\"n_test\": -8", "record.json"),
    ] {
        let error = refusal(|trial| {
            let path = trial.join("record.json");
            let whole = fs::read_to_string(&path).unwrap();
            assert!(whole.contains(from), "{whole}");
            fs::write(path, whole.replacen(from, to, 1)).unwrap();
        });
        assert!(
            error.contains(reason) && error.contains("is broken"),
            "{from} -> {to}: {error}"
        );
    }
}

#[test]
fn numbers_at_the_ends_of_what_is_accepted_are_reported_without_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    store::write_run_info(dir.path(), &small::info()).unwrap();
    let point = |elapsed_s, value| record::CurvePoint {
        elapsed_s,
        epoch: 1e18,
        step: u64::MAX,
        split: "validation".into(),
        metric: "loss".into(),
        value,
    };
    let seconds = [0.0, 1e-300, 1e18];
    for (method, seconds) in ["lime", "ash-count", "larch"].into_iter().zip(seconds) {
        let mut record = trial(method, ("m", "1"), ("t", "t"), u64::MAX);
        record.trial_id = method.into();
        record.spec.variant = "v".repeat(3000);
        record.train_s = Some(seconds);
        record.total_s = Some(seconds);
        record.eval_samples_per_s = Some(seconds);
        record.test_loss = Some(1e18);
        record.train_peak_rss_bytes = Some(u64::MAX);
        record.trainable_params = Some(u64::MAX);
        record.n_train = Some(u64::MAX);
        record.curve = vec![
            point(seconds, f64::MAX),
            point(1e18, -f64::MAX),
            point(1e-300, f64::NAN),
        ];
        record.curve.push(record::CurvePoint {
            split: "train".into(),
            ..point(1.0, 1.0)
        });
        write_trial(dir.path(), &mut record);
    }
    let run = load_run(dir.path()).unwrap();
    report::write(&run, dir.path()).unwrap();
    report::terminal_table(&run);
    report::advice_text(&report::recommend(&run, &report::Question::default()));
    report::comparison_table(&report::compare(&run, &run, &report::Noise::default()));
}
