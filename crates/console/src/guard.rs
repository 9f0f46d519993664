//! Who is looking, whether a form was sent from one of our own pages, and the headers that every page goes out with.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
    uri::{Authority, PathAndQuery},
};
use model::Site;

/// Only over TLS or on the machine itself, for this very host, and for no script (RFC 6265bis §4.1.3.2).
const COOKIE_NAME: &str = "__Host-countersign";
/// Likewise; of a sign-in that is under way at a provider.
const ERRAND_NAME: &str = "__Host-countersign-errand";

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

/// What the browser holds.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE_NAME)
}

/// Of the sign-in that it began last.
pub(crate) fn errand(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, ERRAND_NAME)
}

fn cookie<'h>(headers: &'h HeaderMap, named: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == named)
        .map(|(_, value)| value)
        .filter(|it| !it.is_empty() && it.len() <= 128)
}

/// Whether another site's page could have sent this: then it is not the person's doing. A request that may change something
/// must say that it is ours (Fetch Metadata; and RFC 6454 §7 for whoever knows that only); one that reads may come from
/// anywhere as a whole page, and as nothing else.
pub(crate) fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    if [Method::GET, Method::HEAD].contains(method) {
        let mode = text(HeaderName::from_static("sec-fetch-mode"));
        return !matches!(site, None | Some("same-origin" | "none")) && mode != Some("navigate");
    }
    let host = text(HOST);
    let origin = text(ORIGIN).and_then(|it| it.split_once("://")).map(|(_, host)| host);
    let same = host.is_some() && origin == host;
    !same || !matches!(site, None | Some("same-origin"))
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
            assert_eq!(is_foreign(&method, &headers(pairs)), foreign, "{method} {pairs:?}");
        };
        check(Method::POST, &[host, ours], false);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "same-origin")], false);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "same-site")], true);
        check(Method::POST, &[host, ours, ("sec-fetch-site", "cross-site")], true);
        check(Method::POST, &[host, ("sec-fetch-site", "same-origin")], true);
        check(Method::POST, &[host, ("origin", "https://evil.example")], true);
        check(Method::POST, &[host, ("origin", "null")], true);
        check(Method::POST, &[ours], true);
        check(Method::GET, &[host], false);
        check(Method::HEAD, &[host], false);
        check(Method::HEAD, &[host, ("sec-fetch-site", "cross-site")], true);
        check(Method::GET, &[host, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], false);
        check(Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false);
        check(Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], true);
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
        for set in [set_cookie("t"), set_errand("e", 600), clear_cookie(), clear_errand()] {
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
