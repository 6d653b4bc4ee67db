//! `report`, `recommend` and `compare`: what finished runs say, from their records alone.

use crate::cli::{CompareArgs, CostArg, RecommendArgs};
use crate::commands::method_docs::{self, METHODS_TABLE};
use crate::registry::{self, Methods};
use crate::terminal::{say, tell};
use crate::words;
use anyhow::{Context, bail};
use report::money::USD_PER_HOUR;
use report::{Cost, Limits, Noise, Question, Run, Spending};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rebuilds tables, charts and page of finished runs, or writes compact copies of them, and the tables of a README.
///
/// # Errors
/// A directory that is no run, or cannot be written; a README without the closing mark of a table.
pub(crate) fn report(
    methods: Methods,
    dirs: &[PathBuf],
    compact: Option<&Path>,
    readme: Option<&Path>,
    show: Option<NonZeroUsize>,
) -> anyhow::Result<()> {
    let dirs = runs_among(dirs);
    let mut runs = load(&dirs)?;
    for run in &mut runs {
        registry::complete_looks(methods, &mut run.info.methods);
    }
    match compact {
        Some(out) => write_compact(&runs, out)?,
        None => write_reports(&runs, show.map_or(report::MOST_SHOWN, NonZeroUsize::get))?,
    }
    if let Some(readme) = readme {
        let tables = report::update_readme(readme, &runs.iter().collect::<Vec<_>>())?;
        let before = files::read_text(readme, files::SETTINGS_BYTES)
            .with_context(|| format!("reading {}", readme.display()))?;
        if report::replace_between(&before, METHODS_TABLE, "").is_some() {
            method_docs::rewrite_methods_table(methods, readme)?;
        }
        say(format!("{}: {tables} tables of results", readme.display()));
    }
    Ok(())
}

fn write_reports(runs: &[Run], most: usize) -> anyhow::Result<()> {
    for run in runs {
        let written = report::write_showing(run, &run.dir, most)
            .with_context(|| format!("the report of {}", run.dir.display()))?;
        words::print_showing(run, &written, most);
    }
    Ok(())
}

/// Writes a compact copy of each run into a folder of its name in `out`.
fn write_compact(runs: &[Run], out: &Path) -> anyhow::Result<()> {
    let copies: Vec<PathBuf> = runs.iter().map(|run| out.join(run.name())).collect();
    for (at, copy) in copies.iter().enumerate() {
        if let Some(first) = copies[..at].iter().position(|other| other == copy) {
            bail!(
                "{} and {} have the same name; copy them with a command each, to different directories",
                runs[first].dir.display(),
                runs[at].dir.display()
            );
        }
    }
    for (run, copy) in runs.iter().zip(&copies) {
        report::compact(run, copy)
            .with_context(|| format!("the compact copy of {}", run.dir.display()))?;
        say(format!("{}: {} trials", copy.display(), run.trials.len()));
    }
    Ok(())
}

/// Says which methods to choose under limits.
///
/// # Errors
/// A directory that is no run; a number of predictions where they cost nothing, or none where they do.
pub(crate) fn recommend(arguments: &RecommendArgs) -> anyhow::Result<()> {
    let runs = load(&runs_among(&arguments.dirs))?;
    let seconds = |time: Option<humantime::Duration>| time.map(|t| Duration::from(t).as_secs_f64());
    let bytes = |size: Option<bytesize::ByteSize>| size.map(|s| s.as_u64() as f64);
    let limits = Limits {
        max_memory_bytes: bytes(arguments.max_memory),
        max_train_s: seconds(arguments.max_train_time),
        max_stored_bytes: bytes(arguments.max_stored),
        max_predict_s: seconds(arguments.max_predict_time),
        max_labels: arguments.labels.map(|labels| labels.get() as f64),
        max_cost_usd: most_money(arguments)?,
    };
    let question = Question {
        limits,
        margin: arguments.margin,
        cost: cost(arguments, runs.iter().any(is_priced))?,
        max_error: arguments.max_error,
    };
    if arguments.json {
        let of_run = |run| {
            let advice = report::advice_json(&report::recommend(run, &question));
            json!({"run": run.dir.display().to_string(), "advice": advice})
        };
        let all: Vec<Value> = runs.iter().map(of_run).collect();
        say(serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for run in &runs {
        if runs.len() > 1 {
            // Two runs may call two models by the same name.
            say(format!("Run {}", run.dir.display()));
        }
        let advice = report::advice_text(&report::recommend(run, &question));
        for line in advice.trim_end_matches('\n').lines() {
            say(words::fitted(line, words::width()));
        }
    }
    Ok(())
}

const DAYS_A_YEAR: usize = 365;

/// Whether any of a run's predictions have a price.
fn is_priced(run: &Run) -> bool {
    let mut trials = run.trials.iter();
    trials.any(|trial| trial.record.cost_usd.is_some())
}

/// How many predictions, where that is said.
fn predictions(arguments: &RecommendArgs) -> Option<f64> {
    let a_year = arguments.queries_per_day;
    let a_year = a_year.map(|a_day| a_day.get().saturating_mul(DAYS_A_YEAR));
    let predictions = arguments.predictions.map(NonZeroUsize::get).or(a_year);
    predictions.map(|n| n as f64)
}

/// What the machine costs, with so many predictions.
fn spending(arguments: &RecommendArgs, predictions: f64) -> Spending {
    Spending {
        predictions,
        usd_per_hour: arguments.usd_per_hour.unwrap_or(USD_PER_HOUR),
    }
}

/// The limit of money, where there is one.
fn most_money(arguments: &RecommendArgs) -> anyhow::Result<Option<(f64, Spending)>> {
    match (arguments.max_cost_usd, predictions(arguments)) {
        (None, _) => Ok(None),
        (Some(usd), Some(predictions)) => Ok(Some((usd, spending(arguments, predictions)))),
        (Some(_), None) => bail!(
            "--max-cost-usd needs to know of how many predictions: add --predictions N or --queries-per-day N"
        ),
    }
}

/// What is to be kept low. `priced`: whether any of the predictions have a price; then so many predictions are counted in money.
fn cost(arguments: &RecommendArgs, priced: bool) -> anyhow::Result<Cost> {
    let predictions = predictions(arguments);
    let has_limit = arguments.max_cost_usd.is_some();
    let asked = match (arguments.cost, predictions) {
        (None, Some(_)) if priced || has_limit => CostArg::Money,
        (None, Some(_)) => CostArg::Total,
        (None, None) => CostArg::SearchTrain,
        (Some(cost), _) => cost,
    };
    let is_money = asked == CostArg::Money || has_limit;
    if arguments.usd_per_hour.is_some() && !is_money {
        bail!(
            "--usd-per-hour counts for --cost money and --max-cost-usd only: add one of them, or leave it out"
        );
    }
    match (asked, predictions) {
        (CostArg::Total, Some(predictions)) => Ok(Cost::Total { predictions }),
        (CostArg::Money, Some(predictions)) => Ok(Cost::Money(spending(arguments, predictions))),
        (CostArg::Total | CostArg::Money, None) => bail!(
            "--cost total and --cost money need to know of how many predictions: add --predictions N or --queries-per-day N"
        ),
        (_, Some(_)) if !has_limit => bail!(
            "--predictions and --queries-per-day count for --cost total, --cost money and --max-cost-usd only: leave out --cost, or them"
        ),
        (CostArg::Train, _) => Ok(Cost::Train),
        (CostArg::SearchTrain, _) => Ok(Cost::SearchTrain),
        (CostArg::Memory, _) => Ok(Cost::Memory),
        (CostArg::Predict, _) => Ok(Cost::Predict),
    }
}

/// Compares two runs. What the exit status says is in the help of [`CompareArgs`].
///
/// # Errors
/// A directory that is no run; runs that have no method in common, or other classes.
pub(crate) fn compare(arguments: &CompareArgs) -> anyhow::Result<Compared> {
    let [first, second] = [&arguments.first, &arguments.second].map(|dir| report::load_run(dir));
    let (first, second) = (first?, second?);
    let noise = Noise {
        time: arguments.noise,
        ..Noise::default()
    };
    let comparison = report::compare(&first, &second, &noise);
    say(report::comparison_table(&comparison).trim_end_matches('\n'));
    if !comparison.refused.is_empty() {
        bail!(
            "runs with other classes cannot be compared: {}; compare runs of the same task",
            comparison.refused.join("; ")
        );
    }
    if comparison.arms.is_empty() {
        bail!(
            "{} and {} have no method on the same model and task in common; compare runs of the same model and task",
            first.dir.display(),
            second.dir.display()
        );
    }
    let gate = arguments.fail_if_worse.map(|threshold| {
        let gate = report::gate(&comparison, threshold);
        say("");
        say(report::gate_text(&gate, threshold).trim_end_matches('\n'));
        gate
    });
    Ok(match gate {
        Some(gate) if !gate.worse.is_empty() => Compared::Worse,
        Some(gate) if !gate.unsettled.is_empty() => Compared::CannotTell,
        _ if !comparison.not_paired.is_empty() => Compared::CannotTell,
        _ => Compared::Done,
    })
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Compared, and nothing is worse than was allowed.
    Done,
    /// Something is.
    Worse,
    /// The evidence does not say, or is not of the same test rows.
    CannotTell,
}

/// Those that hold a run, where any does: `results/*` also names what lies beside the runs. Says what it leaves out.
fn runs_among(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let is_run = |dir: &&PathBuf| dir.join("run.json").is_file();
    let runs: Vec<PathBuf> = dirs.iter().filter(is_run).cloned().collect();
    if runs.is_empty() {
        return dirs.to_vec(); // reading them says what is wrong
    }
    for other in dirs.iter().filter(|dir| !is_run(dir)) {
        tell(format!("left out {}: no run.json in it", other.display()));
    }
    runs
}

fn load(dirs: &[PathBuf]) -> anyhow::Result<Vec<Run>> {
    Ok(dirs
        .iter()
        .map(|dir| report::load_run(dir))
        .collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use report::{Cost, Spending};

    /// Of arguments after `recommend r`; how it is refused otherwise.
    fn cost_of(arguments: &[&str]) -> Result<Cost, String> {
        let all = ["adaptbench", "recommend", "r"].iter().chain(arguments);
        let cli = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
        match cli.command {
            Some(Command::Recommend(arguments)) => {
                super::cost(&arguments, false).map_err(|error| error.to_string())
            }
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_number_of_predictions_means_their_total_cost_and_is_refused_where_it_counts_for_nothing() {
        let total = |predictions| Ok(Cost::Total { predictions });
        assert_eq!(cost_of(&[]), Ok(Cost::SearchTrain));
        assert_eq!(cost_of(&["--cost", "search+train"]), Ok(Cost::SearchTrain));
        assert_eq!(cost_of(&["--cost", "memory"]), Ok(Cost::Memory));
        assert_eq!(cost_of(&["--predictions", "2000"]), total(2000.0));
        assert_eq!(cost_of(&["--queries-per-day", "10"]), total(3650.0));
        assert_eq!(
            cost_of(&["--cost", "total", "--predictions", "5"]),
            total(5.0)
        );
        let spending = |predictions, usd_per_hour| {
            Ok(Cost::Money(Spending {
                predictions,
                usd_per_hour,
            }))
        };
        assert_eq!(
            cost_of(&["--cost", "money", "--predictions", "7"]),
            spending(7.0, 1.0)
        );
        let limited = [
            "--max-cost-usd",
            "5",
            "--predictions",
            "7",
            "--usd-per-hour",
            "2.5",
        ];
        assert_eq!(cost_of(&limited), spending(7.0, 2.5));
        assert_eq!(
            cost_of(&[
                "--max-cost-usd",
                "5",
                "--predictions",
                "7",
                "--cost",
                "train"
            ]),
            Ok(Cost::Train)
        );
        for refused in [
            &["--cost", "total"][..],
            &["--cost", "money"],
            &["--usd-per-hour", "2"],
            &["--max-cost-usd", "0", "--predictions", "7"],
            &["--cost", "train", "--predictions", "5"],
            &["--predictions", "5", "--queries-per-day", "5"],
            &["--predictions", "0"],
            &["--margin", "-1"],
            &["--margin", "NaN"],
            &["--max-error", "5"],
            &["--max-error", "0%"],
            &["--max-error", "100%"],
        ] {
            assert!(cost_of(refused).is_err(), "{refused:?} was taken");
        }
        assert!(cost_of(&["--max-error", "5%", "--margin", "0.5", "--labels", "100"]).is_ok());
    }

    #[test]
    fn what_lies_beside_runs_is_left_out_but_never_everything() {
        let dir = tempfile::tempdir().unwrap();
        let [run, other] = ["run", "other"].map(|name| dir.path().join(name));
        for path in [&run, &other] {
            std::fs::create_dir(path).unwrap();
        }
        let both = [run.clone(), other];
        assert_eq!(super::runs_among(&both), both);
        std::fs::write(run.join("run.json"), "{}").unwrap();
        assert_eq!(super::runs_among(&both), [run]);
    }
}
