//! What an analyzer claims, before the report has looked at who owns it, how long it has been marked and what its remedy would do.

use std::borrow::Cow;

use model::Timestamp;
use serde_json::Value;
use snapshot::ReadRef;

use crate::{Level, Saving};

/// What an analyzer says of one resource.
#[derive(Debug)]
pub(crate) enum Judgement {
    Fine,
    /// It looks like a finding; why it is none.
    Spared(String),
    Found(Box<Draft>),
}

/// What cannot be said, and why: a read is missing, or says what is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotKnown(pub(crate) String);

pub(crate) type Judged = Result<Judgement, NotKnown>;

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) title: Cow<'static, str>,
    pub(crate) facts: Vec<(String, Vec<ReadRef>)>,
    pub(crate) level: Level,
    pub(crate) why: Vec<String>,
    pub(crate) saving: Option<Saving>,
    pub(crate) traps: Vec<Cow<'static, str>>,
    pub(crate) proposal: Proposal,
    /// From when on nothing used it, where metrics tell.
    pub(crate) quiet_since: Option<Timestamp>,
    /// What a stack's template would have to say, where a stack owns it.
    pub(crate) in_template: String,
}

#[derive(Debug)]
pub(crate) enum Proposal {
    /// At once.
    Change(Vec<StepDraft>),
    /// First a mark; after the grace, what keeps a copy, then what takes it away.
    Retire(Vec<StepDraft>),
    Advice(String),
}

#[derive(Clone, Debug)]
pub(crate) struct StepDraft {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) parameters: Value,
    pub(crate) why: String,
    /// Fewer of what runs than before: it interrupts, and the engine captures no inverse of it.
    pub(crate) scales_in: bool,
}

impl Draft {
    /// Confidence is high until something speaks against it.
    pub(crate) fn new(title: &'static str, fact: impl Into<String>, reads: Vec<ReadRef>) -> Self {
        Self {
            title: title.into(),
            facts: vec![(fact.into(), reads)],
            level: Level::High,
            why: Vec::new(),
            saving: None,
            traps: Vec::new(),
            proposal: Proposal::Advice("nothing is proposed".into()),
            quiet_since: None,
            in_template: String::new(),
        }
    }

    pub(crate) fn fact(mut self, text: impl Into<String>, reads: Vec<ReadRef>) -> Self {
        self.facts.push((text.into(), reads));
        self
    }

    pub(crate) fn saving(self, saving: Saving) -> Self {
        Self { saving: Some(saving), ..self }
    }

    pub(crate) fn trap(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.traps.push(text.into());
        self
    }

    /// No surer than `level`, and why.
    pub(crate) fn at_most(mut self, level: Level, why: impl Into<String>) -> Self {
        self.cap(level, why);
        self
    }

    pub(crate) fn cap(&mut self, level: Level, why: impl Into<String>) {
        self.level = self.level.min(level);
        self.why.push(why.into());
    }

    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    /// What to propose, and what a stack's template would say instead.
    pub(crate) fn propose(self, proposal: Proposal, in_template: impl Into<String>) -> Self {
        Self { proposal, in_template: in_template.into(), ..self }
    }

    pub(crate) fn found(self) -> Judged {
        Ok(Judgement::Found(Box::new(self)))
    }
}

impl StepDraft {
    pub(crate) fn new(operation: &'static str, parameters: Value, why: impl Into<String>) -> Self {
        let (service, operation) = operation.split_once(':').unwrap_or(("", operation));
        Self { service, operation, parameters, why: why.into(), scales_in: false }
    }

    pub(crate) fn scaling_in(self) -> Self {
        Self { scales_in: true, ..self }
    }
}

pub(crate) fn spared(why: impl Into<String>) -> Judged {
    Ok(Judgement::Spared(why.into()))
}
