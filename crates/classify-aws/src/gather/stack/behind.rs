//! A template behind an address in S3: read by us, judged as if it stood in the request, and forwarded in the address's
//! place, so that what runs is what was seen. One that is larger than a request may hold stays unknown.
//!
//! Addresses: AWS CloudFormation API Reference, `CreateStack`, `TemplateURL` (an object of S3, or a document of Systems
//! Manager, which is not resolved here).

use std::collections::BTreeMap;

use model::Value;

use super::TEMPLATE_BODY_MAX;
use crate::{
    address::bucket_of,
    call::Call,
    gather::{answer::ReadAnswer, ask},
    params,
};

/// Where an object of S3 lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    bucket: String,
    key: String,
    version: Option<String>,
}

impl Object {
    /// `None` where the address is not one of S3's, or could be read in two ways.
    pub(super) fn at(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?;
        let (host, path) = rest.split_once('/')?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path.contains('#') || query.contains('#') || host.contains(['@', ':', '\\']) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        let (bucket, key) = match bucket_of(&host)? {
            "" => path.split_once('/')?,
            bucket => (bucket, path),
        };
        let version = match query {
            "" => None,
            query => Some(query.strip_prefix("versionId=").filter(|it| !it.contains('&'))?),
        };
        let text = |encoded: &str| params::decode(encoded).ok().filter(|it| !it.is_empty());
        let version = match version {
            None => None,
            Some(version) => Some(text(version)?),
        };
        Some(Self { bucket: text(bucket)?, key: text(key)?, version })
    }

    pub(super) fn read(&self, region: &str) -> Call {
        let mut members = BTreeMap::from([
            ("path.Bucket".to_owned(), Value::text(&self.bucket)),
            ("path.Key".to_owned(), Value::text(&self.key)),
        ]);
        members.extend(self.version.iter().map(|it| ("query.versionId".to_owned(), Value::text(it))));
        ask::call("s3", "GetObject", region, members)
    }
}

/// The template in an answer, or why there is none.
pub(super) fn template_in(answer: &ReadAnswer) -> Result<String, String> {
    if answer.status != 200 {
        return Err(format!("it could not be read (status {})", answer.status));
    }
    if answer.body.len() > TEMPLATE_BODY_MAX {
        return Err(format!(
            "it is larger than the {TEMPLATE_BODY_MAX} bytes that a request can carry, so it cannot be forwarded as it was seen"
        ));
    }
    String::from_utf8(answer.body.clone()).map_err(|_| "it is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Option<(&str, &str, Option<&str>)>) {
        let found = Object::at(url);
        let found = found.as_ref().map(|it| (it.bucket.as_str(), it.key.as_str(), it.version.as_deref()));
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn addresses_of_s3_and_no_others() {
        check("https://b.s3.eu-west-1.amazonaws.com/a/t.yaml", Some(("b", "a/t.yaml", None)));
        check("https://b.s3.amazonaws.com/t", Some(("b", "t", None)));
        check("https://my.b.s3.us-east-1.amazonaws.com/t", Some(("my.b", "t", None)));
        check("https://s3.eu-west-1.amazonaws.com/b/a/t", Some(("b", "a/t", None)));
        check("https://s3-eu-west-1.amazonaws.com/b/t", Some(("b", "t", None)));
        check("https://b.s3.cn-north-1.amazonaws.com.cn/t", Some(("b", "t", None)));
        check("https://b.s3.amazonaws.com/a%20b?versionId=v%2B1", Some(("b", "a b", Some("v+1"))));
        for other in [
            "",
            "http://b.s3.amazonaws.com/t",
            "https://b.s3.amazonaws.com",
            "https://b.s3.amazonaws.com/",
            "https://s3.amazonaws.com/b",
            "https://example.com/b/t",
            "https://b.s3.amazonaws.com.example.com/t",
            "https://b.s3.amazonaws.com@example.com/t",
            "https://b.s3.amazonaws.com:444/t",
            "https://b.s3.amazonaws.com/t?versionId=a&versionId=b",
            "https://b.s3.amazonaws.com/t?X-Amz-Signature=a",
            "https://b.s3.amazonaws.com/t#a",
            "https://b.s3.amazonaws.com/%ff",
            "ssm-doc://arn:aws:ssm:us-east-1:1:document/d",
        ] {
            check(other, None);
        }
    }
}
