//! The classes of a task: from `labels.txt`, else from the data set's own label feature, else from the labels of train.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::card;
use crate::error::{Place, TaskError, TaskErrorKind, listed};
use crate::label::{Label, is_missing_value};
use crate::read::{Raw, Table, decode, lines};
use crate::source::File;

/// The most classes of a task: every prediction keeps a score of each, and one head weighs each against every feature.
pub(crate) const MOST_CLASSES: usize = 10_000;

/// Class names in order, and how a label in a file names one.
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    pub(crate) descriptions: Option<Vec<String>>,
    by_name: HashMap<String, usize>,
    by_number: HashMap<i128, usize>,
    /// Whether numbers are places in the list of names, from 0.
    pub(crate) counted: bool,
    /// Whether that is so and no label of train is 0.
    pub(crate) without_zero: bool,
    /// What a reader of results must know of how labels were read.
    pub(crate) notes: Vec<String>,
}

impl Classes {
    pub(crate) fn of(
        labels_file: Option<&File<'_>>,
        cards: &[File<'_>],
        train: &Table,
    ) -> Result<Self, TaskError> {
        let found: BTreeSet<&Label> = labels(train).collect();
        let numbers: Option<BTreeSet<i128>> = found.iter().map(|label| label.whole()).collect();
        let mut classes = match (labels_file, numbers) {
            (Some(file), numbers) => Self::listed(file, &found, numbers)?,
            (None, Some(numbers)) => Self::numbered(cards, train, &numbers)?,
            (None, None) => {
                refuse_missing_among_numbers(train, &found)?;
                let names: BTreeSet<&str> = found.iter().map(|label| label.text()).collect();
                Self::named(names.into_iter().map(str::to_owned).collect(), None)
            }
        };
        if classes.names.len() > MOST_CLASSES {
            return Err(TaskError::new(
                TaskErrorKind::TooLarge,
                labels_file.map_or(train.file.as_str(), |file| &file.shown),
                format!("{} classes", classes.names.len()),
                format!("at most {MOST_CLASSES}"),
                "check that the column of labels holds classes, not texts, ids or measurements",
            ));
        }
        classes.notes.extend(note_on_spellings(&found));
        classes.notes.extend(note_on_types(&found));
        Ok(classes)
    }

    /// The classes of `labels.txt`: labels are its names, or numbers of its lines from 0.
    fn listed(
        file: &File<'_>,
        found: &BTreeSet<&Label>,
        numbers: Option<BTreeSet<i128>>,
    ) -> Result<Self, TaskError> {
        let (names, descriptions) = parse_labels_file(file)?;
        let mut classes = Self::named(names, descriptions);
        let Some(numbers) = numbers else {
            return Ok(classes);
        };
        let is_name = |label: &&Label| classes.by_name.contains_key(label.text());
        let as_number = |number: &i128| classes.by_name.contains_key(&number.to_string());
        if found.iter().any(is_name) || numbers.iter().any(as_number) {
            // Names that are numbers: a field `1.0` of a spreadsheet is the name `1`.
            let number =
                |(index, name): (usize, &String)| Some((Label::string(name)?.whole()?, index));
            classes.by_number = classes
                .names
                .iter()
                .enumerate()
                .filter_map(number)
                .collect();
            return Ok(classes);
        }
        refuse_lines_numbered_from_one(file, &classes.names)?;
        refuse_other_spellings(file, &classes.names, &numbers)?;
        classes.count_from_zero(&numbers);
        Ok(classes)
    }

    /// The classes of labels that are whole numbers, with the names that the data set gives them.
    fn numbered(
        cards: &[File<'_>],
        train: &Table,
        numbers: &BTreeSet<i128>,
    ) -> Result<Self, TaskError> {
        let declared = match &train.class_names {
            Some(names) => Some(names.clone()),
            None => card::class_names(cards, &train.label_column),
        };
        let mut notes = Vec::new();
        if let Some(names) = declared {
            let is_place = |number: &i128| (0..names.len() as i128).contains(number);
            if numbers.iter().all(is_place) {
                let mut classes = Self::named(names, None);
                classes.count_from_zero(numbers);
                return Ok(classes);
            }
            if numbers
                .iter()
                .all(|number| *number == -1 || is_place(number))
            {
                return Err(refuse_minus_one(train, names.len()));
            }
            notes.push(format!(
                "the data set names {} classes ({}), which count from 0, but its labels go from {} to {}: the names are not used",
                names.len(),
                listed(&names, 4),
                numbers.first().copied().unwrap_or_default(),
                numbers.last().copied().unwrap_or_default(),
            ));
        }
        let names = numbers.iter().map(i128::to_string).collect(); // in numeric order: 2 before 10
        let mut classes = Self::named(names, None);
        classes.by_number = numbers.iter().copied().zip(0..).collect();
        classes.notes = notes;
        Ok(classes)
    }

    fn named(names: Vec<String>, descriptions: Option<Vec<String>>) -> Self {
        Self {
            by_name: names.iter().cloned().zip(0..).collect(),
            by_number: HashMap::new(),
            names,
            descriptions,
            counted: false,
            without_zero: false,
            notes: Vec::new(),
        }
    }

    /// Makes numbers places in the list of names.
    fn count_from_zero(&mut self, numbers: &BTreeSet<i128>) {
        self.by_name.clear();
        self.by_number = (0..self.names.len())
            .map(|place| (place as i128, place))
            .collect();
        self.counted = true;
        self.without_zero = numbers.first().is_some_and(|lowest| *lowest > 0);
    }

    pub(crate) fn index_of(&self, label: &Label) -> Option<usize> {
        let by_number = || self.by_number.get(&label.whole()?);
        self.by_name.get(label.text()).or_else(by_number).copied()
    }
}

fn labels(table: &Table) -> impl Iterator<Item = &Label> {
    table.rows.iter().filter_map(|row| row.label.as_ref())
}

fn first_row(table: &Table, label: impl Fn(&Label) -> bool) -> Option<&Raw> {
    table
        .rows
        .iter()
        .find(|row| row.label.as_ref().is_some_and(&label))
}

/// A class named `nan` among numbers is a missing value that pandas wrote.
fn refuse_missing_among_numbers(train: &Table, found: &BTreeSet<&Label>) -> Result<(), TaskError> {
    let (missing, others): (Vec<&&Label>, Vec<&&Label>) = found
        .iter()
        .partition(|label| is_missing_value(label.text()));
    let (Some(word), false) = (missing.first(), others.is_empty()) else {
        return Ok(());
    };
    if !others.iter().all(|label| label.whole().is_some()) {
        return Ok(());
    }
    Err(no_label(train, word, "a missing value among numbers"))
}

/// −1 where the data set names its classes: `datasets` writes it for a missing label.
fn refuse_minus_one(train: &Table, classes: usize) -> TaskError {
    let what = format!("which stands for no label where {classes} classes have names");
    no_label(train, &Label::integer(-1), &what)
}

fn no_label(train: &Table, label: &Label, what: &str) -> TaskError {
    let is_it = |other: &Label| {
        other.text() == label.text() || (other.whole().is_some() && other.whole() == label.whole())
    };
    let row = first_row(train, is_it);
    let count = labels(train).filter(|other| is_it(other)).count();
    let file = row
        .and_then(|row| row.shard.as_deref())
        .unwrap_or(&train.file);
    TaskError::new(
        TaskErrorKind::MissingLabel,
        file,
        format!("the label `{}` on {count} rows, {what}", label.text()),
        "a class name or number on every row",
        "label these rows or remove them",
    )
    .at(row.map_or(Place::File, |row| row.place))
}

/// Names that are one number in different spellings stay different classes, which few will have meant.
fn note_on_spellings(found: &BTreeSet<&Label>) -> Option<String> {
    if found.iter().all(|label| label.whole().is_some()) {
        return None; // numbers, of which 1 and 1.0 are one
    }
    let mut by_value: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for label in found {
        if let Ok(value) = label.text().parse::<f64>()
            && value.is_finite()
        {
            let spellings = by_value.entry((value + 0.0).to_bits()).or_default();
            spellings.insert(label.text());
        }
    }
    let spellings = by_value
        .into_values()
        .find(|spellings| spellings.len() > 1)?;
    let spellings: Vec<&str> = spellings.into_iter().collect();
    Some(format!(
        "the labels {} spell one number differently and are different classes, since labels are names here",
        listed(&spellings, 6)
    ))
}

fn note_on_types(found: &BTreeSet<&Label>) -> Option<String> {
    let mut earlier = HashMap::new();
    let twice = |label: &&&Label| {
        earlier
            .insert(label.text().to_owned(), label.quoted())
            .is_some_and(|other| other != label.quoted())
    };
    let label = found.iter().find(twice)?;
    let text = label.text();
    Some(format!(
        "some labels of train are written as strings and some as values: \"{text}\" and {text} are one class"
    ))
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
    let mut earlier = HashSet::new();
    for (line, number) in lines(decode(&file.shown, &file.bytes)?).zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let (name, description) = match line.split_once('\t') {
            Some((name, description)) => (name.trim(), description.trim()),
            None => (line.trim(), ""),
        };
        if !earlier.insert(name) {
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

/// Lines `1 neg`, `2 pos` say that their numbers count from 1, which no rule here follows.
fn refuse_lines_numbered_from_one(file: &File<'_>, names: &[String]) -> Result<(), TaskError> {
    let numbered = |(name, place): (&String, usize)| {
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        digits == place.to_string() && name.len() > digits.len()
    };
    if !names.iter().zip(1..).all(numbered) {
        return Ok(());
    }
    Err(TaskError::new(
        TaskErrorKind::BadLabelsFile,
        &file.shown,
        format!("lines that are numbered from 1: {}", listed(names, 3)),
        "names alone, whose numbers count from 0",
        "write the names alone, one a line, and labels that count from 0, or names as labels",
    ))
}

/// Names `01`, `02` beside labels 1 and 2 are probably meant for them, and not as the lines 0 and 1.
fn refuse_other_spellings(
    file: &File<'_>,
    names: &[String],
    numbers: &BTreeSet<i128>,
) -> Result<(), TaskError> {
    let spells = |name: &&String| {
        let label = name
            .parse()
            .ok()
            .and_then(|value| Label::float(value).ok()?);
        label.is_some_and(|label| label.whole().is_some_and(|whole| numbers.contains(&whole)))
    };
    let Some(name) = names.iter().find(spells) else {
        return Ok(());
    };
    Err(TaskError::new(
        TaskErrorKind::BadLabelsFile,
        &file.shown,
        format!("the name `{name}`, a number that labels spell otherwise"),
        "names as the labels are written, or names that are no numbers",
        "spell the numbers alike",
    ))
}
