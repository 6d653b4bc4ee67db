//! The numbers of a tensor as a Hugging Face checkpoint would have them: decoded, and what the converter did to them undone.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::kind::Kind;

/// So many blocks are read at a time.
const PIECE: usize = 1 << 12;

/// How a tensor stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(super) kind: Kind,
    pub(super) form: Form,
}

/// What llama.cpp's converter did to a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Same,
    /// The two halves of each head's rows stand interleaved, `[heads, d/2, 2]`: Llama's queries and keys, which llama.cpp rotates by
    /// neighbours.
    Interleaved { heads: usize },
    /// Queries, keys and values apart, `[3, heads, d]`, where the checkpoint has them head by head: GPT-NeoX.
    Apart { heads: usize },
    /// `[d_out, d_in]` where the checkpoint has `[d_in, d_out]`: GPT-2.
    Transposed,
    /// 1 added: the gains of Gemma's norms.
    OneMore,
}

impl Form {
    /// Why a tensor of these dimensions (those of the checkpoint) cannot be of this form.
    pub(super) fn problem(self, dims: &[usize]) -> Option<String> {
        let (rows, heads) = match self {
            Form::Same | Form::OneMore => return None,
            Form::Transposed if dims.len() == 2 => return None,
            Form::Transposed => return Some("expected two dimensions".to_owned()),
            Form::Interleaved { heads } => (2, heads),
            Form::Apart { heads } => (3, heads),
        };
        let parts = heads.checked_mul(rows).filter(|parts| *parts > 0);
        let fits = parts.is_some_and(|parts| dims.first().is_some_and(|d| d.is_multiple_of(parts)));
        (!fits).then(|| format!("its rows are not those of {heads} heads in {rows} parts"))
    }
}

/// Reads, decodes and puts back. `dims` are those of the checkpoint.
pub(crate) fn read_values(
    path: &Path,
    offset: u64,
    dims: &[usize],
    encoding: Encoding,
) -> std::io::Result<Vec<f32>> {
    let (mut file, _) = files::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let (numbers, bytes) = encoding.kind.block();
    let mut values = vec![0f32; dims.iter().product()];
    let mut piece = vec![0u8; bytes * PIECE.min(values.len() / numbers)];
    for part in values.chunks_mut(numbers * PIECE) {
        let blocks = &mut piece[..part.len() / numbers * bytes];
        file.read_exact(blocks)?;
        encoding.kind.decode(blocks, part);
    }
    Ok(put_back(values, dims, encoding.form))
}

fn put_back(mut values: Vec<f32>, dims: &[usize], form: Form) -> Vec<f32> {
    let width = |dims: &[usize]| dims[1..].iter().product::<usize>();
    match form {
        Form::Same => values,
        Form::OneMore => {
            values.iter_mut().for_each(|value| *value -= 1.0);
            values
        }
        Form::Transposed => {
            let [rows, columns] = [dims[0], dims[1]];
            let mut out = Vec::with_capacity(values.len());
            for row in 0..rows {
                out.extend((0..columns).map(|column| values[column * rows + row]));
            }
            out
        }
        // [heads, d/2, 2] -> [heads, 2, d/2]
        Form::Interleaved { heads } => {
            let half = dims[0] / heads / 2;
            let rows = (0..heads).flat_map(|head| {
                let within = (0..2).flat_map(move |part| (0..half).map(move |i| 2 * i + part));
                within.map(move |row| head * 2 * half + row)
            });
            rows_in_order(&values, width(dims), rows)
        }
        // [3, heads, d] -> [heads, 3, d]
        Form::Apart { heads } => {
            let d = dims[0] / heads / 3;
            let rows = (0..heads).flat_map(|head| {
                let parts = (0..3).map(move |part| (part * heads + head) * d);
                parts.flat_map(move |first| first..first + d)
            });
            rows_in_order(&values, width(dims), rows)
        }
    }
}

fn rows_in_order(values: &[f32], width: usize, rows: impl Iterator<Item = usize>) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for row in rows {
        out.extend_from_slice(&values[row * width..(row + 1) * width]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(n: usize) -> Vec<f32> {
        (0..n).map(|i| i as f32).collect()
    }

    #[test]
    fn halves_that_stand_interleaved_stand_one_after_the_other_again() {
        // Two heads of 6 rows of one number: 0 1 2 | 3 4 5 was written as 0 3 1 4 2 5.
        let stored = [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.].to_vec();
        let form = Form::Interleaved { heads: 2 };
        assert_eq!(put_back(stored.clone(), &[12], form), counted(12));
        let wide: Vec<f32> = stored.iter().flat_map(|v| [2. * v, 2. * v + 1.]).collect();
        assert_eq!(put_back(wide, &[12, 2], form), counted(24));
    }

    #[test]
    fn queries_keys_and_values_stand_head_by_head_again() {
        // Two heads of two rows: q0 q1 | k0 k1 | v0 v1.
        let stored = [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11.].to_vec();
        let form = Form::Apart { heads: 2 };
        assert_eq!(put_back(stored, &[12], form), counted(12));
    }

    #[test]
    fn a_transposed_matrix_is_turned_back() {
        let stored = vec![0., 3., 1., 4., 2., 5.];
        assert_eq!(put_back(stored, &[2, 3], Form::Transposed), counted(6));
    }

    #[test]
    fn rows_that_do_not_divide_into_heads_are_no_rows_of_heads() {
        for (form, dims, fits) in [
            (Form::Interleaved { heads: 3 }, vec![12, 5], true),
            (Form::Interleaved { heads: 3 }, vec![9, 6], false),
            (Form::Interleaved { heads: 0 }, vec![12, 5], false),
            (Form::Interleaved { heads: usize::MAX }, vec![12, 5], false),
            (Form::Apart { heads: 2 }, vec![12], true),
            (Form::Apart { heads: 2 }, vec![8], false),
            (Form::Transposed, vec![8], false),
            (Form::Same, vec![], true),
        ] {
            assert_eq!(form.problem(&dims).is_none(), fits, "{form:?} {dims:?}");
        }
    }
}
