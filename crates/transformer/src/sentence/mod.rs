//! Folders of sentence-transformers (<https://sbert.net>, versions 2 to 6): modules.json and what it names say how a text is read and how
//! its tokens' states become one vector. `SentenceTransformer(folder).encode(text)` is the reference.

mod behind;
mod dense;
mod embedder;
mod error;
mod json;
mod pooling;
mod transformer;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

pub use embedder::Embedder;
pub use error::SentenceError;

use crate::pooling::Pooling;
use behind::Behind;
use json::Fields;

/// Names the modules; a folder without it is none of sentence-transformers.
pub(crate) const MODULES_FILE: &str = "modules.json";
/// Prompts.
pub(crate) const PROMPTS_FILE: &str = "config_sentence_transformers.json";

/// More modules than anybody stacks; each costs time for every text.
const MOST_MODULES: usize = 16;

/// What stands beside a checkpoint.
#[derive(Clone, Debug, Default)]
pub enum SentenceFolder {
    /// No modules.json.
    #[default]
    None,
    /// Modules that are followed.
    Modules(Box<SentenceModules>),
    /// Something that is not followed; who needs vectors of texts refuses the folder with this reason.
    Refused(SentenceError),
}

/// How a text is read, and how its tokens' states become one vector.
#[derive(Clone, Debug)]
pub struct SentenceModules {
    /// At least one; several stand side by side.
    pooling: Vec<Pooling>,
    behind: Vec<Behind>,
    /// Stands before every text.
    prompt: Option<String>,
    /// Whether the prompt's tokens count in the pooling.
    include_prompt: bool,
    /// Prompts that are there, and none of them the default.
    idle_prompts: Vec<String>,
    lower_case: bool,
    max_length: Option<usize>,
    /// Where the prompt stands.
    prompts_file: PathBuf,
}

impl SentenceFolder {
    /// Reads what stands beside a checkpoint with states of this width.
    pub(crate) fn read(dir: &Path, hidden: usize, device: &Device) -> Self {
        if std::fs::symlink_metadata(dir.join(MODULES_FILE)).is_err() {
            return Self::None;
        }
        match SentenceModules::read(dir, hidden, device) {
            Ok(modules) => Self::Modules(Box::new(modules)),
            Err(error) => Self::Refused(error),
        }
    }

    /// What the folder asks for, in words; `None` for a folder that is none of sentence-transformers.
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Modules(modules) => Some(modules.describe()),
            Self::Refused(error) => Some(error.to_string()),
        }
    }

    /// The pooling, and whether vectors are brought to length 1 behind it, where the folder asks for nothing else: one pooling, no prompt, no
    /// lower case, no module with weights of its own.
    pub fn plain(&self) -> Option<(Pooling, bool)> {
        let Self::Modules(modules) = self else {
            return None;
        };
        let has_weights = modules.behind.iter().any(|step| step.params() > 0);
        match modules.pooling[..] {
            [pooling] if modules.prompt.is_none() && !modules.lower_case && !has_weights => {
                Some((pooling, !modules.behind.is_empty()))
            }
            _ => None,
        }
    }

    /// Longest text in tokens that the folder asks for.
    pub fn max_length(&self) -> Option<usize> {
        match self {
            Self::Modules(modules) => modules.max_length,
            Self::None | Self::Refused(_) => None,
        }
    }
}

impl SentenceModules {
    fn read(dir: &Path, hidden: usize, device: &Device) -> Result<Self, SentenceError> {
        let named = named_modules(dir)?;
        let file = dir.join(MODULES_FILE);
        let [first, second, rest @ ..] = &named[..] else {
            let problem = format!(
                "names {} modules, expected Transformer, Pooling and what stands behind",
                named.len()
            );
            return Err(SentenceError::new(&file, problem));
        };
        if first.kind != "Transformer" || second.kind != "Pooling" {
            let problem = format!(
                "begins with \"{}\" and \"{}\", which is not implemented; supported are Transformer and Pooling",
                first.kind, second.kind
            );
            return Err(SentenceError::new(&file, problem));
        }
        if !first.path.is_empty() {
            let problem = format!(
                "has the Transformer in \"{}\", expected the checkpoint beside {MODULES_FILE}",
                first.path
            );
            return Err(SentenceError::new(&file, problem));
        }
        let settings = transformer::read(dir)?;
        let pooling = pooling::read(&Fields::read(second.config(dir))?, hidden)?;
        let mut width = hidden * pooling.modes.len();
        let mut behind = Vec::new();
        for module in rest {
            let step = module.read(dir, width, device)?;
            width = step.as_ref().map_or(width, |step| step.width(width));
            behind.extend(step);
        }
        let prompts = transformer::prompts(dir)?;
        Ok(Self {
            pooling: pooling.modes,
            behind,
            prompt: prompts.default,
            include_prompt: pooling.include_prompt,
            idle_prompts: prompts.idle,
            lower_case: settings.lower_case,
            max_length: settings.max_length,
            prompts_file: dir.join(PROMPTS_FILE),
        })
    }

    fn describe(&self) -> String {
        let pooling = self.pooling.iter().map(|mode| match mode {
            Pooling::First => "first token",
            Pooling::LastToken => "last token",
            Pooling::Mean => "mean",
            Pooling::Max => "largest values",
            Pooling::MeanSqrtLength => "mean by the root of the length",
            Pooling::WeightedMean => "mean weighted by position",
        });
        let pooling = pooling.collect::<Vec<_>>().join(" and ");
        let mut parts = vec![pooling];
        parts.extend(self.behind.iter().map(Behind::describe));
        if let Some(prompt) = &self.prompt {
            let counted = if self.include_prompt {
                ""
            } else {
                " (not pooled)"
            };
            parts.push(format!("prompt {prompt:?}{counted}"));
        }
        if self.lower_case {
            parts.push("lower case".to_owned());
        }
        if !self.idle_prompts.is_empty() {
            let names = self.idle_prompts.join(", ");
            parts.push(format!(
                "no prompt, as none of its prompts ({names}) is the default"
            ));
        }
        parts.join(", ")
    }
}

/// One entry of modules.json.
struct Module {
    /// The class without its path.
    kind: String,
    /// Its folder; empty for the checkpoint's own.
    path: String,
}

impl Module {
    fn config(&self, dir: &Path) -> PathBuf {
        dir.join(&self.path).join("config.json")
    }

    /// The step behind the pooling; `None` for Dropout, which does nothing in inference.
    fn read(
        &self,
        dir: &Path,
        width: usize,
        device: &Device,
    ) -> Result<Option<Behind>, SentenceError> {
        let own = dir.join(&self.path);
        Ok(match self.kind.as_str() {
            "Dense" => {
                let fields = Fields::read(self.config(dir))?;
                Some(Behind::Dense(dense::read(&fields, &own, width, device)?))
            }
            "LayerNorm" => Some(behind::layer_norm(
                &Fields::read(self.config(dir))?,
                &own,
                width,
                device,
            )?),
            // Early versions wrote no settings for it.
            "Normalize" => Some(behind::normalize(&Fields::read_if_there(
                self.config(dir),
            )?)?),
            "Dropout" => None,
            other => {
                let problem = format!(
                    "names the module \"{other}\" in \"{}\", which is not implemented; supported behind Transformer and Pooling are Dense, LayerNorm, Normalize and Dropout",
                    self.path
                );
                return Err(SentenceError::new(&dir.join(MODULES_FILE), problem));
            }
        })
    }
}

/// The entries of modules.json, each of sentence-transformers and inside the folder.
fn named_modules(dir: &Path) -> Result<Vec<Module>, SentenceError> {
    let file = dir.join(MODULES_FILE);
    let value = json::read(&file)?;
    let Some(entries) = value.as_array() else {
        let problem = format!("holds {}, expected a list of modules", json::short(&value));
        return Err(SentenceError::new(&file, problem));
    };
    if entries.len() > MOST_MODULES {
        let problem = format!(
            "names {} modules, expected at most {MOST_MODULES}",
            entries.len()
        );
        return Err(SentenceError::new(&file, problem));
    }
    let entries = entries.iter().map(|entry| {
        let entry = Fields::of(file.clone(), entry.clone())?;
        let path = entry.text("path")?.unwrap_or_default();
        if !path.is_empty() {
            hub::inside(path).map_err(|error| entry.error(error.to_string()))?;
        }
        let class = entry.text("type")?.unwrap_or_default();
        let own = class.strip_prefix("sentence_transformers.");
        let Some(kind) = own.and_then(|class| class.rsplit('.').next()) else {
            let expected = "a module of sentence_transformers; others bring code of their own";
            return Err(entry.wrong("type", &class.into(), expected));
        };
        Ok(Module {
            kind: kind.to_owned(),
            path: path.to_owned(),
        })
    });
    entries.collect()
}

/// The files of a folder of sentence-transformers that decide how texts become vectors, those that are there: modules.json, what it names,
/// and the settings beside it. Nothing where there is no modules.json.
pub fn sentence_files(dir: &Path) -> Vec<PathBuf> {
    if !dir.join(MODULES_FILE).is_file() {
        return Vec::new();
    }
    let names = [MODULES_FILE].into_iter().chain(settings_files());
    let mut files: Vec<PathBuf> = names.map(|name| dir.join(name)).collect();
    files.extend(module_files(dir).iter().map(|name| dir.join(name)));
    files.retain(|file| file.is_file());
    files
}

/// Names of the files of settings beside modules.json: the prompts', then those of the Transformer, of which the first that is there is read.
pub(crate) fn settings_files() -> impl Iterator<Item = &'static str> {
    [PROMPTS_FILE]
        .into_iter()
        .chain(transformer::SETTINGS_FILES)
}

/// Names of the files that modules.json of this folder can mean, from the folder; nothing where it is unreadable.
pub(crate) fn module_files(dir: &Path) -> Vec<String> {
    let modules = named_modules(dir).unwrap_or_default();
    let own = modules.iter().filter(|module| !module.path.is_empty());
    own.flat_map(|module| {
        ["config.json", "model.safetensors"].map(|name| format!("{}/{name}", module.path))
    })
    .collect()
}
