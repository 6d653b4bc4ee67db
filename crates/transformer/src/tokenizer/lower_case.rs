//! `do_lower_case` of sentence_bert_config.json: texts in lower case before everything else, as sentence-transformers does it.

use std::sync::Arc;

use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};

use super::Tokenizer;

impl Tokenizer {
    /// The same, of texts in lower case. Added tokens that are matched before the normaliser keep their case.
    pub(crate) fn lower_casing(&self) -> Tokenizer {
        let before = self.inner.get_normalizer();
        if before.is_some_and(lowers) {
            return self.clone();
        }
        let steps = [NormalizerWrapper::from(Lowercase)].into_iter();
        let steps = match before.cloned() {
            Some(NormalizerWrapper::Sequence(sequence)) => steps.chain(sequence).collect(),
            other => steps.chain(other).collect(),
        };
        let mut inner = tokenizers::Tokenizer::clone(&self.inner);
        inner.with_normalizer(Some(Sequence::new(steps)));
        Tokenizer {
            inner: Arc::new(inner),
            ..self.clone()
        }
    }
}

fn lowers(normalizer: &NormalizerWrapper) -> bool {
    match normalizer {
        NormalizerWrapper::Lowercase(_) => true,
        NormalizerWrapper::Sequence(sequence) => sequence.as_ref().iter().any(lowers),
        _ => false,
    }
}
