//! `~` at the beginning of a path, as a shell expands it. A shell leaves `--out=~/runs` as it is, and a plan is read by no shell.

use std::env;
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// A `~` that cannot be expanded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HomeError {
    /// `~` without a home directory.
    #[error("{path}: there is no home directory for ~ (HOME is not set); write the whole path")]
    NoHome {
        /// As it was given.
        path: String,
    },
    /// `~name`.
    #[error(
        "{path}: another user's home directory is not looked up; write the whole path (or ./{path} for a file of this name)"
    )]
    OtherUser {
        /// As it was given.
        path: String,
    },
}

/// `path` with the home directory in place of a first part `~`. A path whose first part only begins with `~` names another user's home
/// directory, unless it is there as it stands.
///
/// # Errors
/// [`HomeError`].
pub fn expand_home(path: &Path) -> Result<PathBuf, HomeError> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty());
    expand(path, home.map(PathBuf::from).as_deref())
}

fn expand(path: &Path, home: Option<&Path>) -> Result<PathBuf, HomeError> {
    let Some(Component::Normal(first)) = path.components().next() else {
        return Ok(path.to_owned());
    };
    let given = || path.display().to_string();
    if first == "~" {
        let home = home.ok_or_else(|| HomeError::NoHome { path: given() })?;
        return Ok(home.join(path.strip_prefix("~").unwrap_or(path)));
    }
    if first.as_encoded_bytes().starts_with(b"~") && !Path::new(first).exists() {
        return Err(HomeError::OtherUser { path: given() });
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_part_of_a_tilde_is_the_home_directory_and_no_other_tilde_is() {
        let of = |path: &str| {
            let expanded = expand(Path::new(path), Some(Path::new("/home/ada"))).unwrap();
            expanded.to_str().unwrap().to_owned()
        };
        for (given, expanded) in [
            ("~/runs", "/home/ada/runs"),
            ("~//runs/a", "/home/ada/runs/a"),
            ("./~/runs", "./~/runs"),
            ("a/~/b", "a/~/b"),
            ("notes~", "notes~"),
            ("/~/x", "/~/x"),
            ("org/name", "org/name"),
        ] {
            assert_eq!(of(given), expanded);
        }
        assert_eq!(Path::new(&of("~")), Path::new("/home/ada"));
        assert_eq!(Path::new(&of("~/")), Path::new("/home/ada"));
    }

    #[test]
    fn another_users_home_and_a_home_that_is_not_known_are_refused() {
        for path in ["~root/runs", "~ada", "~+/x"] {
            let error = expand(Path::new(path), Some(Path::new("/home/ada"))).unwrap_err();
            assert!(error.to_string().starts_with(path), "{error}");
        }
        let error = expand(Path::new("~/runs"), None).unwrap_err();
        assert!(error.to_string().contains("HOME is not set"), "{error}");
    }
}
