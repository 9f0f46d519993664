//! What the host of a request says beside its path: a bucket (virtual-host style) or an operation's prefix. Everything
//! is classified and forwarded in path style; a host that could be read in two ways is refused.
//!
//! Endpoint forms of S3: Amazon S3 User Guide, "Virtual hosting of buckets" and "Amazon S3 dual-stack endpoints".

use core::net::IpAddr;

use model::Request;

/// The gateway's own names, without ports. An IP address is always its own name and never a base for others.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    own: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the request names no host, or two")]
    NoHost,
    #[error(
        "the gateway does not know itself as {0}, so the bucket cannot be told from the host; add the gateway's name to `names` under [listen] in countersign.toml, or use its IP address"
    )]
    Unknown(String),
    #[error("{0} is no form of an S3 host that we know; use path style or an ordinary bucket host")]
    Unfamiliar(String),
    #[error("the host names one account and x-amz-account-id another")]
    Account,
}

impl Hosts {
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { own: names.into_iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// What stands before one of our own names; `Some("")` for the name itself.
    fn before<'h>(&self, host: &'h str) -> Option<&'h str> {
        self.own
            .iter()
            .filter_map(|own| {
                let before = host.strip_suffix(own.as_str())?;
                if before.is_empty() { Some(before) } else { before.strip_suffix('.') }
            })
            .min_by_key(|before| before.len())
    }
}

/// `request`, signed for `service`, in path style.
///
/// # Errors
/// Where the host could be read in two ways.
pub fn addressed(request: Request, service: &str, hosts: &Hosts) -> Result<Request, AddressError> {
    let host = request.header("host").ok_or(AddressError::NoHost)?.to_ascii_lowercase();
    let name = without_port(&host);
    // Nothing of any other service is told by its host: what it is asked is in path, headers and body.
    if service != "s3" || is_address(name) {
        return Ok(request);
    }
    let bucket = match hosts.before(name) {
        Some(before) => before,
        None if is_aws(name) => bucket_of(name).ok_or_else(|| AddressError::Unfamiliar(shown(name)))?,
        None => return Err(AddressError::Unknown(shown(name))),
    };
    match (bucket, crate::route::is_s3_control(&request)) {
        ("", _) => Ok(request),
        (account, true) if request.header("x-amz-account-id") == Some(account) => Ok(request),
        (account, true) if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(AddressError::Account)
        }
        (bucket, _) => {
            let path = format!("/{bucket}{}", request.path);
            Ok(Request { path, ..request })
        }
    }
}

/// Whether `host` is one of AWS's own, under which its APIs stand.
pub fn is_aws(host: &str) -> bool {
    const SUFFIXES: [&str; 4] =
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"];
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    host.len() <= 253
        && SUFFIXES
            .iter()
            .any(|suffix| host.strip_suffix(suffix).is_some_and(|before| before.split('.').all(good)))
}

/// The bucket in a host of S3; empty where the host is the service's own.
pub(crate) fn bucket_of(host: &str) -> Option<&str> {
    let before = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let labels: Vec<&str> = before.split('.').collect();
    let is_region = |label: &str| {
        label.contains('-') && label.ends_with(|end: char| end.is_ascii_digit()) && !label.starts_with("s3")
    };
    let service_labels = match labels.as_slice() {
        [.., "s3" | "s3-fips", "dualstack", region] if is_region(region) => 3,
        [.., "s3" | "s3-fips", region] if is_region(region) => 2,
        // The account stands before it, and the path says the rest.
        [.., "s3-control", region] if is_region(region) => 2,
        [.., "s3-control", "dualstack", region] if is_region(region) => 3,
        [.., "s3" | "s3-external-1"] => 1,
        [.., legacy] if legacy.strip_prefix("s3-").is_some_and(is_region) => 1,
        _ => return None,
    };
    let bucket_labels = labels.len().checked_sub(service_labels)?;
    let length = labels.iter().take(bucket_labels).map(|label| label.len() + 1).sum::<usize>();
    before.get(..length.saturating_sub(1))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

fn is_address(name: &str) -> bool {
    name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

fn shown(host: &str) -> String {
    model::sanitize(host, 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, service: &str, path: &str, account: Option<&str>, expected: Result<&str, &str>) {
        let hosts = Hosts::new(["localhost".to_owned(), "gw.corp.test".to_owned(), "corp.test".to_owned()]);
        let mut headers = vec![("host".to_owned(), host.to_owned())];
        headers.extend(account.map(|it| ("x-amz-account-id".to_owned(), it.to_owned())));
        let request = Request {
            method: "GET".into(),
            path: path.into(),
            query: String::new(),
            headers,
            body: Vec::new(),
        };
        let found = addressed(request, service, &hosts);
        let found = found.as_ref().map(|it| it.path.as_str()).map_err(ToString::to_string);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{host}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{host}: {found}"),
            (found, expected) => panic!("{host}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_bucket_in_the_host_goes_into_the_path() {
        for (host, expected) in [
            ("127.0.0.1:9000", "/k"),
            ("[::1]:9000", "/k"),
            ("localhost", "/k"),
            ("b.localhost:9000", "/b/k"),
            ("GW.corp.test", "/k"),
            ("b.gw.corp.test:443", "/b/k"),
            ("b.with.dots.gw.corp.test", "/b.with.dots/k"),
            ("s3.amazonaws.com", "/k"),
            ("b.s3.amazonaws.com", "/b/k"),
            ("b.with.dots.s3.amazonaws.com:443", "/b.with.dots/k"),
            ("s3.eu-central-1.amazonaws.com", "/k"),
            ("b.s3.eu-central-1.amazonaws.com", "/b/k"),
            ("b.s3-eu-central-1.amazonaws.com", "/b/k"),
            ("s3-external-1.amazonaws.com", "/k"),
            ("b.s3.dualstack.eu-central-1.amazonaws.com", "/b/k"),
            ("b.s3-fips.us-gov-west-1.amazonaws.com", "/b/k"),
            ("b.s3.cn-north-1.amazonaws.com.cn", "/b/k"),
            ("b.s3.x.s3.eu-west-1.amazonaws.com", "/b.s3.x/k"),
        ] {
            check(host, "s3", "/k", None, Ok(expected));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        check("b.elsewhere.test", "s3", "/k", None, Err("does not know itself as b.elsewhere.test"));
        check("evil-corp.test", "s3", "/k", None, Err("does not know itself"));
        check("ap-1.s3-accesspoint.eu-west-1.amazonaws.com", "s3", "/k", None, Err("no form of an S3 host"));
        check("b.s3-website.eu-west-1.amazonaws.com", "s3", "/k", None, Err("no form of an S3 host"));
        check("ec2.eu-west-1.amazonaws.com", "s3", "/k", None, Err("no form of an S3 host"));
        check("b.elsewhere.test", "sqs", "/k", None, Ok("/k"));
        let control = "/v20180820/configuration/publicAccessBlock";
        let (one, other) = ("111122223333", "444455556666");
        let host = "111122223333.s3-control.eu-west-1.amazonaws.com";
        check(host, "s3", control, Some(one), Ok(control));
        check("111122223333.localhost", "s3", control, Some(one), Ok(control));
        check(host, "s3", control, Some(other), Err("one account"));
        check("b.localhost", "s3", "/", None, Ok("/b/"));
        // An object of that name in a bucket is no request to S3 Control.
        check("b.localhost", "s3", "/v20180820/x", Some(one), Ok("/b/v20180820/x"));
    }

    #[test]
    fn only_aws_is_aws() {
        for (host, expected) in [
            ("ec2.eu-west-1.amazonaws.com", true),
            ("b.s3.cn-north-1.amazonaws.com.cn", true),
            ("dsql.eu-west-1.api.aws", true),
            ("amazonaws.com", false),
            ("evilamazonaws.com", false),
            ("amazonaws.com.evil.test", false),
            ("a..amazonaws.com", false),
            ("*.amazonaws.com", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(is_aws(host), expected, "{host}");
        }
    }
}
