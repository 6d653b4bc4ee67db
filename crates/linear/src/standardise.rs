//! Features brought to mean 0 and deviation 1 for the fit, and the classifier brought back to the features as they are.

use crate::{Dense, LogisticRegression};

/// Mean and deviation of each feature of the training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardisation {
    means: Vec<f64>,
    /// 1 where a feature is constant.
    deviations: Vec<f64>,
}

impl Standardisation {
    /// Measures the training rows (population deviations, as scikit-learn's `StandardScaler`).
    pub fn of(train: &Dense) -> Self {
        let rows = train.rows().max(1) as f64;
        let (mut means, mut deviations) = (vec![0.0; train.columns()], vec![0.0; train.columns()]);
        for row in 0..train.rows() {
            means
                .iter_mut()
                .zip(train.row(row))
                .for_each(|(mean, value)| *mean += value / rows);
        }
        for row in 0..train.rows() {
            for ((deviation, value), mean) in deviations.iter_mut().zip(train.row(row)).zip(&means)
            {
                *deviation += (value - mean).powi(2) / rows;
            }
        }
        for (deviation, mean) in deviations.iter_mut().zip(&means) {
            let found = deviation.sqrt();
            *deviation = if found > 10.0 * f64::EPSILON * mean.abs() {
                found
            } else {
                1.0
            };
        }
        Self { means, deviations }
    }

    /// `(x - mean) / deviation`.
    pub fn apply(&self, features: &Dense) -> Dense {
        let scaled = |row| {
            let values = features
                .row(row)
                .iter()
                .zip(&self.means)
                .zip(&self.deviations);
            values.map(|((value, mean), deviation)| (value - mean) / deviation)
        };
        Dense::new(
            features.rows(),
            features.columns(),
            (0..features.rows()).flat_map(scaled).collect(),
        )
    }

    /// A classifier of standardised features as one of the features themselves, with the same scores.
    ///
    /// # Panics
    /// If the classifier has another number of features.
    #[must_use]
    pub fn undo(&self, mut model: LogisticRegression) -> LogisticRegression {
        assert_eq!(
            model.columns,
            self.means.len(),
            "features of the classifier"
        );
        if model.weights.is_empty() {
            return model;
        }
        let outputs = model.weights.len() / (model.columns + 1);
        let (weights, intercepts) = model.weights.split_at_mut(model.columns * outputs);
        for ((weights, mean), deviation) in weights
            .chunks_exact_mut(outputs)
            .zip(&self.means)
            .zip(&self.deviations)
        {
            for (weight, intercept) in weights.iter_mut().zip(intercepts.iter_mut()) {
                *weight /= deviation;
                *intercept -= *weight * mean;
            }
        }
        model
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Matrix, Options, fit};

    #[test]
    fn a_classifier_brought_back_scores_features_as_it_scored_standardised_ones() {
        let values = (0..24).map(|i| {
            ((i * 7) % 11) as f64 * (1 + i % 3) as f64 + if i % 3 == 0 { 100.0 } else { 0.0 }
        });
        let mut features: Vec<f64> = values.collect();
        (0..8).for_each(|row| features[3 * row + 2] = 4.5); // a constant feature
        let features = Dense::new(8, 3, features);
        let standardisation = Standardisation::of(&features);
        let scaled = standardisation.apply(&features);
        for column in 0..2 {
            let values: Vec<f64> = (0..8).map(|row| scaled.row(row)[column]).collect();
            assert!(values.iter().sum::<f64>().abs() < 1e-12);
            assert!(
                (values.iter().map(|value| value * value).sum::<f64>() / 8.0 - 1.0).abs() < 1e-12
            );
        }
        for classes in [2, 3] {
            let labels: Vec<usize> = (0..8).map(|row| (row * 5) % classes).collect();
            let scaled = Matrix::Dense(scaled.clone());
            let (model, _) = fit(&scaled, &labels, classes, 1.0, Options::default());
            let back = standardisation
                .undo(model.clone())
                .logits(&Matrix::Dense(features.clone()));
            for (a, b) in model.logits(&scaled).concat().iter().zip(back.concat()) {
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
