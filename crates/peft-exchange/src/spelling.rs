//! How `target_modules` names modules: by the shortest ends of their names that no other module shares.

/// The ends of `wanted`'s names, each as short as can be without meaning one of `others`. PEFT matches from a dot on, and
/// (IA)³'s `feedforward_modules` from anywhere on; an end is safe for both.
pub(crate) fn endings(wanted: &[&str], others: &[&str]) -> Vec<String> {
    let mut endings: Vec<String> = wanted
        .iter()
        .map(|name| {
            let dots = name.match_indices('.').map(|(dot, _)| dot + 1);
            let ends = dots.rev().map(|start| &name[start..]);
            let alone = |end: &&str| !others.iter().any(|other| other.ends_with(end));
            ends.into_iter().find(alone).unwrap_or(name).to_owned()
        })
        .collect();
    endings.sort();
    endings.dedup();
    endings
}

#[cfg(test)]
mod tests {
    use super::endings;

    #[test]
    fn an_end_is_as_short_as_the_other_modules_allow() {
        let all = [
            "layer.0.attention.output.dense",
            "layer.0.output.dense",
            "layer.0.query",
            "layer.1.attention.output.dense",
            "layer.1.output.dense",
            "layer.1.query",
            "layer.11.query",
            "pooler.dense",
        ];
        let of = |wanted: &[&str]| {
            let others: Vec<&str> = all.into_iter().filter(|n| !wanted.contains(n)).collect();
            endings(wanted, &others)
        };
        assert_eq!(of(&[all[2], all[5], all[6]]), ["query"]);
        assert_eq!(of(&[all[0], all[3]]), ["attention.output.dense"]);
        assert_eq!(of(&[all[1], all[4]]), ["0.output.dense", "1.output.dense"]);
        assert_eq!(of(&[all[0], all[1], all[3], all[4]]), ["output.dense"]);
        assert_eq!(of(&[all[5]]), ["layer.1.query"], "not that of block 11");
    }
}
