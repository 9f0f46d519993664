//! One record of CloudTrail: the members that matter here. Its text is hostile and stays so until it is shown.

use classify_aws::{
    recorded,
    table::{Row, Service},
};
use model::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub at: Timestamp,
    /// `ec2.amazonaws.com`.
    pub source: String,
    pub name: String,
    pub api_version: String,
    pub region: String,
    /// In which it happened.
    pub account: String,
    /// Of who called: a user, an assumed role's session, a service.
    pub principal: String,
    /// Of the role behind a session.
    pub role: Option<String>,
    pub access_key: Option<String>,
    /// A service that acted on somebody's behalf.
    pub invoked_by: Option<String>,
    pub error: Option<String>,
    pub request_id: Option<String>,
    /// `AwsApiCall`, `AwsServiceEvent`, …
    pub kind: String,
    pub parameters: Value,
    /// CloudTrail says that it left something out of the record.
    pub omitted: bool,
}

impl Event {
    /// The name of the missing member is the error.
    pub(crate) fn of(record: &Value) -> Result<Self, &'static str> {
        let text = |path: &str| record.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let identity = |name: &str| text(&format!("/userIdentity/{name}"));
        Ok(Self {
            id: text("/eventID").ok_or("eventID")?,
            at: text("/eventTime").and_then(|time| time.parse().ok()).ok_or("eventTime")?,
            source: text("/eventSource").ok_or("eventSource")?,
            name: text("/eventName").ok_or("eventName")?,
            api_version: text("/apiVersion").unwrap_or_default(),
            region: text("/awsRegion").unwrap_or_default(),
            account: text("/recipientAccountId").or_else(|| identity("accountId")).unwrap_or_default(),
            principal: ["arn", "userName", "principalId", "invokedBy", "type"]
                .into_iter()
                .find_map(identity)
                .unwrap_or_else(|| "unknown".to_owned()),
            role: identity("sessionContext/sessionIssuer/arn"),
            access_key: identity("accessKeyId"),
            invoked_by: identity("invokedBy"),
            error: text("/errorCode"),
            request_id: text("/requestID"),
            kind: text("/eventType").unwrap_or_default(),
            omitted: record.get("omitted").is_some_and(|it| *it != Value::Bool(false)),
            parameters: record.get("requestParameters").cloned().unwrap_or(Value::Null),
        })
    }

    /// What it may be of in our table; empty: unknown.
    pub fn operations(&self) -> Vec<(&'static Service, &'static Row)> {
        recorded::operations(&self.source, &self.name, &self.api_version)
    }

    /// Whether `who`, a role's or user's ARN or an access key's id, made it.
    pub fn is_by(&self, who: &str) -> bool {
        [Some(&self.principal), self.role.as_ref(), self.access_key.as_ref()]
            .into_iter()
            .flatten()
            .any(|it| it == who)
    }
}
