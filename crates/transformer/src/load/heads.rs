//! What may stand in a checkpoint beside the backbone: a language head, BERT's pooler, task heads, old buffers.

use super::names::{List, ParameterName, Storage};
use super::tensors::Checkpoint;
use crate::shape::{Architecture, Shape};

/// Names of a language head, the decoder matrix apart.
pub(crate) struct HeadNames {
    /// Transform and bias; empty for causal models.
    pub(crate) parameters: Vec<ParameterName>,
    /// `[vocab, hidden]`.
    pub(crate) decoder: &'static str,
    /// Other names under which the same tensors stand in some files.
    pub(crate) doubles: &'static [&'static str],
}

/// Full names: a language head has no prefix.
pub(crate) fn language_head(shape: &Shape, checkpoint: &Checkpoint) -> HeadNames {
    language_head_in(shape, &|name| checkpoint.contains(name))
}

/// The names a language head is written under.
pub(crate) fn head_names(shape: &Shape, tied: bool) -> Vec<ParameterName> {
    let names = language_head_in(shape, &|_| false);
    let mut all = names.parameters;
    if !tied {
        all.push(ParameterName {
            path: "decoder".to_owned(),
            tensor: names.decoder.to_owned(),
            dims: vec![shape.vocab, shape.hidden],
            storage: Storage::Same,
        });
    }
    all
}

/// What stands before the backbone's names in a file that is written: nothing where there is no head.
pub(crate) fn save_prefix(architecture: Architecture, has_head: bool) -> &'static str {
    match has_head {
        true => super::names::prefixes(architecture)[0],
        false => "",
    }
}

fn language_head_in(shape: &Shape, contains: &dyn Fn(&str) -> bool) -> HeadNames {
    match shape.architecture {
        Architecture::Bert => masked(
            shape,
            contains,
            [
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
            ],
            ["cls.predictions.bias", "cls.predictions.decoder.bias"],
            "cls.predictions.decoder.weight",
            &["cls.predictions.bias", "cls.predictions.decoder.bias"],
        ),
        Architecture::Roberta => masked(
            shape,
            contains,
            ["lm_head.dense", "lm_head.layer_norm"],
            ["lm_head.bias", "lm_head.decoder.bias"],
            "lm_head.decoder.weight",
            &["lm_head.bias", "lm_head.decoder.bias"],
        ),
        Architecture::DistilBert => masked(
            shape,
            contains,
            ["vocab_transform", "vocab_layer_norm"],
            ["vocab_projector.bias"; 2],
            "vocab_projector.weight",
            &[],
        ),
        Architecture::Gpt2 | Architecture::Llama => HeadNames {
            parameters: Vec::new(),
            decoder: "lm_head.weight",
            doubles: &[],
        },
    }
}

fn masked(
    shape: &Shape,
    contains: &dyn Fn(&str) -> bool,
    [dense, norm]: [&str; 2],
    biases: [&str; 2],
    decoder: &'static str,
    doubles: &'static [&'static str],
) -> HeadNames {
    let mut list = List::default();
    let square = [shape.hidden, shape.hidden];
    list.linear("transform.dense", dense, square, true, Storage::Transposed);
    list.norm("transform.norm", norm, shape);
    let bias = biases.into_iter().find(|name| contains(name));
    let bias = bias.unwrap_or(biases[0]).to_owned();
    list.push("bias".to_owned(), bias, &[shape.vocab], Storage::Same);
    HeadNames {
        parameters: list.names,
        decoder,
        doubles,
    }
}

/// BERT's pooler; under the backbone's prefix.
pub(crate) fn pooler(shape: &Shape) -> Vec<ParameterName> {
    let mut list = List::default();
    if matches!(
        shape.architecture,
        Architecture::Bert | Architecture::Roberta
    ) {
        let square = [shape.hidden, shape.hidden];
        list.linear("dense", "pooler.dense", square, true, Storage::Transposed);
    }
    list.names
}

/// Constants that older versions of `transformers` wrote into files: positions, causal masks, rotary frequencies.
pub(crate) fn is_buffer(architecture: Architecture, name: &str) -> bool {
    match architecture {
        Architecture::Bert | Architecture::Roberta | Architecture::DistilBert => {
            name == "embeddings.position_ids" || name == "embeddings.token_type_ids"
        }
        Architecture::Gpt2 => {
            name.starts_with("h.")
                && (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"))
        }
        Architecture::Llama => name.ends_with("rotary_emb.inv_freq"),
    }
}

/// Whether a name lies in the part of the file that is the backbone's own.
pub(crate) fn is_inside_backbone(architecture: Architecture, name: &str) -> bool {
    let roots: &[&str] = match architecture {
        Architecture::Bert | Architecture::Roberta => &["embeddings.", "encoder.", "pooler."],
        Architecture::DistilBert => &["embeddings.", "transformer."],
        Architecture::Gpt2 => &["wte.", "wpe.", "h.", "ln_f."],
        Architecture::Llama => &["embed_tokens.", "layers.", "norm."],
    };
    roots.iter().any(|root| name.starts_with(root))
}
