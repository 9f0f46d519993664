//! Facts about an action, asked for and understood: the state of its targets, the actions it would carry out in turn,
//! and its inverse. Data decides which reads are needed (`data/observe.toml`, `data/inverse.toml`); a gateway makes
//! them, each admitted like any other, and hands the answers back. Nothing here reads, waits, or decides a verdict.

mod answer;
mod ask;
mod given;
mod inverse;
mod look;
mod marked;
mod observe;
mod path;
mod pins;
mod reads;
mod referring;
mod roles;
mod rule;
mod stack;
mod table;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{
    ActionParts, CapturedUndo, EffectSet, Marks, Observation, Operation, Sought, Tags, Timestamp, Undo, Value,
};

use crate::{call::Call, table::Table};

pub use answer::{ReadAnswer, code as error_code, parse as understood};
pub use look::{Look, look};
pub use roles::Handed;

pub(crate) use given::normalise as given;
pub(crate) use marked::{names_tags, tags_in};
pub(crate) use pins::Pins;
pub(crate) use rule::literal;

use inverse::{Capturing, Undoing};
use look::Looking;
use observe::Observing;
use referring::{Referring, Resolved};
use roles::RoleGathering;
use stack::{SingleGathering, StackGathering};
use tags::Retagging;

/// What a gateway does next.
#[derive(Debug)]
pub enum Progress {
    /// Make these reads and step again with their answers, in this order.
    Read(Vec<Call>),
    Done(Box<Gathered>),
}

/// Everything that was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    pub observation: Option<Observation>,
    /// How the target is looked for again ([`look`]): of one that is there, and without which the action means nothing.
    pub sought: Option<Sought>,
    pub undo: Option<CapturedUndo>,
    /// The union of the inner actions, in place of the outer `execute`; it holds `execute` itself where not all of them
    /// could be listed. `None`: nothing is known beyond the operation.
    pub effects: Option<EffectSet>,
    pub listing: Listing,
    /// References that were resolved: forward these parameters with these values.
    pub pins: Vec<Pin>,
    /// Of the target, as they are.
    pub tags: Tags,
    /// Of an action that is a `privilege` by the roles that it hands over, and by nothing else.
    pub handed: Option<Handed>,
    pub unknowns: Vec<String>,
}

/// How far the actions that the action would carry out in turn are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// It carries out none.
    #[default]
    NotNeeded,
    /// Some are missing, or there is no saying.
    Partial,
    Whole,
}

/// A parameter that names something by a reference, and what it stood for when it was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub parameter: String,
    pub value: String,
    /// A parameter that is left out, because this one says what it stood for.
    pub instead_of: Option<String>,
}

impl Pin {
    fn of(parameter: &str, value: String) -> Self {
        Self { parameter: parameter.to_owned(), value, instead_of: None }
    }
}

const ROUNDS_MAX: u32 = 8;
const CALLS_MAX: usize = 20;

/// One gathering under way.
#[derive(Debug)]
pub struct Gathering {
    now: Timestamp,
    given: Value,
    rounds: u32,
    /// Whether an inverse counts.
    undoable: bool,
    /// Which calls went to whom, so that answers find their way back; equal reads are made once.
    asked: Vec<(Part, Vec<usize>)>,
    observing: Option<Observing>,
    looking: Option<Looking>,
    capturing: Option<Capturing>,
    retagging: Option<Retagging>,
    referring: Option<Referring>,
    stack: Option<StackGathering>,
    single: Option<SingleGathering>,
    roles: Option<RoleGathering>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Observing,
    Looking,
    Capturing,
    Retagging,
    Referring,
    Stack,
    Single,
    Roles,
}

/// `params` is the canonical parse. `None`: no table has an entry for the operation, and there is nothing to learn.
pub fn start(action: &ActionParts, marks: &Marks, params: &Value, now: Timestamp) -> Option<Gathering> {
    let (service, operation, region) =
        (family(&action.operation.service), &action.operation.name, &action.region.0);
    let given = given::normalise(params);
    let gathering = Gathering {
        now,
        rounds: 0,
        undoable: action.undo != Undo::Unlisted,
        asked: Vec::new(),
        observing: Observing::of(service, operation, region, &given),
        looking: Looking::of(service, operation, region, &given),
        capturing: Capturing::of(service, operation, region),
        retagging: Retagging::of(service, operation, region),
        referring: Referring::of(service, operation, region, &given),
        stack: StackGathering::of(service, operation, region, &given),
        single: SingleGathering::of(service, operation, region, &given),
        roles: marks.hands_over.then(|| RoleGathering::of(action, params)),
        given,
    };
    let empty = gathering.observing.is_none()
        && gathering.capturing.is_none()
        && gathering.retagging.is_none()
        && gathering.referring.is_none()
        && gathering.stack.is_none()
        && gathering.single.is_none()
        && gathering.roles.is_none();
    (!empty).then_some(gathering)
}

/// Whether the tables know how to undo the operation; the inverse must still be captured.
pub fn has_inverse(operation: &Operation) -> bool {
    let (service, name) = (family(&operation.service), operation.name.as_str());
    inverse::entry(service, name).is_some()
        || tags::entry(service, name).is_some()
        || stack::has_inverse(service, name)
}

/// Whether an inverse of this call could be captured, as far as what it gives tells: what it finds when it reads decides. `params` is the
/// canonical parse.
pub fn may_capture(operation: &Operation, params: &Value) -> bool {
    let (service, name) = (family(&operation.service), operation.name.as_str());
    match inverse::entry(service, name) {
        Some(entry) => inverse::may_hold(entry, &given::normalise(params)),
        None => has_inverse(operation),
    }
}

/// Purely additive: nothing that exists is changed, and nothing needs undoing.
pub fn is_additive(operation: &Operation) -> bool {
    table::INVERSE.additive.iter().any(|listed| {
        listed.service == family(&operation.service) && table::lists(&listed.operations, &operation.name)
    })
}

/// Whether the operation, with these parameters, takes a protection away (for `context.history`).
pub fn lowers_protection(operation: &Operation, params: &Value) -> bool {
    let given = given::normalise(params);
    let nothing = BTreeMap::new();
    let facts = rule::Facts { given: &given, answers: &nothing };
    table::INVERSE.lowers.iter().any(|listed| {
        listed.service == family(&operation.service)
            && table::lists(&listed.operations, &operation.name)
            && (listed.when.is_empty() || listed.when.iter().any(|condition| facts.holds(condition)))
    })
}

/// DocumentDB and Neptune are addressed through the API of RDS, on its endpoint and in its words.
fn family(service: &str) -> &str {
    match service {
        "docdb" | "neptune" => "rds",
        other => other,
    }
}

impl Gathering {
    /// The template that the gateway itself forwarded when the change set `change_set` (its ARN) was created. Change
    /// sets do not change, so this says the same as reading it back, where the upstream can be read at all.
    #[must_use]
    pub fn knowing_template(mut self, change_set: &str, template: &str) -> Self {
        if let Some(stack) = &mut self.stack {
            stack.know(change_set, template);
        }
        self
    }

    /// First with no answers; then with one for each call of the step before. A missing answer is a failed read.
    pub fn step(&mut self, answers: Vec<ReadAnswer>) -> Progress {
        for (part, places) in std::mem::take(&mut self.asked) {
            let unanswered = || ReadAnswer { status: 0, body: Vec::new(), headers: Vec::new() };
            let own: Vec<ReadAnswer> =
                places.iter().map(|place| answers.get(*place).cloned().unwrap_or_else(unanswered)).collect();
            self.hand(part, &own);
        }
        if self.rounds < ROUNDS_MAX {
            let calls = self.want();
            if !calls.is_empty() {
                self.rounds += 1;
                return Progress::Read(calls);
            }
        }
        Progress::Done(Box::new(self.finish()))
    }

    fn want(&mut self) -> Vec<Call> {
        let wanted = [
            (Part::Observing, self.observing.as_mut().map(|part| part.want(&self.given))),
            (Part::Looking, self.looking.as_mut().map(Looking::want)),
            (Part::Capturing, self.capturing.as_mut().map(|part| part.want(&self.given))),
            (Part::Retagging, self.retagging.as_mut().map(|part| part.want(&self.given))),
            (Part::Referring, self.referring.as_mut().map(Referring::want)),
            (Part::Stack, self.stack.as_mut().map(StackGathering::want)),
            (Part::Single, self.single.as_mut().map(SingleGathering::want)),
            (Part::Roles, self.roles.as_mut().map(RoleGathering::want)),
        ];
        let mut calls: Vec<Call> = Vec::new();
        for (part, own) in wanted {
            let mut places = Vec::new();
            for call in own.unwrap_or_default() {
                let place = calls.iter().position(|other| *other == call).unwrap_or(calls.len());
                if place == calls.len() {
                    calls.push(call);
                }
                places.push(place);
            }
            if !places.is_empty() {
                self.asked.push((part, places));
            }
        }
        // What is cut off is never answered, and so has failed.
        calls.truncate(CALLS_MAX);
        calls
    }

    fn hand(&mut self, part: Part, answers: &[ReadAnswer]) {
        match part {
            Part::Observing => self.observing.as_mut().map(|part| part.take(answers)),
            Part::Looking => self.looking.as_mut().map(|part| part.take(answers)),
            Part::Capturing => self.capturing.as_mut().map(|part| part.take(answers)),
            Part::Retagging => self.retagging.as_mut().map(|part| part.take(answers)),
            Part::Referring => self.referring.as_mut().map(|part| part.take(answers)),
            Part::Stack => self.stack.as_mut().map(|part| part.take(answers)),
            Part::Single => self.single.as_mut().map(|part| part.take(answers)),
            Part::Roles => self.roles.as_mut().map(|part| part.take(answers)),
        };
    }

    fn finish(&self) -> Gathered {
        let mut resolved = self.referring.as_ref().map(Referring::finish).unwrap_or_default();
        if let Some(roles) = &self.roles {
            roles.tell(&mut resolved.projection);
        }
        Gathered {
            handed: self.roles.as_ref().map(RoleGathering::finish),
            sought: self.looking.as_ref().and_then(Looking::finish),
            ..self.found(resolved)
        }
    }

    fn found(&self, resolved: Resolved) -> Gathered {
        if let Some(stack) = &self.stack {
            let (mut gathered, undo) = stack.finish(self.now);
            gathered.refer(resolved);
            gathered.settle(self.counted(undo.map(Ok)));
            return gathered;
        }
        if let Some(single) = &self.single {
            let mut gathered = single.finish(self.now);
            gathered.refer(resolved);
            return gathered;
        }
        let mut gathered = Gathered::default();
        let mut projection = None;
        if let Some(observing) = &self.observing {
            (projection, gathered.unknowns) = observing.finish();
        }
        let captured = self.capturing.as_ref().map(|part| part.finish(&self.given));
        let undo = captured.or_else(|| self.retagging.as_ref().map(|part| part.finish(&self.given)));
        let undo = self.counted(undo);
        if let Some(Ok(undoing)) = &undo {
            projection = Some(projection.unwrap_or_default().with_undo(undoing));
        }
        gathered.unknowns.extend(resolved.unknowns);
        gathered.pins = resolved.pins;
        if !resolved.projection.is_empty() {
            projection = Some(projection.unwrap_or_default().with(resolved.projection));
        }
        gathered.observation = projection.map(|found| found.sealed(self.now, gathered.unknowns.clone()));
        let reads = [
            self.observing.as_ref().map(Observing::reads),
            self.capturing.as_ref().map(Capturing::reads),
            self.retagging.as_ref().map(Retagging::reads),
        ];
        gathered.tags = marked::tags_of(reads.into_iter().flatten());
        gathered.settle(undo);
        gathered
    }

    /// Only our own table has this inverse, where the operation is none that can be undone.
    fn counted(&self, undo: Option<Result<Undoing, String>>) -> Option<Result<Undoing, String>> {
        if self.undoable {
            return undo;
        }
        undo.map(|_| {
            Err("undo not captured: the pinned operation table undoes it otherwise, or not".to_owned())
        })
    }
}

impl Gathered {
    /// What the request refers to besides what was listed of it.
    fn refer(&mut self, resolved: Resolved) {
        let Resolved { projection, pins, unknowns } = resolved;
        self.pins.extend(pins);
        self.unknowns.extend(unknowns);
        if let Some(observation) = self.observation.as_mut().filter(|_| !projection.is_empty()) {
            projection.join(observation);
            observation.unknowns.clone_from(&self.unknowns);
        }
    }

    fn settle(&mut self, undo: Option<Result<Undoing, String>>) {
        match undo.map(|undo| undo.and_then(captured_undo)) {
            Some(Ok(undo)) => self.undo = Some(undo),
            Some(Err(why)) => self.unknowns.push(why),
            None => {}
        }
    }
}

fn captured_undo(undoing: Undoing) -> Result<CapturedUndo, String> {
    let request = crate::call::build(&undoing.call).map_err(|error| format!("undo not captured: {error}"))?;
    let service = Table::shared().service(&undoing.call.service).map_or("", |service| service.signing);
    Ok(CapturedUndo {
        summary: undoing.summary,
        service: service.to_owned(),
        region: undoing.call.region,
        request,
        removes_created: undoing.removes_created,
    })
}
