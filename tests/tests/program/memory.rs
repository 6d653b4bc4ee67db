//! Memory as it is predicted before a trial and measured in it: methods x batches x lengths x micro-batches x models.
//!
//! Peak memory does not depend on what else the machine does, so that this runs beside other tests. The first cells take half a minute; all
//! thirty run where `ADAPTBENCH_SLOW` or `CI` is true.

use crate::harness::{ids, program, run, run_methods, scratch, trials_csv};
use burn::tensor::{Device, Int, Tensor, TensorData};
use record::TrialRecord;
use std::fs;
use std::path::{Path, PathBuf};

/// Methods that run with the same settings on the same texts.
struct Cells {
    methods: &'static str,
    model: &'static str,
    /// Words of a text: the longest, or all of them.
    words: usize,
    are_equal: bool,
    batch: usize,
    settings: &'static [&'static str],
}

const fn cells(methods: &'static str, model: &'static str, words: usize, batch: usize) -> Cells {
    Cells {
        methods,
        model,
        words,
        are_equal: true,
        batch,
        settings: &[],
    }
}

/// The cells of every check.
fn few() -> Vec<Cells> {
    vec![
        cells("finetune-all,lora,ia3", "novels-bert", 126, 64),
        cells("finetune-last,prefix-tuning", "novels-llama", 126, 64),
        cells("finetune-all", "tiny-bert", 62, 256),
    ]
}

/// With [`few`], thirty.
fn further() -> Vec<Cells> {
    // Models as small as these want large batches for their steps to be more than the process itself.
    let oracle = |name: &'static str, methods| cells(methods, name, 20, 1024);
    vec![
        cells(
            "finetune-last,adapter,vera,bitfit,layer-norm",
            "novels-bert",
            126,
            64,
        ),
        cells("prefix-tuning,soft-prompt", "novels-bert", 100, 64),
        Cells {
            are_equal: false,
            settings: &[
                "budget.micro_batch=8",
                "lora.targets=[\"all\"]",
                "lora.dora=true",
            ],
            ..cells("finetune-all,lora", "novels-bert", 126, 32)
        },
        Cells {
            are_equal: false,
            settings: &["adapter.placement=\"parallel\"", "adapter.scale=2.0"],
            ..cells("adapter", "novels-bert", 120, 24)
        },
        Cells {
            settings: &["budget.cache=false", "finetune-last.blocks=2"],
            ..cells("finetune-last,finetune-output", "novels-bert", 126, 48)
        },
        Cells {
            settings: &["budget.eval_batch=128"],
            ..cells("feature-based,knn,finetune-output", "novels-bert", 126, 64)
        },
        cells("finetune-all,lora,soft-prompt", "novels-llama", 126, 64),
        cells("finetune-all,adapter,ia3", "novels-llama", 300, 16),
        oracle("distilbert", "finetune-all,lora"),
        oracle("gpt2", "finetune-all"),
    ]
}

/// One trial, as predicted and as measured.
struct Compared {
    name: String,
    heap: [u64; 2],
    resident: [u64; 2],
}

/// Shares of what was measured by which the prediction is off, the smallest first.
fn errors(compared: &[Compared], of: fn(&Compared) -> [u64; 2]) -> Vec<f64> {
    let error = |cell| {
        let [predicted, measured] = of(cell).map(|bytes| bytes as f64);
        (predicted / measured - 1.0).abs()
    };
    let mut errors: Vec<f64> = compared.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// Texts of the bundled models' most frequent words, in a directory of their own.
fn task(dir: &Path, cells: &Cells) -> PathBuf {
    const WORDS: [&str; 12] = [
        "the", "of", "and", "to", "in", "that", "he", "was", "it", "his", "with", "as",
    ];
    let task = dir.join("task");
    fs::create_dir_all(&task).unwrap();
    for (split, texts) in [
        ("train", 2 * cells.batch),
        ("validation", cells.batch),
        ("test", 8),
    ] {
        let text = |i: usize| {
            let shorter = if cells.are_equal {
                0
            } else {
                i * 37 % (2 * cells.words / 3)
            };
            let words = (0..cells.words - shorter).map(|w| WORDS[(i * 7 + w) % WORDS.len()]);
            format!(
                "{}\t{}\n",
                words.collect::<Vec<_>>().join(" "),
                ["a", "b"][i % 2]
            )
        };
        let rows: String = (0..texts).map(text).collect();
        fs::write(
            task.join(format!("{split}.tsv")),
            format!("text\tlabel\n{rows}"),
        )
        .unwrap();
    }
    task
}

fn compare(cells: &Cells) -> Vec<Compared> {
    let dir = scratch();
    let task = task(dir.path(), cells);
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/oracle")
        .join(cells.model);
    let model = if oracle.is_dir() {
        oracle.display().to_string()
    } else {
        cells.model.to_owned()
    };
    let (batch, length) = (cells.batch.to_string(), (cells.words + 2).to_string());
    let mut options = vec![
        "--model",
        &model,
        "--task",
        task.to_str().unwrap(),
        "--seeds",
        "1",
        "--epochs",
        "2",
        "--batch",
        &batch,
        "--max-length",
        &length,
    ];
    for setting in cells.settings {
        options.extend(["--set", setting]);
    }
    let out = dir.path().join("out");
    let ended = run_methods(cells.methods, &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let compared = ids(&out).into_iter().map(|id| {
        let record = fs::read(out.join("trials").join(&id).join("record.json")).unwrap();
        let record: TrialRecord = serde_json::from_slice(&record).unwrap();
        let predicted = record.predicted_memory.expect("a prediction");
        // Whether a method tells all that it trains: two moments of each parameter, once there are steps.
        let trained = record.trainable_params.expect("counted");
        let moments = [0, 8 * trained];
        assert!(
            moments.contains(&predicted.optimizer_bytes),
            "{id}: {predicted:?}, {trained} trained"
        );
        Compared {
            name: id,
            heap: [
                predicted.heap_bytes,
                record.train_peak_heap_bytes.expect("heap is counted"),
            ],
            resident: [
                predicted.peak_bytes,
                record.train_peak_rss_bytes.expect("pages are counted"),
            ],
        }
    });
    compared.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn peak_memory_is_what_was_predicted_before_the_trial() {
    let is_true = |name: &str| std::env::var(name).is_ok_and(|value| value == "true");
    let mut groups = few();
    if is_true("ADAPTBENCH_SLOW") || is_true("CI") {
        groups.extend(further());
    }
    let compared: Vec<Compared> = groups.iter().flat_map(compare).collect();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    for Compared {
        name,
        heap,
        resident,
    } in &compared
    {
        let [heap, measured_heap] = heap.map(megabytes);
        let [resident, measured] = resident.map(megabytes);
        println!(
            "{name}: heap {heap:.1} MB, measured {measured_heap:.1}; resident {resident:.1} MB, measured {measured:.1}"
        );
    }
    for (what, errors) in [
        ("heap", errors(&compared, |cell| cell.heap)),
        ("resident", errors(&compared, |cell| cell.resident)),
    ] {
        let (median, largest) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        println!(
            "{what}, {} cells: off by {:.1} % (median), {:.1} % at most",
            errors.len(),
            100.0 * median,
            100.0 * largest
        );
        // The heap is what the program asks for, and predicted to half a per cent. What the allocator keeps beside it is not the same from run
        // to run nor from machine to machine: a single cell's resident peak differs by some 15 MB, a tenth of the small ones, and the median
        // of thirty by a per cent.
        let [typical, most] = if what == "heap" {
            [0.02, 0.05]
        } else {
            [0.075, 0.25]
        };
        if what == "heap" || errors.len() >= 30 {
            assert!(median <= typical, "{what}: {median}");
        }
        assert!(largest <= most, "{what}: {largest}");
    }
}

#[test]
fn a_dry_run_tells_every_trial_and_leaves_no_trace() {
    let dir = scratch();
    let out = dir.path().join("out");
    let options = [
        "run",
        "--dry-run",
        "--json",
        "--methods",
        "majority,finetune-output,lora",
        "--model",
        "tiny-bert",
        "--seeds",
        "3",
        "--train-limit",
        "20",
        "--tune",
        "4",
        "--out",
        out.to_str().unwrap(),
    ];
    let ended = run(&options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!out.exists(), "a dry run made {}", out.display());
    let said: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&said["trials"], &said["to_run"]), (&9.into(), &9.into()));
    let lines = said["lines"].as_array().unwrap();
    let line = |method: &str| lines.iter().find(|line| line["method"] == method).unwrap();
    assert_eq!(line("lora")["trials"], 3);
    assert_eq!(line("majority")["search_trainings"], 0);
    assert!(line("lora")["search_trainings"].as_u64() > Some(0));
    let seconds = |line: &serde_json::Value, name: &str| line[name].as_f64().unwrap();
    let lora = line("lora");
    assert!(seconds(lora, "seconds_to_run") > 3.0 * seconds(lora, "trial_seconds"));
    assert!(line("majority")["trial_seconds"].is_null(), "not known");
    let memory = |method: &str| line(method)["predicted_peak_bytes"].as_u64().unwrap();
    assert!(memory("majority") < memory("finetune-output"));
}

#[test]
fn a_dry_run_refuses_what_a_run_refuses() {
    let dir = scratch();
    let file = dir.path().join("mine.txt");
    fs::write(&file, "precious").unwrap();
    let here = dir.path().to_str().unwrap();
    for options in [
        ["--methods", "majority", "--out", here],
        ["--methods", "majroity", "--task", "reviews"],
        ["--methods", "majority", "--task", "review"],
    ] {
        let dry = run(&[&["run", "--dry-run", "--model", "tiny-bert"], &options[..]].concat());
        let wet = run(&[&["run", "--model", "tiny-bert"], &options[..]].concat());
        assert_eq!((dry.code, dry.stderr), (Some(2), wet.stderr), "{options:?}");
    }
}

#[test]
fn a_dry_run_over_a_begun_run_takes_its_times() {
    let dir = scratch();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    let common = [
        "--methods",
        "majority",
        "--model",
        "tiny-bert",
        "--seeds",
        "1",
        "--test-limit",
        "20",
        "--out",
        out,
    ];
    assert_eq!(run(&[&["run"], &common[..]].concat()).code, Some(0));
    let before = trials_csv(Path::new(out));
    let ended = program(&[&["run", "--dry-run", "--json"], &common[..]].concat())
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(
        (&said["to_run"], &said["lines"][0]["on_record"]),
        (&0.into(), &1.into())
    );
    assert_eq!(said["lines"][0]["is_measured"], true);
    assert_eq!(trials_csv(Path::new(out)), before);
}

#[test]
fn the_loss_over_a_long_vocabulary_never_holds_all_of_its_logits() {
    let device = Device::flex().autodiff();
    let [rows, width, words] = [1500, 8, 49_152];
    let numbers = |count: usize, scale: f32| -> Vec<f32> {
        (0..count).map(|i| (i % 97) as f32 * scale - 1.0).collect()
    };
    let hidden = TensorData::new(numbers(rows * width, 0.02), [rows, width]);
    let table = TensorData::new(numbers(words * width, 0.021), [words, width]);
    let targets: Vec<i64> = (0..rows as i64)
        .map(|row| row * 31 % words as i64)
        .collect();
    let decoder = ops::Decoder {
        table: Tensor::<2>::from_data(table, &device).require_grad(),
        bias: None,
        cap: None,
    };
    let hidden = Tensor::<2>::from_data(hidden, &device).require_grad();
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [rows]), &device);
    let logits = 4 * (rows * words) as u64;
    let peak_of = |loss: &dyn Fn() -> Tensor<1>| {
        measure::allocator::reset_peak();
        let before = measure::allocator::live_bytes().expect("counted");
        let loss = loss();
        let value = ops::to_floats(loss.clone().detach().inner())[0];
        drop(loss.backward());
        let peak = measure::allocator::peak_bytes().expect("counted");
        (value, peak.saturating_sub(before))
    };
    let (by_blocks, peak) = peak_of(&|| decoder.clone().loss(hidden.clone(), targets.clone()));
    let (at_once, all) = peak_of(&|| {
        let logits = decoder.clone().logits(hidden.clone());
        ops::cross_entropy(logits, targets.clone())
    });
    assert!((by_blocks - at_once).abs() < 1e-6, "{by_blocks}, {at_once}");
    // Other tests of this process hold little: they wait for programs that they have started.
    assert!(all > logits, "{all} bytes for {logits} of logits");
    assert!(peak < logits / 2, "{peak} bytes for {logits} of logits");
}
