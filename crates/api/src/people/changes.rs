//! Changes: listing, looking, waiting, and signing for them.

use std::time::Duration;

use approval::Act;
use axum::Json;
use engine::{Erase, Signer as StatementSigner};
use model::{ChangeId, ChangeState, PersonId, Presence};
use serde::Deserialize;
use store::Filter;
use utoipa::IntoParams;

use super::call::{Call, asked};
use crate::{
    ApiError, Shared,
    openapi::words,
    types::{ChangeList, ChangeView, EraseRequest, SignRequest, SignedView, StatementView, UndoRequest},
};

/// Of one answer.
const MOST: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only those in one of these states.
    #[param(value_type = Option<Vec<words::ChangeState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only those that come after this one: the last of the answer before.
    #[param(value_type = Option<words::ChangeId>)]
    before: Option<ChangeId>,
    /// How many at most; 500 at a time.
    #[param(maximum = 500, default = 500)]
    limit: Option<usize>,
}
asked!(Which: ChangeState ChangeId);

pub(super) async fn list_changes(call: Call<(), Which>) -> Result<Json<ChangeList>, ApiError> {
    let states = match &call.asked.state {
        None => Vec::new(),
        Some(wanted) => wanted
            .split(',')
            .map(|name| {
                ChangeState::ALL
                    .into_iter()
                    .find(|state| state.name() == name)
                    .ok_or_else(|| ApiError::usage(format!("`{}` is no state", model::sanitize(name, 40))))
            })
            .collect::<Result<_, _>>()?,
    };
    let Which { before, limit, .. } = call.asked;
    let limit = limit.unwrap_or(MOST).min(MOST);
    let filter = Filter { states, agent: None, session: None, before, limit };
    let changes = call
        .shared
        .engine
        .read(move |view| {
            let changes = view.changes(&filter)?;
            changes.iter().map(|change| Ok(ChangeView::of(change, &view.approvals(change.id)?))).collect()
        })
        .await?;
    Ok(Json(ChangeList { changes }))
}

pub(super) async fn show_change(call: Call<ChangeId>) -> Result<Json<ChangeView>, ApiError> {
    // Whoever looks at it will decide on what they saw.
    if let Some(person) = call.person() {
        call.shared.engine.open(call.of, Some(person)).await?;
    }
    view(&call.shared, call.of).await
}

pub(super) async fn view(shared: &Shared, id: ChangeId) -> Result<Json<ChangeView>, ApiError> {
    let found = shared
        .engine
        .read(move |view| match view.change(id)? {
            Some(change) => Ok(Some(ChangeView::of(&change, &view.approvals(id)?))),
            None => Ok(None),
        })
        .await?;
    Ok(Json(found.ok_or_else(|| ApiError::not_found(format!("no change {id}")))?))
}

/// How long to wait, and for the end of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// At most 60 are waited.
    #[serde(default = "half_a_minute")]
    #[param(default = 30)]
    seconds: u64,
    /// Until it is in this state no longer.
    #[serde(default = "held")]
    #[param(value_type = words::ChangeState, default = "held")]
    state: ChangeState,
}
asked!(Wait: ChangeState);

const fn half_a_minute() -> u64 {
    30
}

const fn held() -> ChangeState {
    ChangeState::Held
}

const LONGEST_S: u64 = 60;

pub(super) async fn wait_change(call: Call<ChangeId, Wait>) -> Result<Json<ChangeView>, ApiError> {
    wait(&call.shared, call.of, &call.asked).await?;
    view(&call.shared, call.of).await
}

/// Waits until the change is no longer in the state asked about.
pub(crate) async fn wait(shared: &Shared, id: ChangeId, asked: &Wait) -> Result<(), ApiError> {
    let (mut moved, mut ending) = (shared.engine.changes_moved(), shared.engine.standing_down());
    let patience = tokio::time::sleep(Duration::from_secs(asked.seconds.min(LONGEST_S)));
    tokio::pin!(patience);
    loop {
        moved.borrow_and_update();
        let found = shared.engine.read(move |view| Ok(view.change(id)?.map(|change| change.state))).await?;
        let now = found.ok_or_else(|| ApiError::not_found(format!("no change {id}")))?;
        if now != asked.state {
            return Ok(());
        }
        tokio::select! {
            () = &mut patience => return Ok(()),
            // As it stands: whoever waits asks again, and finds the next process.
            _ = ending.wait_for(|ending| *ending) => return Ok(()),
            changed = moved.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// Who would sign what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    /// `approve`, `reject` or `reopen`.
    act: String,
    #[param(value_type = words::PersonId)]
    person: PersonId,
    #[param(value_type = words::Presence)]
    presence: Presence,
    /// `origin size root` of the newest checkpoint that the signer's client has verified.
    checkpoint: String,
    /// Of a veto.
    reason: Option<String>,
}
asked!(Said: PersonId Presence);

pub(super) async fn statement(call: Call<ChangeId, Said>) -> Result<Json<StatementView>, ApiError> {
    let looking = call.person();
    let Said { act, person, presence, checkpoint, reason } = call.asked;
    let act: Act = act.parse().map_err(|err: approval::UnknownAct| ApiError::usage(err.to_string()))?;
    let reason = reason.map(|it| model::sanitize(&it, approval::Statement::MAX_REASON));
    let signer = StatementSigner { act, person, presence, checkpoint, reason };
    let engine = &call.shared.engine;
    let opened = engine.open(call.of, looking).await?;
    Ok(Json(StatementView { statement: engine.statement(&opened, &signer).to_text() }))
}

pub(super) async fn sign(call: Call<ChangeId, (), SignRequest>) -> Result<Json<SignedView>, ApiError> {
    let SignRequest { statement, signature } = call.given;
    let signed = call.shared.engine.sign(call.of, statement, signature).await?;
    Ok(Json(SignedView { id: signed.change.id, state: signed.change.state, note: signed.note }))
}

pub(super) async fn undo(call: Call<ChangeId, (), UndoRequest>) -> Result<Json<ChangeView>, ApiError> {
    let by = call.signer()?.person.clone();
    let done = call.shared.engine.undo(call.of, call.given.action, by).await?;
    view(&call.shared, done).await
}

pub(super) async fn erase(call: Call<ChangeId, (), EraseRequest>) -> Result<Json<ChangeView>, ApiError> {
    let (by, signed) = {
        let signer = call.signer()?;
        (signer.person.clone(), signer.proof.clone())
    };
    let EraseRequest { action, ground } = call.given;
    let ground = ground.parse().map_err(|err: model::GroundError| ApiError::usage(err.to_string()))?;
    let change = call.shared.engine.erase(Erase { of: call.of, step: action, ground, by, signed }).await?;
    view(&call.shared, change.id).await
}
