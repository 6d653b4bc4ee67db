//! The choice of C: ties, edges, classes without examples.

use linear::{
    Dense, Edge, Grid, LOG_ZERO, Labelled, Matrix, Options, Progress, choose_c, fit, log_softmax,
};

/// Two classes along one feature; the validation rows are answered alike by every C.
fn line() -> (Matrix, Vec<usize>) {
    let values = [-2.0, -1.0, -1.5, 1.0, 2.0, 1.5];
    (
        Matrix::Dense(Dense::new(6, 1, values.to_vec())),
        vec![0, 0, 0, 1, 1, 1],
    )
}

#[test]
fn of_equal_accuracies_the_lower_loss_wins() {
    let (features, labels) = line();
    let data = Labelled {
        features: &features,
        labels: &labels,
    };
    let choice = choose_c(
        data,
        data,
        2,
        &Grid::new(vec![0.1, 1.0, 10.0]).unwrap(),
        Options::default(),
        &mut |_| (),
    );
    assert!(
        choice
            .trials
            .iter()
            .all(|trial| trial.validation_accuracy == Some(1.0)),
        "{:?}",
        choice.trials
    );
    assert_eq!(
        (choice.best_trial().c, choice.edge()),
        (10.0, Some(Edge::High))
    );
}

#[test]
fn of_equal_accuracies_and_losses_the_smaller_c_wins() {
    // Features of zeros: only the intercept is fitted, the same for every C.
    let features = Matrix::Dense(Dense::new(5, 2, vec![0.0; 10]));
    let data = Labelled {
        features: &features,
        labels: &[0, 0, 1, 1, 1],
    };
    let choice = choose_c(
        data,
        data,
        2,
        &Grid::new(vec![0.1, 1.0, 10.0]).unwrap(),
        Options::default(),
        &mut |_| (),
    );
    let losses: Vec<_> = choice
        .trials
        .iter()
        .map(|trial| trial.validation_loss)
        .collect();
    assert!(losses.iter().all(|loss| *loss == losses[0]), "{losses:?}");
    assert_eq!(
        (choice.best_trial().c, choice.edge()),
        (0.1, Some(Edge::Low))
    );
}

#[test]
fn wrong_validation_labels_make_the_strongest_penalty_best_and_a_single_c_has_no_edge() {
    let (features, labels) = line();
    let train = Labelled {
        features: &features,
        labels: &labels,
    };
    let validation = Labelled {
        features: &features,
        labels: &[1, 0, 1, 0, 1, 0],
    };
    let choice = choose_c(
        train,
        validation,
        2,
        &Grid::new(vec![0.01, 1.0, 100.0]).unwrap(),
        Options::default(),
        &mut |_| (),
    );
    assert_eq!((choice.best, choice.edge()), (0, Some(Edge::Low)));
    let single = choose_c(
        train,
        validation,
        2,
        &Grid::new(vec![1.0]).unwrap(),
        Options::default(),
        &mut |_| (),
    );
    assert_eq!(single.edge(), None);
}

#[test]
fn without_validation_rows_a_single_c_is_fitted_and_scores_are_missing() {
    let (features, labels) = line();
    let none = Matrix::Dense(Dense::new(0, 1, Vec::new()));
    let validation = Labelled {
        features: &none,
        labels: &[],
    };
    let choice = choose_c(
        Labelled {
            features: &features,
            labels: &labels,
        },
        validation,
        2,
        &Grid::new(vec![1.0]).unwrap(),
        Options::default(),
        &mut |_| (),
    );
    assert_eq!(
        (
            choice.best_trial().validation_accuracy,
            choice.best_trial().validation_loss
        ),
        (None, None)
    );
}

#[test]
fn progress_comes_in_order() {
    let (features, labels) = line();
    let data = Labelled {
        features: &features,
        labels: &labels,
    };
    let mut seen = String::new();
    choose_c(
        data,
        data,
        2,
        &Grid::new(vec![0.1, 1.0]).unwrap(),
        Options::default(),
        &mut |progress| {
            seen.push(match progress {
                Progress::Fitting => 'f',
                Progress::Validating => 'v',
                Progress::Done(_) => 'd',
            });
        },
    );
    assert_eq!(seen, "fvdfvd");
}

#[test]
fn a_class_without_examples_gets_the_smallest_probability() {
    let (features, labels) = line();
    let labels: Vec<usize> = labels.iter().map(|label| 2 * label).collect();
    let (model, _) = fit(&features, &labels, 4, 1.0, Options::default());
    for row in model.logits(&features) {
        assert_eq!((row[1], row[3]), (LOG_ZERO, LOG_ZERO));
        assert!((log_softmax(&row)[0].exp() + log_softmax(&row)[2].exp() - 1.0).abs() < 1e-9);
    }
    let (only, _) = fit(&features, &[1; 6], 3, 1.0, Options::default());
    assert_eq!(
        (only.parameters(), only.logits(&features)[5].clone()),
        (0, vec![LOG_ZERO, 0.0, LOG_ZERO])
    );
}

#[test]
fn the_chosen_fit_alone_gives_the_same_weights_bit_for_bit() {
    let (features, labels) = line();
    let train = Labelled {
        features: &features,
        labels: &labels,
    };
    let noisy = Labelled {
        features: &features,
        labels: &[0, 0, 1, 0, 1, 1],
    };
    for validation in [train, noisy] {
        let choice = choose_c(
            train,
            validation,
            2,
            &Grid::powers_of_ten(-3, 3),
            Options::default(),
            &mut |_| (),
        );
        let again = choice.refit(train, 2, Options::default());
        assert_eq!(
            again.to_tensors().to_bytes(),
            choice.model.to_tensors().to_bytes()
        );
    }
}
