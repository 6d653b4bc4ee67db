//! A module's parameters looked at one by one: moved a little, their gradients, their values.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use ops::to_floats;
use std::collections::BTreeMap;

/// Moves each trained parameter by amounts that are always the same.
pub(super) struct Moved;

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        param.map(|old| {
            let (device, dims) = (old.device(), old.dims());
            let mut values = to_floats(old.detach());
            for (i, value) in values.iter_mut().enumerate() {
                *value += 0.05 * (1.7 * i as f32 + 0.3).sin();
            }
            Tensor::from_data(TensorData::new(values, dims), &device).require_grad()
        })
    }
}

/// The gradient of each trained parameter by its path; `None` where there is none.
pub(super) fn gradients<M: Module>(
    module: &M,
    found: &GradientsParams,
) -> BTreeMap<String, Option<Vec<f32>>> {
    struct Collect<'a> {
        path: Vec<String>,
        found: &'a GradientsParams,
        gradients: BTreeMap<String, Option<Vec<f32>>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                let gradient = self.found.get::<D>(param.id).map(to_floats);
                self.gradients.insert(self.path.join("."), gradient);
            }
        }
    }
    let mut collect = Collect {
        path: Vec::new(),
        found,
        gradients: BTreeMap::new(),
    };
    module.visit(&mut collect);
    collect.gradients
}

/// Each parameter by its path: whether it trains, and its values.
pub(super) fn values<M: Module>(module: &M) -> BTreeMap<String, (bool, Vec<f32>)> {
    #[derive(Default)]
    struct Values {
        path: Vec<String>,
        found: BTreeMap<String, (bool, Vec<f32>)>,
    }
    impl ModuleVisitor for Values {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.insert(
                self.path.join("."),
                (param.is_require_grad(), to_floats(param.val().detach())),
            );
        }
    }
    let mut values = Values::default();
    module.visit(&mut values);
    values.found
}
