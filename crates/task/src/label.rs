//! A label as a file writes it, and which labels are the same class: strings are names, numbers are numbers.

/// One label. Two labels are the same class where their texts are equal; see [`Label::whole`] for those that are numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    text: String,
    written: Written,
}

/// What the format says of the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Written {
    /// A field of a format without types (TSV, CSV).
    Field,
    /// A string of a format with types (JSON, Parquet).
    String,
    /// A number or a truth value of such a format.
    Value,
}

/// From here on not every whole number is a number of 64 bits of its own (2⁵³).
const EXACT_FLOATS: f64 = 9_007_199_254_740_992.0;

impl Label {
    /// The label in a field of TSV or CSV; none where the field is empty.
    pub(crate) fn field(text: &str) -> Option<Self> {
        Self::new(text, Written::Field)
    }

    /// A string of JSON or Parquet; none where it is empty.
    pub(crate) fn string(text: &str) -> Option<Self> {
        Self::new(text, Written::String)
    }

    pub(crate) fn integer(number: i128) -> Self {
        Self {
            text: number.to_string(),
            written: Written::Value,
        }
    }

    pub(crate) fn truth(value: bool) -> Self {
        Self {
            text: value.to_string(),
            written: Written::Value,
        }
    }

    /// A floating-point number: 1.0 is the whole number 1 and −0.0 is 0, since pandas makes floats of integers; NaN, its missing value, is no label.
    ///
    /// # Errors
    /// An infinite number, or one so large that others round to it.
    pub(crate) fn float(number: f64) -> Result<Option<Self>, NotALabel> {
        if number.is_nan() {
            return Ok(None);
        }
        if number.abs() >= EXACT_FLOATS {
            return Err(NotALabel);
        }
        if number.fract() == 0.0 {
            return Ok(Some(Self::integer(number as i128)));
        }
        Ok(Some(Self {
            text: number.to_string(),
            written: Written::Value,
        }))
    }

    /// `number` tenths, hundredths .. as `scale` says: of decimal numbers too 1.00 is 1.
    pub(crate) fn decimal(number: i128, scale: i32) -> Self {
        let part = u32::try_from(scale)
            .ok()
            .and_then(|scale| 10_u128.checked_pow(scale));
        let part = part.unwrap_or(1);
        let (whole, rest) = (number.unsigned_abs() / part, number.unsigned_abs() % part);
        let sign = if number < 0 { "-" } else { "" };
        let digits = scale.unsigned_abs() as usize;
        let rest = format!("{rest:0digits$}");
        let text = match rest.trim_end_matches('0') {
            "" => whole.to_string(),
            rest => format!("{whole}.{rest}"),
        };
        Self {
            text: format!("{sign}{text}"),
            written: Written::Value,
        }
    }

    fn new(text: &str, written: Written) -> Option<Self> {
        let text = text.trim();
        let label = || Self {
            text: text.to_owned(),
            written,
        };
        (!text.is_empty()).then(label)
    }

    /// The name of the class.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The whole number that this is. Of the characters `1`, `01`, `+1` and `1.0` only the first are one; in a field of CSV or TSV, where
    /// numbers have no other form, also `1.0`.
    pub(crate) fn whole(&self) -> Option<i128> {
        let digits = match self.written {
            Written::Field => without_zero_fraction(&self.text),
            Written::String | Written::Value => &self.text,
        };
        plain_whole_number(digits)
    }

    /// The label as a user would write it in the file: strings of JSON and Parquet in quotes.
    pub(crate) fn quoted(&self) -> String {
        let text = crate::error::shortened(&self.text, 60);
        match self.written {
            Written::String => format!("`\"{text}\"`"),
            Written::Field | Written::Value => format!("`{text}`"),
        }
    }

    /// Whether this is how programs write that there is no label: pandas' words for it, `?`, and the −1 of benchmarks.
    pub(crate) fn says_none(&self) -> bool {
        is_missing_value(&self.text) || matches!(self.text.as_str(), "?" | "-1" | "-1.0")
    }
}

/// An infinite number, or one of 2⁵³ or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotALabel;

/// The words that stand for a missing value in a column of numbers, as pandas reads and writes them.
pub(crate) fn is_missing_value(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "nan", "NaN", "NA", "N/A", "<NA>", "null", "NULL", "None", "none",
    ];
    WORDS.contains(&text)
}

/// `1.0` and `1.00` without the fraction; others as they are.
fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => text,
    }
}

/// Digits without a sign `+` and without leading zeros, at most as many as fit.
fn plain_whole_number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.len() <= 30
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> Option<i128> {
        Label::field(text).unwrap().whole()
    }

    fn string(text: &str) -> Option<i128> {
        Label::string(text).unwrap().whole()
    }

    #[test]
    fn of_the_spellings_of_one_only_the_plain_ones_are_a_number() {
        for text in [
            "01", "001", "+1", "1.", ".0", "1.0.0", "1e0", "0x1", "١", "", "-",
        ] {
            assert_eq!(
                Label::field(text).and_then(|label| label.whole()),
                None,
                "{text}"
            );
            assert_eq!(
                Label::string(text).and_then(|label| label.whole()),
                None,
                "{text}"
            );
        }
        assert_eq!((field("1"), string("1")), (Some(1), Some(1)));
        assert_eq!((field("1.0"), string("1.0")), (Some(1), None));
        assert_eq!((field("-7"), field(" 10.00 ")), (Some(-7), Some(10)));
    }

    #[test]
    fn decimals_are_as_floats() {
        let text = |number, scale| Label::decimal(number, scale).text;
        assert_eq!(text(100, 2), "1");
        assert_eq!(text(-250, 2), "-2.5");
        assert_eq!(text(5, 2), "0.05");
        assert_eq!((text(7, 0), text(0, 3)), ("7".to_owned(), "0".to_owned()));
    }

    #[test]
    fn floats_that_are_whole_are_integers_and_nan_is_no_label() {
        let text = |number| Label::float(number).map(|label| label.map(|label| label.text));
        assert_eq!(text(1.0), Ok(Some("1".to_owned())));
        assert_eq!(text(-0.0), Ok(Some("0".to_owned())));
        assert_eq!(text(-2.5), Ok(Some("-2.5".to_owned())));
        assert_eq!(text(f64::NAN), Ok(None));
        for number in [f64::INFINITY, f64::NEG_INFINITY, 9_007_199_254_740_992.0] {
            assert_eq!(text(number), Err(NotALabel));
        }
    }
}
