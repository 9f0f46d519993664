//! Whether a plan that was read from a file is fit to be carried out. What it says of itself counts for nothing: every call is judged by
//! the operation table again, and a plan that claims less than that is no plan.

use std::collections::BTreeSet;

use classify_aws::call::Call as Wire;
use findings::Judge;
use model::{EffectSet, Value};

use crate::{Call, Check, Plan, SCHEMA, Undo};

/// Steps of one plan, checks of one step, calls that take one back.
const MOST_STEPS: usize = 200;
const MOST_CHECKS: usize = 20;
const MOST_INVERSES: usize = 20;
/// Seconds for which an answer may be wrong.
const LONGEST_PATIENCE_S: u64 = 3600;
const LONGEST_TEXT: usize = 4000;
const MOST_PARAMETERS: usize = 65_536;

/// Why a plan is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("its schema is not {SCHEMA}")]
    Schema,
    #[error("it has {0} steps; a plan has 1 to {MOST_STEPS}")]
    Steps(usize),
    #[error("step {0}: {1}")]
    Step(String, String),
    #[error("step {step}: it says that it does {said}, and by the operation table it does {is}")]
    Effects { step: String, said: EffectSet, is: EffectSet },
    #[error("check {check} of step {step} is no plain read: by the operation table it does {is}")]
    NoRead { step: String, check: String, is: EffectSet },
}

/// # Errors
/// The first thing that is wrong.
pub fn fit(plan: &Plan) -> Result<(), Unfit> {
    if plan.schema != SCHEMA {
        return Err(Unfit::Schema);
    }
    if plan.steps.is_empty() || plan.steps.len() > MOST_STEPS {
        return Err(Unfit::Steps(plan.steps.len()));
    }
    let judge = Judge::new(&plan.basis.account);
    let (mut steps, mut checks) = (BTreeSet::new(), BTreeSet::new());
    for step in &plan.steps {
        let named = model::sanitize(&step.id, 40);
        let wrong = |why: &str| Err(Unfit::Step(named.clone(), why.to_owned()));
        if step.id.is_empty()
            || step.id.len() > 20
            || step.id.contains(|it: char| !it.is_ascii_digit() && it != '.')
        {
            return wrong("its id is no number of a task");
        }
        if !steps.insert(&step.id) {
            return wrong("another has the same id");
        }
        if step.why.len() > LONGEST_TEXT {
            return wrong("its reason is too long");
        }
        if step.before.len().max(step.after.len()) > MOST_CHECKS {
            return wrong("it has too many checks");
        }
        let is = of(&judge, &step.call).map_err(|why| Unfit::Step(named.clone(), why))?;
        if step.effects.union(is) != step.effects {
            return Err(Unfit::Effects { step: named, said: step.effects, is });
        }
        if let Undo::Calls(calls) = &step.undo {
            if calls.len() > MOST_INVERSES {
                return wrong("it is taken back by too many calls");
            }
            for call in calls {
                of(&judge, call).map_err(|why| Unfit::Step(named.clone(), why))?;
            }
        }
        for check in step.before.iter().chain(&step.after) {
            if check.id.is_empty()
                || check.id.len() > 64
                || check.id.contains(|it: char| !it.is_ascii_lowercase() && !it.is_ascii_digit() && it != '-')
            {
                return wrong("a check's id is not of small letters, digits and hyphens");
            }
            if waits(check) > LONGEST_PATIENCE_S {
                return wrong("a check waits for more than an hour");
            }
            let is = of(&judge, &check.read).map_err(|why| Unfit::Step(named.clone(), why))?;
            if !is.is_plain_read() {
                return Err(Unfit::NoRead { step: named, check: check.id.clone(), is });
            }
        }
        // A check may stand before and after the same step, and nowhere else.
        let own: BTreeSet<_> = step.before.iter().chain(&step.after).map(|check| &check.id).collect();
        if !own.iter().all(|id| checks.insert(*id)) {
            return wrong("one of its checks has the id of another step's");
        }
    }
    Ok(())
}

fn waits(check: &Check) -> u64 {
    u64::from(check.patience.again).saturating_mul(u64::from(check.patience.every_s))
}

/// What a call does by the operation table.
fn of(judge: &Judge, wanted: &Call) -> Result<EffectSet, String> {
    if wanted.parameters.to_string().len() > MOST_PARAMETERS {
        return Err("its parameters are too long".to_owned());
    }
    let judged = judge.call(&wanted.service, &wanted.operation, &wanted.region, &wanted.parameters);
    judged.map(|it| it.effects).map_err(|err| model::sanitize(&err.to_string(), 300))
}

impl Call {
    /// As it is made into a request.
    pub fn wire(&self) -> Wire {
        Wire {
            service: self.service.clone(),
            operation: self.operation.clone(),
            region: self.region.clone(),
            parameters: value(&self.parameters),
        }
    }
}

/// `serde_json` bounds the depth of what was parsed.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Number(number.to_string()), Value::Int)
        }
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => Value::List(items.iter().map(value).collect()),
        serde_json::Value::Object(members) => {
            Value::map(members.iter().map(|(name, inner)| (name.as_str(), value(inner))))
        }
    }
}
