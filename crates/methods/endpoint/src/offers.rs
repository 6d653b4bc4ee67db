//! What a server offers beyond the least: learnt from its refusals, one field at a time, and kept with the answers.

use crate::config::{Api, Constrain, Endpoint};
use remote::ServerError;
use serde::{Deserialize, Serialize};

/// What is asked for beyond the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offers {
    /// How an answer is kept to the labels; never `auto`.
    pub(crate) constrain: Constrain,
    /// How many likeliest tokens are listed; 0: no probabilities.
    pub(crate) listed: u32,
    /// Whether the likeliest answer can be asked for.
    pub(crate) temperature: bool,
    /// Whether the limit of an answer is called `max_completion_tokens`, as for models that think first.
    pub(crate) thinks: bool,
    /// Whether a text's own tokens are scored.
    pub(crate) echo: bool,
}

impl Offers {
    /// Everything.
    pub(crate) fn all(settings: &Endpoint) -> Self {
        let is_chat = settings.api == Api::Chat;
        Self {
            constrain: match (settings.constrain, is_chat) {
                (_, false) => Constrain::Free,
                (Constrain::Auto, true) => Constrain::JsonSchema,
                (given, true) => given,
            },
            listed: if is_chat { 20 } else { 5 },
            temperature: true,
            thinks: false,
            echo: !is_chat,
        }
    }

    /// The same without what the server refuses; `None` where its refusal is about nothing that could be left out.
    pub(crate) fn without(&self, refusal: &ServerError, settings: &Endpoint) -> Option<Self> {
        let mut less = self.clone();
        let is_about = |names: &[&str]| names.iter().any(|name| refusal.is_about(name));
        let may_choose = settings.constrain == Constrain::Auto;
        if self.echo && is_about(&["echo"]) {
            less.echo = false;
        } else if self.constrain == Constrain::JsonSchema
            && may_choose
            && is_about(&["response_format", "json_schema"])
        {
            less.constrain = Constrain::LogitBias;
        } else if self.constrain == Constrain::LogitBias && may_choose && is_about(&["logit_bias"])
        {
            less.constrain = Constrain::Free;
        } else if self.listed > 0 && is_about(&["logprobs"]) {
            // Many servers list five.
            less.listed = if self.listed > 5 { 5 } else { 0 };
        } else if self.temperature && is_about(&["temperature"]) {
            less.temperature = false;
        } else if !self.thinks && is_about(&["max_tokens"]) {
            less.thinks = true;
        } else {
            return None;
        }
        Some(less)
    }
}

/// Under which name the ledger keeps what a server offers under these settings.
pub(crate) fn fact(settings: &Endpoint) -> String {
    let Endpoint {
        base_url,
        model,
        api,
        constrain,
        ..
    } = settings;
    format!("offers of {model} at {base_url}, {api:?}, {constrain:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &str) -> ServerError {
        ServerError {
            status: 400,
            message: message.to_owned(),
            ..ServerError::default()
        }
    }

    #[test]
    fn one_field_is_left_out_for_each_refusal_and_what_was_asked_for_by_name_never() {
        let auto = Endpoint::default();
        let all = Offers::all(&auto);
        let less =
            |offers: &Offers, message: &str| offers.without(&refusal(message), &auto).unwrap();
        let bias = less(&all, "response_format is not supported");
        assert_eq!(bias.constrain, Constrain::LogitBias);
        assert_eq!(
            less(&bias, "logit_bias is not supported").constrain,
            Constrain::Free
        );
        let five = less(&all, "top_logprobs must be at most 5");
        assert_eq!(
            (five.listed, less(&five, "logprobs: not supported").listed),
            (5, 0)
        );
        let thinks = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
        assert!(less(&all, thinks).thinks);
        assert_eq!(less(&all, thinks).without(&refusal(thinks), &auto), None);
        assert_eq!(all.without(&refusal("the model is asleep"), &auto), None);
        let named = Endpoint {
            constrain: Constrain::JsonSchema,
            ..Endpoint::default()
        };
        let refused = refusal("response_format is not supported");
        assert_eq!(Offers::all(&named).without(&refused, &named), None);
    }
}
