//! The tables of the second lock: what an action is on, how that is named, and what an action takes besides.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use serde::Deserialize;

const RIGHTS: &str = include_str!("../../data/aws_rights.tsv");
const ARNS: &str = include_str!("../../data/aws_arns.tsv");
const BESIDES: &str = include_str!("../../data/second_lock.toml");

pub(super) static LOCKS: LazyLock<Locks> = LazyLock::new(Locks::parse);

#[derive(Debug, Default)]
pub(super) struct Locks {
    pub(super) types: HashMap<&'static str, Vec<Type>>,
    pub(super) arns: HashMap<(&'static str, &'static str), &'static str>,
    pub(super) besides: Besides,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) required: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Besides {
    pub(super) caller: Vec<Caller>,
    pub(super) names: BTreeMap<String, Vec<String>>,
    pub(super) folded: Folded,
    pub(super) roundabout: Roundabout,
    pub(super) companion: Vec<Companion>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Folded {
    pub(super) services: BTreeSet<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Roundabout {
    pub(super) types: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Caller {
    pub(super) operations: String,
    pub(super) unless: Option<String>,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Companion {
    pub(super) operations: Option<String>,
    pub(super) class: Option<String>,
    pub(super) member: Option<String>,
    pub(super) actions: Vec<String>,
    #[serde(default)]
    pub(super) on: Vec<String>,
}

impl Locks {
    fn parse() -> Self {
        let types = RIGHTS.lines().skip(1).filter_map(|line| {
            let (action, types) = line.split_once('\t')?;
            let read = |text: &'static str| {
                let name = text.strip_suffix('!').unwrap_or(text);
                Type { name, required: name.len() < text.len() }
            };
            Some((action, types.split(',').map(read).collect()))
        });
        let arns = ARNS.lines().skip(1).filter_map(|line| {
            let mut cells = line.split('\t');
            Some(((cells.next()?, cells.next()?), cells.next()?))
        });
        // A table that cannot be read is found by a test; without it, every lock is that of the operation alone.
        let besides = toml::from_str(BESIDES).unwrap_or_default();
        Self { types: types.collect(), arns: arns.collect(), besides }
    }
}
