//! `serve`: what it answers is what the program computes, and it stands what clients do.

mod client;
mod limits;
mod load;
mod server;

use crate::harness::{run, run_methods, scratch};
use serde_json::{Value, json};
use server::Server;
use std::fs;
use std::path::{Path, PathBuf};

const TEXTS: [&str; 5] = [
    "my card was not accepted",
    "when",
    "how long does it take until the money is there, and what does it cost me if I send it abroad ?",
    "I would like to change my address",
    "",
];

/// The directory of a trial of `method` that kept its adapter.
fn kept(method: &str, model: &str, out: &Path) -> PathBuf {
    let options = [
        "--model",
        model,
        "--seeds",
        "1",
        "--train-limit",
        "20",
        "--epochs",
        "1",
        "--keep-adapters",
    ];
    let ended = run_methods(method, out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut trials = fs::read_dir(out.join("trials")).unwrap().flatten();
    trials.next().expect("a trial").path()
}

/// What `predict` makes of the texts: label and scores of each.
fn predicted(model: &str, adapter: &Path, dir: &Path) -> Vec<(String, Vec<f32>)> {
    let (texts, table) = (dir.join("texts.jsonl"), dir.join("predictions.csv"));
    let lines: Vec<String> = TEXTS
        .iter()
        .map(|text| json!({"text": text}).to_string())
        .collect();
    fs::write(&texts, lines.join("\n") + "\n").unwrap();
    let [adapter, texts, output] = [adapter, &texts, &table].map(|path| path.to_str().unwrap());
    let ended = run(&[
        "predict",
        "--model",
        model,
        "--adapter",
        adapter,
        "--input",
        texts,
        "--output",
        output,
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut rows = csv::Reader::from_path(&table).unwrap();
    let rows = rows.records().map(Result::unwrap);
    let row = |row: csv::StringRecord| {
        let scores = row.iter().skip(2).map(|cell| cell.parse().unwrap());
        (row[1].to_owned(), scores.collect())
    };
    rows.map(row).collect()
}

/// What the server makes of them, asked in one request.
fn served(server: &Server) -> Vec<(String, Vec<f32>)> {
    let answer = server
        .client()
        .post("/classify", &json!({"texts": TEXTS}))
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answers = answer.json();
    let numbers = |value: &Value| -> Vec<f64> {
        let all = value.as_array().unwrap().iter();
        all.map(|number| number.as_f64().unwrap()).collect()
    };
    let one = |answer: &Value| {
        let probabilities = numbers(&answer["probabilities"]);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let most = probabilities.iter().copied().fold(0.0, f64::max);
        assert_eq!(answer["probability"].as_f64(), Some(most));
        let scores = numbers(&answer["scores"])
            .into_iter()
            .map(|score| score as f32);
        (
            answer["label"].as_str().unwrap().to_owned(),
            scores.collect(),
        )
    };
    answers["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(one)
        .collect()
}

fn start(model: &str, adapter: &Path) -> Server {
    Server::start(&["--model", model, "--adapter", adapter.to_str().unwrap()])
}

#[test]
fn a_trained_classifier_answers_over_http_what_predict_writes_bit_for_bit() {
    let dir = scratch();
    let adapter = kept("lora", "tiny-bert", &dir.path().join("run"));
    let server = start("tiny-bert", &adapter);
    assert_eq!(
        served(&server),
        predicted("tiny-bert", &adapter, dir.path())
    );
    let health = server.client().get("/health").unwrap().json();
    assert_eq!(
        (&health["status"], &health["model"]),
        (&json!("ok"), &json!("tiny-bert"))
    );
    let models = server.client().get("/v1/models").unwrap().json();
    assert_eq!(models["data"].as_array().map(Vec::len), Some(1), "{models}");
    // It is no causal model.
    let asked = json!({"prompt": "x", "max_tokens": 1});
    let refused = server.client().post("/v1/completions", &asked).unwrap();
    assert_eq!(refused.status, 400, "{}", refused.body);
}

#[test]
fn a_method_without_a_model_is_served_as_well() {
    let dir = scratch();
    let adapter = kept("tf-idf", "tiny-bert", &dir.path().join("run"));
    let server = start("tiny-bert", &adapter);
    assert_eq!(
        served(&server),
        predicted("tiny-bert", &adapter, dir.path())
    );
}

#[test]
fn in_context_answers_over_http_what_it_answers_in_process_and_by_chat_the_same_class() {
    let dir = scratch();
    let adapter = kept("in-context", "novels-llama", &dir.path().join("run"));
    let expected = predicted("novels-llama", &adapter, dir.path());
    let server = start("novels-llama", &adapter);
    assert_eq!(served(&server), expected);
    let name = server.client().get("/v1/models").unwrap().json()["data"][0]["id"].clone();
    for (text, (label, _)) in TEXTS.iter().zip(&expected) {
        let asked = json!({"model": name, "messages": [{"role": "user", "content": text}], "logprobs": true, "top_logprobs": 2});
        let answer = server
            .client()
            .post("/v1/chat/completions", &asked)
            .unwrap()
            .json();
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["content"], json!(label), "{answer}");
        let told = &choice["logprobs"]["content"][0];
        assert_eq!(told["top_logprobs"][0]["token"], json!(label));
        assert_eq!(told["top_logprobs"].as_array().map(Vec::len), Some(2));
        assert_eq!(told["logprob"], told["top_logprobs"][0]["logprob"]);
    }
}

/// ln p of every token of a prompt, by the whole model in one pass and PyTorch-like arithmetic on the host.
fn by_hand(ids: &[u32]) -> Vec<f64> {
    let bundled =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled/models/novels-llama");
    let base = transformer::load(&bundled, &ops::test_device()).unwrap();
    let encoded = transformer::Encoded {
        ids: ids.to_vec(),
        types: vec![0; ids.len()],
        truncated_tokens: 0,
    };
    let device = base.backbone.device();
    let batch = transformer::collate(&[&encoded], 0, transformer::Side::Right, &device);
    let states = base.backbone.forward(&batch, &transformer::Pass::plain()).x;
    let logits = ops::to_floats(base.language_head.unwrap().logits(states)); // [1, t, vocabulary]
    let rows = logits.chunks_exact(logits.len() / ids.len()).zip(&ids[1..]);
    let log = |(row, id): (&[f32], &u32)| {
        let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        f64::from(row[*id as usize]) - sum.ln()
    };
    rows.map(log).collect()
}

#[test]
fn prompts_are_scored_as_one_pass_over_each_scores_them_whatever_they_share() {
    let server = Server::start(&["--model", "novels-llama"]);
    let mut client = server.client();
    let tokens = |client: &mut client::Client, text: &str| -> Vec<u32> {
        let asked = json!({"prompt": text, "add_special_tokens": false});
        let answer = client.post("/tokenize", &asked).unwrap().json();
        serde_json::from_value(answer["tokens"].clone()).unwrap()
    };
    let beginning = tokens(
        &mut client,
        "It was a dark and stormy night; the rain fell in torrents",
    );
    let ends = [
        " and so on",
        " but",
        " except at occasional intervals, when it was",
    ];
    let prompts: Vec<Vec<u32>> = ends
        .iter()
        .map(|end| [beginning.clone(), tokens(&mut client, end)].concat())
        .collect();
    let asked =
        json!({"prompt": prompts, "max_tokens": 1, "temperature": 0, "echo": true, "logprobs": 1});
    let answer = client.post("/v1/completions", &asked).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    for (ids, choice) in prompts.iter().zip(answer["choices"].as_array().unwrap()) {
        let told = choice["logprobs"]["token_logprobs"].as_array().unwrap();
        assert_eq!(told.len(), ids.len() + 1);
        assert!(told[0].is_null());
        for (found, expected) in told[1..].iter().zip(by_hand(ids)) {
            let found = found.as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-4,
                "{found}, expected {expected}"
            );
        }
        let spelt = choice["logprobs"]["tokens"].as_array().unwrap();
        let spelt: String = spelt.iter().map(|token| token.as_str().unwrap()).collect();
        assert_eq!(json!(spelt), choice["text"]);
    }
    assert_eq!(
        answer["usage"]["prompt_tokens"],
        prompts.iter().map(Vec::len).sum::<usize>()
    );
    let nothing_more =
        json!({"prompt": prompts, "max_tokens": 0, "temperature": 0, "echo": true, "logprobs": 0});
    let scored = client
        .post("/v1/completions", &nothing_more)
        .unwrap()
        .json();
    for (with, without) in answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .zip(scored["choices"].as_array().unwrap())
    {
        let [with, without] =
            [with, without].map(|c| c["logprobs"]["token_logprobs"].as_array().unwrap());
        assert_eq!(with[..with.len() - 1], without[..]);
    }
}

#[test]
fn a_prompt_of_text_says_where_its_tokens_stand_and_the_likeliest_goes_on() {
    let server = Server::start(&["--model", "novels-llama"]);
    let mut client = server.client();
    let text = "The café was closed,";
    let asked = json!({"prompt": text, "max_tokens": 8, "temperature": 0, "echo": true, "logprobs": 3, "stop": ["\n"]});
    let answer = client.post("/v1/completions", &asked).unwrap().json();
    let choice = &answer["choices"][0];
    let echoed = choice["text"].as_str().unwrap();
    assert!(echoed.starts_with(text), "{answer}");
    let (tokens, offsets) = (
        &choice["logprobs"]["tokens"],
        &choice["logprobs"]["text_offset"],
    );
    let characters: Vec<char> = echoed.chars().collect();
    for (token, offset) in tokens
        .as_array()
        .unwrap()
        .iter()
        .zip(offsets.as_array().unwrap())
    {
        let (token, offset) = (token.as_str().unwrap(), offset.as_u64().unwrap() as usize);
        let there: String = characters[offset..]
            .iter()
            .take(token.chars().count())
            .collect();
        if token.starts_with(' ') || token.chars().all(char::is_alphanumeric) {
            assert_eq!(there, token, "at {offset}: {answer}");
        }
    }
    // The greedy answer again, and one token at a time.
    let again = client.post("/v1/completions", &asked).unwrap().json();
    assert_eq!(again["choices"], answer["choices"]);
    let top = &choice["logprobs"]["top_logprobs"];
    let chosen = tokens.as_array().unwrap().len() - 1;
    let best = top[chosen]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_f64)
        .fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(
        choice["logprobs"]["token_logprobs"][chosen].as_f64(),
        Some(best)
    );
    // A bias makes any token the answer, and says what the model thinks of it.
    let pushed = json!({"prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 1, "logit_bias": {"65": 100}});
    let pushed = client.post("/v1/completions", &pushed).unwrap().json();
    let told = pushed["choices"][0]["logprobs"]["token_logprobs"][0]
        .as_f64()
        .unwrap();
    assert!(told < best, "{pushed}");
    // The same seed draws the same.
    let drawn = json!({"prompt": text, "max_tokens": 12, "temperature": 1.0, "seed": 7});
    let [a, b] = [0, 1].map(|_| client.post("/v1/completions", &drawn).unwrap().json());
    assert_eq!(a["choices"], b["choices"]);
}

/// Where scripts/fetch_smollm2.sh has put the model, its chat template is in the file's metadata.
#[test]
fn a_chat_is_laid_out_as_the_models_own_template_has_it() {
    let Ok(model) = std::env::var("ADAPTBENCH_SMOLLM2") else {
        println!("skipped: ADAPTBENCH_SMOLLM2 names no copy of SmolLM2-135M-Instruct");
        return;
    };
    let server = Server::start(&["--model", &model]);
    let mut client = server.client();
    let laid_out = "<|im_start|>system\nAnswer in one word.<|im_end|>\n<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    let messages = json!([{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "What is the capital of France?"}]);
    let asked = json!({"messages": messages, "max_tokens": 8, "temperature": 0, "logprobs": true, "top_logprobs": 3});
    let chat = client.post("/v1/chat/completions", &asked).unwrap().json();
    let said = chat["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(said.contains("Paris"), "{chat}");
    let asked = json!({"prompt": laid_out, "max_tokens": 8, "temperature": 0, "logprobs": 3});
    let plain = client.post("/v1/completions", &asked).unwrap().json();
    assert_eq!(
        plain["choices"][0]["text"],
        chat["choices"][0]["message"]["content"]
    );
    assert_eq!(plain["usage"], chat["usage"]);
}
