//! Settings of `feature-based` and `knn`.

use adapt::PairEncoding;
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
    /// Each text's features to length 1, before those of a pair are combined.
    UnitLength,
    /// Each feature to mean 0 and deviation 1 over the training split.
    Standardise,
}

/// How the two texts of a pair become features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// The better of the two on the validation split; joint where that is empty.
    Auto,
    /// The states of both texts read as one sequence.
    Joint,
    /// u, v, |u - v| and u * v side by side, of the texts' vectors u and v.
    Apart,
}

impl Pairs {
    /// What is tried, the one kept in a tie first.
    pub(crate) fn encodings(self, validated: bool) -> &'static [PairEncoding] {
        match self {
            Self::Auto if validated => &[PairEncoding::Joint, PairEncoding::Apart],
            Self::Auto | Self::Joint => &[PairEncoding::Joint],
            Self::Apart => &[PairEncoding::Apart],
        }
    }
}

adapt::settings! {
    /// Settings of `feature-based`.
    pub struct FeatureBased {
        /// How hidden states become one vector: `mean`, `first`, `last-token`, `max`, `mean-sqrt-length` or `weighted-mean`; null: the
        /// run's pooling, else what the modules.json of a sentence-transformers folder says, else mean for encoders and last token for
        /// decoders. Given, here or for the run, it sets the folder's modules aside.
        pooling: Option<Pooling> = None,
        /// Which hidden states: `"last"`, `"auto"` (best on validation), `"all"` (the embeddings' and every block's side by side; Devlin et
        /// al. 2019, table 7, put the last four so) or a number of blocks, 0 for the embeddings.
        layer: Layer = Layer::Last,
        /// The two texts of a pair: `"joint"` as one sequence, `"apart"` each by itself, as u, v, |u - v|, u * v (Conneau et al. 2017,
        /// Reimers & Gurevych 2019), or `"auto"` (the better on validation; joint where that is empty).
        pairs: Pairs = Pairs::Auto,
        /// Scaling before the classifier: `"none"` as scikit-learn, `"unit-length"` (each text's vector) as sentence-transformers,
        /// `"standardise"` to mean 0, deviation 1.
        scaling: Scaling = Scaling::None,
        /// Inverse penalties: a number, or several of which the best on the validation split is taken.
        c: Grid = Grid::powers_of_ten(-3, 3) => adapt::Range::from(1e-12, 1e12),
    }
}

adapt::settings! {
    /// Settings of `knn`.
    pub struct Knn {
        /// As for `feature-based`.
        pooling: Option<Pooling> = None,
        /// As for `feature-based`.
        layer: Layer = Layer::Last,
        /// As for `feature-based`.
        pairs: Pairs = Pairs::Auto,
        /// How far apart two texts are: `"cosine"` or `"euclidean"`.
        metric: Metric = Metric::Cosine,
        /// What a neighbour's vote weighs: `"distance"` or `"uniform"`; neighbours at distance 0 outvote all others.
        votes: Votes = Votes::Distance,
        /// Numbers of neighbours: a number, or several of which the best on the validation split is taken.
        k: Ks = Ks([1, 3, 5, 10, 20, 50].to_vec()) => adapt::Range::whole(1, 1 << 32),
        /// So many votes are spread evenly over the classes (Laplace, divided by their number).
        smoothing: f64 = 1.0 => adapt::Range::above(0.0, 1e6),
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
