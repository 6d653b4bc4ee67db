//! Exact intervals of shares (Clopper & Pearson 1934), and of shares over seeds and test examples with as many effective examples as their variance
//! says (Korn & Graubard 1998, Survey Methodology 24, 193-201).

use super::answers::{Answers, crossed};
use super::{CONFIDENCE, Interval, critical};
use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

/// A share of test examples, over seeds, with its exact 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Mean over seeds and test examples.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// The 95 % interval of the share behind `count` of `n`; both may be fractions of a whole example, where `n` is an effective number of them.
pub fn clopper_pearson(count: f64, n: f64) -> Interval {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map(|beta| beta.inverse_cdf(p)).ok();
    Interval {
        low: quantile(count, n - count + 1.0, tail).unwrap_or(0.0),
        high: quantile(count + 1.0, n - count, 1.0 - tail).unwrap_or(1.0),
    }
}

/// Whether `errors` of `n` show, at 95 % and one-sided, that the share is at most `most`: the upper limit of Clopper & Pearson is no larger.
pub(crate) fn shown_at_most(errors: u64, n: u64, most: f64) -> bool {
    // No share observed above it shows that, which is soon seen.
    let coin = Binomial::new(most, n);
    errors as f64 <= most * n as f64 && coin.is_ok_and(|coin| coin.cdf(errors) <= 1.0 - CONFIDENCE)
}

/// Of the first so many texts, how many may be wrong for their share to be [shown to be at most](shown_at_most) `most`. Found once for each number of
/// texts and extended as more are asked for: what n show, n + 1 show as well.
#[derive(Clone, Debug)]
pub(crate) struct ErrorsAllowed {
    most: f64,
    /// By number of texts, from 0.
    errors: Vec<Option<u64>>,
}

impl ErrorsAllowed {
    pub(crate) fn new(most: f64) -> Self {
        Self {
            most,
            errors: vec![None],
        }
    }

    /// Whether `errors` of `n` show it.
    pub(crate) fn are(&mut self, errors: u64, n: u64) -> bool {
        while self.errors.len() as u64 <= n {
            let n = self.errors.len() as u64;
            let mut allowed = self.errors.last().copied().flatten();
            let next = |allowed: Option<u64>| allowed.map_or(0, |errors| errors + 1);
            while next(allowed) <= n && shown_at_most(next(allowed), n, self.most) {
                allowed = Some(next(allowed));
            }
            self.errors.push(allowed);
        }
        self.errors[n as usize].is_some_and(|allowed| errors <= allowed)
    }
}

/// Share of `true` in a table by seed and test example.
pub(crate) fn share(table: &Answers) -> Option<Share> {
    (!table.is_empty()).then(|| {
        let found = crossed(&table.table());
        of_variance(found.mean, found.variance, found.df, table.rows().len())
    })
}

/// Share of `part` among `whole`, both tables of the same seeds and rows, by linearisation of their ratio; `None` where `whole` is empty.
pub(crate) fn ratio(part: &Answers, whole: &Answers) -> Option<Share> {
    let tables = [part, whole].map(Answers::table);
    let [count, n] = [0, 1].map(|at: usize| tables[at].iter().flatten().sum::<f64>());
    if n == 0.0 {
        return None;
    }
    let (mean, seeds) = (count / n, whole.seeds().len() as f64);
    let answered = n / (seeds * whole.rows().len() as f64);
    let of_seed = |(p, w): (&Vec<f64>, &Vec<f64>)| {
        let cells = p.iter().zip(w);
        cells.map(|(p, w)| (p - mean * w) / answered).collect()
    };
    let linear: Vec<Vec<f64>> = tables[0].iter().zip(&tables[1]).map(of_seed).collect();
    let found = crossed(&linear);
    // Without variance, as many examples as one seed answered.
    Some(of_variance(
        mean,
        found.variance,
        found.df,
        (n / seeds) as usize,
    ))
}

fn of_variance(mean: f64, variance: f64, df: f64, rows: usize) -> Share {
    let binomial = mean * (1.0 - mean);
    let effective = if variance > 0.0 && binomial > 0.0 {
        // Korn & Graubard's correction for the degrees of freedom of the variance.
        let wider = critical(rows.max(2) as f64 - 1.0) / critical(df);
        binomial / variance * wider * wider
    } else {
        rows as f64
    };
    Share {
        mean,
        interval: clopper_pearson(mean * effective, effective),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: `binom.test(x, n)$conf.int`.
    #[test]
    fn intervals_are_those_of_r() {
        for (count, n, low, high) in BINOM_TEST {
            let found = clopper_pearson(f64::from(count), f64::from(n));
            assert!(
                (found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9,
                "{count} of {n}: {found:?}"
            );
        }
    }

    /// R 4.2.2: `binom.test(x, n, .05, "less")$p.value <= .05`.
    #[test]
    fn no_error_in_59_shows_at_most_five_percent_and_58_do_not() {
        for (errors, n, shown) in [
            (0, 58, false),
            (0, 59, true),
            (1, 92, false),
            (1, 93, true),
            (8, 285, false),
            (8, 286, true),
        ] {
            assert_eq!(shown_at_most(errors, n, 0.05), shown, "{errors} of {n}");
        }
    }

    #[test]
    fn errors_allowed_are_those_shown_in_whatever_order_they_are_asked_for() {
        for most in [0.05, 0.3, 0.999] {
            let mut allowed = ErrorsAllowed::new(most);
            for n in [93, 1, 286, 60, 0, 150] {
                for errors in 0..=n {
                    let shown = n > 0 && shown_at_most(errors, n, most);
                    assert_eq!(allowed.are(errors, n), shown, "{errors} of {n}, {most}");
                }
            }
        }
    }

    #[test]
    fn one_seed_is_clopper_and_pearson_over_its_examples() {
        let rows = (0..200).map(|row| (row, row % 4 != 0)).collect();
        let found = share(&Answers::new([(0, rows)])).unwrap();
        let exact = clopper_pearson(150.0, 200.0);
        assert!(
            (found.interval.low - exact.low).abs() < 1e-3
                && (found.interval.high - exact.high).abs() < 1e-3,
            "{found:?}, {exact:?}"
        );
    }

    #[test]
    fn an_error_among_the_answered_has_the_width_of_so_many_examples() {
        let whole: Vec<(u64, bool)> = (0..1000).map(|row| (row, row % 2 == 0)).collect();
        let part = whole.iter().map(|(row, w)| (*row, *w && row % 20 == 0));
        let part = Answers::new([(0, part.collect())]);
        let found = ratio(&part, &Answers::new([(0, whole)])).unwrap();
        let exact = clopper_pearson(50.0, 500.0);
        assert!((found.mean - 0.1).abs() < 1e-12);
        assert!(
            (found.interval.high - exact.high).abs() < 2e-3,
            "{found:?}, {exact:?}"
        );
    }

    const BINOM_TEST: [(u32, u32, f64, f64); 6] = [
        (0, 17, 0.0, 0.1950643229690932),
        (17, 17, 0.8049356770309068, 1.0),
        (9, 13, 0.3857383382492947, 0.9090796054279033),
        (812, 1000, 0.786378459836871, 0.8357692765986813),
        (1, 400, 6.329251690485727e-05, 0.01384976996201326),
        (31, 750, 0.02825383594560552, 0.05815871214225377),
    ];
}
