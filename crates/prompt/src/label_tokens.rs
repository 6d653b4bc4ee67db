//! Label words as token ids, and which of them a model can tell apart.

use crate::model::AskedModel;
use crate::pieces::Pieces;
use adapt::FitError;
use transformer::{TokenizeError, Tokenizer};

/// Token ids of each label word. `lead`: the spaces before the label in the template.
///
/// # Errors
/// If the tokenizer refuses a word.
pub fn label_tokens(
    words: &[String],
    lead: &str,
    pieces: &Pieces,
) -> Result<Vec<Vec<u32>>, TokenizeError> {
    let tokens = |word: &String| pieces.following(&format!("{lead}{}", word.trim()));
    words.iter().map(tokens).collect()
}

/// Token ids of each label word by itself, without special tokens.
///
/// # Errors
/// If the tokenizer refuses a word.
pub fn lone_word_tokens(
    words: &[String],
    tokenizer: &Tokenizer,
) -> Result<Vec<Vec<u32>>, TokenizeError> {
    let tokens = |word: &String| tokenizer.encode_plain(word);
    words.iter().map(tokens).collect()
}

/// `tokens`: what the method compares of each class's label word. `method`: its name, for the message.
///
/// # Errors
/// A word without a token that the model knows, or two classes whose words have the same tokens.
pub fn refuse_indistinct(
    method: &str,
    model: &AskedModel,
    classes: &[String],
    words: &[String],
    tokens: &[Vec<u32>],
) -> Result<(), FitError> {
    let unknown = model.tokenizer.unk_id();
    let remedy = format!("give other label words (--set {method}.label_words=...)");
    for (class, own) in tokens.iter().enumerate() {
        let (name, word) = (&classes[class], &words[class]);
        if own.iter().all(|&token| Some(token) == unknown) {
            return Err(FitError::NotApplicable(format!(
                "{method}: {} has no token for \"{word}\", the label word of class \"{name}\"; {remedy}",
                model.name
            )));
        }
        if let Some(other) = tokens[..class].iter().position(|other| other == own) {
            return Err(FitError::NotApplicable(format!(
                "{method}: classes \"{}\" and \"{name}\" have label words with the same tokens (\"{}\" and \"{word}\"), which {} cannot tell apart; {remedy}",
                classes[other], words[other], model.name
            )));
        }
    }
    Ok(())
}
