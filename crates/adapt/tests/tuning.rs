//! What the search over learning rates chooses, on a method that only pretends to learn.

use adapt::{
    Budget, ConfigError, Event, FitError, Footprint, Level, LoadAdapterError, Logits, Method,
    MethodInfo, Plan, PredictError, Predictor, SaveError, SavedInfo, SearchRange, Setting,
    parse_config, tune,
};
use burn::tensor::Device;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::Path;
use task::{Example, Split};
use transformer::Pretrained;

struct Pretends;

adapt::settings! {
    /// Settings of a method that only pretends.
    pub struct Rate {
        /// Peak learning rate.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

impl Method for Pretends {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "pretends",
            definition: "",
            paper: "",
            level: Level::Baseline,
            uses_model: false,
            look: None,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Rate>("pretends", config)?))
    }

    fn search_ranges(&self) -> Vec<SearchRange> {
        vec![SearchRange::learning_rate(1e-3)]
    }
}

impl Plan for Rate {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }

    fn fit(self: Box<Self>, _setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        Ok(self)
    }

    fn load_with(
        self: Box<Self>,
        _dir: &Path,
        _info: SavedInfo,
        _base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(self)
    }
}

impl Predictor for Rate {
    /// Always the second class, with a small rate; nothing but NaN with a large one.
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let row = if self.learning_rate < 2e-3 {
            vec![0.0, 1.0]
        } else {
            vec![f32::NAN, f32::NAN]
        };
        Ok(vec![row; examples.len()])
    }

    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    fn save(&self, _dir: &Path) -> Result<(), SaveError> {
        Ok(())
    }
}

#[test]
fn a_rate_that_gives_no_numbers_is_never_chosen_though_most_labels_are_of_the_first_class() {
    let examples = [0, 0, 1].map(|label| Example {
        row: 0,
        text: "a text".to_owned(),
        second: None,
        label,
    });
    let split = Split {
        examples: examples.to_vec(),
    };
    let classes = ["bad", "good"].map(str::to_owned);
    let setting = Setting {
        base: None,
        classes: &classes,
        descriptions: None,
        train: &split,
        validation: &split,
        budget: Budget::default(),
        seed: 0,
        device: &Device::flex(),
        events: &mut |_: Event| {},
    };
    let n = NonZeroUsize::new(3).unwrap();
    let found = tune(&Pretends, &Rate::default().resolved(), n, &setting)
        .unwrap()
        .unwrap();
    assert!(
        found.best["learning_rate"].as_f64().unwrap() < 2e-3,
        "{found:?}"
    );
    let broken = &found.trials[2];
    assert!(broken.validation_accuracy.is_none());
    assert!(
        broken.error.as_ref().unwrap().contains("not numbers"),
        "{broken:?}"
    );
}
