//! The numbers of a tensor: from a file's format to f32, into the order of the parameters that live in it, and back.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use burn::tensor::{TensorData, bf16, f16};
use safetensors::tensor::Dtype;

use super::names::{ParameterName, Storage};

/// `count` numbers from `offset` on.
pub(super) fn read_values(
    path: &Path,
    offset: u64,
    count: usize,
    format: Dtype,
) -> std::io::Result<Vec<f32>> {
    let (mut file, _) = files::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(match format {
        Dtype::F16 => convert(file, count, |bytes| f16::from_le_bytes(bytes).to_f32())?,
        Dtype::BF16 => convert(file, count, |bytes| bf16::from_le_bytes(bytes).to_f32())?,
        Dtype::F64 => convert(file, count, |bytes| f64::from_le_bytes(bytes) as f32)?,
        _ => convert(file, count, f32::from_le_bytes)?,
    })
}

/// Reads `count` numbers of `N` bytes each, a piece at a time.
fn convert<const N: usize>(
    mut file: File,
    count: usize,
    number: impl Fn([u8; N]) -> f32,
) -> std::io::Result<Vec<f32>> {
    let mut values = Vec::with_capacity(count);
    let mut piece = vec![0u8; N * count.min(1 << 16)];
    while values.len() < count {
        let bytes = &mut piece[..N * (count - values.len()).min(1 << 16)];
        file.read_exact(bytes)?;
        values.extend(bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)));
    }
    Ok(values)
}

/// From one stored tensor to the parameters that live in it.
pub(super) fn arrange(
    values: Vec<f32>,
    stored: &[usize],
    names: &[&ParameterName],
) -> Vec<(String, TensorData)> {
    let parameter = |name: &ParameterName, mut values: Vec<f32>| {
        if name.offset != 0.0 {
            values.iter_mut().for_each(|value| *value += name.offset);
        }
        let values = TensorData::new(values, name.dims.clone());
        (name.path.clone(), values)
    };
    match names {
        // The most common case, without a copy.
        [name] if matches!(name.storage, Storage::Same) => vec![parameter(name, values)],
        names => {
            let parts = names.iter();
            parts
                .map(|name| parameter(name, part(&values, stored, name)))
                .collect()
        }
    }
}

fn part(values: &[f32], stored: &[usize], name: &ParameterName) -> Vec<f32> {
    match &name.storage {
        Storage::Same => values.to_vec(),
        Storage::Transposed => transpose(values, stored[0], stored[1]),
        Storage::Columns { range, of } => columns(values, *of, range.clone()),
        Storage::Rows { .. } | Storage::PerHead { .. } => {
            let width = values.len() / stored[0]; // 1 in a bias
            let rows = rows_of(&name.storage);
            let rows: Vec<f32> = rows
                .flat_map(|rows| &values[rows.start * width..rows.end * width])
                .copied()
                .collect();
            match name.dims.len() {
                1 => rows,
                _ => transpose(&rows, rows.len() / width, width), // [d_out, d_in] -> [d_in, d_out]
            }
        }
    }
}

/// A parameter's values in its place of the stored tensor, of whose other parts nothing is changed: the way back from [`arrange`]. `whole`
/// is empty before the first of them.
pub(crate) fn place(whole: &mut Vec<f32>, name: &ParameterName, mut value: Vec<f32>) {
    if name.offset != 0.0 {
        value.iter_mut().for_each(|value| *value -= name.offset);
    }
    let size = name.stored_dims().iter().product();
    match &name.storage {
        Storage::Same => *whole = value,
        Storage::Transposed => *whole = transpose(&value, name.dims[0], name.dims[1]),
        Storage::Columns { range, of } => {
            whole.resize(size, 0.0);
            for (row, part) in value.chunks_exact(range.len()).enumerate() {
                whole[row * of..][range.clone()].copy_from_slice(part);
            }
        }
        Storage::Rows { .. } | Storage::PerHead { .. } => {
            whole.resize(size, 0.0);
            let (width, own) = match name.dims[..] {
                [width, d_out] => (width, transpose(&value, width, d_out)),
                _ => (1, value),
            };
            let mut own = own.as_slice();
            for rows in rows_of(&name.storage) {
                let (part, rest) = own.split_at(rows.len() * width);
                whole[rows.start * width..rows.end * width].copy_from_slice(part);
                own = rest;
            }
        }
    }
}

/// The rows of a stored `[d_out, d_in]` that are a parameter's outputs, in their order.
fn rows_of(storage: &Storage) -> impl Iterator<Item = Range<usize>> {
    let (first, count, every) = match storage {
        Storage::Rows { range, .. } => (range.clone(), 1, 0),
        &Storage::PerHead {
            part,
            parts,
            heads,
            head_dim,
        } => {
            let first = part * head_dim..(part + 1) * head_dim;
            (first, heads, parts * head_dim)
        }
        other => unreachable!("{other:?} holds no rows of others"),
    };
    (0..count).map(move |at| first.start + at * every..first.end + at * every)
}

/// `[rows, columns] -> [columns, rows]`, in squares that fit the first-level cache.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const SIDE: usize = 32;
    let mut out = vec![0f32; values.len()];
    for row in (0..rows).step_by(SIDE) {
        for column in (0..columns).step_by(SIDE) {
            for c in column..columns.min(column + SIDE) {
                for r in row..rows.min(row + SIDE) {
                    out[c * rows + r] = values[r * columns + c];
                }
            }
        }
    }
    out
}

fn columns(values: &[f32], of: usize, range: Range<usize>) -> Vec<f32> {
    let rows = values.chunks_exact(of);
    rows.flat_map(|row| &row[range.clone()]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_an_odd_matrix_moves_every_element() {
        let (rows, columns) = (37, 65);
        let values: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
        let turned = transpose(&values, rows, columns);
        for r in 0..rows {
            for c in 0..columns {
                assert_eq!(turned[c * rows + r], values[r * columns + c]);
            }
        }
    }

    fn name(path: &str, dims: &[usize], storage: Storage) -> ParameterName {
        ParameterName {
            path: path.to_owned(),
            tensor: "whole".to_owned(),
            dims: dims.to_vec(),
            storage,
            offset: 0.0,
        }
    }

    fn counted(count: usize) -> Vec<f32> {
        (0..count).map(|at| at as f32).collect()
    }

    fn values(data: &TensorData) -> Vec<f32> {
        data.clone().try_to_vec().unwrap()
    }

    /// Puts what was read together again.
    fn put_together(read: &[(String, TensorData)], names: &[&ParameterName]) -> Vec<f32> {
        let mut whole = Vec::new();
        for ((_, data), name) in read.iter().zip(names) {
            place(&mut whole, name, values(data));
        }
        whole
    }

    #[test]
    fn columns_are_taken_from_every_row() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        assert_eq!(columns(&values, 6, 2..4), [2., 3., 8., 9.]);
    }

    #[test]
    fn maps_that_are_stored_one_above_the_other_are_taken_apart_and_put_together() {
        // [5, 3]: two rows for one map, three for the other.
        let rows = |range, of| Storage::Rows { range, of };
        let first = name("first", &[3, 2], rows(0..2, 5));
        let second = name("second", &[3, 3], rows(2..5, 5));
        let names = [&first, &second];
        assert_eq!(first.stored_dims(), [5, 3]);
        let read = arrange(counted(15), &[5, 3], &names);
        assert_eq!(values(&read[0].1), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(
            values(&read[1].1),
            [6., 9., 12., 7., 10., 13., 8., 11., 14.]
        );
        assert_eq!(put_together(&read, &names), counted(15));
        // Their biases.
        let first = name("first", &[2], rows(0..2, 5));
        let second = name("second", &[3], rows(2..5, 5));
        let names = [&first, &second];
        assert_eq!(first.stored_dims(), [5]);
        let read = arrange(counted(5), &[5], &names);
        assert_eq!(values(&read[0].1), [0., 1.]);
        assert_eq!(values(&read[1].1), [2., 3., 4.]);
        assert_eq!(put_together(&read, &names), counted(5));
    }

    #[test]
    fn maps_whose_heads_alternate_are_taken_apart_and_put_together() {
        // Rows [2 heads, 3 parts, 2], of width 2.
        let part = |part| Storage::PerHead {
            part,
            parts: 3,
            heads: 2,
            head_dim: 2,
        };
        let maps = [0, 1, 2].map(|at| name("map", &[2, 4], part(at)));
        let names: Vec<&ParameterName> = maps.iter().collect();
        assert_eq!(maps[1].stored_dims(), [12, 2]);
        let read = arrange(counted(24), &[12, 2], &names);
        // Part 1 has rows 2, 3 and 8, 9: [[4, 5], [6, 7], [16, 17], [18, 19]], turned.
        assert_eq!(values(&read[1].1), [4., 6., 16., 18., 5., 7., 17., 19.]);
        assert_eq!(put_together(&read, &names), counted(24));
        let biases = [0, 1, 2].map(|at| name("bias", &[4], part(at)));
        let names: Vec<&ParameterName> = biases.iter().collect();
        let read = arrange(counted(12), &[12], &names);
        assert_eq!(values(&read[2].1), [4., 5., 10., 11.]);
        assert_eq!(put_together(&read, &names), counted(12));
    }

    #[test]
    fn gains_that_are_stored_less_one_come_back_as_they_were_read() {
        let gain = ParameterName {
            offset: 1.0,
            ..name("norm.weight", &[5], Storage::Same)
        };
        let stored = vec![0.0, -0.25, 0.1, 1e-9, 3.7];
        let read = arrange(stored, &[5], &[&gain]);
        assert_eq!(values(&read[0].1)[..2], [1.0, 0.75]);
        let mut whole = Vec::new();
        place(&mut whole, &gain, values(&read[0].1));
        assert_eq!(whole[..2], [0.0, -0.25]);
        let again = arrange(whole, &[5], &[&gain]);
        assert_eq!(values(&again[0].1), values(&read[0].1));
    }
}
