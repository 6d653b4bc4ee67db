//! Tokenizers trained on the corpus, through the `tokenizers` crate: word pieces for BERT, byte-level pairs for causal models.

use crate::{Corpus, Family, PretrainError};
use std::collections::BTreeMap;
use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizedString, Normalizer, NormalizerWrapper, OffsetReferential,
    OffsetType, PostProcessorWrapper, PreTokenizedString, PreTokenizer, PreTokenizerWrapper,
    SplitDelimiterBehavior, Tokenizer, TokenizerBuilder, Trainer,
};

/// Stands between documents in causal pretraining, and is padding there.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// Special tokens of BERT, in the order of their ids.
pub const BERT_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

type Builder<M> = TokenizerBuilder<
    M,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Trains a tokenizer of at most `vocab` tokens.
///
/// # Errors
/// What the `tokenizers` crate refuses.
pub fn train(family: Family, vocab: usize, corpus: &Corpus) -> Result<Tokenizer, PretrainError> {
    let trained = match family {
        Family::Bert => word_pieces(vocab, corpus),
        Family::Gpt2 | Family::Llama => byte_pairs(vocab, corpus),
    };
    trained.map_err(PretrainError::Tokenizer)
}

/// What `tokenizer_config.json` says beside tokenizer.json.
pub(crate) fn settings_json(family: Family) -> serde_json::Value {
    match family {
        Family::Bert => serde_json::json!({
            "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
            "sep_token": "[SEP]", "mask_token": "[MASK]",
        }),
        Family::Gpt2 | Family::Llama => serde_json::json!({
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END_OF_TEXT, "eos_token": END_OF_TEXT, "pad_token": END_OF_TEXT,
        }),
    }
}

fn texts(corpus: &Corpus) -> impl Iterator<Item = &str> + Send {
    let paragraphs = corpus
        .documents
        .iter()
        .flat_map(|document| &document.paragraphs);
    paragraphs.map(String::as_str)
}

/// Characters of a word-piece vocabulary, the most frequent ones of the corpus.
const ALPHABET: usize = 400;

fn word_pieces(vocab: usize, corpus: &Corpus) -> tokenizers::Result<Tokenizer> {
    let id = |token: &str| {
        let at = BERT_TOKENS.iter().position(|&t| t == token);
        (token.to_owned(), at.expect("listed") as u32)
    };
    let mut tokenizer = Builder::default()
        .with_model(WordPiece::default())
        .with_normalizer(Some(NormalizerWrapper::from(BertNormalizer::new(
            true, true, None, true,
        ))))
        .with_pre_tokenizer(Some(PreTokenizerWrapper::from(BertPreTokenizer)))
        .with_post_processor(Some(PostProcessorWrapper::from(BertProcessing::new(
            id("[SEP]"),
            id("[CLS]"),
        ))))
        .with_decoder(Some(DecoderWrapper::from(WordPieceDecoder::default())))
        .build()?;
    let words = |text: &str| -> tokenizers::Result<Vec<String>> {
        let mut text = NormalizedString::from(text);
        BertNormalizer::new(true, true, None, true).normalize(&mut text)?;
        let mut text = PreTokenizedString::from(text);
        BertPreTokenizer.pre_tokenize(&mut text)?;
        let splits = text.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        Ok(splits
            .into_iter()
            .map(|(word, _, _)| word.to_owned())
            .collect())
    };
    // The trainer numbers characters in the order of a hash map, which differs from run to run, and settles ties by number. Given all of them in
    // advance, as if they were special, it numbers them as they come here.
    let alphabet = alphabet(corpus, &words)?;
    let inner = alphabet.iter().map(|c| format!("##{c}"));
    let first = BERT_TOKENS.map(str::to_owned).into_iter().chain(inner);
    let mut trainer = WordPieceTrainer::builder()
        .vocab_size(vocab)
        .min_frequency(2)
        .limit_alphabet(alphabet.len())
        .initial_alphabet(alphabet.iter().copied().collect())
        .special_tokens(first.map(|token| AddedToken::from(token, true)).collect())
        .show_progress(false)
        .build();
    trainer.feed(texts(corpus), words)?;
    let mut model = WordPiece::default();
    trainer.train(&mut model)?;
    tokenizer.with_model(model);
    tokenizer.add_special_tokens(&BERT_TOKENS.map(|token| AddedToken::from(token, true)));
    reread(&tokenizer.to_string(false)?)
}

/// The most frequent characters, in the order of their code points.
fn alphabet(
    corpus: &Corpus,
    words: &dyn Fn(&str) -> tokenizers::Result<Vec<String>>,
) -> tokenizers::Result<Vec<char>> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for text in texts(corpus) {
        for c in words(text)?.iter().flat_map(|word| word.chars()) {
            *counts.entry(c).or_default() += 1;
        }
    }
    let mut frequent: Vec<(char, u64)> = counts.into_iter().collect();
    frequent.sort_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
    frequent.truncate(ALPHABET);
    let mut alphabet: Vec<char> = frequent.into_iter().map(|(c, _)| c).collect();
    alphabet.sort();
    Ok(alphabet)
}

/// Line breaks are tokens of their own, so that the pieces of a prompt have the same ids wherever they stand.
fn byte_pairs(vocab: usize, corpus: &Corpus) -> tokenizers::Result<Tokenizer> {
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab)
        .min_frequency(2)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .show_progress(false)
        .build();
    let lines = Split::new(
        SplitPattern::String("\n".to_owned()),
        SplitDelimiterBehavior::Isolated,
        false,
    )?;
    let pre = Sequence::new(vec![lines.into(), ByteLevel::new(false, true, true).into()]);
    let mut tokenizer = Builder::default()
        .with_model(BPE::default())
        .with_pre_tokenizer(Some(PreTokenizerWrapper::from(pre)))
        .with_decoder(Some(DecoderWrapper::from(ByteLevelDecoder::default())))
        .build()?;
    tokenizer.train(&mut trainer, texts(corpus))?;
    reread(&tokenizer.to_string(false)?)
}

/// The tokenizer as whoever reads the file gets it.
fn reread(json: &str) -> tokenizers::Result<Tokenizer> {
    json.parse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn corpus() -> Corpus {
        let paragraphs = [
            "The cat sat on the mat.",
            "A dog sat there; the cat ran.",
            "Cats and dogs: Naïve!",
        ];
        let document = Document {
            paragraphs: paragraphs.iter().map(|text| text.repeat(9)).collect(),
        };
        Corpus {
            documents: vec![document],
            ..Corpus::default()
        }
    }

    #[test]
    fn word_pieces_stand_between_cls_and_sep_and_know_no_case() {
        let tokenizer = train(Family::Bert, 300, &corpus()).unwrap();
        let ids = |text: &str| tokenizer.encode(text, true).unwrap().get_ids().to_vec();
        assert_eq!(ids("The CAT sat"), ids("the cat sat"));
        let tokens = tokenizer
            .encode("the cat", true)
            .unwrap()
            .get_tokens()
            .to_vec();
        assert_eq!(tokens, ["[CLS]", "the", "cat", "[SEP]"]);
        assert_eq!(tokenizer.token_to_id("[PAD]"), Some(0));
    }

    #[test]
    fn the_same_corpus_gives_the_same_vocabulary() {
        for family in [Family::Bert, Family::Gpt2] {
            let text = || {
                train(family, 300, &corpus())
                    .unwrap()
                    .to_string(false)
                    .unwrap()
            };
            let first = text();
            for _ in 0..5 {
                assert!(text() == first, "{family:?}");
            }
        }
    }

    #[test]
    fn pieces_of_a_prompt_have_the_ids_they_have_within_it() {
        let tokenizer = train(Family::Llama, 320, &corpus()).unwrap();
        let ids = |text: &str| tokenizer.encode(text, false).unwrap().get_ids().to_vec();
        let pieces = ["Text:", " the cat", "\nLabel:", " dog", "\n\n", "Text:"];
        let apart: Vec<u32> = pieces.iter().flat_map(|piece| ids(piece)).collect();
        assert_eq!(apart, ids(&pieces.concat()));
        assert_eq!(
            tokenizer.decode(&ids("Naïve — so!"), true).unwrap(),
            "Naïve — so!"
        );
    }
}
