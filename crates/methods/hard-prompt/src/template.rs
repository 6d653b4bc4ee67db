//! Templates: literal text with placeholders for the texts, the trigger and the label word.

/// A piece of a template. A placeholder has the spaces before it: most tokenizers join a space to the word that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Text as it stands.
    Literal(String),
    /// `{text}`, or `{a}` of a pair.
    First(String),
    /// `{b}` of a pair.
    Second(String),
    /// `{trigger}`: token ids, so spaces before it mean nothing.
    Trigger,
    /// `{label}`.
    Label(String),
}

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

impl Template {
    /// Reads a template for single texts or for pairs, with or without a trigger. `{{` and `}}` are literal braces.
    ///
    /// # Errors
    /// An unknown, missing or repeated placeholder, or a lone brace.
    pub(crate) fn parse(source: &str, pairs: bool, trigger: bool) -> Result<Template, String> {
        let mut known = match pairs {
            true => vec!["a", "b", "label"],
            false => vec!["text", "label"],
        };
        known.extend(trigger.then_some("trigger"));
        let mut counts = vec![0; known.len()];
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = (brace == "{").then(|| rest.split_once('}')).flatten() else {
                return Err(format!(
                    "a lone `{brace}` in {source:?}; write `{brace}{brace}` for a literal one"
                ));
            };
            let Some(index) = known.iter().position(|known| *known == name) else {
                let expected: Vec<String> =
                    known.iter().map(|name| format!("{{{name}}}")).collect();
                return Err(format!(
                    "unknown placeholder {{{name}}} in {source:?}, expected {}",
                    expected.join(", ")
                ));
            };
            counts[index] += 1;
            let lead = literal.split_off(literal.trim_end().len());
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(match name {
                "text" | "a" => Part::First(lead),
                "b" => Part::Second(lead),
                "trigger" => Part::Trigger,
                _ => Part::Label(lead),
            });
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        match known.iter().zip(counts).find(|(_, count)| *count != 1) {
            None => Ok(Template { parts }),
            Some((name, count)) => Err(format!(
                "{{{name}}} stands {count} times in {source:?}, expected once"
            )),
        }
    }

    /// # Errors
    /// A text or the trigger stands after the label: a causal model has not read it when the label is scored.
    pub(crate) fn require_label_last(&self) -> Result<(), String> {
        let mut behind = self
            .parts
            .iter()
            .skip_while(|part| !matches!(part, Part::Label(_)));
        behind.next();
        match behind.all(|part| matches!(part, Part::Literal(_))) {
            true => Ok(()),
            false => Err("something stands after {label} that a causal model reads too late; put {label} last".to_owned()),
        }
    }

    /// Spaces before the label.
    pub(crate) fn label_lead(&self) -> &str {
        let lead = self.parts.iter().find_map(|part| match part {
            Part::Label(lead) => Some(lead.as_str()),
            _ => None,
        });
        lead.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_before_a_placeholder_go_with_it_and_doubled_braces_are_literal() {
        let template = Template::parse("{{ {text} {trigger}  {label}.", false, true).unwrap();
        let expected = [
            Part::Literal("{".to_owned()),
            Part::First(" ".to_owned()),
            Part::Trigger,
            Part::Label("  ".to_owned()),
            Part::Literal(".".to_owned()),
        ];
        assert_eq!(template.parts, expected);
        assert_eq!(template.label_lead(), "  ");
    }

    #[test]
    fn wrong_placeholders_are_named() {
        for (source, pairs, trigger, named) in [
            ("{txt} {label}", false, false, "{txt}"),
            ("{text} {label}", false, true, "{trigger} stands 0 times"),
            ("{text} {trigger} {label}", false, false, "{trigger}"),
            ("{a} {label}", true, false, "{b} stands 0 times"),
            (
                "{text} {label} {label}",
                false,
                false,
                "{label} stands 2 times",
            ),
            ("{text} } {label}", false, false, "lone `}`"),
        ] {
            let error = Template::parse(source, pairs, trigger).unwrap_err();
            assert!(error.contains(named), "{source}: {error}");
        }
    }

    #[test]
    fn what_a_causal_model_reads_too_late_is_refused() {
        let last = |source| {
            Template::parse(source, false, true)
                .unwrap()
                .require_label_last()
        };
        assert!(last("{text} {trigger} {label}.").is_ok());
        assert!(last("{text} {label} {trigger}").is_err());
    }
}
