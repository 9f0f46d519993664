//! What tools take: types of which the schemas are made that clients are told. What is not in them is refused, by name.

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    backend::{Action, Document, Refusal},
    bounds,
};

/// Longer than most clients let a tool take without hearing of it; with progress they do.
const MOST_SECONDS: u16 = 300;
/// Below the minute after which many clients give up on an answer.
const USUAL_SECONDS: u16 = 45;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryQuery {
    /// The id (ARN) of one resource: all that is known of it, attributes included.
    #[serde(default)]
    pub id: Option<String>,
    /// Service and noun, such as `ec2:volume`, or a service alone, such as `ec2`.
    #[serde(default)]
    pub kind: Option<String>,
    /// A tag's key, or `key=value`.
    #[serde(default)]
    pub tag: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    /// Part of the name or of the id, in any case.
    #[serde(default)]
    pub name: Option<String>,
    /// `next` of the answer before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// At most so many (1 to 100; without it 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsQuery {
    /// Ids of findings: these alone.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub ids: Vec<String>,
    /// The analyzer's name, such as `volume-unattached`.
    #[serde(default)]
    pub analyzer: Option<String>,
    /// `waste` or `fault`.
    #[serde(default)]
    pub class: Option<String>,
    /// The id (ARN) of the resource that it is about.
    #[serde(default)]
    pub resource: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    /// `low`, `medium` or `high`: as sure as this, or surer.
    #[serde(default)]
    pub confidence: Option<String>,
    /// `next` of the answer before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// At most so many (1 to 100; without it 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostsQuery {
    /// `service`, `tag:KEY`, or `finding` (what could be saved). Without it: `service`.
    #[serde(default)]
    pub by: Option<String>,
    /// `next` of the answer before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// At most so many (1 to 100; without it 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanQuery {
    /// What is to be achieved. `{"kind": "clean-up" | "rightsize" | "repair", "of": "all"}`, where `of` may also be `{"analyzer": NAME}`,
    /// `{"resources": [ID or NAME]}` or `{"findings": [ID]}`; or `{"kind": "deploy" | "roll-back" | "off-hours" | "restore-configuration", …}`.
    /// Without it and without findings, the goals that there is a reason for.
    #[serde(default)]
    pub goal: Option<Document>,
    /// Ids of findings to answer, in place of a goal.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub findings: Vec<String>,
    /// `next` of the answer before.
    #[serde(default)]
    pub cursor: Option<String>,
    /// At most so many (1 to 100; without it 20).
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProposeQuery {
    /// Why, for the people who decide: what is wrong, what this does about it, what was looked at.
    #[schemars(length(min = 1, max = 2000))]
    pub(crate) intent: String,
    /// 1 to 20 calls, in the order in which they would run.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(crate) actions: Vec<Action>,
    /// The id of a plan that `plan` made, in place of actions.
    #[serde(default)]
    pub(crate) plan: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusQuery {
    /// `chg-…`; without it, all of this session's changes.
    #[serde(default)]
    pub(crate) id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// `chg-…`
    pub(crate) id: String,
    /// At most so long (1 to 300; without it 45). Ask again afterwards: people take longer.
    #[serde(default)]
    #[schemars(range(min = 1, max = 300))]
    pub(crate) seconds: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuery {
    /// `chg-…`
    pub id: String,
}

impl WaitQuery {
    pub(crate) fn seconds(&self) -> Result<u64, Refusal> {
        match self.seconds.unwrap_or(USUAL_SECONDS) {
            seconds @ 1..=MOST_SECONDS => Ok(seconds.into()),
            _ => Err(Refusal::usage(format!("`seconds` is 1 to {MOST_SECONDS}"))),
        }
    }
}

/// Of what a client sent, within bounds.
pub(crate) fn parse<T: DeserializeOwned>(given: Option<Document>, most: bounds::Most) -> Result<T, Refusal> {
    let given = given.unwrap_or_default();
    bounds::check(&given, most)?;
    serde_json::from_value(given.into()).map_err(|err| {
        // It quotes what was sent.
        Refusal::usage(model::sanitize(&err.to_string(), 300)).hint("tools/list has the schema of every tool")
    })
}
