//! Bodies beside the documents: kept while a document refers to them, checked whenever they are read, and gone, down to
//! the last byte of the files, once they are erased.

use std::{fs, path::Path};

use model::{
    Answer, Blob, Change, ChangeState, Commitment, Digest, Erased, Erasure, Execution, Kept, Outcome,
    Request, Step, StepState,
};
use rusqlite::Connection;
use store::{Conflict, Fetched, Store, StoredBody, Tx, WriteError};

use crate::fixture::{at, blob, change, change_id, entry, execution, moved_to, undoable};

on_both!(
    a_body_comes_with_its_document_or_not_at_all,
    until_an_action_runs_its_inverse_is_captured_anew,
    no_write_takes_a_body_away_but_erasing,
    what_is_erased_is_gone_and_said_to_be,
    what_cannot_be_erased_is_refused,
    what_a_refused_operation_did_to_bodies_is_undone,
);

type Write = Result<(), WriteError<Conflict>>;

async fn write(
    store: &Store,
    op: impl FnOnce(&mut Tx<'_>) -> Result<(), Conflict> + Send + 'static,
) -> Write {
    store.write(op).await
}

/// A held change of one action whose inverse is body `n` of the fixture.
fn held(id: u64, n: u64) -> Change {
    let made = change(id);
    Change { steps: made.steps.into_iter().map(|step| undoable(step, n)).collect(), ..made }
}

/// As it stands once it ran, its answer being body `answer`.
fn ran(change: &Change, answer: u64) -> Change {
    let mut next = moved_to(change, ChangeState::Executed);
    for step in &mut next.steps {
        let outcome =
            Outcome { at: at(11), status: 200, answer: Some(Kept::Blob(blob(answer).commitment())) };
        step.execution = Some(Execution { outcome: Some(outcome), ..execution(answer, 10) });
    }
    next
}

fn erasure(of: u64, bodies: &[u64]) -> Erasure {
    let mut bodies: Vec<Commitment> = bodies.iter().map(|n| blob(*n).commitment()).collect();
    bodies.sort_unstable();
    Erasure { of: change_id(of), step: 0, bodies, ground: "somebody asked for it".parse().unwrap() }
}

fn erased() -> Erased {
    let ground = "somebody asked for it".parse().unwrap();
    Erased { at: at(50), by: change_id(99), asked_by: "olga".parse().unwrap(), ground }
}

/// Held with inverse 1, then run with answer 2.
async fn one_that_ran(store: &Store) -> Change {
    let (before, after) = (held(1, 1), ran(&held(1, 1), 2));
    let executing = moved_to(&before, ChangeState::Executing);
    let stored = after.clone();
    write(store, move |tx| {
        tx.offer([blob(1), blob(2)]);
        tx.create_change(&before, entry(1))?;
        tx.advance_change(&executing, 0, entry(2))?;
        tx.advance_change(&after, 1, entry(3))
    })
    .await
    .unwrap();
    stored
}

async fn kept(store: &Store) -> Vec<u64> {
    let projection = store.read(|view| view.projection()).await.unwrap();
    let number = |body: &StoredBody| {
        assert_eq!(
            body.found.map(|it| it.to_string()).as_ref(),
            Some(&body.commitment),
            "it is what it is kept as"
        );
        (1..20).find(|n| blob(*n).commitment().to_string() == body.commitment).unwrap()
    };
    let mut found: Vec<u64> = projection.bodies.iter().map(number).collect();
    found.sort_unstable();
    found
}

async fn a_body_comes_with_its_document_or_not_at_all(store: &Store) {
    let missing = write(store, |tx| tx.create_change(&held(1, 1), entry(1))).await;
    assert!(matches!(missing, Err(WriteError::Op(Conflict::Missing { table: "body", .. }))), "{missing:?}");
    write(store, |tx| {
        tx.offer([blob(1), blob(7)]);
        tx.create_change(&held(1, 1), entry(1))
    })
    .await
    .unwrap();
    assert_eq!(kept(store).await, [1], "what no document refers to is not kept");
    let read = store.read(|view| Ok((view.body(blob(1).commitment())?, view.body(blob(7).commitment())?)));
    assert_eq!(read.await.unwrap(), (Fetched::Whole(blob(1)), Fetched::Absent));
    let second = write(store, |tx| {
        tx.offer([blob(1)]);
        tx.create_change(&held(2, 1), entry(2))
    })
    .await;
    assert!(matches!(second, Err(WriteError::Op(Conflict::Exists { table: "body", .. }))), "{second:?}");
    let shared = write(store, |tx| {
        tx.offer([blob(3)]);
        let two = held(3, 3).steps.into_iter().chain(held(3, 3).steps).collect();
        tx.create_change(&Change { steps: two, ..held(3, 3) }, entry(2))
    })
    .await;
    assert!(matches!(shared, Err(WriteError::Op(Conflict::Fixed { what: "a body of two actions", .. }))));
    let inline = write(store, |tx| tx.create_change(&inline(&held(4, 4)), entry(2))).await;
    let outside = "a body outside the blob store";
    assert!(matches!(inline, Err(WriteError::Op(Conflict::Fixed { what, .. })) if what == outside));
}

async fn until_an_action_runs_its_inverse_is_captured_anew(store: &Store) {
    write(store, |tx| {
        tx.offer([blob(1)]);
        tx.create_change(&held(1, 1), entry(1))
    })
    .await
    .unwrap();
    write(store, |tx| {
        tx.offer([blob(2)]);
        tx.advance_change(&held(1, 2), 0, entry(2))
    })
    .await
    .unwrap();
    assert_eq!(kept(store).await, [2]);
    write(store, |tx| tx.advance_change(&change(1), 1, entry(3))).await.unwrap();
    assert_eq!(kept(store).await, [0; 0]);
    let again = write(store, |tx| {
        tx.offer([blob(2)]);
        tx.advance_change(&held(1, 2), 2, entry(4))
    })
    .await;
    assert!(
        matches!(again, Err(WriteError::Op(Conflict::Exists { table: "body", .. }))),
        "a salt is used once"
    );
}

/// Every edit of a document by which a body could disappear from under it.
async fn no_write_takes_a_body_away_but_erasing(store: &Store) {
    let stored = one_that_ran(store).await;
    type Edit = fn(&mut Step);
    let edits: [(&str, Edit); 7] = [
        ("a body", |step| step.undo = None),
        ("a body", |step| step.execution = None),
        ("a body", |step| step.execution.as_mut().unwrap().outcome = None),
        ("a body", |step| step.execution.as_mut().unwrap().outcome.as_mut().unwrap().answer = None),
        ("a body", |step| *step = undoable(step.clone(), 5)),
        ("what was erased", |step| step.erased = Some(erased())),
        ("a body outside the blob store", |step| {
            step.undo.as_mut().unwrap().request = Kept::Inline(request());
        }),
    ];
    for (expected, edit) in edits {
        let mut next = stored.clone();
        edit(&mut next.steps[0]);
        let result = write(store, move |tx| {
            tx.offer([blob(5)]);
            tx.advance_change(&next, 2, entry(9))
        })
        .await;
        assert!(
            matches!(&result, Err(WriteError::Op(Conflict::Fixed { what, .. })) if *what == expected),
            "{expected}: {result:?}"
        );
        assert_eq!(kept(store).await, [1, 2]);
    }
    // And those that leave them alone.
    let undone = moved_to(&stored, ChangeState::Undone);
    write(store, move |tx| tx.advance_change(&undone, 2, entry(9))).await.unwrap();
    assert_eq!(kept(store).await, [1, 2]);
}

async fn what_is_erased_is_gone_and_said_to_be(store: &Store) {
    one_that_ran(store).await;
    write(store, |tx| tx.erase(&erasure(1, &[1, 2]), erased(), entry(5))).await.unwrap();
    assert_eq!(kept(store).await, [0; 0]);
    let (stored, body, documents, pending) = store
        .read(|view| {
            Ok((
                view.change(change_id(1))?.unwrap(),
                view.body(blob(2).commitment())?,
                view.documents()?,
                view.unsequenced(10)?,
            ))
        })
        .await
        .unwrap();
    assert_eq!((stored.version, stored.state, body), (3, ChangeState::Executed, Fetched::Absent));
    assert_eq!(stored.steps[0].erased, Some(erased()));
    assert_eq!(stored.steps[0].commitments(), erasure(1, &[1, 2]).bodies, "what it committed to stays");
    let last: model::Entry = serde_json::from_slice(&pending.last().unwrap().bytes).unwrap();
    assert_eq!(last.subject.unwrap().state, Digest::of(&documents[0].bytes), "the entry binds the document");
    let twice = write(store, |tx| tx.erase(&erasure(1, &[1, 2]), erased(), entry(6))).await;
    assert!(matches!(twice, Err(WriteError::Op(Conflict::Fixed { what: "what was erased", .. }))));
}

async fn what_cannot_be_erased_is_refused(store: &Store) {
    one_that_ran(store).await;
    write(store, |tx| {
        tx.offer([blob(3)]);
        tx.create_change(&held(2, 3), entry(20))
    })
    .await
    .unwrap();
    let cases = [
        ("a body that is not the step's", erasure(1, &[1])),
        ("a body that is not the step's", erasure(1, &[1, 3])),
        ("a body that is not the step's", erasure(1, &[])),
        ("a body of what is under way", erasure(2, &[3])),
    ];
    for (expected, asked) in cases {
        let result = write(store, move |tx| tx.erase(&asked, erased(), entry(30))).await;
        assert!(
            matches!(&result, Err(WriteError::Op(Conflict::Fixed { what, .. })) if *what == expected),
            "{expected}: {result:?}"
        );
    }
    for nothing in [erasure(7, &[1]), Erasure { step: 1, ..erasure(1, &[1, 2]) }] {
        let result = write(store, move |tx| tx.erase(&nothing, erased(), entry(30))).await;
        assert!(matches!(result, Err(WriteError::Op(Conflict::Missing { .. }))), "{result:?}");
    }
    assert_eq!(kept(store).await, [1, 2, 3]);
    // What never ran and never will is over too.
    write(store, |tx| tx.advance_change(&moved_to(&held(2, 3), ChangeState::Withdrawn), 0, entry(31)))
        .await
        .unwrap();
    write(store, |tx| tx.erase(&erasure(2, &[3]), erased(), entry(32))).await.unwrap();
    assert_eq!(kept(store).await, [1, 2]);
    // And nothing is captured for it any more.
    let again = write(store, |tx| {
        tx.offer([blob(5)]);
        let stored = tx.change(change_id(2))?.unwrap();
        let steps = stored.steps.iter().map(|step| undoable(step.clone(), 5)).collect();
        let version = stored.version;
        tx.advance_change(&Change { steps, ..stored }, version, entry(33))
    })
    .await;
    assert!(matches!(again, Err(WriteError::Op(Conflict::Fixed { what: "a body", .. }))), "{again:?}");
    assert_eq!(kept(store).await, [1, 2]);
}

async fn what_a_refused_operation_did_to_bodies_is_undone(store: &Store) {
    one_that_ran(store).await;
    let refused = store
        .write(|tx| {
            tx.offer([blob(4)]);
            tx.create_change(&held(4, 4), entry(5)).unwrap();
            tx.erase(&erasure(1, &[1, 2]), erased(), entry(6)).unwrap();
            assert_eq!(tx.body(blob(1).commitment()).unwrap(), Fetched::Absent, "it sees its own writes");
            Err::<(), _>("changed my mind")
        })
        .await;
    assert_eq!(refused, Err(WriteError::Op("changed my mind")));
    assert_eq!(kept(store).await, [1, 2]);
}

fn request() -> Request {
    let body = b"what the target held".to_vec();
    Request { method: "PUT".into(), path: "/".into(), query: String::new(), headers: Vec::new(), body }
}

fn answer() -> Answer {
    let body = "<told>an old answer</told>".to_owned();
    let (body_digest, headers) = (Digest::of(body.as_bytes()), Vec::new());
    Answer { status: 200, headers, body: Some(body), body_digest, content: None }
}

/// As an earlier version wrote it.
fn inline(change: &Change) -> Change {
    let mut old = ran(change, 1);
    for step in &mut old.steps {
        step.undo.as_mut().unwrap().request = Kept::Inline(request());
        step.execution.as_mut().unwrap().outcome.as_mut().unwrap().answer = Some(Kept::Inline(answer()));
    }
    old
}

/// Puts a document as it was written by layout 2, where no version of today can.
fn put_by_hand(path: &Path, change: &Change) {
    let text = serde_json::to_string(change).unwrap();
    let rows = Connection::open(path).unwrap().execute(
        "INSERT INTO changes (id, digest, state, version, session, agent, created_at, document)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)",
        rusqlite::params![
            change.id.to_string(),
            change.digest.to_string(),
            change.state.name(),
            change.session.to_string(),
            change.chain.agent.to_string(),
            change.created_at.millis(),
            text.into_bytes(),
        ],
    );
    assert_eq!(rows, Ok(1));
}

fn contains(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let content = fs::read(file.path()).unwrap();
        if content.windows(bytes.len()).any(|window| window == bytes) {
            found.push(file.file_name().into_string().unwrap());
        }
    }
    found
}

#[tokio::test]
async fn a_file_of_layout_2_is_brought_up_and_its_bodies_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    drop(Store::sqlite(&path).unwrap());
    let old = inline(&held(1, 1));
    put_by_hand(&path, &old);
    let older = "DROP TABLE recorded; DROP INDEX changes_by_session_and_state; DROP TABLE asked; DROP TABLE bodies; UPDATE derived_by SET rules = 'older'; PRAGMA user_version = 2";
    Connection::open(&path).unwrap().execute_batch(older).unwrap();
    let store = Store::sqlite(&path).unwrap();
    let found = store.read(|view| view.holding_bodies(10)).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&old));
    assert!(!contains(folder.path(), b"an old answer").is_empty());
    // Something else than what stood there is not taken for it.
    let moved = |blobs: &[Blob; 2]| {
        let mut next = old.clone();
        next.steps[0].undo.as_mut().unwrap().request = Kept::Blob(blobs[0].commitment());
        let outcome = next.steps[0].execution.as_mut().unwrap().outcome.as_mut().unwrap();
        outcome.answer = Some(Kept::Blob(blobs[1].commitment()));
        (next, blobs.clone())
    };
    let (next, blobs) = moved(&[blob(1), Blob::of([2; 32], &answer()).unwrap()]);
    let other = write(&store, move |tx| {
        tx.offer(blobs);
        tx.advance_change(&next, 0, entry(1))
    });
    assert!(matches!(other.await, Err(WriteError::Op(Conflict::Fixed { what: "a body", .. }))));
    let blobs = [Blob::of([1; 32], &request()).unwrap(), Blob::of([2; 32], &answer()).unwrap()];
    let commitments = blobs.clone().map(|it| it.commitment());
    let (next, blobs) = moved(&blobs);
    write(&store, move |tx| {
        tx.offer(blobs);
        tx.advance_change(&next, 0, entry(1))
    })
    .await
    .unwrap();
    assert_eq!(store.read(|view| view.holding_bodies(10)).await, Ok(vec![]));
    let mut bodies = commitments.to_vec();
    bodies.sort_unstable();
    let ground = "left over".parse().unwrap();
    let all = Erasure { of: change_id(1), step: 0, bodies, ground };
    write(&store, move |tx| tx.erase(&all, erased(), entry(2))).await.unwrap();
    for bytes in
        [b"an old answer".as_slice(), b"what the target held", hex(b"what the target held").as_bytes()]
    {
        assert_eq!(contains(folder.path(), bytes), [""; 0], "also where its old document lay");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A body of this length, with a mark at its beginning, in its middle and at its end, and a salt that is one.
fn marked(n: u64, length: usize) -> (Blob, Vec<Vec<u8>>) {
    let mark = |place: &str| Digest::of(format!("{place} {n}").as_bytes()).to_string().into_bytes();
    let marks = ["first", "middle", "last"].map(mark);
    let mut body = vec![b'.'; length.max(64 * 3)];
    let (middle, last) = (body.len() / 2 - 32, body.len() - 64);
    for (at, mark) in [0, middle, last].into_iter().zip(&marks) {
        body[at..at + 64].copy_from_slice(mark);
    }
    let salt = *Digest::of(format!("salt {n}").as_bytes()).as_bytes();
    let all = marks.into_iter().chain([salt.to_vec()]).collect();
    (Blob::new(salt, body).unwrap(), all)
}

/// Bodies of all sizes come and go in another order than they came, so that pages fill, split and are freed; the files
/// never show one that was erased, and always those that were not.
#[tokio::test]
async fn erased_bytes_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("db")).unwrap();
    let sizes = [0, 300, 900, 2_000, 3_900, 4_090, 5_000, 9_000, 40_000];
    let bodies: Vec<_> =
        (1..=60u64).map(|n| (n, marked(n, sizes[usize::try_from(n).unwrap() % sizes.len()]))).collect();
    for (n, (blob, _)) in bodies.clone() {
        let made = change(n);
        let step = undoable(made.steps[0].clone(), n);
        let mut undo = step.undo.clone().unwrap();
        undo.request = Kept::Blob(blob.commitment());
        let step = Step { undo: Some(undo), state: StepState::Executed, ..step };
        let made = Change { steps: vec![step], state: ChangeState::Executed, ..made };
        write(&store, move |tx| {
            tx.offer([blob]);
            tx.create_change(&made, entry(n))
        })
        .await
        .unwrap();
    }
    let mut left: Vec<u64> = (1..=60).collect();
    left.sort_by_key(|n| Digest::of(&n.to_le_bytes()));
    while let Some(n) = left.pop() {
        let (_, (blob, marks)) = bodies[usize::try_from(n).unwrap() - 1].clone();
        let bodies_of = vec![blob.commitment()];
        let ground = "somebody asked for it".parse().unwrap();
        let asked = Erasure { of: change_id(n), step: 0, bodies: bodies_of, ground };
        write(&store, move |tx| tx.erase(&asked, erased(), entry(1000 + n))).await.unwrap();
        for mark in &marks {
            assert_eq!(contains(folder.path(), mark), [""; 0], "body {n} is erased");
        }
        if let Some(other) = left.last() {
            let (_, (_, marks)) = &bodies[usize::try_from(*other).unwrap() - 1];
            assert_eq!(contains(folder.path(), &marks[0]), ["db"], "body {other} is kept");
        }
    }
}

/// What an editor of the file does to a body is seen by whoever reads it.
#[tokio::test]
async fn an_altered_body_is_never_returned() {
    for sql in [
        "UPDATE bodies SET bytes = CAST('something else' AS BLOB)",
        "UPDATE bodies SET salt = zeroblob(32)",
        "UPDATE bodies SET salt = x'00'",
        "UPDATE bodies SET bytes = zeroblob(17000000)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let store = Store::sqlite(&path).unwrap();
        write(&store, |tx| {
            tx.offer([blob(1)]);
            tx.create_change(&held(1, 1), entry(1))
        })
        .await
        .unwrap();
        assert_eq!(Connection::open(&path).unwrap().execute(sql, []).unwrap(), 1);
        assert_eq!(store.read(|view| view.body(blob(1).commitment())).await, Ok(Fetched::Altered), "{sql}");
        let body = store.read(|view| view.projection()).await.unwrap().bodies.remove(0);
        assert_eq!(body.commitment, blob(1).commitment().to_string());
        assert_ne!(body.found, Some(blob(1).commitment()), "{sql}");
    }
}
