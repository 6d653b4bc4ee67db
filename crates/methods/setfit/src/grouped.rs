//! Batches in which classes meet their own: two texts of a class at a time, the classes in turn, as `GroupByLabelBatchSampler` of
//! sentence-transformers. There what is left of the largest class, and a last odd text of any, is left out; here it follows behind.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Every row once, in batches of `batch`; the last may be smaller.
pub(crate) fn batches(labels: &[usize], batch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
    let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, &label) in labels.iter().enumerate() {
        classes.entry(label).or_default().push(row);
    }
    let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
    for rows in &mut classes {
        rows.shuffle(rng);
    }
    let mut order = Vec::with_capacity(labels.len());
    let mut left = Vec::new();
    while !classes.is_empty() {
        classes.shuffle(rng);
        for rows in &mut classes {
            match rows.len() {
                1 => left.append(rows),
                more => order.extend(rows.drain(more - 2..)),
            }
        }
        classes.retain(|rows| !rows.is_empty());
    }
    order.append(&mut left);
    order.chunks(batch).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_text_comes_once_and_classes_come_by_twos() {
        let labels = [0, 1, 2, 0, 1, 2, 0, 1, 0, 0, 3];
        let batches = batches(&labels, 6, &mut ChaCha8Rng::seed_from_u64(5));
        let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [6, 5]);
        let of_row =
            |batch: &Vec<usize>| -> Vec<usize> { batch.iter().map(|&row| labels[row]).collect() };
        for two in of_row(&batches[0]).chunks(2) {
            assert_eq!(two[0], two[1], "{batches:?}");
        }
        let mut first = of_row(&batches[0]);
        first.dedup();
        assert_eq!(first.len(), 3, "one class after the other: {batches:?}");
        let mut rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..labels.len()).collect::<Vec<_>>());
    }
}
