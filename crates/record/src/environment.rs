//! On what a run was made: `run.json`.

use crate::RunNotes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the layout of everything this crate serialises.
pub const SCHEMA: u32 = 1;

/// Where, with what and how a run was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of this layout.
    pub schema: u32,
    /// The command line as typed.
    pub command_line: Vec<String>,
    /// Start, RFC 3339 in UTC.
    pub started_at: String,
    /// Commit of the program's sources, if known when it was built.
    pub git_revision: Option<String>,
    /// Whether the sources differed from that commit.
    pub git_dirty: Option<bool>,
    /// `rustc --version` of the build.
    pub rustc: Option<String>,
    /// SHA-256 of Cargo.lock at the build.
    pub cargo_lock_digest: Option<String>,
    /// Version of burn.
    pub burn_version: String,
    /// Cargo profile and optimisation level of the build.
    pub profile: String,
    /// Backend features compiled in.
    pub features: Vec<String>,
    /// Processor model.
    pub cpu: Option<String>,
    /// Cores available to the process.
    pub cores: Option<u64>,
    /// Physical memory.
    pub ram_bytes: Option<u64>,
    /// Graphics processor, as the device names itself.
    pub gpu: Option<String>,
    /// Its driver.
    pub driver: Option<String>,
    /// Operating system and kernel.
    pub os: Option<String>,
    /// SHA-256 by model name.
    pub model_digests: BTreeMap<String, String>,
    /// SHA-256 by task name.
    pub task_digests: BTreeMap<String, String>,
    /// What was found out about models, tasks and methods before the first trial.
    #[serde(default, skip_serializing_if = "RunNotes::is_empty")]
    pub notes: RunNotes,
    /// The methods of the run in the order in which tables and charts show them.
    #[serde(default)]
    pub methods: Vec<MethodNote>,
    /// The resolved plan: methods, variants, seeds, budget.
    pub plan: serde_json::Value,
}

/// The level of methods that use no pretrained model, in [`MethodNote::level`].
pub const BASELINE: &str = "baseline";

/// How a report introduces a method, copied from the registry when the run is made, so that a report needs no registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodNote {
    /// Name in `METHODS`.
    pub name: String,
    /// One line: what it does.
    pub definition: String,
    /// Where it was published, if anywhere.
    #[serde(default)]
    pub paper: Option<String>,
    /// Where it acts, as `adapt::Level` names it; absent from runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// How it looks in charts; runs made before looks were registered have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<MethodLook>,
}

/// Colour and shape of a method's markers in charts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodLook {
    /// `#rrggbb`.
    pub colour: String,
    /// `circle`, `square`, `up`, `diamond`, `down`, `pentagon`, `cross`, `hexagon` or `star`.
    pub shape: String,
}
