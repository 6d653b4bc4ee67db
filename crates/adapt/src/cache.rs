//! The frozen prefix, computed once: what enters the first block that trains, kept for every example and every epoch.
//!
//! Below the deepest trained or inserted computation nothing changes from epoch to epoch and dropout is off, so the cached states are the
//! states. Rows are stored without padding, in memory or, past a limit, in an unnamed temporary file.

use crate::model::{Start, frozen_part};
use crate::{EncodedSplit, FitError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use ops::to_floats;
use std::fs::File;
use std::os::unix::fs::FileExt;
use transformer::{Backbone, Depth, Embedded, Pooling, Side, collate};

/// The examples of one split, as far as they could be computed beforehand.
pub(crate) enum Inputs {
    /// Token ids: nothing could be.
    Tokens { pad_id: u32 },
    /// States that enter a block: row i is [lengths`[i]`, hidden].
    Hidden {
        block: usize,
        hidden: usize,
        offsets: Vec<usize>,
        lengths: Vec<usize>,
        values: Store,
    },
    /// Pooled final states: row i is `[hidden]`.
    Pooled { hidden: usize, values: Vec<f32> },
}

/// Whether and where to keep the states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CachePlan {
    pub depth: Depth,
    pub pooling: Pooling,
    pub batch: usize,
    pub limit_bytes: u64,
}

impl Inputs {
    /// Computes what lies below `plan.depth` for every example of the split.
    pub(crate) fn fill(
        split: &EncodedSplit,
        backbone: &Backbone,
        plan: CachePlan,
        pad_id: u32,
        device: &Device,
    ) -> Result<Self, FitError> {
        let hidden = backbone.shape().hidden;
        let lengths = split.lengths();
        let mut offsets = Vec::with_capacity(lengths.len());
        let mut total = 0;
        for &length in &lengths {
            offsets.push(total);
            total += length * hidden;
        }
        let mut pooled = if plan.depth == Depth::Head {
            vec![0.0; lengths.len() * hidden]
        } else {
            Vec::new()
        };
        let mut values = match plan.depth {
            Depth::Block(k) if k > 0 => {
                Store::new(total, plan.limit_bytes).map_err(FitError::Cache)?
            }
            Depth::Head => Store::Memory(Vec::new()),
            // The embedding alone is cheaper to look up again than to keep.
            Depth::Block(_) | Depth::Embeddings => return Ok(Self::Tokens { pad_id }),
        };
        for rows in task::batches_sorted(&lengths, plan.batch) {
            let encoded: Vec<_> = rows.iter().map(|&i| &split.encoded[i]).collect();
            let batch = collate(&encoded, pad_id, Side::Right, device);
            match frozen_part(backbone, &batch, plan.depth, plan.pooling) {
                Start::Pooled(states) => {
                    let states = to_floats(states); // [b,h]
                    for (state, &row) in states.chunks_exact(hidden).zip(&rows) {
                        pooled[row * hidden..][..hidden].copy_from_slice(state);
                    }
                }
                Start::Block(_, embedded) => {
                    let padded = embedded.x.dims()[1] * hidden;
                    let states = to_floats(embedded.x); // [b,t,h]
                    for (state, &row) in states.chunks_exact(padded).zip(&rows) {
                        values
                            .write(offsets[row], &state[..lengths[row] * hidden])
                            .map_err(FitError::Cache)?;
                    }
                }
                Start::Tokens(_) => unreachable!("returned above"),
            }
        }
        Ok(match plan.depth {
            Depth::Head => Self::Pooled {
                hidden,
                values: pooled,
            },
            Depth::Block(block) => Self::Hidden {
                block,
                hidden,
                offsets,
                lengths,
                values,
            },
            Depth::Embeddings => Self::Tokens { pad_id },
        })
    }

    /// Size of what is kept; `None` where nothing is.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Tokens { .. } => None,
            Self::Hidden {
                offsets,
                lengths,
                hidden,
                ..
            } => Some(
                4 * offsets
                    .last()
                    .map_or(0, |&o| o + lengths[lengths.len() - 1] * hidden)
                    as u64,
            ),
            Self::Pooled { values, .. } => Some(4 * values.len() as u64),
        }
    }

    /// Whether it lives in a file.
    pub(crate) fn spilled(&self) -> bool {
        matches!(
            self,
            Self::Hidden {
                values: Store::File(_),
                ..
            }
        )
    }

    /// Where the forward pass of these rows starts, right-padded to the longest.
    pub(crate) fn start(
        &self,
        split: &EncodedSplit,
        rows: &[usize],
        device: &Device,
    ) -> Result<Start, FitError> {
        match self {
            Self::Tokens { pad_id } => {
                let encoded: Vec<_> = rows.iter().map(|&i| &split.encoded[i]).collect();
                Ok(Start::Tokens(collate(
                    &encoded,
                    *pad_id,
                    Side::Right,
                    device,
                )))
            }
            Self::Pooled { hidden, values } => {
                let states = rows
                    .iter()
                    .flat_map(|&i| values[i * hidden..][..*hidden].iter().copied())
                    .collect();
                Ok(Start::Pooled(Tensor::from_data(
                    TensorData::new::<f32, _>(states, [rows.len(), *hidden]),
                    device,
                )))
            }
            Self::Hidden {
                block,
                hidden,
                offsets,
                lengths,
                values,
            } => {
                let longest = rows.iter().map(|&i| lengths[i]).max().unwrap_or(0);
                let mut x = vec![0.0; rows.len() * longest * hidden];
                let mut mask = vec![0.0; rows.len() * longest];
                let mut positions = vec![0_i64; rows.len() * longest];
                for (r, &i) in rows.iter().enumerate() {
                    values
                        .read(
                            offsets[i],
                            &mut x[r * longest * hidden..][..lengths[i] * hidden],
                        )
                        .map_err(FitError::Cache)?;
                    mask[r * longest..][..lengths[i]].fill(1.0);
                    for (t, position) in positions[r * longest..][..longest].iter_mut().enumerate()
                    {
                        *position = t as i64;
                    }
                }
                let embedded = Embedded {
                    x: Tensor::from_data(
                        TensorData::new(x, [rows.len(), longest, *hidden]),
                        device,
                    ),
                    mask: Tensor::from_data(TensorData::new(mask, [rows.len(), longest]), device),
                    positions: Tensor::<2, Int>::from_data(
                        TensorData::new(positions, [rows.len(), longest]),
                        device,
                    ),
                    types: None,
                };
                Ok(Start::Block(*block, embedded))
            }
        }
    }
}

/// f32 values in memory or in a file.
pub(crate) enum Store {
    Memory(Vec<f32>),
    File(File),
}

impl Store {
    fn new(values: usize, limit_bytes: u64) -> std::io::Result<Self> {
        if 4 * values as u64 <= limit_bytes {
            return Ok(Self::Memory(vec![0.0; values]));
        }
        let file = tempfile::tempfile()?; // unlinked at once: nothing stays behind when the process dies
        file.set_len(4 * values as u64)?;
        Ok(Self::File(file))
    }

    fn write(&mut self, offset: usize, values: &[f32]) -> std::io::Result<()> {
        match self {
            Self::Memory(all) => {
                all[offset..][..values.len()].copy_from_slice(values);
                Ok(())
            }
            Self::File(file) => {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
                file.write_all_at(&bytes, 4 * offset as u64)
            }
        }
    }

    fn read(&self, offset: usize, into: &mut [f32]) -> std::io::Result<()> {
        match self {
            Self::Memory(all) => {
                into.copy_from_slice(&all[offset..][..into.len()]);
                Ok(())
            }
            Self::File(file) => {
                let mut bytes = vec![0; 4 * into.len()];
                file.read_exact_at(&mut bytes, 4 * offset as u64)?;
                for (value, bytes) in into.iter_mut().zip(bytes.chunks_exact(4)) {
                    *value = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Store;

    #[test]
    fn a_store_past_its_limit_lives_in_a_file_and_gives_back_what_was_written() {
        for limit in [0, 1 << 20] {
            let mut store = Store::new(11, limit).unwrap();
            assert_eq!(matches!(store, Store::File(_)), limit == 0);
            store.write(4, &[1.5, -2.0, 3.25]).unwrap();
            let mut read = [9.0; 4];
            store.read(3, &mut read).unwrap();
            assert_eq!(read, [0.0, 1.5, -2.0, 3.25]);
        }
    }
}
