//! From a call to a step: what it does by the operation table, what is looked at around it, how it is taken back.

use std::collections::BTreeMap;

use findings::{GraceState, Judge, Judged, Unjudgeable};
use model::{Effect, EffectSet, sanitize};
use serde_json::{Map, Value};
use snapshot::Resource;

use crate::{
    Call, Check, Comparison, Expectation, Given, Origin, Patience, Step, Undo,
    table::{CheckRow, Filling, Look, Looked, Row, Table, UndoRow, at},
};

/// A call and why; everything else follows from the tables.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// `service:Operation`
    pub(crate) call: String,
    pub(crate) region: String,
    pub(crate) parameters: Value,
    pub(crate) why: String,
    pub(crate) findings: Vec<String>,
}

pub(crate) struct Maker<'g, 's, 'a> {
    pub(crate) given: &'g Given<'s, 'a>,
    judge: Judge,
}

impl<'g, 's, 'a> Maker<'g, 's, 'a> {
    pub(crate) fn new(given: &'g Given<'s, 'a>) -> Self {
        Self { given, judge: Judge::new(given.snapshot.account()) }
    }

    /// What the call would do; an error where the tables do not know it.
    pub(crate) fn judged(&self, call: &Call) -> Result<Judged, Unjudgeable> {
        self.judge.call(&call.service, &call.operation, &call.region, &call.parameters)
    }

    /// Its id is given when its plan is put together.
    pub(crate) fn step(&self, draft: Draft, subject: &Resource<'_>) -> Step {
        let call = call_of(&draft.call, &draft.region, draft.parameters);
        let judged = judged(&self.judge, &call);
        let filling = Filling {
            parameters: &call.parameters,
            subject: Some(subject),
            account: self.given.snapshot.account(),
            was: None,
        };
        let row = Table::shared().row(&draft.call);
        let over = row.is_some_and(|row| row.before.iter().any(|check| check.after_grace))
            && draft.findings.iter().any(|id| self.leads_over_a_mark(id));
        let looks =
            Looks { filling, look: Table::shared().look(subject.kind.as_str()), region: &draft.region, over };
        let (before, after) =
            row.map_or_else(Default::default, |row| (looks.checks(&row.before), looks.checks(&row.after)));
        let judged = judged.map(|judged| as_captured(judged, row, &looks));
        let judged = judged.as_ref();
        Step {
            id: String::new(),
            why: draft.why,
            about: vec![sanitize(subject.id.as_str(), 2048)],
            effects: judged.map_or_else(worst, |judged| judged.effects),
            undoable: judged.is_some_and(|judged| judged.undoable()),
            interrupts: row.and_then(|row| row.interrupts.as_deref()).and_then(|words| filling.words(words)),
            before,
            after,
            undo: undo(judged, row, &looks),
            origin: Origin::Derived { findings: draft.findings },
            call,
        }
    }

    fn leads_over_a_mark(&self, finding: &str) -> bool {
        let of = self.given.report.findings.iter().find(|one| one.id == finding);
        let grace = of.and_then(|one| one.grace.as_ref());
        grace.is_some_and(|grace| match grace.state {
            GraceState::Marked { .. } | GraceState::Over { .. } => true,
            GraceState::NotMarked | GraceState::UsedAgain { .. } => false,
        })
    }
}

pub(crate) fn call_of(operation: &str, region: &str, parameters: Value) -> Call {
    let (service, operation) = operation.split_once(':').unwrap_or(("", operation));
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: region.to_owned(),
        parameters,
    }
}

pub(crate) fn judged(judge: &Judge, call: &Call) -> Option<Judged> {
    judge.call(&call.service, &call.operation, &call.region, &call.parameters).ok()
}

/// What counts where nothing is known.
pub(crate) fn worst() -> EffectSet {
    Effect::ALL.into_iter().fold(EffectSet::of(Effect::Destroy), EffectSet::with)
}

/// Whether the tables have this call as what takes the other back, with the other's own values in it. What it was before is anybody's
/// guess here.
pub(crate) fn is_inverse(inverse: &Call, of: &Call) -> bool {
    let row = Table::shared().row(&format!("{}:{}", of.service, of.operation));
    let named = format!("{}:{}", inverse.service, inverse.operation);
    let filling = Filling { parameters: &of.parameters, subject: None, account: "", was: None };
    row.is_some_and(|row| {
        row.undo.iter().any(|undo| {
            undo.call == named
                && covers(undo, &of.parameters)
                && filling.fits(&toml::Value::Table(undo.with.clone()), &inverse.parameters)
        })
    })
}

/// What puts back some of what a call changes puts nothing back: it counts only where it names everything that is given.
fn covers(undo: &UndoRow, given: &Value) -> bool {
    undo.whole || given.as_object().is_none_or(|given| given.keys().all(|name| undo.with.contains_key(name)))
}

/// The engine captures an inverse of what scales out, and none of what scales in: such a step counts as one that cannot be undone, as a server
/// counts it, whether the planner knows what puts it back or not.
fn as_captured(judged: Judged, row: Option<&Row>, looks: &Looks<'_>) -> Judged {
    let scales_in = judged.undo == model::Undo::Capturable
        && row.is_some_and(|row| {
            row.lowers.iter().any(|(given, was)| {
                let given = looks.filling.operand(given);
                given.is_some_and(|given| lessens(&given, looks.filling.operand(was).as_ref()))
            })
        });
    if scales_in { uncaptured(judged) } else { judged }
}

/// Whether less is given than it was. Where one of them is not known to be a number, it may be less.
fn lessens(given: &Value, was: Option<&Value>) -> bool {
    number(given).zip(was.and_then(number)).is_none_or(|(given, was)| given < was)
}

/// A number, also one that is sent as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Nothing puts it back but a call of the planner's own, and a server counts it as destroyed.
fn uncaptured(judged: Judged) -> Judged {
    Judged { effects: judged.effects.with(Effect::Destroy), undo: model::Undo::Unlisted, ..judged }
}

/// What the tables say of a step's call, where its own inverse shows that it scales in, or it says that it has none.
pub(crate) fn as_undone(judged: Judged, step: &Step) -> Judged {
    let calls = match &step.undo {
        Undo::Calls(calls) => calls.as_slice(),
        Undo::Impossible(_) => &[],
        Undo::Captured | Undo::NotNeeded(_) => return judged,
    };
    let row = Table::shared().row(&format!("{}:{}", step.call.service, step.call.operation));
    let scales_in = judged.undo == model::Undo::Capturable
        && row.is_some_and(|row| {
            row.lowers.iter().filter_map(|(given, _)| given.strip_prefix('$')).any(|path| {
                let of = |call: &Call| at(&call.parameters, path).cloned();
                let back = calls.iter().find_map(of);
                let known = back.is_some() || calls.is_empty();
                of(&step.call).is_some_and(|given| known && lessens(&given, back.as_ref()))
            })
        });
    if scales_in { uncaptured(judged) } else { judged }
}

/// The engine's own inverse where it captures one; else the planner's.
fn undo(judged: Option<&Judged>, row: Option<&Row>, looks: &Looks<'_>) -> Undo {
    match judged.map(|judged| judged.undo) {
        Some(model::Undo::NotNeeded) => return Undo::NotNeeded("it reads".into()),
        Some(model::Undo::Additive) => {
            return Undo::NotNeeded(
                "it adds something that harms nobody, and changes nothing that is there".into(),
            );
        }
        Some(model::Undo::Capturable) => return Undo::Captured,
        Some(model::Undo::Unlisted) | None => {}
    }
    let calls = row.into_iter().flat_map(|row| &row.undo).find_map(|undo| looks.undo(undo));
    if let Some(call) = calls {
        return Undo::Calls(vec![call]);
    }
    let why = row.and_then(|row| row.impossible.clone());
    let lacks = row.is_some_and(|row| !row.undo.is_empty());
    Undo::Impossible(why.unwrap_or_else(|| {
        if lacks {
            "what it was before is not in the snapshot, or no one call puts all of it back".into()
        } else {
            "the operation table knows no inverse, and neither does the planner".into()
        }
    }))
}

#[derive(Clone, Copy)]
struct Looks<'f> {
    filling: Filling<'f>,
    look: Option<&'f Look>,
    region: &'f str,
    /// The step comes at the end of a grace.
    over: bool,
}

impl Looks<'_> {
    fn undo(&self, row: &UndoRow) -> Option<Call> {
        if !covers(row, self.filling.parameters) {
            return None;
        }
        if let Some(needs) = &row.needs {
            self.filling.operand(needs)?;
        }
        Some(call_of(&row.call, self.region, self.filling.members(&row.with)?))
    }

    fn checks(&self, rows: &[CheckRow]) -> Vec<Check> {
        rows.iter().flat_map(|row| self.each(row)).collect()
    }

    /// One check, or one for each part of a parameter.
    fn each(&self, row: &CheckRow) -> Vec<Check> {
        let Some(of) = &row.each else { return self.check(row).into_iter().collect() };
        let parts = self.filling.operand(of).map(|given| parts(&given)).unwrap_or_default();
        let one = |part: &Value| {
            let told = Value::from(told(part));
            let filling = Filling { was: Some(&told), ..self.filling };
            let mut check = Looks { filling, ..*self }.check(row)?;
            if let Expectation::All { is, .. } | Expectation::Any { is, .. } | Expectation::None { is, .. } =
                &mut check.expect
            {
                *is = Comparison::Has(part.clone());
            }
            Some(check)
        };
        parts.iter().filter_map(one).collect()
    }

    /// `None` where something that it takes is not known.
    fn check(&self, row: &CheckRow) -> Option<Check> {
        if row.after_grace && !self.over {
            return None;
        }
        if let Some(needs) = &row.needs {
            self.filling.operand(needs)?;
        }
        let is = |(operand, value): &(String, toml::Value)| {
            self.filling.operand(operand).is_some_and(|own| self.filling.fits(value, &own))
        };
        if row.only.as_ref().is_some_and(|only| !is(only)) || row.unless.as_ref().is_some_and(is) {
            return None;
        }
        let (read, with, under, absent) = match (row.look, &row.read) {
            (Some(Looked::Tags), _) => {
                let look = self.look?;
                let tags = look.tags.as_deref()?;
                match &look.tags_read {
                    Some(read) => (read, &look.tags_with, tags.to_owned(), None),
                    None => (&look.read, &look.with, join(&look.under, tags), None),
                }
            }
            (Some(Looked::There), _) => {
                let look = self.look?;
                (&look.read, &look.with, look.under.clone(), None)
            }
            (Some(Looked::Gone), _) => {
                let look = self.look?;
                (&look.read, &look.with, look.under.clone(), Some(look.absent.clone()))
            }
            (None, Some(read)) => (read, &row.with, String::new(), row.absent.clone()),
            (None, None) => return None,
        };
        let by_key = row.look == Some(Looked::Tags) && self.look.is_some_and(|look| look.tags_by_key);
        let key = row.equals.as_ref().and_then(toml::Value::as_str).filter(|_| by_key);
        let path = |own: &str| join(&under, key.unwrap_or(own));
        let compared = || match key {
            // A member of that name, whatever its value.
            Some(_) => Some(Comparison::Not(Value::from(""))),
            None => self.comparison(row),
        };
        let expect = match (&row.all, &row.any, &row.none, absent) {
            (Some(own), ..) => Expectation::All { path: path(own), is: compared()? },
            (_, Some(own), ..) => Expectation::Any { path: path(own), is: compared()? },
            (_, _, Some(own), _) => Expectation::None { path: path(own), is: compared()? },
            (.., Some(codes)) => Expectation::Absent {
                codes,
                path: match (&row.gone, row.look) {
                    (Some(gone), _) => Some(gone.clone()),
                    (None, Some(_)) => Some(under),
                    (None, None) => None,
                },
            },
            (None, None, None, None) => Expectation::Answers,
        };
        Some(Check {
            id: String::new(),
            verifies: self.filling.words(&row.verifies)?,
            read: call_of(read, self.region, self.filling.members(with)?),
            expect,
            patience: Patience { again: row.again, every_s: row.every_s },
        })
    }

    fn comparison(&self, row: &CheckRow) -> Option<Comparison> {
        let fill = |value: &toml::Value| self.filling.value(value).flatten();
        if let Some(value) = &row.equals {
            return fill(value).map(Comparison::Equals);
        }
        if let Some(value) = &row.not {
            return fill(value).map(Comparison::Not);
        }
        if let Some(value) = &row.at_least {
            return fill(value)?.as_i64().map(Comparison::AtLeast);
        }
        if row.each.is_some() {
            return Some(Comparison::Has(Value::Null));
        }
        row.one_of.clone().map(Comparison::OneOf)
    }
}

/// What a list of objects says, item by item of each list within: a rule for one network, of a rule for several.
fn parts(value: &Value) -> Vec<Value> {
    let Value::Array(items) = value else { return vec![value.clone()] };
    let mut all = Vec::new();
    for item in items {
        let Some(members) = item.as_object() else {
            all.push(item.clone());
            continue;
        };
        let lists: Vec<(&String, &Vec<Value>)> =
            members.iter().filter_map(|(name, inner)| Some((name, inner.as_array()?))).collect();
        let plain = members.iter().filter(|(_, inner)| !inner.is_array());
        let plain: Map<String, Value> = plain.map(|(name, inner)| (name.clone(), inner.clone())).collect();
        let mut some = false;
        for (name, inner) in lists {
            for one in inner {
                some = true;
                let mut part = plain.clone();
                part.insert(name.clone(), Value::Array(vec![one.clone()]));
                all.push(Value::Object(part));
            }
        }
        if !some {
            all.push(Value::Object(plain));
        }
    }
    all
}

/// Its members by name, in words.
fn told(part: &Value) -> String {
    match part {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, String> =
                members.iter().map(|(name, inner)| (name, told(inner))).collect();
            sorted.iter().map(|(name, inner)| format!("{name} {inner}")).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn join(one: &str, other: &str) -> String {
    [one, other].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_less_counts_as_less() {
        let check = |given: Value, was: Option<Value>, less: bool| {
            assert_eq!(lessens(&given, was.as_ref()), less, "{given} of {was:?}");
        };
        check(json!(3), Some(json!(6)), true);
        check(json!(6), Some(json!(6)), false);
        check(json!(8), Some(json!(6)), false);
        check(json!("3"), Some(json!(6)), true);
        check(json!("8"), Some(json!(6)), false);
        check(json!("few"), Some(json!(6)), true);
        check(json!(2.5), Some(json!(2)), true);
        check(json!([8]), Some(json!(6)), true);
        check(json!(8), Some(json!("many")), true);
        check(json!(8), None, true);
    }
}
