//! What a panic says: its message out of the payload, or out of what the default hook printed to a log; and the one panic that is none.

use crate::terminal::tell;
use files::printable;
use std::any::Any;
use std::borrow::Cow;
use std::{panic, thread};

/// The message of a caught panic.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// The last thing that the lines of a log say: its last line, or, where a panic was the end, the panic's message.
///
/// The default hook prints `thread 'main' panicked at FILE:LINE:`, the message on lines of its own, and then a note on
/// backtraces or the backtrace itself, which say nothing about the reason.
pub(crate) fn last_message<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let lines: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let panic = lines.iter().rposition(|line| is_panic_header(line));
    let message = panic.map(|header| {
        let after = &lines[header + 1..];
        let end = after.iter().position(|line| is_about_backtraces(line));
        &after[..end.unwrap_or(after.len())]
    });
    let last = lines.iter().rposition(|line| !is_about_backtraces(line))?;
    match (panic, message) {
        (Some(header), Some(message)) if last <= header + message.len() => {
            Some(message.join(" ")).filter(|text| !text.is_empty())
        }
        _ => Some(lines[last].to_owned()),
    }
}

fn is_panic_header(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(" panicked at ")
}

fn is_about_backtraces(line: &str) -> bool {
    line == "stack backtrace:"
        || line.starts_with("note: run with `RUST_BACKTRACE=")
        || line.starts_with("note: Some details are omitted, run with `RUST_BACKTRACE=")
        || is_frame(line)
}

/// A line of a backtrace: `12: name` or `at file:line:column`.
fn is_frame(line: &str) -> bool {
    let number = line.split_once(": ").map(|(number, _)| number);
    number.is_some_and(|number| number.parse::<u32>().is_ok())
        || (line.starts_with("at ")
            && line
                .rsplit(':')
                .take(2)
                .all(|part| part.parse::<u32>().is_ok()))
}

/// Makes this process end without a word when whoever reads its output has read enough (`adaptbench models | head -1`).
///
/// `println!` panics on a closed pipe, as Rust ignores SIGPIPE; in the panic's hook every `println!` of the program is covered.
pub(crate) fn end_quietly_on_closed_output() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str().is_some_and(is_closed_output) {
            std::process::exit(0);
        }
        // What was read may stand in the message, and the default hook would print it as it is.
        let message = info.payload_as_str().unwrap_or_default();
        match (printable(message), info.location()) {
            (Cow::Owned(shown), Some(location)) => {
                let thread = thread::current();
                let name = thread.name().unwrap_or("<unnamed>");
                tell(format!("thread '{name}' panicked at {location}:\n{shown}"));
            }
            _ => default(info),
        }
    }));
}

fn is_closed_output(message: &str) -> bool {
    message.starts_with("failed printing to stdout") && message.contains("Broken pipe")
}

#[cfg(test)]
mod tests {
    use super::last_message;

    fn last(log: &str) -> Option<String> {
        last_message(log.lines())
    }

    #[test]
    fn a_panics_message_is_the_last_word_and_not_the_note_on_backtraces() {
        let log = "loading\n\nthread 'main' (7) panicked at src/x.rs:3:5:\nassertion `left == right` failed: rows\n  left: 1\n right: 2\n\
                   note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let message = "assertion `left == right` failed: rows left: 1 right: 2";
        assert_eq!(last(log).as_deref(), Some(message));
        let with_backtrace = log.replace(
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
            "stack backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/library/std/src/panicking.rs:689:5\n   1: core::panicking\n\
             note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
        );
        assert_ne!(with_backtrace, log);
        assert_eq!(last(&with_backtrace).as_deref(), Some(message));
    }

    #[test]
    fn what_comes_after_a_panic_is_later_than_its_message() {
        let log = "thread 'a' panicked at x.rs:1:1:\nlost\nnote: run with `RUST_BACKTRACE=1` ..\nmemory allocation of 4 bytes failed\n";
        assert_eq!(
            last(log).as_deref(),
            Some("memory allocation of 4 bytes failed")
        );
        assert_eq!(last("one\ntwo\n").as_deref(), Some("two"));
        assert_eq!(last(" \n"), None);
    }
}
