//! A provider of identities over HTTP: bounded in size and in time, over TLS or on this very machine, and no redirect followed.
//! What comes back is nobody's word yet: `oidc` says what of it counts.

use std::{fmt, net::IpAddr, path::Path, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, Uri, header};
use oidc::{Fetch, FetchError, Fetched};

use crate::{
    failure::Failure,
    transport::{self, Http},
};

/// From connecting to the last byte; a person waits for it.
const PATIENCE: Duration = Duration::from_secs(8);
/// Keys and metadata of large providers are some dozen kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

pub(super) struct Door {
    http: Http,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    /// `ca` is believed beside the public authorities.
    pub(super) fn open(ca: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self { http: transport::http(ca)? })
    }
}

impl Fetch for Door {
    fn fetch(&self, request: Request<Vec<u8>>) -> Fetched {
        let http = self.http.clone();
        Box::pin(async move {
            if !is_private(request.uri()) {
                let place = model::sanitize(&request.uri().to_string(), 200);
                return Err(FetchError(format!("{place} is neither https nor on this machine")));
            }
            let (mut head, body) = request.into_parts();
            let agent = header::HeaderValue::from_static(concat!("countersign/", env!("CARGO_PKG_VERSION")));
            head.headers.insert(header::USER_AGENT, agent);
            let request = Request::from_parts(head, Full::from(body));
            let answered = async {
                let answer = http.request(request).await;
                let answer = answer
                    .map_err(|err| FetchError(format!("it cannot be reached: {}", model::causes(&err))))?;
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| {
                    FetchError(format!("its answer broke off or was longer than {MAX_ANSWER} bytes"))
                })?;
                Ok(Response::from_parts(head, body.to_bytes().to_vec()))
            };
            let late = |_| FetchError(format!("it gave no answer within {} seconds", PATIENCE.as_secs()));
            tokio::time::timeout(PATIENCE, answered).await.map_err(late)?
        })
    }
}

/// Whether nobody on the way reads along: a code and a secret go there.
fn is_private(url: &Uri) -> bool {
    let Some(authority) = url.authority().filter(|it| !it.as_str().contains('@')) else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match url.scheme_str() {
        Some("https") => true,
        Some("http") => here,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_on_the_way_reads_along() {
        for (url, expected) in [
            ("https://idp.example/token", true),
            ("http://127.0.0.1:4000/token", true),
            ("http://[::1]:4000/token", true),
            ("http://localhost:4000/token", true),
            ("http://idp.example/token", false),
            ("http://localhost.example/token", false),
            ("https://me:secret@idp.example/token", false),
            ("/token", false),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
