//! What is put around the names of a model's tensors when a module that holds the model is saved in its place.

use super::names;
use crate::shape::Architecture;

/// What stands before all names: torch's DistributedDataParallel (`module`), Lightning (`_forward_module`), PEFT
/// (`base_model.model`), sentence-transformers (`0.auto_model`), and the attributes under which people keep the model in their own.
const BEFORE: [&str; 17] = [
    "module.",
    "model.",
    "_forward_module.",
    "base_model.",
    "0.",
    "auto_model.",
    "backbone.",
    "encoder.",
    "transformer.",
    "language_model.",
    "bert.",
    "roberta.",
    "distilbert.",
    "electra.",
    "mpnet.",
    "albert.",
    "deberta.",
];

/// What stands anywhere in a name: `torch.compile`, FSDP, activation checkpointing. No model has modules of these names.
const WITHIN: [&str; 3] = [
    "_orig_mod.",
    "_fsdp_wrapped_module.",
    "_checkpoint_wrapped_module.",
];

/// How the names of one checkpoint are wrapped.
pub(super) struct Wrapping {
    before: String,
    within: Vec<&'static str>,
}

impl Wrapping {
    pub(super) fn of<'a>(
        names: impl Iterator<Item = &'a String> + Clone,
        architecture: Architecture,
    ) -> Wrapping {
        let within = WITHIN.into_iter().filter(|part| {
            let mut names = names.clone();
            names.any(|name| holds(name, part))
        });
        let within: Vec<&str> = within.collect();
        let words = names::words(architecture);
        let plain = names.map(|name| without(name, &within));
        let leads: Vec<String> = plain.filter_map(|name| lead(&name, &words)).collect();
        Wrapping {
            before: before(&leads, names::prefixes(architecture)).unwrap_or_default(),
            within,
        }
    }

    /// The model's own name of a tensor.
    pub(super) fn plain(&self, name: &str) -> String {
        let name = without(name, &self.within);
        match name.strip_prefix(&self.before) {
            Some(inner) => inner.to_owned(),
            None => name,
        }
    }

    /// What was found around the names, if anything.
    pub(super) fn found(&self) -> Option<String> {
        let parts = self.within.iter().copied();
        let parts: Vec<&str> = parts
            .chain((!self.before.is_empty()).then_some(&*self.before))
            .collect();
        (!parts.is_empty()).then(|| parts.join("\" and \""))
    }
}

/// What stands before `words` in a name that ends with it.
pub(super) fn lead(name: &str, words: &str) -> Option<String> {
    let lead = name.strip_suffix(words)?;
    (lead.is_empty() || lead.ends_with('.')).then(|| lead.to_owned())
}

/// What stands before one of the family's own prefixes; nothing where the model stands there without a wrapper.
fn before(leads: &[String], prefixes: &[&str]) -> Option<String> {
    if leads.iter().any(|lead| prefixes.contains(&lead.as_str())) {
        return None;
    }
    let mut found = leads.iter().filter_map(|lead| {
        let mut outer = prefixes
            .iter()
            .filter_map(|prefix| lead.strip_suffix(prefix));
        outer.find(|outer| is_wrapper(outer))
    });
    let first = found.next()?;
    // Two models in one file: which is meant cannot be known.
    found.next().is_none().then(|| first.to_owned())
}

fn is_wrapper(lead: &str) -> bool {
    let inner = BEFORE.iter().find_map(|part| lead.strip_prefix(part));
    lead.is_empty() || inner.is_some_and(is_wrapper)
}

fn holds(name: &str, part: &str) -> bool {
    name.starts_with(part) || name.contains(&format!(".{part}"))
}

fn without(name: &str, within: &[&str]) -> String {
    let mut name = name.to_owned();
    for part in within {
        while let Some(inner) = name.strip_prefix(part) {
            name = inner.to_owned();
        }
        name = name.replace(&format!(".{part}"), ".");
    }
    name
}

/// What to do where a tensor's place is taken by something else.
pub(super) fn instead_of<'a>(tensor: &str, names: impl Iterator<Item = &'a String>) -> String {
    let stem = tensor.strip_suffix("weight").unwrap_or(tensor);
    let mut beside = names.filter_map(|name| Some((name, name.strip_prefix(stem)?)));
    let found = beside.find_map(|(name, part)| match part {
        "base_layer.weight" => Some((
            name,
            "this is a PEFT model saved whole: call merge_and_unload() before save_pretrained()",
        )),
        "qweight" | "weight_scale" | "weight_packed" | "SCB" => Some((
            name,
            "quantized weights are not read: load it in transformers, call dequantize() and save_pretrained()",
        )),
        _ => None,
    });
    found.map_or(String::new(), |(name, next)| {
        format!("; \"{name}\" is there: {next}")
    })
}

/// What a file holds in which no model of the family is found.
pub(super) fn what_stands_there<'a>(
    words: &str,
    names: impl Iterator<Item = &'a String> + Clone,
) -> String {
    let inside: Vec<&String> = names
        .clone()
        .filter(|name| lead(name, words).is_some())
        .collect();
    let adapter = names
        .clone()
        .find(|name| name.contains(".lora_") || name.contains("prompt_embeddings"));
    match (&inside[..], adapter, names.clone().next()) {
        ([one], ..) => format!(
            "it stands there as \"{one}\": save the model that lies inside, with its own save_pretrained()"
        ),
        ([one, other, ..], ..) => format!(
            "it stands there more than once, as \"{one}\" and \"{other}\": save the model that is meant, with its own save_pretrained()"
        ),
        ([], Some(name), _) => format!(
            "\"{name}\" is there: these are the weights of a PEFT adapter, which goes to --adapter, beside the --model that it was trained on"
        ),
        ([], None, Some(first)) => format!(
            "the first of {} names is \"{first}\"; is config.json of another model?",
            names.count()
        ),
        ([], None, None) => "it holds no tensor; fetch it again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(architecture: Architecture, names: &[&str]) -> (Vec<String>, Option<String>) {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let wrapping = Wrapping::of(names.iter(), architecture);
        (
            names.iter().map(|name| wrapping.plain(name)).collect(),
            wrapping.found(),
        )
    }

    #[test]
    fn wrappers_are_taken_off_and_the_prefix_of_the_family_stays() {
        let words = "embeddings.word_embeddings.weight";
        for (lead, own) in [
            ("_orig_mod.", ""),
            ("module.", "bert."),
            ("0.auto_model.", ""),
            ("base_model.model.", "bert."),
            ("module._orig_mod.model.", "bert."),
            ("_orig_mod.module.encoder.", ""),
        ] {
            let names = [
                format!("{lead}{own}{words}"),
                format!("{lead}cls.predictions.bias"),
            ];
            let (found, _) = plain(Architecture::Bert, &[&names[0], &names[1], "step"]);
            assert_eq!(
                found,
                [
                    format!("{own}{words}"),
                    "cls.predictions.bias".to_owned(),
                    "step".to_owned()
                ]
            );
        }
        let compiled = [
            "model.embed_tokens.weight",
            "model.layers.0._orig_mod.mlp.up_proj.weight",
        ];
        let (found, wrapper) = plain(Architecture::Llama, &compiled);
        assert_eq!(
            found,
            [
                "model.embed_tokens.weight",
                "model.layers.0.mlp.up_proj.weight"
            ]
        );
        assert_eq!(wrapper.as_deref(), Some("_orig_mod."));
    }

    #[test]
    fn plain_names_unknown_wrappers_and_two_models_stay_as_they_are() {
        let words = "embeddings.word_embeddings.weight";
        for names in [
            vec![words.to_owned(), format!("module.{words}")],
            vec![format!("bert.{words}")],
            vec![format!("generator.{words}")],
            vec![format!("encoder.{words}"), format!("module.{words}")],
            vec![format!("my{words}")],
        ] {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (found, wrapper) = plain(Architecture::Bert, &names);
            assert_eq!(
                (found, wrapper),
                (names.iter().map(|n| n.to_string()).collect(), None)
            );
        }
    }
}
