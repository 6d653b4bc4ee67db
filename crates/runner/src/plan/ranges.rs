//! How large the numbers of a plan may be. Beyond these nothing useful begins, and arithmetic or memory ends.

use adapt::Budget;
use anyhow::{bail, ensure};

/// Trials of one run.
const MOST_TRIALS: usize = 100_000;
/// Seeds of one run.
pub(crate) const MOST_SEEDS: u64 = 10_000;
/// Search trials of one method.
const MOST_SEARCHES: usize = 10_000;
/// Epochs, examples a step, tokens a text.
const MOST_STEPS: usize = 1_000_000;
/// Examples that a limit leaves.
const MOST_EXAMPLES: usize = 1_000_000_000;
/// Seconds of one trial, 31 years.
const LONGEST: f64 = 1e9;

/// # Errors
/// A count of seeds that is not made.
pub(crate) fn seeds(count: u64) -> anyhow::Result<()> {
    ensure!(
        count <= MOST_SEEDS,
        "seeds is {count}, expected at most {MOST_SEEDS}"
    );
    Ok(())
}

/// # Errors
/// A limit of examples that leaves none, or that nobody has.
pub(crate) fn limit(name: &str, limit: Option<usize>) -> anyhow::Result<Option<usize>> {
    match limit {
        Some(0) => bail!("{name} is 0, expected at least 1"),
        Some(limit) => at_most(name, limit, MOST_EXAMPLES).map(|()| Some(limit)),
        None => Ok(None),
    }
}

/// # Errors
/// More search trials than a search has.
pub(crate) fn tune(trials: usize) -> anyhow::Result<()> {
    at_most("tune", trials, MOST_SEARCHES)
}

/// # Errors
/// No time at all, or more than there is.
pub(crate) fn time_limit(seconds: f64) -> anyhow::Result<()> {
    ensure!(
        seconds > 0.0 && seconds <= LONGEST,
        "the time limit is {seconds:e} seconds, expected more than 0 and at most {LONGEST:e}"
    );
    Ok(())
}

/// # Errors
/// Epochs, batch or length beyond any use.
pub(crate) fn budget(budget: &Budget) -> anyhow::Result<()> {
    for (name, found) in [
        ("epochs", budget.epochs),
        ("batch", budget.batch),
        ("max_length", budget.max_length),
    ] {
        at_most(name, found.get(), MOST_STEPS)?;
    }
    Ok(())
}

/// # Errors
/// More combinations than a run holds.
pub(crate) fn trials(counts: &[(&str, usize)]) -> anyhow::Result<()> {
    let product = counts
        .iter()
        .try_fold(1usize, |product, (_, count)| product.checked_mul(*count));
    if product.is_some_and(|product| product <= MOST_TRIALS) {
        return Ok(());
    }
    let factors: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    bail!(
        "the plan has {}, expected at most {MOST_TRIALS} trials in all",
        factors.join(" x ")
    )
}

fn at_most(name: &str, found: usize, most: usize) -> anyhow::Result<()> {
    ensure!(found <= most, "{name} is {found}, expected at most {most}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_any_use_are_refused_by_name() {
        for (refused, name) in [
            (seeds(i64::MAX as u64), "seeds"),
            (
                limit("train_limit", Some(usize::MAX)).map(drop),
                "train_limit",
            ),
            (limit("test_limit", Some(0)).map(drop), "test_limit"),
            (tune(1_000_000_000), "tune"),
            (time_limit(1e308), "time limit"),
            (time_limit(f64::INFINITY), "time limit"),
            (time_limit(f64::NAN), "time limit"),
            (time_limit(0.0), "time limit"),
            (
                trials(&[("a", usize::MAX), ("b", 3), ("c", 1), ("d", 1), ("e", 1)]),
                "3 b",
            ),
        ] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(seeds(MOST_SEEDS).is_ok() && time_limit(0.5).is_ok() && tune(0).is_ok());
        assert_eq!(limit("train_limit", None).unwrap(), None);
    }
}
