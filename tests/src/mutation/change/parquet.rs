//! Changes of Parquet: of the footer (Thrift in its compact form: lengths and counts are variable-length integers) and of the pages.

use super::super::random::Draws;
use super::bytes;

/// The footer's length and the magic number.
const END: usize = 8;

/// A change in the footer, whose length is set right again, or in the pages.
pub(crate) fn change(mut file: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Some(pages) = footer_start(&file) else {
        return bytes::change(file, other, draws);
    };
    if draws.happens(0.1) {
        return bytes::change(file, other, draws);
    }
    file.truncate(file.len() - END);
    let mut footer = file.split_off(pages);
    for _ in 0..draws.size(3).max(1) {
        let part = if draws.happens(0.6) {
            &mut footer
        } else {
            &mut file
        };
        if draws.happens(0.5) {
            put_integer(part, draws);
        } else {
            *part = bytes::change(std::mem::take(part), other, draws);
        }
    }
    let length = footer.len() as u32;
    [&file[..], &footer, &length.to_le_bytes(), b"PAR1"].concat()
}

fn footer_start(file: &[u8]) -> Option<usize> {
    let end = file.len().checked_sub(END)?;
    let length = u32::from_le_bytes(*file[end..].first_chunk::<4>()?);
    end.checked_sub(length as usize)
}

/// Replaces a byte by an integer out of all proportion.
fn put_integer(part: &mut Vec<u8>, draws: &mut Draws) {
    const INTEGERS: [&[u8]; 8] = [
        b"\x00",
        b"\x01",
        b"\xfe\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\x0f",
        b"\x80\x80\x80\x80\x08",
        b"\x80\x80\x80\x80\x80\x20",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ];
    if part.is_empty() {
        return;
    }
    let at = draws.below(part.len());
    let integer: &&[u8] = draws.one(&INTEGERS);
    part.splice(at..=at, integer.iter().copied());
}
