//! LoRA, rsLoRA, LoRA+, DoRA and PiSSA against PEFT: the logits at the start and the losses of six steps, B ≠ 0, rank 3, alpha 5.
//! Fixtures: scripts/reference_lora.py.

use adapt::init::InitRng;
use adapt::{Adapted, Attach, Head, HeadPolicy, Peft, default_pooling};
use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{GradientsParams, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use lora::{Init, Lora, LoraAdaptation};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use transformer::{Backbone, Batch, Pass, Pooling, Pretrained, pool};

const ARCHITECTURES: [&str; 3] = ["bert", "gpt2", "llama"];

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures");
    root.join(name)
}

fn tensors(file: &str) -> Tensors {
    let bytes = std::fs::read(fixture(file)).unwrap();
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let list = read.tensors().into_iter().map(|(name, view)| {
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::I64 => bytes
                .chunks_exact(8)
                .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32)
                .collect(),
            _ => bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        };
        (name, (view.shape().to_vec(), values))
    });
    list.collect()
}

fn on<const D: usize>((shape, values): &(Vec<usize>, Vec<f32>), device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.clone(), shape.clone()), device)
}

/// One architecture's model, data and PEFT's figures.
struct Reference {
    pretrained: Pretrained,
    pooling: Pooling,
    batch: Batch,
    labels: Tensor<1, Int>,
    head: Head,
    start: Tensors,
    record: Value,
    device: Device,
}

impl Reference {
    fn new(architecture: &str) -> Self {
        let device = Device::flex().autodiff();
        let pretrained =
            transformer::load(&fixture("oracle").join(architecture), &Device::flex()).unwrap();
        let shared = tensors(&format!("training/{architecture}.safetensors"));
        let weight = on::<2>(&shared["init.head.weight"], &device).transpose();
        let record = fixture("lora").join(format!("{architecture}.json"));
        let (shape, classes) = (&pretrained.shape, weight.dims()[1]);
        let rng = &mut InitRng::new(0);
        let mut head = Head::new(HeadPolicy::Linear, shape, None, classes, rng, &device);
        head.weight = Param::from_tensor(weight);
        head.bias = Some(Param::from_tensor(on(&shared["init.head.bias"], &device)));
        let head = head.no_grad();
        Self {
            pooling: default_pooling(&pretrained.shape),
            pretrained,
            batch: Batch {
                ids: on::<2>(&shared["ids"], &device).int(),
                types: None,
                mask: on(&shared["mask"], &device),
            },
            labels: on::<1>(&shared["labels"], &device).int(),
            head,
            start: tensors(&format!("lora/{architecture}.safetensors")),
            record: serde_json::from_str(&std::fs::read_to_string(record).unwrap()).unwrap(),
            device,
        }
    }

    fn cases(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.record["cases"].as_object().unwrap().iter()
    }

    /// PEFT's settings in our words.
    fn lora(&self, settings: &Value) -> Lora {
        let targets = self.record["maps"].clone();
        let on = |name: &str| settings[name].as_bool().unwrap_or(false);
        Lora {
            rank: NonZeroUsize::new(3).unwrap(),
            alpha: 5.0,
            targets: serde_json::from_value(targets).unwrap(),
            rank_stabilized: on("use_rslora"),
            b_rate_ratio: settings["ratio"].as_f64().unwrap_or(1.0),
            init: match settings["init_lora_weights"].as_str() {
                Some(_) => Init::Pissa,
                None => Init::Kaiming,
            },
            dora: on("use_dora"),
            ..Lora::default()
        }
    }

    fn adapted(&self, lora: &Lora) -> Adapted<LoraAdaptation> {
        let mut to = Attach {
            shape: &self.pretrained.shape,
            backbone: &self.pretrained.backbone,
            tokenizer: &self.pretrained.tokenizer,
            classes: &[],
            rng: InitRng::new(4),
            device: &self.device,
        };
        let mut adaptation = lora.attach(&mut to).unwrap();
        if lora.init != Init::Pissa {
            let mut place = Place {
                path: Vec::new(),
                start: &self.start,
                placed: 0,
            };
            adaptation = adaptation.map(&mut place);
            let skipped = self.start.len() / 3 * usize::from(!lora.dora);
            assert_eq!(place.placed + skipped, self.start.len());
        }
        let backbone = self.pretrained.backbone.clone().no_grad().train();
        let (adaptation, backbone) = lora.settle(adaptation.train(), backbone);
        Adapted {
            backbone,
            adaptation,
            head: self.head.clone(),
        }
    }

    fn logits(&self, model: &Adapted<LoraAdaptation>) -> Tensor<2> {
        let out = model
            .backbone
            .forward(&self.batch, &Pass::with(&model.adaptation));
        model.head.forward(pool(&out, self.pooling), None) // [5,3]
    }

    /// The loss before each of six steps and after them.
    fn losses(&self, lora: &Lora, mut optimizer: ModuleOptimizer, rate: f64) -> Vec<f64> {
        let mut model = self.adapted(lora);
        let mut losses = Vec::new();
        for _ in 0..=6 {
            let loss = ops::cross_entropy(self.logits(&model), self.labels.clone());
            losses.push(f64::from(
                adapt::to_floats(loss.clone().detach().inner())[0],
            ));
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(rate, model, gradients);
        }
        losses
    }
}

/// Gives each trained tensor the value that PEFT's has.
struct Place<'a> {
    path: Vec<String>,
    start: &'a Tensors,
    placed: usize,
}

impl ModuleMapper for Place<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let value = &self.start[&self.path.join(".")];
        self.placed += 1;
        param.map(|old| {
            assert_eq!(value.0, old.dims());
            on::<D>(value, &old.device()).set_require_grad(true)
        })
    }
}

/// `w ← w − rate · factor · gradient`
#[derive(Clone)]
struct Sgd {
    factor: f64,
}

impl Optimizer for Sgd {
    type State<const D: usize> = ();
    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        _: Option<()>,
    ) -> (Tensor<D>, Option<()>) {
        (tensor - grad * (rate * self.factor), None)
    }
    fn to_device<const D: usize>((): (), _: &Device) {}
}

fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap().iter();
    list.map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn logits_at_the_start_equal_pefts() {
    for architecture in ARCHITECTURES {
        let reference = Reference::new(architecture);
        for (name, case) in reference.cases() {
            let model = reference.adapted(&reference.lora(&case["settings"]));
            let found = adapt::to_floats(reference.logits(&model).inner());
            let expected: Vec<f64> = case["logits"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(numbers)
                .collect();
            let largest = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let pairs = found.iter().zip(&expected);
            let worst = pairs.fold(0.0, |m: f64, (a, b)| m.max((f64::from(*a) - b).abs()));
            assert!(
                found.len() == 15 && worst < 1e-5 * largest,
                "{architecture} {name}: differs by {worst:e}, the largest is {largest}"
            );
        }
    }
}

#[test]
fn the_trained_parameters_are_as_many_as_pefts() {
    for architecture in ARCHITECTURES {
        let reference = Reference::new(architecture);
        for (name, case) in reference.cases() {
            let lora = reference.lora(&case["settings"]);
            let closed_form = Peft::trainable_params(&lora, &reference.pretrained.shape);
            assert_eq!(
                closed_form,
                case["trained"].as_u64().unwrap(),
                "{architecture} {name}"
            );
        }
    }
}

#[test]
fn six_steps_of_sgd_follow_peft() {
    follow_peft("sgd", |reference, lora| {
        let mut optimizer = ModuleOptimizer::from(Sgd { factor: 1.0 });
        for (group, factor) in lora.learning_rate_factors() {
            optimizer = optimizer.with_group(group, Sgd { factor }, None);
        }
        let rate = reference.record["sgd"]["lr"].as_f64().unwrap();
        reference.losses(lora, optimizer, rate)
    });
}

/// With the optimiser of the training loop: matrices decay, magnitudes do not, B learns at its own rate in LoRA+.
#[test]
fn six_steps_of_adamw_follow_peft() {
    follow_peft("adamw", |reference, lora| {
        let settings = &reference.record["adamw"];
        let decay = settings["weight_decay"].as_f64().unwrap();
        let optimizer = adapt::train::optimizer(decay, lora.learning_rate_factors());
        reference.losses(lora, optimizer, settings["lr"].as_f64().unwrap())
    });
}

fn follow_peft(kind: &str, losses: impl Fn(&Reference, &Lora) -> Vec<f64>) {
    for architecture in ARCHITECTURES {
        let reference = Reference::new(architecture);
        for (name, case) in reference.cases() {
            let found = losses(&reference, &reference.lora(&case["settings"]));
            let expected = numbers(&case[kind]);
            let single = numbers(&case[&format!("{kind}_f32")]);
            assert_eq!(found.len(), expected.len());
            let mut worst = 0.0_f64;
            for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
                // Steps that overshoot multiply rounding; PyTorch's own in f32 says by how much.
                let allowed = 2e-5 + 5.0 * (single[step] - expected).abs();
                let difference = (found - expected).abs();
                assert!(
                    difference < allowed,
                    "{architecture} {name} {kind}, step {step}: loss {found}, PEFT {expected}"
                );
                worst = worst.max(difference);
            }
            println!(
                "{architecture} {name} {kind}: {:.3} to {:.3}, worst difference {worst:.1e}",
                expected[0], expected[6]
            );
        }
    }
}

/// What a backbone's targeted weights are, to tell whether unmerging gives them back.
fn weights(backbone: &Backbone) -> Vec<f32> {
    let maps = backbone.blocks.iter().flat_map(|block| {
        let mut maps = vec![
            &block.attention.query,
            &block.attention.key,
            &block.attention.value,
            &block.attention.out,
            &block.feed_forward.up,
            &block.feed_forward.down,
        ];
        maps.extend(&block.feed_forward.gate);
        maps
    });
    maps.flat_map(|map| adapt::to_floats(map.weight.val()))
        .collect()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    let largest = b.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let differences = a.iter().zip(b).map(|(x, y)| (x - y).abs());
    assert_eq!(a.len(), b.len());
    differences.fold(0.0, f32::max) / largest
}

#[test]
fn merged_weights_give_the_unmerged_logits_and_unmerging_gives_the_weights_back() {
    for architecture in ARCHITECTURES {
        let reference = Reference::new(architecture);
        for (name, case) in reference.cases() {
            let lora = reference.lora(&case["settings"]);
            let model = reference.adapted(&lora).valid();
            let unmerged = adapt::to_floats(reference.logits(&model));
            let merged = model.adaptation.merge_into(model.backbone.clone());
            let out = merged.backbone.forward(&reference.batch, &Pass::plain());
            let logits = adapt::to_floats(model.head.forward(pool(&out, reference.pooling), None));
            let difference = worst(&logits, &unmerged);
            assert!(
                difference < 1e-5,
                "{architecture} {name}: {difference:e} between merged and unmerged"
            );
            let before = weights(&model.backbone);
            let changed = worst(&weights(&merged.backbone), &before);
            assert!(changed > 1e-2, "{architecture} {name}: merging did nothing");
            let back = worst(&weights(&merged.unmerge(&model.adaptation)), &before);
            assert!(
                back < 1e-6,
                "{architecture} {name}: {back:e} after unmerging"
            );
        }
    }
}
