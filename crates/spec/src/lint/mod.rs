//! What can be read and is hardly meant: each finding with a stable code, a place and a hint.

mod code;
mod goal;
mod plan;
mod wording;

use serde::Serialize;

pub use code::{Code, Level};

use crate::{
    source::{Source, Span},
    specification::{Goal, Specification},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    pub level: Level,
    pub file: String,
    #[serde(flatten)]
    pub span: Span,
    pub message: String,
    pub hint: &'static str,
}

/// Every finding, by file and place.
pub fn lint(spec: &Specification) -> Vec<Finding> {
    let mut findings = Findings { source: spec.goal.source(), all: Vec::new() };
    match &spec.goal {
        Goal::Feature(it) => goal::requirements(it, &mut findings),
        Goal::Bugfix(it) => goal::bugfix(it, &mut findings),
    }
    plan::design(spec, &mut findings);
    plan::tasks(spec, &mut findings);
    plan::checks(spec, &mut findings);
    plan::coverage(spec, &mut findings);
    plan::run(spec, &mut findings);
    let mut all = findings.all;
    all.sort_by(|a, b| (&a.file, a.span, a.code, &a.message).cmp(&(&b.file, b.span, b.code, &b.message)));
    all
}

/// Told of one document at a time.
struct Findings<'a> {
    source: &'a Source,
    all: Vec<Finding>,
}

impl Findings<'_> {
    fn tell(&mut self, code: Code, span: Span, message: impl Into<String>) {
        let file = self.source.file().to_owned();
        let message = model::sanitize(&message.into(), 300);
        self.all.push(Finding { code, level: code.level(), file, span, message, hint: code.hint() });
    }

    fn tell_at(&mut self, code: Code, at: std::ops::Range<usize>, message: impl Into<String>) {
        self.tell(code, self.source.span(at), message);
    }

    /// Where something is missing altogether.
    fn tell_of_file(&mut self, code: Code, message: impl Into<String>) {
        self.tell(code, self.source.span(0..0), message);
    }
}
