//! What the parameters of a request add to what its operation does: rules as data (`data/parameters.toml`), read once.
//! The file's head says how a rule is written. A rule that adds applies unless it certainly does not; a rule that puts
//! something milder in place applies only where it certainly does.

mod condition;
#[cfg(test)]
pub(super) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    /// `None`: one that this version cannot read, as it stood in a pinned table. Whether it holds cannot be told.
    when: Option<Vec<Condition>>,
    written: Vec<String>,
    add: Option<EffectSet>,
    instead: Option<EffectSet>,
    hands_over: bool,
    exposure: Vec<Shows>,
    says: String,
}

/// A rule for one name (or pattern), without what is only said to people: as a pinned table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PinnedRule {
    pub(crate) operation: String,
    /// Of what lowers: its place among those of the same operation.
    pub(crate) rank: Option<u32>,
    pub(crate) when: Vec<String>,
    pub(crate) add: Option<EffectSet>,
    pub(crate) instead: Option<EffectSet>,
    pub(crate) hands_over: bool,
    pub(crate) exposure: Vec<Shows>,
}

#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// In the order of the file.
    rules: Vec<Rule>,
    /// By the whole name of an operation.
    exact: HashMap<String, Vec<usize>>,
    /// Those that name operations by pattern.
    patterns: Vec<usize>,
}

/// Whether rules count that name operations by pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patterns {
    Too,
    No,
}

/// What the parameters raised.
#[derive(Debug, Default)]
pub(crate) struct Raised<'r> {
    /// What is to be said of it.
    pub(crate) says: Vec<&'r str>,
    /// `privilege` came of the roles that it hands over, and of nothing else.
    pub(crate) hands_over: bool,
}

impl Rules {
    /// `None` where the file cannot be read; a test forbids it, and whoever asks takes the worst for granted.
    pub(crate) fn shared() -> Option<&'static Self> {
        RULES.as_ref().ok()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|err| err.to_string())?;
        let mut rules = Self::default();
        for row in file.rule {
            let when: Result<Vec<Condition>, String> =
                row.when.iter().map(|text| Condition::parse(text)).collect();
            let when = when.map_err(|why| format!("{}: {why}", row.id))?;
            let operations: Vec<String> = row.operations.split_whitespace().map(str::to_owned).collect();
            if row.instead.is_some() && operations.iter().any(|name| name.contains('*')) {
                return Err(format!("{}: what lowers names its operations in full", row.id));
            }
            rules.push(Rule {
                operations,
                when: Some(when),
                written: row.when.iter().map(|text| normal(text)).collect(),
                add: row.add,
                instead: row.instead,
                hands_over: row.hands_over,
                exposure: row.exposure,
                says: row.says,
            });
        }
        Ok(rules)
    }

    /// As they stood in another table. What cannot be read of those may hold, and lowers nothing.
    pub(crate) fn of_pinned(mut pinned: Vec<PinnedRule>) -> Self {
        let mut rules = Self::default();
        pinned.sort_by_key(|rule| rule.rank);
        for pinned in pinned {
            let when: Result<Vec<Condition>, String> =
                pinned.when.iter().map(|text| Condition::parse(text)).collect();
            rules.push(Rule {
                operations: vec![pinned.operation],
                when: when.ok(),
                written: pinned.when,
                add: pinned.add,
                instead: pinned.instead,
                hands_over: pinned.hands_over,
                exposure: pinned.exposure,
                says: "meets a rule of the pinned operation table that this version has otherwise".to_owned(),
            });
        }
        rules
    }

    /// As they are pinned, one for each name.
    pub(crate) fn pinned(&self) -> Vec<PinnedRule> {
        let all = self.rules.iter().zip(0..).flat_map(|(rule, place)| {
            let nth = rule.instead.map(|_| place);
            rule.operations.iter().map(move |operation| (rule, nth, operation))
        });
        // Among those that lower, only how they stand to others of the same operation means anything.
        let mut lower: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (_, nth, operation) in all.clone() {
            lower.entry(operation).or_default().extend(nth);
        }
        let rank = |operation: &str, nth: Option<u32>| {
            let own = lower.get(operation)?;
            u32::try_from(own.iter().position(|known| Some(*known) == nth)?).ok()
        };
        all.map(|(rule, nth, operation)| {
            let mut exposure = rule.exposure.clone();
            exposure.sort();
            PinnedRule {
                operation: operation.clone(),
                rank: rank(operation, nth),
                when: rule.written.clone(),
                add: rule.add,
                instead: rule.instead,
                hands_over: rule.hands_over,
                exposure,
            }
        })
        .collect()
    }

    fn push(&mut self, rule: Rule) {
        let place = self.rules.len();
        if rule.operations.iter().any(|name| name.contains('*')) {
            self.patterns.push(place);
        } else {
            for name in &rule.operations {
                self.exact.entry(name.clone()).or_default().push(place);
            }
        }
        self.rules.push(rule);
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
        let Some(when) = &self.when else { return Truth::Unknown };
        when.iter().map(|condition| condition.holds(views)).min().unwrap_or(Truth::Yes)
    }
}

/// Before the bundle's own override: what a request certainly does not do is taken away. `operations` is what the
/// request can be read as; usually one.
pub(crate) fn lower(
    rules: &Rules,
    operations: &[Operation],
    params: &Value,
    told: Told,
    judged: &mut Judged,
) {
    if told != Told::Whole {
        return;
    }
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
) -> Raised<'static> {
    match Rules::shared() {
        Some(rules) => rules.raise(operations, params, told, patterns, judged),
        None => {
            judged.effects = crate::overrides::worst();
            Raised::default()
        }
    }
}

impl Rules {
    /// As [`raise`], by these rules.
    pub(super) fn raise(
        &self,
        operations: &[Operation],
        params: &Value,
        told: Told,
        patterns: Patterns,
        judged: &mut Judged,
    ) -> Raised<'_> {
        let mut raised = Raised::default();
        // Only what is not a look can do more than it says; a rule that names a reading operation names it in full.
        let patterns = if judged.effects.is_plain_read() { Patterns::No } else { patterns };
        let mut besides = judged.effects;
        let mut views_of = None;
        for rule in self.of(operations, patterns).filter(|rule| rule.instead.is_none()) {
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
}

/// The values by which `operations` hand over roles, each with the last name on its path; `None` where that cannot be told.
pub(crate) fn handed_over(operations: &[Operation], params: &Value) -> Option<Vec<(String, Value)>> {
    let views = views(params);
    let mut found = Vec::new();
    for rule in Rules::shared()?.of(operations, Patterns::Too).filter(|rule| rule.hands_over) {
        for condition in rule.when.iter().flatten() {
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

/// Without the spacing, which means nothing.
fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
