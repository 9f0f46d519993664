//! Nothing happens twice: neither a step, nor its judgement, nor its taking back.

use super::*;

/// A call that was not answered may still run: another one would be another change.
#[test]
fn what_was_asked_for_is_not_asked_for_again_while_it_may_still_run() {
    check(
        &three()[..1],
        World { slow: Some((0, 2)), ..World::default() },
        &expect![[r#"
        propose
        check before-1-1
        ready 0
        ask
        call 0
        ask
        pause 2
        ask
        pause 2
        ask
        check after-1-1
        note 0
        done
    "#]],
    );
    check(
        &three()[..1],
        World { busy: Some((0, 2)), ..World::default() },
        &expect![[r#"
        propose
        check before-1-1
        ready 0
        ask
        call 0
        ask
        pause 2
        ask
        call 0
        ask
        pause 2
        ask
        call 0
        ask
        check after-1-1
        note 0
        done
    "#]],
    );
    resumed(
        [StepState::Executed, StepState::Executing, StepState::Executed],
        World { slow: Some((1, 2)), ..World::default() },
        &expect![[r#"
            ask
            check after-1-1
            note 0
            ask
            pause 2
            ask
            check after-1-2
            note 1
            check after-1-3
            note 2
            done
        "#]],
    );
    // Of one that the server never hears of: asked for a while, and called once.
    let steps = three();
    let mut world = World { lost: Some(1), states: vec![StepState::Pending; 3], ..World::default() };
    let told = told(Conduct::begin(steps.iter().collect(), Vec::new()), &mut world);
    assert_eq!(told.matches("call 1").count(), 1, "{told}");
    assert_eq!(told.matches("pause 2").count(), usize::from(TRIES), "{told}");
    assert!(
        told.contains("stopped at 1.2: whether it happened is not known: no answer\n1.1 undone"),
        "{told}"
    );
    // Of one that is never taken on, it is known that it did not happen.
    let mut world = World { busy: Some((1, 99)), states: vec![StepState::Pending; 3], ..World::default() };
    let told = super::told(Conduct::begin(steps.iter().collect(), Vec::new()), &mut world);
    assert!(told.contains("stopped at 1.2: it was not let through: come again\n1.1 undone"), "{told}");
}

/// The checks before took so long that somebody closed the change, or ran the step.
#[test]
fn whose_turn_it_is_says_the_server_before_each_call() {
    let steps = three();
    for (state, states, then) in [
        (ChangeState::Withdrawn, [StepState::Pending; 3], "stopped at 1.1: the change is withdrawn\n"),
        (ChangeState::Held, [StepState::Pending; 3], "wait\n"),
        (
            ChangeState::Executing,
            [StepState::Executed, StepState::Pending, StepState::Pending],
            "check after-1-1\n",
        ),
    ] {
        let mut conduct = Conduct::begin(steps.iter().collect(), Vec::new());
        conduct.heard(Heard::Stands(ChangeState::Approved, vec![StepState::Pending; 3]));
        conduct.heard(Heard::Checked(Looked::Passed));
        assert_eq!(conduct.next(), Do::Ready(0));
        conduct.heard(Heard::Over);
        assert_eq!(conduct.next(), Do::Ask);
        conduct.heard(Heard::Stands(state, states.into()));
        assert_eq!(format!("{}\n", line(&conduct.next())), then);
    }
}

#[test]
fn what_is_done_and_on_record_is_neither_judged_again_nor_taken_back_twice() {
    use StepState::{Executed, Pending};
    let call = step("9", Undo::Captured).call;
    let known = |checked: [bool; 3], inverted: [usize; 3]| Known {
        checked: checked.into(),
        inverted: inverted.into(),
        ..Known::default()
    };
    // The world moved on since.
    let moved = || World { failing: vec![("after-1-3", 9), ("after-1-1", 9)], ..World::default() };
    on_record(
        &three(),
        [Executed; 3],
        known([true; 3], [0; 3]),
        moved(),
        &expect![[r#"
        ask
        done
    "#]],
    );
    on_record(
        &three()[..2],
        [Executed, Pending, Pending],
        known([true, false, false], [0; 3]),
        moved(),
        &expect![[r#"
            ask
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            note 1
            done
        "#]],
    );
    // It was being taken back by calls of its own.
    let two = Undo::Calls(vec![call.clone(), call]);
    let steps = ["1.1", "1.2", "1.3"].map(|id| step(id, two.clone()));
    let withdrawn = || World { closed: Some(ChangeState::Withdrawn), ..World::default() };
    on_record(
        &steps,
        [Executed, Executed, Pending],
        known([true; 3], [0, 1, 0]),
        withdrawn(),
        &expect![[r#"
        ask
        inverse 1 of 1
        inverse 0 of 0
        inverse 1 of 0
        stopped at -: the change is withdrawn
        1.2 undone
        1.1 undone
    "#]],
    );
    on_record(
        &steps,
        [Executed, Executed, Pending],
        known([true; 3], [2, 2, 0]),
        withdrawn(),
        &expect![[r#"
        ask
        stopped at -: the change is withdrawn
        1.2 undone
        1.1 undone
    "#]],
    );
    on_record(
        &steps,
        [Executed; 3],
        known([true; 3], [0, 0, 2]),
        World::default(),
        &expect![[r#"
        ask
        inverse 0 of 1
        inverse 1 of 1
        inverse 0 of 0
        inverse 1 of 0
        stopped at 1.3: it was undone
        1.3 undone
        1.2 undone
        1.1 undone
    "#]],
    );
}

/// What comes of a step that still runs would stand on nothing.
#[test]
fn nothing_is_taken_back_while_a_step_may_still_run() {
    let steps = three();
    let mut world = World { slow: Some((1, 99)), states: vec![StepState::Pending; 3], ..World::default() };
    let told = told(Conduct::begin(steps.iter().collect(), Vec::new()), &mut world);
    let end = "stopped at 1.2: whether it happened is not known: no answer\n\
        1.2 stands: it may still be under way\n\
        1.1 stands: step 1.2 may still be under way, and nothing is taken back before that is over\n";
    assert!(told.ends_with(end) && !told.contains("undo"), "{told}");
    // Once it is over, what goes on finishes.
    resumed(
        [StepState::Executed, StepState::Executed, StepState::Pending],
        World { failing: vec![("after-1-2", 9)], ..World::default() },
        &expect![[r#"
            ask
            check after-1-2
            pause 3
            check after-1-2
            pause 3
            check after-1-2
            withdraw
            ask
            undo 1
            undo 0
            stopped at 1.2: `after-1-2`, checked after it, did not pass: not so
            1.2 undone
            1.1 undone
        "#]],
    );
    // It began while the change was to be withdrawn.
    check(
        &three(),
        World { failing: vec![("before-1-2", 9)], late: Some(1), ..World::default() },
        &expect![[r#"
            propose
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            note 0
            check before-1-2
            withdraw
            ask
            stopped at 1.2: `before-1-2`, checked before it, did not pass: not so
            1.2 stands: it may still be under way
            1.1 stands: step 1.2 may still be under way, and nothing is taken back before that is over
        "#]],
    );
}

#[test]
fn what_nobody_knows_is_not_taken_back_by_calls_of_its_own() {
    use StepState::{Executed, Pending};
    let call = step("9", Undo::Captured).call;
    let steps = ["1.1", "1.2", "1.3"].map(|id| step(id, Undo::Calls(vec![call.clone(), call.clone()])));
    let mut world = World { unknown: Some((1, 99)), states: vec![Pending; 3], ..World::default() };
    let told = told(Conduct::begin(steps.iter().collect(), Vec::new()), &mut world);
    let end = "inverse 0 of 0\ninverse 1 of 0\nstopped at 1.2: whether it happened is not known: no answer\n\
        1.2 stands: whether it ran is not known, nor whether there is anything to take back\n1.1 undone\n";
    assert!(told.ends_with(end) && !told.contains("of 1\n"), "{told}");
    // The process ended while it waited for the answer to a call that takes a step back.
    let known = Known { inverted: vec![0, 1, 0], unanswered: vec![false, true, false], ..Known::default() };
    let closed = Some(ChangeState::Withdrawn);
    on_record(
        &steps,
        [Executed, Executed, Pending],
        known.clone(),
        World { closed, ..World::default() },
        &expect![[r#"
            ask
            inverse 0 of 0
            inverse 1 of 0
            stopped at -: the change is withdrawn
            1.2 stands: a call that takes it back was begun, and whether it was made is not known
            1.1 undone
        "#]],
    );
    // Also where the change could not be withdrawn.
    let known = Known { inverted: Vec::new(), ..known };
    on_record(
        &steps,
        [Executed; 3],
        known,
        World::default(),
        &expect![[r#"
        ask
        inverse 0 of 2
        inverse 1 of 2
        inverse 0 of 0
        inverse 1 of 0
        stopped at 1.2: it was undone
        1.3 undone
        1.2 stands: a call that takes it back was begun, and whether it was made is not known
        1.1 undone
    "#]],
    );
}

/// A machine that is stopped, changed and started again, and cannot be started while it still stops.
#[test]
fn a_later_look_at_the_same_counts_in_place_of_an_earlier_one() {
    let looks = |id: &str, is: &str| {
        let call = step("9", Undo::Captured).call;
        let mut of = step(id, Undo::Calls(vec![call]));
        for check in &mut of.after {
            let is = crate::Comparison::Equals(json!(is));
            check.expect = Expectation::All { path: "State.Name".to_owned(), is };
        }
        of
    };
    let steps = [looks("1.1", "stopped"), step("1.2", Undo::Captured), looks("1.3", "running")];
    guarded(
        &steps,
        vec![Guard::WhatRan],
        World::default(),
        &expect![[r#"
        propose
        check before-1-1
        ready 0
        ask
        call 0
        ask
        check after-1-1
        note 0
        guard 0 by after-1-1
        check before-1-2
        ready 1
        ask
        call 1
        ask
        check after-1-2
        guard 0 by after-1-1
        note 1
        guard 0 by after-1-1
        guard 0 by after-1-2
        check before-1-3
        ready 2
        ask
        call 2
        ask
        check after-1-3
        guard 0 by after-1-2
        note 2
        done
    "#]],
    );
    let failing = || vec![("after-1-2", 9)];
    guarded(
        &steps,
        Vec::new(),
        World { failing: failing(), early: 2, ..World::default() },
        &expect![[r#"
            propose
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            note 0
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            pause 3
            check after-1-2
            pause 3
            check after-1-2
            withdraw
            ask
            undo 1
            inverse 0 of 0
            pause 10
            inverse 0 of 0
            pause 10
            inverse 0 of 0
            stopped at 1.2: `after-1-2`, checked after it, did not pass: not so
            1.2 undone
            1.1 undone
        "#]],
    );
    let mut world =
        World { failing: failing(), early: 99, states: vec![StepState::Pending; 3], ..World::default() };
    let told = told(Conduct::begin(steps.iter().collect(), Vec::new()), &mut world);
    assert_eq!(told.matches("inverse 0 of 0").count(), usize::from(TRIES_BACK) + 1, "{told}");
    assert!(told.ends_with("1.2 undone\n1.1 stands: it is still stopping\n"), "{told}");
}

/// What was called when its change had just ended was judged by itself: it may have happened, and is not told as what never ran.
#[test]
fn what_was_called_after_the_end_is_not_known() {
    check(
        &three()[..1],
        World { ended: Some(0), ..World::default() },
        &expect![[r#"
            propose
            check before-1-1
            ready 0
            ask
            call 0
            ask
            stopped at 1.1: whether it happened is not known: the change was expired when it was called: it was answered, and the change does not have it
        "#]],
    );
}
