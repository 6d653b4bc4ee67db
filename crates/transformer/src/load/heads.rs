//! What may stand in a checkpoint beside the backbone: a language head, a pooler, task heads, old buffers.

use ops::Activation;

use super::family::{Family, Head, HeadActivation, Pooler};
use super::names::{ParameterName, Storage};
use super::tensors::Checkpoint;
use crate::shape::{Architecture, NormKind, Shape};

/// Names of a language head, the decoder matrix apart.
pub(crate) struct HeadNames {
    /// Transform and bias; empty where the head is a matrix alone.
    pub(crate) parameters: Vec<ParameterName>,
    /// `[vocab, embedding]`.
    pub(crate) decoder: &'static str,
    /// Names under which the bias stands, some files have several.
    pub(crate) biases: &'static [&'static str],
    /// A bias that is called for and is not there.
    pub(crate) missing_bias: Option<&'static str>,
}

/// The language head as the file stores it, or as it is written where the file has none. Full names: it has no prefix.
pub(crate) fn language_head(shape: &Shape, checkpoint: &Checkpoint) -> HeadNames {
    let heads = Family::of(shape.architecture).heads;
    let is_there = |head: &&Head| {
        let mut parts = transform(shape, head).into_iter().map(|name| name.tensor);
        parts.any(|tensor| checkpoint.find("", &tensor).is_some())
            || checkpoint.contains(head.decoder)
    };
    let head = heads.iter().find(is_there).unwrap_or(&heads[0]);
    let mut names = head_of(shape, head, |name| checkpoint.contains(name));
    // A classification head of ModernBERT is a language head without a decoder.
    let may_lack =
        matches!(&head.transform, Some(t) if matches!(t.activation, HeadActivation::OfClassifier));
    if may_lack && !head.biases.iter().any(|name| checkpoint.contains(name)) {
        names.parameters.retain(|name| name.path != "bias");
        names.missing_bias = head.biases.first().copied();
    }
    names
}

/// The names a language head is written under.
pub(crate) fn head_names(shape: &Shape, tied: bool) -> Vec<ParameterName> {
    let head = &Family::of(shape.architecture).heads[0];
    let names = head_of(shape, head, |_| false);
    let mut all = names.parameters;
    if !tied {
        all.push(decoder(shape, names.decoder));
    }
    all
}

/// The output matrix of a language head.
pub(crate) fn decoder(shape: &Shape, tensor: &str) -> ParameterName {
    plain(
        "decoder",
        tensor,
        &[shape.vocab, shape.embedding],
        Storage::Same,
    )
}

/// What stands before the backbone's names in a file that is written: nothing where there is no head.
pub(crate) fn save_prefix(architecture: Architecture, has_head: bool) -> &'static str {
    if has_head {
        classifier_prefix(architecture)
    } else {
        ""
    }
}

/// What a model with a head of `transformers` calls its backbone, with a dot behind: `bert.`, `model.`.
pub fn classifier_prefix(architecture: Architecture) -> &'static str {
    super::names::prefixes(architecture)[0]
}

/// The activation in a language head's transform.
pub(crate) fn head_activation(shape: &Shape) -> Activation {
    let head = &Family::of(shape.architecture).heads[0];
    match head.transform.as_ref().map(|one| &one.activation) {
        Some(HeadActivation::Gelu) => Activation::GeluErf,
        Some(HeadActivation::OfClassifier) => {
            shape.classifier.activation.unwrap_or(shape.activation)
        }
        Some(HeadActivation::OfBlocks) | None => shape.activation,
    }
}

/// The activation behind a pooler's map.
pub(crate) fn pooler_activation(shape: &Shape) -> Activation {
    shape.classifier.activation.unwrap_or(Activation::Tanh)
}

fn head_of(shape: &Shape, head: &Head, contains: impl Fn(&str) -> bool) -> HeadNames {
    let mut parameters = transform(shape, head);
    if let Some(first) = head.biases.first() {
        let found = head.biases.iter().find(|name| contains(name));
        let tensor = found.unwrap_or(first);
        parameters.push(plain("bias", tensor, &[shape.vocab], Storage::Same));
    }
    HeadNames {
        parameters,
        decoder: head.decoder,
        biases: head.biases,
        missing_bias: None,
    }
}

fn transform(shape: &Shape, head: &Head) -> Vec<ParameterName> {
    let Some(names) = &head.transform else {
        return Vec::new();
    };
    let bias = match names.activation {
        HeadActivation::OfClassifier => shape.classifier.bias,
        HeadActivation::OfBlocks | HeadActivation::Gelu => true,
    };
    let mut list = linear(
        "transform.dense",
        names.dense,
        [shape.hidden, shape.embedding],
    );
    list.truncate(if bias { 2 } else { 1 });
    let width = [shape.embedding];
    let mut norm = |kind: &str| {
        let (path, tensor) = (
            format!("transform.norm.{kind}"),
            format!("{}.{kind}", names.norm),
        );
        list.push(plain(&path, &tensor, &width, Storage::Same));
    };
    norm("weight");
    if shape.norm == NormKind::Layer {
        norm("bias");
    }
    list
}

/// A map with a bias.
fn linear(path: &str, tensor: &str, dims: [usize; 2]) -> Vec<ParameterName> {
    let name = |kind: &str| (format!("{path}.{kind}"), format!("{tensor}.{kind}"));
    let (weight, bias) = (name("weight"), name("bias"));
    vec![
        plain(&weight.0, &weight.1, &dims, Storage::Transposed),
        plain(&bias.0, &bias.1, &dims[1..], Storage::Same),
    ]
}

fn plain(path: &str, tensor: &str, dims: &[usize], storage: Storage) -> ParameterName {
    ParameterName {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        dims: dims.to_vec(),
        storage,
        offset: 0.0,
    }
}

/// The map that a classification head puts on the first token, and whether it stands under the backbone's prefix; empty where the family
/// has none.
pub(crate) fn pooler(shape: &Shape) -> (Vec<ParameterName>, bool) {
    let square = [shape.hidden, shape.hidden];
    match Family::of(shape.architecture).pooler {
        Pooler::None => (Vec::new(), true),
        Pooler::Inside(name) => (linear("dense", name, square), true),
        Pooler::Beside(name) => (linear("dense", name, square), false),
    }
}

/// Constants that older versions of `transformers` wrote into files: positions, causal masks, rotary frequencies.
pub(crate) fn is_buffer(architecture: Architecture, name: &str) -> bool {
    let buffers = Family::of(architecture).buffers;
    buffers.iter().any(|end| name.ends_with(end))
}

/// Whether a name lies in the part of the file that is the backbone's own.
pub(crate) fn is_inside_backbone(architecture: Architecture, name: &str) -> bool {
    Family::of(architecture).is_inside(name)
}
