//! Tab-separated values, raw: a header line, fields split at every tab, no quoting and no escapes (a `"` is a `"`), as GLUE and
//! `csv.QUOTE_NONE` have it.

use super::columns::{Columns, ragged};
use super::text::{decode, lines};
use super::{Labels, Table};
use crate::error::{Place, TaskError};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let mut lines = (1..).zip(lines(decode(file, bytes)?));
    let header = lines.next().map_or("", |(_, line)| line);
    let names: Vec<String> = header.split('\t').map(str::to_owned).collect();
    let columns = Columns::find(file, &names, labels)?;
    let mut table = columns.table(file, &names);
    for (line, text) in lines {
        if text.is_empty() && names.len() > 1 {
            continue; // no row has no tab; in a file of one column it is an empty text
        }
        let fields: Vec<&str> = text.split('\t').collect();
        if fields.len() != names.len() {
            let fix = "fields end at every tab and quotes do not protect: replace tabs and line breaks inside texts, or write .csv";
            return Err(ragged(file, line, fields.len(), &names, fix));
        }
        let place = Place::Line(line);
        table
            .rows
            .push(columns.row(file, place, |index| fields[index], labels)?);
    }
    Ok(table)
}
