//! The log: how far it is signed, who witnessed that, and how to check all of it without this server.

use askama::Template;

use super::Frame;
use crate::text::Shown;

#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub(crate) struct Audit {
    pub(crate) frame: Frame,
    pub(crate) size: String,
    /// Its lines.
    pub(crate) checkpoint: Vec<Shown>,
    /// How far each has cosigned.
    pub(crate) witnesses: Vec<(Shown, String)>,
    pub(crate) quorum: usize,
    pub(crate) genesis: String,
    pub(crate) entry: Option<Drawn>,
    /// Why the entry that was asked for is not drawn.
    pub(crate) missing: Option<String>,
}

/// One entry, and its way to the root.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) index: u64,
    pub(crate) said: String,
    /// Made here, of numbers and hexadecimal digits alone.
    pub(crate) picture: String,
}
