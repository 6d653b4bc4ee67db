//! Tables in a README between two marker lines, so that no figure there is typed by hand.
//!
//! `<!-- results:NAME -->` .. `<!-- /results:NAME -->`, NAME being the run directory's name.

use crate::escape::markdown;
use crate::run::Run;
use crate::{ReportError, label_curves, store, summary, text};
use record::StoreError;
use std::path::Path;

/// Puts `content` between the marker lines of `name`; `None` if `text` lacks them or has them in the wrong order.
pub fn replace_between(text: &str, name: &str, content: &str) -> Option<String> {
    let (open, close) = markers(name);
    let start = text.find(&open)? + open.len();
    let end = start + text[start..].find(&close)?;
    Some(format!(
        "{}\n{}\n{}",
        &text[..start],
        content.trim_end(),
        &text[end..]
    ))
}

/// Rewrites the tables of those `runs` for which `readme` has markers. Says how many; an unchanged file is not written.
///
/// # Errors
/// [`ReportError::NoMarker`] if it has an opening marker without its closing one; [`ReportError::Store`].
pub fn update_readme(readme: &Path, runs: &[&Run]) -> Result<usize, ReportError> {
    let before =
        files::read_text(readme, files::SETTINGS_BYTES).map_err(|e| StoreError::read(readme, e))?;
    let mut after = before.clone();
    let mut updated = 0;
    for run in runs {
        let name = run.name();
        let (marker, end) = markers(&name);
        if !after.contains(&marker) {
            continue;
        }
        let Some(text) = replace_between(&after, &name, &content(run)) else {
            return Err(ReportError::NoMarker {
                path: readme.to_owned(),
                marker,
                end,
            });
        };
        after = text;
        updated += 1;
    }
    if after != before {
        store::write_file(readme, after.as_bytes())?;
    }
    Ok(updated)
}

fn markers(name: &str) -> (String, String) {
    (
        format!("<!-- results:{name} -->"),
        format!("<!-- /results:{name} -->"),
    )
}

fn content(run: &Run) -> String {
    let groups = summary::summarise(run);
    let curves = label_curves::label_curves(run, &groups);
    let curves = curves.iter().map(label_curves::readme);
    let alone = groups.iter().filter(|g| g.point.is_none());
    let tables: Vec<String> = curves
        .chain(alone.map(|g| {
            format!(
                "**{}** ({})\n\n{}",
                markdown(&g.title),
                text::intro(g),
                text::markdown_table(g)
            )
        }))
        .collect();
    tables.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = "a\n<!-- results:x -->\nold\n<!-- /results:x -->\nb\n<!-- results:y -->\nkept\n<!-- /results:y -->\n";
        let once = replace_between(text, "x", "| new |\n").unwrap();
        assert_eq!(once, text.replace("old", "| new |"));
        assert_eq!(replace_between(&once, "x", "| new |\n").unwrap(), once);
        assert_eq!(replace_between(text, "z", ""), None);
        assert_eq!(
            replace_between("<!-- /results:x --><!-- results:x -->", "x", ""),
            None
        );
    }
}
