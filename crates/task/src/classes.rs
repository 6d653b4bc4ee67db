//! The classes of a task: from `labels.txt`, else from the data set's own label feature, else from the labels of train.

use std::collections::{BTreeSet, HashMap};

use crate::card;
use crate::error::{Place, TaskError, TaskErrorKind, listed};
use crate::read::{Table, decode};
use crate::source::File;

/// Class names in order, and how a label in a file names one.
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    pub(crate) descriptions: Option<Vec<String>>,
    indices: HashMap<String, usize>,
    written_as: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Labels are class names.
    Names,
    /// Labels are whole numbers whose decimal form is the key (`1.0`, as spreadsheets write it, is 1).
    Numbers,
}

impl Classes {
    pub(crate) fn of(
        labels_file: Option<&File<'_>>,
        cards: &[File<'_>],
        train: &Table,
    ) -> Result<Self, TaskError> {
        let found: BTreeSet<&str> = train
            .rows
            .iter()
            .filter_map(|row| row.label.as_deref())
            .collect();
        let numbers: Option<BTreeSet<i64>> =
            found.iter().map(|label| whole_number(label)).collect();
        if let Some(file) = labels_file {
            let (names, descriptions) = parse_labels_file(file)?;
            let named = found
                .iter()
                .any(|label| names.iter().any(|name| name == label));
            let written_as = if numbers.is_some() && !named {
                Written::Numbers
            } else {
                Written::Names
            };
            return Ok(Self::new(names, descriptions, written_as));
        }
        let Some(numbers) = numbers else {
            return Ok(Self::new(
                found.into_iter().map(str::to_owned).collect(),
                None,
                Written::Names,
            ));
        };
        let declared = match &train.class_names {
            Some(names) => Some(names.clone()),
            None => card::class_names(cards, &train.label_column),
        };
        let fits =
            |names: &Vec<String>| numbers.iter().all(|n| (0..names.len() as i64).contains(n));
        if let Some(names) = declared.filter(fits) {
            return Ok(Self::new(names, None, Written::Numbers));
        }
        let names: Vec<String> = numbers.iter().map(i64::to_string).collect(); // in numeric order: 2 before 10
        let indices = names.iter().cloned().zip(0..).collect();
        Ok(Self {
            names,
            descriptions: None,
            indices,
            written_as: Written::Numbers,
        })
    }

    fn new(names: Vec<String>, descriptions: Option<Vec<String>>, written_as: Written) -> Self {
        let key = |(index, name): (usize, &String)| match written_as {
            Written::Names => (name.clone(), index),
            Written::Numbers => (index.to_string(), index),
        };
        let indices = names.iter().enumerate().map(key).collect();
        Self {
            names,
            descriptions,
            indices,
            written_as,
        }
    }

    pub(crate) fn index_of(&self, label: &str) -> Option<usize> {
        match self.written_as {
            Written::Names => self.indices.get(label).copied(),
            Written::Numbers => self.indices.get(&whole_number(label)?.to_string()).copied(),
        }
    }
}

fn whole_number(label: &str) -> Option<i64> {
    label.parse().ok().or_else(|| {
        let number: f64 = label.strip_suffix(".0")?.parse().ok()?;
        (number.abs() < 1e15).then_some(number as i64)
    })
}

type NamesAndDescriptions = (Vec<String>, Option<Vec<String>>);

/// One class a line, in order, with a description after a tab on all lines or on none.
fn parse_labels_file(file: &File<'_>) -> Result<NamesAndDescriptions, TaskError> {
    let bad = |found: String, expected: &str, fix: &str| {
        TaskError::new(
            TaskErrorKind::BadLabelsFile,
            &file.shown,
            found,
            expected,
            fix,
        )
    };
    let mut names: Vec<String> = Vec::new();
    let mut descriptions = Vec::new();
    for (line, number) in decode(&file.shown, &file.bytes)?.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let (name, description) = match line.split_once('\t') {
            Some((name, description)) => (name.trim(), description.trim()),
            None => (line.trim(), ""),
        };
        if names.iter().any(|earlier| earlier == name) {
            let error = bad(
                format!("`{name}` a second time"),
                "each class once",
                "remove one of the two lines",
            );
            return Err(error.at(Place::Line(number)));
        }
        names.push(name.to_owned());
        descriptions.extend((!description.is_empty()).then(|| description.to_owned()));
    }
    if !descriptions.is_empty() && descriptions.len() != names.len() {
        return Err(bad(
            format!(
                "a description on {} of {} lines",
                descriptions.len(),
                names.len()
            ),
            "`name<TAB>description` on every line, or names alone",
            "describe every class or none",
        ));
    }
    if names.len() < 2 {
        return Err(bad(
            listed(&names, 1),
            "two class names or more, one a line",
            "list every class, or remove the file",
        ));
    }
    let described = !descriptions.is_empty();
    Ok((names, described.then_some(descriptions)))
}
