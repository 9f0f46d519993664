//! Plans against a world in a table: what is done, in which order, and how it ends.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use model::{Effect, EffectSet};
use serde_json::json;

use super::*;
use crate::{Expectation, Origin, Patience};

fn step(id: &str, undo: Undo) -> Step {
    let call = Call {
        service: "ssm".to_owned(),
        operation: "PutParameter".to_owned(),
        region: "eu-west-1".to_owned(),
        parameters: json!({ "Name": id, "Value": "1", "Type": "String", "Overwrite": true }),
    };
    let check = |moment: &str, again: u16| Check {
        id: format!("{moment}-{}", id.replace('.', "-")),
        verifies: "it is so".to_owned(),
        read: Call { operation: "DescribeParameters".to_owned(), parameters: json!({}), ..call.clone() },
        expect: Expectation::Answers,
        patience: Patience { again, every_s: 3 },
    };
    Step {
        id: id.to_owned(),
        why: "because".to_owned(),
        about: Vec::new(),
        effects: EffectSet::of(Effect::Write),
        undoable: true,
        interrupts: None,
        before: vec![check("before", 0)],
        after: vec![check("after", 2)],
        undo,
        origin: Origin::Derived { findings: Vec::new() },
        call,
    }
}

fn three() -> Vec<Step> {
    ["1.1", "1.2", "1.3"].map(|id| step(id, Undo::Captured)).into()
}

/// What a server and a cloud would answer; what is not said here goes well.
#[derive(Default)]
struct World {
    states: Vec<StepState>,
    closed: Option<ChangeState>,
    held: bool,
    nobody_comes: bool,
    denied: bool,
    /// Check ids, and how often they fail.
    failing: Vec<(&'static str, u16)>,
    /// Steps whose call is refused, fails, or is not known about so many times.
    refused: Option<usize>,
    failed: Option<usize>,
    unknown: Option<(usize, u16)>,
    /// A step whose first call is not answered in time, and goes on for so many questions.
    slow: Option<(usize, u16)>,
    /// A step whose call is not taken on so many times.
    busy: Option<(usize, u16)>,
    /// A step whose call gets no answer, and of which the server never hears.
    lost: Option<usize>,
    /// Inverses that are refused so often.
    early: u16,
    /// After a step, what one before it reached is lost.
    breaks: bool,
    /// Steps that cannot be undone.
    stuck: Option<usize>,
    /// A step that begins right before the change would be withdrawn, which then is not.
    late: Option<usize>,
    /// A step before whose call the change ends.
    ended: Option<usize>,
}

impl World {
    fn state(&self) -> ChangeState {
        let any = |state| self.states.contains(&state);
        match self.closed {
            Some(state) => state,
            None if self.held => ChangeState::Held,
            None if any(StepState::Executing) => ChangeState::Executing,
            None if any(StepState::Unknown) => ChangeState::Unknown,
            None if any(StepState::Failed) => ChangeState::Failed,
            None if any(StepState::Pending) => ChangeState::Approved,
            None => ChangeState::Executed,
        }
    }

    fn answer(&mut self, what: &Do<'_>) -> Heard {
        match what {
            Do::Propose if self.denied => Heard::Refused("no".to_owned()),
            Do::Propose | Do::Ask => {
                match &mut self.slow {
                    Some((nth, 0)) if self.states[*nth] == StepState::Executing => {
                        self.states[*nth] = StepState::Executed;
                    }
                    Some((nth, left)) if self.states[*nth] == StepState::Executing => *left -= 1,
                    Some(_) | None => {}
                }
                Heard::Stands(self.state(), self.states.clone())
            }
            Do::Wait if self.nobody_comes => Heard::GaveUp,
            Do::Wait => {
                self.held = false;
                Heard::Stands(self.state(), self.states.clone())
            }
            Do::Check { check, of: Of::Guard(0), moment: Moment::After, .. } if self.breaks => {
                Heard::Checked(Looked::Failed(format!("{} is lost", check.id)))
            }
            Do::Check { check, .. } => {
                match self.failing.iter_mut().find(|it| it.0 == check.id && it.1 > 0) {
                    Some(failing) => {
                        failing.1 -= 1;
                        Heard::Checked(Looked::Failed("not so".to_owned()))
                    }
                    None => Heard::Checked(Looked::Passed),
                }
            }
            Do::Call(nth) => {
                assert!(self.states[*nth] != StepState::Executing, "it is called while it runs");
                let (state, said) = match self.unknown {
                    _ if self.ended == Some(*nth) => {
                        self.closed = Some(ChangeState::Expired);
                        (StepState::Pending, Called::Answered)
                    }
                    _ if self.lost == Some(*nth) => {
                        (StepState::Pending, Called::Unsure("no answer".to_owned()))
                    }
                    _ if self.slow.is_some_and(|it| it.0 == *nth) => {
                        (StepState::Executing, Called::Unsure("no answer".to_owned()))
                    }
                    _ if self.busy.is_some_and(|it| it.0 == *nth && it.1 > 0) => {
                        self.busy = self.busy.map(|(nth, left)| (nth, left - 1));
                        (StepState::Pending, Called::Later("come again".to_owned()))
                    }
                    _ if self.refused == Some(*nth) => {
                        (StepState::Pending, Called::Refused("not now".to_owned()))
                    }
                    _ if self.failed == Some(*nth) => (StepState::Failed, Called::Refused("400".to_owned())),
                    Some((unknown, left)) if unknown == *nth && left > 0 => {
                        self.unknown = Some((unknown, left - 1));
                        (StepState::Unknown, Called::Unsure("no answer".to_owned()))
                    }
                    _ => (StepState::Executed, Called::Answered),
                };
                self.states[*nth] = state;
                Heard::Called(said)
            }
            Do::Withdraw => {
                match self.late {
                    Some(nth) => self.states[nth] = StepState::Executing,
                    None => self.closed = Some(ChangeState::Withdrawn),
                }
                Heard::Over
            }
            Do::Undo(nth) | Do::Inverse { step: nth, .. } if self.stuck == Some(*nth) => {
                Heard::Undid(Undid::Not("held as chg-1".to_owned()))
            }
            Do::Undo(nth) => {
                self.states[*nth] = StepState::Undone;
                Heard::Undid(Undid::Back)
            }
            Do::Inverse { .. } if self.early > 0 => {
                self.early -= 1;
                Heard::Undid(Undid::NotYet("it is still stopping".to_owned()))
            }
            Do::Inverse { .. } => Heard::Undid(Undid::Back),
            Do::Pause(_) | Do::Ready(_) | Do::Note(_) | Do::End(_) => Heard::Over,
        }
    }
}

fn line(what: &Do<'_>) -> String {
    match what {
        Do::Check { check, of: Of::Step, .. } => format!("check {}", check.id),
        Do::Check { check, of: Of::Guard(nth), .. } => format!("guard {nth} by {}", check.id),
        Do::Call(nth) => format!("call {nth}"),
        Do::Undo(nth) => format!("undo {nth}"),
        Do::Inverse { step, nth, .. } => format!("inverse {nth} of {step}"),
        Do::Pause(seconds) => format!("pause {seconds}"),
        Do::Ready(nth) => format!("ready {nth}"),
        Do::Note(nth) => format!("note {nth}"),
        Do::Propose | Do::Ask | Do::Wait | Do::Withdraw => format!("{what:?}").to_lowercase(),
        Do::End(Ending::Stopped(stop)) => {
            let mut text = format!("stopped at {}: {}", stop.step.as_deref().unwrap_or("-"), stop.why);
            for (step, taken) in &stop.taken {
                let _ = write!(text, "\n{step} {taken}");
            }
            text
        }
        Do::End(ending) => format!("{ending:?}").to_lowercase(),
    }
}

fn told(mut conduct: Conduct<'_>, world: &mut World) -> String {
    let mut told = String::new();
    for _ in 0..200 {
        let next = conduct.next();
        told.push_str(&line(&next));
        told.push('\n');
        if matches!(next, Do::End(_)) {
            return told;
        }
        let heard = world.answer(&next);
        conduct.heard(heard);
    }
    panic!("it does not end: {told}");
}

#[track_caller]
fn check(steps: &[Step], world: World, expected: &Expect) {
    guarded(steps, Vec::new(), world, expected);
}

#[track_caller]
fn guarded(steps: &[Step], guards: Vec<Guard<'_>>, mut world: World, expected: &Expect) {
    world.states.resize(steps.len(), StepState::Pending);
    expected.assert_eq(&told(Conduct::begin(steps.iter().collect(), guards), &mut world));
}

#[track_caller]
fn resumed(states: [StepState; 3], world: World, expected: &Expect) {
    on_record(&three(), states, Known::default(), world, expected);
}

#[track_caller]
fn on_record(steps: &[Step], states: [StepState; 3], known: Known, world: World, expected: &Expect) {
    let mut world = World { states: states.into(), ..world };
    expected.assert_eq(&told(Conduct::resume(steps.iter().collect(), Vec::new(), known), &mut world));
}

#[test]
fn each_step_once_everything_before_it_ran_and_was_checked() {
    check(
        &three(),
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
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            note 1
            check before-1-3
            ready 2
            ask
            call 2
            ask
            check after-1-3
            note 2
            done
        "#]],
    );
}

#[test]
fn what_shall_continue_is_measured_before_and_after_each_step() {
    let steps = &three()[..2];
    let other = step("9", Undo::Captured);
    let guards = || vec![Guard::WhatRan, Guard::Check(&other.before[0])];
    guarded(
        steps,
        guards(),
        World::default(),
        &expect![[r#"
            propose
            guard 1 by before-9
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            guard 1 by before-9
            note 0
            guard 0 by after-1-1
            guard 1 by before-9
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            guard 0 by after-1-1
            guard 1 by before-9
            note 1
            done
        "#]],
    );
    // The second step breaks what the first one reached.
    guarded(
        steps,
        guards(),
        World { breaks: true, ..World::default() },
        &expect![[r#"
            propose
            guard 1 by before-9
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            guard 1 by before-9
            note 0
            guard 0 by after-1-1
            guard 1 by before-9
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            guard 0 by after-1-1
            pause 3
            guard 0 by after-1-1
            pause 3
            guard 0 by after-1-1
            undo 1
            undo 0
            stopped at 1.2: `after-1-1`, checked after it, did not pass: after-1-1 is lost
            1.2 undone
            1.1 undone
        "#]],
    );
}

#[test]
fn what_people_decide_is_waited_for() {
    check(
        &three(),
        World { held: true, nobody_comes: true, ..World::default() },
        &expect![[r#"
        propose
        wait
        held
    "#]],
    );
    check(
        &three()[..1],
        World { held: true, ..World::default() },
        &expect![[r#"
            propose
            wait
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            note 0
            done
        "#]],
    );
    check(
        &three(),
        World { denied: true, ..World::default() },
        &expect![[r#"
        propose
        denied("no")
    "#]],
    );
}

#[test]
fn a_check_that_fails_stops_it_and_what_ran_is_taken_back_the_last_first() {
    check(
        &three(),
        World { failing: vec![("after-1-2", 9)], ..World::default() },
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
            undo 0
            stopped at 1.2: `after-1-2`, checked after it, did not pass: not so
            1.2 undone
            1.1 undone
        "#]],
    );
    // One that needs a while.
    check(
        &three()[..1],
        World { failing: vec![("after-1-1", 2)], ..World::default() },
        &expect![[r#"
            propose
            check before-1-1
            ready 0
            ask
            call 0
            ask
            check after-1-1
            pause 3
            check after-1-1
            pause 3
            check after-1-1
            note 0
            done
        "#]],
    );
    // Before the first nothing ran.
    check(
        &three(),
        World { failing: vec![("before-1-1", 1)], ..World::default() },
        &expect![[r#"
            propose
            check before-1-1
            withdraw
            ask
            stopped at 1.1: `before-1-1`, checked before it, did not pass: not so
        "#]],
    );
}

#[test]
fn what_did_not_go_through_stops_it() {
    check(
        &three(),
        World { refused: Some(1), ..World::default() },
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
            withdraw
            ask
            undo 0
            stopped at 1.2: it was not let through: not now
            1.1 undone
        "#]],
    );
    check(
        &three(),
        World { failed: Some(1), ..World::default() },
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
            undo 0
            stopped at 1.2: it did not succeed: 400
            1.1 undone
        "#]],
    );
    check(
        &three()[..1],
        World { unknown: Some((0, 1)), ..World::default() },
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
            check after-1-1
            note 0
            done
        "#]],
    );
}

#[test]
fn what_cannot_be_taken_back_is_said_and_the_rest_is() {
    let copy = step("1.1", Undo::NotNeeded("only a copy".to_owned()));
    let gone = step("1.2", Undo::Impossible("it is gone".to_owned()));
    let call = copy.call.clone();
    let calls = step("1.3", Undo::Calls(vec![call.clone(), call]));
    let failing = || vec![("after-1-4", 9)];
    let all = [copy, gone, calls, step("1.4", Undo::Captured)];
    check(
        &all,
        World { failing: failing(), ..World::default() },
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
            note 1
            check before-1-3
            ready 2
            ask
            call 2
            ask
            check after-1-3
            note 2
            check before-1-4
            ready 3
            ask
            call 3
            ask
            check after-1-4
            pause 3
            check after-1-4
            pause 3
            check after-1-4
            undo 3
            inverse 0 of 2
            inverse 1 of 2
            stopped at 1.4: `after-1-4`, checked after it, did not pass: not so
            1.4 undone
            1.3 undone
            1.2 stands: it is gone
            1.1 needs no undoing: only a copy
        "#]],
    );
    check(
        &all,
        World { failing: failing(), stuck: Some(3), ..World::default() },
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
            note 1
            check before-1-3
            ready 2
            ask
            call 2
            ask
            check after-1-3
            note 2
            check before-1-4
            ready 3
            ask
            call 3
            ask
            check after-1-4
            pause 3
            check after-1-4
            pause 3
            check after-1-4
            undo 3
            inverse 0 of 2
            inverse 1 of 2
            stopped at 1.4: `after-1-4`, checked after it, did not pass: not so
            1.4 stands: held as chg-1
            1.3 undone
            1.2 stands: it is gone
            1.1 needs no undoing: only a copy
        "#]],
    );
}

#[test]
fn it_goes_on_where_it_was_broken_off() {
    use StepState::{Executed, Pending, Undone, Unknown};
    resumed(
        [Executed, Pending, Pending],
        World::default(),
        &expect![[r#"
            ask
            check after-1-1
            note 0
            check before-1-2
            ready 1
            ask
            call 1
            ask
            check after-1-2
            note 1
            check before-1-3
            ready 2
            ask
            call 2
            ask
            check after-1-3
            note 2
            done
        "#]],
    );
    resumed(
        [Executed, Unknown, Pending],
        World::default(),
        &expect![[r#"
            ask
            check after-1-1
            note 0
            ask
            call 1
            ask
            check after-1-2
            note 1
            check before-1-3
            ready 2
            ask
            call 2
            ask
            check after-1-3
            note 2
            done
        "#]],
    );
    resumed(
        [Executed, Executed, Executed],
        World::default(),
        &expect![[r#"
        ask
        check after-1-3
        note 2
        done
    "#]],
    );
    // It was taking back.
    let closed = Some(ChangeState::Withdrawn);
    resumed(
        [Executed, Undone, Pending],
        World { closed, ..World::default() },
        &expect![[r#"
        ask
        undo 0
        stopped at -: the change is withdrawn
        1.1 undone
    "#]],
    );
    resumed(
        [Executed, Executed, Undone],
        World::default(),
        &expect![[r#"
        ask
        undo 1
        undo 0
        stopped at 1.3: it was undone
        1.2 undone
        1.1 undone
    "#]],
    );
    // Somebody said no meanwhile.
    let closed = Some(ChangeState::Rejected);
    resumed(
        [Executed, Pending, Pending],
        World { closed, ..World::default() },
        &expect![[r#"
        ask
        undo 0
        stopped at -: the change is rejected
        1.1 undone
    "#]],
    );
}

/// Whatever is heard, and in whatever order: it ends, no step is called before those in front of it ran, none again after it ran.
mod any {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = StepState> {
        use StepState::{Executed, Executing, Failed, Pending, Undone, Unknown};
        proptest::sample::select(vec![
            Pending, Pending, Executing, Executed, Executed, Failed, Unknown, Undone,
        ])
    }

    fn heard() -> impl Strategy<Value = Heard> {
        let word = || Just("word".to_owned());
        prop_oneof![
            6 => (proptest::sample::select(ChangeState::ALL.to_vec()), proptest::collection::vec(state(), 0..5))
                .prop_map(|(state, steps)| Heard::Stands(state, steps)),
            1 => word().prop_map(Heard::Refused),
            1 => Just(Heard::GaveUp),
            4 => Just(Heard::Checked(Looked::Passed)),
            1 => word().prop_map(|it| Heard::Checked(Looked::Failed(it))),
            1 => word().prop_map(|it| Heard::Checked(Looked::Unknown(it))),
            4 => Just(Heard::Over),
            4 => Just(Heard::Called(Called::Answered)),
            1 => word().prop_map(|it| Heard::Called(Called::Unsure(it))),
            1 => word().prop_map(|it| Heard::Called(Called::Later(it))),
            2 => Just(Heard::Undid(Undid::Back)),
            1 => word().prop_map(|it| Heard::Undid(Undid::NotYet(it))),
            1 => word().prop_map(|it| Heard::Undid(Undid::Not(it))),
        ]
    }

    proptest! {
        #[test]
        fn no_step_overtakes_another(resume: bool, all in proptest::collection::vec(heard(), 0..120)) {
            let steps = three();
            let refs: Vec<&Step> = steps.iter().collect();
            let mut conduct = if resume {
                    Conduct::resume(refs, vec![Guard::WhatRan], Known::default())
                } else {
                    Conduct::begin(refs, vec![Guard::WhatRan])
                };
            let mut known = vec![StepState::Pending; steps.len()];
            let (mut stopping, mut asked) = (false, false);
            for heard in all {
                match conduct.next() {
                    Do::Call(nth) => {
                        prop_assert!(!stopping, "a step is called while it is taken back");
                        prop_assert!(asked, "it is called without a question");
                        prop_assert!(known[nth] != StepState::Executing, "it is called while it runs");
                        prop_assert!(known.iter().take(nth).all(|it| *it == StepState::Executed), "{nth}: {known:?}");
                        prop_assert!(known[nth] != StepState::Executed && known[nth] != StepState::Undone);
                    }
                    Do::Withdraw => stopping = true,
                    Do::Undo(nth) | Do::Inverse { step: nth, .. } => {
                        stopping = true;
                        prop_assert!(!known.contains(&StepState::Executing), "{nth} is taken back while one runs");
                    }
                    Do::Propose
                    | Do::Ask
                    | Do::Wait
                    | Do::Check { .. }
                    | Do::Pause(_)
                    | Do::Ready(_)
                    | Do::Note(_)
                    | Do::End(_) => {}
                }
                let before = conduct.clone();
                if let (Heard::Stands(_, states), Do::Propose | Do::Ask | Do::Wait) = (&heard, conduct.next()) {
                    asked = true;
                    known.clone_from(states);
                    known.resize(steps.len(), StepState::Pending);
                }
                conduct.heard(heard);
                asked = asked && (matches!(before.next(), Do::Ask) || before.next() == conduct.next());
            }
        }
    }
}

mod once;
