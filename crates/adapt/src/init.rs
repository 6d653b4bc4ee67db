//! Initial values drawn on the host from a seeded ChaCha stream, so that every device starts from the same numbers.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The stream that initial values come from.
#[derive(Clone, Debug)]
pub struct InitRng(ChaCha8Rng);

impl InitRng {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// `n` draws of a normal distribution with mean 0 (Box & Muller 1958).
    pub fn normal(&mut self, n: usize, standard_deviation: f64) -> Vec<f32> {
        let mut values = Vec::with_capacity(n + 1);
        while values.len() < n {
            let radius = (-2.0 * (1.0 - self.0.random::<f64>()).ln()).sqrt() * standard_deviation;
            let angle = 2.0 * std::f64::consts::PI * self.0.random::<f64>();
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(n);
        values
    }

    /// `n` draws of a uniform distribution on [-bound, bound].
    pub fn uniform(&mut self, n: usize, bound: f64) -> Vec<f32> {
        (0..n)
            .map(|_| (self.0.random_range(-1.0..=1.0) * bound) as f32)
            .collect()
    }

    /// A whole number from 0 to n − 1, all equally likely.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }
}

/// A trainable tensor with the given values.
///
/// # Panics
/// When the number of values is not that of the shape.
pub fn param<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// A trainable tensor of normal draws.
pub fn normal<const D: usize>(
    rng: &mut InitRng,
    shape: [usize; D],
    standard_deviation: f64,
    device: &Device,
) -> Param<Tensor<D>> {
    param(
        rng.normal(shape.iter().product(), standard_deviation),
        shape,
        device,
    )
}

/// A trainable `[d_in, d_out]` matrix as `torch.nn.Linear` starts it: uniform within 1/√d_in (Kaiming with a = √5).
pub fn kaiming_uniform(
    rng: &mut InitRng,
    [d_in, d_out]: [usize; 2],
    device: &Device,
) -> Param<Tensor<2>> {
    param(
        rng.uniform(d_in * d_out, 1.0 / (d_in as f64).sqrt()),
        [d_in, d_out],
        device,
    )
}

/// A trainable tensor of one value.
pub fn constant<const D: usize>(
    value: f32,
    shape: [usize; D],
    device: &Device,
) -> Param<Tensor<D>> {
    param(vec![value; shape.iter().product()], shape, device)
}

#[cfg(test)]
mod tests {
    use super::InitRng;

    #[test]
    fn normal_draws_have_the_asked_mean_and_deviation_and_repeat() {
        let draws = InitRng::new(7).normal(20_001, 0.02);
        let mean = draws.iter().map(|&v| f64::from(v)).sum::<f64>() / draws.len() as f64;
        let variance = draws
            .iter()
            .map(|&v| (f64::from(v) - mean).powi(2))
            .sum::<f64>()
            / draws.len() as f64;
        assert!(mean.abs() < 6e-4, "{mean}");
        assert!((variance.sqrt() - 0.02).abs() < 4e-4, "{}", variance.sqrt());
        assert_eq!(draws, InitRng::new(7).normal(20_001, 0.02));
        assert_ne!(draws, InitRng::new(8).normal(20_001, 0.02));
    }
}
