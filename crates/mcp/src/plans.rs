//! Plans that were made, by id, so that one can be proposed without being written out again. A few, in memory; who comes back for one that
//! is gone makes it anew, and gets the same id.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::backend::{Action, Document};

const KEPT: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Plans {
    kept: Mutex<VecDeque<(String, Vec<Action>)>>,
}

impl Plans {
    /// Of a `countersign.plan/v1`; what is none is not kept.
    pub(crate) fn keep(&self, plan: &Document) {
        let Some(id) = plan.get("id").and_then(|id| id.as_str()) else { return };
        let steps = plan.get("steps").and_then(|steps| steps.as_array());
        let calls = steps.into_iter().flatten().filter_map(|step| step.get("call").cloned());
        let Ok(actions) = calls.map(serde_json::from_value).collect::<Result<Vec<Action>, _>>() else {
            return;
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(own, _)| own != id);
        kept.push_back((id.to_owned(), actions));
        while kept.len() > KEPT {
            kept.pop_front();
        }
    }

    pub(crate) fn actions(&self, id: &str) -> Option<Vec<Action>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(own, _)| own == id).map(|(_, actions)| actions.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_few_are_kept_and_what_is_no_plan_is_not() {
        let plan = |id: usize| {
            let call = json!({ "service": "ec2", "operation": "CreateTags", "region": "us-east-1", "parameters": {} });
            let plan = json!({ "id": format!("plan {id}"), "steps": [{ "call": call }] });
            plan.as_object().cloned().unwrap()
        };
        let plans = Plans::default();
        (0..=KEPT).for_each(|id| plans.keep(&plan(id)));
        plans.keep(&plan(1));
        plans.keep(&Document::new());
        assert_eq!(plans.actions("plan 0"), None);
        assert_eq!(plans.actions("plan 1").map(|actions| actions.len()), Some(1));
        assert_eq!(plans.kept.lock().unwrap().len(), KEPT);
    }
}
