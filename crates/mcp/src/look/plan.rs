//! Steps for a goal. Which calls follow from it is the planner's alone; here a client's words become one of its goals.

use findings::Finding;
use plan::{Asker, Given, Goal, Kind, Plan, Plans, Which};
use serde_json::{Value, json};

use super::{Held, counted, page::Page, taken};
use crate::{
    Told,
    arguments::PlanQuery,
    backend::{Document, Refusal},
};

const MOST_LEFT: usize = 50;

pub(super) fn answer(held: &Held<'_, '_>, query: &PlanQuery) -> Result<Told, Refusal> {
    let page = Page::of(query.cursor.as_deref(), query.limit)?;
    let goal = match (&query.goal, query.findings.as_slice()) {
        (Some(_), [_, ..]) => return Err(Refusal::usage("give `goal` or `findings`, not both")),
        (Some(goal), []) => goal_of(goal)?,
        (None, []) => return Ok(goals(held)),
        (None, ids) => answering(held, ids)?,
    };
    let Plans { plans, left } = plan::of(&given(held), &goal).map_err(|err| {
        Refusal::new("CS012", "the planner has no plan for it").told(format!("{err}\nhint: {}", err.hint()))
    })?;
    let cut = page.cut(&plans, |plan: &Plan| json!(plan));
    let said = format!(
        "{}, from a snapshot {}{}. {} What is undoable comes first; each is proposed by its `id`, as one change.",
        counted(plans.len(), "plan", "plans"),
        taken(held),
        cut.said(page),
        match left.len() {
            0 => "Nothing that was asked for is left.".to_owned(),
            count => format!("{} no plan (`left` says why).", counted(count, "thing has", "things have")),
        },
    );
    let mut data = Document::from_iter([("goal".to_owned(), json!(goal))]);
    cut.put("plans", &mut data);
    if page.is_first() && !left.is_empty() {
        let left = left.iter().take(MOST_LEFT).map(|one| json!(one));
        data.insert("left".to_owned(), left.collect::<Vec<_>>().into());
    }
    Ok(Told { said, source: "planner", data })
}

/// What a client names, a model names.
pub(super) fn given<'h, 'a>(held: &Held<'h, 'a>) -> Given<'h, 'a> {
    Given {
        snapshot: held.snapshot,
        digest: held.digest,
        report: held.report,
        now: held.report.now,
        before: held.before,
        stale_days: held.parameters.stale_days,
        asker: Asker::Model,
    }
}

fn goal_of(goal: &Document) -> Result<Goal, Refusal> {
    serde_json::from_value(goal.clone().into()).map_err(|err| {
        Refusal::usage(format!("`goal`: {}", model::sanitize(&err.to_string(), 300)))
            .hint(r#"such as {"kind": "clean-up", "of": "all"}; docs/plans.md has every goal as JSON"#)
    })
}

/// The one goal that these findings are a reason for.
fn answering(held: &Held<'_, '_>, ids: &[String]) -> Result<Goal, Refusal> {
    let found = |id: &String| held.report.findings.iter().find(|finding| finding.id == *id);
    let kinds: Option<Vec<Kind>> =
        ids.iter().map(|id| found(id).map(|finding: &Finding| Kind::of(finding.analyzer))).collect();
    let Some(mut kinds) = kinds else {
        return Err(Refusal::usage("there is no such finding").hint("`findings` has their ids"));
    };
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.as_slice() {
        [kind] => Ok(kind.goal(Which::Findings(ids.to_vec()))),
        kinds => {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            Err(Refusal::usage(format!("these findings are for different goals: {}", names.join(", ")))
                .hint("ask for a plan of each kind by itself"))
        }
    }
}

/// What there would be to plan.
fn goals(held: &Held<'_, '_>) -> Told {
    let goals = plan::goals(held.report);
    let said = match goals.len() {
        0 => "The findings are a reason for no goal. `goal` may name one all the same.".to_owned(),
        count => format!(
            "The findings are a reason for {}: ask again with one of them.",
            counted(count, "goal", "goals")
        ),
    };
    let goals: Vec<Value> =
        goals.into_iter().map(|(goal, ids)| json!({ "goal": goal, "findings": ids.len() })).collect();
    Told { said, source: "planner", data: Document::from_iter([("goals".to_owned(), goals.into())]) }
}
