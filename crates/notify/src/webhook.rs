//! A message as JSON, `countersign.notification/v1`, for programs. Members that do not apply are absent; times are RFC 3339.

use serde::Serialize;

use crate::{About, Event, Message, Sender};

pub const SCHEMA: &str = "countersign.notification/v1";

/// The whole body.
pub fn body(sender: &Sender, message: &Message) -> Vec<u8> {
    let body = Body {
        schema: SCHEMA,
        installation: sender.installation.to_string(),
        news: News::of(message),
        others: message.others.iter().map(News::of).collect(),
        more: message.more,
    };
    // Text and numbers cannot fail to become JSON.
    serde_json::to_vec(&body).unwrap_or_default()
}

#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    installation: String,
    #[serde(flatten)]
    news: News<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<News<'a>>,
    /// How many more happened that are not in `others`.
    more: u64,
}

#[derive(Serialize)]
struct News<'a> {
    id: &'a str,
    r#type: Event,
    timestamp: String,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<&'a str>,
    link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeOf<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryOf<'a>>,
}

#[derive(Serialize)]
struct ChangeOf<'a> {
    id: String,
    state: &'static str,
    environment: &'a str,
    production: bool,
    agent: &'a str,
    operator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<&'a str>,
    approved_by: Vec<&'a str>,
    could_approve: Vec<&'a str>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<i64>,
}

#[derive(Serialize)]
struct EntryOf<'a> {
    id: &'a str,
    index: u64,
}

impl<'a> News<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            id: &message.id,
            r#type: message.event,
            timestamp: message.at.to_string(),
            title: &message.title,
            sentence: message.sentence.as_deref(),
            link: &message.link,
            person: message.person.as_ref().map(|it| it.as_str()),
            change: message.about.as_ref().map(ChangeOf::of),
            entry: message.entry.as_ref().map(|(id, index)| EntryOf { id, index: *index }),
        }
    }
}

impl<'a> ChangeOf<'a> {
    fn of(about: &'a About) -> Self {
        Self {
            id: about.id.to_string(),
            state: about.state.name(),
            environment: &about.environment,
            production: about.production,
            agent: &about.agent,
            operator: about.operator.as_str(),
            needs: about.needs.as_deref(),
            approved_by: about.approved_by.iter().map(|it| it.as_str()).collect(),
            could_approve: about.could_approve.iter().map(|it| it.as_str()).collect(),
            expires_at: about.expires_at.to_string(),
            seconds_left: about.seconds_left,
        }
    }
}
