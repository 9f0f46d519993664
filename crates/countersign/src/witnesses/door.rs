//! One witness over HTTP. What of its answers counts `witness::Reply` and `engine` say.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::{Method, Uri, http::request::Builder};
use witness::{ADD_CHECKPOINT, checkpoint_path};

use crate::{
    exchange::{Answered, Bounds, NoAnswer, exchange, request},
    failure::Failure,
    transport::{self, Http},
};

/// From connecting to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a start waits for, and whoever asks for another bundle.
const AT_START: Duration = Duration::from_secs(3);
/// A note may carry many cosignatures.
const MAX_ANSWER: usize = 256 * 1024;

#[derive(Clone)]
pub(crate) struct Door {
    /// Both without a slash at the end.
    submit: String,
    monitor: String,
    ca: Option<PathBuf>,
    http: Http,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.submit)
    }
}

/// Why it shows nothing; for a log line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotShown {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("it answers {0}")]
    Status(u16),
    #[error("its answer is no text")]
    NoText,
}

impl Door {
    /// `submit` and `monitor` are the two prefixes of the witness; `ca` is believed beside the public authorities.
    pub(crate) fn new(submit: &str, monitor: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        let (submit, monitor) = (prefix(submit)?, prefix(monitor)?);
        Ok(Self { submit, monitor, ca: ca.map(Path::to_owned), http: transport::http(ca)? })
    }

    /// Whether both lead to the same place, by the same authority.
    pub(crate) fn leads_where(&self, other: &Self) -> bool {
        (&self.submit, &self.monitor, &self.ca) == (&other.submit, &other.monitor, &other.ca)
    }

    pub(crate) async fn add_checkpoint(&self, body: String) -> Result<Answered, NoAnswer> {
        let url = format!("{}{ADD_CHECKPOINT}", self.submit);
        let post = || request(Method::POST, &url);
        match self.send(post(), body.clone(), PATIENCE).await {
            // A kept connection may have been closed at the other end meanwhile; handing in twice does no harm.
            Err(NoAnswer::Unreachable(_)) => self.send(post(), body, PATIENCE).await,
            answered => answered,
        }
    }

    /// The newest checkpoint of the log that it has cosigned; `None` where it knows none. Soon, or not.
    pub(crate) async fn shown(&self, origin: &str) -> Result<Option<String>, NotShown> {
        let url = format!("{}{}", self.monitor, checkpoint_path(origin));
        let Answered { status, body, .. } =
            self.send(request(Method::GET, &url), String::new(), AT_START).await?;
        match status {
            200 => String::from_utf8(body.to_vec()).map(Some).map_err(|_| NotShown::NoText),
            404 => Ok(None),
            other => Err(NotShown::Status(other)),
        }
    }

    async fn send(&self, request: Builder, body: String, patience: Duration) -> Result<Answered, NoAnswer> {
        exchange(&self.http, request, body, Bounds { patience, most: MAX_ANSWER }).await
    }
}

/// Scheme, host and perhaps a path; nothing that would end up in every log line or could not be appended to.
fn prefix(text: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::usage(format!("`{}` is no address of a witness", model::sanitize(text, 200)))
            .hint("such as \"https://witness.example/prefix\", without a query")
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let schemed = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.authority().is_some_and(|it| !it.as_str().contains('@')) && uri.query().is_none();
    if schemed && plain && !text.contains('#') {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_prefix() {
        for (text, expected) in [
            ("http://127.0.0.1:7391", Some("http://127.0.0.1:7391")),
            ("https://witness.example/log/", Some("https://witness.example/log")),
            ("https://[::1]:9", Some("https://[::1]:9")),
            ("witness.example", None),
            ("ftp://witness.example", None),
            ("https://me:secret@witness.example", None),
            ("https://witness.example/?a=b", None),
            ("https://witness.example/#a", None),
            ("/add-checkpoint", None),
            ("", None),
        ] {
            assert_eq!(prefix(text).ok().as_deref(), expected, "{text}");
        }
    }
}
