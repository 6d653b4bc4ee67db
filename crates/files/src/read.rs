//! Reading files that somebody else wrote: regular files only, and never more bytes than the reader asked for.

use safetensors::tensor::Metadata;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Bound for files of settings: config.json, run.json, plans, adapter_config.json.
pub const SETTINGS_BYTES: u64 = 16 << 20;

/// Bound for the header of a safetensors file: room for the names of some hundred thousand tensors.
const HEADER_BYTES: u64 = 16 << 20;

/// Opens a regular file, through links, and says how many bytes it has.
///
/// # Errors
/// What the system says; or that a directory, a pipe, a socket or a device stands there, which could be read forever.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    // Asked before opening: to open a pipe nobody writes to waits forever.
    refuse_unless_regular(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    refuse_unless_regular(metadata.file_type())?;
    Ok((file, metadata.len()))
}

/// All bytes of a regular file of at most `at_most` bytes.
///
/// # Errors
/// As [`open`]; or a larger file, before memory is taken for it.
pub fn read(path: &Path, at_most: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    refuse_above(length, at_most)?;
    let mut bytes = Vec::with_capacity(length as usize);
    // A file may grow while it is read, and those of /proc have no length.
    file.take(at_most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    refuse_above(bytes.len() as u64, at_most)?;
    Ok(bytes)
}

/// The text of a regular file of at most `at_most` bytes.
///
/// # Errors
/// As [`read`]; or bytes that are not UTF-8, with the place of the first.
pub fn read_text(path: &Path, at_most: u64) -> io::Result<String> {
    String::from_utf8(read(path, at_most)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let problem = format!("is not UTF-8 text from byte {place} on");
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

/// All bytes of a regular safetensors file, for a parser to check; of another file no more than its beginning, which that parser
/// refuses. Memory is taken for what the header accounts for and the file has, and for nothing else.
///
/// # Errors
/// As [`open`].
pub fn read_tensors(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, length) = open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(8).read_to_end(&mut bytes)?;
    let Some(header) = bytes
        .first_chunk()
        .map(|length| u64::from_le_bytes(*length))
    else {
        return Ok(bytes);
    };
    if header > HEADER_BYTES {
        return Ok(bytes);
    }
    file.by_ref().take(header).read_to_end(&mut bytes)?;
    let claimed = serde_json::from_slice(&bytes[8..]).map(|found: Metadata| found.data_len());
    let there = length.checked_sub(8 + header);
    if claimed.is_ok_and(|claimed| Some(claimed as u64) == there) {
        file.take(there.unwrap_or(0)).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn refuse_unless_regular(kind: FileType) -> io::Result<()> {
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    let problem = format!("is {found}, expected a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

fn refuse_above(found: u64, at_most: u64) -> io::Result<()> {
    if found <= at_most {
        return Ok(());
    }
    let problem =
        format!("has more than {at_most} bytes, which is the most that is read of such a file");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    #[test]
    fn a_pipe_a_socket_a_device_and_a_directory_are_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, socket) = (dir.path().join("pipe"), dir.path().join("socket"));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let _listener = UnixListener::bind(&socket).unwrap();
        let problem = |path: &Path| read(path, 100).unwrap_err().to_string();
        assert_eq!(problem(&pipe), "is a pipe, expected a regular file");
        assert_eq!(problem(&socket), "is a socket, expected a regular file");
        assert_eq!(
            problem(Path::new("/dev/zero")),
            "is a device, expected a regular file"
        );
        assert_eq!(
            problem(dir.path()),
            "is a directory, expected a regular file"
        );
    }

    #[test]
    fn a_link_is_followed_and_the_bound_is_the_last_size_that_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "12345").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link, 5).unwrap(), b"12345");
        assert_eq!(
            read(&link, 4).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn a_file_whose_length_the_system_does_not_know_is_bounded_too() {
        assert!(
            !read(Path::new("/proc/self/status"), 1 << 16)
                .unwrap()
                .is_empty()
        );
        let error = read(Path::new("/proc/self/status"), 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn of_a_file_of_tensors_no_more_is_read_than_its_header_accounts_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let tensors = crate::Tensors::default().floats("a", &[3], [1.0, 2.0, 3.0]);
        let sound = tensors.to_bytes();
        fs::write(&file, &sound).unwrap();
        assert_eq!(read_tensors(&file).unwrap(), sound);
        // The same with a tail of 3 GiB, a header of 3 GiB, and nothing but zeros.
        let beginning = sound.len() - 12;
        let long = [&(3u64 << 30).to_le_bytes()[..], &sound[8..]].concat();
        for (bytes, read) in [(&sound, beginning), (&long, 8), (&Vec::new(), 8)] {
            fs::write(&file, bytes).unwrap();
            File::options()
                .write(true)
                .open(&file)
                .unwrap()
                .set_len(3 << 30)
                .unwrap();
            let found = read_tensors(&file).unwrap();
            assert_eq!(found.len(), read);
            assert!(crate::Tensors::from_bytes(&found).is_err());
        }
        fs::write(&file, &sound[..sound.len() - 1]).unwrap();
        assert_eq!(read_tensors(&file).unwrap().len(), beginning);
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"abc\xff").unwrap();
        let error = read_text(&file, 10).unwrap_err().to_string();
        assert_eq!(error, "is not UTF-8 text from byte 3 on");
    }
}
