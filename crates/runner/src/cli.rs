//! The command line, as clap reads it.

use crate::plan::names;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Compares ways of adapting a pretrained transformer to a task: accuracy, time by phase, memory.
///
/// Without a command: the default comparison, offline, on a bundled model and task.
#[derive(Debug, Parser)]
#[command(name = "adaptbench", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// A path, `~` expanded.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| files::expand_home(&path))
}

/// A file to write, where `-` is standard output.
fn output() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if path.as_os_str() == "-" {
            Ok(PathBuf::from("/dev/stdout"))
        } else {
            files::expand_home(&path)
        }
    })
}

/// A model: a path, `~` expanded, or another name.
fn model(name: &str) -> anyhow::Result<String> {
    names::expanded(name)
}

/// A number of things, of which there must be one at least.
fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let found = match error.kind() {
            std::num::IntErrorKind::PosOverflow => "no number is that large here, ",
            _ => "",
        };
        format!("{found}expected a whole number above 0")
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train and measure methods x models x tasks x seeds, each trial in a process of its own
    Run(Box<RunArgs>),
    /// Write hidden states or pooled features of texts, as safetensors
    Features(FeaturesArgs),
    /// Classify texts with an adapted model
    Predict(PredictArgs),
    /// Write an adapted model as a PEFT checkpoint, which PEFT and transformers load in Python
    Export(ExportArgs),
    /// Start the program `pretrain`, which trains a small transformer from plain text: masked or causal, in Hugging Face layout
    #[command(disable_help_flag = true)]
    Pretrain(PretrainArgs),
    /// Rebuild CSV, plots and page of finished runs from their raw records
    Report {
        /// Directories of runs
        #[arg(required = true, value_parser = path())]
        dirs: Vec<PathBuf>,
        /// Leave the runs as they are and write a compact copy of each, DIR/NAME: run.json, tables, the main charts as SVG, and all records and
        /// predictions in one archive, which report, recommend and compare read as they read a run
        #[arg(long, value_name = "DIR", value_parser = path())]
        compact: Option<PathBuf>,
        /// Also rewrite this file's tables between `<!-- results:NAME -->` marks: NAME of a run's directory, or `methods`
        #[arg(long, value_name = "FILE", value_parser = path())]
        readme: Option<PathBuf>,
        /// Combinations of model, task and number of training examples that are shown in full, with charts and comparisons, where a run has more
        #[arg(long, value_name = "N", conflicts_with = "compact")]
        show: Option<NonZeroUsize>,
    },
    /// Say which method to choose under limits, what is not settled, and what would change the answer
    Recommend(RecommendArgs),
    /// Compare two runs method by method: what differs in settings, machine and program, then accuracy, time and memory
    Compare(CompareArgs),
    /// Measure a published finding again and say whether it holds here; without a name, list what there is
    Replicate(ReplicateArgs),
    /// List the methods, or write what the documentation says of them
    Methods(MethodsArgs),
    /// List the bundled models and how to name others
    Models(ListArgs),
    /// List the bundled tasks and how to name others
    Tasks(ListArgs),
    /// List the devices, whether they are compiled in and whether they are there
    Devices(ListArgs),
    /// How far a run is: trials by outcome, and where the others are [exit status 75 while some are to come]
    Status {
        /// Directory of a run
        #[arg(value_parser = path())]
        dir: PathBuf,
    },
    /// List the trials of a run that an engine of your own can begin now, one id a line: after `run PLAN --on other`
    Plan {
        /// Directory of a run
        #[arg(value_parser = path())]
        dir: PathBuf,
        /// The ids of those that are not on record and wait for no search
        #[arg(long, required = true)]
        list: bool,
    },
    /// Run one trial of a run, as an engine's job does [exit status 0 finished, 1 it failed and is on record, 74 its disk cannot be written, 75 not
    /// now: somebody else has it, or a search that it uses has not ended]
    Trial {
        /// Directory of the run, after `run PLAN --on other` or `--on slurm`
        #[arg(value_parser = path())]
        dir: PathBuf,
        /// One of the ids that `plan DIR --list` names
        id: String,
    },
    /// One trial, described on stdin (used by `run`)
    #[command(hide = true)]
    Child,
    /// Whether a device and a model can be used, asked on stdin (used by `run`)
    #[command(hide = true)]
    Probe,
    /// What trials will take, asked on stdin (used by `run --dry-run`)
    #[command(hide = true)]
    Estimate,
}

/// Points of accuracy, as a share.
fn points(text: &str) -> Result<f64, String> {
    let points = text.parse::<f64>().ok();
    let points = points.filter(|points| (0.0..100.0).contains(points));
    points.map(|points| points / 100.0).ok_or_else(|| {
        "expected points of accuracy from 0 to below 100, such as 1 or 0.5".to_owned()
    })
}

/// A percentage with its sign, as a share.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%');
    let percent = percent.and_then(|number| number.trim_end().parse::<f64>().ok());
    let percent = percent.filter(|percent| *percent > 0.0 && *percent < 100.0);
    percent.map(|percent| percent / 100.0).ok_or_else(|| {
        "expected a percentage above 0 % and below 100 %, with its sign, such as 5%".to_owned()
    })
}

/// US dollars.
fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.parse::<f64>().ok();
    let dollars = dollars.filter(|dollars| dollars.is_finite() && *dollars > 0.0);
    dollars.ok_or_else(|| "expected US dollars, a number above 0, such as 2.50".to_owned())
}

/// What `recommend` keeps low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostArg {
    /// Training time
    Train,
    /// The search for settings, once, and the training
    #[value(name = "search+train")]
    SearchTrain,
    /// Peak resident memory while training
    Memory,
    /// Time of one prediction
    Predict,
    /// Search, training and so many predictions
    Total,
    /// The same in money: calls of served models at their prices, what runs here at --usd-per-hour
    Money,
}

#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// Directories of runs
    #[arg(required = true, value_parser = path())]
    pub(crate) dirs: Vec<PathBuf>,
    /// How many points less accurate than the best still counts as good
    #[arg(long, value_name = "POINTS", default_value = "1", value_parser = points)]
    pub(crate) margin: f64,
    /// What to keep low among those as good: total is search, training and N predictions [default: money or total with --predictions or
    /// --queries-per-day, money where calls have prices; else search+train, since settings are searched again for another task]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) cost: Option<CostArg>,
    /// Texts to predict with what was adapted, for `--cost total` and `--cost money`
    #[arg(long, value_name = "N", value_parser = count, conflicts_with = "queries_per_day")]
    pub(crate) predictions: Option<NonZeroUsize>,
    /// The same as texts a day over a year: 365 times as many
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) queries_per_day: Option<NonZeroUsize>,
    /// Most errors among the texts that are answered, such as 5%; the others go to a person. Arms are then compared by the share that they
    /// answer
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    pub(crate) max_error: Option<f64>,
    /// Labels that there are: takes only what was measured with at most so many, those for validation counted
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) labels: Option<NonZeroUsize>,
    /// As JSON, one object for each model and task
    #[arg(long)]
    pub(crate) json: bool,
    /// Most resident memory while training, such as 2GiB
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_memory: Option<bytesize::ByteSize>,
    /// Longest training (preparation, first step, training), such as 5m
    #[arg(long, value_name = "TIME")]
    pub(crate) max_train_time: Option<humantime::Duration>,
    /// Most bytes to keep for the task beside the pretrained weights, such as 1MiB
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_stored: Option<bytesize::ByteSize>,
    /// Most US dollars for search, training and the predictions of --predictions or --queries-per-day
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) max_cost_usd: Option<f64>,
    /// What an hour of this machine costs, for `--cost money` and --max-cost-usd [default: 1]
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) usd_per_hour: Option<f64>,
    /// Longest prediction of one text, such as 5ms
    #[arg(long, value_name = "TIME")]
    pub(crate) max_predict_time: Option<humantime::Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 compared, and with --fail-if-worse every method is shown not to be worse. 1 a method is worse. 2 bad usage or input, among these runs \
that have nothing in common. 3 compared, and it cannot be told: the test rows are not the same in both, or with --fail-if-worse an interval reaches \
beyond the limit. 1 goes before 3.")]
pub(crate) struct CompareArgs {
    /// Directory of the first run
    #[arg(value_parser = path())]
    pub(crate) first: PathBuf,
    /// Directory of the second run
    #[arg(value_parser = path())]
    pub(crate) second: PathBuf,
    /// Fail, for a build, where a method of the first run is worse in the second: accuracy lower beyond chance (95 %, Holm's correction over all
    /// methods) and by more than so many percentage points, such as 1pp; or it is gone, or more of its trials failed
    #[arg(long, value_name = "POINTS", value_parser = share_of_points)]
    pub(crate) fail_if_worse: Option<f64>,
    /// Changes of training time that count as noise, such as 5%
    #[arg(long, value_name = "PERCENT", value_parser = share_of_percent, default_value = "5%")]
    pub(crate) noise: f64,
}

/// `1pp` as a share, 0.01.
fn share_of_points(text: &str) -> Result<f64, String> {
    if let Some(number) = text.strip_suffix('%') {
        return Err(format!(
            "a per cent of what? Write {number}pp for percentage points of accuracy"
        ));
    }
    let number = text.strip_suffix("pp").map(str::trim);
    match number.map(str::parse::<f64>) {
        Some(Ok(points)) if (0.0..=100.0).contains(&points) => Ok(points / 100.0),
        Some(Ok(_)) => Err("expected 0pp to 100pp".to_owned()),
        _ => Err("expected percentage points of accuracy, such as 1pp or 0.5pp".to_owned()),
    }
}

/// `5%` as a share, 0.05.
fn share_of_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim);
    match number.map(str::parse::<f64>) {
        Some(Ok(percent)) if (0.0..=1000.0).contains(&percent) => Ok(percent / 100.0),
        Some(Ok(_)) => Err("expected 0% to 1000%".to_owned()),
        _ => Err("expected per cent, such as 5%".to_owned()),
    }
}

#[derive(Debug, Default, Args)]
#[command(after_help = "\
Exit status: 0 the finding is replicated, 1 it is refuted or some trials failed, 2 bad usage or input, 3 the measurement leaves it open.")]
pub(crate) struct ReplicateArgs {
    /// Name of a replication
    pub(crate) name: Option<String>,
    /// Model to try it on: a directory, GGUF file, Hub id or bundled name [default: the published one, from the Hub]
    #[arg(long, value_name = "M")]
    pub(crate) model: Option<String>,
    /// Task to try it on [default: the published one, from the Hub]
    #[arg(long, value_name = "T")]
    pub(crate) task: Option<String>,
    /// Device
    #[arg(long, value_name = "D")]
    pub(crate) device: Option<String>,
    /// Where its run goes; the same command continues it [default: runs/NAME]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub(crate) out: Option<PathBuf>,
    /// The list as JSON
    #[arg(long, conflicts_with = "name")]
    pub(crate) json: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// A plan: the same settings as below as TOML keys (models, tasks, methods, seeds, epochs, .., [settings.METHOD], [[variant]])
    #[arg(value_parser = path())]
    pub(crate) plan: Option<PathBuf>,
    /// Models, commas between them: directories in Hugging Face layout, GGUF files, Hub ids, or bundled names; repeatable
    #[arg(long, value_name = "M")]
    pub(crate) model: Vec<String>,
    /// Tasks, commas between them: directories with train, validation and test files, Hub data set ids, or bundled names; repeatable
    #[arg(long, value_name = "T")]
    pub(crate) task: Vec<String>,
    /// Methods, or `all`: those that need no settings beyond their defaults, and others whose settings are given
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub(crate) methods: Vec<String>,
    /// Number of seeds, counted from 0
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) seeds: Option<NonZeroUsize>,
    /// Device; repeatable
    #[arg(long, value_name = "D", value_delimiter = ',')]
    pub(crate) device: Vec<String>,
    /// Training examples: a class-balanced draw, a new one for each seed, nested in larger ones; several, such as 8,32,128, make a label curve
    #[arg(long, value_name = "N,..", value_delimiter = ',', value_parser = count)]
    pub(crate) train_limit: Vec<NonZeroUsize>,
    /// Validation examples, the same for every trial [default: all]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) validation_limit: Option<NonZeroUsize>,
    /// Test examples, the same for every trial [default: all]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) test_limit: Option<NonZeroUsize>,
    /// Passes over the training examples
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) epochs: Option<NonZeroUsize>,
    /// Examples a step
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) batch: Option<NonZeroUsize>,
    /// Longest text in tokens; longer ones are cut and counted
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) max_length: Option<NonZeroUsize>,
    /// Learning rates that the search for every method's settings and epochs begins with, scored on validation with the first seed, whose
    /// choice the others use; costs 1.5 N full trainings or more; 0 takes the defaults
    #[arg(long, value_name = "N")]
    pub(crate) tune: Option<usize>,
    /// A setting of a method or of the training: `lora.rank=4`, `budget.weight_decay=0`; repeatable
    #[arg(long, value_name = "METHOD.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Stop a trial after so many seconds
    #[arg(long, value_name = "S")]
    pub(crate) time_limit: Option<f64>,
    /// Most that calls of served models may cost in this run, in US dollars, what is spent already included: a trial ends before its next call could
    /// exceed it. Holds until another is given
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) max_cost: Option<f64>,
    /// Only say what would run: trials, predicted memory and time; nothing runs and nothing is written
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What --dry-run says as JSON
    #[arg(long, requires = "dry_run")]
    pub(crate) json: bool,
    /// Where results go; a directory that holds the same plan is continued [default: runs/<date-time>]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub(crate) out: Option<PathBuf>,
    /// Trials at the same time on this machine, each on cores of its own; their times are marked as shared
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Who runs the trials
    #[arg(
        long,
        value_enum,
        value_name = "ENGINE",
        default_value = "here",
        hide_default_value = true
    )]
    pub(crate) on: EngineArg,
    /// With --on slurm: an option of sbatch for every job, such as partition=long or --account=ours; repeatable
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub(crate) slurm_option: Vec<String>,
    /// With --on slurm: most trials of the run at the same time
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) max_parallel: Option<NonZeroUsize>,
    /// With --on slurm: leave when the jobs are handed over; the same command continues
    #[arg(long)]
    pub(crate) detach: bool,
    /// A first look in a minute or so: one seed, few examples
    #[arg(long)]
    pub(crate) quick: bool,
    /// Keep each trial's adapted model under trials/<id>/adapter, for `predict` and `export`
    #[arg(long)]
    pub(crate) keep_adapters: bool,
    /// When continuing, run those trials again whose times other processes disturbed; quieter times replace those on record
    #[arg(long)]
    pub(crate) retime: bool,
    /// When continuing, run those trials again that did not finish
    #[arg(long)]
    pub(crate) retry_failed: bool,
}

/// Who runs trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineArg {
    /// This process, on this machine
    #[default]
    Here,
    /// Slurm: what is not on record becomes job arrays
    Slurm,
    /// An engine of your own: what it needs is written, for `plan DIR --list` and `trial DIR ID`
    Other,
}

/// `features`' ways from hidden states to one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PoolingArg {
    /// All hidden states, and the mask
    None,
    /// The mean over the text's tokens
    Mean,
    /// The first token's
    First,
    /// The last token's
    Last,
    /// What the folder's modules.json says (sentence-transformers)
    Folder,
}

#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Model: a directory in Hugging Face layout, a GGUF file, a Hub id, or a bundled name
    #[arg(long, value_name = "M", value_parser = model)]
    pub(crate) model: String,
    /// Texts: one a line (.txt), or a task file (.tsv, .csv, .jsonl, .parquet)
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) input: PathBuf,
    /// The safetensors file to write; `-` for standard output
    #[arg(long, value_name = "FILE", value_parser = output())]
    pub(crate) output: PathBuf,
    /// How the tokens' states become one vector a text
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) pooling: PoolingArg,
    /// Longest text in tokens; longer ones are cut and counted
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) max_length: Option<NonZeroUsize>,
    /// Device
    #[arg(long, value_name = "D", default_value = "flex")]
    pub(crate) device: String,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Model that was adapted: a directory in Hugging Face layout, a GGUF file, a Hub id, or a bundled name
    #[arg(long, value_name = "M", value_parser = model)]
    pub(crate) model: String,
    /// What `run --keep-adapters` saved (RUN/trials/<id>), or a PEFT checkpoint
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub(crate) adapter: Option<PathBuf>,
    /// Texts: one a line (.txt), or a task file (.tsv, .csv, .jsonl, .parquet)
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(crate) input: PathBuf,
    /// The CSV file to write: row,label,logit_0,..; `-` for standard output
    #[arg(long, value_name = "FILE", value_parser = output())]
    pub(crate) output: PathBuf,
    /// Longest text in tokens [default: as in training; the model's own for PEFT checkpoints]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) max_length: Option<NonZeroUsize>,
    /// Device
    #[arg(long, value_name = "D", default_value = "flex")]
    pub(crate) device: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// What `run --keep-adapters` saved (RUN/trials/<id>), trained with `--set budget.head=transformers`
    #[arg(value_name = "TRIAL_DIR", value_parser = path())]
    pub(crate) trial: PathBuf,
    /// Model that was adapted: a directory in Hugging Face layout, a GGUF file, a Hub id, or a bundled name [default: as the trial's record has it]
    #[arg(long, value_name = "M", value_parser = model)]
    pub(crate) model: Option<String>,
    /// The directory to make: adapter_config.json, adapter_model.safetensors, labels.txt
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PretrainArgs {
    /// As `cargo run -p pretrain -- --help` lists them
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ListArgs {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MethodsArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Rewrite the table of methods of these files, between their `<!-- results:methods -->` marks, instead
    #[arg(long, value_name = "FILE", conflicts_with = "json", num_args = 1.., value_parser = path())]
    pub(crate) readme: Vec<PathBuf>,
    /// Rewrite the settings in the READMEs of the methods, one folder a crate in DIR, instead
    #[arg(long, value_name = "DIR", conflicts_with = "json", num_args = 0..=1, default_missing_value = "crates/methods", value_parser = path())]
    pub(crate) readmes: Option<PathBuf>,
}
