//! The log's side: what it sends is what a witness takes, and what comes back counts only where it should.

use tlog::{
    Checkpoint, Hash, NoteError, SigningKey, WitnessSigningKey, consistency_proof, cosign, leaf_hash,
    root_of, sign_checkpoint,
};
use witness::{Logs, Reply, ReplyError, Request, contradiction, open_witnessed};

use crate::rig::Witness;

const SIZE: Option<&str> = Some("text/x.tlog.size");
const SEEN: u64 = 1_700_000_000;

fn log() -> SigningKey {
    SigningKey::from_seed("log.example/1", &[1; 32]).unwrap()
}

fn w1() -> WitnessSigningKey {
    WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap()
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: "log.example/1".to_owned(), size, root: root_of(&leaves(size)) }
}

fn note(size: u64) -> String {
    sign_checkpoint(&checkpoint(size), &log())
}

/// What `cosign` gives for the checkpoint of `size`, with its newline.
fn line(size: u64, key: &WitnessSigningKey) -> String {
    cosign(&checkpoint(size), SEEN, key).unwrap()
}

fn check(status: u16, content_type: Option<&str>, body: &str, expected: Result<Reply, ReplyError>) {
    let read = Reply::read(status, content_type, body.as_bytes(), &note(5), &w1().verifier());
    assert_eq!(read, expected, "{status} {content_type:?} {body:?}");
}

#[test]
fn what_a_log_sends_is_cosigned_at_every_size() {
    let mut logs = Logs::default();
    logs.add(log().verifier());
    let mut witness = Witness::new(logs);
    let mut old = 0;
    for new in [1, 2, 3, 7, 8, 64, 65, 300] {
        let proof = if old == 0 { Vec::new() } else { consistency_proof(&leaves(new), old, new).unwrap() };
        let note = note(new);
        let sent = Request { old, proof, note: &note }.to_text();
        let answer = witness.add_checkpoint(sent.as_bytes(), SEEN).unwrap();
        let read = Reply::read(200, None, answer.as_bytes(), &note, &witness.vkey());
        assert_eq!(read, Ok(Reply::Cosigned { line: answer, time: SEEN }), "{old} to {new}");
        old = new;
    }
}

#[test]
fn an_answer_counts_only_where_the_witness_signed_this_very_checkpoint() {
    let own = line(5, &w1());
    let other = line(5, &WitnessSigningKey::from_seed("witness.example/w1", &[10; 32]).unwrap());
    let cosigned = || Ok(Reply::Cosigned { line: own.clone(), time: SEEN });
    check(200, None, &own, cosigned());
    check(200, Some("application/octet-stream"), &format!("{other}{own}"), cosigned());

    let name = || "witness.example/w1".to_owned();
    let wrong = |err| Err(ReplyError::Cosignature(err));
    check(200, None, "", wrong(NoteError::NoSignatures));
    check(200, None, &other, wrong(NoteError::NotSigned(name())));
    check(200, None, &line(4, &w1()), wrong(NoteError::WrongSignature(name())));
    check(200, None, &format!("{own}{own}"), wrong(NoteError::SignedTwice(name())));
    check(200, None, own.trim_end(), wrong(NoteError::NoSignatures));
    check(200, None, &format!("\n{own}"), wrong(NoteError::WrongSignature(name())));
    // Another checkpoint of the log's, whole, in place of signature lines.
    let another = format!("{}{}", note(4), line(4, &w1()));
    check(200, None, &another, wrong(NoteError::WrongSignature(name())));
    check(200, None, &"x".repeat(70_000), Err(ReplyError::TooLong));
    assert_eq!(Reply::read(200, None, b"\xff\n", &note(5), &w1().verifier()), wrong(NoteError::NoSignatures));

    // The specification's own example of an answer: well formed, and by keys that nobody here trusts.
    let example = "\u{2014} witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n\u{2014} witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n";
    check(200, None, example, wrong(NoteError::NotSigned(name())));
    check(200, None, &format!("{example}{own}"), cosigned());
}

#[test]
fn other_statuses_say_where_to_begin_or_why_not() {
    check(409, SIZE, "0\n", Ok(Reply::Conflict { size: 0 }));
    check(409, SIZE, "20852014\n", Ok(Reply::Conflict { size: 20_852_014 }));
    for body in ["", "\n", "7", "07\n", "7\n\n", " 7\n", "-1\n", "18446744073709551616\n"] {
        check(409, SIZE, body, Err(ReplyError::NoSize));
    }
    check(409, None, "7\n", Err(ReplyError::NoSize));
    let why = || "no \u{1b}[31m".replace('\u{1b}', " ");
    check(422, None, "no \u{1b}[31m\nmore", Err(ReplyError::NotProved { why: why() }));
    for status in [204, 301, 400, 403, 404, 500, 503] {
        check(status, None, "no \u{1b}[31m", Err(ReplyError::Refused { status, why: why() }));
    }
}

#[test]
fn a_witness_that_knows_more_convicts_the_disk() {
    let signed = format!("{}{}", note(5), line(5, &w1()));
    let (seen, time) = open_witnessed(&signed, &log().verifier(), &w1().verifier()).unwrap();
    assert_eq!((&seen, time), (&checkpoint(5), SEEN));
    assert!(
        open_witnessed(&note(5), &log().verifier(), &w1().verifier()).is_err(),
        "the witness's is missing"
    );
    let unsigned = format!("{}\n{}", checkpoint(5), line(5, &w1()));
    assert!(open_witnessed(&unsigned, &log().verifier(), &w1().verifier()).is_err(), "the log's is missing");

    let root_at = |size: u64| Ok::<_, &str>((size <= 6).then(|| root_of(&leaves(size))));
    assert_eq!(contradiction("w1", &seen, 6, root_at), Ok(None));
    assert_eq!(contradiction("w1", &seen, 5, root_at), Ok(None));
    assert_eq!(contradiction("w1", &seen, 6, |_| Err("damaged")), Err("damaged"), "which is no fork");
    let told =
        |seen: &Checkpoint, here| contradiction("w1", seen, here, root_at).unwrap().unwrap().to_string();
    assert!(
        told(&seen, 4)
            .contains("has cosigned 5 entries of this log, but here are 4: this looks like a restored")
    );
    let other = Checkpoint { root: leaf_hash(b"other"), ..seen };
    assert!(told(&other, 6).contains("its first 5 entries there are not those"));
}
