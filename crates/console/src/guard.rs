//! Who is looking, whether a form was sent from one of our own pages, and the headers that every page goes out with.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
    uri::{Authority, PathAndQuery},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::Site;

/// Only over TLS or on the machine itself, for this very host, and for no script (RFC 6265bis §4.1.3.2).
const COOKIE_NAME: &str = "__Host-countersign";
/// Likewise; of a sign-in that is under way at a provider.
const ERRAND_NAME: &str = "__Host-countersign-errand";
/// Likewise; where somebody was going when they had to sign in first.
const WAY_NAME: &str = "__Host-countersign-way";
/// Of what a login is known by.
const MAX_TOKEN: usize = 128;
/// Of a page's path and query; whoever was going anywhere longer begins at the inbox.
const MAX_WAY: usize = 1000;
const WAY_LIFE_S: i64 = 600;

pub(crate) fn set_cookie(token: &str) -> String {
    format!("{COOKIE_NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

pub(crate) fn clear_cookie() -> String {
    format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

pub(crate) fn set_errand(errand: &str, life_s: i64) -> String {
    format!("{ERRAND_NAME}={errand}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={life_s}")
}

pub(crate) fn clear_errand() -> String {
    set_errand("", 0)
}

/// That a page was asked for by somebody who has to sign in first; nothing where that is no page to come back to.
pub(crate) fn set_way(place: &str) -> Option<String> {
    let way = is_local(place).then(|| BASE64_URL_SAFE_NO_PAD.encode(place))?;
    Some(format!("{WAY_NAME}={way}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={WAY_LIFE_S}"))
}

pub(crate) fn clear_way() -> String {
    format!("{WAY_NAME}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// Where they were going: a page of ours, whatever the cookie says.
pub(crate) fn way(headers: &HeaderMap) -> Option<String> {
    let way = BASE64_URL_SAFE_NO_PAD.decode(cookie(headers, WAY_NAME, MAX_WAY * 2)?).ok()?;
    String::from_utf8(way).ok().filter(|it| is_local(it))
}

/// A path below this very site, and no other site's: browsers take `//host` and `/\host` for one (WHATWG URL §4.4).
fn is_local(place: &str) -> bool {
    let path = place.strip_prefix('/');
    place.len() <= MAX_WAY
        && path.is_some_and(|it| !it.starts_with('/'))
        && place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// What the browser holds.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE_NAME, MAX_TOKEN)
}

/// Of the sign-in that it began last.
pub(crate) fn errand(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, ERRAND_NAME, MAX_TOKEN)
}

fn cookie<'h>(headers: &'h HeaderMap, named: &str, most: usize) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == named)
        .map(|(_, value)| value)
        .filter(|it| !it.is_empty() && it.len() <= most)
}

/// Whether another site's page could have sent this: then it is not the person's doing. A request that may change something
/// must say that it is ours (Fetch Metadata; and RFC 6454 §7 for whoever knows that only); one that reads may come from
/// anywhere as a whole page, and as nothing else. `address`: where browsers have the console. Where that is over TLS, a page of the
/// same host without it is anybody's who stands in between; on the machine itself both are ours.
pub(crate) fn is_foreign(method: &Method, headers: &HeaderMap, address: &str) -> bool {
    let site = text(headers, SEC_FETCH_SITE);
    if [Method::GET, Method::HEAD].contains(method) {
        return comes_from_elsewhere(headers) && text(headers, SEC_FETCH_MODE) != Some("navigate");
    }
    let (host, origin) = (text(headers, HOST), text(headers, ORIGIN).and_then(|it| it.split_once("://")));
    let plain = !address.starts_with("https://");
    let ours = |scheme: &str| scheme == "https" || (scheme == "http" && plain);
    let same = origin.is_some_and(|(scheme, of)| ours(scheme) && Some(of) == host);
    !same || !matches!(site, None | Some("same-origin"))
}

/// In the query of a page to which somebody came back from the sign-in, when another site's page had led them to it.
pub(crate) const LED: &str = "led";

/// Whether another site's page led here, before a sign-in or just now: then the person may look, and has decided on nothing yet, not
/// even on looking.
pub(crate) fn was_led(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    comes_from_elsewhere(&parts.headers) || query.split('&').any(|it| it == LED)
}

fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    !matches!(text(headers, SEC_FETCH_SITE), None | Some("same-origin" | "none"))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

/// The host by which a page was asked for, where that is not the site's.
pub(crate) fn elsewhere<'p>(parts: &'p Parts, site: &Site) -> Option<&'p str> {
    let header = parts.headers.get(HOST).and_then(|it| it.to_str().ok());
    let authority = header.or_else(|| parts.uri.authority().map(Authority::as_str)).unwrap_or_default();
    let port = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let host = authority.rsplit_once(':').filter(|(_, rest)| port(rest)).map_or(authority, |(host, _)| host);
    (!host.eq_ignore_ascii_case(site.as_str())).then_some(host)
}

/// What was asked for, whatever the host: a page is the same only with its query.
pub(crate) fn place(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// Scripts and a sheet of our own, by their own address; what the script makes into HTML passes one named policy.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types countersign";

pub(crate) fn harden(headers: &mut HeaderMap) {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` a browser sends our own forms with `Origin: null` (Fetch §3.2, "append a request `Origin` header").
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        let host = ("host", "cs.example:8443");
        let ours = ("origin", "https://cs.example:8443");
        let check = |method: Method, pairs: &[(&'static str, &str)], foreign: bool| {
            let address = "https://cs.example:8443";
            assert_eq!(is_foreign(&method, &headers(pairs), address), foreign, "{method} {pairs:?}");
        };
        check(Method::POST, &[host, ours], false);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "same-origin")], false);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "same-site")], true);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "cross-site")], true);
        check(Method::POST, &[host, ("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[host, ("origin", "https://evil.example")], true);
        check(Method::POST, &[host, ("origin", "null")], true);
        check(Method::POST, &[host, ("origin", "http://cs.example:8443")], true);
        check(Method::POST, &[host, ("origin", "ftp://cs.example:8443")], true);
        check(Method::POST, &[host, ("origin", "cs.example:8443")], true);
        for ours in ["http://localhost:7381", "https://localhost:7381"] {
            let of = headers(&[("host", "localhost:7381"), ("origin", ours)]);
            assert!(!is_foreign(&Method::POST, &of, "http://localhost:7381"), "{ours}");
        }
        check(Method::POST, &[ours], true);
        check(Method::GET, &[host], false);
        check(Method::HEAD, &[host], false);
        check(Method::HEAD, &[host, ("sec-fetch-site", "cross-site")], true);
        check(Method::GET, &[host, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], false);
        check(Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false);
        check(Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], true);
    }

    /// A link that somebody made may lead to our sign-in, and from there to no other site.
    #[test]
    fn whoever_signs_in_comes_to_a_page_of_ours_alone() {
        let check = |place: &str, kept: bool| {
            let set = set_way(place);
            assert_eq!(set.is_some(), kept, "{place}");
            let of_ours = set.as_deref().and_then(|it| it.split(';').next());
            let planted = format!("{WAY_NAME}={}", BASE64_URL_SAFE_NO_PAD.encode(place));
            for cookie in [of_ours, Some(planted.as_str())].into_iter().flatten() {
                let found = way(&headers(&[("cookie", cookie)]));
                assert_eq!(found.as_deref(), kept.then_some(place), "{place}");
            }
        };
        check("/changes/chg-1?a=b&c=%20d", true);
        check("/", true);
        for elsewhere in [
            "",
            "changes",
            "//evil.example/",
            "/\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            "/a b",
            "/a\nset-cookie: b=c",
            "/\u{e9}",
        ] {
            check(elsewhere, false);
        }
        check(&format!("/{}", "a".repeat(MAX_WAY)), false);
        assert_eq!(way(&headers(&[("cookie", "__Host-countersign-way=%%%")])), None);
        for (site, elsewhere) in [
            (None, false),
            (Some("same-origin"), false),
            (Some("none"), false),
            (Some("same-site"), true),
            (Some("cross-site"), true),
        ] {
            let of: Vec<_> = site.map(|it| ("sec-fetch-site", it)).into_iter().collect();
            assert_eq!(comes_from_elsewhere(&headers(&of)), elsewhere, "{site:?}");
        }
    }

    #[test]
    fn whom_another_site_led_is_led_after_the_sign_in_too() {
        let check = |uri: &str, pairs: &[(&'static str, &str)], led: bool| {
            let (mut parts, ()) = axum::http::Request::get(uri).body(()).unwrap().into_parts();
            parts.headers = headers(pairs);
            assert_eq!(was_led(&parts), led, "{uri} {pairs:?}");
        };
        check("/changes/chg-1", &[("sec-fetch-site", "same-origin")], false);
        check("/changes/chg-1", &[("sec-fetch-site", "cross-site")], true);
        check("/changes/chg-1?led", &[("sec-fetch-site", "same-origin")], true);
        check("/changes/chg-1?a=b&led", &[], true);
        check("/changes/chg-1?a=led", &[], false);
    }

    #[test]
    fn a_cookie_is_ours_by_its_whole_name() {
        assert_eq!(token(&headers(&[("cookie", "a=b; __Host-countersign=t; c=d")])), Some("t"));
        assert_eq!(token(&headers(&[("cookie", "x__Host-countersign=t")])), None);
        assert_eq!(token(&headers(&[("cookie", "__Host-countersign=")])), None);
        let long = format!("__Host-countersign={}", "t".repeat(200));
        assert_eq!(token(&headers(&[("cookie", &long)])), None);
        assert_eq!(token(&HeaderMap::new()), None);
        let both = headers(&[("cookie", "__Host-countersign-errand=e; __Host-countersign=t")]);
        assert_eq!((errand(&both), token(&both)), (Some("e"), Some("t")));
        let way = set_way("/inbox").unwrap();
        for set in [set_cookie("t"), set_errand("e", 600), clear_cookie(), clear_errand(), way, clear_way()] {
            for guard in ["__Host-", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(set.contains(guard) && !set.contains("Domain"), "{set}");
            }
        }
    }

    #[test]
    fn a_page_of_another_host_is_noticed() {
        let check = |site: &str, host: Option<&str>, uri: &str, expected: Option<&str>| {
            let mut request = axum::http::Request::get(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert!(uri.ends_with(place(&parts)), "{uri}");
            assert_eq!(elsewhere(&parts, &site.parse().unwrap()), expected, "{site} {host:?} {uri}");
        };
        check("localhost", Some("localhost:7381"), "/inbox", None);
        check("localhost", Some("LOCALHOST"), "/inbox", None);
        check("localhost", Some("127.0.0.1:7381"), "/inbox", Some("127.0.0.1"));
        check("localhost", Some("[::1]:7381"), "/policy?text=a%20b&at=1", Some("[::1]"));
        check("a.example", Some("b.a.example"), "/", Some("b.a.example"));
        check("a.example", Some("a.example.evil"), "/", Some("a.example.evil"));
        // HTTP/2 has it in the target.
        check("a.example", None, "https://a.example:8443/", None);
        check("a.example", None, "https://b.example/", Some("b.example"));
        check("a.example", None, "/", Some(""));
    }
}
