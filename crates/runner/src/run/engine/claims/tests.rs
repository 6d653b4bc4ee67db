use super::*;
use std::time::SystemTime;

fn ours(dir: &Path) -> Held {
    match take(dir, "t").unwrap() {
        Taken::Ours(held) => held,
        Taken::Theirs(claim) => panic!("it is {}'s", claim.who()),
    }
}

/// Replaces the last claim to `t` by another's.
fn forge(dir: &Path, number: usize, claim: &Claim) {
    let path = claims_dir(dir).join(format!("t.{number}"));
    fs::write(path, serde_json::to_vec(claim).unwrap()).unwrap();
}

#[test]
fn of_many_who_ask_at_once_one_has_the_trial() {
    let dir = tempfile::tempdir().unwrap();
    let ask = || match take(dir.path(), "t").unwrap() {
        Taken::Ours(held) => {
            assert!(held.earlier.is_empty());
            1
        }
        Taken::Theirs(_) => 0,
    };
    let won: usize = thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_process_that_is_gone_from_this_machine_is_an_attempt_that_came_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    ours(dir.path());
    let mut gone = Claim {
        process_began: Some(1),
        ..Claim::mine()
    };
    forge(dir.path(), 1, &gone);
    let second = ours(dir.path());
    assert_eq!((second.number, second.earlier.len()), (2, 1));
    assert_eq!(second.earlier[0].host, gone.host);
    assert!(second.earlier[0].ended.contains("without a record"));
    second.give_up("no room left");
    gone.process = u32::MAX;
    forge(dir.path(), 2, &gone);
    let third = ours(dir.path());
    assert_eq!(third.earlier[1].ended, "no room left");
    forget(dir.path(), "t");
    let left = fs::read_dir(claims_dir(dir.path())).unwrap().count();
    assert_eq!(left, 0);
    assert_eq!(ours(dir.path()).number, 1);
}

#[test]
fn another_machine_has_a_trial_until_it_has_been_silent_for_long() {
    let dir = tempfile::tempdir().unwrap();
    ours(dir.path());
    let far = Claim {
        host: Some("far".to_owned()),
        process: 1,
        ..Claim::mine()
    };
    forge(dir.path(), 1, &far);
    let Taken::Theirs(who) = take(dir.path(), "t").unwrap() else {
        panic!("taken away");
    };
    assert_eq!(who.who(), "process 1 on far");
    assert_eq!(by(dir.path(), "t"), Some(who));
    let long_ago = SystemTime::now() - SILENCE - Duration::from_secs(5);
    let file = File::options()
        .write(true)
        .open(claims_dir(dir.path()).join("t.1"))
        .unwrap();
    file.set_modified(long_ago).unwrap();
    assert_eq!(by(dir.path(), "t"), None);
    assert_eq!(ours(dir.path()).number, 2);
}

#[test]
fn a_job_that_was_started_again_has_the_trial_of_its_former_start() {
    let of = |job: &str, restarts, host: &str| Claim {
        job: Some(job.to_owned()),
        host: Some(host.to_owned()),
        restarts,
        process: 7,
        ..Claim::default()
    };
    let recent = Duration::from_secs(1);
    let me = of("17_3", 1, "a");
    assert!(of("17_3", 0, "b").is_over(&me, recent));
    assert!(
        !of("17_3", 1, "b").is_over(&me, recent),
        "the same start elsewhere"
    );
    assert!(of("17_3", 1, "b").is_over(&me, SILENCE * 2));
}

#[test]
fn the_end_of_a_job_is_noted_with_its_attempt() {
    let dir = tempfile::tempdir().unwrap();
    ours(dir.path());
    let lost = Claim {
        job: Some("17_3".to_owned()),
        node: Some("n2".to_owned()),
        process_began: Some(1),
        ..Claim::mine()
    };
    forge(dir.path(), 1, &lost);
    note_end(dir.path(), "t", "17_3", "NODE_FAIL").unwrap();
    note_end(dir.path(), "t", "18_3", "CANCELLED").unwrap();
    let attempts = attempts(dir.path(), "t");
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (attempts[0].node.as_deref(), attempts[0].ended.as_str()),
        (Some("n2"), "NODE_FAIL")
    );
}
