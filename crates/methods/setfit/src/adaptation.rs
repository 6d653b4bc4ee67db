//! What is inserted into the body: the corrections of LoRA, or nothing.

use burn::module::Module;
use burn::tensor::Tensor;
use lora::LoraAdaptation;
use transformer::{At, Hooks, Linear, Proj};

/// The corrections, where the body trains as `lora`.
#[derive(Module, Debug)]
pub struct BodyAdaptation {
    /// Beside the body's maps.
    pub lora: Option<LoraAdaptation>,
}

impl Hooks for BodyAdaptation {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        match &self.lora {
            Some(lora) => lora.project(at, x, map),
            None => map.apply(x),
        }
    }
}
