//! Methods whose cost and end are known beforehand.

use adapt::{
    ConfigError, Event, FitError, Footprint, Level, LoadAdapterError, Logits, Method, MethodInfo,
    Phase, Plan, PredictError, Predictor, SaveError, SavedInfo, Scale, SearchRange, Setting,
    parse_config, write_info,
};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;
use task::Example;
use transformer::Pretrained;

/// All of them.
pub(crate) const MOCKS: &[&dyn Method] = &[
    &Mock(&CONSTANT, Behaviour::Constant),
    &Mock(&SLEEPER, Behaviour::SleepAndHold),
    &Mock(&SLOW, Behaviour::Slow),
    &Mock(&PANICS, Behaviour::Panic),
    &Mock(&FAILS, Behaviour::Fail),
    &Mock(&ABORTS, Behaviour::Abort),
    &Mock(&GREEDY, Behaviour::AllocateUntilRefused),
    &Mock(&ENDLESS, Behaviour::HoldForEver),
    &Mock(&NEVER, Behaviour::Constant),
    &Mock(&PEEKS, Behaviour::Peek),
    &Mock(&GATED, Behaviour::WaitForGate),
];

const CONSTANT: MethodInfo = info("mock-constant", "Prefers one class, always.");
const SLEEPER: MethodInfo = info(
    "mock-sleeper",
    "Trains for one second and holds 256 MiB meanwhile.",
);
const SLOW: MethodInfo = info("mock-slow", "Trains for 0.3 seconds.");
const PANICS: MethodInfo = info("mock-panics", "Panics in training.");
const FAILS: MethodInfo = info("mock-fails", "Reports an error in training.");
const ABORTS: MethodInfo = info("mock-aborts", "Kills its process in training.");
const GREEDY: MethodInfo = info("mock-greedy", "Allocates until refused.");
const ENDLESS: MethodInfo = info("mock-endless", "Holds 64 MiB and never ends.");
const NEVER: MethodInfo = MethodInfo {
    uses_model: true,
    ..info("mock-never", "Is applicable to no model.")
};
const PEEKS: MethodInfo = info("mock-peeks", "Predicts the label that it is shown.");
const GATED: MethodInfo = info(
    "mock-gated",
    "Trains until the file that ADAPTBENCH_TEST_GATE names is there.",
);

const fn info(name: &'static str, definition: &'static str) -> MethodInfo {
    MethodInfo {
        name,
        definition,
        paper: "",
        level: Level::Baseline,
        uses_model: false,
        look: None,
    }
}

#[derive(Clone, Copy)]
enum Behaviour {
    Constant,
    SleepAndHold,
    Slow,
    Panic,
    Fail,
    Abort,
    AllocateUntilRefused,
    HoldForEver,
    Peek,
    WaitForGate,
}

struct Mock(&'static MethodInfo, Behaviour);

adapt::settings! {
    /// Settings of every mock.
    pub struct Config {
        /// The class that is preferred.
        favourite: usize = 0 => adapt::Range::whole(0, 1000),
        /// Searched; how much the favourite is preferred.
        strength: f64 = 1.0 => adapt::Range::above(0.0, 1e3),
    }
}

struct Prepared(&'static MethodInfo, Behaviour, Config);

struct Fitted {
    name: &'static str,
    classes: Vec<String>,
    config: Config,
    peeks: bool,
}

const RANGE: SearchRange = SearchRange {
    setting: "strength",
    low: 0.5,
    high: 2.0,
    scale: Scale::Linear,
};

impl Method for Mock {
    fn info(&self) -> &'static MethodInfo {
        self.0
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(Prepared(
            self.0,
            self.1,
            parse_config(self.0.name, config)?,
        )))
    }

    fn search_ranges(&self) -> Vec<SearchRange> {
        vec![RANGE]
    }

    fn not_applicable(&self, _: &Pretrained) -> Option<String> {
        Some("it is a mock".to_owned())
    }
}

const MIB: usize = 1 << 20;

/// Memory that is really there: every page is written.
fn hold(mebibytes: usize) -> Vec<u8> {
    black_box(vec![7; mebibytes * MIB])
}

impl Plan for Prepared {
    fn resolved(&self) -> Value {
        serde_json::to_value(&self.2).expect("serialises")
    }

    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Train));
        match self.1 {
            Behaviour::Constant | Behaviour::Peek => {}
            Behaviour::SleepAndHold => {
                // Taking and giving back the pages costs time of its own, which is none of the second.
                (setting.events)(Event::Began(Phase::Prepare));
                let held = hold(256);
                (setting.events)(Event::Began(Phase::Train));
                sleep(Duration::from_secs(1));
                (setting.events)(Event::Began(Phase::Validate));
                drop(black_box(held));
            }
            Behaviour::Slow => sleep(Duration::from_millis(300)),
            Behaviour::Panic => panic!("a mock's panic"),
            Behaviour::Fail => return Err(FitError::Other("a mock's error".to_owned())),
            Behaviour::Abort => std::process::abort(),
            Behaviour::AllocateUntilRefused => {
                let mut size = 1usize << 40;
                loop {
                    black_box(Vec::<u8>::with_capacity(size));
                    size = size.saturating_mul(2).min(isize::MAX as usize);
                }
            }
            Behaviour::WaitForGate => {
                let gate = std::env::var_os("ADAPTBENCH_TEST_GATE");
                while !gate.as_ref().is_some_and(|gate| Path::new(gate).exists()) {
                    sleep(Duration::from_millis(50));
                }
            }
            Behaviour::HoldForEver => {
                let held = hold(64);
                sleep(Duration::from_secs(3600));
                black_box(held);
            }
        }
        (setting.events)(Event::StepDone {
            step: 1,
            epoch: 1.0,
            loss: 0.5,
            samples: setting.train.len(),
            tokens: 0,
        });
        (setting.events)(Event::Note {
            name: "mock".to_owned(),
            value: json!(true),
        });
        let peeks = matches!(self.1, Behaviour::Peek);
        Ok(Box::new(Fitted {
            name: self.0.name,
            classes: setting.classes.to_vec(),
            config: self.2,
            peeks,
        }))
    }

    fn load_with(
        self: Box<Self>,
        _: &Path,
        info: SavedInfo,
        _: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(Box::new(Fitted {
            name: self.0.name,
            classes: info.classes,
            config: self.2,
            peeks: false,
        }))
    }
}

impl Predictor for Fitted {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let favourite = |example: &Example| {
            if self.peeks {
                example.label
            } else {
                self.config.favourite
            }
        };
        let score = |chosen, class| {
            if chosen == class {
                self.config.strength as f32
            } else {
                0.0
            }
        };
        Ok(examples
            .iter()
            .map(|example| {
                (0..self.classes.len())
                    .map(|class| score(favourite(example), class))
                    .collect()
            })
            .collect())
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            trainable_params: 1,
            total_params: 1,
            stored_bytes: 4,
            ..Footprint::default()
        }
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: self.name.to_owned(),
            config: serde_json::to_value(&self.config).expect("serialises"),
            classes: self.classes.clone(),
            budget: adapt::Budget::default(),
            pooling: None,
            base_model: String::new(),
            base_digest: None,
            pairs: None,
        };
        write_info(&info, dir)
    }
}
