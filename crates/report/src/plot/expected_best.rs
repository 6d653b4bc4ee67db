//! What a search of n random candidates is expected to find: the mean of the best over all subsets of n of the N that were tried (Tang, Lee, Xin,
//! Liu, Yu & Lin 2020, Showing Your Work Doesn't Always Work, eq. 5: without replacement, and so without bias).

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::labels::spread;
use super::look::Look;
use super::picture::{Area, Fill, Hang, LABEL, Picture, Place, QUIET, TEXT};
use super::render::text_width;

/// Fewer random candidates say little about the best of several.
const FEWEST: usize = 6;

/// The random candidates of one way of adapting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draws {
    pub(crate) label: String,
    pub(crate) look: Look,
    /// Validation accuracies.
    pub(crate) accuracies: Vec<f64>,
    /// Candidates that came to no numbers; each counts as an accuracy of 0.
    pub(crate) failed: usize,
}

/// The mean of the largest of n of these values over all subsets of n, for n from 1 to all of them.
fn expected_best(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = sorted.len();
    let of = |n: usize| {
        // The share of subsets of n whose largest is the i-th: C(i-1, n-1) / C(N, n), from the largest down.
        let mut share = n as f64 / all as f64;
        let mut sum = 0.0;
        for i in (n..=all).rev() {
            sum += share * sorted[i - 1];
            if i > 1 {
                share *= (i - n) as f64 / (i - 1) as f64;
            }
        }
        sum
    };
    (1..=all).map(of).collect()
}

/// The chart, or `None` where nothing was searched at random with enough candidates.
pub(crate) fn chart(title: &str, all: &[Draws]) -> Option<Picture> {
    let curve = |draws: &Draws| {
        let failed = std::iter::repeat_n(0.0, draws.failed);
        let values: Vec<f64> = draws.accuracies.iter().copied().chain(failed).collect();
        (values.len() >= FEWEST).then(|| expected_best(&values))
    };
    let drawn: Vec<(&Draws, Vec<f64>)> = all
        .iter()
        .filter_map(|draws| Some((draws, curve(draws)?)))
        .collect();
    let most = drawn.iter().map(|(_, curve)| curve.len()).max()?;
    let names = drawn
        .iter()
        .map(|(draws, _)| text_width(&draws.label, LABEL));
    let plot = Area {
        left: 82.0,
        top: 72.0,
        right: WIDTH - names.fold(0.0, f64::max) - 66.0,
        bottom: 480.0,
    };
    let subtitle = "mean over all subsets of so many of the random candidates, without replacement (Tang et al. 2020)";
    let ends = drawn.iter().map(|(draws, curve)| {
        let end = 100.0 * curve[curve.len() - 1];
        format!("{} {end:.1} % after {}", draws.label, curve.len())
    });
    let ends: Vec<String> = ends.collect();
    let description = format!("Expected best validation accuracy: {}.", ends.join(", "));
    let mut picture = Picture::new(WIDTH, 578.0, title, description);
    frame::title(&mut picture, subtitle);
    let values = || drawn.iter().flat_map(|(_, curve)| curve.iter().copied());
    let (low, high) = (values().fold(1.0, f64::min), values().fold(0.0, f64::max));
    let air = 0.04 * (high - low);
    let y = Axis::linear(
        low - air,
        high + air,
        (plot.bottom, plot.top),
        Unit::Percent,
    );
    let x = Axis::linear(1.0, most as f64, (plot.left, plot.right), Unit::Plain);
    frame::x_axis(
        &mut picture,
        &plot,
        &x,
        "candidates tried, each under two seeds",
    );
    frame::y_axis(
        &mut picture,
        &plot,
        &y,
        "expected best validation accuracy (%)",
    );
    let places: Vec<Vec<Place>> = drawn
        .iter()
        .map(|(_, curve)| {
            let points = curve.iter().enumerate();
            points
                .map(|(i, value)| (x.at((i + 1) as f64), y.at(*value)))
                .collect()
        })
        .collect();
    let ends: Vec<Place> = places
        .iter()
        .filter_map(|line| line.last().copied())
        .collect();
    let heights: Vec<f64> = ends.iter().map(|end| end.1).collect();
    let heights = spread(&heights, LABEL + 1.5, plot.top + 4.0, plot.bottom - 4.0);
    for (((draws, _), line), height) in drawn.iter().zip(&places).zip(heights) {
        picture.arm_line(line, draws.look, 2.0, 1.0);
        let end = line[line.len() - 1];
        let leader = [
            end,
            (plot.right + 12.0, height),
            (plot.right + 18.0, height),
        ];
        picture.line(&leader, QUIET, 0.7);
        picture.mark(end, draws.look, Fill::Full);
        picture.mark((plot.right + 26.0, height), draws.look, Fill::Full);
        let label = draws.label.as_str();
        picture.text((plot.right + 38.0, height), label, LABEL, TEXT, Hang::Start);
    }
    let note = "The validation split chose the candidates and scores them here: what is expected on test examples is a little less. A candidate that came \
                to no numbers counts as 0.";
    frame::notes(&mut picture, &frame::wrap(note));
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::super::look::Variant;
    use super::super::picture::Marker;
    use super::*;

    /// Of all subsets of n, by hand.
    fn by_enumeration(values: &[f64], n: usize) -> f64 {
        let subsets = (0_u32..1 << values.len()).filter(|set| set.count_ones() as usize == n);
        let best = |set: u32| {
            let members = values.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
            members
                .map(|(_, value)| *value)
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let bests: Vec<f64> = subsets.map(best).collect();
        bests.iter().sum::<f64>() / bests.len() as f64
    }

    #[test]
    fn the_estimator_is_the_mean_over_all_subsets() {
        let values = [0.61, 0.83, 0.4, 0.83, 0.79, 0.02, 0.55];
        for (n, found) in expected_best(&values).into_iter().enumerate() {
            let expected = by_enumeration(&values, n + 1);
            assert!((found - expected).abs() < 1e-12, "{n}: {found} {expected}");
        }
        // With replacement it would be 0.5556 of 1 from two of three; without it is 2/3.
        assert!((expected_best(&[0.0, 0.0, 1.0])[1] - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn fewer_than_six_candidates_are_not_drawn() {
        let draws = |n: usize| Draws {
            label: "lora".to_owned(),
            look: Look {
                colour: QUIET,
                marker: Marker::Diamond,
                variant: Variant::First,
            },
            accuracies: (0..n).map(|i| 0.5 + 0.01 * i as f64).collect(),
            failed: 0,
        };
        assert!(chart("t", &[draws(5)]).is_none());
        assert!(chart("t", &[draws(6), draws(5)]).is_some());
    }
}
