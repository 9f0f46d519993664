//! What the client says went wrong, as a failed turn. Errors of servers repeat what they were sent, at times the key: what is kept of
//! them is scrubbed, and the key is looked for by name.

use std::{sync::Arc, time::Duration};

use genai::{Error, webc};
use model::sanitize;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::{failure::FailedTurn, key::Key, scrub::Scrubber};

#[derive(Clone)]
pub(super) struct Reader {
    scrubber: Arc<Scrubber>,
    key: Option<Key>,
}

/// Of what a server says in an error.
const MOST: usize = 200;

impl Reader {
    pub(super) fn new(scrubber: Arc<Scrubber>, key: Option<Key>) -> Self {
        Self { scrubber, key }
    }

    pub(super) fn failed(&self, err: &Error) -> FailedTurn {
        match err {
            Error::HttpError { status, body, headers, .. } => self.refused(status.as_u16(), body, headers),
            Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
                match webc_error {
                    webc::Error::ResponseFailedStatus { status, body, headers } => {
                        self.refused(status.as_u16(), body, headers)
                    }
                    webc::Error::Reqwest(err) => self.lost(err),
                    other => self.broken(&other.to_string()),
                }
            }
            // A stream hands on what stopped it.
            Error::WebStream { error, cause, .. } => match error.downcast_ref::<Error>() {
                Some(inner) => self.failed(inner),
                None => match error.downcast_ref::<reqwest::Error>() {
                    Some(err) => self.lost(err),
                    None => self.broken(cause),
                },
            },
            Error::ChatResponse { body, .. } => self.broken(&said(body)),
            other => self.broken(&other.to_string()),
        }
    }

    fn refused(&self, status: u16, body: &str, headers: &HeaderMap) -> FailedTurn {
        match status {
            408 | 425 | 429 | 500 | 502 | 503 | 504 | 529 => {
                FailedTurn::Overloaded { status, retry_after: retry_after(headers) }
            }
            _ => {
                let why = serde_json::from_str(body).map_or_else(|_| body.to_owned(), |body| said(&body));
                FailedTurn::Refused { status, why: self.clean(&why) }
            }
        }
    }

    fn lost(&self, err: &reqwest::Error) -> FailedTurn {
        let why = self.clean(&model::causes(err));
        if err.is_connect() { FailedTurn::Unreachable { why } } else { FailedTurn::Broken { why } }
    }

    fn broken(&self, why: &str) -> FailedTurn {
        FailedTurn::Broken { why: self.clean(why) }
    }

    fn clean(&self, why: &str) -> String {
        let why = match &self.key {
            Some(key) => why.replace(key.expose(), "[removed:key]"),
            None => why.to_owned(),
        };
        sanitize(self.scrubber.scrub(&why).as_str(), MOST)
    }
}

/// All the protocols say it in one of these places.
fn said(body: &Value) -> String {
    let word = |place: &str| body.pointer(place).and_then(Value::as_str);
    let kind = word("/error/type").or_else(|| word("/type")).unwrap_or_default();
    let message = ["/error/message", "/message", "/Message", "/error"].iter().find_map(|place| word(place));
    match (kind, message) {
        ("", Some(message)) => message.to_owned(),
        (kind, Some(message)) => format!("{kind}: {message}"),
        (kind, None) => kind.to_owned(),
    }
}

/// In seconds, or in milliseconds where a server is that exact. A date would need a clock; without one it is waited as usual.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn what_a_server_says_is_kept_without_what_it_was_sent() {
        let variable = |_: &str| Some("local-key-of-ours".to_owned());
        let place = crate::key::KeyPlace::Env("KEY".to_owned());
        let key = Key::read(&place, std::path::Path::new("."), &variable).unwrap();
        let reader = Reader::new(Arc::new(Scrubber::new().unwrap()), Some(key));
        let check = |status, body: &str, expected: Expect| {
            expected.assert_eq(&reader.refused(status, body, &HeaderMap::new()).to_string());
        };
        check(
            401,
            r#"{"error": {"type": "authentication_error", "message": "no such key: local-key-of-ours"}}"#,
            expect!["the model refused the request (401): authentication_error: no such key: [removed:key]"],
        );
        let token = ["ghp_", &"a1".repeat(18)].concat();
        check(
            400,
            &format!(r#"{{"message": "cannot read {token}\u001b[2K"}}"#),
            expect!["the model refused the request (400): cannot read [removed:github-token]\\u{1b}[2K"],
        );
        check(
            404,
            "<html>not here</html>",
            expect!["the model refused the request (404): <html>not here</html>"],
        );
        check(403, "{}", expect!["the model refused the request (403): "]);
        check(529, "busy", expect!["the model is overloaded (529)"]);
        let long = reader.refused(400, &"x ".repeat(1000), &HeaderMap::new()).to_string();
        assert!(long.len() < 300, "{long}");
    }

    #[test]
    fn how_long_to_wait_is_what_the_server_says() {
        let check = |pairs: &[(&'static str, &'static str)], expected: Option<u64>| {
            let headers =
                pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(retry_after(&headers), expected.map(Duration::from_millis));
        };
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", "2"), ("retry-after-ms", "1500")], Some(1500));
        check(&[("retry-after", "-1")], None);
        check(&[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], None);
        check(&[], None);
    }
}
