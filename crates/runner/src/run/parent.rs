//! `run`: resolves a plan into trials, has each run in a process of its own, here or by an engine, keeps every outcome as a record, and reports
//! at the end.
//!
//! Whatever happens to a child, the sweep goes on; whatever happens to this process, at most the trials under way are lost.

use crate::cli::{EngineArg, RunArgs};
use crate::plan;
use crate::plan::matrix;
use crate::registry::Methods;
use crate::run::dry_run;
use crate::run::engine::{self, files};
use crate::run::found::{Probed, describe, find_all};
use crate::run::paid;
use crate::run::retime;
use crate::run::run_dir::{self, RunDir};
use crate::run::searches::Searches;
use crate::run::spelling;
use crate::run::standing::Standing;
use crate::run::sweep::{Run, Sweep};
use crate::terminal::{say, tell};
use crate::words;
use anyhow::{bail, ensure};

/// Runs a plan and returns the exit code.
///
/// # Errors
/// Anything that keeps the run from being what was asked for, found out before the first trial; later only a disk that fails.
pub(crate) fn run(methods: Methods, arguments: &RunArgs) -> anyhow::Result<u8> {
    check_engine(arguments)?;
    let is_here = arguments.on == EngineArg::Here;
    let mut plan = plan::resolve(methods, arguments)?;
    for note in plan::left_out_of_all(methods, arguments, &plan) {
        tell(note);
    }
    paid::check_limit(methods, &plan, arguments.max_cost)?;
    let probed = if is_here {
        Probed::DevicesAndModels
    } else {
        Probed::Models
    };
    let mut found = find_all(methods, &plan, probed)?;
    let path = arguments.out.clone().unwrap_or_else(run_dir::fresh);
    spelling::as_recorded(&path, &mut plan, &mut found);
    let info = describe(methods, &plan, &found)?;
    let trials = matrix::trials(
        &plan,
        &info.model_digests,
        &info.task_digests,
        |arm, model| found.go_together(&arm.method, model),
    );
    ensure!(
        !trials.is_empty(),
        "there is nothing to run: no method of the plan can be used with its models"
    );
    if arguments.dry_run {
        run_dir::inspect(&path, &info, &trials)?;
        return dry_run::show(methods, &plan, &found, &trials, &path, arguments.json);
    }
    let dir = if is_here {
        run_dir::open(&path, &info, &trials)?
    } else {
        run_dir::open_shared(&path, &info, &trials)?
    };
    if let Some(usd) = arguments.max_cost {
        paid::limit(&dir.path, usd)?;
    }
    let searches = Searches::of(&trials);
    files::write_list(&dir.path, &trials, &searches)?;
    let run = Run {
        plan: &plan,
        found: &found,
        dir: &dir,
        trials: &trials,
        searches: &searches,
        arguments,
    };
    carry_out(methods, &run).map_err(|error| match words::names_disk(&error) {
        true => error.context(format!(
            "stopped, because {} cannot be written any more; the trials that have ended are kept: make room, then give the same command \
             with --out {}",
            dir.path.display(),
            dir.path.display()
        )),
        false => error,
    })
}

/// Has the trials run that are not on record, and reports where all of them are then.
fn carry_out(methods: Methods, run: &Run<'_>) -> anyhow::Result<u8> {
    match run.arguments.on {
        EngineArg::Here => {
            let jobs = run.arguments.jobs.map_or(1, usize::from);
            let mut sweep = Sweep::open(run, jobs)?;
            sweep.run_here(jobs)?;
            finish(run.dir, &sweep.standing)
        }
        EngineArg::Slurm => {
            let mut sweep = Sweep::open(run, 1)?;
            match engine::wait::run_on_slurm(methods, &mut sweep)? {
                engine::wait::Left::Done => finish(run.dir, &sweep.standing),
                engine::wait::Left::Detached => Ok(crate::FINISHED),
                engine::wait::Left::Cancelled => Ok(crate::SOME_FAILED),
            }
        }
        EngineArg::Other => {
            let mut sweep = Sweep::open(run, 1)?;
            let waiting = sweep.standing.waiting();
            engine::claims::keep(&run.dir.path)?;
            files::write_trials(run, &waiting)?;
            sweep.close()?;
            if waiting.is_empty() {
                return finish(run.dir, &sweep.standing);
            }
            let here = run.dir.path.display();
            say(format!(
                "{} trials are to run: `adaptbench plan {here} --list` names those that can begin, `adaptbench trial {here} ID` runs one, \
                 `adaptbench status {here}` says how far they are, and `adaptbench report {here}` makes the report",
                waiting.len()
            ));
            Ok(crate::FINISHED)
        }
    }
}

/// Refuses options that the engine of the run does not have.
fn check_engine(arguments: &RunArgs) -> anyhow::Result<()> {
    let on = arguments.on;
    let of_slurm = [
        ("--slurm-option", !arguments.slurm_option.is_empty()),
        ("--max-parallel", arguments.max_parallel.is_some()),
        ("--detach", arguments.detach),
    ];
    let of_here = [
        ("--jobs", arguments.jobs.is_some()),
        ("--retime", arguments.retime),
    ];
    let of_slurm =
        of_slurm.map(|(name, given)| (name, given && on != EngineArg::Slurm, "--on slurm"));
    let of_here = of_here.map(|(name, given)| {
        (
            name,
            given && on != EngineArg::Here,
            "runs on this machine, without --on",
        )
    });
    match of_slurm.iter().chain(&of_here).find(|(_, wrong, _)| *wrong) {
        Some((name, _, place)) => bail!("{name} is for {place}"),
        None => Ok(()),
    }
}

/// Derives tables and charts, prints the results and says where everything is.
fn finish(dir: &RunDir, standing: &Standing) -> anyhow::Result<u8> {
    let run = report::load_run(&dir.path)?;
    let written = report::write(&run, &dir.path)?;
    words::print_results(&run, &written);
    let ends = standing.ends();
    if let Some(advice) = retime::advice(&dir.path, ends) {
        say(advice);
    }
    Ok(if ends.failed == 0 {
        crate::FINISHED
    } else {
        crate::SOME_FAILED
    })
}
