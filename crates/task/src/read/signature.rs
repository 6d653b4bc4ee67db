//! Files that are something else than their ending says, told by their first bytes; and what to do with formats that have no reader.

use crate::error::{TaskError, TaskErrorKind};

/// First bytes, what they are of, what to do.
const SIGNATURES: [(&[u8], &str, &str); 16] = [
    (b"\x1f\x8b", "a gzip file", "unpack it: gunzip"),
    (
        b"PK\x03\x04",
        "a zip file or a spreadsheet (.xlsx, .ods)",
        "unpack it, or save the sheet as CSV (UTF-8)",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a spreadsheet (.xls)",
        "save the sheet as CSV (UTF-8)",
    ),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it: unzstd"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it: unxz"),
    (b"BZh91AY&SY", "a bzip2 file", "unpack it: bunzip2"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file", "unpack it"),
    (PARQUET, "a Parquet file", "rename it to .parquet"),
    (
        b"ARROW1",
        "an Arrow file",
        "write it as Parquet: pandas.read_feather(..).to_parquet(..)",
    ),
    (
        b"\xff\xff\xff\xff",
        "an Arrow stream, as `datasets` keeps in its cache",
        "write it as Parquet: Dataset.from_file(..).to_parquet(..)",
    ),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "write the table as CSV",
    ),
    (b"%PDF-", "a PDF file", "write the texts as CSV"),
    (
        b"{\\rtf",
        "a text document (.rtf)",
        "save it as plain text (UTF-8)",
    ),
    (
        b"\x80\x04\x95",
        "a Python pickle",
        "write it as Parquet: pandas.read_pickle(..).to_parquet(..)",
    ),
    (
        b"\x80\x05\x95",
        "a Python pickle",
        "write it as Parquet: pandas.read_pickle(..).to_parquet(..)",
    ),
    (
        b"version https://git-lfs.github.com/spec/",
        "a pointer of Git LFS, not the file itself",
        "fetch the file: git lfs pull",
    ),
];

const PARQUET: &[u8] = b"PAR1";

/// Refuses bytes that are known to be of another format than `ending`.
pub(super) fn refuse_other_formats(
    file: &str,
    ending: &str,
    bytes: &[u8],
) -> Result<(), TaskError> {
    let is_other =
        |first: &[u8]| bytes.starts_with(first) && !(ending == "parquet" && first == PARQUET);
    let known = SIGNATURES.iter().find(|(first, ..)| is_other(first));
    let (found, fix) = match known {
        Some((_, found, fix)) => (*found, *fix),
        None if is_web_page(bytes) => (
            "a web page",
            "fetch the file itself: the link for downloading it, not its page",
        ),
        None => return Ok(()),
    };
    let expected = match ending {
        "parquet" => "a Parquet file".to_owned(),
        _ => format!("the text of a .{ending} file"),
    };
    Err(TaskError::new(
        TaskErrorKind::UnknownFormat,
        file,
        found,
        expected,
        fix,
    ))
}

fn is_web_page(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// What to do with a file of this ending, which has no reader.
pub(crate) fn advice(ending: &str) -> &'static str {
    match ending.to_lowercase().rsplit('.').next().unwrap_or("") {
        "json" => {
            "write one object a line and name it .jsonl: jq -c '.[]', or in pandas to_json(.., orient=\"records\", lines=True)"
        }
        "ndjson" => "rename it to .jsonl",
        "tab" => "rename it to .tsv",
        "xlsx" | "xls" | "ods" | "numbers" => "save the sheet as CSV (UTF-8)",
        "gz" => "unpack it: gunzip",
        "zip" | "bz2" | "xz" | "zst" | "7z" | "tar" | "tgz" => "unpack it",
        "txt" => "put the names of the columns into a first line, text<TAB>label, and name it .tsv",
        "arrow" | "feather" | "pkl" | "pickle" | "h5" => {
            "write it as Parquet with pandas: to_parquet(..)"
        }
        "tsv" | "csv" | "jsonl" | "parquet" => {
            "give it a name of the split and this ending alone, such as train.csv"
        }
        _ => "convert the files to one of these formats",
    }
}
