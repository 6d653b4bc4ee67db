//! How many training examples a run draws: all, one number, or the points of a label curve (`--train-limit 8,32,128`, `train_limits` in a plan).

use crate::plan::ranges;
use anyhow::{bail, ensure};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Numbers of training examples, rising and none twice; empty for all there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TrainLimits(Vec<usize>);

impl TrainLimits {
    /// From `name`, the option or the key that they were given by.
    ///
    /// # Errors
    /// A limit of no examples, or of more than anybody has.
    pub(crate) fn of(name: &str, limits: &[usize]) -> anyhow::Result<Self> {
        let mut limits = limits.to_vec();
        for limit in &limits {
            ranges::limit(name, Some(*limit))?;
        }
        limits.sort_unstable();
        limits.dedup();
        Ok(Self(limits))
    }

    /// Of a plan, which has the one key or the other.
    ///
    /// # Errors
    /// Both keys, an empty list, or a limit that is none.
    pub(crate) fn of_plan(one: Option<usize>, several: Option<&[usize]>) -> anyhow::Result<Self> {
        match (one, several) {
            (Some(_), Some(_)) => bail!(
                "the plan has train_limit and train_limits, expected one of them: train_limits for the points of a label curve"
            ),
            (None, Some([])) => bail!(
                "train_limits is empty, expected numbers of training examples, such as [8, 32, 128]"
            ),
            (None, Some(several)) => Self::of("train_limits", several),
            (one, None) => Self::of("train_limit", one.as_slice()),
        }
    }

    /// What each trial is limited to, `None` for all examples; at least one.
    pub(crate) fn points(&self) -> Vec<Option<usize>> {
        if self.0.is_empty() {
            vec![None]
        } else {
            self.0.iter().copied().map(Some).collect()
        }
    }

    /// # Errors
    /// Points of a curve beyond the `examples` of a task: two of them would be the same draw.
    pub(crate) fn check(&self, task: &str, examples: usize) -> anyhow::Result<()> {
        let beyond: Vec<String> = self
            .0
            .iter()
            .filter(|n| **n > examples)
            .map(usize::to_string)
            .collect();
        ensure!(
            self.0.len() < 2 || beyond.is_empty(),
            "the task \"{task}\" has {examples} training examples, and the label curve asks for {}: leave out what is beyond; {examples} may be its \
             last point",
            beyond.join(", ")
        );
        Ok(())
    }
}

/// As `train_limit` where there is one at most, which is how runs have always recorded it, and as `train_limits` where there are several.
impl Serialize for TrainLimits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0.as_slice() {
            [] => map.serialize_entry("train_limit", &None::<usize>)?,
            [one] => map.serialize_entry("train_limit", one)?,
            several => map.serialize_entry("train_limits", several)?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(limits: &[usize]) -> TrainLimits {
        TrainLimits::of("train_limit", limits).unwrap()
    }

    #[test]
    fn points_rise_and_none_stands_twice() {
        let points = of(&[32, 8, 128, 8]).points();
        assert_eq!(points, [Some(8), Some(32), Some(128)]);
        assert_eq!(of(&[]).points(), [None]);
    }

    #[test]
    fn one_limit_is_recorded_as_in_earlier_versions() {
        let json = |limits: &[usize]| serde_json::to_value(of(limits)).unwrap();
        assert_eq!(json(&[]), json!({"train_limit": null}));
        assert_eq!(json(&[200]), json!({"train_limit": 200}));
        assert_eq!(json(&[200, 8]), json!({"train_limits": [8, 200]}));
    }

    #[test]
    fn a_plan_has_one_key_or_the_other() {
        let refused = |one, several: Option<&[usize]>| {
            TrainLimits::of_plan(one, several).unwrap_err().to_string()
        };
        assert!(refused(Some(3), Some(&[8])).contains("train_limit and train_limits"));
        assert!(refused(None, Some(&[])).contains("train_limits is empty"));
        assert!(refused(None, Some(&[8, 0])).contains("train_limits is 0"));
        assert_eq!(TrainLimits::of_plan(Some(3), None).unwrap(), of(&[3]));
    }

    #[test]
    fn a_point_beyond_the_task_is_refused_and_a_single_limit_takes_what_there_is() {
        let error = of(&[8, 500, 900]).check("t", 400).unwrap_err().to_string();
        assert!(error.contains("asks for 500, 900"), "{error}");
        assert!(of(&[8, 400]).check("t", 400).is_ok());
        assert!(of(&[900]).check("t", 400).is_ok());
    }
}
