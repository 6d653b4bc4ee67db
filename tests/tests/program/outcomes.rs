//! However a trial ends, it is a row, with what was measured until then; and what is measured is right.

use crate::harness::{number, only_record, records, run_methods, scratch, trials_csv};
use record::TrialRecord;
use std::fs;

const MIB: f64 = 1024.0 * 1024.0;

#[test]
fn every_way_of_ending_is_a_row_and_the_sweep_goes_on() {
    let dir = scratch();
    let methods = "mock-panics,mock-fails,mock-aborts,mock-greedy,mock-endless,mock-constant";
    let ended = run_methods(methods, dir.path(), &["--seeds", "1", "--time-limit", "3"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let (_, rows) = trials_csv(dir.path());
    let outcome = |method: &str| rows[method]["outcome"].as_str();
    assert_eq!(outcome("mock-panics"), "failed");
    assert_eq!(outcome("mock-fails"), "failed");
    assert_eq!(outcome("mock-aborts"), "crashed");
    assert_eq!(outcome("mock-greedy"), "out_of_memory");
    assert_eq!(outcome("mock-endless"), "timed_out");
    assert_eq!(outcome("mock-constant"), "finished");
    assert!(
        rows["mock-panics"]["error"].contains("a mock's panic"),
        "{:?}",
        rows["mock-panics"]["error"]
    );
    assert!(rows["mock-fails"]["error"].contains("a mock's error"));
    assert!(
        rows["mock-aborts"]["error"].contains("SIGABRT"),
        "{:?}",
        rows["mock-aborts"]["error"]
    );
    // What had been measured when it failed is kept; what had not is an empty cell.
    assert!(number(&rows["mock-fails"], "load_s") > 0.0);
    assert_eq!(rows["mock-fails"]["test_accuracy"], "");
    assert_eq!(rows["mock-fails"]["stored_bytes"], "");
    // Killed from outside: the peak it had reached, by the parent's watch.
    let peak = number(&rows["mock-endless"], "train_peak_rss_bytes") / MIB;
    assert!((64.0..130.0).contains(&peak), "{peak} MiB");
    assert!((3.0..4.5).contains(&number(&rows["mock-endless"], "total_s")));
}

#[test]
fn one_second_and_256_mib_read_as_one_second_and_256_mib() {
    let dir = scratch();
    let ended = run_methods("mock-sleeper", dir.path(), &["--seeds", "1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (_, rows) = trials_csv(dir.path());
    let row = &rows["mock-sleeper"];
    let seconds = number(row, "train_s");
    assert!((1.0..1.3).contains(&seconds), "{seconds} s");
    let baseline = number(row, "baseline_rss_bytes");
    let resident = (number(row, "train_peak_rss_bytes") - baseline) / MIB;
    assert!(
        (252.0..272.0).contains(&resident),
        "{resident} MiB resident above the baseline"
    );
    let heap = number(row, "train_peak_heap_bytes") / MIB;
    assert!((256.0..300.0).contains(&heap), "{heap} MiB of heap");
    // Nothing of training in the figures of evaluation.
    assert!(number(row, "eval_s") < 0.2);
    let evaluation = (number(row, "eval_peak_rss_bytes") - baseline) / MIB;
    assert!(
        evaluation < 32.0,
        "{evaluation} MiB above the baseline in evaluation"
    );
}

#[test]
fn the_header_of_trials_csv_is_what_users_rely_on() {
    let dir = scratch();
    run_methods("mock-constant", dir.path(), &["--seeds", "1"]);
    let (header, rows) = trials_csv(dir.path());
    assert_eq!(
        header.join(", "),
        "trial_id, outcome, method, variant, model, task, device, seed, n_train, n_test, classes, trainable_params, added_params, \
         total_params, stored_bytes, test_accuracy, test_macro_f1, test_loss, validation_accuracy, load_s, prepare_s, first_step_s, train_s, \
         eval_s, tune_s, total_s, step_ms_median, train_samples_per_s, eval_samples_per_s, baseline_rss_bytes, train_peak_rss_bytes, \
         eval_peak_rss_bytes, train_peak_heap_bytes, device_peak_bytes, cache_bytes, train_flops, infer_flops_per_sample, config, error, \
         n_validation, prepare_validation_s, validate_s, cpu_s, other_cpu_s, disturbed, \
         search_s, search_trials, search_edge, head_learning_rate, coverage_at_5_percent_error, \
         predict_ms_p50, predict_ms_p95, predict_ms_batch, predict_merged_ms_p50, adapter_load_ms, \
         predicted_peak_bytes, \
         retain_loss_before, retain_loss_after, retain_kl, calls, input_tokens, output_tokens, cost_usd, failed_calls, host, node, job, \
         cores_used, side_by_side, attempts, test_brier, test_ece, temperature, test_loss_tempered, test_brier_tempered, \
         test_ece_tempered, test_oos_auroc"
    );
    let row = &rows["mock-constant"];
    assert_eq!(row["cache_bytes"], "", "missing is empty");
    assert_eq!(row["tune_s"], "", "missing is empty");
    assert!(number(row, "validation_accuracy") > 0.0);
    let curves = std::fs::read_to_string(dir.path().join("curves.csv")).unwrap();
    assert_eq!(
        curves.lines().next(),
        Some("trial_id,step,epoch,elapsed_s,split,metric,value")
    );
    assert_eq!(curves.lines().count(), 2, "{curves}");
}

#[test]
fn a_predictor_is_not_shown_the_answers() {
    let (peeks, constant) = (scratch(), scratch());
    run_methods("mock-peeks", peeks.path(), &["--seeds", "1"]);
    run_methods("mock-constant", constant.path(), &["--seeds", "1"]);
    let (peeks, constant) = (only_record(peeks.path()), only_record(constant.path()));
    assert!(
        peeks.test_accuracy.is_some_and(|accuracy| accuracy < 0.5),
        "{:?}",
        peeks.test_accuracy
    );
    assert_eq!(
        peeks.test_accuracy, constant.test_accuracy,
        "the label shown is always that of the first class"
    );
}

#[test]
fn a_search_is_timed_apart_and_its_winner_is_recorded() {
    let dir = scratch();
    let options = ["--seeds", "1", "--tune", "3", "--epochs", "1"];
    let ended = run_methods("mock-slow", dir.path(), &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = only_record(dir.path());
    assert!(
        (1.8..2.5).contains(&record.tune_s.unwrap()),
        "{:?}",
        record.tune_s
    );
    assert!(
        (0.3..0.5).contains(&record.train_s.unwrap()),
        "{:?}",
        record.train_s
    );
    let tune = &record.details["tune"];
    assert_eq!(tune["trials"].as_array().unwrap().len(), 3);
    assert_eq!(
        (record.search_s, record.search_trials),
        (record.tune_s, Some(6)),
        "two seeds"
    );
    assert_eq!(record.search_edge, Some(true));
    assert_eq!(tune["at_edge"], serde_json::json!(["strength"]), "{tune}");
    assert_eq!(
        record.curve.len(),
        1,
        "steps of the search are not the trial's"
    );
}

#[test]
fn settings_are_searched_with_the_first_seed_and_the_others_use_them() {
    let dir = scratch();
    let ended = run_methods(
        "mock-constant",
        dir.path(),
        &["--seeds", "3", "--tune", "4"],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut records: Vec<TrialRecord> = records(dir.path())
        .values()
        .map(|text| serde_json::from_str(text).expect("a record"))
        .collect();
    records.sort_by_key(|record| record.spec.seed);
    let [first, rest @ ..] = &records[..] else {
        panic!("no records")
    };
    assert!(first.tune_s.is_some() && first.details["tune"]["trials"].is_array());
    // The best of equals is the first of the range, which is not the default.
    assert_eq!(first.config()["strength"], 0.5);
    assert_ne!(first.config(), &first.spec.config);
    assert_eq!(rest.len(), 2);
    for record in rest {
        assert_eq!(record.tune_s, None);
        assert_eq!(
            (record.search_s, record.search_trials, record.search_edge),
            (None, None, None)
        );
        assert_eq!(
            record.details["tune"]["epochs"],
            first.details["tune"]["epochs"]
        );
        assert_eq!(record.epochs(), first.epochs());
        assert_eq!(
            record.details["tune"]["searched_by"],
            first.trial_id.as_str()
        );
        assert_eq!(record.config(), first.config());
        assert_eq!(record.test_loss, first.test_loss, "it was fitted with them");
    }
}

#[test]
fn limits_of_validation_and_test_take_the_same_examples_for_every_seed() {
    let dir = scratch();
    let limits = ["--validation-limit", "7", "--test-limit", "31"];
    let ended = run_methods(
        "mock-constant",
        dir.path(),
        &[&["--seeds", "2"][..], &limits].concat(),
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let rows = |id: &String| -> Vec<u64> {
        let file = dir.path().join("trials").join(id).join("predictions.csv");
        let text = fs::read_to_string(file).unwrap();
        let cells = text
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap());
        cells.map(|cell| cell.parse().unwrap()).collect()
    };
    let records = crate::harness::records(dir.path());
    let all: Vec<Vec<u64>> = records.keys().map(rows).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].len(), 31);
    assert!(
        all[0].is_sorted() && all[0][30] > 60,
        "drawn from the whole file"
    );
    assert_eq!(all[0], all[1]);
    assert!(records.values().all(|text| text.contains("\"n_test\": 31")));
}

#[test]
fn a_draw_is_counted_and_a_method_for_no_model_is_left_out_once() {
    let dir = scratch();
    let ended = run_methods(
        "mock-constant,mock-never",
        dir.path(),
        &["--seeds", "2", "--train-limit", "30"],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended
            .stderr
            .matches("mock-never is left out with tiny-bert: it is a mock")
            .count(),
        1,
        "{}",
        ended.stderr
    );
    let records = crate::harness::records(dir.path());
    assert_eq!(records.len(), 2);
    assert!(
        records
            .values()
            .all(|text| text.contains("\"n_train\": 30"))
    );
}
