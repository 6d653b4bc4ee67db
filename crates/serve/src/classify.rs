//! `POST /classify`: texts to classes with their probabilities.

use crate::app::{App, Body};
use crate::faults::Fault;
use adapt::{Logits, Predictor};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use task::Example;

/// An adapted model.
pub(crate) struct Classifier {
    predictor: Box<dyn Predictor>,
    classes: Vec<String>,
    /// What scores are divided by, where one was fitted on the validation split.
    temperature: Option<f64>,
}

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    texts: Vec<Text>,
}

/// A text, or a pair of texts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Alone(String),
    Pair([String; 2]),
}

/// The answer to a request.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    model: String,
    method: Option<String>,
    classes: Vec<String>,
    /// What scores were divided by before they became probabilities; `null` where none was fitted.
    temperature: Option<f64>,
    answers: Vec<Answer>,
}

/// The class of one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Answer {
    pub(crate) label: String,
    /// Of that class.
    pub(crate) probability: f64,
    /// Of each class.
    pub(crate) probabilities: Vec<f64>,
    /// As `adaptbench predict` writes them.
    pub(crate) scores: Logits,
}

impl Classifier {
    pub(crate) fn of(adapted: runner::served::Adapted) -> Self {
        Self {
            predictor: adapted.predictor,
            classes: adapted.classes,
            temperature: adapted.temperature,
        }
    }

    /// # Errors
    /// A text that the model cannot read, by its place.
    pub(crate) fn answers(&self, examples: &[Example]) -> Result<Vec<Answer>, String> {
        let scores = self.predictor.scores(examples);
        let scores = scores.map_err(|error| error.to_string())?;
        Ok(scores
            .into_iter()
            .map(|scores| self.answer(scores))
            .collect())
    }

    fn answer(&self, scores: Logits) -> Answer {
        let probabilities = probabilities(&scores, self.temperature.unwrap_or(1.0));
        // Of equals the first, as everywhere else.
        let best = task::metrics::predictions(std::slice::from_ref(&scores))[0];
        Answer {
            label: self.classes[best].clone(),
            probability: probabilities[best],
            probabilities,
            scores,
        }
    }
}

/// Softmax of `scores / temperature`.
fn probabilities(scores: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = scores.iter().map(|s| f64::from(*s) / temperature).collect();
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.iter().map(|s| (s - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Texts as examples; rows are their places.
pub(crate) fn examples(texts: impl Iterator<Item = (String, Option<String>)>) -> Vec<Example> {
    let example = |(row, (text, second))| Example {
        row,
        text,
        second,
        label: 0,
    };
    (0..).zip(texts).map(example).collect()
}

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Body(request): Body<Request>,
) -> Result<Json<Response>, Fault> {
    if app.description.classifier.is_empty() {
        return Err(Fault::bad(
            "texts",
            "this server has no classifier; start it with --adapter DIR",
        ));
    }
    let texts = request.texts.into_iter().map(|text| match text {
        Text::Alone(text) => (text, None),
        Text::Pair([text, second]) => (text, Some(second)),
    });
    let answers = classify(&app, examples(texts)).await?;
    app.metrics.texts(answers.len());
    Ok(Json(Response {
        model: app.description.classifier[0].clone(),
        method: app.description.method.clone(),
        classes: app.description.classes.clone(),
        temperature: app.description.temperature,
        answers,
    }))
}

/// The answers of the classifier, which is there.
pub(crate) async fn classify(app: &App, examples: Vec<Example>) -> Result<Vec<Answer>, Fault> {
    let work = move |served: &crate::served::Served| {
        let classifier = served.classifier.as_ref().expect("a classifier is served");
        classifier.answers(&examples)
    };
    let answers = app.engine.ask(work).await?;
    answers.map_err(|reason| Fault::bad("texts", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_flattens_probabilities_and_leaves_the_order() {
        let near = |found: Vec<f64>, expected: [f64; 3]| {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{found}, expected {expected}"
                );
            }
        };
        let logs = [1.0_f64, 2.0, 7.0];
        let scores: Vec<f32> = logs.iter().map(|x| x.ln() as f32).collect();
        let of = |t: f64| probabilities(&scores, t);
        let exact = |t: f64| {
            let powers = scores.clone().into_iter().map(|s| (f64::from(s) / t).exp());
            let powers: Vec<f64> = powers.collect();
            let sum: f64 = powers.iter().sum();
            [powers[0] / sum, powers[1] / sum, powers[2] / sum]
        };
        near(of(1.0), exact(1.0));
        near(of(2.5), exact(2.5));
        assert!(of(2.5)[2] < of(1.0)[2] && of(2.5)[0] < of(2.5)[1]);
        // Scores far beyond what `exp` takes.
        assert_eq!(probabilities(&[1e4, 0.0], 1.0), [1.0, 0.0]);
    }
}
