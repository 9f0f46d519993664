//! Breaking the glass: a change of Countersign's own (see [`crate::own`]) by which two people give one session a grant that the
//! bundle keeps for emergencies, and lift for it what rules marked `@breakglass` ask for, for an hour at most. Everything else
//! holds: absolute rules, the count of people, who counts, the record. It is loud: an alarm when it is asked for and when it
//! is done, a line in every answer to people while it is broken, and no read of that session passes uncounted.
//!
//! Nothing that is kept says that a glass is broken: each decision finds the change again, in its own transaction, and
//! verifies every signature. Another bundle in force ends it.

use std::sync::PoisonError;

use model::{
    BreakGlass, Change, ChangeId, ChangeState, Effect, EntryKind, Glass, GrantId, Ground, Kind, Operation,
    PersonId, Resource, RuleId, Session, SessionId, Step, Timestamp,
};
use policy::Bundle;
use store::Tx;

use crate::{
    Engine, SignError,
    decide::{Book, DecideError, Drawn},
    own::{self, Answered, Deed, Done, Told, Wish},
    standing,
};

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct GlassRequest {
    pub session: SessionId,
    pub grant: Option<GrantId>,
    pub waives: Vec<RuleId>,
    pub minutes: u32,
    pub ground: Ground,
    /// Who answers for the session.
    pub by: PersonId,
    /// The signed request itself, for the record.
    pub signed: (String, String),
}

/// A glass that is broken at this moment, and by which change.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) change: ChangeId,
    pub(crate) glass: BreakGlass,
}

impl Engine {
    /// Opens a change that breaks the glass of a session; or, asked again once it is approved, does so.
    ///
    /// # Errors
    /// [`SignError::NotBreakable`] where the bundle keeps nothing of the kind or the session is none that could use it;
    /// [`SignError::Refused`] after a veto.
    pub async fn break_glass(&self, asked: GlassRequest) -> Result<Change, SignError> {
        let asks = move |tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn| ask(tx, book, drawn, asked);
        let points = ["before-glass", "after-glass"];
        let deed = |change: &Change| change.breaks.clone();
        let (change, session) = self.carried_out(points, asks, deed, carry_out).await?;
        if let Some(session) = session {
            tracing::warn!(change = %change.id, session = %session.id, "the glass is broken");
            self.remember(session);
            self.moved();
            self.sequence().await?;
        }
        Ok(change)
    }

    /// Whether a session, or the one that it came from, may have its glass broken: its reads are decided one by one then.
    pub(crate) fn may_be_broken(&self, session: &Session, now: Timestamp) -> bool {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.of_id(session.root()).and_then(|root| root.glass).is_some_and(|glass| now < glass.until)
    }
}

fn ask(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, asked: GlassRequest) -> Result<Answered, SignError> {
    let GlassRequest { session, grant, waives, minutes, ground, by, signed } = asked;
    let session = session_of(tx, session, drawn.now)?;
    if by != session.chain.operator {
        return Err(SignError::NotOperator(format!(
            "only {} can ask for it, who answers for the session; two others agree to it",
            session.chain.operator
        )));
    }
    let glass = BreakGlass {
        session: session.id,
        agent: session.chain.agent.clone(),
        grant,
        waives: waives.into_iter().collect(),
        minutes,
        ground,
    };
    let step = action(&book.bundle, drawn.now, &session, &glass)?;
    let intent = glass.ground.to_string();
    let owner = session.chain.owner;
    own::ask(tx, book, drawn, Wish { deed: Deed::Break(glass), step, intent, by, owner, signed })
}

/// The session whose glass could be broken.
fn session_of(tx: &Tx<'_>, id: SessionId, now: Timestamp) -> Result<Session, SignError> {
    let not = |why: String| SignError::NotBreakable(why);
    let session = tx.session(id)?.ok_or_else(|| not(format!("there is no session {id}")))?;
    if let Some(root) = session.parent {
        return Err(not(format!("{id} is a role that was taken on in {root}: break the glass of that one")));
    }
    if let Some(why) = session.closed(now) {
        return Err(not(format!("the session {id} is {why}")));
    }
    if let Some(glass) = session.glass.filter(|glass| now < glass.until) {
        return Err(not(format!("the glass of {id} is broken by {} until {}", glass.change, glass.until)));
    }
    Ok(session)
}

/// What would be done, as it is shown to those who sign.
fn action(bundle: &Bundle, now: Timestamp, session: &Session, glass: &BreakGlass) -> Result<Step, SignError> {
    bundle.may_break(glass).map_err(|err| SignError::NotBreakable(err.to_string()))?;
    let chain = &session.chain;
    let mut shown = vec![
        ("session".to_owned(), session.id.to_string()),
        ("agent".to_owned(), chain.agent.to_string()),
        ("operator".to_owned(), chain.operator.to_string()),
        ("task".to_owned(), model::sanitize(&session.task, 600)),
        ("minutes".to_owned(), glass.minutes.to_string()),
        ("ground".to_owned(), glass.ground.to_string()),
    ];
    let mut does = Vec::new();
    if let Some(grant) = &glass.grant {
        does.push(format!("may do what grants/breakglass-{grant}.cedar allows, besides its own"));
        for rule in bundle.kept_for_emergencies(grant).take(MAX_TOLD) {
            shown.push(("allows".to_owned(), format!("{} ({}:{})", rule.reason, rule.file, rule.line)));
        }
    }
    for rule in bundle.rules().iter().filter(|rule| glass.waives.contains(&rule.id)) {
        does.push(format!("is not stopped by the rule {}", rule.id));
        shown.push(("waives".to_owned(), format!("{} ({}:{})", rule.reason, rule.file, rule.line)));
    }
    let summary = format!(
        "Break the glass for {} minutes: {} of {} {}. Who has to agree to what is not lifted, nor is any absolute rule.",
        glass.minutes,
        chain.agent,
        chain.operator,
        does.join(", and ")
    );
    let operation: Operation = BreakGlass::operation();
    let resource = Resource {
        service: operation.service.clone(),
        kind: Kind::known("session"),
        name: session.id.to_string(),
    };
    let facts = vec![("session".to_owned(), format!("live until {}", session.expires_at))];
    let told =
        Told { operation, effect: Effect::Privilege, resources: vec![resource], summary, shown, facts };
    Ok(own::step(&Deed::Break(glass.clone()), now, told))
}

/// Of the permits of a grant, in a statement.
const MAX_TOLD: usize = 40;

/// With the session as it is then.
fn carry_out(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    change: &Change,
    glass: BreakGlass,
) -> Result<Done<Session>, SignError> {
    let session = match session_of(tx, glass.session, drawn.now) {
        Ok(session) => session,
        Err(SignError::NotBreakable(why)) => return Ok(Err(why)),
        Err(err) => return Err(err),
    };
    let until = drawn.now.plus_seconds(glass.seconds());
    let session = Session { glass: Some(Glass { change: change.id, until }), ..session };
    let entry = broken_entry(drawn, change, &glass, until);
    tx.update_session(&session, entry)?;
    tx.record(own::alarm(drawn, change, notice(change, &glass, Some(until))))?;
    Ok(Ok(("broken", until.to_string(), session)))
}

/// The glass of a session that is broken now: by a change that stands there, carried out, under the bundle in force, by
/// signatures that all hold at this moment. What the session's row says is looked up, and never believed.
pub(crate) fn of(
    tx: &Tx<'_>,
    book: &Book,
    session: &Session,
    now: Timestamp,
) -> Result<Option<Broken>, DecideError> {
    let Some(Glass { change: id, until }) = session.glass.filter(|glass| now < glass.until) else {
        return Ok(None);
    };
    let Some(change) = tx.change(id)? else { return Ok(None) };
    let Some(glass) = change.breaks.clone() else { return Ok(None) };
    // By when it was over is signed, whatever the rows say of when it began.
    let latest = change.expires_at.plus_seconds(glass.seconds());
    let same = glass.session == session.id
        && change.state == ChangeState::Executed
        && change.bundle == book.bundle.digest()
        && until <= latest;
    if !same {
        return Ok(None);
    }
    let given = tx.approvals(id)?;
    let (signed, _) = standing::valid_approvals(book, &change, &given);
    let stands = own::verdict(book, &change, &signed, now) == Some(model::Verdict::Allow);
    Ok(stands.then_some(Broken { change: id, glass }))
}

pub(crate) fn asked(drawn: &mut Drawn, change: &Change, glass: &BreakGlass) -> model::Entry {
    let said = notice(change, glass, None);
    tracing::warn!(change = %change.id, session = %glass.session, "{said}");
    own::alarm(drawn, change, said)
}

/// For everybody. `until`: once it is broken.
pub(crate) fn notice(change: &Change, glass: &BreakGlass, until: Option<Timestamp>) -> String {
    let (id, by, session) = (change.id, &change.chain.operator, glass.session);
    match until {
        Some(until) => {
            format!("{id}: the glass of {session} ({} for {by}) is broken until {until}", glass.agent)
        }
        None => format!(
            "{id}: {by} asks for the glass of {session} ({}) to be broken for {} minutes",
            glass.agent, glass.minutes
        ),
    }
}

fn broken_entry(drawn: &mut Drawn, change: &Change, glass: &BreakGlass, until: Timestamp) -> model::Entry {
    let waives: Vec<&str> = glass.waives.iter().map(RuleId::as_str).collect();
    let details = [
        ("session", glass.session.to_string()),
        ("for_agent", glass.agent.to_string()),
        ("grant", glass.grant.as_ref().map_or_else(String::new, ToString::to_string)),
        ("waives", waives.join(" ")),
        ("minutes", glass.minutes.to_string()),
        ("ground", glass.ground.to_string()),
        ("until", until.to_string()),
    ];
    own::entry(drawn, EntryKind::GlassBroken, change, details)
}

/// What a vetoed one would do now.
pub(crate) fn anew(tx: &Tx<'_>, book: &Book, drawn: &Drawn, glass: &BreakGlass) -> Result<Step, SignError> {
    let session = session_of(tx, glass.session, drawn.now)?;
    action(&book.bundle, drawn.now, &session, glass)
}
