//! A score's elements of the products with vectors of distances, and their derivative. One query at a time: `at[j]` is the
//! row of the tables for key `j`.

use crate::simd::simd;

// `Plan::new` has checked every row against the tables. A check at every element would keep the first two loops from using
// vector instructions.
simd! {
    /// `scores[j] += terms[at[j]]`, the query's products with the position keys.
    pub(super) fn add_query_terms(scores: &mut [f32], at: &[u32], terms: &[f32]) {
        for (score, row) in scores.iter_mut().zip(at) {
            debug_assert!((*row as usize) < terms.len());
            // SAFETY: every row is below the number of rows of the table, the length of `terms`.
            *score += unsafe { *terms.get_unchecked(*row as usize) };
        }
    }

    /// `scores[j] += terms[j][at[j]]`, the products of each key with the position queries.
    pub(super) fn add_key_terms(scores: &mut [f32], at: &[u32], terms: &[f32], table: usize) {
        assert!(terms.len() >= scores.len() * table, "the terms of {} keys", scores.len());
        for (j, (score, row)) in scores.iter_mut().zip(at).enumerate() {
            debug_assert!((*row as usize) < table);
            // SAFETY: every row is below `table`, and there are that many terms for each score.
            *score += unsafe { *terms.get_unchecked(j * table + *row as usize) };
        }
    }

    /// The derivative of `add_query_terms`: `terms[at[j]] += scores[j]`.
    pub(super) fn sum_query_terms(scores: &[f32], at: &[u32], terms: &mut [f32]) {
        for (score, row) in scores.iter().zip(at) {
            terms[*row as usize] += score;
        }
    }

    /// The derivative of `add_key_terms`: `terms[j][at[j]] += scores[j]`.
    pub(super) fn sum_key_terms(scores: &[f32], at: &[u32], terms: &mut [f32], table: usize) {
        for (j, (score, row)) in scores.iter().zip(at).enumerate() {
            terms[j * table + *row as usize] += score;
        }
    }
}
