//! Buffers that weigh and do not compute: what a forward and a backward pass hold at once, counted as the fused operations hold it.
//!
//! A [`Value`] is a handle to a buffer of so many numbers; the last handle that goes frees it, as with burn's tensors on `flex`. A [`Var`] may
//! have a node in the graph, whose step owns what its operation keeps for the backward pass. Steps run from the deepest to the shallowest, and
//! each frees what it owned: `AutodiffServer::execute_steps` of burn-autodiff 0.22.1, and `tape.rs` of the crate `ops`.

use super::Part;
use super::recompute::Source;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::{Rc, Weak};

const BYTES: u64 = 4;

/// Bytes by part.
pub(super) type Bytes = [u64; Part::ALL.len()];

#[derive(Debug, Default)]
struct Meter {
    live: Bytes,
    peak: u64,
    at_peak: Bytes,
}

#[derive(Debug)]
struct Buffer {
    numbers: u64,
    part: Part,
    meter: Rc<RefCell<Meter>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.meter.borrow_mut().live[self.part as usize] -= BYTES * self.numbers;
    }
}

/// A handle to a buffer, or to some rows of it.
#[derive(Clone, Debug)]
pub(super) struct Value {
    buffer: Rc<Buffer>,
    /// How many numbers are seen.
    pub(super) numbers: u64,
    /// Whether it fills its buffer; what does not is copied before it is computed with.
    is_dense: bool,
}

impl Value {
    fn is_reusable(&self) -> bool {
        self.is_dense && Rc::strong_count(&self.buffer) == 1
    }

    /// A view of `numbers` of them.
    pub(super) fn part_of(&self, numbers: u64) -> Self {
        Self {
            buffer: self.buffer.clone(),
            numbers,
            is_dense: false,
        }
    }
}

/// A place in the graph; depth 0 is a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) id: usize,
    depth: usize,
}

/// A value with its place in the graph, if its gradient is wanted.
#[derive(Clone, Debug)]
pub(super) struct Var {
    pub(super) value: Value,
    pub(super) node: Option<Node>,
}

impl Var {
    pub(super) fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    pub(super) fn numbers(&self) -> u64 {
        self.value.numbers
    }
}

/// What becomes of the gradient of one input: `ops::tape::Want`.
pub(super) enum Want {
    No,
    New,
    Add(Value),
}

impl Want {
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// `gradient`, if it is wanted, added to what came before.
    pub(super) fn give(self, tape: &Tape, gradient: impl FnOnce() -> Value) -> Option<Value> {
        match self {
            Self::No => None,
            Self::New => Some(gradient()),
            Self::Add(earlier) => {
                let earlier = tape.dense(earlier);
                let _added = gradient();
                Some(tape.writable(earlier))
            }
        }
    }
}

/// What one operation does in the backward pass: the gradient of its output to those of its inputs.
type Backward = Box<dyn FnOnce(&Tape, Value, Vec<Want>) -> Vec<Option<Value>>>;

struct Step {
    node: Node,
    parents: Vec<Option<Node>>,
    /// Whether it adds to what waits already (ours), or leaves that to the graph (burn's).
    adds_itself: bool,
    backward: Backward,
}

/// The graph of one forward pass, and the meter of all buffers.
pub(super) struct Tape {
    meter: Rc<RefCell<Meter>>,
    steps: RefCell<Vec<Vec<Step>>>,
    /// By the node of their result.
    pub(super) sources: RefCell<HashMap<usize, Weak<Source>>>,
    next: Cell<usize>,
    /// Threads.
    pub(super) workers: u64,
}

impl Tape {
    pub(super) fn new(workers: u64) -> Self {
        Self {
            workers,
            meter: Rc::default(),
            steps: RefCell::default(),
            sources: RefCell::default(),
            next: Cell::new(0),
        }
    }

    /// The most that was live at once since the last [`forget_peak`](Self::forget_peak), by part.
    pub(super) fn peak(&self) -> Bytes {
        self.meter.borrow().at_peak
    }

    /// Starts a new peak from what is live now.
    pub(super) fn forget_peak(&self) {
        let mut meter = self.meter.borrow_mut();
        meter.at_peak = meter.live;
        meter.peak = meter.live.iter().sum();
    }

    /// A new buffer.
    pub(super) fn new_value(&self, numbers: u64, part: Part) -> Value {
        let mut meter = self.meter.borrow_mut();
        meter.live[part as usize] += BYTES * numbers;
        let now = meter.live.iter().sum();
        if now > meter.peak {
            meter.peak = now;
            meter.at_peak = meter.live;
        }
        Value {
            buffer: Rc::new(Buffer {
                numbers,
                part,
                meter: self.meter.clone(),
            }),
            numbers,
            is_dense: true,
        }
    }

    /// A new buffer of a pass, forward or backward.
    pub(super) fn activation(&self, numbers: u64) -> Value {
        self.new_value(numbers, Part::Activations)
    }

    /// A parameter's gradient.
    pub(super) fn gradient(&self, numbers: u64) -> Value {
        self.new_value(numbers, Part::Gradients)
    }

    /// A trained parameter.
    pub(super) fn leaf(&self, value: Value) -> Var {
        Var {
            value,
            node: Some(self.new_node(0)),
        }
    }

    fn new_node(&self, depth: usize) -> Node {
        let id = self.next.get();
        self.next.set(id + 1);
        Node { id, depth }
    }

    /// The value filling its buffer: a copy where it does not.
    pub(super) fn dense(&self, value: Value) -> Value {
        if value.is_dense {
            value
        } else {
            self.activation(value.numbers)
        }
    }

    /// To be written over: a copy where others hold it.
    pub(super) fn writable(&self, value: Value) -> Value {
        if value.is_reusable() {
            value
        } else {
            self.new_value(value.numbers, value.buffer.part)
        }
    }

    /// An element-wise operation of burn's: into whichever side nobody else holds. Where `right` is smaller, it is spread out first.
    pub(super) fn binary(&self, left: Value, right: &Value) -> Value {
        if left.is_reusable() {
            left
        } else if right.is_reusable() && right.numbers == left.numbers {
            right.clone()
        } else {
            self.activation(left.numbers)
        }
    }

    /// The output of an operation of ours.
    pub(super) fn fused(
        &self,
        inputs: &[Option<Node>],
        output: Value,
        backward: impl FnOnce(&Tape, Value, Vec<Want>) -> Vec<Option<Value>> + 'static,
    ) -> Var {
        self.record(inputs, output, true, Box::new(backward))
    }

    /// The output of an operation of burn's.
    pub(super) fn plain(
        &self,
        inputs: &[Option<Node>],
        output: Value,
        backward: impl FnOnce(&Tape, Value, Vec<Want>) -> Vec<Option<Value>> + 'static,
    ) -> Var {
        self.record(inputs, output, false, Box::new(backward))
    }

    fn record(
        &self,
        inputs: &[Option<Node>],
        value: Value,
        adds_itself: bool,
        backward: Backward,
    ) -> Var {
        let Some(deepest) = inputs.iter().flatten().map(|node| node.depth).max() else {
            return Var { value, node: None };
        };
        let node = self.new_node(deepest + 1);
        let mut steps = self.steps.borrow_mut();
        if steps.len() <= node.depth {
            steps.resize_with(node.depth + 1, Vec::new);
        }
        steps[node.depth].push(Step {
            node,
            parents: inputs.to_vec(),
            adds_itself,
            backward,
        });
        Var {
            value,
            node: Some(node),
        }
    }

    /// Runs all steps back from `loss`; what is left are the gradients of the parameters, in the order in which these were made.
    pub(super) fn backward(&self, loss: Var) -> Vec<Value> {
        let mut waiting: BTreeMap<usize, Value> = BTreeMap::new();
        let Some(node) = loss.node else {
            return Vec::new();
        };
        waiting.insert(node.id, self.activation(1));
        drop(loss);
        let mut pending = HashSet::new();
        let steps = self.steps.take();
        for step in steps.into_iter().rev().flatten() {
            let Some(grad) = waiting.remove(&step.node.id) else {
                continue;
            };
            pending.remove(&step.node.id);
            let wants = step.parents.iter().map(|parent| match parent {
                None => Want::No,
                Some(node) if step.adds_itself && pending.remove(&node.id) => {
                    waiting.remove(&node.id).map_or(Want::New, Want::Add)
                }
                Some(_) => Want::New,
            });
            let wants = wants.collect();
            let gradients = (step.backward)(self, grad, wants);
            for (parent, gradient) in step.parents.into_iter().zip(gradients) {
                let (Some(node), Some(gradient)) = (parent, gradient) else {
                    continue;
                };
                let sum = match waiting.remove(&node.id) {
                    Some(earlier) => self.binary(gradient, &earlier),
                    None => gradient,
                };
                waiting.insert(node.id, sum);
                if step.adds_itself && node.depth > 0 {
                    pending.insert(node.id);
                }
            }
        }
        waiting.into_values().collect()
    }
}
