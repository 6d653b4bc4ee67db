//! Writing by a temporary name and a rename, so that a reader, or a kill in the middle, never sees half a file.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::Builder;

/// Writes `bytes` to `path`; what stands there stays until all of it is on the disk. Makes the folder where there is none.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |temporary| fs::write(temporary, bytes))
}

/// As [`write()`], with the bytes written by `fill` to the path that it is given.
///
/// # Errors
/// What the system or `fill` says; nothing is left behind then.
pub fn replace<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Readers of folders pass over names that begin with a dot or end with .tmp: leftovers of a kill.
    let temporary = Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o666)) // less the umask, as for any other file
        .tempfile_in(folder)?;
    fill(temporary.path())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_with_the_permissions_of_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let (file, plain) = (dir.path().join("new/file"), dir.path().join("plain"));
        write(&file, b"one").unwrap();
        write(&file, b"other").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"other");
        assert_eq!(names(&dir.path().join("new")), ["file"]);
        fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&file), mode(&plain));
    }

    #[test]
    fn what_breaks_off_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write(&file, b"old").unwrap();
        let broken = replace(&file, |temporary| {
            fs::write(temporary, b"half of the n")?;
            Err(io::Error::other("broke off"))
        });
        assert_eq!(broken.unwrap_err().to_string(), "broke off");
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["file"]);
    }
}
