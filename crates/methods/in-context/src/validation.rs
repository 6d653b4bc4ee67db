//! What the validation split says about the members: accuracies, and how far templates, draws and orders lie apart.

use crate::prompt::{Member, MemberScores};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Which level of a factor a member has.
type Level = fn(&Member) -> usize;

/// Mean of the members' log-probabilities, `[examples][classes]`: a geometric mean of their probabilities.
pub(crate) fn average(members: &MemberScores) -> Vec<Vec<f64>> {
    let Some((first, rest)) = members.split_first() else {
        return Vec::new();
    };
    let mut mean = first.clone();
    for member in rest {
        for (mean, row) in mean.iter_mut().zip(member) {
            mean.iter_mut()
                .zip(row)
                .for_each(|(mean, log)| *mean += log);
        }
    }
    mean.iter_mut()
        .flatten()
        .for_each(|log| *log /= members.len() as f64);
    mean
}

/// Largest less smallest mean accuracy over the levels of each factor that has more than one.
pub(crate) fn spread(members: &[Member], accuracies: &[f64]) -> Value {
    let factors: [(&str, Level); 3] = [
        ("templates", |member| member.template),
        ("draws", |member| member.draw),
        ("orders", |member| member.order),
    ];
    let mut spread = Map::new();
    for (name, level) in factors {
        let means = means_by(members, accuracies, level);
        if means.len() > 1 {
            let (low, high) = means
                .values()
                .fold((f64::MAX, f64::MIN), |(low, high), &mean| {
                    (low.min(mean), high.max(mean))
                });
            spread.insert(name.to_owned(), json!(high - low));
        }
    }
    Value::Object(spread)
}

/// The template with the best mean accuracy; the first of equals.
pub(crate) fn best_template(members: &[Member], accuracies: &[f64]) -> usize {
    let means = means_by(members, accuracies, |member| member.template);
    let best = means.iter().fold(
        None,
        |best: Option<(usize, f64)>, (&template, &mean)| match best {
            Some((_, highest)) if mean <= highest => best,
            _ => Some((template, mean)),
        },
    );
    best.map_or(0, |(template, _)| template)
}

fn means_by(members: &[Member], accuracies: &[f64], level: Level) -> BTreeMap<usize, f64> {
    let mut groups: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (member, &accuracy) in members.iter().zip(accuracies) {
        groups.entry(level(member)).or_default().push(accuracy);
    }
    groups
        .into_iter()
        .map(|(level, group)| (level, group.iter().sum::<f64>() / group.len() as f64))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<Member> {
        let member = |i: usize| Member {
            template: i / 4,
            draw: i / 2 % 2,
            order: i % 2,
            demonstrations: Vec::new(),
        };
        (0..8).map(member).collect()
    }

    #[test]
    fn the_spread_is_between_means_of_levels() {
        let accuracies = [0.5, 0.6, 0.5, 0.6, 0.7, 0.8, 0.7, 0.8];
        let spread = spread(&members(), &accuracies);
        let of = |factor: &str| spread[factor].as_f64().unwrap();
        assert!(
            (of("templates") - 0.2).abs() < 1e-12 && (of("orders") - 0.1).abs() < 1e-12,
            "{spread}"
        );
        assert!(of("draws").abs() < 1e-12);
        assert_eq!(best_template(&members(), &accuracies), 1);
        assert_eq!(best_template(&members(), &[0.5; 8]), 0);
    }

    #[test]
    fn scores_are_averaged_as_logarithms() {
        let mean = average(&vec![vec![vec![-1.0, -2.0]], vec![vec![-3.0, -0.5]]]);
        assert_eq!(mean, [[-2.0, -1.25]]);
    }
}
