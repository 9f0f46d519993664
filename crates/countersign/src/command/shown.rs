//! What `change show` says of a change. What a signature would be about is read here from the change's statement, whose words are
//! computed here, too; and it is held against what the server says of the change otherwise, so that nobody who shows one thing has
//! another signed. Beside the statement stands, marked as such, what is the server's word alone.

use std::collections::BTreeSet;

use api::types::{ActionView, ChangeView, ErasedView};
use approval::{Observed, Parameter, Statement};
use model::{Account, ChangeState, Region, Requirement};

use super::change::state;
use crate::output::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// In which fields the server's own account of a change is not what its statement says: none, where it is honest and both are of
/// one moment. What a view has none of (the rights, the scope, the bundle) is not compared.
pub(super) fn differences(view: &ChangeView, statement: &Statement) -> Vec<&'static str> {
    let told = Statement {
        change: view.id,
        digest: view.digest,
        agent: view.agent.parse().unwrap_or_else(|_| statement.agent.clone()),
        operator: view.operator.clone(),
        environment: environment(view, statement),
        account: joined(view, |action| Account(action.account.clone()).to_string()),
        region: joined(view, |action| Region(action.region.clone()).to_string()),
        intent: model::sanitize(&view.intent, 1000),
        actions: view.actions.iter().map(sentence).collect(),
        parameters: view.actions.iter().map(parameters).collect(),
        observed: view.actions.iter().zip(1..).filter_map(observed).collect(),
        undo: undo(view, statement),
        unknowns: unknowns(view),
        requirement: requirement(view),
        evidence: view.evidence.iter().map(|it| (it.kind, it.digest)).collect(),
        expires_at: view.expires_at,
        ..statement.clone()
    };
    let mut differ = statement.differences(&told.cleaned());
    if view.agent != statement.agent.as_str() && !differ.contains(&"agent") {
        differ.push("agent");
    }
    differ
}

/// Of each, once, in order.
fn joined(view: &ChangeView, of: impl Fn(&ActionView) -> String) -> String {
    let all: BTreeSet<String> = view.actions.iter().map(of).collect();
    all.into_iter().collect::<Vec<_>>().join(", ")
}

/// A statement says of an environment of another name that it is production, too; a view has names alone.
fn environment(view: &ChangeView, statement: &Statement) -> String {
    let told = joined(view, |action| action.environment.clone());
    let names = statement.environment.split(", ").map(|it| it.strip_suffix(" (production)").unwrap_or(it));
    let names: BTreeSet<&str> = names.collect();
    if names.into_iter().collect::<Vec<_>>().join(", ") == told {
        statement.environment.clone()
    } else {
        told
    }
}

fn sentence(action: &ActionView) -> String {
    let mut text = format!("{} [{}; {}]", action.summary, action.operation, action.effects.join(", "));
    if !action.inner.is_empty() {
        let listed: Vec<&str> = action.inner.iter().map(String::as_str).take(MOST_INNER).collect();
        let more = action.inner.len().saturating_sub(listed.len());
        text.push_str(" It would: ");
        text.push_str(&listed.join("; "));
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        text.push('.');
    }
    model::sanitize(&text, 3000)
}

/// So many of what an action would carry out stand in a statement; the rest are counted.
const MOST_INNER: usize = 20;

fn parameters(action: &ActionView) -> Vec<Parameter> {
    let parameter = |(name, value): &(String, String)| Parameter { name: name.clone(), value: value.clone() };
    action.parameters.iter().map(parameter).collect()
}

fn observed((action, step): (&ActionView, u32)) -> Option<Observed> {
    action.observed.as_ref().map(|it| Observed { step, fingerprint: it.fingerprint, at: it.at })
}

/// A statement gives the ground that a view leaves out.
fn undo(view: &ChangeView, statement: &Statement) -> Vec<String> {
    let mut said = statement.undo.iter();
    let told =
        view.actions.iter().map(|action| match (action.undo.strip_prefix("captured: "), said.next()) {
            (Some(inverse), _) => format!("captured: {}", model::sanitize(inverse, 300)),
            (None, Some(said)) if said.starts_with(&format!("{}:", action.undo)) => said.clone(),
            (None, _) => action.undo.clone(),
        });
    told.collect()
}

fn unknowns(view: &ChangeView) -> Vec<String> {
    let several = view.actions.len() > 1;
    let mut all: Vec<String> = Vec::new();
    for (action, nth) in view.actions.iter().zip(1..) {
        let unseen = action.observed.is_none().then_some("state not observed");
        for unknown in action.unknowns.iter().map(String::as_str).chain(unseen) {
            let unknown = model::sanitize(unknown, 300);
            all.push(if several { format!("step {nth}: {unknown}") } else { unknown });
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|it| seen.insert(it.clone()));
    let more = all.len().saturating_sub(MOST_UNKNOWNS);
    if more > 0 {
        all.truncate(MOST_UNKNOWNS);
        all.push(format!("and {more} more that are not listed here"));
    }
    all
}

const MOST_UNKNOWNS: usize = 50;

fn requirement(view: &ChangeView) -> String {
    let Some(asked) = &view.verdict.requirement else { return "nothing more".to_owned() };
    let requirement = Requirement {
        people: asked.people,
        touched: asked.touched,
        rendered: asked.rendered,
        roles: asked.roles.keys().cloned().collect(),
        evidence: asked.evidence.iter().copied().collect(),
        window: asked.window.clone(),
    };
    requirement.to_string()
}

/// What is signed. Every text of a statement that could be read is one that may be shown.
pub(super) fn statement(it: &Statement) {
    output::line(format!(
        "\n{}",
        styled(BOLD, "what a signature is about: read from the statement, on this machine")
    ));
    let (mut parameters, mut undo, mut locks) = (it.parameters.iter(), it.undo.iter(), it.second_lock.iter());
    for (action, nth) in it.actions.iter().zip(1u32..) {
        output::line(format!("  {nth}. {}", styled(BOLD, action)));
        parameters.next().into_iter().flatten().for_each(parameter);
        line("undo", undo.next().map_or("", String::as_str));
        line("second lock", locks.next().map_or("", String::as_str));
        match it.observed.iter().find(|seen| seen.step == nth) {
            Some(seen) => line("state", &format!("{} at {}", seen.fingerprint.short(), seen.at)),
            None => line("state", "not observed"),
        }
    }
    let (account, region) = (&it.account, &it.region);
    line("environment", &format!("{} (account {account}, region {region})", it.environment));
    line("asked by", &format!("{} for {}, within {}", it.agent, it.operator, it.scope));
    line("it says", &format!("“{}”", it.intent));
    for unknown in &it.unknowns {
        output::line(format!("  {} {unknown}", styled(WARN, "not known:")));
    }
    line("needs", &it.requirement);
    for (kind, digest) in &it.evidence {
        let digest = digest.map_or_else(|| "missing".to_owned(), |digest| digest.short());
        line("evidence", &format!("{kind}: {digest}"));
    }
    line("signatures", &it.presence_rule);
    line("until", &it.expires_at.to_string());
    line("judged by", &format!("the bundle {}", it.bundle.short()));
}

fn line(label: &str, value: &str) {
    output::line(format!("  {label:<12} {value}"));
}

/// Whole: a value's further lines stand behind a bar, where nothing of ours stands.
fn parameter(Parameter { name, value }: &Parameter) {
    let mut lines = value.split('\n');
    line("with", &format!("{name} = {}", lines.next().unwrap_or_default()));
    for further in lines {
        output::line(format!("               | {further}"));
    }
}

/// Under which id and in which state the server has it.
pub(super) fn head(change: &ChangeView) {
    output::line(format!("{}  {}", styled(BOLD, change.id), state(change.state)));
}

/// What no statement says: why it is held, how it stands, what was seen of its targets, who has signed.
pub(super) fn beside(change: &ChangeView) {
    let text = |text: &str| model::sanitize(text, 600);
    output::line(format!("\n{}", styled(BOLD, "what the server says beside it: nobody signs this")));
    if let Some(gone) = &change.gone {
        line("withdrawn", &format!("{}, found at {}", text(&gone.why), gone.at));
    }
    if change.state == ChangeState::Executed || change.actions.len() > 1 {
        for (action, nth) in change.actions.iter().zip(1..) {
            line(&format!("action {nth}"), &text(&action.state));
        }
    }
    change.actions.iter().for_each(seen);
    if !change.verdict.rules.is_empty() {
        output::line(format!("  why {}", text(&change.verdict.kind)));
        for rule in &change.verdict.rules {
            output::line(format!(
                "    {} ({}:{}): {}",
                rule.id,
                text(&rule.file),
                rule.line,
                text(&rule.reason)
            ));
        }
    }
    for alternative in &change.verdict.alternatives {
        line("instead", &text(alternative));
    }
    for approval in &change.approvals {
        let approved = styled(GOOD, "approved");
        output::line(format!("  {approved} {} ({}) at {}", approval.person, approval.how(), approval.at));
    }
    if let Some(veto) = &change.rejection {
        let rejected = styled(BAD, "rejected");
        output::line(format!("  {rejected} {} at {}: “{}”", veto.person, veto.at, text(&veto.reason)));
    }
}

fn seen(action: &ActionView) {
    let text = |text: &str| model::sanitize(text, 600);
    line("on", &text(&action.resources.join(", ")));
    for inner in action.inner.iter().skip(MOST_INNER) {
        line("would", &text(inner));
    }
    if let Some(ErasedView { at, by, asked_by, ground }) = &action.erased {
        let ground = ground.as_deref().map(text).unwrap_or_default();
        output::line(format!(
            "  {} what was kept of it, on {at} by {by}, asked for by {asked_by}: “{ground}”",
            styled(WARN, "erased")
        ));
    }
    for (name, value) in action.observed.iter().flat_map(|it| &it.facts).take(20) {
        output::line(styled(DIM, format!("    seen: {} = {}", text(name), text(value))));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn digest(of: &str) -> model::Digest {
        model::Digest::of(of.as_bytes())
    }

    fn view() -> Value {
        json!({
            "schema": "countersign.change/v1", "id": ID, "digest": digest("change"), "state": "held", "agent": "fixer",
            "operator": "olga", "session": "ses-00000000000000000000000000", "intent": "tidy\u{202e} up", "summary": "Deletes it.",
            "environment": "staging",
            "actions": [{
                "operation": "cloudformation:DeleteStack", "effects": ["destroy"], "resources": ["x"], "environment": "staging",
                "account": "123456789012", "region": "eu-central-1", "state": "held", "summary": "Deletes it.",
                "undo": "not captured", "parameters": [["StackName", "one\ntwo"]], "inner": ["Deletes a queue", "Deletes a table"],
                "observed": { "fingerprint": digest("state"), "at": "2026-01-02T03:04:05.006Z", "facts": [["a", "b"]] },
                "unknowns": ["how many use it", "how many use it"]
            }],
            "verdict": {
                "kind": "hold", "rules": [], "alternatives": [],
                "requirement": { "people": 2, "touched": 1, "rendered": 0, "roles": {}, "evidence": [], "window": null }
            },
            "approvals": [], "links": [],
            "evidence": [{ "kind": "state_observed", "status": "gathered", "digest": digest("state"), "note": "" }],
            "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-03T03:04:05Z"
        })
    }

    const ID: &str = "chg-00000000000000000000000000";

    /// As the engine writes it of the same change.
    fn written() -> Statement {
        let it = Statement {
            act: approval::Act::Approve,
            installation: digest("installation"),
            change: ID.parse().unwrap(),
            digest: digest("change"),
            agent: "fixer".parse().unwrap(),
            operator: "olga".parse().unwrap(),
            person: "anybody".parse().unwrap(),
            scope: "the whole grant".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            environment: "staging (production)".to_owned(),
            intent: "tidy\u{202e} up".to_owned(),
            actions: vec![
                "Deletes it. [cloudformation:DeleteStack; destroy] It would: Deletes a queue; Deletes a table.".to_owned(),
            ],
            parameters: vec![vec![Parameter { name: "StackName".to_owned(), value: "one\ntwo".to_owned() }]],
            observed: vec![Observed { step: 1, fingerprint: digest("state"), at: "2026-01-02T03:04:05.006Z".parse().unwrap() }],
            undo: vec!["not captured: this cannot be undone".to_owned()],
            second_lock: vec!["yes, to x".to_owned()],
            unknowns: vec!["how many use it".to_owned()],
            bundle: digest("bundle"),
            requirement: "2 other people, 1 of them by a touched security key or a passkey".to_owned(),
            evidence: vec![(model::EvidenceKind::StateObserved, Some(digest("state")))],
            presence: model::Presence::File,
            presence_rule: "signatures by key files count here (profile lab)".to_owned(),
            expires_at: "2026-01-03T03:04:05Z".parse().unwrap(),
            nonce: "n".to_owned(),
            checkpoint: "o 1 00".to_owned(),
            reason: None,
        };
        let asked: ChangeView = serde_json::from_value(view()).unwrap();
        // The words of a requirement are the model's; what is tried here is that they are compared.
        Statement { requirement: requirement(&asked), ..it }.cleaned()
    }

    /// In which fields a view with `value` at `place` is not what the statement says.
    fn check(place: &str, value: Value, expected: &[&str]) {
        let mut told = view();
        *told.pointer_mut(place).unwrap() = value;
        let told: ChangeView = serde_json::from_value(told).unwrap();
        assert_eq!(differences(&told, &written()), expected, "{place}");
    }

    #[test]
    fn a_view_of_the_same_change_says_the_same() {
        check("/summary", json!("Deletes it."), &[]);
        let text = written().to_text();
        assert_eq!(Statement::parse(&text).unwrap(), written());
    }

    #[test]
    fn a_view_of_another_change_is_told_from_it() {
        for (place, value, expected) in [
            ("/id", json!("chg-00000000000000000000000001"), "change"),
            ("/digest", json!(digest("other")), "digest"),
            ("/agent", json!("tidier"), "agent"),
            ("/agent", json!("no agent's name!"), "agent"),
            ("/operator", json!("ben"), "operator"),
            ("/intent", json!("something else"), "intent"),
            ("/expires_at", json!("2026-01-04T03:04:05Z"), "expires_at"),
            ("/actions/0/summary", json!("Reads it."), "actions"),
            ("/actions/0/operation", json!("cloudformation:DescribeStacks"), "actions"),
            ("/actions/0/effects", json!(["read"]), "actions"),
            ("/actions/0/inner", json!(["Deletes a queue"]), "actions"),
            ("/actions/0/parameters", json!([["StackName", "one"]]), "parameters"),
            ("/actions/0/environment", json!("sandbox"), "environment"),
            ("/actions/0/account", json!("210987654321"), "account"),
            ("/actions/0/region", json!("us-east-1"), "region"),
            ("/actions/0/undo", json!("captured: makes it again"), "undo"),
            ("/actions/0/unknowns", json!([]), "unknowns"),
            ("/actions/0/observed/fingerprint", json!(digest("other")), "observed"),
            ("/verdict/requirement/people", json!(1), "requirement"),
            ("/evidence/0/digest", json!(null), "evidence"),
        ] {
            check(place, value, &[expected]);
        }
        check("/actions/0/observed", json!(null), &["observed", "unknowns"]);
        check(
            "/actions",
            json!([]),
            &["account", "region", "environment", "actions", "parameters", "observed", "undo", "unknowns"],
        );
    }
}
