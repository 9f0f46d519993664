//! What must hold whatever the rules say: one file an invariant, in `constitution/invariants/`, written from its English
//! sentence and not from the rules. A `forbid` says what the constitution never lets through, a `permit` what it never
//! stands in the way of. Nothing here is evaluated when a request is judged; the prover proves it of the rules.

use cedar_policy::{Effect as Stance, Policy, PolicyId};
use model::RuleId;

use crate::{
    problem::{Problems, Sort, line_of},
    rules::{
        Names, check_annotations, check_cannot_err, check_entities, range_of_rule, read_policies, start_of,
    },
};

/// One sentence, and the same in Cedar.
#[derive(Clone, Debug)]
pub struct Invariant {
    pub id: RuleId,
    /// The sentence, as its author wrote it.
    pub says: String,
    pub file: String,
    pub line: u32,
    pub policy: Policy,
}

/// Which way an invariant binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// What it describes is never let through.
    Never,
    /// What it describes is left to the grants.
    NeverInTheWay,
}

impl Invariant {
    pub fn claim(&self) -> Claim {
        match self.policy.effect() {
            Stance::Forbid => Claim::Never,
            Stance::Permit => Claim::NeverInTheWay,
        }
    }
}

/// Where the files of invariants stand in a bundle.
pub(crate) const FOLDER: &str = "constitution/invariants/";
const ANNOTATIONS: [&str; 2] = ["id", "says"];

pub(crate) fn read_invariant(
    file: &str,
    text: &str,
    names: &Names<'_>,
    problems: &Problems,
) -> Option<Invariant> {
    let policies = read_policies(file, text, names, problems)?;
    let [policy] = policies.as_slice() else {
        let message =
            format!("{} rules in one file; an invariant is one `forbid` or `permit`", policies.len());
        problems.of(file, None, Sort::Rule, message, None);
        return None;
    };
    let line = line_of(text, start_of(policy));
    let note_as = |sort: Sort, message: String, hint: Option<String>| {
        problems.at((file, text), range_of_rule(policy), sort, message, hint);
    };
    let note = |message: String, hint: Option<String>| note_as(Sort::Rule, message, hint);
    check_annotations(policy, &ANNOTATIONS, &note);
    check_entities(policy, names, &note);
    let json = policy.to_json().map_err(|err| note(format!("it cannot be examined: {err}"), None)).ok()?;
    if !check_cannot_err(&json, &mut Vec::new(), &|message, hint| note_as(Sort::CanErr, message, hint)) {
        return None;
    }
    let stem = file.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".cedar"));
    let id = match policy.annotation("id").map(str::parse::<RuleId>) {
        Some(Ok(id)) if Some(id.as_str()) == stem => id,
        Some(Ok(_)) | None => {
            let hint = stem.map(|stem| format!("@id(\"{stem}\")"));
            note("an invariant has the name of its file as its @id".to_owned(), hint);
            return None;
        }
        Some(Err(err)) => {
            note(err.to_string(), None);
            return None;
        }
    };
    let Some(says) = policy.annotation("says").map(str::trim).filter(|says| !says.is_empty()) else {
        let hint = "@says(\"…\"): the sentence that it stands for, for people to agree to".to_owned();
        note(format!("the invariant {id} has no @says"), Some(hint));
        return None;
    };
    let policy = policy.new_id(PolicyId::new(format!("{FOLDER}{id}")));
    Some(Invariant { says: says.to_owned(), file: file.to_owned(), line, policy, id })
}
