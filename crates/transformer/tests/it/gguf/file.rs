//! GGUF files taken apart and put together again, to be damaged. Written here without a look at what the crate has for it.

use std::path::Path;

/// A file's parts; values of the metadata as their bytes.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) version: u32,
    /// Key, number of the kind, bytes.
    pub(super) entries: Vec<(String, u32, Vec<u8>)>,
    pub(super) tensors: Vec<Stored>,
    pub(super) alignment: usize,
}

/// A tensor; dimensions as the file has them, the fastest first.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) dims: Vec<u64>,
    pub(super) kind: u32,
    pub(super) data: Vec<u8>,
    /// Instead of where it really begins.
    pub(super) offset: Option<u64>,
}

pub(super) const U32: u32 = 4;
pub(super) const F32: u32 = 6;
pub(super) const BOOL: u32 = 7;
pub(super) const TEXT: u32 = 8;
pub(super) const LIST: u32 = 9;

pub(super) fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes()[..], value.as_bytes()].concat()
}

impl Parts {
    pub(super) fn read(file: &Path) -> Parts {
        let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let mut cursor = Cursor {
            bytes: &bytes,
            at: 4,
        };
        let version = cursor.u32();
        let (tensors, entries) = (cursor.u64(), cursor.u64());
        let entries = (0..entries).map(|_| {
            let key = cursor.text();
            let kind = cursor.u32();
            let from = cursor.at;
            cursor.skip(kind);
            (key, kind, bytes[from..cursor.at].to_vec())
        });
        let entries = entries.collect();
        let infos = (0..tensors).map(|_| {
            let name = cursor.text();
            let count = cursor.u32();
            let dims: Vec<u64> = (0..count).map(|_| cursor.u64()).collect();
            (name, dims, cursor.u32(), cursor.u64() as usize)
        });
        let infos: Vec<_> = infos.collect();
        let start = cursor.at.next_multiple_of(32);
        let mut ends: Vec<usize> = infos.iter().map(|info| start + info.3).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let tensors = infos.into_iter().map(|(name, dims, kind, offset)| {
            let from = start + offset;
            let to = *ends.iter().find(|end| **end > from).unwrap();
            Stored {
                name,
                dims,
                kind,
                data: bytes[from..to].to_vec(),
                offset: None,
            }
        });
        Parts {
            version,
            entries,
            tensors: tensors.collect(),
            alignment: 32,
        }
    }

    pub(super) fn set(&mut self, key: &str, kind: u32, bytes: &[u8]) {
        self.remove(key);
        self.entries.push((key.to_owned(), kind, bytes.to_vec()));
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.entries.retain(|(own, ..)| own != key);
    }

    pub(super) fn tensor(&mut self, name: &str) -> &mut Stored {
        let mut all = self.tensors.iter_mut();
        all.find(|tensor| tensor.name == name).unwrap()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.entries {
            out.extend(text(key));
            out.extend(kind.to_le_bytes());
            out.extend(value);
        }
        let mut at = 0usize;
        for tensor in &self.tensors {
            out.extend(text(&tensor.name));
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            out.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(at as u64).to_le_bytes());
            at = (at + tensor.data.len()).next_multiple_of(self.alignment);
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(&tensor.data);
        }
        out
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        self.at += N;
        *self.bytes[self.at - N..].first_chunk().unwrap()
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn text(&mut self) -> String {
        let length = self.u64() as usize;
        self.at += length;
        String::from_utf8(self.bytes[self.at - length..self.at].to_vec()).unwrap()
    }

    fn skip(&mut self, kind: u32) {
        match kind {
            8 => drop(self.text()),
            9 => {
                let (kind, count) = (self.u32(), self.u64());
                (0..count).for_each(|_| self.skip(kind));
            }
            0 | 1 | 7 => self.at += 1,
            2 | 3 => self.at += 2,
            4..=6 => self.at += 4,
            10..=12 => self.at += 8,
            other => panic!("kind {other}"),
        }
    }
}
