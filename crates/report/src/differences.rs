//! `differences.csv`: every two ways of adapting of a group, the more accurate first, with the 95 % interval of each difference alone.

use crate::run::{Arm, Group, Run};
use crate::statistics::{self, Answers, Paired};

const HEADER: [&str; 13] = [
    "model",
    "task",
    "first",
    "second",
    "difference_points",
    "difference_low",
    "difference_high",
    "p_improvement",
    "p_improvement_low",
    "p_improvement_high",
    "n_seeds",
    "n_test",
    "n_train",
];

/// One row a pair that shares seeds and test examples. The variance between seeds is moderated over the group; the interval is the pair's own and
/// does not allow for how many pairs are looked at.
pub(crate) fn differences_csv(run: &Run) -> Vec<u8> {
    let header: Vec<String> = HEADER.iter().map(|name| (*name).to_owned()).collect();
    let groups = run.groups();
    record::table_csv(&header, groups.iter().flat_map(rows))
}

fn rows(group: &Group<'_>) -> Vec<Vec<String>> {
    let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
    let pairs = statistics::pairs(&answers);
    let mut rows = Vec::new();
    for i in 0..group.arms.len() {
        for k in i + 1..group.arms.len() {
            let ahead = |pair: &Paired| pair.mean >= 0.0;
            let (first, second) = match &pairs[i][k] {
                Some(pair) if ahead(pair) => (i, k),
                _ => (k, i),
            };
            if let Some(pair) = &pairs[first][second] {
                rows.push(row(group, first, second, pair));
            }
        }
    }
    rows
}

/// Training examples of an arm, as far as its trials tell.
fn examples(arm: &Arm<'_>) -> Option<u64> {
    arm.trials.iter().find_map(|trial| trial.record.n_train)
}

fn row(group: &Group<'_>, first: usize, second: usize, pair: &Paired) -> Vec<String> {
    let interval = pair.interval();
    let improvement = pair.improvement();
    let chance = |of: fn(&statistics::Improvement) -> f64| {
        let value = improvement.as_ref().map(of);
        value.map(|value| value.to_string()).unwrap_or_default()
    };
    vec![
        group.model.to_owned(),
        group.task.to_owned(),
        group.arms[first].label.clone(),
        group.arms[second].label.clone(),
        (100.0 * pair.mean).to_string(),
        (100.0 * interval.low).to_string(),
        (100.0 * interval.high).to_string(),
        chance(|i| i.probability),
        chance(|i| i.interval.low),
        chance(|i| i.interval.high),
        pair.squares.seed_count.to_string(),
        pair.squares.row_count.to_string(),
        examples(&group.arms[first]).map_or(String::new(), |n| n.to_string()),
    ]
}
