//! From a call to a step: what it does by the operation table, what is looked at around it, how it is taken back.

use findings::{Judge, Judged, Unjudgeable};
use model::{Effect, EffectSet, sanitize};
use serde_json::Value;
use snapshot::Resource;

use crate::{
    Call, Check, Comparison, Expectation, Given, Origin, Patience, Step, Undo,
    table::{CheckRow, Filling, Look, Looked, Row, Table, UndoRow},
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
        let judged = judged.as_ref();
        let filling = Filling {
            parameters: &call.parameters,
            subject: Some(subject),
            account: self.given.snapshot.account(),
            was: None,
        };
        let row = Table::shared().row(&draft.call);
        let looks =
            Looks { filling, look: Table::shared().look(subject.kind.as_str()), region: &draft.region };
        let (before, after) =
            row.map_or_else(Default::default, |row| (looks.checks(&row.before), looks.checks(&row.after)));
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
            "what it was before is not in the snapshot".into()
        } else {
            "the operation table knows no inverse, and neither does the planner".into()
        }
    }))
}

struct Looks<'f> {
    filling: Filling<'f>,
    look: Option<&'f Look>,
    region: &'f str,
}

impl Looks<'_> {
    fn undo(&self, row: &UndoRow) -> Option<Call> {
        if let Some(needs) = &row.needs {
            self.filling.operand(needs)?;
        }
        Some(call_of(&row.call, self.region, self.filling.members(&row.with)?))
    }

    fn checks(&self, rows: &[CheckRow]) -> Vec<Check> {
        rows.iter().filter_map(|row| self.check(row)).collect()
    }

    /// `None` where something that it takes is not known.
    fn check(&self, row: &CheckRow) -> Option<Check> {
        if let Some(needs) = &row.needs {
            self.filling.operand(needs)?;
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
        row.one_of.clone().map(Comparison::OneOf)
    }
}

fn join(one: &str, other: &str) -> String {
    [one, other].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}
