//! Before anybody is signed in: signing in, and making a passkey.

use askama::Template;

use super::Frame;

#[derive(Debug, Template)]
#[template(path = "signin.html")]
pub(crate) struct SignIn {
    pub(crate) frame: Frame,
    pub(crate) genesis: String,
    pub(crate) genesis_short: String,
    /// By which else one may sign in.
    pub(crate) providers: Vec<String>,
}

#[derive(Debug, Template)]
#[template(path = "enrol.html")]
pub(crate) struct Enrol {
    pub(crate) frame: Frame,
    pub(crate) genesis: String,
}
