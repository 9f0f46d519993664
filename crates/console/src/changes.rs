//! What is asked about one change: its page, the statement of it, and a signature for it.

use api::{ApiError, types::ChangeView};
use approval::{Act, Statement, passkey::Passkey};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use engine::{Opened, SignError, Signer};
use model::{Approval, Change, ChangeId, ChangeState, Entry, LinkKind, PersonId, Presence, Session, Verdict};
use serde::Deserialize;
use serde_json::json;
use store::{StorageError, View};

use crate::{
    guard,
    pages::{
        change::{ChangePage, Looked, Sign},
        render,
    },
    routes::{Call, Refused, parse},
    timeline,
};

/// Of vetoes that a change comes after, as many as anybody reads.
const VETOES: usize = 10;

/// What is on record of a change and around it.
struct Record {
    change: Change,
    approvals: Vec<Approval>,
    /// The newest, and whether there are more.
    entries: Vec<(Entry, Option<u64>)>,
    cut: bool,
    vetoes: Vec<Change>,
    session: Option<Session>,
}

impl Record {
    fn of(view: &View<'_>, id: ChangeId) -> Result<Option<Self>, StorageError> {
        let Some(change) = view.change(id)? else { return Ok(None) };
        let mut entries = view.recorded_of(id, timeline::MOST.saturating_add(1))?;
        let more = entries.len().saturating_sub(timeline::MOST);
        entries.drain(..more);
        let after = |kind| matches!(kind, LinkKind::AfterVeto | LinkKind::Reopens);
        let mut vetoes = Vec::new();
        for link in change.links.iter().filter(|link| after(link.kind)).take(VETOES) {
            vetoes.extend(view.change(link.change)?);
        }
        let (approvals, session) = (view.approvals(id)?, view.session(change.session)?);
        Ok(Some(Self { change, approvals, entries, cut: more > 0, vetoes, session }))
    }
}

pub(crate) async fn change(call: Call) -> Result<Response, Refused> {
    let (id, viewer): (ChangeId, _) = (call.id()?, call.person()?);
    let (engine, now) = (call.shared_engine(), call.now()?);
    // Whoever looks at it will decide on what they saw; whom another site's page led here has not chosen to look.
    let opened =
        if guard::was_led(&call.parts) { None } else { Some(engine.open(id, Some(viewer.clone())).await?) };
    let found = engine.read(move |view| Record::of(view, id)).await?;
    let record = found.ok_or_else(|| ApiError::not_found(format!("no change {id}")))?;
    let Record { approvals, entries, cut, vetoes, session, change: stored } = record;
    let change = opened.as_ref().map_or(&stored, Opened::as_change);
    let waits = matches!(change.state, ChangeState::Held | ChangeState::Approved);
    let could = if waits { engine.could_still_sign(change, &approvals) } else { Vec::new() };
    let near = session.map(|session| engine.nearest(change, &session)).transpose()?;
    let sign = opened.as_ref().filter(|_| waits).map(|opened| sign_of(&call, opened, &approvals, viewer));
    let page = ChangePage::of(
        call.frame("Inbox").await?,
        Looked {
            change,
            view: &ChangeView::of(change, &approvals),
            approvals: &approvals,
            vetoes: &vetoes,
            entries: &entries,
            cut,
            could,
            near: near.unwrap_or_default(),
            unopened: waits && opened.is_none(),
            genesis: engine.installation(),
            now,
        },
        sign,
    );
    Ok(render(&page))
}

/// What the viewer could sign.
fn sign_of(call: &Call, opened: &Opened, approvals: &[Approval], viewer: PersonId) -> Sign {
    let (engine, change) = (call.engine(), opened.as_change());
    let statement = engine.statement(opened, &signer(call, Act::Approve, None, viewer.clone()));
    let signed = approvals.iter().find(|it| it.person == viewer);
    let signed = signed.filter(|it| !adds_a_touch(change, it));
    let signed = signed.map(|_| "you have approved it already".to_owned());
    let may_not = engine.may_sign(change, &viewer).err().map(|why| why.to_string()).or(signed);
    let bundle = engine.bundle();
    let person = bundle.roster().people.get(&viewer);
    let has_passkey = person.is_some_and(|it| it.keys.iter().any(|key| Passkey::of(key).is_some()));
    Sign::of(&statement, change, may_not, has_passkey)
}

/// Whether a passkey would show of somebody who has approved what they have not shown, and what is asked for.
fn adds_a_touch(change: &Change, given: &Approval) -> bool {
    let asked = matches!(&change.verdict, Verdict::Hold(hold) if hold.requirement.touched > 0);
    asked && given.given().iter().all(|it| it.presence == Presence::File)
}

/// With the checkpoint that the signer's own browser keeps, where it says which: a page's first request cannot. Whether it is
/// one of this log's is asked when it comes back signed.
fn signer(call: &Call, act: Act, reason: Option<String>, person: PersonId) -> Signer {
    let kept = call.query.get("checkpoint").cloned();
    let checkpoint = kept.unwrap_or_else(|| call.engine().checkpoint_parts().join(" "));
    Signer { act, person, presence: Presence::Touched, checkpoint, reason }
}

/// For a veto, whose own words stand in it, and for an approval with what the browser keeps of the log.
pub(crate) async fn statement(call: Call) -> Result<Response, Refused> {
    let (id, viewer): (ChangeId, _) = (call.id()?, call.person()?);
    if guard::was_led(&call.parts) {
        return Err(Refused::Foreign);
    }
    let asked = call.query.get("act").map(String::as_str).unwrap_or_default();
    let act: Act = asked.parse().map_err(|err: approval::UnknownAct| ApiError::usage(err.to_string()))?;
    let reason = call.query.get("reason").map(|it| model::sanitize(it, Statement::MAX_REASON));
    let engine = call.engine();
    let opened = engine.open(id, Some(viewer.clone())).await?;
    let statement = engine.statement(&opened, &signer(&call, act, reason, viewer)).to_text();
    Ok(Json(json!({ "statement": statement })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    statement: String,
    signature: String,
}

/// The signature says who signs; being signed in is not asked what it is worth.
pub(crate) async fn sign(call: Call) -> Result<Response, Refused> {
    let id: ChangeId = call.id()?;
    let Signed { statement, signature } = parse(call.body())?;
    let signed = call.engine().sign(id, statement, signature).await;
    let signed = signed.map_err(|err: SignError| ApiError::from(err))?;
    Ok(Json(json!({ "id": id, "state": signed.change.state, "note": signed.note })).into_response())
}
