//! From files to a compiled bundle: which files there may be, what each must contain, and what they must say of each
//! other. Notes every problem it meets; whether there are any is for [`crate::Bundle::load`] to act on.

use std::collections::BTreeMap;

use model::{AgentId, BundleParts, Digest, EnvironmentName, OWN_NAME, PersonId, RuleRef, Value};

use super::{Bundle, Files};
use crate::{
    accounts::read_accounts,
    allowances::{Allowances, Known, read_budgets, read_standing},
    calendar::Calendar,
    decisions::Decisions,
    examples::{Example, read_examples},
    invariants::{self, Invariant, read_invariant},
    law::Law,
    places::read_places,
    problem::{Problems, Sort, did_you_mean},
    reader::read_toml,
    registry::{read_overrides, read_roster},
    rules::{Names, Place, Rule, read_rules},
    schema::{Vocabulary, schema_digest},
    settings::{Settings, read_settings},
    tables::{Tables, read_tables},
    witnesses::read_witnesses,
};

/// The files that stand at the top of a bundle; the first three must be there.
const TOP: [&str; 10] = [
    "bundle.toml",
    ROSTER,
    "environments.toml",
    "accounts.toml",
    "calendar.toml",
    "overrides.toml",
    "budgets.toml",
    "standing.toml",
    Tables::FILE,
    "witnesses.toml",
];
const ROSTER: &str = "roster.toml";
const MAX_FILES: usize = 1_000;
const MAX_FILE: usize = 256 * 1024;

pub(super) fn read(files: &Files, problems: &Problems) -> Option<Bundle> {
    let texts = texts_of(files, problems);
    let vocabulary = match Vocabulary::new() {
        Ok(vocabulary) => vocabulary,
        Err(err) => {
            problems.add("(schema)", None, err, None);
            return None;
        }
    };
    for needed in ["bundle.toml", ROSTER, "environments.toml"] {
        if !files.contains_key(needed) {
            problems.add(
                needed,
                None,
                "the bundle has no such file",
                Some("`countersign init` writes one".into()),
            );
        }
    }
    let toml = |file: &'static str| texts.get(file).map(|text| (file, *text));
    let settings =
        toml("bundle.toml").and_then(|(file, text)| read_toml(file, text, problems, read_settings));
    let roster = toml(ROSTER)
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_roster(root))))
        .unwrap_or_default();
    if let Err(err) = roster.check() {
        problems.add(ROSTER, None, err.to_string(), None);
    }
    let mut places = toml("environments.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_places(root))))
        .unwrap_or_default();
    let accounts = toml("accounts.toml")
        .and_then(|(file, text)| {
            let environment_of = |account: &_| places.environment_of(account);
            read_toml(file, text, problems, |root| Some(read_accounts(root, environment_of)))
        })
        .unwrap_or_default();
    for roles in accounts.roles.values() {
        places.also_ours([roles.read.as_str(), roles.write.as_str()]);
    }
    let environments: Vec<EnvironmentName> = places.names.keys().cloned().collect();
    let calendar = toml("calendar.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Calendar::read(root, &environments)));
    if calendar.is_none() && texts.contains_key("calendar.toml") && problems.is_empty() {
        problems.add("calendar.toml", None, "a moment in it lies outside what can be reckoned with", None);
    }
    let overrides = toml("overrides.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_overrides(root))))
        .unwrap_or_default();
    let names = Names {
        vocabulary: &vocabulary,
        environments: environments.iter().map(EnvironmentName::as_str).collect(),
        agents: roster.agents.keys().map(AgentId::as_str).chain([OWN_NAME]).collect(),
        people: roster.people.keys().map(PersonId::as_str).chain([OWN_NAME]).collect(),
    };
    let known = Known {
        accounts: places.accounts().collect(),
        agents: roster.agents.keys().map(AgentId::as_str).collect(),
    };
    let allowances = Allowances {
        budgets: toml("budgets.toml")
            .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_budgets(root, &known))))
            .unwrap_or_default(),
        standing: toml("standing.toml")
            .and_then(|(file, text)| {
                read_toml(file, text, problems, |root| Some(read_standing(root, &known)))
            })
            .unwrap_or_default(),
    };
    let witnesses = toml("witnesses.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_witnesses(root))))
        .unwrap_or_default();
    let tables = toml(Tables::FILE)
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_tables(root))))
        .unwrap_or_default();
    let waited_for = settings.as_ref().map_or(0, |it: &Settings| usize::from(it.levels.witnesses()));
    if waited_for > witnesses.keys.len() {
        let named = witnesses.keys.len();
        let message = format!("[levels] waits for {waited_for} witnesses, and witnesses.toml names {named}");
        problems.add("bundle.toml", None, message, None);
    }
    allowances.check_names(problems);
    let rules = read_all_rules(&texts, &names, problems);
    let invariants = read_all_invariants(&texts, &names, problems);
    let examples = read_all_examples(&texts, problems);
    check_covered(&rules, &examples, problems);
    let law = match Law::new(rules, &vocabulary) {
        Ok(law) => law,
        Err(err) => {
            problems.add("constitution/", None, err, None);
            return None;
        }
    };
    let made_of = made_of(files);
    Some(Bundle {
        digest: made_of.digest(),
        made_of,
        settings: settings?,
        roster,
        places,
        accounts,
        allowances,
        witnesses,
        tables,
        calendar,
        overrides,
        vocabulary,
        law,
        invariants,
        examples,
        decisions: Decisions::new(),
    })
}

/// Every file as text, and a problem for each that has no place in a bundle.
fn texts_of<'f>(files: &'f Files, problems: &Problems) -> BTreeMap<&'f str, &'f str> {
    if files.len() > MAX_FILES {
        problems.add("(bundle)", None, format!("{} files; at most {MAX_FILES}", files.len()), None);
        return BTreeMap::new();
    }
    let mut texts = BTreeMap::new();
    for (path, content) in files {
        if content.len() > MAX_FILE {
            problems.add(path, None, format!("longer than {MAX_FILE} bytes"), None);
            continue;
        }
        let in_folder = ["constitution/", "grants/"].into_iter().any(|folder| {
            path.strip_prefix(folder).is_some_and(|name| {
                !name.contains('/') && (name.ends_with(".cedar") || name.ends_with(".examples.toml"))
            })
        });
        let is_invariant = path
            .strip_prefix(invariants::FOLDER)
            .is_some_and(|name| !name.contains('/') && name.ends_with(".cedar"));
        if !in_folder && !is_invariant && !TOP.contains(&path.as_str()) {
            let hint = match did_you_mean(path, TOP) {
                Some(hint) => hint,
                None => "rules are constitution/RULE.cedar and grants/agent-NAME.cedar".to_owned(),
            };
            problems.add(path, None, "no such file belongs in a bundle", Some(hint));
            continue;
        }
        match std::str::from_utf8(content) {
            Ok(text) => {
                texts.insert(path.as_str(), text);
            }
            Err(_) => problems.add(path, None, "not UTF-8 text", None),
        }
    }
    texts
}

fn read_all_rules(
    texts: &BTreeMap<&str, &str>,
    names: &Names<'_>,
    problems: &Problems,
) -> Vec<(Place, Rule)> {
    let mut rules: Vec<(Place, Rule)> = Vec::new();
    for (path, text) in texts {
        let Some(stem) = path.strip_suffix(".cedar").filter(|_| !path.starts_with(invariants::FOLDER)) else {
            continue;
        };
        let Some(place) = place_of(path, stem, names, problems) else { continue };
        for rule in read_rules(path, text, &place, names, problems) {
            let twin = rules.iter().find(|(_, other)| other.reference.id == rule.reference.id);
            if let Some((_, twin)) = twin {
                let message = format!("the id {} is taken by {}", rule.reference.id, twin.reference.file);
                problems.add(path, Some(rule.reference.line), message, None);
            } else {
                rules.push((place.clone(), rule));
            }
        }
    }
    if !rules.iter().any(|(place, _)| *place == Place::Constitution) {
        problems.add(
            "constitution/",
            None,
            "the bundle has no constitution",
            Some("`countersign init` writes one".into()),
        );
    }
    rules
}

fn read_all_invariants(
    texts: &BTreeMap<&str, &str>,
    names: &Names<'_>,
    problems: &Problems,
) -> Vec<Invariant> {
    let files = texts.iter().filter(|(path, _)| path.starts_with(invariants::FOLDER));
    files.filter_map(|(path, text)| read_invariant(path, text, names, problems)).collect()
}

fn place_of(path: &str, stem: &str, names: &Names<'_>, problems: &Problems) -> Option<Place> {
    if stem.starts_with("constitution/") {
        return Some(Place::Constitution);
    }
    let name = stem.strip_prefix("grants/")?;
    let known = |text: &str, all: &[&str], what: &str| {
        let found = all.contains(&text);
        if !found {
            let message = format!("a grant for the {what} `{text}`, who is not in roster.toml");
            problems.add(path, None, message, did_you_mean(text, all.iter().copied()));
        }
        found
    };
    if let Some(agent) = name.strip_prefix("agent-") {
        return known(agent, &names.agents, "agent").then(|| agent.parse().ok().map(Place::Agent))?;
    }
    if let Some(person) = name.strip_prefix("operator-") {
        return known(person, &names.people, "person").then(|| person.parse().ok().map(Place::Operator))?;
    }
    if let Some(grant) = name.strip_prefix("breakglass-") {
        return match grant.parse() {
            Ok(grant) => Some(Place::Glass(grant)),
            Err(err) => {
                problems.add(path, None, format!("a grant for emergencies: {err}"), None);
                None
            }
        };
    }
    let hint =
        "grants/agent-NAME.cedar, grants/operator-NAME.cedar or grants/breakglass-NAME.cedar".to_owned();
    problems.add(path, None, "whose grant this is cannot be told from its name", Some(hint));
    None
}

fn read_all_examples(texts: &BTreeMap<&str, &str>, problems: &Problems) -> Vec<Example> {
    let mut examples = Vec::new();
    for (path, text) in texts {
        let Some(stem) = path.strip_suffix(".examples.toml") else { continue };
        if !texts.contains_key(format!("{stem}.cedar").as_str()) {
            problems.add(path, None, format!("examples of {stem}.cedar, which is not there"), None);
        }
        examples
            .extend(read_toml(path, text, problems, |root| Some(read_examples(root))).unwrap_or_default());
    }
    examples
}

/// Every rule of the constitution has an example in which it decides, and one in which it does not.
fn check_covered(rules: &[(Place, Rule)], examples: &[Example], problems: &Problems) {
    for (place, rule) in rules {
        if *place != Place::Constitution {
            continue;
        }
        let RuleRef { id, file, .. } = &rule.reference;
        let beside = file.replace(".cedar", ".examples.toml");
        let own: Vec<_> = examples.iter().filter(|example| example.file == beside).collect();
        let decides = own.iter().any(|example| example.names(id));
        let spares = own.iter().any(|example| !example.names(id));
        let decided = format!("rules = [\"{id}\"] says that it decides");
        let (needs, hint) = match (decides, spares) {
            (true, true) => continue,
            (false, false) => ("an example that the rule decides, and a near miss that it does not", decided),
            (false, true) => ("an example that the rule decides", decided),
            (true, false) => (
                "a near miss, which the rule does not decide",
                "a rule that leaves nothing alone forbids everything".to_owned(),
            ),
        };
        problems.of(file, None, Sort::Example, format!("{beside} needs {needs}"), Some(hint));
    }
}

fn made_of(files: &Files) -> BundleParts {
    let digest_of = |(path, content): (&String, &Vec<u8>)| (path.clone(), Value::from(Digest::of(content)));
    let roster = files.get(ROSTER).map_or(&[][..], Vec::as_slice);
    let rest = files.iter().filter(|(path, _)| *path != ROSTER).map(digest_of);
    let rest = Value::map([("files", Value::map(rest)), ("schema", Value::from(schema_digest()))]);
    BundleParts { roster: Digest::of(roster), rest: rest.digest("countersign/bundle-rest/v1") }
}

pub(super) fn digest_of(files: &Files) -> Digest {
    made_of(files).digest()
}
