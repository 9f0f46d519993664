//! How dangerous a remedy is: each of its operations is made into the request that an SDK would send, and classified like
//! everyone else's. What cannot be built or is in no table counts as the worst.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use classify_aws::{
    call::{self, BuildError, Call},
    classify::{self, Classified, Target, Terms},
    gather,
    table::Table,
};
use model::{Account, Action, Effect, EffectSet, Kind, Partition, Undo, Value};
use serde::Serialize;

use crate::{Step, draft::StepDraft};

/// Of all steps together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Danger {
    pub effects: EffectSet,
    /// Every step can be undone, or needs no undoing.
    pub undoable: bool,
}

impl Danger {
    /// Of what proposes nothing.
    pub(crate) const NONE: Self = Self { effects: EffectSet::of(Effect::Read), undoable: true };

    pub(crate) fn of(steps: &[Step]) -> Self {
        let effects = steps.iter().map(|step| step.effects).reduce(EffectSet::union);
        Self {
            effects: effects.unwrap_or(Self::NONE.effects),
            undoable: steps.iter().all(|step| step.undoable),
        }
    }

    pub fn destroys(&self) -> bool {
        self.effects.contains(Effect::Destroy)
    }
}

/// What one call would do, by the operation table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub effects: EffectSet,
    /// What undoing it takes, as far as the tables know before anything is read.
    pub undo: Undo,
    /// What it names, as the request says it: a name, an id, an ARN; `*` where it does not say.
    pub resources: Vec<String>,
    /// Of what kinds that is, as rules know them.
    pub kinds: BTreeSet<Kind>,
}

impl Judged {
    /// It can be undone, or needs no undoing.
    pub fn undoable(&self) -> bool {
        self.undo != Undo::Unlisted && !self.effects.contains(Effect::Destroy)
    }
}

/// Why a call cannot be judged: it counts as the worst.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unjudgeable {
    #[error("{0}")]
    NotBuilt(#[from] BuildError),
    #[error("{0}")]
    NotClassified(String),
}

/// Judges steps; what differs only in whom it names is judged once.
#[derive(Debug)]
pub struct Judge {
    target: Target,
    terms: Terms,
    known: RefCell<BTreeMap<String, (EffectSet, bool)>>,
}

impl Judge {
    pub fn new(account: &str) -> Self {
        let target = Target::new(Partition("aws".into()), Account(account.to_owned()));
        Self { target, terms: Terms::default(), known: RefCell::default() }
    }

    /// `names`: what the step may call the resource that it is about.
    pub(crate) fn step(&self, draft: StepDraft, names: &[&str], region: &str) -> Step {
        let key = format!("{}:{} {}", draft.service, draft.operation, shape(&draft.parameters, names));
        let known = self.known.borrow().get(&key).copied();
        let (effects, undoable) = known.unwrap_or_else(|| {
            let judged = self.judge(&draft, region).unwrap_or((worst(), false));
            self.known.borrow_mut().insert(key, judged);
            judged
        });
        let StepDraft { service, operation, parameters, why, scales_in } = draft;
        // As a server counts it, which sees how many there are.
        let (effects, undoable) =
            if scales_in { (effects.with(Effect::Destroy), false) } else { (effects, undoable) };
        Step {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: region.to_owned(),
            parameters,
            why,
            effects,
            undoable,
        }
    }

    fn judge(&self, draft: &StepDraft, region: &str) -> Option<(EffectSet, bool)> {
        let judged = self.call(draft.service, draft.operation, region, &draft.parameters).ok()?;
        Some((judged.effects, judged.undoable()))
    }

    /// What this call would do: made into the request that an SDK would send, and classified like everyone else's.
    ///
    /// # Errors
    /// Where it cannot be built, or is in no table.
    pub fn action(
        &self,
        service: &str,
        operation: &str,
        region: &str,
        parameters: &serde_json::Value,
    ) -> Result<Action, Unjudgeable> {
        Ok(self.classified(service, operation, region, parameters)?.action)
    }

    fn classified(
        &self,
        service: &str,
        operation: &str,
        region: &str,
        parameters: &serde_json::Value,
    ) -> Result<Classified, Unjudgeable> {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: region.to_owned(),
            parameters: canonical(parameters),
        };
        let request = call::build(&call)?;
        let signing = Table::shared().service(service).map_or("", |service| service.signing);
        classify::classify(request, signing, region, &self.target, &self.terms)
            .map_err(|err| Unjudgeable::NotClassified(err.to_string()))
    }

    /// What it would do, and what undoing it takes, as far as the tables know.
    ///
    /// # Errors
    /// As [`Judge::action`].
    pub fn call(
        &self,
        service: &str,
        operation: &str,
        region: &str,
        parameters: &serde_json::Value,
    ) -> Result<Judged, Unjudgeable> {
        let classified = self.classified(service, operation, region, parameters)?;
        let parts = classified.action.parts();
        let given = classified.params;
        // The table has an inverse for the operation, and none for what is given here: it is not captured.
        let lost = parts.undo == Undo::Capturable && !gather::may_capture(&parts.operation, &given);
        let undo = if lost { Undo::Unlisted } else { parts.undo };
        // Where nothing could put it back, the gateway counts it as destroyed (SPECIFICATION.md, promise 12).
        let effects =
            if undo == Undo::Unlisted { parts.effects.with(Effect::Destroy) } else { parts.effects };
        let resources = parts.resources.iter().map(|resource| resource.name.clone()).collect();
        let kinds = parts.resources.iter().map(|resource| resource.kind.clone()).collect();
        Ok(Judged { effects, undo, resources, kinds })
    }
}

/// What counts where nothing is known.
pub(crate) fn worst() -> EffectSet {
    Effect::ALL.into_iter().fold(EffectSet::of(Effect::Destroy), EffectSet::with)
}

/// The parameters without the names in them: rules read members, numbers and switches. Every other text may be a setting, and counts.
fn shape(value: &serde_json::Value, names: &[&str]) -> String {
    match value {
        serde_json::Value::String(text) if is_name(text, names) => "…".to_owned(),
        serde_json::Value::String(text) => format!("{text:?}"),
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| shape(item, names)).collect::<Vec<_>>().join(","))
        }
        serde_json::Value::Object(members) => {
            let all: BTreeMap<_, _> =
                members.iter().map(|(name, inner)| (name, shape(inner, names))).collect();
            format!("{all:?}")
        }
        other => other.to_string(),
    }
}

/// A short name could stand in any setting; then it is taken for one.
fn is_name(text: &str, names: &[&str]) -> bool {
    const SHORT: usize = 8;
    names.iter().any(|name| text == *name || (name.len() > SHORT && text.contains(name)))
}

/// JSON as the canonical form of parameters.
pub fn canonical(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Number(number.to_string()), Value::Int)
        }
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => Value::List(items.iter().map(canonical).collect()),
        serde_json::Value::Object(members) => {
            Value::map(members.iter().map(|(name, inner)| (name.as_str(), canonical(inner))))
        }
    }
}
