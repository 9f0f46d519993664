//! `environments.toml`: which account is which environment, and which names and tags raise what lies in an account to
//! a stricter one. Names and tags are written by whoever may write to the account, so they never lower anything: they
//! are read only where they make production of what is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use model::{Account, Environment, EnvironmentName, Marks, Pattern, Resource, Tag, Tags};

use crate::{kinds, reader::Section};

/// Where accounts belong. An account that is not here is production.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    by_account: BTreeMap<Account, Environment>,
    pub(crate) names: BTreeMap<EnvironmentName, bool>,
    raising: Vec<Raising>,
    /// Last segments of the names of the roles that Countersign itself acts with.
    own: BTreeSet<String>,
}

/// What is called or tagged like this lies in `environment`, whatever its account.
#[derive(Clone, Debug)]
struct Raising {
    environment: Environment,
    names: Vec<Pattern>,
    tags: Vec<TagPattern>,
}

/// `KEY=VALUE`, of which the value may have wildcards.
#[derive(Clone, Debug)]
struct TagPattern {
    key: String,
    value: Pattern,
}

/// Where an action lands, and what names and tags had to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    pub environment: Environment,
    /// It changes a name or tag that decides where something lies.
    pub changes_the_map: bool,
    /// What could not be established, one plain phrase each.
    pub unknowns: Vec<String>,
}

impl Places {
    pub(crate) fn environment_of(&self, account: &Account) -> Environment {
        self.by_account.get(account).cloned().unwrap_or_else(Environment::unknown)
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.by_account.keys()
    }

    /// What names and tags are raised to which environment, one phrase each.
    pub(crate) fn raises(&self) -> BTreeSet<String> {
        let each = self.raising.iter().flat_map(|Raising { environment, names, tags }| {
            let names =
                names.iter().map(move |name| format!("what is called {} to {environment}", name.as_str()));
            let tags = tags.iter().map(move |TagPattern { key, value }| {
                format!("what is tagged {key}={} to {environment}", value.as_str())
            });
            names.chain(tags)
        });
        each.collect()
    }

    pub(crate) const fn own(&self) -> &BTreeSet<String> {
        &self.own
    }

    /// From the environment that the accounts decide to the one that names and tags make of it. `tags` is `None` for
    /// what is judged without looking at its target: a plain read.
    pub(crate) fn landing<'r>(
        &self,
        decided: Environment,
        resources: impl Iterator<Item = &'r Resource> + Clone,
        marks: &Marks,
        tags: Option<&Tags>,
    ) -> Landing {
        let called = |pattern: &Pattern, resource: &Resource| {
            pattern.matches_any_case(&resource.name) || pattern.matches_any_case(&bare(resource))
        };
        let mut landing = Landing { environment: decided, changes_the_map: false, unknowns: Vec::new() };
        for raising in &self.raising {
            let Raising { environment, names: patterns, tags: tag_patterns } = raising;
            let named = patterns.iter().any(|pattern| {
                resources.clone().any(|resource| called(pattern, resource))
                    || marks.renames.iter().any(|name| pattern.matches_any_case(name))
            });
            let given = marks.gives.iter().any(|tag| tag_patterns.iter().any(|it| it.matches(tag)));
            let tagged = match tags {
                Some(Tags::Read(found)) => {
                    found.iter().any(|tag| tag_patterns.iter().any(|it| it.matches(tag)))
                }
                Some(Tags::Unread) if !tag_patterns.is_empty() && !marks.creates => {
                    if !landing.environment.production {
                        landing.unknowns.push(format!("its tags, so it counts as {environment}"));
                    }
                    true
                }
                Some(Tags::Unread) | None => false,
            };
            if named || given || tagged {
                landing.environment = landing.environment.raise(environment.clone());
            }
            landing.changes_the_map |= tag_patterns.iter().any(|it| marks.retags.may_touch(&it.key))
                || !marks.renames.is_empty() && !patterns.is_empty();
        }
        // A name that nobody could establish may be any.
        let nameless = || resources.clone().any(|resource| resource.name == Resource::UNKNOWN);
        let by_name = self.raising.iter().find(|it| !it.names.is_empty());
        if let Some(raising) = by_name.filter(|_| tags.is_some() && nameless()) {
            landing.environment = landing.environment.raise(raising.environment.clone());
        }
        landing
    }

    /// Roles that Countersign acts with, wherever else they are named.
    pub(crate) fn also_ours<'r>(&mut self, roles: impl IntoIterator<Item = &'r str>) {
        self.own.extend(roles.into_iter().map(|role| last_segment(role).to_owned()));
    }

    /// Whether `resource` is a right of our own: what the agent acts with.
    pub(crate) fn is_own(&self, resource: &Resource) -> bool {
        let could_be = || {
            let lineage = kinds::lineage(resource.kind.as_str());
            ["identity", "unknown", "unlisted"].iter().any(|kind| lineage.contains(kind))
        };
        !self.own.is_empty() && self.own.contains(last_segment(&resource.name)) && could_be()
    }
}

/// The identifier of a resource, equal whether the request gave an ARN or not.
pub(crate) fn bare(resource: &Resource) -> String {
    let key = resource.key();
    let prefix = resource.service.len() + resource.kind.as_str().len() + 2;
    key.get(prefix..).unwrap_or(&key).to_owned()
}

/// What a role is called however it is written: as an ARN, with its path, or bare.
fn last_segment(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

pub(crate) fn read_places(root: &Section<'_>) -> Places {
    let mut places = Places::default();
    for (name, section) in root.named::<EnvironmentName>("environments") {
        // Where it is not said, it is production.
        let production = section.flag("production").unwrap_or(true);
        if name.is_production() && !production {
            section.wrong(
                "production",
                "the environment `production` is production".to_owned(),
                Some("give an environment in which the rules are laxer another name".to_owned()),
            );
        }
        let environment = Environment { name: name.clone(), production };
        for account in section.list::<AccountText>("accounts") {
            if let Some(other) = places.by_account.insert(Account(account.0.clone()), environment.clone()) {
                section.wrong("accounts", format!("account {} is also in {}", account.0, other.name), None);
            }
        }
        let raising = Raising { environment, names: section.list("names"), tags: section.list("tags") };
        for (key, given) in [("names", !raising.names.is_empty()), ("tags", !raising.tags.is_empty())] {
            if given && !production {
                section.wrong(
                    key,
                    format!(
                        "{key} cannot make anything {name}: they only raise, and {name} is not production"
                    ),
                    Some("put them under the environment that is production".to_owned()),
                );
            }
        }
        if !raising.names.is_empty() || !raising.tags.is_empty() {
            places.raising.push(raising);
        }
        for role in section.list::<String>("own_roles") {
            places.own.insert(last_segment(&role).to_owned());
        }
        section.finish();
        places.names.insert(name, production);
    }
    places
}

struct AccountText(String);

impl FromStr for AccountText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| format!("`{text}` is no account, such as \"111122223333\""))
    }
}

impl TagPattern {
    fn matches(&self, tag: &Tag) -> bool {
        self.key.to_lowercase() == tag.key.to_lowercase() && self.value.matches_any_case(&tag.value)
    }
}

impl FromStr for TagPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no tag such as \"env=prod*\"", model::sanitize(text, 80));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let plain = (1..=128).contains(&key.len()) && !key.contains(['*', '?']);
        if !plain || key.chars().any(char::is_control) {
            return Err(wrong());
        }
        Ok(Self { key: key.to_owned(), value: value.parse().map_err(|_| wrong())? })
    }
}
