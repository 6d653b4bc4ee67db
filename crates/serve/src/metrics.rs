//! `GET /metrics`: counters and times in Prometheus' text format. What is kept does not grow with the requests.

use crate::openai::Usage;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper ends of the buckets, in seconds: 1 ms, and each half as much again as the one before, up to about 110 s.
const BUCKETS: usize = 30;
const FIRST_S: f64 = 1e-3;
const STEP: f64 = 1.5;

/// What is counted.
pub(crate) struct Metrics {
    started: Instant,
    under_way: AtomicI64,
    texts: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    /// By route and status.
    answers: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// By route.
    times: Mutex<BTreeMap<&'static str, Times>>,
}

/// How long answers took.
#[derive(Clone, Copy, Default)]
struct Times {
    /// By bucket; the last is of all beyond.
    counts: [u64; BUCKETS + 1],
    sum_s: f64,
}

/// One request, until its answer.
pub(crate) struct UnderWay<'a>(&'a Metrics);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            under_way: AtomicI64::new(0),
            texts: AtomicU64::new(0),
            prompt_tokens: AtomicU64::new(0),
            completion_tokens: AtomicU64::new(0),
            answers: Mutex::default(),
            times: Mutex::default(),
        }
    }

    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry((route, status)).or_default() += 1;
        drop(answers);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.entry(route).or_default().add(took.as_secs_f64());
    }

    pub(crate) fn texts(&self, count: usize) {
        self.texts.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn tokens(&self, usage: Usage) {
        let count = |of: &AtomicU64, n: usize| of.fetch_add(n as u64, Ordering::Relaxed);
        count(&self.prompt_tokens, usage.prompt_tokens);
        count(&self.completion_tokens, usage.completion_tokens);
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let single = [
            (
                "serve_uptime_seconds",
                "gauge",
                self.started.elapsed().as_secs_f64().to_string(),
            ),
            (
                "serve_requests_under_way",
                "gauge",
                self.under_way.load(Ordering::Relaxed).to_string(),
            ),
            (
                "serve_texts_total",
                "counter",
                count(&self.texts).to_string(),
            ),
            (
                "serve_prompt_tokens_total",
                "counter",
                count(&self.prompt_tokens).to_string(),
            ),
            (
                "serve_completion_tokens_total",
                "counter",
                count(&self.completion_tokens).to_string(),
            ),
        ];
        for (name, kind, value) in single {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
        }
        if let Some(resident) = measure::memory::own().now_bytes {
            let _ = writeln!(
                out,
                "# TYPE serve_resident_bytes gauge\nserve_resident_bytes {resident}"
            );
        }
        let _ = writeln!(out, "# TYPE serve_requests_total counter");
        for ((route, status), n) in self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            let _ = writeln!(
                out,
                "serve_requests_total{{route=\"{route}\",status=\"{status}\"}} {n}"
            );
        }
        let _ = writeln!(out, "# TYPE serve_request_seconds histogram");
        for (route, times) in self
            .times
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            times.write(&mut out, route);
        }
        out
    }
}

impl Times {
    fn add(&mut self, seconds: f64) {
        let beyond = (0..BUCKETS).find(|at| seconds <= upper_end(*at));
        self.counts[beyond.unwrap_or(BUCKETS)] += 1;
        self.sum_s += seconds;
    }

    fn write(&self, out: &mut String, route: &str) {
        let mut so_far = 0;
        for (at, n) in self.counts.iter().enumerate() {
            so_far += n;
            let end = if at < BUCKETS {
                format!("{:.4}", upper_end(at))
            } else {
                "+Inf".to_owned()
            };
            let _ = writeln!(
                out,
                "serve_request_seconds_bucket{{route=\"{route}\",le=\"{end}\"}} {so_far}"
            );
        }
        let _ = writeln!(
            out,
            "serve_request_seconds_sum{{route=\"{route}\"}} {}",
            self.sum_s
        );
        let _ = writeln!(
            out,
            "serve_request_seconds_count{{route=\"{route}\"}} {so_far}"
        );
    }
}

fn upper_end(bucket: usize) -> f64 {
    FIRST_S * STEP.powi(bucket as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_in_one_bucket_and_the_last_holds_all() {
        let metrics = Metrics::new();
        for ms in [0, 1, 40, 90_000, 10_000_000] {
            metrics.answered("/classify", 200, Duration::from_millis(ms));
        }
        metrics.answered("/classify", 429, Duration::ZERO);
        let text = metrics.text();
        for line in [
            "serve_requests_total{route=\"/classify\",status=\"200\"} 5",
            "serve_requests_total{route=\"/classify\",status=\"429\"} 1",
            "serve_request_seconds_bucket{route=\"/classify\",le=\"0.0010\"} 3",
            "serve_request_seconds_bucket{route=\"/classify\",le=\"+Inf\"} 6",
            "serve_request_seconds_count{route=\"/classify\"} 6",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        let under_way = metrics.begin();
        assert!(metrics.text().contains("serve_requests_under_way 1\n"));
        drop(under_way);
        assert!(metrics.text().contains("serve_requests_under_way 0\n"));
    }
}
