//! Classifiers as tensors, in f32.

use crate::LogisticRegression;
use files::{Malformed, Tensors};

impl LogisticRegression {
    /// `classifier.weight` `[outputs, columns]`, `classifier.bias` `[outputs]`, and `classifier.classes`, the classes that have outputs
    /// (two classes share one). Weights are rounded to f32.
    pub fn to_tensors(&self) -> Tensors {
        let coefficients = self.coefficients();
        let shape = [coefficients.len(), self.columns];
        let weights = coefficients.iter().flatten().map(|&weight| weight as f32);
        Tensors::default()
            .floats("classifier.weight", &shape, weights)
            .floats(
                "classifier.bias",
                &shape[..1],
                self.intercepts().iter().map(|&bias| bias as f32),
            )
            .indices("classifier.classes", &self.present)
    }

    /// Reads what [`to_tensors`](Self::to_tensors) gave, for a task of `classes` classes.
    ///
    /// # Errors
    /// Tensors that are missing, or whose shapes do not fit together or the number of classes.
    pub fn from_tensors(tensors: &Tensors, classes: usize) -> Result<Self, Malformed> {
        let present = tensors.get_indices("classifier.classes")?;
        if present.is_empty()
            || !present.is_sorted_by(|a, b| a < b)
            || present[present.len() - 1] >= classes
        {
            return Err(Malformed(format!(
                "\"classifier.classes\" is {present:?}, expected rising indices below {classes}"
            )));
        }
        let (shape, weight) = tensors.get_floats("classifier.weight")?;
        let (_, bias) = tensors.get_floats("classifier.bias")?;
        let outputs = crate::logistic::outputs(present.len());
        let &[rows, columns] = shape else {
            return Err(Malformed(format!(
                "tensor \"classifier.weight\" has shape {shape:?}, expected two dimensions"
            )));
        };
        if rows != outputs || bias.len() != outputs {
            let found = format!("{rows} rows of weights and {} biases", bias.len());
            return Err(Malformed(format!(
                "{found} for {} classes, expected {outputs}",
                present.len()
            )));
        }
        let at = |column: usize| (0..outputs).map(move |output| output * columns + column);
        let mut weights: Vec<f64> = (0..columns)
            .flat_map(at)
            .map(|place| f64::from(weight[place]))
            .collect();
        weights.extend(bias.into_iter().map(f64::from));
        Ok(Self {
            classes,
            present,
            columns,
            weights,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dense, Matrix, Options, fit};

    fn fitted(classes: usize) -> (LogisticRegression, Matrix) {
        let features = Matrix::Dense(Dense::new(
            6,
            3,
            (0..18).map(|i| ((i * 7) % 11) as f64 / 5.0).collect(),
        ));
        let labels: Vec<usize> = (0..6)
            .map(|i| {
                if classes == 2 {
                    i % 2
                } else {
                    [0, 3, 4][i % 3]
                }
            })
            .collect();
        (
            fit(&features, &labels, classes, 1.5, Options::default())
                .0
                .rounded_to_f32(),
            features,
        )
    }

    #[test]
    fn a_classifier_read_back_gives_the_same_logits_bit_for_bit() {
        for classes in [2, 5, 7] {
            let (model, features) = fitted(classes);
            let tensors = Tensors::from_bytes(&model.to_tensors().to_bytes()).unwrap();
            let read = LogisticRegression::from_tensors(&tensors, classes).unwrap();
            assert_eq!(read, model);
            assert_eq!(read.logits(&features), model.logits(&features));
        }
    }

    #[test]
    fn a_classifier_for_more_classes_than_the_task_has_is_refused() {
        let error = LogisticRegression::from_tensors(&fitted(5).0.to_tensors(), 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"classifier.classes\" is [0, 3, 4], expected rising indices below 4"
        );
    }

    #[test]
    fn missing_and_mistyped_tensors_are_named() {
        let tensors = Tensors::default()
            .indices("classifier.classes", &[0, 1])
            .indices("classifier.weight", &[3]);
        let error = LogisticRegression::from_tensors(&tensors, 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor \"classifier.weight\" holds U32, expected F32"
        );
        let error = LogisticRegression::from_tensors(&Tensors::default(), 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor \"classifier.classes\" is missing"
        );
    }
}
