//! The wire format of protocol buffers, <https://protobuf.dev/programming-guides/encoding/>: a list of numbered fields. Every length is
//! checked against what is there before anything is taken.

/// What a field holds, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Wire type 0.
    Number(u64),
    /// Wire type 5.
    Four([u8; 4]),
    /// Wire type 1.
    Eight([u8; 8]),
    /// Wire type 2: a text, bytes, or a message of its own.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// In an error's words, however long it is.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Four(_) => "4 bytes",
            Value::Eight(_) => "8 bytes",
            Value::Bytes(_) => "a text",
        }
    }
}

/// The fields of a message, in the order in which they stand there; ends behind the first fault.
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Message<'a> {
        Message { rest: bytes }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(format!(
                "a field claims {n} bytes, and {} are there",
                self.rest.len()
            )),
        }
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many as were asked for"))
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0u64;
        for place in 0..10 {
            let [byte] = self.take_array()?;
            number |= u64::from(byte & 0x7f).wrapping_shl(7 * place);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number takes more than 10 bytes".to_owned())
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), String> {
        let key = self.number()?;
        let field = key >> 3;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Eight(self.take_array()?),
            2 => {
                let length = self.number()?;
                let length = usize::try_from(length)
                    .map_err(|_| format!("a field claims {length} bytes"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Four(self.take_array()?),
            other => return Err(format!("field {field} has the wire type {other}")),
        };
        match field {
            0 => Err("a field has the number 0".to_owned()),
            field => Ok((field, value)),
        }
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<(u64, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, String> {
        Message::new(bytes).collect()
    }

    #[test]
    fn fields_of_every_kind_are_read() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 0x02, b'a', b'b', 0x1d, 1, 2, 3, 4, 0xa1, 0x06, 1, 2, 3, 4, 5,
            6, 7, 8,
        ];
        let expected = vec![
            (1, Value::Number(150)),
            (2, Value::Bytes(b"ab")),
            (3, Value::Four([1, 2, 3, 4])),
            (100, Value::Eight([1, 2, 3, 4, 5, 6, 7, 8])),
        ];
        assert_eq!(all(&bytes), Ok(expected));
        let minus_one = [
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
        ];
        assert_eq!(all(&minus_one), Ok(vec![(1, Value::Number(u64::MAX))]));
    }

    #[test]
    fn what_is_cut_off_or_claims_more_than_is_there_is_an_error() {
        let long = [
            0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1,
        ];
        for (bytes, problem) in [
            (&[0x08][..], "claims 1 bytes, and 0 are there"),
            (&[0x12, 0x05, b'a'], "claims 5 bytes, and 1 are there"),
            (
                &[
                    0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, b'a',
                ],
                "and 1 are there",
            ),
            (&[0x1d, 1, 2], "claims 4 bytes, and 2 are there"),
            (&[0x0b], "field 1 has the wire type 3"),
            (&[0x00, 0x00], "number 0"),
            (&long, "more than 10 bytes"),
        ] {
            let error = all(bytes).unwrap_err();
            assert!(error.contains(problem), "{bytes:?}: {error}");
        }
    }
}
