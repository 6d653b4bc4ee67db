//! Which points are worth their cost.

/// Places in `points` (cost, accuracy) that no other point beats: none is at least as accurate for at most the cost, and better in one of the two.
/// By rising cost.
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<usize> {
    let beats =
        |a: &(f64, f64), b: &(f64, f64)| a.0 <= b.0 && a.1 >= b.1 && (a.0 < b.0 || a.1 > b.1);
    let mut front: Vec<usize> = (0..points.len())
        .filter(|i| !points.iter().any(|p| beats(p, &points[*i])))
        .collect();
    front.sort_by(|a, b| points[*a].0.total_cmp(&points[*b].0));
    front
}

/// Places in `points` (cost, accuracy) that a chart shows as the front, by rising cost: the cheapest, and then every point that is more than
/// `margin` more accurate than the one before it on the front, and shown to be, which `is_better(point, before)` tells. What costs more for a gain
/// that small, or that may be chance, is not worth it.
pub(crate) fn front(
    points: &[(f64, f64)],
    margin: f64,
    is_better: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (points[*a], points[*b]);
        a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1))
    });
    let mut front: Vec<usize> = Vec::new();
    for point in order {
        let steps_up = front.last().is_none_or(|before| {
            points[point].1 - points[*before].1 > margin && is_better(point, *before)
        });
        if steps_up {
            front.push(point);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_within_the_margin_or_not_shown_is_no_step_of_the_front() {
        let points = [
            (5.0, 0.799),
            (1.0, 0.500),
            (2.0, 0.509),
            (3.0, 0.790),
            (9.0, 0.900),
            (1.0, 0.400),
        ];
        let shown = |_: usize, _: usize| true;
        assert_eq!(front(&points, 0.0, shown), [1, 2, 3, 0, 4]);
        assert_eq!(
            front(&points, 0.01, shown),
            [1, 3, 4],
            "0.9 points are within it, twice"
        );
        let all_but_the_dearest = |point: usize, before: usize| (point, before) != (4, 3);
        assert_eq!(front(&points, 0.01, all_but_the_dearest), [1, 3]);
        assert_eq!(
            front(&points, 0.01, |_, _| false),
            [1],
            "the cheapest stays"
        );
        assert!(front(&[], 0.01, shown).is_empty());
    }

    #[test]
    fn the_pareto_front_holds_exactly_what_nothing_beats() {
        let points = [
            (5.0, 0.8),
            (1.0, 0.5),
            (2.0, 0.5),
            (3.0, 0.9),
            (0.0, 0.4),
            (9.0, 0.95),
            (9.0, 0.94),
        ];
        assert_eq!(pareto_front(&points), [4, 1, 3, 5]);
        assert_eq!(
            pareto_front(&[(1.0, 0.5), (1.0, 0.5)]),
            [0, 1],
            "equals do not beat each other"
        );
        assert!(pareto_front(&[]).is_empty());
    }
}
