//! The tokens with a function, checked once against the model's table of embeddings.

use super::settings::Named;
use super::{TokenizerError, files};
use crate::config::Config;
use crate::load::LoadError;
use crate::shape::Shape;

/// Ids of the tokens with a function; each has a row in the model's table.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpecialTokens {
    /// Of padding, which the mask hides: any id of the table serves.
    pub(super) pad: u32,
    pub(super) mask: Option<u32>,
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) cls: Option<u32>,
    pub(super) sep: Option<u32>,
    pub(super) unk: Option<u32>,
}

impl SpecialTokens {
    /// By the tokenizer's own settings, else by config.json, else by the names that nearly all checkpoints use. One that the
    /// table has no row for counts as none, and is noted; what needs it is then left out or refused by name.
    pub(super) fn resolve(
        tokenizer: &tokenizers::Tokenizer,
        functions: &[(String, Named)],
        config: &Config,
        vocab: usize,
        warnings: &mut Vec<String>,
    ) -> Result<SpecialTokens, LoadError> {
        let in_table = |id: &u32| (*id as usize) < vocab;
        let named = |key: &str| {
            let mut named = functions.iter();
            let named = named.find(|(name, _)| name == key)?.1.content();
            tokenizer.token_to_id(named)
        };
        let usual = |names: &[&str]| names.iter().find_map(|name| tokenizer.token_to_id(name));
        let mut checked = |what: &str, id: Option<u32>| {
            let id = id?;
            if !in_table(&id) {
                let text = tokenizer.id_to_token(id);
                let text = text.map_or(String::new(), |text| format!(" (\"{text}\")"));
                warnings.push(format!(
                    "the {what} token has the id {id}{text}, and the model has embeddings for {vocab} ids: it counts as missing"
                ));
            }
            Some(id).filter(in_table)
        };
        let eos = checked(
            "end-of-text",
            named("eos_token").or(config.id("eos_token_id")?),
        );
        let pads = [
            named("pad_token"),
            config.id("pad_token_id")?,
            usual(&["[PAD]", "<pad>"]),
            eos,
        ];
        Ok(SpecialTokens {
            pad: pads.into_iter().flatten().find(in_table).unwrap_or(0),
            mask: checked("mask", named("mask_token").or(usual(&["[MASK]", "<mask>"]))),
            bos: checked(
                "begin-of-text",
                named("bos_token").or(config.id("bos_token_id")?),
            ),
            eos,
            cls: checked("class", named("cls_token").or(usual(&["[CLS]"]))),
            sep: checked("separator", named("sep_token").or(usual(&["[SEP]"]))),
            unk: checked(
                "unknown-word",
                named("unk_token").or(usual(&["[UNK]", "<unk>"])),
            ),
        })
    }
}

/// Refuses a tokenizer that puts something around every text that the model has no embedding for.
pub(super) fn check_around(
    tokenizer: &tokenizers::Tokenizer,
    shape: &Shape,
    file: &std::path::Path,
) -> Result<(), TokenizerError> {
    let refuse = |problem: String| Err(files::broken(file, problem.into()));
    for pair in [false, true] {
        let one = || super::encoding(vec![0]);
        let second = pair.then(one);
        let around = super::guard::caught(|| tokenizer.post_process(one(), second, true));
        let around = around.map_err(|source| files::broken(file, source))?;
        let outside = around
            .get_ids()
            .iter()
            .find(|id| **id as usize >= shape.vocab);
        if let Some(id) = outside {
            let text = tokenizer.id_to_token(*id).unwrap_or_default();
            return refuse(format!(
                "it puts the token \"{text}\" of id {id} at every text, and the model has embeddings for {} ids",
                shape.vocab
            ));
        }
        let types = shape.token_types;
        let outside = around
            .get_type_ids()
            .iter()
            .find(|kind| **kind as usize >= types);
        if let Some(kind) = outside
            && types > 1
        {
            return refuse(format!(
                "it gives tokens the type {kind}, and the model has embeddings for {types} types"
            ));
        }
    }
    Ok(())
}
