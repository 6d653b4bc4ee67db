//! The model's parameters as buffers: which there are, which of them train, and what a method inserts.

use super::maker::{Maker, Map2};
use super::ops::Map;
use super::tape::{Tape, Var};
use super::{AtMap, Bottleneck, HeadShape, Inserted, MapSite, ModelShape, Part};

/// One norm's gain, and bias where it has one.
pub(super) type Norm = Vec<Var>;

/// What stands beside a map.
#[derive(Clone)]
pub(super) enum Beside {
    LowRank {
        a: Var,
        b: Var,
        rank: u64,
        magnitude: Option<Var>,
    },
    ScaledOutput(Var),
    ScaledInput(Var),
    ScaledRandom {
        down: Map,
        up: Map,
        d: Var,
        b: Var,
    },
}

/// The norms of a sub-layer: before it or after its residual add, and of its result.
#[derive(Clone)]
pub(super) struct Norms {
    pub(super) norm: Option<Norm>,
    pub(super) output_norm: Option<Norm>,
}

#[derive(Clone)]
pub(super) struct BlockWeights {
    pub(super) maps: Vec<(MapSite, Map)>,
    pub(super) beside: Vec<(MapSite, Beside)>,
    pub(super) attention_norms: Norms,
    pub(super) feed_forward_norms: Norms,
    /// Of queries and keys.
    pub(super) query_key_norms: Option<[Norm; 2]>,
    pub(super) after_attention: Option<(Bottleneck, [Map; 2])>,
    pub(super) after_feed_forward: Option<(Bottleneck, [Map; 2])>,
}

#[derive(Clone)]
pub(super) struct Weights {
    pub(super) word: Var,
    pub(super) position: Option<Var>,
    pub(super) token_type: Option<Var>,
    pub(super) embedding_norm: Option<Norm>,
    pub(super) projection: Option<Map>,
    pub(super) distances: Option<(Var, Option<Norm>)>,
    pub(super) blocks: Vec<BlockWeights>,
    /// Keys and values in front, by layer.
    pub(super) prefixes: Vec<[Var; 2]>,
    pub(super) final_norm: Option<Norm>,
    pub(super) prompt: Option<Var>,
    pub(super) head_inner: Option<(Map, Norm)>,
    pub(super) head: Map,
    /// Networks that compute what stands in front.
    _network: Option<Var>,
}

impl Weights {
    /// All parameters, and the sizes of those that train.
    pub(super) fn new(
        tape: &Tape,
        shape: &ModelShape,
        trains: &dyn Fn(&str) -> bool,
        inserted: &Inserted,
        head: &HeadShape,
    ) -> (Self, Vec<u64>) {
        let mut maker = Maker {
            tape,
            trains,
            trained: Vec::new(),
        };
        let (h, e) = (shape.flops.hidden, shape.embedding);
        let has_bias = shape.norm_has_bias;
        let table = |maker: &mut Maker<'_>, name: &str, rows: u64| {
            (rows > 0).then(|| maker.param(&format!("embeddings.{name}.weight"), rows * e))
        };
        let word = maker.param("embeddings.word.weight", shape.vocabulary * e);
        let position = table(&mut maker, "position", shape.position_rows);
        let token_type = table(&mut maker, "token_type", shape.token_types);
        let embedding_norm = shape
            .has_embedding_norm
            .then(|| maker.norm("embeddings.norm", e, has_bias));
        let projection = shape
            .flops
            .projected_embedding
            .map(|_| maker.map("embeddings.projection", [e, h], true));
        let distances = shape.distances.map(|of| {
            let table = maker.param("distances.table.weight", of.rows * of.width);
            let norm = of
                .has_norm
                .then(|| maker.norm("distances.norm", of.width, has_bias));
            (table, norm)
        });
        let random = shared_random(tape, shape, inserted);
        let blocks = (0..shape.blocks)
            .map(|index| block(&mut maker, shape, inserted, index, random.as_ref()))
            .collect();
        let prefix = inserted.prefix_tokens * shape.flops.key_value_width;
        let prefixed = if prefix > 0 { shape.flops.layers } else { 0 };
        let prefixes = (0..prefixed)
            .map(|_| [prefix; 2].map(|numbers| maker.in_front(inserted, numbers)))
            .collect();
        let final_norm = shape
            .has_final_norm
            .then(|| maker.norm("final_norm", h, has_bias));
        let prompt = (inserted.prompt_tokens > 0).then(|| maker.own(inserted.prompt_tokens * e));
        let network = (inserted.network_params > 0).then(|| maker.own(inserted.network_params));
        let weights = Self {
            word,
            position,
            token_type,
            embedding_norm,
            projection,
            distances,
            blocks,
            prefixes,
            final_norm,
            prompt,
            head_inner: head.inner.map(|inner| {
                let map = maker.own_map([h, h], inner.has_bias);
                let norm = (0..inner.norm_vectors).map(|_| maker.own(h));
                (map, norm.collect())
            }),
            head: maker.own_map([h, head.classes], head.has_bias),
            _network: network,
        };
        (weights, maker.trained)
    }
}

fn block(
    maker: &mut Maker<'_>,
    shape: &ModelShape,
    inserted: &Inserted,
    index: u64,
    random: Option<&Map2>,
) -> BlockWeights {
    let h = shape.flops.hidden;
    let here = index >= inserted.from_block;
    let mut maps = Vec::new();
    for site in MapSite::ALL {
        if site == MapSite::Gate && !shape.flops.gated {
            continue;
        }
        let path = format!("blocks.{index}.{}", site.path());
        let has_bias = shape.biased.contains(&site);
        maps.push((site, maker.map(&path, shape.widths(site), has_bias)));
    }
    let norm = |maker: &mut Maker<'_>, part: &str, width: u64| {
        let path = format!("blocks.{index}.{part}");
        maker.norm(&path, width, shape.norm_has_bias)
    };
    let places = shape.norms;
    let norms = |maker: &mut Maker<'_>, part: &str, skips: bool| Norms {
        norm: (places.has_norm() && !skips).then(|| norm(maker, &format!("{part}.norm"), h)),
        output_norm: places
            .has_output_norm()
            .then(|| norm(maker, &format!("{part}.output_norm"), h)),
    };
    let attention_norms = norms(maker, "attention", index == 0 && shape.skips_first_norm);
    let feed_forward_norms = norms(maker, "feed_forward", false);
    let query_key_norms = shape.query_key_norms.map(|[query, key]| {
        [
            norm(maker, "attention.query_norm", query),
            norm(maker, "attention.key_norm", key),
        ]
    });
    let at_maps = inserted.at_maps.iter().filter(|_| here);
    let beside = at_maps
        .map(|&(site, at)| (site, maker.beside(at, shape.widths(site), random)))
        .collect();
    let mut bottleneck =
        |of: Option<Bottleneck>| of.filter(|_| here).map(|of| maker.bottleneck(h, of));
    let after_attention = bottleneck(inserted.after_attention);
    let after_feed_forward = bottleneck(inserted.after_feed_forward);
    BlockWeights {
        maps,
        beside,
        attention_norms,
        feed_forward_norms,
        query_key_norms,
        after_attention,
        after_feed_forward,
    }
}

fn shared_random(tape: &Tape, shape: &ModelShape, inserted: &Inserted) -> Option<Map2> {
    let ranks = inserted.at_maps.iter().filter_map(|(site, at)| match at {
        AtMap::ScaledRandom { rank } => Some((*rank, shape.widths(*site))),
        _ => None,
    });
    let (rank, [d_in, d_out]) =
        ranks.reduce(|(rank, [a, b]), (_, [d_in, d_out])| (rank, [a.max(d_in), b.max(d_out)]))?;
    Some(Map2 {
        a: tape.new_value(d_in * rank, Part::Weights),
        b: tape.new_value(rank * d_out, Part::Weights),
    })
}
