//! The head of a safetensors file, and what a file is that has none. Offsets that overlap or leave gaps, and sizes that do not
//! follow from shape and format, are refused by `Metadata` itself.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::Metadata;

use super::errors::LoadError;

/// Room for the names of some hundred thousand tensors. Parsed it takes several times as much memory.
const HEADER_BYTES: u64 = 16 << 20;

/// The header and the place where the data begin.
pub(super) fn read_header(path: &Path) -> Result<(Metadata, u64), LoadError> {
    let refused = |source| LoadError::Read {
        file: path.to_path_buf(),
        source,
    };
    let not = |detail: String| LoadError::NotSafetensors {
        file: path.to_path_buf(),
        detail,
    };
    let (mut file, found) = files::open(path).map_err(refused)?;
    let mut start = [0u8; 9]; // The header's length, and the brace that begins it.
    let count = read_up_to(&mut file, &mut start).map_err(refused)?;
    if start.starts_with(b"version ") {
        return Err(not(
            "it is a Git LFS pointer, not the weights; run `git lfs pull`".to_owned(),
        ));
    }
    if count < 8 {
        return Err(not(format!("it has only {found} bytes; fetch it again")));
    }
    if count > 8 && start[8] != b'{' {
        return Err(not(
            "it does not begin with a header; is it of another format, renamed?".to_owned(),
        ));
    }
    let header_length = u64::from_le_bytes(start.first_chunk::<8>().copied().unwrap_or_default());
    if header_length > HEADER_BYTES {
        return Err(not(format!(
            "its first 8 bytes give a header of {header_length} bytes, expected at most {HEADER_BYTES}"
        )));
    }
    let data_start = 8 + header_length;
    if data_start > found {
        let file = path.to_path_buf();
        let expected = data_start;
        return Err(LoadError::Truncated {
            file,
            found,
            expected,
        });
    }
    let mut header = vec![0u8; header_length as usize];
    file.seek(SeekFrom::Start(8)).map_err(refused)?;
    file.read_exact(&mut header).map_err(refused)?;
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|error| not(format!("its header is damaged: {error}")))?;
    let expected = data_start + metadata.data_len() as u64;
    match expected == found {
        true => Ok((metadata, data_start)),
        false => Err(LoadError::Truncated {
            file: path.to_path_buf(),
            found,
            expected,
        }),
    }
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
