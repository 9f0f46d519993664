//! A message as Slack's incoming webhooks take it, and whatever is compatible with them: one member `text`, in mrkdwn.
//!
//! Invariant: what others had a part in stands in a code span in which no backtick is left, with `&`, `<` and `>` as entities. So
//! it mentions nobody (`<!channel>`, `@here`), links nowhere, and cannot pass for our own words.

use crate::{About, Message};

/// Slack cuts longer ones at 40,000 characters; nobody reads as much.
const MOST: usize = 3000;
/// Of people's names in one line.
const NAMES: usize = 6;

/// The whole body.
pub fn body(message: &Message) -> Vec<u8> {
    let body = serde_json::json!({
        "text": text(message),
        "unfurl_links": false,
        "unfurl_media": false,
    });
    serde_json::to_vec(&body).unwrap_or_default()
}

/// In mrkdwn.
pub fn text(message: &Message) -> String {
    let mut lines = vec![format!("*{}*", escaped(&message.title))];
    lines.extend(message.sentence.as_deref().map(foreign));
    lines.extend(message.about.as_ref().map(whose));
    let still = message.about.as_ref().and_then(waiting);
    lines.extend(still);
    lines.extend(message.person.as_ref().map(|person| format!("by {}", foreign(person.as_str()))));
    lines.push(format!("<{}|Open it>", escaped(&message.link)));
    let mut length = lines.iter().map(String::len).sum::<usize>();
    let mut left_out = message.more;
    for other in &message.others {
        let line = other_line(other);
        length = length.saturating_add(line.len());
        if length > MOST {
            left_out = left_out.saturating_add(1);
        } else {
            lines.push(line);
        }
    }
    if left_out > 0 {
        lines.push(format!("and {left_out} more"));
    }
    lines.join("\n")
}

fn other_line(other: &Message) -> String {
    let sentence = other.sentence.as_deref().map(foreign).unwrap_or_default();
    format!("• {}: {sentence} <{}|Open it>", escaped(&other.title), escaped(&other.link))
}

fn whose(about: &About) -> String {
    format!(
        "{} for {}, in {}",
        foreign(&about.agent),
        foreign(about.operator.as_str()),
        foreign(&about.environment)
    )
}

fn waiting(about: &About) -> Option<String> {
    let needs = about.needs.as_deref()?;
    let mut names: Vec<_> = about.could_approve.iter().take(NAMES).map(|it| foreign(it.as_str())).collect();
    let more = about.could_approve.len().saturating_sub(NAMES);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let could = match (names.is_empty(), about.approved_by.is_empty()) {
        (false, _) => names.join(", "),
        (true, true) => "nobody is left who could".to_owned(),
        (true, false) => "nobody could add to what was signed".to_owned(),
    };
    let left = about.seconds_left.map(|seconds| format!("; {} left", span(seconds))).unwrap_or_default();
    Some(format!("needs {}: {could}{left}", foreign(needs)))
}

fn span(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Words of others.
fn foreign(text: &str) -> String {
    let cleaned = model::sanitize(text, MOST / 4).replace('`', "'");
    format!("`{}`", escaped(&cleaned))
}

/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
