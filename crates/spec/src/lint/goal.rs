//! Findings about what is wanted: `requirements.md`, `bugfix.md`.

use std::collections::BTreeSet;

use super::{Code, Findings, wording};
use crate::{
    bugfix::{Behavior, Bugfix},
    id::CriterionId,
    requirements::{Requirement, Requirements},
    source::Span,
};

pub(super) fn requirements(it: &Requirements, findings: &mut Findings<'_>) {
    let mut terms = BTreeSet::new();
    for term in &it.glossary {
        if !terms.insert(wording::term(&term.name)) {
            findings.tell(Code::TermTwice, term.span, format!("`{}` is defined above already", term.name));
        }
    }
    if it.list.is_empty() {
        findings.tell_of_file(Code::NoCriterion, "there is no requirement");
    }
    let mut seen = BTreeSet::new();
    let mut newest = 0;
    for requirement in &it.list {
        let number = requirement.number;
        if !seen.insert(number) {
            findings.tell(
                Code::DuplicateId,
                requirement.span,
                format!("requirement {number} is above already"),
            );
        } else if number != newest + 1 {
            let message = format!("requirement {number} after requirement {newest}");
            findings.tell(Code::Order, requirement.span, message);
        }
        newest = number;
        one(requirement, &terms, findings);
    }
}

fn one(requirement: &Requirement, terms: &BTreeSet<String>, findings: &mut Findings<'_>) {
    let number = requirement.number;
    if requirement.story.is_none() {
        findings.tell(
            Code::NoStory,
            requirement.span,
            format!("requirement {number} says nothing of who wants it"),
        );
    }
    if requirement.criteria.is_empty() {
        let message = format!("requirement {number} has no acceptance criterion");
        findings.tell(Code::NoCriterion, requirement.span, message);
    }
    numbers(requirement.criteria.iter().map(|it| (it.id, it.span)), findings);
    for criterion in &requirement.criteria {
        wording::sentence(criterion, terms, findings);
    }
}

pub(super) fn bugfix(it: &Bugfix, findings: &mut Findings<'_>) {
    let counted = |section: Behavior| it.ids().filter(|it| it.requirement == section.number()).count();
    for (section, place) in Behavior::ALL.into_iter().zip(it.sections) {
        let name = section.name();
        match place {
            None => findings.tell_of_file(Code::NoSection, format!("the section `{name}` is missing")),
            Some(span) if counted(section) == 0 => {
                findings.tell(Code::NoCriterion, span, format!("the section `{name}` says nothing"));
            }
            Some(_) => {}
        }
    }
    numbers(it.defects.iter().map(|it| (it.id, it.span)), findings);
    for section in [Behavior::Expected, Behavior::Unchanged] {
        let of = it.criteria.iter().filter(|it| it.id.requirement == section.number());
        numbers(of.map(|it| (it.id, it.span)), findings);
    }
    let expected: BTreeSet<_> =
        it.criteria.iter().filter(|it| it.id.requirement == 2).map(|it| it.id.number).collect();
    for defect in &it.defects {
        let says_shall = defect.text.split(' ').any(|it| it.trim_matches(['*', ',']) == "SHALL");
        if defect.parts.is_none() || says_shall {
            let message = format!("{} does not say what goes wrong when", defect.id);
            findings.tell(Code::NoDefect, defect.span, message);
        }
        if !expected.contains(&defect.id.number) {
            let message = format!("nothing says what is to happen in place of {}", defect.id);
            findings.tell(Code::Uncorrected, defect.span, message);
        }
    }
    for criterion in &it.criteria {
        wording::sentence(criterion, &BTreeSet::new(), findings);
        if criterion.id.requirement == Behavior::Unchanged.number()
            && criterion.ears.is_ok()
            && !criterion.is_guard()
        {
            let message =
                format!("{} does not say SHALL CONTINUE TO, so that no check comes of it", criterion.id);
            findings.tell(Code::NoContinue, criterion.span, message);
        }
    }
}

/// Of one requirement or section.
fn numbers(ids: impl Iterator<Item = (CriterionId, Span)>, findings: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    let mut newest = 0;
    for (id, span) in ids {
        if !seen.insert(id.number) {
            findings.tell(Code::DuplicateId, span, format!("{id} is above already"));
        } else if id.number != newest + 1 {
            let before =
                if newest == 0 { "first".to_owned() } else { format!("after {}.{newest}", id.requirement) };
            findings.tell(Code::Order, span, format!("{id} comes {before}"));
        }
        newest = id.number;
    }
}
