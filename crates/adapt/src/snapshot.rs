//! The trainable parameters at one moment, on the host: the best checkpoint so far.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
use std::collections::HashMap;

/// Copies of the parameters that require a gradient.
#[derive(Default)]
pub(crate) struct Snapshot(HashMap<ParamId, TensorData>);

impl Snapshot {
    /// The parameters as they are now.
    pub(crate) fn take<M: Module>(module: &M) -> Self {
        let mut snapshot = Self::default();
        module.visit(&mut snapshot);
        snapshot
    }

    /// The module with these parameters in place of its own.
    pub(crate) fn restore<M: Module>(self, module: M) -> M {
        let mut restore = Restore(self.0);
        module.map(&mut restore)
    }
}

impl ModuleVisitor for Snapshot {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            let data = param.val().into_data();
            // Copied at once: by wgpu (burn 0.22.1) the data is read when it is first looked at, and by then the optimiser has changed the buffer in place.
            let bytes = data.as_bytes().to_vec();
            let copy = TensorData::from_bytes_vec(bytes, data.shape().clone(), data.dtype());
            self.0.insert(param.id, copy);
        }
    }
}

struct Restore(HashMap<ParamId, TensorData>);

impl ModuleMapper for Restore {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.remove(&param.id) {
            Some(data) => param.map(|old| {
                let device = old.device();
                Tensor::from_data(data, &device).set_require_grad(old.is_require_grad())
            }),
            None => param,
        }
    }
}

/// How many parameters require a gradient.
pub(crate) fn count_trainable<M: Module>(module: &M) -> u64 {
    struct Count(u64);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0 += param.lazy_shape().num_elements() as u64;
            }
        }
    }
    let mut count = Count(0);
    module.visit(&mut count);
    count.0
}
