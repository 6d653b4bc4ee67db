//! Names of files that come from outside: a Hub's listing, an index of shards.

use std::path::{Component, Path};
use thiserror::Error;

/// A name that would lead out of the folder it belongs to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the name \"{}\" leads out of its folder, expected a relative path without \"..\"; do not use this copy, its maker can't be trusted",
    name.escape_debug()
)]
pub struct OutsideName {
    /// As it was given.
    pub name: String,
}

/// The name as a path below the folder that it is joined to.
///
/// # Errors
/// A name that is empty, absolute, or holds `..`.
pub fn inside(name: &str) -> Result<&Path, OutsideName> {
    let path = Path::new(name);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if name.is_empty() || name.contains(['\0', '\\']) || !path.components().all(is_plain) {
        let name = name.to_owned();
        return Err(OutsideName { name });
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_the_folder_are_taken_and_others_are_refused() {
        for name in [
            "a",
            "a/b.safetensors",
            "..a/b..",
            "data/train-0.parquet",
            ".x",
        ] {
            assert_eq!(inside(name), Ok(Path::new(name)));
        }
        for name in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../../x",
            "a/..",
            ".",
            "./a",
            "a\0b",
            "..\\x",
        ] {
            let error = inside(name).expect_err(name);
            assert_eq!(error.name, name);
        }
    }
}
