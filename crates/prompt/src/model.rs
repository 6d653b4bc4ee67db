//! The pretrained model that is asked. Its weights never train.

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use transformer::{
    Backbone, Batch, Encoded, LanguageHead, Pretrained, SentenceFolder, Shape, Side, Tokenizer,
    collate,
};

/// How a model is asked for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The label words continue a prompt: causal language models.
    Prompt,
    /// The label words fill masks: encoders with a masked-language-model head.
    Cloze,
    /// Text and label words are compared as vectors: any model.
    Similarity,
}

/// The parts of a [`Pretrained`] that answer a prompt.
pub struct AskedModel {
    /// The backbone.
    pub backbone: Backbone,
    /// The language head, where the checkpoint has one.
    pub head: Option<LanguageHead>,
    /// The checkpoint's tokenizer.
    pub tokenizer: Tokenizer,
    /// Sizes and kind of the backbone.
    pub shape: Shape,
    /// The model's name in messages.
    pub name: String,
    /// `Pretrained::files_digest` of the model.
    pub digest: String,
    /// How sentence-transformers makes a vector of a text.
    pub sentence: SentenceFolder,
    /// Where the weights are.
    pub device: Device,
}

impl AskedModel {
    /// On the plain device: no operation is recorded.
    pub fn frozen(base: &Pretrained) -> Self {
        let head = base.language_head.as_ref().map(Module::valid);
        Self::assemble(base, base.backbone.valid(), head)
    }

    /// On the device with autodiff, for gradients with respect to what hooks insert; the weights need no gradient, so none is computed for
    /// them.
    pub fn differentiable(base: &Pretrained) -> Self {
        let head = base.language_head.clone();
        let head = head.map(|head| head.no_grad().train());
        Self::assemble(base, base.backbone.clone().no_grad().train(), head)
    }

    fn assemble(base: &Pretrained, backbone: Backbone, head: Option<LanguageHead>) -> Self {
        Self {
            device: backbone.device(),
            backbone,
            head,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            name: base.name.clone(),
            digest: base.files_digest.clone(),
            sentence: base.sentence.clone(),
        }
    }

    /// Whether the model can be asked in this way.
    pub fn allows(&self, mode: Mode) -> bool {
        match mode {
            Mode::Prompt => self.shape.causal && self.head.is_some(),
            Mode::Cloze => {
                !self.shape.causal && self.head.is_some() && self.tokenizer.mask_id().is_some()
            }
            Mode::Similarity => true,
        }
    }

    /// The first of prompt, cloze and similarity that the model allows.
    pub fn preferred_mode(&self) -> Mode {
        if self.allows(Mode::Prompt) {
            Mode::Prompt
        } else if self.allows(Mode::Cloze) {
            Mode::Cloze
        } else {
            Mode::Similarity
        }
    }

    /// Parameters of the backbone, and of the language head where `mode` uses it; a tied output matrix is counted once.
    pub fn params(&self, mode: Mode) -> u64 {
        let used = self.head.as_ref().filter(|_| mode != Mode::Similarity);
        let head = used.map_or(0, |head| match head.tied {
            true => head.num_params() - head.decoder.val().shape().num_elements(),
            false => head.num_params(),
        });
        (self.backbone.num_params() + head) as u64
    }

    /// Rows of token ids, padded on the right.
    pub fn batch(&self, rows: &[&[u32]]) -> Batch {
        let encode = |ids: &&[u32]| Encoded {
            ids: ids.to_vec(),
            types: vec![0; ids.len()],
            truncated_tokens: 0,
        };
        let encoded: Vec<Encoded> = rows.iter().map(encode).collect();
        let encoded: Vec<&Encoded> = encoded.iter().collect();
        collate(&encoded, self.tokenizer.pad_id(), Side::Right, &self.device)
    }

    /// The token of an otherwise empty prompt.
    pub fn filler(&self) -> u32 {
        let begin_or_end = self.tokenizer.bos_id().or(self.tokenizer.eos_id());
        begin_or_end.unwrap_or(self.tokenizer.pad_id())
    }

    /// Most tokens of the texts within a prompt: what other methods read of a text under the same `max_length`.
    pub fn text_length(&self, max_length: usize, pairs: bool) -> usize {
        let special = self.tokenizer.special_count(pairs);
        max_length.saturating_sub(special).max(1)
    }
}
