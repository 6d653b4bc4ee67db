//! The search against slower ways of doing the same, on tiny random checkpoints: a causal one, one with a mask, one without a head.

mod fitted;
mod scores;
mod substitution;

use crate::HARD_PROMPT;
use crate::config::HardPrompt;
use crate::layout::{Layout, Row};
use crate::substitution::{Substitution, Task};
use crate::verbalizer::Verbalizer;
use ::prompt::{AskedModel, Mode, Texts};
use adapt::{Budget, Event, Method, Predictor, Setting};
use burn::module::Param;
use burn::tensor::Device;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::{Example, Split};
use transformer::{Architecture, LanguageHead, Pretrained};

const MODES: [(&str, Mode); 3] = [
    ("gpt2", Mode::Prompt),
    ("bert", Mode::Cloze),
    ("distilbert", Mode::Similarity),
];

fn fixture(architecture: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/oracle")
        .join(architecture)
}

fn oracle(architecture: &str) -> Pretrained {
    read(&fixture(architecture))
}

/// BERT's fixture with a tokenizer whose unknown token is not in its vocabulary.
fn without_unknown_token() -> Pretrained {
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

/// BERT's fixture gets its word embeddings as the masked-language-model head that it lacks.
fn read(dir: &Path) -> Pretrained {
    let mut base = transformer::load(dir, &Device::flex()).expect("a fixture");
    if base.shape.architecture == Architecture::Bert {
        base.language_head = Some(LanguageHead {
            transform: None,
            decoder: Param::from_tensor(base.backbone.embeddings.word.weight.val()),
            bias: None,
            tied: true,
            logit_cap: None,
        });
    }
    base
}

fn classes() -> Vec<String> {
    ["not_so", "fine", "good"].map(str::to_owned).to_vec()
}

fn split(texts: &[(&str, usize)]) -> Split {
    let example = |(row, &(text, label)): (usize, &(&str, usize))| Example {
        row: row as u64,
        text: text.to_owned(),
        second: None,
        label,
    };
    Split {
        examples: texts.iter().enumerate().map(example).collect(),
    }
}

fn train() -> Split {
    split(&[
        ("a dull film", 0),
        ("x", 2),
        ("so so, I slept and slept", 1),
        ("rather good", 2),
        ("it is a film", 1),
        ("great", 2),
        ("what was it", 0),
    ])
}

fn validation() -> Split {
    split(&[
        ("a gripping film", 2),
        ("x", 0),
        ("not bad at all", 2),
        ("so so", 1),
        ("", 1),
    ])
}

struct Bench {
    frozen: AskedModel,
    live: AskedModel,
    layout: Layout,
    verbalizer: Verbalizer,
    texts: Vec<Texts>,
    labels: Vec<usize>,
    config: HardPrompt,
}

impl Bench {
    fn new(architecture: &str, config: Value) -> Self {
        let base = oracle(architecture);
        let config: HardPrompt = adapt::parse_config("hard-prompt", config).unwrap();
        let frozen = AskedModel::frozen(&base);
        let layout = Layout::new(
            &config.trigger_template,
            false,
            config.trigger_tokens.get(),
            &frozen,
            24,
        )
        .unwrap();
        let words = ["not so", "fine", "good"].map(str::to_owned);
        Self {
            verbalizer: Verbalizer::new(&words, &classes(), &layout.label_lead, &frozen, 20.0)
                .unwrap(),
            texts: layout.texts(&train().examples).unwrap(),
            labels: train().labels(),
            live: AskedModel::differentiable(&base),
            frozen,
            layout,
            config,
        }
    }

    fn search(&self, seed: u64) -> Substitution<'_> {
        Substitution::new(Task {
            frozen: &self.frozen,
            live: &self.live,
            layout: &self.layout,
            verbalizer: &self.verbalizer,
            texts: &self.texts,
            labels: &self.labels,
            config: &self.config,
            seed,
        })
        .unwrap()
    }

    fn rows(&self, trigger: &[u32]) -> Vec<Row> {
        self.layout.rows(&self.texts, trigger)
    }
}

fn fit(architecture: &str, config: Value, seed: u64) -> Result<Box<dyn Predictor>, String> {
    fit_to(architecture, config, seed, &train(), &validation())
}

fn fit_to(
    architecture: &str,
    config: Value,
    seed: u64,
    train: &Split,
    validation: &Split,
) -> Result<Box<dyn Predictor>, String> {
    fit_model(oracle(architecture), config, seed, train, validation)
}

fn fit_model(
    base: Pretrained,
    config: Value,
    seed: u64,
    train: &Split,
    validation: &Split,
) -> Result<Box<dyn Predictor>, String> {
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let plan = HARD_PROMPT
        .plan(config)
        .map_err(|error| error.to_string())?;
    let setting = Setting {
        base: Some(base),
        classes: &classes(),
        descriptions: None,
        train,
        validation,
        budget: Budget {
            eval_batch: n(2),
            max_length: n(24),
            ..Budget::default()
        },
        seed,
        device: &Device::flex().autodiff(),
        shared: None,
        events: &mut |_: Event| {},
    };
    plan.fit(setting).map_err(|error| error.to_string())
}
