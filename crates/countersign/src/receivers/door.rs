//! One receiver over HTTP: a POST, and whether it was taken, which is any 2xx within the time. Nothing of the answer counts but
//! that. A receiver's address and secret are in no message and no log line.

use std::{fmt, path::Path, time::Duration};

use hyper::{Method, Uri, header};
use model::Timestamp;
use notify::{Message, Secret, Sender, slack, webhook};

use crate::{
    exchange::{Bounds, NoAnswer, exchange, request},
    failure::Failure,
    transport::{self, Http},
};

/// Slack answers `ok`.
const BOUNDS: Bounds = Bounds { patience: Duration::from_secs(10), most: 64 * 1024 };

#[derive(Clone)]
pub(super) struct Door {
    url: String,
    place: String,
    /// `None`: in Slack's form, which knows no signature.
    secret: Option<Secret>,
    http: Http,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.place)
    }
}

/// Why a message was not taken; for a log line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("it answers {0}")]
    Status(u16),
}

impl Door {
    pub(super) fn open(url: &str, secret: Option<Secret>, ca: Option<&Path>) -> Result<Self, Failure> {
        let (url, place) = address(url)?;
        Ok(Self { url: url.to_string(), place, secret, http: transport::http(ca)? })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn send(
        &self,
        sender: &Sender,
        message: &Message,
        now: Timestamp,
    ) -> Result<(), NotTaken> {
        let body = match self.secret {
            Some(_) => webhook::body(sender, message),
            None => slack::body(message),
        };
        let mut request = request(Method::POST, &self.url).header(header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            let signature = secret.sign(&message.id, now, &body);
            request = request
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", now.seconds())
                .header("webhook-signature", signature);
        }
        match exchange(&self.http, request, body, BOUNDS).await?.status {
            200..=299 => Ok(()),
            status => Err(NotTaken::Status(status)),
        }
    }

    /// Whatever it answers.
    pub(super) async fn answers(&self) -> Result<(), NotTaken> {
        exchange(&self.http, request(Method::HEAD, &self.url), Vec::new(), BOUNDS).await?;
        Ok(())
    }
}

/// Over TLS, or on this very machine; and scheme and host, which are all that is shown of it.
fn address(text: &str) -> Result<(Uri, String), Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("its `url` {why}")).hint("such as \"https://hooks.example/services/…\"")
    };
    let url: Uri = text.parse().map_err(|_| wrong("is none"))?;
    let authority = url.authority().ok_or_else(|| wrong("names no host"))?;
    if authority.as_str().contains('@') || text.contains('#') {
        return Err(wrong("has a user or a fragment in it"));
    }
    let host = authority.host().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let scheme = match url.scheme_str() {
        Some("https") => "https",
        Some("http") if here => "http",
        Some("http") => return Err(wrong("is not https, and leads to another machine")),
        Some(_) | None => return Err(wrong("is not https")),
    };
    let place = format!("{scheme}://{authority}");
    Ok((url, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_on_this_machine_and_its_path_is_not_shown() {
        for (text, expected) in [
            ("https://hooks.example/services/T0/B0/secret", Ok("https://hooks.example")),
            ("https://hooks.example:8443/x?token=secret", Ok("https://hooks.example:8443")),
            ("http://127.0.0.1:9/x", Ok("http://127.0.0.1:9")),
            ("http://[::1]:9/x", Ok("http://[::1]:9")),
            ("http://localhost/x", Ok("http://localhost")),
            ("http://hooks.example/x", Err("is not https, and leads to another machine")),
            ("http://localhost.example/x", Err("is not https, and leads to another machine")),
            ("ftp://hooks.example/x", Err("is not https")),
            ("https://me:secret@hooks.example/x", Err("has a user or a fragment in it")),
            ("https://hooks.example/x#secret", Err("has a user or a fragment in it")),
            ("/services", Err("names no host")),
            ("", Err("is none")),
        ] {
            let found = address(text);
            match expected {
                Ok(place) => assert_eq!(found.unwrap().1, place, "{text}"),
                Err(why) => {
                    let failure = found.unwrap_err();
                    assert_eq!(failure.message, format!("its `url` {why}"), "{text}");
                    assert!(!failure.message.contains("secret"), "{text}");
                }
            }
        }
    }
}
