//! Results that the backward pass computes again: `ops::recompute`.

use super::tape::{Node, Tape, Value, Var, Want};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A result that can be had again.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Operations that are going to read it.
    readers: Cell<usize>,
    /// The result, from the first of them to the last.
    result: RefCell<Option<Value>>,
}

/// A value that an operation needs in its backward pass.
#[derive(Debug)]
pub(super) enum Kept {
    Value(Value),
    Again { source: Rc<Source>, numbers: u64 },
}

impl Kept {
    pub(super) fn value(self, tape: &Tape) -> Value {
        let (source, numbers) = match self {
            Self::Value(value) => return value,
            Self::Again { source, numbers } => (source, numbers),
        };
        let result = source.result.take();
        let result = result.unwrap_or_else(|| tape.activation(numbers));
        source.readers.set(source.readers.get() - 1);
        if source.readers.get() > 0 {
            source.result.replace(Some(result.clone()));
        }
        result
    }
}

impl Tape {
    /// As [`fused`](Self::fused), of an operation whose readers compute its output again.
    pub(super) fn sourced(
        &self,
        inputs: &[Option<Node>],
        output: Value,
        backward: impl FnOnce(&Tape, Value, Vec<Want>) -> Vec<Option<Value>> + 'static,
    ) -> Var {
        let source = Rc::new(Source::default());
        let own = source.clone();
        let output = self.fused(inputs, output, move |tape, dy, wants| {
            drop(own);
            backward(tape, dy, wants)
        });
        if let Some(node) = output.node {
            let source = Rc::downgrade(&source);
            self.sources.borrow_mut().insert(node.id, source);
        }
        output
    }

    /// An input's value, or what computes it again.
    pub(super) fn keep(&self, node: Option<Node>, value: Value) -> Kept {
        let sources = self.sources.borrow();
        let source = node.and_then(|node| sources.get(&node.id)?.upgrade());
        match source {
            Some(source) => {
                source.readers.set(source.readers.get() + 1);
                let numbers = value.numbers;
                Kept::Again { source, numbers }
            }
            None => Kept::Value(value),
        }
    }
}
