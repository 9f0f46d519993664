//! Somebody with a text editor and no key: entries, files and rows are changed, the signed checkpoint stays.

use audit::Code;
use expect_test::{Expect, expect};
use model::{Digest, Genesis};

use crate::story::{
    BOB, CAROL, COUNT, GENESIS, HELD, Log, OUTCOME, PERMIT, READS, REOPENED, VETO, name, sign_log, story,
};

fn check(tamper: impl FnOnce(&mut Log), expected: &Expect) {
    let mut log = story();
    tamper(&mut log);
    expected.assert_eq(&log.problems());
}

#[test]
fn the_untouched_log_is_acquitted() {
    let mut log = story();
    for size in [0, 1, 5, COUNT] {
        log.held.push(sign_log(&log.entries[..size]));
    }
    let report = log.verify();
    assert_eq!(
        (report.ok, report.authenticated, report.entries),
        (true, true, COUNT as u64),
        "{:?}",
        report.problems
    );
    assert_eq!(report.checkpoint.unwrap().size, COUNT as u64);

    log.expected = None;
    let report = log.verify();
    assert_eq!((report.ok, report.authenticated), (true, false));
    log.rows = None;
    assert!(log.verify().ok);
}

#[test]
fn an_edited_entry() {
    check(
        |log| log.detail(READS, "count", "1"),
        &expect![[r#"
        entries_altered @-: the entries have another root than the checkpoint signed for: the first difference lies in entries 0 to 3
    "#]],
    );
    // With a checkpoint from before and one from after, it is known which.
    check(
        |log| {
            log.held = vec![sign_log(&log.entries[..READS]), sign_log(&log.entries[..=READS])];
            log.detail(READS, "count", "1");
        },
        &expect![[r#"
            entries_altered @2: the entries have another root than the checkpoint signed for: entry 2 is not the one that was signed for
        "#]],
    );
    check(
        |log| log.entries[READS].push(b' '),
        &expect![[r#"
        entry_not_canonical @2: entry 2 is not written as its event is written: the bytes differ from byte 339 on
        entries_altered @-: the entries have another root than the checkpoint signed for: the first difference lies in entries 0 to 3
    "#]],
    );
    check(
        |log| log.entries[READS] = b"{}".to_vec(),
        &expect![[r#"
        entry_malformed @2: entry 2 cannot be read as an entry: missing field `schema` at line 1 column 2
        entries_altered @-: the entries have another root than the checkpoint signed for: the first difference lies in entries 0 to 3
    "#]],
    );
}

#[test]
fn a_deleted_reordered_truncated_or_appended_entry() {
    check(
        |log| drop(log.entries.remove(READS)),
        &expect![[r#"
        entries_missing @-: the checkpoint covers 12 entries, but 11 are there: which are missing is not known
    "#]],
    );
    check(
        |log| log.entries.swap(READS, PERMIT),
        &expect![[r#"
        entries_altered @-: the entries have another root than the checkpoint signed for: the first difference lies in entries 0 to 3
        entry_out_of_order @3: entry 3 is of 2026-11-21T02:43:00.000Z, but entry 2 before it is of 2026-11-21T02:47:00.000Z
        entry_out_of_order @7: entry 7 is of 2026-11-21T02:42:00.000Z, but entry 6 before it is of 2026-11-21T02:46:00.000Z
        permit_unapproved @2: entry 2 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]],
    );
    check(
        |log| log.entries.truncate(OUTCOME),
        &expect![[r#"
        entries_missing @-: the checkpoint covers 12 entries, but 8 are there: which are missing is not known; the first 5 are as they were signed for
        row_altered @7: the change chg-01m7xzk500040g2081040g2081 in the database is not the one that entry 7 recorded: it was edited
        row_inserted @-: the change chg-01m7xzk500081040g2081040g2 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the change chg-01m7xzk5000c1g60r30c1g60r3 is in the database, but no entry speaks of it: it was put there by hand
    "#]],
    );
    check(
        |log| {
            log.held = vec![sign_log(&log.entries[..HELD])];
            log.entries.truncate(HELD);
            log.rows = None;
        },
        &expect![[r#"
            entries_missing @3: the checkpoint covers 12 entries, but 3 are there: entry 3 is the first that is missing
        "#]],
    );
    check(
        |log| log.entries.push(log.entries[READS].clone()),
        &expect![[r#"
        entry_repeated @12: entry 12 has the id ent-01m7xzpt60081040g2081040g2, which entry 2 has already
        entries_unsigned @12: the checkpoint covers 12 entries, but 13 are there: the rest is signed by nobody
        entry_out_of_order @12: entry 12 is of 2026-11-21T02:42:00.000Z, but entry 11 before it is of 2026-11-21T02:51:00.000Z
    "#]],
    );
    check(
        |log| log.entries.clear(),
        &expect![[r#"
        entries_missing @0: the checkpoint covers 12 entries, but 0 are there: entry 0 is the first that is missing
        row_inserted @-: the approval-bob chg-01m7xzk500040g2081040g2081 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the approval-carol chg-01m7xzk500040g2081040g2081 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the change chg-01m7xzk500040g2081040g2081 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the change chg-01m7xzk500081040g2081040g2 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the change chg-01m7xzk5000c1g60r30c1g60r3 is in the database, but no entry speaks of it: it was put there by hand
        row_inserted @-: the session chg-01m7xzk5000000000000000000 is in the database, but no entry speaks of it: it was put there by hand
    "#]],
    );
    check(
        |log| drop(log.entries.remove(GENESIS)),
        &expect![[r#"
        signature_invalid @3: entry 3 carries no valid signature: no roster was in force
        signature_invalid @4: entry 4 carries no valid signature: no roster was in force
        signature_invalid @9: entry 9 carries no valid signature: no roster was in force
        signature_invalid @10: entry 10 carries no valid signature: no roster was in force
        entries_missing @-: the checkpoint covers 12 entries, but 11 are there: which are missing is not known
        genesis_entry @0: entry 0 is no genesis: the beginning of the log is gone
        permit_unapproved @6: entry 6 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]],
    );
}

#[test]
fn a_checkpoint_that_does_not_hold() {
    check(
        |log| log.checkpoint = log.checkpoint.replace("\n12\n", "\n11\n"),
        &expect![[r#"
        checkpoint_invalid @-: the log's checkpoint does not hold: the signature by log.example/test does not belong to this text
    "#]],
    );
    check(
        |log| log.checkpoint.clear(),
        &expect![[r#"
        checkpoint_invalid @-: the log's checkpoint does not hold: the note has no empty line with signatures below it
    "#]],
    );
    // An old one, with the entries that go with it: only a checkpoint that left the building tells.
    check(
        |log| {
            log.held = vec![log.checkpoint.clone()];
            log.entries.truncate(HELD);
            log.checkpoint = sign_log(&log.entries);
            log.rows = None;
        },
        &expect![[r#"
            history_truncated @-: held checkpoint 1 covers 12 entries, the log admits to 3: entries were cut off after it was signed
        "#]],
    );
    check(
        |log| log.held = vec!["nothing\n".into()],
        &expect![[r#"
        held_invalid @-: held checkpoint 1 is none of this log's key: the note has no empty line with signatures below it
    "#]],
    );
}

#[test]
fn another_installations_log() {
    check(
        |log| log.expected = Some(Digest::of(b"another")),
        &expect![[r#"
        genesis_differs @-: genesis.json has the fingerprint d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b, not ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5: this is another installation's log
    "#]],
    );
    check(
        |log| log.genesis.installation = "ff".repeat(16),
        &expect![[r#"
        genesis_differs @-: genesis.json has the fingerprint 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1, not d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b: this is another installation's log
        statement_differs @4: entry 4 says otherwise than the statement signed in it: the installation is recorded as 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1, signed as d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b
        statement_differs @5: entry 5 says otherwise than the statement signed in it: the installation is recorded as 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1, signed as d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b
        statement_differs @10: entry 10 says otherwise than the statement signed in it: the installation is recorded as 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1, signed as d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b
        statement_differs @11: entry 11 says otherwise than the statement signed in it: the installation is recorded as 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1, signed as d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b
        genesis_entry @0: entry 0 stands for d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b, but genesis.json has 835406a06efd64baf38bcf4001c4dcf6ca35ca61da1fccf673a6ffc58401b7c1
        permit_unapproved @7: entry 7 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]],
    );
    check(
        |log| log.genesis = Genesis { vkey: "log.example/test+00000000+AAAA".into(), ..log.genesis.clone() },
        &expect![[r#"
            genesis_differs @-: genesis.json has the fingerprint 0d612ad10b2eebcd2161a4e7ee44b0af7e177ae6ad741d251e98d7378ee55e59, not d03ef8875ae31e61a737244ead2a089969079c00f579f7ef4c62de4f915ac31b: this is another installation's log
            genesis_key @-: genesis.json names no usable key: it is a key of another type (a log's is 1, a witness's is 4)
        "#]],
    );
}

#[test]
fn rows_that_are_not_the_ones_recorded() {
    let row = |log: &mut Log, table: &str| {
        let rows = log.rows.as_mut().unwrap();
        rows.iter().position(|row| row.table == table).unwrap()
    };
    check(
        |log| {
            let at = row(log, "change");
            log.rows.as_mut().unwrap()[at].document = b"{\"state\":\"approved\"}".to_vec();
        },
        &expect![[r#"
            row_altered @8: the change chg-01m7xzk500040g2081040g2081 in the database is not the one that entry 8 recorded: it was edited
        "#]],
    );
    check(
        |log| {
            let at = row(log, "change");
            log.rows.as_mut().unwrap()[at].document = format!("{{\"entry\":{HELD}}}").into_bytes();
        },
        &expect![[r#"
            row_altered @8: the change chg-01m7xzk500040g2081040g2081 in the database is not the one that entry 8 recorded: it was set back to what it was after entry 3
        "#]],
    );
    check(
        |log| {
            let at = row(log, "approval-bob");
            let mut forged = log.rows.as_ref().unwrap()[at].clone();
            forged.id.push('x');
            log.rows.as_mut().unwrap().push(forged);
        },
        &expect![[r#"
            row_inserted @-: the approval-bob chg-01m7xzk500040g2081040g2081x is in the database, but no entry speaks of it: it was put there by hand
        "#]],
    );
    check(
        |log| {
            let at = row(log, "session");
            log.rows.as_mut().unwrap().remove(at);
        },
        &expect![[r#"
            row_deleted @1: the session chg-01m7xzk5000000000000000000 that entry 1 recorded is gone from the database
        "#]],
    );
    check(
        |log| {
            let again = log.rows.as_ref().unwrap()[0].clone();
            log.rows.as_mut().unwrap().push(again);
        },
        &expect![[r#"
            row_twice @-: the approval-bob chg-01m7xzk500040g2081040g2081 is in the database twice
        "#]],
    );
}

/// The fields that an approval's entry and its statement both have: whichever side is altered, it shows.
#[test]
fn an_altered_approval() {
    let codes = |tamper: &dyn Fn(&mut Log)| {
        let mut log = story();
        tamper(&mut log);
        log.sign_again();
        let report = log.verify();
        // What else contradicts it is told after that.
        let here = report.problems.iter().filter(|it| it.entry == Some(BOB as u64));
        here.map(|it| it.code).take(1).collect::<Vec<_>>()
    };
    let differs = [Code::StatementDiffers];
    assert_eq!(codes(&|log| log.edit(BOB, |entry| entry.actors.person = Some(name("carol")))), differs);
    assert_eq!(codes(&|log| log.edit(BOB, |entry| entry.actors.operator = Some(name("dave")))), differs);
    assert_eq!(
        codes(&|log| log.edit(BOB, |entry| entry.actors.agent = Some("other".parse().unwrap()))),
        differs
    );
    assert_eq!(codes(&|log| log.edit(BOB, |entry| entry.change = Some(crate::story::change(9)))), differs);
    assert_eq!(codes(&|log| log.edit(BOB, |entry| entry.bundle = Some(Digest::of(b"other")))), differs);
    assert_eq!(
        codes(&|log| log.edit(BOB, |entry| entry.change_digest = Some(Digest::of(b"other")))),
        differs
    );
    assert_eq!(codes(&|log| log.detail(BOB, "presence", "touched")), differs);
    assert_eq!(codes(&|log| log.edit(BOB, |entry| entry.kind = model::EntryKind::ChangeRejected)), differs);

    // Every single line of what was signed, one character changed.
    let text = story().entry(BOB).detail["statement"].clone();
    for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let last = line.chars().last().unwrap();
        lines[nth].pop();
        lines[nth].push(if last == 'x' { 'y' } else { 'x' });
        let altered = format!("{}\n", lines.join("\n"));
        assert_eq!(codes(&|log| log.detail(BOB, "statement", &altered)), [Code::SignatureInvalid], "{line}");
    }
    let others = story().entry(CAROL).detail["signature"].clone();
    assert_eq!(codes(&|log| log.detail(BOB, "signature", &others)), [Code::SignatureInvalid]);
    assert_eq!(
        codes(&|log| log.edit(BOB, |entry| drop(entry.detail.remove("signature")))),
        [Code::SignatureInvalid]
    );
    assert_eq!(
        codes(&|log| log.edit(BOB, |entry| drop(entry.detail.remove("statement")))),
        [Code::SignatureInvalid]
    );
    // A permit that rests on it falls with it.
    let mut log = story();
    log.detail(BOB, "signature", &others);
    log.sign_again();
    assert!(
        log.verify()
            .problems
            .iter()
            .any(|it| (it.code, it.entry) == (Code::PermitUnapproved, Some(PERMIT as u64)))
    );
}

#[test]
fn an_altered_veto_or_reopening() {
    let codes = |at: usize, key: &str, value: &str| {
        let mut log = story();
        log.detail(at, key, value);
        log.sign_again();
        log.verify().problems.iter().map(|it| (it.code, it.entry)).collect::<Vec<_>>()
    };
    let other = crate::story::change(9).to_string();
    // The reopening's signer had seen the veto as it was.
    assert_eq!(
        codes(VETO, "reason", "no reason"),
        [(Code::StatementDiffers, Some(VETO as u64)), (Code::HistoryRewritten, Some(REOPENED as u64))]
    );
    assert_eq!(codes(REOPENED, "vetoed", &other), [(Code::StatementDiffers, Some(REOPENED as u64))]);
    assert_eq!(codes(REOPENED, "vetoed", "none"), [(Code::StatementDiffers, Some(REOPENED as u64))]);
}
