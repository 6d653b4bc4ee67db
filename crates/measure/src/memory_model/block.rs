//! One block of a forward pass: `Block::forward` of the crate `transformer`, with what a method inserts into it.

use super::forward::{Distances, Pass};
use super::ops::{self, Map};
use super::tape::Var;
use super::weights::{Beside, BlockWeights, Norms};
use super::{Bottleneck, MapSite, NormPlaces};

impl Pass<'_> {
    pub(super) fn block(&self, layer: u64, x: Var, distances: &Distances) -> Var {
        let block = &self.weights.blocks[self.shape.block_of(layer)];
        let drops = self.trains && self.settings.drops_from(layer);
        let (of_attention, of_feed_forward) = (&block.attention_norms, &block.feed_forward_norms);
        let input = self.before(of_attention, &x);
        let (y, seen) = self.attention(layer, block, input.clone(), distances);
        let y = self.after_attention(block, y, input, drops);
        let (x, beside) = if self.shape.is_parallel {
            (x, Some(self.result(of_attention, y)))
        } else {
            (self.add(of_attention, y, x), None)
        };
        let input = self.before(of_feed_forward, &x);
        let y = self.feed_forward(block, input.clone());
        let y = self.after_feed_forward(block, y, input, drops);
        let x = match beside {
            Some(beside) => {
                let both = ops::add(self.tape, self.result(of_feed_forward, y), beside);
                ops::add(self.tape, x, both)
            }
            None => self.add(of_feed_forward, y, x),
        };
        drop(seen);
        x
    }

    /// What a sub-layer reads.
    fn before(&self, norms: &Norms, x: &Var) -> Var {
        match self.shape.norms {
            NormPlaces::Pre | NormPlaces::Both => {
                self.normed(norms.norm.as_ref(), x.clone(), self.shape.flops.hidden)
            }
            NormPlaces::Post | NormPlaces::Output => x.clone(),
        }
    }

    /// What is added of a sub-layer's result.
    fn result(&self, norms: &Norms, y: Var) -> Var {
        self.normed(norms.output_norm.as_ref(), y, self.shape.flops.hidden)
    }

    /// The state after a sub-layer.
    fn add(&self, norms: &Norms, y: Var, x: Var) -> Var {
        match (self.shape.norms, &norms.norm) {
            (NormPlaces::Post, Some(norm)) => {
                let h = self.shape.flops.hidden;
                ops::norm(self.tape, y, Some(x), &self.of(norm), h)
            }
            _ => ops::add(self.tape, x, self.result(norms, y)),
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
    fn attention(
        &self,
        layer: u64,
        block: &BlockWeights,
        x: Var,
        distances: &Distances,
    ) -> (Var, [Var; 2]) {
        let mut query = self.project(block, MapSite::Query, x.clone());
        let mut key = self.project(block, MapSite::Key, x.clone());
        let mut value = self.project(block, MapSite::Value, x);
        if let (Some(norms), Some(widths)) = (&block.query_key_norms, self.shape.query_key_norms) {
            query = self.normed(Some(&norms[0]), query, widths[0]);
            key = self.normed(Some(&norms[1]), key, widths[1]);
        }
        if self.shape.angles > 0 {
            query = ops::in_place(self.tape, query);
            key = ops::in_place(self.tape, key);
        }
        if let Some([keys, values]) = self.weights.prefixes.get(layer as usize) {
            key = ops::in_front(self.tape, &self.seen(keys), self.batch.rows, key);
            value = ops::in_front(self.tape, &self.seen(values), self.batch.rows, value);
        }
        let heads = self.shape.heads;
        let queries = query.numbers() / self.shape.flops.query_width / self.batch.rows;
        let keys = key.numbers() / self.shape.flops.key_value_width / self.batch.rows;
        let [rows, columns] = self.block_of_scores(layer, queries, keys);
        let scratch = self.tape.workers * rows * columns;
        let (more, of_distances) = self.of_distances(block, distances, rows, queries);
        let seen = [key.clone(), value.clone()];
        let statistics = self.batch.rows * heads * queries;
        let mixed = ops::attention(
            self.tape,
            [query, key, value],
            more,
            statistics,
            [scratch + of_distances[0], 3 * scratch + of_distances[1]],
        );
        (self.project(block, MapSite::Out, mixed), seen)
    }

    /// Queries and keys of the scores that a worker holds at once: `kernels`' `block_rows`, which takes fewer queries in a window.
    fn block_of_scores(&self, layer: u64, queries: u64, keys: u64) -> [u64; 2] {
        const NUMBERS: u64 = 65_536;
        const WINDOW_ROWS: u64 = 64;
        let (mut columns, mut most) = (keys, queries);
        if let Some(window) = self.shape.flops.window(layer) {
            let beside = window.saturating_sub(1);
            let rows = beside.clamp(16, WINDOW_ROWS);
            let needed = keys.saturating_sub(queries) + beside + rows;
            if needed < keys {
                (columns, most) = (needed, rows.min(queries));
            }
        }
        let rows = (NUMBERS / columns.max(1)).max(16).min(most.max(1));
        [rows, columns]
    }

    /// What the attention reads of the distances, and the numbers that its passes forward and backward hold of them in addition.
    fn of_distances(
        &self,
        block: &BlockWeights,
        distances: &Distances,
        rows: u64,
        queries: u64,
    ) -> (Vec<Var>, [u64; 2]) {
        match distances {
            Distances::None => (Vec::new(), [0, 0]),
            Distances::Bias(bias) => (vec![bias.clone()], [0, 0]),
            Distances::Vectors { table, rows: apart } => {
                let products = self.shape.flops.distances.map_or(0, |of| of.products);
                let maps = [MapSite::Key, MapSite::Query].into_iter();
                let projected = maps
                    .take(products as usize)
                    .map(|site| self.project(block, site, table.clone()));
                // Products with all distances by each worker, and its own sums of their gradients.
                let by_worker = [
                    queries * apart,
                    (2 * queries + rows) * apart + 2 * apart * self.shape.flops.query_width,
                ];
                (
                    projected.collect(),
                    by_worker.map(|numbers| self.tape.workers * numbers),
                )
            }
        }
    }

    fn feed_forward(&self, block: &BlockWeights, x: Var) -> Var {
        let up = |x| self.project(block, MapSite::Up, x);
        let inner = if self.shape.flops.gated {
            let gate = self.project(block, MapSite::Gate, x.clone());
            ops::gated(self.tape, gate, up(x))
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
}
