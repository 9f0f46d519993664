//! Names and tags as an environment map may read them. They can raise an environment and never lower it; a request
//! that changes them changes what our own judgement reads.

use std::collections::BTreeSet;

/// A key and its value on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

impl Tag {
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// The tags of an action's target as they are at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    /// No read shows them, or it failed: they may be anything.
    #[default]
    Unread,
    Read(BTreeSet<Tag>),
}

/// What a request itself says of names and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Tags that it gives to what it creates or changes.
    pub gives: BTreeSet<Tag>,
    /// Which tags of existing things it changes.
    pub retags: Retags,
    /// New names for existing things.
    pub renames: Vec<String>,
    /// Its target is made by it: there are no earlier tags.
    pub creates: bool,
    /// It is a `privilege` because it hands roles to the cloud, and for no other reason.
    pub hands_over: bool,
}

/// Which tags of existing things a request changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Retags {
    #[default]
    None,
    /// At most these; other text of the request may be among them.
    Keys(BTreeSet<String>),
    /// It replaces or removes whole sets, or there is no saying.
    Any,
}

impl Retags {
    /// Whether a tag with `key` may be changed; upper and lower case alike.
    pub fn may_touch(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Keys(keys) => keys.iter().any(|own| own.to_lowercase() == key.to_lowercase()),
            Self::Any => true,
        }
    }
}
