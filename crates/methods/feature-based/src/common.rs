//! What a fitted classifier of frozen features keeps beside its own tensors: the model, how texts are read and encoded, which layers.

use crate::config::Scaling;
use crate::features::{Extractor, Features, PARTS_OF_A_PAIR};
use crate::prepared::{Candidate, Prepared};
use adapt::{
    Budget, Footprint, LoadAdapterError, PairEncoding, PredictError, Reading, SaveError, SavedInfo,
    Setting, default_pooling, has_pairs, write_info,
};
use linear::{Malformed, Tensors};
use serde_json::Value;
use std::path::Path;
use task::Example;
use transformer::{Depth, Embedder, Pretrained, SentenceFolder};

const FILE: &str = "features.safetensors";

/// 1 where pairs are encoded apart; there where the adapter was fitted on pairs.
const APART: &str = "pairs.apart";
/// 1 where both encodings were tried.
const TRIED_BOTH: &str = "pairs.tried_both";

/// The model and what the description beside the tensors says.
pub(crate) struct Common {
    method: &'static str,
    config: Value,
    scaling: Scaling,
    pub(crate) classes: Vec<String>,
    budget: Budget,
    extractor: Extractor,
    /// The numbers of blocks whose states are the features, side by side; rising.
    layers: Vec<usize>,
    /// `None` where it was fitted on single texts.
    pairs: Option<FittedPairs>,
    /// Whether it was fitted on pairs, where that is known.
    reads_pairs: Option<bool>,
}

/// How pairs are encoded.
#[derive(Clone, Copy)]
struct FittedPairs {
    encoding: PairEncoding,
    tried_both: bool,
}

impl Common {
    pub(crate) fn new(
        method: &'static str,
        config: Value,
        scaling: Scaling,
        setting: &Setting<'_>,
        prepared: Prepared,
        chosen: Candidate,
    ) -> Self {
        Self {
            method,
            config,
            scaling,
            classes: setting.classes.to_vec(),
            budget: setting.budget.clone(),
            extractor: prepared.extractor,
            layers: chosen.layers,
            pairs: prepared.encodings.map(|encodings| FittedPairs {
                encoding: chosen.encoding,
                tried_both: encodings.len() > 1,
            }),
            reads_pairs: Some(has_pairs(setting.train)),
        }
    }

    pub(crate) fn reads_pairs(&self) -> Option<bool> {
        self.reads_pairs
    }

    /// How much of the texts is read.
    pub(crate) fn reading(&self, examples: &[Example]) -> Result<Reading, PredictError> {
        self.extractor.reading(examples, self.encoding())
    }

    fn encoding(&self) -> PairEncoding {
        self.pairs
            .map_or(PairEncoding::Joint, |pairs| pairs.encoding)
    }

    /// The features, as the classifier was fitted on them but for a standardisation, which it contains.
    pub(crate) fn features(&self, examples: &[Example]) -> Result<Features, PredictError> {
        let encoding = self.encoding();
        let mut layers = self
            .extractor
            .features(examples, &self.layers, encoding, self.scaling)?;
        Ok(match layers.len() {
            1 => layers.remove(0),
            _ => Features::side_by_side(&layers),
        })
    }

    /// What runs for the features.
    pub(crate) fn footprint(&self) -> Footprint {
        let last = self.layers.last().copied().unwrap_or(0);
        Footprint {
            total_params: self.extractor.params_below(last),
            acts_from: Some(Depth::Head),
            extra_tokens: self.extractor.embedder().prompt_tokens() as f64,
            pairs: self.encoding(),
            pairs_tried_both: self.pairs.is_some_and(|pairs| pairs.tried_both),
            ..Footprint::default()
        }
    }

    pub(crate) fn write(&self, tensors: Tensors, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: self.method.to_owned(),
            config: self.config.clone(),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: self.extractor.embedder().plain_pooling(),
            base_model: self.extractor.model_name().to_owned(),
            base_digest: Some(self.extractor.model_digest().to_owned()),
            pairs: self.reads_pairs,
        };
        write_info(&info, dir)?;
        let path = dir.join(FILE);
        let mut tensors = tensors.indices("layer", &self.layers);
        if let Some(pairs) = self.pairs {
            let apart = pairs.encoding == PairEncoding::Apart;
            tensors = tensors
                .indices(APART, &[usize::from(apart)])
                .indices(TRIED_BOTH, &[usize::from(pairs.tried_both)]);
        }
        std::fs::write(&path, tensors.to_bytes()).map_err(|source| SaveError {
            path: path.display().to_string(),
            source,
        })
    }

    pub(crate) fn read(
        method: &'static str,
        config: Value,
        scaling: Scaling,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<(Self, Tensors), LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let bytes = adapt::read_tensor_file(dir, FILE)?;
        let in_file = |error| malformed(dir, error);
        let tensors = Tensors::from_bytes(&bytes).map_err(in_file)?;
        let layers = tensors.get_indices("layer").map_err(in_file)?;
        let most = base.shape.layers;
        if layers.is_empty()
            || !layers.is_sorted_by(|a, b| a < b)
            || layers.iter().any(|&layer| layer > most)
        {
            let reason = format!(
                "tensor \"layer\" is {layers:?}, expected rising numbers up to {most}; was it trained on another model?"
            );
            return Err(in_file(Malformed(reason)));
        }
        let pairs = read_pairs(&tensors).map_err(in_file)?;
        let embedder = embedder(&info, base).map_err(in_file)?;
        let common = Self {
            method,
            config,
            scaling,
            classes: info.classes,
            extractor: Extractor::new(base, embedder, info.budget.eval_batch),
            budget: info.budget,
            layers,
            pairs,
            reads_pairs: info.pairs,
        };
        Ok((common, tensors))
    }

    pub(crate) fn check_width(&self, found: usize, dir: &Path) -> Result<(), LoadAdapterError> {
        let layers = self.layers.iter();
        let one_text: usize = layers.map(|&layer| self.extractor.width(layer)).sum();
        let expected = match self.encoding() {
            PairEncoding::Joint => one_text,
            PairEncoding::Apart => PARTS_OF_A_PAIR * one_text,
        };
        if found == expected {
            return Ok(());
        }
        let reason = format!(
            "its classifier has {found} features, the model gives {expected}; was it trained on another model?"
        );
        Err(malformed(dir, Malformed(reason)))
    }
}

fn read_pairs(tensors: &Tensors) -> Result<Option<FittedPairs>, Malformed> {
    if !tensors.names().any(|name| name == APART) {
        return Ok(None);
    }
    let flag = |name: &str| match tensors.get_indices(name)?[..] {
        [0] => Ok(false),
        [1] => Ok(true),
        ref other => {
            let reason = format!("tensor \"{name}\" is {other:?}, expected [0] or [1]");
            Err(Malformed(reason))
        }
    };
    Ok(Some(FittedPairs {
        encoding: if flag(APART)? {
            PairEncoding::Apart
        } else {
            PairEncoding::Joint
        },
        tried_both: flag(TRIED_BOTH)?,
    }))
}

/// The pooling that was kept; without one the classifier was fitted on what the folder's modules give.
fn embedder(info: &SavedInfo, base: &Pretrained) -> Result<Embedder, Malformed> {
    if info.pooling.is_none() && matches!(base.sentence, SentenceFolder::None) {
        return Err(Malformed(
            "it was fitted on what the model's modules.json makes of its states, and this model's folder has none; give the folder it was trained on".to_owned(),
        ));
    }
    Embedder::new(
        &base.sentence,
        &base.tokenizer,
        &base.shape,
        info.budget.max_length.get(),
        info.pooling,
        default_pooling(&base.shape),
    )
    .map_err(|error| Malformed(error.to_string()))
}

pub(crate) fn malformed(dir: &Path, error: Malformed) -> LoadAdapterError {
    LoadAdapterError::Malformed {
        path: dir.join(FILE).display().to_string(),
        reason: error.0,
    }
}
