use super::*;

#[test]
fn a_chi_squared_variable_has_its_mean_and_variance() {
    for df in [1.0, 2.0, 4.0, 11.5] {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let drawn: Vec<f64> = (0..40_000).map(|_| chi_squared(df, &mut random)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean / df - 1.0).abs() < 0.03, "{df}: {mean}");
        assert!(
            (variance / (2.0 * df) - 1.0).abs() < 0.08,
            "{df}: {variance}"
        );
    }
}

/// Answers of five seeds on 400 rows; `shift` makes later seeds worse.
fn answers(accuracy: f64, shift: f64, salt: u64) -> Answers {
    let mut random = ChaCha8Rng::seed_from_u64(salt);
    let mut hard = ChaCha8Rng::seed_from_u64(7);
    let hard: Vec<f64> = (0..400).map(|_| hard.random::<f64>()).collect();
    let of_seed = |seed: u64| {
        let level = accuracy - shift * seed as f64;
        let rows = hard.iter().enumerate().map(|(row, hard)| {
            let luck: f64 = random.random();
            (row as u64, 0.7 * hard + 0.3 * luck < level)
        });
        (seed, rows.collect())
    };
    Answers::new((0..5).map(of_seed).collect::<Vec<_>>())
}

#[test]
fn draws_have_the_means_and_variances_that_are_stated() {
    let [a, b] = [answers(0.6, 0.01, 1), answers(0.7, 0.005, 2)];
    let course = Course::of_arm(&[(8.0, &a), (32.0, &b)]).unwrap();
    // Enough degrees of freedom to leave the t's own variance aside.
    let course = Course { df: 1e9, ..course };
    let drawn = course.draws(20_000, 3);
    for k in 0..2 {
        let of: Vec<f64> = drawn.iter().map(|draw| draw[k]).collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        let variance = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / of.len() as f64;
        assert!((mean - course.means[k]).abs() < 1e-3);
        let stated = course.variances[k];
        assert!(
            (variance / stated - 1.0).abs() < 0.04,
            "{variance}, {stated}"
        );
        let point = Point::of(&[&a, &b][k].table());
        let own = (point.seeds + (point.rows - point.error).max(0.0)) / 2000.0;
        assert!((stated / own - 1.0).abs() < 1e-9, "{stated}, {own}");
    }
}

#[test]
fn points_that_answer_alike_move_together() {
    let a = answers(0.6, 0.01, 1);
    let course = Course::of_arm(&[(8.0, &a), (32.0, &a)]).unwrap();
    for draw in course.draws(200, 3) {
        assert!((draw[0] - draw[1]).abs() < 1e-9, "{draw:?}");
    }
    let nothing = Course::of_pair(&[(8.0, &a, &a)], &[]).unwrap();
    assert_eq!(nothing.draws(3, 1), [[0.0]; 3]);
}

#[test]
fn one_seed_has_its_rows_alone_and_a_moderated_variance_replaces_its_own() {
    let one = Answers::new([(0, (0..100).map(|row| (row, row % 4 != 0)).collect())]);
    let course = Course::of_arm(&[(8.0, &one)]).unwrap();
    let binomial = 0.75 * 0.25 / 99.0;
    assert!(
        (course.variances[0] / binomial - 1.0).abs() < 1e-9,
        "{course:?}"
    );
    let [a, b] = [answers(0.6, 0.0, 1), answers(0.7, 0.0, 2)];
    let more = Variance {
        value: 40.0,
        df: 9.0,
    };
    let wide = Course::of_pair(&[(8.0, &a, &b)], &[Some(more)]).unwrap();
    assert!(wide.variances[0] > 40.0 / 2000.0 && wide.df == 9.0);
}
