//! What an agent is told: plain sentences it can act on, so that it waits instead of hunting for another road.

use model::{Change, Denial, Fault, Hold, RuleRef, Verdict, sanitize};

/// For a held change.
pub(crate) fn held(change: &Change) -> String {
    let Verdict::Hold(hold) = &change.verdict else {
        return format!(
            "Countersign holds this as {}: its approvals no longer suffice. Run the same command again once approved.",
            change.id
        );
    };
    format!(
        "Countersign holds this as {id}. {what} It needs: {needs}. {why}{instead} Nothing was done. Wait for it, do not look \
         for another way: that would be held too. Run the same command again once it is approved; to wait: countersign \
         wait {id}",
        id = change.id,
        what = summary(change),
        needs = hold.requirement,
        why = because(&hold.rules),
        instead = instead(hold),
    )
}

pub(crate) fn denied(verdict: &Verdict, what: &str) -> String {
    match verdict {
        Verdict::Deny(Denial { fault: Some(it), .. }) => fault(it),
        Verdict::Deny(denial) => {
            let nearest: Vec<&str> = denial.alternatives.iter().map(|it| it.0.as_str()).collect();
            let nearest =
                if nearest.is_empty() { String::new() } else { format!(" Instead: {}", nearest.join(" ")) };
            format!("Countersign denies this. {what} {}Nothing was done.{nearest}", because(&denial.rules))
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

fn summary(change: &Change) -> String {
    let all: Vec<&str> = change.steps.iter().map(|step| step.action.summary.as_str()).take(5).collect();
    let more = change.steps.len().saturating_sub(all.len());
    let more = if more > 0 { format!(" And {more} more actions.") } else { String::new() };
    format!("{} Environment: {}.{more}", sanitize(&all.join(" "), 1500), change.environment)
}

fn because(rules: &[RuleRef]) -> String {
    let all: Vec<String> = rules
        .iter()
        .take(3)
        .map(|rule| format!("{} ({}, {}:{})", sanitize(&rule.reason, 300), rule.id, rule.file, rule.line))
        .collect();
    if all.is_empty() { String::new() } else { format!("Why: {}. ", all.join("; ").trim_end_matches('.')) }
}

fn instead(hold: &Hold) -> String {
    hold.alternatives
        .first()
        .map_or_else(String::new, |it| format!("Allowed without anyone: {} ", sanitize(&it.0, 300)))
}
