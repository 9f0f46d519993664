//! One policy file of a bundle: parsed, checked against the schema in strict mode, and against what the host relies on
//! (an id and a reason, no templates, no arithmetic, only names that exist). Not here: evaluation.

use std::{collections::BTreeSet, ops::Range};

use cedar_policy::{
    Effect as Stance, ParseErrors, Policy, PolicyId, PolicySet, PrincipalConstraint, ValidationMode,
    Validator,
};
use miette::Diagnostic;
use model::{AgentId, Effect, GrantId, PersonId, Role, RuleId, RuleRef};
use serde_json::Value as Json;

use crate::{
    bounds::check_bounds,
    kinds,
    naming::{Naming, naming_of, reads_names},
    problem::{Problems, Sort, did_you_mean, line_of},
    schema::{Vocabulary, schema_text},
    shape::Shape,
};

/// A policy and what its author says of it.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) reference: RuleRef,
    pub(crate) instead: Option<String>,
    /// Names nothing that would satisfy it: where it is tripped, the answer is no, whatever people say.
    pub(crate) absolute: bool,
    /// A broken glass may lift it.
    pub(crate) waivable: bool,
    pub(crate) policy: Policy,
    /// What a permit names; of no meaning for a forbid.
    pub(crate) naming: Naming,
    /// Every text in its conditions that could be a role.
    pub(crate) words: Vec<Role>,
    /// Whether it can tell two resources of one service and kind apart.
    pub(crate) reads_names: bool,
    pub(crate) shape: Shape,
}

impl Rule {
    pub(crate) fn permits(&self) -> bool {
        match self.policy.effect() {
            Stance::Permit => true,
            Stance::Forbid => false,
        }
    }
}

/// Where a file stands, and so what it may contain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Constitution,
    Agent(AgentId),
    Operator(PersonId),
    /// Kept for when the glass is broken.
    Glass(GrantId),
}

/// The names that rules may use.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) environments: Vec<&'a str>,
    pub(crate) agents: Vec<&'a str>,
    pub(crate) people: Vec<&'a str>,
}

const LOOK: &str = "`countersign policy schema` has everything that a rule can speak of, with examples";
const ANNOTATIONS: [&str; 5] = ["id", "reason", "instead", "absolute", "breakglass"];
/// Operators whose overflow would make a rule err, and an erring forbid forbids nothing.
const ARITHMETIC: [&str; 4] = ["+", "-", "*", "neg"];
/// Of Cedar's extensions, which err on a text that is none of theirs.
const EXTENSIONS: [&str; 4] = ["datetime", "decimal", "duration", "ip"];

pub(crate) fn read_rules(
    file: &str,
    text: &str,
    place: &Place,
    names: &Names<'_>,
    problems: &Problems,
) -> Vec<Rule> {
    let Some(policies) = read_policies(file, text, names, problems) else { return Vec::new() };
    check_place(file, place, &policies, problems);
    policies.iter().filter_map(|policy| read_rule(file, text, place, policy, names, problems)).collect()
}

/// The policies of one file in the order they are written; parsed and validated, and nothing else yet.
pub(crate) fn read_policies(
    file: &str,
    text: &str,
    names: &Names<'_>,
    problems: &Problems,
) -> Option<Vec<Policy>> {
    if let Err(message) = check_bounds(text) {
        let hint = "split it into rules that a person can read".to_owned();
        problems.of(file, None, Sort::NotCedar, message, Some(hint));
        return None;
    }
    let set: PolicySet = match text.parse() {
        Ok(set) => set,
        Err(err) => {
            for err in [&err].into_iter().flat_map(ParseErrors::iter) {
                let help = err.help().map(|help| help.to_string());
                let hint = Some(help.unwrap_or_else(|| LOOK.to_owned()));
                let message = format!("not Cedar: {}", first_line(&err.to_string()));
                match range_of(err) {
                    Some(at) => problems.at((file, text), at, Sort::NotCedar, message, hint),
                    None => problems.of(file, None, Sort::NotCedar, message, hint),
                }
            }
            return None;
        }
    };
    if set.num_of_templates() > 0 {
        let message = "a template (`?principal`, `?resource`) is no rule";
        problems.of(file, None, Sort::Rule, message, Some("write the names out".to_owned()));
    }
    validate(file, text, &set, names, problems);
    let mut policies: Vec<_> = set.policies().cloned().collect();
    policies.sort_by_key(start_of);
    Some(policies)
}

fn validate(file: &str, text: &str, set: &PolicySet, names: &Names<'_>, problems: &Problems) {
    let result = Validator::new(names.vocabulary.schema.clone()).validate(set, ValidationMode::Strict);
    let at = |id: &PolicyId, found: Option<Range<usize>>| {
        found.or_else(|| set.policy(id).map(range_of_rule)).unwrap_or_default()
    };
    let mut seen = BTreeSet::new();
    let mut errors: Vec<_> = result.validation_errors().collect();
    errors.sort_by_key(|error| error.to_string());
    for error in errors {
        let at = at(error.policy_id(), range_of(error));
        // One mistake is found once for every effect that the rule is about.
        if !seen.insert(line_of(text, at.start)) {
            continue;
        }
        let message = in_own_words(&error.to_string());
        let hint = meant(&message).unwrap_or_else(|| LOOK.to_owned());
        problems.at((file, text), at, Sort::Invalid, message, Some(hint));
    }
    for warning in result.validation_warnings() {
        let at = at(warning.policy_id(), range_of(warning));
        let (message, hint) = (in_own_words(&warning.to_string()), LOOK.to_owned());
        problems.at((file, text), at, Sort::Invalid, message, Some(hint));
    }
}

/// What a file of this place must look like as a whole.
fn check_place(file: &str, place: &Place, policies: &[Policy], problems: &Problems) {
    match (place, policies) {
        (_, []) => {
            let hint = "delete the file, or write one".to_owned();
            problems.of(file, None, Sort::Rule, "no rule in here", Some(hint));
        }
        (Place::Constitution, [_, second, ..]) => {
            let message =
                format!("{} rules in one file; the constitution has one rule a file", policies.len());
            let id = second.annotation("id").unwrap_or("RULE");
            let hint = format!("move the second to constitution/{id}.cedar");
            problems.of(file, None, Sort::Rule, message, Some(hint));
        }
        (Place::Constitution, [_]) | (Place::Agent(_) | Place::Operator(_) | Place::Glass(_), [..]) => {}
    }
}

fn read_rule(
    file: &str,
    text: &str,
    place: &Place,
    policy: &Policy,
    names: &Names<'_>,
    problems: &Problems,
) -> Option<Rule> {
    let line = line_of(text, start_of(policy));
    let note_as = |sort: Sort, message: String, hint: Option<String>| {
        problems.at((file, text), range_of_rule(policy), sort, message, hint);
    };
    let note = |message: String, hint: Option<String>| note_as(Sort::Rule, message, hint);
    check_annotations(policy, &ANNOTATIONS, &note);
    check_scope(file, place, policy, names, &note);
    check_entities(policy, names, &note);
    let json = match policy.to_json() {
        Ok(json) => json,
        Err(err) => {
            note(format!("the rule cannot be examined: {err}"), None);
            return None;
        }
    };
    let mut words = Vec::new();
    if !check_cannot_err(&json, &mut words, &|message, hint| note_as(Sort::CanErr, message, hint)) {
        return None;
    }
    let id = match policy.annotation("id").map(str::parse::<RuleId>) {
        Some(Ok(id)) => id,
        Some(Err(err)) => {
            note(err.to_string(), None);
            return None;
        }
        None => {
            note(
                "a rule has no @id".to_owned(),
                Some("@id(\"two-people-to-destroy\") before `forbid`".to_owned()),
            );
            return None;
        }
    };
    let Some(reason) = policy.annotation("reason").map(str::trim).filter(|reason| !reason.is_empty()) else {
        note(
            format!("the rule {id} has no @reason"),
            Some("@reason(\"…\"): the sentence that whoever is stopped by it will read".to_owned()),
        );
        return None;
    };
    let absolute = policy.annotation("absolute").is_some();
    let waivable = policy.annotation("breakglass").is_some();
    if waivable && absolute {
        let hint = "an absolute rule has no exception; take one of the two away".to_owned();
        note("the rule is marked @absolute and @breakglass".to_owned(), Some(hint));
    }
    if waivable && *place != Place::Constitution {
        let hint = "only a rule of the constitution can be waived".to_owned();
        note("a rule of a grant is marked @breakglass".to_owned(), Some(hint));
    }
    Some(Rule {
        reference: RuleRef { id: id.clone(), reason: reason.to_owned(), file: file.to_owned(), line },
        instead: policy
            .annotation("instead")
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        absolute,
        waivable,
        shape: Shape::of(policy, &json),
        policy: policy.new_id(PolicyId::new(id.as_str())),
        naming: naming_of(&json),
        words,
        reads_names: reads_names(&json),
    })
}

pub(crate) fn check_annotations(policy: &Policy, known: &[&str], note: &impl Fn(String, Option<String>)) {
    for (name, value) in policy.annotations() {
        if !known.contains(&name) {
            let hint = did_you_mean(name, known.iter().copied());
            note(format!("nothing reads the annotation @{name}"), hint);
        }
        if value.len() > 400 || model::sanitize(value, 400) != value {
            note(
                format!(
                    "@{name} is longer than 400 characters, or has characters that a terminal would obey"
                ),
                None,
            );
        }
    }
}

/// Refuses what could make a rule err, and gathers the texts in it that could be roles.
pub(crate) fn check_cannot_err(
    json: &Json,
    words: &mut Vec<Role>,
    note: &impl Fn(String, Option<String>),
) -> bool {
    let (message, hint) = match examine(json, 0, words) {
        Ok(()) => return true,
        Err(Unfit::Arithmetic) => (
            "arithmetic (+, -, *) or too deep an expression in a rule",
            "arithmetic can overflow, and a rule that errs forbids nothing: compare with a number instead",
        ),
        Err(Unfit::Extension) => (
            "an extension function (datetime, decimal, duration, ip) in a rule",
            "it errs on a text that it does not know: the context has whole numbers, flags and texts",
        ),
    };
    note(message.to_owned(), Some(hint.to_owned()));
    false
}

/// Why a rule could err.
enum Unfit {
    Arithmetic,
    Extension,
}

fn check_scope(
    file: &str,
    place: &Place,
    policy: &Policy,
    names: &Names<'_>,
    note: &impl Fn(String, Option<String>),
) {
    if !Effect::ALL.iter().any(|effect| names.vocabulary.concerns(&policy.action_constraint(), *effect)) {
        note("the rule is about no effect".to_owned(), None);
    }
    let expected = match place {
        Place::Constitution => {
            if policy.effect() == Stance::Permit {
                let hint = "a constitution only forbids; what an agent may do stands in grants/".to_owned();
                note("a permit in the constitution".to_owned(), Some(hint));
            }
            let stem = file.rsplit('/').next().and_then(|name| name.strip_suffix(".cedar"));
            if policy.annotation("id").is_some_and(|id| Some(id) != stem) {
                note("a rule of the constitution has the name of its file as its @id".to_owned(), None);
            }
            return;
        }
        Place::Agent(agent) => names.vocabulary.agent(agent.as_str()),
        Place::Operator(person) => names.vocabulary.person(person.as_str()),
        Place::Glass(_) => {
            let any = [
                PrincipalConstraint::Any,
                PrincipalConstraint::Is(names.vocabulary.agent("a").type_name().clone()),
            ];
            if !any.contains(&policy.principal_constraint()) {
                let hint = "principal is Agent: whose glass it is stands in what two people sign".to_owned();
                note("a grant for emergencies is for whichever agent has it broken".to_owned(), Some(hint));
            }
            return;
        }
    };
    if policy.principal_constraint() != PrincipalConstraint::Eq(expected.clone()) {
        let hint = format!("principal == {expected}");
        note("a rule of a grant is about the one it is named after, and nobody else".to_owned(), Some(hint));
    }
}

/// A misspelt name would make a rule that never applies.
pub(crate) fn check_entities(policy: &Policy, names: &Names<'_>, note: &impl Fn(String, Option<String>)) {
    for uid in policy.entity_literals() {
        let (kind, id) = (uid.type_name().to_string(), uid.id().unescaped().to_owned());
        let known: Vec<&str> = match kind.as_str() {
            "Kind" => kinds::names().collect(),
            "Environment" => names.environments.iter().copied().chain(["production"]).collect(),
            "Agent" => names.agents.clone(),
            "Person" => names.people.clone(),
            // Services and resources are the protocols' own; actions are checked by the validator.
            _ => continue,
        };
        if !known.contains(&id.as_str()) {
            note(format!("there is no {kind}::\"{id}\""), did_you_mean(&id, known));
        }
    }
}

/// Gathers what could be roles.
fn examine(json: &Json, depth: usize, words: &mut Vec<Role>) -> Result<(), Unfit> {
    if depth > 400 {
        return Err(Unfit::Arithmetic);
    }
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        Json::String(text) => {
            words.extend(text.parse::<Role>().ok().filter(|role| !words.contains(role)));
            Ok(())
        }
        Json::Array(items) => items.iter().try_for_each(|item| examine(item, depth + 1, words)),
        Json::Object(members) => members
            .iter()
            .filter(|(key, _)| {
                *key != "annotations" && *key != "principal" && *key != "resource" && *key != "action"
            })
            .try_for_each(|(key, item)| match key.as_str() {
                key if ARITHMETIC.contains(&key) => Err(Unfit::Arithmetic),
                key if EXTENSIONS.contains(&key) => Err(Unfit::Extension),
                _ => examine(item, depth + 1, words),
            }),
    }
}

pub(crate) fn start_of(policy: &Policy) -> usize {
    policy.as_ref().loc().map_or(0, |loc| loc.start())
}

/// The whole rule, its annotations included.
pub(crate) fn range_of_rule(policy: &Policy) -> Range<usize> {
    policy.as_ref().loc().map_or(0..0, |loc| loc.start()..loc.end())
}

fn range_of(diagnostic: &impl Diagnostic) -> Option<Range<usize>> {
    let label = diagnostic.labels()?.next()?;
    Some(label.offset()..label.offset().saturating_add(label.len()))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// Cedar's own suggestions depend on the order of a hash map; ours come from the schema's words.
fn meant(message: &str) -> Option<String> {
    let quoted = message.split('`').nth(1)?;
    if message.starts_with("unrecognized action") {
        let name = quoted.split('"').nth(1)?;
        return did_you_mean(
            name,
            Effect::ALL.map(Effect::name).into_iter().chain(["change", "irreversible"]),
        );
    }
    let member = quoted.rsplit('.').next()?;
    let members: Vec<&str> = schema_text()
        .lines()
        .filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect();
    did_you_mean(member, members)
}

/// Cedar's messages start with the policy's number, which says nothing to a person.
fn in_own_words(message: &str) -> String {
    let line = first_line(message);
    match line.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, rest)) => rest.to_owned(),
        None => line.to_owned(),
    }
}
