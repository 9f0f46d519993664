//! How a listener may be spoken to: TLS where it has a certificate, plain HTTP where it may, and tunnels where it is a
//! proxy. One socket serves all three; the first byte tells TLS from HTTP (RFC 8446 §5.1: a handshake record is 22).

use std::{fmt, sync::Arc};

use rustls::ServerConfig;
use tokio::sync::watch;

use crate::{Authority, Given, Limits, TlsError};

pub(crate) const TLS_HANDSHAKE: u8 = 22;

/// Everything that is decided about connections before anything is known of requests.
#[derive(Clone)]
pub struct Doors {
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Identity>,
    pub(crate) plain: Plain,
    pub(crate) http2: bool,
    pub(crate) tunnels: Option<Arc<dyn Tunnels>>,
    pub(crate) until: Option<watch::Receiver<bool>>,
}

/// Whether HTTP is spoken without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    Spoken,
    /// Answered with what to do instead.
    Refused,
}

/// Whether a request came through TLS; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secured(pub bool);

/// What a listener shows in a handshake.
#[derive(Clone)]
pub enum Identity {
    Given(Arc<Given>),
    /// Made by our own authority, and made anew before it ends.
    Own {
        authority: Arc<Authority>,
        names: Arc<[String]>,
    },
}

/// Whom a proxy connects to, which is never anybody but ourselves: the tunnel's other end is this listener again, under
/// the name that was asked for.
pub trait Tunnels: Send + Sync {
    /// What the tunnel's end shows in its handshake.
    ///
    /// # Errors
    /// Words for the client where there is no tunnel to `host` and `port`.
    fn open(&self, host: &str, port: u16) -> Result<Arc<ServerConfig>, String>;
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doors({:?}, plain {:?}, tls {})", self.limits, self.plain, self.tls.is_some())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Identity(given)"),
            Self::Own { names, .. } => write!(f, "Identity({})", names.join(", ")),
        }
    }
}

impl Doors {
    /// Plain HTTP and nothing else.
    pub const fn plain(limits: Limits) -> Self {
        Self { limits, tls: None, plain: Plain::Spoken, http2: false, tunnels: None, until: None }
    }

    pub const fn with_tls(limits: Limits, identity: Identity, plain: Plain) -> Self {
        Self { limits, tls: Some(identity), plain, http2: false, tunnels: None, until: None }
    }

    /// HTTP/2 as well, where a client asks for it in the handshake (RFC 9113 §3.3): a browser keeps six connections to a site and
    /// no more, and each page that is open has a stream of events.
    #[must_use]
    pub fn with_http2(self) -> Self {
        Self { http2: true, ..self }
    }

    #[must_use]
    pub fn with_tunnels(self, tunnels: Arc<dyn Tunnels>) -> Self {
        Self { tunnels: Some(tunnels), ..self }
    }

    /// Closed once this says `true`: what is under way ends, and nothing new begins.
    #[must_use]
    pub fn until(self, closing: watch::Receiver<bool>) -> Self {
        Self { until: Some(closing), ..self }
    }

    pub(crate) async fn closing(&self) {
        let closing = match self.until.clone() {
            // Whoever could say so is gone: it never will be.
            Some(mut closing) => closing.wait_for(|closing| *closing).await.is_ok(),
            None => false,
        };
        if !closing {
            std::future::pending().await
        }
    }
}

impl Identity {
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        match self {
            Self::Given(given) => Ok(given.server()),
            Self::Own { authority, names } => authority.server(names),
        }
    }
}
