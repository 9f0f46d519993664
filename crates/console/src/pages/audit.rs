//! The log: how far it is signed, who witnessed that, and how to check all of it without this server.

use askama::Template;

use super::Frame;
use crate::text::Shown;

#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub(crate) struct Audit {
    pub(crate) frame: Frame,
    pub(crate) size: String,
    pub(crate) checkpoint: Shown,
    /// How far each has cosigned.
    pub(crate) witnesses: Vec<(Shown, String)>,
    pub(crate) quorum: usize,
    pub(crate) genesis: String,
}
