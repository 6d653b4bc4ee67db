//! Makes the parameters of a model, of what a method inserts and of the head, as buffers.

use super::ops::Map;
use super::tape::{Tape, Value, Var};
use super::weights::{Beside, Norm};
use super::{AtMap, Bottleneck, Inserted, Part};

/// Makes parameters and remembers the sizes of those that train.
pub(super) struct Maker<'a> {
    pub(super) tape: &'a Tape,
    pub(super) trains: &'a dyn Fn(&str) -> bool,
    pub(super) trained: Vec<u64>,
}

impl Maker<'_> {
    pub(super) fn param(&mut self, path: &str, numbers: u64) -> Var {
        let value = self.tape.new_value(numbers, Part::Weights);
        if (self.trains)(path) {
            self.trained(value)
        } else {
            Var { value, node: None }
        }
    }

    /// A parameter of the method's or of the head's.
    pub(super) fn own(&mut self, numbers: u64) -> Var {
        let value = self.tape.new_value(numbers, Part::Weights);
        self.trained(value)
    }

    /// Keys or values in front: parameters, or what a network computes of its own.
    pub(super) fn in_front(&mut self, inserted: &Inserted, numbers: u64) -> Var {
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

    pub(super) fn norm(&mut self, path: &str, width: u64, has_bias: bool) -> Norm {
        let mut norm = vec![self.param(&format!("{path}.weight"), width)];
        if has_bias {
            norm.push(self.param(&format!("{path}.bias"), width));
        }
        norm
    }

    pub(super) fn map(&mut self, path: &str, [d_in, d_out]: [u64; 2], has_bias: bool) -> Map {
        Map {
            weight: self.param(&format!("{path}.weight"), d_in * d_out),
            bias: has_bias.then(|| self.param(&format!("{path}.bias"), d_out)),
            d_in,
            d_out,
        }
    }

    pub(super) fn own_map(&mut self, [d_in, d_out]: [u64; 2], has_bias: bool) -> Map {
        Map {
            weight: self.own(d_in * d_out),
            bias: has_bias.then(|| self.own(d_out)),
            d_in,
            d_out,
        }
    }

    pub(super) fn bottleneck(&mut self, hidden: u64, of: Bottleneck) -> (Bottleneck, [Map; 2]) {
        let maps = [[hidden, of.width], [of.width, hidden]];
        (of, maps.map(|widths| self.own_map(widths, true)))
    }

    pub(super) fn beside(
        &mut self,
        at: AtMap,
        [d_in, d_out]: [u64; 2],
        random: Option<&Map2>,
    ) -> Beside {
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
pub(super) struct Map2 {
    pub(super) a: Value,
    pub(super) b: Value,
}
