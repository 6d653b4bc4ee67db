//! Which linear maps of a block a method acts on, and one optional module for each of them.

use burn::module::{Module, ModuleDisplay};
use serde::{Deserialize, Serialize};
use transformer::{At, Proj, Shape};

/// A linear map, or a group of them, as settings name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Attention queries.
    Query,
    /// Attention keys.
    Key,
    /// Attention values.
    Value,
    /// Attention output.
    Out,
    /// Gate of a gated feed-forward.
    Gate,
    /// First map of the feed-forward.
    Up,
    /// Second map of the feed-forward.
    Down,
    /// Query, key, value and out.
    Attention,
    /// Gate (where there is one), up and down.
    Mlp,
    /// Every linear map of a block.
    All,
}

impl Target {
    /// The maps of this model's blocks that any of `targets` covers, in the order of [`Proj::ALL`].
    pub fn sites(targets: &[Target], shape: &Shape) -> Vec<Proj> {
        let exists = |site: Proj| site != Proj::Gate || shape.gated;
        Proj::ALL
            .into_iter()
            .filter(|&site| exists(site) && targets.iter().any(|t| t.covers(site)))
            .collect()
    }

    fn covers(self, site: Proj) -> bool {
        let attention = matches!(site, Proj::Query | Proj::Key | Proj::Value | Proj::Out);
        match self {
            Self::Query => site == Proj::Query,
            Self::Key => site == Proj::Key,
            Self::Value => site == Proj::Value,
            Self::Out => site == Proj::Out,
            Self::Gate => site == Proj::Gate,
            Self::Up => site == Proj::Up,
            Self::Down => site == Proj::Down,
            Self::Attention => attention,
            Self::Mlp => !attention,
            Self::All => true,
        }
    }
}

/// The first layer that uses block `block` or one above it: from there on, a change of these blocks is felt. Without shared blocks, `block`.
pub fn first_layer(shape: &Shape, block: usize) -> usize {
    (0..shape.layers)
        .find(|&layer| shape.block_of(layer) >= block)
        .unwrap_or(shape.layers)
}

/// One optional module for each linear map of a block.
#[derive(Module, Debug)]
pub struct Sites<M: Module + ModuleDisplay> {
    query: Option<M>,
    key: Option<M>,
    value: Option<M>,
    out: Option<M>,
    gate: Option<M>,
    up: Option<M>,
    down: Option<M>,
}

impl<M: Module + ModuleDisplay> Sites<M> {
    /// What `f` gives for each map, in the order of [`Proj::ALL`].
    pub fn from_fn(f: impl FnMut(Proj) -> Option<M>) -> Self {
        let [query, key, value, out, gate, up, down] = Proj::ALL.map(f);
        Self {
            query,
            key,
            value,
            out,
            gate,
            up,
            down,
        }
    }

    /// Every module of all blocks with its place, from the lowest block up.
    pub fn all(blocks: &[Self]) -> impl Iterator<Item = (At<Proj>, &M)> {
        blocks.iter().enumerate().flat_map(|(layer, sites)| {
            let there = move |site| Some((At { layer, site }, sites.get(site)?));
            Proj::ALL.into_iter().filter_map(there)
        })
    }

    /// The module at a map, if there is one.
    pub fn get(&self, site: Proj) -> Option<&M> {
        match site {
            Proj::Query => self.query.as_ref(),
            Proj::Key => self.key.as_ref(),
            Proj::Value => self.value.as_ref(),
            Proj::Out => self.out.as_ref(),
            Proj::Gate => self.gate.as_ref(),
            Proj::Up => self.up.as_ref(),
            Proj::Down => self.down.as_ref(),
        }
    }

    /// The module at a map, to change it.
    pub fn get_mut(&mut self, site: Proj) -> Option<&mut M> {
        match site {
            Proj::Query => self.query.as_mut(),
            Proj::Key => self.key.as_mut(),
            Proj::Value => self.value.as_mut(),
            Proj::Out => self.out.as_mut(),
            Proj::Gate => self.gate.as_mut(),
            Proj::Up => self.up.as_mut(),
            Proj::Down => self.down.as_mut(),
        }
    }
}
