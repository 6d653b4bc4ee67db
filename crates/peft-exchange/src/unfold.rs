//! Trained changes of weights under PEFT's names and in its orientation: the way back of `fold.rs`. Matrices are [d_in, d_out] here
//! and [out, in] there. Where several maps here are one there (GPT-2's queries, keys and values), corrections of its parts become one of
//! block form.

use crate::fold::WRAPPED;
use crate::head;
use crate::modules::{Map, NormPlace, Place, maps, norm, norms};
use crate::outputs::Outputs;
use crate::spelling::endings;
use crate::write::Draft;
use adapt::{LowRankMap, ProjectedMap, RescaledMap};
use burn::tensor::Tensor;
use serde_json::{Map as JsonMap, Value, json};
use transformer::{At, Backbone, Pretrained, Proj};

/// A map of the base model, and what was trained at each of its parts.
struct Adapted<'a, T> {
    map: Map,
    parts: Vec<Part<'a, T>>,
}

struct Part<'a, T> {
    outputs: Outputs,
    trained: Option<&'a T>,
}

impl<'a, T> Adapted<'a, T> {
    fn trained(&self) -> impl Iterator<Item = (&Outputs, &'a T)> {
        let parts = self.parts.iter();
        parts.filter_map(|part| Some((&part.outputs, part.trained?)))
    }

    /// The parts' vectors in their places, `[out]`.
    fn whole(&self, of_part: impl Fn(usize, &Part<'a, T>) -> Tensor<1>) -> Tensor<1> {
        let parts = self.parts.iter().enumerate();
        let placed = parts.map(|(number, part)| {
            let vector = of_part(number, part);
            part.outputs.placed_elements(&vector, self.map.d_out)
        });
        placed.reduce(|a, b| a + b).expect("a map has parts")
    }
}

/// LoRA, rsLoRA and DoRA.
pub(crate) fn lora(
    draft: &mut Draft,
    base: &Pretrained,
    trained: &[LowRankMap],
    scale: f64,
    root_scale: bool,
) {
    let all = adapted(&base.backbone, trained, |map| map.at);
    let mut ranks: Vec<(String, usize)> = Vec::new();
    for adapted in &all {
        let name = &adapted.map.name;
        let a = adapted.trained().map(|(_, pair)| pair.a.clone()).collect();
        let a = Tensor::cat(a, 1); // n x [in, r] -> [in, n r]
        let b = adapted.trained().map(|(outputs, pair)| {
            outputs.placed(&pair.b, adapted.map.d_out) // [r, own] -> [r, out]
        });
        let b = Tensor::cat(b.collect(), 0); // n x [r, out] -> [n r, out]
        ranks.push((name.clone(), a.dims()[1]));
        let at = |part: &str| format!("{WRAPPED}{name}.{part}");
        draft.tensors.put(at("lora_A.weight"), a.transpose());
        draft.tensors.put(at("lora_B.weight"), b.transpose());
        if adapted.trained().any(|(_, pair)| pair.magnitude.is_some()) {
            let lengths = magnitude(adapted, &base.backbone);
            draft.tensors.put(at("lora_magnitude_vector"), lengths);
        }
    }
    let rank = ranks.iter().map(|(_, rank)| *rank).min().unwrap_or(0);
    let alpha = |rank: usize| {
        let rank = rank as f64;
        number(scale * if root_scale { rank.sqrt() } else { rank })
    };
    // A rank of its own has an alpha of its own, so that the scale is the same.
    let (mut rank_pattern, mut alpha_pattern) = (JsonMap::new(), JsonMap::new());
    let mut others: Vec<usize> = ranks.iter().map(|(_, own)| *own).collect();
    others.sort_unstable();
    others.dedup();
    for own in others.into_iter().filter(|own| *own != rank) {
        let wider = |name: &str| ranks.contains(&(name.to_owned(), own));
        for end in spelled(&base.backbone, wider) {
            rank_pattern.insert(end.clone(), own.into());
            alpha_pattern.insert(end, alpha(own));
        }
    }
    let uses_dora = trained.iter().any(|map| map.magnitude.is_some());
    set(
        draft,
        base,
        &names(&all),
        json!({
            "alpha_pattern": alpha_pattern,
            "bias": "none",
            "init_lora_weights": true,
            "lora_alpha": alpha(rank),
            "lora_dropout": 0.0,
            "r": rank,
            "rank_pattern": rank_pattern,
            "use_dora": uses_dora,
            "use_rslora": root_scale,
        }),
    );
}

/// The lengths that DoRA brings columns to; parts that were not trained keep the lengths they have.
fn magnitude(adapted: &Adapted<LowRankMap>, backbone: &Backbone) -> Tensor<1> {
    adapted.whole(|number, part| {
        let trained = part.trained.and_then(|pair| pair.magnitude.clone());
        trained.unwrap_or_else(|| match adapted.map.parts[number].0 {
            Place::Block(block, site) => {
                let map = backbone.blocks[block].map(site);
                let weight = map.expect("a map with a name").weight.val();
                let lengths = weight.powi_scalar(2).sum_dim(0).sqrt(); // [in, out] -> [1, out]
                lengths.squeeze_dim::<1>(0)
            }
            Place::Projection | Place::Head => unreachable!("no method trains there"),
        })
    })
}

/// (IA)³.
pub(crate) fn ia3(draft: &mut Draft, base: &Pretrained, trained: &[RescaledMap]) {
    let all = adapted(&base.backbone, trained, |map| map.at);
    let scales_input =
        |adapted: &Adapted<RescaledMap>| adapted.trained().any(|(_, vector)| vector.scales_input);
    for adapted in &all {
        let name = format!("{WRAPPED}{}.ia3_l", adapted.map.name);
        let device = base.backbone.device();
        if scales_input(adapted) {
            let (_, vector) = adapted.trained().next().expect("a trained map"); // one part: nothing reads beside it
            let factor = vector.factor.clone();
            draft.tensors.put(name, factor.unsqueeze_dim::<2>(0)); // [1, in]
        } else {
            let factor = adapted.whole(|_, part| match part.trained {
                Some(vector) => vector.factor.clone(),
                None => Tensor::ones([part.outputs.len()], &device),
            });
            draft.tensors.put(name, factor.unsqueeze_dim::<2>(1)); // [out, 1]
        }
    }
    let (before, after): (Vec<_>, Vec<_>) = all.iter().partition(|adapted| scales_input(adapted));
    let own = |some: &[&Adapted<RescaledMap>]| {
        let names: Vec<&String> = some.iter().map(|adapted| &adapted.map.name).collect();
        spelled(&base.backbone, |name| names.iter().any(|own| *own == name))
    };
    let feed_forward = own(&before);
    let targets = [own(&after), feed_forward.clone()].concat(); // PEFT wants the one to be part of the other.
    set(
        draft,
        base,
        &names(&all),
        json!({
            "feedforward_modules": feed_forward,
            "init_ia3_weights": true,
        }),
    );
    draft
        .config
        .insert("target_modules".to_owned(), json!(targets));
}

/// VeRA. A map of several parts here has one pair of vectors there: each part gets ranks of its own.
pub(crate) fn vera(
    draft: &mut Draft,
    base: &Pretrained,
    [a, b]: [&Tensor<2>; 2],
    trained: &[ProjectedMap],
) {
    let all = adapted(&base.backbone, trained, |map| map.at);
    let device = base.backbone.device();
    let rank = a.dims()[1];
    let widest = all
        .iter()
        .map(|adapted| adapted.map.d_out)
        .max()
        .unwrap_or(0);
    // Which outputs a slot of `rank` ranks is for; none for maps that are one here as well.
    let slot_of = |adapted: &Adapted<ProjectedMap>, outputs: &Outputs| {
        (adapted.parts.len() > 1).then(|| outputs.clone())
    };
    let mut slots: Vec<Option<Outputs>> = Vec::new();
    for adapted in &all {
        for (outputs, _) in adapted.trained() {
            let slot = slot_of(adapted, outputs);
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
    }
    let a = Tensor::cat(vec![a.clone(); slots.len()], 1); // n x [in, r] -> [in, n r]
    let of_slot = |slot: &Option<Outputs>| {
        let outputs = slot.clone().unwrap_or_else(|| Outputs::all(b.dims()[1]));
        let own = b.clone().narrow(1, 0, outputs.len());
        outputs.placed(&own, widest)
    };
    let b = Tensor::cat(slots.iter().map(of_slot).collect(), 0); // n x [r, out] -> [n r, out]
    draft.tensors.put("base_model.vera_A", a.transpose());
    draft.tensors.put("base_model.vera_B", b.transpose());
    for adapted in &all {
        let inner = slots.iter().map(|slot| {
            let mut own = adapted.trained();
            match own.find(|(outputs, _)| slot_of(adapted, outputs) == *slot) {
                Some((_, vectors)) => vectors.d.clone(),
                None => Tensor::zeros([rank], &device),
            }
        });
        let outer = adapted.whole(|_, part| match part.trained {
            Some(vectors) => vectors.b.clone(),
            None => Tensor::zeros([part.outputs.len()], &device),
        });
        let at = |part: &str| format!("{WRAPPED}{}.{part}", adapted.map.name);
        draft
            .tensors
            .put(at("vera_lambda_d"), Tensor::cat(inner.collect(), 0));
        draft.tensors.put(at("vera_lambda_b"), outer);
    }
    set(
        draft,
        base,
        &names(&all),
        json!({
            "bias": "none",
            "projection_prng_key": 0, // Not used: the projection is in the file.
            "r": rank * slots.len(),
            "save_projection": true,
            "vera_dropout": 0.0,
        }),
    );
}

/// LayerNorm tuning.
pub(crate) fn layer_norm(draft: &mut Draft, backbone: &Backbone) {
    let all = norms(backbone);
    for module in &all {
        let Some(norm) = norm(backbone, module.place) else {
            continue;
        };
        let at = |part: &str| format!("{WRAPPED}{}.ln_tuning_layers.{part}", module.name);
        let gain = norm.weight.val();
        let stored = if module.offset == 0.0 {
            gain
        } else {
            gain - module.offset
        };
        draft.tensors.put(at("weight"), stored);
        if let Some(bias) = &norm.bias {
            draft.tensors.put(at("bias"), bias.val());
        }
    }
    let of_backbone = || all.iter().filter(|module| module.place != NormPlace::Head);
    let is_norm = |name: &str| of_backbone().any(|module| module.name == name);
    let targets = spelled(backbone, is_norm);
    draft
        .config
        .insert("target_modules".to_owned(), json!(targets));
}

/// The base model's maps at which something was trained, in its own order.
fn adapted<'a, T>(
    backbone: &Backbone,
    trained: &'a [T],
    at: impl Fn(&T) -> At<Proj>,
) -> Vec<Adapted<'a, T>> {
    let all = maps(backbone).into_iter().map(|mut map| {
        map.parts.sort_by_key(|(_, outputs)| outputs.first());
        let parts = map.parts.iter().map(|(place, outputs)| Part {
            outputs: outputs.clone(),
            trained: trained.iter().find(|one| {
                let At { layer, site } = at(one);
                *place == Place::Block(layer, site)
            }),
        });
        let parts = parts.collect();
        Adapted { map, parts }
    });
    all.filter(|adapted| adapted.trained().next().is_some())
        .collect()
}

fn names<'a, T>(all: &'a [Adapted<T>]) -> Vec<&'a str> {
    all.iter()
        .map(|adapted| adapted.map.name.as_str())
        .collect()
}

/// Adds a kind's settings to the configuration, and which maps it acts on.
fn set(draft: &mut Draft, base: &Pretrained, names: &[&str], settings: Value) {
    let targets = spelled(&base.backbone, |name| names.contains(&name));
    draft
        .config
        .insert("target_modules".to_owned(), json!(targets));
    // GPT-2's maps are Conv1D, stored as [in, out].
    let conv = maps(&base.backbone).iter().any(|map| map.is_conv);
    draft
        .config
        .insert("fan_in_fan_out".to_owned(), conv.into());
    if let Value::Object(settings) = settings {
        draft.config.extend(settings);
    }
}

/// The modules meant, told from all other modules of the model with its head.
fn spelled(backbone: &Backbone, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let head = head::names(backbone.shape());
    let maps = maps(backbone).into_iter().map(|map| map.name);
    let norms = norms(backbone).into_iter().map(|norm| norm.name);
    let inner = head.inner.map(|inner| inner.dense).into_iter();
    let heads = inner.chain([head.out.to_owned()]);
    let all: Vec<String> = maps.chain(norms).chain(heads).collect();
    let (wanted, others): (Vec<&str>, Vec<&str>) = all
        .iter()
        .map(String::as_str)
        .partition(|name| wanted(name));
    endings(&wanted, &others)
}

/// 16 rather than 16.000000000000004: a scale times a rank.
fn number(value: f64) -> Value {
    let rounded = (value * 1e9).round() / 1e9;
    match rounded.fract() == 0.0 {
        true => (rounded as i64).into(),
        false => rounded.into(),
    }
}
