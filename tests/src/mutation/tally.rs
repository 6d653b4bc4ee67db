//! What came of all inputs: counts by reader, the slowest and the largest, and what must not be.

use super::parent::Bounds;
use std::collections::BTreeMap;
use std::fmt;

/// Something that no input may cause.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Like findings have one text.
    what: String,
    /// What is peculiar to this one.
    details: String,
}

impl Finding {
    pub(crate) fn hang(seconds: f64) -> Self {
        Self {
            what: "did not end".to_owned(),
            details: format!("killed after {seconds:.1} s"),
        }
    }

    pub(crate) fn death(status: &str, errors: &str) -> Self {
        let last = errors
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty() && !line.starts_with("note:"));
        Self {
            what: format!("ended the process: {status}"),
            details: last.unwrap_or_default().to_owned(),
        }
    }

    /// The same, with what stands where a file is expected: a kind of its own.
    pub(crate) fn where_stands(mut self, special: &str) -> Self {
        if !special.is_empty() {
            self.what = format!("{} ({special})", self.what);
        }
        self
    }

    fn of(kind: &str, words: &str) -> Option<Self> {
        let what = match kind {
            // A panic is known by its place.
            "panic" => format!(
                "panic at {}",
                words.rsplit(" at ").next().unwrap_or_default()
            ),
            "not-finite" => "a number that is none came out, without a word".to_owned(),
            _ if words.chars().any(|c| c.is_control() && !"\n\t".contains(c)) => {
                "control characters in an error".to_owned()
            }
            _ => return None,
        };
        Some(Self {
            what,
            details: words.to_owned(),
        })
    }
}

/// Of one reader.
#[derive(Clone, Debug, Default)]
struct Counts {
    accepted: u64,
    refused: u64,
    failed: u64,
    /// Seconds, and the input's number.
    slowest: (f64, u64),
    /// Bytes, and the input's number.
    largest: (u64, u64),
    seconds: f64,
}

/// Of all readers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    readers: BTreeMap<&'static str, Counts>,
    /// By reader and kind: the inputs' numbers, and the first's details.
    findings: BTreeMap<(String, String), (Vec<u64>, String)>,
}

impl Tally {
    pub(crate) fn new(readers: impl Iterator<Item = &'static str>) -> Self {
        Self {
            readers: readers.map(|name| (name, Counts::default())).collect(),
            ..Self::default()
        }
    }

    /// Adds a line of an input, with what stands where a file is expected: `<seed> <kind> <seconds> <bytes> <words as JSON>`.
    pub(crate) fn ended(
        &mut self,
        reader: &'static str,
        line: &str,
        special: &str,
        bounds: Bounds,
    ) {
        let mut fields = line.splitn(5, ' ');
        let mut next = || fields.next().unwrap_or_default();
        let (seed, kind, seconds, bytes) = (next().parse().unwrap_or(0), next(), next(), next());
        let (seconds, bytes): (f64, u64) =
            (seconds.parse().unwrap_or(0.0), bytes.parse().unwrap_or(0));
        let words: String = serde_json::from_str(next()).unwrap_or_default();
        let counts = self.readers.entry(reader).or_default();
        counts.seconds += seconds;
        if seconds > counts.slowest.0 {
            counts.slowest = (seconds, seed);
        }
        if bytes > counts.largest.0 {
            counts.largest = (bytes, seed);
        }
        let large = (bytes > bounds.bytes).then(|| Finding {
            what: format!("takes more than {} MiB, then {kind}", bounds.bytes >> 20),
            details: format!("{} MiB, {words}", bytes >> 20),
        });
        match large.or_else(|| Finding::of(kind, &words)) {
            Some(finding) => self.found(reader, seed, finding.where_stands(special)),
            None if kind == "accepted" => counts.accepted += 1,
            None => counts.refused += 1,
        }
    }

    /// Adds something that must not be.
    pub(crate) fn found(&mut self, reader: &'static str, seed: u64, finding: Finding) {
        self.readers.entry(reader).or_default().failed += 1;
        let of_its_kind = self.findings.entry((reader.to_owned(), finding.what));
        let (seeds, _) = of_its_kind.or_insert_with(|| (Vec::new(), finding.details));
        seeds.push(seed);
        seeds.sort_unstable();
    }

    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:20} {:>8} {:>8} {:>8} {:>6}  {:>9} {:>20} {:>22}",
            "reader",
            "inputs",
            "refused",
            "accepted",
            "found",
            "mean",
            "slowest (input)",
            "largest heap (input)"
        )?;
        let mut all = Counts::default();
        for (name, counts) in &self.readers {
            let inputs = counts.accepted + counts.refused + counts.failed;
            writeln!(
                f,
                "{name:20} {inputs:8} {:8} {:8} {:6}  {:6.1} ms {:>20} {:>22}",
                counts.refused,
                counts.accepted,
                counts.failed,
                1e3 * counts.seconds / inputs.max(1) as f64,
                format!("{:.2} s ({})", counts.slowest.0, counts.slowest.1),
                format!("{} MiB ({})", counts.largest.0 >> 20, counts.largest.1),
            )?;
            all.accepted += counts.accepted;
            all.refused += counts.refused;
            all.failed += counts.failed;
        }
        let inputs = all.accepted + all.refused + all.failed;
        writeln!(
            f,
            "{inputs} inputs: {} refused, {} accepted, {} with findings",
            all.refused, all.accepted, all.failed
        )?;
        for ((reader, what), (seeds, details)) in &self.findings {
            let details: String = details.chars().take(400).collect();
            writeln!(
                f,
                "\nFOUND {reader}: {what}, {} times: {}\n  cargo run -p tests -- mutate --reader {reader} --first {} --keep DIR",
                seeds.len(),
                details.escape_debug(),
                seeds[0]
            )?;
        }
        Ok(())
    }
}
