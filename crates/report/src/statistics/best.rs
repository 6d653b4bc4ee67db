//! Every arm against the best of the others: which is best, as good within a margin, open, or behind.
//!
//! Multiple comparisons with the best (Hsu 1984, 1996): an arm is behind where some other is better beyond what the largest of all such differences
//! reaches by chance ([`Draws`]). The variance between seeds is moderated over the group and never dropped ([`pairs`]).

use super::draws::Draws;
use super::paired::{Paired, pairs};
use super::{Answers, CONFIDENCE, Interval, upper_quantile};

/// Where an arm stands in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Highest mean accuracy.
    Best,
    /// Shown to be less than the margin below the best.
    AsGood,
    /// Neither shown to be as good nor to be behind.
    Open,
    /// Below some other arm beyond chance, all comparisons considered, and not shown to be so by less than the margin.
    Behind,
    /// No accuracy, or nothing to compare with.
    #[default]
    Unknown,
}

/// An arm minus the best of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AgainstBest {
    /// Its place.
    pub standing: Standing,
    /// Difference of the means from the best of the others.
    pub difference: f64,
    /// Simultaneous 95 % interval of that difference.
    pub interval: Interval,
    /// Probability, were all arms equal, of an arm being this far below some other.
    pub p_adjusted: f64,
    /// The best of the others, by its place among the arms.
    pub rival: usize,
    /// One-sided level of each single comparison that makes them hold together at 95 %.
    pub level: f64,
    /// The comparison with the best of the others.
    pub pair: Paired,
}

/// Each arm of `arms` against the best of the others, with `margin` as a share (0.01 is one point). `None` where an arm has no answers, or no
/// other shares seeds and rows with it.
pub fn against_best(arms: &[Answers], margin: f64) -> Vec<Option<AgainstBest>> {
    let compared = pairs(arms);
    let draws = Draws::of(arms, &compared);
    let tests: Vec<Option<Test>> = compared
        .iter()
        .enumerate()
        .map(|(i, with_others)| Test::of(with_others, i, &draws))
        .collect();
    let mut placed: Vec<Option<AgainstBest>> = compared
        .iter()
        .enumerate()
        .map(|(i, with_others)| verdict(with_others, tests[i]?, &tests, margin))
        .collect();
    name_best(&mut placed);
    placed
}

/// The arm that is least behind the best of the others is the best; of equals the first.
fn name_best(placed: &mut [Option<AgainstBest>]) {
    let best = placed.iter_mut().flatten().reduce(|best, arm| {
        if arm.difference > best.difference {
            arm
        } else {
            best
        }
    });
    if let Some(best) = best {
        best.standing = Standing::Best;
    }
}

/// Whether an arm may be the best.
#[derive(Clone, Copy, Debug)]
struct Test {
    p_adjusted: f64,
    level: f64,
}

impl Test {
    fn of(with_others: &[Option<Paired>], arm: usize, draws: &Draws) -> Option<Self> {
        let p_values = with_others.iter().flatten().map(|pair| pair.p_below);
        let smallest = p_values.reduce(f64::min)?;
        Some(Self {
            p_adjusted: draws.share_at_most(arm, smallest),
            level: draws.level(arm, 1.0 - CONFIDENCE),
        })
    }

    fn is_behind(&self) -> bool {
        self.p_adjusted < 1.0 - CONFIDENCE
    }
}

fn verdict(
    compared: &[Option<Paired>],
    own: Test,
    tests: &[Option<Test>],
    margin: f64,
) -> Option<AgainstBest> {
    let others = || {
        let pairs = compared.iter().enumerate();
        pairs.filter_map(|(k, pair)| Some((k, (*pair)?, tests[k]?)))
    };
    let (rival, closest, _) = others().min_by(|(_, a, _), (_, b, _)| a.mean.total_cmp(&b.mean))?;
    // On the event that has 95 %, the true best is among those not behind, and its own level bounds what it leads by (Hsu 1984). Where
    // no other is left, the lead over all of them is bounded.
    let contenders = others().any(|(_, _, test)| !test.is_behind());
    let low = others()
        .filter(|(_, _, test)| !contenders || !test.is_behind())
        .map(|(_, pair, test)| {
            let level = if contenders { test.level } else { own.level };
            pair.mean - upper_quantile(level, pair.df) * pair.error
        });
    let high =
        others().map(|(_, pair, _)| pair.mean + upper_quantile(own.level, pair.df) * pair.error);
    let interval = Interval {
        low: low.fold(f64::INFINITY, f64::min).clamp(-1.0, 1.0),
        high: high.fold(f64::INFINITY, f64::min).clamp(-1.0, 1.0),
    };
    // An arm may be shown to be behind and to be so by less than the margin.
    let standing = if closest.squares.seed_count > 1 && interval.low > -margin {
        Standing::AsGood
    } else if own.is_behind() {
        Standing::Behind
    } else {
        Standing::Open
    };
    Some(AgainstBest {
        standing,
        difference: closest.mean,
        interval,
        p_adjusted: own.p_adjusted,
        rival,
        level: own.level,
        pair: closest,
    })
}
