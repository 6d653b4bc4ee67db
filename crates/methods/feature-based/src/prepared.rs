//! Features of both splits for everything that is tried, and what there is to try.

use crate::config::{Layer, Pairs, Scaling};
use crate::features::{Extractor, Features, PARTS_OF_A_PAIR};
use adapt::{
    DataShape, Event, FitError, Held, PairEncoding, Phase, Setting, default_pooling, note_folder,
};
use linear::Dense;
use serde_json::Value;
use transformer::{Embedder, Pooling, Pretrained};

/// One kind of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// How the texts of a pair are encoded; joint for single texts.
    pub(crate) encoding: PairEncoding,
    /// The layer, or the layers that stand side by side, rising.
    pub(crate) layers: Vec<usize>,
}

/// What of a method's settings says which features there are.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) pooling: Option<Pooling>,
    pub(crate) layer: Layer,
    pub(crate) pairs: Pairs,
    pub(crate) scaling: Scaling,
}

/// Features of both splits for everything that is tried.
pub(crate) struct Prepared {
    pub(crate) extractor: Extractor,
    /// Pairs encoded jointly before those apart, lower layers before higher ones: of equals the first is kept.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) train: Vec<Features>,
    validation: Vec<Features>,
    /// How pairs are encoded in what is tried; `None` where the texts are single ones.
    pub(crate) encodings: Option<&'static [PairEncoding]>,
    /// Examples with a text that was cut.
    truncated: Vec<(PairEncoding, usize)>,
}

impl Wanted {
    /// Every text's vector of every layer that is looked at, in f32 as the model gives them, and one kind of them in f64 as the classifiers
    /// read them.
    pub(crate) fn held(&self, data: &DataShape<'_>) -> Option<Held> {
        let shape = data.shape?;
        let layers = match self.layer {
            Layer::Last | Layer::After(_) => 1,
            Layer::Auto | Layer::All => shape.layers + 1,
        };
        let at_once = if self.layer == Layer::All { layers } else { 1 };
        let encodings = if data.pairs {
            self.pairs.encodings(data.texts[1] > 0)
        } else {
            &[PairEncoding::Joint]
        };
        let parts = |encoding: &PairEncoding| match encoding {
            PairEncoding::Joint => 1,
            PairEncoding::Apart => PARTS_OF_A_PAIR,
        };
        let all: usize = encodings.iter().map(parts).sum();
        let widest = encodings.iter().map(parts).max().unwrap_or(1);
        let numbers = data.texts.iter().sum::<usize>() * shape.hidden;
        Some(Held {
            runs_model: true,
            kept_bytes: (numbers * (4 * all * layers + 8 * widest * at_once)) as u64,
        })
    }
}

impl Prepared {
    pub(crate) fn new(
        method: &str,
        wanted: Wanted,
        setting: &mut Setting<'_>,
    ) -> Result<Self, FitError> {
        let base = setting.take_model(method)?;
        let layers = layers(method, wanted.layer, base.shape.layers)?;
        (setting.events)(Event::Began(Phase::Prepare));
        let embedder = embedder(method, wanted.pooling, &base, setting)?;
        let extractor = Extractor::new(&base, embedder, setting.budget.eval_batch);
        let pairs = setting.train.iter().any(|example| example.second.is_some());
        let encodings = pairs.then(|| wanted.pairs.encodings(!setting.validation.is_empty()));
        let mut prepared = Self {
            extractor,
            candidates: Vec::new(),
            train: Vec::new(),
            validation: Vec::new(),
            encodings,
            truncated: Vec::new(),
        };
        for &encoding in encodings.unwrap_or(&[PairEncoding::Joint]) {
            prepared.add(encoding, &layers, wanted, setting)?;
        }
        Ok(prepared)
    }

    fn add(
        &mut self,
        encoding: PairEncoding,
        layers: &[usize],
        wanted: Wanted,
        setting: &Setting<'_>,
    ) -> Result<(), FitError> {
        let splits = [&setting.train.examples, &setting.validation.examples];
        let mut truncated = 0;
        for (split, features) in splits
            .into_iter()
            .zip([&mut self.train, &mut self.validation])
        {
            truncated += self.extractor.truncated(split, encoding)?;
            let found = self
                .extractor
                .features(split, layers, encoding, wanted.scaling)?;
            match wanted.layer {
                Layer::All => features.push(Features::side_by_side(&found)),
                _ => features.extend(found),
            }
        }
        match wanted.layer {
            Layer::All => self.candidates.push(Candidate {
                encoding,
                layers: layers.to_vec(),
            }),
            _ => self
                .candidates
                .extend(layers.iter().map(|&layer| Candidate {
                    encoding,
                    layers: vec![layer],
                })),
        }
        self.truncated.push((encoding, truncated));
        Ok(())
    }

    /// Notes what was cut of what the chosen candidate reads.
    pub(crate) fn note_truncated(&self, chosen: &Candidate, setting: &mut Setting<'_>) {
        let of_chosen = |(encoding, _): &&(PairEncoding, usize)| *encoding == chosen.encoding;
        if let Some((_, count)) = self.truncated.iter().find(of_chosen)
            && *count > 0
        {
            note(setting, "truncated_texts", (*count).into());
        }
    }

    pub(crate) fn each_candidate(&self) -> impl Iterator<Item = (&Candidate, Dense, Dense)> + '_ {
        let splits = self.train.iter().zip(&self.validation);
        let candidates = self.candidates.iter().zip(splits);
        candidates
            .map(|(candidate, (train, validation))| (candidate, train.dense(), validation.dense()))
    }
}

pub(crate) fn note(setting: &mut Setting<'_>, name: &str, value: Value) {
    (setting.events)(Event::Note {
        name: name.to_owned(),
        value,
    });
}

fn layers(method: &str, layer: Layer, most: usize) -> Result<Vec<usize>, FitError> {
    match layer {
        Layer::Last => Ok(vec![most]),
        Layer::Auto | Layer::All => Ok((0..=most).collect()),
        Layer::After(blocks) if blocks <= most => Ok(vec![blocks]),
        Layer::After(blocks) => {
            let reason = format!(
                "{method}: layer is {blocks} and the model has {most} blocks; expected 0 to {most}, \"last\", \"auto\" or \"all\""
            );
            Err(FitError::NotApplicable(reason))
        }
    }
}

/// The given pooling, else the run's, else what the folder says, else the default; what was followed and what was not is noted.
fn embedder(
    method: &str,
    pooling: Option<Pooling>,
    base: &Pretrained,
    setting: &mut Setting<'_>,
) -> Result<Embedder, FitError> {
    let given = pooling.or(setting.budget.pooling);
    let embedder = Embedder::new(
        &base.sentence,
        &base.tokenizer,
        &base.shape,
        setting.budget.max_length.get(),
        given,
        default_pooling(&base.shape),
    );
    let embedder = embedder.map_err(|error| {
        let reason = format!(
            "{method}: {error}; with its setting `pooling` the hidden states are pooled without what the folder says"
        );
        FitError::NotApplicable(reason)
    })?;
    note_folder(setting, &base.sentence, given, embedder.max_length());
    Ok(embedder)
}
