//! Signing in by a provider of identities: a browser is sent there, comes back with a code, and is let in as whom the roster
//! gives that account to. Whoever is signed in so may look, as with a passkey; what they approve is signed by a key of their own.

use std::collections::BTreeMap;

use api::ApiError;
use axum::{
    http::header::SET_COOKIE,
    response::{IntoResponse as _, Redirect, Response},
};
use model::{Digest, PersonId, Timestamp};
use oidc::{Errand, Errands, NotBegun, Provider, Shown, SignInError};
use tokio::sync::Semaphore;

use crate::{
    guard,
    logins::{By, Who},
    routes::{Call, Refused},
};

/// Where the browser of somebody who chose the provider of this name comes back to, below the console's own address.
pub fn way_back(provider: &str) -> String {
    format!("/signin/with/{provider}/return")
}

/// At once, over all providers; each asks the provider up to three things.
const SEATS: usize = 8;
/// A provider's code and state are some hundred characters.
const MAX_CODE: usize = 4096;

#[derive(Debug)]
pub(crate) struct SignOn {
    providers: BTreeMap<String, Provider>,
    errands: Errands,
    seats: Semaphore,
}

impl SignOn {
    /// `secret` is drawn anew at each start.
    pub(crate) fn of(providers: Vec<Provider>, secret: [u8; 32]) -> Self {
        let providers = providers.into_iter().map(|it| (it.name().to_owned(), it)).collect();
        Self { providers, errands: Errands::new(secret), seats: Semaphore::new(SEATS) }
    }

    /// For the page on which one is chosen.
    pub(crate) fn names(&self) -> Vec<String> {
        self.providers.keys().cloned().collect()
    }

    fn named(&self, call: &Call) -> Result<&Provider, Refused> {
        let name = call.part("provider");
        Ok(self.providers.get(name).ok_or_else(|| ApiError::not_found("no such way to sign in"))?)
    }
}

/// Sends the browser to the provider, bound to it by a cookie.
pub(crate) async fn begin(call: Call) -> Result<Response, Refused> {
    let (engine, sign_on) = (call.engine(), call.sign_on());
    let (provider, source) = (sign_on.named(&call)?, api::source_of(&call.parts));
    if engine.is_flooding(&source) {
        return Err(ApiError::throttled().into());
    }
    let now = call.now()?;
    let chance = Digest::of([engine.nonce()?, engine.nonce()?].concat().as_bytes());
    let (errand, cookie) = sign_on.errands.begin(provider.name(), *chance.as_bytes(), now);
    let _seat = seat(sign_on)?;
    let address = provider.address(&errand, now).await.map_err(|err| not_signed_in(provider, &err))?;
    let cookie = guard::set_errand(&cookie, Errands::LIFE_S);
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&address)).into_response())
}

/// Lets somebody in who comes back, on record before they see anything.
pub(crate) async fn come_back(call: Call) -> Result<Response, Refused> {
    let sign_on = call.sign_on();
    let (provider, source) = (sign_on.named(&call)?, api::source_of(&call.parts));
    if call.engine().is_flooding(&source) {
        return Err(ApiError::throttled().into());
    }
    match let_in(&call, sign_on, provider).await {
        Ok((who, cookie)) => {
            tracing::info!(person = %who, provider = provider.name(), "signed in to the console");
            let cookies = [(SET_COOKIE, cookie), (SET_COOKIE, guard::clear_errand())];
            let mut answer = Redirect::to("/inbox").into_response();
            for (name, cookie) in cookies {
                let cookie = cookie.parse().map_err(|_| ApiError::usage("the cookie is no header"))?;
                answer.headers_mut().append(name, cookie);
            }
            Ok(answer)
        }
        Err(NotLetIn::Stranger { counted, error }) => {
            // Whom the provider knows and the roster does not: by their account, so that it can be found out who it was.
            call.engine().authentication_failed(&counted.unwrap_or(source)).await;
            Err(error.into())
        }
        Err(NotLetIn::Other(refused)) => Err(refused),
    }
}

enum NotLetIn {
    /// Counted in the log, by the account where that is known.
    Stranger {
        counted: Option<String>,
        error: ApiError,
    },
    Other(Refused),
}

impl<E: Into<Refused>> From<E> for NotLetIn {
    fn from(err: E) -> Self {
        Self::Other(err.into())
    }
}

fn stranger(message: impl Into<String>) -> NotLetIn {
    NotLetIn::Stranger { counted: None, error: ApiError::not_signed_in(message) }
}

async fn let_in(call: &Call, sign_on: &SignOn, provider: &Provider) -> Result<(PersonId, String), NotLetIn> {
    let now = call.now()?;
    let (errand, code) = brought_back(call, sign_on, provider, now)?;
    let shown = {
        let _seat = seat(sign_on)?;
        provider.redeem(&errand, &code, now).await
    };
    let Shown { identities, token } = shown.map_err(|err| match &err {
        SignInError::Unreachable(_) => NotLetIn::Other(not_signed_in(provider, &err)),
        SignInError::NotIt(_)
        | SignInError::CodeRefused(_)
        | SignInError::NoToken
        | SignInError::Token(_) => stranger(said(provider, &err)),
    })?;
    let bundle = call.engine().bundle();
    let accounts: Vec<String> = identities.iter().map(ToString::to_string).collect();
    let (person, by) = bundle.roster().identified(&identities).map_err(|err| NotLetIn::Stranger {
        counted: accounts.first().map(|account| model::sanitize(account, 100)),
        error: ApiError::not_signed_in(format!("{err}: {}", model::sanitize(&accounts.join(", "), 600))),
    })?;
    let (engine, person, by) = (call.engine(), person.clone(), by.clone());
    engine.sign_in_as(person.clone(), by.clone(), token).await.map_err(ApiError::from)?;
    let cookie = call.begin_login(Who { person: person.clone(), by: By::Identity(by) })?;
    Ok((person, cookie))
}

/// The sign-in that the browser began, and the code that it comes back with.
fn brought_back(
    call: &Call,
    sign_on: &SignOn,
    provider: &Provider,
    now: Timestamp,
) -> Result<(Errand, String), NotLetIn> {
    let parameter = |name: &str| call.query.get(name).map(String::as_str).filter(|it| it.len() <= MAX_CODE);
    let cookie = guard::errand(&call.parts.headers).unwrap_or_default();
    let state = parameter("state").unwrap_or_default();
    let errand = sign_on.errands.come_back(provider.name(), cookie, state, now);
    let errand = errand.map_err(|err: NotBegun| stranger(err.to_string()))?;
    // RFC 9207 §2.4
    if parameter("iss").is_some_and(|it| it != provider.issuer()) {
        return Err(stranger(format!("this answer is not {}'s", provider.name())));
    }
    if let Some(error) = parameter("error") {
        let said = model::sanitize(parameter("error_description").unwrap_or(error), 200);
        return Err(stranger(format!("{} did not sign you in: {said}", provider.name())));
    }
    let code = parameter("code").ok_or_else(|| stranger("the provider sent no code along"))?;
    Ok((errand, code.to_owned()))
}

fn seat(sign_on: &SignOn) -> Result<tokio::sync::SemaphorePermit<'_>, Refused> {
    Ok(sign_on.seats.try_acquire().map_err(|_| ApiError::elsewhere("too many sign in at once; try again"))?)
}

fn not_signed_in(provider: &Provider, err: &SignInError) -> Refused {
    tracing::warn!(provider = provider.name(), "nobody can sign in by it: {err}");
    ApiError::elsewhere(said(provider, err)).into()
}

fn said(provider: &Provider, err: &SignInError) -> String {
    format!("{}: {}", provider.name(), model::sanitize(&err.to_string(), 400))
}
