//! Templates: literal text with placeholders for the texts, the trigger and the label word.

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{text}`, or `{a}` of a pair.
    First,
    /// `{b}` of a pair.
    Second,
    /// `{trigger}`: tokens that a search finds.
    Trigger,
    /// `{label}`.
    Label,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// A placeholder, with the spaces that stand before it: most tokenizers join a space to the word that follows.
    Slot {
        /// What it stands for.
        slot: Slot,
        /// Spaces before it.
        lead: String,
    },
}

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

impl Template {
    /// Reads a template for single texts or for pairs. `{{` and `}}` are literal braces.
    ///
    /// # Errors
    /// An unknown, missing or repeated placeholder, or a lone brace.
    pub fn parse(source: &str, pairs: bool) -> Result<Template, String> {
        match pairs {
            true => read(source, PAIR),
            false => read(source, SINGLE),
        }
    }

    /// The same for a template in which a trigger stands.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_with_trigger(source: &str, pairs: bool) -> Result<Template, String> {
        let known = if pairs { PAIR } else { SINGLE };
        read(source, &[known, &[("trigger", Slot::Trigger)]].concat())
    }

    /// # Errors
    /// A text or the trigger stands after the label: a causal model has not read it when the label is scored.
    pub fn require_label_last(&self) -> Result<(), String> {
        match self
            .after_label()
            .iter()
            .any(|part| matches!(part, Part::Slot { .. }))
        {
            false => Ok(()),
            true => Err(format!(
                "something stands after {{label}} in {:?} that a causal model reads too late; put {{label}} last",
                self.source
            )),
        }
    }

    /// All of it, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What stands before the label.
    pub fn before_label(&self) -> &[Part] {
        &self.parts[..self.label_at()]
    }

    /// Spaces before the label.
    pub fn label_lead(&self) -> &str {
        match &self.parts[self.label_at()] {
            Part::Slot { lead, .. } => lead,
            Part::Literal(_) => unreachable!("the label is a placeholder"),
        }
    }

    /// What stands after the label.
    pub fn after_label(&self) -> &[Part] {
        &self.parts[self.label_at() + 1..]
    }

    fn label_at(&self) -> usize {
        let is_label = |part: &Part| {
            matches!(
                part,
                Part::Slot {
                    slot: Slot::Label,
                    ..
                }
            )
        };
        self.parts
            .iter()
            .position(is_label)
            .expect("checked when parsed")
    }
}

/// Placeholders of a template for single texts.
const SINGLE: &[(&str, Slot)] = &[("text", Slot::First), ("label", Slot::Label)];
/// Placeholders of a template for pairs.
const PAIR: &[(&str, Slot)] = &[
    ("a", Slot::First),
    ("b", Slot::Second),
    ("label", Slot::Label),
];

fn read(source: &str, known: &[(&str, Slot)]) -> Result<Template, String> {
    let expected = || {
        known
            .iter()
            .map(|(name, _)| format!("{{{name}}}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
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
        let Some(&(_, slot)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(format!(
                "unknown placeholder {{{name}}} in {source:?}, expected {}",
                expected()
            ));
        };
        let words = literal.trim_end().len();
        let lead = literal.split_off(words);
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Slot { slot, lead });
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    for (name, wanted) in known {
        let count = parts
            .iter()
            .filter(|part| matches!(part, Part::Slot { slot, .. } if slot == wanted))
            .count();
        if count != 1 {
            return Err(format!(
                "{{{name}}} stands {count} times in {source:?}, expected once"
            ));
        }
    }
    Ok(Template {
        source: source.to_owned(),
        parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_before_a_placeholder_go_with_it() {
        let template = Template::parse("Text: {text}\nLabel:  {label}.", false).unwrap();
        let slot = |slot, lead: &str| Part::Slot {
            slot,
            lead: lead.to_owned(),
        };
        let literal = |text: &str| Part::Literal(text.to_owned());
        assert_eq!(
            template.before_label(),
            [
                literal("Text:"),
                slot(Slot::First, " "),
                literal("\nLabel:")
            ]
        );
        assert_eq!(
            (template.label_lead(), template.after_label()),
            ("  ", &[literal(".")][..])
        );
    }

    #[test]
    fn doubled_braces_are_literal() {
        let template = Template::parse("{{{text}}} {label}", false).unwrap();
        assert_eq!(template.before_label()[0], Part::Literal("{".to_owned()));
        assert_eq!(template.before_label()[2], Part::Literal("}".to_owned()));
    }

    #[test]
    fn wrong_placeholders_are_named() {
        for (source, pairs, named) in [
            ("{txt} {label}", false, "{txt}"),
            ("{text}", false, "{label} stands 0 times"),
            ("{a} {label}", true, "{b} stands 0 times"),
            ("{text} {label}", true, "{text}"),
            ("{text} {label} {label}", false, "{label} stands 2 times"),
            ("{text} } {label}", false, "lone `}`"),
            ("{text} {label", false, "lone `{`"),
        ] {
            let error = Template::parse(source, pairs).unwrap_err();
            assert!(error.contains(named), "{source}: {error}");
        }
    }

    #[test]
    fn a_trigger_is_expected_only_where_one_is_searched() {
        let parts = |source, pairs| Template::parse_with_trigger(source, pairs).map(|t| t.parts);
        let found = parts("{text} {trigger}  {label}.", false).unwrap();
        let slots: Vec<Option<Slot>> = found
            .iter()
            .map(|part| match part {
                Part::Slot { slot, .. } => Some(*slot),
                Part::Literal(_) => None,
            })
            .collect();
        let expected = [
            Some(Slot::First),
            Some(Slot::Trigger),
            Some(Slot::Label),
            None,
        ];
        assert_eq!(slots, expected);
        let error = parts("{a} {b} {label}", true).unwrap_err();
        assert!(error.contains("{trigger} stands 0 times"), "{error}");
        let error = Template::parse("{text} {trigger} {label}", false).unwrap_err();
        assert!(error.contains("{trigger}"), "{error}");
        let late = Template::parse_with_trigger("{text} {label} {trigger}", false).unwrap();
        assert!(late.require_label_last().is_err());
    }

    #[test]
    fn a_text_after_the_label_is_refused_where_it_must_come_first() {
        assert!(
            Template::parse("{label}: {text}", false)
                .unwrap()
                .require_label_last()
                .is_err()
        );
        assert!(
            Template::parse("{text} {label}!", false)
                .unwrap()
                .require_label_last()
                .is_ok()
        );
    }
}
