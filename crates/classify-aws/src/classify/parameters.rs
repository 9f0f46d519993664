//! What the parameters of a request add to what its operation does: rules as data (`data/parameters.toml`), read once.
//! The file's head says how a rule is written. A rule that adds applies unless it certainly does not; a rule that puts
//! something milder in place applies only where it certainly does.

mod condition;
#[cfg(test)]
pub(super) mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use model::{Effect, EffectSet, Operation, Value};
use serde::Deserialize;

use super::{Told, effects::Judged};
use crate::{gather, overrides::Shows};

pub(super) use condition::Path;
use condition::{Condition, Truth};

const TEXT: &str = include_str!("../../data/parameters.toml");

static RULES: LazyLock<Result<Rules, String>> = LazyLock::new(|| Rules::parse(TEXT));

/// One row of the file.
#[derive(Debug)]
struct Rule {
    operations: Vec<String>,
    when: Vec<Condition>,
    add: Option<EffectSet>,
    instead: Option<EffectSet>,
    hands_over: bool,
    exposure: Vec<Shows>,
    says: String,
}

#[derive(Debug)]
pub(super) struct Rules {
    /// In the order of the file.
    rules: Vec<Rule>,
    /// By the whole name of an operation.
    exact: HashMap<String, Vec<usize>>,
    /// Those that name operations by pattern.
    patterns: Vec<usize>,
}

/// Whether rules count that name operations by pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patterns {
    Too,
    No,
}

/// What the parameters raised.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// What is to be said of it.
    pub(super) says: Vec<&'static str>,
    /// `privilege` came of the roles that it hands over, and of nothing else.
    pub(super) hands_over: bool,
}

impl Rules {
    /// `None` where the file cannot be read; a test forbids it, and whoever asks takes the worst for granted.
    pub(super) fn shared() -> Option<&'static Self> {
        RULES.as_ref().ok()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|err| err.to_string())?;
        let mut rules = Self { rules: Vec::new(), exact: HashMap::new(), patterns: Vec::new() };
        for row in file.rule {
            let when: Result<Vec<Condition>, String> =
                row.when.iter().map(|text| Condition::parse(text)).collect();
            let when = when.map_err(|why| format!("{}: {why}", row.id))?;
            let operations: Vec<String> = row.operations.split_whitespace().map(str::to_owned).collect();
            let place = rules.rules.len();
            if operations.iter().any(|name| name.contains('*')) {
                if row.instead.is_some() {
                    return Err(format!("{}: what lowers names its operations in full", row.id));
                }
                rules.patterns.push(place);
            } else {
                for name in &operations {
                    rules.exact.entry(name.clone()).or_default().push(place);
                }
            }
            rules.rules.push(Rule {
                operations,
                when,
                add: row.add,
                instead: row.instead,
                hands_over: row.hands_over,
                exposure: row.exposure,
                says: row.says,
            });
        }
        Ok(rules)
    }

    /// In the order of the file, each once.
    fn of(&self, operations: &[Operation], patterns: Patterns) -> impl Iterator<Item = &Rule> {
        let mut places = BTreeSet::new();
        for operation in operations {
            let name = operation.to_string();
            places.extend(self.exact.get(&name).into_iter().flatten().copied());
            match patterns {
                Patterns::Too => {
                    let named =
                        |place: &&usize| self.rules.get(**place).is_some_and(|rule| rule.names(&name));
                    places.extend(self.patterns.iter().filter(named).copied());
                }
                Patterns::No => {}
            }
        }
        places.into_iter().filter_map(|place| self.rules.get(place))
    }
}

impl Rule {
    fn names(&self, operation: &str) -> bool {
        self.operations.iter().any(|pattern| model::glob(pattern, operation))
    }

    fn holds(&self, views: &[Value]) -> Truth {
        self.when.iter().map(|condition| condition.holds(views)).min().unwrap_or(Truth::Yes)
    }
}

/// Before the bundle's own override: what a request certainly does not do is taken away. `operations` is what the
/// request can be read as; usually one.
pub(super) fn lower(operations: &[Operation], params: &Value, told: Told, judged: &mut Judged) {
    let Some(rules) = Rules::shared().filter(|_| told == Told::Whole) else { return };
    let mut views_of = None;
    // What puts something milder in place names its operations in full.
    for rule in rules.of(operations, Patterns::No) {
        let Some(instead) = rule.instead else { continue };
        if rule.holds(views_of.get_or_insert_with(|| views(params))) == Truth::Yes {
            judged.effects = instead;
        }
    }
}

/// After everything else: what the parameters of this very request raise.
pub(super) fn raise(
    operations: &[Operation],
    params: &Value,
    told: Told,
    patterns: Patterns,
    judged: &mut Judged,
) -> Raised {
    let mut raised = Raised::default();
    let Some(rules) = Rules::shared() else {
        judged.effects = crate::overrides::worst();
        return raised;
    };
    // Only what is not a look can do more than it says; a rule that names a reading operation names it in full.
    let patterns = if judged.effects.is_plain_read() { Patterns::No } else { patterns };
    let mut besides = judged.effects;
    let mut views_of = None;
    for rule in rules.of(operations, patterns).filter(|rule| rule.instead.is_none()) {
        let mut holds = || rule.holds(views_of.get_or_insert_with(|| views(params)));
        if told == Told::Whole && holds() == Truth::No {
            continue;
        }
        if let Some(add) = rule.add {
            judged.effects = judged.effects.union(add);
            if !rule.hands_over {
                besides = besides.union(add);
            }
        }
        for shows in &rule.exposure {
            match shows {
                Shows::None => {}
                Shows::Data => judged.exposure.data = true,
                Shows::Credentials => judged.exposure.credentials = true,
            }
        }
        raised.says.push(rule.says.as_str());
    }
    raised.hands_over = told == Told::Whole
        && judged.effects.contains(Effect::Privilege)
        && !besides.contains(Effect::Privilege);
    raised
}

/// The values by which `operations` hand over roles, each with the last name on its path; `None` where that cannot be told.
pub(crate) fn handed_over(operations: &[Operation], params: &Value) -> Option<Vec<(String, Value)>> {
    let views = views(params);
    let mut found = Vec::new();
    for rule in Rules::shared()?.of(operations, Patterns::Too).filter(|rule| rule.hands_over) {
        for condition in &rule.when {
            found.extend(condition.values(&views).into_iter().map(|(name, value)| (name, value.clone())));
        }
    }
    Some(found)
}

/// Whether a rule names one of these operations in full: then their parameters mean something, also where they only read.
pub(crate) fn names_in_full(operations: &[Operation]) -> bool {
    let names: Vec<String> = operations.iter().map(ToString::to_string).collect();
    Rules::shared().is_none_or(|rules| {
        rules
            .of(operations, Patterns::Too)
            .any(|rule| names.iter().any(|name| rule.operations.contains(name)))
    })
}

/// What is looked at: one tree, or in REST each place by itself, so that no place hides another.
pub(crate) fn views(params: &Value) -> Vec<Value> {
    const PLACES: [&str; 4] = ["$path", "$query", "$headers", "$body"];
    match params {
        Value::Map(map) if map.contains_key("$path") => {
            PLACES.iter().filter_map(|place| map.get(*place).cloned()).collect()
        }
        other => vec![gather::given(other)],
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    operations: String,
    when: Vec<String>,
    add: Option<EffectSet>,
    instead: Option<EffectSet>,
    #[serde(default)]
    hands_over: bool,
    #[serde(default)]
    exposure: Vec<Shows>,
    says: String,
    #[serde(rename = "yes")]
    _yes: Vec<toml::Table>,
    #[serde(rename = "no")]
    _no: Vec<toml::Table>,
}
