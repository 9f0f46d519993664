//! One change: what it does, how bad it could be, what is known and what is not, first; the rest below. Once it is decided,
//! its record.

use api::types::{ActionView, ApprovalView, ChangeView};
use approval::Statement;
use askama::Template;
use model::{
    Approval, Change, ChangeId, Digest, Effect, EffectSet, Entry, EvidenceStatus, LinkKind, PersonId,
    RuleRef, SessionId, Step, Timestamp, Undo, Verdict,
};
use notify::Derived;

use super::Frame;
use crate::{
    around::{Around, Other, Picture},
    logged,
    text::{Shown, all, whole},
    timeline,
    when::{ago, left},
};

#[derive(Debug, Template)]
#[template(path = "change.html")]
pub(crate) struct ChangePage {
    pub(crate) frame: Frame,
    pub(crate) sign: Option<Sign>,
    /// The viewer was led here, and has to open it to decide.
    unopened: bool,
    id: ChangeId,
    state: &'static str,
    version: u64,
    worst: Shown,
    others: Shown,
    effects: String,
    destroys: bool,
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
    near: Vec<Shown>,
    evidence: Vec<Shown>,
    approvals: Vec<Approved>,
    gone: Option<Shown>,
    rejection: Option<Veto>,
    could: Vec<PersonId>,
    links: Vec<(&'static str, ChangeId)>,
    vetoes: Vec<Earlier>,
    happened: Vec<Happened>,
    /// Older entries are not here.
    cut: bool,
    signed: Vec<Given>,
    last: Option<Last>,
    digest: Digest,
    genesis: Digest,
}

/// What a page is made of.
#[derive(Debug)]
pub(crate) struct Looked<'a> {
    pub(crate) change: &'a Change,
    pub(crate) view: &'a ChangeView,
    pub(crate) approvals: &'a [Approval],
    /// That it comes after.
    pub(crate) vetoes: &'a [Change],
    /// The newest that the log has of it, the oldest first.
    pub(crate) entries: &'a [(Entry, Option<u64>)],
    pub(crate) cut: bool,
    /// Who could give what is wanted yet.
    pub(crate) could: Vec<PersonId>,
    /// What is near and would need nobody.
    pub(crate) near: Vec<String>,
    pub(crate) unopened: bool,
    pub(crate) genesis: Digest,
    pub(crate) now: Timestamp,
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
struct Approved {
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

/// A veto of the same, whoever asked for it then.
#[derive(Debug)]
struct Earlier {
    id: ChangeId,
    agent: Shown,
    operator: PersonId,
    veto: Veto,
}

/// One signature, with all that somebody needs who checks it.
#[derive(Debug)]
struct Given {
    person: PersonId,
    did: &'static str,
    how: String,
    at: String,
    words: Option<String>,
    statement: String,
    signature: String,
}

/// The entry that says how it stands.
#[derive(Debug)]
struct Last {
    kind: String,
    index: Option<u64>,
    /// As what its receipt is kept, once it can be taken.
    file: String,
}

impl ChangePage {
    pub(crate) fn of(frame: Frame, looked: Looked<'_>, sign: Option<Sign>) -> Self {
        let Looked { change, view, approvals, vetoes, entries, cut, could, near, unopened, genesis, now } =
            looked;
        let own = change.erases.is_some() || change.adopts.is_some() || change.breaks.is_some();
        let claimant = if own { change.chain.operator.to_string() } else { change.chain.agent.to_string() };
        let (undoable, undo) = undo(change);
        let all_effects = change.steps.iter().map(Step::effects).reduce(EffectSet::union);
        let destroys = change.steps.iter().any(Step::destroys);
        let Derived { worst, others } = Derived::of(change);
        let reopened = change.reopened.iter().map(|it| (it, "reopened it, with a new intent"));
        let approved = approvals.iter().map(|it| (it, "approved"));
        let rejected = change.rejection.iter().map(|it| (&it.approval, "rejected"));
        let signed = reopened.chain(approved).chain(rejected);
        Self {
            sign,
            unopened,
            id: change.id,
            state: change.state.name(),
            version: change.version,
            worst: Shown::of(worst),
            others: Shown::of(others),
            effects: all_effects.map_or_else(|| "nothing".to_owned(), |of| effects(of, destroys)),
            destroys: all_effects.is_some_and(|of| of.contains(Effect::Destroy)),
            environment: Shown::of(&view.environment),
            production: change.environment.production,
            undoable,
            undo,
            unknowns: unknowns(view),
            agent: Shown::of(&view.agent),
            session: (!own).then_some(view.session),
            operator: view.operator.clone(),
            asked: ago(change.created_at, now),
            left: if change.state.is_open() { left(change.expires_at, now) } else { None },
            claimant: Shown::of(claimant),
            intent: Shown::of(&view.intent),
            actions: view.actions.iter().map(|it| Action::of(it, now)).collect(),
            verdict: Shown::of(said(&view.verdict.kind)),
            rules: view.verdict.rules.iter().map(Rule::of).collect(),
            needs: view.verdict.requirement.as_ref().map(needs),
            instead: all(&view.verdict.alternatives),
            near: all(near),
            evidence: view
                .evidence
                .iter()
                .map(|it| {
                    let missing = if it.status == EvidenceStatus::Missing { "missing" } else { "gathered" };
                    Shown::of(format!("{}: {missing}. {}", it.kind, it.note))
                })
                .collect(),
            approvals: view.approvals.iter().map(|it| Approved::of(it, now)).collect(),
            gone: view.gone.as_ref().map(|it| Shown::of(&it.why)),
            rejection: Veto::of(change, now),
            could,
            links: view.links.iter().map(|it| (related(it.kind), it.change)).collect(),
            vetoes: vetoes.iter().filter_map(|it| Earlier::of(it, now)).collect(),
            happened: timeline::timeline(change, entries)
                .into_iter()
                .map(|it| Happened {
                    at: it.at.to_string(),
                    ago: ago(it.at, now),
                    said: it.said,
                    index: it.index,
                })
                .collect(),
            cut,
            signed: signed.flat_map(|(approval, did)| Given::all(approval, did, now)).collect(),
            last: timeline::last(entries).map(|(entry, index)| Last {
                kind: logged::kind(entry.kind),
                index: *index,
                file: index.map_or_else(|| "FILE".to_owned(), logged::receipt_file),
            }),
            digest: change.digest,
            genesis,
            frame,
        }
    }
}

impl Action {
    fn of(it: &ActionView, now: Timestamp) -> Self {
        let pairs = |pairs: &[(String, String)]| -> Vec<(Shown, Shown)> {
            pairs.iter().map(|(name, value)| (Shown::of(name), Shown::of(value))).collect()
        };
        Self {
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
        }
    }
}

impl Approved {
    fn of(it: &ApprovalView, now: Timestamp) -> Self {
        Self { person: it.person.clone(), how: it.how(), at: ago(it.at, now) }
    }
}

impl Veto {
    fn of(change: &Change, now: Timestamp) -> Option<Self> {
        let it = change.rejection.as_ref()?;
        let at = ago(it.approval.at, now);
        Some(Self { person: it.approval.person.clone(), at, reason: Shown::of(&it.reason) })
    }
}

impl Earlier {
    fn of(vetoed: &Change, now: Timestamp) -> Option<Self> {
        Some(Self {
            id: vetoed.id,
            agent: Shown::of(&vetoed.chain.agent),
            operator: vetoed.chain.operator.clone(),
            veto: Veto::of(vetoed, now)?,
        })
    }
}

impl Given {
    /// Each of somebody's signatures.
    fn all(approval: &Approval, did: &'static str, now: Timestamp) -> Vec<Self> {
        let one = |it: model::Given| Self {
            person: approval.person.clone(),
            did,
            how: it.presence.to_string(),
            at: ago(it.at, now),
            // A row that somebody wrote by hand may have anything there: then it has no words.
            words: Statement::parse(&it.statement).ok().map(|it| approval::words(&it.matter())),
            statement: whole(&it.statement),
            signature: whole(&it.signature),
        };
        approval.given().into_iter().map(one).collect()
    }
}

/// Each once, in the order in which they are met.
fn unknowns(view: &ChangeView) -> Vec<Shown> {
    let mut found: Vec<&String> = Vec::new();
    for it in view.actions.iter().flat_map(|it| &it.unknowns) {
        if !found.contains(&it) {
            found.push(it);
        }
    }
    all(found)
}

/// What it does to the world in words, the worst first. `destroys`: by what it is, and not only for want of an undo.
fn effects(of: EffectSet, destroys: bool) -> String {
    let word = |effect: Effect| match effect {
        Effect::Destroy if destroys => "destroys or interrupts",
        Effect::Destroy => "changes for good",
        Effect::Privilege => "hands on rights",
        Effect::Execute => "runs code",
        Effect::Write => "changes",
        Effect::Spend => "spends money",
        Effect::Emit => "sends messages",
        Effect::Read => "only reads",
    };
    let mut worst: Vec<Effect> = of.iter().collect();
    worst.reverse();
    if worst.len() > 1 {
        worst.retain(|it| *it != Effect::Read);
    }
    if of.contains(Effect::Destroy) {
        worst.retain(|it| *it != Effect::Write);
    }
    let words: Vec<&str> = worst.into_iter().map(word).collect();
    words.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_is_said_in_words_the_worst_first() {
        use Effect::{Destroy, Emit, Execute, Privilege, Read, Spend, Write};
        let check = |of: &[Effect], destroys: bool, expected: &str| {
            let (first, rest) = of.split_first().unwrap();
            let of = rest.iter().fold(EffectSet::of(*first), |all, it| all.with(*it));
            assert_eq!(effects(of, destroys), expected);
        };
        check(&[Read], false, "only reads");
        check(&[Read, Write], false, "changes");
        check(&[Write, Destroy], false, "changes for good");
        check(&[Write, Destroy], true, "destroys or interrupts");
        let all = [Emit, Spend, Execute, Privilege, Read];
        check(&all, false, "hands on rights, runs code, spends money, sends messages");
    }
}
