//! Asks for the class of one text: composes the prompt, sends what the server offers, and reads the answer.

use crate::answers::{How, Said, of_scores, of_words};
use crate::chat;
use crate::completions::{self, Prompt, WORDS_A_CALL};
use crate::compose::{Composed, Composer};
use crate::config::{Api, Constrain, Endpoint, PromptAs};
use crate::offers::{self, Offers};
use crate::tally::Call;
use crate::tokens::{self, Tokenizer};
use adapt::Answer;
use remote::{Answered, AskError, Client, Request};
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What asking about one text came to.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) how: How,
    pub(crate) calls: Vec<Call>,
    pub(crate) by: Option<String>,
    /// Whether less than the whole text was sent.
    pub(crate) is_cut: bool,
}

/// Asks one model of one server.
#[derive(Debug)]
pub(crate) struct Asker {
    client: Client,
    settings: Endpoint,
    composer: Composer,
    /// Most tokens of a text, where token ids are sent.
    longest: usize,
    offers: Mutex<Offers>,
    tokenizer: OnceLock<Tokenizer>,
    /// The first token of each label word; none where they are alike, or where the server has no tokenizer.
    bias: OnceLock<Option<Vec<u32>>>,
}

impl Asker {
    pub(crate) fn new(
        client: Client,
        settings: Endpoint,
        composer: Composer,
        longest: usize,
    ) -> Self {
        let known = client.ledger().fact(&offers::fact(&settings));
        let known = known.and_then(|known| serde_json::from_value(known).ok());
        Self {
            offers: Mutex::new(known.unwrap_or_else(|| Offers::all(&settings))),
            client,
            settings,
            composer,
            longest,
            tokenizer: OnceLock::new(),
            bias: OnceLock::new(),
        }
    }

    pub(crate) fn composer(&self) -> &Composer {
        &self.composer
    }

    /// What the server is known to offer.
    pub(crate) fn offers(&self) -> Offers {
        self.held_offers().clone()
    }

    /// Asks about a composed text.
    ///
    /// # Errors
    /// No answer, a refusal, or a limit.
    pub(crate) fn ask(&self, composed: &Composed) -> Result<Asked, AskError> {
        match self.settings.api {
            Api::Chat => self.chat(composed),
            Api::Completions => self.complete(composed),
        }
    }

    fn chat(&self, composed: &Composed) -> Result<Asked, AskError> {
        let words = &self.composer.words;
        loop {
            let offers = self.possible_offers()?;
            let bias: &[u32] = match offers.constrain {
                Constrain::LogitBias => self.bias()?.unwrap_or_default(),
                _ => &[],
            };
            let most = if bias.is_empty() {
                self.most_tokens()
            } else {
                1
            };
            let body = chat::body(&self.settings.model, composed, words, &offers, bias, most);
            let request = Request {
                path: chat::PATH,
                body: &body,
                most_output: most,
            };
            if let Some(said) = self.or_less(&offers, self.client.ask(request, chat::read))? {
                return Ok(self.said(said, false));
            }
        }
    }

    fn complete(&self, composed: &Composed) -> Result<Asked, AskError> {
        let (prompt, is_cut) = self.prompt(composed)?;
        loop {
            let offers = self.offers();
            if offers.echo {
                match self.score(&prompt, &offers)? {
                    Some(asked) => return Ok(Asked { is_cut, ..asked }),
                    None => continue,
                }
            }
            let most = self.most_tokens();
            let body = completions::generating_body(&self.settings.model, &prompt, &offers, most);
            let request = Request {
                path: completions::PATH,
                body: &body,
                most_output: most,
            };
            if let Some(said) =
                self.or_less(&offers, self.client.ask(request, completions::read))?
            {
                return Ok(self.said(said, is_cut));
            }
        }
    }

    /// By the score of every label word; `None` where the server turned out not to score.
    fn score(&self, prompt: &Prompt, offers: &Offers) -> Result<Option<Asked>, AskError> {
        let words = self.word_prompts()?;
        let (mut sums, mut calls, mut by) = (Vec::new(), Vec::new(), None);
        for words in words.chunks(WORDS_A_CALL) {
            let body = completions::scoring_body(&self.settings.model, prompt, words);
            let request = Request {
                path: completions::PATH,
                body: &body,
                most_output: words.len() as u64,
            };
            let read = |body: &Value| completions::read_scores(body, prompt, words);
            let Some(scored) = self.or_less(offers, self.client.ask(request, read))? else {
                return Ok(None);
            };
            calls.push(Call::of(&scored));
            by = scored.answer.by;
            let Some(found) = scored.answer.sums else {
                self.learn(
                    offers,
                    Offers {
                        echo: false,
                        ..offers.clone()
                    },
                )?;
                return Ok(None);
            };
            sums.extend(found);
        }
        let (answer, how) = of_scores(&sums);
        Ok(Some(Asked {
            answer,
            how,
            calls,
            by,
            is_cut: false,
        }))
    }

    fn said(&self, said: Answered<Said>, is_cut: bool) -> Asked {
        let (answer, how) = of_words(&said.answer, &self.composer.words);
        Asked {
            answer,
            how,
            calls: vec![Call::of(&said)],
            by: said.answer.by,
            is_cut,
        }
    }

    /// The prompt, and whether its text was cut.
    fn prompt(&self, composed: &Composed) -> Result<(Prompt, bool), AskError> {
        match self.settings.prompt_as {
            PromptAs::Text => Ok((Prompt::Text(composed.text()), false)),
            PromptAs::Tokens => {
                let tokenizer = self.tokenizer()?;
                let (ids, lost) = tokenizer.prompt(&self.client, composed, self.longest)?;
                Ok((Prompt::Tokens(ids), lost > 0))
            }
        }
    }

    fn word_prompts(&self) -> Result<Vec<Prompt>, AskError> {
        let labelled = self
            .composer
            .words
            .iter()
            .map(|word| self.composer.labelled(word));
        let prompt = |word: String| match self.settings.prompt_as {
            PromptAs::Text => Ok(Prompt::Text(word)),
            PromptAs::Tokens => {
                let tokenizer = self.tokenizer()?;
                tokenizer.label(&self.client, &word).map(Prompt::Tokens)
            }
        };
        labelled.map(prompt).collect()
    }

    fn tokenizer(&self) -> Result<&Tokenizer, AskError> {
        if let Some(known) = self.tokenizer.get() {
            return Ok(known);
        }
        let made = Tokenizer::new(&self.client, &self.settings.model)?;
        Ok(self.tokenizer.get_or_init(|| made))
    }

    /// What is offered, a bias only where there are tokens that it can prefer.
    fn possible_offers(&self) -> Result<Offers, AskError> {
        let offers = self.offers();
        let may_choose = self.settings.constrain == Constrain::Auto;
        if offers.constrain == Constrain::LogitBias && self.bias()?.is_none() && may_choose {
            let free = Offers {
                constrain: Constrain::Free,
                ..offers.clone()
            };
            self.learn(&offers, free)?;
            return Ok(self.offers());
        }
        Ok(offers)
    }

    /// The first token of each label word, where they tell the classes apart.
    fn bias(&self) -> Result<Option<&[u32]>, AskError> {
        if self.bias.get().is_none() {
            let model = &self.settings.model;
            let first = |word: &String| tokens::ids(&self.client, model, word, false);
            let found: Result<Vec<Vec<u32>>, AskError> =
                self.composer.words.iter().map(first).collect();
            let found = match found {
                Ok(ids) => tokens::distinct_first(&ids),
                Err(error @ AskError::Ledger(_)) => return Err(error),
                Err(_) => None,
            };
            let _ = self.bias.set(found);
        }
        Ok(self.bias.get().and_then(Option::as_deref))
    }

    /// An answer, or `None` where the server refused a field that can be left out: then it is, from now on.
    fn or_less<T>(
        &self,
        offers: &Offers,
        asked: Result<T, AskError>,
    ) -> Result<Option<T>, AskError> {
        match asked {
            Ok(answered) => Ok(Some(answered)),
            Err(AskError::Rejected(refusal)) => match offers.without(&refusal, &self.settings) {
                Some(less) => self.learn(offers, less).map(|()| None),
                None => Err(AskError::Rejected(refusal)),
            },
            Err(error) => Err(error),
        }
    }

    /// The server offers less than `before`, unless another call has learnt so already.
    fn learn(&self, before: &Offers, less: Offers) -> Result<(), AskError> {
        let mut held = self.held_offers();
        if *held == *before {
            let value = serde_json::to_value(&less).expect("offers serialise");
            self.client
                .ledger()
                .learn(&offers::fact(&self.settings), value)?;
            *held = less;
        }
        Ok(())
    }

    fn held_offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No token is shorter than a byte; marks, and in JSON the name of its member, stand around a word.
    fn most_tokens(&self) -> u64 {
        const AROUND: usize = 16;
        let longest = self.composer.words.iter().map(String::len).max();
        let whole = longest.unwrap_or(0) + AROUND;
        self.settings.max_tokens.map_or(whole, usize::from) as u64
    }
}
