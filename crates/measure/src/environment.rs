//! The machine and the build a run was made on: fills [`record::RunInfo`].

use record::{RunInfo, SCHEMA};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What only the program's build knows; the runner's build script passes it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// Commit of the sources.
    pub git_revision: Option<String>,
    /// Whether the sources differed from it.
    pub git_dirty: Option<bool>,
    /// `rustc --version`.
    pub rustc: Option<String>,
    /// SHA-256 of Cargo.lock.
    pub cargo_lock_digest: Option<String>,
    /// Version of burn.
    pub burn_version: String,
    /// Cargo profile and optimisation level.
    pub profile: String,
    /// Backend features compiled in.
    pub features: Vec<String>,
}

/// A time as RFC 3339 has it. A clock that shows no year of four digits after 1970 is taken for one that has not been set.
pub fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok();
    let since = since.filter(|since| *since < END_OF_YEARS);
    let time = SystemTime::UNIX_EPOCH + since.unwrap_or_default();
    humantime::format_rfc3339_seconds(time).to_string()
}

/// From 1970 to the year 9999.
const END_OF_YEARS: Duration = Duration::from_secs(253_370_764_800);

/// A run that starts now on this machine. Models, tasks, methods and plan are for the caller to fill.
pub fn run_info(build: BuildInfo, command_line: Vec<String>) -> RunInfo {
    let (gpu, driver) = graphics().unzip();
    RunInfo {
        schema: SCHEMA,
        command_line,
        started_at: timestamp(SystemTime::now()),
        git_revision: build.git_revision,
        git_dirty: build.git_dirty,
        rustc: build.rustc,
        cargo_lock_digest: build.cargo_lock_digest,
        burn_version: build.burn_version,
        profile: build.profile,
        features: build.features,
        cpu: cpu_model(),
        cores: cores(),
        ram_bytes: ram_bytes(),
        gpu,
        driver,
        os: operating_system(),
        model_digests: BTreeMap::new(),
        task_digests: BTreeMap::new(),
        notes: record::RunNotes::default(),
        methods: Vec::new(),
        plan: serde_json::Value::Null,
    }
}

/// Cores this process may use (affinity and cgroup quota included).
pub fn cores() -> Option<u64> {
    std::thread::available_parallelism()
        .ok()
        .map(|n| n.get() as u64)
}

/// Physical memory.
pub fn ram_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    kibibytes
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|k| k * 1024)
}

/// The processor, as it names itself.
pub fn cpu_model() -> Option<String> {
    parse_cpu_model(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// x86 and others name a model; Arm gives only the numbers of implementer and part.
fn parse_cpu_model(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    };
    field("model name").or_else(|| {
        Some(format!(
            "implementer {} part {}",
            field("CPU implementer")?,
            field("CPU part")?
        ))
    })
}

/// Distribution and kernel, or at least the system this was built for.
pub fn operating_system() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let distribution = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let parts = [
        distribution,
        Some(std::env::consts::OS),
        kernel.as_deref().map(str::trim),
        Some(std::env::consts::ARCH),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// The first NVIDIA GPU and its driver, asked of the driver's own tool: a library that opened the GPU would hold it.
pub(crate) fn graphics() -> Option<(String, String)> {
    let said = Command::new("nvidia-smi")
        .args(["--query-gpu=name,driver_version", "--format=csv,noheader"])
        .output()
        .ok()?;
    parse_graphics(&String::from_utf8_lossy(&said.stdout))
}

fn parse_graphics(said: &str) -> Option<(String, String)> {
    let (name, driver) = said.lines().next()?.rsplit_once(", ")?;
    Some((name.trim().to_owned(), driver.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_no_reason_to_end() {
        let at = |since| SystemTime::UNIX_EPOCH + Duration::from_secs(since);
        assert_eq!(timestamp(at(1_700_000_000)), "2023-11-14T22:13:20Z");
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
        for time in [before, at(300_000_000_000), at(0)] {
            assert_eq!(timestamp(time), "1970-01-01T00:00:00Z");
        }
    }

    #[test]
    fn the_first_gpu_and_its_driver_are_named() {
        let said = "NVIDIA H100 80GB HBM3, 580.159.04\nNVIDIA A10, 580.159.04\n";
        let expected = ("NVIDIA H100 80GB HBM3", "580.159.04");
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert_eq!(parse_graphics(said), Some(expected));
        assert_eq!(parse_graphics(""), None);
        assert_eq!(parse_graphics("No devices were found\n"), None);
    }

    #[test]
    fn processors_are_named_on_x86_and_numbered_on_arm() {
        let x86 = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu\n";
        assert_eq!(parse_cpu_model(x86).as_deref(), Some("AMD EPYC 7B13"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(
            parse_cpu_model(arm).as_deref(),
            Some("implementer 0x41 part 0xd0c")
        );
        assert_eq!(parse_cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn a_run_knows_when_and_where_it_started() {
        let build = BuildInfo {
            burn_version: "0.22.1".into(),
            ..BuildInfo::default()
        };
        let info = run_info(build, vec!["runner".into(), "run".into()]);
        let moment = humantime::parse_rfc3339(&info.started_at).unwrap();
        assert!(SystemTime::now().duration_since(moment).unwrap().as_secs() < 60);
        assert!(info.cores.unwrap() >= 1);
        assert_eq!(info.git_revision, None);
        assert_eq!(info.burn_version, "0.22.1");
    }
}
