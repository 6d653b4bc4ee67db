//! Just enough of Thrift's compact protocol to look into a Parquet file before memory is taken for it: numbers of structures, everything
//! else skipped, every length checked against what is there.

/// The deepest nesting of what is skipped; headers of pages and the schema need four.
const MOST_DEPTH: usize = 16;

/// Type codes of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
pub(super) const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
pub(super) const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// A position in bytes of the compact protocol. What does not fit is `None`, and ends the reading.
#[derive(Clone)]
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

/// A field of a structure.
#[derive(Clone, Copy)]
pub(super) struct FieldHead {
    pub(super) id: i16,
    pub(super) kind: u8,
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, length: u64) -> Option<()> {
        let left = (self.bytes.len() - self.at) as u64;
        (length <= left).then(|| self.at += length as usize)
    }

    /// An unsigned number of 7 bits a byte.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The next field of a structure whose last one was `last`; `None` inside at its end.
    pub(super) fn field(&mut self, last: i16) -> Option<Option<FieldHead>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        let id = match head >> 4 {
            0 => i16::try_from(self.signed()?).ok()?,
            step => last.checked_add(i16::from(step))?,
        };
        let kind = head & 0x0f;
        Some(Some(FieldHead { id, kind }))
    }

    /// Reads a structure field by field; `visit` reads the field or says that it did not, then it is skipped.
    pub(super) fn structure(
        &mut self,
        mut visit: impl FnMut(&mut Self, FieldHead) -> Option<bool>,
    ) -> Option<()> {
        let mut last = 0;
        while let Some(field) = self.field(last)? {
            last = field.id;
            if !visit(self, field)? {
                self.skip(field.kind, MOST_DEPTH)?;
            }
        }
        Some(())
    }

    /// Number of items of a list and their type.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let items = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        // Each item is a byte at least.
        (items <= (self.bytes.len() - self.at) as u64).then_some((items, head & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.pass(1),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.pass(8),
            UUID => self.pass(16),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            LIST | SET => {
                let (items, kind) = self.list()?;
                (0..items).try_for_each(|_| self.skip_item(kind, depth))
            }
            MAP => {
                let items = self.varint()?;
                if items == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..items).try_for_each(|_| {
                    self.skip_item(kinds >> 4, depth)?;
                    self.skip_item(kinds & 0x0f, depth)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(last)? {
                    last = field.id;
                    self.skip(field.kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// An item of a list; truth values, which as fields stand in their head, are bytes there.
    fn skip_item(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => self.pass(1),
            kind => self.skip(kind, depth),
        }
    }
}
