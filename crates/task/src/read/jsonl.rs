//! JSON Lines: one object a line, the keys of the first are the columns. RFC 8259: no NaN, no lone surrogates; a key twice is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::columns::Columns;
use super::text::{decode, lines};
use super::{Labels, Raw, Table, checked_text};
use crate::error::{Place, TaskError, TaskErrorKind, listed, shortened};
use crate::label::Label;

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let lines = (1..).zip(lines(decode(file, bytes)?));
    let mut found: Option<(Columns, Vec<String>, Table)> = None;
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let object = parse(file, line, text, found.is_none())?;
        let (columns, names, table) = match &mut found {
            Some(found) => found,
            None => {
                let names: Vec<String> = object.keys().cloned().collect();
                let columns = Columns::find(file, &names, labels)
                    .map_err(|error| error.at(Place::Line(line)))?;
                let table = columns.table(file, &names);
                found.insert((columns, names, table))
            }
        };
        let place = Place::Line(line);
        let string = |index: usize| text_of(file, place, &object, &names[index]);
        let label = columns
            .label
            .map(|index| label_of(file, place, &object, &names[index]))
            .transpose()?;
        table.rows.push(Raw {
            place,
            shard: None,
            text: string(columns.text)?,
            second: columns.second.map(string).transpose()?,
            label: label.flatten(),
        });
    }
    match found {
        Some((_, _, table)) => Ok(table),
        None => Err(TaskError::new(
            TaskErrorKind::EmptyFile,
            file,
            "only blank lines",
            "one JSON object a line",
            "write the file anew",
        )),
    }
}

/// A JSON object whose keys differ.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
        let mut object = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if object.contains_key(&key) {
                let key = shortened(&key, 40);
                return Err(A::Error::custom(format!("the key `{key}` a second time")));
            }
            object.insert(key, value);
        }
        Ok(Object(object))
    }
}

fn parse(file: &str, line: u64, text: &str, first: bool) -> Result<Map<String, Value>, TaskError> {
    let malformed = |found: String, fix: &str| {
        let expected = "one JSON object a line, such as {\"text\": \"…\", \"label\": \"…\"}";
        TaskError::new(TaskErrorKind::Malformed, file, found, expected, fix).at(Place::Line(line))
    };
    let each = "write each object on a line of its own, without brackets or commas between lines";
    if first && text.trim_start().starts_with('[') {
        return Err(malformed(
            format!("a JSON array, `{}`", shortened(text, 40)),
            &format!("{each}: jq -c '.[]'"),
        ));
    }
    let error = match serde_json::from_str::<Object>(text) {
        Ok(Object(object)) => return Ok(object),
        Err(error) => error,
    };
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or(&what);
    let found = format!(
        "`{}` ({what}, column {})",
        shortened(text, 40),
        error.column()
    );
    let at = text
        .as_bytes()
        .get(error.column().saturating_sub(1)..)
        .unwrap_or(&[]);
    let is_word = |word: &&str| at.starts_with(word.as_bytes());
    if let Some(word) = ["NaN", "Infinity"].into_iter().find(is_word) {
        let found = format!("{word} (column {})", error.column());
        return Err(malformed(
            found,
            "JSON has no such number: write null, or remove the line",
        ));
    }
    if first && error.is_eof() {
        let fix = format!("{each}: jq -c . for objects that go on over several lines");
        return Err(malformed(found, &fix));
    }
    Err(malformed(found, each))
}

fn text_of(
    file: &str,
    place: Place,
    object: &Map<String, Value>,
    name: &str,
) -> Result<String, TaskError> {
    match object.get(name) {
        Some(Value::String(text)) => checked_text(file, place, text),
        Some(other) => Err(wrong_type(file, place, name, other)),
        None => {
            let keys: Vec<&String> = object.keys().collect();
            let found = format!("the keys {}", listed(&keys, 12));
            let expected = format!("the key `{name}`, as on the first line");
            Err(TaskError::new(
                TaskErrorKind::MissingColumn,
                file,
                found,
                expected,
                "add it, or remove the line",
            )
            .at(place))
        }
    }
}

fn label_of(
    file: &str,
    place: Place,
    object: &Map<String, Value>,
    name: &str,
) -> Result<Option<Label>, TaskError> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    match value {
        Value::Null => Ok(None),
        Value::String(label) => Ok(Label::string(label)),
        Value::Bool(label) => Ok(Some(Label::truth(*label))),
        Value::Number(label) => {
            if let Some(label) = label.as_i64() {
                return Ok(Some(Label::integer(label.into())));
            }
            if let Some(label) = label.as_u64() {
                return Ok(Some(Label::integer(label.into())));
            }
            Label::float(label.as_f64().unwrap_or(f64::INFINITY))
                .map_err(|_| too_large(file, place, name, &label.to_string()))
        }
        other => Err(wrong_type(file, place, name, other)),
    }
}

/// A number as label that others round to, or that is infinite.
pub(super) fn too_large(file: &str, place: Place, name: &str, number: &str) -> TaskError {
    TaskError::new(
        TaskErrorKind::WrongType,
        file,
        format!("`{name}`: {}", shortened(number, 40)),
        "a number that no other one rounds to, below 2^53",
        "write the labels as strings",
    )
    .at(place)
}

fn wrong_type(file: &str, place: Place, name: &str, value: &Value) -> TaskError {
    let found = format!("`{name}`: {}", shortened(&value.to_string(), 40));
    let fix = match value {
        Value::Object(_) => {
            "write texts as strings, and labels as strings or numbers; in pandas to_json(.., orient=\"records\", lines=True)"
        }
        _ => "write texts as strings, and labels as strings or numbers",
    };
    TaskError::new(TaskErrorKind::WrongType, file, found, "a string", fix).at(place)
}
