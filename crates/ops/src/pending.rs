//! Gradients that wait for further contributions.

use burn::backend::autodiff::NodeId;
use std::cell::RefCell;
use std::collections::HashSet;

/// Nodes inside the graph (leaves have order 0) to whose gradient a fused operation has contributed, and that have not
/// used it yet.
///
/// burn adds the contributions of several users of a tensor in one thread and in a pass of its own. Where one is known
/// to be waiting, the operation takes it and adds to it itself: a matrix product accumulates at no cost. A node that is
/// missing here only costs that pass. One that is here does have a gradient waiting: nodes are visited in order of
/// depth, so that all users of a tensor have contributed before its own step takes the sum, and numbers of nodes are
/// never used again.
pub(crate) struct Pending(HashSet<NodeId>);

thread_local! {
    static PENDING: RefCell<HashSet<NodeId>> = RefCell::default();
}

impl Pending {
    pub(crate) fn take() -> Self {
        Self(PENDING.take())
    }

    /// Whether the node was waiting; it is not any more.
    pub(crate) fn strike_off(&mut self, node: NodeId) -> bool {
        self.0.remove(&node)
    }

    pub(crate) fn add(&mut self, node: NodeId) {
        self.0.insert(node);
    }

    pub(crate) fn put_back(mut self) {
        if self.0.len() > 4096 {
            self.0.clear(); // steps that are not fused use their gradient without striking it off
        }
        PENDING.set(self.0);
    }
}
