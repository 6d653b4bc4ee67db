//! How far a pretraining is, on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use pretrain::{Pretraining, Progress};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// A bar on a terminal, a line now and then elsewhere.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    tokens_a_step: u64,
    steps: u64,
    last_line: Option<Instant>,
}

impl Display {
    pub(crate) fn new(settings: &Pretraining) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent}%  {wide_msg}")
                .expect("a fixed template");
            ProgressBar::new(settings.steps()).with_style(style)
        });
        Self {
            bar,
            tokens_a_step: settings.tokens_a_step(),
            steps: settings.steps(),
            last_line: None,
        }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Preparing(what) => self.line(what),
            Progress::Teacher {
                done,
                all,
                tokens_per_s,
            } => {
                let text = format!(
                    "the teacher has read {done} of {all} excerpts, {tokens_per_s:.0} tokens/s"
                );
                let due = self.is_time() || done == all;
                match &self.bar {
                    Some(bar) => bar.set_message(text),
                    None if due => eprintln!("{text}"),
                    None => {}
                }
            }
            Progress::Ready {
                parameters,
                corpus_tokens,
                steps,
                done,
            } => {
                self.line(&format!(
                    "{:.2} million parameters, {:.1} million tokens of text, {steps} steps of {} tokens",
                    parameters as f64 / 1e6,
                    corpus_tokens as f64 / 1e6,
                    self.tokens_a_step
                ));
                if done > 0 {
                    self.line(&format!("going on after step {done}"));
                }
            }
            Progress::Step {
                step,
                loss,
                tokens_per_s,
            } => {
                let left = (self.steps - step) as f64 * self.tokens_a_step as f64 / tokens_per_s;
                let left = humantime::format_duration(Duration::from_secs(left.ceil() as u64));
                let text = format!(
                    "step {step}/{}: loss {loss:.3}, {tokens_per_s:.0} tokens/s, about {left} left",
                    self.steps
                );
                let due = self.bar.is_none() && self.is_time();
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(step);
                        bar.set_message(text);
                    }
                    None if due => eprintln!("{text}"),
                    None => {}
                }
            }
            Progress::HeldOut { step, measured } => {
                let episodes = measured
                    .episode_accuracy
                    .map(|accuracy| format!(", {:.1} % of known labels right", 100.0 * accuracy))
                    .unwrap_or_default();
                let cosine = measured
                    .teacher_cosine
                    .map(|cosine| format!(", cosine with the teacher's vectors {cosine:.4}"))
                    .unwrap_or_default();
                let error = measured
                    .teacher_error
                    .map(|error| format!(", error of its states {error:.4}"))
                    .unwrap_or_default();
                let divergence = measured
                    .teacher_divergence
                    .map(|divergence| format!(", divergence from the teacher {divergence:.4}"))
                    .unwrap_or_default();
                self.line(&format!(
                    "step {step}: held-out loss {:.4}{episodes}{cosine}{error}{divergence}",
                    measured.loss
                ));
            }
            _ => {}
        }
    }

    /// Whether the last line of this kind is long enough ago.
    fn is_time(&mut self) -> bool {
        let due = self
            .last_line
            .is_none_or(|at| at.elapsed() > Duration::from_secs(20));
        if due {
            self.last_line = Some(Instant::now());
        }
        due
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    pub(crate) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
