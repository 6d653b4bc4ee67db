//! `trials.csv`, `curves.csv` and `summary.csv`. A number that was not measured is an empty cell.

use crate::run::Run;
use crate::statistics::{Evidence, Spread};
use crate::summary::{ArmSummary, GroupSummary, Standing};
use record::{CURVES_HEADER, TRIALS_HEADER};

/// One row a trial, columns [`TRIALS_HEADER`].
pub(crate) fn trials_csv(run: &Run) -> Vec<u8> {
    csv(
        TRIALS_HEADER.map(str::to_owned).to_vec(),
        run.trials.iter().map(|trial| trial.record.cells()),
    )
}

/// One row a point of a learning curve, columns [`CURVES_HEADER`].
pub(crate) fn curves_csv(run: &Run) -> Vec<u8> {
    let rows = run.trials.iter().flat_map(|trial| {
        trial.record.curve.iter().map(|point| {
            let numbers = [
                point.step.to_string(),
                point.epoch.to_string(),
                point.elapsed_s.to_string(),
            ];
            let rest = [
                point.split.clone(),
                point.metric.clone(),
                point.value.to_string(),
            ];
            std::iter::once(trial.record.trial_id.clone())
                .chain(numbers)
                .chain(rest)
                .collect()
        })
    });
    csv(CURVES_HEADER.map(str::to_owned).to_vec(), rows)
}

type Cell = (&'static str, fn(&GroupSummary, &ArmSummary) -> String);

/// Column names and cells of `summary.csv`, up to the spreads.
#[rustfmt::skip]
const SUMMARY_CELLS: [Cell; 31] = [
    ("model", |g, _| g.model.clone()),
    ("task", |g, _| g.task.clone()),
    ("label", |_, a| a.label.clone()),
    ("method", |_, a| a.method.clone()),
    ("variant", |_, a| a.variant.clone()),
    ("device", |_, a| a.device.clone()),
    ("trials_finished", |_, a| a.finished.to_string()),
    ("trials_failed", |_, a| a.failed.to_string()),
    ("n_train", |_, a| cell(a.n_train)),
    ("n_seeds", |_, a| cell(a.accuracy.map(|e| e.seeds))),
    ("n_test", |_, a| cell(a.accuracy.map(|e| e.rows))),
    ("test_accuracy_mean", |_, a| cell(a.accuracy.map(|e| e.mean))),
    ("test_accuracy_low", |_, a| cell(a.accuracy.map(|e| e.interval.low))),
    ("test_accuracy_high", |_, a| cell(a.accuracy.map(|e| e.interval.high))),
    ("test_macro_f1_mean", |_, a| cell(a.macro_f1)),
    ("test_loss_mean", |_, a| cell(a.test_loss)),
    ("validation_accuracy_mean", |_, a| cell(a.validation_accuracy)),
    ("standing", |_, a| standing(a.standing).to_owned()),
    ("difference_from_best", |_, a| cell(a.against.map(|x| x.difference.mean))),
    ("difference_low", |_, a| cell(a.against.map(|x| x.difference.interval.low))),
    ("difference_high", |_, a| cell(a.against.map(|x| x.difference.interval.high))),
    ("p_value", |_, a| cell(a.against.map(|x| x.difference.p_value))),
    ("p_holm", |_, a| cell(a.against.map(|x| x.p_holm))),
    ("paired_seeds", |_, a| cell(paired(a).map(|(seeds, _)| seeds))),
    ("paired_rows", |_, a| cell(paired(a).map(|(_, rows)| rows))),
    ("trainable_params", |_, a| cell(a.trainable_params)),
    ("added_params", |_, a| cell(a.added_params)),
    ("total_params", |_, a| cell(a.total_params)),
    ("stored_bytes", |_, a| cell(a.stored_bytes)),
    ("train_flops_median", |_, a| cell(a.costs.train_flops.map(|s| s.median))),
    ("infer_flops_per_sample", |_, a| cell(a.costs.infer_flops_per_sample.map(|s| s.median))),
];

type Measured = (&'static str, fn(&ArmSummary) -> Option<Spread>);

/// Quantities given as `<name>_median`, `<name>_min`, `<name>_max`.
#[rustfmt::skip]
const SUMMARY_SPREADS: [Measured; 16] = [
    ("load_s", |a| a.costs.load_s),
    ("prepare_s", |a| a.costs.prepare_s),
    ("first_step_s", |a| a.costs.first_step_s),
    ("train_s", |a| a.costs.train_s),
    ("adapt_s", |a| a.costs.adapt_s),
    ("tune_s", |a| a.costs.tune_s),
    ("eval_s", |a| a.costs.eval_s),
    ("total_s", |a| a.costs.total_s),
    ("step_ms", |a| a.costs.step_ms),
    ("train_samples_per_s", |a| a.costs.train_samples_per_s),
    ("eval_samples_per_s", |a| a.costs.eval_samples_per_s),
    ("train_peak_rss_bytes", |a| a.costs.train_peak_rss_bytes),
    ("eval_peak_rss_bytes", |a| a.costs.eval_peak_rss_bytes),
    ("train_peak_heap_bytes", |a| a.costs.train_peak_heap_bytes),
    ("device_peak_bytes", |a| a.costs.device_peak_bytes),
    ("cache_bytes", |a| a.costs.cache_bytes),
];

/// One row for each way of adapting.
pub(crate) fn summary_csv(groups: &[GroupSummary]) -> Vec<u8> {
    let spreads = SUMMARY_SPREADS
        .iter()
        .flat_map(|(name, _)| ["median", "min", "max"].map(|end| format!("{name}_{end}")));
    let header = SUMMARY_CELLS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(spreads)
        .collect();
    let rows = groups.iter().flat_map(|group| {
        group.arms.iter().map(move |arm| {
            let cells = SUMMARY_CELLS.iter().map(|(_, of)| of(group, arm));
            let spreads = SUMMARY_SPREADS.iter().flat_map(|(_, of)| {
                let spread = of(arm);
                [
                    spread.map(|s| s.median),
                    spread.map(|s| s.min),
                    spread.map(|s| s.max),
                ]
                .map(cell)
            });
            cells.chain(spreads).collect()
        })
    });
    csv(header, rows)
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Best => "best",
        Standing::LikeBest => "like_best",
        Standing::Worse => "worse",
        Standing::Unknown => "",
    }
}

fn paired(arm: &ArmSummary) -> Option<(usize, usize)> {
    match arm.against?.difference.evidence {
        Evidence::Paired { seeds, rows } => Some((seeds, rows)),
        Evidence::Unpaired => None,
    }
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn csv(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        // Every row has the header's length, and writing to memory cannot fail.
        table
            .write_record(&row)
            .expect("rows are as long as their header");
    }
    table.into_inner().expect("writing to memory")
}
