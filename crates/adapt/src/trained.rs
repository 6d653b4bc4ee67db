//! A gradient-trained method as the registry holds it: everything the registry asks comes from the configuration.

use crate::{
    ConfigError, Described, Method, MethodInfo, Peft, Plan, SearchRange, SettingDoc, parse_config,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;
use transformer::Pretrained;

/// The method whose configuration is `P`: `pub static IA3: Trained<Ia3> = Trained::new();`
#[derive(Clone, Copy, Debug)]
pub struct Trained<P>(PhantomData<fn() -> P>);

impl<P> Trained<P> {
    /// The entry for the registry.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P> Default for Trained<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Peft + Default + DeserializeOwned + Described> Method for Trained<P> {
    fn info(&self) -> &'static MethodInfo {
        const { &P::INFO }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<P>(P::INFO.name, config)?))
    }

    fn settings(&self) -> &'static [SettingDoc] {
        P::SETTINGS
    }

    /// The learning rate around its default, then what the method adds.
    fn search_ranges(&self) -> Vec<SearchRange> {
        let rate = SearchRange::learning_rate(P::default().learning_rate());
        std::iter::once(rate)
            .chain(P::FURTHER_RANGES.iter().copied())
            .collect()
    }

    fn variants(&self) -> &'static [&'static str] {
        P::VARIANTS
    }

    fn not_applicable(&self, base: &Pretrained) -> Option<String> {
        P::default().not_applicable(&base.shape)
    }
}
