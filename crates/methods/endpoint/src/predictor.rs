//! A served model with what stands around its texts.

use crate::asker::{Asked, Asker};
use crate::compose::{Composer, TextPair};
use crate::config::{Endpoint, NAME, PromptAs, Selection};
use crate::nearest::Nearest;
use crate::tally::Tally;
use adapt::{
    Answer, Budget, FitError, Footprint, Logits, PredictError, Predictor, Reading, SaveError,
    SavedInfo, Usage, require_kind, write_info,
};
use prompt::{Demonstration, PROMPT_FILE};
use remote::{AskError, Client, Key, Ledger, Limits, Server, ask_all};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use task::Example;

/// What a fit keeps. The demonstrations' texts are in it, because a prediction needs them. Records get row numbers only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// Two texts a query.
    pub(crate) pairs: bool,
    /// One a class.
    pub(crate) words: Vec<String>,
    /// Labelled examples in the order in which they stand, or all that the nearest are found among.
    pub(crate) pool: Vec<Demonstration>,
}

/// Asks for the class of every text.
pub(crate) struct Fitted {
    pub(crate) settings: Endpoint,
    pub(crate) prompt: Prompt,
    pub(crate) classes: Vec<String>,
    pub(crate) budget: Budget,
    asker: Asker,
    nearest: Option<Nearest>,
    tally: Mutex<Tally>,
    /// Texts without an answer since the last that had one.
    in_a_row: AtomicUsize,
}

impl Fitted {
    /// # Errors
    /// Settings that are missing, a key that cannot be used, label words that are alike, or a folder that cannot be written.
    pub(crate) fn new(
        settings: Endpoint,
        answers: Option<PathBuf>,
        prompt: Prompt,
        classes: Vec<String>,
        budget: Budget,
    ) -> Result<Self, FitError> {
        let refuse = |reason: String| FitError::NotApplicable(format!("{NAME}: {reason}"));
        if let Some(missing) = settings.missing().first() {
            return Err(refuse(format!(
                "{NAME}.{missing} is not given; set it with --set {NAME}.{missing}=..."
            )));
        }
        refuse_alike(&prompt.words, &classes).map_err(refuse)?;
        let server = Server::new(&settings.base_url).map_err(refuse)?;
        let key = Key::of_environment().map_err(refuse)?;
        let ledger = match answers {
            Some(dir) => Ledger::open(&dir).map_err(not_kept)?,
            None => Ledger::in_memory(),
        };
        if ledger.limit_usd().is_some() && settings.prices().is_none() {
            return Err(refuse(format!(
                "this run has a limit of cost (--max-cost), which needs prices; set {NAME}.input_usd_per_million and {NAME}.output_usd_per_million"
            )));
        }
        let limits = Limits {
            at_once: settings.concurrency.get(),
            timeout: Duration::from_secs_f64(settings.timeout_s),
            retries: settings.retries,
            first_wait: Duration::from_secs_f64(settings.retry_wait_s),
        };
        let client = Client::new(server, key, settings.prices(), limits, Arc::new(ledger));
        let composer = Composer {
            template: settings.template(prompt.pairs).map_err(refuse)?,
            instruction: settings.instruction(&prompt.words),
            separator: settings.separator.clone(),
            words: prompt.words.clone(),
        };
        let texts: Vec<TextPair<'_>> = prompt.pool.iter().map(Demonstration::texts).collect();
        let nearest = (settings.selection == Selection::Nearest).then(|| Nearest::new(&texts));
        let longest = budget.max_length.get();
        Ok(Self {
            asker: Asker::new(client, settings.clone(), composer, longest),
            nearest,
            settings,
            prompt,
            classes,
            budget,
            tally: Mutex::default(),
            in_a_row: AtomicUsize::new(0),
        })
    }

    /// The first text alone, from whose answer it shows what the server offers, then all others, some at a time.
    fn ask_about(&self, examples: &[Example]) -> Result<Vec<Answer>, PredictError> {
        require_kind(examples, self.prompt.pairs)?;
        let texts: Vec<TextPair<'_>> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        let shots = self.settings.shots();
        let nearest = self.nearest.as_ref().map(|index| index.of(&texts, shots));
        let ask = |place: usize| {
            let pool = &self.prompt.pool;
            let shown: Vec<&Demonstration> = match &nearest {
                Some(nearest) => nearest[place].iter().map(|&at| &pool[at]).collect(),
                None => pool.iter().collect(),
            };
            let composed = self.asker.composer().compose(&shown, texts[place]);
            self.count(self.asker.ask(&composed))
        };
        let first = ask_all(texts.len().min(1), NonZeroUsize::MIN, ask)?;
        let rest = texts.len().saturating_sub(1);
        let rest = ask_all(rest, self.settings.concurrency, |place| ask(place + 1))?;
        Ok(first.into_iter().chain(rest).collect())
    }

    /// Counts what became of a text.
    fn count(&self, asked: Result<Asked, AskError>) -> Result<Answer, PredictError> {
        let mut tally = self.tally();
        match asked {
            Ok(asked) => {
                self.in_a_row.store(0, Ordering::Relaxed);
                let has_probabilities = asked.answer.log_probabilities.is_some();
                tally.text(
                    asked.how,
                    has_probabilities,
                    &asked.calls,
                    asked.by.as_deref(),
                );
                tally.counts.cut += u64::from(asked.is_cut);
                return Ok(asked.answer);
            }
            Err(AskError::Rejected(error)) if error.is_too_long() => tally.counts.too_long += 1,
            Err(AskError::Rejected(error)) if error.is_filtered() => tally.counts.refused += 1,
            Err(AskError::Unanswered { attempts, reason }) => {
                tally.failed(attempts);
                tally.counts.unanswered += 1;
                let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
                if in_a_row >= self.settings.give_up_after.get() {
                    return Err(PredictError::Other(format!(
                        "{NAME}: {in_a_row} texts in a row have no answer after {attempts} attempts each; the last: {reason}. What is answered \
                         is kept: give the same command with --retry-failed when the server answers again"
                    )));
                }
            }
            Err(AskError::Ledger(error)) => {
                return Err(PredictError::NotKept {
                    problem: format!("{NAME}: {error}"),
                    source: error.source,
                });
            }
            Err(error @ AskError::OverCost { .. }) => {
                return Err(PredictError::OverCost(format!("{NAME}: {error}")));
            }
            Err(error) => return Err(PredictError::Other(format!("{NAME}: {error}"))),
        }
        Ok(Answer::default())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_kept(error: remote::LedgerError) -> FitError {
    FitError::Predict(PredictError::NotKept {
        problem: format!("{NAME}: {error}"),
        source: error.source,
    })
}

/// # Errors
/// Two classes that one answer would name.
fn refuse_alike(words: &[String], classes: &[String]) -> Result<(), String> {
    let plain = |word: &String| word.trim().to_lowercase();
    for (class, word) in words.iter().enumerate() {
        if let Some(other) = words[..class]
            .iter()
            .position(|other| plain(other) == plain(word))
        {
            return Err(format!(
                "classes \"{}\" and \"{}\" have the same label word \"{word}\"; give other label words (--set {NAME}.label_words=...)",
                classes[other], classes[class]
            ));
        }
    }
    Ok(())
}

impl Predictor for Fitted {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let without = |row: u64| {
            PredictError::Other(format!(
                "{NAME}: row {row} has no probabilities: the server gives none, or its answer is no label; a trial (adaptbench run) takes answers without"
            ))
        };
        let answers = self.ask_about(examples)?;
        let logits = answers.into_iter().zip(examples).map(|(answer, example)| {
            let logs = answer
                .log_probabilities
                .ok_or_else(|| without(example.row))?;
            Ok(logs.into_iter().map(|log| log as f32).collect())
        });
        logits.collect()
    }

    fn answers(&self, examples: &[Example]) -> Result<Option<Vec<Answer>>, PredictError> {
        self.ask_about(examples).map(Some)
    }

    fn usage(&self) -> Option<Usage> {
        Some(self.tally().usage())
    }

    fn pairs(&self) -> Option<bool> {
        Some(self.prompt.pairs)
    }

    /// Nothing is stored beside the prompt; what runs, runs elsewhere.
    fn footprint(&self) -> Footprint {
        Footprint {
            stored_bytes: to_json(&self.prompt).len() as u64,
            ..Footprint::default()
        }
    }

    /// Texts are sent whole, and what the server cuts is not known here; token ids are cut, which `details` counts.
    fn reading(&self, _examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        Ok((self.settings.prompt_as == PromptAs::Text).then_some(Reading::Whole))
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: NAME.to_owned(),
            config: serde_json::to_value(&self.settings).expect("settings serialise"),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: None,
            base_model: String::new(),
            base_digest: None,
            pairs: Some(self.prompt.pairs),
        };
        write_info(&info, dir)?;
        let path = dir.join(PROMPT_FILE);
        std::fs::write(&path, to_json(&self.prompt)).map_err(|source| SaveError {
            path: path.display().to_string(),
            source,
        })
    }

    /// Row numbers of the training file, never texts.
    fn details(&self) -> BTreeMap<String, Value> {
        let tally = self.tally();
        let rows: Vec<u64> = self.prompt.pool.iter().map(|shown| shown.row).collect();
        let shown = match self.settings.selection {
            Selection::Nearest => ("nearest_among", json!(rows.len())),
            Selection::ZeroShot | Selection::KShot => ("demonstration_rows", json!(rows)),
        };
        let details = [
            shown,
            ("answers", json!(tally.counts)),
            ("answered_by", tally.answered_by()),
            ("kept_calls", json!(tally.usage().kept_calls)),
            ("offers", json!(self.asker.offers())),
        ];
        let named = details.map(|(name, value)| (name.to_owned(), value));
        BTreeMap::from(named)
    }
}

fn to_json(prompt: &Prompt) -> String {
    serde_json::to_string_pretty(prompt).expect("a prompt serialises")
}
