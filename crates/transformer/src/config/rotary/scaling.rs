//! How the angles of a rotation are stretched for texts longer than those of pretraining.

use std::f64::consts::PI;

use super::super::Config;
use crate::load::LoadError;
use crate::shape::{LongRotation, Rotation};

/// What every kind of scaling starts from.
pub(super) struct Scaling<'a> {
    /// The object in which the file describes it.
    pub(super) inner: &'a Config,
    /// Dimensions of a head that are rotated.
    pub(super) rotated: usize,
    pub(super) theta: f64,
    pub(super) max_length: usize,
    /// Length of the texts in pretraining.
    pub(super) original: usize,
}

impl Scaling<'_> {
    /// θ^(-2i/d).
    pub(super) fn default(&self) -> Rotation {
        rotation(self.angles(self.theta))
    }

    /// Positions divided by a factor.
    pub(super) fn linear(&self) -> Result<Rotation, LoadError> {
        let factor = self.inner.positive("factor")?;
        let angles = self.angles(self.theta).into_iter();
        Ok(rotation(angles.map(|angle| angle / factor).collect()))
    }

    /// GTE's: the base times the factor, and the angles divided by factor^(2/d); Su 2023, <https://kexue.fm/archives/9706>, eq. 6.
    pub(super) fn ntk(&self) -> Result<Rotation, LoadError> {
        let factor = self.inner.positive("factor")?;
        if factor <= 1.0 {
            return Err(self.inner.field("factor", "a number above 1"));
        }
        let all = factor.powf(2.0 / self.rotated as f64);
        let angles = self.angles(self.theta * factor).into_iter();
        Ok(rotation(angles.map(|angle| angle / all).collect()))
    }

    /// Llama 3.1's stretching of long wavelengths, as `_compute_llama3_parameters` in `transformers`.
    pub(super) fn llama3(&self) -> Result<Rotation, LoadError> {
        let factor = self.inner.positive("factor")?;
        let low = self.inner.positive("low_freq_factor")?;
        let high = self.inner.positive("high_freq_factor")?;
        if high <= low {
            let expected = "more than low_freq_factor";
            return Err(self.inner.field("high_freq_factor", expected));
        }
        let stretched = |angle: f64| {
            let turns = self.original as f64 * angle / (2.0 * PI); // Full turns over the original window.
            if turns < low {
                angle / factor
            } else if turns > high {
                angle
            } else {
                let smooth = (turns - low) / (high - low);
                (1.0 - smooth) * angle / factor + smooth * angle
            }
        };
        let angles = self.angles(self.theta).into_iter();
        Ok(rotation(angles.map(stretched).collect()))
    }

    /// Peng et al. 2023, <https://arxiv.org/abs/2309.00071>: fast angles stay, slow ones are divided by the factor, with a ramp between.
    pub(super) fn yarn(&self) -> Result<Rotation, LoadError> {
        let inner = self.inner;
        if self.rotated % 2 == 1 {
            let expected = "a part of a head with an even number of dimensions";
            return Err(inner.field("partial_rotary_factor", expected));
        }
        let (rotated, length) = (self.rotated as f64, self.original as f64);
        let factor = match inner.get("factor") {
            Some(value) if value.is_null() => self.max_length as f64 / length,
            _ => inner.positive("factor")?,
        };
        let turns = [
            inner.positive_or("beta_fast", 32.0)?,
            inner.positive_or("beta_slow", 1.0)?,
        ];
        // The dimension whose angle makes so many turns over the original window.
        let [mut low, mut high] = turns
            .map(|turns| rotated * (length / (turns * 2.0 * PI)).ln() / (2.0 * self.theta.ln()));
        if inner.flag_or("truncate", true)? {
            (low, high) = (low.floor(), high.ceil());
        }
        low = low.max(0.0);
        high = high.min(rotated - 1.0);
        if low == high {
            high += 0.001; // As the reference code does.
        }
        let angles = self.angles(self.theta).into_iter().enumerate();
        let angles = angles.map(|(pair, angle)| {
            let slow = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
            slow * angle / factor + (1.0 - slow) * angle
        });
        let attention = self.yarn_attention(factor)?;
        Ok(Rotation {
            factor: inner.positive_or("attention_factor", attention)?,
            ..rotation(angles.collect())
        })
    }

    fn yarn_attention(&self, factor: f64) -> Result<f64, LoadError> {
        let scale = |weight: f64| {
            if factor <= 1.0 {
                1.0
            } else {
                0.1 * weight * factor.ln() + 1.0
            }
        };
        let weights = ["mscale", "mscale_all_dim"].map(|key| match self.inner.present(key) {
            Some(value) if value.as_f64() == Some(0.0) => Ok(None),
            Some(_) => self.inner.positive(key).map(Some),
            None => Ok(None),
        });
        let [above, below] = weights;
        Ok(match (above?, below?) {
            (Some(above), Some(below)) => scale(above) / scale(below),
            _ => scale(1.0),
        })
    }

    /// Ding et al. 2024, <https://arxiv.org/abs/2402.13753>: a divisor for each angle, and others for texts beyond the original length.
    pub(super) fn longrope(&self) -> Result<Rotation, LoadError> {
        let inner = self.inner;
        let pairs = self.rotated.div_ceil(2);
        let length = self.original as f64;
        let factor = inner.positive_or("factor", self.max_length as f64 / length)?;
        let attention = if factor <= 1.0 {
            1.0
        } else {
            (1.0 + factor.ln() / length.ln()).sqrt()
        };
        let divided = |key: &str| {
            let divisors = inner.numbers(key, pairs)?.into_iter();
            let angles = self.angles(self.theta).into_iter().zip(divisors);
            Ok::<_, LoadError>(angles.map(|(angle, divisor)| angle / divisor).collect())
        };
        Ok(Rotation {
            inverse_frequencies: divided("short_factor")?,
            long: Some(LongRotation {
                beyond: self.original,
                inverse_frequencies: divided("long_factor")?,
            }),
            factor: inner.positive_or("attention_factor", attention)?,
        })
    }

    /// The angles of each pair of dimensions with this base.
    fn angles(&self, theta: f64) -> Vec<f64> {
        let pairs = 0..self.rotated.div_ceil(2);
        pairs
            .map(|i| theta.powf(-2.0 * i as f64 / self.rotated as f64))
            .collect()
    }
}

fn rotation(inverse_frequencies: Vec<f64>) -> Rotation {
    Rotation {
        inverse_frequencies,
        long: None,
        factor: 1.0,
    }
}
