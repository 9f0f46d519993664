//! One change: what it does, how bad it could be, what is known and what is not, first; the rest below. Once it is decided,
//! its record.

use api::types::{ActionView, ChangeView};
use approval::Statement;
use askama::Template;
use model::{Change, EvidenceStatus, LinkKind, PersonId, RuleRef, SessionId, Timestamp, Undo, Verdict};

use super::{Frame, inbox::sentence};
use crate::{
    around::{Around, Other, Picture},
    text::{Shown, all},
    timeline::Event,
    when::{ago, left},
};

#[derive(Debug, Template)]
#[template(path = "change.html")]
pub(crate) struct ChangePage {
    pub(crate) frame: Frame,
    pub(crate) sign: Option<Sign>,
    id: String,
    state: &'static str,
    version: u64,
    sentence: Shown,
    environment: Shown,
    production: bool,
    undoable: bool,
    undo: Shown,
    unknowns: Vec<Shown>,
    agent: Shown,
    /// Not of Countersign's own changes, which stand in none.
    session: Option<SessionId>,
    operator: PersonId,
    asked: String,
    left: Option<String>,
    /// Whose words `intent` are.
    claimant: Shown,
    intent: Shown,
    actions: Vec<Action>,
    verdict: Shown,
    rules: Vec<Rule>,
    needs: Option<String>,
    instead: Vec<Shown>,
    evidence: Vec<Shown>,
    approvals: Vec<Approval>,
    gone: Option<Shown>,
    rejection: Option<Veto>,
    could: Vec<PersonId>,
    links: Vec<(&'static str, String)>,
    happened: Vec<Happened>,
    digest: String,
}

/// What the viewer could sign.
#[derive(Debug)]
pub(crate) struct Sign {
    /// In whole: what is signed is what is shown.
    pub(crate) statement: String,
    pub(crate) words: String,
    pub(crate) seen: String,
    /// What the button says that it does.
    pub(crate) does: Shown,
    pub(crate) may_not: Option<Shown>,
    pub(crate) has_passkey: bool,
    /// A passkey alone will not do, whoever's.
    pub(crate) own_machine: bool,
}

impl Sign {
    pub(crate) fn of(
        statement: &Statement,
        change: &Change,
        may_not: Option<String>,
        has_passkey: bool,
    ) -> Self {
        let matter = statement.matter();
        let where_ = if change.environment.production { " in production" } else { "" };
        Self {
            statement: statement.to_text(),
            words: approval::words(&matter),
            seen: matter.short(),
            does: Shown::of(format!("it may run once{where_}")),
            may_not: may_not.map(Shown::of),
            has_passkey,
            own_machine: matches!(&change.verdict, Verdict::Hold(hold) if hold.requirement.rendered > 0),
        }
    }

    fn can_approve(&self) -> bool {
        self.has_passkey && self.may_not.is_none()
    }
}

#[derive(Debug)]
struct Action {
    operation: Shown,
    effects: Vec<String>,
    state: String,
    summary: Shown,
    resources: Vec<Shown>,
    place: Shown,
    undo: Shown,
    parameters: Vec<(Shown, Shown)>,
    inner: Vec<Shown>,
    facts: Vec<(Shown, Shown)>,
    seen: Option<String>,
    around: Option<Surroundings>,
}

/// What its own description names besides it.
#[derive(Debug)]
struct Surroundings {
    /// Rendered.
    picture: String,
    dependents: Vec<Other>,
    needed: Vec<Other>,
}

impl Surroundings {
    fn of(target: &str, facts: &[(String, String)]) -> Option<Self> {
        let around = Around::of(facts, target);
        if around.is_empty() {
            return None;
        }
        let picture = Picture::of(target, &around).render().ok()?;
        Some(Self { picture, dependents: around.dependents, needed: around.needed })
    }
}

#[derive(Debug)]
struct Happened {
    at: String,
    ago: String,
    said: Shown,
    index: Option<u64>,
}

#[derive(Debug)]
struct Rule {
    id: String,
    file: Shown,
    line: u32,
    reason: Shown,
}

#[derive(Debug)]
struct Approval {
    person: PersonId,
    how: String,
    at: String,
}

#[derive(Debug)]
struct Veto {
    person: PersonId,
    at: String,
    reason: Shown,
}

impl ChangePage {
    pub(crate) fn of(
        frame: Frame,
        change: &Change,
        view: &ChangeView,
        could: Vec<PersonId>,
        sign: Option<Sign>,
        happened: &[Event],
        now: Timestamp,
    ) -> Self {
        let pairs = |pairs: &[(String, String)]| -> Vec<(Shown, Shown)> {
            pairs.iter().map(|(name, value)| (Shown::of(name), Shown::of(value))).collect()
        };
        let action = |it: &ActionView| Action {
            operation: Shown::of(&it.operation),
            effects: it.effects.clone(),
            state: it.state.clone(),
            summary: Shown::of(&it.summary),
            resources: all(&it.resources),
            place: Shown::of(format!("{} ({}, {})", it.environment, it.account, it.region)),
            undo: Shown::of(&it.undo),
            parameters: pairs(&it.parameters),
            inner: all(&it.inner),
            facts: it.observed.as_ref().map(|seen| pairs(&seen.facts)).unwrap_or_default(),
            seen: it.observed.as_ref().map(|seen| ago(seen.at, now)),
            around: it.observed.as_ref().and_then(|seen| {
                Surroundings::of(it.resources.first().map(String::as_str).unwrap_or_default(), &seen.facts)
            }),
        };
        let own = change.erases.is_some() || change.adopts.is_some() || change.breaks.is_some();
        let claimant = if own { change.chain.operator.to_string() } else { change.chain.agent.to_string() };
        let (undoable, undo) = undo(change);
        let mut unknowns: Vec<&String> = view.actions.iter().flat_map(|it| &it.unknowns).collect();
        unknowns.dedup();
        Self {
            sign,
            id: change.id.to_string(),
            state: change.state.name(),
            version: change.version,
            sentence: sentence(change),
            environment: Shown::of(&view.environment),
            production: change.environment.production,
            undoable,
            undo,
            unknowns: all(unknowns),
            agent: Shown::of(&view.agent),
            session: (!own).then_some(view.session),
            operator: view.operator.clone(),
            asked: ago(change.created_at, now),
            left: if change.state.is_open() { left(change.expires_at, now) } else { None },
            claimant: Shown::of(claimant),
            intent: Shown::of(&view.intent),
            actions: view.actions.iter().map(action).collect(),
            verdict: Shown::of(said(&view.verdict.kind)),
            rules: view.verdict.rules.iter().map(Rule::of).collect(),
            needs: view.verdict.requirement.as_ref().map(needs),
            instead: all(&view.verdict.alternatives),
            evidence: view
                .evidence
                .iter()
                .map(|it| {
                    let missing = if it.status == EvidenceStatus::Missing { "missing" } else { "gathered" };
                    Shown::of(format!("{}: {missing}. {}", it.kind, it.note))
                })
                .collect(),
            approvals: view
                .approvals
                .iter()
                .map(|it| Approval { person: it.person.clone(), how: it.how(), at: ago(it.at, now) })
                .collect(),
            gone: view.gone.as_ref().map(|it| Shown::of(&it.why)),
            rejection: view.rejection.as_ref().map(|it| Veto {
                person: it.person.clone(),
                at: ago(it.at, now),
                reason: Shown::of(&it.reason),
            }),
            could,
            links: view.links.iter().map(|it| (related(it.kind), it.change.to_string())).collect(),
            happened: happened
                .iter()
                .map(|it| Happened {
                    at: it.at.to_string(),
                    ago: ago(it.at, now),
                    said: it.said.clone(),
                    index: it.index,
                })
                .collect(),
            digest: change.digest.to_string(),
            frame,
        }
    }
}

impl Rule {
    fn of(rule: &RuleRef) -> Self {
        Self {
            id: rule.id.to_string(),
            file: Shown::of(&rule.file),
            line: rule.line,
            reason: Shown::of(&rule.reason),
        }
    }
}

const fn related(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Recreates => "creates again what is deleted by",
        LinkKind::Undoes => "undoes",
        LinkKind::Reopens => "reopened from",
        LinkKind::AfterVeto => "the same was rejected before:",
    }
}

/// As people ask: why is it …
fn said(verdict: &str) -> &str {
    match verdict {
        "hold" => "held",
        "allow" => "allowed",
        "deny" => "denied",
        other => other,
    }
}

fn needs(it: &api::types::RequirementView) -> String {
    let mut parts = vec![match it.people {
        0 => "nobody's approval".to_owned(),
        1 => "1 other person".to_owned(),
        people => format!("{people} other people"),
    }];
    if it.touched > 0 {
        parts.push(format!("{} with a touched key", it.touched));
    }
    if it.rendered > 0 {
        parts.push(format!("{} by the command line, on a machine of their own", it.rendered));
    }
    parts.extend(it.roles.iter().map(|(role, count)| format!("{count} as {role}")));
    parts.extend(it.evidence.iter().map(|kind| format!("evidence: {kind}")));
    parts.extend(it.window.iter().map(|window| model::sanitize(window, 200)));
    parts.join(", ")
}

/// Whether all of it can be undone, and how.
fn undo(change: &Change) -> (bool, Shown) {
    let mut how = Vec::new();
    for step in &change.steps {
        match (&step.undo, step.action.undo) {
            (Some(undo), _) => how.push(undo.summary.clone()),
            (None, Undo::NotNeeded | Undo::Additive) => {}
            (None, Undo::Capturable | Undo::Unlisted) => {
                return (false, Shown::of("no: nothing that would put it back has been captured"));
            }
        }
    }
    match how.as_slice() {
        [] => (true, Shown::of("it only adds, or only reads")),
        how => (true, Shown::of(format!("yes: {}", how.join("; ")))),
    }
}
