//! Seconds, steps and peak memory by phase, so that loading, validation and testing never count into training.
//!
//! One phase runs at a time: [`Recorder::begin`] closes the running one. Peaks are reset at every begin and taken at every end; a
//! phase that runs several times (train, validate, train, ...) adds its seconds and keeps its largest peak. Inside
//! [`Recorder::enter_tune`] .. [`Recorder::leave_tune`] everything belongs to the search: the trials of a search may call the same training loop, and
//! its begins and steps are ignored.

use crate::cpu::{CpuSource, CpuTimes, ProcessCpu};
use crate::measurements::{Measurements, PhaseTotals};
use crate::memory::{MemorySource, ProcessMemory};
use crate::phase::Phase;
use std::time::{Duration, Instant};

/// A monotonic clock; tests put a mock here.
pub trait Clock {
    /// Time since a fixed, arbitrary moment.
    fn now(&self) -> Duration;
}

/// The system's monotonic clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[derive(Debug)]
struct Running {
    phase: Phase,
    since: Duration,
    /// End of the last step, or the phase's begin.
    step_since: Duration,
    cpu_since: CpuTimes,
}

/// Measures the process it lives in, phase by phase.
#[derive(Debug)]
pub struct Recorder<C = SystemClock, M = ProcessMemory, P = ProcessCpu> {
    clock: C,
    memory: M,
    cpu: P,
    load1: Option<f64>,
    started: Duration,
    running: Option<Running>,
    /// Nesting of tune calls; above 0 the running phase is `Tune`.
    tuning: usize,
    totals: [PhaseTotals; Phase::ALL.len()],
    step_seconds: Vec<f64>,
    baseline_rss_bytes: Option<u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new(
            SystemClock::default(),
            ProcessMemory::default(),
            ProcessCpu::default(),
        )
    }
}

impl<C: Clock, M: MemorySource, P: CpuSource> Recorder<C, M, P> {
    /// A recorder whose total time starts now, with no phase running.
    pub fn new(clock: C, memory: M, cpu: P) -> Self {
        let started = clock.now();
        Self {
            clock,
            memory,
            load1: cpu.load1(),
            cpu,
            started,
            running: None,
            tuning: 0,
            totals: [PhaseTotals::default(); Phase::ALL.len()],
            step_seconds: Vec::new(),
            baseline_rss_bytes: None,
        }
    }

    /// Closes the running phase and starts `phase`. Beginning the phase that runs already changes nothing.
    pub fn begin(&mut self, phase: Phase) {
        if self.tuning > 0
            || self
                .running
                .as_ref()
                .is_some_and(|running| running.phase == phase)
        {
            return;
        }
        self.start(phase);
    }

    /// Closes the running phase; until the next [`begin`](Self::begin), time counts only into the total.
    pub fn pause(&mut self) {
        if self.tuning == 0 {
            self.close();
        }
    }

    /// One optimisation step (or, while evaluating, one batch) of `samples` examples has ended.
    pub fn step_done(&mut self, samples: u64) {
        if self.tuning > 0 {
            return;
        }
        let now = self.clock.now();
        let Some(running) = &mut self.running else {
            return;
        };
        self.totals[running.phase as usize].samples += samples;
        if running.phase == Phase::Train {
            self.step_seconds
                .push((now - running.step_since).as_secs_f64());
        }
        running.step_since = now;
    }

    /// Runs `search` with all of its time and memory counted as [`Phase::Tune`]; afterwards no phase runs.
    pub fn tune<T>(&mut self, search: impl FnOnce(&mut Self) -> T) -> T {
        self.enter_tune();
        let found = search(self);
        self.leave_tune();
        found
    }

    /// Opens the search. Searches nest; the outermost one counts.
    pub fn enter_tune(&mut self) {
        if self.tuning == 0 {
            self.start(Phase::Tune);
        }
        self.tuning += 1;
    }

    /// Closes the search opened last.
    pub fn leave_tune(&mut self) {
        self.tuning = self.tuning.saturating_sub(1);
        if self.tuning == 0 {
            self.close();
        }
    }

    /// Seconds of training so far, first step included, validation excluded: the x axis of a learning curve.
    pub fn training_elapsed_s(&self) -> f64 {
        let closed = [Phase::FirstStep, Phase::Train]
            .iter()
            .filter_map(|p| self.totals[*p as usize].seconds)
            .sum::<f64>();
        let open = match &self.running {
            Some(running) if matches!(running.phase, Phase::FirstStep | Phase::Train) => {
                (self.clock.now() - running.since).as_secs_f64()
            }
            _ => 0.0,
        };
        closed + open
    }

    /// Closes the running phase and returns everything measured.
    pub fn finish(mut self) -> Measurements {
        self.tuning = 0;
        self.close();
        let total_s = (self.clock.now() - self.started).as_secs_f64();
        Measurements {
            totals: self.totals,
            step_seconds: self.step_seconds,
            baseline_rss_bytes: self.baseline_rss_bytes,
            cores: self.cpu.cores(),
            load1: self.load1,
            total_s,
        }
    }

    fn start(&mut self, phase: Phase) {
        self.close();
        self.memory.reset();
        let cpu_since = self.cpu.times();
        let now = self.clock.now();
        self.running = Some(Running {
            phase,
            since: now,
            step_since: now,
            cpu_since,
        });
    }

    fn close(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        let seconds = (self.clock.now() - running.since).as_secs_f64();
        let used = self.cpu.times().since(running.cpu_since);
        let peaks = self.memory.peaks();
        let totals = &mut self.totals[running.phase as usize];
        totals.seconds = Some(totals.seconds.unwrap_or(0.0) + seconds);
        totals.cpu = totals.cpu.plus(used);
        totals.peaks = totals.peaks.max(peaks);
        if running.phase == Phase::Load {
            self.baseline_rss_bytes = self.memory.resident_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Peaks;
    use record::{Outcome, TrialRecord, TrialSpec};
    use std::cell::Cell;
    use std::rc::Rc;

    /// Time and memory that move only when told to.
    #[derive(Clone, Default)]
    struct Bench {
        now_ms: Rc<Cell<u64>>,
        resident: Rc<Cell<u64>>,
        peak: Rc<Cell<u64>>,
        /// CPU milliseconds: our own, and the neighbours'; `None` where the machine does not tell.
        own_ms: Rc<Cell<u64>>,
        others_ms: Rc<Cell<Option<u64>>>,
    }

    impl Bench {
        fn pass_ms(&self, milliseconds: u64) {
            self.now_ms.set(self.now_ms.get() + milliseconds);
        }
        fn hold(&self, bytes: u64) {
            self.resident.set(bytes);
            self.peak.set(self.peak.get().max(bytes));
        }
        /// Passes with this much CPU time of our own and of others.
        fn work_ms(&self, milliseconds: u64, own: u64, others: u64) {
            self.pass_ms(milliseconds);
            self.own_ms.set(self.own_ms.get() + own);
            self.others_ms
                .set(self.others_ms.get().map(|ms| ms + others));
        }
        fn recorder(&self) -> Recorder<Self, Self, Self> {
            Recorder::new(self.clone(), self.clone(), self.clone())
        }
    }
    impl Clock for Bench {
        fn now(&self) -> Duration {
            Duration::from_millis(self.now_ms.get())
        }
    }
    impl MemorySource for Bench {
        fn reset(&mut self) {
            self.peak.set(self.resident.get());
        }
        fn peaks(&mut self) -> Peaks {
            Peaks {
                rss_bytes: Some(self.peak.get()),
                heap_bytes: Some(self.peak.get() / 2),
            }
        }
        fn resident_bytes(&mut self) -> Option<u64> {
            Some(self.resident.get())
        }
    }

    impl CpuSource for Bench {
        fn times(&mut self) -> CpuTimes {
            let own = self.own_ms.get();
            CpuTimes {
                own_s: Some(own as f64 / 1e3),
                machine_s: self.others_ms.get().map(|ms| (own + ms) as f64 / 1e3),
            }
        }
        fn cores(&self) -> Option<f64> {
            Some(2.0)
        }
        fn load1(&self) -> Option<f64> {
            Some(0.75)
        }
    }

    fn filled(measured: &Measurements) -> TrialRecord {
        let spec = TrialSpec {
            method: String::new(),
            variant: String::new(),
            model: String::new(),
            task: String::new(),
            device: String::new(),
            seed: 0,
            config: serde_json::Value::Null,
            budget: record::TrialBudget::default(),
            model_digest: String::new(),
            task_digest: String::new(),
        };
        let mut record = TrialRecord::unmeasured("t".into(), spec, Outcome::Finished);
        measured.fill(&mut record);
        record
    }

    #[test]
    fn nothing_of_validation_or_testing_counts_into_training() {
        let bench = Bench::default();
        let mut recorder = bench.recorder();
        bench.pass_ms(5); // before any phase
        recorder.begin(Phase::Load);
        bench.hold(900);
        bench.pass_ms(100);
        bench.hold(40);
        recorder.begin(Phase::PrepareValidation);
        bench.hold(600);
        bench.pass_ms(200);
        bench.hold(40);
        recorder.begin(Phase::FirstStep);
        bench.pass_ms(30);
        recorder.step_done(8);
        recorder.begin(Phase::Train);
        bench.pass_ms(9);
        recorder.step_done(8);
        bench.hold(70);
        bench.pass_ms(3);
        recorder.step_done(8);
        bench.hold(50);
        recorder.begin(Phase::Validate);
        bench.hold(5000);
        bench.pass_ms(1000);
        bench.hold(50);
        recorder.begin(Phase::Train);
        assert!((recorder.training_elapsed_s() - 0.042).abs() < 1e-12);
        bench.pass_ms(4);
        recorder.step_done(6);
        recorder.pause();
        bench.pass_ms(77);
        recorder.begin(Phase::Evaluate);
        bench.hold(200);
        bench.pass_ms(500);
        recorder.step_done(100);
        let record = filled(&recorder.finish());
        assert_eq!(record.load_s, Some(0.1));
        assert_eq!(record.prepare_s, None);
        assert_eq!(record.first_step_s, Some(0.03));
        assert_eq!(record.train_s, Some(0.016));
        assert_eq!(record.eval_s, Some(0.5));
        assert_eq!(record.tune_s, None);
        assert_eq!(record.total_s, Some(1.928));
        assert_eq!(record.step_ms_median, Some(4.0)); // of 9, 3 and 4; neither the first step nor the validation
        assert_eq!(record.train_samples_per_s, Some(22.0 / 0.016));
        assert_eq!(record.eval_samples_per_s, Some(200.0));
        assert_eq!(record.baseline_rss_bytes, Some(40));
        assert_eq!(record.train_peak_rss_bytes, Some(70));
        assert_eq!(record.train_peak_heap_bytes, Some(35));
        assert_eq!(record.eval_peak_rss_bytes, Some(200));
        assert_eq!(record.prepare_validation_s, Some(0.2));
        assert_eq!(record.validate_s, Some(1.0));
    }

    #[test]
    fn a_search_owns_the_training_and_the_searches_inside_it() {
        let bench = Bench::default();
        let mut recorder = bench.recorder();
        recorder.begin(Phase::Prepare);
        bench.pass_ms(10);
        let winner = recorder.tune(|recorder| {
            recorder.begin(Phase::Train);
            bench.hold(4000);
            bench.pass_ms(200);
            recorder.step_done(8);
            recorder.tune(|_| bench.pass_ms(50));
            recorder.begin(Phase::Validate);
            bench.pass_ms(50);
            7
        });
        bench.hold(30);
        recorder.begin(Phase::Train);
        bench.pass_ms(20);
        recorder.step_done(4);
        let measured = recorder.finish();
        assert_eq!(winner, 7);
        assert_eq!(measured.of(Phase::Tune).seconds, Some(0.3));
        assert_eq!(measured.of(Phase::Train).seconds, Some(0.02));
        assert_eq!(measured.of(Phase::Train).samples, 4);
        assert_eq!(measured.of(Phase::Validate).seconds, None);
        assert_eq!(measured.step_s_median(), Some(0.02));
        assert_eq!(filled(&measured).train_peak_rss_bytes, Some(30));
    }

    fn near(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn a_neighbour_disturbs_the_phase_it_works_in_and_the_training_only_if_it_is_one_of_that() {
        let bench = Bench::default();
        bench.others_ms.set(Some(0));
        let mut recorder = bench.recorder();
        recorder.begin(Phase::Load);
        bench.work_ms(1000, 900, 700);
        recorder.begin(Phase::Prepare);
        bench.work_ms(100, 150, 9);
        for _ in 0..2 {
            recorder.begin(Phase::Train);
            bench.work_ms(500, 900, 30);
            recorder.begin(Phase::Validate);
            bench.work_ms(500, 400, 500);
        }
        recorder.begin(Phase::Evaluate);
        bench.work_ms(4, 5, 35);
        let record = filled(&recorder.finish());
        assert!(near(record.cpu_s, 1.95), "{record:?}");
        assert!(near(record.other_cpu_s, 0.069), "{record:?}");
        assert_eq!(record.disturbed, Some(false));
        assert_eq!(record.load1, Some(0.75));
        let flags: Vec<(&str, Option<bool>)> = record
            .phases
            .iter()
            .map(|cost| (cost.phase.as_str(), cost.disturbed))
            .collect();
        let expected = [
            ("load", Some(true)),
            ("prepare", Some(false)),
            ("train", Some(false)),
            ("validate", Some(true)),
            ("evaluate", Some(false)),
        ];
        assert_eq!(flags, expected);
        let train = &record.phases[2];
        assert!(near(train.cpu_s, 1.8) && near(train.other_cpu_s, 0.06));
    }

    #[test]
    fn a_training_beside_a_neighbour_is_disturbed_also_when_each_of_its_parts_is_short() {
        let bench = Bench::default();
        bench.others_ms.set(Some(0));
        let mut recorder = bench.recorder();
        for phase in Phase::TRAINING {
            recorder.begin(phase);
            bench.work_ms(40, 40, 40);
        }
        let record = filled(&recorder.finish());
        assert!(
            record
                .phases
                .iter()
                .all(|cost| cost.disturbed == Some(false))
        );
        assert_eq!(record.disturbed, Some(true), "120 ms beside 120 ms");
    }

    #[test]
    fn where_the_machine_does_not_tell_neighbours_are_unknown_and_not_absent() {
        let bench = Bench::default();
        let mut recorder = bench.recorder();
        recorder.begin(Phase::Train);
        bench.work_ms(1000, 900, 0);
        let record = filled(&recorder.finish());
        assert_eq!(record.cpu_s, Some(0.9));
        assert_eq!((record.other_cpu_s, record.disturbed), (None, None));
        let nothing = filled(&bench.recorder().finish());
        assert_eq!((nothing.cpu_s, nothing.disturbed), (None, None));
    }
}
