//! What came after a checkpoint, audited alone: it has the problems that an audit of the whole log finds in it.

use std::collections::BTreeMap;

use audit::{Code, Given, Problem, Report, Since, Step};
use expect_test::{Expect, expect};
use model::{Continuity, Digest, EntryKind, Genesis};
use proptest::prelude::*;
use tlog::{
    Checkpoint, Hash, Resource, SigningKey, bundle, encode_hashes, leaf_hash, root_of, sign_checkpoint,
};

use crate::{
    lives::{Event, Life, Seen, event, tamper},
    story::{COUNT, Log, PERMIT, READS, Scribe, sign_log, story},
};

/// A log's files, made when they are asked for; and which were.
pub(crate) struct Files<'a> {
    pub(crate) entries: &'a [Vec<u8>],
    pub(crate) asked: BTreeMap<Resource, u32>,
}

impl Files<'_> {
    pub(crate) fn read(&mut self, resource: Resource) -> Option<Vec<u8>> {
        *self.asked.entry(resource).or_default() += 1;
        let tile = resource.tile();
        let each = 256usize.pow(u32::from(tile.level()));
        let range = tile.hashes();
        let part = self.entries.get(range.start as usize * each..range.end as usize * each)?;
        Some(match resource {
            Resource::Entries(_) => bundle::encode(part).unwrap(),
            Resource::Hashes(_) => {
                let leaves: Vec<Hash> = part.iter().map(|entry| leaf_hash(entry)).collect();
                encode_hashes(&leaves.chunks(each).map(root_of).collect::<Vec<_>>())
            }
        })
    }
}

fn since(log: &Log, old: &str, files: &mut Files<'_>) -> Report {
    let genesis = log.genesis.to_json();
    let given = Given {
        genesis: &genesis,
        expected_genesis: log.expected,
        checkpoint: log.checkpoint.as_bytes(),
        held_checkpoints: &log.held,
        database: None,
    };
    let mut since = Since::new(given, old).unwrap();
    loop {
        match since.step() {
            Step::Read(resource) => since.take(resource, files.read(resource)),
            Step::Told(report) => return *report,
        }
    }
}

pub(crate) fn told(log: &Log, old: &str) -> Report {
    since(log, old, &mut Files { entries: &log.entries, asked: BTreeMap::new() })
}

/// The problems of the whole, and last those that a reader of the tail must hear of. Where entries are altered is told as
/// well as commitments tell, and those of the tail may be wrong.
pub(crate) fn of_tail(mut log: Log, old: &str, size: u64) -> (Vec<Problem>, Vec<Problem>) {
    log.rows = None;
    log.held.push(old.to_owned());
    let of_before = |it: &Problem| it.code != Code::EntriesAltered && it.entry.is_some_and(|at| at < size);
    log.verify_with_sessions().problems.into_iter().partition(of_before)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_tail_has_the_problems_that_the_whole_log_has_there(
        before in proptest::collection::vec(event(), 0..60),
        after in proptest::collection::vec(event(), 0..30),
        tampers in proptest::collection::vec(tamper(), 0..3),
        held in proptest::collection::vec(any::<prop::sample::Index>(), 0..2),
        again: bool,
    ) {
        let mut life = Life::begin();
        // Nobody's client had seen another log, and no roster lacked the agent's owner: those are problems before.
        let well = |it: &&Event| {
            !matches!(it, Event::Approve { seen: Seen::Another(_) | Seen::Later, .. } | Event::Adopt { person: 3, .. })
        };
        before.iter().filter(well).for_each(|event| life.happen(event));
        let (size, old) = (life.size(), sign_log(&life.scribe.entries));
        after.iter().for_each(|event| life.happen(event));
        let mut log = life.scribe.log();
        log.held = held.iter().map(|at| sign_log(&log.entries[..at.index(log.entries.len() + 1)])).collect();
        let all = log.entries.len();
        tampers.iter().for_each(|tamper| tamper.apply(&mut log, size));
        // What nobody signed is not in the files that a checkpoint covers.
        if again || log.entries.len() != all {
            log.sign_again();
        }
        let (earlier, expected) = of_tail(log.clone(), &old, size as u64);
        prop_assume!(earlier.iter().all(|it| it.code != Code::EntryOutOfOrder), "times went back before");
        prop_assert_eq!(told(&log, &old).problems, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// So an audit can take entries as they come: what follows takes back nothing and adds nothing.
    #[test]
    fn what_is_found_in_an_entry_rests_on_nothing_after_it(
        events in proptest::collection::vec(event(), 0..60),
        tampers in proptest::collection::vec(tamper(), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut life = Life::begin();
        events.iter().for_each(|event| life.happen(event));
        let mut log = life.scribe.log();
        tampers.iter().for_each(|tamper| tamper.apply(&mut log, 0));
        log.sign_again();
        let size = cut.index(log.entries.len() + 1);
        // Of statements that contradict the log only the first is told, with how many do.
        let tree = |it: &Problem| matches!(it.code, Code::HistoryRewritten | Code::HistoryTruncated);
        let (whole, _) = of_tail(log.clone(), &sign_log(&log.entries[..size]), size as u64);
        log.entries.truncate(size);
        log.sign_again();
        let (found, wanted) = (log.verify_with_sessions().problems.into_iter(), whole.into_iter());
        prop_assert_eq!(
            found.filter(|it| !tree(it)).collect::<Vec<_>>(),
            wanted.filter(|it| !tree(it)).collect::<Vec<_>>()
        );
    }
}

/// A log of many reads, with a change held long before its permit.
fn long() -> Life {
    let mut life = Life::begin();
    let reads =
        |life: &mut Life, times: usize| (0..times).for_each(|_| life.happen(&Event::Reads { count: 50 }));
    reads(&mut life, 60);
    life.happen(&Event::Session { launcher: Some(3) });
    life.happen(&Event::Hold { people: 2 });
    reads(&mut life, 20);
    let seen = Seen::Before(3500);
    for person in [1, 2] {
        life.happen(&Event::Approve { change: 0, person, seen });
    }
    reads(&mut life, 10);
    life
}

#[test]
fn what_is_read_is_what_the_tail_rests_on() {
    let mut life = long();
    let old = sign_log(&life.scribe.entries);
    life.happen(&Event::Permit { change: 0, step: 0, people: 2 });
    let log = life.scribe.log();
    let mut files = Files { entries: &log.entries, asked: BTreeMap::new() };
    let report = since(&log, &old, &mut files);
    assert_eq!((report.ok, report.authenticated, report.problems), (true, true, vec![]));
    assert_eq!(
        (report.since, report.entries),
        (Some(log.entries.len() as u64 - 1), log.entries.len() as u64)
    );
    let asked: Vec<String> = files.asked.keys().map(|it| it.path()).collect();
    // Back to the session of the change; the first bundle; the tiles that lead there, and those of the tree that was seen.
    expect![[r#"
        tile/0/001
        tile/0/017.p/155
        tile/1/000.p/17
        tile/entries/000
        tile/entries/011
        tile/entries/012
        tile/entries/013
        tile/entries/014
        tile/entries/015
        tile/entries/016
        tile/entries/017.p/155"#]]
    .assert_eq(&asked.join("\n"));
    assert!(files.asked.values().all(|times| *times <= 3), "{:?}", files.asked);
}

/// A log that continues another: what came over from it stands at its beginning, in one piece, and is older than the log.
#[test]
fn a_tail_may_begin_anywhere_among_rows_that_came_over() {
    let before = SigningKey::from_seed("log.example/before", &[1; 32]).unwrap();
    let checkpoint = Checkpoint { origin: "log.example/before".into(), size: 1, root: leaf_hash(b"x") };
    let continuity = Continuity {
        before: Genesis {
            origin: checkpoint.origin.clone(),
            vkey: before.verifier().to_string(),
            ..crate::story::genesis()
        },
        restored: sign_checkpoint(&checkpoint, &before),
        signed: None,
        ground: "the disk was lost".parse().unwrap(),
        vouched: None,
    };
    // What came over closed stays closed: no outcome of it, and no permit, whoever says that nobody had to agree.
    for (state, expected) in [
        ("unknown", &["permit_unapproved"][..]),
        ("rejected", &["outcome_without_permit", "permit_unapproved", "permit_unapproved"]),
    ] {
        let mut log = Scribe::new();
        log.write(EntryKind::ContinuityBroken, |entry| entry.detail = continuity.to_detail());
        log.about(EntryKind::RowCarried, 1, Some("change"), &[("state", state)]);
        log.outcome(1, "0");
        log.permit(1, "0", "2");
        let report = log.log().verify();
        let codes: Vec<&str> = report.problems.iter().map(|it| it.code.name()).collect();
        assert_eq!(codes, expected, "{state}");
    }
    let mut log = Scribe::new();
    log.write(EntryKind::ContinuityBroken, |entry| entry.detail = continuity.to_detail());
    for (nth, table) in [(0, "session"), (1, "change"), (2, "change")] {
        log.about(EntryKind::RowCarried, nth, Some(table), &[("launcher", "carol"), ("state", "unknown")]);
    }
    log.outcome(1, "0");
    log.hold(3);
    log.approve(3, "bob");
    log.approve(3, "carol");
    log.permit(3, "0", "2");
    log.about(EntryKind::RowCarried, 2, Some("change"), &[]);
    let log = log.log();
    for size in 1..=log.entries.len() {
        let old = sign_log(&log.entries[..size]);
        let report = told(&log, &old);
        assert_eq!(report.problems, of_tail(log.clone(), &old, size as u64).1, "{size}");
        assert!(size == 1 || report.continues.is_some(), "{size}");
    }
    let codes: Vec<&str> = log.verify().problems.iter().map(|it| it.code.name()).collect();
    assert_eq!(codes, ["continuity_invalid", "session_closed", "permit_unapproved"]);
}

/// The roster is that of a bundle that was adopted long before: its adoption is found without reading all in between.
#[test]
fn a_bundle_that_was_adopted_long_before_is_found_by_halves() {
    let mut life = Life::begin();
    let reads =
        |life: &mut Life, times: usize| (0..times).for_each(|_| life.happen(&Event::Reads { count: 50 }));
    reads(&mut life, 30);
    life.happen(&Event::Adopt { person: 1, by: [2, 3] });
    reads(&mut life, 30);
    life.happen(&Event::Adopt { person: 2, by: [2, 3] });
    let adopted = life.size() as u64 - 1;
    reads(&mut life, 300);
    let (size, old) = (life.size() as u64, sign_log(&life.scribe.entries));
    life.happen(&Event::Hold { people: 1 });
    for person in [1, 2] {
        life.happen(&Event::Approve { change: 0, person, seen: Seen::Before(0) });
    }
    let log = life.scribe.log();
    let mut files = Files { entries: &log.entries, asked: BTreeMap::new() };
    let report = since(&log, &old, &mut files);
    assert_eq!(report.problems, of_tail(log.clone(), &old, size).1);
    assert_eq!(report.problems.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::SignatureInvalid; 2]);
    let bundles = files.asked.keys().filter(|it| matches!(it, Resource::Entries(_)));
    let bundles: Vec<u64> = bundles.map(|it| it.tile().index()).collect();
    assert!(bundles.contains(&(adopted / 256)) && bundles.len() < 12, "{bundles:?}");
}

/// What a permit in the tail lacks lies before it, and is not there.
#[test]
fn a_permit_in_the_tail_is_weighed_by_what_was_before() {
    let with = |event: Event| {
        // An adoption is a change itself.
        let change = u8::from(matches!(event, Event::Adopt { .. }));
        let mut life = long();
        life.happen(&event);
        let (size, old) = (life.size() as u64, sign_log(&life.scribe.entries));
        life.happen(&Event::Permit { change, step: 0, people: 2 });
        let log = life.scribe.log();
        let found = told(&log, &old);
        assert_eq!(found.problems, of_tail(log, &old, size).1);
        found.problems.into_iter().map(|it| it.code.name()).collect::<Vec<_>>()
    };
    assert_eq!(with(Event::Reads { count: 1 }), Vec::<&str>::new());
    assert_eq!(with(Event::Reject { change: 0, person: 1 }), ["permit_after_veto"]);
    assert_eq!(with(Event::Permit { change: 0, step: 0, people: 2 }), ["permit_twice"]);
    assert_eq!(with(Event::Adopt { person: 2, by: [1, 2] }), ["permit_unapproved"]);
}

/// What had run stands with the change that was vetoed, whichever of the two the tail begins with.
#[test]
fn a_plan_that_was_reopened_is_weighed_by_what_ran_before_its_veto() {
    let with = |outcome: bool, reopened_before: bool| {
        let reads = |life: &mut Life| (0..12).for_each(|_| life.happen(&Event::Reads { count: 50 }));
        let mut life = Life::begin();
        reads(&mut life);
        life.happen(&Event::Hold { people: 0 });
        life.happen(&Event::Permit { change: 0, step: 0, people: 0 });
        if outcome {
            life.happen(&Event::Outcome { change: 0, step: 0 });
        }
        life.happen(&Event::Reject { change: 0, person: 1 });
        reads(&mut life);
        let mut old = (life.size() as u64, sign_log(&life.scribe.entries));
        life.happen(&Event::Reopen { change: 0 });
        reads(&mut life);
        if reopened_before {
            old = (life.size() as u64, sign_log(&life.scribe.entries));
        }
        life.happen(&Event::Permit { change: 0, step: 1, people: 0 });
        let log = life.scribe.log();
        let found = told(&log, &old.1);
        assert_eq!(found.problems, of_tail(log, &old.1, old.0).1);
        found.problems.into_iter().map(|it| it.code.name()).collect::<Vec<_>>()
    };
    for reopened_before in [false, true] {
        assert_eq!(with(true, reopened_before), Vec::<&str>::new());
        assert_eq!(with(false, reopened_before), ["permit_out_of_turn"]);
    }
}

fn check(tamper: impl FnOnce(&mut Log, &mut String), expected: &Expect) {
    let mut log = story();
    let mut old = sign_log(&log.entries[..PERMIT]);
    tamper(&mut log, &mut old);
    let lines = told(&log, &old).problems.into_iter().map(|it| format!("{} {}\n", it.code, it.message));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_log_that_does_not_continue_the_checkpoint_is_convicted() {
    check(|_, _| {}, &expect![""]);
    check(|log, old| *old = log.checkpoint.clone(), &expect![""]);
    check(|_, old| *old = sign_log(&[]), &expect![""]);
    // Less than before.
    check(
        |log, _| {
            log.entries.truncate(READS);
            log.sign_again();
        },
        &expect![[r#"
            history_truncated the checkpoint that was verified before covers 7 entries, the log admits to 2: entries were cut off after it was signed
        "#]],
    );
    // Another history, signed anew: longer, and just as long.
    check(
        |log, _| {
            log.detail(READS, "count", "1");
            log.sign_again();
        },
        &expect![[r#"
            history_rewritten the checkpoint that was verified before has the root V1PQ38I1PgF3hGydyB+xu2n0NTqXY6tqRHPNgnKPkIQ= at 7 entries, the log has BT2KDLYaUKtEmJ2MifiIv2Gf/yA2RTyeedan9CkuGq8=: history was rewritten after it was signed
        "#]],
    );
    check(
        |log, old| {
            *old = log.checkpoint.clone();
            log.detail(READS, "count", "1");
            log.sign_again();
        },
        &expect![[r#"
            history_rewritten the checkpoint that was verified before has the root z84e1cCHl+zWGgwedTqfyic+9TUNBPcsqPIUKZhaqrQ= at 12 entries, the log has BivHFLaBqn+yMuSfXNS6SwnMzhC1S7/u7XQ46mU0ZII=: history was rewritten after it was signed
        "#]],
    );
    // Nothing signed anew: an entry from before, one from after.
    check(
        |log, _| log.detail(READS, "count", "1"),
        &expect![[r#"
        file_damaged the hash tiles at the edge of 7 entries lead neither to the checkpoint that was verified before nor, with what came after, to the newest: they or the entries are not what was signed for; verify the whole log
    "#]],
    );
    check(
        |log, _| log.detail(PERMIT, "people", "1"),
        &expect![[r#"
        entries_altered the entries have another root than the checkpoint signed for: the first difference lies in entries 7 to 9
        permit_unapproved entry 7 says that chg-01m7xzk500040g2081040g2081 took 1 of the people that entry 3 asks for: 2
    "#]],
    );
    check(
        |log, _| drop(log.entries.remove(COUNT - 1)),
        &expect![[r#"
        file_damaged tile/0/000.p/12: is missing, or breaks off
    "#]],
    );
    check(
        |log, _| log.entries[COUNT - 1] = Vec::new(),
        &expect![[r#"
        entry_malformed entry 11 cannot be read as an entry: EOF while parsing a value at line 1 column 0
        entries_altered the entries have another root than the checkpoint signed for: the first difference lies in entries 10 to 11
    "#]],
    );
    check(
        |log, _| log.checkpoint.clear(),
        &expect![[r#"
        checkpoint_invalid the log's checkpoint does not hold: the note has no empty line with signatures below it
    "#]],
    );
    check(
        |log, _| log.expected = Some(Digest::of(b"another")),
        &expect![[r#"
        genesis_differs genesis.json has the fingerprint d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b, not ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5: this is another installation's log
    "#]],
    );
}

/// Files that are not the log's: nothing is believed for lying there.
#[test]
fn whatever_file_is_wrong_convicts() {
    let mut life = long();
    let old = sign_log(&life.scribe.entries);
    life.happen(&Event::Permit { change: 0, step: 0, people: 2 });
    let log = life.scribe.log();
    let mut files = Files { entries: &log.entries, asked: BTreeMap::new() };
    assert!(since(&log, &old, &mut files).ok);
    let genesis = log.genesis.to_json();
    for wrong in files.asked.keys() {
        for damage in 0..3 {
            let given = Given {
                genesis: &genesis,
                expected_genesis: log.expected,
                checkpoint: log.checkpoint.as_bytes(),
                held_checkpoints: &log.held,
                database: None,
            };
            let mut since = Since::new(given, &old).unwrap();
            let mut files = Files { entries: &log.entries, asked: BTreeMap::new() };
            let report = loop {
                match since.step() {
                    Step::Read(resource) => {
                        let mut bytes = files.read(resource).unwrap();
                        if resource == *wrong && damage == 0 {
                            // The last hashes of a tile may be of what came after.
                            let at = if matches!(wrong, Resource::Hashes(_)) { 0 } else { bytes.len() - 1 };
                            bytes[at] ^= 1;
                        } else if resource == *wrong && damage == 1 {
                            bytes.pop();
                        }
                        let there = resource != *wrong || damage < 2;
                        since.take(resource, there.then_some(bytes));
                    }
                    Step::Told(report) => break *report,
                }
            };
            assert!(!report.ok, "{wrong} {damage}");
        }
    }
}
