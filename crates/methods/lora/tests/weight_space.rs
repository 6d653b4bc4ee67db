//! LoRA on activations against LoRA on weights: burn's `apply_lora`, which forms W + s·AB, and our own merging. Rank 3, alpha 5, B ≠ 0.

use adapt::init::InitRng;
use adapt::{Attach, Peft, Target};
use burn::module::{
    Lora as WeightSpaceLora, Module, ModuleMapper, ModuleVisitor, Param, ParamGroup,
};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use lora::{Lora, LoraAdaptation};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use transformer::{Backbone, Batch, Hooks, Pass, Pretrained, Side, Unhooked, collate};

fn fixture(architecture: &str, device: &Device) -> Pretrained {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/oracle");
    transformer::load(&root.join(architecture), device).unwrap()
}

fn settings(targets: &[Target]) -> Lora {
    Lora {
        rank: NonZeroUsize::new(3).unwrap(),
        alpha: 5.0,
        targets: targets.to_vec(),
        ..Lora::default()
    }
}

fn attach(settings: &Lora, model: &Pretrained, device: &Device) -> LoraAdaptation {
    let mut to = Attach {
        shape: &model.shape,
        backbone: &model.backbone,
        tokenizer: &model.tokenizer,
        classes: &[],
        rng: InitRng::new(4),
        device,
    };
    settings.attach(&mut to).unwrap()
}

/// Gives every matrix of three rows or columns, in the order visited, values that only depend on its place and shape.
#[derive(Default)]
struct Fill(u64);

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let dims = param.lazy_shape();
        if D != 2 || (dims[0] != 3 && dims[1] != 3) {
            return param;
        }
        self.0 += 1;
        let values = InitRng::new(self.0).normal(dims[0] * dims[1], 0.3);
        param.map(|old| {
            let grad = old.is_require_grad();
            Tensor::<D>::from_data(TensorData::new(values, old.shape()), &old.device())
                .set_require_grad(grad)
        })
    }
}

fn batch(model: &Pretrained, device: &Device) -> Batch {
    let texts = [
        "a gripping film",
        "not bad at all , in fact rather good despite the slow opening",
        "x",
    ];
    let pairs: Vec<_> = texts.iter().map(|t| (*t, None)).collect();
    let encoded = model.tokenizer.encode(&pairs, 24).unwrap();
    collate(
        &encoded.iter().collect::<Vec<_>>(),
        model.tokenizer.pad_id(),
        Side::Right,
        device,
    )
}

/// The sum of the visible states, each weighted by its place: a loss that every state has a share in.
fn loss(backbone: &Backbone, hooks: &dyn Hooks, batch: &Batch) -> Tensor<1> {
    let out = backbone.forward(batch, &Pass::with(hooks));
    let [b, t, h] = out.x.dims();
    let weights: Vec<f32> = (0..b * t * h)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
        .collect();
    let weights = Tensor::<3>::from_data(TensorData::new(weights, [b, t, h]), &out.x.device());
    (out.x * weights * out.mask.unsqueeze_dim::<3>(2)).sum()
}

/// Gradients of the matrices of three rows or columns, by shape and order.
fn low_rank_gradients<M: Module>(module: &M, grads: &GradientsParams) -> Vec<Vec<f32>> {
    struct Collect<'a>(&'a GradientsParams, Vec<Vec<f32>>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let dims = param.lazy_shape();
            if D == 2 && (dims[0] == 3 || dims[1] == 3) {
                let grad = self
                    .0
                    .get::<D>(param.id)
                    .expect("a low-rank matrix has a gradient");
                self.1.push(adapt::to_floats(grad));
            }
        }
    }
    let mut collect = Collect(grads, Vec::new());
    module.visit(&mut collect);
    collect.1
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1e-6_f32, |m, v| m.max(v.abs()));
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f32::max)
        / largest
}

#[test]
fn loss_and_gradients_equal_burns_weight_space_lora() {
    let device = Device::flex().autodiff();
    let model = fixture("bert", &Device::flex());
    let batch = batch(&model, &device);

    let ours = attach(&settings(&[Target::Query, Target::Value]), &model, &device)
        .train()
        .map(&mut Fill::default());
    let frozen = model.backbone.clone().no_grad().train();
    let our_loss = loss(&frozen, &ours, &batch);
    let our_grads = low_rank_gradients(
        &ours,
        &GradientsParams::from_grads(our_loss.clone().backward(), &ours),
    );

    let group = ParamGroup::from_any_regexes(vec![r"attention\.(query|value)\.weight$"]).unwrap();
    let theirs = model
        .backbone
        .clone()
        .train()
        .apply_lora(WeightSpaceLora::new(3, 5.0).set_param_group(group));
    let theirs = theirs.map(&mut Fill::default());
    let their_loss = loss(&theirs, &Unhooked, &batch);
    let their_grads = low_rank_gradients(
        &theirs,
        &GradientsParams::from_grads(their_loss.clone().backward(), &theirs),
    );

    let (a, b) = (
        adapt::to_floats(our_loss.inner())[0],
        adapt::to_floats(their_loss.inner())[0],
    );
    assert!(
        (a - b).abs() < 1e-4 * b.abs().max(1.0),
        "loss {a}, burn's {b}"
    );
    assert_eq!(
        our_grads.len(),
        2 * 2 * model.shape.layers,
        "A and B of two maps in every block"
    );
    assert_eq!(their_grads.len(), our_grads.len());
    for (i, (ours, theirs)) in our_grads.iter().zip(&their_grads).enumerate() {
        assert!(
            worst(ours, theirs) < 1e-4,
            "gradient {i} differs by {:e} of its largest value",
            worst(ours, theirs)
        );
    }
}

#[test]
fn merged_weights_give_what_the_unmerged_correction_gives() {
    for architecture in ["bert", "gpt2", "llama"] {
        let device = Device::flex();
        let model = fixture(architecture, &device);
        let settings = settings(&[Target::All]);
        let batch = batch(&model, &device);
        let adaptation = attach(&settings, &model, &device).map(&mut Fill::default());
        let unmerged = model.backbone.forward(&batch, &Pass::with(&adaptation)).x;
        let merged = settings
            .merge(&adaptation, model.backbone.clone())
            .expect("LoRA merges");
        let plain = adapt::to_floats(model.backbone.forward(&batch, &Pass::plain()).x);
        let (merged, unmerged) = (
            adapt::to_floats(merged.forward(&batch, &Pass::plain()).x),
            adapt::to_floats(unmerged),
        );
        assert!(
            worst(&unmerged, &plain) > 1e-2,
            "{architecture}: the correction must matter"
        );
        assert!(
            worst(&merged, &unmerged) < 2e-5,
            "{architecture}: {:e}",
            worst(&merged, &unmerged)
        );
    }
}

#[test]
fn the_scale_is_alpha_over_rank_or_over_its_root() {
    let plain = settings(&[Target::All]);
    assert_eq!(plain.scale(), 5.0 / 3.0);
    assert_eq!(
        Lora {
            rank_stabilized: true,
            ..plain
        }
        .scale(),
        5.0 / 3.0_f64.sqrt()
    );
}

#[test]
fn blocks_below_the_first_have_no_correction_and_are_not_counted() {
    let model = fixture("bert", &Device::flex());
    let upper = Lora {
        from_block: 1,
        ..settings(&[Target::Mlp])
    };
    let adaptation = attach(&upper, &model, &Device::flex());
    let found: BTreeMap<usize, usize> = adaptation
        .blocks
        .iter()
        .map(Module::num_params)
        .enumerate()
        .collect();
    let per_block = 3 * 2 * (48 + 96);
    assert_eq!(
        found,
        BTreeMap::from([(0, 0), (1, per_block), (2, per_block)])
    );
    assert_eq!(
        Peft::trainable_params(&upper, &model.shape),
        2 * per_block as u64
    );
}
