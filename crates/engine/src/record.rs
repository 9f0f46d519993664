//! What the ledger is told about a change: one function per kind of event that several places record.

use model::{Change, ChangeId, EntryKind, Verdict};

use crate::{
    admit::{By, Purpose, Undoing},
    counters::Behind,
    decide::Drawn,
};

/// An entry about a change, with its whole chain.
pub(crate) fn about(drawn: &mut Drawn, kind: EntryKind, change: &Change) -> model::Entry {
    let mut entry = drawn.entry(kind);
    entry.actors = model::Actors {
        agent: Some(change.chain.agent.clone()),
        operator: Some(change.chain.operator.clone()),
        session: Some(change.session),
        person: None,
    };
    entry.change = Some(change.id);
    entry.change_digest = Some(change.digest);
    entry.bundle = Some(change.bundle);
    entry
}

/// `alarm` tells that the passkey of whoever signs may exist twice; `doing` is what it was used for.
pub(crate) fn cloned(mut alarm: model::Entry, behind: Behind, doing: &str) -> model::Entry {
    let Behind { last, now } = behind;
    let said = format!(
        "a passkey may exist twice: {doing}, its counter came as {now} when it had been at {last} already"
    );
    alarm.detail.insert("alarm".to_owned(), said);
    alarm
}

pub(crate) fn held_entry(drawn: &mut Drawn, change: &Change) -> model::Entry {
    let mut entry = about(drawn, EntryKind::ChangeHeld, change);
    entry.detail.extend(verdict_detail(&change.verdict));
    entry.detail.insert("summary".to_owned(), summary_of(change));
    for step in change.steps.iter().filter_map(|step| step.observation.as_ref()).take(1) {
        entry.detail.insert("observed".to_owned(), step.fingerprint.to_string());
    }
    entry
}

/// That another action stands in it now; all are listed, so that everybody can follow the digest.
pub(crate) fn joined_entry(drawn: &mut Drawn, change: &Change) -> model::Entry {
    let mut entry = held_entry(drawn, change);
    entry.kind = EntryKind::ChangeJoined;
    let last = change.steps.last();
    list_actions(&mut entry, change);
    let summary = model::sanitize(last.map_or("", |step| step.action.summary.as_str()), 4000);
    entry.detail.insert("summary".to_owned(), summary);
    match last.and_then(|step| step.observation.as_ref()) {
        Some(seen) => entry.detail.insert("observed".to_owned(), seen.fingerprint.to_string()),
        None => entry.detail.remove("observed"),
    };
    entry
}

/// All of them, in their order: what the change's digest is of.
pub(crate) fn list_actions(entry: &mut model::Entry, change: &Change) {
    let actions: Vec<String> = change.steps.iter().map(|step| step.digest.to_string()).collect();
    entry.detail.insert("actions".to_owned(), actions.join(" "));
}

pub(crate) fn denied_entry(drawn: &mut Drawn, change: &Change) -> model::Entry {
    let mut entry = about(drawn, EntryKind::ActionDenied, change);
    entry.detail.extend(verdict_detail(&change.verdict));
    entry.detail.insert("summary".to_owned(), summary_of(change));
    entry
}

/// An undo is asked for by a person, who need not be the operator under whose chain it runs, or by the agent itself.
pub(crate) fn asked_by(entry: &mut model::Entry, purpose: &Purpose) {
    if let Purpose::Undo(Undoing { of, by, .. }) = purpose {
        entry.detail.insert("undoes".to_owned(), of.to_string());
        let (key, who) = match by {
            By::Person(person) => ("asked_by", person.to_string()),
            By::Agent(agent) => ("asked_by_agent", agent.to_string()),
        };
        entry.detail.insert(key.to_owned(), who);
    }
}

fn summary_of(change: &Change) -> String {
    let all: Vec<&str> = change.steps.iter().map(|step| step.action.summary.as_str()).take(20).collect();
    model::sanitize(&all.join(" "), 4000)
}

/// That it was judged again, and what it needs since.
pub(crate) fn judged_entry(drawn: &mut Drawn, change: &Change, why: &str) -> model::Entry {
    let mut entry = held_entry(drawn, change);
    entry.kind = EntryKind::ChangeJudged;
    entry.detail.insert("why".to_owned(), why.to_owned());
    entry
}

/// Why a permit is one: the verdict, the rules that asked for something, and the grants without which nothing passes.
pub(crate) fn why_permitted(
    verdict: &Verdict,
    grants: &[&str],
    glass: Option<ChangeId>,
) -> Vec<(String, String)> {
    let why = match verdict {
        Verdict::Allow if glass.is_some() => {
            "the grants or the broken glass let it through, and no rule that it leaves asks for anything more"
        }
        Verdict::Allow => "the grants let it through, and no rule asks for anything more",
        Verdict::Hold(_) => model::Entry::EVERY_SIGNATURE,
        // Nothing is let through that is denied; one that was is convicted by this.
        Verdict::Deny(_) => "",
    };
    let mut detail = verdict_detail(verdict);
    if !matches!(verdict, Verdict::Hold(_)) {
        detail.push(("people".to_owned(), "0".to_owned()));
    }
    detail.push(("why".to_owned(), why.to_owned()));
    detail.push(("grants".to_owned(), grants.join(", ")));
    detail.extend(glass.map(|change| ("glass".to_owned(), change.to_string())));
    detail
}

pub(crate) fn verdict_detail(verdict: &Verdict) -> Vec<(String, String)> {
    let rules: Vec<String> = verdict
        .rules()
        .iter()
        .take(20)
        .map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line))
        .collect();
    let mut detail =
        vec![("verdict".to_owned(), verdict.name().to_owned()), ("rules".to_owned(), rules.join(", "))];
    match verdict {
        Verdict::Allow => {}
        Verdict::Hold(hold) => {
            detail.push(("requirement".to_owned(), hold.requirement.to_string()));
            detail.push(("people".to_owned(), hold.requirement.people.to_string()));
        }
        Verdict::Deny(denial) => {
            if let Some(fault) = &denial.fault {
                detail.push(("fault".to_owned(), format!("{} {fault}", fault.code())));
            }
        }
    }
    detail
}
