//! What a Parquet file would unpack to, found out before it is read: from its footer and from the header of each page. A few bytes can claim
//! any number of rows, of bytes in a page, of columns inside columns; the reader behind would take the memory first.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;

use super::thrift::{Compact, FieldHead, I32, STRUCT};

/// How deep columns may nest; those used here do not at all.
const MOST_NESTING: usize = 32;

/// The most that a file may be unpacked to. Bounds grow with the file, so that a small one can't claim much.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) rows: u64,
    /// Of the pages of the columns used, and of their texts.
    pub(super) bytes: u64,
}

impl Bounds {
    /// Texts compress to a fifth or a tenth; a hundredth happens where they repeat.
    pub(super) fn of(file_length: usize) -> Self {
        let length = file_length as u64;
        Self {
            rows: (1_000_000 + 16 * length).min(100_000_000),
            bytes: ((64 << 20) + 100 * length).min(4 << 30),
        }
    }
}

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum Refusal {
    Damaged(&'static str),
    /// What it would unpack to, and the bound.
    TooLarge(String, String),
}

pub(super) fn too_many(count: u64, bound: u64, of: &str) -> Result<(), Refusal> {
    if count <= bound {
        return Ok(());
    }
    let found = format!("{count} {of}");
    Err(Refusal::TooLarge(
        found,
        format!("at most {bound} in a file of this size"),
    ))
}

/// Refuses columns nested so deep that reading their schema would exhaust the stack, and groups of more columns than the schema has, for
/// which the reader takes memory beforehand. Footers that are not understood pass: the reader tells.
pub(super) fn check_schema(bytes: &[u8]) -> Result<(), Refusal> {
    match nesting(bytes) {
        Some(Nesting::Deep(depth)) if depth > MOST_NESTING => Err(Refusal::TooLarge(
            format!("columns nested {depth} deep or more"),
            format!("at most {MOST_NESTING} levels"),
        )),
        Some(Nesting::Wide(children, items)) => Err(Refusal::TooLarge(
            format!("a group of {children} columns"),
            format!("at most the {items} of the schema"),
        )),
        _ => Ok(()),
    }
}

/// How columns nest.
enum Nesting {
    /// So deep, counted up to one more than is allowed.
    Deep(usize),
    /// A group of more columns than the schema has in all.
    Wide(u64, u64),
}

fn nesting(bytes: &[u8]) -> Option<Nesting> {
    let end = bytes.len().checked_sub(8)?;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().ok()?) as usize;
    let footer = &bytes[end.checked_sub(length)?..end];
    let mut deepest = 0;
    let mut wide = None;
    let mut open: Vec<u64> = Vec::new(); // children that each open group still lacks
    let schema = |footer: &mut Compact<'_>, field: FieldHead| {
        if field.id != 2 {
            return Some(false);
        }
        let (items, kind) = footer.list()?;
        if kind != STRUCT {
            return None;
        }
        for _ in 0..items {
            let children = number(footer, 5)?;
            if children > items {
                wide = Some(Nesting::Wide(children, items));
                break;
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            deepest = deepest.max(open.len());
            if deepest > MOST_NESTING {
                break;
            }
        }
        None // nothing behind the schema is needed
    };
    let _ = Compact::new(footer).structure(schema);
    Some(wide.unwrap_or(Nesting::Deep(deepest)))
}

/// The number in one field of a structure; 0 where it has none.
fn number(at: &mut Compact<'_>, id: i16) -> Option<u64> {
    let mut found = 0;
    at.structure(|at, field| {
        if field.id != id {
            return Some(false);
        }
        found = u64::try_from(at.signed()?).ok()?;
        Some(true)
    })?;
    Some(found)
}

#[derive(Default)]
pub(super) struct PageHead {
    pub(super) kind: i64,
    pub(super) unpacked: i64,
    pub(super) packed: i64,
    pub(super) values: i64,
}

const DICTIONARY: i64 = 2;

/// Reads the head of a page and says how long it is. Numbers must be marked as such, so that the reader behind, which takes that for
/// granted, reads the same ones.
pub(super) fn page_head(bytes: &[u8]) -> Option<(PageHead, usize)> {
    let mut at = Compact::new(bytes);
    let mut head = PageHead::default();
    at.structure(|at, field| {
        match (field.id, field.kind) {
            (1, I32) => head.kind = at.signed()?,
            (2, I32) => head.unpacked = at.signed()?,
            (3, I32) => head.packed = at.signed()?,
            (4, I32) => drop(at.signed()?), // a checksum
            (5, STRUCT) => head.values = head.values.max(number_of_values(at, 4)?),
            (6, STRUCT) => return Some(false),
            (7, STRUCT) => head.values = head.values.max(number_of_values(at, 2)?),
            (8, STRUCT) => head.values = head.values.max(number_of_values(at, 6)?),
            (..=8, _) => return None,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some((head, at.at))
}

/// The first number of the part of a page's head that is for its kind; the first `numbers` fields are numbers.
fn number_of_values(at: &mut Compact<'_>, numbers: i16) -> Option<i64> {
    let mut values = 0;
    at.structure(|at, field| {
        if field.id > numbers {
            return Some(false);
        }
        let number = (field.kind == I32).then(|| at.signed())??;
        if field.id == 1 {
            values = number;
        }
        Some(true)
    })?;
    Some(values)
}

/// Goes through the pages of a column of one row group, before any is unpacked, and adds up what they would unpack to: row groups can share
/// the bytes they are in.
pub(super) fn check_column(
    bytes: &[u8],
    column: &ColumnChunkMetaData,
    rows: u64,
    bounds: Bounds,
    unpacked: &mut u64,
) -> Result<(), Refusal> {
    let damaged = Refusal::Damaged;
    let (start, length) = column.byte_range();
    let end = start
        .checked_add(length)
        .filter(|end| *end <= bytes.len() as u64);
    let Some(end) = end else {
        return Err(damaged("a column that ends behind the end of the file"));
    };
    let (mut at, end) = (start as usize, end as usize);
    let mut values = 0_u64;
    while at < end && values < rows {
        let Some((head, length)) = page_head(&bytes[at..end]) else {
            return Err(damaged("a damaged head of a page"));
        };
        at += length;
        let sizes = (
            u64::try_from(head.unpacked),
            usize::try_from(head.packed),
            u64::try_from(head.values),
        );
        let (Ok(size), Ok(packed), Ok(count)) = sizes else {
            return Err(damaged("a page of negative size"));
        };
        let Some(page) = bytes[..end].get(at..).and_then(|rest| rest.get(..packed)) else {
            return Err(damaged("a page that ends behind its column"));
        };
        at += packed;
        *unpacked = unpacked.saturating_add(size);
        too_many(*unpacked, bounds.bytes, "bytes in the pages of its columns")?;
        if matches!(column.compression(), Compression::GZIP(_)) && unzips_to_more(page, size) {
            return Err(damaged("a page that unpacks to more than its head says"));
        }
        if head.kind == DICTIONARY {
            if count > rows {
                return Err(damaged("a dictionary with more entries than rows"));
            }
        } else {
            values = values.saturating_add(count);
        }
    }
    if values != rows {
        return Err(damaged("a column with another number of values than rows"));
    }
    Ok(())
}

/// Whether a gzip page holds more than `size` bytes. Its decoder has no bound of its own, and gzip packs a thousand bytes into one.
pub(super) fn unzips_to_more(page: &[u8], size: u64) -> bool {
    let mut unzipped = MultiGzDecoder::new(page).take(size.saturating_add(1));
    std::io::copy(&mut unzipped, &mut std::io::sink()).is_ok_and(|length| length > size)
}
