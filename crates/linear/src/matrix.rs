//! Features of many examples: dense rows, or sparse rows that hold only what is not zero (CSR).

use ndarray::{Array2, ArrayView2, s};

/// Features, one row an example.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Every value is kept.
    Dense(Dense),
    /// Only values other than 0 are kept.
    Sparse(Sparse),
}

impl Matrix {
    /// Number of examples.
    pub fn rows(&self) -> usize {
        match self {
            Matrix::Dense(dense) => dense.rows(),
            Matrix::Sparse(sparse) => sparse.rows(),
        }
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        match self {
            Matrix::Dense(dense) => dense.columns(),
            Matrix::Sparse(sparse) => sparse.columns(),
        }
    }
}

/// Dense features, in f64: the fit is to convergence, and f32 sums would stop it early.
#[derive(Clone, Debug)]
pub struct Dense {
    /// `[rows, columns + 1]`: a last column of ones stands for the intercept.
    with_ones: Array2<f64>,
}

impl Dense {
    /// From `rows * columns` values, row by row.
    ///
    /// # Panics
    /// If the number of values is another.
    pub fn new(rows: usize, columns: usize, values: Vec<f64>) -> Self {
        let values =
            Array2::from_shape_vec((rows, columns), values).expect("rows * columns values");
        let mut with_ones = Array2::ones((rows, columns + 1));
        with_ones.slice_mut(s![.., ..columns]).assign(&values);
        Self { with_ones }
    }

    /// From `rows * columns` values in f32, as a model computes them.
    ///
    /// # Panics
    /// If the number of values is another.
    pub fn from_f32(rows: usize, columns: usize, values: &[f32]) -> Self {
        Self::new(
            rows,
            columns,
            values.iter().map(|&value| f64::from(value)).collect(),
        )
    }

    /// Number of examples.
    pub fn rows(&self) -> usize {
        self.with_ones.nrows()
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.with_ones.ncols() - 1
    }

    /// The features of one example.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.with_ones.ncols();
        let all = self
            .with_ones
            .as_slice()
            .expect("rows lie one after another");
        &all[row * width..][..width - 1]
    }

    /// `[rows, columns + 1]`, ones in the last column.
    pub(crate) fn with_ones(&self) -> ArrayView2<'_, f64> {
        self.with_ones.view()
    }

    /// `[rows, columns]`.
    pub(crate) fn features(&self) -> ArrayView2<'_, f64> {
        self.with_ones.slice(s![.., ..self.columns()])
    }
}

/// Sparse features in compressed rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    columns: usize,
    /// Row `i` holds the entries `starts[i]..starts[i + 1]`.
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl Sparse {
    /// From the `(column, value)` entries of each row.
    ///
    /// # Panics
    /// If an entry lies outside the columns.
    pub fn new(columns: usize, rows: Vec<Vec<(usize, f64)>>) -> Self {
        let mut starts = vec![0];
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        for (column, value) in rows.iter().flatten() {
            assert!(*column < columns, "column {column} of {columns}");
            indices.push(u32::try_from(*column).expect("fewer than 2^32 features"));
            values.push(*value);
        }
        for row in &rows {
            starts.push(starts[starts.len() - 1] + row.len());
        }
        Self {
            columns,
            starts,
            indices,
            values,
        }
    }

    /// Number of examples.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The `(column, value)` entries of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let entries = self.starts[row]..self.starts[row + 1];
        let indices = self.indices[entries.clone()]
            .iter()
            .map(|&column| column as usize);
        indices.zip(self.values[entries].iter().copied())
    }

    /// Columns as rows.
    pub(crate) fn transposed(&self) -> Sparse {
        let mut rows: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.columns];
        for row in 0..self.rows() {
            for (column, value) in self.row(row) {
                rows[column].push((row, value));
            }
        }
        Sparse::new(self.rows(), rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_sparse_matrix_holds_the_same_entries() {
        let matrix = Sparse::new(4, vec![vec![(1, 2.0), (3, -1.0)], vec![], vec![(1, 5.0)]]);
        let transposed = matrix.transposed();
        assert_eq!((transposed.rows(), transposed.columns()), (4, 3));
        assert_eq!(transposed.row(1).collect::<Vec<_>>(), [(0, 2.0), (2, 5.0)]);
        assert_eq!(transposed.row(3).collect::<Vec<_>>(), [(0, -1.0)]);
        assert_eq!(transposed.transposed(), matrix);
    }

    #[test]
    fn rows_of_a_dense_matrix_come_without_the_column_of_ones() {
        let dense = Dense::from_f32(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(
            [dense.row(0), dense.row(1)],
            [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        );
        assert_eq!((dense.columns(), dense.with_ones()[[1, 3]]), (3, 1.0));
    }
}
