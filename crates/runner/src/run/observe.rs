//! A fit's events become phases on the recorder, points of the learning curve, and details of the record.

use crate::run::flops::Passes;
use crate::run::job::PHASE_MARK;
use crate::terminal::{say, tell};
use adapt::Event;
use burn::tensor::Device;
use measure::{Phase, Recorder};
use record::{CurvePoint, TrialRecord};
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything observed of a trial while it runs.
pub(crate) struct Observer {
    pub(crate) recorder: Recorder,
    phase: Option<Phase>,
    device: Option<Device>,
    device_peak_bytes: Option<u64>,
    curve: Vec<CurvePoint>,
    details: BTreeMap<String, Value>,
    cache_bytes: Option<u64>,
    head_learning_rate: Option<f64>,
    /// Candidates tried, and whether what was chosen lies at an end of them.
    searched: Option<(usize, bool)>,
    best_validation: Option<f64>,
    /// Tokens and examples of each optimisation step.
    steps: Vec<(usize, usize)>,
    /// The same of every pass over the training texts that an output layer was fitted after.
    encoded: Vec<(usize, usize)>,
}

impl Observer {
    /// Observes from the process's start on.
    pub(crate) fn new() -> Self {
        Self {
            recorder: Recorder::default(),
            phase: None,
            device: None,
            device_peak_bytes: None,
            curve: Vec::new(),
            details: BTreeMap::new(),
            cache_bytes: None,
            head_learning_rate: None,
            searched: None,
            best_validation: None,
            steps: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// From here on the device is waited for at every boundary of phases, and asked for its memory.
    pub(crate) fn watch_device(&mut self, device: Device) {
        self.device = Some(device);
    }

    /// A phase begins, the one before it has ended, on the device too.
    pub(crate) fn begin(&mut self, phase: Phase) {
        self.wait_for_device();
        // A phase starts without what the one before it freed: after the first step, the gaps between the optimiser's moments, which came after
        // the activations and lie where those were.
        self.recorder.pause();
        measure::allocator::give_back_free_pages();
        self.phase = Some(phase);
        self.recorder.begin(phase);
        // After the recorder, which starts a new peak: the parent counts what it sees from this line on to the new phase.
        println!("{PHASE_MARK}{}", phase.as_str());
    }

    /// The running phase has ended.
    pub(crate) fn pause(&mut self) {
        self.wait_for_device();
        if self.phase == Some(Phase::Load) {
            // Reading a checkpoint holds it twice for a moment; the baseline is what stays.
            measure::allocator::give_back_free_pages();
        }
        self.recorder.pause();
    }

    fn wait_for_device(&mut self) {
        if let Some(device) = &self.device
            && let Err(error) = device.sync()
        {
            tell(format!("the device reports: {error:?}"));
        }
        self.watch_memory();
    }

    /// What the device's allocator holds: its pools grow to what the largest step needed, and a step's activations, which are freed before
    /// anyone could ask, are within them.
    fn watch_memory(&mut self) {
        let usage = self.device.as_ref().and_then(Device::memory_pool_usage);
        let held = usage.map(|usage| usage.bytes_reserved);
        self.device_peak_bytes = self.device_peak_bytes.max(held);
    }

    /// Receives what a fit says.
    pub(crate) fn event(&mut self, event: Event) {
        match event {
            Event::Began(phase) => self.begin(match phase {
                adapt::Phase::Prepare => Phase::Prepare,
                adapt::Phase::PrepareValidation => Phase::PrepareValidation,
                adapt::Phase::FirstStep => Phase::FirstStep,
                adapt::Phase::Train => Phase::Train,
                adapt::Phase::Validate => Phase::Validate,
                adapt::Phase::Search => Phase::Tune,
            }),
            Event::StepDone {
                step,
                epoch,
                loss,
                samples,
                tokens,
            } => {
                self.recorder.step_done(samples as u64);
                self.watch_memory();
                self.steps.push((tokens, samples));
                self.point(step, epoch, "train", "loss", loss);
            }
            Event::Encoded { samples, tokens } => self.encoded.push((tokens, samples)),
            Event::Validated {
                step,
                epoch,
                accuracy,
                loss,
            } => {
                self.point(step, epoch, "validation", "accuracy", accuracy);
                self.point(step, epoch, "validation", "loss", loss);
                self.best_validation = Some(
                    self.best_validation
                        .map_or(accuracy, |best| best.max(accuracy)),
                );
                say(format!(
                    "epoch {epoch:.2}, step {step}: validation accuracy {accuracy:.4}, loss {loss:.4}"
                ));
            }
            Event::Searched { trials, edge } => self.searched(trials, edge.is_some()),
            Event::HeadLearningRate(rate) => self.head_learning_rate = Some(rate),
            Event::Cached { bytes, spilled } => {
                self.cache_bytes = Some(bytes);
                self.detail("cache_spilled", spilled.into());
            }
            Event::Note { name, value } => self.detail(&name, value),
        }
    }

    /// What the fit computed.
    pub(crate) fn passes(&self) -> Passes<'_> {
        Passes {
            steps: &self.steps,
            encoded: &self.encoded,
        }
    }

    /// Keeps something by name.
    pub(crate) fn detail(&mut self, name: &str, value: Value) {
        self.details.insert(name.to_owned(), value);
    }

    /// A search has tried so many candidates; of several searches one after the other, the last says what was chosen.
    pub(crate) fn searched(&mut self, trials: usize, at_edge: bool) {
        let before = self.searched.map_or(0, |(trials, _)| trials);
        self.searched = Some((before + trials, at_edge));
    }

    /// Whether anything was measured on the validation split.
    pub(crate) fn validated(&self) -> bool {
        self.best_validation.is_some()
    }

    /// Accuracy on the validation split, measured after a fit that did not say.
    pub(crate) fn set_validation(&mut self, accuracy: f64) {
        self.best_validation = Some(accuracy);
    }

    fn point(&mut self, step: u64, epoch: f64, split: &str, metric: &str, value: f64) {
        let elapsed_s = self.recorder.training_elapsed_s();
        self.curve.push(CurvePoint {
            step,
            epoch,
            elapsed_s,
            split: split.to_owned(),
            metric: metric.to_owned(),
            value,
        });
    }

    /// Closes the running phase and writes everything into the record.
    pub(crate) fn fill(mut self, record: &mut TrialRecord) {
        self.pause();
        self.recorder.finish().fill(record);
        record.device_peak_bytes = self.device_peak_bytes;
        record.cache_bytes = self.cache_bytes;
        record.head_learning_rate = self.head_learning_rate;
        if let Some((trials, at_edge)) = self.searched {
            record.search_s = record.tune_s;
            record.search_trials = Some(trials as u64);
            record.search_edge = Some(at_edge);
        }
        record.validation_accuracy = self.best_validation;
        record.curve = self.curve;
        record.details.extend(self.details);
    }
}
