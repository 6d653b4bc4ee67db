//! How [`Predictions`] are kept: names as places, log-probabilities in hundred-thousandths where they have no more than five decimals, as all do
//! that this program writes.

use super::{Examples, Predictions};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Log-probabilities, one example after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Logs {
    /// In units of 1e-5. The quotient with 1e5 is rounded as the decimal is when it is read, so that nothing is lost.
    Fixed(Vec<i32>),
    /// As read, where some have more digits or are larger.
    Exact(Vec<f64>),
}

/// Units of [`Logs::Fixed`] in 1.
const UNITS: f64 = 1e5;
/// Stands for a missing number.
const MISSING: i32 = i32::MIN;
/// Stands for the logarithm of 0.
const OF_ZERO: i32 = i32::MIN + 1;
/// No number beyond is kept in units.
const MOST_UNITS: f64 = 2e9;

impl Default for Logs {
    fn default() -> Self {
        Self::Fixed(Vec::new())
    }
}

impl Logs {
    pub(super) fn at(&self, place: usize) -> f64 {
        match self {
            Self::Fixed(units) => from_units(units[place]),
            Self::Exact(logs) => logs[place],
        }
    }

    fn push(&mut self, log: f64) {
        match self {
            Self::Exact(logs) => logs.push(log),
            Self::Fixed(units) => match to_units(log) {
                Some(own) => units.push(own),
                None => {
                    let all = units.iter().map(|unit| from_units(*unit));
                    *self = Self::Exact(all.chain([log]).collect());
                }
            },
        }
    }

    fn shrink(&mut self) {
        match self {
            Self::Fixed(units) => units.shrink_to_fit(),
            Self::Exact(logs) => logs.shrink_to_fit(),
        }
    }
}

fn from_units(units: i32) -> f64 {
    match units {
        MISSING => f64::NAN,
        OF_ZERO => f64::NEG_INFINITY,
        units => f64::from(units) / UNITS,
    }
}

/// `None` where it is not a whole number of units.
fn to_units(log: f64) -> Option<i32> {
    if log.is_nan() {
        return Some(MISSING);
    }
    if log == f64::NEG_INFINITY {
        return Some(OF_ZERO);
    }
    let units = (log * UNITS).round();
    (units.abs() < MOST_UNITS && units / UNITS == log).then_some(units as i32)
}

/// The log-probabilities of one example.
#[derive(Clone, Copy, Debug)]
pub struct LogProbabilities<'a> {
    pub(super) logs: &'a Logs,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<'a> LogProbabilities<'a> {
    /// That of the class at `place`; NaN where the file has none, `None` where there is no such class.
    pub fn get(&self, place: usize) -> Option<f64> {
        (place < self.count).then(|| self.logs.at(self.first + place))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = f64> + 'a {
        (self.first..self.first + self.count).map(move |place| self.logs.at(place))
    }
}

/// Predictions as they are read, row by row.
pub(super) struct Builder {
    classes: Vec<String>,
    rows: Vec<u64>,
    /// Row numbers, from the first on that does not stand in rising order.
    unordered: HashSet<u64>,
    /// Names as they appear, among labels and predictions.
    names: Vec<String>,
    places: HashMap<String, u16>,
    labels: Vec<u16>,
    predicted: Vec<u16>,
    logs: Logs,
}

impl Builder {
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self {
            classes,
            rows: Vec::new(),
            unordered: HashSet::new(),
            names: Vec::new(),
            places: HashMap::new(),
            labels: Vec::new(),
            predicted: Vec::new(),
            logs: Logs::default(),
        }
    }

    /// Whether `row` was added.
    pub(super) fn has(&self, row: u64) -> bool {
        if self.unordered.is_empty() {
            // In rising order, as they are written.
            self.rows.last().is_some_and(|last| row <= *last) && self.rows.contains(&row)
        } else {
            self.unordered.contains(&row)
        }
    }

    pub(super) fn add(
        &mut self,
        row: u64,
        label: &str,
        predicted: &str,
        logs: impl Iterator<Item = Result<f64, String>>,
    ) -> Result<(), String> {
        if !self.unordered.is_empty() {
            self.unordered.insert(row);
        } else if self.rows.last().is_some_and(|last| row <= *last) {
            self.unordered
                .extend(self.rows.iter().copied().chain([row]));
        }
        self.rows.push(row);
        let (label, predicted) = (self.place(label)?, self.place(predicted)?);
        self.labels.push(label);
        self.predicted.push(predicted);
        let mut count = 0;
        for log in logs {
            self.logs.push(log?);
            count += 1;
        }
        if count == self.classes.len() {
            Ok(())
        } else {
            let expected = self.classes.len();
            Err(format!(
                "row {row} has {count} log-probabilities, expected {expected}, one a class"
            ))
        }
    }

    fn place(&mut self, name: &str) -> Result<u16, String> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        let place = u16::try_from(self.names.len())
            .map_err(|_| "it names more than 65,536 different classes".to_owned())?;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        Ok(place)
    }

    /// Names of labels first, in the order of their text, so that trials tested on the same examples have the same lists.
    pub(super) fn done(mut self) -> Predictions {
        let mut is_label = vec![false; self.names.len()];
        for label in &self.labels {
            is_label[usize::from(*label)] = true;
        }
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|at| (!is_label[*at], &self.names[*at]));
        let mut moved = vec![0_u16; order.len()];
        for (to, from) in (0_u16..).zip(&order) {
            moved[*from] = to;
        }
        let to_new = |places: &[u16]| -> Vec<u16> {
            places.iter().map(|at| moved[usize::from(*at)]).collect()
        };
        let (labels, predicted) = (to_new(&self.labels), to_new(&self.predicted));
        let mut names: Vec<String> = order
            .iter()
            .map(|at| std::mem::take(&mut self.names[*at]))
            .collect();
        let more_names = names.split_off(is_label.iter().filter(|is| **is).count());
        self.rows.shrink_to_fit();
        self.logs.shrink();
        Predictions {
            classes: self.classes,
            examples: Arc::new(Examples {
                rows: self.rows,
                names,
                labels,
            }),
            more_names,
            predicted,
            logs: self.logs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prediction;

    #[test]
    fn five_decimals_are_kept_in_half_the_room_and_to_the_last_bit() {
        for text in ["-0.00001", "-12.34567", "-0.00000", "-3.5", "-19999.99999"] {
            let log: f64 = text.parse().unwrap();
            let units = to_units(log).unwrap();
            assert_eq!(from_units(units), log, "{text}");
        }
        assert!(from_units(to_units(f64::NAN).unwrap()).is_nan());
        assert_eq!(
            from_units(to_units(f64::NEG_INFINITY).unwrap()),
            f64::NEG_INFINITY
        );
        assert_eq!(to_units(-0.123456), None);
        assert_eq!(to_units(-1e9), None);
    }

    #[test]
    fn a_log_with_more_digits_does_not_change_those_before_it() {
        let row = |row, logs: [f64; 2]| Prediction {
            row,
            label: "a".into(),
            predicted: "b".into(),
            log_probabilities: logs.to_vec(),
        };
        let rows = [row(3, [-0.1, -2.5]), row(7, [-0.123456789, -1.0])];
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let found = Predictions::of(classes.clone(), &rows).unwrap();
        assert_eq!(found.to_rows(), rows);
        assert_eq!(
            found.logs,
            Logs::Exact(vec![-0.1, -2.5, -0.123456789, -1.0])
        );
        let few = Predictions::of(classes, &[row(3, [-0.1, -2.5]), row(4, [-0.5; 2])]);
        assert_eq!(
            few.unwrap().logs,
            Logs::Fixed(vec![-10_000, -250_000, -50_000, -50_000])
        );
    }

    #[test]
    fn a_row_twice_is_found_also_among_rows_that_do_not_rise() {
        let mut builder = Builder::new(Vec::new());
        for row in [4, 9, 2, 11, 3] {
            assert!(!builder.has(row), "{row}");
            builder.add(row, "a", "a", std::iter::empty()).unwrap();
        }
        for row in [4, 9, 2, 11, 3] {
            assert!(builder.has(row), "{row}");
        }
        assert!(!builder.has(10));
    }
}
