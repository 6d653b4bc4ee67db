//! The names of the parameters of each family, as data.

mod decoders;
mod encoders;
mod rotating_encoders;

use crate::shape::Architecture;

/// The names of one family, without `.weight` and `.bias`.
pub(super) struct Family {
    /// What may stand before the backbone's names in files that also hold a head; the empty one comes last.
    pub(super) prefixes: &'static [&'static str],
    /// Our path of a part and its name in the checkpoint; `#` is the number of a block. Maps of one name lie side by side in one tensor,
    /// in this order.
    pub(super) parameters: &'static [&'static [(&'static str, &'static str)]],
    /// How a linear map of a block is stored.
    pub(super) maps: Layout,
    /// Gains of norms are stored less this.
    pub(super) gain_offset: f32,
    /// How names of constants end that older versions of `transformers` wrote into files: positions, causal masks, rotary frequencies.
    pub(super) buffers: &'static [&'static str],
    pub(super) pooler: Pooler,
    /// Output layers over the vocabulary, as versions of the family store them; the first is written.
    pub(super) heads: &'static [Head],
}

/// How linear maps are stored.
pub(super) enum Layout {
    /// `[d_out, d_in]`.
    Linear,
    /// `[d_in, d_out]`, as we keep them.
    Conv1d,
    /// As [`Layout::Linear`]; the rows of several maps in one are together for each head.
    PerHead,
}

/// Where a file has the map that a classification head puts on the first token.
pub(super) enum Pooler {
    None,
    /// Under the backbone's prefix.
    Inside(&'static str),
    /// Under no prefix.
    Beside(&'static str),
}

/// The names of an output layer over the vocabulary, which has no prefix.
pub(super) struct Head {
    /// Before the decoder, in masked language models and their kin.
    pub(super) transform: Option<Transform>,
    /// Where the bias may stand: the first that is there is read, the first of all is written. Empty: none.
    pub(super) biases: &'static [&'static str],
    /// `[vocab, embedding]`, where it is not the word embedding.
    pub(super) decoder: &'static str,
}

/// A map, an activation and a norm.
pub(super) struct Transform {
    pub(super) dense: &'static str,
    pub(super) norm: &'static str,
    pub(super) activation: HeadActivation,
}

/// The activation of a [`Transform`].
pub(super) enum HeadActivation {
    /// That of the blocks.
    OfBlocks,
    /// GELU, whatever the blocks have.
    Gelu,
    /// That of the classification head, which is the same module in ModernBERT; so is the bias of the map.
    OfClassifier,
}

impl Family {
    pub(super) fn of(architecture: Architecture) -> &'static Family {
        match architecture {
            Architecture::Bert => &encoders::BERT,
            Architecture::DistilBert => &encoders::DISTILBERT,
            Architecture::Roberta => &encoders::ROBERTA,
            Architecture::Electra => &encoders::ELECTRA,
            Architecture::Mpnet => &encoders::MPNET,
            Architecture::Albert => &encoders::ALBERT,
            Architecture::DebertaV2 => &encoders::DEBERTA_V2,
            Architecture::ModernBert => &rotating_encoders::MODERNBERT,
            Architecture::ModernBertDecoder => &rotating_encoders::MODERNBERT_DECODER,
            Architecture::GteNew => &rotating_encoders::GTE_NEW,
            Architecture::NomicBert => &rotating_encoders::NOMIC_BERT,
            Architecture::Gpt2 => &decoders::GPT2,
            Architecture::GptNeoX => &decoders::GPT_NEOX,
            Architecture::Opt => &decoders::OPT,
            Architecture::Phi3 => &decoders::PHI3,
            Architecture::Olmo2 => &decoders::OLMO2,
            Architecture::Gemma2 | Architecture::Gemma3 => &decoders::GEMMA,
            Architecture::Llama
            | Architecture::EuroBert
            | Architecture::Mistral
            | Architecture::Qwen2
            | Architecture::Qwen3
            | Architecture::SmolLm3 => &decoders::LLAMA,
        }
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.parameters.iter().flat_map(|some| some.iter().copied())
    }

    /// The name of one of our parts. A shape has no part that its family has no name for; this is tested on all families.
    pub(super) fn name(&self, part: &str) -> &'static str {
        let found = self.all().find(|(ours, _)| *ours == part);
        found.unwrap_or_else(|| panic!("no name for \"{part}\"")).1
    }

    /// Our parts that have this name, in the order in which they lie in its tensor.
    pub(super) fn parts_named(&self, name: &str) -> impl Iterator<Item = &'static str> {
        let same = self.all().filter(move |(_, theirs)| *theirs == name);
        same.map(|(ours, _)| ours)
    }

    /// Whether a name, without its prefix, lies in the part of the file that is the backbone's own.
    pub(super) fn is_inside(&self, name: &str) -> bool {
        let root = |name: &'static str| name.split('.').next().unwrap_or_default();
        let pooler = match self.pooler {
            Pooler::Inside(name) => Some(root(name)),
            Pooler::Beside(_) | Pooler::None => None,
        };
        let mut roots = self.all().map(|(_, theirs)| root(theirs)).chain(pooler);
        name.split_once('.')
            .is_some_and(|(first, _)| roots.any(|root| root == first))
    }
}
