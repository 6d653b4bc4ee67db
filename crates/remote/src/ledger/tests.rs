//! What processes that share a ledger know of each other, and what is left of one that was killed.

use super::*;
use crate::price::Tokens;
use serde_json::json;

fn kept(answer: &str) -> Kept {
    Kept {
        answer: json!(answer),
        tokens: Tokens::default(),
        usd: Some(0.25),
        seconds: 0.5,
        attempts: 2,
    }
}

fn granted(ledger: &Ledger, request: &str, usd: f64) -> Ticket {
    match ledger.claim(request, usd).unwrap() {
        Claim::Granted(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn known(ledger: &Ledger, request: &str) -> Option<Kept> {
    match ledger.claim(request, 0.0).unwrap() {
        Claim::Known(kept) => Some(kept),
        _ => None,
    }
}

#[test]
fn an_answer_and_its_cost_are_known_to_whoever_opens_the_ledger_and_to_whoever_has_it_open() {
    let dir = tempfile::tempdir().unwrap();
    let other = Ledger::open(dir.path()).unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    other.limit(7.0).unwrap();
    other.limit(1.0).unwrap();
    let ticket = granted(&ledger, "a", 0.5);
    ledger.settle(ticket, 0.25, Some(kept("yes"))).unwrap();
    ledger.learn("offers", json!(["x"])).unwrap();
    assert_eq!(known(&other, "a"), Some(kept("yes")));
    let later = Ledger::open(dir.path()).unwrap();
    assert_eq!(known(&later, "a"), Some(kept("yes")));
    assert_eq!(later.fact("offers"), Some(json!(["x"])));
    assert!(
        matches!(later.claim("b", 0.76).unwrap(), Claim::OverCost { spent_usd, .. } if spent_usd == 0.25)
    );
    granted(&later, "b", 0.75);
}

#[test]
fn what_a_killed_process_reserved_counts_as_spent_and_its_torn_line_hides_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let killed = Ledger::open(dir.path()).unwrap();
    killed.limit(1.0).unwrap();
    let ticket = granted(&killed, "a", 0.25);
    killed.settle(ticket, 0.125, Some(kept("yes"))).unwrap();
    let _never_settled = granted(&killed, "b", 0.5);
    let path = dir.path().join(FILE);
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"{\"answer\":{\"request\":\"b\",\"ke")
        .unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    ledger.learn("offers", json!(1)).unwrap();
    assert_eq!(known(&ledger, "a"), Some(kept("yes")));
    assert!(matches!(
        ledger.claim("c", 0.5).unwrap(),
        Claim::OverCost { .. }
    ));
    let ticket = granted(&ledger, "b", 0.375);
    ledger.settle(ticket, 0.25, Some(kept("no"))).unwrap();
    let later = Ledger::open(dir.path()).unwrap();
    assert_eq!(later.fact("offers"), Some(json!(1)));
    assert_eq!(known(&later, "b"), Some(kept("no")));
}

#[test]
fn a_call_waits_for_the_same_one_under_way_and_for_room_that_others_may_leave() {
    let ledger = Ledger::in_memory();
    ledger.limit(1.0).unwrap();
    let first = granted(&ledger, "a", 0.75);
    std::thread::scope(|scope| {
        let same = scope.spawn(|| known(&ledger, "a"));
        let other = scope.spawn(|| ledger.claim("b", 0.5).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(50));
        let waiting = [same.is_finished(), other.is_finished()];
        ledger.settle(first, 0.5, Some(kept("yes"))).unwrap();
        assert_eq!(same.join().unwrap(), Some(kept("yes")));
        assert!(matches!(other.join().unwrap(), Claim::Granted(_)));
        assert_eq!(waiting, [false, false]);
    });
}

#[test]
fn a_call_that_ends_without_an_answer_leaves_the_next_one_to_ask_again() {
    let ledger = Ledger::in_memory();
    let ticket = granted(&ledger, "a", 0.5);
    ledger.settle(ticket, 0.0, None).unwrap();
    granted(&ledger, "a", 0.5);
}
