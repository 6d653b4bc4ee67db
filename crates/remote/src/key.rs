//! The key that a server asks for. It comes from the environment, goes into one header, and stands in no text that anybody reads.

use std::fmt;

/// The environment variable that holds it.
const VARIABLE: &str = "OPENAI_API_KEY";

/// What stands in its place.
const HIDDEN: &str = "[key]";

/// A key, or none for servers that ask for none. Its `Debug` does not show it.
#[derive(Clone, Default)]
pub struct Key(Option<String>);

impl Key {
    /// Of the environment; an empty variable is none.
    ///
    /// # Errors
    /// A key with characters that no header can carry. The message does not show it.
    pub fn of_environment() -> Result<Self, String> {
        Self::new(std::env::var(VARIABLE).unwrap_or_default())
    }

    /// # Errors
    /// As [`Key::of_environment`].
    pub fn new(key: String) -> Result<Self, String> {
        match key.trim() {
            "" => Ok(Self(None)),
            key if key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Self(Some(key.to_owned())))
            }
            _ => Err(format!(
                "{VARIABLE} holds characters that no request can carry, expected letters, digits and punctuation; copy it anew"
            )),
        }
    }

    /// The header's value.
    pub(crate) fn header(&self) -> Option<String> {
        self.0.as_ref().map(|key| format!("Bearer {key}"))
    }

    /// The text with the key taken out, whole or by its beginning, as servers quote it.
    pub fn hide(&self, text: &str) -> String {
        const QUOTED: usize = 8;
        let Some(key) = &self.0 else {
            return text.to_owned();
        };
        let hidden = text.replace(key.as_str(), HIDDEN);
        match key.get(..QUOTED).filter(|_| key.len() > QUOTED) {
            Some(begin) => hidden.replace(begin, HIDDEN),
            None => hidden,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.0.is_some() { HIDDEN } else { "none" };
        write!(formatter, "Key({shown})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_no_text() {
        let key = Key::new(" sk-abcdefghij \n".to_owned()).unwrap();
        assert_eq!(format!("{key:?}"), "Key([key])");
        assert_eq!(key.header().unwrap(), "Bearer sk-abcdefghij");
        let said = "wrong key sk-abcdefghij, seen as sk-abcde***";
        assert_eq!(key.hide(said), "wrong key [key], seen as [key]***");
        let error = Key::new("sk-\u{e4}bcdefgh".to_owned()).unwrap_err();
        assert!(!error.contains("bcdefgh"), "{error}");
    }

    #[test]
    fn an_empty_variable_is_no_key() {
        let none = Key::new("  ".to_owned()).unwrap();
        assert_eq!(
            (none.header(), none.hide("a text")),
            (None, "a text".to_owned())
        );
        assert_eq!(format!("{none:?}"), "Key(none)");
    }
}
