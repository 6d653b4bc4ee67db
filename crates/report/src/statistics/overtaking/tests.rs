use super::*;
use crate::statistics::Answers;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LABELS: [f64; 7] = [8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Answers of `seeds` runs on `rows` texts at each number of labels: right with the probability that `accuracy` says, moved by a draw's luck that
/// nested draws share; texts are easy or hard for both arms.
fn arm(
    random: &mut ChaCha8Rng,
    hard: &[f64],
    seeds: u64,
    accuracy: &dyn Fn(f64) -> f64,
    seed_sd: f64,
) -> Vec<Answers> {
    let normal = |random: &mut ChaCha8Rng| {
        let sum: f64 = (0..12).map(|_| random.random::<f64>()).sum();
        sum - 6.0
    };
    let draw: Vec<f64> = (0..seeds).map(|_| normal(random)).collect();
    let mut points = Vec::new();
    for labels in LABELS {
        let mut by_seed = Vec::new();
        for (seed, draw) in draw.iter().enumerate() {
            let luck = seed_sd * (0.7 * draw + 0.7 * normal(random));
            let level = accuracy(labels) + luck;
            let rows = hard.iter().enumerate().map(|(row, hard)| {
                // Half of the texts are decided by how hard they are, half by chance: the share right is the level.
                let own: f64 = random.random();
                let bar = if random.random_bool(0.5) { *hard } else { own };
                (row as u64, bar < level)
            });
            by_seed.push((seed as u64, rows.collect()));
        }
        points.push(Answers::new(by_seed));
    }
    points
}

fn course(
    random: &mut ChaCha8Rng,
    seeds: u64,
    rows: usize,
    first: &dyn Fn(f64) -> f64,
    second: &dyn Fn(f64) -> f64,
) -> Course {
    let hard: Vec<f64> = (0..rows).map(|_| random.random()).collect();
    let a = arm(random, &hard, seeds, first, 0.01);
    let b = arm(random, &hard, seeds, second, 0.01);
    let points: Vec<_> = LABELS
        .iter()
        .zip(a.iter().zip(&b))
        .map(|(n, (a, b))| (*n, a, b))
        .collect();
    Course::of_pair(&points, &[]).unwrap()
}

/// Rises by 4 points with every doubling, and passes 0.65 at 90 labels.
fn steep(labels: f64) -> f64 {
    0.65 + 0.04 * (labels / 90.0).log2()
}

fn flat(labels: f64) -> f64 {
    0.65 + 0.01 * (labels / 90.0).log2()
}

#[test]
fn the_interval_of_a_planted_crossing_holds_it_in_95_of_100_runs() {
    for (seeds, rows, most) in [(5, 500, 0.5), (3, 300, 1.5)] {
        let mut random = ChaCha8Rng::seed_from_u64(16 + seeds);
        let (mut held, mut shown, mut widths) = (0, 0, Vec::new());
        const RUNS: usize = 300;
        for run in 0..RUNS {
            let course = course(&mut random, seeds, rows, &steep, &flat);
            let found = Overtaking::with(&course, &course.draws(800, run as u64)).unwrap();
            let (low, high) = (found.low.log(), found.high.log());
            held += usize::from(low <= 90f64.ln() && 90f64.ln() <= high);
            shown += usize::from(found.verdict() == Verdict::Shown && found.first_rises);
            if (high - low).is_finite() {
                widths.push(high - low);
            }
        }
        widths.sort_by(f64::total_cmp);
        let width = widths[widths.len() / 2];
        println!(
            "{seeds} seeds, {rows} rows: held {held}, shown {shown} of {RUNS}, width {width:.2}"
        );
        assert!(held >= RUNS * 92 / 100, "{seeds} seeds: {held} of {RUNS}");
        assert!(shown >= RUNS / 2, "{seeds} seeds: {shown} of {RUNS}");
        assert!(width < most * 3.0, "{seeds} seeds: {width}");
    }
}

#[test]
fn two_alike_hardly_ever_show_a_crossing_nor_one_that_stays_ahead() {
    let mut random = ChaCha8Rng::seed_from_u64(18);
    let mut claims = 0;
    for run in 0..200 {
        let course = course(&mut random, 5, 400, &flat, &flat);
        let verdict =
            Overtaking::with(&course, &course.draws(400, run)).map(|found| found.verdict());
        claims += usize::from(matches!(
            verdict,
            Some(Verdict::Shown | Verdict::None | Verdict::Several)
        ));
    }
    println!("{claims} claims of 200");
    assert!(claims <= 16, "{claims} of 200");
}

#[test]
fn one_that_is_ahead_throughout_is_said_to_be() {
    let mut random = ChaCha8Rng::seed_from_u64(19);
    let mut none = 0;
    for run in 0..60 {
        let above = |labels: f64| flat(labels) + 0.08;
        let course = course(&mut random, 5, 500, &above, &flat);
        let found = Overtaking::with(&course, &course.draws(400, run)).unwrap();
        none += usize::from(found.verdict() == Verdict::None && found.first_ends_ahead());
        assert_ne!(found.verdict(), Verdict::Shown);
    }
    assert!(none >= 55, "{none} of 60");
}

#[test]
fn places_are_read_between_the_points_on_the_logarithm_of_labels() {
    let labels = [8.0, 32.0, 128.0];
    assert_eq!(passes_zero(&labels, &[0.1, 0.2, 0.3]), Place::Before);
    assert_eq!(passes_zero(&labels, &[-0.1, -0.1, 0.0]), Place::Beyond);
    let Place::At(found) = passes_zero(&labels, &[-0.3, -0.1, 0.1]) else {
        panic!("it passes")
    };
    assert!((found - 64.0).abs() < 1e-9, "{found}");
}

/// scikit-learn's isotonic fits, and scipy's root of the line between their points; from scripts/reference_curves.py.
#[test]
fn crossings_are_where_scipy_finds_the_root() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/classifiers/label_curves.json"
    );
    let fixture: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut checked = 0;
    for case in fixture["isotonic"].as_array().unwrap() {
        let numbers = |name: &str| -> Vec<f64> {
            let values = case[name].as_array().unwrap().iter();
            values.map(|v| v.as_f64().unwrap()).collect()
        };
        let fitted = isotonic(&numbers("values"), &numbers("weights"));
        let found = passes_zero(&numbers("labels"), &fitted);
        match (found, case["passes_zero"].as_f64()) {
            (Place::At(found), Some(expected)) => {
                assert!((found / expected - 1.0).abs() < 1e-9, "{found}, {expected}");
                checked += 1;
            }
            (found, expected) => assert!(
                !matches!(found, Place::At(_)) && expected.is_none(),
                "{found:?}, {expected:?}"
            ),
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn the_first_is_overtaken_where_its_difference_falls() {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let course = course(&mut random, 5, 2000, &flat, &steep);
    let found = Overtaking::of(&course).unwrap();
    assert!(!found.first_rises && !found.first_ends_ahead(), "{found:?}");
    let Place::At(at) = found.at else {
        panic!("{found:?}")
    };
    assert!((50.0..160.0).contains(&at), "{found:?}");
}

#[test]
fn what_changes_places_twice_is_said_to() {
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let bent = |labels: f64| 0.7 - 0.06 * (labels / 64.0).log2().abs();
    let course = course(&mut random, 5, 2000, &bent, &|_| 0.62);
    assert_eq!(Overtaking::of(&course).unwrap().verdict(), Verdict::Several);
}
