//! Changes of bytes, whatever they mean.

use super::super::random::Draws;

/// What a text file may hold and few expect.
const SNIPPETS: [&[u8]; 22] = [
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\r",
    b"\r\n",
    b"\n\n\n",
    b"\x1b[31m",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    "\u{2028}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "e\u{301}\u{301}\u{301}\u{301}".as_bytes(),
    "\u{10ffff}".as_bytes(),
    b"\"",
    b"\\",
    b"\\u0000",
    b"-",
    b"99999999999999999999",
];

/// The longest that repetition makes of an input.
const LONGEST: usize = 2 << 20;

/// One to four changes; `other` is a file of the same kind to take pieces of.
pub(crate) fn change(mut bytes: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    for _ in 0..draws.size(4).max(1) {
        once(&mut bytes, other, draws);
    }
    bytes
}

fn once(bytes: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    let at = draws.below(bytes.len());
    let rest = bytes.len() - at;
    let length = draws.size(rest).min(rest);
    match draws.below(12) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << draws.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = *draws.one(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'-', b'9']);
            }
        }
        3 => bytes.truncate(at),
        4 => {
            bytes.drain(at..at + length);
        }
        5 => {
            let snippet: &&[u8] = draws.one(&SNIPPETS);
            insert(bytes, at, snippet);
        }
        6 => {
            let noise: Vec<u8> = (0..draws.size(64)).map(|_| draws.byte()).collect();
            insert(bytes, at, &noise);
        }
        7 => {
            let block = bytes[at..at + length].to_vec();
            insert(bytes, draws.below(bytes.len()), &block);
        }
        8 => {
            let block = bytes[at..at + length.min(1 << 12)].to_vec();
            let times = draws.size(1000).min(LONGEST / block.len().max(1));
            insert(bytes, at, &block.repeat(times));
        }
        9 => {
            let from = draws.below(other.len());
            bytes.truncate(at);
            bytes.extend(&other[from.min(other.len())..]);
        }
        10 => {
            let fill = *draws.one(&[0, 0xff, 0x7f, b' ']);
            bytes[at..at + length].fill(fill);
        }
        _ => {
            // A number in eight or four bytes, little-endian.
            let number = *draws.one(&[
                0u64,
                1,
                1 << 31,
                (1 << 32) - 1,
                1 << 40,
                1 << 63,
                u64::MAX,
                f64::NAN.to_bits(),
            ]);
            let width = (*draws.one(&[4, 8])).min(rest);
            bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let tail = bytes.split_off(at.min(bytes.len()));
    bytes.extend(piece);
    bytes.extend(tail);
}
