//! Which token comes next, given the logits of all.

use crate::language::{Chosen, Generation};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The likeliest token after the bias, or one drawn at a temperature; what is told of probabilities is before both.
pub(crate) fn choose(logits: &[f32], how: &Generation, random: &mut ChaCha8Rng) -> Chosen {
    let mut biased: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
    let sum = log_sum_exp(&biased);
    let log_probability = |id: usize| f64::from(logits[id]) - sum;
    let mut order: Vec<usize> = (0..logits.len()).collect();
    let top = how.top.min(order.len());
    let likelier = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    if top > 0 {
        order.select_nth_unstable_by(top - 1, likelier);
    }
    order.truncate(top);
    order.sort_by(likelier);
    for (id, bias) in &how.bias {
        if let Some(logit) = biased.get_mut(*id as usize) {
            *logit += bias;
        }
    }
    let id = if how.temperature > 0.0 {
        draw(&biased, how.temperature, random.random())
    } else {
        let better = |best: usize, id: usize| if biased[id] > biased[best] { id } else { best };
        (0..biased.len()).reduce(better).unwrap_or(0)
    };
    Chosen {
        id: id as u32,
        log_probability: log_probability(id),
        top: order
            .into_iter()
            .map(|id| (id as u32, log_probability(id)))
            .collect(),
    }
}

/// The token at the share `at` of the probabilities, laid end to end.
fn draw(logits: &[f64], temperature: f64, at: f64) -> usize {
    let scaled: Vec<f64> = logits.iter().map(|logit| logit / temperature).collect();
    let sum = log_sum_exp(&scaled);
    let mut left = at;
    let found = scaled.iter().position(|logit| {
        left -= (logit - sum).exp();
        left < 0.0
    });
    found.unwrap_or(scaled.len() - 1)
}

fn log_sum_exp(logits: &[f64]) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + logits.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_bias_changes_the_choice_and_not_what_is_told_of_probabilities() {
        let logits = [1.0_f32, 3.0, 2.0];
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut how = Generation {
            top: 2,
            ..Generation::default()
        };
        let plain = choose(&logits, &how, &mut random);
        assert_eq!((plain.id, plain.top[0].0, plain.top[1].0), (1, 1, 2));
        let sum = log_sum_exp(&[1.0, 3.0, 2.0]);
        assert!((plain.log_probability - (3.0 - sum)).abs() < 1e-12);
        how.bias = vec![(0, 100.0), (77, 5.0)];
        let pushed = choose(&logits, &how, &mut random);
        assert_eq!((pushed.id, pushed.top), (0, plain.top));
        assert!((pushed.log_probability - (1.0 - sum)).abs() < 1e-12);
    }

    #[test]
    fn draws_follow_the_probabilities_at_a_temperature() {
        let logits = [0.0, 2.0_f64.ln(), f64::NEG_INFINITY, 5.0_f64.ln()];
        assert_eq!(draw(&logits, 1.0, 0.0), 0);
        assert_eq!(draw(&logits, 1.0, 0.124), 0);
        assert_eq!(draw(&logits, 1.0, 0.126), 1);
        assert_eq!(draw(&logits, 1.0, 0.376), 3);
        // Squared: 1, 4, 25 of 30.
        assert_eq!(draw(&logits, 0.5, 0.166), 1);
        assert_eq!(draw(&logits, 0.5, 0.168), 3);
        assert_eq!(draw(&logits, 1.0, 1.0), 3);
    }
}
