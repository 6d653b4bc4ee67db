//! What a job asks of its engine: time, memory and graphics processors, from the plan and from what a child predicts of each kind of trial.

use crate::registry::{Methods, find};
use crate::run::dry_run::{Estimates, estimates, search_trainings};
use crate::run::estimate::Estimate;
use crate::run::kind::kind;
use crate::run::sweep::Run;
use crate::sources::devices;
use crate::terminal::tell;
use crate::words;
use std::time::Duration;

/// Of one trial. Amounts come in steps, so that many trials ask alike and stand in one array.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Request {
    pub(super) memory_mib: Option<u64>,
    pub(super) minutes: Option<u64>,
    pub(super) gpu: bool,
}

/// What is given by the user's own options, and so not asked for here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    memory: bool,
    time: bool,
    gpu: bool,
}

impl Given {
    /// By these options of sbatch.
    pub(super) fn by(options: &[String]) -> Self {
        let any = |begins: &[&str]| {
            let begins_so = |option: &String| begins.iter().any(|begin| option.starts_with(begin));
            options.iter().any(begins_so)
        };
        Self {
            memory: any(&["--mem"]),
            time: any(&["--time=", "--time ", "-t"]) || options.iter().any(|o| o == "--time"),
            gpu: any(&["--gres", "--gpus", "-G"]),
        }
    }
}

/// Trials are estimated on the machine that submits; another may be as much slower.
const SLOWER: f64 = 5.0;
/// Start, files on a busy file system, and what an estimate leaves out.
const START: Duration = Duration::from_secs(600);
/// A trial with a time limit of its own ends by itself; the engine's limit is for one that hangs.
const GRACE: Duration = Duration::from_secs(120);
/// Memory beyond the prediction: the supervising process, and what the prediction is off by.
const MARGIN: f64 = 1.25;
const MARGIN_MIB: f64 = 256.0;

/// What the trials at `places` ask for, in their order.
///
/// # Errors
/// A method that is not known.
pub(super) fn requests(
    methods: Methods,
    run: &Run<'_>,
    places: &[usize],
    given: Given,
) -> anyhow::Result<Vec<Request>> {
    let limit = run.plan.time_limit_s;
    let is_asked = !given.memory || (!given.time && limit.is_none());
    let known = if is_asked {
        predicted(methods, run, places)
    } else {
        Estimates::new()
    };
    let request = |&place: &usize| -> anyhow::Result<Request> {
        let spec = &run.trials[place].spec;
        let estimate = known.get(&kind(spec));
        let searches = spec.budget.tune > 0 && run.searches.for_trial(place).is_none();
        let has_search = !find(methods, &spec.method)?.search_ranges().is_empty();
        let trainings = if searches && has_search {
            search_trainings(run.plan)
        } else {
            0
        };
        let seconds = match limit {
            Some(limit) => Some(limit + GRACE.as_secs_f64()),
            None => estimate.and_then(|estimate| expected_s(estimate, trainings)),
        };
        let memory = estimate.and_then(|estimate| estimate.memory);
        Ok(Request {
            memory_mib: memory
                .filter(|_| !given.memory)
                .map(|memory| memory_mib(memory.peak_bytes)),
            minutes: seconds.filter(|_| !given.time).map(|seconds| {
                if limit.is_some() {
                    (seconds / 60.0).ceil() as u64
                } else {
                    minutes(seconds)
                }
            }),
            gpu: devices::is_graphics(&spec.device) && !given.gpu,
        })
    };
    places.iter().map(request).collect()
}

/// Of trials whose device this machine has for certain; of others nothing is known.
fn predicted(methods: Methods, run: &Run<'_>, places: &[usize]) -> Estimates {
    let trials = places.iter().map(|&place| &run.trials[place]);
    let of_cpu = trials.filter(|trial| trial.spec.device.starts_with("flex"));
    estimates(methods, run.found, of_cpu, &run.dir.path).unwrap_or_else(|error| {
        tell(format!(
            "note: memory and time of the trials cannot be predicted here ({}); jobs ask for the cluster's defaults",
            words::of_error(&error)
        ));
        Estimates::new()
    })
}

/// Seconds that a job may need.
fn expected_s(estimate: &Estimate, search_trainings: usize) -> Option<f64> {
    let search = match search_trainings {
        0 => 0.0,
        n => n as f64 * estimate.training_seconds?,
    };
    Some((estimate.seconds? + search) * SLOWER + START.as_secs_f64())
}

/// Up to the next of 15 and 30 minutes, 1, 2, 4, 8, 12 and 24 hours, and whole days.
fn minutes(seconds: f64) -> u64 {
    let needed = (seconds / 60.0).ceil() as u64;
    let steps = [15, 30, 60, 120, 240, 480, 720];
    let step = steps.into_iter().find(|step| *step >= needed);
    step.unwrap_or_else(|| needed.div_ceil(1440) * 1440)
}

/// Up to the next power of two or one and a half of it.
fn memory_mib(peak_bytes: u64) -> u64 {
    let needed = peak_bytes as f64 / f64::from(1 << 20) * MARGIN + MARGIN_MIB;
    let mut step = 512;
    loop {
        for mib in [step, step + step / 2] {
            if mib as f64 >= needed {
                return mib;
            }
        }
        step *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_in_steps_and_never_below_what_is_needed() {
        assert_eq!(
            [1.0, 900.0, 901.0, 90_000.0].map(minutes),
            [15, 15, 30, 2880]
        );
        let mib = |mib: u64| memory_mib(mib << 20);
        assert_eq!(
            [mib(100), mib(300), mib(500), mib(5000)],
            [512, 768, 1024, 8192]
        );
        for peak in [1, 77, 1023, 40_000] {
            assert!(mib(peak) as f64 >= peak as f64 * MARGIN + MARGIN_MIB);
        }
    }

    #[test]
    fn what_the_user_asks_for_is_not_asked_for_twice() {
        let given = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
            let Given { memory, time, gpu } = Given::by(&options);
            (memory, time, gpu)
        };
        assert_eq!(given(&["--partition=p"]), (false, false, false));
        assert_eq!(given(&["--mem-per-cpu=1G", "-t", "5"]), (true, true, false));
        assert_eq!(given(&["--time=5", "--gpus=1"]), (false, true, true));
        assert_eq!(given(&["--time-min=5"]), (false, false, false));
    }

    #[test]
    fn a_search_takes_the_time_of_its_trainings_too() {
        let estimate = Estimate {
            seconds: Some(10.0),
            training_seconds: Some(8.0),
            ..Estimate::default()
        };
        assert_eq!(expected_s(&estimate, 0), Some(650.0));
        assert_eq!(
            expected_s(&estimate, 3),
            Some(10.0 * 5.0 + 24.0 * 5.0 + 600.0)
        );
        assert_eq!(expected_s(&Estimate::default(), 0), None);
    }
}
