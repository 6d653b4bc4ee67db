//! The real methods through the whole program, on the bundled model and task.

use crate::harness::{number, records, run, run_methods, scratch, trials_csv};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const SMALL: [&str; 8] = [
    "--seeds",
    "1",
    "--train-limit",
    "20",
    "--epochs",
    "1",
    "--max-length",
    "32",
];

#[test]
fn every_method_finishes_on_the_bundled_model_and_leaves_a_report() {
    let dir = scratch();
    let names: Vec<&str> = runner::METHODS
        .iter()
        .filter(|method| method.required().is_empty())
        .map(|method| method.info().name)
        .collect();
    let ended = run_methods(&names.join(","), dir.path(), &SMALL);
    let (_, rows) = trials_csv(dir.path());
    let errors: Vec<&String> = rows
        .values()
        .map(|row| &row["error"])
        .filter(|error| !error.is_empty())
        .collect();
    assert_eq!(ended.code, Some(0), "{errors:?}\n{}", ended.stderr);
    let left_out = ended.stderr.matches(" is left out with ").count();
    assert_eq!(rows.len() + left_out, names.len());
    for (method, row) in &rows {
        assert!(
            (0.0..=1.0).contains(&number(row, "test_accuracy")),
            "{method}"
        );
        assert!(
            number(row, "eval_s") > 0.0 && number(row, "load_s") > 0.0,
            "{method}"
        );
        assert_eq!(number(row, "n_train"), 20.0, "{method}");
        for column in [
            "predict_ms_p50",
            "predict_ms_p95",
            "predict_ms_batch",
            "adapter_load_ms",
        ] {
            assert!(number(row, column) > 0.0, "{method}: {column}");
        }
    }
    of_every_level(&rows);
    for file in [
        "run.json",
        "trials.csv",
        "curves.csv",
        "summary.csv",
        "summary.md",
        "report.html",
    ] {
        assert!(dir.path().join(file).is_file(), "{file} is missing");
    }
    assert!(
        fs::read_dir(dir.path().join("plots"))
            .unwrap()
            .flatten()
            .any(|entry| entry.path().extension().is_some_and(|e| e == "png"))
    );
    let advice = "No method is shown to be better than majority and tf-idf";
    assert!(ended.stdout.contains(advice), "{}", ended.stdout);
    let run_json: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("run.json")).unwrap()).unwrap();
    assert_eq!(run_json["burn_version"], "0.22.1");
    assert_eq!(
        run_json["model_digests"]["tiny-bert"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    let texts = fs::read_to_string(bundled_test()).unwrap();
    let text = texts
        .lines()
        .nth(3)
        .and_then(|line| line.split('\t').next())
        .unwrap();
    let leaked = fs::read_dir(dir.path().join("trials"))
        .unwrap()
        .flatten()
        .any(|trial| {
            fs::read_dir(trial.path())
                .unwrap()
                .flatten()
                .any(|file| fs::read_to_string(file.path()).is_ok_and(|found| found.contains(text)))
        });
    assert!(!leaked, "a test text stands in the results");
}

/// Inserted computation costs more operations a prediction than the bare model, what is trained in place costs the same, and only of what is
/// inserted is there anything to merge.
fn of_every_level(rows: &HashMap<String, HashMap<String, String>>) {
    let of = |wanted: adapt::Level| {
        let infos = runner::METHODS.iter().map(|method| method.info());
        let names = infos
            .filter(move |info| info.level == wanted)
            .map(|info| info.name);
        names.filter_map(|name| Some((name, rows.get(name)?)))
    };
    let operations = |row| number(row, "infer_flops_per_sample");
    let in_place: Vec<f64> = of(adapt::Level::Parameters)
        .map(|(_, row)| operations(row))
        .collect();
    let bare = in_place[0];
    assert!(
        in_place.iter().all(|of_method| *of_method == bare),
        "{in_place:?}"
    );
    let mut merged = 0;
    for (name, row) in of(adapt::Level::InsertedComputation) {
        assert!(
            operations(row) > bare,
            "{name}: {} and {bare}",
            operations(row)
        );
        merged += usize::from(!row["predict_merged_ms_p50"].is_empty());
    }
    assert!(merged >= 3, "{merged} methods merge");
    let other =
        of(adapt::Level::Parameters).find(|(_, row)| !row["predict_merged_ms_p50"].is_empty());
    assert!(other.is_none(), "{other:?}");
}

#[test]
fn a_kept_adapter_predicts_what_its_trial_predicted() {
    let dir = scratch();
    let out = dir.path().join("run");
    let name = runner::METHODS
        .iter()
        .map(|method| method.info())
        .find(|info| info.level == adapt::Level::Parameters)
        .unwrap()
        .name;
    let ended = run_methods(name, &out, &[&SMALL[..], &["--keep-adapters"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let id = records(&out).into_keys().next().unwrap();
    let trial = out.join("trials").join(id);
    let predicted = dir.path().join("predicted.csv");
    let arguments = [
        "predict",
        "--model",
        "tiny-bert",
        "--adapter",
        trial.join("adapter").to_str().unwrap(),
        "--input",
    ]
    .map(str::to_owned);
    let rest = [
        bundled_test().to_str().unwrap().to_owned(),
        "--output".to_owned(),
        predicted.to_str().unwrap().to_owned(),
    ];
    let all: Vec<String> = arguments.into_iter().chain(rest).collect();
    let ended = run(&all.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let header = fs::read_to_string(&predicted).unwrap();
    assert!(
        header.starts_with("row,label,logit_0,logit_1,"),
        "{}",
        header.lines().next().unwrap()
    );
    let now = column(&predicted, "label");
    assert_eq!(now, column(&trial.join("predictions.csv"), "predicted"));
    assert!(now.len() > 100);
}

#[test]
fn features_come_in_input_order_and_padding_changes_nothing() {
    let dir = scratch();
    let texts = dir.path().join("texts.txt");
    fs::write(&texts, "a much longer text about an order that has not arrived and never will\nshort\nof middling length, this\n").unwrap();
    let all = features(dir.path(), &texts, "none");
    let (shape, hidden) = &all["hidden"];
    let (mask_shape, mask) = &all["mask"];
    let [rows, longest, width] = shape[..] else {
        panic!("{shape:?}")
    };
    assert_eq!((rows, mask_shape.as_slice()), (3, &[3, longest][..]));
    let lengths: Vec<usize> = mask
        .chunks_exact(longest)
        .map(|row| row.iter().filter(|m| **m == 1.0).count())
        .collect();
    assert!(
        lengths[0] == longest && lengths[1] < lengths[2] && lengths[2] < lengths[0],
        "{lengths:?}"
    );

    let (shape, means) = &features(dir.path(), &texts, "mean")["features"];
    assert_eq!(shape, &[3, width]);
    for row in 0..rows {
        for place in 0..width {
            let states = (0..lengths[row]).map(|t| hidden[(row * longest + t) * width + place]);
            let mean = states.sum::<f32>() / lengths[row] as f32;
            assert!(
                (mean - means[row * width + place]).abs() < 1e-5,
                "row {row}, place {place}"
            );
        }
    }
    fs::write(&texts, "short\n").unwrap();
    let alone = &features(dir.path(), &texts, "none")["hidden"].1;
    let padded = &hidden[longest * width..][..alone.len()];
    assert!(alone.iter().zip(padded).all(|(a, b)| (a - b).abs() < 1e-5));
}

fn features(dir: &Path, texts: &Path, pooling: &str) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let output = dir.join(format!("{pooling}.safetensors"));
    let [input, output_name] = [texts, &output].map(|path| path.to_str().unwrap());
    let ended = run(&[
        "features",
        "--model",
        "tiny-bert",
        "--input",
        input,
        "--output",
        output_name,
        "--pooling",
        pooling,
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let bytes = fs::read(&output).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |bytes: &[u8]| {
        bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    };
    file.tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.shape().to_vec(), floats(view.data()))))
        .collect()
}

fn column(path: &Path, name: &str) -> Vec<String> {
    let mut table = csv::Reader::from_path(path).unwrap();
    let place = table
        .headers()
        .unwrap()
        .iter()
        .position(|column| column == name)
        .unwrap();
    table
        .records()
        .map(|row| row.unwrap()[place].to_owned())
        .collect()
}

fn bundled_test() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/runner/bundled/tasks/support-intents/test.tsv")
}

#[test]
fn predict_reads_a_peft_checkpoint_and_refuses_what_it_does_not_understand() {
    let dir = scratch();
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/gpt2");
    let texts = dir.path().join("texts.txt");
    fs::write(&texts, "a gripping film\nx\n").unwrap();
    let predict = |adapter: &Path| {
        let output = dir.path().join("predicted.csv");
        let paths = [&oracle, adapter, &texts, &output].map(|path| path.to_str().unwrap());
        let [model, adapter, input, output_name] = paths;
        let arguments = ["predict", "--model", model, "--adapter", adapter];
        let ended = run(&[&arguments[..], &["--input", input, "--output", output_name]].concat());
        (ended, fs::read_to_string(&output).unwrap_or_default())
    };
    let adapter = oracle.join("adapters/lora-qv");
    let (ended, written) = predict(&adapter);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 3, "{written}");
    assert_eq!(lines[0], "row,label,logit_0,logit_1,logit_2");
    let reference = fs::read(adapter.join("expected.safetensors")).unwrap();
    let reference = safetensors::SafeTensors::deserialize(&reference).unwrap();
    let reference = reference.tensor("logits").unwrap().data()[..12].to_vec(); // the same first text
    for (cell, expected) in lines[1].split(',').skip(2).zip(reference.chunks_exact(4)) {
        let expected = f32::from_le_bytes([expected[0], expected[1], expected[2], expected[3]]);
        let found: f32 = cell.parse().unwrap();
        assert!((found - expected).abs() < 1e-4, "{cell} for {expected}");
    }
    let changed = dir.path().join("changed");
    fs::create_dir(&changed).unwrap();
    let config = fs::read_to_string(adapter.join("adapter_config.json")).unwrap();
    let config = config.replace("\"LORA\"", "\"LOHA\"");
    fs::write(changed.join("adapter_config.json"), config).unwrap();
    let (ended, _) = predict(&changed);
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("LOHA"), "{}", ended.stderr);
}
