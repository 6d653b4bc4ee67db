//! Files that tests read, directories that tests write, and comparisons that say where they fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use transformer::{Batch, Pass, Pretrained, Side, collate, load};

pub(crate) const FAMILIES: [&str; 5] = ["bert", "distilbert", "roberta", "gpt2", "llama"];

pub(crate) fn device() -> Device {
    ops::test_device()
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    root.join(name)
}

pub(crate) fn oracle(family: &str) -> PathBuf {
    fixture("oracle").join(family)
}

pub(crate) fn pretrained(family: &str) -> Pretrained {
    load(&oracle(family), &device()).unwrap()
}

/// The oracle's texts and their batch, padded on the given side by `extra` tokens more than needed.
pub(crate) fn texts(family: &str) -> Vec<String> {
    let expected = std::fs::read_to_string(oracle(family).join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let texts = expected["texts"].as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn batch(model: &Pretrained, texts: &[String], side: Side) -> Batch {
    let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), None)).collect();
    let encoded = model.tokenizer.encode(&pairs, 32).unwrap();
    let encoded: Vec<_> = encoded.iter().collect();
    collate(&encoded, model.tokenizer.pad_id(), side, &device())
}

/// Hidden states of the oracle's texts, padding left out.
pub(crate) fn hidden(model: &Pretrained, family: &str) -> Vec<f32> {
    let batch = batch(model, &texts(family), Side::Right);
    let out = model.backbone.forward(&batch, &Pass::plain());
    real_rows(out.x, batch.mask)
}

/// All tensors of a file as f32, with their dimensions.
pub(crate) fn tensors(file: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let list = read.tensors().into_iter().map(|(name, view)| {
        let values = match view.dtype() {
            Dtype::F32 => view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
            Dtype::I64 => view
                .data()
                .as_chunks::<8>()
                .0
                .iter()
                .map(|&b| i64::from_le_bytes(b) as f32)
                .collect(),
            other => panic!("{name} is {other:?}"),
        };
        (name, (view.shape().to_vec(), values))
    });
    list.collect()
}

pub(crate) fn tensor<const D: usize>((dims, values): &(Vec<usize>, Vec<f32>)) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.clone(), dims.clone()), &device())
}

pub(crate) fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().convert::<f32>().try_to_vec().unwrap()
}

pub(crate) fn integers<const D: usize>(x: Tensor<D, Int>) -> Vec<i64> {
    x.into_data().convert::<i64>().try_to_vec().unwrap()
}

/// Largest difference, relative to the largest value, over the rows where the mask is 1.
pub(crate) fn difference(found: &[f32], expected: &[f32], mask: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let width = found.len() / mask.len();
    let (mut difference, mut largest) = (0f64, 0f64);
    for (row, _) in mask.iter().enumerate().filter(|(_, mask)| **mask == 1.0) {
        for at in row * width..(row + 1) * width {
            let (a, b) = (f64::from(found[at]), f64::from(expected[at]));
            assert!(a.is_finite(), "row {row} is {a}");
            difference = difference.max((a - b).abs());
            largest = largest.max(b.abs());
        }
    }
    difference / largest
}

/// The rows of a `[b, t, width]` tensor where the mask is 1.
pub(crate) fn real_rows(x: Tensor<3>, mask: Tensor<2>) -> Vec<f32> {
    let width = x.dims()[2];
    let (x, mask) = (values(x), values(mask));
    let rows = x.chunks(width).zip(mask).filter(|(_, mask)| *mask == 1.0);
    rows.flat_map(|(row, _)| row.to_vec()).collect()
}

pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f64, what: &str) {
    let all = vec![1.0; 1];
    let difference = difference(found, expected, &all);
    assert!(
        difference < tolerance,
        "{what}: {difference:e} is not under {tolerance:e}"
    );
}

/// A directory of one test, emptied first.
pub(crate) fn scratch(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A copy of an oracle's model files, to be damaged.
pub(crate) fn copy_of(family: &str, test: &str) -> PathBuf {
    let dir = scratch(test);
    for name in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        std::fs::copy(oracle(family).join(name), dir.join(name)).unwrap();
    }
    dir
}

/// Replaces fields of config.json.
pub(crate) fn set_config(dir: &Path, fields: serde_json::Value) {
    let file = dir.join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    for (key, value) in fields.as_object().unwrap() {
        config[key] = value.clone();
    }
    std::fs::write(file, config.to_string()).unwrap();
}

/// One tensor of a file to be written: name, format, dimensions, bytes.
pub(crate) type Raw = (String, Dtype, Vec<usize>, Vec<u8>);

pub(crate) fn raw_tensors(file: &Path) -> Vec<Raw> {
    let bytes = std::fs::read(file).unwrap();
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let list = read.tensors().into_iter().map(|(name, view)| {
        (
            name,
            view.dtype(),
            view.shape().to_vec(),
            view.data().to_vec(),
        )
    });
    list.collect()
}

pub(crate) fn write_tensors(file: &Path, tensors: &[Raw]) {
    let views = tensors.iter().map(|(name, format, dims, bytes)| {
        let view = safetensors::tensor::TensorView::new(*format, dims.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(file, bytes).unwrap();
}

/// Rewrites model.safetensors with its tensors changed.
pub(crate) fn edit_tensors(dir: &Path, edit: impl FnOnce(&mut Vec<Raw>)) {
    let file = dir.join("model.safetensors");
    let mut tensors = raw_tensors(&file);
    edit(&mut tensors);
    write_tensors(&file, &tensors);
}

pub(crate) fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
