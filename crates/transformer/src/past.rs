//! Keys and values of what was already read, so that a shared beginning is computed once.

use burn::tensor::{Int, Tensor, TensorData};

use crate::backbone::Pass;
use crate::hooks::{Embedded, KeyValue};

/// What a causal model keeps of texts it has read: of one text, shared by any number of continuations, or one for each row.
/// Keys stay as they were turned: a longrope model's short angles are kept under a continuation that grows long, as in `transformers`.
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

/// Another order of the keys, for windows, which count places: each row's padding before everything, so that what was read earlier ends
/// where the row's own text begins.
#[derive(Debug)]
pub(crate) struct SideBySide {
    /// Rows of the keys of the whole batch, `[b, t_k]`.
    rows: Tensor<2, Int>,
    /// `[b, t_k]`.
    mask: Tensor<2>,
}

impl SideBySide {
    /// The order for keys of which the last `own` are the texts' own; `None` where it is the one they have.
    pub(crate) fn of(key_mask: &Tensor<2>, own: usize) -> Option<SideBySide> {
        let [b, keys] = key_mask.dims();
        let mask = ops::to_floats(key_mask.clone());
        let order: Vec<usize> = mask
            .chunks_exact(keys)
            .enumerate()
            .flat_map(|(row, mask)| {
                let order = padding_first(mask, own);
                order.into_iter().map(move |key| row * keys + key)
            })
            .collect();
        if order.iter().enumerate().all(|(at, &key)| at == key) {
            return None;
        }
        let moved: Vec<f32> = order.iter().map(|&key| mask[key]).collect();
        let rows: Vec<i64> = order.iter().map(|&key| key as i64).collect();
        let device = key_mask.device();
        Some(SideBySide {
            rows: Tensor::from_data(TensorData::new(rows, [b, keys]), &device),
            mask: Tensor::from_data(TensorData::new(moved, [b, keys]), &device),
        })
    }

    /// Keys, values and mask in this order.
    pub(crate) fn apply(&self, seen: KeyValue) -> (KeyValue, Tensor<2>) {
        let ordered = |x: Tensor<3>| {
            let [b, keys, width] = x.dims();
            ops::embedding(x.reshape([b * keys, width]), self.rows.clone()) // [b * t_k, w] -> [b, t_k, w]
        };
        let seen = KeyValue {
            key: ordered(seen.key),
            value: ordered(seen.value),
        };
        (seen, self.mask.clone())
    }
}

/// The keys of one row, those of padding first among all that stand before its own text.
fn padding_first(mask: &[f32], own: usize) -> Vec<usize> {
    let first_own = mask.len() - own;
    let text = mask[first_own..].iter().position(|&seen| seen > 0.0);
    let text = first_own + text.unwrap_or(own);
    let (read, padding): (Vec<usize>, Vec<usize>) = (0..text).partition(|&key| mask[key] > 0.0);
    padding
        .into_iter()
        .chain(read)
        .chain(text..mask.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stands_next_to_the_text_whichever_side_is_padded() {
        // Four keys of the past, three of the text.
        let order = |mask: [u8; 7]| padding_first(&mask.map(f32::from), 3);
        assert_eq!(order([1, 1, 1, 1, 1, 1, 1]), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(order([0, 1, 1, 1, 1, 1, 0]), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(order([1, 1, 0, 0, 1, 1, 0]), [2, 3, 0, 1, 4, 5, 6]);
        assert_eq!(order([1, 1, 1, 0, 0, 1, 1]), [3, 4, 0, 1, 2, 5, 6]);
        assert_eq!(order([1, 0, 1, 0, 0, 0, 0]), [1, 3, 4, 5, 6, 0, 2]);
    }
}
