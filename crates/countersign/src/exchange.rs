//! One request to somebody else's server and its answer, bounded in size and in time. No redirect is followed, and what comes
//! back is nobody's word.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Method, Request,
    header::{self, HeaderName, HeaderValue},
    http::request::Builder,
};

use crate::transport::Http;

/// How long it may take, from connecting to the last byte, and how many bytes of a body are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) patience: Duration,
    pub(crate) most: usize,
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
    head: HeaderMap,
}

impl Answered {
    /// Those that are text.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.to_string(), value.to_str().ok()?.to_owned()))
        };
        self.head.iter().filter_map(text).collect()
    }
}

/// Why there is no answer; for a log line, so it names no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("it gave no answer within {} seconds", .0.as_secs())]
    Late(Duration),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("its answer broke off or was longer than {0} bytes")]
    Broken(usize),
}

/// As ourselves.
pub(crate) fn request(method: Method, url: &str) -> Builder {
    let agent = concat!("countersign/", env!("CARGO_PKG_VERSION"));
    Request::builder().method(method).uri(url).header(header::USER_AGENT, agent)
}

pub(crate) async fn exchange(
    http: &Http,
    request: Builder,
    body: impl Into<Bytes>,
    bounds: Bounds,
) -> Result<Answered, NoAnswer> {
    let Bounds { patience, most } = bounds;
    let body = Full::from(body.into());
    let request = request.body(body).map_err(|err| NoAnswer::Unreachable(err.to_string()))?;
    let answered = async {
        let response = http.request(request).await;
        let (head, body) = response.map_err(|err| NoAnswer::Unreachable(model::causes(&err)))?.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|_| NoAnswer::Broken(most))?;
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        Ok(Answered {
            status: head.status.as_u16(),
            content_type: content_type.map(str::to_owned),
            body: body.to_bytes(),
            head: head.headers,
        })
    };
    tokio::time::timeout(patience, answered).await.map_err(|_| NoAnswer::Late(patience))?
}
