//! A served model as a method, beside a server that answers by a script: what is sent, what is made of answers and of failures, what is paid for
//! and what is not paid for twice.

mod server;

use crate::harness::{
    Ended, children_of, lives, only_record, program, records, run, scratch, trials_csv, wait_until,
};
use record::{Outcome, TrialRecord};
use server::{Reply, Server, TOKENS, chat, echo, refusal, slowly};
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const KEY: &str = "sk-scripted-0123456789";

/// Test texts of the task.
const TEXTS: usize = 30;

/// A task whose texts say which label they have.
fn write_task(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for (split, rows) in [("train", 10), ("validation", 4), ("test", TEXTS)] {
        let row = |i: usize| {
            let label = ["good", "bad"][i % 2];
            format!("{split} number {i} is {label}\t{label}\n")
        };
        let rows: String = (0..rows).map(row).collect();
        fs::write(
            dir.join(format!("{split}.tsv")),
            format!("text\tlabel\n{rows}"),
        )
        .unwrap();
    }
}

/// The label that a text of the task says of itself.
fn label_in(text: &str) -> &'static str {
    let last = text.rsplit("Text:").next().unwrap_or_default();
    if last.contains("good") { "good" } else { "bad" }
}

/// The number of a test text.
fn number_in(text: &str) -> usize {
    let last = text.rsplit("test number ").next().unwrap_or_default();
    last.split(' ').next().unwrap().parse().unwrap()
}

/// The same program with another method list, on the task below `dir` and into its `run`.
fn command(server: &Server, dir: &Path, options: &[&str]) -> Command {
    write_task(&dir.join("task"));
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let base = format!("endpoint.base_url={}", server.base);
    let mut command = program(&["run", "--model", "tiny-bert"]);
    command
        .args(["--task", &path("task"), "--out", &path("run")])
        .args(["--set", &base, "--set", "endpoint.model=scripted"])
        .args(["--set", "endpoint.retry_wait_s=0.005"])
        .env("OPENAI_API_KEY", KEY);
    for (option, value) in [("--methods", "endpoint"), ("--seeds", "1")] {
        if !options.contains(&option) {
            command.args([option, value]);
        }
    }
    command.args(options);
    command
}

fn ended(mut command: Command) -> Ended {
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: done.status.code(),
        stdout: text(done.stdout),
        stderr: text(done.stderr),
    }
}

fn record_of(dir: &Path) -> TrialRecord {
    only_record(&dir.join("run"))
}

const PRICES: [&str; 4] = [
    "--set",
    "endpoint.input_usd_per_million=100",
    "--set",
    "endpoint.output_usd_per_million=500",
];

/// Of one answer at these prices.
fn price() -> f64 {
    (TOKENS.0 as f64 * 100.0 + TOKENS.1 as f64 * 500.0) / 1e6
}

/// Every file below a directory.
fn files_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    let below = entries.map(|entry| match entry.path() {
        path if path.is_dir() => files_below(&path),
        path => vec![path],
    });
    below.flatten().collect()
}

#[test]
fn a_served_model_is_a_row_like_any_other_and_its_key_stands_nowhere() {
    let server = Server::start(|_, asked| {
        let label = label_in(&asked.text());
        let other = if label == "good" { "bad" } else { "good" };
        chat(label, &[(label, 0.75), (other, 0.125)])
    });
    let dir = scratch();
    let options = [
        &["--methods", "endpoint,majority", "--seeds", "2"][..],
        &["--set", "endpoint.selection=zero-shot"],
        &PRICES,
    ]
    .concat();
    let done = ended(command(&server, dir.path(), &options));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let heard = server.heard();
    // Both seeds ask the same, which is paid for once.
    assert_eq!(heard.len(), TEXTS);
    let bearer = format!("Bearer {KEY}");
    assert!(
        heard
            .iter()
            .all(|asked| asked.key.as_ref() == Some(&bearer))
    );
    assert!(
        heard
            .iter()
            .all(|asked| asked.path == "/v1/chat/completions")
    );
    let schema = &heard[0].body["response_format"]["json_schema"]["schema"];
    let labels = schema["properties"]["label"]["enum"].as_array().unwrap();
    let labels: BTreeSet<&str> = labels.iter().filter_map(|label| label.as_str()).collect();
    assert_eq!(labels, BTreeSet::from(["bad", "good"]));
    let run_dir = dir.path().join("run");
    let all = records(&run_dir);
    let served: Vec<TrialRecord> = all
        .values()
        .map(|text| serde_json::from_str(text).unwrap())
        .filter(|record: &TrialRecord| record.calls.is_some())
        .collect();
    assert_eq!(served.len(), 2);
    for record in &served {
        assert_eq!(
            (record.outcome, record.test_accuracy),
            (Outcome::Finished, Some(1.0))
        );
        assert_eq!(
            (record.calls, record.failed_calls),
            (Some(TEXTS as u64), Some(0))
        );
        assert_eq!(record.input_tokens, Some(TEXTS as u64 * TOKENS.0));
        let cost = record.cost_usd.unwrap();
        assert!((cost - TEXTS as f64 * price()).abs() < 1e-9, "{cost}");
        // 0.75 and 0.125 among the labels.
        let loss = record.test_loss.unwrap();
        assert!((loss + (6.0_f64 / 7.0).ln()).abs() < 1e-5, "{loss}");
        assert!(record.predict_ms_p50.unwrap() > 0.0 && record.total_params.is_none());
        let is_kept = record.details["kept_calls"] == TEXTS;
        assert_eq!(record.eval_s.is_none(), is_kept);
        assert_eq!(
            record.details["answered_by"],
            serde_json::json!(["scripted-1"])
        );
    }
    let page = fs::read_to_string(run_dir.join("report.html")).unwrap();
    for part in [
        "Served models",
        "Break-even in money",
        "accuracy-price",
        "USD for 1,000 predictions",
    ] {
        assert!(page.contains(part), "{part} is not on the page");
    }
    let (header, _) = trials_csv(&run_dir);
    for column in [
        "calls",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "failed_calls",
    ] {
        assert!(header.iter().any(|name| name == column), "{column}");
    }
    let asked = [
        "recommend",
        run_dir.to_str().unwrap(),
        "--predictions",
        "1000",
    ];
    let advice = run(&asked).stdout;
    assert!(
        advice.contains("Money for 1 k predictions") && advice.contains("USD"),
        "{advice}"
    );
    let limited = run(&[&asked[..], &["--max-cost-usd", "0.001"]].concat()).stdout;
    assert!(
        limited.contains("money") && limited.contains("allowed 0.001 USD"),
        "{limited}"
    );
    for file in files_below(dir.path()) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes
            .windows(KEY.len())
            .any(|window| window == KEY.as_bytes());
        assert!(!found, "the key stands in {}", file.display());
    }
    assert!(!done.stdout.contains("0123456789") && !done.stderr.contains("0123456789"));
    let kept = fs::read_to_string(run_dir.join("answers/answers.jsonl")).unwrap();
    assert!(
        !kept.contains("test number"),
        "texts stand beside the answers"
    );
}

#[test]
fn answers_that_are_no_label_are_counted_as_wrong_and_failures_are_tried_again() {
    let seen: std::sync::Mutex<HashSet<usize>> = std::sync::Mutex::default();
    let server = Server::start(move |_, asked| {
        if !asked.body["logprobs"].is_null() {
            return refusal(
                400,
                "logprobs is not supported",
                "logprobs",
                "unsupported_parameter",
            );
        }
        let (text, number) = (asked.text(), number_in(&asked.text()));
        let label = label_in(&text);
        let is_first = seen.lock().unwrap().insert(number);
        match number {
            3 => chat("I would rather not say", &[]),
            4 => refusal(400, "The text was filtered", "", "content_filter"),
            5 => refusal(400, "too long", "messages", "context_length_exceeded"),
            6 => chat(&format!("The label is {label}, clearly."), &[]),
            7 => chat(if label == "good" { "bad" } else { "good" }, &[]),
            8 => Reply::Json(503, serde_json::json!({"error": {"message": "asleep"}})),
            9 if is_first => Reply::With(429, "Retry-After: 0.05", serde_json::json!({})),
            10 if is_first => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nhey".to_vec()),
            11 if is_first => Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{\"choi".to_vec()),
            12 if is_first => slowly(3000, chat(label, &[])),
            13 if is_first => Reply::Json(200, serde_json::json!({"choices": "none"})),
            _ => chat(&format!("{{\"label\": \"{label}\"}}"), &[]),
        }
    });
    let dir = scratch();
    let options = [
        "--set",
        "endpoint.retries=2",
        "--set",
        "endpoint.timeout_s=2",
    ];
    let done = ended(command(&server, dir.path(), &options));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let record = record_of(dir.path());
    let answers = &record.details["answers"];
    let counted = [
        ("no_label", 1),
        ("refused", 1),
        ("too_long", 1),
        ("unanswered", 1),
        ("said_within_more", 1),
        ("said", TEXTS - 5),
        ("without_probabilities", TEXTS - 4),
    ];
    for (name, count) in counted {
        assert_eq!(answers[name], count, "{name}: {answers}");
    }
    let right = (TEXTS - 5) as f64 / TEXTS as f64;
    assert!(
        (record.test_accuracy.unwrap() - right).abs() < 1e-12,
        "{:?}",
        record.test_accuracy
    );
    // Three attempts at the one that is never answered, one at each of five.
    assert_eq!(record.failed_calls, Some(3 + 5));
    assert_eq!((record.test_loss, record.cost_usd), (None, None));
    assert_eq!(record.details["offers"]["listed"], 0);
    // Eight examples of k-shot stand before the text: instruction, and two turns each.
    let heard = server.heard();
    let messages = heard.last().unwrap().body["messages"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(messages, 1 + 2 * 8 + 1);
    let trial = fs::read_dir(dir.path().join("run/trials"))
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    let table = fs::read_to_string(trial.path().join("predictions.csv")).unwrap();
    assert!(
        table.contains("3,bad,,,\n") && table.contains("6,good,good,,\n"),
        "{table}"
    );
    let page = fs::read_to_string(dir.path().join("run/summary.md")).unwrap();
    assert!(
        page.contains("1 no label, 1 refused, 1 longer than the model reads, 1 not answered"),
        "{page}"
    );
}

#[test]
fn pulling_the_plug_costs_at_most_the_calls_under_way() {
    const AT_ONCE: usize = 4;
    let server = Server::start(|_, asked| slowly(60, chat(label_in(&asked.text()), &[])));
    let dir = scratch();
    let options = ["--set", "endpoint.concurrency=4"];
    let mut first = command(&server, dir.path(), &options);
    let mut parent = first
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("some texts are answered", || server.heard().len() >= 12);
    let children = children_of(parent.id());
    parent.kill().unwrap(); // SIGKILL
    for child in &children {
        let killed = Command::new("kill")
            .args(["-9", &child.to_string()])
            .status();
        assert!(killed.is_ok());
    }
    parent.wait().unwrap();
    wait_until("nobody asks any more", || {
        !children.iter().any(|child| lives(*child))
    });
    let before = server.heard().len();
    assert!((12..TEXTS).contains(&before), "{before}");
    let done = ended(command(&server, dir.path(), &options));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let heard = server.heard();
    let asked: BTreeSet<String> = heard.iter().map(|asked| asked.body.to_string()).collect();
    assert_eq!(asked.len(), TEXTS);
    assert!(
        heard.len() <= TEXTS + AT_ONCE,
        "{} calls for {TEXTS} texts",
        heard.len()
    );
    let record = record_of(dir.path());
    assert_eq!(
        (record.calls, record.test_accuracy),
        (Some(TEXTS as u64), Some(1.0))
    );
    assert!(record.details["kept_calls"].as_u64().unwrap() >= (before - AT_ONCE) as u64);
    // A record that is gone is made anew without a call.
    fs::remove_dir_all(dir.path().join("run/trials")).unwrap();
    let again = ended(command(&server, dir.path(), &options));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(server.heard().len(), heard.len());
    assert_eq!(record_of(dir.path()).test_accuracy, Some(1.0));
}

#[test]
fn a_limit_of_cost_ends_a_trial_before_it_is_exceeded_and_a_larger_one_goes_on() {
    let server = Server::start(|_, asked| chat(label_in(&asked.text()), &[]));
    let dir = scratch();
    let options = [
        &PRICES[..],
        &["--set", "endpoint.selection=zero-shot", "--max-cost", "0.2"],
    ]
    .concat();
    let done = ended(command(&server, dir.path(), &options));
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let record = record_of(dir.path());
    assert_eq!(record.outcome, Outcome::OverCost);
    let said = record.error.unwrap();
    assert!(
        said.contains("the limit of 0.2 USD would be exceeded"),
        "{said}"
    );
    let heard = server.heard().len();
    assert!(
        (5..TEXTS).contains(&heard) && heard as f64 * price() <= 0.2,
        "{heard} calls"
    );
    assert_eq!(record.calls, Some(heard as u64));
    let (_, rows) = trials_csv(&dir.path().join("run"));
    assert_eq!(rows["endpoint"]["outcome"], "over_cost");
    let more = [
        &PRICES[..],
        &[
            "--set",
            "endpoint.selection=zero-shot",
            "--max-cost",
            "5",
            "--retry-failed",
        ],
    ]
    .concat();
    let done = ended(command(&server, dir.path(), &more));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(server.heard().len(), TEXTS, "an answer was paid for twice");
}

#[test]
fn label_words_are_scored_where_the_server_echoes_and_written_where_it_does_not() {
    for echoes in [true, false] {
        let server = Server::start(move |_, asked| {
            assert_eq!(asked.path, "/v1/completions");
            if asked.body["echo"].is_null() {
                let label = format!(" {}", label_in(&asked.text()));
                let other = if label == " good" { " bad" } else { " good" };
                let logs = serde_json::json!({"tokens": [label], "token_logprobs": [-0.25], "top_logprobs": [{&label: -0.25, other: -2.0}]});
                let choice =
                    serde_json::json!({"text": label, "finish_reason": "stop", "logprobs": logs});
                Reply::Json(
                    200,
                    serde_json::json!({"choices": [choice], "usage": {"prompt_tokens": 30, "completion_tokens": 2}}),
                )
            } else if echoes {
                echo(asked, |word, before| {
                    if word.trim() == label_in(before) {
                        -0.5
                    } else {
                        -3.0
                    }
                })
            } else {
                refusal(
                    400,
                    "Setting 'echo' and 'logprobs' at the same time is not supported",
                    "",
                    "",
                )
            }
        });
        let dir = scratch();
        let done = ended(command(
            &server,
            dir.path(),
            &[
                "--set",
                "endpoint.api=completions",
                "--set",
                "endpoint.shots=2",
            ],
        ));
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let record = record_of(dir.path());
        assert_eq!(record.test_accuracy, Some(1.0), "{:?}", record.details);
        assert!(record.test_loss.unwrap() < 0.3 && record.calibration.test_brier.is_some());
        assert_eq!(record.details["offers"]["echo"], echoes);
        let name = if echoes { "scored" } else { "said" };
        assert_eq!(record.details["answers"][name], TEXTS);
        let heard = server.heard();
        let prompts = &heard.last().unwrap().body["prompt"];
        let prompt = if echoes {
            prompts[1].as_str()
        } else {
            prompts.as_str()
        };
        let prompt = prompt.unwrap();
        assert_eq!(prompt.matches("Text: train number").count(), 2, "{prompt}");
        assert_eq!(prompt.ends_with("Label: good"), echoes, "{prompt}");
    }
}

#[test]
fn a_server_that_never_answers_fails_the_trial_by_name_and_soon() {
    let server = Server::start(|_, _| {
        Reply::Raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlogin"
                .to_vec(),
        )
    });
    let dir = scratch();
    let done = ended(command(
        &server,
        dir.path(),
        &["--set", "endpoint.retries=1"],
    ));
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    let record = record_of(dir.path());
    let said = record.error.unwrap();
    assert!(
        said.contains("3 texts in a row") && said.contains("text/html, expected application/json"),
        "{said}"
    );
    assert_eq!(record.outcome, Outcome::Failed);
    // Three texts, two attempts each, and those that were under way beside them.
    assert!(
        server.heard().len() <= 2 * (3 + 8),
        "{}",
        server.heard().len()
    );
    let wrong = Server::start(|_, _| {
        refusal(
            401,
            "Incorrect API key provided: sk-scripted-0123456789.",
            "",
            "invalid_api_key",
        )
    });
    let dir = scratch();
    let done = ended(command(&wrong, dir.path(), &[]));
    let said = record_of(dir.path()).error.unwrap();
    assert!(
        said.contains("401: Incorrect API key provided: [key]"),
        "{said}"
    );
    assert!(!done.stderr.contains("0123456789") && !done.stdout.contains("0123456789"));
    assert_eq!(wrong.heard().len(), 1);
}

#[test]
fn what_is_missing_or_means_nothing_is_refused_before_anything_runs() {
    let dir = scratch();
    let out = dir.path().join("run");
    let refused = |options: &[&str], named: &str| {
        let common = [
            "run",
            "--model",
            "tiny-bert",
            "--seeds",
            "1",
            "--out",
            out.to_str().unwrap(),
        ];
        let done = run(&[&common[..], options].concat());
        assert_eq!(done.code, Some(2), "{options:?}: {}", done.stderr);
        assert!(done.stderr.contains(named), "{options:?}: {}", done.stderr);
    };
    refused(
        &["--methods", "endpoint"],
        "--set endpoint.base_url=... --set endpoint.model=...",
    );
    refused(
        &["--methods", "endpoint", "--set", "endpoint.model=m"],
        "endpoint needs base_url",
    );
    refused(
        &["--methods", "majority", "--max-cost", "1"],
        "no method of this run costs money",
    );
    let given = [
        "--set",
        "endpoint.base_url=http://127.0.0.1:9/v1",
        "--set",
        "endpoint.model=m",
    ];
    refused(
        &[&["--methods", "endpoint", "--max-cost", "1"][..], &given].concat(),
        "endpoint has no prices",
    );
    refused(&["--methods", "majority", "--max-cost", "0"], "US dollars");
    assert!(!out.exists());
    // Looking ahead asks nobody.
    let server = Server::start(|_, _| panic!("nobody is asked"));
    let done = ended(command(&server, dir.path(), &["--dry-run"]));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(server.heard().is_empty());
}
