//! Which labelled examples stand in a prompt, and in which order. Lu et al. 2022 show how much both matter.

use adapt::sub_seed;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use task::{Example, Split, few_shot};

/// Demonstrations in a prompt where nothing else is said.
pub const DEFAULT_SHOTS: usize = 8;

/// A labelled example that stands in a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demonstration {
    /// Its row in the training file.
    pub row: u64,
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// Its class.
    pub label: usize,
}

impl Demonstration {
    /// The text, or both of a pair.
    pub fn texts(&self) -> (&str, Option<&str>) {
        (&self.text, self.second.as_deref())
    }
}

impl From<&Example> for Demonstration {
    fn from(example: &Example) -> Self {
        Self {
            row: example.row,
            text: example.text.clone(),
            second: example.second.clone(),
            label: example.label,
        }
    }
}

/// The `k` examples with the highest similarities, the nearest last: next to the query. Of equals the first is nearer.
pub fn nearest_last(similarities: &[f32], k: usize) -> Vec<usize> {
    let nearer = |&a: &usize, &b: &usize| match similarities[b].total_cmp(&similarities[a]) {
        Ordering::Equal => a.cmp(&b),
        unequal => unequal,
    };
    let mut order: Vec<usize> = (0..similarities.len()).collect();
    if k < order.len() {
        order.select_nth_unstable_by(k, nearer);
        order.truncate(k);
    }
    order.sort_by(nearer);
    order.reverse();
    order
}

/// A class-balanced draw of `shots` examples of `train`, as indices. The classes are dealt from in the order of their names,
/// so that a task whose classes are listed in another order gets the same demonstrations.
pub fn draw(train: &Split, shots: usize, classes: &[String], seed: u64, draw: usize) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..classes.len()).collect();
    by_name.sort_by_key(|&class| &classes[class]);
    let mut rank = vec![0; classes.len()];
    for (place, class) in by_name.into_iter().enumerate() {
        rank[class] = place;
    }
    let numbered = train.iter().enumerate().map(|(index, example)| Example {
        row: index as u64,
        text: String::new(),
        second: None,
        label: rank[example.label],
    });
    let numbered = Split {
        examples: numbered.collect(),
    };
    let seed = sub_seed(seed, &format!("demonstrations {draw}"));
    let drawn = few_shot(&numbered, shots, classes.len(), seed);
    drawn.iter().map(|example| example.row as usize).collect()
}

/// Order 0 is the draw's own, which alternates the classes; the others are shuffles.
pub fn order(drawn: &[usize], seed: u64, draw: usize, order: usize) -> Vec<usize> {
    let mut ordered = drawn.to_vec();
    if order > 0 {
        let seed = sub_seed(seed, &format!("demonstration order {draw} {order}"));
        ordered.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(labels: &[usize]) -> Split {
        let example = |(row, &label): (usize, &usize)| Example {
            row: 10 + row as u64,
            text: format!("text {row}"),
            second: None,
            label,
        };
        Split {
            examples: labels.iter().enumerate().map(example).collect(),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_draw_is_balanced_nested_and_depends_on_seed_and_number() {
        let train = train(&[[0].repeat(30), [1].repeat(9), [2].repeat(5)].concat());
        let classes = names(&["x", "y", "z"]);
        let first = draw(&train, 7, &classes, 5, 0);
        let mut counts = [0; 3];
        first
            .iter()
            .for_each(|&i| counts[train.examples[i].label] += 1);
        assert!(
            counts.iter().all(|&count| (2..=3).contains(&count)),
            "{counts:?}"
        );
        assert_eq!(first, draw(&train, 7, &classes, 5, 0));
        assert_eq!(first[..4], draw(&train, 4, &classes, 5, 0));
        assert_ne!(first, draw(&train, 7, &classes, 6, 0));
        assert_ne!(first, draw(&train, 7, &classes, 5, 1));
    }

    #[test]
    fn classes_listed_in_another_order_get_the_same_draw() {
        let labels = [0, 2, 1, 1, 0, 2, 2, 0, 1, 0, 2];
        let permuted: Vec<usize> = labels.iter().map(|&label| [2, 0, 1][label]).collect();
        let drawn = draw(&train(&labels), 5, &names(&["x", "y", "z"]), 5, 0);
        assert_eq!(
            drawn,
            draw(&train(&permuted), 5, &names(&["y", "z", "x"]), 5, 0)
        );
    }

    #[test]
    fn the_nearest_stands_last_and_the_first_of_equals_is_nearer() {
        assert_eq!(nearest_last(&[0.1, 0.9, 0.5, 0.9, 0.2], 3), [2, 3, 1]);
        assert_eq!(nearest_last(&[0.1, 0.9], 5), [0, 1]);
        assert!(nearest_last(&[0.5], 0).is_empty());
    }

    #[test]
    fn orders_hold_the_same_examples() {
        let drawn: Vec<usize> = (20..31).collect();
        assert_eq!(order(&drawn, 5, 0, 0), drawn);
        let shuffled = order(&drawn, 5, 0, 1);
        assert_ne!(shuffled, drawn);
        assert_ne!(shuffled, order(&drawn, 5, 0, 2));
        let mut sorted = shuffled;
        sorted.sort_unstable();
        assert_eq!(sorted, drawn);
    }
}
