//! The teacher's outputs in the student's own width: their leading principal directions.
//!
//! A learnt map between the two, thrown away afterwards, would let the student keep the teacher's directions anywhere and at any size in its states,
//! also where their own mean and spread hide them; whoever averages those states finds less. Here the student's states themselves are to be the
//! teacher's outputs, turned into the frame in which the first axes tell the most. The frame is not centred: the direction of a mean of states stays
//! the mean of the directions.

use super::said::Sayings;
use crate::PretrainError;
use burn::tensor::{Device, Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};
use ops::to_floats;
use std::path::Path;

/// Excerpts that the frame is fitted on.
const EXCERPTS: usize = 2_048;
/// The file beside the student's checkpoints: the frame of a continued training is the one it began with.
const FILE: &str = "teacher-basis.safetensors";

/// A frame for one kind of output.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    /// `[teacher, student]`: orthonormal columns, the one that tells most first, zeros where the student is wider.
    turn: Vec<f32>,
    teacher: usize,
    student: usize,
    /// What a component of the turned outputs measures on average, as a root mean square.
    pub(crate) size: f32,
    /// Share of the outputs' squares that the student's width keeps.
    pub(crate) kept: f32,
}

impl Basis {
    /// Fits the frame to rows `[n, width]`.
    pub(super) fn fit(rows: Vec<f32>, width: usize, student: usize, device: &Device) -> Basis {
        let count = rows.len() / width;
        let rows = Tensor::<2>::from_data(TensorData::new(rows, [count, width]), device);
        let squares = rows.clone().transpose().matmul(rows); // [width, n] x [n, width] -> [width, width]
        let squares = DMatrix::from_row_slice(width, width, &to_floats(squares)).cast::<f64>();
        let eigen = SymmetricEigen::new(squares / count as f64);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let shared = width.min(student);
        let mut turn = vec![0f32; width * student];
        for (to, &from) in order[..shared].iter().enumerate() {
            let column = eigen.eigenvectors.column(from);
            // A direction's sign is free: its largest entry is positive.
            let sign = column[column.iamax()].signum();
            for row in 0..width {
                turn[row * student + to] = (sign * column[row]) as f32;
            }
        }
        let all: f64 = eigen.eigenvalues.iter().map(|&value| value.max(0.0)).sum();
        let kept: f64 = order[..shared]
            .iter()
            .map(|&at| eigen.eigenvalues[at].max(0.0))
            .sum();
        Basis {
            turn,
            teacher: width,
            student,
            size: (kept / student as f64).sqrt().max(1e-12) as f32,
            kept: if all > 0.0 { (kept / all) as f32 } else { 1.0 },
        }
    }

    /// The same frame for other outputs of the same width, rows `[n, width]`.
    fn measured_on(&self, rows: &[f32]) -> Basis {
        let squares = |values: &[f32]| -> f64 {
            let squares = values.iter().map(|&x| f64::from(x) * f64::from(x));
            squares.sum()
        };
        let turned = rows.chunks_exact(self.teacher);
        let count = turned.len();
        let turned: f64 = turned
            .map(|row| squares(&self.leading(row, self.student)))
            .sum();
        Basis {
            size: (turned / (count * self.student) as f64).sqrt().max(1e-12) as f32,
            kept: (turned / squares(rows).max(1e-12)) as f32,
            ..self.clone()
        }
    }

    /// Whether it turns outputs of this width.
    pub(crate) fn reads(&self, width: usize) -> bool {
        self.teacher == width
    }

    /// `[teacher, student]` on a device.
    pub(crate) fn turn(&self, device: &Device) -> Tensor<2> {
        let dims = [self.teacher, self.student];
        Tensor::from_data(TensorData::new(self.turn.clone(), dims), device)
    }

    /// A vector of the teacher's in the first `width` directions.
    pub(crate) fn leading(&self, vector: &[f32], width: usize) -> Vec<f32> {
        let mut turned = vec![0f32; width];
        for (value, row) in vector.iter().zip(self.turn.chunks_exact(self.student)) {
            for (out, direction) in turned.iter_mut().zip(row) {
                *out += value * direction;
            }
        }
        turned
    }
}

/// The frames of vectors and states. Where the teacher's vectors are means of its states, both have one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bases {
    pub(crate) vectors: Option<Basis>,
    pub(crate) states: Option<Basis>,
}

impl Bases {
    /// Reads the frames of a training that goes on, or fits them to what the teacher said.
    ///
    /// # Errors
    /// Outputs that cannot be read, a file that cannot be read or written.
    pub(super) fn of(
        dir: &Path,
        said: &Sayings,
        excerpts: usize,
        student: usize,
        device: &Device,
    ) -> Result<Bases, PretrainError> {
        let file = dir.join(FILE);
        if file.is_file() {
            return Bases::read(&file).map_err(PretrainError::file(&file));
        }
        let (mut vectors, mut states) = (Vec::new(), Vec::new());
        for at in (0..excerpts).step_by(excerpts.div_ceil(EXCERPTS).max(1)) {
            let own = said.said(at)?;
            vectors.extend(own.vector);
            states.extend(own.states);
        }
        let fit = |rows: Vec<f32>, width: usize| {
            (width > 0).then(|| Basis::fit(rows, width, student, device))
        };
        let states = fit(states, said.state_width());
        let vectors = match &states {
            // Both are asked for only of a teacher whose vectors are means of states.
            Some(states) if !vectors.is_empty() => Some(states.measured_on(&vectors)),
            _ => fit(vectors, said.vector_width()),
        };
        let bases = Bases { vectors, states };
        bases.write(&file).map_err(PretrainError::file(&file))?;
        Ok(bases)
    }

    /// What is kept of each kind of output.
    pub(crate) fn describe(&self) -> String {
        let all = [("vectors", &self.vectors), ("states", &self.states)];
        let kept = all.into_iter().filter_map(|(name, basis)| {
            let kept = 100.0 * basis.as_ref()?.kept;
            Some(format!("{kept:.1} % of the squares of its {name}"))
        });
        kept.collect::<Vec<_>>().join(", ")
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut tensors = files::Tensors::default();
        for (name, basis) in [("vectors", &self.vectors), ("states", &self.states)] {
            if let Some(basis) = basis {
                let dims = [basis.teacher, basis.student];
                tensors.put(name, &dims, basis.turn.iter().copied());
                let about = [basis.size, basis.kept];
                tensors.put(format!("{name}.size_and_kept"), &[2], about);
            }
        }
        tensors.write(file)
    }

    fn read(file: &Path) -> std::io::Result<Bases> {
        let malformed = |error: files::Malformed| std::io::Error::other(error.to_string());
        let tensors = files::Tensors::from_bytes(&std::fs::read(file)?).map_err(malformed)?;
        let basis = |name: &str| -> std::io::Result<Option<Basis>> {
            if !tensors.names().any(|found| found == name) {
                return Ok(None);
            }
            let (dims, turn) = tensors.get_floats(name).map_err(malformed)?;
            let [teacher, student] = dims[..] else {
                return Err(std::io::Error::other(format!("\"{name}\" is no matrix")));
            };
            let about = format!("{name}.size_and_kept");
            let (_, about) = tensors.get_floats(&about).map_err(malformed)?;
            let [size, kept] = about[..] else {
                return Err(std::io::Error::other(format!(
                    "\"{name}.size_and_kept\" holds {} numbers, expected 2",
                    about.len()
                )));
            };
            Ok(Some(Basis {
                turn,
                teacher,
                student,
                size,
                kept,
            }))
        };
        Ok(Bases {
            vectors: basis("vectors")?,
            states: basis("states")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::random;
    use rand::Rng;

    /// Rows of width 5 that lie, but for a little, in the plane of two directions, one three times as long.
    fn rows() -> Vec<f32> {
        let mut draws = random(3, "test", 0);
        let mut rows = Vec::new();
        for _ in 0..400 {
            let (long, short): (f32, f32) = (
                3.0 * draws.random_range(-1.0..1.0),
                draws.random_range(-1.0..1.0),
            );
            let noise = 0.01 * draws.random_range(-1.0f32..1.0);
            rows.extend([noise, 0.6 * long, 0.8 * long, short, -noise]);
        }
        rows
    }

    #[test]
    fn the_first_axes_of_the_frame_tell_the_most() {
        let basis = Basis::fit(rows(), 5, 2, &Device::flex());
        let turned = basis.leading(&[0.0, 0.6, 0.8, 0.0, 0.0], 2);
        assert!((turned[0].abs() - 1.0).abs() < 1e-3, "{turned:?}");
        let turned = basis.leading(&[0.0, 0.0, 0.0, 1.0, 0.0], 2);
        assert!((turned[1].abs() - 1.0).abs() < 1e-3, "{turned:?}");
        assert!(basis.kept > 0.9999 && basis.kept < 1.0, "{}", basis.kept);
        // Squares 3 and 1/3 on average, over two components.
        let expected = ((3.0f32 + 1.0 / 3.0) / 2.0).sqrt();
        assert!((basis.size / expected - 1.0).abs() < 0.1, "{}", basis.size);
    }

    #[test]
    fn a_wider_student_keeps_everything_and_has_zeros_beside_it() {
        let basis = Basis::fit(rows(), 5, 7, &Device::flex());
        assert!((basis.kept - 1.0).abs() < 1e-6);
        let turned = basis.leading(&[1.0, 2.0, 3.0, 4.0, 5.0], 7);
        assert_eq!(turned[5..], [0.0, 0.0]);
        let squares: f32 = turned.iter().map(|x| x * x).sum();
        assert!((squares - 55.0).abs() < 1e-3, "lengths are kept: {squares}");
        let on_device = to_floats(basis.turn(&Device::flex()));
        assert_eq!(on_device.len(), 35);
    }

    #[test]
    fn the_frame_comes_back_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let bases = Bases {
            vectors: None,
            states: Some(Basis::fit(rows(), 5, 3, &Device::flex())),
        };
        bases.write(&file).unwrap();
        let read = Bases::read(&file).unwrap();
        assert!(read.vectors.is_none());
        let (old, new) = (bases.states.unwrap(), read.states.unwrap());
        assert_eq!((old.turn, old.teacher), (new.turn, new.teacher));
        assert_eq!((old.size, old.kept), (new.size, new.kept), "to the digit");
    }
}
