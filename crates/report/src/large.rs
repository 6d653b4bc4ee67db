//! What a reader can look at of a run with many groups: [`MOST_SHOWN`] of them in full, and a word on the others; tables written row by row.

use crate::ReportError;
use crate::standing::grouped;
use crate::summary::GroupSummary;
use rayon::prelude::*;
use record::{StoreError, Trial};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Groups that a report shows in full unless it is asked for more: with charts, comparisons, searches.
pub const MOST_SHOWN: usize = 12;

/// Ways of adapting that a chart has room for.
pub(crate) const MOST_DRAWN: usize = 40;

/// Failed trials that are listed one by one.
pub(crate) const MOST_FAILURES: usize = 50;

/// Which groups are shown in full: of each model and task the one with most training examples, then the next, up to `most` in all.
pub(crate) fn in_full(groups: &[GroupSummary], most: usize) -> Vec<bool> {
    let mut order: Vec<(usize, usize)> = Vec::new();
    let of_same = |a: &GroupSummary, b: &GroupSummary| (&a.model, &a.task) == (&b.model, &b.task);
    for family in groups.chunk_by(of_same) {
        let first = order.len();
        order.extend((0..family.len()).map(|at| (family.len() - at, first + at)));
    }
    order.sort_unstable();
    let mut shown = vec![false; groups.len()];
    for (_, place) in order.into_iter().take(most) {
        shown[place] = true;
    }
    shown
}

/// That not all is shown; `None` where it is.
pub(crate) fn word(shown: &[bool], where_else: &str) -> Option<String> {
    let [n, all] = [shown.iter().filter(|is| **is).count(), shown.len()].map(|n| n as u64);
    (n < all).then(|| {
        format!(
            "{} of the {} combinations of model, task and number of training examples are shown in full: of each model and task first the one with \
             most examples. {where_else}",
            grouped(n),
            grouped(all)
        )
    })
}

/// How to see more.
pub(crate) const SHOW_MORE: &str = "`report DIR --show N` shows N of them";

/// That not all ways of adapting of a group are in its charts; `None` where they are.
pub(crate) fn word_on_charts(group: &GroupSummary) -> Option<String> {
    (group.arms.len() > MOST_DRAWN).then(|| {
        format!(
            "the charts show the {MOST_DRAWN} most accurate of the {} ways of adapting; the tables have all",
            grouped(group.arms.len() as u64)
        )
    })
}

/// The first of `lines` and a word on the others.
pub(crate) fn first_failures(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_FAILURES) as u64;
    lines.truncate(MOST_FAILURES);
    if more > 0 {
        lines.push(format!(
            "and {} more: the rows of trials.csv whose outcome is not finished",
            grouped(more)
        ));
    }
    lines
}

/// Trials whose rows are made at a time.
const ROWS_AT_A_TIME: usize = 4096;

/// Writes `<dir>/<name>`: a header, and the rows that `of` makes of each trial. Whole or not at all, and never all in memory.
pub(crate) fn save_rows(
    dir: &Path,
    name: &str,
    header: &[&str],
    trials: &[Trial],
    of: impl Fn(&Trial) -> Vec<u8> + Sync,
) -> Result<PathBuf, ReportError> {
    let path = dir.join(name);
    let written = files::replace(&path, |temporary| {
        let mut out = BufWriter::new(File::create(temporary)?);
        out.write_all(&record::table_csv(header, []))?;
        for part in trials.chunks(ROWS_AT_A_TIME) {
            let rows: Vec<Vec<u8>> = part.par_iter().map(&of).collect();
            rows.iter().try_for_each(|rows| out.write_all(rows))?;
        }
        out.flush()
    });
    written.map_err(|error| StoreError::write(&path, error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(model: &str) -> GroupSummary {
        GroupSummary {
            model: model.to_owned(),
            ..GroupSummary::default()
        }
    }

    #[test]
    fn the_largest_point_of_every_model_is_shown_before_a_second_of_any() {
        let groups = ["a", "a", "a", "b", "b", "c"].map(group);
        let shown = |most| {
            let shown = in_full(&groups, most).into_iter().enumerate();
            let places = shown.filter_map(|(place, is)| is.then_some(place));
            places.collect::<Vec<_>>()
        };
        assert_eq!(shown(2), [2, 4]);
        assert_eq!(shown(4), [1, 2, 4, 5]);
        assert_eq!(shown(99), [0, 1, 2, 3, 4, 5]);
        assert!(
            word(&in_full(&groups, 2), "")
                .unwrap()
                .starts_with("2 of the 6 ")
        );
        assert_eq!(word(&in_full(&groups, 6), ""), None);
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        let lines = |n: usize| first_failures((0..n).map(|at| at.to_string()).collect());
        assert_eq!(lines(MOST_FAILURES).len(), MOST_FAILURES);
        let more = lines(MOST_FAILURES + 1234);
        assert_eq!(more.len(), MOST_FAILURES + 1);
        assert!(more[MOST_FAILURES].starts_with("and 1,234 more"));
    }
}
