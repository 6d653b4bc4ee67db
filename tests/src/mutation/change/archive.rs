//! Changes of `records.tar.zst`: of the compressed bytes, of the tar within, or of a file within that, packed anew.

use super::super::random::Draws;
use super::{bytes, json, tables};
use std::io::Read;

/// The largest that is unpacked here.
const MOST: u64 = 64 << 20;

/// A change at one of the three levels.
pub(crate) fn change(file: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    if draws.happens(0.3) {
        return bytes::change(file, other, draws);
    }
    let mut tar = Vec::new();
    let decoder = zstd::Decoder::new(&file[..]).map(|decoder| decoder.take(MOST));
    if decoder
        .and_then(|mut decoder| decoder.read_to_end(&mut tar))
        .is_err()
    {
        return bytes::change(file, other, draws);
    }
    let tar = if draws.happens(0.3) {
        bytes::change(tar, other, draws)
    } else {
        repacked(&tar, draws).unwrap_or(tar)
    };
    zstd::encode_all(&tar[..], 1).unwrap_or(file)
}

/// The same entries, one of them changed, or under another name.
fn repacked(tar: &[u8], draws: &mut Draws) -> std::io::Result<Vec<u8>> {
    let mut entries = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        entries.push((name, content));
    }
    if entries.is_empty() {
        return Ok(tar.to_vec());
    }
    let at = draws.below(entries.len());
    match draws.below(6) {
        0 => {
            entries.remove(at);
        }
        1 => {
            let entry = entries[at].clone();
            entries.push(entry);
        }
        2 => {
            entries[at].0 = (*draws.one(&[
                "trials/../x/record.json",
                "/etc/record.json",
                "trials/a/log.txt",
                "trials/a/record.json",
            ]))
            .to_owned();
        }
        3 => entries[at].1 = vec![b' '; draws.size(8 << 20)],
        _ => {
            let (name, content) = &mut entries[at];
            *content = match name.ends_with(".json") {
                true => json::change(content, b"", draws),
                false => tables::change(std::mem::take(content), b"", draws),
            };
        }
    }
    let mut out = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // `set_path` refuses names that leave the folder.
        let bytes = &mut header.as_mut_bytes()[..100];
        let length = name.len().min(99);
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        header.set_cksum();
        out.append(&header, &content[..])?;
    }
    out.into_inner()
}
