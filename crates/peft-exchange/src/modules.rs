//! The base model's modules as PEFT calls them, and where each stands here. Names and widths come from what the loader knows of the family's
//! files; what one module holds there may be several maps here (GPT-2's `c_attn`, ModernBERT's `Wqkv`, Phi-3's `gate_up_proj`).

use crate::head;
use crate::outputs::Outputs;
use adapt::Head;
use transformer::{Backbone, Linear, Norm, ParameterName, Proj, Shape, Storage, classifier_prefix};

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
    /// Stored as `[in, out]`: GPT-2's Conv1D.
    pub(crate) is_conv: bool,
    /// The maps here, with the outputs that each has of it.
    pub(crate) parts: Vec<(Place, Outputs)>,
}

/// A linear map here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Block(usize, Proj),
    /// Between the embeddings and the first block.
    Projection,
    /// Below the output layer of the head.
    Head,
}

/// A norm of the base model.
pub(crate) struct NormModule {
    pub(crate) name: String,
    pub(crate) place: NormPlace,
    /// What our gain has over the stored one.
    pub(crate) offset: f32,
}

/// A norm here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormPlace {
    Embeddings,
    Distances,
    Block(usize, InBlock),
    Final,
    /// Of the map below the output layer.
    Head,
}

/// A norm of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InBlock {
    Attention,
    AttentionOutput,
    Query,
    Key,
    FeedForward,
    FeedForwardOutput,
}

impl Model {
    pub(crate) fn map_mut(&mut self, place: Place) -> Option<&mut Linear> {
        match place {
            Place::Block(block, site) => self.backbone.blocks[block].map_mut(site),
            Place::Projection => self.backbone.embeddings.projection.as_mut(),
            Place::Head => self.head.inner.as_mut().map(|inner| &mut inner.dense),
        }
    }

    pub(crate) fn norm_mut(&mut self, place: NormPlace) -> Option<&mut Norm> {
        let backbone = &mut self.backbone;
        match place {
            NormPlace::Embeddings => backbone.embeddings.norm.as_mut(),
            NormPlace::Distances => backbone.distances.as_mut()?.norm.as_mut(),
            NormPlace::Block(block, which) => {
                let block = &mut backbone.blocks[block];
                match which {
                    InBlock::Attention => block.attention.norm.as_mut(),
                    InBlock::AttentionOutput => block.attention.output_norm.as_mut(),
                    InBlock::Query => block.attention.query_norm.as_mut(),
                    InBlock::Key => block.attention.key_norm.as_mut(),
                    InBlock::FeedForward => block.feed_forward.norm.as_mut(),
                    InBlock::FeedForwardOutput => block.feed_forward.output_norm.as_mut(),
                }
            }
            NormPlace::Final => backbone.final_norm.as_mut(),
            NormPlace::Head => self.head.inner.as_mut()?.norm.as_mut(),
        }
    }
}

/// The norm at a place of the backbone, to be read.
pub(crate) fn norm(backbone: &Backbone, place: NormPlace) -> Option<&Norm> {
    match place {
        NormPlace::Embeddings => backbone.embeddings.norm.as_ref(),
        NormPlace::Distances => backbone.distances.as_ref()?.norm.as_ref(),
        NormPlace::Block(block, which) => {
            let block = &backbone.blocks[block];
            match which {
                InBlock::Attention => block.attention.norm.as_ref(),
                InBlock::AttentionOutput => block.attention.output_norm.as_ref(),
                InBlock::Query => block.attention.query_norm.as_ref(),
                InBlock::Key => block.attention.key_norm.as_ref(),
                InBlock::FeedForward => block.feed_forward.norm.as_ref(),
                InBlock::FeedForwardOutput => block.feed_forward.output_norm.as_ref(),
            }
        }
        NormPlace::Final => backbone.final_norm.as_ref(),
        NormPlace::Head => None,
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
        let name = module_name(shape, &parameter);
        let (outputs, d_out) = outputs(&parameter);
        match maps.iter_mut().find(|map| map.name == name) {
            Some(map) => map.parts.push((place, outputs)),
            None => maps.push(Map {
                name,
                d_in: parameter.dims[0],
                d_out,
                is_conv: matches!(parameter.storage, Storage::Same | Storage::Columns { .. }),
                parts: vec![(place, outputs)],
            }),
        }
    }
    if let Some(inner) = head::names(shape).inner
        && inner.is_of_base
    {
        maps.push(Map {
            name: inner.dense,
            d_in: shape.hidden,
            d_out: shape.hidden,
            is_conv: false,
            parts: vec![(Place::Head, Outputs::all(shape.hidden))],
        });
    }
    maps
}

/// Which outputs of a stored map a parameter has, and how many there are.
fn outputs(parameter: &ParameterName) -> (Outputs, usize) {
    match &parameter.storage {
        Storage::Same | Storage::Transposed => {
            let all = parameter.dims[1];
            (Outputs::all(all), all)
        }
        Storage::Columns { range, of } | Storage::Rows { range, of } => {
            (Outputs::of(range.clone()), *of)
        }
        Storage::PerHead {
            part,
            parts,
            heads,
            head_dim,
        } => {
            let outputs = Outputs::of_heads(*part, *parts, *heads, *head_dim);
            (outputs, heads * parts * head_dim)
        }
    }
}

/// All norms.
pub(crate) fn norms(backbone: &Backbone) -> Vec<NormModule> {
    let shape = backbone.shape();
    let names = backbone.parameter_names().into_iter();
    let of_backbone = names.filter_map(|parameter| {
        let place = norm_place(parameter.path.strip_suffix(".weight")?)?;
        Some(NormModule {
            name: module_name(shape, &parameter),
            place,
            offset: parameter.offset,
        })
    });
    let of_head = head::names(shape).inner.and_then(|inner| inner.norm);
    let of_head = of_head.map(|name| NormModule {
        name,
        place: NormPlace::Head,
        offset: 0.0,
    });
    of_backbone.chain(of_head).collect()
}

fn module_name(shape: &Shape, parameter: &ParameterName) -> String {
    let tensor = &parameter.tensor;
    let module = tensor.strip_suffix(".weight").unwrap_or(tensor);
    format!("{}{module}", classifier_prefix(shape.architecture))
}

/// `blocks.3.attention.query.weight`.
fn map_place(path: &str) -> Option<Place> {
    let module = path.strip_suffix(".weight")?;
    if module == "embeddings.projection" {
        return Some(Place::Projection);
    }
    let (block, part) = in_block(module)?;
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
    Some(Place::Block(block, site))
}

fn norm_place(module: &str) -> Option<NormPlace> {
    match module {
        "embeddings.norm" => return Some(NormPlace::Embeddings),
        "distances.norm" => return Some(NormPlace::Distances),
        "final_norm" => return Some(NormPlace::Final),
        _ => {}
    }
    let (block, part) = in_block(module)?;
    let which = match part {
        "attention.norm" => InBlock::Attention,
        "attention.output_norm" => InBlock::AttentionOutput,
        "attention.query_norm" => InBlock::Query,
        "attention.key_norm" => InBlock::Key,
        "feed_forward.norm" => InBlock::FeedForward,
        "feed_forward.output_norm" => InBlock::FeedForwardOutput,
        _ => return None,
    };
    Some(NormPlace::Block(block, which))
}

fn in_block(path: &str) -> Option<(usize, &str)> {
    let (block, part) = path.strip_prefix("blocks.")?.split_once('.')?;
    Some((block.parse().ok()?, part))
}
