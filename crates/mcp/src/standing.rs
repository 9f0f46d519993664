//! How a change stands, in words: what it waits for, and what the agent does next. Read of `countersign.change/v1`, which is the only thing
//! that this crate knows of a server.

use std::collections::BTreeMap;

use model::{ChangeId, ChangeState, EvidenceKind, Role};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Told,
    backend::{Document, Refusal},
};

/// What is read of a change; the rest is passed on as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Standing {
    pub(crate) id: ChangeId,
    pub(crate) state: ChangeState,
    verdict: Verdict,
    #[serde(default)]
    approvals: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    #[serde(default)]
    requirement: Option<Requirement>,
    #[serde(default)]
    rules: Vec<Value>,
    #[serde(default)]
    alternatives: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Requirement {
    people: u32,
    #[serde(default)]
    touched: u32,
    #[serde(default)]
    roles: BTreeMap<Role, u32>,
    #[serde(default)]
    evidence: Vec<EvidenceKind>,
    #[serde(default)]
    window: Option<String>,
}

impl Standing {
    pub(crate) fn of(change: &Document) -> Result<Self, Refusal> {
        serde_json::from_value(change.clone().into())
            .map_err(|err| Refusal::new("CS000", "the server's answer cannot be read").told(err.to_string()))
    }

    /// What it lacks, and what comes next.
    fn said(&self) -> String {
        format!("Change {} is {}. {}", self.id, self.state, self.next())
    }

    fn next(&self) -> String {
        match self.state {
            ChangeState::Held => format!(
                "Nothing was carried out. {} People decide in the console or on their command line; there is no tool for it. Next: `wait` \
                 with this id, or `withdraw` it.",
                self.lacks()
            ),
            ChangeState::Approved => {
                "Next: ask for its calls exactly as they were proposed, by your usual AWS client with this session's credentials; each passes \
                 once."
                    .to_owned()
            }
            ChangeState::Executing => "It is being carried out. Next: `wait`, or `status`.".to_owned(),
            ChangeState::Executed => "It was carried out.".to_owned(),
            ChangeState::Undone => "It was carried out, and taken back.".to_owned(),
            ChangeState::Rejected => {
                "A person said no, and gave a reason (`rejection`). Do not ask for the same again by another way; tell your operator."
                    .to_owned()
            }
            ChangeState::Denied => {
                "No approval lifts this. `why` names the rules, and `alternatives` what would be allowed instead.".to_owned()
            }
            ChangeState::Expired => "Nobody decided in time. Propose it again if it is still wanted.".to_owned(),
            ChangeState::Withdrawn => "It was taken back, and is closed.".to_owned(),
            ChangeState::Failed => "The cloud refused it, or it broke off. `status` has what is known; look before you ask again.".to_owned(),
            ChangeState::Unknown => {
                "Whether it was carried out is not known yet: it is being read back. Do not repeat it. Next: `wait`.".to_owned()
            }
        }
    }

    fn lacks(&self) -> String {
        let Some(needs) = &self.verdict.requirement else {
            return "What it waits for is in `why`.".to_owned();
        };
        let mut lacks = Vec::new();
        match needs.people {
            0 => {}
            1 => lacks.push("1 person who did not launch this agent".to_owned()),
            people => lacks.push(format!("{people} people who did not launch this agent")),
        }
        if needs.touched > 0 {
            lacks.push(format!("{} of them by a key that is touched", needs.touched));
        }
        if !needs.roles.is_empty() {
            lacks.push("roles among them (`needs.roles`)".to_owned());
        }
        if !needs.evidence.is_empty() {
            lacks.push("evidence that is gathered (`needs.evidence`)".to_owned());
        }
        if needs.window.is_some() {
            lacks.push("a time window (`needs.window`)".to_owned());
        }
        if lacks.is_empty() {
            return "What it waits for is in `why`.".to_owned();
        }
        let given = match self.approvals.len() {
            0 => "Nobody has agreed yet".to_owned(),
            1 => "1 has agreed so far".to_owned(),
            more => format!("{more} have agreed so far"),
        };
        format!("It takes {}. {given}.", lacks.join(", "))
    }
}

/// Of one change.
pub(crate) fn told(change: Document) -> Result<Told, Refusal> {
    let standing = Standing::of(&change)?;
    let mut data = Document::from_iter([
        ("id".to_owned(), json!(standing.id)),
        ("state".to_owned(), json!(standing.state)),
        ("why".to_owned(), standing.verdict.rules.clone().into()),
        ("alternatives".to_owned(), standing.verdict.alternatives.clone().into()),
    ]);
    if let Some(needs) = &standing.verdict.requirement {
        let needs = json!({
            "people": needs.people, "touched": needs.touched, "roles": needs.roles, "evidence": needs.evidence, "window": needs.window,
        });
        data.insert("needs".to_owned(), needs);
    }
    let said = standing.said();
    // What is told already is not told twice.
    let rest =
        change.into_iter().filter(|(name, _)| !["schema", "id", "state", "verdict"].contains(&name.as_str()));
    data.insert("change".to_owned(), rest.collect::<Document>().into());
    Ok(Told { said, source: "countersign:change", data })
}

/// Of all of a session's changes, in short.
pub(crate) fn list(changes: Vec<Document>) -> Result<Told, Refusal> {
    const SHOWN: usize = 50;
    const KEPT: [&str; 6] = ["id", "state", "intent", "summary", "created_at", "expires_at"];
    let count = changes.len();
    let short = |change: Document| -> Document {
        change.into_iter().filter(|(name, _)| KEPT.contains(&name.as_str())).collect()
    };
    let shown: Vec<Value> = changes.into_iter().take(SHOWN).map(|change| short(change).into()).collect();
    let said = match count {
        0 => "This session has asked for no change yet.".to_owned(),
        count if count > SHOWN => {
            format!("This session has asked for {count} changes; here are the newest {SHOWN}.")
        }
        count => format!(
            "This session has asked for {count} so far, the newest first. `status` with an id has all of one."
        ),
    };
    Ok(Told {
        said,
        source: "countersign:changes",
        data: Document::from_iter([("changes".to_owned(), shown.into())]),
    })
}
