//! What only the build knows: the sources' revision, the compiler, Cargo.lock, and the list of bundled files.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let root = here.join("../..");
    revision(&root);
    lock(&root.join("Cargo.lock"));
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    set_env("RUSTC", output(Command::new(rustc).arg("--version")));
    let level = env::var("OPT_LEVEL").unwrap_or_default();
    set_env(
        "PROFILE",
        env::var("PROFILE")
            .ok()
            .map(|profile| format!("{profile}, opt-level {level}")),
    );
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("bundled.rs"), bundled(&here.join("bundled")))
        .expect("OUT_DIR can be written");
}

/// A value for `option_env!`; nothing where it is unknown, as in a tarball without git.
fn set_env(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env=ADAPTBENCH_{name}={value}");
    }
}

fn output(command: &mut Command) -> Option<String> {
    let done = command.output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}

fn revision(root: &Path) {
    let git = |arguments: &[&str]| output(Command::new("git").arg("-C").arg(root).args(arguments));
    // A tarball unpacked inside somebody else's repository must not report that one's revision.
    let tracked = git(&["ls-files", "--error-unmatch", "Cargo.lock"]).is_some();
    println!("cargo::rerun-if-changed={}", root.join("crates").display());
    println!(
        "cargo::rerun-if-changed={}",
        root.join("Cargo.toml").display()
    );
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={}", root.join(path).display());
        }
    }
    if tracked {
        set_env("GIT_REVISION", git(&["rev-parse", "HEAD"]));
        let changes = git(&[
            "status",
            "--porcelain",
            "--",
            "crates",
            "Cargo.toml",
            "Cargo.lock",
        ]);
        set_env(
            "GIT_DIRTY",
            changes.map(|changes| (!changes.is_empty()).to_string()),
        );
    }
}

fn lock(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
    let Ok(text) = fs::read_to_string(path) else {
        return;
    };
    let digest = Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    set_env("CARGO_LOCK_DIGEST", Some(digest));
    let version = text.split("[[package]]").find_map(|package| {
        package.contains("\nname = \"burn\"\n").then(|| {
            package
                .split("version = \"")
                .nth(1)?
                .split('"')
                .next()
                .map(str::to_owned)
        })?
    });
    set_env("BURN_VERSION", version);
}

/// `bundled/<kind>/<name>/<file>` as the source of a `&[Bundle]`: to bundle a model or a task is to add its folder.
fn bundled(dir: &Path) -> String {
    println!("cargo::rerun-if-changed={}", dir.display());
    let mut source = String::from("&[\n");
    for kind in folders(dir) {
        for bundle in folders(&kind) {
            let _ = writeln!(
                source,
                "    Bundle {{ kind: {:?}, name: {:?}, files: &[",
                name(&kind),
                name(&bundle)
            );
            for file in entries(&bundle).into_iter().filter(|path| path.is_file()) {
                let _ = writeln!(
                    source,
                    "        ({:?}, include_bytes!({:?})),",
                    name(&file),
                    file.display().to_string()
                );
            }
            source.push_str("    ] },\n");
        }
    }
    source.push_str("]\n");
    source
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    entries(dir)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .map(|all| all.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
