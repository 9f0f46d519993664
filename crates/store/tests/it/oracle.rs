//! SQLite against the memory store: any sequence of operations gives the same answers and leaves the same state, and
//! the same again after opening the file anew.

use model::{ChangeState, Session};
use proptest::prelude::*;
use store::{Conflict, Filter, HistoryQuery, StorageError, Store, Target, Tx, WriteError};

use crate::fixture::{
    approval, at, blob, chain, change, change_id, digest, entry, entry_id, moved_to, reads, session,
    session_id, undoable,
};

#[derive(Clone, Debug)]
enum Call {
    Issue(u64),
    Stop(u64),
    Create {
        change: u64,
        asks: u64,
        session: u64,
        state: ChangeState,
    },
    Advance {
        change: u64,
        version: u64,
        state: ChangeState,
    },
    /// Its inverse is captured anew.
    Recapture {
        change: u64,
        version: u64,
    },
    Erase {
        change: u64,
    },
    Approve {
        change: u64,
        person: usize,
    },
    Replace {
        change: u64,
        person: usize,
    },
    Record,
    /// Reads of a session: which of a few, and how often.
    Read {
        session: u64,
        what: usize,
        times: u64,
    },
    Sequence {
        rows: i64,
        index: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum End {
    Keep,
    Refuse,
    Break,
}

/// Calls of one operation, each with the number of its entry.
type Operation = (Vec<(Call, u64)>, End);

const READS: [&str; 4] = [
    "s3:GetObject one",
    "s3:GetObject two",
    "denied s3:GetObject three (secrets-stay)",
    "refused Delete four (the session is stopped)",
];
const PEOPLE: [&str; 3] = ["ada", "bob", "cyd"];

fn states() -> impl Strategy<Value = ChangeState> {
    // The early states more often: nothing happens to a closed change.
    prop_oneof![
        3 => Just(ChangeState::Held),
        3 => Just(ChangeState::Approved),
        3 => Just(ChangeState::Executing),
        2 => Just(ChangeState::Unknown),
        4 => proptest::sample::select(ChangeState::ALL.to_vec()),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => (1..4u64).prop_map(Call::Issue),
        1 => (1..4u64).prop_map(Call::Stop),
        4 => (1..6u64, 1..4u64, 1..4u64, states())
            .prop_map(|(change, asks, session, state)| Call::Create { change, asks, session, state }),
        6 => (1..6u64, 0..3u64, states())
            .prop_map(|(change, version, state)| Call::Advance { change, version, state }),
        2 => (1..6u64, 0..3u64).prop_map(|(change, version)| Call::Recapture { change, version }),
        2 => (1..6u64).prop_map(|change| Call::Erase { change }),
        2 => (1..6u64, 0..3usize).prop_map(|(change, person)| Call::Approve { change, person }),
        1 => (1..6u64, 0..3usize).prop_map(|(change, person)| Call::Replace { change, person }),
        1 => Just(Call::Record),
        2 => (1..4u64, 0..4usize, 1..9u64).prop_map(|(session, what, times)| Call::Read { session, what, times }),
        2 => (0..6i64, 0..12u64).prop_map(|(rows, index)| Call::Sequence { rows, index }),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let end = prop_oneof![6 => Just(End::Keep), 2 => Just(End::Refuse), 1 => Just(End::Break)];
    // Entries rarely have the same number twice.
    let operation = (proptest::collection::vec((calls(), 0..100_000u64), 1..6), end);
    proptest::collection::vec(operation, 1..12)
}

fn call(tx: &mut Tx<'_>, call: &Call, n: u64) -> Result<(), Conflict> {
    match *call {
        Call::Issue(id) => tx.issue_session(&session(id), entry(n)),
        Call::Stop(id) => tx.update_session(&Session { stopped_at: Some(at(1)), ..session(id) }, entry(n)),
        Call::Create { change: id, asks, session, state } => {
            let made = model::Change { digest: digest(asks), session: session_id(session), ..change(id) };
            tx.offer([blob(id)]);
            tx.create_change(&moved_to(&capturing(&made, id), state), entry(n))
        }
        Call::Advance { change: id, version, state } => {
            let stored = tx.change(change_id(id))?.unwrap_or_else(|| change(id));
            tx.advance_change(&moved_to(&stored, state), version, entry(n))
        }
        Call::Recapture { change: id, version } => {
            let stored = tx.change(change_id(id))?.unwrap_or_else(|| change(id));
            tx.offer([blob(n)]);
            tx.advance_change(&capturing(&stored, n), version, entry(n))
        }
        Call::Erase { change: id } => {
            let bodies = tx.change(change_id(id))?.map_or_else(Vec::new, |it| it.steps[0].commitments());
            let ground: model::Ground = "asked for".parse().unwrap();
            let erased = model::Erased {
                at: at(1),
                by: change_id(9),
                asked_by: "olga".parse().unwrap(),
                ground: ground.clone(),
            };
            tx.erase(&model::Erasure { of: change_id(id), step: 0, bodies, ground }, erased, entry(n))
        }
        Call::Approve { change, person } => tx.record_approval(&approval(change, PEOPLE[person]), entry(n)),
        Call::Replace { change, person } => {
            let words = model::Approval { statement: format!("{n}"), ..approval(change, PEOPLE[person]) };
            tx.replace_approval(&words, entry(n))
        }
        Call::Record => Ok(tx.record(entry(n))?),
        Call::Read { session, what, times } => {
            let second = i64::try_from(n).unwrap();
            Ok(tx.record(reads(n, session, second, &[(READS[what], times), ("ec2:DescribeVolumes ", 1)]))?)
        }
        Call::Sequence { rows, index } => {
            let pending = tx.unsequenced(usize::try_from(rows).unwrap())?;
            let marks: Vec<_> = pending.iter().map(|it| it.row).zip(index..).collect();
            Ok(tx.mark_sequenced(&marks)?)
        }
    }
}

fn capturing(change: &model::Change, n: u64) -> model::Change {
    let steps = change.steps.iter().map(|step| undoable(step.clone(), n)).collect();
    model::Change { steps, ..change.clone() }
}

/// What each call said, also where the operation was refused.
async fn run(store: &Store, (calls, end): Operation) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    let result = store
        .write(move |tx| {
            for (one, n) in &calls {
                tell.send(format!("{:?}", call(tx, one, *n))).unwrap();
            }
            match end {
                End::Keep => Ok(()),
                End::Refuse => Err("refused"),
                // Not `panic!`, whose message would fill the test's output.
                End::Break => std::panic::resume_unwind(Box::new(())),
            }
        })
        .await;
    let expected = match end {
        End::Keep => Ok(()),
        End::Refuse => Err(WriteError::Op("refused")),
        End::Break => Err(WriteError::Storage(StorageError::Panicked)),
    };
    assert_eq!(result, expected);
    told.try_iter().collect::<Vec<_>>().join("\n")
}

async fn dump(store: &Store) -> String {
    let all = store.read(|view| {
        let documents = view.documents()?;
        assert!(documents.iter().all(|it| it.altered.is_none()), "{documents:?}");
        let mut told = format!(
            "{documents:?}\n{:?} {} {:?}\n",
            // Not their numbers: SQLite skips one where an entry was known already.
            view.unsequenced(1000)?.into_iter().map(|it| it.bytes).collect::<Vec<_>>(),
            view.sequenced_through()?,
            view.last_recorded_at()?
        );
        let mut bodies = view.projection()?.bodies;
        bodies.sort_by(|one, other| one.commitment.cmp(&other.commitment));
        // Whatever was done: a body lies there as long as a document refers to it, unless it was erased.
        let changes = view.changes(&Filter { limit: usize::MAX, ..Filter::default() })?;
        let steps = changes.iter().flat_map(|it| &it.steps).filter(|step| step.erased.is_none());
        let mut referred: Vec<String> =
            steps.flat_map(model::Step::commitments).map(|it| it.to_string()).collect();
        referred.sort_unstable();
        assert_eq!(referred, bodies.iter().map(|it| it.commitment.clone()).collect::<Vec<_>>());
        told += &format!("{bodies:?}\n");
        for n in 0..6 {
            let target = Target::all(&change(n).steps[0].action);
            let key = change(n).steps[0].action.resources[0].key();
            let query =
                HistoryQuery { session: session_id(n), agent: chain().agent, targets: target, since: at(0) };
            let signature = digest(u64::try_from(at(i64::try_from(n).unwrap()).millis()).unwrap());
            told += &format!(
                "{:?} {:?} {:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?}\n",
                view.session(session_id(n))?,
                view.open_change(digest(n))?.map(|it| (it.id, it.version)),
                view.latest_by_digest(digest(n))?.map(|it| (it.id, it.version)),
                view.approvals(change_id(n))?,
                view.open_holds(session_id(n))?,
                view.history(&query)?,
                view.held_destroys_of(&chain().agent, &[key])?,
                view.seen_signature(signature, at(0))?,
                view.index_of(entry_id(n))?,
                view.changes(&Filter { session: Some(session_id(n)), ..Filter::default() })?.len(),
                view.activity(&session(n), 2)?,
            );
        }
        Ok(told)
    });
    all.await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_and_memory_agree(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let (disk, memory) = (Store::sqlite(&path).unwrap(), Store::memory());
            for operation in operations {
                let (one, two) = (run(&disk, operation.clone()).await, run(&memory, operation).await);
                prop_assert_eq!(one, two);
                prop_assert_eq!(dump(&disk).await, dump(&memory).await);
            }
            drop(disk);
            let disk = Store::sqlite(&path).unwrap();
            prop_assert_eq!(dump(&disk).await, dump(&memory).await);
            Ok(())
        })?;
    }
}
