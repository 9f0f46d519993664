//! Calls of a client's own, derived again: those that the planner would take from the snapshot, in whole sequences, and those that are nobody's
//! word but the client's. As for our own agent's model.

use plan::{Call, Origin, Proposed};
use serde_json::json;

use super::{Held, plan::given};
use crate::{
    Told,
    backend::{Action, Document},
};

/// `why`: for each action in its order, why it is marked, or null. `region`: the one in which those that say none were judged, or null.
pub(super) fn answer(held: &Held<'_, '_>, actions: &[Action]) -> Told {
    let mut regions = held.snapshot.regions();
    let only = match (regions.next(), regions.next()) {
        (Some(one), None) => Some(one.to_owned()),
        _ => None,
    };
    let proposed: Option<Vec<Proposed>> = actions
        .iter()
        .map(|action| {
            let Action { service, operation, region, parameters, .. } = action.clone();
            let call = Call {
                service,
                operation,
                region: region.or_else(|| only.clone())?,
                parameters: parameters.into(),
            };
            Some(Proposed { call, why: String::new() })
        })
        .collect();
    let steps = match proposed {
        None => Err("which region it is in is not said".to_owned()),
        Some(proposed) => plan::rederive(&given(held), &[], &proposed).map_err(|refused| refused.to_string()),
    };
    let why: Vec<Option<String>> = match steps {
        Ok(steps) => steps
            .into_iter()
            .map(|step| match step.origin {
                Origin::Derived { .. } => None,
                Origin::Unverified { why } => Some(why),
            })
            .collect(),
        Err(why) => actions.iter().map(|_| Some(why.clone())).collect(),
    };
    let data = Document::from_iter([("why".to_owned(), json!(why)), ("region".to_owned(), json!(only))]);
    Told { said: String::new(), source: "planner", data }
}
