//! Settings of `feature-based` and `knn`.

use adapt::ConfigError;
use linear::{Grid, Metric, Votes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::num::NonZeroUsize;
use transformer::Pooling;

/// Which hidden states are the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Layer {
    /// What the last block gives, after the final norm where there is one.
    Last,
    /// The one that is best on the validation split.
    Auto,
    /// The embeddings' and every block's, side by side.
    All,
    /// What block so many gives, counted from 1; 0 is the embeddings. Blocks above it are not run.
    After(usize),
}

/// How features are scaled before the classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// As they are.
    None,
    /// Each example's features to length 1.
    UnitLength,
    /// Each feature to mean 0 and deviation 1 over the training split.
    Standardise,
}

/// Settings of `feature-based`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureBasedConfig {
    /// How hidden states become one vector; `None`: the run's pooling, else mean for encoders and last token for decoders.
    pub pooling: Option<Pooling>,
    /// Which hidden states.
    pub layer: Layer,
    /// Scaling before the classifier.
    pub scaling: Scaling,
    /// Inverse penalties; of several, the best on the validation split is taken.
    pub c: Grid,
}

impl Default for FeatureBasedConfig {
    fn default() -> Self {
        Self {
            pooling: None,
            layer: Layer::Last,
            scaling: Scaling::None,
            c: Grid::powers_of_ten(-3, 3),
        }
    }
}

/// Settings of `knn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnConfig {
    /// As for `feature-based`.
    pub pooling: Option<Pooling>,
    /// As for `feature-based`.
    pub layer: Layer,
    /// How far apart two texts are.
    pub metric: Metric,
    /// What a neighbour's vote weighs.
    pub votes: Votes,
    /// Numbers of neighbours; of several, the best on the validation split is taken.
    pub k: Ks,
    /// Votes spread evenly over all classes.
    pub smoothing: f64,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self {
            pooling: None,
            layer: Layer::Last,
            metric: Metric::Cosine,
            votes: Votes::Distance,
            k: Ks([1, 3, 5, 10, 20, 50].to_vec()),
            smoothing: 1.0,
        }
    }
}

impl KnnConfig {
    pub(crate) fn check(self, method: &str) -> Result<Self, ConfigError> {
        if self.smoothing.is_finite() && self.smoothing > 0.0 {
            return Ok(self);
        }
        let reason = format!("smoothing is {}, expected a number above 0", self.smoothing);
        Err(ConfigError::BadValue {
            method: method.to_owned(),
            reason,
        })
    }
}

/// Numbers of neighbours, rising, at least one. In JSON a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Vec<usize>")]
pub struct Ks(Vec<usize>);

impl Ks {
    /// The numbers, rising.
    pub fn values(&self) -> &[usize] {
        &self.0
    }
}

impl TryFrom<Value> for Ks {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let wrong =
            || format!("k is {value}, expected a number of neighbours above 0, or a list of them");
        let single = |value: &Value| {
            serde_json::from_value::<NonZeroUsize>(value.clone())
                .ok()
                .map(NonZeroUsize::get)
        };
        let values: Option<Vec<usize>> = match &value {
            Value::Array(values) => values.iter().map(single).collect(),
            value => single(value).map(|k| vec![k]),
        };
        let mut values = values.ok_or_else(wrong)?;
        values.sort_unstable();
        values.dedup();
        if values.is_empty() {
            Err(wrong())
        } else {
            Ok(Self(values))
        }
    }
}

impl From<Ks> for Vec<usize> {
    fn from(ks: Ks) -> Self {
        ks.0
    }
}

impl TryFrom<Value> for Layer {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        // A number given on the command line, where a word is expected, comes as text.
        let number = value.as_str().and_then(|text| text.parse().ok());
        match (value.as_str(), value.as_u64().or(number)) {
            (Some("last"), _) => Ok(Self::Last),
            (Some("auto"), _) => Ok(Self::Auto),
            (Some("all"), _) => Ok(Self::All),
            (_, Some(blocks)) => Ok(Self::After(blocks as usize)),
            _ => Err(format!(
                "layer is {value}, expected \"last\", \"auto\", \"all\" or a number of blocks (0: the embeddings)"
            )),
        }
    }
}

impl From<Layer> for Value {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Last => "last".into(),
            Layer::Auto => "auto".into(),
            Layer::All => "all".into(),
            Layer::After(blocks) => blocks.into(),
        }
    }
}
