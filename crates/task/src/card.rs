//! Class names in a data set card of the Hub: the `dataset_info` block of `README.md`, or `dataset_infos.json`.

use std::borrow::Cow;
use std::path::Path;

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

use crate::read::decode;
use crate::source::File;

const CARDS: [&str; 2] = ["README.md", "dataset_infos.json"];

/// The cards of a task directory: in it, or where it lies inside a downloaded data set, at the top of that.
/// One that can't be read, or is no file of a size that cards have, is left out.
pub(crate) fn cards_near(dir: &Path) -> Vec<File<'static>> {
    let in_snapshot = |dir: &&Path| {
        dir.parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name == "snapshots")
    };
    let top = dir.ancestors().find(in_snapshot).unwrap_or(dir);
    let mut cards = Vec::new();
    for name in CARDS {
        let path = top.join(name);
        if let Ok(bytes) = files::read(&path, files::SETTINGS_BYTES) {
            cards.push(File {
                name: name.to_owned(),
                shown: path.display().to_string(),
                bytes: Cow::Owned(bytes),
            });
        }
    }
    cards
}

/// The names that a card gives to the integers of `label_column`. None where no card does, or where several subsets disagree.
/// A card is a help and not part of the task: one that can't be read gives no names.
pub(crate) fn class_names(cards: &[File<'_>], label_column: &str) -> Option<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for card in cards {
        let Ok(text) = decode(&card.shown, &card.bytes) else {
            continue;
        };
        if card.name.ends_with(".json") {
            found.extend(names_in_json(text, label_column));
        } else {
            found.extend(names_in_readme(text, label_column));
        }
    }
    found.sort();
    found.dedup();
    if found.len() == 1 { found.pop() } else { None }
}

/// `{"names": ["neg", "pos"], "_type": "ClassLabel"}`.
pub(crate) fn names_in_feature(feature: &Value) -> Option<Vec<String>> {
    let names = feature.get("names")?.as_array()?.iter();
    names.map(|name| name.as_str().map(str::to_owned)).collect()
}

/// `{"subset": {"features": {"label": {"names": […]}}}}`.
fn names_in_json(text: &str, label_column: &str) -> Vec<Vec<String>> {
    let Ok(Value::Object(subsets)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let of_subset = |subset: &Value| names_in_feature(&subset["features"][label_column]);
    subsets.values().filter_map(of_subset).collect()
}

/// `dataset_info: {features: [{name: label, dtype: {class_label: {names: {'0': neg, '1': pos}}}}]}`, or a list of these, between `---` lines.
fn names_in_readme(text: &str, label_column: &str) -> Vec<Vec<String>> {
    let front = text
        .strip_prefix("---")
        .and_then(|rest| rest.split_once("\n---"));
    let tame = front.filter(|(front, _)| is_tame(front));
    let Some(documents) = tame.and_then(|(front, _)| Yaml::load_from_str(front).ok()) else {
        return Vec::new();
    };
    let Some(info) = documents
        .first()
        .and_then(|card| card.as_mapping_get("dataset_info"))
    else {
        return Vec::new();
    };
    let subsets = match info.as_vec() {
        Some(subsets) => subsets.iter().collect(),
        None => vec![info],
    };
    subsets
        .into_iter()
        .filter_map(|subset| names_in_subset(subset, label_column))
        .collect()
}

/// Whether YAML is of a kind that does not grow when it is read: few aliases, each of which repeats what it names, and shallow nesting.
fn is_tame(yaml: &str) -> bool {
    const ALIASES: usize = 12;
    const DEPTH: usize = 64;
    let starts_alias = |(before, mark): (char, char)| mark == '*' && !before.is_alphanumeric();
    let pairs = yaml.chars().zip(yaml.chars().skip(1));
    if pairs.filter(|pair| starts_alias(*pair)).count() > ALIASES {
        return false;
    }
    let mut depth = 0_usize;
    for line in yaml.lines() {
        let marks = line
            .chars()
            .take_while(|c| matches!(c, ' ' | '-' | '?' | ':'));
        if marks.filter(|c| *c != ' ').count() > DEPTH {
            return false;
        }
        for c in line.chars() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEPTH {
                return false;
            }
        }
    }
    true
}

fn names_in_subset(subset: &Yaml<'_>, label_column: &str) -> Option<Vec<String>> {
    let features = subset.as_mapping_get("features")?.as_vec()?;
    let named = |feature: &&Yaml<'_>| {
        feature.as_mapping_get("name").and_then(Yaml::as_str) == Some(label_column)
    };
    let dtype = features.iter().find(named)?.as_mapping_get("dtype")?;
    let names = dtype
        .as_mapping_get("class_label")?
        .as_mapping_get("names")?
        .as_mapping()?;
    // The keys are the indices '0', '1', …; the order they are written in is not to be relied on.
    (0..names.len())
        .map(|index| {
            let named = |(key, _): &(&Yaml<'_>, &Yaml<'_>)| {
                key.as_str() == Some(&index.to_string()) || key.as_integer() == Some(index as i64)
            };
            names
                .iter()
                .find(named)
                .and_then(|(_, name)| name.as_str())
                .map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, text: &[u8]) -> File<'static> {
        File {
            name: name.to_owned(),
            shown: name.to_owned(),
            bytes: Cow::Owned(text.to_vec()),
        }
    }

    #[test]
    fn subsets_that_agree_name_the_classes_and_others_do_not() {
        let subset = |name: &str, first: &str| {
            format!(
                "- config_name: {name}\n  features:\n  - name: idx\n    dtype: int32\n  - name: Label\n    dtype:\n      class_label:\n        names:\n          '1': no\n          '0': {first}\n"
            )
        };
        let readme = |a: &str, b: &str| {
            let text = format!(
                "---\ndataset_info:\n{}{}---\nText\n",
                subset("x", a),
                subset("y", b)
            );
            class_names(&[card("README.md", text.as_bytes())], "Label")
        };
        assert_eq!(
            readme("yes!", "yes!"),
            Some(vec!["yes!".to_owned(), "no".to_owned()])
        );
        assert_eq!(readme("yes!", "maybe"), None);
    }

    #[test]
    fn a_card_that_grows_when_it_is_read_names_nothing() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let list = [before.as_str(); 9].join(", ");
            laughs += &format!("a{level}: &a{level} [{list}]\n");
        }
        let deep = format!("a: {}{}\n", "[".repeat(200_000), "]".repeat(200_000));
        let dashes = format!("a:\n  {}x\n", "- ".repeat(200_000));
        for bomb in [laughs, deep, dashes] {
            let info = "dataset_info:\n  features:\n  - name: label\n    dtype: int32\n";
            let text = format!("---\n{info}{bomb}---\n");
            assert_eq!(
                class_names(&[card("README.md", text.as_bytes())], "label"),
                None
            );
        }
    }

    #[test]
    fn an_unreadable_card_names_nothing() {
        for text in [
            &b"\xff\xfe"[..],
            b"---\na: [\n---\n",
            b"# Films\n",
            b"---\ndataset_info: 3\n---\n",
        ] {
            assert_eq!(class_names(&[card("README.md", text)], "label"), None);
            assert_eq!(
                class_names(&[card("dataset_infos.json", text)], "label"),
                None
            );
        }
    }
}
