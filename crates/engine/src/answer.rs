//! What an agent is told: plain sentences it can act on, so that it waits instead of hunting for another road. Each says
//! the one thing to do next, and is short enough for a client's error message.

use model::{Change, ChangeId, Denial, Erased, Fault, Hold, RuleRef, Session, StepState, Verdict, sanitize};

/// For a held change.
pub(crate) fn held(change: &Change, nth: usize) -> String {
    let Verdict::Hold(hold) = &change.verdict else {
        return format!(
            "Countersign holds this as {}: its approvals no longer suffice. Run the same command again once approved.",
            change.id
        );
    };
    format!(
        "Countersign holds this as {id}. {what} It needs: {needs}{how}. {why}{instead} Nothing was done. Wait for it, do not look \
         for another way: that would be held too. Run the same command again once it is approved; to wait: countersign \
         wait {id}",
        id = change.id,
        what = summary(change, nth),
        needs = hold.requirement,
        how = own_machine(hold, change.id),
        why = because(&hold.rules),
        instead = instead(hold),
    )
}

/// By which command somebody signs what their own machine shows, where that is asked for.
fn own_machine(hold: &Hold, id: ChangeId) -> String {
    match hold.requirement.rendered {
        0 => String::new(),
        _ => format!(" (countersign change approve {id})"),
    }
}

pub(crate) fn denied(verdict: &Verdict, what: &str) -> String {
    match verdict {
        Verdict::Deny(Denial { fault: Some(it), .. }) => fault(it),
        Verdict::Deny(denial) => {
            let nearest: Vec<&str> =
                denial.alternatives.iter().map(|it| it.0.trim_end_matches(['.', ' '])).collect();
            let nearest = if nearest.is_empty() {
                String::new()
            } else {
                format!(" Instead: {}.", sanitize(&nearest.join("; or: "), 400))
            };
            format!(
                "Countersign denies this. {what} {why}Nothing was done.{nearest}",
                what = sanitize(what, MAX_SUMMARY),
                why = because(&denial.rules),
            )
        }
        Verdict::Allow | Verdict::Hold(_) => "Countersign denies this. Nothing was done.".to_owned(),
    }
}

pub(crate) fn fault(fault: &Fault) -> String {
    format!(
        "Countersign denies this, because it cannot judge it ({code}): {fault}. Nothing was done. {next} (countersign \
         explain {code})",
        code = fault.code(),
        next = next(fault),
    )
}

/// The one thing to do about it.
const fn next(fault: &Fault) -> &'static str {
    match fault {
        Fault::NoPolicy(_) | Fault::NoLedger(_) | Fault::NoClock(_) | Fault::Storage(_) => {
            "Tell your operator, and ask again later: no other request would pass either."
        }
        Fault::Evaluation(_) => "Tell your operator: a rule of the bundle is broken.",
        Fault::UnknownOperation(_) => {
            "Use an operation that is known, or ask your operator to adopt an override for this one."
        }
        Fault::Undecodable(_) => "Send it as the AWS SDKs and the AWS CLI do.",
        Fault::Oversized(_) => "Ask for less at once.",
        Fault::Upstream(_) => "Look at the target before asking again.",
        Fault::NotWitnessed(_) => "Ask again once enough witnesses answer.",
    }
}

pub(crate) fn vetoed(change: &Change) -> String {
    let (who, why) = change.rejection.as_ref().map_or_else(
        || ("an approver".to_owned(), String::new()),
        |it| (it.approval.person.to_string(), sanitize(&it.reason, 400)),
    );
    format!(
        "Countersign denies this: {who} rejected {id}: “{why}”. It comes back only when {operator} signs a new intent: \
         countersign change reopen {id}. Nothing was done.",
        id = change.id,
        operator = change.chain.operator,
    )
}

pub(crate) fn read_back(change: &Change) -> String {
    format!(
        "Countersign did not see the outcome of {}; the target was read back and the change is now {}. It was not sent \
         again. Look at the target before asking anew.",
        change.id, change.state
    )
}

pub(crate) fn erased(id: ChangeId, erased: &Erased) -> String {
    format!(
        "Countersign: this ran as {id}, and its outcome is no longer kept: it was erased on {at} by {by}. It was not sent \
         again. Look at the target before asking anew.",
        at = erased.at,
        by = erased.by,
    )
}

pub(crate) fn unsettled(change: &Change, nth: usize) -> String {
    format!(
        "Countersign denies this for now: of {id} the outcome of another action is not known: {what} Nothing was done. \
         Run that one again first, it is read back and not sent twice.",
        id = change.id,
        what = sanitize(change.steps.get(nth).map_or("", |step| step.action.summary.as_str()), MAX_SUMMARY),
    )
}

pub(crate) fn content_needed() -> String {
    "Countersign would hold this, and people sign for its content too. Nothing was done. Send it again whole, with the \
     content's digest signed."
        .to_owned()
}

pub(crate) fn in_flight(id: ChangeId) -> String {
    format!(
        "Countersign is carrying this out as {id}. Run the same command again in a moment for its outcome."
    )
}

pub(crate) fn replayed(id: ChangeId) -> String {
    format!(
        "Countersign denies this: a request with this very signature was carried out as {id}. Nothing was done. Sign a \
         new one."
    )
}

pub(crate) fn too_many_holds(limit: u32) -> String {
    format!(
        "Countersign denies this: {limit} changes of this session are already waiting for people. Nothing was done. Wait \
         for one (countersign wait), withdraw one, or ask for many at once (countersign propose)."
    )
}

pub(crate) fn open_as_ones_own(change: &Change) -> String {
    format!(
        "Countersign denies this: the same actions wait in {} already, without the mark that only a language model vouches for one of \
         them. Nothing was done. Withdraw that one first, or wait for it.",
        change.id
    )
}

/// `first`: whose turn it is, or would be.
pub(crate) fn not_yet(change: &Change, first: usize) -> String {
    let (step, id) = (change.steps.get(first), change.id);
    let what = sanitize(step.map_or("", |step| step.action.summary.as_str()), MAX_SUMMARY);
    let nth = first.saturating_add(1);
    match step.map(|step| step.state) {
        Some(StepState::Undone | StepState::Failed) => format!(
            "Countersign denies this: in {id} it comes after action {nth}, which did not succeed or was undone: {what} Nothing \
             was done. No action after it runs any more: withdraw {id}, and propose what is still wanted."
        ),
        Some(StepState::Pending | StepState::Executing | StepState::Executed | StepState::Unknown) | None => {
            format!(
                "Countersign denies this for now: in {id} it is the turn of action {nth}: {what} Each runs once all before it \
             have succeeded. Nothing was done. Run that one first."
            )
        }
    }
}

pub(crate) fn not_undoable(of: ChangeId, state: StepState) -> String {
    if state == StepState::Unknown {
        return format!(
            "Whether {of} happened is not known, and its target could not be read back by its inverse. The agent's \
             running the same command again reads it back. Nothing was done."
        );
    }
    format!("{of} is {}: there is nothing to undo. Nothing was done.", state.name())
}

pub(crate) fn session_closed(session: &Session, why: &str) -> String {
    format!(
        "Countersign: session {} is {why}. Nothing was done. Ask {} for a new one (countersign session new).",
        session.id, session.chain.operator
    )
}

/// Of what the request says about itself, which may be long.
const MAX_SUMMARY: usize = 800;

/// Of the action asked for now, and what it stands together with.
fn summary(change: &Change, nth: usize) -> String {
    let own = change.steps.get(nth).map_or("", |step| step.action.summary.as_str());
    let beside = match (change.steps.len(), &change.joint) {
        (0 | 1, _) => String::new(),
        (all, Some(_)) => {
            format!(" It is one of {all} like it that wait together: one decision is for all of them.")
        }
        (all, None) => format!(" It is action {} of {all} of a plan.", nth.saturating_add(1)),
    };
    format!("{} Environment: {}.{beside}", sanitize(own, MAX_SUMMARY), change.environment)
}

fn because(rules: &[RuleRef]) -> String {
    let all: Vec<String> = rules
        .iter()
        .take(3)
        .map(|rule| format!("{} ({}, {}:{})", sanitize(&rule.reason, 200), rule.id, rule.file, rule.line))
        .collect();
    if all.is_empty() { String::new() } else { format!("Why: {}. ", all.join("; ").trim_end_matches('.')) }
}

fn instead(hold: &Hold) -> String {
    let first = hold.alternatives.first().map(|it| it.0.trim_end_matches(['.', ' ']));
    first.map_or_else(String::new, |it| format!("Allowed without anyone: {}.", sanitize(it, 300)))
}

#[cfg(test)]
mod tests {
    use model::{Alternative, Hold, Requirement, RuleId};

    use super::*;

    /// In characters: AWS's clients print an error on one line of a terminal's screen.
    const MAX: usize = 2600;

    fn rules() -> Vec<RuleRef> {
        let id: RuleId = "two-people".parse().unwrap();
        let rule =
            RuleRef { id, reason: "reason ".repeat(500), file: "constitution.cedar".to_owned(), line: 7 };
        vec![rule; 9]
    }

    #[track_caller]
    fn check(answer: &str, says: &[&str]) {
        assert!(answer.chars().count() <= MAX, "{} characters: {answer}", answer.chars().count());
        assert!(!answer.contains(['\n', '\u{1b}']), "{answer:?}");
        for part in says {
            assert!(answer.contains(part), "`{part}` is not in: {answer}");
        }
    }

    #[test]
    fn every_answer_is_short_and_says_what_to_do_next() {
        let id = ChangeId::new(1, [0; 10]);
        check(&content_needed(), &["Nothing was done", "Send it again whole"]);
        check(&in_flight(id), &[&id.to_string(), "Run the same command again"]);
        check(&replayed(id), &[&id.to_string(), "Nothing was done", "Sign a new one"]);
        check(&too_many_holds(10), &["10 changes", "countersign wait", "withdraw", "countersign propose"]);
        for state in [StepState::Pending, StepState::Failed, StepState::Unknown, StepState::Undone] {
            check(&not_undoable(id, state), &[&id.to_string(), "Nothing was done"]);
        }
        let text = || "x".repeat(10_000);
        for (fault, then) in [
            (Fault::NoPolicy(text()), "Tell your operator"),
            (Fault::NoLedger(text()), "Tell your operator"),
            (Fault::NoClock(text()), "Tell your operator"),
            (Fault::Storage(text()), "Tell your operator"),
            (Fault::Evaluation(text()), "Tell your operator"),
            (Fault::UnknownOperation(text()), "adopt an override"),
            (Fault::Undecodable(text()), "as the AWS SDKs"),
            (Fault::Oversized(text()), "Ask for less"),
            (Fault::Upstream(text()), "Look at the target"),
            (Fault::NotWitnessed(text()), "enough witnesses"),
        ] {
            let code = fault.code();
            check(&super::fault(&fault), &[code, then, "Nothing was done", "countersign explain"]);
        }
    }

    #[test]
    fn a_denial_keeps_rule_and_way_out_however_long_the_request_and_its_rules_are() {
        let alternatives = vec![Alternative("Take a snapshot first. ".repeat(200)); 9];
        let denial = Verdict::Deny(Denial { fault: None, rules: rules(), alternatives });
        let what = "Delete\u{1b}[2J\nbucket ".repeat(900);
        check(&denied(&denial, &what), &["two-people", "Nothing was done", "Instead: Take a snapshot first"]);
    }

    #[test]
    fn what_a_hold_says_of_rules_and_alternatives_is_bounded() {
        let hold = Hold {
            requirement: Requirement::default(),
            rules: rules(),
            alternatives: vec![Alternative("y".repeat(9000)); 9],
        };
        check(&because(&hold.rules), &["Why: reason", "two-people"]);
        check(&instead(&hold), &["Allowed without anyone"]);
    }
}
