//! The program: command line, trial processes, registry of methods.
//!
//! `run` is the parent: it resolves a plan into trials, starts each as a child process (`child`), watches it, and keeps its record. The
//! parent never opens a device nor reads a model; what it must know of them it asks a short-lived child (`probe`).
//!
//! [`main_with`] takes the list of methods, so that tests run the whole program with methods of their own.

mod cli;
mod commands;
mod panics;
mod plan;
mod pretrain;
mod registry;
mod run;
pub mod served;
mod sources;
mod terminal;
mod words;

use clap::{CommandFactory, FromArgMatches, Parser};
use cli::{Cli, Command};
use commands::replicate::{self, Replicated};
use commands::results::Compared;
use commands::{export, features, listing, predict, results};
use kernels::workers::with_awake_workers;
use report::Verdict;
use run::engine::{attempt, listing as engine_listing, status};
use run::{child, estimate, parent, probe};
use std::borrow::Cow;
use std::process::ExitCode;
use terminal::tell;

// What a method from outside this workspace is written with, see examples/own_method.rs; everything else is in the two crates.
pub use adapt::{
    self, Attach, ConfigError, FitError, Hue, Level, LoadAdapterError, Look, Method, MethodInfo,
    Outline, Peft, Plan, PredictError, Predictor, SaveError, SearchRange, Setting, Trained,
    parse_config,
};
pub use registry::METHODS;
pub use run::flops::flop_shape;
pub use transformer::{self, At, Depth, Hooks, Linear, Point, Proj, Shape};

/// Counts the heap by phase; mimalloc because the system's allocator gives pages back between steps and faults them in again.
#[global_allocator]
static HEAP: measure::CountingAllocator<mimalloc::MiMalloc> =
    measure::CountingAllocator::new(mimalloc::MiMalloc);

/// Everything finished.
const FINISHED: u8 = 0;
/// Some trials failed; they are rows of the result. Of `compare`: something is worse.
const SOME_FAILED: u8 = 1;
/// Bad usage or input.
const BAD_INPUT: u8 = 2;
/// Two runs were compared, and the evidence does not settle what was asked.
const CANNOT_TELL: u8 = 3;
/// A trial whose results found no place on the disk (EX_IOERR of sysexits.h); seen by the parent, or the engine that started it.
const NOT_WRITTEN: u8 = 74;
/// A trial that cannot run now: somebody else has it, or a search that it uses has not ended. Of `status`: trials are still to come (EX_TEMPFAIL).
const NOT_NOW: u8 = 75;

/// Ends with clap's message, in colour unless a name in it would act on the terminal (`compare runs/*` hands over whatever names there are).
fn refuse_usage(error: &clap::Error) -> ! {
    if let Cow::Owned(shown) = files::printable(&error.to_string()) {
        tell(shown.trim_end());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Runs the command line of this process with `methods`.
pub fn main_with(methods: &'static [&'static dyn adapt::Method]) -> ExitCode {
    panics::end_quietly_on_closed_output();
    let known = format!("Methods: {}", registry::names(methods).join(", "));
    let command = Cli::command()
        .mut_subcommand("run", |run| run.after_help(known.clone()))
        .after_help(known);
    let cli = command
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match cli {
        Ok(cli) => cli,
        Err(error) => refuse_usage(&error),
    };
    let is_trial = matches!(cli.command, Some(Command::Trial { .. }));
    let done = match cli.command.unwrap_or_else(|| Command::Run(Box::default())) {
        Command::Run(arguments) => parent::run(methods, &arguments),
        Command::Features(arguments) => {
            with_awake_workers(|| features::write(&arguments)).map(|()| FINISHED)
        }
        Command::Predict(arguments) => {
            with_awake_workers(|| predict::write(methods, &arguments)).map(|()| FINISHED)
        }
        Command::Export(arguments) => {
            with_awake_workers(|| export::write(methods, &arguments)).map(|()| FINISHED)
        }
        Command::Pretrain(given) => pretrain::hand_over(&given.arguments).map(|()| FINISHED),
        Command::Report {
            dirs,
            compact,
            readme,
            show,
        } => results::report(methods, &dirs, compact.as_deref(), readme.as_deref(), show)
            .map(|()| FINISHED),
        Command::Recommend(arguments) => results::recommend(&arguments).map(|()| FINISHED),
        Command::Compare(arguments) => {
            results::compare(&arguments).map(|compared| match compared {
                Compared::Done => FINISHED,
                Compared::Worse => SOME_FAILED,
                Compared::CannotTell => CANNOT_TELL,
            })
        }
        Command::Replicate(arguments) => {
            replicate::replicate(methods, &arguments).map(|done| match done {
                Replicated::Listed | Replicated::Judged(Verdict::Replicated) => FINISHED,
                Replicated::Incomplete | Replicated::Judged(Verdict::Refuted) => SOME_FAILED,
                Replicated::Judged(Verdict::Open) => CANNOT_TELL,
            })
        }
        Command::Methods(arguments) => listing::methods(methods, &arguments).map(|()| FINISHED),
        Command::Models(list) => listing::models(list).map(|()| FINISHED),
        Command::Tasks(list) => listing::tasks(list).map(|()| FINISHED),
        Command::Devices(list) => listing::devices(list).map(|()| FINISHED),
        Command::Status { dir } => status::show(&dir),
        Command::Plan { dir, .. } => engine_listing::list(&dir).map(|()| FINISHED),
        Command::Trial { dir, id } => attempt::main(&dir, &id),
        Command::Child => return with_awake_workers(|| child::main(methods)),
        Command::Probe => probe::main(methods).map(|()| FINISHED),
        Command::Estimate => with_awake_workers(|| estimate::main(methods)).map(|()| FINISHED),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(format!("error: {}", words::of_error(&error)));
            if is_trial && words::names_disk(&error) {
                ExitCode::from(NOT_WRITTEN)
            } else {
                ExitCode::from(BAD_INPUT)
            }
        }
    }
}

/// Runs one command that reads foreign files within this process, for tests that give it thousands of them: `features`, `predict`, `report`,
/// `recommend`, `compare`; of `run` only what its plan comes to, with the models and tasks that it names by path.
///
/// # Errors
/// What the command says, as it is printed.
pub fn run_within(
    methods: &'static [&'static dyn adapt::Method],
    arguments: &[&str],
) -> Result<(), String> {
    let cli = Cli::try_parse_from(["adaptbench"].iter().chain(arguments));
    let done = match cli.map_err(|error| error.to_string())?.command {
        Some(Command::Run(arguments)) => plan::resolve(methods, &arguments).and_then(|plan| {
            let paths = |names: &[String]| -> Vec<String> {
                let names = names.iter().filter(|name| name.contains('/'));
                names.cloned().collect()
            };
            for model in paths(&plan.models) {
                sources::model(&model)?;
            }
            for task in paths(&plan.tasks) {
                sources::task(&task)?;
            }
            Ok(())
        }),
        Some(Command::Features(arguments)) => features::write(&arguments),
        Some(Command::Predict(arguments)) => predict::write(methods, &arguments),
        Some(Command::Report { dirs, .. }) => results::report(methods, &dirs, None, None, None),
        Some(Command::Recommend(arguments)) => results::recommend(&arguments),
        Some(Command::Compare(arguments)) => results::compare(&arguments).map(drop),
        other => return Err(format!("{other:?} is not run within the process")),
    };
    done.map_err(|error| files::printable(&words::of_error(&error)).into_owned())
}
