//! How far two candidates of a search lie apart on the validation split, and how well that is known.

use serde::Serialize;

/// The mean loss of a candidate minus that of the chosen one. Seeds and validation examples are crossed and both are samples:
/// variance (MS_S + max(MS_R - MS_E, 0)) / (S R) with Satterthwaite's degrees of freedom, as for accuracies of test examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LossDifference {
    /// Nats; above 0 where the chosen one is better.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
    /// Degrees of freedom of the variance.
    pub df: f64,
}

impl LossDifference {
    /// From the losses of the same examples under the same seeds, `[seed][example]`; `None` where they are not as many, or fewer than two.
    pub(super) fn of(losses: &[Vec<f64>], chosen: &[Vec<f64>]) -> Option<Self> {
        let (seeds, rows) = (losses.len(), losses.first()?.len());
        let is_alike = |table: &[Vec<f64>]| {
            table.len() == seeds && table.iter().all(|of_seed| of_seed.len() == rows)
        };
        if seeds < 2 || rows < 2 || !is_alike(losses) || !is_alike(chosen) {
            return None;
        }
        let (s, r) = (seeds as f64, rows as f64);
        let table: Vec<Vec<f64>> = losses
            .iter()
            .zip(chosen)
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect())
            .collect();
        let by_seed: Vec<f64> = table
            .iter()
            .map(|row| row.iter().sum::<f64>() / r)
            .collect();
        let of_row = |row: usize| table.iter().map(|of_seed| of_seed[row]).sum::<f64>() / s;
        let by_row: Vec<f64> = (0..rows).map(of_row).collect();
        let mean = by_seed.iter().sum::<f64>() / s;
        let squares = |means: &[f64]| means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
        let residual: f64 = table
            .iter()
            .zip(&by_seed)
            .flat_map(|(of_seed, seed)| {
                let pairs = of_seed.iter().zip(&by_row);
                pairs.map(move |(d, row)| (d - seed - row + mean).powi(2))
            })
            .sum();
        let of_seeds = r * squares(&by_seed) / (s - 1.0);
        let of_rows = s * squares(&by_row) / (r - 1.0) - residual / ((s - 1.0) * (r - 1.0));
        let all = of_seeds + of_rows.max(0.0);
        let df = (all * all * (s - 1.0) / (of_seeds * of_seeds)).min(r - 1.0);
        Some(Self {
            mean,
            variance: all / (s * r),
            df: if df.is_nan() { r - 1.0 } else { df },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_squares_are_those_of_a_two_way_table() {
        // R 4: summary(aov(d ~ seed + row)), mean squares 0.02, 0.0333333 and 0.00666667.
        let chosen = vec![vec![0.0; 4]; 2];
        let losses = vec![vec![0.1, 0.4, 0.2, 0.5], vec![0.3, 0.4, 0.4, 0.5]];
        let found = LossDifference::of(&losses, &chosen).unwrap();
        let (of_seeds, of_rows, residual) = (0.02, 0.1 / 3.0, 0.02 / 3.0);
        let all: f64 = of_seeds + of_rows - residual;
        assert!((found.mean - 0.35).abs() < 1e-12, "{found:?}");
        assert!((found.variance - all / 8.0).abs() < 1e-12, "{found:?}");
        assert!(
            (found.df - (all / of_seeds).powi(2).min(3.0)).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(LossDifference::of(&losses[..1], &chosen), None);
        assert_eq!(LossDifference::of(&[], &chosen), None);
    }
}
