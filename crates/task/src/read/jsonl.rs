//! JSON Lines: one object a line, the keys of the first are the columns.

use serde_json::{Map, Value};

use super::columns::Columns;
use super::text::{decode, lines};
use super::{Labels, Raw, Table, checked_label, checked_text};
use crate::error::{Place, TaskError, TaskErrorKind, listed, shortened};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let lines = (1..).zip(lines(decode(file, bytes)?));
    let mut found: Option<(Columns, Vec<String>, Table)> = None;
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let object = parse(file, line, text)?;
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
            label: checked_label(file, place, label.flatten().as_deref(), labels)?,
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

fn parse(file: &str, line: u64, text: &str) -> Result<Map<String, Value>, TaskError> {
    let malformed = |found: String| {
        let expected = "one JSON object a line, such as {\"text\": \"…\", \"label\": \"…\"}";
        let fix =
            "write each object on a line of its own, without brackets or commas between lines";
        TaskError::new(TaskErrorKind::Malformed, file, found, expected, fix).at(Place::Line(line))
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(malformed(format!("`{}`", shortened(text, 40)))),
        Err(error) => {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or(&what);
            Err(malformed(format!(
                "`{}` ({what}, column {})",
                shortened(text, 40),
                error.column()
            )))
        }
    }
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
) -> Result<Option<String>, TaskError> {
    match object.get(name) {
        Some(Value::String(label)) => Ok(Some(label.clone())),
        Some(Value::Number(label)) => Ok(Some(label.to_string())),
        Some(Value::Bool(label)) => Ok(Some(label.to_string())),
        Some(Value::Null) | None => Ok(None),
        Some(other) => Err(wrong_type(file, place, name, other)),
    }
}

fn wrong_type(file: &str, place: Place, name: &str, value: &Value) -> TaskError {
    let found = format!("`{name}`: {}", shortened(&value.to_string(), 40));
    let fix = "write texts as strings, and labels as strings or numbers";
    TaskError::new(TaskErrorKind::WrongType, file, found, "a string", fix).at(place)
}
