//! Tokens that the settings add to a vocabulary, in the order in which transformers adds them, which decides their ids
//! (`TokenizersBackend.__init__`).

use std::collections::{HashMap, HashSet};

use tokenizers::AddedToken;

use super::settings::{Named, Settings};

/// Adds the tokens that the settings name and the tokenizer has not yet, in the order of transformers.
pub(super) fn add_tokens(
    tokenizer: &mut tokenizers::Tokenizer,
    settings: &Settings,
    functions: &[(String, Named)],
    extra: &[Named],
) {
    let there = tokenizer.get_added_tokens_decoder();
    let there: HashMap<&str, &AddedToken> = there
        .values()
        .map(|token| (token.content.as_str(), token))
        .collect();
    let marks = |t: &AddedToken| (t.single_word, t.lstrip, t.rstrip, t.normalized, t.special);
    let mut new: Vec<AddedToken> = settings.declared.values().cloned().collect();
    new.retain(|token| {
        let other = there.get(token.content.as_str());
        other.is_none_or(|other| marks(other) != marks(token))
    });
    let named = functions.iter().map(|(_, named)| named);
    let functions: HashSet<&str> = named.clone().map(Named::content).collect();
    for token in &mut new {
        token.special |= functions.contains(token.content.as_str());
    }
    let mut known: HashSet<String> = there.keys().map(|&content| content.to_owned()).collect();
    known.extend(new.iter().map(|token| token.content.clone()));
    for token in named.chain(extra) {
        if !known.insert(token.content().to_owned()) {
            continue;
        }
        new.push(match token {
            Named::Text(text) => AddedToken::from(text.clone(), true),
            Named::Token(token) => AddedToken {
                special: token.special || functions.contains(token.content.as_str()),
                ..token.clone()
            },
        });
    }
    tokenizer.add_tokens(&new);
}

/// Adds all of them once more by their texts, as `Qwen2Tokenizer` does: whatever marks the files gave them, they then have those of a
/// special token.
pub(super) fn add_again(
    tokenizer: &mut tokenizers::Tokenizer,
    functions: &[(String, Named)],
    extra: &[Named],
) {
    let named = functions.iter().map(|(_, named)| named).chain(extra);
    let tokens = named.map(|named| AddedToken::from(named.content().to_owned(), true));
    tokenizer.add_tokens(&tokens.collect::<Vec<_>>());
}

/// Tokens that have another id than a file says, or the id of another token: both as in transformers.
pub(super) fn other_ids(tokenizer: &tokenizers::Tokenizer, settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (declared, token) in &settings.declared {
        let given = tokenizer.token_to_id(&token.content);
        if let Some(given) = given.filter(|given| given != declared) {
            names.push(format!("\"{}\" {declared} -> {given}", token.content));
        }
    }
    if !names.is_empty() {
        let more = names.len().saturating_sub(5);
        names.truncate(5);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        notes.push(format!(
            "added tokens whose ids do not follow on the vocabulary have others than their file says, as in transformers: {}{more}",
            names.join(", ")
        ));
    }
    notes
}
