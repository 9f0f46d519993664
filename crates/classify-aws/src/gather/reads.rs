//! The reads that table entries ask for: which can be made now, which wait for another's answer, and what came back.

use std::collections::BTreeMap;

use model::Value;

use crate::call::Call;

use super::{
    answer::{self, Answer, ReadAnswer},
    ask, path,
    rule::{Facts, Missing},
    table::ReadSpec,
};

#[derive(Debug)]
pub(super) struct Reads {
    service: String,
    region: String,
    pending: Vec<ReadSpec>,
    asked: Vec<(ReadSpec, Vec<(String, String)>)>,
    done: Vec<ReadSpec>,
    answers: BTreeMap<String, Answer>,
}

impl Reads {
    pub(super) fn new(service: &str, region: &str, specs: &[ReadSpec]) -> Self {
        Self {
            service: service.to_owned(),
            region: region.to_owned(),
            pending: specs.to_vec(),
            asked: Vec::new(),
            done: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    pub(super) const fn answers(&self) -> &BTreeMap<String, Answer> {
        &self.answers
    }

    /// In the order of the table; reads left out by their conditions are not among them.
    pub(super) fn done(&self) -> &[ReadSpec] {
        &self.done
    }

    /// What can be asked now. Nothing: all is answered (or can never be asked).
    pub(super) fn want(&mut self, given: &Value) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut waiting = Vec::new();
        for spec in std::mem::take(&mut self.pending) {
            if spec.when.iter().any(|condition| self.waits(condition)) {
                waiting.push(spec);
                continue;
            }
            let facts = Facts { given, answers: &self.answers };
            if !facts.all_hold(&spec.when) {
                continue;
            }
            match facts.fill(&spec.with) {
                Ok(members) => {
                    let service = spec.service.as_deref().unwrap_or(&self.service);
                    calls.push(ask::call(service, &spec.call, &self.region, members));
                    let only = spec.only.iter().map(|(member, operand)| {
                        let wanted = facts.resolve(operand).ok().as_ref().and_then(path::scalar);
                        (member.clone(), wanted.unwrap_or_default())
                    });
                    let only = only.collect();
                    self.asked.push((spec, only));
                }
                Err(Missing::Yet) => waiting.push(spec),
                Err(Missing::Never) => {
                    let answer = if self.builds_on_absence(&spec) {
                        Answer::Absent
                    } else {
                        Answer::Failed("the request does not say of what".to_owned())
                    };
                    self.answers.insert(spec.name().to_owned(), answer);
                    self.done.push(spec);
                }
            }
        }
        // What still waits when nothing can be asked waits for a read that was left out.
        if !calls.is_empty() {
            self.pending = waiting;
        }
        calls
    }

    /// `answers` in the order of the calls; missing ones have failed.
    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        for (nth, (spec, only)) in std::mem::take(&mut self.asked).into_iter().enumerate() {
            let answer = match answers.get(nth) {
                Some(raw) => below(answer::read(raw, &spec.absent), &spec.under, &only),
                None => Answer::Failed("not answered".to_owned()),
            };
            self.answers.insert(spec.name().to_owned(), answer);
            self.done.push(spec);
        }
    }

    /// One phrase for each read that failed.
    pub(super) fn failures(&self) -> Vec<String> {
        self.done
            .iter()
            .filter_map(|spec| match self.answers.get(spec.name()) {
                Some(Answer::Failed(why)) => Some(format!("{} failed: {why}", spec.call)),
                Some(Answer::Found(_) | Answer::Absent) | None => None,
            })
            .collect()
    }

    fn waits(&self, condition: &str) -> bool {
        condition
            .split_whitespace()
            .filter_map(|word| word.strip_prefix('@'))
            .map(|reference| reference.split_once(':').map_or(reference, |(read, _)| read))
            .any(|read| !self.answers.contains_key(read))
    }

    fn builds_on_absence(&self, spec: &ReadSpec) -> bool {
        self.answers.iter().any(|(read, answer)| {
            matches!(answer, Answer::Absent)
                && spec.with.values().any(|operand| {
                    operand.as_str().and_then(|operand| operand.strip_prefix('@')).is_some_and(|reference| {
                        reference.split_once(':').map_or(reference, |(name, _)| name) == read
                    })
                })
        })
    }
}

/// What lies under `under`: several things stay a list, one stands for itself, none is absence.
fn below(answer: Answer, under: &str, only: &[(String, String)]) -> Answer {
    let Answer::Found(value) = answer else { return answer };
    if under.is_empty() {
        return Answer::Found(value);
    }
    let is_wanted = |item: &&Value| {
        only.iter().all(|(member, wanted)| path::text(item, member).as_deref() == Some(wanted.as_str()))
    };
    let found: Vec<&Value> =
        path::select(&value, under).into_iter().flat_map(path::items).filter(is_wanted).collect();
    match found.as_slice() {
        [] => Answer::Absent,
        [only] => Answer::Found((*only).clone()),
        many => Answer::Found(Value::List(many.iter().map(|item| (*item).clone()).collect())),
    }
}
