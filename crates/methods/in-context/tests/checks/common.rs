//! Tiny random checkpoints, texts of unequal length, and the slow way of scoring a word: one whole forward pass a token.

use adapt::{Budget, Event, Method, Predictor, Setting, log_softmax};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use in_context::IN_CONTEXT;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::{Example, Split};
use transformer::{Encoded, LanguageHead, Pass, Pretrained, Side, collate};

fn fixture(architecture: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/oracle")
        .join(architecture)
}

pub(crate) fn oracle(architecture: &str) -> Pretrained {
    read(&fixture(architecture))
}

/// BERT's fixture with a tokenizer whose unknown token is not in its vocabulary.
pub(crate) fn without_unknown_token() -> Pretrained {
    let fixture = fixture("bert");
    let dir = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "model.safetensors", "tokenizer_config.json"] {
        std::fs::copy(fixture.join(file), dir.path().join(file)).expect("a copy");
    }
    let text = std::fs::read_to_string(fixture.join("tokenizer.json")).expect("a tokenizer");
    let mut tokenizer: Value = serde_json::from_str(&text).expect("JSON");
    tokenizer["model"]["unk_token"] = "[MISSING]".into();
    std::fs::write(dir.path().join("tokenizer.json"), tokenizer.to_string()).expect("written");
    read(dir.path())
}

/// BERT's fixture in a folder of sentence-transformers.
pub(crate) fn in_folder(case: &str) -> Pretrained {
    let bert = fixture("bert");
    let case = bert.join("../../sentence-transformers").join(case);
    let dir = tempfile::tempdir().expect("a folder");
    for from in [bert, case] {
        copy(&from, dir.path());
    }
    read(dir.path())
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).expect("a copy");
        }
    }
}

fn read(dir: &Path) -> Pretrained {
    let mut base = transformer::load(dir, &Device::flex()).expect("a fixture");
    if base.language_head.is_none() {
        // The encoders' fixtures have no masked-language-model head; the word embeddings are one without a transform.
        let words = base.backbone.embeddings.word.weight.val();
        base.language_head = Some(LanguageHead {
            transform: None,
            decoder: Param::from_tensor(words),
            bias: None,
            tied: true,
            logit_cap: None,
        });
    }
    base
}

pub(crate) fn classes() -> Vec<String> {
    ["not_so", "not", "good"].map(str::to_owned).to_vec()
}

pub(crate) fn split(texts: &[(&str, usize)], first_row: u64) -> Split {
    let example = |(row, &(text, label)): (usize, &(&str, usize))| Example {
        row: first_row + row as u64,
        text: text.to_owned(),
        second: None,
        label,
    };
    Split {
        examples: texts.iter().enumerate().map(example).collect(),
    }
}

pub(crate) fn train() -> Split {
    split(
        &[
            ("a dull film", 0),
            ("fine", 2),
            ("so so", 1),
            ("I slept", 0),
            ("rather good", 2),
            ("it is a film", 1),
            ("great", 2),
        ],
        100,
    )
}

pub(crate) fn queries() -> Split {
    split(
        &[
            ("a gripping film", 2),
            ("x", 0),
            ("so so", 1),
            ("what was it", 0),
            ("not bad at all", 2),
        ],
        500,
    )
}

pub(crate) struct Bench {
    pub(crate) base: Pretrained,
    pub(crate) classes: Vec<String>,
    pub(crate) train: Split,
    pub(crate) validation: Split,
    pub(crate) eval_batch: usize,
    pub(crate) max_length: usize,
    pub(crate) seed: u64,
}

impl Bench {
    pub(crate) fn new(architecture: &str) -> Self {
        Self {
            base: oracle(architecture),
            classes: classes(),
            train: train(),
            validation: queries(),
            eval_batch: 4,
            max_length: 24,
            seed: 5,
        }
    }

    pub(crate) fn fit(&self, config: Value) -> Box<dyn Predictor> {
        self.try_fit(config).expect("a fit")
    }

    pub(crate) fn try_fit(&self, config: Value) -> Result<Box<dyn Predictor>, String> {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        let setting = Setting {
            base: Some(self.base.clone()),
            classes: &self.classes,
            descriptions: None,
            train: &self.train,
            validation: &self.validation,
            budget: Budget {
                eval_batch: n(self.eval_batch),
                max_length: n(self.max_length),
                ..Budget::default()
            },
            seed: self.seed,
            device: &Device::flex().autodiff(),
            shared: None,
            events: &mut |_: Event| {},
        };
        let plan = IN_CONTEXT.plan(config).map_err(|error| error.to_string())?;
        plan.fit(setting).map_err(|error| error.to_string())
    }

    pub(crate) fn logits(&self, config: Value) -> Vec<Vec<f32>> {
        self.fit(config)
            .class_logits(&queries().examples)
            .expect("logits")
    }

    /// The words as a prompt spells them, with the space before.
    pub(crate) fn words(&self) -> Vec<Vec<u32>> {
        ["not so", "not", "good"]
            .iter()
            .map(|word| self.after_line_break(&format!(" {word}")))
            .collect()
    }

    /// Token ids of a text that does not begin a prompt, where that makes a difference.
    pub(crate) fn after_line_break(&self, text: &str) -> Vec<u32> {
        let tokenizer = &self.base.tokenizer;
        let newline = tokenizer.encode_plain("\n").unwrap();
        tokenizer
            .encode_plain(&format!("\n{text}"))
            .unwrap()
            .split_off(newline.len())
    }

    /// Log-probabilities of the vocabulary at one place of one text.
    pub(crate) fn vocabulary_at(&self, ids: &[u32], place: usize) -> Vec<f64> {
        let encoded = Encoded {
            ids: ids.to_vec(),
            types: vec![0; ids.len()],
            truncated_tokens: 0,
        };
        let batch = collate(
            &[&encoded],
            self.base.tokenizer.pad_id(),
            Side::Right,
            &Device::flex(),
        );
        let states = self.base.backbone.forward(&batch, &Pass::plain());
        let logits: Tensor<3> = self
            .base
            .language_head
            .as_ref()
            .expect("a head")
            .logits(states.x);
        let vocab = logits.dims()[2];
        let logits: Vec<f32> = logits.into_data().try_to_vec().expect("f32");
        log_softmax(&logits[place * vocab..][..vocab])
    }

    /// ln p(word | prompt), one forward pass a token.
    pub(crate) fn continuation(&self, prompt: &[u32], word: &[u32]) -> f64 {
        let next = |i: usize| {
            let ids = [prompt, &word[..i]].concat();
            self.vocabulary_at(&ids, ids.len() - 1)[word[i] as usize]
        };
        (0..word.len()).map(next).sum()
    }

    /// Scores of all words behind one prompt.
    pub(crate) fn continuations(&self, prompt: &[u32]) -> Vec<f64> {
        self.words()
            .iter()
            .map(|word| self.continuation(prompt, word))
            .collect()
    }
}

pub(crate) fn normalise(scores: &[f64]) -> Vec<f64> {
    let log_sum = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
    scores.iter().map(|score| score - log_sum).collect()
}

/// Zhao et al. 2021: p / mean of the content-free p, as logarithms that sum to one.
pub(crate) fn calibrate(scores: &[f64], content_free: &[Vec<f64>]) -> Vec<f64> {
    let free: Vec<Vec<f64>> = content_free
        .iter()
        .map(|scores| normalise(scores))
        .collect();
    let mean =
        |class: usize| free.iter().map(|logs| logs[class].exp()).sum::<f64>() / free.len() as f64;
    normalise(
        &scores
            .iter()
            .enumerate()
            .map(|(class, score)| score - mean(class).ln())
            .collect::<Vec<_>>(),
    )
}

#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let far = found
        .iter()
        .zip(expected)
        .map(|(f, e)| (f64::from(*f) - e).abs())
        .fold(0.0, f64::max);
    assert!(
        far <= tolerance,
        "{far:e} apart: found {found:?}, expected {expected:?}"
    );
}

#[track_caller]
pub(crate) fn assert_same(found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_close(
            found,
            &expected.iter().map(|&e| f64::from(e)).collect::<Vec<_>>(),
            tolerance,
        );
    }
}

/// Row numbers of the demonstrations of member `member`.
pub(crate) fn demonstration_rows(predictor: &dyn Predictor, member: usize) -> Vec<u64> {
    let rows = &predictor.details()["members"][member]["demonstration_rows"];
    rows.as_array()
        .expect("rows")
        .iter()
        .map(|row| row.as_u64().expect("a row"))
        .collect()
}

pub(crate) const CAUSAL: [&str; 2] = ["gpt2", "llama"];
pub(crate) const TOLERANCE: f64 = 1e-4;

/// The whole prompt up to the label, tokenised in one go, special tokens in front.
pub(crate) fn whole(bench: &Bench, shown: &[(&str, &str)], query: &str) -> Vec<u32> {
    let mut text = String::new();
    for (demonstration, word) in shown {
        text.push_str(&format!("In: {demonstration}\nOut: {word}\n"));
    }
    text.push_str(&format!("In: {query}\nOut:"));
    let before: &[u32] = if bench.base.shape.architecture == transformer::Architecture::Llama {
        &[0]
    } else {
        &[]
    };
    [before, &bench.base.tokenizer.encode_plain(&text).unwrap()].concat()
}

pub(crate) fn shown(rows: &[u64]) -> Vec<(&'static str, &'static str)> {
    let words = ["not so", "not", "good"];
    let texts = [
        ("a dull film", 0),
        ("fine", 2),
        ("so so", 1),
        ("I slept", 0),
        ("rather good", 2),
        ("it is a film", 1),
        ("great", 2),
    ];
    rows.iter()
        .map(|row| texts[(row - 100) as usize])
        .map(|(text, label)| (text, words[label]))
        .collect()
}

pub(crate) fn template() -> serde_json::Value {
    json!({"templates": "In: {text}\nOut: {label}", "separator": "\n", "shots": 0, "calibrate": false})
}

pub(crate) fn with(mut config: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}
