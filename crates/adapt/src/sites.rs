//! One optional module for each linear map of a block.

use burn::module::{Module, ModuleDisplay};
use transformer::Proj;

/// One optional module for each linear map of a block.
#[derive(Module, Debug)]
pub struct Sites<M: Module + ModuleDisplay> {
    query: Option<M>,
    key: Option<M>,
    value: Option<M>,
    out: Option<M>,
    gate: Option<M>,
    up: Option<M>,
    down: Option<M>,
}

impl<M: Module + ModuleDisplay> Sites<M> {
    /// What `f` gives for each map, in the order of [`Proj::ALL`].
    pub fn from_fn(f: impl FnMut(Proj) -> Option<M>) -> Self {
        let [query, key, value, out, gate, up, down] = Proj::ALL.map(f);
        Self { query, key, value, out, gate, up, down }
    }

    /// The module at a map, if there is one.
    pub fn get(&self, site: Proj) -> Option<&M> {
        match site {
            Proj::Query => self.query.as_ref(),
            Proj::Key => self.key.as_ref(),
            Proj::Value => self.value.as_ref(),
            Proj::Out => self.out.as_ref(),
            Proj::Gate => self.gate.as_ref(),
            Proj::Up => self.up.as_ref(),
            Proj::Down => self.down.as_ref(),
        }
    }
}
