//! What the probabilities themselves are worth, from the log-probabilities of each example and its label; the definitions are scikit-learn's.

use crate::Task;

/// The mean squared distance of the probabilities from what was right (Brier 1950), as `brier_score_loss` has it: of two classes the square of the one
/// distance, 0 to 1; of more the sum over the classes, 0 to 2. NaN without examples.
///
/// # Panics
/// If the two disagree in length, or a label is no class.
pub fn brier(log_probs: &[Vec<f32>], labels: &[usize]) -> f64 {
    assert_eq!(log_probs.len(), labels.len(), "rows and labels");
    let of_row = |(row, label): (&Vec<f32>, &usize)| {
        let _ = row[*label]; // a label is a class
        let squares = row.iter().enumerate().map(|(class, log)| {
            let right = f64::from(u8::from(class == *label));
            (f64::from(*log).exp() - right).powi(2)
        });
        let sum: f64 = squares.sum();
        if row.len() == 2 { sum / 2.0 } else { sum }
    };
    log_probs.iter().zip(labels).map(of_row).sum::<f64>() / labels.len() as f64
}

/// The class by which a task marks texts that belong to none of its others: one called `oos`, `out_of_scope` or `out-of-scope`, in large letters or
/// small.
pub fn out_of_scope_class(task: &Task) -> Option<usize> {
    let names = ["oos", "out_of_scope", "out-of-scope"];
    let is_it = |class: &String| names.iter().any(|name| class.eq_ignore_ascii_case(name));
    task.classes.iter().position(is_it)
}

/// How well doubt tells the examples of class `out` from the others, 0 to 1, where one half is chance: the probability that the most likely of the other
/// classes has less probability in an example of `out` than in one of the others (area under the ROC curve; ties count one half). `None` unless there
/// are both kinds.
///
/// # Panics
/// If the two disagree in length.
pub fn out_of_scope_auroc(log_probs: &[Vec<f32>], labels: &[usize], out: usize) -> Option<f64> {
    assert_eq!(log_probs.len(), labels.len(), "rows and labels");
    let sureness = |row: &Vec<f32>| {
        let others = row.iter().enumerate().filter(|(class, _)| *class != out);
        others
            .map(|(_, log)| *log)
            .fold(f32::NEG_INFINITY, f32::max)
    };
    let mut rows: Vec<(f32, bool)> = log_probs
        .iter()
        .zip(labels)
        .map(|(row, label)| (sureness(row), *label == out))
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let outside = rows.iter().filter(|(_, is_out)| *is_out).count();
    let inside = rows.len() - outside;
    if outside == 0 || inside == 0 {
        return None;
    }
    // From the least sure: each outside example is below the inside ones that are still to come.
    let (mut left, mut below) = (inside as f64, 0.0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let out = tied.iter().filter(|(_, is_out)| *is_out).count() as f64;
        let own = tied.len() as f64 - out;
        below += out * (left - own) + out * own / 2.0;
        left -= own;
    }
    Some(below / (outside as f64 * inside as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(probs: &[&[f32]]) -> Vec<Vec<f32>> {
        let row = |row: &&[f32]| row.iter().map(|p| p.ln()).collect();
        probs.iter().map(row).collect()
    }

    #[test]
    fn a_coin_costs_a_quarter_and_certainty_nothing_or_everything() {
        let coin = logs(&[&[0.5, 0.5]]);
        assert!((brier(&coin, &[1]) - 0.25).abs() < 1e-7);
        let sure = vec![vec![0.0, f32::NEG_INFINITY, f32::NEG_INFINITY]];
        assert_eq!(brier(&sure, &[0]), 0.0);
        assert_eq!(brier(&sure, &[2]), 2.0);
        assert!(brier(&[], &[]).is_nan());
    }

    #[test]
    fn doubt_tells_what_is_outside_and_ties_count_half() {
        let rows = logs(&[&[0.9, 0.05, 0.05], &[0.4, 0.2, 0.4], &[0.4, 0.3, 0.3]]);
        assert_eq!(out_of_scope_auroc(&rows, &[0, 2, 0], 2), Some(0.75));
        // The probability of the class itself does not count: others may never have seen it.
        assert_eq!(out_of_scope_auroc(&rows, &[0, 0, 2], 2), Some(0.75));
        assert_eq!(out_of_scope_auroc(&rows, &[0, 1, 0], 2), None);
    }
}
