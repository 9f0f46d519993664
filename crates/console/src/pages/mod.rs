//! The pages: each a struct that has all its template shows, made of the record by a pure function.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod costs;
pub(crate) mod entrance;
pub(crate) mod findings;
pub(crate) mod health;
pub(crate) mod inbox;
pub(crate) mod plan;
pub(crate) mod plans;
pub(crate) mod policy;
pub(crate) mod runs;
pub(crate) mod session;
pub(crate) mod sessions;

use std::sync::Arc;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};
use model::{PersonId, Site};

use crate::{
    assets::{self, Assets},
    text::Shown,
};

/// What stands around every page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) assets: &'static Assets,
    pub(crate) viewer: Option<PersonId>,
    /// Of `places`, where this is.
    pub(crate) here: &'static str,
    pub(crate) places: &'static [(&'static str, &'static str)],
    pub(crate) notices: Vec<Shown>,
    pub(crate) foot: Shown,
    /// The newest one, as base64 of its note: the browser holds it against what it keeps.
    pub(crate) checkpoint: Option<Arc<str>>,
    /// Where passkeys work, where that is fixed.
    pub(crate) site: Option<Site>,
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// The page was opened where no passkey works.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) host: Shown,
    /// The same page where they do.
    pub(crate) there: String,
}

const PLACES: &[(&str, &str)] = &[
    ("Inbox", "/inbox"),
    ("Sessions", "/sessions"),
    ("Findings", "/findings"),
    ("Ask", "/ask"),
    ("Runs", "/runs"),
    ("Policy", "/policy"),
    ("Audit", "/audit"),
    ("Health", "/health"),
];

impl Frame {
    pub(crate) fn new(viewer: Option<PersonId>, here: &'static str) -> Self {
        let foot = Shown::default();
        Self {
            assets: assets::places(),
            viewer,
            here,
            places: PLACES,
            notices: Vec::new(),
            foot,
            checkpoint: None,
            site: None,
            elsewhere: None,
        }
    }
}

/// A sentence, where there is no page.
#[derive(Debug, Template)]
#[template(path = "said.html")]
pub(crate) struct Said {
    pub(crate) frame: Frame,
    pub(crate) title: String,
    pub(crate) message: Shown,
    pub(crate) hint: Option<Shown>,
}

pub(crate) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(err) => {
            tracing::error!("a page cannot be made: {err}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be made").into_response()
        }
    }
}

/// For who looks at what pages are made of.
#[cfg(test)]
pub(crate) const TEMPLATES: [(&str, &str); 23] = [
    ("around", include_str!("../../templates/around.html")),
    ("ask", include_str!("../../templates/ask.html")),
    ("audit", include_str!("../../templates/audit.html")),
    ("base", include_str!("../../templates/base.html")),
    ("change", include_str!("../../templates/change.html")),
    ("costs", include_str!("../../templates/costs.html")),
    ("enrol", include_str!("../../templates/enrol.html")),
    ("entry", include_str!("../../templates/entry.html")),
    ("findings", include_str!("../../templates/findings.html")),
    ("health", include_str!("../../templates/health.html")),
    ("inbox", include_str!("../../templates/inbox.html")),
    ("nothing", include_str!("../../templates/nothing.html")),
    ("plan", include_str!("../../templates/plan.html")),
    ("plans", include_str!("../../templates/plans.html")),
    ("policy", include_str!("../../templates/policy.html")),
    ("prose", include_str!("../../templates/prose.html")),
    ("row", include_str!("../../templates/row.html")),
    ("run", include_str!("../../templates/run.html")),
    ("runs", include_str!("../../templates/runs.html")),
    ("said", include_str!("../../templates/said.html")),
    ("session", include_str!("../../templates/session.html")),
    ("sessions", include_str!("../../templates/sessions.html")),
    ("signin", include_str!("../../templates/signin.html")),
];
