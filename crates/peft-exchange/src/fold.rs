//! Adapters that change weights, folded into them: W ← what the adapted map computes. Weights are [d_in, d_out] here.

use crate::PeftError;
use crate::config::{Config, Lora};
use crate::head::frozen;
use crate::modules::{Map, Model, NormPlace, Place, maps, norms};
use crate::outputs::Outputs;
use crate::targets::Targets;
use crate::tensors::Tensors;
use burn::tensor::Tensor;
use transformer::Linear;

/// Where PEFT puts the model that it wraps.
pub(crate) const WRAPPED: &str = "base_model.model.";

/// LoRA (Hu et al. 2021), rsLoRA (Kalajdzievski 2023) and DoRA (Liu et al. 2024, eq. 5).
pub(crate) fn lora(
    model: &mut Model,
    tensors: &mut Tensors,
    config: &Config,
    lora: &Lora,
) -> Result<(), PeftError> {
    for map in targeted(model, tensors, &config.targets, "lora_A.weight") {
        let rank = lora.ranks.of(&map.name).map_or(lora.rank, |r| r as usize);
        let alpha = lora.alphas.of(&map.name).unwrap_or(lora.alpha);
        let scale = match lora.root_scale {
            true => alpha / (rank as f64).sqrt(),
            false => alpha / rank as f64,
        };
        let at = |part: &str| format!("{WRAPPED}{}.{part}", map.name);
        let why = format!(
            " (target_modules and rank_pattern give {} rank {rank})",
            map.name
        );
        let a: Tensor<2> = tensors.take(&at("lora_A.weight"), [rank, map.d_in], &why)?;
        let b: Tensor<2> = tensors.take(&at("lora_B.weight"), [map.d_out, rank], &why)?;
        let change = a.transpose().matmul(b.transpose()) * scale; // [in, r] x [r, out] -> [in, out]
        let how = || format!("lora_alpha {alpha:e} and rank {rank} make a scale of {scale:e}");
        require_numbers(&map, &change, &how)?;
        let magnitude = match lora.dora {
            true => Some(tensors.take(
                &at("lora_magnitude_vector"),
                [map.d_out],
                ", which use_dora needs",
            )?),
            false => None,
        };
        let bias_of_b: Option<Tensor<1>> = match lora.bias_of_b {
            true => {
                Some(tensors.take(&at("lora_B.bias"), [map.d_out], ", which lora_bias needs")?)
            }
            false => None,
        };
        let trained_bias: Option<Tensor<1>> = match lora.trained_biases {
            true if has_bias(model, &map) => Some(tensors.take(
                &at("base_layer.bias"),
                [map.d_out],
                ", which bias=\"lora_only\" needs",
            )?),
            _ => None,
        };
        change_parts(model, &map, |part, outputs| {
            let weight = part.weight.val() + outputs.columns(&change);
            let weight = match &magnitude {
                Some(magnitude) => rescaled(weight, outputs.elements(magnitude)),
                None => weight,
            };
            part.weight = frozen(weight);
            if let Some(bias) = &trained_bias {
                part.bias = Some(frozen(outputs.elements(bias)));
            }
            if let Some(more) = &bias_of_b {
                let more = outputs.elements(more) * scale;
                let bias = part.bias.as_ref().map(|bias| bias.val());
                part.bias = Some(frozen(match bias {
                    Some(bias) => bias + more,
                    None => more,
                }));
            }
        });
    }
    Ok(())
}

/// Refuses what overflowed: sums of finite numbers, or a scale that f32 does not hold.
fn require_numbers(
    map: &Map,
    change: &Tensor<2>,
    how: &dyn Fn() -> String,
) -> Result<(), PeftError> {
    let values = adapt::to_floats(change.clone());
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(PeftError::Overflow {
            module: map.name.clone(),
            how: how(),
        }),
    }
}

/// DoRA: each output's column of `weight` brought to the length `magnitude`; `[in, out]`, `[out]`.
fn rescaled(weight: Tensor<2>, magnitude: Tensor<1>) -> Tensor<2> {
    let norm = weight.clone().powi_scalar(2).sum_dim(0).sqrt(); // [in, out] -> [1, out]
    weight * (magnitude.unsqueeze::<2>() / norm)
}

/// (IA)³: outputs rescaled, or the inputs of feed-forward maps. Liu et al. 2022, §3.3; PEFT scales a bias with its output.
pub(crate) fn ia3(
    model: &mut Model,
    tensors: &mut Tensors,
    config: &Config,
    feed_forward: Option<&Targets>,
) -> Result<(), PeftError> {
    for map in targeted(model, tensors, &config.targets, "ia3_l") {
        let name = format!("{WRAPPED}{}.ia3_l", map.name);
        let found = tensors.dims(&name);
        let scales_input = match feed_forward {
            Some(targets) => targets.contains(&map.name),
            None => found == Some(vec![1, map.d_in]),
        };
        let expected = match scales_input {
            true => [1, map.d_in],
            false => [map.d_out, 1],
        };
        let why = " ([1, in] where feedforward_modules names the map, else [out, 1])";
        let factor: Tensor<2> = tensors.take(&name, expected, why)?;
        let factor: Tensor<1> = factor.flatten(0, 1);
        change_parts(model, &map, |part, outputs| {
            let weight = part.weight.val();
            if scales_input {
                part.weight = frozen(weight * factor.clone().unsqueeze_dim::<2>(1)); // [in, out] x [in, 1]
            } else {
                let factor = outputs.elements(&factor);
                part.weight = frozen(weight * factor.clone().unsqueeze::<2>()); // [in, out] x [1, out]
                let bias = part.bias.as_ref().map(|bias| bias.val());
                part.bias = bias.map(|bias| frozen(bias * factor));
            }
        });
    }
    Ok(())
}

/// VeRA: two matrices shared by all maps, two vectors a map. Kopiczko et al. 2024, eq. 2.
pub(crate) fn vera(
    model: &mut Model,
    tensors: &mut Tensors,
    config: &Config,
    rank: usize,
) -> Result<(), PeftError> {
    let all = targeted(model, tensors, &config.targets, "vera_lambda_b");
    let widest = |width: fn(&Map) -> usize| all.iter().map(width).max().unwrap_or(0);
    let (widest_in, widest_out) = (widest(|map| map.d_in), widest(|map| map.d_out));
    let why = ", the shared projection; save the adapter with save_projection=True";
    let a: Tensor<2> = tensors.take("base_model.vera_A", [rank, widest_in], why)?;
    let b: Tensor<2> = tensors.take("base_model.vera_B", [widest_out, rank], why)?;
    for map in all {
        let at = |part: &str| format!("{WRAPPED}{}.{part}", map.name);
        let outer: Tensor<1> = tensors.take(&at("vera_lambda_b"), [map.d_out], "")?;
        let inner: Tensor<1> = tensors.take(&at("vera_lambda_d"), [rank], "")?;
        let a = a.clone().narrow(1, 0, map.d_in) * inner.unsqueeze_dim::<2>(1); // [r, in] x [r, 1]
        let b = b.clone().narrow(0, 0, map.d_out) * outer.unsqueeze_dim::<2>(1); // [out, r] x [out, 1]
        let change = a.transpose().matmul(b.transpose()); // [in, r] x [r, out] -> [in, out]
        require_numbers(&map, &change, &|| "the product of its matrices".to_owned())?;
        change_parts(model, &map, |part, outputs| {
            part.weight = frozen(part.weight.val() + outputs.columns(&change));
        });
    }
    Ok(())
}

/// LayerNorm tuning: trained norms in place of the pretrained ones. Zhao et al. 2023.
pub(crate) fn layer_norm(
    model: &mut Model,
    tensors: &mut Tensors,
    config: &Config,
) -> Result<(), PeftError> {
    for module in norms(&model.backbone) {
        let at = |part: &str| format!("{WRAPPED}{}.ln_tuning_layers.{part}", module.name);
        let absent = tensors.dims(&at("weight")).is_none();
        let may_lack = config.targets.is_any() || module.place == NormPlace::Head;
        if !config.targets.contains(&module.name) || may_lack && absent {
            continue;
        }
        let Some(norm) = model.norm_mut(module.place) else {
            continue;
        };
        let why = ", although target_modules names its norm";
        let dims = norm.weight.dims();
        let stored: Tensor<1> = tensors.take(&at("weight"), dims, why)?;
        norm.weight = frozen(if module.offset == 0.0 {
            stored
        } else {
            stored + module.offset
        });
        if norm.bias.is_some() {
            norm.bias = Some(frozen(tensors.take(&at("bias"), dims, why)?));
        }
    }
    Ok(())
}

/// The linear maps meant. A map of the head that was saved whole is not adapted as well, whatever its name matches.
fn targeted(model: &Model, tensors: &Tensors, targets: &Targets, part: &str) -> Vec<Map> {
    let there = |map: &Map| {
        let tensor = format!("{WRAPPED}{}.{part}", map.name);
        tensors.dims(&tensor).is_some()
    };
    let may_lack = |map: &Map| targets.is_any() || map.parts[0].0 == Place::Head;
    let all = maps(&model.backbone).into_iter();
    all.filter(|map| targets.contains(&map.name) && (there(map) || !may_lack(map)))
        .collect()
}

fn has_bias(model: &mut Model, map: &Map) -> bool {
    let part = model.map_mut(map.parts[0].0);
    part.is_some_and(|part| part.bias.is_some())
}

fn change_parts(model: &mut Model, map: &Map, mut change: impl FnMut(&mut Linear, &Outputs)) {
    for (place, outputs) in &map.parts {
        if let Some(part) = model.map_mut(*place) {
            change(part, outputs);
        }
    }
}
