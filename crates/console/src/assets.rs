//! The one sheet, the one script and the mark, compiled in. Each is served under a name that has its content's digest in
//! it, so that it may be kept for ever and never be another one.

use std::sync::LazyLock;

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use model::Digest;

/// Where a page finds them.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) mark: String,
}

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const STYLE: Asset = Asset {
    name: "console.css",
    kind: "text/css; charset=utf-8",
    content: include_str!("../assets/console.css"),
};
const SCRIPT: Asset = Asset {
    name: "console.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("../assets/console.js"),
};
const MARK: Asset =
    Asset { name: "mark.svg", kind: "image/svg+xml", content: include_str!("../assets/mark.svg") };

static PLACES: LazyLock<Assets> =
    LazyLock::new(|| Assets { style: STYLE.place(), script: SCRIPT.place(), mark: MARK.place() });

pub(crate) fn places() -> &'static Assets {
    &PLACES
}

impl Asset {
    fn place(&self) -> String {
        format!("/assets/{}/{}", Digest::of(self.content.as_bytes()).short(), self.name)
    }
}

/// By its whole path; `None` where it is none of ours, or of another version.
pub(crate) fn serve(path: &str) -> Option<Response> {
    let found = [STYLE, SCRIPT, MARK].into_iter().find(|it| it.place() == path)?;
    let headers = [(CONTENT_TYPE, found.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Some((headers, found.content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_under_its_own_name_only() {
        for place in [&places().style, &places().script, &places().mark] {
            assert!(serve(place).is_some(), "{place}");
            assert!(serve(&place.replace("/assets/", "/assets/0")).is_none());
        }
        assert!(serve("/assets/../Cargo.toml").is_none());
    }

    /// The policy would block it, and nobody would notice but whoever needs the page.
    #[test]
    fn pages_have_nothing_inline() {
        for (name, text) in crate::pages::TEMPLATES {
            for inline in ["style=", "<style", " onclick", " onload", "javascript:"] {
                assert!(!text.contains(inline), "{name}: {inline}");
            }
            let scripts = text.matches("<script").count();
            assert_eq!(scripts, text.matches("<script type=\"module\" src=").count(), "{name}");
        }
    }
}
