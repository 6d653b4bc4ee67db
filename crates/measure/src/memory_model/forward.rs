//! One forward pass, as the crates `transformer` and `adapt` run it: `Embeddings::forward`, `Backbone::blocks`, `pool`, `Head::logits`.

use super::ops::{self, Map};
use super::tape::{Tape, Var};
use super::weights::Weights;
use super::{BatchShape, ModelShape, Part, PassShape, Start};

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

/// What all layers of a pass read of the table of distances.
pub(super) enum Distances {
    None,
    /// Numbers for every distance and head.
    Bias(Var),
    /// Vectors of the distances that occur, which every layer projects.
    Vectors {
        table: Var,
        rows: u64,
    },
}

impl Pass<'_> {
    /// The state above the layers from `start` on: `[b, t, hidden]`.
    pub(super) fn states(&self, start: Start, layers: u64) -> Var {
        let (mut x, first) = match start {
            Start::Block(k) if k > 0 && self.trains && self.settings.is_cached => {
                (self.cached_states(), k)
            }
            _ => (self.embed(), 0),
        };
        let length = x.numbers() / self.shape.flops.hidden / self.batch.rows.max(1);
        let distances = self.distances(length);
        for layer in first..layers {
            x = self.block(layer, x, &distances);
        }
        x
    }

    /// The loss of a batch.
    pub(super) fn loss(&self, start: Start) -> Var {
        let h = self.shape.flops.hidden;
        let logits = match start {
            Start::Head if self.settings.is_cached => self.head(Var {
                value: self.tape.activation(self.batch.rows * h),
                node: None,
            }),
            _ => {
                let states = self.finish(self.states(start, self.shape.flops.layers));
                if self.settings.pools_late {
                    let states = self.head_inner(states);
                    self.output(self.pooled(states))
                } else {
                    self.head(self.pooled(states))
                }
            }
        };
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
        self.pooled(self.finish(x))
    }

    fn finish(&self, x: Var) -> Var {
        self.normed(self.weights.final_norm.as_ref(), x, self.shape.flops.hidden)
    }

    fn pooled(&self, x: Var) -> Var {
        let pooled = self.batch.rows * self.shape.flops.hidden;
        if self.settings.pools_mean {
            ops::mean_tokens(self.tape, &x, pooled)
        } else {
            ops::one_token(self.tape, &x, pooled)
        }
    }

    fn head(&self, pooled: Var) -> Var {
        self.output(self.head_inner(pooled))
    }

    fn head_inner(&self, x: Var) -> Var {
        let Some((map, norm)) = &self.weights.head_inner else {
            return x;
        };
        let x = ops::activate(self.tape, ops::linear(self.tape, x, map));
        if norm.is_empty() {
            x
        } else {
            ops::norm(self.tape, x, None, norm, self.shape.flops.hidden)
        }
    }

    fn output(&self, mut x: Var) -> Var {
        if self.settings.drops_hidden {
            x = ops::in_place(self.tape, x);
        }
        ops::linear(self.tape, x, &self.weights.head)
    }

    /// Parameters as this pass sees them: without gradients where none is wanted.
    pub(super) fn of(&self, vars: &[Var]) -> Vec<Var> {
        vars.iter().map(|var| self.seen(var)).collect()
    }

    pub(super) fn seen(&self, var: &Var) -> Var {
        Var {
            value: var.value.clone(),
            node: var.node.filter(|_| self.trains),
        }
    }

    pub(super) fn map(&self, map: &Map) -> Map {
        Map {
            weight: self.seen(&map.weight),
            bias: map.bias.as_ref().map(|bias| self.seen(bias)),
            ..*map
        }
    }

    /// Behind a norm, where there is one.
    pub(super) fn normed(&self, norm: Option<&Vec<Var>>, x: Var, width: u64) -> Var {
        match norm {
            Some(norm) => ops::norm(self.tape, x, None, &self.of(norm), width),
            None => x,
        }
    }

    fn embed(&self) -> Var {
        let (tape, e) = (self.tape, self.shape.embedding);
        let tokens = self.batch.rows * self.batch.length;
        let mut x = ops::embedding(tape, &self.seen(&self.weights.word), tokens, e);
        if self.shape.scales_embedding {
            x = ops::mul_number(tape, x);
        }
        let mut tokens = tokens;
        if let Some(prompt) = &self.weights.prompt {
            x = ops::in_front(tape, &self.seen(prompt), self.batch.rows, x);
            tokens = x.numbers() / e;
        }
        if let Some(table) = &self.weights.position {
            let vectors = ops::embedding(tape, &self.seen(table), tokens, e);
            x = ops::add(tape, x, vectors);
        }
        if let Some(table) = &self.weights.token_type {
            x = if self.settings.has_types {
                let vectors = ops::embedding(tape, &self.seen(table), tokens, e);
                ops::add(tape, x, vectors)
            } else {
                ops::add_plain(tape, x, self.seen(table))
            };
        }
        x = self.normed(self.weights.embedding_norm.as_ref(), x, e);
        if let Some(map) = &self.weights.projection {
            x = ops::linear(tape, x, &self.map(map));
        }
        if self.trains && self.settings.drops_hidden && self.settings.from == Start::Embeddings {
            x = ops::in_place(tape, x);
        }
        x
    }

    /// What the layers read of the table of distances in texts of this length.
    fn distances(&self, length: u64) -> Distances {
        let Some((table, norm)) = &self.weights.distances else {
            return Distances::None;
        };
        let (tape, apart) = (self.tape, (2 * length).saturating_sub(1));
        let width = self.shape.distances.map_or(1, |table| table.width);
        let table = self.seen(table);
        match self.shape.flops.distances {
            None => Distances::Bias(ops::embedding(tape, &table, apart, width)),
            Some(distances) => {
                let rows = apart.min(2 * distances.span);
                let vectors = ops::embedding(tape, &table, rows, width);
                Distances::Vectors {
                    table: self.normed(norm.as_ref(), vectors, width),
                    rows,
                }
            }
        }
    }

    /// What a batch of texts itself takes: ids and positions of eight bytes a token, the mask, angles where positions are rotations.
    pub(super) fn inputs(&self) -> super::tape::Value {
        let tokens = self.batch.rows * self.batch.length;
        self.tape
            .new_value(tokens * (5 + self.shape.angles), Part::Activations)
    }
}
