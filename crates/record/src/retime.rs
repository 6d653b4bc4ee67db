//! A trial that neighbours disturbed, run once more for its times: what of the second attempt goes on record.

use crate::{Outcome, TrialRecord};
use serde_json::json;

/// Phases whose times are compared between methods.
const COMPARED: [&str; 5] = ["prepare", "first step", "train", "evaluate", "predict"];

/// Phases that a second attempt does not repeat: what was found is handed to it.
const SEARCHES: [&str; 2] = ["tune", "search"];

/// What came of the second attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Retimed {
    /// The record with the new times.
    Replaced(Box<TrialRecord>),
    /// It was disturbed as much or more, or its machine does not tell: the record stays.
    NotQuieter,
    /// It gave other predictions. Times of another computation are not this trial's: the record stays, with a note.
    OtherPredictions(Box<TrialRecord>),
    /// It did not finish: the record stays.
    NotFinished,
}

impl TrialRecord {
    /// Whether neighbours disturbed times that are compared between methods: those of training, of the test or of single predictions.
    pub fn has_disturbed_times(&self) -> bool {
        let of_phase = |name: &str| {
            let mut phases = self.phases.iter();
            phases.any(|cost| cost.phase == name && cost.disturbed == Some(true))
        };
        self.disturbed == Some(true) || of_phase("evaluate") || of_phase("predict")
    }

    /// CPU seconds that neighbours took, for each second of the phases that are compared.
    pub fn neighbours_share(&self) -> Option<f64> {
        let compared = self
            .phases
            .iter()
            .filter(|cost| COMPARED.contains(&cost.phase.as_str()));
        let (mut wall_s, mut other_s) = (0.0, 0.0);
        for cost in compared {
            wall_s += cost.wall_s;
            other_s += cost.other_cpu_s?;
        }
        (wall_s > 0.0).then(|| other_s / wall_s)
    }

    /// This record, or one with the times of a second attempt at the same trial.
    pub fn retimed(&self, again: TrialRecord) -> Retimed {
        if again.outcome != Outcome::Finished {
            return Retimed::NotFinished;
        }
        let attempts = 1 + self
            .details
            .get("retimed")
            .and_then(|r| r["attempts"].as_u64())
            .unwrap_or(0);
        if self.predictions_digest.is_none() || self.predictions_digest != again.predictions_digest
        {
            let mut noted = self.clone();
            let note = json!({"attempts": attempts, "gave_other_predictions": true});
            noted.details.insert("retimed".to_owned(), note);
            return Retimed::OtherPredictions(Box::new(noted));
        }
        match (self.neighbours_share(), again.neighbours_share()) {
            (Some(before), Some(now)) if now < before => {
                let mut new = self.with_search_of_first(again);
                let note = json!({"attempts": attempts, "neighbours_share_before": before});
                new.details.insert("retimed".to_owned(), note);
                Retimed::Replaced(Box::new(new))
            }
            _ => Retimed::NotQuieter,
        }
    }

    /// `again` with what the first attempt's search found and cost: the second was given the finding, and searched what is within a fit alone.
    fn with_search_of_first(&self, mut again: TrialRecord) -> TrialRecord {
        let difference = self.tune_s.unwrap_or(0.0) - again.tune_s.unwrap_or(0.0);
        again.total_s = again.total_s.map(|total| total + difference);
        again.tune_s = self.tune_s;
        again.search_s = self.search_s;
        again.search_trials = self.search_trials;
        again.search_edge = self.search_edge;
        let is_search = |name: &str| SEARCHES.iter().any(|search| name.starts_with(search));
        again.details.retain(|name, _| !is_search(name));
        let found = self.details.iter().filter(|(name, _)| is_search(name));
        again
            .details
            .extend(found.map(|(name, value)| (name.clone(), value.clone())));
        again.phases.retain(|cost| !is_search(&cost.phase));
        let searches = self.phases.iter().filter(|cost| is_search(&cost.phase));
        again.phases.extend(searches.cloned());
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PhaseCost, TrialSpec};

    fn record(seconds: f64, other_cpu_s: Option<f64>) -> TrialRecord {
        let cost = |phase: &str, other_cpu_s, disturbed| PhaseCost {
            phase: phase.to_owned(),
            wall_s: 10.0,
            cpu_s: Some(10.0),
            other_cpu_s,
            disturbed,
        };
        TrialRecord {
            train_s: Some(seconds),
            total_s: Some(30.0),
            predictions_digest: Some("ab".to_owned()),
            disturbed: other_cpu_s.map(|other| other > 1.0),
            phases: vec![
                cost("train", other_cpu_s, None),
                cost("validate", Some(99.0), Some(true)),
            ],
            ..TrialRecord::unmeasured("t".into(), TrialSpec::default(), Outcome::Finished)
        }
    }

    #[test]
    fn times_of_a_quieter_attempt_replace_the_first_and_its_search_stays() {
        let mut first = record(9.0, Some(5.0));
        first.tune_s = Some(100.0);
        (first.search_s, first.search_trials) = (Some(100.0), Some(12));
        first.search_edge = Some(true);
        first.details.insert(
            "tune".into(),
            json!({"best": {"rank": 5}, "trials": [1, 2]}),
        );
        first.phases.push(PhaseCost {
            phase: "tune".into(),
            wall_s: 100.0,
            ..PhaseCost::default()
        });
        let mut again = record(3.0, Some(0.1));
        again.details.insert(
            "tune".into(),
            json!({"searched_by": "t", "best": {"rank": 5}}),
        );
        let Retimed::Replaced(new) = first.retimed(again) else {
            panic!("not replaced");
        };
        assert_eq!(
            (new.train_s, new.tune_s, new.total_s),
            (Some(3.0), Some(100.0), Some(130.0))
        );
        assert_eq!(new.details["tune"], first.details["tune"]);
        assert_eq!(
            (new.search_s, new.search_trials, new.search_edge),
            (Some(100.0), Some(12), Some(true))
        );
        assert_eq!(new.details["retimed"]["attempts"], 1);
        assert_eq!(
            new.phases
                .iter()
                .filter(|cost| cost.phase == "tune")
                .count(),
            1
        );
        assert!(first.has_disturbed_times() && !new.has_disturbed_times());
        let mut third = record(2.9, Some(0.0));
        third.tune_s = Some(7.0); // within the fit, and so in its total
        let Retimed::Replaced(third) = new.retimed(third) else {
            panic!("not replaced");
        };
        assert_eq!(third.total_s, Some(30.0 - 7.0 + 100.0));
        assert_eq!(third.details["retimed"]["attempts"], 2);
        assert_eq!(third.tune_s, Some(100.0));
    }

    #[test]
    fn a_record_stays_where_the_second_attempt_is_no_better() {
        let first = record(9.0, Some(5.0));
        assert_eq!(first.retimed(record(9.0, Some(5.0))), Retimed::NotQuieter);
        assert_eq!(first.retimed(record(3.0, None)), Retimed::NotQuieter);
        let failed = TrialRecord {
            outcome: Outcome::Failed,
            ..record(1.0, Some(0.0))
        };
        assert_eq!(first.retimed(failed), Retimed::NotFinished);
    }

    #[test]
    fn other_predictions_are_noted_and_never_taken_over() {
        let first = record(9.0, Some(5.0));
        let again = TrialRecord {
            predictions_digest: Some("cd".to_owned()),
            ..record(3.0, Some(0.0))
        };
        let Retimed::OtherPredictions(noted) = first.retimed(again) else {
            panic!("taken over");
        };
        assert_eq!(noted.train_s, Some(9.0));
        assert_eq!(noted.details["retimed"]["gave_other_predictions"], true);
    }

    #[test]
    fn a_busy_validation_is_no_reason_to_repeat_a_trial() {
        assert!(!record(1.0, Some(0.5)).has_disturbed_times());
        let mut record = record(1.0, Some(0.5));
        record.phases[1].phase = "predict".into();
        assert!(record.has_disturbed_times());
    }
}
