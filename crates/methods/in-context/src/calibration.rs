//! Contextual calibration: the answer that a prompt gives to inputs without content is divided out. Zhao et al. 2021, §5.

use task::log_softmax;

/// ln p_cf: the logarithm of the mean over content-free inputs of their class probabilities.
pub(crate) fn content_free_prior(scores: &[Vec<f64>]) -> Vec<f64> {
    let logs: Vec<Vec<f64>> = scores.iter().map(|scores| log_softmax(scores)).collect();
    let classes = logs.first().map_or(0, Vec::len);
    let mean =
        |class: usize| logs.iter().map(|log| log[class].exp()).sum::<f64>() / logs.len() as f64;
    // A class that no content-free input gives any probability is one that nothing can be divided by; NaN stays NaN.
    let prior = |class| match mean(class) {
        mean if mean < f64::MIN_POSITIVE => f64::MIN_POSITIVE,
        mean => mean,
    };
    (0..classes).map(|class| prior(class).ln()).collect()
}

/// W = diag(p_cf)⁻¹, b = 0, in logarithms: ln p − ln p_cf, made to sum to one again.
pub(crate) fn calibrate(scores: &[f64], prior: &[f64]) -> Vec<f64> {
    let divided: Vec<f64> = log_softmax(scores)
        .iter()
        .zip(prior)
        .map(|(log, prior)| log - prior)
        .collect();
    log_softmax(&divided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_number_is_not_divided_out() {
        let prior = content_free_prior(&[vec![f64::NAN, -1.0]]);
        let calibrated = calibrate(&[-1.0, -2.0], &prior);
        assert!(calibrated.iter().all(|log| log.is_nan()), "{calibrated:?}");
    }

    #[test]
    fn calibration_makes_a_content_free_input_uniform() {
        let scores = vec![-3.0, -9.5, -4.25];
        let calibrated = calibrate(&scores, &content_free_prior(std::slice::from_ref(&scores)));
        calibrated
            .iter()
            .for_each(|log| assert!((log.exp() - 1.0 / 3.0).abs() < 1e-12, "{calibrated:?}"));
    }

    #[test]
    fn over_several_content_free_inputs_the_weighted_probabilities_average_to_one() {
        let scores = [
            vec![-3.0, -9.5, -4.25],
            vec![-700.0, -2.0, -5.0],
            vec![0.5, 0.25, -1.0],
        ];
        let prior = content_free_prior(&scores);
        for (class, prior) in prior.iter().enumerate() {
            let weighted = |scores: &Vec<f64>| (log_softmax(scores)[class] - prior).exp();
            let mean = scores.iter().map(weighted).sum::<f64>() / 3.0;
            assert!((mean - 1.0).abs() < 1e-12, "{mean}");
        }
    }

    #[test]
    fn a_class_favoured_without_content_loses() {
        let prior = content_free_prior(&[vec![-1.0, -4.0]]);
        let calibrated = calibrate(&[-1.5, -2.0], &prior);
        assert!(calibrated[1] > calibrated[0]);
    }
}
