//! Values that the backward pass computes a second time instead of keeping them: results of norms, activations and gated products, which
//! cost one pass over memory. A linear map behind one of them holds the operation rather than its result. Chen et al. 2016, *Training deep
//! nets with sublinear memory cost*, <https://arxiv.org/abs/1604.06174>, for single operations.

use crate::tape::{Edge, Saved, Want};
use burn::backend::autodiff::NodeId;
use burn::backend::flex::FlexTensor;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What an operation keeps for its backward pass, where its result follows from it.
pub(crate) trait Recipe: Clone + Debug + Send + 'static {
    /// The operation's result again, digit for digit; asked for once. What is kept may change its form for the backward pass.
    fn compute(&mut self) -> FlexTensor;
}

/// An operation's recipe, shared by its own backward step and those of the operations that read its result.
#[derive(Debug)]
struct Source<R>(Mutex<Shared<R>>);

#[derive(Debug)]
struct Shared<R> {
    recipe: R,
    /// Operations that are going to read the result in their backward pass.
    readers: usize,
    /// The result, from the first of them to the last.
    result: Option<FlexTensor>,
}

/// A result that can be had again.
pub(crate) trait Recompute: Debug + Send + Sync {
    /// Announces a reader.
    fn add_reader(&self);

    /// The result, once for each reader.
    fn result(&self) -> FlexTensor;
}

impl<R> Source<R> {
    fn lock(&self) -> MutexGuard<'_, Shared<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Recipe> Recompute for Source<R> {
    fn add_reader(&self) {
        self.lock().readers += 1;
    }

    fn result(&self) -> FlexTensor {
        let mut shared = self.lock();
        let result = match shared.result.take() {
            Some(result) => result,
            None => shared.recipe.compute(),
        };
        shared.readers -= 1;
        if shared.readers > 0 {
            shared.result = Some(result.clone());
        }
        result
    }
}

/// What an operation keeps whose result is computed again by those that read it.
#[derive(Clone, Debug)]
pub(crate) struct Sourced<R>(Arc<Source<R>>);

impl<R: Recipe> Sourced<R> {
    pub(crate) fn new(recipe: R) -> Self {
        let shared = Shared {
            recipe,
            readers: 0,
            result: None,
        };
        Self(Arc::new(Source(Mutex::new(shared))))
    }
}

impl<R: Recipe + Saved<N>, const N: usize> Saved<N> for Sourced<R> {
    fn backward(self, grad: FlexTensor, wanted: [Want; N]) -> [Option<FlexTensor>; N] {
        // All readers are deeper in the graph and have run: what was kept belongs to this step alone, and may be written over.
        let recipe = match Arc::try_unwrap(self.0) {
            Ok(Source(shared)) => {
                let shared = shared.into_inner();
                shared.unwrap_or_else(PoisonError::into_inner).recipe
            }
            Err(held) => held.lock().recipe.clone(),
        };
        recipe.backward(grad, wanted)
    }

    fn source(&self) -> Option<Arc<dyn Recompute>> {
        Some(self.0.clone())
    }
}

/// A value that an operation needs in its backward pass.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Value(FlexTensor),
    Again(Arc<dyn Recompute>),
}

impl Kept {
    /// The value of an input; or, where that can be computed again, what computes it.
    pub(crate) fn of(value: FlexTensor, edge: &Edge) -> Self {
        match edge.source.clone() {
            Some(source) => {
                source.add_reader();
                Self::Again(source)
            }
            None => Self::Value(value),
        }
    }

    pub(crate) fn value(self) -> FlexTensor {
        match self {
            Self::Value(value) => value,
            Self::Again(source) => source.result(),
        }
    }
}

thread_local! {
    /// Sources by the node of their result, as long as the graph holds them. Numbers of nodes are never used again.
    static SOURCES: RefCell<HashMap<NodeId, Weak<dyn Recompute>>> = RefCell::default();
}

/// More entries than a forward pass makes between two that are still held.
const ENTRIES: usize = 1024;

/// Notes that the result with this node can be computed again.
pub(crate) fn remember(node: NodeId, source: &Arc<dyn Recompute>) {
    SOURCES.with_borrow_mut(|sources| {
        if sources.len() >= ENTRIES {
            sources.retain(|_, source| source.strong_count() > 0);
        }
        sources.insert(node, Arc::downgrade(source));
    });
}

/// What computes the result with this node again, if it can be.
pub(crate) fn source_of(node: NodeId) -> Option<Arc<dyn Recompute>> {
    SOURCES.with_borrow(|sources| sources.get(&node)?.upgrade())
}
