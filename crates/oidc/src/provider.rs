//! One provider, with which this server is registered: where a browser is sent, and what the code that it comes back with is
//! worth. What a provider says of itself is kept for some minutes; what it says of a person never.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use model::{Claim, Digest, Identity, Timestamp};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse as _,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm,
        CoreProviderMetadata,
    },
};

use crate::{Errand, Fetch, FetchError, Fetched};

/// As the provider was told of us, and we of it.
#[derive(Clone)]
pub struct Registration {
    /// Ours for it, in addresses and on the page.
    pub name: String,
    /// As it writes itself, to the letter.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    /// Where it sends browsers back to.
    pub redirect: String,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({} at {})", self.name, self.issuer)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Provider {
    name: String,
    issuer: IssuerUrl,
    client: ClientId,
    secret: ClientSecret,
    redirect: RedirectUrl,
    http: Http,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Http(Arc<dyn Fetch>);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = FetchError;
    type Future = Fetched;

    fn call(&'c self, request: HttpRequest) -> Fetched {
        self.0.fetch(request)
    }
}

#[derive(Clone, Debug)]
struct Known {
    of: Arc<CoreProviderMetadata>,
    at: Timestamp,
}

/// What a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// By its subject, and by its address where that is verified.
    pub identities: BTreeSet<Identity>,
    /// Of the ID token; whoever kept that can show which it was.
    pub token: Digest,
}

/// Why a registration is none.
#[derive(Debug, thiserror::Error)]
pub enum MisconfiguredError {
    #[error("its `issuer` {0}")]
    Issuer(String),
    #[error("the address to which it would send browsers back is none: {0}")]
    Redirect(String),
    #[error("its `client_id` is empty, or its secret is")]
    Empty,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    #[error("what answers there is not the provider that is configured: {0}")]
    NotIt(String),
    #[error("the provider did not take the code: {0}")]
    CodeRefused(String),
    #[error("the provider gave no ID token")]
    NoToken,
    #[error("the provider's ID token does not hold: {0}")]
    Token(String),
}

/// Kept for so long; a key that is not in it is looked for again.
const KNOWN_MS: i64 = 5 * 60_000;
/// But not more often.
const ANEW_MS: i64 = 10_000;
/// An ID token is made when the code is handed in; clocks differ by so much.
const CLOCKS_MS: i64 = 60_000;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// # Errors
    /// What of it cannot be; nothing is asked yet.
    pub fn new(registration: Registration, fetch: Box<dyn Fetch>) -> Result<Self, MisconfiguredError> {
        let Registration { name, issuer, client_id, client_secret, redirect } = registration;
        // Whatever can stand in the roster.
        Identity::new(&issuer, Claim::Sub, "x").map_err(|err| MisconfiguredError::Issuer(err.to_string()))?;
        if client_id.is_empty() || client_secret.is_empty() {
            return Err(MisconfiguredError::Empty);
        }
        let issuer = IssuerUrl::new(issuer).map_err(|err| MisconfiguredError::Issuer(err.to_string()))?;
        let redirect =
            RedirectUrl::new(redirect).map_err(|err| MisconfiguredError::Redirect(err.to_string()))?;
        let (client, secret) = (ClientId::new(client_id), ClientSecret::new(client_secret));
        let http = Http(Arc::from(fetch));
        Ok(Self { name, issuer, client, secret, redirect, http, known: Mutex::new(None) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the browser goes that has begun `errand`.
    ///
    /// # Errors
    /// Where the provider cannot be asked who it is, or is another.
    pub async fn address(&self, errand: &Errand, now: Timestamp) -> Result<String, SignInError> {
        let client = self.client(self.metadata(now, KNOWN_MS).await?.as_ref())?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(
            errand.verifier().to_owned(),
        ));
        let (state, nonce) = (errand.state().to_owned(), errand.nonce().to_owned());
        let (address, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let here = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if address.scheme() != "https" && !(address.scheme() == "http" && here) {
            return Err(SignInError::NotIt("its page for signing in is not reached over TLS".to_owned()));
        }
        Ok(address.into())
    }

    /// Whom the provider vouches for, by the `code` that came back with `errand`.
    ///
    /// # Errors
    /// Where the code or the token that it was exchanged for is not good.
    pub async fn redeem(&self, errand: &Errand, code: &str, now: Timestamp) -> Result<Shown, SignInError> {
        let client = self.client(self.metadata(now, KNOWN_MS).await?.as_ref())?;
        let asked = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|err| SignInError::NotIt(err.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(errand.verifier().to_owned()));
        let answer = asked.request_async(&self.http).await.map_err(|err| match err {
            RequestTokenError::ServerResponse(said) => {
                SignInError::CodeRefused(model::sanitize(&said.to_string(), 300))
            }
            RequestTokenError::Request(err) => SignInError::Unreachable(err.to_string()),
            RequestTokenError::Parse(..) => SignInError::NotIt("it answers no token".to_owned()),
            RequestTokenError::Other(why) => SignInError::NotIt(why),
        })?;
        let token = answer.id_token().ok_or(SignInError::NoToken)?;
        match self.shown(&client, token, errand, now) {
            // It may have another key since.
            Err(Unsound::Key) => {
                let client = self.client(self.metadata(now, ANEW_MS).await?.as_ref())?;
                Ok(self.shown(&client, token, errand, now)?)
            }
            found => Ok(found?),
        }
    }

    fn shown(
        &self,
        client: &Client,
        token: &CoreIdToken,
        errand: &Errand,
        now: Timestamp,
    ) -> Result<Shown, Unsound> {
        let instant = instant(now);
        let (from, to) = (errand.begun().millis() - CLOCKS_MS, now.millis() + CLOCKS_MS);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || instant)
            .set_issue_time_verifier_fn(move |issued| {
                let fresh = (from..=to).contains(&issued.timestamp_millis());
                if fresh { Ok(()) } else { Err(format!("it was issued at {issued}, not for this sign-in")) }
            });
        let claims = token.claims(&verifier, &Nonce::new(errand.nonce().to_owned()));
        let claims = claims.map_err(|err| match &err {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Unsound::Key
            }
            _ => Unsound::Token(model::causes(&err)),
        })?;
        let identity = |claim, value: &str| Identity::new(&self.issuer, claim, value);
        let subject = identity(Claim::Sub, claims.subject().as_str());
        let subject = subject.map_err(|err| Unsound::Token(err.to_string()))?;
        let address = claims.email().filter(|_| claims.email_verified() == Some(true));
        let address = address.and_then(|it| identity(Claim::Email, it.as_str()).ok());
        let identities = [Some(subject), address].into_iter().flatten().collect();
        Ok(Shown { identities, token: Digest::of(token.to_string().as_bytes()) })
    }

    /// As it says of itself, at most so old.
    async fn metadata(&self, now: Timestamp, old_ms: i64) -> Result<Arc<CoreProviderMetadata>, SignInError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|it| (0..old_ms).contains(&now.since(it.at))) {
            return Ok(known.of);
        }
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
        let found = found.map_err(|err| {
            use openidconnect::DiscoveryError::{Other, Parse, Request, Response, UrlParse, Validation};
            match err {
                Request(err) => SignInError::Unreachable(err.to_string()),
                Response(status, _, _) if status.is_server_error() => {
                    SignInError::Unreachable(format!("it answers {status}"))
                }
                Response(status, _, _) => SignInError::NotIt(format!("it answers {status}")),
                Validation(why) | Other(why) => SignInError::NotIt(model::sanitize(&why, 300)),
                Parse(err) => SignInError::NotIt(model::sanitize(&err.to_string(), 300)),
                UrlParse(err) => SignInError::NotIt(err.to_string()),
                _ => SignInError::NotIt("it answers something else".to_owned()),
            }
        })?;
        let of = Arc::new(found);
        let known = Known { of: Arc::clone(&of), at: now };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(of)
    }

    fn client(&self, of: &CoreProviderMetadata) -> Result<Client, SignInError> {
        let ways = of.token_endpoint_auth_methods_supported();
        let takes = |way| ways.is_none_or(|ways| ways.contains(&way));
        let way = if takes(CoreClientAuthMethod::ClientSecretBasic) {
            AuthType::BasicAuth
        } else if takes(CoreClientAuthMethod::ClientSecretPost) {
            AuthType::RequestBody
        } else {
            return Err(SignInError::NotIt("it takes no client secret".to_owned()));
        };
        let client =
            CoreClient::from_provider_metadata(of.clone(), self.client.clone(), Some(self.secret.clone()));
        Ok(client.set_redirect_uri(self.redirect.clone()).set_auth_type(way))
    }
}

/// By keys of which the provider alone has the other half.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 8] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why a token does not hold.
enum Unsound {
    /// Its key is not among the provider's.
    Key,
    Token(String),
}

impl From<Unsound> for SignInError {
    fn from(it: Unsound) -> Self {
        match it {
            Unsound::Key => Self::Token("it is signed by no key of the provider's".to_owned()),
            Unsound::Token(why) => Self::Token(model::sanitize(&why, 300)),
        }
    }
}

fn instant(at: Timestamp) -> DateTime<Utc> {
    // A time beyond all calendars is later than every token's end.
    DateTime::from_timestamp_millis(at.millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
