//! How an accuracy, or the difference of two, goes with the number of labels, and how it might as well have gone: a bootstrap over seeds and test rows.
//!
//! At each point the mean over seeds and rows has the variance of the crossed table, `(MS_S + max(MS_R - MS_E, 0)) / (S R)`: the first part belongs to
//! the seeds, which are drawn anew with Gaussian multipliers of their own deviations (Wu 1986; Mammen 1993), the second to the rows, whose means
//! are drawn likewise. One multiplier of a seed or row counts at every point, so that what the points share, nested draws and the test split, moves
//! them together. Few seeds do not know their variance: each draw scales the seeds' part by the root of `df / chi²(df)`, which makes it a multivariate t.
//! Where the variance between seeds is moderated over a group, that variance and its degrees of freedom are taken.

mod table;

use super::answers::Answers;
use super::draws::{cholesky, standard_normal};
use super::seeds::Variance;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use table::{Point, Shared, directions, row_covariance};

/// A mean by point, and its uncertainty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// Training examples, rising.
    pub labels: Vec<f64>,
    /// Mean at each of them.
    pub means: Vec<f64>,
    /// Its variance.
    pub variances: Vec<f64>,
    /// Seeds that all points share.
    pub seeds: usize,
    /// Test rows that all points share.
    pub rows: usize,
    /// By point: standard deviation of the mean that comes from the seeds.
    seed_deviations: Vec<f64>,
    /// By seed and point: the seed's deviation over the root of their sum of squares, so that multipliers of variance 1 give variance 1.
    directions: Vec<Vec<f64>>,
    df: f64,
    /// Lower triangle of the covariance that comes from the rows.
    of_rows: Vec<Vec<f64>>,
}

/// One table by seed and row for each point.
type Tables = Vec<Vec<Vec<f64>>>;

impl Course {
    /// Of one arm, over the seeds and rows that all points have.
    pub fn of_arm(points: &[(f64, &Answers)]) -> Option<Self> {
        let answers: Vec<&Answers> = points.iter().map(|(_, answers)| *answers).collect();
        let shared = Shared::of(&answers);
        let tables = answers.iter().map(|a| shared.table(a)).collect();
        Self::of(points.iter().map(|p| p.0).collect(), tables, &[])
    }

    /// Of `first - second`, over the seeds and rows that both have at all points; `moderated` has the mean square between seeds that is to be taken in
    /// place of a point's own.
    pub fn of_pair(
        points: &[(f64, &Answers, &Answers)],
        moderated: &[Option<Variance>],
    ) -> Option<Self> {
        let answers: Vec<&Answers> = points.iter().flat_map(|(_, a, b)| [*a, *b]).collect();
        let shared = Shared::of(&answers);
        let difference = |(_, a, b): &(f64, &Answers, &Answers)| {
            let minus =
                |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
            let (a, b) = (shared.table(a), shared.table(b));
            a.iter().zip(&b).map(minus).collect()
        };
        let tables = points.iter().map(difference).collect();
        Self::of(points.iter().map(|p| p.0).collect(), tables, moderated)
    }

    fn of(labels: Vec<f64>, tables: Tables, moderated: &[Option<Variance>]) -> Option<Self> {
        let seeds = tables.first()?.len();
        let rows = tables[0].first()?.len();
        if rows < 2 {
            return None;
        }
        let points: Vec<Point> = tables.iter().map(|table| Point::of(table)).collect();
        let cells = (seeds * rows) as f64;
        let used = |(at, point): (usize, &Point)| {
            let own = Variance {
                value: point.seeds,
                df: seeds as f64 - 1.0,
            };
            moderated.get(at).copied().flatten().unwrap_or(own)
        };
        let used: Vec<Variance> = points.iter().enumerate().map(used).collect();
        let seed_deviations: Vec<f64> = used
            .iter()
            .map(|used| {
                if seeds > 1 {
                    (used.value / cells).sqrt()
                } else {
                    0.0
                }
            })
            .collect();
        let df = used
            .iter()
            .map(|used| used.df)
            .fold(f64::INFINITY, f64::min);
        let of_rows = cholesky(&row_covariance(&points));
        let variances = seed_deviations.iter().zip(&of_rows).map(|(seed, row)| {
            let of_rows: f64 = row.iter().map(|l| l * l).sum();
            seed * seed + of_rows
        });
        Some(Self {
            means: points.iter().map(|point| point.mean).collect(),
            variances: variances.collect(),
            directions: directions(&points, seeds),
            labels,
            seeds,
            rows,
            seed_deviations,
            df: if seeds > 1 { df } else { f64::INFINITY },
            of_rows,
        })
    }

    /// Degrees of freedom of the seeds' part, the fewest of any point; infinite where one seed leaves the rows alone.
    pub fn df(&self) -> f64 {
        self.df
    }

    /// Means by point as they might have been, `count` times, from one `seed`.
    pub fn draws(&self, count: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| self.draw(&mut random)).collect()
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> Vec<f64> {
        let points = self.means.len();
        let scale = if self.df.is_finite() {
            (self.df / chi_squared(self.df, random)).sqrt()
        } else {
            1.0
        };
        let by_seed: Vec<f64> = (0..self.directions.len())
            .map(|_| standard_normal(random))
            .collect();
        let alone = standard_normal(random);
        let by_row: Vec<f64> = (0..points).map(|_| standard_normal(random)).collect();
        (0..points)
            .map(|k| {
                let parts = by_seed.iter().zip(&self.directions);
                let along: f64 = parts.map(|(g, direction)| g * direction[k]).sum();
                // Seeds that do not differ at this point have no direction, and may have a moderated variance.
                let is_flat = self.directions.iter().all(|direction| direction[k] == 0.0);
                let along = if is_flat { alone } else { along };
                let of_rows = self.of_rows[k].iter().zip(&by_row).map(|(l, h)| l * h);
                self.means[k] + self.seed_deviations[k] * scale * along + of_rows.sum::<f64>()
            })
            .collect()
    }
}

/// With `df` degrees of freedom, by a gamma variable (Marsaglia & Tsang 2000).
fn chi_squared(df: f64, random: &mut impl Rng) -> f64 {
    let shape = df / 2.0;
    if shape < 1.0 {
        let u: f64 = 1.0 - random.random::<f64>();
        return chi_squared(df + 2.0, random) * u.powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = standard_normal(random);
        let v = (1.0 + c * z).powi(3);
        let u: f64 = 1.0 - random.random::<f64>();
        if v > 0.0 && u.ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return 2.0 * d * v;
        }
    }
}

/// The value below which a share of the sorted `values` lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * (sorted.len() as f64 - 1.0)).round() as usize;
    sorted[at]
}

#[cfg(test)]
mod tests;
