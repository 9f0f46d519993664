//! A resource as its reads showed it, and how resources hang together.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{ReadRef, Text};

/// Something that the cloud has; its first view is of the read that listed it.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    /// Its ARN, or what stands for one.
    pub id: Text<'a>,
    /// Service and noun: `ec2:volume`.
    pub kind: Text<'a>,
    /// What people and parameters call it: `vol-0abc`.
    pub name: Text<'a>,
    pub region: Text<'a>,
    /// Ascending by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    pub views: Vec<View<'a>>,
}

/// What one read said of it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub read: ReadRef,
    attributes: &'a RawValue,
}

/// How one resource hangs together with another.
#[derive(Clone, Debug)]
pub struct Edge<'a> {
    pub from: Text<'a>,
    pub to: Text<'a>,
    pub kind: EdgeKind,
    pub read: ReadRef,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// A stack and what it made.
    Owns,
    /// A volume and its instance, an address and its interface.
    AttachedTo,
    /// A load balancer and its target group, a group and its instance.
    Targets,
    /// A DNS record, a template, a definition, a configuration that names it.
    RefersTo,
    /// A schedule, a rule or an event source, and what it starts.
    Triggers,
    /// An instance and its scaling group, a replica and its source.
    MemberOf,
    /// A snapshot and its volume, an image and its snapshot, an instance and its image.
    MadeFrom,
    /// A route table and what it sends traffic through.
    RoutesTo,
    /// An image or a snapshot, and another account that may use it.
    SharedWith,
}

impl Resource<'_> {
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.binary_search_by(|(own, _)| own.as_str().cmp(key)).ok()?;
        self.tags.get(found).map(|(_, value)| value.as_str())
    }

    /// The service of its kind: `ec2`.
    pub fn service(&self) -> &str {
        self.kind.as_str().split(':').next().unwrap_or_default()
    }
}

impl<'a> View<'a> {
    pub(crate) const fn new(read: ReadRef, attributes: &'a RawValue) -> Self {
        Self { read, attributes }
    }

    /// The attributes as the cloud wrote them.
    pub fn text(&self) -> &'a str {
        self.attributes.get()
    }

    /// As what the caller needs of them.
    ///
    /// # Errors
    /// Where they are not of that form: then what they say is not known.
    pub fn parse<T: Deserialize<'a>>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.attributes.get())
    }
}
