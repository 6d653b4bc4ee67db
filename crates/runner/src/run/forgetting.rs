//! What a model forgets while it learns a task: the loss of its language head on held-out text before and after, and how far its predictions of
//! tokens moved (Kullback-Leibler divergence of the adapted model from the pretrained one).
//!
//! A masked model predicts tokens that are masked, the same ones in every trial; a causal one each token from those before it. Adaptations
//! are measured in place: what was inserted can be taken off again, and then nothing is forgotten. Nothing here can fail a trial: what goes
//! wrong is noted and leaves empty cells.

use crate::terminal::tell;
use adapt::{Footprint, LanguageStates, Place, Predictor, language_states};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use record::TrialRecord;
use serde_json::json;
use transformer::{
    Batch, Encoded, LanguageHead, Pretrained, Shape, Side, Tokenizer, Unhooked, collate,
};

/// Sentences that were written for this and stand in no other text, a line each.
const HELD_OUT: &str = include_str!("../../bundled/held-out.txt");

/// Most tokens of a line.
const LONGEST: usize = 96;

/// Lines of one pass.
const BATCH: usize = 16;

/// Logits that stand in memory at a time, of each of the two models: 8 MiB.
const LOGITS: usize = 1 << 21;

/// A masked model is asked for one token in so many, about the share of Devlin et al. 2019, §3.1, from another one on in each line.
const ONE_IN: usize = 7;

/// Held-out text as a model reads it.
pub(crate) struct Probe {
    parts: Vec<Part>,
}

struct Part {
    batch: Batch,
    /// Whose states predict the targets.
    places: Vec<Place>,
    targets: Vec<u32>,
}

/// States of every part, in order; `None` where the model computes what it did before.
pub(crate) type Adapted = Option<Vec<LanguageStates>>;

/// The held-out text for this model, where it can be asked. Its lines are cut at one length for all methods; what a method puts in front of
/// a text must fit beside it.
pub(crate) fn probe(
    record: &mut TrialRecord,
    shape: &Shape,
    tokenizer: &Tokenizer,
    footprint: &Footprint,
    device: &Device,
) -> Option<Probe> {
    let longest = LONGEST.min(shape.max_length / 2);
    let in_front = (footprint.extra_tokens + footprint.extra_keys) as usize;
    if footprint.acts_from.is_some() && in_front + longest > shape.max_length {
        let reason = format!(
            "{in_front} tokens in front of {longest} are more than the model's {}",
            shape.max_length
        );
        note(record, &reason);
        return None;
    }
    match Probe::new(HELD_OUT, shape.causal, tokenizer, longest, device) {
        Ok(probe) => Some(probe),
        Err(reason) => {
            note(record, &reason);
            None
        }
    }
}

impl Probe {
    fn new(
        text: &str,
        causal: bool,
        tokenizer: &Tokenizer,
        longest: usize,
        device: &Device,
    ) -> Result<Self, String> {
        let mask = match (causal, tokenizer.mask_id()) {
            (true, _) => None,
            (false, Some(id)) => Some(id),
            (false, None) => return Err("the tokenizer has no mask token".to_owned()),
        };
        let lines: Vec<(&str, Option<&str>)> = text.lines().map(|line| (line, None)).collect();
        let encoded = tokenizer
            .encode(&lines, longest)
            .map_err(|error| error.to_string())?;
        let parts = encoded.chunks(BATCH).map(|lines| {
            let mut lines = lines.to_vec();
            let asked = match mask {
                Some(mask) => mask_tokens(&mut lines, tokenizer, mask),
                None => next_tokens(&lines),
            };
            let (places, targets) = asked.into_iter().unzip();
            let lines: Vec<&Encoded> = lines.iter().collect();
            Part {
                batch: collate(&lines, tokenizer.pad_id(), Side::Right, device),
                places,
                targets,
            }
        });
        let parts: Vec<Part> = parts.filter(|part| !part.targets.is_empty()).collect();
        if parts.is_empty() {
            return Err(format!(
                "no token of a line can be asked for within {longest} tokens"
            ));
        }
        Ok(Self { parts })
    }

    /// What the adapted model makes of it.
    pub(crate) fn adapted(&self, predictor: &dyn Predictor) -> Adapted {
        let states = |part: &Part| predictor.language_states(&part.batch, &part.places);
        self.parts.iter().map(states).collect()
    }

    /// Tokens that are asked for.
    fn tokens(&self) -> usize {
        self.parts.iter().map(|part| part.targets.len()).sum()
    }
}

/// Masks tokens of each line and returns their places with what stood there. Special tokens are never masked.
fn mask_tokens(lines: &mut [Encoded], tokenizer: &Tokenizer, mask: u32) -> Vec<(Place, u32)> {
    let special = [
        tokenizer.cls_id(),
        tokenizer.sep_id(),
        tokenizer.bos_id(),
        tokenizer.eos_id(),
        tokenizer.unk_id(),
        Some(tokenizer.pad_id()),
        Some(mask),
    ];
    let mut asked = Vec::new();
    for (text, line) in lines.iter_mut().enumerate() {
        let words = line.ids.iter_mut().enumerate();
        let words = words.filter(|(_, id)| !special.contains(&Some(**id)));
        for (token, id) in words.skip(text % ONE_IN).step_by(ONE_IN) {
            asked.push((Place { text, token }, *id));
            *id = mask;
        }
    }
    asked
}

/// Each token but a line's first, with the place before it.
fn next_tokens(lines: &[Encoded]) -> Vec<(Place, u32)> {
    let of_line = |(text, line): (usize, &Encoded)| {
        let next = line.ids.iter().copied().enumerate().skip(1);
        let asked = next.map(|(token, id)| {
            let before = Place {
                text,
                token: token - 1,
            };
            (before, id)
        });
        asked.collect::<Vec<_>>()
    };
    lines.iter().enumerate().flat_map(of_line).collect()
}

/// Measures what moved against the pretrained model, which is `base`, loaded again.
pub(crate) fn measure(
    record: &mut TrialRecord,
    probe: &Probe,
    adapted: Adapted,
    base: &Pretrained,
) {
    let Some(head) = base.language_head.as_ref().map(Module::valid) else {
        return;
    };
    let backbone = base.backbone.valid();
    let chunk = (LOGITS / base.shape.vocab).clamp(16, 128);
    let mut sums = Sums::default();
    for (number, part) in probe.parts.iter().enumerate() {
        let before = language_states(&backbone, &Unhooked, &part.batch, &part.places);
        let after = adapted.as_ref().map(|parts| &parts[number]);
        for start in (0..part.targets.len()).step_by(chunk) {
            let rows = start..part.targets.len().min(start + chunk);
            let targets = &part.targets[rows.clone()];
            let before = log_probabilities(&head, &before, rows.clone()); // [n,V]
            let after = after.map(|after| log_probabilities(&head, after, rows));
            sums.add(before, after, targets);
        }
    }
    let tokens = probe.tokens() as f64;
    let [before, after, divergence] =
        [sums.before, sums.after, sums.divergence].map(|sum| sum / tokens);
    if ![before, after, divergence]
        .iter()
        .all(|mean| mean.is_finite())
    {
        return note(
            record,
            "the language head's probabilities are not all numbers",
        );
    }
    record.retain_loss_before = Some(before);
    record.retain_loss_after = Some(after);
    record.retain_kl = Some(divergence);
    let measured = json!({"tokens": probe.tokens(), "lines": HELD_OUT.lines().count()});
    record.details.insert("retained".to_owned(), measured);
}

/// `[n,hidden] -> [n,vocabulary]`, for some of the states.
fn log_probabilities(
    head: &LanguageHead,
    of: &LanguageStates,
    rows: std::ops::Range<usize>,
) -> Tensor<2> {
    let states = of.states.clone().slice_dim(0, rows);
    let logits = if head.tied {
        head.logits_tied(states, &of.words)
    } else {
        head.logits(states)
    };
    log_softmax(logits, 1)
}

/// Sums over tokens, in nats.
#[derive(Default)]
struct Sums {
    before: f64,
    after: f64,
    divergence: f64,
}

impl Sums {
    fn add(&mut self, before: Tensor<2>, after: Option<Tensor<2>>, targets: &[u32]) {
        let ids: Vec<i64> = targets.iter().map(|&id| i64::from(id)).collect();
        let ids = TensorData::new(ids, [targets.len(), 1]);
        let ids = Tensor::<2, Int>::from_data(ids, &before.device());
        let loss = |of: &Tensor<2>| -sum(of.clone().gather(1, ids.clone())); // [n,V] -> [n,1]
        let of_before = loss(&before);
        self.before += of_before;
        match after {
            None => self.after += of_before,
            Some(after) => {
                self.after += loss(&after);
                let apart = before.clone().exp() * (before - after); // [n,V]
                self.divergence += sum(apart.sum_dim(1));
            }
        }
    }
}

fn sum(values: Tensor<2>) -> f64 {
    adapt::to_floats(values)
        .iter()
        .map(|&value| f64::from(value))
        .sum()
}

fn note(record: &mut TrialRecord, reason: &str) {
    tell(format!(
        "warning: what was forgotten was not measured: {reason}"
    ));
    record
        .details
        .insert("retain_loss_not_measured".to_owned(), reason.into());
}
