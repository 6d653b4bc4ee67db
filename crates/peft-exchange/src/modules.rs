//! The base model's modules as PEFT calls them, and where each stands here; GPT-2's one map for queries, keys and values is three here.

use adapt::Head;
use std::ops::Range;
use transformer::{Architecture, Backbone, Linear, Norm, ParameterName, Proj, Storage};

/// What a checkpoint's tensors go into.
pub(crate) struct Model {
    pub(crate) backbone: Backbone,
    pub(crate) head: Head,
}

/// A linear map of the base model.
pub(crate) struct Map {
    /// PEFT's name: `bert.encoder.layer.0.attention.self.query`.
    pub(crate) name: String,
    pub(crate) d_in: usize,
    pub(crate) d_out: usize,
    /// The maps here, with the columns that each has of it.
    pub(crate) parts: Vec<(Place, Range<usize>)>,
}

/// A linear map here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Block(usize, Proj),
    Pooler,
}

/// A norm of the base model.
pub(crate) struct NormModule {
    pub(crate) name: String,
    pub(crate) place: NormPlace,
}

/// A norm here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NormPlace {
    Embeddings,
    Attention(usize),
    FeedForward(usize),
    Final,
}

impl Model {
    pub(crate) fn map_mut(&mut self, place: Place) -> Option<&mut Linear> {
        match place {
            Place::Block(layer, site) => self.backbone.blocks[layer].map_mut(site),
            Place::Pooler => self.head.inner.as_mut().map(|inner| &mut inner.dense),
        }
    }

    pub(crate) fn norm_mut(&mut self, place: NormPlace) -> Option<&mut Norm> {
        match place {
            NormPlace::Embeddings => self.backbone.embeddings.norm.as_mut(),
            NormPlace::Attention(layer) => Some(&mut self.backbone.blocks[layer].attention.norm),
            NormPlace::FeedForward(layer) => {
                Some(&mut self.backbone.blocks[layer].feed_forward.norm)
            }
            NormPlace::Final => self.backbone.final_norm.as_mut(),
        }
    }
}

/// The norm at a place, to be read.
pub(crate) fn norm(backbone: &Backbone, place: NormPlace) -> Option<&Norm> {
    match place {
        NormPlace::Embeddings => backbone.embeddings.norm.as_ref(),
        NormPlace::Attention(layer) => Some(&backbone.blocks[layer].attention.norm),
        NormPlace::FeedForward(layer) => Some(&backbone.blocks[layer].feed_forward.norm),
        NormPlace::Final => backbone.final_norm.as_ref(),
    }
}

/// What a model with a classification head calls its backbone.
pub(crate) fn prefix(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Bert => "bert.",
        Architecture::DistilBert => "distilbert.",
        Architecture::Roberta => "roberta.",
        Architecture::Gpt2 => "transformer.",
        Architecture::Llama => "model.",
    }
}

/// All linear maps that an adapter may act on.
pub(crate) fn maps(backbone: &Backbone) -> Vec<Map> {
    let shape = backbone.shape();
    let mut maps: Vec<Map> = Vec::new();
    for parameter in backbone.parameter_names() {
        let Some(place) = map_place(&parameter.path) else {
            continue;
        };
        let name = module_name(shape.architecture, &parameter);
        let (columns, d_out) = match &parameter.storage {
            Storage::Columns { range, of } => (range.clone(), *of),
            _ => (0..parameter.dims[1], parameter.dims[1]),
        };
        match maps.iter_mut().find(|map| map.name == name) {
            Some(map) => map.parts.push((place, columns)),
            None => maps.push(Map {
                name,
                d_in: parameter.dims[0],
                d_out,
                parts: vec![(place, columns)],
            }),
        }
    }
    if shape.architecture == Architecture::Bert {
        maps.push(Map {
            name: "bert.pooler.dense".to_owned(),
            d_in: shape.hidden,
            d_out: shape.hidden,
            parts: vec![(Place::Pooler, 0..shape.hidden)],
        });
    }
    maps
}

/// All norms.
pub(crate) fn norms(backbone: &Backbone) -> Vec<NormModule> {
    let architecture = backbone.shape().architecture;
    let names = backbone.parameter_names().into_iter();
    names
        .filter_map(|parameter| {
            let place = norm_place(parameter.path.strip_suffix(".weight")?)?;
            let name = module_name(architecture, &parameter);
            Some(NormModule { name, place })
        })
        .collect()
}

fn module_name(architecture: Architecture, parameter: &ParameterName) -> String {
    let tensor = &parameter.tensor;
    let module = tensor.strip_suffix(".weight").unwrap_or(tensor);
    format!("{}{module}", prefix(architecture))
}

/// `blocks.3.attention.query.weight`.
fn map_place(path: &str) -> Option<Place> {
    let (layer, part) = in_block(path.strip_suffix(".weight")?)?;
    let site = match part {
        "attention.query" => Proj::Query,
        "attention.key" => Proj::Key,
        "attention.value" => Proj::Value,
        "attention.out" => Proj::Out,
        "feed_forward.gate" => Proj::Gate,
        "feed_forward.up" => Proj::Up,
        "feed_forward.down" => Proj::Down,
        _ => return None,
    };
    Some(Place::Block(layer, site))
}

fn norm_place(module: &str) -> Option<NormPlace> {
    match module {
        "embeddings.norm" => return Some(NormPlace::Embeddings),
        "final_norm" => return Some(NormPlace::Final),
        _ => {}
    }
    match in_block(module)? {
        (layer, "attention.norm") => Some(NormPlace::Attention(layer)),
        (layer, "feed_forward.norm") => Some(NormPlace::FeedForward(layer)),
        _ => None,
    }
}

fn in_block(path: &str) -> Option<(usize, &str)> {
    let (layer, part) = path.strip_prefix("blocks.")?.split_once('.')?;
    Some((layer.parse().ok()?, part))
}
