//! Changes of safetensors: of the header, which says what the bytes are, and of the numbers themselves.

use super::super::random::Draws;
use super::{bytes, json};
use serde_json::Value;

/// One to three changes; `other` is another file to take names of.
pub(crate) fn change(file: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Some((mut header, mut body)) = parts(&file) else {
        return bytes::change(file, other, draws);
    };
    let other_header = parts(other).map_or(Value::Null, |(header, _)| header);
    let mut claimed = None;
    for _ in 0..draws.size(3).max(1) {
        match draws.below(9) {
            0..=2 => change_numbers(&mut body, draws),
            3..=5 => change_entry(&mut header, body.len(), &other_header, draws),
            6 => json::change_value(&mut header, &other_header, draws),
            7 => claimed = Some(*draws.one(&[0u64, 1, 7, 100_000_000, 1 << 32, 1 << 63, u64::MAX])),
            _ => match draws.below(3) {
                0 => body.truncate(draws.below(body.len())),
                1 => body.extend(vec![0; draws.size(100_000)]),
                _ => return bytes::change(file, other, draws),
            },
        }
    }
    let text = header.to_string().into_bytes();
    let length = claimed.unwrap_or(text.len() as u64);
    [&length.to_le_bytes()[..], &text, &body].concat()
}

/// Header and body; `None` for what is no safetensors file.
pub(crate) fn parts(file: &[u8]) -> Option<(Value, Vec<u8>)> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (header, body) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(header).ok()?, body.to_vec()))
}

/// Numbers that spread, in a few places of four bytes.
fn change_numbers(body: &mut [u8], draws: &mut Draws) {
    const NUMBERS: [f32; 11] = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        3e38,
        -3e38,
        1e30,
        1e-40,
        0.0,
        -0.0,
        1e5,
        -1.0,
    ];
    let values = body.len() / 4;
    let number = *draws.one(&NUMBERS);
    let first = draws.below(values);
    let count = draws.size(values - first.min(values));
    for place in body.chunks_exact_mut(4).skip(first).take(count) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}

fn change_entry(header: &mut Value, body: usize, other: &Value, draws: &mut Draws) {
    const DTYPES: [&str; 12] = [
        "F32", "F16", "BF16", "F64", "I64", "I32", "U8", "BOOL", "F8_E4M3", "F4", "U64", "",
    ];
    const SIZES: [u64; 10] = [0, 1, 2, 3, 47, 1 << 31, 1 << 32, 1 << 40, 1 << 63, u64::MAX];
    let Some(map) = header.as_object_mut() else {
        return;
    };
    let Some(name) = map.keys().nth(draws.below(map.len())).cloned() else {
        return;
    };
    let strange = *draws.one(&SIZES);
    match draws.below(10) {
        0 => {
            map.shift_remove(&name);
        }
        1 => {
            let value = map.shift_remove(&name).expect("a key of the map");
            let prefix = draws.one(&[
                "module.",
                "_orig_mod.",
                "bert.",
                "model.",
                "base_model.model.",
                "x",
            ]);
            map.insert(format!("{prefix}{name}"), value);
        }
        2 => {
            let value = map[&name].clone();
            let names: Vec<&String> = other
                .as_object()
                .map_or(Vec::new(), |map| map.keys().collect());
            let copy = if names.is_empty() {
                "copy".to_owned()
            } else {
                (*draws.one(&names)).clone()
            };
            map.insert(copy, value);
        }
        3 => map[&name]["dtype"] = Value::from(*draws.one(&DTYPES)),
        4 => {
            if let Some(shape) = map[&name]["shape"].as_array_mut() {
                shape.reverse();
            }
        }
        5 => {
            if let Some(shape) = map[&name]["shape"].as_array_mut()
                && !shape.is_empty()
            {
                let at = draws.below(shape.len());
                shape[at] = Value::from(strange);
            }
        }
        6 => {
            if let Some(shape) = map[&name]["shape"].as_array_mut() {
                let ones = draws.size(2000);
                shape.extend(vec![Value::from(strange.min(1)); ones]);
            }
        }
        7 => map[&name]["data_offsets"] = Value::from(vec![strange, body as u64]),
        8 => map[&name]["data_offsets"] = Value::from(vec![0, strange]),
        _ => {
            // Two tensors of one shape change places.
            let names: Vec<String> = map.keys().cloned().collect();
            let second = draws.one(&names).clone();
            let (a, b) = (map[&name].clone(), map[&second].clone());
            map.insert(name, b);
            map.insert(second, a);
        }
    }
}
