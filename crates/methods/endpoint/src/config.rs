//! Settings of a served model, and what is refused among them before anything is sent.

use adapt::{ConfigError, Range};
use prompt::{DEFAULT_SHOTS, LabelSource, LabelWords, Template};
use remote::{Prices, Server};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Name in the registry.
pub(crate) const NAME: &str = "endpoint";

/// Settings that have no default.
pub(crate) const REQUIRED: &[&str] = &["base_url", "model"];

/// Which of the two interfaces is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// `/chat/completions`: messages.
    Chat,
    /// `/completions`: a text to be continued.
    Completions,
}

/// How a text to be continued is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptAs {
    /// As text.
    Text,
    /// As token ids, from the server's own `/tokenize`.
    Tokens,
}

/// Which labelled examples stand in front of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// None.
    ZeroShot,
    /// One class-balanced draw for all texts.
    KShot,
    /// Each text's nearest.
    Nearest,
}

/// How a chat's answer is kept to the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constrain {
    /// The first of the others that the server offers.
    Auto,
    /// A JSON schema with the labels as an enumeration.
    JsonSchema,
    /// The labels' first tokens are preferred beyond all others.
    LogitBias,
    /// Not at all: what is answered is read.
    Free,
}

const PRICE: Range = Range::from(0.0, 1e6);
const SECONDS: Range = Range::above(0.0, 3600.0);

adapt::settings! {
    /// Settings of `endpoint`.
    pub struct Endpoint {
        /// Address of the server's interface, such as `http://127.0.0.1:8000/v1`. It must be given.
        base_url: String = String::new(),
        /// The model's name at the server. It must be given.
        model: String = String::new(),
        /// US dollars for a million tokens read. Without both prices costs are empty cells.
        input_usd_per_million: Option<f64> = None => PRICE,
        /// US dollars for a million tokens written.
        output_usd_per_million: Option<f64> = None => PRICE,
        /// `chat` for `/chat/completions`, `completions` for `/completions`.
        api: Api = Api::Chat,
        /// How `completions` sends a prompt: `text`, or `tokens`, ids that the server's `/tokenize` gives, put together as `in-context` does.
        prompt_as: PromptAs = PromptAs::Text,
        /// Labelled examples in the prompt: `zero-shot`, none; `k-shot`, the class-balanced draw of `in-context`; `nearest`, each text's own by TF-IDF (Liu et al. 2022).
        selection: Selection = Selection::KShot,
        /// How many, all classes together; null is 8, and none with `zero-shot`.
        shots: Option<usize> = None => Range::whole(1, 1 << 16),
        /// For single texts, as in `in-context`.
        template: String = "Text: {text}\nLabel: {label}".to_owned(),
        /// For pairs, as in `in-context`.
        pair_template: String = "First: {a}\nSecond: {b}\nLabel: {label}".to_owned(),
        /// Stands once in front, `{labels}` being the label words; null asks a chat for one of them and leaves `completions` without.
        instruction: Option<String> = None,
        /// Between examples, and after the instruction, in `completions`.
        separator: String = "\n\n".to_owned(),
        /// What stands for each class, as in `in-context`: `names`, `descriptions`, a list in class order, or an object by class name.
        label_words: LabelWords = LabelWords::From(LabelSource::Names),
        /// How a chat is kept to them: `json-schema`, `logit-bias`, `free`; `auto` is the first that the server offers.
        constrain: Constrain = Constrain::Auto,
        /// Most tokens of an answer; null is what the longest label word may take. Models that think before they answer need more.
        max_tokens: Option<NonZeroUsize> = None => Range::whole(1, 1 << 20),
        /// Calls under way at a time.
        concurrency: NonZeroUsize = NonZeroUsize::new(8).expect("not zero") => Range::whole(1, 1024),
        /// Seconds after which a call is given up.
        timeout_s: f64 = 60.0 => SECONDS,
        /// Further attempts after one that failed (429, 5xx, no or no whole answer in time).
        retries: u32 = 5 => Range::whole(0, 100),
        /// Seconds before the second attempt, doubled with every further one; a server's Retry-After wins where it asks for more.
        retry_wait_s: f64 = 1.0 => SECONDS,
        /// Texts in a row without an answer, all attempts failed, after which the trial fails.
        give_up_after: NonZeroUsize = NonZeroUsize::new(3).expect("not zero") => Range::whole(1, 1 << 20),
    }
}

impl Endpoint {
    /// Which of the settings without default are missing.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let given = [&self.base_url, &self.model];
        let named = REQUIRED.iter().zip(given);
        named
            .filter(|(_, given)| given.trim().is_empty())
            .map(|(name, _)| *name)
            .collect()
    }

    /// # Errors
    /// Settings that are malformed or contradict each other. Missing ones are told when the method is used.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.contradiction().map_or(Ok(()), |reason| {
            Err(ConfigError::BadValue {
                method: NAME.to_owned(),
                reason,
            })
        })
    }

    fn contradiction(&self) -> Option<String> {
        let address = match self.base_url.as_str() {
            "" => Ok(()),
            url => Server::new(url).map(|_| ()),
        };
        if let Err(reason) = address {
            return Some(format!("base_url: {reason}"));
        }
        for (setting, source, pairs) in [
            ("template", &self.template, false),
            ("pair_template", &self.pair_template, true),
        ] {
            let template = Template::parse(source, pairs);
            if let Err(reason) = template.and_then(|template| template.require_label_last()) {
                return Some(format!("{setting}: {reason}"));
            }
        }
        let refused = if self.input_usd_per_million.is_some()
            != self.output_usd_per_million.is_some()
        {
            "of input_usd_per_million and output_usd_per_million one is given, expected both or none"
        } else if self.selection == Selection::ZeroShot && self.shots.is_some() {
            "zero-shot shows no examples, and shots is given; set selection to k-shot or nearest, or shots to null"
        } else if self.api == Api::Chat && self.prompt_as == PromptAs::Tokens {
            "a chat's messages are texts; set api to completions, or prompt_as to text"
        } else if self.api == Api::Completions && self.constrain != Constrain::Auto {
            "completions are scored by their label words, or read where the server gives no scores; set constrain to auto, or api to chat"
        } else {
            return None;
        };
        Some(refused.to_owned())
    }

    /// Demonstrations of a prompt.
    pub(crate) fn shots(&self) -> usize {
        match self.selection {
            Selection::ZeroShot => 0,
            Selection::KShot | Selection::Nearest => self.shots.unwrap_or(DEFAULT_SHOTS),
        }
    }

    /// The template for this kind of task.
    pub(crate) fn template(&self, pairs: bool) -> Result<Template, String> {
        let source = if pairs {
            &self.pair_template
        } else {
            &self.template
        };
        Template::parse(source, pairs)
    }

    /// What stands once in front.
    pub(crate) fn instruction(&self, words: &[String]) -> String {
        const OF_CHAT: &str = "Answer with exactly one of these labels and nothing else: {labels}.";
        let text = match (&self.instruction, self.api) {
            (Some(text), _) => text,
            (None, Api::Chat) => OF_CHAT,
            (None, Api::Completions) => "",
        };
        text.replace("{labels}", &words.join(", "))
    }

    /// `None` where they are not known.
    pub(crate) fn prices(&self) -> Option<Prices> {
        Some(Prices {
            input: self.input_usd_per_million?,
            output: self.output_usd_per_million?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapt::parse_config;
    use serde_json::{Value, json};

    fn checked(settings: Value) -> Result<Endpoint, ConfigError> {
        let config: Endpoint = parse_config(NAME, settings)?;
        config.check().map(|()| config)
    }

    #[test]
    fn settings_without_default_are_named_and_those_that_contradict_each_other_refused() {
        assert_eq!(checked(json!({})).unwrap().missing(), ["base_url", "model"]);
        let given = json!({"base_url": "http://127.0.0.1:1/v1", "model": "m"});
        assert!(checked(given).unwrap().missing().is_empty());
        for (settings, named) in [
            (json!({"base_url": "127.0.0.1:1"}), "base_url: it begins"),
            (
                json!({"base_url": "http://me:pw@host/v1"}),
                "OPENAI_API_KEY",
            ),
            (
                json!({"input_usd_per_million": 1.0}),
                "expected both or none",
            ),
            (
                json!({"input_usd_per_million": -1.0}),
                "input_usd_per_million is -1",
            ),
            (json!({"selection": "zero-shot", "shots": 4}), "zero-shot"),
            (json!({"shots": 0}), "shots is 0"),
            (json!({"prompt_as": "tokens"}), "api to completions"),
            (
                json!({"api": "completions", "constrain": "free"}),
                "constrain",
            ),
            (
                json!({"template": "{label}: {text}"}),
                "template: something stands after",
            ),
            (json!({"api_key": "sk-secret"}), "no setting \"api_key\""),
        ] {
            let error = checked(settings.clone()).unwrap_err().to_string();
            assert!(error.contains(named), "{settings}: {error}");
            assert!(
                !error.contains("sk-secret") && !error.contains("pw"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_chat_is_asked_for_a_label_and_a_continuation_is_not() {
        let words = ["good", "bad"].map(str::to_owned);
        let of = |settings: Value| checked(settings).unwrap().instruction(&words);
        assert!(of(json!({})).ends_with("nothing else: good, bad."));
        assert_eq!(of(json!({"api": "completions"})), "");
        assert_eq!(
            of(json!({"instruction": "One of {labels}"})),
            "One of good, bad"
        );
    }
}
