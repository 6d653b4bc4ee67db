//! What a tokenizer may cost. A file of a few bytes can ask for gigabytes: a text in front of every text, replacements that make
//! each other longer, a template that repeats the text. Nothing in use comes near these bounds.

use serde_json::Value;

use super::base64;
use super::parts::{ModelSettings, Parts};

/// Of a text that a normalizer puts in front of others: `▁` has 3.
const PREPENDED_BYTES: usize = 64;
/// How much longer all replacements together may make a text. Llama's makes one byte three.
const GROWTH: usize = 64;
/// Of what SentencePiece puts in the place of a letter: the longest one of NFKC has 33.
const REPLACEMENT_BYTES: usize = 128;
/// Steps of all normalizers and pre-tokenizers.
const STEPS: usize = 64;
/// Of a mark at the parts of a word: `##` has 2.
const AFFIX_BYTES: usize = 64;
/// The search in a word takes the square of its length; BERT's longest word has 100.
const WORD_CHARS: u64 = 1_000;
/// Of one added token.
const TOKEN_BYTES: usize = 1_024;
/// Of all added tokens; they are searched by one automaton.
const TOKENS_BYTES: usize = 1 << 20;
const TOKENS: usize = 65_536;
/// Tokens that a post-processor puts around a text or pair.
const AROUND: usize = 64;

/// Refuses, by name, what would cost more than these bounds.
pub(super) fn check_parts(parts: &Parts) -> Result<(), String> {
    check_model(&parts.model)?;
    let mut cost = Cost {
        steps: 0,
        growth: 1,
        prepended: 0,
    };
    cost.add(&parts.normalizer)?;
    cost.add(&parts.pre_tokenizer)?;
    check_post_processor(&parts.post_processor)?;
    if parts.added_tokens.len() > TOKENS {
        return Err(beyond(
            "added_tokens",
            parts.added_tokens.len(),
            "tokens",
            TOKENS,
        ));
    }
    let contents = parts.added_tokens.iter();
    check_contents(contents.filter_map(|token| token.get("content")?.as_str()))
}

/// The same for the tokens that other files add.
pub(super) fn check_added<'a>(tokens: impl Iterator<Item = &'a str> + Clone) -> Result<(), String> {
    if tokens.clone().count() > TOKENS {
        return Err(beyond("added tokens", tokens.count(), "tokens", TOKENS));
    }
    check_contents(tokens)
}

fn check_contents<'a>(contents: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut all = 0;
    for content in contents {
        all += content.len();
        if content.len() > TOKEN_BYTES {
            let start: String = content.chars().take(20).collect();
            let what = format!("the added token \"{start}..\"");
            return Err(beyond(&what, content.len(), "bytes", TOKEN_BYTES));
        }
    }
    if all > TOKENS_BYTES {
        return Err(beyond(
            "all added tokens together",
            all,
            "bytes",
            TOKENS_BYTES,
        ));
    }
    Ok(())
}

fn check_model(model: &ModelSettings) -> Result<(), String> {
    if let Some(dropout) = model.dropout
        && dropout != 0.0
    {
        return Err(format!(
            "\"dropout\" of its model is {dropout}: the same text would have other tokens each time; expected null"
        ));
    }
    for (name, affix) in [
        (
            "continuing_subword_prefix",
            &model.continuing_subword_prefix,
        ),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        let bytes = affix.as_ref().map_or(0, String::len);
        if bytes > AFFIX_BYTES {
            return Err(beyond(&format!("\"{name}\""), bytes, "bytes", AFFIX_BYTES));
        }
    }
    let longest = model.max_input_chars_per_word.unwrap_or(0);
    if longest > WORD_CHARS {
        return Err(format!(
            "\"max_input_chars_per_word\" is {longest}, expected at most {WORD_CHARS}"
        ));
    }
    Ok(())
}

struct Cost {
    steps: usize,
    growth: usize,
    prepended: usize,
}

impl Cost {
    /// One normalizer or pre-tokenizer, or a sequence of them.
    fn add(&mut self, step: &Value) -> Result<(), String> {
        for key in ["normalizers", "pretokenizers"] {
            for inner in step
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.add(inner)?;
            }
        }
        if !step.is_null() {
            self.steps += 1;
        }
        match step.get("type").and_then(Value::as_str) {
            // Each byte becomes a letter, many of them of two bytes.
            Some("ByteLevel") => self.growth = self.growth.saturating_mul(2),
            Some("Precompiled") => check_charsmap(step)?,
            _ => {}
        }
        if let Some(text) = step.get("prepend").and_then(Value::as_str) {
            self.prepended += text.len();
        }
        if let Some(content) = step.get("content").and_then(Value::as_str)
            && let Some(pattern) = step.get("pattern")
        {
            // A regular expression may match between any two bytes.
            let literal = pattern.get("String").and_then(Value::as_str);
            let growth = match literal.map(str::len) {
                Some(length) if length > 0 => content.len().div_ceil(length),
                _ => content.len().saturating_add(1),
            };
            self.growth = self.growth.saturating_mul(growth.max(1));
        }
        let bounds = [
            ("normalizers and pre-tokenizers", self.steps, "steps", STEPS),
            (
                "what its normalizers put in front",
                self.prepended,
                "bytes",
                PREPENDED_BYTES,
            ),
            (
                "what its normalizers make of one byte",
                self.growth,
                "bytes",
                GROWTH,
            ),
        ];
        let over = bounds.iter().find(|(_, found, _, most)| found > most);
        over.map_or(Ok(()), |(what, found, unit, most)| {
            Err(beyond(what, *found, unit, *most))
        })
    }
}

/// What SentencePiece compiled begins with the size of its trie, in four bytes, for which the library takes memory before it looks
/// whether the trie is there. Behind the trie stand the replacements, each of which a zero byte ends.
fn check_charsmap(step: &Value) -> Result<(), String> {
    let text = step.get("precompiled_charsmap").and_then(Value::as_str);
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err("the Precompiled normalizer has no precompiled_charsmap".to_owned());
    };
    let map = base64::decode(text);
    let Some((size, rest)) = map.as_ref().and_then(|map| map.split_first_chunk()) else {
        return Err("precompiled_charsmap is not base64 of a trie".to_owned());
    };
    let size = u32::from_le_bytes(*size) as usize;
    let Some(replacements) = rest.get(size..) else {
        return Err(format!(
            "precompiled_charsmap claims a trie of {size} bytes and has {} bytes in all",
            rest.len()
        ));
    };
    let longest = replacements.split(|byte| *byte == 0).map(<[u8]>::len).max();
    match longest {
        Some(longest) if longest > REPLACEMENT_BYTES => Err(beyond(
            "a replacement in precompiled_charsmap",
            longest,
            "bytes",
            REPLACEMENT_BYTES,
        )),
        _ => Ok(()),
    }
}

/// A template has each text at most once, and not many tokens around it.
fn check_post_processor(processor: &Value) -> Result<(), String> {
    let inner = processor.get("processors").and_then(Value::as_array);
    let inner = inner.map_or(&[][..], Vec::as_slice);
    if inner.len() > AROUND {
        return Err(beyond("post_processor", inner.len(), "processors", AROUND));
    }
    inner.iter().try_for_each(check_post_processor)?;
    for key in ["single", "pair"] {
        let pieces = processor.get(key).and_then(Value::as_array);
        let pieces = pieces.map_or(&[][..], Vec::as_slice);
        let template = format!("the template \"{key}\" of post_processor");
        if pieces.len() > AROUND {
            return Err(beyond(&template, pieces.len(), "pieces", AROUND));
        }
        for text in ["A", "B"] {
            let here = |piece: &&Value| piece.pointer("/Sequence/id").is_some_and(|id| id == text);
            if pieces.iter().filter(here).count() > 1 {
                return Err(format!("{template} has the text {text} more than once"));
            }
        }
    }
    let special = processor.get("special_tokens").and_then(Value::as_object);
    for (name, token) in special.into_iter().flatten() {
        let ids = token
            .get("ids")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        if ids > AROUND {
            let name: String = name.chars().take(20).collect();
            let what = format!("the special token \"{name}\" of post_processor");
            return Err(beyond(&what, ids, "ids", AROUND));
        }
    }
    Ok(())
}

fn beyond(what: &str, found: usize, unit: &str, most: usize) -> String {
    format!("{what}: {found} {unit}, expected at most {most}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(change: Value) -> Result<(), String> {
        let mut file = json!({"model": {"type": "BPE"}});
        for (key, value) in change.as_object().unwrap() {
            file[key] = value.clone();
        }
        check_parts(&serde_json::from_value(file).unwrap())
    }

    fn replace(pattern: &Value, content: &str) -> Value {
        json!({"type": "Replace", "pattern": pattern, "content": content})
    }

    #[test]
    fn letters_of_bytes_double_what_they_are_made_of() {
        let steps = |n: usize| json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": vec![json!({"type": "ByteLevel"}); n]}});
        assert_eq!(check(steps(6)), Ok(()));
        assert!(check(steps(7)).is_err());
    }

    #[test]
    fn a_compiled_map_that_claims_more_than_it_has_is_refused() {
        let of = |map: &str| {
            check(json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": map}}))
        };
        // Little-endian: 4 and 255 bytes.
        assert_eq!(of("BAAAAAAAAAAAAAAA"), Ok(()));
        for map in ["", "/////w==", "/wAAAAAAAAAAAAAA", "BAAA", "!AAAAAAA"] {
            assert!(of(map).is_err(), "{map}");
        }
    }

    #[test]
    fn a_replacement_in_a_compiled_map_is_not_long() {
        let of = |bytes: usize| {
            let map = [&[4, 0, 0, 0, 0, 0, 0, 0][..], &vec![b'x'; bytes], &[0]].concat();
            let map = base64::encode(&map);
            check(json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": map}}))
        };
        assert_eq!(of(128), Ok(()));
        assert!(of(129).unwrap_err().starts_with("a replacement in"));
    }

    #[test]
    fn replacements_are_bounded_together_and_not_one_by_one() {
        let letter = json!({"String": "a"});
        let steps = |n: usize| json!({"normalizer": {"type": "Sequence", "normalizers": vec![replace(&letter, "aaaa"); n]}});
        assert_eq!(check(steps(3)), Ok(()));
        let error = "what its normalizers make of one byte: 256 bytes, expected at most 64";
        assert_eq!(check(steps(4)), Err(error.to_owned()));
        let by_regex = replace(&json!({"Regex": "x*"}), &"y".repeat(64));
        assert!(check(json!({"normalizer": by_regex})).is_err());
        assert!(
            check(json!({"normalizer": replace(&json!({"String": ""}), &"y".repeat(64))})).is_err()
        );
        // Llama's, and one that shortens.
        assert_eq!(
            check(json!({"normalizer": replace(&json!({"String": " "}), "▁")})),
            Ok(())
        );
    }

    #[test]
    fn long_texts_in_front_and_long_tokens_are_refused_by_name() {
        let prepend =
            |n: usize| json!({"normalizer": {"type": "Prepend", "prepend": "x".repeat(n)}});
        assert_eq!(check(prepend(64)), Ok(()));
        assert!(
            check(prepend(1 << 20))
                .unwrap_err()
                .starts_with("what its normalizers put in front")
        );
        let token = |n: usize| json!({"added_tokens": [{"content": "x".repeat(n)}]});
        assert_eq!(check(token(1_024)), Ok(()));
        assert!(
            check(token(100_000))
                .unwrap_err()
                .contains("the added token \"xxxx")
        );
        let many = vec![json!({"content": "x".repeat(1_000)}); 1_100];
        assert!(
            check(json!({"added_tokens": many}))
                .unwrap_err()
                .contains("together")
        );
        let affix =
            json!({"model": {"type": "WordPiece", "continuing_subword_prefix": "#".repeat(65)}});
        assert!(
            check(affix)
                .unwrap_err()
                .contains("continuing_subword_prefix")
        );
    }

    #[test]
    fn a_template_has_a_text_once() {
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let once = json!({"type": "TemplateProcessing", "single": [text], "pair": [text]});
        let twice = json!({"type": "TemplateProcessing", "single": [text, text], "pair": [text]});
        assert_eq!(check(json!({"post_processor": once})), Ok(()));
        let error = check(json!({"post_processor": twice})).unwrap_err();
        assert!(error.contains("\"single\" of post_processor has the text A more than once"));
        let nested = json!({"type": "Sequence", "processors": [once, twice]});
        assert!(check(json!({"post_processor": nested})).is_err());
        let piece = json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}});
        let many =
            json!({"type": "TemplateProcessing", "single": vec![piece; 2_000], "pair": [text]});
        assert!(
            check(json!({"post_processor": many}))
                .unwrap_err()
                .contains("2000 pieces")
        );
    }

    #[test]
    fn dropout_is_refused_because_ids_would_be_drawn() {
        let with = |dropout: Value| json!({"model": {"type": "BPE", "dropout": dropout}});
        assert_eq!(check(with(json!(0.0))), Ok(()));
        assert!(check(with(json!(0.1))).unwrap_err().contains("dropout"));
    }
}
