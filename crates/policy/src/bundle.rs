//! A bundle, loaded: everything that can change a verdict, checked, compiled and immutable. Loading refuses whatever is
//! not understood to the last key; once loaded there is nothing left to go wrong but a verdict.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Account, AgentId, Digest, Effect, EffectSet, Environment, EnvironmentName, Fault, History, Operation,
    PersonId, Resource, Roster, RuleRef, Timestamp, Value, Verdict,
};

use crate::{
    ask::Ask,
    calendar::{Calendar, TimeFacts},
    examples::{Example, ExampleResult, read_examples, run},
    kinds,
    law::{Grants, Law, Question},
    problem::{LoadError, Problems, did_you_mean},
    reader::read_toml,
    registry::{OWN_NAME, Override, Places, read_overrides, read_places, read_roster},
    rules::{Names, Place, Rule, read_rules},
    schema::{Ours, Vocabulary, schema_digest},
    search::Search,
    settings::{FileSignatures, Limits, Profile, Settings, read_settings},
};

/// Path relative to the bundle → content.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    settings: Settings,
    roster: Roster,
    places: Places,
    calendar: Option<Calendar>,
    overrides: BTreeMap<Operation, Override>,
    vocabulary: Vocabulary,
    law: Law,
    examples: Vec<Example>,
}

/// The files that stand at the top of a bundle; all but the calendar and the overrides must be there.
const TOP: [&str; 5] = ["bundle.toml", "roster.toml", "environments.toml", "calendar.toml", "overrides.toml"];
const MAX_FILES: usize = 1_000;
const MAX_FILE: usize = 256 * 1024;
/// A request with more targets than this is too large to judge; it is refused, not judged in part.
const MAX_RESOURCES: usize = 1_000;
/// Longer than any name a protocol allows.
const MAX_NAME: usize = 4_096;

impl Bundle {
    /// Reads, checks and compiles; then runs every example. Any problem refuses the whole.
    pub fn load(files: &Files) -> Result<Self, LoadError> {
        let problems = Problems::default();
        let loaded = read(files, &problems);
        let loaded = match loaded {
            Some(bundle) if problems.is_empty() => {
                bundle.report_failed_examples(&problems);
                Some(bundle)
            }
            other => other,
        };
        if loaded.is_none() && problems.is_empty() {
            problems.add("(bundle)", None, "the bundle could not be read", None);
        }
        problems.into_result()?;
        loaded.ok_or_else(|| LoadError { problems: Vec::new() })
    }

    /// The content address: over every file's content and the compiled-in schema.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    pub fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// Whether a signature by a key file counts in `environment`.
    pub fn file_signatures(&self, environment: &Environment) -> FileSignatures {
        self.settings.file_signatures.at(environment)
    }

    /// An account that the bundle does not know is production.
    pub fn environment_of(&self, account: &Account) -> Environment {
        self.places.environment_of(account)
    }

    pub fn overrides(&self) -> &BTreeMap<Operation, Override> {
        &self.overrides
    }

    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub fn time_facts(&self, now: Timestamp, environment: &Environment) -> TimeFacts {
        match &self.calendar {
            Some(calendar) => calendar.facts(now, environment),
            None => TimeFacts::closed(
                "the bundle has no calendar.toml, so every hour counts as peak and as frozen",
            ),
        }
    }

    /// Every rule of the bundle, constitution and grants.
    pub fn rules(&self) -> Vec<RuleRef> {
        let mut rules: Vec<_> = self.law.rules().map(|rule| rule.reference.clone()).collect();
        rules.sort_by(|one, two| (&one.file, one.line).cmp(&(&two.file, two.line)));
        rules
    }

    pub fn run_examples(&self) -> Vec<ExampleResult> {
        self.examples.iter().map(|example| run(self, example)).collect()
    }

    pub fn decide(&self, ask: &Ask<'_>) -> Verdict {
        let grants = Grants::Enforced { agent: &ask.chain.agent, operator: &ask.chain.operator };
        self.judge(ask, &self.time_facts(ask.now, ask.environment), grants)
    }

    /// Each effect on each resource is decided; the strictest wins.
    pub(crate) fn judge(&self, ask: &Ask<'_>, time: &TimeFacts, grants: Grants<'_>) -> Verdict {
        if ask.resources.len() > MAX_RESOURCES {
            let detail =
                format!("{} targets; at most {MAX_RESOURCES} are judged at once", ask.resources.len());
            return Verdict::fault(Fault::Oversized(detail));
        }
        if ask.resources.iter().any(|resource| resource.name.len() > MAX_NAME) {
            return Verdict::fault(Fault::Oversized(format!(
                "a target's name is longer than {MAX_NAME} bytes"
            )));
        }
        if !ask.in_scope {
            return out_of_scope();
        }
        let nowhere = [Resource::unknown(&ask.operation.service)];
        let resources = if ask.resources.is_empty() { &nowhere[..] } else { ask.resources };
        let distinct: BTreeSet<&Resource> = resources.iter().collect();
        let together = Together::of(ask.effects, &distinct);
        // A delete of a thousand objects is judged once where no rule can tell them apart.
        let alike = !self.law.reads_names();
        let mut seen = BTreeSet::new();
        distinct
            .into_iter()
            .filter(|resource| {
                !alike || seen.insert((&resource.service, &resource.kind, self.places.is_own(resource)))
            })
            .map(|resource| {
                let ask = Ask { history: together.besides(resource, ask.history), ..ask.clone() };
                self.judge_one(&ask, time, grants, resource)
            })
            .fold(Verdict::Allow, Verdict::join)
    }

    fn judge_one(&self, ask: &Ask<'_>, time: &TimeFacts, grants: Grants<'_>, resource: &Resource) -> Verdict {
        let ours = if self.places.is_own(resource) { Ours::Yes } else { Ours::No };
        let (uid, entities) = match self.vocabulary.entities(resource, ask.environment, ours) {
            Ok(built) => built,
            Err(err) => return Verdict::fault(Fault::Evaluation(err)),
        };
        let agent = self.vocabulary.agent(ask.chain.agent.as_str());
        let operator = self.vocabulary.person(ask.chain.operator.as_str());
        ask.effects
            .iter()
            .map(|effect| {
                let Some(action) = self.vocabulary.action(effect) else {
                    return Verdict::fault(Fault::Evaluation(format!("there is no action {effect}")));
                };
                let question = Question {
                    effect,
                    action,
                    exposure: ask.exposure,
                    grants,
                    agent: &agent,
                    operator: &operator,
                    resource: &uid,
                    entities: &entities,
                };
                let hold_expiry_s = self.settings.limits.hold_expiry_s;
                Search { law: &self.law, ask, question, time, hold_expiry_s }.verdict()
            })
            .fold(Verdict::Allow, Verdict::join)
    }

    fn report_failed_examples(&self, problems: &Problems) {
        for result in self.run_examples() {
            if !result.passed {
                let message = format!("example \"{}\" came out otherwise: {}", result.name, result.detail);
                problems.add(&result.file, Some(result.line), message, None);
            }
        }
    }

    pub(crate) fn has_rule(&self, id: &model::RuleId) -> bool {
        self.law.has_rule(id)
    }
}

/// What one action destroys on several targets at once: for each of them, the others are history already.
#[derive(Debug, Default)]
struct Together {
    data: u32,
    backups: u32,
}

impl Together {
    fn of(effects: EffectSet, resources: &BTreeSet<&Resource>) -> Self {
        if !effects.contains(Effect::Destroy) {
            return Self::default();
        }
        let count = |group: &str| {
            let found =
                resources.iter().filter(|resource| kinds::is_known_in(resource.kind.as_str(), group)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        Self { data: count("data"), backups: count("backup") }
    }

    fn besides(&self, resource: &Resource, history: History) -> History {
        let own = |group: &str| u32::from(kinds::is_known_in(resource.kind.as_str(), group));
        History {
            data_destroyed: history.data_destroyed.saturating_add(self.data.saturating_sub(own("data"))),
            backups_touched: history
                .backups_touched
                .saturating_add(self.backups.saturating_sub(own("backup"))),
            ..history
        }
    }
}

fn out_of_scope() -> Verdict {
    let rules = "out-of-scope".parse().ok().map(|id| RuleRef {
        id,
        reason: "the session's scope does not cover this".to_owned(),
        file: "(session)".to_owned(),
        line: 0,
    });
    Verdict::Deny(model::Denial {
        fault: None,
        rules: rules.into_iter().collect(),
        alternatives: vec![model::Alternative(
            "stay within the session's scope, or ask the operator for a session whose scope covers it"
                .to_owned(),
        )],
    })
}

fn read(files: &Files, problems: &Problems) -> Option<Bundle> {
    let texts = texts_of(files, problems);
    let vocabulary =
        Vocabulary::new().and_then(|vocabulary| vocabulary.assert_actions().map(|()| vocabulary));
    let vocabulary = match vocabulary {
        Ok(vocabulary) => vocabulary,
        Err(err) => {
            problems.add("(schema)", None, err, None);
            return None;
        }
    };
    for needed in ["bundle.toml", "roster.toml", "environments.toml"] {
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
    let roster = toml("roster.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_roster(root))))
        .unwrap_or_default();
    if let Err(err) = roster.check() {
        problems.add("roster.toml", None, err.to_string(), None);
    }
    let places = toml("environments.toml")
        .and_then(|(file, text)| read_toml(file, text, problems, |root| Some(read_places(root))))
        .unwrap_or_default();
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
    let rules = read_all_rules(&texts, &names, problems);
    let examples = read_all_examples(&texts, problems);
    check_covered(&rules, &examples, problems);
    let law = match Law::new(rules, &vocabulary) {
        Ok(law) => law,
        Err(err) => {
            problems.add("constitution/", None, err, None);
            return None;
        }
    };
    Some(Bundle {
        digest: digest_of(files),
        settings: settings?,
        roster,
        places,
        calendar,
        overrides,
        vocabulary,
        law,
        examples,
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
        if !in_folder && !TOP.contains(&path.as_str()) {
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
        let Some(stem) = path.strip_suffix(".cedar") else { continue };
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
    let hint = "grants/agent-NAME.cedar or grants/operator-NAME.cedar".to_owned();
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
        if !decides || !spares {
            let message =
                format!("{beside} needs an example that the rule decides, and a near miss that it does not");
            problems.add(file, None, message, Some(format!("rules = [\"{id}\"] says that it decides")));
        }
    }
}

fn digest_of(files: &Files) -> Digest {
    let contents = files.iter().map(|(path, content)| (path.clone(), Value::from(Digest::of(content))));
    Value::map([("files", Value::map(contents)), ("schema", Value::from(schema_digest()))])
        .digest("countersign/bundle/v1")
}
