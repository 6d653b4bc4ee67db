//! Records of quoted fields, RFC 4180 with any separator, strictly: a quote opens a field only at its start, and after the closing quote
//! the field ends. Python's `csv` calls this `strict=True`. A quote inside an unquoted field is a character, there as here.

use std::borrow::Cow;

/// One record.
pub(super) struct Record<'a> {
    /// Where it starts, from 1.
    pub(super) line: u64,
    pub(super) fields: Vec<Cow<'a, str>>,
    /// The characters it was read from, without its line end.
    pub(super) raw: &'a str,
    /// Whether a quote stands in a field that is not quoted.
    pub(super) has_bare_quote: bool,
}

/// Why a record is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// From 1.
    pub(super) line: u64,
    /// In characters, from 1.
    pub(super) column: usize,
    /// Of the record, from 0.
    pub(super) field: usize,
    pub(super) kind: FaultKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// This character behind a closing quote; the place is that of the quote that opened the field.
    AfterQuote(char),
    /// The quote at the place is not closed.
    Unclosed,
    /// A carriage return in a field that is not quoted, in a file whose lines end otherwise.
    CarriageReturn,
}

/// Reads a text record by record.
pub(super) struct Records<'a> {
    text: &'a str,
    separator: u8,
    /// Whether a carriage return alone ends a line, as on old Macs.
    mac: bool,
    at: usize,
    line: u64,
    line_start: usize,
    /// Empty lines passed over so far; they are no records, as in pandas.
    pub(super) blank_lines: u64,
}

impl<'a> Records<'a> {
    pub(super) fn new(text: &'a str, separator: u8) -> Self {
        Self {
            text,
            separator,
            mac: first_line_ends_in_return(text),
            at: 0,
            line: 1,
            line_start: 0,
            blank_lines: 0,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over a line end, if one stands here.
    fn pass_line_end(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
        let length = match rest.get(returns) {
            Some(b'\n') => returns + 1, // also \r\r\n, which doubled conversions leave
            _ if self.mac && returns > 0 => 1,
            _ if returns > 0 && returns == rest.len() => returns,
            _ => return false,
        };
        self.at += length;
        self.line += 1;
        self.line_start = self.at;
        true
    }

    fn fault(&self, at: usize, field: usize, kind: FaultKind) -> Fault {
        Fault {
            line: self.line,
            column: self.text[self.line_start..at].chars().count() + 1,
            field,
            kind,
        }
    }

    /// A field that begins with a quote. Leaves off behind its closing quote.
    fn quoted(&mut self, field: usize) -> Result<Cow<'a, str>, Fault> {
        let unclosed = self.fault(self.at, field, FaultKind::Unclosed);
        let mut piece = self.at + 1;
        let mut whole: Option<String> = None;
        let mut from = piece;
        loop {
            let Some(length) = self.text[from..].find('"') else {
                return Err(unclosed);
            };
            let quote = from + length;
            let doubled = self.text.as_bytes().get(quote + 1) == Some(&b'"');
            if doubled {
                whole
                    .get_or_insert_default()
                    .push_str(&self.text[piece..=quote]);
                piece = quote + 2;
                from = piece;
                continue;
            }
            let last = &self.text[piece..quote];
            self.count_lines(quote);
            self.at = quote + 1;
            let ends = match self.byte() {
                None | Some(b'\n' | b'\r') => true,
                Some(byte) => byte == self.separator,
            };
            if !ends {
                let next = self.text[self.at..].chars().next().unwrap_or('"');
                return Err(Fault {
                    kind: FaultKind::AfterQuote(next),
                    ..unclosed
                });
            }
            return Ok(match whole {
                None => Cow::Borrowed(last),
                Some(whole) => Cow::Owned(whole + last),
            });
        }
    }

    /// Counts the line ends up to `end`, inside a quoted field.
    fn count_lines(&mut self, end: usize) {
        let end_byte = if self.mac { b'\r' } else { b'\n' };
        let bytes = &self.text.as_bytes()[self.at..end];
        for (offset, _) in bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == end_byte)
        {
            self.line += 1;
            self.line_start = self.at + offset + 1;
        }
    }

    fn record(&mut self) -> Result<Record<'a>, Fault> {
        let (line, start) = (self.line, self.at);
        let mut fields = Vec::new();
        let mut has_bare_quote = false;
        loop {
            if self.byte() == Some(b'"') {
                fields.push(self.quoted(fields.len())?);
            } else {
                let is_end = |byte: &u8| *byte == self.separator || matches!(byte, b'\n' | b'\r');
                let rest = &self.text.as_bytes()[self.at..];
                let length = rest.iter().position(is_end).unwrap_or(rest.len());
                let field = &self.text[self.at..self.at + length];
                has_bare_quote |= field.contains('"');
                fields.push(Cow::Borrowed(field));
                self.at += length;
            }
            if self.byte() == Some(self.separator) {
                self.at += 1;
                continue;
            }
            let raw = &self.text[start..self.at];
            if self.at < self.text.len() && !self.pass_line_end() {
                return Err(self.fault(self.at, fields.len() - 1, FaultKind::CarriageReturn));
            }
            return Ok(Record {
                line,
                fields,
                raw,
                has_bare_quote,
            });
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Fault>;

    /// After a fault nothing more comes.
    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() && self.pass_line_end() {
            self.blank_lines += 1;
        }
        if self.at >= self.text.len() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.at = self.text.len();
        }
        Some(record)
    }
}

/// Whether the first line end outside quotes is a carriage return alone.
fn first_line_ends_in_return(text: &str) -> bool {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => return false,
            b'\r' if !quoted => {
                let rest = text[at..].trim_start_matches('\r');
                return !rest.starts_with('\n') && !rest.is_empty();
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Vec<String>>, Fault> {
        Records::new(text, b',')
            .map(|record| {
                let fields = record?.fields.into_iter();
                Ok(fields.map(Cow::into_owned).collect())
            })
            .collect()
    }

    fn fault(text: &str) -> (u64, usize, FaultKind) {
        let fault = read(text).expect_err(text);
        (fault.line, fault.column, fault.kind)
    }

    #[test]
    fn quoted_fields_hold_separators_quotes_and_lines() {
        assert_eq!(
            read("a,\"b,\"\"c\"\"\r\nd\"\n\n\"\",e\"f,\n,\r\n").unwrap(),
            [
                vec!["a", "b,\"c\"\r\nd"],
                vec!["", "e\"f", ""],
                vec!["", ""]
            ]
        );
        assert_eq!(read("").unwrap(), Vec::<Vec<String>>::new());
        assert_eq!(read("a,\"b\"").unwrap(), [["a", "b"]]);
        assert_eq!(read("a,").unwrap(), [["a", ""]]);
    }

    #[test]
    fn a_quote_that_is_not_the_fields_last_character_is_a_fault() {
        assert_eq!(fault("x\n\"a\" b,1\n"), (2, 1, FaultKind::AfterQuote(' ')));
        assert_eq!(
            fault("x,\"a\nb\"\"\" c\n"),
            (1, 3, FaultKind::AfterQuote(' '))
        );
        assert_eq!(fault("x\nä,\"b\nc"), (2, 3, FaultKind::Unclosed));
        assert_eq!(fault("\"a\"\""), (1, 1, FaultKind::Unclosed));
    }

    #[test]
    fn carriage_returns_end_lines_where_the_first_line_ends_so() {
        assert_eq!(
            read("a,b\rc,\"d\ne\"\r").unwrap(),
            [["a", "b"], ["c", "d\ne"]]
        );
        assert_eq!(
            read("a,b\r\r\nc,d\r\r\n").unwrap(),
            [["a", "b"], ["c", "d"]]
        );
        assert_eq!(fault("a,b\nc\rd,e\n"), (2, 2, FaultKind::CarriageReturn));
        assert_eq!(read("a,b\nc,d\r").unwrap(), [["a", "b"], ["c", "d"]]);
    }
}
