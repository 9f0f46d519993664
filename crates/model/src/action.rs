//! One normalized operation on named resources, with its effects and its digest. An action owns the request it was
//! parsed from; nothing is parsed twice, and what is forwarded is this request.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Account, Digest, EffectSet, Marks, Partition, Region, Request, Resource, SecondLock, Value};

/// `service:Operation`, as the protocol's own documentation writes it: `cloudformation:DeleteStack`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Operation {
    pub service: String,
    pub name: String,
}

impl Operation {
    pub fn new(service: impl Into<String>, name: impl Into<String>) -> Self {
        Self { service: service.into(), name: name.into() }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// What an answer to this action would show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exposure {
    /// Content of customers' data: objects, items, messages, log events.
    pub data: bool,
    /// Credentials, secrets, or a URL that acts as one.
    pub credentials: bool,
}

/// What undoing an action takes, as far as the tables know before anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// A read: there is nothing to undo.
    NotNeeded,
    /// Purely additive and listed as such.
    Additive,
    /// The inverse table has an entry; the inverse must still be captured.
    Capturable,
    /// No entry: in production this counts as `destroy`.
    Unlisted,
}

/// How much of it is asked for at once, as budgets count it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quantity {
    /// Messages, instances, nodes; `None` where the request does not tell.
    pub units: Option<u64>,
    /// How large they are, where the operation has sizes (`t3.micro`); [`Quantity::UNKNOWN`] where it does not say.
    pub sizes: Vec<String>,
}

impl Quantity {
    pub const UNKNOWN: &str = "unknown";

    pub const fn one() -> Self {
        Self { units: Some(1), sizes: Vec::new() }
    }

    pub const fn unknown() -> Self {
        Self { units: None, sizes: Vec::new() }
    }

    fn is_one(&self) -> bool {
        *self == Self::one()
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::one()
    }
}

/// What a classifier says of an action; everything but the request itself, so it can be stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionParts {
    pub operation: Operation,
    pub partition: Partition,
    pub account: Account,
    pub region: Region,
    pub effects: EffectSet,
    pub exposure: Exposure,
    pub resources: Vec<Resource>,
    pub undo: Undo,
    #[serde(default, skip_serializing_if = "Quantity::is_one")]
    pub quantity: Quantity,
    /// One derived sentence of what it does, in plain words; never text of the agent's.
    pub summary: String,
    /// The parameters for people's eyes: names and values, secrets redacted.
    pub shown: Vec<(String, String)>,
    /// What the classifier could not establish, one plain phrase each.
    pub unknowns: Vec<String>,
    /// The role that the agent has taken on and acts as; part of the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<String>,
    /// `None` of what only reads, and where the gateway has no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_lock: Option<SecondLock>,
}

impl ActionParts {
    /// What its targets lie in, as a key: the bucket of objects (`s3/object/bucket`), else their kind. `None` where they
    /// lie in several, or the request identifies none.
    pub fn parent(&self) -> Option<String> {
        let mut parents = self.resources.iter().map(Resource::parent);
        let first = parents.next()??;
        parents.all(|it| it.as_ref() == Some(&first)).then_some(first)
    }
}

#[derive(Clone, Debug)]
pub struct Action {
    parts: ActionParts,
    digest: Digest,
    request: Request,
    marks: Marks,
    body: Body,
}

/// Whether the content of an action's request is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Whole,
    /// It is passed on as it comes, if it may be; held, the action would have to be asked for whole.
    ToCome,
}

impl Action {
    /// `content` is the canonical parse of everything that changes the meaning of the action (parameters, body
    /// digest) and nothing that does not (idempotency tokens, dates, signatures).
    pub fn new(parts: ActionParts, content: &Value, request: Request) -> Self {
        let digest = Value::map([
            ("partition", Value::text(&parts.partition.0)),
            ("account", Value::text(&parts.account.0)),
            ("region", Value::text(&parts.region.0)),
            ("service", Value::text(&parts.operation.service)),
            ("operation", Value::text(&parts.operation.name)),
            ("content", content.clone()),
        ])
        .digest("countersign/action/v1");
        Self { parts, digest, request, marks: Marks::default(), body: Body::Whole }
    }

    /// With what its parameters say of names and tags.
    #[must_use]
    pub fn marked(self, marks: Marks) -> Self {
        Self { marks, ..self }
    }

    /// The same action, judged before its content has come. Its digest is its own, for `signature` stands in it where the
    /// content would: no approval of anything else can fit it.
    #[must_use]
    pub fn to_come(self, signature: Digest) -> Self {
        let digest = Value::map([
            ("head", Value::text(self.digest.to_string())),
            ("signature", Value::text(signature.to_string())),
        ])
        .digest("countersign/action-to-come/v1");
        Self { digest, body: Body::ToCome, ..self }
    }

    pub const fn body(&self) -> Body {
        self.body
    }

    pub const fn marks(&self) -> &Marks {
        &self.marks
    }

    pub const fn parts(&self) -> &ActionParts {
        &self.parts
    }

    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The request as received; a gateway forwards the one that a permit yields, not this view.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The same action with its references resolved: what is forwarded names what was observed, not what the name may
    /// mean by then. The digest stays that of the request as received; what it resolved to is in the observation.
    #[must_use]
    pub fn pinned(self, request: Request) -> Self {
        Self { request, ..self }
    }

    pub fn into_request(self) -> Request {
        self.request
    }
}
