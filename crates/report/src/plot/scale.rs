//! What is far below the rest and would squeeze it, and how names are listed.

/// The accuracy below which points are out of scale, if some are and the rest would otherwise be squeezed into half of the axis: four times as far
/// below the best as the median is. More than a third of the points is never put out of scale.
pub(crate) fn floor(means: &[f64]) -> Option<f64> {
    let mut sorted = means.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (best, worst) = (*sorted.first()?, *sorted.last()?);
    let floor = best - 4.0 * (best - sorted[sorted.len() / 2]);
    let within = sorted.iter().filter(|mean| **mean >= floor).count();
    let squeezed = best - sorted[within.max(1) - 1] < 0.5 * (best - worst);
    (within < sorted.len() && 3 * within >= 2 * sorted.len() && squeezed).then_some(floor)
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_far_below_a_crowd_are_out_of_scale_and_no_others() {
        let crowd = [0.87, 0.86, 0.86, 0.85, 0.85, 0.84];
        let with = |more: &[f64]| floor(&[&crowd[..], more].concat());
        assert_eq!(with(&[]), None);
        let below = with(&[0.01, 0.6]).expect("two of eight");
        assert!(below > 0.6 && below < 0.84, "{below}");
        assert_eq!(with(&[0.83, 0.82]), None, "not far");
        assert_eq!(with(&[0.1, 0.2, 0.3, 0.4]), None, "too many to leave out");
        assert_eq!(floor(&[0.5, 0.5, 0.5]), None);
        assert_eq!(floor(&[]), None);
    }

    #[test]
    fn names_are_listed_as_one_says_them() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&names), "a, b and c");
        assert_eq!(listed(&names[..2]), "a and b");
        assert_eq!(listed(&names[..1]), "a");
    }
}
