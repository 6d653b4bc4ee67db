//! The head of a GGUF file: metadata, then a list of tensors with their places. Nothing in it is believed before it is compared with the
//! length of the file. Layout: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little endian.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use super::bytes::{Bytes, Problem};
use super::error::{FOLDER_INSTEAD, GgufError};
use super::kind::Kind;
use super::value::{Metadata, start_of};
use crate::load::LoadError;

const MAGIC: &[u8; 4] = b"GGUF";
/// More than any file has: the largest models have some thousand tensors, and a hundred entries of metadata.
const TENSORS: u64 = 1 << 17;
const ENTRIES: u64 = 1 << 16;
/// Dimensions of a tensor, ggml's own bound.
const DIMENSIONS: u32 = 4;
/// Where the data begin, and each tensor, unless `general.alignment` says otherwise.
const ALIGNMENT: u64 = 32;

/// What the head says.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) metadata: Metadata,
    /// In the order of the file.
    pub(super) tensors: Vec<Place>,
}

/// A tensor in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) name: String,
    /// The last varies fastest, as everywhere here; ggml counts the other way round.
    pub(super) dims: Vec<usize>,
    pub(super) kind: Kind,
    /// From the beginning of the file.
    pub(super) offset: u64,
}

/// Whether a file begins as GGUF files do.
pub(super) fn begins_as_gguf(path: &Path) -> bool {
    let mut start = [0u8; 4];
    let read = files::open(path).and_then(|(mut file, _)| file.read_exact(&mut start));
    read.is_ok() && &start == MAGIC
}

/// Reads and checks the head.
pub(super) fn read(path: &Path) -> Result<Head, LoadError> {
    let refused = |source| LoadError::Read {
        file: path.to_path_buf(),
        source,
    };
    let (file, length) = files::open(path).map_err(refused)?;
    let mut bytes = Bytes::new(BufReader::new(file), length);
    parse(&mut bytes, length, path).map_err(|problem| {
        let file = path.to_path_buf();
        match problem {
            Problem::Io(source) => LoadError::Read { file, source },
            Problem::Damaged(problem) => GgufError::Damaged { file, problem }.into(),
            Problem::Unsupported(found, next) => {
                GgufError::Unsupported { file, found, next }.into()
            }
            Problem::Kind(tensor, found) => GgufError::Kind {
                tensor,
                file,
                found,
            }
            .into(),
        }
    })
}

fn parse(bytes: &mut Bytes<impl Read>, length: u64, path: &Path) -> Result<Head, Problem> {
    let magic: [u8; 4] = bytes.array()?;
    if &magic != MAGIC {
        let pointer = if magic.starts_with(b"vers") {
            "it is a Git LFS pointer, not the weights: run `git lfs pull`"
        } else {
            "it does not begin with \"GGUF\""
        };
        return Err(Problem::Damaged(pointer.to_owned()));
    }
    check_version(bytes.u32()?)?;
    let tensors = bytes.count("tensors", TENSORS)?;
    let entries = bytes.count("entries of metadata", ENTRIES)?;
    let mut values = BTreeMap::new();
    for _ in 0..entries {
        let key = bytes.text()?;
        let value = bytes.value(&key)?;
        if values.contains_key(&key) {
            let key = start_of(&key);
            return Err(Problem::Damaged(format!("\"{key}\" stands there twice")));
        }
        values.insert(key, value);
    }
    let metadata = Metadata::new(path, values);
    let mut places = Vec::new();
    for _ in 0..tensors {
        places.push(place(bytes)?);
    }
    let alignment = alignment(&metadata)?;
    let start = bytes.at().next_multiple_of(alignment);
    settle(&mut places, start, alignment, length)?;
    Ok(Head {
        metadata,
        tensors: places,
    })
}

fn check_version(version: u32) -> Result<(), Problem> {
    match version {
        2 | 3 => Ok(()),
        other if matches!(other.swap_bytes(), 1..=3) => Err(Problem::Unsupported(
            "is a GGUF file for big-endian machines".to_owned(),
            "take the one for little-endian machines".to_owned(),
        )),
        other => Err(Problem::Unsupported(
            format!("is a GGUF file of version {other}, and versions 2 and 3 are read"),
            FOLDER_INSTEAD.to_owned(),
        )),
    }
}

/// A tensor with the offset that the file gives, from where the data begin.
fn place(bytes: &mut Bytes<impl Read>) -> Result<Place, Problem> {
    let name = bytes.text()?;
    let shown = start_of(&name);
    let count = bytes.u32()?;
    if count == 0 || count > DIMENSIONS {
        let problem =
            format!("tensor \"{shown}\" has {count} dimensions, expected 1 to {DIMENSIONS}");
        return Err(Problem::Damaged(problem));
    }
    let mut dims = Vec::new();
    for _ in 0..count {
        let size = usize::try_from(bytes.u64()?).ok().filter(|size| *size > 0);
        dims.push(size.ok_or_else(|| {
            Problem::Damaged(format!("tensor \"{shown}\" has an impossible dimension"))
        })?);
    }
    dims.reverse();
    let kind = Kind::of(bytes.u32()?).map_err(|found| Problem::Kind(shown, found))?;
    Ok(Place {
        name,
        dims,
        kind,
        offset: bytes.u64()?,
    })
}

fn alignment(metadata: &Metadata) -> Result<u64, Problem> {
    let key = "general.alignment";
    let Some(value) = metadata.get(key) else {
        return Ok(ALIGNMENT);
    };
    let given = metadata.count(key).ok().flatten();
    let sound = given.filter(|given| given.is_power_of_two() && *given <= 1 << 20);
    sound.ok_or_else(|| {
        Problem::Damaged(format!(
            "\"{key}\" is {}, expected a power of two, at most {}",
            value.describe(),
            1 << 20
        ))
    })
}

/// Checks that each tensor lies in the file with all its bytes and none of another's, and counts offsets from the file's beginning.
fn settle(places: &mut [Place], start: u64, alignment: u64, length: u64) -> Result<(), Problem> {
    let mut spans: Vec<(u64, u64, usize)> = Vec::with_capacity(places.len());
    for (at, place) in places.iter_mut().enumerate() {
        let name = start_of(&place.name);
        let damaged = |problem: &str| Problem::Damaged(format!("tensor \"{name}\" {problem}"));
        let (numbers, block) = place.kind.block();
        if place
            .dims
            .last()
            .is_none_or(|row| !row.is_multiple_of(numbers))
        {
            let problem = format!("has rows that are not whole blocks of {numbers} numbers");
            return Err(damaged(&problem));
        }
        if !place.offset.is_multiple_of(alignment) {
            let problem = format!("begins at {}, no multiple of {alignment}", place.offset);
            return Err(damaged(&problem));
        }
        let count = place
            .dims
            .iter()
            .try_fold(1u64, |all, dim| all.checked_mul(*dim as u64));
        let bytes = count.and_then(|count| (count / numbers as u64).checked_mul(block as u64));
        let first = start.checked_add(place.offset);
        let end = first
            .zip(bytes)
            .and_then(|(first, bytes)| first.checked_add(bytes));
        let Some((first, end)) = first.zip(end).filter(|(_, end)| *end <= length) else {
            let problem = format!(
                "of {:?} numbers at {} ends behind the file's {length} bytes; the download was cut short or the file is damaged",
                place.dims, place.offset
            );
            return Err(damaged(&problem));
        };
        place.offset = first;
        spans.push((first, end, at));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        let [(_, end, one), (first, _, other)] = [pair[0], pair[1]];
        if first < end {
            let (one, other) = (start_of(&places[one].name), start_of(&places[other].name));
            let problem = format!("tensors \"{one}\" and \"{other}\" overlap");
            return Err(Problem::Damaged(problem));
        }
    }
    let mut names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => {
            let name = start_of(pair[0]);
            Err(Problem::Damaged(format!(
                "tensor \"{name}\" stands there twice"
            )))
        }
    }
}
