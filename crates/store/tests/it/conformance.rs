//! What every backend must do. Each case is a conversation with a fresh store; it runs on both.

use expect_test::{Expect, expect};
use model::{
    Change, ChangeId, ChangeState, Charge, Digest, Entry, EntryId, Execution, Joint, Resource, Session, Step,
    StepState,
};
use store::{Conflict, Filter, StorageError, Store, Tx, WriteError};

use crate::fixture::{
    approval, at, chain, change, change_id, digest, entry, entry_id, execution, moved_to, session, session_id,
};

on_both!(
    a_row_and_its_entry_are_stored_together,
    sessions_are_issued_once_and_only_stopped,
    one_open_change_asks_for_a_thing,
    a_change_moves_as_its_life_allows,
    what_people_sign_does_not_move,
    one_more_joins_what_nobody_opened,
    what_stands_beside_others_is_found_by_what_asks_for_it_alone,
    a_person_signs_once,
    what_was_signed_of_late_is_found,
    refused_operations_leave_nothing,
    a_broken_operation_leaves_nothing_and_the_writer_lives,
    a_refused_call_does_not_spoil_the_operation,
    reads_see_every_acknowledged_write,
    lists_are_filtered_and_newest_first,
    entries_are_sequenced_in_order_and_once,
    entries_have_bounds_and_are_recorded_once,
    what_waits_is_counted_and_found,
    what_was_taken_out_of_an_allowance_is_added_up,
);

async fn write(store: &Store, op: impl FnOnce(&mut Tx<'_>) -> Result<(), Conflict> + Send + 'static) {
    store.write(op).await.unwrap();
}

async fn refused(
    store: &Store,
    expected: Expect,
    op: impl FnOnce(&mut Tx<'_>) -> Result<(), Conflict> + Send + 'static,
) {
    let before = dump(store).await;
    let err = store.write(op).await.unwrap_err();
    expected.assert_eq(&err.to_string());
    assert_eq!(dump(store).await, before, "a refused operation changed something");
}

async fn dump(store: &Store) -> String {
    let read = store.read(|view| Ok((view.documents()?, view.unsequenced(1000)?)));
    format!("{:?}", read.await.unwrap())
}

async fn a_row_and_its_entry_are_stored_together(store: &Store) {
    write(store, |tx| {
        tx.issue_session(&session(1), entry(1))?;
        tx.create_change(&change(1), entry(2))?;
        tx.record_approval(&approval(1, "ada"), entry(3))?;
        Ok(tx.record(entry(4))?)
    })
    .await;
    let (documents, pending) =
        store.read(|view| Ok((view.documents()?, view.unsequenced(10)?))).await.unwrap();
    let subjects: Vec<_> = pending
        .iter()
        .filter_map(|it| serde_json::from_slice::<Entry>(&it.bytes).unwrap().subject)
        .map(|it| (it.table, it.id, it.state))
        .collect();
    let stored: Vec<_> =
        documents.iter().map(|it| (it.table.clone(), it.id.clone(), Digest::of(&it.bytes))).collect();
    assert_eq!(pending.len(), 4);
    assert_eq!(subjects, stored, "entries name the rows' documents");
    assert!(documents.iter().all(|it| it.altered.is_none()));
    assert_eq!(documents[2].id, format!("{}/ada", change_id(1)));
    let last = store.read(|view| view.last_recorded_at()).await.unwrap();
    assert_eq!(last, Some(at(4)));
}

async fn sessions_are_issued_once_and_only_stopped(store: &Store) {
    write(store, |tx| tx.issue_session(&session(1), entry(1))).await;
    refused(store, expect!["session ses-1 exists already"].named(session_id(1), "ses-1"), |tx| {
        tx.issue_session(&session(1), entry(2))
    })
    .await;
    refused(store, expect!["session ses-2 exists already"].named(session_id(2), "ses-2"), |tx| {
        let same_key = Session { access_key: session(1).access_key, ..session(2) };
        tx.issue_session(&same_key, entry(2))
    })
    .await;
    refused(store, expect!["there is no session ses-3"].named(session_id(3), "ses-3"), |tx| {
        tx.update_session(&session(3), entry(2))
    })
    .await;
    let fixed = expect![
        "all but stop, an earlier expiry and a broken glass of session ses-1 is fixed once it is stored"
    ]
    .named(session_id(1), "ses-1");
    refused(store, fixed, |tx| {
        tx.update_session(&Session { task: "something else".into(), ..session(1) }, entry(2))
    })
    .await;
    refused(
        store,
        expect![
            "all but stop, an earlier expiry and a broken glass of session ses-1 is fixed once it is stored"
        ]
        .named(session_id(1), "ses-1"),
        |tx| tx.update_session(&Session { expires_at: at(1_000_000), ..session(1) }, entry(2)),
    )
    .await;
    let stopped = Session { stopped_at: Some(at(5)), ..session(1) };
    let stop = stopped.clone();
    write(store, move |tx| tx.update_session(&stop, entry(2))).await;
    refused(store, expect!["the session is stopped already"], |tx| tx.update_session(&session(1), entry(3)))
        .await;
    let (by_id, by_key, all) = store
        .read(|view| {
            let key = session(1).access_key;
            Ok((view.session(session_id(1))?, view.session_by_access_key(&key)?, view.sessions()?))
        })
        .await
        .unwrap();
    assert_eq!(by_id.as_ref(), Some(&stopped));
    assert_eq!(by_key.as_ref(), Some(&stopped));
    assert_eq!(all, vec![stopped]);
}

async fn one_open_change_asks_for_a_thing(store: &Store) {
    write(store, |tx| tx.create_change(&change(1), entry(1))).await;
    let twin = || model::Change { digest: digest(1), ..change(2) };
    refused(
        store,
        expect!["change chg-1 asks for the same and is still open"].named(change_id(1), "chg-1"),
        move |tx| tx.create_change(&twin(), entry(2)),
    )
    .await;
    refused(store, expect!["change chg-1 exists already"].named(change_id(1), "chg-1"), |tx| {
        tx.create_change(&change(1), entry(2))
    })
    .await;
    // A denied one asks for nothing any more, so it may stand beside.
    write(store, move |tx| {
        tx.create_change(&model::Change { state: ChangeState::Denied, ..twin() }, entry(2))
    })
    .await;
    let (open, latest) = store
        .read(|view| Ok((view.open_change(digest(1))?, view.latest_by_digest(digest(1))?)))
        .await
        .unwrap();
    assert_eq!(open.unwrap().id, change_id(1));
    assert_eq!(latest.unwrap().id, change_id(2));
    for (state, version) in [ChangeState::Executing, ChangeState::Unknown].into_iter().zip(0..) {
        write(store, move |tx| tx.advance_change(&moved_to(&change(1), state), version, entry(10 + version)))
            .await;
        let open = store.read(|view| view.open_change(digest(1))).await.unwrap();
        assert_eq!(open.map(|it| it.state), Some(state));
    }
    write(store, |tx| tx.advance_change(&moved_to(&change(1), ChangeState::Executed), 2, entry(20))).await;
    assert_eq!(store.read(|view| view.open_change(digest(1))).await.unwrap(), None);
    write(store, |tx| tx.create_change(&model::Change { digest: digest(1), ..change(3) }, entry(21))).await;
}

async fn a_change_moves_as_its_life_allows(store: &Store) {
    let mut nth = 100;
    for (n, from) in ChangeState::ALL.into_iter().enumerate() {
        for (m, to) in ChangeState::ALL.into_iter().enumerate() {
            let id = u64::try_from(100 * n + m).unwrap();
            let stored = moved_to(&change(id), from);
            let next = moved_to(&stored, to);
            nth += 2;
            write(store, move |tx| tx.create_change(&stored, entry(nth))).await;
            let result = store.write(move |tx| tx.advance_change(&next, 0, entry(nth + 1))).await;
            if from.may_become(to) {
                assert_eq!(result, Ok(()), "{from} -> {to}");
            } else {
                let illegal = Conflict::Illegal(model::IllegalTransition { from, to });
                assert_eq!(result, Err(WriteError::Op(illegal)), "{from} -> {to}");
            }
            let now = store.read(move |view| view.change(change_id(id))).await.unwrap().unwrap();
            let expected = if from.may_become(to) { (to, 1) } else { (from, 0) };
            assert_eq!((now.state, now.version), expected);
        }
    }
    refused(store, expect!["the change stands at version 1, not 7: someone else moved it first"], |tx| {
        tx.advance_change(&moved_to(&change(1), ChangeState::Held), 7, entry(1))
    })
    .await;
    refused(store, expect!["there is no change chg-9"].named(change_id(99_999), "chg-9"), |tx| {
        tx.advance_change(&change(99_999), 0, entry(1))
    })
    .await;
}

async fn what_people_sign_does_not_move(store: &Store) {
    write(store, |tx| tx.create_change(&change(1), entry(1))).await;
    type Edit = fn(&mut model::Change);
    let edits: [(&str, Edit); 6] = [
        ("the digest", |it| it.digest = digest(99)),
        ("the session", |it| it.session = session_id(9)),
        ("the chain", |it| it.chain.operator = "mallory".parse().unwrap()),
        ("the time of creation", |it| it.created_at = at(999)),
        ("the list of actions", |it| it.steps.clear()),
        ("whether others may join it", |it| it.joint = Some(joint())),
    ];
    for (expected, edit) in edits {
        let mut edited = moved_to(&change(1), ChangeState::Approved);
        edit(&mut edited);
        let err = store.write(move |tx| tx.advance_change(&edited, 0, entry(2))).await.unwrap_err();
        assert!(
            matches!(err, WriteError::Op(Conflict::Fixed { what, .. }) if what == expected),
            "{expected}: {err}"
        );
    }
}

fn joint() -> Joint {
    Joint { parent: "cloudformation/stack".into(), sealed_at: None }
}

/// A held change of these actions, asked for one by one; its nonce says how many there are.
fn together(actions: &[u64]) -> Change {
    let steps: Vec<Step> =
        actions.iter().map(|n| Step { digest: digest(*n), ..change(*n).steps.pop().unwrap() }).collect();
    let digest = model::change_digest(&chain(), steps.iter().map(|step| step.digest));
    Change { digest, steps, nonce: actions.len().to_string(), joint: Some(joint()), ..change(1) }
}

async fn one_more_joins_what_nobody_opened(store: &Store) {
    write(store, |tx| tx.create_change(&together(&[1]), entry(1))).await;
    type Edit = fn(&mut Change);
    let edits: [(&str, Edit); 10] = [
        ("the list of actions, but for one more,", |it| *it = together(&[2, 1])),
        ("the list of actions, but for one more,", |it| *it = together(&[1])),
        ("the list of actions, but for one more,", |it| *it = together(&[1, 2, 3])),
        ("the list of actions, but for one more,", |it| it.steps[1].state = StepState::Executed),
        ("what people sign", |it| it.digest = digest(9)),
        ("what people sign", |it| it.nonce = "1".into()),
        ("whether others may join it", |it| it.joint = None),
        ("whether others may join it", |it| it.joint = Some(Joint { sealed_at: Some(at(2)), ..joint() })),
        ("the state, where another joins,", |it| it.state = ChangeState::Approved),
        ("the session", |it| it.session = session_id(9)),
    ];
    for (expected, edit) in edits {
        let mut edited = together(&[1, 2]);
        edit(&mut edited);
        let err = store.write(move |tx| tx.join_change(&edited, 0, entry(2))).await.unwrap_err();
        assert!(
            matches!(err, WriteError::Op(Conflict::Fixed { what, .. }) if what == expected),
            "{expected}: {err}"
        );
    }
    write(store, |tx| tx.join_change(&together(&[1, 2]), 0, entry(3))).await;
    refused(store, expect!["the change stands at version 1, not 0: someone else moved it first"], |tx| {
        tx.join_change(&together(&[1, 2, 3]), 0, entry(4))
    })
    .await;
    let twin = || Change { id: change_id(8), joint: None, ..together(&[1, 2, 3]) };
    write(store, move |tx| tx.create_change(&twin(), entry(5))).await;
    let open = expect!["change chg-8 asks for the same and is still open"].named(change_id(8), "chg-8");
    refused(store, open, |tx| tx.join_change(&together(&[1, 2, 3]), 1, entry(6))).await;
    write(store, |tx| {
        let sealed = Some(Joint { sealed_at: Some(at(5)), ..joint() });
        tx.advance_change(&Change { joint: sealed, ..together(&[1, 2]) }, 1, entry(7))
    })
    .await;
    let sealed = expect!["whether others may join it of change chg-1 is fixed once it is stored"];
    refused(store, sealed.named(change_id(1), "chg-1"), |tx| {
        tx.join_change(&together(&[1, 2, 4]), 2, entry(8))
    })
    .await;
    let sealed = expect!["whether others may join it of change chg-1 is fixed once it is stored"];
    refused(store, sealed.named(change_id(1), "chg-1"), |tx| {
        tx.advance_change(&together(&[1, 2]), 2, entry(8))
    })
    .await;
}

async fn what_stands_beside_others_is_found_by_what_asks_for_it_alone(store: &Store) {
    let alone = |n: u64| model::change_digest(&chain(), [digest(n)]);
    let found = async |n: u64| {
        let read = move |view: &store::View<'_>| {
            let place = |it: Option<(Change, usize)>| it.map(|(change, nth)| (change.id, nth));
            Ok((
                place(view.open_asking(alone(n), digest(n))?),
                place(view.latest_asking(alone(n), digest(n))?),
            ))
        };
        store.read(read).await.unwrap()
    };
    let here = |nth| Some((change_id(1), nth));
    write(store, |tx| tx.create_change(&together(&[1]), entry(1))).await;
    assert_eq!(found(1).await, (here(0), here(0)), "by its own digest");
    write(store, |tx| tx.join_change(&together(&[1, 2]), 0, entry(2))).await;
    assert_eq!((found(1).await, found(2).await), ((here(0), None), (here(1), None)));
    assert_eq!(found(3).await, (None, None));
    write(store, |tx| {
        let mut ran = together(&[1, 2]);
        ran.state = ChangeState::Executing;
        ran.steps[0].state = StepState::Executed;
        tx.advance_change(&ran, 1, entry(3))
    })
    .await;
    assert_eq!((found(1).await, found(2).await), ((None, here(0)), (here(1), None)));
    write(store, |tx| {
        let mut failed = together(&[1, 2]);
        failed.state = ChangeState::Failed;
        failed.steps[0].state = StepState::Executed;
        tx.advance_change(&failed, 2, entry(4))
    })
    .await;
    assert_eq!((found(1).await, found(2).await), ((None, here(0)), (None, here(1))));
    // Of what was only proposed with others nothing is found once it is over.
    write(store, |tx| {
        let plan = Change { id: change_id(5), joint: None, ..together(&[6, 7]) };
        tx.create_change(&plan, entry(5))?;
        tx.advance_change(&Change { state: ChangeState::Withdrawn, ..plan }, 0, entry(6))
    })
    .await;
    assert_eq!((found(6).await, found(7).await), ((None, None), (None, None)));
}

async fn a_person_signs_once(store: &Store) {
    write(store, |tx| tx.create_change(&change(1), entry(1))).await;
    write(store, |tx| tx.record_approval(&approval(1, "bob"), entry(2))).await;
    write(store, |tx| tx.record_approval(&approval(1, "ada"), entry(3))).await;
    let again =
        expect!["ada has signed chg-1 already; a second signature of the same person counts for nothing"]
            .named(change_id(1), "chg-1");
    refused(store, again, |tx| {
        let other_words = model::Approval { statement: "in other words".into(), ..approval(1, "ada") };
        tx.record_approval(&other_words, entry(4))
    })
    .await;
    refused(store, expect!["there is no change chg-2"].named(change_id(2), "chg-2"), |tx| {
        tx.record_approval(&approval(2, "ada"), entry(4))
    })
    .await;
    refused(store, expect!["there is no approval chg-1/eve"].named(change_id(1), "chg-1"), |tx| {
        tx.replace_approval(&approval(1, "eve"), entry(4))
    })
    .await;
    let renewed = model::Approval { statement: "with the new nonce".into(), ..approval(1, "ada") };
    let stored = renewed.clone();
    write(store, move |tx| tx.replace_approval(&stored, entry(4))).await;
    let (all, one) = store
        .read(|view| {
            let ada = "ada".parse().unwrap();
            Ok((view.approvals(change_id(1))?, view.approval(change_id(1), &ada)?))
        })
        .await
        .unwrap();
    assert_eq!(all, vec![renewed.clone(), approval(1, "bob")]);
    assert_eq!(one, Some(renewed));
}

async fn what_was_signed_of_late_is_found(store: &Store) {
    let signed = |second: i64, change: u64, person: &str| model::Approval {
        at: at(second),
        ..approval(change, person)
    };
    write(store, move |tx| {
        tx.create_change(&change(1), entry(1))?;
        tx.create_change(&change(2), entry(2))?;
        tx.record_approval(&signed(10, 1, "bob"), entry(10))?;
        tx.record_approval(&signed(20, 1, "ada"), entry(20))?;
        tx.record_approval(&signed(30, 2, "bob"), entry(30))?;
        // About a change that was signed for, but no signature.
        tx.advance_change(&moved_to(&change(1), ChangeState::Approved), 0, entry(31))?;
        tx.replace_approval(&signed(40, 1, "bob"), entry(40))
    })
    .await;
    for (since, found) in [
        (0, vec![signed(20, 1, "ada"), signed(40, 1, "bob"), signed(30, 2, "bob")]),
        (21, vec![signed(40, 1, "bob"), signed(30, 2, "bob")]),
        (40, vec![signed(40, 1, "bob")]),
        (41, Vec::new()),
    ] {
        let of_late = store.read(move |view| view.approvals_since(at(since))).await.unwrap();
        assert_eq!(of_late, found, "since {since}");
    }
}

async fn refused_operations_leave_nothing(store: &Store) {
    write(store, |tx| tx.issue_session(&session(1), entry(1))).await;
    let before = dump(store).await;
    let result = store
        .write(|tx| {
            tx.update_session(&Session { stopped_at: Some(at(1)), ..session(1) }, entry(2)).unwrap();
            tx.create_change(&change(1), entry(3)).unwrap();
            tx.advance_change(&moved_to(&change(1), ChangeState::Executing), 0, entry(4)).unwrap();
            tx.record_approval(&approval(1, "ada"), entry(5)).unwrap();
            tx.mark_sequenced(&[(1, 0)]).unwrap();
            assert_eq!(tx.change(change_id(1)).unwrap().unwrap().version, 1, "it sees its own writes");
            Err::<(), _>("changed my mind")
        })
        .await;
    assert_eq!(result, Err(WriteError::Op("changed my mind")));
    assert_eq!(dump(store).await, before);
    assert_eq!(store.read(|view| view.sequenced_through()).await, Ok(0));
}

async fn a_broken_operation_leaves_nothing_and_the_writer_lives(store: &Store) {
    let result = store
        .write(|tx| {
            tx.create_change(&change(1), entry(1)).unwrap();
            if tx.open_holds(session_id(1)).unwrap() == 1 {
                panic!("a defect");
            }
            Ok::<(), ()>(())
        })
        .await;
    assert_eq!(result, Err(WriteError::Storage(StorageError::Panicked)));
    let read = store.read(|_| -> Result<(), StorageError> { panic!("another one") }).await;
    assert_eq!(read, Err(StorageError::Panicked));
    write(store, |tx| tx.create_change(&change(1), entry(1))).await;
    assert_eq!(store.read(|view| view.open_holds(session_id(1))).await, Ok(1));
}

async fn a_refused_call_does_not_spoil_the_operation(store: &Store) {
    write(store, |tx| {
        tx.create_change(&change(1), entry(1))?;
        assert!(tx.create_change(&change(1), entry(2)).is_err());
        assert!(tx.record(entry(1)).is_err());
        Ok(tx.record(entry(2))?)
    })
    .await;
    let pending = store.read(|view| view.unsequenced(10)).await.unwrap();
    assert_eq!(pending.len(), 2);
}

async fn reads_see_every_acknowledged_write(store: &Store) {
    for n in 1..20 {
        write(store, move |tx| tx.create_change(&change(n), entry(n))).await;
        assert!(store.read(move |view| view.change(change_id(n))).await.unwrap().is_some());
    }
}

async fn lists_are_filtered_and_newest_first(store: &Store) {
    for n in 1..=6 {
        let mut made = change(n);
        made.session = session_id(n % 2);
        made.chain.agent = if n == 6 { "other".parse().unwrap() } else { made.chain.agent };
        made.state = if n <= 2 { ChangeState::Rejected } else { ChangeState::Held };
        // Two of the same moment are told apart by their ids.
        made.created_at = at(i64::try_from(n / 2).unwrap());
        write(store, move |tx| tx.create_change(&made, entry(n))).await;
    }
    let check = async |expected: &[u64], filter: Filter| {
        let found = store.read(move |view| view.changes(&filter)).await.unwrap();
        let ids: Vec<_> = found.iter().map(|it| it.id).collect();
        assert_eq!(ids, expected.iter().copied().map(change_id).collect::<Vec<_>>());
    };
    let all = Filter::default;
    check(&[6, 5, 4, 3, 2, 1], all()).await;
    check(&[6, 5], Filter { limit: 2, ..all() }).await;
    check(&[], Filter { limit: 0, ..all() }).await;
    check(&[2, 1], Filter { states: vec![ChangeState::Rejected], ..all() }).await;
    check(&[6, 5, 4, 3, 2, 1], Filter { states: vec![ChangeState::Rejected, ChangeState::Held], ..all() })
        .await;
    check(&[4, 3], Filter { before: Some(change_id(5)), limit: 2, ..all() }).await;
    check(&[], Filter { before: Some(change_id(1)), ..all() }).await;
    check(&[], Filter { before: Some(change_id(99)), ..all() }).await;
    let open = || vec![ChangeState::Rejected, ChangeState::Held, ChangeState::Rejected];
    check(&[4, 3, 2], Filter { states: open(), before: Some(change_id(5)), limit: 3, ..all() }).await;
    check(&[5, 3, 1], Filter { session: Some(session_id(1)), ..all() }).await;
    check(&[6], Filter { agent: Some("other".parse().unwrap()), ..all() }).await;
    check(&[], Filter { agent: Some("other".parse().unwrap()), session: Some(session_id(1)), ..all() }).await;
}

async fn entries_are_sequenced_in_order_and_once(store: &Store) {
    for n in 1..=4 {
        write(store, move |tx| Ok(tx.record(entry(n))?)).await;
    }
    let rows: Vec<i64> =
        store.read(|view| view.unsequenced(3)).await.unwrap().iter().map(|it| it.row).collect();
    assert_eq!(rows.len(), 3);
    let (a, b, c) = (rows[0], rows[1], rows[2]);
    assert_eq!((b, c), (a + 1, a + 2), "no number is missing");
    assert_eq!(store.read(|view| view.last_sequenced_row()).await, Ok(None));
    // Entry 0 of the ledger is its genesis, which no store holds.
    write(store, move |tx| Ok(tx.mark_sequenced(&[(a, 1), (b, 2)])?)).await;
    write(store, move |tx| Ok(tx.mark_sequenced(&[(a, 1), (b, 2)])?)).await;
    let check = async |expected: &str, marks: Vec<(i64, u64)>| {
        let err = store.write(move |tx| tx.mark_sequenced(&marks)).await.unwrap_err().to_string();
        assert!(err.ends_with(expected), "{err}");
    };
    assert_eq!(store.read(|view| view.last_sequenced_row()).await, Ok(Some(b)));
    // What is there already takes no number, also where whoever records it goes on.
    write(store, |tx| {
        tx.record(entry(4)).unwrap_err();
        Ok(())
    })
    .await;
    check("it stands at another one", vec![(a, 3)]).await;
    check("that index is taken or passed", vec![(c, 2)]).await;
    check("it is named twice", vec![(c, 3), (c, 4)]).await;
    check("there is no such row", vec![(4711, 3)]).await;
    check("it is beyond counting", vec![(c, u64::MAX)]).await;
    check("that index is taken or passed", vec![(c, 4), (c + 1, 3)]).await;
    assert_eq!(store.read(|view| view.backlog()).await, Ok((2, Some(at(3)))), "since the oldest of them");
    let (through, left, one, none) = store
        .read(|view| {
            let left = view.unsequenced(10)?.iter().map(|it| it.row).collect::<Vec<_>>();
            Ok((view.sequenced_through()?, left, view.index_of(entry_id(2))?, view.index_of(entry_id(3))?))
        })
        .await
        .unwrap();
    assert_eq!((through, left, one, none), (3, vec![c, c + 1], Some(2), None));
    let recorded = async |change: ChangeId, limit: usize| -> Vec<(EntryId, Option<u64>)> {
        let found = store.read(move |view| view.recorded_of(change, limit)).await.unwrap();
        found.into_iter().map(|(entry, index)| (entry.id, index)).collect()
    };
    let of = |n: u64| Entry { change: Some(change_id(9)), ..entry(n) };
    write(store, move |tx| {
        tx.create_change(&change(9), of(9))?;
        tx.record(entry(10))?;
        // What is recorded beside it counts as well, and more than once at one time.
        tx.record(of(11))?;
        Ok(tx.record(Entry { id: entry_id(12), ..of(11) })?)
    })
    .await;
    write(store, move |tx| Ok(tx.mark_sequenced(&[(c, 3), (c + 1, 4), (c + 2, 5)])?)).await;
    let all = [(entry_id(9), Some(5)), (entry_id(11), None), (entry_id(12), None)];
    assert_eq!(recorded(change_id(9), 10).await, all, "of this change, in their order");
    assert_eq!(recorded(change_id(9), 2).await, all[1..], "of too many the newest");
    assert_eq!(recorded(change_id(8), 10).await, []);
}

async fn entries_have_bounds_and_are_recorded_once(store: &Store) {
    write(store, |tx| Ok(tx.record(entry(1))?)).await;
    refused(store, expect!["ledger entry ent-1 is recorded already"].named(entry_id(1), "ent-1"), |tx| {
        tx.create_change(&change(1), entry(1))
    })
    .await;
    let long = |bytes: usize| {
        let mut entry = entry(2);
        entry.detail.insert("reason".into(), "x".repeat(bytes));
        entry
    };
    let frame = serde_json::to_vec(&long(0)).unwrap().len();
    let most = Entry::MAX_BYTES - frame;
    refused(
        store,
        expect!["ledger entry ent-2 has 65536 bytes, 65535 is the most"].named(entry_id(2), "ent-2"),
        move |tx| Ok(tx.record(long(most + 1))?),
    )
    .await;
    write(store, move |tx| Ok(tx.record(long(most))?)).await;
}

async fn what_waits_is_counted_and_found(store: &Store) {
    let agent = || "coder".parse().unwrap();
    let key = |n: u64| change(n).steps[0].action.resources[0].key();
    for n in 1..=3 {
        write(store, move |tx| tx.create_change(&change(n), entry(n))).await;
    }
    write(store, |tx| tx.advance_change(&moved_to(&change(2), ChangeState::Approved), 0, entry(4))).await;
    write(store, |tx| tx.advance_change(&moved_to(&change(3), ChangeState::Withdrawn), 0, entry(5))).await;
    let look = async |keys: Vec<String>| {
        store
            .read(move |view| Ok((view.open_holds(session_id(1))?, view.held_destroys_of(&agent(), &keys)?)))
            .await
            .unwrap()
    };
    assert_eq!(look(vec![key(1), key(2), key(3), key(1)]).await, (2, vec![change_id(1), change_id(2)]));
    assert_eq!(look(vec![]).await, (2, vec![]));
    for (state, expected) in [(ChangeState::Held, 1), (ChangeState::Approved, 1), (ChangeState::Expired, 0)] {
        assert_eq!(store.read(move |view| view.count_in(state)).await, Ok(expected), "{state}");
    }
    let since = async |second, limit| {
        let found = store.read(move |view| view.changes_since(at(second), limit)).await.unwrap();
        found.into_iter().map(|change| change.id).collect::<Vec<_>>()
    };
    let second = |n| change(n).created_at.since(at(0)) / 1000;
    assert_eq!(since(second(2), 9).await, [change_id(3), change_id(2)]);
    assert_eq!(since(second(1), 2).await, [change_id(3), change_id(2)]);
    assert_eq!(since(second(3) + 1, 9).await, []);
    let arn = "arn:aws:cloudformation:eu-central-1:123456789012:stack/demo-2";
    let arn = Resource { name: arn.into(), ..change(2).steps[0].action.resources[0].clone() };
    assert_eq!(look(vec![arn.key()]).await.1, vec![change_id(2)]);
    let other = store.read(move |view| view.held_destroys_of(&"other".parse().unwrap(), &[key(1)])).await;
    assert_eq!(other, Ok(vec![]));
    write(store, |tx| tx.advance_change(&moved_to(&change(2), ChangeState::Executing), 1, entry(6))).await;
    assert_eq!(look(vec![key(1), key(2)]).await, (1, vec![change_id(1)]));
    let signature = digest(u64::try_from(change(2).created_at.millis()).unwrap());
    for (since, expected) in [(10, Some(change_id(2))), (11, None)] {
        let found = store.read(move |view| view.seen_signature(signature, at(since))).await;
        assert_eq!(found, Ok(expected));
    }
}

/// Identifiers in an expectation are named, so that it can be read.
trait Named {
    fn named(self, id: impl ToString, name: &str) -> Expect;
}

impl Named for Expect {
    fn named(mut self, id: impl ToString, name: &str) -> Expect {
        let text: &'static str = self.data.replace(name, &id.to_string()).leak();
        self.data = text;
        self
    }
}

async fn what_was_taken_out_of_an_allowance_is_added_up(store: &Store) {
    let step = |second: i64, state: StepState, charges: &[(&str, u64)]| {
        let charges =
            charges.iter().map(|(name, amount)| Charge { allowance: name.parse().unwrap(), amount: *amount });
        let execution = Execution { charges: charges.collect(), ..execution(1, second) };
        Step { execution: Some(execution), state, ..change(1).steps.remove(0) }
    };
    let steps = vec![
        step(10, StepState::Executed, &[("mails", 3), ("texts", 1)]),
        step(20, StepState::Executing, &[("mails", 4)]),
        step(30, StepState::Failed, &[("mails", 100)]),
        step(40, StepState::Undone, &[("mails", 5)]),
    ];
    let ran = Change { steps, state: ChangeState::Executing, ..change(1) };
    write(store, move |tx| tx.create_change(&ran, entry(1))).await;
    for (allowance, since, expected) in
        [("mails", 0, 12), ("mails", 20, 9), ("mails", 41, 0), ("texts", 0, 1), ("other", 0, 0)]
    {
        let allowance = allowance.parse().unwrap();
        let found = store.read(move |view| view.charged(&allowance, at(since))).await.unwrap();
        assert_eq!(found, expected, "since {since}");
    }
}
