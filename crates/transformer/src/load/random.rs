//! A backbone with fresh weights, for pretraining from nothing and for tests without a file.

use std::collections::HashMap;

use burn::tensor::{Device, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::build::Arrays;
use super::names::{self, ParameterName};
use crate::backbone::Backbone;
use crate::language_head::LanguageHead;
use crate::shape::{NormOrder, Shape};

impl LanguageHead {
    /// A fresh output layer tied to `backbone`'s word embeddings, weights as in [`Backbone::random`].
    pub fn random(backbone: &Backbone, seed: u64) -> LanguageHead {
        let shape = backbone.shape();
        let names = super::heads::head_names(shape, true);
        let arrays = arrays(shape, names, seed);
        Arrays::new(arrays, &backbone.device()).language_head(shape, &backbone.embeddings.word)
    }
}

impl Backbone {
    /// Weights from N(0, `initializer_range`), biases 0, gains 1. In pre-norm models the maps that write into the residual
    /// stream are scaled by 1/√(2·layers), as GPT-2 and ModernBERT do. The same seed gives the same weights on every device.
    pub fn random(shape: &Shape, seed: u64, device: &Device) -> Backbone {
        let arrays = arrays(shape, names::backbone(shape), seed);
        Arrays::new(arrays, device).backbone(shape)
    }
}

fn arrays(
    shape: &Shape,
    names: impl IntoIterator<Item = ParameterName>,
    seed: u64,
) -> HashMap<String, TensorData> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut arrays = HashMap::new();
    for name in names {
        let count: usize = name.dims.iter().product();
        let deviation = deviation(shape, &name.path) as f32;
        let values: Vec<f32> = if name.path.ends_with("bias") {
            vec![0.0; count]
        } else if name.path.ends_with("norm.weight") {
            vec![1.0; count]
        } else {
            (0..count)
                .map(|_| deviation * normal(&mut random))
                .collect()
        };
        arrays.insert(name.path, TensorData::new(values, name.dims));
    }
    arrays
}

fn deviation(shape: &Shape, path: &str) -> f64 {
    let writes =
        path.ends_with("attention.out.weight") || path.ends_with("feed_forward.down.weight");
    match shape.norm_order {
        NormOrder::Pre if writes => shape.initializer_range / (2.0 * shape.layers as f64).sqrt(),
        _ => shape.initializer_range,
    }
}

/// Box and Muller 1958.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let angle = 2.0 * std::f64::consts::PI * random.random::<f64>();
    (radius * angle.cos()) as f32
}
