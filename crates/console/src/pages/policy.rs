//! The bundle in force: every rule with the sentence its author wrote, and its text.

use std::collections::BTreeMap;

use askama::Template;
use model::Verdict;
use policy::{Bundle, Explanation, Part, ShownExample};

use super::Frame;
use crate::{text::Shown, what_if::Answered};

#[derive(Debug, Template)]
#[template(path = "policy.html")]
pub(crate) struct Policy {
    pub(crate) frame: Frame,
    profile: String,
    bundle: String,
    count: usize,
    proof: Proof,
    parts: Vec<(String, Vec<Rule>)>,
    /// As it was pasted.
    pub(crate) asked: String,
    /// Where it would land, as it was said.
    pub(crate) account: String,
    pub(crate) answered: Answered,
}

/// What is proved of the bundle in force.
#[derive(Debug)]
pub(crate) enum Proof {
    Certificate {
        digest: String,
        proved: usize,
        stricter: usize,
        made_with: Shown,
    },
    /// And why.
    Nothing(Shown),
}

impl Proof {
    pub(crate) fn of(at_hand: Result<policy::Certificate, engine::Unproved>) -> Self {
        match at_hand {
            Ok(it) => Self::Certificate {
                digest: it.digest.to_string(),
                proved: it.proved,
                stricter: it.stricter.len(),
                made_with: Shown::of(&it.made_with),
            },
            Err(why) => Self::Nothing(Shown::of(why)),
        }
    }
}

/// What would happen to one request.
#[derive(Debug)]
pub(crate) struct WhatIf {
    pub(crate) name: Shown,
    pub(crate) verdict: &'static str,
    /// Whether grants had a say, or the constitution alone.
    with_grants: bool,
    needs: Option<Shown>,
    rules: Vec<(Shown, Shown)>,
    instead: Vec<Shown>,
}

impl WhatIf {
    pub(crate) fn of(it: &Explanation) -> Self {
        let (needs, instead) = match &it.verdict {
            Verdict::Allow => (None, &[][..]),
            Verdict::Hold(hold) => (Some(Shown::of(&hold.requirement)), &hold.alternatives[..]),
            Verdict::Deny(denial) => (None, &denial.alternatives[..]),
        };
        let rules = it.rules.iter().map(|(rule, _)| {
            (Shown::of(&rule.reason), Shown::of(format!("{} {}:{}", rule.id, rule.file, rule.line)))
        });
        Self {
            name: Shown::of(it.name.as_deref().unwrap_or("The request")),
            verdict: it.verdict.name(),
            with_grants: it.with_grants,
            needs,
            rules: rules.collect(),
            instead: instead.iter().map(|it| Shown::of(&it.0)).collect(),
        }
    }
}

/// What stands in the box before anybody has pasted something.
pub(crate) const EXAMPLE: &str =
    "aws rds delete-db-instance --db-instance-identifier orders --skip-final-snapshot\n";

#[derive(Debug)]
struct Rule {
    id: String,
    file: Shown,
    line: u32,
    reason: Shown,
    absolute: bool,
    breakglass: bool,
    text: String,
    /// What its file shows by examples, and what comes of each.
    examples: Vec<(Shown, String)>,
}

impl Policy {
    pub(crate) fn of(frame: Frame, bundle: &Bundle, proof: Proof) -> Self {
        let mut parts: BTreeMap<Part, Vec<Rule>> = BTreeMap::new();
        for it in bundle.provable() {
            parts.entry(it.part.clone()).or_default().push(Rule {
                id: it.rule.id.to_string(),
                file: Shown::of(&it.rule.file),
                line: it.rule.line,
                reason: Shown::of(&it.rule.reason),
                absolute: it.absolute,
                breakglass: it.breakglass,
                text: it.policy.to_string(),
                examples: bundle
                    .examples_of(&it.rule.file)
                    .map(|it| (Shown::of(it.name), outcome(&it)))
                    .collect(),
            });
        }
        Self {
            frame,
            profile: bundle.profile().to_string(),
            bundle: bundle.digest().to_string(),
            proof,
            count: parts.values().map(Vec::len).sum(),
            parts: parts.into_iter().map(|(part, rules)| (title(&part), rules)).collect(),
            asked: EXAMPLE.to_owned(),
            account: String::new(),
            answered: Answered::default(),
        }
    }
}

fn outcome(example: &ShownExample<'_>) -> String {
    match example.people {
        Some(1) => format!("{}, 1 person", example.verdict),
        Some(people) if people > 0 => format!("{}, {people} people", example.verdict),
        Some(_) | None => example.verdict.to_owned(),
    }
}

fn title(part: &Part) -> String {
    match part {
        Part::Constitution => "Constitution: what nobody's agent may do, or not alone".to_owned(),
        Part::Agent(agent) => format!("Granted to {agent}"),
        Part::Operator(person) => format!("What {person} may have agents do"),
        Part::Glass(grant) => format!("Kept for when the glass is broken: {grant}"),
    }
}
