//! The advice in sentences: what to choose, what is not settled, what limits keep out, what was left aside.

use super::cost::is_cheaper;
use super::{Advice, Basis, Cost, Refused, Scored, by_point, open};
use crate::break_even::PredictSource;
use crate::standing::{self, difference};
use crate::statistics::{Interval, Spread, Standing};
use crate::units;

/// What a line that is one of a list begins with.
pub(crate) const ITEM: &str = "- ";

/// The advice on every group, each under its title; on the points of a label curve, a line each.
pub fn advice_text(advice: &[Advice]) -> String {
    let of_group = |advice: &Advice| {
        let lines = advice_lines(advice);
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        format!("{}\n{lines}", advice.title)
    };
    let parts = advice
        .chunk_by(by_point::same_curve)
        .map(|part| match part {
            [one] => of_group(one),
            curve => by_point::text(curve),
        });
    parts.collect::<Vec<_>>().join("\n")
}

/// One group's advice, a sentence or a few in each line; the first says what to choose.
pub fn advice_lines(advice: &Advice) -> Vec<String> {
    let mut lines = vec![verdict(advice)];
    lines.extend(also_as_good(advice));
    lines.extend(open::not_settled(advice));
    lines.extend(open::how_settled(advice));
    lines.extend(few_seeds(advice));
    lines.extend(
        advice
            .refused
            .iter()
            .filter_map(|refused| higher_limit(refused, advice)),
    );
    lines.extend(kept_out(advice));
    lines.extend(how_answered(advice));
    lines.extend(advice.notes.iter().map(|note| format!("{note}.")));
    lines.extend(how_timed(advice));
    lines.extend(how_priced(advice));
    lines
}

/// What money is counted for, where it counts.
fn how_priced(advice: &Advice) -> Option<String> {
    let limit = advice.question.limits.max_cost_usd;
    let spending = match advice.question.cost {
        Cost::Money(spending) => Some(spending),
        _ => limit.map(|(_, spending)| spending),
    }?;
    Some(format!(
        "Money for {} predictions: calls at the prices that their run was given; search, training and predictions that run here at {} an hour of \
         this machine (--usd-per-hour).",
        units::count(spending.predictions),
        units::usd(spending.usd_per_hour)
    ))
}

/// What the time of a prediction is, where it counts.
fn how_timed(advice: &Advice) -> Option<String> {
    let question = &advice.question;
    let counts = matches!(
        question.cost,
        Cost::Predict | Cost::Total { .. } | Cost::Money(_)
    ) || question.limits.max_predict_s.is_some();
    counts.then(|| {
        let how = match advice.source {
            PredictSource::Alone => "the median of single texts, one after the other",
            PredictSource::Batched => {
                "that of the test in batches over its texts; one text at a time takes longer"
            }
        };
        format!("The time of a prediction is {how}.")
    })
}

/// What to choose.
pub(super) fn verdict(advice: &Advice) -> String {
    let (Some((choice, basis)), Some(best)) = (&advice.choice, &advice.best) else {
        return "Nothing measured fits the limits.".to_owned();
    };
    let margin = points_of_margin(advice);
    let (label, score) = (&choice.label, score(choice));
    match basis {
        Basis::CheaperAndAsGood => {
            let own = advice.choice_against.as_ref();
            let own = own
                .map(|own| format!(", {} points", difference(own)))
                .unwrap_or_default();
            format!(
                "Choose {label} ({score}): as good as {} ({}) within {margin}{own}{}",
                best.label,
                short(best),
                cheaper(choice, best, advice)
            )
        }
        Basis::Only => format!("Choose {label} ({score}): no other fits the limits."),
        Basis::HighestMean => {
            let all_behind = advice.others.iter().all(|o| o.standing == Standing::Behind);
            let why = if all_behind {
                "every other is behind it beyond chance".to_owned()
            } else if advice.others.iter().any(|o| o.standing == Standing::AsGood) {
                format!(
                    "the highest mean, and none of those as good within {margin} {}",
                    lower(advice, None)
                )
            } else {
                format!("the highest mean; no other is shown to be as good within {margin}")
            };
            format!("Choose {label} ({score}): {why}.")
        }
        Basis::BaselineUnbeaten => unbeaten(choice, advice),
    }
}

/// Where no method is shown to be better than a baseline: that first, and what the means say.
fn unbeaten(choice: &Scored, advice: &Advice) -> String {
    let names: Vec<&str> = advice
        .unbeaten
        .iter()
        .map(|b| b.scored.label.as_str())
        .collect();
    let mut text = format!(
        "No method is shown to be better than {}, which use{} no pretrained model.",
        listed(&names),
        if names.len() == 1 { "s" } else { "" }
    );
    if names.contains(&choice.label.as_str()) {
        text += &format!(
            " The highest mean is its own: {} has {}.",
            choice.label,
            score(choice)
        );
    } else {
        text += &format!(
            " On the means alone choose {} ({}).",
            choice.label,
            score(choice)
        );
    }
    text
}

/// `; it is 3.1x cheaper to train (24 s against 76 s).`
fn cheaper(choice: &Scored, best: &Scored, advice: &Advice) -> String {
    let (Some(own), Some(others)) = (choice.cost, best.cost) else {
        return ".".to_owned();
    };
    let unit = advice.question.cost.unit();
    let costs = if is_cheaper(Some(own), Some(others)) {
        format!("({} against {})", unit(own.median), unit(others.median))
    } else {
        format!(
            "({} against {})",
            with_range(own, unit),
            with_range(others, unit)
        )
    };
    let times = others.median / own.median;
    let times = Some(times).filter(|times| times.is_finite() && *times >= 1.05);
    format!("; it {} {costs}.", lower(advice, times))
}

fn with_range(spread: Spread, unit: fn(f64) -> String) -> String {
    format!(
        "{}, {} to {}",
        unit(spread.median),
        unit(spread.min),
        unit(spread.max)
    )
}

/// Those as good as the best that were not taken.
fn also_as_good(advice: &Advice) -> Option<String> {
    let (choice, _) = advice.choice.as_ref()?;
    let good = advice
        .others
        .iter()
        .filter(|other| other.standing == Standing::AsGood);
    let good: Vec<String> = good
        .map(|other| {
            let cost = other
                .scored
                .cost
                .map(|cost| advice.question.cost.unit()(cost.median));
            let cost = cost.map(|cost| format!(", {cost}")).unwrap_or_default();
            format!(
                "{} ({}{cost})",
                other.scored.label,
                difference(&other.against)
            )
        })
        .collect();
    let cost = choice
        .cost
        .map(|cost| advice.question.cost.unit()(cost.median));
    let cost = cost.map(|cost| format!(" than {cost}")).unwrap_or_default();
    (!good.is_empty()).then(|| {
        format!(
            "As good within {} too, and not shown to be cheaper{cost}: {}.",
            points_of_margin(advice),
            good.join(", ")
        )
    })
}

fn few_seeds(advice: &Advice) -> Option<String> {
    (advice.seeds == 1 && advice.choice.is_some()).then(|| {
        "One seed: how much results and costs vary from seed to seed is unknown, and nothing can be shown to be as good. More seeds would tell."
            .to_owned()
    })
}

/// What a higher limit would buy.
fn higher_limit(refused: &Refused, advice: &Advice) -> Option<String> {
    let gain = refused.gain?;
    let to = advice.choice.as_ref().map(|(choice, _)| &choice.label);
    let gain = gain
        .zip(to)
        .map(|(gain, to)| format!(", {} points against {to}", difference(&gain)));
    Some(format!(
        "A higher limit would allow {} ({} % right{}): {}.",
        refused.label,
        units::percent(refused.accuracy),
        gain.unwrap_or_default(),
        refused.reasons.join("; ")
    ))
}

/// Arms that the limits keep out and that promise nothing more.
fn kept_out(advice: &Advice) -> Option<String> {
    let out = advice
        .refused
        .iter()
        .filter(|refused| refused.gain.is_none());
    let out: Vec<String> = out
        .map(|refused| format!("{} ({})", refused.label, refused.reasons.join("; ")))
        .collect();
    (!out.is_empty()).then(|| format!("Outside the limits: {}.", out.join(", ")))
}

fn how_answered(advice: &Advice) -> Option<String> {
    let allowed = advice.question.max_error?;
    Some(format!(
        "Coverage: the test split was parted in two; on one half the threshold was chosen at which at most {} % of the answered are shown to be wrong, on the \
         other coverage and error were measured, then the other way round. An arm qualifies where the 95 % interval of its error ends within {} %.",
        units::three(100.0 * allowed),
        units::three(100.0 * allowed)
    ))
}

/// `82.4 % right, 95 % interval 80.1 to 84.5`
fn score(scored: &Scored) -> String {
    let Interval { low, high } = scored.interval;
    let [mean, low, high] = [scored.mean, low, high].map(units::percent);
    match scored.error {
        None => format!("{mean} % right, 95 % interval {low} to {high}"),
        Some((error, interval)) => {
            let [error, from, to] = [error, interval.low, interval.high].map(units::percent);
            format!(
                "answers {mean} % of the texts, 95 % interval {low} to {high}, with {error} % of these wrong [{from}, {to}]; the rest go to a person"
            )
        }
    }
}

fn short(scored: &Scored) -> String {
    let percent = units::percent(scored.mean);
    match scored.error {
        None => format!("{percent} %"),
        Some(_) => format!("answers {percent} %"),
    }
}

pub(super) fn points_of_margin(advice: &Advice) -> String {
    standing::margin_points(advice.question.margin)
}

fn lower(advice: &Advice, times: Option<f64>) -> String {
    advice.question.cost.is_lower(times, advice.searched)
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
