//! Tab-separated values, raw: a header line, fields split at every tab, no quoting and no escapes (a `"` is a `"`), as GLUE and
//! `csv.QUOTE_NONE` have it. Files whose every quote is one that pandas or a spreadsheet writes around a field are read as those write them.

use super::columns::{Columns, missing_header, ragged};
use super::csv::read_records;
use super::records::Records;
use super::text::{decode, lines};
use super::{Labels, Table, base_name};
use crate::error::{Place, TaskError};

pub(super) fn read(file: &str, bytes: &[u8], labels: Labels) -> Result<Table, TaskError> {
    let text = decode(file, bytes)?;
    match quotes(text) {
        Quotes::None => read_raw(file, text, labels),
        Quotes::Raw { around } => {
            let mut table = read_raw(file, text, labels)?;
            if around > 0 {
                table.notes.push(format!(
                    "{}: the quotes around {around} fields are part of them, since a .tsv file is read without quoting; name it .csv, with commas, if they are not",
                    base_name(file)
                ));
            }
            Ok(table)
        }
        Quotes::Written => {
            let mut table = read_records(file, text, b'\t', labels)?;
            table.notes.push(format!(
                "{}: fields with quotes stand in quotes and the quotes inside are doubled, as pandas and spreadsheets write them: undone",
                base_name(file)
            ));
            Ok(table)
        }
    }
}

fn read_raw(file: &str, text: &str, labels: Labels) -> Result<Table, TaskError> {
    let mut lines = (1..).zip(lines(text));
    let header = lines.next().map_or("", |(_, line)| line);
    let names: Vec<String> = header.split('\t').map(str::to_owned).collect();
    let columns = Columns::find(file, &names, labels).map_err(|error| {
        let rows = lines.clone().take(100);
        let fields = |(_, line): (u64, &str)| line.split('\t').map(str::to_owned).collect();
        missing_header(error, &names, rows.map(fields).collect())
    })?;
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
        table.rows.push(columns.row(place, |index| fields[index]));
    }
    Ok(table)
}

/// What the quotes of a file are.
#[derive(Debug, PartialEq, Eq)]
enum Quotes {
    None,
    /// Characters of the texts; `around` counts fields that are in quotes as a whole, where no other quotes are in the file.
    Raw {
        around: usize,
    },
    /// Written around fields by a program that doubles those inside.
    Written,
}

/// The rule. A program that quotes does so to every field with a quote, and doubles those inside; one that does not leaves quotes that are
/// not doubled, here or there. So quotes are undone where every field with a quote is quoted as a whole and one of them shows a doubled quote
/// or is a name of the header; and where lines do not have the fields of the header but records of quoted fields do.
fn quotes(text: &str) -> Quotes {
    if !text.contains('"') {
        return Quotes::None;
    }
    let header = lines(text).next().unwrap_or("");
    let width = header.split('\t').count();
    let is_row = |line: &str| line.is_empty() || line.split('\t').count() == width;
    if !lines(text).all(is_row) {
        let are_records = Records::new(text, b'\t').all(|record| {
            record.is_ok_and(|record| record.fields.len() == width && !record.has_bare_quote)
        });
        return match are_records {
            true => Quotes::Written,
            false => Quotes::Raw { around: 0 },
        };
    }
    let in_quotes = |field: &str| -> Option<usize> {
        let inside = field.strip_prefix('"')?.strip_suffix('"')?;
        let single = inside.replace("\"\"", "");
        (!single.contains('"')).then_some((inside.len() - single.len()) / 2)
    };
    let (mut around, mut doubled) = (0, 0);
    for field in lines(text)
        .flat_map(|line| line.split('\t'))
        .filter(|field| field.contains('"'))
    {
        let Some(inside) = in_quotes(field) else {
            return Quotes::Raw { around: 0 };
        };
        around += 1;
        doubled += inside;
    }
    if doubled > 0 || header.contains('"') {
        Quotes::Written
    } else {
        Quotes::Raw { around }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_undone_only_where_a_program_wrote_every_one_of_them() {
        for text in [
            "text\tlabel\n\"He said \"\"no\"\".\"\t1\nplain\t0\n",
            "text\tlabel\n\"\"\"no\"\" he said\"\t1\n\"a, b\"\t0\n",
            "\"text\"\t\"label\"\n\"a\"\t\"1\"\n",
            "text\tlabel\n\"a\tb\"\t1\nc\t0\n",
            "text\tlabel\n\"a\nb\"\t1\nc\t0\n",
        ] {
            assert_eq!(quotes(text), Quotes::Written, "{text}");
        }
        for text in [
            "text\tlabel\n\"He said \"\"no\"\".\"\t1\nan \"open\" field\t0\n",
            "text\tlabel\n\"open\t1\n\"\"\"a\"\"\"\t0\n",
            "text\tlabel\na 5\" disk\t1\n",
            "text\tlabel\n\"a\tb\t1\nc\t0\n",
        ] {
            assert_eq!(quotes(text), Quotes::Raw { around: 0 }, "{text}");
        }
        let around = "text\tlabel\n\"whole\"\t1\n\"this, too\"\t0\n";
        assert_eq!(quotes(around), Quotes::Raw { around: 2 });
        assert_eq!(quotes("text\tlabel\na\t1\n"), Quotes::None);
    }
}
