//! The one writer. By a temporary name and a rename, so that a reader, or a kill in the middle, never sees half a file; and as whoever
//! named the path means it:
//!
//! - A link is written through: what it leads to is replaced, and made where nothing is there yet.
//! - A file keeps its mode, owner and group. One that may not be written is refused, though a rename would replace it.
//! - What is no regular file is never replaced: pipes, terminals and `/dev/stdout` are written into, directories, sockets and disks refused.
//!   A reader that has closed its pipe has read enough.
//! - Where a rename cannot be had (a folder that may not be written, a file that is mounted alone, an owner that is not ours to give), the
//!   bytes are first written elsewhere and then copied into the file.
//! - Another name of the same file (a hard link) keeps the old content: backups and tools that merge equal files make such names, and
//!   what they keep must not change with ours.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Writes `bytes` to `path`; what stands there stays until all of it is on the disk. Makes the folder where there is none.
///
/// # Errors
/// What the system says; that something stands there which is not written into.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match Target::of(path)? {
        Target::File(file) => replace_file(&file, |temporary| fs::write(temporary, bytes)),
        Target::Stream(stream) => stream.take(&mut &bytes[..]),
    }
}

/// As [`write()`], with the bytes written by `fill` to the path that it is given, which ends as `path` does.
///
/// # Errors
/// What the system or `fill` says; nothing is left behind then.
pub fn replace<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    match Target::of(path)? {
        Target::File(file) => replace_file(&file, fill),
        Target::Stream(stream) => {
            let temporary = temporary_in(&std::env::temp_dir(), path, PRIVATE)?;
            fill(temporary.path())?;
            Ok(stream.take(&mut File::open(temporary.path())?)?)
        }
    }
}

/// Whether [`write()`] could write to `path`, asked before the work whose result goes there.
///
/// # Errors
/// As [`write()`]; also a folder that is not there.
pub fn check_writable(path: &Path) -> io::Result<()> {
    // A pipe is not opened: that would wait for its reader, and closing it again would be the end of what is read.
    let Target::File(file) = Target::of(path)? else {
        return Ok(());
    };
    match existing(&file)? {
        Some(_) => Ok(()),
        None => temporary_in(folder_of(&file), &file, PRIVATE).map(drop),
    }
}

/// Mode of a file that nobody else is meant to see.
const PRIVATE: u32 = 0o600;
/// Mode of any other file, less the umask.
const PUBLIC: u32 = 0o666;
/// So many links in a row are a circle, as for Linux.
const MOST_LINKS: usize = 40;

/// What a path leads to.
enum Target {
    /// A regular file, there or to be made, behind all links.
    File(PathBuf),
    Stream(Stream),
}

/// What takes bytes one after the other.
enum Stream {
    /// This process's own output: opened anew, a file behind it would be written from its beginning.
    Stdout,
    /// Another descriptor of this process, such as the shell's `>(..)`; what it has is added to.
    Descriptor(PathBuf),
    /// A pipe or a device.
    Device(PathBuf),
}

impl Target {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.file_name().is_none() {
            return Err(refused("a directory"));
        }
        let mut at = path.to_owned();
        for _ in 0..MOST_LINKS {
            match descriptor(&at) {
                Some(1) => return Ok(Self::Stream(Stream::Stdout)),
                Some(_) => return Ok(Self::Stream(Stream::Descriptor(at))),
                None => {}
            }
            match fs::read_link(&at) {
                Ok(target) => at = folder_of(&at).join(target),
                // No link, or nothing at all.
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Self::found(at),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::File(at)),
                Err(error) => return Err(error),
            }
        }
        Err(refused("a circle of links"))
    }

    fn found(path: PathBuf) -> io::Result<Self> {
        let kind = fs::metadata(&path)?.file_type();
        match kind {
            kind if kind.is_file() => Ok(Self::File(path)),
            kind if kind.is_fifo() || kind.is_char_device() => {
                Ok(Self::Stream(Stream::Device(path)))
            }
            kind if kind.is_dir() => Err(refused("a directory")),
            kind if kind.is_socket() => Err(refused("a socket")),
            _ => Err(refused("a disk")),
        }
    }
}

fn refused(found: &str) -> io::Error {
    let problem = format!("is {found}, expected the name of a file to write");
    io::Error::new(ErrorKind::InvalidInput, problem)
}

/// The number of this process's descriptor that `path` names.
fn descriptor(path: &Path) -> Option<u32> {
    if path == Path::new("/dev/stdout") {
        return Some(1);
    }
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(path.parent()?).ok()?;
    let own = fs::canonicalize("/proc/self/fd").ok();
    (Some(&folder) == own.as_ref() || folder == Path::new("/dev/fd")).then_some(number)
}

impl Stream {
    /// Writes all of `bytes`, or as much as its reader wants.
    fn take(self, bytes: &mut impl io::Read) -> io::Result<()> {
        let mut options = File::options();
        let done = match self {
            Self::Stdout => pour(bytes, &mut io::stdout().lock()),
            Self::Descriptor(path) => pour(bytes, &mut options.append(true).open(path)?),
            Self::Device(path) => pour(bytes, &mut options.write(true).open(path)?),
        };
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

fn pour(bytes: &mut impl io::Read, into: &mut impl Write) -> io::Result<()> {
    io::copy(bytes, into)?;
    into.flush()
}

fn replace_file<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let Some(before) = existing(path)? else {
        let temporary = temporary_in(folder, path, PUBLIC)?;
        fill(temporary.path())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        return Ok(());
    };
    // Nobody who may not read the file may read what is to become of it; `fill` must be able to.
    let mode = before.mode() & 0o777 | PRIVATE;
    let temporary = match temporary_in(folder, path, mode) {
        Err(error) if is_refused(&error) => {
            let temporary = temporary_in(&std::env::temp_dir(), path, PRIVATE)?;
            fill(temporary.path())?;
            return Ok(copy_into(&temporary, path)?);
        }
        made => made?,
    };
    fill(temporary.path())?;
    if !take_over(temporary.path(), &before)? {
        return Ok(copy_into(&temporary, path)?);
    }
    temporary.as_file().sync_all()?;
    match temporary.persist(path) {
        Err(failed) if is_refused(&failed.error) => Ok(copy_into(&failed.file, path)?),
        done => Ok(done.map(drop).map_err(|failed| failed.error)?),
    }
}

/// What stands at `path` and may be written.
fn existing(path: &Path) -> io::Result<Option<Metadata>> {
    match File::options().write(true).open(path) {
        Ok(file) => file.metadata().map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a folder takes no new name, though a file in it may be written.
fn is_refused(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(
        error.kind(),
        CrossesDevices | PermissionDenied | ReadOnlyFilesystem | ResourceBusy
    )
}

/// Gives the new file owner, group and mode of the old one; false where owner or group cannot be given.
fn take_over(new: &Path, old: &Metadata) -> io::Result<bool> {
    let own = fs::metadata(new)?;
    let same = (own.uid(), own.gid()) == (old.uid(), old.gid());
    if !same && chown(new, Some(old.uid()), Some(old.gid())).is_err() {
        return Ok(false);
    }
    fs::set_permissions(new, Permissions::from_mode(old.mode() & 0o777))?;
    Ok(true)
}

/// Copies a finished file into the one at `path`, which stays the file that it is.
fn copy_into(temporary: &NamedTempFile, path: &Path) -> io::Result<()> {
    let mut from = File::open(temporary.path())?;
    let mut into = File::options().write(true).open(path)?;
    let length = io::copy(&mut from, &mut into)?;
    into.set_len(length)?;
    into.sync_all()
}

/// A new file beside `path`. Readers of folders pass over names that begin with a dot: leftovers of a kill. Its ending is that of `path`, as
/// some libraries choose the format by it.
fn temporary_in(folder: &Path, path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into();
    let (name, ending): (String, String) = (part(path.file_name()), part(path.extension()));
    let ending = match ending.as_str() {
        "" => ".tmp".to_owned(),
        ending => format!(".tmp.{ending}"),
    };
    // Names have at most 255 bytes.
    let name: String = name.chars().take(50).collect();
    Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(&ending)
        .permissions(Permissions::from_mode(mode)) // less the umask, as for any other file
        .tempfile_in(folder)
        .map_err(without_temporary_name)
}

/// The system's error alone: nobody knows the temporary name that stands in it.
fn without_temporary_name(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.source());
    let code = cause.and_then(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    code.map_or(error, io::Error::from_raw_os_error)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
