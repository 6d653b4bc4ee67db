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
    if let Some((found, name)) = wide_encoding(bytes) {
        return Err(TaskError::new(
            TaskErrorKind::NotUtf8,
            file,
            found,
            "UTF-8",
            format!("save it as UTF-8, or: iconv -f {name} -t UTF-8"),
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

/// An encoding of two or four bytes a character, by its mark or, without one, by where the zeros of its first characters stand;
/// with its name for iconv.
fn wide_encoding(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(("UTF-32 text", "UTF-32")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(("UTF-16 text", "UTF-16")),
        _ => {}
    }
    // The header of a task file is ASCII for the most part: `t\0e\0x\0t\0`.
    let start = &bytes[..bytes.len().min(64)];
    let zeros_at = |step: usize, place: usize| {
        let at = || start.chunks_exact(step).map(|character| character[place]);
        start.len() >= 4 * step && at().filter(|byte| *byte == 0).count() * 10 >= at().count() * 9
    };
    let letters_at = |step: usize, place: usize| !zeros_at(step, place);
    match () {
        () if zeros_at(4, 1) && zeros_at(4, 2) && zeros_at(4, 3) && letters_at(4, 0) => {
            Some(("UTF-32 text without a byte order mark", "UTF-32LE"))
        }
        () if zeros_at(4, 0) && zeros_at(4, 1) && zeros_at(4, 2) && letters_at(4, 3) => {
            Some(("UTF-32 text without a byte order mark", "UTF-32BE"))
        }
        () if zeros_at(2, 1) && letters_at(2, 0) => {
            Some(("UTF-16 text without a byte order mark", "UTF-16LE"))
        }
        () if zeros_at(2, 0) && letters_at(2, 1) => {
            Some(("UTF-16 text without a byte order mark", "UTF-16BE"))
        }
        () => None,
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

/// Lines without their ends (`\n` or `\r\n`; `\r` in a file without any `\n`, as old Macs wrote); what follows the last end is a line unless
/// it is empty.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split_inclusive(end).map(move |line| {
        let line = line.strip_suffix(end).unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_the_whole_file_ends_them() {
        let cut = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(cut("a\rb\r"), ["a", "b"]);
        assert_eq!(cut("a\rb\nc\r\n"), ["a\rb", "c"]);
        assert_eq!(cut("a\r\n\r\nb"), ["a", "", "b"]);
    }

    #[test]
    fn wide_encodings_are_told_with_and_without_a_mark() {
        let found = |bytes: &[u8]| wide_encoding(bytes).map(|(_, name)| name);
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let utf32 = |text: &str| -> Vec<u8> {
            text.chars()
                .flat_map(|c| u32::from(c).to_le_bytes())
                .collect()
        };
        let header = "text,label\nein Film für Gäste,gut\n";
        assert_eq!(found(&utf16(header, u16::to_le_bytes)), Some("UTF-16LE"));
        assert_eq!(found(&utf16(header, u16::to_be_bytes)), Some("UTF-16BE"));
        assert_eq!(found(&utf16("\u{feff}x", u16::to_be_bytes)), Some("UTF-16"));
        assert_eq!(found(&utf32(header)), Some("UTF-32LE"));
        assert_eq!(found(&utf32("\u{feff}x")), Some("UTF-32"));
        assert_eq!(found(header.as_bytes()), None);
        assert_eq!(found(b"text,label\0\0\0\n"), None);
        assert_eq!(found(b""), None);
    }
}
