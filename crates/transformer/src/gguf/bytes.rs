//! Numbers, texts and lists from the head of a GGUF file, within bounds.

use std::io::Read;

use super::value::{Value, start_of};

/// Bytes of a head. The largest in use, with 262,144 words and the merges between them, have 20 MB.
const HEAD_BYTES: u64 = 64 << 20;
/// Items of all lists together; those of the same vocabulary have 1.3 million.
const ITEMS: u64 = 1 << 22;

/// What can be wrong with a head.
#[derive(Debug)]
pub(super) enum Problem {
    /// The operating system refused.
    Io(std::io::Error),
    /// What, and where.
    Damaged(String),
    /// What is not read, and what to do.
    Unsupported(String, String),
    /// A tensor's name, and the format that is not read.
    Kind(String, String),
}

/// The bytes of a head, one after another.
pub(super) struct Bytes<R> {
    inner: R,
    at: u64,
    end: u64,
    items: u64,
}

impl<R: Read> Bytes<R> {
    /// Of a file of so many bytes.
    pub(super) fn new(inner: R, length: u64) -> Bytes<R> {
        Bytes {
            inner,
            at: 0,
            end: length.min(HEAD_BYTES),
            items: 0,
        }
    }

    /// How many have been read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// So many bytes, which are there before memory is taken for them.
    fn take(&mut self, count: u64) -> Result<Vec<u8>, Problem> {
        self.expect(count)?;
        let mut bytes = vec![0u8; count as usize];
        self.inner.read_exact(&mut bytes).map_err(Problem::Io)?;
        self.at += count;
        Ok(bytes)
    }

    fn expect(&self, count: u64) -> Result<(), Problem> {
        if count <= self.end - self.at {
            return Ok(());
        }
        let (at, end) = (self.at, self.end);
        Err(Problem::Damaged(format!(
            "at byte {at} its head asks for {count} more, and {end} are there or allowed for a head"
        )))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.expect(N as u64)?;
        let mut bytes = [0u8; N];
        self.inner.read_exact(&mut bytes).map_err(Problem::Io)?;
        self.at += N as u64;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many of something.
    pub(super) fn count(&mut self, what: &str, at_most: u64) -> Result<u64, Problem> {
        let found = self.u64()?;
        if found <= at_most {
            return Ok(found);
        }
        let problem = format!("it says that it has {found} {what}, expected at most {at_most}");
        Err(Problem::Damaged(problem))
    }

    pub(super) fn text(&mut self) -> Result<String, Problem> {
        let at = self.at;
        let length = self.u64()?;
        let bytes = self.take(length)?;
        String::from_utf8(bytes)
            .map_err(|_| Problem::Damaged(format!("the text at byte {at} is not UTF-8")))
    }

    /// The value of `key`, behind the number of its kind.
    pub(super) fn value(&mut self, key: &str) -> Result<Value, Problem> {
        let kind = self.u32()?;
        match kind {
            8 => self.text().map(Value::Text),
            9 => self.list(key),
            6 => self.array().map(f32::from_le_bytes).map(Value::Float32),
            12 => self.array().map(f64::from_le_bytes).map(Value::Float64),
            7 => self.flag().map(Value::Flag),
            _ => self.integer(kind, key).map(Value::Integer),
        }
    }

    fn flag(&mut self) -> Result<bool, Problem> {
        let [byte] = self.array()?;
        Ok(byte != 0)
    }

    fn integer(&mut self, kind: u32, key: &str) -> Result<i128, Problem> {
        Ok(match kind {
            0 => self.array().map(u8::from_le_bytes)?.into(),
            1 => self.array().map(i8::from_le_bytes)?.into(),
            2 => self.array().map(u16::from_le_bytes)?.into(),
            3 => self.array().map(i16::from_le_bytes)?.into(),
            4 => self.u32()?.into(),
            5 => self.array().map(i32::from_le_bytes)?.into(),
            10 => self.u64()?.into(),
            11 => self.array().map(i64::from_le_bytes)?.into(),
            _ => {
                let key = start_of(key);
                let problem = format!("\"{key}\" has a value of the unknown kind {kind}");
                return Err(Problem::Damaged(problem));
            }
        })
    }

    fn list(&mut self, key: &str) -> Result<Value, Problem> {
        let kind = self.u32()?;
        let count = self.u64()?;
        self.items = self.items.saturating_add(count);
        if self.items > ITEMS {
            let key = start_of(key);
            return Err(Problem::Damaged(format!(
                "\"{key}\" has {count} items, expected at most {ITEMS} in all lists together"
            )));
        }
        let items = 0..count;
        Ok(match kind {
            6 => {
                let item = |_| {
                    self.array()
                        .map(|bytes| f64::from(f32::from_le_bytes(bytes)))
                };
                Value::Floats(items.map(item).collect::<Result<_, _>>()?)
            }
            12 => {
                let item = |_| self.array().map(f64::from_le_bytes);
                Value::Floats(items.map(item).collect::<Result<_, _>>()?)
            }
            7 => Value::Flags(items.map(|_| self.flag()).collect::<Result<_, _>>()?),
            8 => Value::Texts(items.map(|_| self.text()).collect::<Result<_, _>>()?),
            9 => {
                let key = start_of(key);
                let problem = format!("\"{key}\" is a list of lists, which no model in use has");
                return Err(Problem::Damaged(problem));
            }
            _ => {
                let item = |_| {
                    let item = self.integer(kind, key)?;
                    i64::try_from(item).map_err(|_| {
                        let key = start_of(key);
                        Problem::Damaged(format!("\"{key}\" has an item of {item}, beyond 63 bits"))
                    })
                };
                Value::Integers(items.map(item).collect::<Result<_, _>>()?)
            }
        })
    }
}
