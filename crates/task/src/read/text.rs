//! Bytes to text: UTF-8 only, no NUL, a byte order mark taken off.

use crate::error::{Place, TaskError, TaskErrorKind};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a file.
pub(crate) fn decode<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, TaskError> {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let place = |offset: usize| Place::Byte {
        offset: (offset + bytes.len() - body.len()) as u64,
        line: 1 + body[..offset].iter().filter(|byte| **byte == b'\n').count() as u64,
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(TaskError::new(
            TaskErrorKind::NotUtf8,
            file,
            "UTF-16 text",
            "UTF-8",
            "save it as UTF-8, or: iconv -f UTF-16 -t UTF-8",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        TaskError::new(
            TaskErrorKind::NotUtf8,
            file,
            format!("the byte 0x{:02x}", body[offset]),
            "UTF-8",
            "save it as UTF-8, or if it is Latin-1: iconv -f WINDOWS-1252 -t UTF-8",
        )
        .at(place(offset))
    })?;
    match text.find('\0') {
        Some(offset) => Err(nul(file).at(place(offset))),
        None => Ok(text),
    }
}

pub(super) fn nul(file: &str) -> TaskError {
    TaskError::new(
        TaskErrorKind::Nul,
        file,
        "a NUL character",
        "text",
        "remove it; NUL in a text file is a sign of a damaged or binary file",
    )
}

/// Lines without their ends (`\n` or `\r\n`); what follows the last end is a line unless it is empty.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    })
}
