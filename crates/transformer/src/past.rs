//! Keys and values of what was already read, so that a shared beginning is computed once.

use burn::tensor::{Int, Tensor};

use crate::backbone::Pass;
use crate::hooks::{Embedded, KeyValue};

/// What a causal model keeps of texts it has read: of one text, shared by any number of continuations, or one for each row.
#[derive(Clone, Debug)]
pub struct Past {
    layers: Vec<KeyValue>,
    /// `[1 or b, p]`.
    mask: Tensor<2>,
    /// Position of the next token, `[1 or b, 1]`.
    next: Tensor<2, Int>,
}

impl Past {
    pub(crate) fn new(layers: Vec<KeyValue>, e: &Embedded, pass: &Pass) -> Past {
        let mask = match pass.past {
            Some(earlier) => earlier.mask_followed_by(e.mask.clone()),
            None => {
                // Keys that a hook put in front are part of the past, and seen by all.
                let keys = layers.first().map_or(0, |layer| layer.key.dims()[1]);
                let [b, t] = e.mask.dims();
                let ones = Tensor::ones([b, keys.max(t) - t], &e.mask.device());
                Tensor::cat(vec![ones, e.mask.clone()], 1)
            }
        };
        let own = e.mask.clone().sum_dim(1).int(); // [b, t] -> [b, 1]
        let next = match pass.past {
            Some(earlier) => own + earlier.next.clone(),
            None => own + pass.hooks.prefix_length() as i64,
        };
        Past { layers, mask, next }
    }

    /// Number of keys, padding included.
    pub fn len(&self) -> usize {
        self.mask.dims()[1]
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the keys and values kept.
    pub fn bytes(&self) -> usize {
        let elements = |x: &Tensor<3>| x.dims().iter().product::<usize>();
        let layers = self.layers.iter();
        layers
            .map(|layer| 4 * (elements(&layer.key) + elements(&layer.value)))
            .sum()
    }

    pub(crate) fn layer(&self, layer: usize) -> KeyValue {
        self.layers[layer].clone()
    }

    /// `[b, t] -> [b, p + t]`.
    pub(crate) fn mask_followed_by(&self, mask: Tensor<2>) -> Tensor<2> {
        let [b, _] = mask.dims();
        let past = self.mask.clone().expand([b, self.len()]);
        Tensor::cat(vec![past, mask], 1)
    }

    /// Positions counted from 0 to positions counted from this past's end.
    pub(crate) fn shift(&self, positions: Tensor<2, Int>) -> Tensor<2, Int> {
        positions + self.next.clone()
    }
}
