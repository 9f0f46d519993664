//! The queue: one row for each change that waits for people, the newest first.

use askama::Template;
use model::{
    Approval, Change, ChangeId, ChangeState, Effect, EffectSet, PersonId, Step, Timestamp, Undo, Verdict,
};

use super::Frame;
use crate::{
    text::Shown,
    when::{ago, left, over},
};

/// On one page: more than anybody reads. How many there are is said, and the rest is on pages behind.
pub(crate) const MOST: usize = 150;

#[derive(Debug, Template)]
#[template(path = "inbox.html")]
pub(crate) struct Inbox {
    pub(crate) frame: Frame,
    /// Rendered.
    pub(crate) rows: Vec<String>,
    /// How many there are, on all pages.
    pub(crate) all: u64,
    /// There are more than on this page.
    pub(crate) more: bool,
    /// The next page has those that come after this one.
    pub(crate) older: Option<ChangeId>,
    /// Of a further page: what it comes after. Only the first is live: what comes anew belongs there.
    pub(crate) before: Option<ChangeId>,
    /// What the page has seen, as its stream of events is to know it.
    pub(crate) seen: u64,
    pub(crate) most: usize,
    /// In milliseconds: the browser's clock may be another.
    pub(crate) now: i64,
}

/// One change in a queue.
#[derive(Debug, Template)]
#[template(path = "row.html")]
pub(crate) struct Row {
    id: String,
    state: &'static str,
    /// The same where nothing but time has gone on.
    stand: String,
    production: bool,
    environment: Shown,
    sentence: Shown,
    /// How bad it could be, each a style and words.
    risks: Vec<(&'static str, &'static str)>,
    agent: Shown,
    operator: PersonId,
    asked: Time,
    left: Time,
    need: Shown,
}

/// For people, and for the script that keeps it true (`assets/when.js`).
#[derive(Debug)]
struct Time {
    at: String,
    said: String,
}

impl Row {
    /// `could`: who could give what is wanted beside what was `signed`.
    pub(crate) fn of(change: &Change, signed: &[Approval], could: &[PersonId], now: Timestamp) -> Self {
        let time = |at: Timestamp, said: String| Time { at: at.to_string(), said };
        Self {
            id: change.id.to_string(),
            state: change.state.name(),
            stand: format!("{}.{}", change.version, signings(signed)),
            production: change.environment.production,
            environment: Shown::of(&change.environment.name),
            sentence: sentence(change),
            risks: risks(&change.steps),
            agent: Shown::of(&change.chain.agent),
            operator: change.chain.operator.clone(),
            asked: time(change.created_at, ago(change.created_at, now)),
            left: time(change.expires_at, left(change.expires_at, now).unwrap_or_else(over)),
            need: need(change, signed.len(), could),
        }
    }
}

/// Another number whenever somebody signs, or signs once more with another key.
pub(crate) fn signings(signed: &[Approval]) -> i64 {
    signed.iter().fold(0, |all, it| it.at.millis().wrapping_add(all))
}

/// As far as it is known from the record; the change's own page has what is known of each action.
fn risks(steps: &[Step]) -> Vec<(&'static str, &'static str)> {
    // What counts as destroying only for want of an undo does not say so: it says that there is none.
    let effects = steps.iter().map(Step::listed_effects).reduce(EffectSet::union);
    let undo = steps.iter().map(|step| match (&step.undo, step.action.undo) {
        (None, Undo::Capturable | Undo::Unlisted) => Back::Not,
        (None, Undo::NotNeeded | Undo::Additive) => Back::Adds,
        (Some(_), _) => Back::Captured,
    });
    let unknown = steps.iter().any(|step| step.unknowns().next().is_some());
    words(effects, undo.max(), unknown)
}

/// Whether it can be undone; the worst comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Back {
    Adds,
    Captured,
    Not,
}

fn words(effects: Option<EffectSet>, undo: Option<Back>, unknown: bool) -> Vec<(&'static str, &'static str)> {
    let effect = |effect: Effect| match effect {
        // What writes says no more than the sentence does.
        Effect::Read | Effect::Write => None,
        Effect::Emit => Some(("emit", "sends messages")),
        Effect::Spend => Some(("spend", "commits money")),
        Effect::Execute => Some(("execute", "runs code")),
        Effect::Privilege => Some(("privilege", "changes rights")),
        Effect::Destroy => Some(("destroy", "destroys or interrupts")),
    };
    let mut all: Vec<_> = effects.into_iter().flat_map(EffectSet::iter).filter_map(effect).collect();
    all.reverse();
    all.extend(undo.map(|undo| match undo {
        Back::Adds => ("undo", "only adds or reads"),
        Back::Captured => ("undo", "undo is ready"),
        Back::Not => ("no", "no undo"),
    }));
    all.extend(unknown.then_some(("no", "not all is known")));
    all
}

/// Why it waits no longer, where the state's name alone does not say so.
pub(crate) fn why_left(change: &Change) -> Option<Shown> {
    let gone = change.gone.as_ref().map(|gone| gone.why.as_str());
    let veto = change.rejection.as_ref().map(|veto| (&veto.approval.person, veto.reason.as_str()));
    because(change.state, gone, veto).map(Shown::of)
}

/// As much of a reason as a row has room for.
const REASON: usize = 160;

fn because(state: ChangeState, gone: Option<&str>, veto: Option<(&PersonId, &str)>) -> Option<String> {
    match state {
        ChangeState::Held | ChangeState::Approved | ChangeState::Executed | ChangeState::Undone => None,
        ChangeState::Executing => Some("its agent asked again, and it was let go".to_owned()),
        ChangeState::Rejected => {
            veto.map(|(person, reason)| format!("by {person}: {}", model::sanitize(reason, REASON)))
        }
        ChangeState::Expired => Some("nobody decided or used it in time, so nothing happens".to_owned()),
        ChangeState::Withdrawn => Some(gone.map_or_else(|| "by its agent".to_owned(), str::to_owned)),
        ChangeState::Denied => Some("it was judged again, and may not be done at all".to_owned()),
        ChangeState::Failed => Some("it was let go, and did not succeed".to_owned()),
        ChangeState::Unknown => Some("it was let go, and what came of it is not known".to_owned()),
    }
}

/// As every message has it.
pub(crate) fn sentence(change: &Change) -> Shown {
    Shown::of(notify::sentence(change))
}

fn need(change: &Change, signed: usize, could: &[PersonId]) -> Shown {
    if change.state == ChangeState::Approved {
        return Shown::of("waits for its agent");
    }
    let Verdict::Hold(hold) = &change.verdict else { return Shown::default() };
    let enough = usize::try_from(hold.requirement.people).is_ok_and(|people| signed >= people);
    let names = match could {
        // What else is wanted, evidence or an hour, its page says.
        [] if enough => "nobody could add to it".to_owned(),
        [] => "nobody is left who could".to_owned(),
        [one] => format!("{one} could"),
        [one, two] => format!("{one} or {two} could"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more could", rest.len()),
    };
    match hold.requirement.people {
        0 => Shown::of("waits for evidence or an hour"),
        people => Shown::of(format!("{signed} of {people} approved; {names}")),
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Account, ActionParts, Environment, Exposure, InnerAction, Observation, Operation, Partition,
        Quantity, Region, StepState, Value, Vouched,
    };

    use super::*;

    /// The update of a stack, of which so much is known.
    fn update(observation: Option<Observation>) -> Step {
        let effects = EffectSet::of(Effect::Write);
        Step {
            action: ActionParts {
                operation: Operation::new("cloudformation", "UpdateStack"),
                partition: Partition("aws".to_owned()),
                account: Account("111122223333".to_owned()),
                region: Region("eu-west-1".to_owned()),
                effects: effects.with(Effect::Destroy),
                exposure: Exposure::default(),
                resources: Vec::new(),
                undo: Undo::Capturable,
                quantity: Quantity::one(),
                summary: "Updates the stack shop.".to_owned(),
                shown: Vec::new(),
                unknowns: Vec::new(),
                acting_as: None,
                second_lock: None,
            },
            digest: Value::Null.digest("countersign/test"),
            environment: Environment::unknown(),
            state: StepState::Pending,
            // It counts as `destroy` only for want of an undo.
            listed: Some(effects),
            observation,
            sought: None,
            undo: None,
            execution: None,
            erased: None,
            vouched: Vouched::ByAgent,
        }
    }

    fn found(inner: &[Effect], unknowns: &[&str]) -> Option<Observation> {
        let inner = inner.iter().map(|effect| InnerAction {
            operation: Operation::new("rds", "DeleteDBInstance"),
            effects: EffectSet::of(*effect),
            resources: Vec::new(),
            summary: "Replaces the database orders.".to_owned(),
        });
        Some(Observation {
            at: Timestamp::from_seconds(0),
            facts: Vec::new(),
            fingerprint: Value::Null.digest("countersign/test"),
            inner: inner.collect(),
            inner_whole: true,
            unknowns: unknowns.iter().map(|it| (*it).to_owned()).collect(),
        })
    }

    #[test]
    fn a_row_says_all_that_is_known_of_its_steps() {
        for (steps, expected) in [
            (vec![update(found(&[], &[]))], "no undo"),
            (vec![update(found(&[Effect::Write, Effect::Destroy], &[]))], "destroys or interrupts, no undo"),
            (vec![update(found(&[], &["its tags could not be read"]))], "no undo, not all is known"),
            (vec![update(None)], "no undo, not all is known"),
            (
                vec![update(None), update(found(&[Effect::Privilege, Effect::Destroy], &[]))],
                "destroys or interrupts, changes rights, no undo, not all is known",
            ),
        ] {
            let said: Vec<&str> = risks(&steps).into_iter().map(|(_, word)| word).collect();
            assert_eq!(said.join(", "), expected);
        }
    }

    #[test]
    fn whatever_leaves_the_queue_says_why() {
        let carla: PersonId = "carla".parse().unwrap();
        let long = "no ".repeat(200);
        for (state, gone, veto, said) in [
            (ChangeState::Rejected, None, Some("not before the backup"), "by carla: not before the backup"),
            (ChangeState::Withdrawn, Some("its target is gone: orders"), None, "its target is gone: orders"),
            (ChangeState::Withdrawn, None, None, "by its agent"),
            (ChangeState::Expired, None, None, "nobody decided or used it in time, so nothing happens"),
            (ChangeState::Denied, None, None, "it was judged again, and may not be done at all"),
            (ChangeState::Executed, None, None, ""),
        ] {
            let found = because(state, gone, veto.map(|reason| (&carla, reason)));
            assert_eq!(found.as_deref().unwrap_or_default(), said, "{state}");
        }
        let cut = because(ChangeState::Rejected, None, Some((&carla, &long))).unwrap();
        assert!(cut.chars().count() < REASON + 20, "{cut}");
        // It names what no longer waits, and nothing of what does.
        for state in ChangeState::ALL.into_iter().filter(|state| state.is_open()) {
            assert_eq!(because(state, Some("gone"), Some((&carla, "no"))), None, "{state}");
        }
    }

    #[test]
    fn a_row_says_in_words_how_bad_it_could_be() {
        let said = |effects: &[Effect], undo, unknown| {
            let effects = effects.iter().map(|effect| EffectSet::of(*effect)).reduce(EffectSet::union);
            words(effects, undo, unknown).into_iter().map(|(_, word)| word).collect::<Vec<_>>().join(", ")
        };
        for (effects, undo, unknown, expected) in [
            (&[Effect::Destroy][..], Some(Back::Not), false, "destroys or interrupts, no undo"),
            (&[Effect::Write][..], Some(Back::Captured), false, "undo is ready"),
            (&[Effect::Write][..], Some(Back::Not), true, "no undo, not all is known"),
            (&[Effect::Read, Effect::Write][..], Some(Back::Adds), false, "only adds or reads"),
            (
                &[Effect::Spend, Effect::Execute, Effect::Privilege, Effect::Emit][..],
                Some(Back::Not),
                false,
                "changes rights, runs code, commits money, sends messages, no undo",
            ),
            (&[][..], None, false, ""),
        ] {
            assert_eq!(said(effects, undo, unknown), expected);
        }
    }
}
