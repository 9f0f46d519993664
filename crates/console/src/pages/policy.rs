//! The bundle in force: every rule with the sentence its author wrote, and its text.

use std::collections::BTreeMap;

use askama::Template;
use policy::{Bundle, Part};

use super::Frame;
use crate::text::Shown;

#[derive(Debug, Template)]
#[template(path = "policy.html")]
pub(crate) struct Policy {
    pub(crate) frame: Frame,
    profile: String,
    bundle: String,
    count: usize,
    parts: Vec<(String, Vec<Rule>)>,
}

#[derive(Debug)]
struct Rule {
    id: String,
    file: Shown,
    line: u32,
    reason: Shown,
    absolute: bool,
    breakglass: bool,
    text: String,
}

impl Policy {
    pub(crate) fn of(frame: Frame, bundle: &Bundle) -> Self {
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
            });
        }
        Self {
            frame,
            profile: bundle.profile().to_string(),
            bundle: bundle.digest().to_string(),
            count: parts.values().map(Vec::len).sum(),
            parts: parts.into_iter().map(|(part, rules)| (title(&part), rules)).collect(),
        }
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
