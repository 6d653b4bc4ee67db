//! `summary.csv`. A number that was not measured is an empty cell.

use crate::costs::Costs;
use crate::statistics::{Improvement, Standing};
use crate::summary::{ArmSummary, GroupSummary};

type Cell = (&'static str, fn(&GroupSummary, &ArmSummary) -> String);

/// Column names and cells of `summary.csv`, up to the spreads.
#[rustfmt::skip]
const SUMMARY_CELLS: &[Cell] = &[
    ("model", |g, _| g.model.clone()),
    ("task", |g, _| g.task.clone()),
    ("label", |_, a| a.label.clone()),
    ("method", |_, a| a.method.clone()),
    ("variant", |_, a| a.variant.clone()),
    ("device", |_, a| a.device.clone()),
    ("trials_finished", |_, a| a.finished.to_string()),
    ("trials_failed", |_, a| a.failed.to_string()),
    ("n_train", |_, a| cell(a.n_train)),
    ("n_validation", |_, a| cell(a.n_validation)),
    ("n_seeds", |_, a| cell(a.accuracy.map(|e| e.seeds))),
    ("n_test", |_, a| cell(a.accuracy.map(|e| e.rows))),
    ("test_accuracy_mean", |_, a| cell(a.accuracy.map(|e| e.mean))),
    ("test_accuracy_low", |_, a| cell(a.accuracy.map(|e| e.interval.low))),
    ("test_accuracy_high", |_, a| cell(a.accuracy.map(|e| e.interval.high))),
    ("test_macro_f1_mean", |_, a| cell(a.macro_f1)),
    ("test_loss_mean", |_, a| cell(a.test_loss)),
    ("validation_accuracy_mean", |_, a| cell(a.validation_accuracy)),
    ("difference_points", |_, a| cell(a.against.map(|x| 100.0 * x.difference))),
    ("difference_low", |_, a| cell(a.against.map(|x| 100.0 * x.interval.low))),
    ("difference_high", |_, a| cell(a.against.map(|x| 100.0 * x.interval.high))),
    ("standing", |_, a| standing(a.standing).to_owned()),
    ("p_adjusted", |_, a| cell(a.against.map(|x| x.p_adjusted))),
    ("seed_variance_used", |_, a| cell(a.against.and_then(|x| x.pair.seed_variance).map(|v| v.value))),
    ("df_used", |_, a| cell(a.against.map(|x| x.pair.df).filter(|df| df.is_finite()))),
    ("paired_seeds", |_, a| cell(a.against.map(|x| x.pair.squares.seed_count))),
    ("paired_rows", |_, a| cell(a.against.map(|x| x.pair.squares.row_count))),
    ("p_beats_best", |_, a| cell(improvement(a).map(|p| p.probability))),
    ("p_beats_best_low", |_, a| cell(improvement(a).map(|p| p.interval.low))),
    ("p_beats_best_high", |_, a| cell(improvement(a).map(|p| p.interval.high))),
    ("trainable_params", |_, a| cell(a.trainable_params)),
    ("added_params", |_, a| cell(a.added_params)),
    ("total_params", |_, a| cell(a.total_params)),
    ("stored_bytes", |_, a| cell(a.stored_bytes)),
    ("train_flops_median", |_, a| cell(a.train_flops)),
    ("infer_flops_per_sample", |_, a| cell(a.infer_flops_per_sample)),
    ("coverage_at_5_percent_error", |_, a| cell(a.coverage.map(|c| c.mean))),
    ("coverage_low", |_, a| cell(a.coverage.map(|c| c.interval.low))),
    ("coverage_high", |_, a| cell(a.coverage.map(|c| c.interval.high))),
    ("disturbed_trials", |_, a| cell(a.costs.neighbours.map(|n| n.disturbed))),
    ("search_trials", |_, a| cell(a.search_trials)),
    ("search_edge", |_, a| cell(a.search_edge.as_ref().map(Option::is_some))),
    ("test_brier_mean", |_, a| cell(a.calibration.brier)),
    ("test_ece_mean", |_, a| cell(a.calibration.error.map(|e| e.mean))),
    ("test_ece_low", |_, a| cell(a.calibration.error.map(|e| e.interval.low))),
    ("test_ece_high", |_, a| cell(a.calibration.error.map(|e| e.interval.high))),
    ("temperature_median", |_, a| cell(a.calibration.temperature.map(|t| t.median))),
    ("test_loss_tempered_mean", |_, a| cell(a.calibration.loss_tempered)),
    ("test_brier_tempered_mean", |_, a| cell(a.calibration.brier_tempered)),
    ("test_ece_tempered_mean", |_, a| cell(a.calibration.error_tempered)),
    ("test_oos_auroc_mean", |_, a| cell(a.calibration.out_of_scope_auroc)),
];

/// One row for each way of adapting.
pub(crate) fn summary_csv(groups: &[GroupSummary]) -> Vec<u8> {
    let spreads = Costs::NAMES
        .iter()
        .flat_map(|name| ["median", "min", "max"].map(|end| format!("{name}_{end}")));
    let header: Vec<String> = SUMMARY_CELLS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(spreads)
        .collect();
    let rows = groups.iter().flat_map(|group| {
        group.arms.iter().map(move |arm| {
            let cells = SUMMARY_CELLS.iter().map(|(_, of)| of(group, arm));
            let spreads = arm.costs.spreads().into_iter().flat_map(|spread| {
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
    record::table_csv(&header, rows)
}

pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Best => "best",
        Standing::AsGood => "as_good",
        Standing::Open => "open",
        Standing::Behind => "behind",
        Standing::Unknown => "",
    }
}

/// Of the arm over the best of the others.
fn improvement(arm: &ArmSummary) -> Option<Improvement> {
    arm.against?.pair.improvement()
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}
