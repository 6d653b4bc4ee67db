//! The advice as JSON: what the sentences say, in parts.

use super::sentences::advice_lines;
use super::{Advice, Alternative, Basis, Refused, Scored};
use crate::statistics::{AgainstBest, Spread};
use serde_json::{Value, json};

/// One object a group.
pub fn advice_json(advice: &[Advice]) -> Value {
    advice.iter().map(of_group).collect()
}

fn of_group(advice: &Advice) -> Value {
    let basis = advice.choice.as_ref().map(|(_, basis)| match basis {
        Basis::CheaperAndAsGood => "cheaper_and_as_good",
        Basis::HighestMean => "highest_mean",
        Basis::BaselineUnbeaten => "baseline_unbeaten",
        Basis::Only => "only",
    });
    let alternatives = |of: &[Alternative]| of.iter().map(alternative).collect::<Value>();
    json!({
        "title": advice.title,
        "n_train": advice.point,
        "margin_points": 100.0 * advice.question.margin,
        "measure": if advice.question.max_error.is_some() { "coverage" } else { "accuracy" },
        "max_error": advice.question.max_error,
        "choice": advice.choice.as_ref().map(|(choice, _)| scored(choice)),
        "basis": basis,
        "best": advice.best.as_ref().map(scored),
        "others": alternatives(&advice.others),
        "unbeaten_baselines": alternatives(&advice.unbeaten),
        "refused": advice.refused.iter().map(refused).collect::<Value>(),
        "notes": advice.notes,
        "sentences": advice_lines(advice),
    })
}

fn scored(scored: &Scored) -> Value {
    json!({
        "label": scored.label,
        "mean": scored.mean,
        "low": scored.interval.low,
        "high": scored.interval.high,
        "error": scored.error.map(|(error, _)| error),
        "error_low": scored.error.map(|(_, interval)| interval.low),
        "error_high": scored.error.map(|(_, interval)| interval.high),
        "cost": scored.cost.map(spread),
    })
}

fn spread(spread: Spread) -> Value {
    json!({"median": spread.median, "min": spread.min, "max": spread.max, "n": spread.n})
}

fn difference(against: &AgainstBest) -> Value {
    json!({
        "difference_points": 100.0 * against.difference,
        "difference_low": 100.0 * against.interval.low,
        "difference_high": 100.0 * against.interval.high,
        "p_adjusted": against.p_adjusted,
    })
}

fn alternative(alternative: &Alternative) -> Value {
    let mut object = scored(&alternative.scored);
    object["standing"] = crate::tables::standing(alternative.standing).into();
    object["against_best"] = difference(&alternative.against);
    object["saves"] = alternative.saves.clone().into();
    object["costs_more"] = alternative.costs_more.clone().into();
    object
}

fn refused(refused: &Refused) -> Value {
    json!({
        "label": refused.label,
        "reasons": refused.reasons,
        "accuracy": refused.accuracy,
        "above_choice": refused.gain.is_some(),
        "gain": refused.gain.flatten().as_ref().map(difference),
    })
}
