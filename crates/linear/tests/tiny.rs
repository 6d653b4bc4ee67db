//! The smallest sizes: no rows, no features, one example, one class, an empty vocabulary. Nothing panics, nothing is NaN.

use linear::{
    Dense, Grid, Labelled, Matrix, Metric, Options, Sparse, Standardisation, TfIdf, TfIdfSettings,
    Votes, choose_c, fit, log_probabilities, nearest, vote,
};
use proptest::prelude::*;

fn values(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1u32 << 22) - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn matrix(rows: usize, columns: usize, sparse: bool, seed: u64) -> Matrix {
    let values = values(seed, rows * columns);
    if !sparse {
        return Matrix::Dense(Dense::new(rows, columns, values));
    }
    let row = |row: usize| {
        let entries = (0..columns).map(|column| (column, values[row * columns + column]));
        entries.filter(|(_, value)| *value > 0.0).collect()
    };
    Matrix::Sparse(Sparse::new(columns, (0..rows).map(row).collect()))
}

fn assert_numbers(rows: &[Vec<f64>], count: usize, width: usize) {
    assert_eq!(rows.len(), count);
    for row in rows {
        assert_eq!(row.len(), width);
        assert!(row.iter().all(|value| value.is_finite()), "{row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn logistic_regression_of_almost_nothing_gives_numbers(
        rows in 1usize..4, columns in 0usize..4, classes in 1usize..5, queries in 0usize..3, sparse: bool, seed: u64,
    ) {
        let train = matrix(rows, columns, sparse, seed);
        let labels: Vec<usize> = (0..rows).map(|row| (row * 7 + seed as usize % 5) % classes).collect();
        let (model, _) = fit(&train, &labels, classes, 1.0, Options::default());
        let asked = matrix(queries, columns, sparse, seed ^ 1);
        assert_numbers(&model.logits(&asked), queries, classes);
        let read = linear::LogisticRegression::from_tensors(&model.to_tensors(), classes).unwrap();
        prop_assert_eq!(&read, &model.rounded_to_f32());
        let nobody = vec![0; queries];
        let (train, validation) = (
            Labelled { features: &train, labels: &labels },
            Labelled { features: &asked, labels: &nobody },
        );
        let grid = Grid::new(vec![0.1, 10.0]).unwrap();
        let choice = choose_c(train, validation, classes, &grid, Options::default(), &mut |_| ());
        assert_numbers(&choice.model.logits(&asked), queries, classes);
    }

    #[test]
    fn neighbours_among_almost_nothing_vote_in_numbers(
        rows in 1usize..4, columns in 0usize..4, classes in 1usize..4, queries in 0usize..3, k in 1usize..9, seed: u64,
    ) {
        let dense = |rows, seed| Dense::new(rows, columns, values(seed, rows * columns));
        let (train, asked) = (dense(rows, seed), dense(queries, seed ^ 1));
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            for votes in [Votes::Uniform, Votes::Distance] {
                let found = nearest(&train, &asked, k, metric);
                let shares = vote(&found, &labels, classes, found.k, votes);
                assert_numbers(&shares, queries, classes);
                let scores: Vec<Vec<f64>> = shares.iter().map(|s| log_probabilities(s, found.k, 1.0)).collect();
                assert_numbers(&scores, queries, classes);
            }
        }
    }

    #[test]
    fn standardising_almost_nothing_gives_numbers(rows in 0usize..3, columns in 0usize..4, seed: u64) {
        let train = Dense::new(rows, columns, values(seed, rows * columns));
        let scaled = Standardisation::of(&train).apply(&train);
        for row in 0..rows {
            prop_assert!(scaled.row(row).iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn texts_without_a_term_have_an_empty_vocabulary_and_rows_of_nothing() {
    for texts in [
        vec![],
        vec![("", None)],
        vec![("?", Some("!")), ("a", None)],
    ] {
        let (tf_idf, weights) = TfIdf::fit(&texts, TfIdfSettings::default());
        assert_eq!(tf_idf.vocabulary().len(), 0);
        assert_eq!((weights.rows(), weights.columns()), (texts.len(), 0));
        let new = tf_idf.transform(&[("new words", None), ("", None)]);
        assert_eq!((new.rows(), new.columns()), (2, 0));
        if !texts.is_empty() {
            let labels = vec![0; texts.len()];
            let (model, _) = fit(
                &Matrix::Sparse(weights),
                &labels,
                2,
                1.0,
                Options::default(),
            );
            assert_numbers(&model.logits(&Matrix::Sparse(new)), 2, 2);
        }
    }
}
