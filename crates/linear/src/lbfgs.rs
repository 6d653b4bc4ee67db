//! L-BFGS with a line search for the strong Wolfe conditions: Nocedal & Wright 2006, Algorithms 7.4, 7.5, 3.5 and 3.6.
//!
//! Not a crate's (argmin, as linfa takes it): those begin each direction from a multiple of the identity, and here it is an approximation of the inverse
//! Hessian ([`Objective::precondition`]), rebuilt at the point where a warm start along C begins. Features of a transformer are ill-conditioned;
//! `a_good_preconditioner_makes_an_ill_conditioned_bowl_round` says what it saves.

use std::collections::VecDeque;

/// A smooth function to be minimised.
pub(crate) trait Objective {
    /// The value at `x`; writes the gradient.
    fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// Multiplies by an approximation of the inverse Hessian, in place.
    fn precondition(&self, gradient: &mut [f64]);
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest absolute entry of the gradient at which a point counts as the minimum.
    pub(crate) tolerance: f64,
    pub(crate) iterations: usize,
    /// Pairs of steps and gradient differences that are kept.
    pub(crate) history: usize,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reached {
    pub(crate) value: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
    /// No step lowers the value any more: the rest is rounding.
    pub(crate) stuck: bool,
}

/// Moves `x` to the minimum.
pub(crate) fn minimise(objective: &dyn Objective, x: &mut [f64], limits: Limits) -> Reached {
    let mut gradient = vec![0.0; x.len()];
    let mut value = objective.evaluate(x, &mut gradient);
    let mut history = History::default();
    let mut trial = Trial {
        x: vec![0.0; x.len()],
        gradient: vec![0.0; x.len()],
    };
    let mut iterations = 0;
    loop {
        let converged = largest(&gradient) <= limits.tolerance;
        if converged || iterations == limits.iterations {
            return Reached {
                value,
                iterations,
                converged,
                stuck: false,
            };
        }
        let mut direction = history.descent_direction(objective, &gradient);
        let mut found = search_line(objective, x, value, &gradient, &direction, &mut trial);
        if found.is_none() && !history.pairs.is_empty() {
            history.pairs.clear();
            direction = history.descent_direction(objective, &gradient);
            found = search_line(objective, x, value, &gradient, &direction, &mut trial);
        }
        let Some(new_value) = found else {
            return Reached {
                value,
                iterations,
                converged,
                stuck: true,
            };
        };
        history.push(objective, x, &gradient, &trial, limits.history);
        x.copy_from_slice(&trial.x);
        gradient.copy_from_slice(&trial.gradient);
        value = new_value;
        iterations += 1;
    }
}

/// The point that the line search tries, and its gradient.
struct Trial {
    x: Vec<f64>,
    gradient: Vec<f64>,
}

#[derive(Default)]
struct History {
    pairs: VecDeque<Pair>,
    /// Scale of the preconditioner that fits the newest pair best (Nocedal & Wright, eq. 7.20).
    scale: Option<f64>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse_curvature: f64,
}

impl History {
    fn push(
        &mut self,
        objective: &dyn Objective,
        x: &[f64],
        gradient: &[f64],
        next: &Trial,
        most: usize,
    ) {
        // The oldest pair's memory serves the newest.
        let reused = if self.pairs.len() >= most {
            self.pairs.pop_front()
        } else {
            None
        };
        let (mut step, mut change) =
            reused.map_or_else(Default::default, |pair| (pair.step, pair.change));
        difference(&next.x, x, &mut step);
        difference(&next.gradient, gradient, &mut change);
        let curvature = dot(&step, &change);
        let mut preconditioned = change.clone();
        objective.precondition(&mut preconditioned);
        let size = dot(&change, &preconditioned);
        if curvature > f64::EPSILON * size.abs() && size > 0.0 {
            self.scale = Some(curvature / size);
            self.pairs.push_back(Pair {
                step,
                change,
                inverse_curvature: 1.0 / curvature,
            });
        }
    }

    /// Minus the gradient, times the approximate inverse Hessian (the two-loop recursion).
    fn descent_direction(&self, objective: &dyn Objective, gradient: &[f64]) -> Vec<f64> {
        let mut q = gradient.to_vec();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = pair.inverse_curvature * dot(&pair.step, &q);
            add(&mut q, -share, &pair.change);
            shares.push(share);
        }
        objective.precondition(&mut q);
        let scale = if self.pairs.is_empty() {
            1.0
        } else {
            self.scale.unwrap_or(1.0)
        };
        q.iter_mut().for_each(|value| *value *= scale);
        for (pair, share) in self.pairs.iter().zip(shares.iter().rev()) {
            let back = pair.inverse_curvature * dot(&pair.change, &q);
            add(&mut q, share - back, &pair.step);
        }
        q.iter_mut().for_each(|value| *value = -*value);
        q
    }
}

/// Sufficient decrease and curvature, Nocedal & Wright's values for quasi-Newton methods.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Differences of the value below this share of it are rounding.
const ROUNDING: f64 = 1e-14;
const MOST_TRIALS: usize = 40;

#[derive(Clone, Copy)]
struct Along {
    at: f64,
    value: f64,
    slope: f64,
}

/// Finds a step along `direction` that satisfies the strong Wolfe conditions; leaves the point and its gradient in `trial`.
fn search_line(
    objective: &dyn Objective,
    x: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    trial: &mut Trial,
) -> Option<f64> {
    let start = Along {
        at: 0.0,
        value,
        slope: dot(gradient, direction),
    };
    if start.slope.is_nan() || start.slope >= 0.0 {
        return None;
    }
    let slack = ROUNDING * value.abs();
    let mut low = start; // the best point so far; its slope leads towards `high`
    let mut high: Option<Along> = None;
    let mut at = 1.0;
    for _ in 0..MOST_TRIALS {
        for ((trial, x), direction) in trial.x.iter_mut().zip(x).zip(direction) {
            *trial = x + at * direction;
        }
        let value = objective.evaluate(&trial.x, &mut trial.gradient);
        let here = Along {
            at,
            value,
            slope: dot(&trial.gradient, direction),
        };
        let decreased = value <= start.value + DECREASE * at * start.slope + slack;
        if !decreased || (low.at > 0.0 && value > low.value + slack) {
            high = Some(here); // also where the value is not a number
        } else if here.slope.abs() <= CURVATURE * start.slope.abs() {
            return Some(value);
        } else {
            let towards_high = high.map_or(1.0, |high| high.at - here.at);
            if here.slope * towards_high >= 0.0 {
                high = Some(low);
            }
            low = here;
        }
        at = match high {
            Some(high) => between(low, high),
            None => 2.5 * at,
        };
    }
    None
}

/// The minimum of the cubic through two points (Nocedal & Wright, eq. 3.59), kept off the ends.
fn between(low: Along, high: Along) -> f64 {
    let width = high.at - low.at;
    let d1 = low.slope + high.slope - 3.0 * (low.value - high.value) / (low.at - high.at);
    let root = (d1 * d1 - low.slope * high.slope).sqrt() * width.signum();
    let minimum =
        high.at - width * (high.slope + root - d1) / (high.slope - low.slope + 2.0 * root);
    let share = (minimum - low.at) / width;
    low.at
        + width
            * if share.is_nan() {
                0.5
            } else {
                share.clamp(0.1, 0.9)
            }
}

fn largest(values: &[f64]) -> f64 {
    // f64::max would drop a NaN, and a broken gradient would count as zero.
    values.iter().fold(0.0, |most: f64, value| {
        match most.is_nan() || value.abs() <= most {
            true => most,
            false => value.abs(),
        }
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums side by side, so that the processor need not wait for each addition.
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut sums = [0.0; 8];
    for (a, b) in a8.zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn add(to: &mut [f64], times: f64, values: &[f64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += times * value;
    }
}

fn difference(a: &[f64], b: &[f64], into: &mut Vec<f64>) {
    into.clear();
    into.extend(a.iter().zip(b).map(|(a, b)| a - b));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley; its minimum is 0 at (1, 1).
    struct Valley;

    impl Objective for Valley {
        fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            let mut value = 0.0;
            for (x, gradient) in x.chunks_exact(2).zip(gradient.chunks_exact_mut(2)) {
                let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
                value += a * a + 100.0 * b * b;
                gradient[0] = -2.0 * a - 400.0 * x[0] * b;
                gradient[1] = 200.0 * b;
            }
            value
        }

        fn precondition(&self, _gradient: &mut [f64]) {}
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_minimum() {
        let mut x = vec![-1.2, 1.0];
        let reached = minimise(
            &Valley,
            &mut x,
            Limits {
                tolerance: 1e-10,
                iterations: 200,
                history: 10,
            },
        );
        assert!(reached.converged, "{reached:?}");
        assert!(reached.iterations < 60, "{reached:?}");
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-8), "{x:?}");
    }

    /// Ill-conditioned, with a diagonal preconditioner that is right up to a factor of 7.
    struct Bowl {
        preconditioned: bool,
    }

    impl Objective for Bowl {
        fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
            let mut value = 0.0;
            for (i, (x, gradient)) in x.iter().zip(gradient).enumerate() {
                let curvature = 2f64.powi(i as i32);
                value += 0.5 * curvature * (x - 1.0).powi(2);
                *gradient = curvature * (x - 1.0);
            }
            value
        }

        fn precondition(&self, gradient: &mut [f64]) {
            if self.preconditioned {
                for (i, gradient) in gradient.iter_mut().enumerate() {
                    *gradient *= 7.0 / 2f64.powi(i as i32);
                }
            }
        }
    }

    #[test]
    fn a_good_preconditioner_makes_an_ill_conditioned_bowl_round() {
        let iterations = |preconditioned| {
            let mut x = vec![0.0; 12];
            let reached = minimise(
                &Bowl { preconditioned },
                &mut x,
                Limits {
                    tolerance: 1e-9,
                    iterations: 1000,
                    history: 10,
                },
            );
            assert!(
                reached.converged && x.iter().all(|x| (x - 1.0).abs() < 1e-8),
                "{x:?}"
            );
            reached.iterations
        };
        assert!(iterations(true) <= 4);
        assert!(iterations(false) > 20);
    }

    #[test]
    fn a_gradient_that_is_not_a_number_does_not_count_as_converged() {
        assert!(largest(&[0.0, f64::NAN, 0.0]).is_nan());
    }
}
