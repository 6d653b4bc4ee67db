//! From a group's summary and trials to what its charts show.

use super::accuracy::{Dot, fill};
use super::break_even::{Crossing, Line};
use super::curves::{Curve, Curves};
use super::look::{self, Look};
use super::phases::Bar;
use super::reliability::Panel;
use super::scale::listed;
use super::scatter::Point;
use crate::break_even;
use crate::costs::Costs;
use crate::run::{Arm, Group};
use crate::statistics::{self, Answers, Spread, Standing};
use crate::summary::{ArmSummary, GroupSummary};
use crate::{BreakEven, CostLine};
use record::{CurvePoint, MethodNote, Trial, TrialRecord};

/// A group with how its arms look.
pub(crate) struct Data<'a> {
    pub(crate) group: &'a Group<'a>,
    pub(crate) summary: &'a GroupSummary,
    pub(crate) looks: Vec<Look>,
    /// By place of the first and of the second: whether the first is shown to be more accurate (95 % interval of the difference).
    better: Vec<Vec<bool>>,
}

/// Characters of a label that leave room for the chart beside it.
const LONGEST_LABEL: usize = 40;

impl<'a> Data<'a> {
    pub(crate) fn of(
        group: &'a Group<'a>,
        summary: &'a GroupSummary,
        notes: &[MethodNote],
    ) -> Self {
        let methods: Vec<&str> = summary.arms.iter().map(|arm| arm.method.as_str()).collect();
        let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
        let is_better = |pair: &Option<statistics::Paired>| {
            pair.as_ref().is_some_and(|pair| pair.interval().low > 0.0)
        };
        let pairs = statistics::pairs(&answers);
        Self {
            group,
            summary,
            looks: look::of_arms(&methods, notes),
            better: pairs
                .iter()
                .map(|row| row.iter().map(is_better).collect())
                .collect(),
        }
    }

    /// The arms in order, with their place, label and look.
    fn arms(&self) -> impl Iterator<Item = (usize, &ArmSummary, String, Look)> {
        let arms = self.summary.arms.iter().zip(&self.looks).enumerate();
        arms.map(|(i, (arm, look))| (i, arm, shortened(&arm.label, LONGEST_LABEL), *look))
    }

    pub(crate) fn is_better(&self, first: usize, second: usize) -> bool {
        self.better[first][second]
    }

    pub(crate) fn dots(&self) -> Vec<Dot> {
        self.arms()
            .filter_map(|(_, arm, label, look)| {
                Some(Dot {
                    label,
                    look,
                    accuracy: arm.accuracy?,
                    standing: arm.standing,
                    against: arm.against,
                })
            })
            .collect()
    }

    /// The arms of which no trial or not every trial finished.
    pub(crate) fn failures(&self) -> Vec<String> {
        let of = |keep: fn(&ArmSummary) -> bool, text: fn(&ArmSummary) -> String| {
            let arms = self.summary.arms.iter().filter(|arm| keep(arm));
            listed(&arms.map(text).collect::<Vec<_>>())
        };
        let none = of(
            |arm| arm.accuracy.is_none(),
            |arm| shortened(&arm.label, LONGEST_LABEL),
        );
        let some = of(
            |arm| arm.accuracy.is_some() && arm.failed > 0,
            |arm| {
                let label = shortened(&arm.label, LONGEST_LABEL);
                format!(
                    "{label} ({} of {})",
                    arm.finished,
                    arm.finished + arm.failed
                )
            },
        );
        let mut notes = Vec::new();
        if !none.is_empty() {
            notes.push(format!("Not shown, as no trial finished: {none}."));
        }
        if !some.is_empty() {
            notes.push(format!("Not every trial finished: {some}."));
        }
        notes
    }

    /// The kept arms that have an accuracy, and their places; `cost` is `None` where it was not measured.
    pub(crate) fn points(
        &self,
        cost: impl Fn(&ArmSummary) -> Option<Spread>,
        keep: impl Fn(usize) -> bool,
    ) -> (Vec<Point>, Vec<usize>) {
        self.arms()
            .filter(|(i, ..)| keep(*i))
            .filter_map(|(i, arm, label, look)| {
                let point = Point {
                    label,
                    look,
                    fill: fill(arm.standing),
                    accuracy: arm.accuracy?,
                    cost: cost(arm),
                };
                Some((point, i))
            })
            .unzip()
    }

    /// Seconds of a prediction, measured alike for all arms of the group.
    pub(crate) fn predict_s(&self, arm: &ArmSummary) -> Option<Spread> {
        break_even::per_prediction(&arm.costs, break_even::source(self.summary))
    }

    /// Whether an arm fits nothing: no parameter is trained, and nothing is searched step by step. What it costs is each prediction.
    pub(crate) fn is_untrained(&self, place: usize) -> bool {
        let arm = &self.summary.arms[place];
        arm.trainable_params == Some(0)
            && self.predict_s(arm).is_some()
            && !self.group.arms[place].finished().any(has_steps)
    }

    /// What each arm costs before the first prediction and for each, and where two that are not behind cross.
    pub(crate) fn break_even(&self, found: Option<BreakEven>) -> (Vec<Line>, Vec<Crossing>) {
        let Some(found) = found else {
            return (Vec::new(), Vec::new());
        };
        let of = |place: usize| self.arms().nth(place).expect("a place in the group");
        let line = |line: &CostLine| {
            let (_, arm, label, look) = of(line.arm);
            let drawn = Line {
                label,
                look,
                fill: fill(arm.standing),
                start: line.start.median,
                each: line.each.median,
            };
            arm.accuracy.map(|_| drawn)
        };
        let lines = found.lines.iter().filter_map(line).collect();
        let is_shown = |place: usize| self.summary.arms[place].standing != Standing::Behind;
        let shown = found
            .crossings
            .iter()
            .filter(|c| c.predictions >= 1.0 && is_shown(c.dear_start) && is_shown(c.cheap_start));
        let crossing = |crossing: &crate::Crossing| {
            let at = |line: &&CostLine| line.arm == crossing.dear_start;
            let line = found.lines.iter().find(at)?;
            Some(Crossing {
                dear_start: of(crossing.dear_start).2,
                cheap_start: of(crossing.cheap_start).2,
                predictions: crossing.predictions,
                range: (crossing.low, crossing.high),
                taken: line.start.median + crossing.predictions * line.each.median,
            })
        };
        (lines, shown.filter_map(crossing).collect())
    }

    /// The arms whose probabilities are known.
    pub(crate) fn reliability(&self) -> Vec<Panel> {
        let panel = |(_, arm, label, look): (usize, &ArmSummary, String, Look)| {
            let own = &arm.calibration;
            Some(Panel {
                label,
                look,
                fill: fill(arm.standing),
                error: own.error?.mean,
                bins: own.bins.clone(),
                tempered: own.bins_tempered.clone(),
            })
        };
        self.arms().filter_map(panel).collect()
    }

    /// Medians by phase; what the total holds beyond the named phases is shown as such.
    pub(crate) fn phase_bars(&self) -> Vec<Bar> {
        let bars = self.arms().filter(|(_, arm, ..)| arm.finished > 0);
        bars.map(|(i, arm, label, _)| {
            let costs = &arm.costs;
            // As the phases: of the trials whose times are shown.
            let finished = self.group.arms[i].finished();
            let finished =
                finished.filter(|trial| !arm.elsewhere.contains(&trial.record.spec.seed));
            let other = Spread::of(finished.map(|trial| other_s(&trial.record)));
            let phases = [
                costs.load_s,
                costs.prepare_s,
                costs.prepare_validation_s,
                costs.first_step_s,
                costs.train_s,
                costs.validate_s,
                costs.eval_s,
                other,
            ];
            Bar {
                label,
                seconds: phases.map(|spread| spread.map(|s| s.median)),
                search: costs.searched_s(),
            }
        })
        .collect()
    }

    /// The validation points of every trial that was trained step by step, which its training losses tell. What a method chooses among (the C
    /// of a linear classifier, templates) is validated as well, but is no course of a training.
    pub(crate) fn learning_curves(&self, metric: &str) -> Vec<Curves> {
        self.arms()
            .map(|(i, arm, label, look)| {
                let trained = self.group.arms[i].finished().filter(|t| has_steps(t));
                let seeds = trained.map(|trial| {
                    let points = validated(&trial.record.curve, metric);
                    Curve {
                        points: points.map(|p| (p.step, p.value)).collect(),
                        kept: kept(&trial.record.curve),
                    }
                });
                Curves {
                    label,
                    look,
                    fill: fill(arm.standing),
                    seeds: seeds.collect(),
                }
            })
            .collect()
    }
}

pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    kept + "…"
}

/// A quantity that is the same in every trial.
pub(crate) fn certain(value: Option<u64>) -> Option<Spread> {
    Spread::of([value.map(|v| v as f64)])
}

/// From the loaded model to one that can answer, its search included.
pub(crate) fn search_and_adapt_s(costs: &Costs) -> Option<Spread> {
    let search = costs.searched_s().unwrap_or(0.0);
    costs.adapt_s.map(|adapt| Spread {
        median: adapt.median + search,
        min: adapt.min + search,
        max: adapt.max + search,
        ..adapt
    })
}

/// What the total holds beyond the phases and the search.
fn other_s(record: &TrialRecord) -> Option<f64> {
    let known = [
        record.load_s,
        record.tune_s,
        record.prepare_s,
        record.prepare_validation_s,
        record.first_step_s,
        record.train_s,
        record.validation_s(),
        record.eval_s,
    ];
    let known: f64 = known.iter().flatten().sum();
    Some((record.total_s? - known).max(0.0))
}

fn has_steps(trial: &Trial) -> bool {
    trial.record.curve.iter().any(|p| p.split == "train")
}

fn validated<'a>(curve: &'a [CurvePoint], metric: &'a str) -> impl Iterator<Item = &'a CurvePoint> {
    curve
        .iter()
        .filter(move |p| p.split == "validation" && p.metric == metric && p.value.is_finite())
}

/// Steps of the checkpoint that a training keeps: the highest validation accuracy, of equals the lowest loss, of these the first.
fn kept(curve: &[CurvePoint]) -> Option<u64> {
    let loss = |step: u64| {
        let point = validated(curve, "loss").find(|p| p.step == step);
        point.map_or(f64::INFINITY, |p| p.value)
    };
    let best = validated(curve, "accuracy").reduce(|best, p| {
        let order = p.value.total_cmp(&best.value);
        if order.then(loss(best.step).total_cmp(&loss(p.step))).is_gt() {
            p
        } else {
            best
        }
    });
    best.map(|p| p.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_is_added_to_every_end_of_the_range_and_none_is_nothing() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied().map(Some));
        let mut costs = Costs {
            adapt_s: spread(&[10.0, 12.0, 11.0]),
            ..Costs::default()
        };
        let of = |costs: &Costs| search_and_adapt_s(costs).map(|s| (s.min, s.median, s.max));
        assert_eq!(of(&costs), Some((10.0, 11.0, 12.0)));
        costs.tune_s = spread(&[1e-6]);
        assert_eq!(of(&costs), Some((10.0, 11.0, 12.0)), "nothing to search");
        costs.tune_s = spread(&[200.0]);
        assert_eq!(of(&costs), Some((210.0, 211.0, 212.0)));
        costs.search_s = spread(&[100.0]);
        assert_eq!(of(&costs), Some((110.0, 111.0, 112.0)));
        costs.adapt_s = None;
        assert_eq!(of(&costs), None, "a search alone adapts nothing");
    }

    #[test]
    fn the_kept_checkpoint_has_the_highest_accuracy_and_of_equals_the_lowest_loss() {
        let point = |step, metric: &str, value| CurvePoint {
            step,
            epoch: 0.0,
            elapsed_s: 0.0,
            split: "validation".to_owned(),
            metric: metric.to_owned(),
            value,
        };
        let mut curve = vec![
            point(1, "accuracy", 0.7),
            point(1, "loss", 0.5),
            point(2, "accuracy", 0.8),
            point(2, "loss", 0.6),
            point(3, "accuracy", 0.8),
            point(3, "loss", 0.4),
            point(4, "accuracy", 0.6),
            point(4, "loss", 0.1),
        ];
        assert_eq!(kept(&curve), Some(3));
        curve[5].value = 0.6;
        assert_eq!(kept(&curve), Some(2), "of equals the first");
        curve[5].value = f64::NAN;
        assert_eq!(kept(&curve), Some(2));
        assert_eq!(kept(&[]), None);
    }
}
