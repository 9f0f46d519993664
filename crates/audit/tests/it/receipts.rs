//! A receipt of each entry of the story: it holds anywhere, and nothing else does.

use std::collections::BTreeMap;

use audit::{check_receipt, receipt, receipt_from_tiles};
use expect_test::expect;
use model::EntryKind;

use crate::{
    since::Files,
    story::{COUNT, Log, PERMIT, story},
};

fn given(log: &Log, index: usize) -> String {
    let genesis = log.genesis.to_json();
    receipt(&genesis, log.checkpoint.as_bytes(), &log.entries, index as u64).unwrap().to_text()
}

#[test]
fn every_entry_has_a_receipt_that_holds_without_the_log() {
    let log = story();
    for index in 0..COUNT {
        let shown = check_receipt(&given(&log, index), log.expected).unwrap();
        assert!(shown.authenticated);
        assert_eq!((shown.index, shown.checkpoint.size), (index as u64, COUNT as u64));
        assert_eq!(shown.entry, log.entry(index));
    }
    let shown = check_receipt(&given(&log, PERMIT), None).unwrap();
    assert!(!shown.authenticated, "nobody said which installation it should be of");
    assert_eq!(shown.entry.kind, EntryKind::PermitIssued);
    assert_eq!(Some(shown.genesis), log.expected);
}

#[test]
fn what_a_receipt_carries_is_what_the_log_has_or_nothing() {
    let log = story();
    let own = given(&log, PERMIT);
    let extra = |edit: &dyn Fn(String) -> String| {
        let mut altered = tlog::Receipt::parse(&own).unwrap();
        let text = String::from_utf8(altered.extra.unwrap()).unwrap();
        altered.extra = Some(edit(text).into_bytes());
        check_receipt(&altered.to_text(), log.expected).unwrap_err().to_string()
    };
    expect!["the entry is not where the receipt says: the proof leads to another root"]
        .assert_eq(&extra(&|text| text.replace("cloudformation", "cloudfornation")));
    expect!["the receipt carries no entry and no genesis that can be read: EOF while parsing a value at line 1 column 0"].assert_eq(&extra(&|_| String::new()));
    expect!["the receipt's genesis names no usable key: unknown field `instillation`, expected one of `origin`, `vkey`, `installation`, `created_at`, `site` at line 4 column 16"].assert_eq(&extra(&|text| text.replace("installation", "instillation")));
    let other = model::Digest::of(b"another installation");
    let foreign = check_receipt(&own, Some(other)).unwrap_err().to_string();
    assert!(foreign.contains("it is of another installation"), "{foreign}");
    let elsewhere = own.replace(&format!("index {PERMIT}"), &format!("index {}", PERMIT - 1));
    assert!(check_receipt(&elsewhere, log.expected).is_err());
}

/// Two readers must be shown the same of what was signed: one takes the first of two members, the other the last.
#[test]
fn a_receipt_of_an_entry_that_says_two_things_shows_nothing() {
    let with = |edit: &dyn Fn(String) -> String| {
        let mut log = story();
        let text = String::from_utf8(log.entries[PERMIT].clone()).unwrap();
        let edited = edit(text.clone());
        assert_ne!(edited, text);
        log.entries[PERMIT] = edited.into_bytes();
        log.sign_again();
        check_receipt(&given(&log, PERMIT), log.expected).unwrap_err().to_string()
    };
    let differs = "what the receipt carries is no entry of a log: it is not written as its event is written";
    for (from, to) in [
        ("\"people\":\"2\"", "\"people\":\"0\",\"people\":\"2\""),
        ("\"detail\"", "\"more\":1,\"detail\""),
        ("\"kind\":", " \"kind\":"),
    ] {
        let why = with(&|text| text.replacen(from, to, 1));
        assert!(why.starts_with(differs), "{to}: {why}");
    }
    let why = with(&|text| text.replace("entry/v1", "entry/v2"));
    assert!(why.contains("countersign.entry/v2"), "{why}");
}

#[test]
fn a_log_that_is_not_sound_gives_none() {
    let mut log = story();
    log.detail(PERMIT, "summary", "something else");
    let genesis = log.genesis.to_json();
    let none = |index: u64| {
        receipt(&genesis, log.checkpoint.as_bytes(), &log.entries, index).unwrap_err().to_string()
    };
    expect!["the entries are not those that the checkpoint was signed for; run `countersign audit verify`"]
        .assert_eq(&none(0));
    let log = story();
    let beyond = receipt(&genesis, log.checkpoint.as_bytes(), &log.entries, COUNT as u64).unwrap_err();
    expect!["the log's checkpoint covers 12 entries, so there is no receipt of entry 12 yet"]
        .assert_eq(&beyond.to_string());
}

#[test]
fn a_receipt_is_the_same_out_of_a_few_tiles() {
    let mut log = story();
    (0..700).for_each(|nth| log.entries.push(format!("entry {nth}").into_bytes()));
    log.sign_again();
    let genesis = log.genesis.to_json();
    let from = |entries: &[Vec<u8>], index: u64| {
        let mut files = Files { entries, asked: BTreeMap::new() };
        receipt_from_tiles(&genesis, log.checkpoint.as_bytes(), index, |resource| files.read(resource))
            .map(|receipt| receipt.to_text())
            .map_err(|err| err.to_string())
    };
    for index in [0, PERMIT, 255, 256, 511, 512, 711] {
        assert_eq!(from(&log.entries, index as u64), Ok(given(&log, index)), "{index}");
    }
    expect!["the log's checkpoint covers 712 entries, so there is no receipt of entry 712 yet"]
        .assert_eq(&from(&log.entries, 712).unwrap_err());
    let altered =
        "the entries are not those that the checkpoint was signed for; run `countersign audit verify`";
    let mut edited = log.entries.clone();
    edited[300].push(b' ');
    assert_eq!(from(&edited, 300), Err(altered.to_owned()));
    assert_eq!(from(&log.entries[..300], 299), Err(altered.to_owned()));
}
