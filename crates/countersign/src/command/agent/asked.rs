//! A sentence that a language model turns into plans. What our own checks kept from it, and what it claimed, goes on record at the server
//! before anything is proposed; of a conversation that broke off nothing is carried out.

use agent::Event;
use api::types::{ReportLine, ReportRequest, Reported};
use engine::Report;
use plan::Plan;
use spec::Sort;

use super::outcome::{Left, Outcome};
use crate::{
    agent::Agent,
    command::ask::{self, Desk, Helper},
    failure::{Failure, NOT_FOUND},
};

/// The plans that it led to, in its order.
pub(super) async fn plans(
    helper: &mut Helper,
    desk: &Desk<'_>,
    sentence: &str,
    agent: &Agent,
    outcome: &mut Outcome,
) -> Result<Vec<(Plan, Sort)>, Failure> {
    let came = helper.asked(desk, sentence).await?;
    let lines = kept(&came);
    if !lines.is_empty() {
        let report = ReportRequest { asked: model::sanitize(sentence, Report::MAX_TEXT), lines };
        let body = serde_json::to_vec(&report).map_err(Failure::unexpected)?;
        let reported: Reported = agent.send("POST", "/v1/reports", body).await?;
        outcome.kept = report.lines;
        outcome.reported = Some(reported.entry);
    }
    outcome.answer = (!came.answer.is_empty()).then_some(came.answer);
    outcome.said = came.said;
    outcome.left.extend(came.left.into_iter().map(|it| Left { about: it.about, why: it.why }));
    match came.model_failed {
        Some(why) => {
            Err(Failure::new(NOT_FOUND, "CS012", format!("no plan: the model gave no whole answer: {why}"))
                .hint("ask again, or without --model: a closed catalogue is understood then"))
        }
        None => Ok(came.proposed.into_iter().map(|it| (it.plan, it.sort)).collect()),
    }
}

/// What the model wanted and did not get, or said and had no effect.
fn kept(came: &ask::Outcome) -> Vec<ReportLine> {
    let line = |event: &Event| {
        let (outcome, why) = match event {
            Event::Refused { tool, why } => (model::ReportedAs::Refused, format!("{tool}: {why}")),
            Event::Claimed { claim } => {
                (model::ReportedAs::Claimed, format!("{}: {}", claim.of.name(), claim.words))
            }
            Event::TookBack { why } => (model::ReportedAs::Refused, format!("a turn was not taken: {why}")),
            Event::Ended { why } => (model::ReportedAs::Ended, why.clone()),
            Event::Called { .. } | Event::Planned { .. } => return None,
        };
        Some(ReportLine { outcome, why: model::sanitize(&why, Report::MAX_TEXT) })
    };
    came.record.iter().filter_map(line).collect()
}
