//! `predictions.csv`: what a trial answered, by row number; never the text.

mod compact;

pub use compact::LogProbabilities;

use compact::{Builder, Logs};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// One row of `predictions.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Row of the test split, from 0.
    pub row: u64,
    /// Name of the true class.
    pub label: String,
    /// Name of the predicted class; empty where the answer is none of them.
    pub predicted: String,
    /// Natural logarithm of the probability given to each class, in the task's class order; NaN where there is none.
    pub log_probabilities: Vec<f64>,
}

/// A trial's predictions and the task's classes, in the order of the log-probabilities. Kept small, since a report holds those of all trials:
/// names as places in lists, the examples once for all trials that were tested on the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Class names.
    pub classes: Vec<String>,
    examples: Arc<Examples>,
    /// Predicted names that label no example.
    more_names: Vec<String>,
    /// Place of each predicted name, among those of the examples and then among `more_names`.
    predicted: Vec<u16>,
    logs: Logs,
}

/// What a trial was tested on, in the order of the test split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Examples {
    rows: Vec<u64>,
    names: Vec<String>,
    /// Place of each label among the names.
    labels: Vec<u16>,
}

/// One answer, as [`Predictions::rows`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Row of the test split, from 0.
    pub row: u64,
    /// Name of the true class.
    pub label: &'a str,
    /// Name of the predicted class.
    pub predicted: &'a str,
    /// Natural logarithms of the probabilities, in the order of [`Predictions::classes`].
    pub log_probabilities: LogProbabilities<'a>,
}

impl Answer<'_> {
    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.label == self.predicted
    }
}

impl Predictions {
    /// Of rows as they are written.
    ///
    /// # Errors
    /// More different names than there are places for; a row with another number of log-probabilities than classes.
    pub fn of(classes: Vec<String>, rows: &[Prediction]) -> Result<Self, String> {
        let mut builder = Builder::new(classes);
        for p in rows {
            let logs = p.log_probabilities.iter().copied().map(Ok);
            builder.add(p.row, &p.label, &p.predicted, logs)?;
        }
        Ok(builder.done())
    }

    /// Rows as they are written; see [`Self::of`].
    pub fn to_rows(&self) -> Vec<Prediction> {
        let row = |answer: Answer<'_>| Prediction {
            row: answer.row,
            label: answer.label.to_owned(),
            predicted: answer.predicted.to_owned(),
            log_probabilities: answer.log_probabilities.iter().collect(),
        };
        self.rows().map(row).collect()
    }

    /// Test examples.
    pub fn len(&self) -> usize {
        self.predicted.len()
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty()
    }

    /// The answers, in the order of the test split.
    pub fn rows(&self) -> impl Iterator<Item = Answer<'_>> {
        let examples = &self.examples;
        (0..self.len()).map(move |at| Answer {
            row: examples.rows[at],
            label: &examples.names[usize::from(examples.labels[at])],
            predicted: self.name(self.predicted[at]),
            log_probabilities: LogProbabilities {
                logs: &self.logs,
                first: at * self.classes.len(),
                count: self.classes.len(),
            },
        })
    }

    fn name(&self, place: u16) -> &str {
        let (place, names) = (usize::from(place), &self.examples.names);
        match place.checked_sub(names.len()) {
            None => &names[place],
            Some(more) => &self.more_names[more],
        }
    }

    /// Whether each test example was answered right, by row number.
    pub fn correct(&self) -> Vec<(u64, bool)> {
        let examples = self.examples.rows.iter().zip(&self.examples.labels);
        let answers = examples.zip(&self.predicted);
        answers
            .map(|((row, label), predicted)| (*row, label == predicted))
            .collect()
    }

    /// Whether the same was predicted for the same rows.
    pub fn predicts_as(&self, other: &Self) -> bool {
        let same_places = self.examples.names == other.examples.names;
        if same_places && self.more_names == other.more_names {
            return self.examples.rows == other.examples.rows && self.predicted == other.predicted;
        }
        let predicted = |of: &Self| -> Vec<(u64, String)> {
            let rows = of.rows();
            rows.map(|a| (a.row, a.predicted.to_owned())).collect()
        };
        predicted(self) == predicted(other)
    }

    /// Each row, whether it was answered right, and the logarithm of the probability that the predicted class was given; `None` where one is missing.
    pub fn sureness(&self) -> Option<Vec<(u64, bool, f64)>> {
        let of_two = self.classes == LABEL_AND_PREDICTED;
        let class = |name: &str| {
            let place = self.classes.iter().position(|class| class == name);
            place.or(of_two.then_some(1))
        };
        let names = self.examples.names.iter().chain(&self.more_names);
        let columns: Vec<Option<usize>> = names.map(|name| class(name)).collect();
        let sure = |at: usize| {
            let predicted = self.predicted[at];
            let column = columns[usize::from(predicted)]?;
            let found = self.logs.at(at * self.classes.len() + column);
            let right = self.examples.labels[at] == predicted;
            (!found.is_nan()).then_some((self.examples.rows[at], right, found))
        };
        let all: Option<Vec<_>> = (0..self.len()).map(sure).collect();
        all.filter(|rows| !rows.is_empty())
    }

    /// Holds the examples in common with all that were `seen` before, where they are the same.
    pub(crate) fn share_examples(&mut self, seen: &Mutex<HashSet<Arc<Examples>>>) {
        let mut seen = seen.lock().expect("no reader panics while it holds this");
        match seen.get(&self.examples) {
            Some(known) => self.examples = known.clone(),
            None => {
                seen.insert(self.examples.clone());
            }
        }
    }
}

/// Columns before the classes' `logp_<class>`.
const COLUMNS: [&str; 3] = ["row", "label", "predicted"];

/// With more classes than this, the file keeps the log-probabilities of the label and of the prediction only: 77 classes × 3,080 rows × 48 trials
/// would be 100 MB, and every statistic of the report needs no others.
pub(crate) const MOST_CLASSES_WRITTEN: usize = 16;

/// What then stands in the place of the classes.
pub(crate) const LABEL_AND_PREDICTED: [&str; 2] = ["label", "predicted"];

/// `row,label,predicted,logp_<class>..` as CSV.
pub(crate) fn to_csv(classes: &[String], predictions: &[Prediction]) -> Vec<u8> {
    let every_class = classes.len() <= MOST_CLASSES_WRITTEN;
    let of_classes = if every_class {
        classes.to_vec()
    } else {
        LABEL_AND_PREDICTED.map(str::to_owned).to_vec()
    };
    let header: Vec<String> = COLUMNS
        .iter()
        .map(|c| (*c).to_owned())
        .chain(of_classes.iter().map(|c| format!("logp_{c}")))
        .collect();
    let rows = predictions.iter().map(|p| {
        let logs = if every_class {
            p.log_probabilities.iter().copied().map(Some).collect()
        } else {
            vec![
                log_probability(p, classes, &p.label),
                log_probability(p, classes, &p.predicted),
            ]
        };
        // Five decimals: nothing uses more, and they add up. What is missing is an empty cell.
        let logs = logs
            .into_iter()
            .map(|l| l.filter(|l| !l.is_nan()))
            .map(|l| l.map(|l| format!("{l:.5}")).unwrap_or_default());
        [p.row.to_string(), p.label.clone(), p.predicted.clone()]
            .into_iter()
            .chain(logs)
            .collect()
    });
    crate::table_csv(&header, rows)
}

fn log_probability(prediction: &Prediction, classes: &[String], name: &str) -> Option<f64> {
    let place = classes.iter().position(|class| class == name)?;
    prediction.log_probabilities.get(place).copied()
}

/// Reads what [`to_csv`] wrote; the reason names the line.
pub(crate) fn parse(text: &[u8]) -> Result<Predictions, String> {
    // Every line that was written ends with one; a number that is cut may still be a number.
    if !text.ends_with(b"\n") {
        return Err("it ends within a line, so that something is missing".to_owned());
    }
    let mut table = csv::Reader::from_reader(text);
    let header = table.headers().map_err(|e| e.to_string())?.clone();
    let (first, classes) = header
        .iter()
        .collect::<Vec<_>>()
        .split_at_checked(3)
        .map(|(a, b)| (a.to_vec(), b.to_vec()))
        .unwrap_or_default();
    if first != COLUMNS {
        return Err(format!(
            "its columns are {:?}, expected row,label,predicted,logp_<class>..",
            header.iter().collect::<Vec<_>>()
        ));
    }
    let classes = classes
        .into_iter()
        .map(|c| {
            c.strip_prefix("logp_")
                .map(str::to_owned)
                .ok_or_else(|| format!("column {c:?}, expected logp_<class>"))
        })
        .collect::<Result<_, _>>()?;
    let mut builder = Builder::new(classes);
    let mut cells = csv::StringRecord::new();
    let mut line = 1;
    while table.read_record(&mut cells).map_err(|e| e.to_string())? {
        line += 1;
        let number = |cell: &str| match cell.parse::<f64>() {
            _ if cell.is_empty() => Ok(f64::NAN),
            Ok(number) if number > 0.0 => Err(format!(
                "line {line} has {cell:?} where the logarithm of a probability belongs"
            )),
            Ok(number) => Ok(number),
            Err(_) => Err(format!("line {line} has {cell:?} where a number belongs")),
        };
        let row = cells[0]
            .parse()
            .map_err(|_| format!("line {line} has row {:?}, expected a row number", &cells[0]))?;
        if builder.has(row) {
            return Err(format!("line {line} has row {row} a second time"));
        }
        builder.add(row, &cells[1], &cells[2], cells.iter().skip(3).map(number))?;
    }
    Ok(builder.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_predictions_name_their_line() {
        assert!(
            parse(b"row,label,predicted,logp_a\n0,a,a,-0.1\nx,a,a,-0.1\n")
                .unwrap_err()
                .contains("line 3")
        );
        assert!(
            parse(b"row,label,predicted,logp_a\n0,a,a,huh\n")
                .unwrap_err()
                .contains("\"huh\"")
        );
        assert!(
            parse(b"row,label\n0,a\n")
                .unwrap_err()
                .contains("expected row,label,predicted")
        );
        assert!(
            parse(b"row,label,predicted,logp_a\n0,a,a\n").is_err(),
            "a ragged row was accepted"
        );
    }

    #[test]
    fn sureness_is_the_probability_of_the_predicted_class_in_both_forms_of_the_file() {
        let all = parse(b"row,label,predicted,logp_a,logp_b\n4,a,b,-2.3,-0.1\n7,a,a,-0.2,-1.7\n");
        let found = all.unwrap().sureness();
        assert_eq!(found, Some(vec![(4, false, -0.1), (7, true, -0.2)]));
        let two = parse(b"row,label,predicted,logp_label,logp_predicted\n4,a,b,-2.3,-0.1\n");
        assert_eq!(two.unwrap().sureness(), Some(vec![(4, false, -0.1)]));
        let missing = parse(b"row,label,predicted,logp_a,logp_b\n4,a,b,-2.3,\n");
        assert_eq!(missing.unwrap().sureness(), None);
    }

    #[test]
    fn what_is_cut_within_a_line_is_refused_even_where_it_reads_as_a_number() {
        let whole = b"row,label,predicted,logp_a\n0,a,a,-0.12345\n";
        assert_eq!(parse(whole).unwrap().len(), 1);
        let header = 1 + whole.iter().position(|byte| *byte == b'\n').unwrap();
        for end in (0..whole.len()).filter(|end| *end != header) {
            assert!(parse(&whole[..end]).is_err(), "cut to {end} bytes");
        }
    }

    #[test]
    fn rows_that_stand_twice_and_logarithms_above_0_are_refused() {
        let twice = parse(b"row,label,predicted,logp_a\n4,a,a,-0.1\n4,a,a,-0.1\n").unwrap_err();
        assert!(twice.contains("line 3 has row 4 a second time"), "{twice}");
        let above = parse(b"row,label,predicted,logp_a\n0,a,a,1.5\n").unwrap_err();
        assert!(above.contains("\"1.5\""), "{above}");
    }
}
