//! What a trained method costs in use, measured when everything else of a trial is done: the time of a prediction at batch 1, unmerged and
//! merged, and of reading back what was saved. Nothing here can fail a trial: what goes wrong is noted and leaves an empty cell.

use crate::run::observe::Observer;
use crate::run::score::unlabelled;
use crate::sources::adapters;
use crate::terminal::tell;
use adapt::{Logits, Merged, Method, PredictError, Predictor};
use anyhow::Context;
use burn::tensor::Device;
use measure::latency::{Latencies, Timing, time_calls};
use measure::{Phase, SystemClock};
use record::TrialRecord;
use serde_json::json;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::Duration;
use task::{Example, Split};
use tempfile::TempDir;
use transformer::Pretrained;

/// Merged and unmerged logits may differ by this share of the largest, or by this where that is below 1.
const MERGED_TOLERANCE: f32 = 1e-4;

/// More than this is not written only to be read back.
const LARGEST_WRITTEN_BYTES: u64 = 1 << 30;

/// How many predictions are timed, and for how long at most.
pub(crate) fn timing(quick: bool) -> Timing {
    let (warm_up, calls, seconds) = if quick { (5, 50, 1) } else { (20, 200, 3) };
    Timing {
        warm_up,
        calls,
        limit: Duration::from_secs(seconds),
    }
}

/// Scores of some texts.
type Predict<'a> = dyn Fn(&[Example]) -> Result<Vec<Logits>, PredictError> + 'a;

/// Times predictions of single texts of the test split.
pub(crate) fn predictions(
    record: &mut TrialRecord,
    predictor: &dyn Predictor,
    test: &Split,
    device: &Device,
    timing: Timing,
    observer: &RefCell<Observer>,
) {
    let texts = spread_over(test, timing.calls);
    if texts.is_empty() {
        return;
    }
    let timing = Timing {
        // A device that compiles kernels has seen none of these shapes yet.
        warm_up: if ops::compiles_kernels(device) {
            texts.len()
        } else {
            timing.warm_up.min(texts.len())
        },
        calls: texts.len(),
        ..timing
    };
    let time = |predict: &Predict<'_>| {
        observer.borrow_mut().begin(Phase::Predict);
        let timed = time_calls(&SystemClock::default(), timing, |number| {
            predict(slice::from_ref(&texts[number]))?;
            let _ = device.sync();
            Ok::<_, PredictError>(())
        });
        observer.borrow_mut().pause();
        timed
    };
    match time(&|texts| predictor.class_logits(texts)) {
        Ok(timed) => keep(record, &timed),
        Err(error) => return note(record, "predict_ms", &error.to_string()),
    }
    let Some(merged) = predictor.merged() else {
        return;
    };
    match apart(predictor, &merged, &texts) {
        Ok(apart) if apart <= MERGED_TOLERANCE => match time(&|texts| merged.class_logits(texts)) {
            Ok(timed) => record.predict_merged_ms_p50 = timed.p50_ms(),
            Err(error) => note(record, "predict_merged_ms", &error.to_string()),
        },
        Ok(apart) => {
            let reason = format!(
                "the merged model's logits are {apart:.1e} apart from the unmerged one's, expected at most {MERGED_TOLERANCE:.0e}"
            );
            note(record, "predict_merged_ms", &reason);
        }
        Err(error) => note(record, "predict_merged_ms", &error.to_string()),
    }
}

fn keep(record: &mut TrialRecord, timed: &Latencies) {
    record.predict_ms_p50 = timed.p50_ms();
    record.predict_ms_p95 = timed.p95_ms();
    let counts = json!({"texts": timed.seconds.len(), "warm_up": timed.warm_up});
    record
        .details
        .insert("timed_predictions".to_owned(), counts);
}

fn note(record: &mut TrialRecord, of: &str, reason: &str) {
    tell(format!("warning: {of} was not measured: {reason}"));
    record
        .details
        .insert(format!("{of}_not_measured"), reason.into());
}

/// `n` examples at even distances, without their labels; all of fewer.
fn spread_over(test: &Split, n: usize) -> Vec<Example> {
    let n = n.min(test.len());
    let place = |i: usize| i * test.len() / n;
    let examples = (0..n).map(|i| test.examples[place(i)].clone()).collect();
    unlabelled(&Split { examples })
}

/// Largest distance of a merged from an unmerged logit, as a share of the largest logit where that is above 1.
fn apart(
    predictor: &dyn Predictor,
    merged: &Merged,
    texts: &[Example],
) -> Result<f32, PredictError> {
    let (unmerged, merged) = (predictor.class_logits(texts)?, merged.class_logits(texts)?);
    let pairs = || unmerged.iter().flatten().zip(merged.iter().flatten());
    let scale = pairs().fold(1.0_f32, |scale, (a, _)| scale.max(a.abs()));
    // NaN is apart from everything.
    Ok(pairs().fold(0.0, |worst: f32, (a, b)| {
        let apart = (a - b).abs() / scale;
        if apart.is_nan() {
            f32::INFINITY
        } else {
            worst.max(apart)
        }
    }))
}

/// Writes what `predictor` keeps, to stay or only to be read back; `None`, with a note, where it cannot be.
///
/// # Errors
/// What is to stay and cannot be saved.
pub(crate) fn save(
    record: &mut TrialRecord,
    predictor: &dyn Predictor,
    places: &Places<'_>,
) -> anyhow::Result<Option<Saved>> {
    if places.keep {
        let dir = places.trial_dir.join("adapter");
        predictor.save(&dir)?;
        return Ok(Some(Saved::Kept(dir)));
    }
    if record
        .stored_bytes
        .is_some_and(|bytes| bytes > LARGEST_WRITTEN_BYTES)
    {
        let reason = "more than 1 GiB would be written for it; --keep-adapters keeps and times it";
        note(record, "adapter_load_ms", reason);
        return Ok(None);
    }
    match write_for_now(predictor, places.trial_dir) {
        Ok(saved) => Ok(Some(saved)),
        Err(error) => {
            note(record, "adapter_load_ms", &format!("{error:#}"));
            Ok(None)
        }
    }
}

fn write_for_now(predictor: &dyn Predictor, beside: &Path) -> anyhow::Result<Saved> {
    let dir = tempfile::tempdir_in(beside).context("cannot make a folder")?;
    predictor.save(dir.path())?;
    Ok(Saved::ForNow(dir))
}

/// Times reading `saved` back onto `base`, if the method uses a model.
pub(crate) fn adapter_load(
    record: &mut TrialRecord,
    method: &'static dyn Method,
    saved: &Saved,
    base: Option<&Pretrained>,
    device: &Device,
    observer: &RefCell<Observer>,
) {
    match time_loads(method, saved.dir(), base, device, observer) {
        Ok(timed) => record.adapter_load_ms = timed.p50_ms(),
        Err(error) => note(record, "adapter_load_ms", &format!("{error:#}")),
    }
}

/// What was written of a predictor.
pub(crate) enum Saved {
    /// To stay.
    Kept(PathBuf),
    /// Gone with this value.
    ForNow(TempDir),
}

impl Saved {
    fn dir(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::ForNow(dir) => dir.path(),
        }
    }
}

/// Where an adapter is written.
pub(crate) struct Places<'a> {
    pub(crate) trial_dir: &'a Path,
    /// Whether it stays there.
    pub(crate) keep: bool,
}

fn time_loads(
    method: &'static dyn Method,
    dir: &Path,
    base: Option<&Pretrained>,
    device: &Device,
    observer: &RefCell<Observer>,
) -> anyhow::Result<Latencies> {
    const TIMING: Timing = Timing {
        warm_up: 1,
        calls: 5,
        limit: Duration::from_secs(1),
    };
    observer.borrow_mut().begin(Phase::LoadAdapter);
    let timed = time_calls(&SystemClock::default(), TIMING, |_| {
        let info = adapt::read_saved_info(dir)?;
        let plan = adapters::plan(method, dir, &info)?;
        let loaded = plan.load_with(dir, info, base)?;
        let _ = device.sync();
        drop(loaded);
        Ok(())
    });
    observer.borrow_mut().pause();
    timed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timed_texts_are_spread_over_the_split_and_carry_no_label() {
        let example = |row: u64| Example {
            row,
            text: row.to_string(),
            second: None,
            label: 1,
        };
        let split = |n: u64| Split {
            examples: (0..n).map(example).collect(),
        };
        let rows = |n: u64, wanted: usize| -> Vec<u64> {
            let texts = spread_over(&split(n), wanted);
            assert!(texts.iter().all(|text| text.label == 0));
            texts.iter().map(|text| text.row).collect()
        };
        assert_eq!(rows(10, 4), [0, 2, 5, 7]);
        assert_eq!(rows(3, 200), [0, 1, 2]);
        assert!(rows(0, 200).is_empty());
    }
}
