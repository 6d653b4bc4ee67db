//! Rows of a table by number, and the gradient of the table: rows added up where a number repeats.

use crate::simd::unfilled;
use rayon::prelude::*;

/// Rows `ids` of `table` [rows, n] -> [ids, n].
///
/// # Panics
/// When an id is not a row of the table.
pub fn gather(table: &[f32], ids: &[u32], n: usize) -> Vec<f32> {
    let rows = crate::gemm::row_count(table, n);
    check(ids, rows);
    // SAFETY: every row of `y` is written.
    let mut y = unsafe { unfilled(ids.len() * n) };
    if n > 0 {
        y.par_chunks_mut(n)
            .zip(ids)
            .with_min_len(32)
            .for_each(|(y, id)| {
                let at = *id as usize * n;
                y.copy_from_slice(&table[at..at + n]);
            });
    }
    y
}

/// Gradient of [`gather`] with respect to the table of `rows` rows: row `i` is the sum of the rows of `dy` [ids, n]
/// whose id is `i`, added in order of occurrence.
///
/// Each task owns a range of rows and looks through all ids, so that no two tasks write one row.
///
/// # Panics
/// When an id is not a row of the table, or `dy` does not hold one row for each id.
pub fn scatter_add(dy: &[f32], ids: &[u32], rows: usize, n: usize) -> Vec<f32> {
    check(ids, rows);
    assert_eq!(dy.len(), ids.len() * n, "gradient rows and ids");
    // SAFETY: every task fills its part with zeros before it adds to it.
    let mut table = unsafe { unfilled(rows * n) };
    if table.is_empty() {
        return table;
    }
    let tasks = rayon::current_num_threads() * 4;
    let range = rows.div_ceil(tasks);
    table
        .par_chunks_mut(range * n)
        .enumerate()
        .for_each(|(task, part)| {
            part.fill(0.0);
            let owned = task * range..(task + 1) * range;
            for (id, dy) in ids.iter().zip(dy.chunks_exact(n)) {
                let id = *id as usize;
                if owned.contains(&id) {
                    let at = (id - owned.start) * n;
                    crate::gemm::add_slice(&mut part[at..at + n], dy);
                }
            }
        });
    table
}

fn check(ids: &[u32], rows: usize) {
    if let Some(id) = ids.iter().find(|id| **id as usize >= rows) {
        panic!("row {id} of a table of {rows} rows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, values};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn rows_are_gathered_and_their_gradients_added_up(rows in 1usize..40, n in 1usize..20, picks in prop::collection::vec(0usize..1000, 0..60), seed: u64) {
            let ids: Vec<u32> = picks.iter().map(|p| (p % rows) as u32).collect();
            let (table, dy) = (values(seed, rows * n), values(seed ^ 1, ids.len() * n));
            let y = gather(&table, &ids, n);
            let mut gradient = vec![0.0; rows * n];
            for (i, id) in ids.iter().enumerate() {
                for j in 0..n {
                    prop_assert_eq!(y[i * n + j], table[*id as usize * n + j]);
                    gradient[*id as usize * n + j] += f64::from(dy[i * n + j]);
                }
            }
            assert_close(&scatter_add(&dy, &ids, rows, n), &gradient, 1e-6);
        }
    }

    #[test]
    #[should_panic(expected = "row 3 of a table of 3 rows")]
    fn an_id_past_the_table_is_named() {
        gather(&[0.0; 6], &[0, 3], 2);
    }
}
