//! How the linear maps of a block are stored.

use super::super::family::{Family, Layout};
use super::Storage;
use crate::hooks::Proj;
use crate::shape::Shape;

/// A map's path within its block.
pub(super) fn path(site: Proj) -> &'static str {
    match site {
        Proj::Query => "attention.query",
        Proj::Key => "attention.key",
        Proj::Value => "attention.value",
        Proj::Out => "attention.out",
        Proj::Gate => "feed_forward.gate",
        Proj::Up => "feed_forward.up",
        Proj::Down => "feed_forward.down",
    }
}

/// How a map is stored: alone, or beside those that have the same name, in the order in which the family lists them.
pub(super) fn storage(shape: &Shape, family: &Family, site: Proj) -> Storage {
    let width = |site: Proj| shape.map_widths(site)[1];
    let name = family.name(path(site));
    let of_path = |part: &str| Proj::ALL.into_iter().find(|&site| path(site) == part);
    let together: Vec<Proj> = family.parts_named(name).filter_map(of_path).collect();
    let alone = together.len() == 1;
    let before: Vec<Proj> = together
        .iter()
        .copied()
        .take_while(|&other| other != site)
        .collect();
    let start: usize = before.iter().map(|&other| width(other)).sum();
    let range = start..start + width(site);
    let of = together.iter().map(|&other| width(other)).sum();
    match family.maps {
        Layout::Linear if alone => Storage::Transposed,
        Layout::PerHead if alone => Storage::Transposed,
        Layout::Conv1d if alone => Storage::Same,
        Layout::Linear => Storage::Rows { range, of },
        Layout::Conv1d => Storage::Columns { range, of },
        Layout::PerHead => Storage::PerHead {
            part: before.len(),
            parts: together.len(),
            heads: shape.heads,
            head_dim: shape.head_dim,
        },
    }
}
