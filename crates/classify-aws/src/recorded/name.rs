//! What CloudTrail calls an operation, against our operation table.

use crate::table::{Row, Service, Table};

/// Where the two differ by more than a version: source, CloudTrail's name, our service, our name.
const OTHERWISE: &[(&str, &str, &str, &str)] = &[
    ("s3", "PutBucketPublicAccessBlock", "s3", "PutPublicAccessBlock"),
    ("s3", "GetBucketPublicAccessBlock", "s3", "GetPublicAccessBlock"),
    ("s3", "DeleteBucketPublicAccessBlock", "s3", "DeletePublicAccessBlock"),
    ("s3", "PutAccountPublicAccessBlock", "s3control", "PutPublicAccessBlock"),
    ("s3", "GetAccountPublicAccessBlock", "s3control", "GetPublicAccessBlock"),
    ("s3", "DeleteAccountPublicAccessBlock", "s3control", "DeletePublicAccessBlock"),
    ("s3", "PutBucketLifecycle", "s3", "PutBucketLifecycleConfiguration"),
    ("s3", "GetBucketLifecycle", "s3", "GetBucketLifecycleConfiguration"),
    ("s3", "PutBucketNotification", "s3", "PutBucketNotificationConfiguration"),
    ("s3", "GetBucketNotification", "s3", "GetBucketNotificationConfiguration"),
    ("s3", "PutBucketObjectLockConfiguration", "s3", "PutObjectLockConfiguration"),
    ("s3", "GetBucketObjectLockConfiguration", "s3", "GetObjectLockConfiguration"),
    ("s3", "PutBucketEncryption", "s3", "PutBucketEncryption"),
    ("s3", "InitiateMultipartUpload", "s3", "CreateMultipartUpload"),
];

/// The operations that an event of `source` (`ec2.amazonaws.com`) may be of, those of its own API version alone where it
/// says one that we know. Empty: unknown.
pub fn operations(source: &str, name: &str, api_version: &str) -> Vec<(&'static Service, &'static Row)> {
    let table = Table::shared();
    let prefix = prefix_of(source);
    let named = |service: &str, name: &str| table.service(service).zip(table.get(service, name));
    if let Some((_, _, service, name)) =
        OTHERWISE.iter().find(|(source, own, ..)| *source == prefix && *own == name)
    {
        return named(service, name).into_iter().collect();
    }
    let of = |name: &str| -> Vec<_> { services(source).filter_map(|it| named(it.name, name)).collect() };
    let mut found = of(name);
    if found.is_empty() {
        found = of(unversioned(name));
    }
    let versioned: Vec<_> =
        found.iter().copied().filter(|(service, _)| service.api_version == api_version).collect();
    if versioned.is_empty() { found } else { versioned }
}

/// The services that write events of this source.
pub(super) fn services(source: &str) -> impl Iterator<Item = &'static Service> {
    let prefix = prefix_of(source);
    let own = move |it: &&Service| [it.endpoint_prefix, it.signing, it.iam_prefix, it.name].contains(&prefix);
    Table::shared().services().iter().filter(own)
}

pub(super) fn prefix_of(source: &str) -> &str {
    source.strip_suffix(".amazonaws.com").unwrap_or(source)
}

/// `UpdateFunctionCode20150331v2` and `UpdateDistribution2020_05_31`, without the version.
pub(super) fn unversioned(name: &str) -> &str {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let plain = match name.rsplit_once('v') {
        Some((before, after)) if !after.is_empty() && digits(after) == after.len() => before,
        _ => name,
    };
    let cut = plain.trim_end_matches(|it: char| it.is_ascii_digit() || it == '_');
    if digits(plain) - digits(cut) == 8 { cut } else { name }
}
