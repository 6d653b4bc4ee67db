//! Axes: from values to pixels, and where the ticks stand.

use crate::units;

/// What an axis measures, which decides its ticks and how they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Parameters.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// US dollars.
    Usd,
    /// Shares, read in percent.
    Percent,
    /// A number without unit.
    Plain,
}

impl Unit {
    pub(crate) fn read(self, value: f64) -> String {
        match self {
            Self::Count => units::count(value),
            Self::Seconds => units::seconds(value),
            Self::Bytes => units::bytes(value),
            Self::Usd => units::usd(value),
            Self::Percent => units::three(100.0 * value),
            Self::Plain => units::three(value),
        }
    }

    /// Beside an axis, whose title names the currency.
    fn tick(self, value: f64) -> String {
        if self == Self::Usd {
            units::usd_number(value)
        } else {
            self.read(value)
        }
    }
}

/// A scale from values to pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Pixels of `low` and `high`.
    pixels: (f64, f64),
    /// Where zero stands on a logarithmic axis, if some value is zero.
    pub(crate) zero: Option<f64>,
    unit: Unit,
}

/// Room for the separate place of zero on a logarithmic axis.
const ZERO_ROOM: f64 = 56.0;

impl Axis {
    /// A linear axis over `low..high`, widened to a range of its own where they coincide.
    pub(crate) fn linear(low: f64, high: f64, pixels: (f64, f64), unit: Unit) -> Self {
        let (low, high) = if high - low > 1e-12 {
            (low, high)
        } else {
            (
                low - 0.5 * low.abs().max(0.1),
                high + 0.5 * high.abs().max(0.1),
            )
        };
        Self {
            low,
            high,
            log: false,
            pixels,
            zero: None,
            unit,
        }
    }

    /// A logarithmic axis over the positive `values`; zeros among them stand apart, at a place of their own.
    pub(crate) fn log(values: &[f64], pixels: (f64, f64), unit: Unit) -> Self {
        let positive = || values.iter().copied().filter(|v| *v > 0.0);
        let low = positive().fold(f64::INFINITY, f64::min);
        let high = positive().fold(0.0, f64::max);
        let (low, high) = if high > 0.0 { (low, high) } else { (1.0, 10.0) };
        // A little air, and at least a factor of 4, so that a small spread does not look like a large one.
        let (low, high) = (low.log10(), high.log10());
        let air = (0.04 * (high - low))
            .max((4.0_f64.log10() - (high - low)) / 2.0)
            .max(0.02);
        let mut axis = Self {
            low: low - air,
            high: high + air,
            log: true,
            pixels,
            zero: None,
            unit,
        };
        if values.contains(&0.0) {
            axis.zero = Some(pixels.0 + 20.0);
            axis.pixels.0 += ZERO_ROOM;
        }
        axis
    }

    /// The same scale, carried on to the pixel `end`.
    pub(crate) fn widened(mut self, end: f64) -> Self {
        let per_pixel = (self.high - self.low) / (self.pixels.1 - self.pixels.0);
        self.high = self.low + per_pixel * (end - self.pixels.0);
        self.pixels.1 = end;
        self
    }

    /// The pixel where it begins.
    pub(crate) fn start(&self) -> f64 {
        self.pixels.0
    }

    /// The pixel of `value`.
    pub(crate) fn at(&self, value: f64) -> f64 {
        if let (Some(zero), true) = (self.zero, value <= 0.0) {
            return zero;
        }
        let value = if self.log { value.log10() } else { value };
        self.pixels.0
            + (value - self.low) / (self.high - self.low) * (self.pixels.1 - self.pixels.0)
    }

    /// Pixel and reading of every tick, at most about `most` of them.
    pub(crate) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let values = if self.log {
            self.log_ticks(most)
        } else {
            linear_ticks(self.low, self.high, most, self.unit)
        };
        let zero = self.zero.map(|pixel| (pixel, "0".to_owned()));
        let read = |value: f64| (self.at(value), self.unit.tick(value));
        zero.into_iter()
            .chain(values.into_iter().map(read))
            .collect()
    }

    /// Decades, thinned out if they are many and filled with 2 and 5 if they are few; bytes by powers of 2.
    fn log_ticks(&self, most: usize) -> Vec<f64> {
        if self.unit == Unit::Bytes {
            let (low, high) = (self.low / 2.0_f64.log10(), self.high / 2.0_f64.log10());
            let step = ((high - low) / most as f64).ceil().max(1.0) as i32;
            return (low.ceil() as i32..=high.floor() as i32)
                .filter(|e| e % step == 0)
                .map(|e| 2.0_f64.powi(e))
                .collect();
        }
        let decades = self.high - self.low;
        if self.unit == Unit::Seconds && self.high > 60.0_f64.log10() {
            return self.time_ticks(most);
        }
        let step = (decades / most as f64).ceil().max(1.0) as i32;
        let digits: &[f64] = if decades < 2.5 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let exponents =
            (self.low.floor() as i32..=self.high.ceil() as i32).filter(|e| e % step == 0);
        let all = exponents.flat_map(|e| digits.iter().map(move |d| d * 10.0_f64.powi(e)));
        all.filter(|v| (self.low..=self.high).contains(&v.log10()))
            .collect()
    }

    /// Powers of ten up to ten seconds, then minutes and hours: nobody reads 1,000 s.
    fn time_ticks(&self, most: usize) -> Vec<f64> {
        let all: Vec<f64> = if self.high - self.low < 2.5 {
            TIMES
                .iter()
                .copied()
                .filter(|t| ![30.0, 1800.0].contains(t))
                .collect()
        } else {
            let short = (self.low.floor() as i32..=1).map(|e| 10.0_f64.powi(e));
            short
                .chain([60.0, 600.0, 3600.0, 36_000.0, 360_000.0])
                .collect()
        };
        let within: Vec<f64> = all
            .into_iter()
            .filter(|v| (self.low..=self.high).contains(&v.log10()))
            .collect();
        let step = within.len().div_ceil(most).max(1);
        within.into_iter().step_by(step).collect()
    }
}

/// Round times from a second to eleven days.
const TIMES: [f64; 21] = [
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1200.0,
    1800.0,
    3600.0,
    7200.0,
    18_000.0,
    36_000.0,
    72_000.0,
    180_000.0,
    360_000.0,
    720_000.0,
    1_000_000.0,
];

/// Multiples of 1, 2 or 5 times a power of ten; longer times as multiples of minutes or hours; bytes as such multiples of KiB, MiB or GiB.
fn linear_ticks(low: f64, high: f64, most: usize, unit: Unit) -> Vec<f64> {
    let scale = match unit {
        Unit::Bytes => 1024.0_f64.powi((high.max(1.0).log2() / 10.0).floor() as i32),
        _ => 1.0,
    };
    let (low, high) = (low / scale, high / scale);
    let rough = (high - low) / most as f64;
    let power = 10.0_f64.powf(rough.log10().floor());
    let round_time = TIMES
        .iter()
        .copied()
        .find(|t| unit == Unit::Seconds && rough > 1.0 && *t >= rough);
    let decimal = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|m| m * power)
        .find(|s| *s >= rough)
        .unwrap_or(10.0 * power);
    let step = round_time.unwrap_or(decimal);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|k| k as f64 * step * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_in_the_axis_unit() {
        assert_eq!(
            readings(&Axis::linear(0.512, 0.957, (0.0, 1.0), Unit::Percent), 6),
            ["60", "70", "80", "90"]
        );
        let memory = Axis::linear(300e6, 900e6, (0.0, 1.0), Unit::Bytes);
        assert_eq!(
            readings(&memory, 6),
            [
                "300 MiB", "400 MiB", "500 MiB", "600 MiB", "700 MiB", "800 MiB"
            ]
        );
        let time = Axis::log(&[0.004, 300.0], (0.0, 1.0), Unit::Seconds);
        assert_eq!(
            readings(&time, 8),
            ["10 ms", "100 ms", "1 s", "10 s", "1 min"]
        );
        let hours = Axis::log(&[40.0, 4000.0], (0.0, 1.0), Unit::Seconds);
        assert_eq!(
            readings(&hours, 8),
            ["1 min", "2 min", "5 min", "10 min", "20 min", "1 h"]
        );
        let minutes = Axis::linear(0.0, 200.0, (0.0, 1.0), Unit::Seconds);
        assert_eq!(
            readings(&minutes, 8),
            [
                "0 s",
                "30 s",
                "1 min",
                "1 min 30 s",
                "2 min",
                "2 min 30 s",
                "3 min"
            ]
        );
        let wide = Axis::log(&[40e6, 900e6], (0.0, 1.0), Unit::Bytes);
        assert_eq!(
            readings(&wide, 8),
            ["64 MiB", "128 MiB", "256 MiB", "512 MiB"]
        );
    }

    #[test]
    fn zero_stands_apart_on_a_logarithmic_axis() {
        let axis = Axis::log(&[0.0, 1e3, 1e6], (100.0, 700.0), Unit::Count);
        assert_eq!(axis.zero, Some(120.0));
        assert_eq!(axis.at(0.0), 120.0);
        assert!(axis.at(1e3) > 150.0 && axis.at(1e6) < 700.0);
        assert_eq!(readings(&axis, 8), ["0", "1 k", "10 k", "100 k", "1 M"]);
        assert_eq!(Axis::log(&[5.0], (0.0, 1.0), Unit::Count).zero, None);
    }
}
