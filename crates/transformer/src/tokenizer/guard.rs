//! Panics of the `tokenizers` crate on damaged files and odd texts, caught at the border.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `run` gives, or an error where it panics: without a word on standard error, as the error says it.
pub(super) fn caught<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    keep_quiet_when_asked();
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    QUIET.set(before);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no reason given".to_owned());
        Err(format!("the tokenizers library cannot work with it ({text})").into())
    })
}

/// The message of a panic is printed by a hook of the whole process, before anybody can catch it.
fn keep_quiet_when_asked() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_reason() {
        let error = caught::<()>(|| panic!("index {} of 3", 7)).unwrap_err();
        assert!(error.to_string().contains("index 7 of 3"), "{error}");
        assert!(!QUIET.get());
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
    }
}
