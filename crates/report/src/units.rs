//! Numbers as people read them: 1.2 M parameters, 3.4 s, 512 MiB, 87.1 %.

use crate::statistics::Spread;

/// A count: `7`, `950`, `1.2 k`, `66.4 M`.
pub fn count(value: f64) -> String {
    scaled(value, 1000.0, &["", " k", " M", " G", " T"])
}

/// Bytes in powers of 1,024: `640 B`, `12.5 KiB`, `512 MiB`.
pub fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// A duration: `480 µs`, `12.3 ms`, `3.4 s`, `2 min 05 s`, `1 h 12 min`.
pub fn seconds(value: f64) -> String {
    if value == 0.0 {
        "0 s".to_owned()
    } else if value < 0.999_5e-3 {
        format!("{} µs", three(value * 1e6))
    } else if value < 0.999_5 {
        format!("{} ms", three(value * 1e3))
    } else if value < 59.95 {
        format!("{} s", three(value))
    } else if value < 3599.5 {
        let whole = value.round() as u64;
        parts(whole / 60, "min", whole % 60, "s")
    } else {
        let minutes = (value / 60.0).round() as u64;
        parts(minutes / 60, "h", minutes % 60, "min")
    }
}

/// A median duration with its range in the same units: `24 s (22 to 31)`, `1 min 19 s (0:58 to 1:31)`.
pub fn seconds_with_range(spread: &Spread) -> String {
    let median = seconds(spread.median);
    if seconds(spread.min) == seconds(spread.max) {
        return median;
    }
    let clock = |value: f64, smaller: f64| {
        let whole = (value / smaller).round() as u64;
        format!("{}:{:02}", whole / 60, whole % 60)
    };
    let end = |value: f64| match spread.median {
        m if m < 0.999_5e-3 => three(value * 1e6),
        m if m < 0.999_5 => three(value * 1e3),
        m if m < 59.95 => three(value),
        m if m < 3599.5 => clock(value, 1.0),
        _ => clock(value, 60.0),
    };
    format!("{median} ({} to {})", end(spread.min), end(spread.max))
}

fn parts(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small:02} {small_unit}")
    }
}

/// US dollars: `4.2e-6 USD`, `0.000213 USD`, `3.2 USD`, `1,250 USD`.
pub fn usd(value: f64) -> String {
    format!("{} USD", usd_number(value))
}

/// The same without the unit.
pub fn usd_number(value: f64) -> String {
    if value.abs() >= 1000.0 {
        crate::standing::grouped(value.round() as u64)
    } else if value == 0.0 || value.abs() >= 1e-4 {
        three(value)
    } else {
        format!("{value:.1e}").replace(".0e", "e")
    }
}

/// A share as a percentage with one decimal, without the sign: `87.1`.
pub fn percent(value: f64) -> String {
    format!("{:.1}", 100.0 * value)
}

/// Three significant digits, without trailing zeros behind the point.
pub fn three(value: f64) -> String {
    let magnitude = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    let decimals = (2 - magnitude).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    // 999.6 would print as "1000".
    while value.abs() >= base * 0.999_5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    // Four digits below 1,024 need no rounding to three.
    let number = if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else {
        three(value)
    };
    format!("{number}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_said_in_the_units_of_its_median() {
        let of = |values: [f64; 3]| seconds_with_range(&Spread::of(values.map(Some)).unwrap());
        assert_eq!(of([22.0, 24.0, 31.0]), "24 s (22 to 31)");
        assert_eq!(of([0.9, 1.2, 1.3]), "1.2 s (0.9 to 1.3)");
        assert_eq!(of([0.6, 0.7, 1.25]), "700 ms (600 to 1250)");
        assert_eq!(of([43.0, 51.4, 70.0]), "51.4 s (43 to 70)");
        assert_eq!(of([58.0, 79.0, 91.0]), "1 min 19 s (0:58 to 1:31)");
        assert_eq!(of([3480.0, 4320.0, 4500.0]), "1 h 12 min (0:58 to 1:15)");
        assert_eq!(of([24.0, 24.0, 24.0]), "24 s");
        assert_eq!(of([8e-6, 9e-6, 10e-6]), "9 µs (8 to 10)");
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        let counts = [
            (0.0, "0"),
            (7.0, "7"),
            (950.0, "950"),
            (999.7, "1 k"),
            (1234.0, "1.23 k"),
            (66_362_880.0, "66.4 M"),
            (1e12, "1 T"),
        ];
        counts
            .iter()
            .for_each(|(value, text)| assert_eq!(count(*value), *text));
        let sizes = [
            (640.0, "640 B"),
            (12_800.0, "12.5 KiB"),
            (536_870_912.0, "512 MiB"),
            (1_072_693_248.0, "1023 MiB"),
            (1_073_741_824.0, "1 GiB"),
        ];
        sizes
            .iter()
            .for_each(|(value, text)| assert_eq!(bytes(*value), *text));
        let times = [
            (0.0, "0 s"),
            (0.000_48, "480 µs"),
            (0.012_34, "12.3 ms"),
            (0.9996, "1 s"),
            (3.4, "3.4 s"),
            (125.2, "2 min 05 s"),
            (3599.7, "1 h"),
            (4320.0, "1 h 12 min"),
        ];
        times
            .iter()
            .for_each(|(value, text)| assert_eq!(seconds(*value), *text));
        assert_eq!(percent(0.87149), "87.1");
        let prices = [
            (0.0, "0 USD"),
            (0.000_004_2, "4.2e-6 USD"),
            (1e-7, "1e-7 USD"),
            (0.000_212_6, "0.000213 USD"),
            (3.2, "3.2 USD"),
            (1250.4, "1,250 USD"),
        ];
        prices
            .iter()
            .for_each(|(value, text)| assert_eq!(usd(*value), *text));
    }
}
