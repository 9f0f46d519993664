//! The faces of the agent that people have here: what a sentence would come to, the plan for a finding, what the agent has specified and
//! carried out. They show and compute, beside the requests and one at a time; nothing is asked for, started or changed, and no
//! credential of an agent is in reach.

use std::sync::Arc;

use agent::{Law, Rules};
use api::ApiError;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use model::Timestamp;
use policy::Bundle;

use crate::{
    estate::Seen,
    pages::{
        ask::{self, AskPage},
        plan::{self, PlanPage, Sought},
        render,
        runs::{Row, RunPage, Runs},
    },
    routes::{Call, Refused},
    shelf::Read,
    text::{Shown, quoted},
};

pub(crate) async fn ask(call: Call) -> Result<Response, Refused> {
    let (seen, now) = (call.estate().seen(), call.now()?);
    let frame = call.frame("Ask").await?;
    let given = call.query.get("sentence").map(String::as_str).unwrap_or_default();
    let sentence = match ask::sentence(given) {
        Ok(sentence) => sentence,
        Err(why) => {
            let page = AskPage::empty(frame, &seen, "", Some(why), now);
            return Ok((StatusCode::BAD_REQUEST, render(&page)).into_response());
        }
    };
    if sentence.is_empty() || !matches!(*seen, Seen::Read(_)) {
        return Ok(render(&AskPage::empty(frame, &seen, &sentence, None, now)));
    }
    let bundle = call.engine().bundle();
    let answered = move || {
        let Seen::Read(analysed) = &*seen else {
            return render(&AskPage::empty(frame, &seen, &sentence, None, now));
        };
        let asked = analysed.whole(now, |facts, given| agent::asked(&sentence, facts, given));
        let asked = asked.map_err(|err| format!("The snapshot cannot be read now: {err}"));
        render(&AskPage::of(frame, &seen, &sentence, asked, constitution(&bundle, now)))
    };
    call.apart(answered).await
}

pub(crate) async fn plan(call: Call) -> Result<Response, Refused> {
    let (seen, now) = (call.estate().seen(), call.now()?);
    let frame = call.frame("Findings").await?;
    let id = call.query.get("finding").cloned().unwrap_or_default();
    if id.len() > plan::MOST {
        let wrong = ("that is no finding's id".to_owned(), format!("an id has at most {} bytes", plan::MOST));
        let page = PlanPage::empty(frame, &seen, Some(wrong), now);
        return Ok((StatusCode::BAD_REQUEST, render(&page)).into_response());
    }
    if id.is_empty() || !matches!(*seen, Seen::Read(_)) {
        return Ok(render(&PlanPage::empty(frame, &seen, None, now)));
    }
    let bundle = call.engine().bundle();
    let answered = move || {
        let Seen::Read(analysed) = &*seen else {
            return render(&PlanPage::empty(frame, &seen, None, now));
        };
        match analysed.whole(now, |_, given| Sought::of(&id, given)) {
            Ok(sought) => render(&PlanPage::of(frame, &seen, &id, &sought, constitution(&bundle, now))),
            Err(err) => {
                let wrong = ("the snapshot cannot be read now".to_owned(), err.to_string());
                render(&PlanPage::empty(frame, &seen, Some(wrong), now))
            }
        }
    };
    call.apart(answered).await
}

/// Who looks proposes nothing: no agent's grants are asked.
fn constitution(bundle: &Bundle, now: Timestamp) -> Rules<'_> {
    Rules { bundle, now, law: Law::Constitution }
}

pub(crate) async fn runs(call: Call) -> Result<Response, Refused> {
    let frame = call.frame("Runs").await?;
    let Some(shelf) = call.shelf().map(Arc::clone) else {
        let page = Runs { frame, place: None, wrong: None, rows: Vec::new(), more: 0 };
        return Ok(render(&page));
    };
    let Some(name) = call.query.get("spec").cloned() else {
        let looked = move || {
            let place = Some(Shown::of(shelf.place()));
            let page = match shelf.look() {
                Ok((folders, more)) => {
                    let rows = folders.into_iter().map(|it| Row::of(&Read::of(it))).collect();
                    Runs { frame, place, wrong: None, rows, more }
                }
                Err(why) => Runs { frame, place, wrong: Some(Shown::of(why)), rows: Vec::new(), more: 0 },
            };
            render(&page)
        };
        return call.apart(looked).await;
    };
    let looked = move || {
        let read = Read::of(shelf.folder(&name)?);
        let place = quoted(&format!("{}/{}", shelf.place(), read.name));
        Some(render(&RunPage::of(frame, &read, place.as_ref())))
    };
    let found = call.apart(looked).await?;
    Ok(found.ok_or_else(|| ApiError::not_found("no specification of that name lies there"))?)
}

#[cfg(test)]
mod tests;
