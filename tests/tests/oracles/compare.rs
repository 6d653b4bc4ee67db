//! States and logits of an oracle's texts, in whichever batches, and how far they are from what is expected.

use burn::tensor::{Int, Tensor, TensorData};
use transformer::{Backbone, Batch, LanguageHead, Pass, Shape, Side};

/// In which batches texts are read, and where padding stands.
pub(crate) struct Arrangement {
    pub(crate) name: &'static str,
    /// Numbers of texts, a list for each batch.
    pub(crate) batches: Vec<Vec<usize>>,
    pub(crate) side: Side,
    /// Tokens of padding beyond the longest text.
    pub(crate) extra: usize,
}

impl Arrangement {
    /// All texts in order, padded on the right: as the references were computed.
    pub(crate) fn plain(texts: usize) -> Arrangement {
        Arrangement {
            name: "as transformers ran it",
            batches: vec![(0..texts).collect()],
            side: Side::Right,
            extra: 0,
        }
    }

    /// Each text alone.
    pub(crate) fn single(texts: usize) -> Arrangement {
        Arrangement {
            name: "one by one",
            batches: (0..texts).map(|text| vec![text]).collect(),
            ..Arrangement::plain(texts)
        }
    }
}

/// For each text the values of all its tokens.
pub(crate) struct Computed {
    pub(crate) hidden: Vec<Vec<f32>>,
    /// Of the language head, where there is one.
    pub(crate) logits: Option<Vec<Vec<f32>>>,
}

pub(crate) fn compute(
    backbone: &Backbone,
    head: Option<&LanguageHead>,
    ids: &[Vec<i64>],
    arrangement: &Arrangement,
) -> Computed {
    let mut hidden = vec![Vec::new(); ids.len()];
    let mut logits = vec![Vec::new(); ids.len()];
    for rows in &arrangement.batches {
        let texts: Vec<&[i64]> = rows.iter().map(|&row| ids[row].as_slice()).collect();
        let batch = batch(&texts, backbone.shape(), arrangement);
        let mask = values(batch.mask.clone());
        let out = backbone.forward(&batch, &Pass::plain()).x;
        let all = head.map(|head| real_tokens(head.logits(out.clone()), &mask));
        for (found, &row) in real_tokens(out, &mask).into_iter().zip(rows) {
            hidden[row] = found;
        }
        for (found, &row) in all.into_iter().flatten().zip(rows) {
            logits[row] = found;
        }
    }
    Computed {
        hidden,
        logits: head.map(|_| logits),
    }
}

fn batch(texts: &[&[i64]], shape: &Shape, arrangement: &Arrangement) -> Batch {
    let longest = texts.iter().map(|text| text.len()).max().unwrap();
    let length = longest + arrangement.extra;
    let pad = i64::from(shape.pad_id.unwrap_or(0));
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for text in texts {
        let padding = length - text.len();
        let before = if arrangement.side == Side::Left {
            padding
        } else {
            0
        };
        let mut row = vec![(pad, 0f32); length];
        for (place, &id) in row[before..].iter_mut().zip(*text) {
            *place = (id, 1.0);
        }
        ids.extend(row.iter().map(|place| place.0));
        mask.extend(row.iter().map(|place| place.1));
    }
    let (dims, device) = ([texts.len(), length], ops::test_device());
    Batch {
        ids: Tensor::<2, Int>::from_data(TensorData::new(ids, dims), &device),
        types: None,
        mask: Tensor::from_data(TensorData::new(mask, dims), &device),
    }
}

/// Of each row of `[b, t, width]` the tokens where the mask is 1.
fn real_tokens(x: Tensor<3>, mask: &[f32]) -> Vec<Vec<f32>> {
    let [_, t, width] = x.dims();
    let x = values(x);
    let rows = x.chunks(t * width).zip(mask.chunks(t)).map(|(row, mask)| {
        let tokens = row.chunks(width).zip(mask);
        let real = tokens.filter(|(_, mask)| **mask == 1.0);
        real.flat_map(|(token, _)| token.to_vec()).collect()
    });
    rows.collect()
}

pub(crate) fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().convert::<f32>().try_to_vec().unwrap()
}

/// The largest difference, of the largest value that is expected; infinite where something is no number.
pub(crate) fn difference<R: AsRef<[f32]>>(found: &[R], expected: &[R]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let (mut difference, mut largest) = (0f64, 0f64);
    for (found, expected) in found.iter().zip(expected) {
        let (found, expected) = (found.as_ref(), expected.as_ref());
        assert_eq!(found.len(), expected.len());
        for (&a, &b) in found.iter().zip(expected) {
            let apart = (f64::from(a) - f64::from(b)).abs();
            if apart.is_nan() {
                return f64::INFINITY;
            }
            difference = difference.max(apart);
            largest = largest.max(f64::from(b).abs());
        }
    }
    difference / largest
}

#[test]
fn a_difference_is_relative_and_no_number_is_infinitely_far() {
    let far = |found: [f32; 2]| difference(&[found], &[[1.0, -4.0]]);
    assert_eq!(far([1.0, -4.0]), 0.0);
    assert_eq!(far([1.0, -5.0]), 0.25);
    assert_eq!(far([f32::NAN, -4.0]), f64::INFINITY);
}
