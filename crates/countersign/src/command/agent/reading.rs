//! A check's read: made at the gateway, understood as a scan understands it, and kept as evidence. What is kept is what the form of the
//! answer names, which holds no secrets; whatever else came is dropped.

use ::plan::{Call, Check, Seen, conduct::Looked};
use classify_aws::gather;
use inventory::{Answered, Understood};
use model::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::scan::cloud::Cloud;

/// What was read for one check, as its file has it.
#[derive(Serialize)]
pub(super) struct Evidence<'c> {
    schema: &'static str,
    at: Timestamp,
    check: &'c str,
    read: &'c Call,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    /// In the SDKs' names, cut down to what is known of the answer's form.
    Answer(Value),
    /// The cloud's error code.
    Refused(String),
    Nothing(String),
}

pub(super) async fn look<'c>(cloud: &Cloud, check: &'c Check, now: Timestamp) -> (Looked, Evidence<'c>) {
    let answered = cloud.call(&check.read.wire()).await;
    let (looked, found) = judged(check, &answered);
    let evidence =
        Evidence { schema: "countersign.evidence/v1", at: now, check: &check.id, read: &check.read, found };
    (looked, evidence)
}

fn judged(check: &Check, answered: &Answered) -> (Looked, Found) {
    let operation = format!("{}:{}", check.read.service, check.read.operation);
    let unknown = |why: String| (Looked::Unknown(why.clone()), Found::Nothing(why));
    match inventory::read(&operation, answered) {
        None => unknown(format!("the form of {}'s answers is not known", model::sanitize(&operation, 120))),
        Some(Understood::Page(page)) => {
            let looked = match check.expect.holds(Seen::Page(&page)) {
                Ok(()) => Looked::Passed,
                Err(why) => Looked::Failed(why),
            };
            (looked, Found::Answer(page))
        }
        Some(
            Understood::Absent(why)
            | Understood::Denied(why)
            | Understood::Failed(why)
            | Understood::Later(why),
        ) => {
            let Answered::Answer(answer) = answered else { return unknown(why) };
            let code = model::sanitize(&gather::error_code(answer), 120);
            if code.is_empty() {
                return unknown(why);
            }
            let looked = match check.expect.holds(Seen::Refused(&code)) {
                Ok(()) => Looked::Passed,
                Err(why) => Looked::Unknown(why),
            };
            (looked, Found::Refused(code))
        }
    }
}
