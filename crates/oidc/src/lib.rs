//! Signing in by an OpenID provider: the authorization code flow with PKCE, from the address to which a browser is sent to the
//! accounts that the provider vouches for ([`Provider`]), bound to the browser in which it was begun ([`Errands`]).
//!
//! Invariant: what comes of it says who looks. It approves nothing, and no type in here can: there is neither a change nor a
//! statement in it. Whose account it is, the roster says (`model::Roster::identified`).
//!
//! What is *absent*: sockets (a [`Fetch`] is handed in), the clock and chance (parameters), single sign-out, refresh tokens and
//! everything else that a provider offers besides saying who somebody is: the access token is dropped unread.

mod errand;
mod fetch;
mod provider;

pub use errand::{Errand, Errands, NotBegun};
pub use fetch::{Fetch, FetchError, Fetched};
pub use provider::{MisconfiguredError, Provider, Registration, Shown, SignInError};
