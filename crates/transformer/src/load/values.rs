//! The numbers of a tensor: from a file's format to f32, and into the order of the parameters that live in it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
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
    if let [name] = names {
        let values = match &name.storage {
            Storage::Same => values,
            Storage::Transposed => transpose(&values, stored[0], stored[1]),
            Storage::Columns { range, of } => columns(&values, *of, range.clone()),
        };
        return vec![(
            name.path.clone(),
            TensorData::new(values, name.dims.clone()),
        )];
    }
    let parts = names
        .iter()
        .map(|name| arrange(values.clone(), stored, &[name]));
    parts.flatten().collect()
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

fn columns(values: &[f32], of: usize, range: std::ops::Range<usize>) -> Vec<f32> {
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

    #[test]
    fn columns_are_taken_from_every_row() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        assert_eq!(columns(&values, 6, 2..4), [2., 3., 8., 9.]);
    }
}
