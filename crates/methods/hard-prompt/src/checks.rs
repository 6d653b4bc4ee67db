//! The search against slower ways of doing the same, on tiny random checkpoints: a causal one, one with a mask, one without a head.

mod fitted;
mod scores;
mod search;

use crate::HARD_PROMPT;
use crate::config::HardPrompt;
use crate::layout::{Layout, Row, Texts};
use crate::model::{Mode, Model};
use crate::search::{Substitution, Task};
use crate::verbalizer::Verbalizer;
use adapt::{Budget, Event, Method, Predictor, Setting};
use burn::module::Param;
use burn::tensor::Device;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use task::{Example, Split};
use transformer::{LanguageHead, Pretrained};

const MODES: [(&str, Mode); 3] = [
    ("gpt2", Mode::Prompt),
    ("bert", Mode::Cloze),
    ("distilbert", Mode::Similarity),
];

/// BERT's fixture gets its word embeddings as the masked-language-model head that it lacks.
fn oracle(architecture: &str) -> Pretrained {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/oracle")
        .join(architecture);
    let mut base = transformer::load(&dir, &Device::flex()).expect("a fixture");
    if architecture == "bert" {
        base.language_head = Some(LanguageHead {
            transform: None,
            decoder: Param::from_tensor(base.backbone.embeddings.word.weight.val()),
            bias: None,
            tied: true,
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
    frozen: Model,
    live: Model,
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
        let frozen = Model::frozen(&base);
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
            texts: layout.texts(&frozen, &train().examples).unwrap(),
            labels: train().labels(),
            live: Model::differentiable(&base),
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
        self.texts
            .iter()
            .map(|texts| self.layout.row(texts, trigger))
            .collect()
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
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let plan = HARD_PROMPT
        .plan(config)
        .map_err(|error| error.to_string())?;
    let setting = Setting {
        base: Some(oracle(architecture)),
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
        events: &mut |_: Event| {},
    };
    plan.fit(setting).map_err(|error| error.to_string())
}
