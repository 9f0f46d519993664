//! What is on record, judged again under a candidate bundle and, with the same facts, under the one in force: each verdict
//! that adopting the candidate would have changed. It judges with the function that `admit` judges with, reads, and writes
//! nothing.
//!
//! A change is judged as it was asked for: alone, at its time, before anybody signed. What is not on record of it (its tags, what
//! its parameters add to an override) is not guessed: where the answer depends on that, there is none, and it says why.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    AgentId, AllowanceId, AskedBy, Autonomy, Chain, Change, ChangeId, ChangeState, Digest, LinkKind, Marks,
    Operation, Scope, Session, SessionId, Step, StepState, Tags, Timestamp, Verdict,
};
use policy::{Bundle, Override, Spent};
use store::{Filter, Past};

use crate::{
    Engine, SignError,
    judge::{self, Case},
    unverified,
};

/// What adopting a bundle would have changed.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The bundle in force.
    pub before: Digest,
    pub bundle: Digest,
    pub since: Timestamp,
    /// How many changes were judged under both.
    pub judged: usize,
    /// Oldest first.
    pub changed: Vec<Rejudged>,
    pub unjudged: Vec<Unjudged>,
    /// Those of which the record, made under the very bundle in force, says otherwise: they were judged again at another hour, or
    /// rest on something that is not on record. Of these the comparison is uncertain.
    pub uncertain: Vec<ChangeId>,
    /// Countersign's own: they take two people whatever a bundle says.
    pub own: usize,
    /// More is on record than is looked at; `since` says how far back this looked.
    pub cut: bool,
}

/// One change whose verdict would be another.
#[derive(Clone, Debug)]
pub struct Rejudged {
    pub change: ChangeId,
    pub at: Timestamp,
    pub chain: Chain,
    pub state: ChangeState,
    pub summary: String,
    pub before: Verdict,
    pub after: Verdict,
    /// As last judged, where the bundle in force says otherwise by now.
    pub on_record: Option<Verdict>,
}

/// One that cannot be judged again, and why.
#[derive(Clone, Debug)]
pub struct Unjudged {
    pub change: ChangeId,
    pub why: String,
}

/// Changes of some weeks of a busy installation; each is held in memory while it is judged.
const MOST: usize = 10_000;

impl Engine {
    /// # Errors
    /// Where the store cannot be read.
    pub async fn simulate(&self, candidate: Arc<Bundle>, since: Timestamp) -> Result<Simulation, SignError> {
        let in_force = self.bundle();
        let (changes, sessions) = self
            .read(|view| {
                let filter = Filter { limit: MOST.saturating_add(1), ..Filter::default() };
                Ok((view.changes(&filter)?, view.sessions()?))
            })
            .await
            .map_err(|err| model::Fault::Storage(err.to_string()))?;
        let library = Arc::clone(&self.library);
        let found = tokio::task::spawn_blocking(move || {
            let mut books = Books { known: BTreeMap::new(), find: &|digest| library.find(digest).ok() };
            for bundle in [&in_force, &candidate] {
                books.known.insert(bundle.digest(), Some(Arc::clone(bundle)));
            }
            simulate(changes, &sessions, [&in_force, &candidate], books, since)
        });
        Ok(found.await.map_err(|_| model::Fault::Storage("judging broke off".to_owned()))?)
    }
}

/// `changes`: newest first.
fn simulate(
    mut changes: Vec<Change>,
    sessions: &[Session],
    [in_force, candidate]: [&Arc<Bundle>; 2],
    mut books: Books<'_>,
    mut since: Timestamp,
) -> Simulation {
    let cut = changes.len() > MOST;
    changes.truncate(MOST);
    changes.reverse();
    let oldest = changes.first().map_or(since, |change| change.created_at);
    let cut = cut && oldest > since;
    if cut {
        since = oldest;
    }
    let sessions: BTreeMap<SessionId, &Session> = sessions.iter().map(|it| (it.id, it)).collect();
    let pasts = Pasts::of(&changes);
    let mut found = Simulation {
        before: in_force.digest(),
        bundle: candidate.digest(),
        since,
        judged: 0,
        changed: Vec::new(),
        unjudged: Vec::new(),
        uncertain: Vec::new(),
        own: 0,
        cut,
    };
    let mut worlds = [World::under(in_force), World::under(candidate)];
    for change in &changes {
        let within = change.created_at >= since;
        if change.erases.is_some() || change.adopts.is_some() || change.breaks.is_some() {
            found.own = found.own.saturating_add(usize::from(within));
            continue;
        }
        let recorded = books.of(change.bundle);
        let mut verdicts =
            worlds.iter_mut().map(|world| world.judge(change, &sessions, &pasts, recorded.as_deref()));
        let (before, after) = match (verdicts.next(), verdicts.next()) {
            (Some(Ok(before)), Some(Ok(after))) => (before, after),
            (Some(Err(why)), _) | (_, Some(Err(why))) => {
                if within {
                    found.unjudged.push(Unjudged { change: change.id, why });
                }
                continue;
            }
            (None, _) | (_, None) => continue,
        };
        if !within {
            continue;
        }
        found.judged = found.judged.saturating_add(1);
        if change.bundle == in_force.digest() && !alike(&change.verdict, &before) {
            found.uncertain.push(change.id);
        }
        if !alike(&before, &after) {
            let summaries: Vec<&str> = change.steps.iter().map(|step| step.action.summary.as_str()).collect();
            found.changed.push(Rejudged {
                change: change.id,
                at: change.created_at,
                chain: change.chain.clone(),
                state: change.state,
                summary: model::sanitize(&summaries.join(" "), 1000),
                on_record: (!alike(&change.verdict, &before)).then(|| change.verdict.clone()),
                before,
                after,
            });
        }
    }
    found
}

/// Whether an agent and people would be told the same; by which rule is another matter.
fn alike(one: &Verdict, other: &Verdict) -> bool {
    match (one, other) {
        (Verdict::Allow, Verdict::Allow) => true,
        (Verdict::Hold(one), Verdict::Hold(other)) => one.requirement == other.requirement,
        (Verdict::Deny(one), Verdict::Deny(other)) => one.fault == other.fault,
        (Verdict::Allow | Verdict::Hold(_) | Verdict::Deny(_), _) => false,
    }
}

/// Bundles by their digest, as far as they are kept.
struct Books<'a> {
    known: BTreeMap<Digest, Option<Arc<Bundle>>>,
    find: &'a dyn Fn(Digest) -> Option<crate::Kept>,
}

impl Books<'_> {
    fn of(&mut self, digest: Digest) -> Option<Arc<Bundle>> {
        let find = self.find;
        let load = || find(digest).and_then(|kept| Bundle::load(&kept.files).ok()).map(Arc::new);
        self.known.entry(digest).or_insert_with(load).clone()
    }
}

/// Who did what before, as the store's own history counts it.
struct Pasts {
    sessions: BTreeMap<SessionId, Past>,
    agents: BTreeMap<AgentId, Past>,
}

impl Pasts {
    fn of(changes: &[Change]) -> Self {
        let mut pasts = Self { sessions: BTreeMap::new(), agents: BTreeMap::new() };
        for change in changes {
            for step in &change.steps {
                let Some(execution) = &step.execution else { continue };
                pasts.sessions.entry(change.session).or_default().add(step, execution.started_at);
                let of_agent = pasts.agents.entry(change.chain.agent.clone()).or_default();
                of_agent.add(step, execution.started_at);
            }
        }
        pasts
    }

    fn history(&self, change: &Change, window_s: i64) -> model::History {
        let (now, since) = (change.created_at, change.created_at.plus_seconds(-window_s));
        let mut whole: Option<model::History> = None;
        for step in &change.steps {
            let of = |past: Option<&Past>| {
                past.map(|it| it.history(&step.action, now, since, Timestamp::from_millis(i64::MIN)))
            };
            let own = of(self.sessions.get(&change.session)).unwrap_or_default();
            let agent = of(self.agents.get(&change.chain.agent)).unwrap_or_default();
            let created = whole.is_none_or(|it| it.created_by_session) && own.created_by_session;
            whole =
                Some(model::History { agent_destroys: agent.destroys, created_by_session: created, ..own });
        }
        whole.unwrap_or_default()
    }
}

/// One bundle, and what would have been taken out of its allowances by now.
struct World<'b> {
    bundle: &'b Bundle,
    taken: BTreeMap<AllowanceId, Vec<(Timestamp, u64)>>,
}

impl<'b> World<'b> {
    fn under(bundle: &'b Bundle) -> Self {
        Self { bundle, taken: BTreeMap::new() }
    }

    fn judge(
        &mut self,
        change: &Change,
        sessions: &BTreeMap<SessionId, &Session>,
        pasts: &Pasts,
        recorded: Option<&Bundle>,
    ) -> Result<Verdict, String> {
        let session = sessions.get(&change.session).ok_or("its session is not on record")?;
        let steps = change.steps.iter().map(|step| self.step(change, step, recorded));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        let owner = self.bundle.roster().agents.get(&change.chain.agent).and_then(|it| it.owner.clone());
        let chain = Chain { owner, ..change.chain.clone() };
        let history = pasts.history(change, self.bundle.limits().history_window_s);
        let parts =
            Parts { change, chain: &chain, scope: &session.scope, autonomy: session.autonomy, steps: &steps };
        let charges = judge::charges(self.bundle, &parts.case(history, &Spent::new()));
        let own = judge::sum(charges.iter().map(|(_, charges)| charges));
        let spent = self.with_what_was_taken(own.clone(), change.created_at);
        let case = parts.case(history, &spent);
        let verdict = judge::judge(self.bundle, &case);
        if verdict == Verdict::Allow {
            self.take(own, change.created_at);
        } else if unverified::any(&steps) && judge::asks_nobody(self.bundle, &case) {
            // Who agreed to it agreed to the model's word: it rests on the allowance all the same, once it runs.
            for (nth, charges) in &charges {
                let ran = change.steps.get(*nth).and_then(|step| step.execution.as_ref());
                ran.into_iter().for_each(|ran| self.take(judge::sum([charges]), ran.started_at));
            }
        }
        Ok(verdict)
    }

    fn take(&mut self, charges: Spent, at: Timestamp) {
        for (allowance, amount) in charges.into_iter().filter(|(_, amount)| *amount != u64::MAX) {
            self.taken.entry(allowance).or_default().push((at, amount));
        }
    }

    fn with_what_was_taken(&self, mut spent: Spent, now: Timestamp) -> Spent {
        for (allowance, sum) in &mut spent {
            let Some(window_s) = self.bundle.window_of(allowance) else { continue };
            let since = now.plus_seconds(-window_s);
            let taken = self.taken.get(allowance).into_iter().flatten();
            let taken = taken.filter(|(at, _)| (since..=now).contains(at));
            *sum = taken.fold(*sum, |sum, (_, amount)| u64::saturating_add(sum, *amount));
        }
        spent
    }

    /// As it would have been made of the same request.
    fn step(&self, change: &Change, step: &Step, recorded: Option<&Bundle>) -> Result<Step, String> {
        let mut step = Step { state: StepState::Pending, execution: None, ..step.clone() };
        if change.bundle == self.bundle.digest() {
            return Ok(step);
        }
        let recorded = recorded.ok_or("the bundle that it was judged under is not kept")?;
        if recorded.tables() != self.bundle.tables() {
            return Err(
                "it rests on another operation table, and what that makes of its request is not on record"
                    .to_owned(),
            );
        }
        let inner = || step.observation.iter().flat_map(|it| &it.inner);
        for operation in inner().map(|it| &it.operation).chain([&step.action.operation]) {
            if said(self.bundle, operation) != said(recorded, operation) {
                return Err(format!(
                    "overrides.toml says otherwise of {operation} than when it was asked for, and what its parameters \
                     add to that is not on record"
                ));
            }
        }
        let lands = |bundle: &Bundle, tags: &Tags| {
            let tags = (!step.action.effects.is_plain_read()).then_some(tags);
            let inner = inner().flat_map(|it| &it.resources);
            judge::landing(bundle, &step.action, &Marks::default(), inner, tags).environment
        };
        let none = Tags::Read(BTreeSet::new());
        let [unread, untagged] = [&Tags::Unread, &none].map(|tags| lands(self.bundle, tags));
        let same = [&unread, &untagged] == [&lands(recorded, &Tags::Unread), &lands(recorded, &none)];
        if !same {
            if unread != untagged {
                return Err("environments.toml reads its tags, which are not on record".to_owned());
            }
            let captured = step.undo.is_some();
            let listed = step.listed.unwrap_or(step.action.effects);
            step.action.effects = judge::as_undoable(listed, step.action.undo, &unread, captured);
            step.listed = (listed != step.action.effects).then_some(listed);
            step.environment = unread;
        }
        Ok(step)
    }
}

/// What a bundle's overrides make of an operation; the reason decides nothing.
fn said<'b>(bundle: &'b Bundle, operation: &Operation) -> Option<impl PartialEq + use<'b>> {
    let of = |it: &'b Override| (it.effects, it.kind.as_ref(), it.undo_additive);
    bundle.overrides().get(operation).map(of)
}

/// A change as it was asked for.
struct Parts<'a> {
    change: &'a Change,
    chain: &'a Chain,
    scope: &'a Scope,
    autonomy: Autonomy,
    steps: &'a [Step],
}

impl<'a> Parts<'a> {
    fn case(&self, history: model::History, spent: &'a Spent) -> Case<'a> {
        let linked = |kind: LinkKind| self.change.links.iter().filter(move |link| link.kind == kind);
        Case {
            chain: self.chain,
            scope: &self.change.scope,
            session_scope: self.scope,
            autonomy: self.autonomy,
            steps: self.steps,
            approvals: &[],
            history,
            replaces: linked(LinkKind::Recreates).next().is_some(),
            undo: linked(LinkKind::Undoes).any(|link| link.asked_by == AskedBy::Person),
            now: self.change.created_at,
            spent,
            // What went through a broken glass is told as what it would be without.
            glass: None,
        }
    }
}
