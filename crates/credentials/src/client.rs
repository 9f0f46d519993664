//! The client that fetches credentials, and nothing else: short answers, a short patience, no redirects, no proxy.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use model::causes;
use zeroize::Zeroizing;

use crate::CredentialError;

const MAX_ANSWER: usize = 256 * 1024;

#[derive(Clone)]
pub struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<String>,
}

impl Http {
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new() -> Result<Self, CredentialError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|err| CredentialError::unusable("TLS", err))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    /// `from` names the other side in errors; what it answers is in none.
    pub(crate) async fn ask(
        &self,
        from: &str,
        request: http::request::Builder,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Reply, CredentialError> {
        let unanswered = |why: String| CredentialError::Unanswered { from: from.to_owned(), why };
        let request =
            request.body(Full::new(Bytes::from(body))).map_err(|err| CredentialError::unusable(from, err))?;
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|err| unanswered(causes(&err)))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|err| unanswered(format!("its answer broke off: {err}")))?.to_bytes();
            let text = std::str::from_utf8(&body).map_err(|_| unanswered("not text".to_owned()))?;
            Ok(Reply { status, body: Zeroizing::new(text.to_owned()) })
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(unanswered(format!("nothing within {} s", patience.as_secs()))),
        }
    }
}
