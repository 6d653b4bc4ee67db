//! One forward pass, as the crates `transformer` and `adapt` run it: `Embeddings::forward`, `Block::forward`, `pool`, `Head::forward`.

use super::ops::{self, Map};
use super::tape::{Tape, Var};
use super::weights::{Beside, BlockWeights, Weights};
use super::{BatchShape, Bottleneck, MapSite, ModelShape, Part, PassShape, Start};

/// What one pass runs on.
pub(super) struct Pass<'a> {
    pub(super) tape: &'a Tape,
    pub(super) shape: &'a ModelShape,
    pub(super) weights: &'a Weights,
    pub(super) settings: &'a PassShape,
    pub(super) batch: BatchShape,
    /// Whether gradients are wanted.
    pub(super) trains: bool,
}

impl Pass<'_> {
    /// The state above the blocks from `start` on: `[b, t, hidden]`.
    pub(super) fn states(&self, start: Start, blocks: u64) -> Var {
        let (mut x, first) = match start {
            Start::Block(k) if k > 0 && self.trains && self.settings.is_cached => {
                (self.cached_states(), k)
            }
            _ => (self.embed(), 0),
        };
        for layer in first..blocks {
            x = self.block(layer, x);
        }
        x
    }

    /// The loss of a batch.
    pub(super) fn loss(&self, start: Start) -> Var {
        let h = self.shape.flops.hidden;
        let pooled = match start {
            Start::Head if self.settings.is_cached => Var {
                value: self.tape.activation(self.batch.rows * h),
                node: None,
            },
            _ => {
                let states = self.states(start, self.shape.flops.layers);
                self.pool(states)
            }
        };
        let logits = self.head(pooled);
        let numbers = logits.numbers();
        let saved = logits.value;
        self.tape.fused(
            &[logits.node],
            self.tape.activation(1),
            move |tape, _, wants| {
                let gradient = wants
                    .into_iter()
                    .next()
                    .map(|want| want.give(tape, || tape.activation(numbers)));
                drop(saved);
                vec![gradient.flatten()]
            },
        )
    }

    /// States of the frozen part, read from the cache.
    fn cached_states(&self) -> Var {
        let numbers = self.batch.rows * self.batch.length * self.shape.flops.hidden;
        Var {
            value: self.tape.activation(numbers),
            node: None,
        }
    }

    /// The final norm, one vector a text.
    pub(super) fn pool(&self, x: Var) -> Var {
        let h = self.shape.flops.hidden;
        let x = match &self.weights.final_norm {
            Some(norm) => ops::norm(self.tape, x, None, &self.of(norm), h),
            None => x,
        };
        let pooled = self.batch.rows * h;
        if self.settings.pools_mean {
            ops::mean_tokens(self.tape, &x, pooled)
        } else {
            ops::one_token(self.tape, &x, pooled)
        }
    }

    fn head(&self, pooled: Var) -> Var {
        let mut x = pooled;
        if let Some(inner) = &self.weights.head_inner {
            x = ops::activate(self.tape, ops::linear(self.tape, x, inner));
        }
        if self.settings.drops_hidden {
            x = ops::in_place(self.tape, x);
        }
        ops::linear(self.tape, x, &self.weights.head)
    }

    /// Parameters as this pass sees them: without gradients where none is wanted.
    fn of(&self, vars: &[Var]) -> Vec<Var> {
        vars.iter().map(|var| self.seen(var)).collect()
    }

    fn seen(&self, var: &Var) -> Var {
        Var {
            value: var.value.clone(),
            node: var.node.filter(|_| self.trains),
        }
    }

    fn map(&self, map: &Map) -> Map {
        Map {
            weight: self.seen(&map.weight),
            bias: map.bias.as_ref().map(|bias| self.seen(bias)),
            ..*map
        }
    }

    fn embed(&self) -> Var {
        let (tape, h) = (self.tape, self.shape.flops.hidden);
        let tokens = self.batch.rows * self.batch.length;
        let mut x = ops::embedding(tape, &self.seen(&self.weights.word), tokens, h);
        let mut tokens = tokens;
        if let Some(prompt) = &self.weights.prompt {
            x = ops::in_front(tape, &self.seen(prompt), self.batch.rows, x);
            tokens = x.numbers() / h;
        }
        if let Some(table) = &self.weights.position {
            let vectors = ops::embedding(tape, &self.seen(table), tokens, h);
            x = ops::add(tape, x, vectors);
        }
        if let Some(table) = &self.weights.token_type {
            x = if self.settings.has_types {
                let vectors = ops::embedding(tape, &self.seen(table), tokens, h);
                ops::add(tape, x, vectors)
            } else {
                ops::add_plain(tape, x, self.seen(table))
            };
        }
        if let Some(norm) = &self.weights.embedding_norm {
            x = ops::norm(tape, x, None, &self.of(norm), h);
        }
        if self.trains && self.settings.drops_hidden && self.settings.from == Start::Embeddings {
            x = ops::in_place(tape, x);
        }
        x
    }

    fn block(&self, layer: u64, x: Var) -> Var {
        let (tape, h) = (self.tape, self.shape.flops.hidden);
        let block = &self.weights.blocks[layer as usize];
        let drops = self.trains && self.settings.drops_from(layer);
        let attention_norm = self.of(&block.attention_norm);
        let feed_forward_norm = self.of(&block.feed_forward_norm);
        if self.shape.is_pre_norm {
            let input = ops::norm(tape, x.clone(), None, &attention_norm, h);
            let (y, seen) = self.attention(block, input.clone());
            let y = self.after_attention(block, y, input, drops);
            let x = ops::add(tape, x, y);
            let input = ops::norm(tape, x.clone(), None, &feed_forward_norm, h);
            let y = self.feed_forward(block, input.clone());
            let y = self.after_feed_forward(block, y, input, drops);
            let x = ops::add(tape, x, y);
            drop(seen);
            x
        } else {
            let (y, seen) = self.attention(block, x.clone());
            let y = self.after_attention(block, y, x.clone(), drops);
            let x = ops::norm(tape, y, Some(x), &attention_norm, h);
            let y = self.feed_forward(block, x.clone());
            let y = self.after_feed_forward(block, y, x.clone(), drops);
            let x = ops::norm(tape, y, Some(x), &feed_forward_norm, h);
            drop(seen);
            x
        }
    }

    fn after_attention(&self, block: &BlockWeights, y: Var, input: Var, drops: bool) -> Var {
        let drops = drops && self.shape.drops_attention_output;
        let y = if drops {
            ops::in_place(self.tape, y)
        } else {
            y
        };
        self.bottleneck(block.after_attention.as_ref(), y, input)
    }

    fn after_feed_forward(&self, block: &BlockWeights, y: Var, input: Var, drops: bool) -> Var {
        let y = if drops {
            ops::in_place(self.tape, y)
        } else {
            y
        };
        self.bottleneck(block.after_feed_forward.as_ref(), y, input)
    }

    /// `Hooks::hidden` of an adapter.
    fn bottleneck(&self, of: Option<&(Bottleneck, [Map; 2])>, y: Var, input: Var) -> Var {
        let Some((of, [down, up])) = of else {
            return y;
        };
        let read = if of.reads_block_input {
            input
        } else {
            y.clone()
        };
        let inner = ops::linear(self.tape, read, &self.map(down));
        let inner = ops::activate(self.tape, inner);
        let mut added = ops::linear(self.tape, inner, &self.map(up));
        if of.is_scaled {
            added = ops::mul_number(self.tape, added);
        }
        ops::add_plain(self.tape, y, added)
    }

    /// The attention's output and the keys and values that were seen.
    fn attention(&self, block: &BlockWeights, x: Var) -> (Var, [Var; 2]) {
        let mut query = self.project(block, MapSite::Query, x.clone());
        let mut key = self.project(block, MapSite::Key, x.clone());
        let mut value = self.project(block, MapSite::Value, x);
        if self.shape.position_rows == 0 {
            query = ops::in_place(self.tape, query);
            key = ops::in_place(self.tape, key);
        }
        if let Some([keys, values]) = &block.prefix {
            key = ops::in_front(self.tape, &self.seen(keys), self.batch.rows, key);
            value = ops::in_front(self.tape, &self.seen(values), self.batch.rows, value);
        }
        let heads = self.shape.heads;
        let queries = query.numbers() / self.shape.flops.query_width / self.batch.rows;
        let keys = key.numbers() / self.shape.flops.key_value_width / self.batch.rows;
        let rows = (65_536 / keys.max(1)).max(16).min(queries.max(1)); // kernels' `block_rows`
        let scratch = self.tape.workers * rows * keys;
        let seen = [key.clone(), value.clone()];
        let statistics = self.batch.rows * heads * queries;
        let mixed = ops::attention(
            self.tape,
            [query, key, value],
            statistics,
            [scratch, 3 * scratch],
        );
        (self.project(block, MapSite::Out, mixed), seen)
    }

    fn feed_forward(&self, block: &BlockWeights, x: Var) -> Var {
        let up = |x| self.project(block, MapSite::Up, x);
        let inner = if self.shape.flops.gated {
            let gate = self.project(block, MapSite::Gate, x.clone());
            ops::silu_mul(self.tape, gate, up(x))
        } else {
            ops::activate(self.tape, up(x))
        };
        self.project(block, MapSite::Down, inner)
    }

    /// A linear map with what the method does beside it.
    fn project(&self, block: &BlockWeights, site: MapSite, x: Var) -> Var {
        let tape = self.tape;
        let found = block.maps.iter().find(|(at, _)| *at == site);
        let map = self.map(&found.expect("every block has this map").1);
        let beside = block.beside.iter().find(|(at, _)| *at == site);
        match beside.map(|(_, beside)| beside) {
            None => ops::linear(tape, x, &map),
            Some(Beside::LowRank {
                a,
                b,
                rank,
                magnitude,
            }) => {
                let (a, b) = (self.seen(a), self.seen(b));
                let y = ops::linear_low_rank(tape, x, &map, &a, &b, *rank);
                match magnitude {
                    Some(magnitude) => {
                        let y = ops::mul_vector(tape, y, &self.seen(magnitude));
                        match map.bias {
                            Some(bias) => ops::add_plain(tape, y, bias),
                            None => y,
                        }
                    }
                    None => y,
                }
            }
            Some(Beside::ScaledOutput(scale)) => {
                ops::mul_vector(tape, ops::linear(tape, x, &map), &self.seen(scale))
            }
            Some(Beside::ScaledInput(scale)) => {
                ops::linear(tape, ops::mul_vector(tape, x, &self.seen(scale)), &map)
            }
            Some(Beside::ScaledRandom { down, up, d, b }) => {
                let inner = ops::linear(tape, x.clone(), down);
                let inner = ops::mul_vector(tape, inner, &self.seen(d));
                let added = ops::linear(tape, inner, up);
                let added = ops::mul_vector(tape, added, &self.seen(b));
                ops::add_plain(tape, ops::linear(tape, x, &map), added)
            }
        }
    }

    /// What a batch of texts itself takes: ids and positions of eight bytes a token, the mask, angles where positions are rotations.
    pub(super) fn inputs(&self) -> super::tape::Value {
        let tokens = self.batch.rows * self.batch.length;
        let angles = if self.shape.position_rows == 0 {
            self.shape.flops.query_width / self.shape.heads.max(1)
        } else {
            0
        };
        self.tape
            .new_value(tokens * (5 + angles), Part::Activations)
    }
}
