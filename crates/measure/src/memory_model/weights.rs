//! The model's parameters as buffers: which there are, which of them train, and what a method inserts.

use super::ops::Map;
use super::tape::{Tape, Value, Var};
use super::{AtMap, Bottleneck, HeadShape, Inserted, MapSite, ModelShape, Part};

/// One norm's gain, and bias where it has one.
type Norm = Vec<Var>;

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

#[derive(Clone)]
pub(super) struct BlockWeights {
    pub(super) maps: Vec<(MapSite, Map)>,
    pub(super) beside: Vec<(MapSite, Beside)>,
    pub(super) attention_norm: Norm,
    pub(super) feed_forward_norm: Norm,
    pub(super) after_attention: Option<(Bottleneck, [Map; 2])>,
    pub(super) after_feed_forward: Option<(Bottleneck, [Map; 2])>,
    pub(super) prefix: Option<[Var; 2]>,
}

#[derive(Clone)]
pub(super) struct Weights {
    pub(super) word: Var,
    pub(super) position: Option<Var>,
    pub(super) token_type: Option<Var>,
    pub(super) embedding_norm: Option<Norm>,
    pub(super) blocks: Vec<BlockWeights>,
    pub(super) final_norm: Option<Norm>,
    pub(super) prompt: Option<Var>,
    pub(super) head_inner: Option<Map>,
    pub(super) head: Map,
    /// Networks that compute what stands in front.
    _network: Option<Var>,
}

/// Makes parameters and remembers the sizes of those that train.
struct Maker<'a> {
    tape: &'a Tape,
    trains: &'a dyn Fn(&str) -> bool,
    trained: Vec<u64>,
}

impl Maker<'_> {
    fn param(&mut self, path: &str, numbers: u64) -> Var {
        let value = self.tape.new_value(numbers, Part::Weights);
        if (self.trains)(path) {
            self.trained(value)
        } else {
            Var { value, node: None }
        }
    }

    /// A parameter of the method's or of the head's.
    fn own(&mut self, numbers: u64) -> Var {
        let value = self.tape.new_value(numbers, Part::Weights);
        self.trained(value)
    }

    /// Keys or values in front: parameters, or what a network computes of its own.
    fn in_front(&mut self, inserted: &Inserted, numbers: u64) -> Var {
        if inserted.network_params > 0 {
            self.tape.leaf(self.tape.activation(numbers))
        } else {
            self.own(numbers)
        }
    }

    fn trained(&mut self, value: Value) -> Var {
        self.trained.push(value.numbers);
        self.tape.leaf(value)
    }

    fn norm(&mut self, path: &str, width: u64, has_bias: bool) -> Norm {
        let mut norm = vec![self.param(&format!("{path}.weight"), width)];
        if has_bias {
            norm.push(self.param(&format!("{path}.bias"), width));
        }
        norm
    }

    fn map(&mut self, path: &str, [d_in, d_out]: [u64; 2], has_bias: bool) -> Map {
        Map {
            weight: self.param(&format!("{path}.weight"), d_in * d_out),
            bias: has_bias.then(|| self.param(&format!("{path}.bias"), d_out)),
            d_in,
            d_out,
        }
    }

    fn own_map(&mut self, [d_in, d_out]: [u64; 2], has_bias: bool) -> Map {
        Map {
            weight: self.own(d_in * d_out),
            bias: has_bias.then(|| self.own(d_out)),
            d_in,
            d_out,
        }
    }

    fn bottleneck(&mut self, hidden: u64, of: Bottleneck) -> (Bottleneck, [Map; 2]) {
        let maps = [[hidden, of.width], [of.width, hidden]];
        (of, maps.map(|widths| self.own_map(widths, true)))
    }

    fn beside(&mut self, at: AtMap, [d_in, d_out]: [u64; 2], random: Option<&Map2>) -> Beside {
        match at {
            AtMap::LowRank { rank, magnitude } => Beside::LowRank {
                a: self.own(d_in * rank),
                b: self.own(rank * d_out),
                rank,
                magnitude: magnitude.then(|| self.own(d_out)),
            },
            AtMap::ScaledOutput => Beside::ScaledOutput(self.own(d_out)),
            AtMap::ScaledInput => Beside::ScaledInput(self.own(d_in)),
            AtMap::ScaledRandom { rank } => {
                let Map2 { a, b } = random.expect("made where a map has one").clone();
                let map = |weight: Value, d_in, d_out| Map {
                    weight: Var {
                        value: weight,
                        node: None,
                    },
                    bias: None,
                    d_in,
                    d_out,
                };
                Beside::ScaledRandom {
                    down: map(a, d_in, rank),
                    up: map(b, rank, d_out),
                    d: self.own(rank),
                    b: self.own(d_out),
                }
            }
        }
    }
}

/// Two frozen matrices that all maps share.
#[derive(Clone)]
struct Map2 {
    a: Value,
    b: Value,
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
        let h = shape.flops.hidden;
        let table = |maker: &mut Maker<'_>, name: &str, rows: u64| {
            (rows > 0).then(|| maker.param(&format!("embeddings.{name}.weight"), rows * h))
        };
        let word = maker.param("embeddings.word.weight", shape.vocabulary * h);
        let position = table(&mut maker, "position", shape.position_rows);
        let token_type = table(&mut maker, "token_type", shape.token_types);
        let embedding_norm =
            (!shape.is_pre_norm).then(|| maker.norm("embeddings.norm", h, shape.norm_has_bias));
        let random = shared_random(tape, shape, inserted);
        let blocks = (0..shape.flops.layers)
            .map(|layer| block(&mut maker, shape, inserted, layer, random.as_ref()))
            .collect();
        let final_norm = shape
            .is_pre_norm
            .then(|| maker.norm("final_norm", h, shape.norm_has_bias));
        let prompt = (inserted.prompt_tokens > 0).then(|| maker.own(inserted.prompt_tokens * h));
        let network = (inserted.network_params > 0).then(|| maker.own(inserted.network_params));
        let weights = Self {
            word,
            position,
            token_type,
            embedding_norm,
            blocks,
            final_norm,
            prompt,
            head_inner: head.has_inner.then(|| maker.own_map([h, h], true)),
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
    layer: u64,
    random: Option<&Map2>,
) -> BlockWeights {
    let h = shape.flops.hidden;
    let here = layer >= inserted.from_block;
    let mut maps = Vec::new();
    for site in MapSite::ALL {
        if site == MapSite::Gate && !shape.flops.gated {
            continue;
        }
        let path = format!("blocks.{layer}.{}", site.path());
        let has_bias = if site.is_attention() {
            shape.attention_has_bias
        } else {
            shape.feed_forward_has_bias
        };
        maps.push((site, maker.map(&path, shape.widths(site), has_bias)));
    }
    let norm = |maker: &mut Maker<'_>, part: &str| {
        let path = format!("blocks.{layer}.{part}.norm");
        maker.norm(&path, h, shape.norm_has_bias)
    };
    let attention_norm = norm(maker, "attention");
    let feed_forward_norm = norm(maker, "feed_forward");
    let at_maps = inserted.at_maps.iter().filter(|_| here);
    let beside = at_maps
        .map(|&(site, at)| (site, maker.beside(at, shape.widths(site), random)))
        .collect();
    let mut bottleneck =
        |of: Option<Bottleneck>| of.filter(|_| here).map(|of| maker.bottleneck(h, of));
    let after_attention = bottleneck(inserted.after_attention);
    let after_feed_forward = bottleneck(inserted.after_feed_forward);
    let prefix = inserted.prefix_tokens * shape.flops.key_value_width;
    BlockWeights {
        maps,
        beside,
        attention_norm,
        feed_forward_norm,
        after_attention,
        after_feed_forward,
        prefix: (prefix > 0).then(|| [prefix; 2].map(|numbers| maker.in_front(inserted, numbers))),
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
