//! A whole made-up run through the reader, the statistics and every file that is written.

mod synthetic;

use record::StoreError;
use record::store::Form;
use report::{ReportError, Run, Standing, load_run};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A fresh folder that stays after the test, to be looked at.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn made_up(name: &str) -> (PathBuf, Run) {
    let dir = folder(name);
    synthetic::write_run(&dir);
    let run = load_run(&dir).unwrap();
    (dir, run)
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut table = csv::Reader::from_path(path).unwrap();
    table.deserialize().map(Result::unwrap).collect()
}

#[test]
fn every_file_of_a_report_is_written_and_agrees_with_the_records() {
    let (dir, run) = made_up("written");
    let written = report::write(&run, &dir).unwrap();
    assert!(
        written.files.iter().all(|file| file.is_file()),
        "{:?}",
        written.files
    );
    let plots = written
        .files
        .iter()
        .filter(|file| file.parent().unwrap().ends_with("plots"))
        .count();
    assert_eq!(
        plots,
        2 * 9 * 2,
        "nine charts for each of two tasks, as SVG and PNG"
    );

    let trials = rows(&dir.join("trials.csv"));
    assert_eq!(trials.len(), 17 * 3 * 2);
    let header = fs::read_to_string(dir.join("trials.csv"))
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(header, record::TRIALS_HEADER.join(","));
    let untrained = trials
        .iter()
        .find(|t| t["method"] == "in-contextfir")
        .unwrap();
    assert_eq!(
        (
            untrained["train_s"].as_str(),
            untrained["trainable_params"].as_str()
        ),
        ("", "0")
    );
    let lost = trials
        .iter()
        .find(|t| t["outcome"] == "out_of_memory")
        .unwrap();
    assert_eq!(lost["test_accuracy"], "");
    assert_eq!(lost["train_peak_rss_bytes"], (566_u64 << 20).to_string());

    let curves = rows(&dir.join("curves.csv"));
    assert_eq!(
        curves.len(),
        ((13 * 3 * 2) - 2) * 9 * 2 + ((11 * 3 * 2) - 2) * 9
    );

    let summary = rows(&dir.join("summary.csv"));
    assert_eq!(summary.len(), 17 * 2);
    for line in &summary {
        let of_arm = |t: &&HashMap<String, String>| {
            t["method"] == line["method"]
                && t["variant"] == line["variant"]
                && t["task"] == line["task"]
                && t["outcome"] == "finished"
        };
        let accuracies: Vec<f64> = trials
            .iter()
            .filter(of_arm)
            .map(|t| t["test_accuracy"].parse().unwrap())
            .collect();
        let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        let [stated, low, high] = ["mean", "low", "high"].map(|end| {
            line[&format!("test_accuracy_{end}")]
                .parse::<f64>()
                .unwrap()
        });
        assert!(
            (stated - mean).abs() < 1e-9,
            "{}: {stated} against {mean}",
            line["label"]
        );
        assert!(low < mean && mean < high);
        assert_eq!(line["n_seeds"], accuracies.len().to_string());
        assert_eq!(line["n_test"], synthetic::ROWS.to_string());
    }
}

#[test]
fn what_cannot_be_told_apart_from_the_best_is_marked_and_the_rest_is_not() {
    let (_, run) = made_up("standings");
    let groups = report::summarise(&run);
    let group = groups
        .iter()
        .find(|g| g.task == synthetic::TASKS[0])
        .unwrap();
    let standing = |label: &str| {
        group
            .arms
            .iter()
            .find(|arm| arm.label == label)
            .unwrap()
            .standing
    };
    assert_eq!(
        group
            .arms
            .iter()
            .filter(|arm| arm.standing == Standing::Best)
            .count(),
        1
    );
    assert_eq!(standing("majority-oak"), Standing::Behind);
    assert_eq!(standing("feature-birch"), Standing::Behind);
    let alike = ["cedar-all", "lime", "lime:wide", "adapter-elm"].map(standing);
    assert!(
        alike
            .iter()
            .all(|s| matches!(s, Standing::Best | Standing::AsGood | Standing::Open)),
        "{alike:?}"
    );
    let order: Vec<&str> = group.arms.iter().map(|arm| arm.method.as_str()).collect();
    let noted: Vec<&str> = run
        .info
        .methods
        .iter()
        .map(|note| note.name.as_str())
        .collect();
    assert_eq!(
        order[..12],
        noted[..12],
        "arms stand in the run's display order"
    );
}

#[test]
fn the_tables_name_failures_and_explain_their_marks() {
    let (dir, run) = made_up("tables");
    report::write(&run, &dir).unwrap();
    let table = report::terminal_table(&run);
    println!("{table}");
    for text in [
        table,
        fs::read_to_string(dir.join("summary.md")).unwrap(),
        fs::read_to_string(dir.join("report.html")).unwrap(),
    ] {
        for part in [
            "behind (-",
            "best (+",
            "open (",
            "Hsu 1984",
            "Smyth 2004",
            "lime:wide",
            "22.7 M",
            "3 x 500",
            "out of memory",
            "memory allocation of 402653184 bytes failed",
            "timed out",
        ] {
            assert!(text.contains(part), "{part:?} is missing in\n{text:.2000}");
        }
    }
}

#[test]
fn what_a_search_tried_and_chose_is_shown_and_only_where_there_was_one() {
    let (dir, mut run) = made_up("search");
    let trial = run
        .trials
        .iter_mut()
        .find(|trial| trial.record.spec.method == "lime" && trial.record.spec.task == "letters");
    let found = serde_json::json!({
        "best": {"strength": 3.0, "rank": 8}, "at_edge": ["strength"],
        "trials": [
            {"settings": [["strength", 0.00066]], "validation_accuracy": 0.761},
            {"settings": [["strength", 0.04]], "validation_accuracy": null, "error": "it diverged"},
            {"settings": [["strength", 3.0]], "validation_accuracy": 0.8125},
        ],
    });
    trial.unwrap().record.details.insert("tune".into(), found);
    report::write(&run, &dir).unwrap();
    let summary = fs::read_to_string(dir.join("summary.md")).unwrap();
    let row = "strength 6.6e-4: 76.1; strength 4.0e-2: failed; strength 3.0e0: 81.2 |";
    assert!(summary.contains(row), "{summary}");
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("strength 4.0e-2: failed") && page.contains("strength 3.0e0 (high end)"));
    for text in [summary, page] {
        assert_eq!(
            text.matches("search trials, scored").count(),
            1,
            "one of the two tasks"
        );
    }
}

#[test]
fn the_page_needs_nothing_else_and_holds_every_chart() {
    let (dir, run) = made_up("page");
    report::write(&run, &dir).unwrap();
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 18);
    assert!(!page.contains("src=") && !page.contains("<link") && !page.contains("<script"));
    assert!(
        page.contains("&lt;b&gt;&amp;") && !page.contains("<b>&"),
        "text from outside must be escaped"
    );
    assert!(page.contains("0123abcd, with changes"));
}

/// What stands between two texts, the first time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).expect(start);
    rest.split_once(end).expect(end).0
}

#[test]
fn every_chart_says_in_words_what_it_shows_under_names_that_no_other_chart_of_the_page_has() {
    let (dir, run) = made_up("described");
    report::write(&run, &dir).unwrap();
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    let mut charts = 0;
    for path in fs::read_dir(dir.join("plots")).unwrap().flatten() {
        let path = path.path();
        if path.extension().is_none_or(|end| end != "svg") {
            continue;
        }
        charts += 1;
        let svg = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let head = between(&svg, "<svg", ">");
        let expected = format!("role=\"img\" aria-labelledby=\"{name}--title {name}--desc\"");
        assert!(head.contains(&expected), "{head}");
        let title = between(&svg, &format!("<title id=\"{name}--title\">"), "</title>");
        assert!(title.contains("mini-forest on"), "{title}");
        let words = between(&svg, &format!("<desc id=\"{name}--desc\">"), "</desc>");
        let numbers = words.matches(|c: char| c.is_ascii_digit()).count();
        assert!(words.ends_with('.') && numbers > 10, "{name}: {words}");
        assert!(!words.contains("NaN") && !words.contains("inf "), "{words}");
        for id in [
            format!("id=\"{name}--title\""),
            format!("id=\"{name}--desc\""),
        ] {
            assert_eq!(page.matches(&id).count(), 1, "{id}");
        }
    }
    assert_eq!(charts, 18);
}

#[test]
fn the_accuracy_chart_names_the_best_its_lead_and_what_failed() {
    let (dir, run) = made_up("words");
    report::write(&run, &dir).unwrap();
    let chart = dir.join("plots/mini-forest--letters--accuracy.svg");
    let svg = fs::read_to_string(chart).unwrap();
    let groups = report::summarise(&run);
    let group = groups.iter().find(|g| g.task == "letters").unwrap();
    let best = |arm: &&report::ArmSummary| arm.standing == Standing::Best;
    let best = group.arms.iter().find(best).unwrap();
    let words = between(&svg, "<desc", "</desc>");
    let lead = 100.0 * best.against.unwrap().difference;
    let accuracy = 100.0 * best.accuracy.unwrap().mean;
    let expected = format!("Best: {} {accuracy:.1} % [", best.label);
    assert!(words.contains(&expected), "{expected} in {words}");
    assert!(
        words.contains(&format!("{lead:+.1} on the next")),
        "{words}"
    );
    assert!(svg.contains("Not every trial finished: cedar-all (1 of 3)"));
}

#[test]
fn learning_curves_show_trainings_and_no_choice_among_candidates() {
    let (dir, run) = made_up("curves");
    report::write(&run, &dir).unwrap();
    for metric in ["accuracy", "loss"] {
        let file = format!("learning-curves-{metric}.svg");
        let charts = fs::read_dir(dir.join("plots")).unwrap().flatten();
        let charts: Vec<String> = charts
            .filter(|chart| chart.file_name().to_string_lossy().ends_with(&file))
            .map(|chart| fs::read_to_string(chart.path()).unwrap())
            .collect();
        assert_eq!(charts.len(), synthetic::TASKS.len());
        for chart in charts {
            assert!(chart.contains("cedar-last"), "a training is missing");
            assert!(!chart.contains("feature-birch") && !chart.contains("ash-count"));
        }
    }
}

#[test]
fn a_report_written_twice_is_the_same_and_stale_charts_go() {
    let (dir, run) = made_up("twice");
    report::write(&run, &dir).unwrap();
    let first = fs::read(dir.join("report.html")).unwrap();
    let stale = dir.join("plots/old-model--old-task--accuracy.svg");
    let own = dir.join("plots/my-drawing.svg");
    fs::write(&stale, "<svg/>").unwrap();
    fs::write(&own, "<svg/>").unwrap();
    report::write(&load_run(&dir).unwrap(), &dir).unwrap();
    assert_eq!(fs::read(dir.join("report.html")).unwrap(), first);
    assert!(!stale.exists() && own.exists());
}

#[test]
fn reports_of_one_run_at_the_same_time_do_not_hinder_each_other() {
    let (dir, run) = made_up("together");
    let mut fewer = run.clone();
    fewer.trials.truncate(run.trials.len() / 2);
    std::thread::scope(|scope| {
        let writers: Vec<_> = [&run, &fewer]
            .map(|run| scope.spawn(|| (0..2).map(|_| report::write(run, &dir)).collect::<Vec<_>>()))
            .into_iter()
            .collect();
        for writer in writers {
            for written in writer.join().unwrap() {
                written.unwrap();
            }
        }
    });
    let left = fs::read_dir(dir.join("plots")).unwrap().flatten();
    let left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
    assert_eq!(left.filter(|name| name.starts_with('.')).count(), 0);
}

#[test]
fn leftovers_of_a_kill_are_passed_over_and_broken_records_are_named() {
    let (dir, run) = made_up("broken");
    let all = run.trials.len();
    let trial = dir.join("trials").join(&run.trials[0].record.trial_id);
    fs::create_dir(dir.join("trials/begun")).unwrap();
    fs::write(dir.join("trials/begun/.record.json.77.tmp"), "{\"schem").unwrap();
    assert_eq!(load_run(&dir).unwrap().trials.len(), all);

    let record = trial.join("record.json");
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, &whole[..whole.len() / 2]).unwrap();
    let error = load_run(&dir).unwrap_err();
    assert!(
        matches!(error, ReportError::Store(StoreError::Broken { .. }))
            && error.to_string().contains(record.to_str().unwrap()),
        "{error}"
    );
    fs::write(
        &record,
        whole.replacen("\"schema\": 1", "\"schema\": 999, \"new\": 1", 1),
    )
    .unwrap();
    assert!(matches!(
        load_run(&dir).unwrap_err(),
        ReportError::Store(StoreError::Newer { found: 999, .. })
    ));
    fs::write(
        &record,
        whole.replacen(&run.trials[0].record.trial_id, "another", 1),
    )
    .unwrap();
    assert!(load_run(&dir).unwrap_err().to_string().contains("another"));
    assert!(matches!(
        load_run(&dir.join("plots")).unwrap_err(),
        ReportError::Store(StoreError::NoRun { .. })
    ));
}

#[test]
fn lost_predictions_leave_a_report_with_wider_intervals() {
    let (dir, before) = made_up("lost");
    for trial in &before.trials {
        let _ = fs::remove_file(
            dir.join("trials")
                .join(&trial.record.trial_id)
                .join("predictions.csv"),
        );
    }
    let after = load_run(&dir).unwrap();
    let width = |run: &Run| {
        let groups = report::summarise(run);
        let e = groups[0].arms[10].accuracy.unwrap();
        (e.mean, e.interval.high - e.interval.low)
    };
    let ((mean_before, width_before), (mean_after, width_after)) = (width(&before), width(&after));
    assert!((mean_before - mean_after).abs() < 1e-9);
    assert!(
        width_after > width_before,
        "{width_after} against {width_before}"
    );
}

#[test]
fn a_readme_is_rewritten_between_its_markers_only() {
    let (dir, run) = made_up("readme-run");
    let readme = dir.join("README.md");
    let text = "# A\n<!-- results:readme-run -->\nold\n<!-- /results:readme-run -->\n<!-- results:other -->\nkept\n<!-- /results:other -->\n";
    fs::write(&readme, text).unwrap();
    assert_eq!(report::update_readme(&readme, &[&run]).unwrap(), 1);
    let after = fs::read_to_string(&readme).unwrap();
    assert!(
        after.contains("| lime:wide |") && !after.contains("old") && after.contains("kept"),
        "{after}"
    );
    fs::write(&readme, "<!-- results:readme-run -->").unwrap();
    assert!(matches!(
        report::update_readme(&readme, &[&run]).unwrap_err(),
        ReportError::NoMarker { .. }
    ));
}

#[test]
fn a_run_compared_with_itself_differs_nowhere_and_a_changed_arm_is_found() {
    let (dir, before) = made_up("compared");
    let same = report::compare(&before, &before, &report::Noise::default());
    assert_eq!(same.arms.len(), 34);
    assert!(
        same.arms
            .iter()
            .all(|arm| !arm.differs() && arm.p_holm == Some(1.0))
    );
    // Another run: one arm gone, one with every eighth answer spoilt and twice the time.
    for trial in &before.trials {
        let record = &trial.record;
        if record.spec.method == "knn-birch" {
            fs::remove_dir_all(dir.join("trials").join(&record.trial_id)).unwrap();
        }
        if record.spec.method == "ia3yew" {
            let predictions = trial.predictions.as_ref().unwrap();
            let mut rows = predictions.to_rows();
            for p in rows.iter_mut().filter(|p| p.row % 8 == 0) {
                // All of these rows are good.
                p.predicted = "bad".into();
            }
            let (id, classes) = (&record.trial_id, &predictions.classes);
            let digest = report::store::write_predictions(&dir, id, classes, &rows);
            let right = rows.iter().filter(|p| p.label == p.predicted).count();
            let mut slower = record.clone();
            slower.predictions_digest = Some(digest.unwrap());
            slower.test_accuracy = Some(right as f64 / rows.len() as f64);
            slower.train_s = slower.train_s.map(|s| 2.0 * s);
            report::store::write_record(&dir, &slower).unwrap();
        }
    }
    let found = report::compare(&before, &load_run(&dir).unwrap(), &report::Noise::default());
    let differing: Vec<&str> = found
        .arms
        .iter()
        .filter(|a| a.differs())
        .map(|a| a.label.as_str())
        .collect();
    assert_eq!(differing, ["ia3yew", "ia3yew"]);
    assert_eq!(found.only_first.len(), 2);
    assert!(found.only_second.is_empty());
    let table = report::comparison_table(&found);
    println!("{table}");
    assert!(
        table.contains("lower") && table.contains("only in the first: mini-forest on"),
        "{table}"
    );
    assert!(
        table.contains("(x1.9"),
        "the slower training is missing in {table}"
    );
}

#[test]
fn advice_keeps_to_the_limits_declares_what_is_open_and_says_what_more_would_buy() {
    let (_, run) = made_up("advice");
    let free = report::recommend(&run, &report::Question::default());
    println!("{}", report::advice_text(&free));
    let [_, river] = &free[..] else {
        panic!("two groups expected")
    };
    assert!(river.refused.is_empty() && river.best.is_some() && !river.others.is_empty());
    let limits = report::Limits {
        max_train_s: Some(30.0),
        max_memory_bytes: Some(300.0 * 1048576.0),
        ..Default::default()
    };
    let question = report::Question {
        limits,
        ..Default::default()
    };
    let [_, tight] = &report::recommend(&run, &question)[..] else {
        panic!("two groups expected")
    };
    println!("{}", report::advice_text(std::slice::from_ref(tight)));
    // The faster of the two that cannot be told apart is named with what it loses and saves, not chosen.
    let choice = &tight.choice.as_ref().unwrap().0;
    assert_eq!(choice.label, "cedar-last");
    let faster = tight
        .others
        .iter()
        .find(|other| other.scored.label == "cedar-output")
        .unwrap();
    assert_eq!(faster.standing, Standing::Open);
    assert!(!faster.saves.is_empty(), "{faster:?}");
    let refused = |label: &str| tight.refused.iter().find(|r| r.label == label).unwrap();
    let dearer = refused("cedar-all");
    assert!(
        dearer.gain.flatten().is_some() && dearer.reasons.len() == 2,
        "{dearer:?}"
    );
    let unmeasured = refused("hard-pine");
    assert!(
        unmeasured.reasons[0].contains("not measured") && unmeasured.gain.is_none(),
        "{unmeasured:?}"
    );
    let none = report::Question {
        limits: report::Limits {
            max_train_s: Some(0.0),
            ..Default::default()
        },
        ..Default::default()
    };
    assert_eq!(report::recommend(&run, &none)[1].choice, None);
}

#[test]
fn a_run_without_a_finished_trial_and_one_with_a_single_trial_are_reported_too() {
    let (dir, before) = made_up("sparse");
    for trial in &before.trials {
        fs::remove_dir_all(dir.join("trials").join(&trial.record.trial_id)).unwrap();
    }
    let empty = load_run(&dir).unwrap();
    let written = report::write(&empty, &dir).unwrap();
    assert!(
        written
            .files
            .iter()
            .all(|f| f.extension().unwrap() != "png")
    );

    let lone = &before.trials[before.trials.len() - 1];
    let id = &lone.record.trial_id;
    let predictions = lone.predictions.as_ref().unwrap();
    let rows = &predictions.to_rows()[..3];
    let digest = report::store::write_predictions(&dir, id, &predictions.classes, rows).unwrap();
    let right = rows.iter().filter(|p| p.label == p.predicted).count();
    let mut record = lone.record.clone();
    record.predictions_digest = Some(digest);
    record.n_test = Some(3);
    record.test_accuracy = Some(right as f64 / 3.0);
    report::store::write_record(&dir, &record).unwrap();
    let run = load_run(&dir).unwrap();
    report::write(&run, &dir).unwrap();
    let arm = &report::summarise(&run)[0].arms[0];
    assert_eq!(arm.standing, Standing::Best);
    let accuracy = arm.accuracy.unwrap();
    assert_eq!((accuracy.seeds, accuracy.rows), (1, 3));
    assert!(
        accuracy.interval.high - accuracy.interval.low > 0.4,
        "three examples say little: {accuracy:?}"
    );
}

#[test]
fn a_compact_copy_says_what_the_run_says() {
    let (dir, run) = made_up("to-compact");
    report::write(&run, &dir).unwrap();
    let out = folder("compact");
    let written = report::compact(&run, &out).unwrap();
    assert_eq!(written.page, None);
    let copy = load_run(&out).unwrap();
    assert_eq!((copy.form, &copy.info), (Form::Compact, &run.info));
    // A diverged loss is NaN, which equals nothing; the texts are compared instead.
    assert_eq!(format!("{:?}", copy.trials), format!("{:?}", run.trials));
    for table in ["trials.csv", "summary.csv", "differences.csv", "summary.md"] {
        assert_eq!(
            fs::read(out.join(table)).unwrap(),
            fs::read(dir.join(table)).unwrap(),
            "{table}"
        );
    }
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    let expected =
        "differences.csv plots records.tar.zst run.json summary.csv summary.md trials.csv";
    assert_eq!(names, expected.split(' ').collect::<Vec<_>>());
    let charts = fs::read_dir(out.join("plots")).unwrap();
    let charts: Vec<PathBuf> = charts.map(|chart| chart.unwrap().path()).collect();
    assert_eq!(charts.len(), 2 * synthetic::TASKS.len());
    for chart in charts {
        let full = dir.join("plots").join(chart.file_name().unwrap());
        assert_eq!(fs::read(&chart).unwrap(), fs::read(full).unwrap());
    }

    // Its report is rebuilt in place, and a copy of the copy has the same archive.
    fs::remove_file(out.join("summary.md")).unwrap();
    report::write(&copy, &out).unwrap();
    assert!(out.join("summary.md").is_file() && !out.join("report.html").exists());
    let again = folder("compact-again");
    report::compact(&copy, &again).unwrap();
    let archive = |dir: &Path| fs::read(dir.join("records.tar.zst")).unwrap();
    assert_eq!(archive(&again), archive(&out));

    // Records in both forms are ambiguous.
    fs::create_dir(out.join("trials")).unwrap();
    assert!(matches!(
        load_run(&out).unwrap_err(),
        ReportError::Store(StoreError::TwoForms { .. })
    ));
    assert!(report::compact(&run, &dir).is_err(), "beside its records");
}

/// The summary of one arm of the first task.
fn arm_of(run: &Run, label: &str) -> report::ArmSummary {
    let groups = report::summarise(run);
    let is_it = |g: &&report::GroupSummary| g.task == synthetic::TASKS[0];
    let group = groups.iter().find(is_it).unwrap();
    let arm = group.arms.iter().find(|arm| arm.label == label);
    arm.unwrap_or_else(|| panic!("no {label}")).clone()
}

#[test]
fn a_seed_far_below_the_others_is_named_in_table_and_notes() {
    let (_, mut run) = made_up("unstable");
    assert_eq!(arm_of(&run, "lime").unstable, []);
    let far = run.trials.iter_mut().find(|trial| {
        let spec = &trial.record.spec;
        (spec.method.as_str(), spec.variant.as_str(), spec.seed) == ("lime", "", 2)
            && spec.task == synthetic::TASKS[0]
    });
    far.unwrap().record.test_accuracy = Some(0.61);
    assert_eq!(arm_of(&run, "lime").unstable, [(2, 0.61)]);
    let table = report::terminal_table(&run);
    for part in [
        ", unstable: seed 2 at 61.0",
        "note: lime is unstable: seed 2 at 61.0, far below its other seeds.",
    ] {
        assert!(table.contains(part), "{part:?} is missing in\n{table}");
    }
}

#[test]
fn one_seed_is_said_to_leave_the_seeds_unknown_and_places_none_as_good() {
    let (_, mut run) = made_up("one-seed");
    run.trials.retain(|trial| trial.record.spec.seed == 0);
    for group in report::summarise_with(&run, 0.5) {
        for arm in &group.arms {
            assert_ne!(arm.standing, Standing::AsGood, "{}", arm.label);
            let unknown = arm.against.and_then(|against| against.pair.improvement());
            assert_eq!(unknown, None, "{}", arm.label);
        }
    }
    let table = report::terminal_table(&run);
    assert!(
        table.contains("one seed (seeds' variation unknown)"),
        "{table}"
    );
}

#[test]
fn seeds_that_predict_alike_count_as_one_and_chance_that_agrees_does_not() {
    let (_, mut run) = made_up("deterministic");
    let is_it = |trial: &&mut report::Trial| {
        trial.record.spec.method == "majority-oak" && trial.record.spec.task == synthetic::TASKS[0]
    };
    assert!(!arm_of(&run, "majority-oak").deterministic);
    let first = run.trials.iter_mut().find(is_it).unwrap().clone();
    for trial in run.trials.iter_mut().filter(is_it) {
        trial.predictions = first.predictions.clone();
        trial.record.test_accuracy = first.record.test_accuracy;
    }
    assert!(arm_of(&run, "majority-oak").deterministic);
    let table = report::terminal_table(&run);
    assert!(table.contains("1 (deterministic) x 500"), "{table}");
    // Every answer right, by merit.
    for trial in run.trials.iter_mut().filter(is_it) {
        trial.record.test_accuracy = Some(1.0);
    }
    assert!(!arm_of(&run, "majority-oak").deterministic);
}

#[test]
fn without_all_predictions_an_arm_shows_its_accuracy_and_is_not_placed() {
    let (_, mut run) = made_up("not-placed");
    let lost = run.trials.iter_mut().find(|trial| {
        trial.record.spec.method == "lime" && trial.record.spec.task == synthetic::TASKS[0]
    });
    lost.unwrap().predictions = None;
    let arm = arm_of(&run, "lime");
    assert!(arm.accuracy.is_some());
    assert_eq!((arm.standing, arm.against), (Standing::Unknown, None));
}

#[test]
fn a_narrow_terminal_gets_accuracies_and_costs_apart_and_loses_nothing() {
    let (_, run) = made_up("narrow");
    let (whole, narrow) = (
        report::terminal_table(&run),
        report::terminal_table_within(&run, 80),
    );
    let is_row = |line: &&str| line.starts_with("cedar-all ") || line.starts_with("lime:wide ");
    assert_eq!(whole.lines().filter(is_row).count(), 4);
    let rows: Vec<&str> = narrow.lines().filter(is_row).collect();
    assert_eq!(rows.len(), 8, "{narrow}");
    for row in &rows {
        assert!(row.chars().count() <= 80, "{row}");
    }
    let words = |text: &str| {
        let words = text.lines().filter(is_row).flat_map(str::split_whitespace);
        words
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(words(&whole), words(&narrow));
}
