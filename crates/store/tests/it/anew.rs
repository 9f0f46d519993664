//! A new log under rows that are there, and copies of a store that is in use.

use std::fs;

use model::{Approval, Change, ChangeState, Commitment, Entry, Session, Step};
use store::{Carried, Carrier, Conflict, OpenError, Store, StoredBody, WriteError};

use crate::fixture::{approval, at, blob, change, entry, entry_id, execution, moved_to, session, undoable};

on_both!(
    every_row_gets_one_entry_of_the_new_log,
    what_was_open_is_closed_and_what_was_erased_is_gone,
    nothing_else_may_become_of_a_row,
);

/// Numbers its entries from 100 on, and does to rows what it is made with.
#[derive(Clone)]
struct Told {
    next: u64,
    session: fn(&mut Session),
    change: fn(&mut Change) -> Vec<Commitment>,
}

impl Told {
    const KEEPS: Self = Self { next: 100, session: |_| {}, change: |_| Vec::new() };

    fn entry(&mut self) -> Entry {
        self.next += 1;
        entry(self.next)
    }
}

impl Carrier for Told {
    fn session(&mut self, session: &mut Session) -> Entry {
        (self.session)(session);
        self.entry()
    }

    fn change(&mut self, change: &mut Change) -> (Vec<Commitment>, Entry) {
        ((self.change)(change), self.entry())
    }

    fn approval(&mut self, _: &Approval) -> Entry {
        self.entry()
    }
}

async fn anew(store: &Store, told: Told) -> Result<Carried, WriteError<Conflict>> {
    store.write(move |tx| tx.begin_anew(vec![entry(50), entry(51)], &mut told.clone())).await
}

/// One session, a held change with a body, one that is being carried out, and an approval; four entries, two of them
/// in the log.
async fn filled(store: &Store) {
    let held =
        Change { steps: change(1).steps.into_iter().map(|step| undoable(step, 1)).collect(), ..change(1) };
    let executing = moved_to(&change(2), ChangeState::Executing);
    store
        .write(move |tx| -> Result<(), Conflict> {
            tx.offer([blob(1)]);
            tx.issue_session(&session(1), entry(1))?;
            tx.create_change(&held, entry(2))?;
            tx.create_change(&change(2), entry(3))?;
            tx.advance_change(&executing, 0, entry(4))?;
            tx.record_approval(&approval(1, "ana"), entry(5))?;
            Ok(tx.mark_sequenced(&[(1, 0), (2, 1)])?)
        })
        .await
        .unwrap();
}

async fn every_row_gets_one_entry_of_the_new_log(store: &Store) {
    filled(store).await;
    let before = store.read(|view| view.projection()).await.unwrap();
    let carried = anew(store, Told::KEEPS).await.unwrap();
    assert_eq!(carried, Carried { sessions: 1, changes: 2, approvals: 1 });
    let after = store.read(|view| view.projection()).await.unwrap();
    assert_eq!(after.documents, before.documents);
    assert_eq!((after.sequenced, after.pending.len()), (0, 6));
    let read: Vec<Entry> = after.pending.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
    let ids: Vec<_> = read.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [50, 51, 101, 102, 103, 104].map(entry_id));
    let subjects: Vec<_> = read.iter().filter_map(|it| it.subject.clone()).collect();
    for document in &after.documents {
        let subject = subjects.iter().find(|it| (&it.table, &it.id) == (&document.table, &document.id));
        assert_eq!(subject.unwrap().state, model::Digest::of(&document.bytes));
    }
    // The old entries' numbers are free again, and the log begins at 0.
    store.write(|tx| tx.record(entry(1))).await.unwrap();
    let rows: Vec<i64> =
        store.read(|view| view.unsequenced(9)).await.unwrap().iter().map(|it| it.row).collect();
    let marks: Vec<(i64, u64)> = rows.into_iter().zip(0..).collect();
    store.write(move |tx| tx.mark_sequenced(&marks)).await.unwrap();
    assert_eq!(store.read(|view| view.reach()).await.unwrap().sequenced, 7);
}

async fn what_was_open_is_closed_and_what_was_erased_is_gone(store: &Store) {
    filled(store).await;
    let told = Told {
        session: |session| session.stopped_at = Some(at(70)),
        change: |change| match change.state {
            ChangeState::Held => {
                change.state = ChangeState::Expired;
                change.steps.iter().flat_map(Step::commitments).collect()
            }
            _ => {
                change.state = ChangeState::Unknown;
                Vec::new()
            }
        },
        ..Told::KEEPS
    };
    anew(store, told).await.unwrap();
    let (sessions, one, two) = store
        .read(|view| Ok((view.sessions()?, view.change(change(1).id)?, view.change(change(2).id)?)))
        .await
        .unwrap();
    assert_eq!(sessions[0].stopped_at, Some(at(70)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.state, one.version), (ChangeState::Expired, 1));
    assert_eq!((two.state, two.version), (ChangeState::Unknown, 2));
    let bodies = store.read(|view| view.projection()).await.unwrap().bodies;
    assert_eq!(bodies, Vec::<StoredBody>::new());
}

async fn nothing_else_may_become_of_a_row(store: &Store) {
    filled(store).await;
    let before = store.read(|view| view.projection()).await.unwrap();
    let wrong: [Told; 6] = [
        Told { session: |session| session.expires_at = at(99_999), ..Told::KEEPS },
        Told { change: |change| set(change, ChangeState::Approved), ..Told::KEEPS },
        Told { change: |change| set(change, ChangeState::Executed), ..Told::KEEPS },
        Told { change: |_| vec![blob(9).commitment()], ..Told::KEEPS },
        Told {
            change: |change| {
                change.steps.iter_mut().for_each(|step| step.undo = None);
                Vec::new()
            },
            ..Told::KEEPS
        },
        Told {
            change: |change| {
                change.created_at = at(1);
                Vec::new()
            },
            ..Told::KEEPS
        },
    ];
    for (told, nth) in wrong.into_iter().zip(0..) {
        let refused = anew(store, told).await;
        assert!(matches!(refused, Err(WriteError::Op(_))), "{nth}: {refused:?}");
        let after = store.read(|view| view.projection()).await.unwrap();
        assert_eq!(after, before, "{nth}: a refused operation leaves everything, the old entries too");
    }
}

fn set(change: &mut Change, state: ChangeState) -> Vec<Commitment> {
    change.state = state;
    Vec::new()
}

#[tokio::test]
async fn a_copy_is_one_state_of_a_store_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path().join("db"), folder.path().join("copy"));
    let store = Store::sqlite(&path).unwrap();
    filled(&store).await;
    let reach = Store::copy(&path, &into).unwrap();
    assert_eq!((reach.sequenced, reach.pending), (2, 3));
    assert_eq!([1, 2, 5, 6].map(|size| reach.holds(size)), [false, true, true, false]);
    assert!(matches!(Store::copy(&path, &into), Err(OpenError::File { .. })), "nothing is written over");
    let before = store.read(|view| view.projection()).await.unwrap();
    store.write(|tx| tx.record(entry(9))).await.unwrap();
    let copied = Store::projection_of(&into).unwrap();
    assert_eq!(copied, before);
    let opened = Store::sqlite(&into).unwrap();
    assert_eq!(opened.read(|view| view.projection()).await.unwrap(), before);
}

#[tokio::test]
async fn a_copy_has_no_trace_of_what_was_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (path, into) = (folder.path().join("db"), folder.path().join("copy"));
    let store = Store::sqlite(&path).unwrap();
    let executed = Change {
        steps: change(1)
            .steps
            .into_iter()
            .map(|step| Step { execution: Some(execution(1, 10)), ..step })
            .collect(),
        ..moved_to(&change(1), ChangeState::Executed)
    };
    store
        .write(move |tx| -> Result<(), Conflict> {
            tx.create_change(&change(1), entry(1))?;
            tx.advance_change(&moved_to(&change(1), ChangeState::Executing), 0, entry(2))?;
            tx.advance_change(&executed, 1, entry(3))
        })
        .await
        .unwrap();
    Store::copy(&path, &into).unwrap();
    let held = b"\"state\":\"held\"";
    let bytes = fs::read(&into).unwrap();
    assert!(!bytes.windows(held.len()).any(|window| window == held));
    assert!(bytes.windows(8).any(|window| window == b"executed"));
}

#[tokio::test]
async fn a_store_that_is_held_is_not_opened_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let held = Store::hold(&path).unwrap();
    assert!(matches!(Store::sqlite(&path), Err(OpenError::InUse { .. })));
    drop(held);
    let store = Store::sqlite(&path).unwrap();
    assert!(matches!(Store::hold(&path), Err(OpenError::InUse { .. })));
    drop(store);
    Store::hold(&path).unwrap();
}
