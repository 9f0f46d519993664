//! Which resources a request names: the identifier members of its row, under our kinds. A request that names its
//! targets by tag or filter names none of them, and says so. Where the pinned table finds other resources, or calls them
//! something else, they count too.

use std::collections::BTreeSet;

use model::{Resource, Value};

use super::{
    Target,
    pinned::{Pinned, Says},
};
use crate::{
    kinds::{Kinds, words},
    overrides::Overrides,
    params,
    route::Routed,
    table::{Member, Place, Row, members},
};

/// As many as S3 takes in one DeleteObjects; what is beyond is not named one by one.
const MAX_RESOURCES: usize = 1000;
const MAX_NAME: usize = 2048;

#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) resources: Vec<Resource>,
    pub(super) unknowns: Vec<String>,
}

pub(super) fn of(routed: &Routed<'_>, params: &Value, target: &Target, pinned: &Pinned) -> Named {
    let mut named = Named::default();
    let Some(row) = routed.row else {
        named.unknowns.push("which resources it touches: the operation is not in the table".to_owned());
        return named;
    };
    named.resources = found(row, params, &naming(row), Kinds::shared());
    if let Some((naming, kinds)) = otherwise(row, pinned) {
        let known: BTreeSet<Resource> = named.resources.iter().cloned().collect();
        let theirs = found(row, params, &naming, kinds);
        named.resources.extend(theirs.into_iter().filter(|resource| !known.contains(resource)));
    }
    if matches!(pinned.says(row.service, row.operation), Says::Unknown) {
        named.resources.push(Resource::unknown(row.service));
    }
    if named.resources.len() > MAX_RESOURCES {
        named.resources.truncate(MAX_RESOURCES);
        named.resources.push(Resource::unknown(row.service));
        named.unknowns.push(format!("it names more than {MAX_RESOURCES} resources"));
    }
    if let Some(whole) = crate::kinds::of_the_whole(row.service).filter(|_| named.resources.is_empty()) {
        named.resources.push(nameless(row.service, whole));
    }
    if named.resources.is_empty() && !pinned.of(row).effects.is_plain_read() {
        named.unknowns.push("which resources it touches".to_owned());
    }
    if let Some(scope) = scope_member(params) {
        named.resources.push(Resource::unknown(row.service));
        named.unknowns.push(format!("which resources its `{scope}` selects"));
    }
    let foreign = named
        .resources
        .iter()
        .filter_map(|one| arn_account(&one.name))
        .any(|account| !account.is_empty() && account != "aws" && account != target.account.0);
    if foreign {
        named.unknowns.push("it names a resource of another account".to_owned());
    }
    named
}

/// The members of a request that name what a call of `row` is on.
pub(crate) fn naming(row: &Row) -> Vec<Member<'static>> {
    let given = Overrides::shared().and_then(|overrides| overrides.identifiers(row.service, row.operation));
    let all: Vec<Member<'static>> = members(given.unwrap_or(row.identifiers)).collect();
    let optional_too = row.service == "s3" || given.is_some() || !all.iter().any(|member| member.required);
    let names_resource = |member: &Member<'_>| !member.name.eq_ignore_ascii_case("x-amz-account-id");
    let counts = |member: &Member<'_>| (member.required || optional_too) && names_resource(member);
    all.into_iter().filter(counts).collect()
}

/// How the pinned table finds the resources of `row`, where that is not as we do.
fn otherwise<'p>(row: &Row, pinned: &'p Pinned) -> Option<(Vec<Member<'p>>, &'p Kinds)> {
    let kinds = pinned.kinds.as_ref();
    match pinned.says(row.service, row.operation) {
        Says::Otherwise(other) if other.names || kinds.is_some() => Some((
            members(&other.line.naming).collect(),
            match kinds {
                Some(kinds) => kinds,
                None => Kinds::shared(),
            },
        )),
        Says::Same | Says::Unknown | Says::Otherwise(_) => kinds.map(|kinds| (naming(row), kinds)),
    }
}

fn found(row: &Row, params: &Value, naming: &[Member<'_>], kinds: &Kinds) -> Vec<Resource> {
    if row.service == "s3" {
        return s3(params, naming, kinds);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for member in naming {
        for text in params::texts(params, member) {
            if !text.is_empty() && text.len() <= MAX_NAME && seen.insert((member.name, text)) {
                found.push(resource(row.service, row.operation, member, text, kinds));
            }
        }
    }
    found
}

/// What a call of `row` may be on, when nothing is known of its parameters: a kind for each of its identifiers, and what
/// nobody knows.
pub(super) fn supposed(row: &Row, pinned: &Pinned) -> Vec<Resource> {
    let given = Overrides::shared().and_then(|overrides| overrides.identifiers(row.service, row.operation));
    let own: Vec<Member<'_>> = members(given.unwrap_or(row.identifiers)).collect();
    let mut all = BTreeSet::from([Resource::unknown(row.service)]);
    let other = otherwise(row, pinned);
    for (naming, kinds) in std::iter::once((own, Kinds::shared())).chain(other) {
        all.extend(naming.iter().map(|member| match (row.service, member.name) {
            ("s3", "Key") => nameless("s3", kinds.of("s3", "Object")),
            ("s3", _) => nameless("s3", kinds.of("s3", "Bucket")),
            _ => resource(row.service, row.operation, member, Resource::UNKNOWN, kinds),
        }));
    }
    all.into_iter().collect()
}

fn nameless(service: &str, kind: model::Kind) -> Resource {
    Resource { service: service.to_owned(), kind, name: Resource::UNKNOWN.to_owned() }
}

/// The bucket and each key as `bucket/key`.
fn s3(params: &Value, all: &[Member<'_>], kinds: &Kinds) -> Vec<Resource> {
    let mut bucket = None;
    let mut keys = Vec::new();
    let mut source = None;
    for member in all {
        let texts = params::texts(params, member);
        match (member.place, member.name) {
            (Place::Path, "Bucket") => bucket = texts.first().copied(),
            (Place::Path, "Key") | (Place::Body, _) => keys.extend(texts),
            (Place::Header, _) => source = texts.first().and_then(|text| copy_source(text)),
            (Place::Path | Place::Query, _) => {}
        }
    }
    let Some(bucket) = bucket else { return Vec::new() };
    if keys.is_empty() {
        return vec![Resource {
            service: "s3".into(),
            kind: kinds.of("s3", "Bucket"),
            name: bucket.to_owned(),
        }];
    }
    let object = |key: &str| Resource {
        service: "s3".into(),
        kind: kinds.of("s3", "Object"),
        name: format!("{bucket}/{}", key.get(..MAX_NAME).unwrap_or(key)),
    };
    let source = source.map(|name| Resource { service: "s3".into(), kind: kinds.of("s3", "Object"), name });
    keys.into_iter().map(object).chain(source).collect()
}

/// `/bucket/key%20x?versionId=1` → `bucket/key x`.
fn copy_source(text: &str) -> Option<String> {
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    let name = params::decode(path.strip_prefix('/').unwrap_or(path)).ok()?;
    Some(name.chars().take(MAX_NAME).collect())
}

fn resource(service: &str, operation: &str, member: &Member<'_>, text: &str, kinds: &Kinds) -> Resource {
    let subject = words(operation).get(1..).unwrap_or_default().concat();
    let (owner, noun) = match arn_type(text) {
        Some((owner, noun)) => (owner.to_owned(), noun.to_owned()),
        None if service == "ec2" && ec2_noun(text).is_some() => {
            (service.to_owned(), ec2_noun(text).unwrap_or_default().to_owned())
        }
        None => {
            let noun =
                member.noun.map_or_else(|| member_noun(service, member.name, &subject, kinds), str::to_owned);
            (service.to_owned(), noun)
        }
    };
    Resource { service: service.to_owned(), kind: kinds.of(&owner, &noun), name: text.to_owned() }
}

/// `DBInstanceIdentifier` names a DBInstance; `Id`, `Name` and `ResourceArn` name what the operation is about, unless
/// the kinds of the service list the bare word.
fn member_noun(service: &str, member: &str, subject: &str, kinds: &Kinds) -> String {
    let last = member.rsplit('.').find(|step| *step != "%").unwrap_or(member);
    let stem = ENDINGS.iter().find_map(|ending| last.strip_suffix(ending)).unwrap_or(last);
    match stem {
        "" if kinds.lists(service, last) => last.to_owned(),
        "" | "Resource" | "resource" | "Target" | "Source" => closest(service, subject, kinds),
        stem => stem.to_owned(),
    }
}

/// `PipelineExecution` is not listed, and `Pipeline` is: what an operation is about, in the words of the kinds.
fn closest(service: &str, subject: &str, kinds: &Kinds) -> String {
    let all = words(subject);
    let shorter = (1..=all.len()).rev().filter_map(|end| all.get(..end)).map(<[&str]>::concat);
    let later = (1..all.len()).filter_map(|start| all.get(start..)).map(<[&str]>::concat);
    shorter.chain(later).find(|noun| kinds.lists(service, noun)).unwrap_or_else(|| subject.to_owned())
}

/// EC2's identifiers say what they name: `i-…`, `vol-…`.
fn ec2_noun(text: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, &str); 16] = [
        ("acl-", "NetworkAcl"),
        ("ami-", "Image"),
        ("eipalloc-", "Address"),
        ("eni-", "NetworkInterface"),
        ("i-", "Instance"),
        ("igw-", "InternetGateway"),
        ("lt-", "LaunchTemplate"),
        ("nat-", "NatGateway"),
        ("rtb-", "RouteTable"),
        ("sg-", "SecurityGroup"),
        ("snap-", "Snapshot"),
        ("subnet-", "Subnet"),
        ("tgw-", "TransitGateway"),
        ("vol-", "Volume"),
        ("vpc-", "Vpc"),
        ("vpce-", "VpcEndpoint"),
    ];
    PREFIXES.into_iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, noun)| noun)
}

/// What makes a noun the name of a thing; the longer first.
const ENDINGS: [&str; 21] = [
    "Identifiers",
    "Identifier",
    "identifier",
    "Names",
    "Name",
    "ARNs",
    "Arns",
    "ARN",
    "Arn",
    "IDs",
    "Ids",
    "ID",
    "Id",
    "Urls",
    "Url",
    "URL",
    "names",
    "name",
    "arn",
    "ids",
    "id",
];

/// `arn:aws:rds:eu-west-1:1:db:prod` → (`rds`, `db`).
fn arn_type(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.splitn(6, ':');
    if parts.next() != Some("arn") {
        return None;
    }
    let service = parts.nth(1)?;
    let rest = parts.nth(2)?;
    match (service, rest.split_once(['/', ':'])) {
        ("s3", Some(_)) => Some((service, "object")),
        ("s3", None) => Some((service, "bucket")),
        ("sqs", None) => Some((service, "queue")),
        ("sns", _) => Some((service, "topic")),
        (_, Some((kind, _))) => Some((service, kind)),
        (_, None) => Some((service, "")),
    }
}

fn arn_account(text: &str) -> Option<&str> {
    let mut parts = text.splitn(6, ':');
    (parts.next() == Some("arn")).then(|| parts.nth(3)).flatten()
}

/// A member that selects by tag or filter: `Targets`, `Filters`, `TagFilters`.
fn scope_member(params: &Value) -> Option<&'static str> {
    const SCOPES: [&str; 4] = ["Targets", "ResourceTags", "TagFilters", "targets"];
    SCOPES.into_iter().find(|name| match params::member(params, name) {
        Some(Value::List(items)) => {
            items.iter().any(|item| item.get("Key").is_some() || item.get("key").is_some())
        }
        Some(Value::Map(map)) => !map.is_empty(),
        Some(
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Bytes(_),
        )
        | None => false,
    })
}
