//! Which tensor of a checkpoint goes where, decided by names alone.

use super::errors::LoadError;
use super::heads;
use super::names::{self, ParameterName};
use super::tensors::{Checkpoint, Wanted};
use super::wrapping;
use crate::shape::Shape;

/// Which tensor goes where.
pub(super) struct Plan {
    prefix: &'static str,
    pub(super) backbone: Vec<Wanted>,
    pub(super) has_head: bool,
    pub(super) head: Vec<Wanted>,
    pub(super) pooler: Vec<Wanted>,
    /// Second names of tensors that are read under their first.
    doubles: Vec<String>,
    /// An output matrix in the file although config.json ties it to the word embeddings.
    pub(super) tied_decoder: Option<Wanted>,
    pub(super) warnings: Vec<String>,
}

impl Plan {
    pub(super) fn new(shape: &Shape, checkpoint: &Checkpoint) -> Result<Plan, LoadError> {
        let prefix = prefix(shape, checkpoint)?;
        let backbone = find_all(checkpoint, prefix, names::backbone(shape))?;
        let pooler = pooler(shape, checkpoint, prefix)?;
        let mut plan = Plan {
            prefix,
            backbone,
            has_head: false,
            head: Vec::new(),
            pooler,
            doubles: Vec::new(),
            tied_decoder: None,
            warnings: Vec::new(),
        };
        plan.add_language_head(shape, checkpoint)?;
        Ok(plan)
    }

    fn add_language_head(
        &mut self,
        shape: &Shape,
        checkpoint: &Checkpoint,
    ) -> Result<(), LoadError> {
        let names = heads::language_head(shape, checkpoint);
        let mut found = names.parameters.iter();
        let is_matrix_alone = names.parameters.is_empty();
        let has_transform = found.any(|name| checkpoint.find("", &name.tensor).is_some());
        let has_decoder = checkpoint.contains(names.decoder);
        self.has_head = if is_matrix_alone {
            // EmbeddingGemma sees both ways and predicts no word, though its file ties.
            has_decoder || shape.tied_embeddings && shape.causal
        } else {
            has_transform
        };
        if !self.has_head {
            return Ok(());
        }
        self.head = find_all(checkpoint, "", names.parameters)?;
        let doubles = names.biases.iter().filter(|name| checkpoint.contains(name));
        self.doubles.extend(doubles.map(|name| name.to_string()));
        if let Some(bias) = names.missing_bias {
            self.warnings.push(format!(
                "\"{bias}\" is missing: the head is taken for a classifier's, and as a language head it has no bias"
            ));
        }
        let decoder = Wanted {
            name: heads::decoder(shape, names.decoder),
            tensor: names.decoder.to_owned(),
        };
        match (shape.tied_embeddings, has_decoder) {
            (true, true) => self.tied_decoder = Some(decoder),
            (true, false) => {}
            (false, true) => self.head.push(decoder),
            (false, false) => {
                return Err(LoadError::MissingTensor {
                    tensor: names.decoder.to_owned(),
                    file: checkpoint.file_of(names.decoder),
                    hint: String::new(),
                });
            }
        }
        Ok(())
    }

    /// Every tensor that is read.
    pub(super) fn all(&self) -> impl Iterator<Item = &Wanted> {
        let parts = self.backbone.iter().chain(&self.head).chain(&self.pooler);
        parts.chain(&self.tied_decoder)
    }

    /// What is left: constants of old versions pass silently, heads are named in a warning, strangers inside the backbone
    /// mean that config.json and weights do not belong together.
    pub(super) fn account_for_the_rest(
        &mut self,
        shape: &Shape,
        checkpoint: &Checkpoint,
    ) -> Result<(), LoadError> {
        let mut used: std::collections::HashSet<&str> = std::collections::HashSet::new();
        for wanted in self.all() {
            used.insert(&wanted.tensor);
        }
        used.extend(self.doubles.iter().map(String::as_str));
        let mut unused = Vec::new();
        for name in checkpoint
            .names()
            .filter(|name| !used.contains(name.as_str()))
        {
            let inner = name.strip_prefix(self.prefix);
            if inner.is_some_and(|inner| heads::is_buffer(shape.architecture, inner)) {
                continue;
            }
            if inner.is_some_and(|inner| heads::is_inside_backbone(shape.architecture, inner)) {
                return Err(LoadError::UnexpectedTensor {
                    tensor: checkpoint.spelt(name),
                    file: checkpoint.file_of(name),
                });
            }
            unused.push(checkpoint.spelt(name));
        }
        if !unused.is_empty() {
            let warning = format!("tensors that are not used: {}", unused.join(", "));
            self.warnings.push(warning);
        }
        Ok(())
    }
}

fn pooler(shape: &Shape, checkpoint: &Checkpoint, prefix: &str) -> Result<Vec<Wanted>, LoadError> {
    let (names, is_inside) = heads::pooler(shape);
    let prefix = if is_inside { prefix } else { "" };
    let is_there = |name: &ParameterName| checkpoint.find(prefix, &name.tensor).is_some();
    if names.iter().any(is_there) {
        find_all(checkpoint, prefix, names)
    } else {
        Ok(Vec::new())
    }
}

/// What stands before the backbone's names in this file.
fn prefix(shape: &Shape, checkpoint: &Checkpoint) -> Result<&'static str, LoadError> {
    let family = shape.architecture;
    let words = names::words(family);
    let prefixes = || names::prefixes(family).iter().copied();
    if let Some(prefix) = prefixes().find(|prefix| checkpoint.contains(&format!("{prefix}{words}")))
    {
        return Ok(prefix);
    }
    // Where the word embeddings alone are missing they are missed by name.
    let is_inside = |prefix: &str| {
        let mut names = checkpoint
            .names()
            .filter_map(|name| name.strip_prefix(prefix));
        names.any(|name| heads::is_inside_backbone(family, name))
    };
    let elsewhere = checkpoint
        .names()
        .any(|name| wrapping::lead(name, &words).is_some());
    match prefixes().find(|prefix| !elsewhere && is_inside(prefix)) {
        Some(prefix) => Ok(prefix),
        None => Err(LoadError::UnknownNames {
            file: checkpoint.file_of(&words),
            found: wrapping::what_stands_there(&words, checkpoint.names()),
            expected: words,
            family: family.name(),
        }),
    }
}

fn find_all(
    checkpoint: &Checkpoint,
    prefix: &str,
    names: impl IntoIterator<Item = ParameterName>,
) -> Result<Vec<Wanted>, LoadError> {
    let found = names
        .into_iter()
        .map(|name| match checkpoint.find(prefix, &name.tensor) {
            Some(tensor) => Ok(Wanted { name, tensor }),
            None => {
                let tensor = format!("{prefix}{}", name.tensor);
                let file = checkpoint.file_of(&tensor);
                let hint = wrapping::instead_of(&tensor, checkpoint.names());
                Err(LoadError::MissingTensor { tensor, file, hint })
            }
        });
    found.collect()
}
