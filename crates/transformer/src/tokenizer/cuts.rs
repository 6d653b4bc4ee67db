//! Where a long text can be cut, read off the steps of a tokenizer.

use serde_json::Value;

use super::pieces::Cuts;

/// Patterns that end a match in front of every single space: of GPT-2, of Llama 3 (and GPT-4), of Qwen 2.
const PATTERNS: [&str; 3] = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];

impl Cuts {
    /// Reads it off the steps of a tokenizer, in the words of tokenizer.json.
    pub(super) fn of(
        tokenizer: &tokenizers::Tokenizer,
        normalizer: &Value,
        pre_tokenizer: &Value,
        model: &str,
    ) -> Cuts {
        let added = tokenizer.get_added_tokens_decoder();
        let ends_in_word = |text: &str| text.ends_with(char::is_alphanumeric);
        if added
            .values()
            .any(|t| word_then_space(&t.content) || t.rstrip && ends_in_word(&t.content))
        {
            return Cuts::Nowhere("an added token may reach over a space");
        }
        let normalizers = steps(normalizer, "normalizers");
        if let Some((last, before)) = normalizers.split_last()
            && writes_spaces(last)
            && before.iter().all(|step| is_local(step))
            && keeps_text_whole(pre_tokenizer)
        {
            return if model == "BPE" && !joins(tokenizer, '▁') {
                Cuts::BeforeSpace
            } else {
                Cuts::Nowhere("its model may join words")
            };
        }
        if !pre_tokenizer.is_null() {
            return match (
                normalizers.iter().all(|step| is_local(step)),
                ends_at_space(pre_tokenizer),
            ) {
                (false, _) => Cuts::Nowhere("its normalizer may change a space"),
                (true, Ends::AtSpace) => Cuts::BeforeSpace,
                (true, Ends::AtWord(space)) if model == "BPE" && !joins(tokenizer, space) => {
                    Cuts::BeforeSpace
                }
                (true, _) => Cuts::Nowhere("its pre-tokenizer may join words"),
            };
        }
        let starts_in_word = |text: &str| text.starts_with(char::is_alphanumeric);
        let as_words = added
            .values()
            .any(|t| starts_in_word(&t.content) || ends_in_word(&t.content));
        match is_llamas(normalizer) && model == "BPE" && !as_words && !joins(tokenizer, '▁') {
            true => Cuts::AtSpace,
            false => Cuts::Nowhere("it has no pre-tokenizer"),
        }
    }
}

/// What the pre-tokenizer does at a single space between two words.
enum Ends {
    /// The word ends there.
    AtSpace,
    /// It only writes the space as this letter; the model sees the text as one word.
    AtWord(char),
    Unknown,
}

fn ends_at_space(pre_tokenizer: &Value) -> Ends {
    let flag = |step: &Value, key: &str| step.get(key).is_none_or(|value| value == true);
    let mut result = Ends::Unknown;
    for step in steps(pre_tokenizer, "pretokenizers") {
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
        let ends = match kind {
            "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" => Ends::AtSpace,
            "ByteLevel" if flag(step, "use_regex") => Ends::AtSpace,
            "ByteLevel" => Ends::AtWord('Ġ'),
            "Metaspace" => match step.get("replacement").and_then(Value::as_str) {
                Some("▁") if flag(step, "split") => Ends::AtSpace,
                Some("▁") => Ends::AtWord('▁'),
                _ => return Ends::Unknown,
            },
            "Split" => {
                let pattern = step.pointer("/pattern/Regex").and_then(Value::as_str);
                let known = pattern.is_some_and(|pattern| PATTERNS.contains(&pattern));
                match known && step.get("behavior").is_some_and(|how| how == "Isolated") {
                    true => Ends::AtSpace,
                    false => return Ends::Unknown,
                }
            }
            "Digits" | "Punctuation" => continue,
            _ => return Ends::Unknown,
        };
        if !matches!(result, Ends::AtSpace) {
            result = ends;
        }
    }
    result
}

/// The steps of a sequence, or the step itself; none where there is none.
fn steps<'a>(step: &'a Value, key: &str) -> Vec<&'a Value> {
    match step.get(key).and_then(Value::as_array) {
        Some(inner) => inner.iter().flat_map(|step| steps(step, key)).collect(),
        None if step.is_null() => Vec::new(),
        None => vec![step],
    }
}

/// Whether a normalizer works letter by letter, so that it does the same on both sides of a space.
fn is_local(step: &Value) -> bool {
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    let letters = [
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "StripAccents",
        "Nmt",
        "Precompiled",
    ];
    let pattern = step.pointer("/pattern/String").and_then(Value::as_str);
    let apart = |text: &str| {
        let spaces = text.len() > 1 && text.chars().all(|c| c == ' ');
        let marks = !text.contains([' ', '▁']) && !text.contains(char::is_alphanumeric);
        spaces || !text.is_empty() && marks
    };
    let runs = [" {2,}", r"\s{2,}|[\n\r\t]"];
    let runs = step
        .pointer("/pattern/Regex")
        .is_some_and(|pattern| runs.iter().any(|one| pattern == one));
    let ends = kind == "Strip" && step.get("strip_left").is_some_and(|left| left == false);
    letters.contains(&kind) || kind == "Replace" && (pattern.is_some_and(apart) || runs) || ends
}

/// A normalizer that only writes every space as `▁`.
fn writes_spaces(step: &Value) -> bool {
    step.get("type").is_some_and(|kind| kind == "Replace")
        && step
            .pointer("/pattern/String")
            .is_some_and(|text| text == " ")
        && step.get("content").is_some_and(|text| text == "▁")
}

/// No pre-tokenizer, or one that looks for spaces where none are left (Gemma's).
fn keeps_text_whole(pre_tokenizer: &Value) -> bool {
    let splits = pre_tokenizer
        .get("type")
        .is_some_and(|kind| kind == "Split");
    let at_spaces = pre_tokenizer
        .pointer("/pattern/String")
        .is_some_and(|text| text == " ");
    pre_tokenizer.is_null() || splits && at_spaces
}

/// Llama 2's normalizer: `▁` in front, and for every space.
fn is_llamas(normalizer: &Value) -> bool {
    match &steps(normalizer, "normalizers")[..] {
        [first, second] => {
            first.get("type").is_some_and(|kind| kind == "Prepend")
                && first.get("prepend").is_some_and(|text| text == "▁")
                && writes_spaces(second)
        }
        _ => false,
    }
}

/// Whether a token reaches from a word over the letter that stands for a space.
fn joins(tokenizer: &tokenizers::Tokenizer, space: char) -> bool {
    let reaches = |word: &String| {
        let mut letters = word.chars().peekable();
        std::iter::from_fn(|| Some((letters.next()?, letters.peek().copied())))
            .any(|(a, b)| a != space && b == Some(space))
    };
    let words = tokenizer.get_vocab(false);
    // Where the space itself is unknown, it would be fused with an unknown letter.
    words.keys().any(reaches) || !words.contains_key(&space.to_string())
}

fn word_then_space(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    std::iter::from_fn(|| Some((letters.next()?, letters.peek().copied())))
        .any(|(a, b)| a.is_alphanumeric() && b == Some(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Cuts of a BPE model that writes spaces as `▁` and sees a text as one word.
    fn of(words: &[&str], merges: &[[&str; 2]]) -> Cuts {
        let words = words.iter().enumerate();
        let words: serde_json::Map<String, Value> = words
            .map(|(id, word)| ((*word).to_owned(), json!(id)))
            .collect();
        let normalizer = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let whole = json!({
            "normalizer": normalizer,
            "model": {"type": "BPE", "vocab": words, "merges": merges},
        });
        let tokenizer = tokenizers::Tokenizer::from_bytes(whole.to_string()).unwrap();
        Cuts::of(&tokenizer, &normalizer, &Value::Null, "BPE")
    }

    #[test]
    fn a_word_that_ends_with_a_space_keeps_a_text_whole() {
        let apart = of(&["t", "▁", "▁t"], &[["▁", "t"]]);
        assert_eq!(apart, Cuts::BeforeSpace);
        let joined = of(&["t", "▁", "t▁"], &[["t", "▁"]]);
        assert_eq!(joined, Cuts::Nowhere("its model may join words"));
        let unknown = of(&["t"], &[]);
        assert_eq!(unknown, Cuts::Nowhere("its model may join words"));
    }
}
