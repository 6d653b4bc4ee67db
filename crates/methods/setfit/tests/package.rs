//! Against the `setfit` package on the same pairs: losses of twenty steps, vectors after them, predictions. Pairs of a text with itself
//! are among them. Fixtures: scripts/reference_setfit.py. The case on MiniLM runs where `ADAPTBENCH_MINILM` names its folder.

use adapt::{
    Attach, Budget, Event, FitError, MethodInfo, Objective, OutputLayer, Part, Peft, Place, Plan,
    Predictor, Setting, Step, Targets, TrainingTexts,
};
use burn::module::ParamGroup;
use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;
use serde::Serialize;
use serde_json::Value;
use setfit::{BodyAdaptation, Contrastive, Loss, Setfit};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use task::{Example, Split};
use transformer::{Backbone, Depth, Pretrained, SentenceFolder, Shape, Side, collate};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures")
}

/// `setfit` with the steps that the package took.
#[derive(Clone, Serialize)]
struct Given {
    setfit: Setfit,
    #[serde(skip)]
    steps: Vec<Step>,
}

#[derive(Debug)]
struct GivenSteps {
    steps: Vec<Step>,
    own: Contrastive,
}

impl Objective for GivenSteps {
    fn steps(&self, _of: &TrainingTexts<'_>, _epoch: usize) -> Vec<Step> {
        self.steps.clone()
    }

    fn loss(&self, vectors: Tensor<2>, of: &Targets<'_>) -> Tensor<1> {
        self.own.loss(vectors, of)
    }

    fn output_layer(&self) -> OutputLayer {
        self.own.output_layer()
    }
}

impl Peft for Given {
    const INFO: MethodInfo = Setfit::INFO;
    type Adaptation = BodyAdaptation;

    fn learning_rate(&self) -> f64 {
        Peft::learning_rate(&self.setfit)
    }

    fn objective(&self) -> Rc<dyn Objective> {
        Rc::new(GivenSteps {
            steps: self.steps.clone(),
            own: Contrastive::of(&self.setfit),
        })
    }

    fn follow(&self, folder: &SentenceFolder, budget: &mut Budget) -> Result<Self, FitError> {
        let setfit = self.setfit.follow(folder, budget)?;
        Ok(Self {
            setfit,
            steps: self.steps.clone(),
        })
    }

    fn reads_unit_length(&self) -> bool {
        self.setfit.reads_unit_length()
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<BodyAdaptation, FitError> {
        self.setfit.attach(to)
    }

    fn settle(&self, adaptation: BodyAdaptation, backbone: Backbone) -> (BodyAdaptation, Backbone) {
        self.setfit.settle(adaptation, backbone)
    }

    fn train_in_backbone(&self, shape: &Shape) -> Option<ParamGroup> {
        self.setfit.train_in_backbone(shape)
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        self.setfit.acts_from(shape)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        self.setfit.trainable_params(shape)
    }
}

/// What the package was given, and what it made of it.
struct Reference {
    about: Value,
    vectors: Vec<f32>,
}

impl Reference {
    fn read(name: &str) -> Self {
        let file = |end: &str| fixtures().join(format!("setfit/{name}.{end}"));
        let bytes = std::fs::read(file("safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let values = tensors.tensor("vectors").unwrap().data().chunks_exact(4);
        Self {
            about: serde_json::from_str(&std::fs::read_to_string(file("json")).unwrap()).unwrap(),
            vectors: values
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        }
    }

    fn list(&self, name: &str) -> &[Value] {
        self.about[name].as_array().unwrap()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.list(name)
            .iter()
            .map(|value| value.as_f64().unwrap())
            .collect()
    }

    fn train(&self) -> Split {
        let rows = self.list("train").iter().enumerate();
        let examples = rows.map(|(row, example)| Example {
            row: row as u64,
            text: example[0].as_str().unwrap().to_owned(),
            second: None,
            label: whole(&example[1]),
        });
        Split {
            examples: examples.collect(),
        }
    }

    fn test(&self) -> Split {
        let rows = self.list("test").iter().enumerate();
        let examples = rows.map(|(row, text)| Example {
            row: row as u64,
            text: text.as_str().unwrap().to_owned(),
            second: None,
            label: 0,
        });
        Split {
            examples: examples.collect(),
        }
    }

    fn steps(&self) -> Vec<Step> {
        let step = |step: &Value| {
            let items = step.as_array().unwrap();
            if items[0].is_array() {
                let pairs = items.iter().map(|pair| [whole(&pair[0]), whole(&pair[1])]);
                vec![Part::of_pairs(&pairs.collect::<Vec<_>>())]
            } else {
                vec![Part::of_texts(items.iter().map(whole).collect())]
            }
        };
        self.list("steps").iter().map(step).collect()
    }
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// Vectors of the texts: the mean of the trained body's states, in the texts' order.
fn vectors(predictor: &dyn Predictor, base: &Pretrained, texts: &Split) -> Vec<Vec<f64>> {
    let encoded = base.tokenizer.encode(&texts.texts(), 128).unwrap();
    let all: Vec<_> = encoded.iter().collect();
    let batch = collate(&all, base.tokenizer.pad_id(), Side::Right, &Device::flex());
    let mean = |text: usize| {
        let tokens = encoded[text].ids.len();
        let places: Vec<Place> = (0..tokens).map(|token| Place { text, token }).collect();
        let states = predictor.language_states(&batch, &places).unwrap().states;
        let width = states.dims()[1];
        let mut mean = vec![0.0; width];
        for state in adapt::to_floats(states).chunks_exact(width) {
            for (sum, value) in mean.iter_mut().zip(state) {
                *sum += f64::from(*value) / tokens as f64;
            }
        }
        mean
    };
    (0..texts.len()).map(mean).collect()
}

fn cosine(a: &[f64], b: &[f32]) -> f64 {
    let b: Vec<f64> = b.iter().map(|&value| f64::from(value)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(a, &b) / (dot(a, a) * dot(&b, &b)).sqrt()
}

fn agrees(name: &str, model: &Path, loss: Loss, normalizes: bool) {
    let reference = Reference::read(name);
    let base = transformer::load(model, &Device::flex()).unwrap();
    let (train, test) = (reference.train(), reference.test());
    let plan = Given {
        setfit: Setfit {
            learning_rate: reference.about["rate"].as_f64().unwrap(),
            loss,
            ..Setfit::default()
        },
        steps: reference.steps(),
    };
    let mut losses = Vec::new();
    let setting = Setting {
        base: Some(base.clone()),
        classes: &["time", "food", "people"].map(str::to_owned),
        descriptions: None,
        train: &train,
        validation: &train,
        budget: Budget {
            epochs: n(1),
            max_length: n(128),
            warmup_share: 0.0,
            dropout: Some(0.0),
            ..Budget::default()
        },
        seed: 3,
        device: &Device::flex().autodiff(),
        shared: None,
        events: &mut |event| {
            if let Event::StepDone { loss, .. } = event {
                losses.push(loss);
            }
        },
    };
    let followed = plan.follow(&base.sentence, &mut Budget::default()).unwrap();
    assert_eq!(followed.reads_unit_length(), normalizes);
    let predictor = Box::new(plan).fit(setting).unwrap();

    let expected = reference.numbers("losses");
    assert_eq!(losses.len(), 20);
    let (first, last) = (expected[0], expected[19]);
    assert!(
        (first - last).abs() > 1e-3,
        "training changes nothing: {expected:?}"
    );
    let apart = losses.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let worst = apart.fold(0.0, f64::max);
    let found = vectors(&*predictor, &base, &test);
    let width = reference.vectors.len() / test.len();
    let cosines = found.iter().zip(reference.vectors.chunks_exact(width));
    let lowest = cosines.map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
    let logits = predictor.class_logits(&test.examples).unwrap();
    let mut farthest = 0f64;
    for (row, (logits, expected)) in logits
        .iter()
        .zip(reference.list("probabilities"))
        .enumerate()
    {
        let class = whole(&reference.about["classes"][row]);
        assert_eq!(adapt::argmax(logits), class, "{name}: text {row}");
        for (found, expected) in adapt::log_softmax(logits)
            .iter()
            .zip(expected.as_array().unwrap())
        {
            farthest = farthest.max((found.exp() - expected.as_f64().unwrap()).abs());
        }
    }
    println!(
        "{name}: losses {worst:.1e} apart, lowest cosine {lowest:.7}, probabilities {farthest:.1e} apart"
    );
    assert!(worst < 1e-4, "{name}: {losses:?} and {expected:?}");
    assert!(lowest >= 0.9999, "{name}: {lowest}");
    assert!(farthest < 1e-3, "{name}: {farthest}");
}

#[test]
fn twenty_steps_on_pairs_are_those_of_the_package() {
    let model = fixtures().join("oracle/bert");
    agrees("tiny", &model, Loss::CosineSimilarity, false);
}

#[test]
fn twenty_steps_of_the_supervised_contrastive_loss_are_those_of_the_package() {
    let model = fixtures().join("oracle/bert");
    agrees("tiny-sup-con", &model, Loss::SupCon, false);
}

#[test]
fn minilm_trains_as_in_the_package_and_its_folders_normalize_is_followed() {
    match std::env::var_os("ADAPTBENCH_MINILM") {
        Some(model) => agrees("minilm", Path::new(&model), Loss::CosineSimilarity, true),
        None => println!("skipped: ADAPTBENCH_MINILM names no model; see scripts/fetch_minilm.sh"),
    }
}
