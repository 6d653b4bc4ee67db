//! Which arm to take: the decision itself, on answers and costs.
//!
//! Of the arms shown to be within the margin of the best, the best among them, that one is taken which no other of them is cheaper than; where
//! several are not told apart in cost, the most accurate of them. Not to be told apart in accuracy is not to be as good: an arm that is merely
//! `open` is never taken in place of the best.

use super::cost::is_cheaper;
use crate::statistics::{AgainstBest, Answers, Spread, Standing, against_best};

/// An arm as the decision sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// Right or wrong by seed and test row; what `--max-error` compares is answered or not.
    pub answers: Answers,
    /// Mean of these over seeds and rows.
    pub mean: f64,
    /// What it costs, by the measure asked for.
    pub cost: Option<Spread>,
    /// Whether it is a baseline, which uses no pretrained model.
    pub baseline: bool,
}

/// What was decided, by place among the candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Highest mean.
    pub best: usize,
    /// The one to take.
    pub choice: usize,
    /// Each against the best of the others.
    pub against: Vec<Option<AgainstBest>>,
    /// Baselines that no method is shown to be better than, with the difference to the best method.
    pub unbeaten: Vec<(usize, AgainstBest)>,
}

/// Decides among `candidates`, with `margin` as a share; `None` without any.
pub fn decide(candidates: &[Candidate], margin: f64) -> Option<Decision> {
    decide_placed(candidates, margin, compared(candidates, margin))
}

/// As [`decide`], with how each stands to the best of the others at hand.
pub(super) fn decide_placed(
    candidates: &[Candidate],
    margin: f64,
    mut against: Vec<Option<AgainstBest>>,
) -> Option<Decision> {
    let better = |a: &usize, b: &usize| {
        let [x, y] = [a, b].map(|at| &candidates[*at]);
        let cost = |c: &Candidate| c.cost.map_or(f64::INFINITY, |cost| cost.median);
        // Of equal means the cheaper, of equals the first.
        y.mean
            .total_cmp(&x.mean)
            .then(cost(x).total_cmp(&cost(y)))
            .then(a.cmp(b))
    };
    let best = (0..candidates.len()).min_by(better)?;
    place(&mut against, best, margin);
    let unbeaten = unbeaten(candidates, margin);
    let as_good = |at: &usize| {
        let standing = against[*at].map(|found| found.standing);
        *at != best && standing == Some(Standing::AsGood)
    };
    // Where no method beats a baseline, only a baseline may stand in for the best.
    let allowed = |at: &usize| unbeaten.is_empty() || candidates[*at].baseline;
    let mut pool: Vec<usize> = (0..candidates.len())
        .filter(as_good)
        .filter(allowed)
        .collect();
    pool.push(best);
    let cost = |at: usize| candidates[at].cost;
    let cheapest = |at: &usize| !pool.iter().any(|other| is_cheaper(cost(*other), cost(*at)));
    let choice = pool.iter().copied().filter(cheapest).min_by(better)?;
    Some(Decision {
        best,
        choice,
        against,
        unbeaten,
    })
}

/// The best by mean and cost, of equals in mean; and an arm that is less than the margin behind is as good, also where it is shown to be behind
/// by that little.
fn place(against: &mut [Option<AgainstBest>], best: usize, margin: f64) {
    for (at, found) in against.iter_mut().enumerate() {
        let Some(found) = found else { continue };
        let shown = found.pair.squares.seed_count > 1 && found.interval.low > -margin;
        found.standing = match found.standing {
            _ if at == best => Standing::Best,
            _ if shown => Standing::AsGood,
            Standing::Best => Standing::Open,
            other => other,
        };
    }
}

/// Each against the best of the others; without answers there is nothing to compare.
fn compared(candidates: &[Candidate], margin: f64) -> Vec<Option<AgainstBest>> {
    let known: Vec<usize> = (0..candidates.len())
        .filter(|at| !candidates[*at].answers.is_empty())
        .collect();
    let answers: Vec<Answers> = known
        .iter()
        .map(|at| candidates[*at].answers.clone())
        .collect();
    let mut found = vec![None; candidates.len()];
    for (at, verdict) in known.into_iter().zip(against_best(&answers, margin)) {
        found[at] = verdict;
    }
    found
}

/// Baselines that are not behind the methods.
fn unbeaten(candidates: &[Candidate], margin: f64) -> Vec<(usize, AgainstBest)> {
    let methods: Vec<Candidate> = candidates.iter().filter(|c| !c.baseline).cloned().collect();
    if methods.is_empty() {
        return Vec::new();
    }
    let baselines = (0..candidates.len()).filter(|at| candidates[*at].baseline);
    let against_methods = |at: usize| {
        let mut group = methods.clone();
        group.push(candidates[at].clone());
        let found = compared(&group, margin).pop().flatten()?;
        (found.standing != Standing::Behind).then_some((at, found))
    };
    baselines.filter_map(against_methods).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u64 = 4000;

    /// Right on all but the first `wrong` rows, and under each seed on a few others than under the next.
    fn arm(wrong: u64, seeds: u64, seconds: [f64; 2]) -> Candidate {
        let of_seed = |seed| {
            let right = |row| row >= wrong && row % 500 != seed;
            (seed, (0..ROWS).map(|row| (row, right(row))).collect())
        };
        let answers = Answers::new((0..seeds).map(of_seed));
        Candidate {
            mean: 1.0 - wrong as f64 / ROWS as f64,
            answers,
            cost: Spread::of(seconds.map(Some)),
            baseline: false,
        }
    }

    #[test]
    fn the_cheapest_of_those_shown_to_be_as_good_is_taken() {
        let arms = [
            arm(400, 3, [70.0, 80.0]),
            arm(404, 3, [20.0, 25.0]),
            arm(900, 3, [1.0, 2.0]),
        ];
        let found = decide(&arms, 0.01).unwrap();
        assert_eq!((found.best, found.choice), (0, 1), "{found:?}");
        // Within a margin of nothing no other is as good.
        assert_eq!(decide(&arms, 0.0).unwrap().choice, 0);
    }

    #[test]
    fn a_saving_within_the_ranges_does_not_decide() {
        let arms = [arm(400, 3, [20.0, 80.0]), arm(404, 3, [19.0, 25.0])];
        assert_eq!(decide(&arms, 0.01).unwrap().choice, 0);
    }

    #[test]
    fn one_seed_shows_nobody_to_be_as_good() {
        let arms = [arm(400, 1, [70.0, 80.0]), arm(401, 1, [20.0, 25.0])];
        assert_eq!(decide(&arms, 0.01).unwrap().choice, 0);
    }

    #[test]
    fn a_baseline_that_nothing_beats_is_named_and_nothing_else_is_called_as_good() {
        let mut arms = vec![
            arm(400, 3, [70.0, 80.0]),
            arm(404, 3, [20.0, 25.0]),
            arm(1200, 3, [0.1, 0.2]),
        ];
        arms[2].baseline = true;
        assert_eq!(decide(&arms, 0.01).unwrap().unbeaten, []);
        // A baseline level with the methods; chance rows make it open.
        let noisy = |row: u64, seed: u64| (row * 7919 + seed * 104_729) % 100 >= 10;
        let of_seed = |seed| (seed, (0..ROWS).map(|row| (row, noisy(row, seed))).collect());
        arms[2].answers = Answers::new((0..3).map(of_seed));
        arms[2].mean = 0.899;
        let found = decide(&arms, 0.0001).unwrap();
        assert_eq!(found.unbeaten.len(), 1, "{found:?}");
        assert_eq!(found.choice, found.best);
    }

    #[test]
    fn arms_without_answers_are_not_compared_and_may_still_be_all_there_is() {
        let mut alone = arm(400, 3, [1.0, 1.0]);
        alone.answers = Answers::default();
        let found = decide(std::slice::from_ref(&alone), 0.01).unwrap();
        assert_eq!((found.choice, found.against.clone()), (0, vec![None]));
        let both = [arm(800, 3, [9.0, 9.0]), alone];
        assert_eq!(decide(&both, 0.01).unwrap().choice, 1);
        assert_eq!(decide(&[], 0.01), None);
    }
}
