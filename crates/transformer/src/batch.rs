//! From encoded texts to one rectangular batch.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::tokenizer::Encoded;

/// Texts of one forward pass.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids, `[b, t]`.
    pub ids: Tensor<2, Int>,
    /// Token types, `[b, t]`; `None` means type 0 everywhere.
    pub types: Option<Tensor<2, Int>>,
    /// `[b, t]`, 1 for a token, 0 for padding.
    pub mask: Tensor<2>,
}

/// Where padding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Side {
    /// Before the text.
    Left,
    /// After the text.
    #[default]
    Right,
}

/// Pads to the longest text. Token types are left out where all are 0.
pub fn collate(encoded: &[&Encoded], pad_id: u32, side: Side, device: &Device) -> Batch {
    let longest = encoded.iter().map(|text| text.ids.len()).max();
    collate_to(longest.unwrap_or(0).max(1), encoded, pad_id, side, device)
}

/// Pads to `length` tokens, which no text may exceed.
pub fn collate_to(
    length: usize,
    encoded: &[&Encoded],
    pad_id: u32,
    side: Side,
    device: &Device,
) -> Batch {
    let size = encoded.len() * length;
    let mut ids = Vec::with_capacity(size);
    let mut types = Vec::with_capacity(size);
    let mut mask = Vec::with_capacity(size);
    for text in encoded {
        let padding = length.checked_sub(text.ids.len()).unwrap_or_else(|| {
            panic!("a text of {} tokens in a batch of {length}", text.ids.len())
        });
        let (before, after) = match side {
            Side::Left => (padding, 0),
            Side::Right => (0, padding),
        };
        pad_into(&mut ids, &text.ids, before, after, i64::from(pad_id));
        pad_into(&mut types, &text.types, before, after, 0);
        mask.extend(std::iter::repeat_n(0f32, before));
        mask.extend(std::iter::repeat_n(1f32, text.ids.len()));
        mask.extend(std::iter::repeat_n(0f32, after));
    }
    let shape = [encoded.len(), length];
    let typed = types.iter().any(|&kind| kind != 0);
    let ints = |values: Vec<i64>| Tensor::from_data(TensorData::new(values, shape), device);
    Batch {
        ids: ints(ids),
        types: typed.then(|| ints(types)),
        mask: Tensor::from_data(TensorData::new(mask, shape), device),
    }
}

fn pad_into(out: &mut Vec<i64>, values: &[u32], before: usize, after: usize, fill: i64) {
    out.extend(std::iter::repeat_n(fill, before));
    out.extend(values.iter().map(|&value| i64::from(value)));
    out.extend(std::iter::repeat_n(fill, after));
}
