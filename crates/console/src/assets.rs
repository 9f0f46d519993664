//! The one sheet, the script with its modules, and the mark, compiled in. Each is served under a name that has its
//! content's digest in it, so that it may be kept for ever and never be another one.

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

#[derive(Debug)]
struct Asset {
    place: String,
    kind: &'static str,
    content: String,
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static ALL: LazyLock<[Asset; 6]> = LazyLock::new(|| {
    let kept = Asset::of("kept.js", JAVASCRIPT, include_str!("../assets/kept.js").to_owned());
    let when = Asset::of("when.js", JAVASCRIPT, include_str!("../assets/when.js").to_owned());
    // The name of what imports follows from what it imports, too.
    let inbox = include_str!("../assets/inbox.js").replace("./when.js", &when.place);
    let inbox = Asset::of("inbox.js", JAVASCRIPT, inbox);
    let script = include_str!("../assets/console.js").replace("./kept.js", &kept.place);
    let script = script.replace("./inbox.js", &inbox.place);
    [
        Asset::of("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css").to_owned()),
        Asset::of("console.js", JAVASCRIPT, script),
        Asset::of("mark.svg", "image/svg+xml", include_str!("../assets/mark.svg").to_owned()),
        kept,
        inbox,
        when,
    ]
});

static PLACES: LazyLock<Assets> = LazyLock::new(|| {
    let [style, script, mark, ..] = &*ALL;
    let place = |asset: &Asset| asset.place.clone();
    Assets { style: place(style), script: place(script), mark: place(mark) }
});

pub(crate) fn places() -> &'static Assets {
    &PLACES
}

impl Asset {
    fn of(name: &str, kind: &'static str, content: String) -> Self {
        let place = format!("/assets/{}/{name}", Digest::of(content.as_bytes()).short());
        Self { place, kind, content }
    }
}

/// By its whole path; `None` where it is none of ours, or of another version.
pub(crate) fn serve(path: &str) -> Option<Response> {
    let found = ALL.iter().find(|it| it.place == path)?;
    let headers = [(CONTENT_TYPE, found.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Some((headers, found.content.as_str()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_under_its_own_name_only() {
        for Asset { place, .. } in &*ALL {
            assert!(serve(place).is_some(), "{place}");
            assert!(serve(&place.replace("/assets/", "/assets/0")).is_none());
        }
        assert!(serve("/assets/../Cargo.toml").is_none());
        let [_, script, _, kept, inbox, when] = &*ALL;
        for (whose, module) in [(script, kept), (script, inbox), (inbox, when)] {
            assert!(whose.content.contains(&format!("from \"{}\"", module.place)), "{}", module.place);
        }
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
