//! The name that a misspelt one was probably meant to be.

/// The most similar of `names` to `wrong` (Jaro-Winkler, case ignored), if it is similar enough to be worth suggesting.
pub fn nearest_name<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), *name))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// The question "did you mean ..?" in brackets, to be put behind a name that is not known; empty where no known name is near.
pub fn did_you_mean(wrong: &str, names: &[&str]) -> String {
    nearest_name(wrong, names)
        .map(|near| format!(" (did you mean \"{near}\"?)"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_corrected_and_a_stranger_is_not() {
        let names = ["lora", "adapter", "finetune-all", "finetune-last"];
        assert_eq!(nearest_name("finetune-al", &names), Some("finetune-all"));
        assert_eq!(nearest_name("LORA", &names), Some("lora"));
        assert_eq!(nearest_name("adaptor", &names), Some("adapter"));
        assert_eq!(nearest_name("xyzzy", &names), None);
        assert_eq!(nearest_name("lora", &[]), None);
        assert_eq!(did_you_mean("lroa", &names), " (did you mean \"lora\"?)");
        assert_eq!(did_you_mean("xyzzy", &names), "");
    }
}
