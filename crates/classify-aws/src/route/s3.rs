//! S3: bucket or object, method, and the query keys that name a part of either. A request with a key that no candidate
//! knows, or with two such parts, is refused: which of them S3 would act on is nobody's promise.

use std::collections::BTreeSet;

use model::Request;

use super::{RouteError, Routed, rest::Query, severity, strictest, unknown};
use crate::{
    params::match_path,
    table::{Protocol, Row, Table},
};

/// Query keys that any request may carry: authentication, and the SDKs' own name for the operation.
fn is_neutral(name: &str) -> bool {
    name == "x-id" || name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

/// S3 Control shares the signing name; its requests name the account in a header and its version in the path.
pub(crate) fn is_control(request: &Request) -> bool {
    request.path.starts_with("/v20180820/") && request.header("x-amz-account-id").is_some()
}

pub(super) fn route<'t>(request: &Request, table: &'t Table) -> Result<Routed<'t>, RouteError> {
    let protocol = Protocol::RestXml;
    let ambiguous = |detail| RouteError::Ambiguous { detail, protocol };
    let Some(service) = table.service("s3") else {
        return Err(unknown("s3", "the table has no s3", protocol));
    };
    let path = scope_path(&request.path);
    let query = Query::parse(&request.query);
    if let Some(name) = twice(&query) {
        return Err(RouteError::Undecodable {
            detail: format!("the query parameter `{name}` stands twice"),
            protocol,
        });
    }
    let parts = parts(table);
    let named: Vec<&str> = query.names().filter(|name| parts.contains(name)).collect();
    let mut found: Vec<(&'t Row, usize)> = table
        .rows_of("s3")
        .iter()
        .filter(|row| row.method == request.method && match_path(row.path(), path).is_some())
        // Signs as `s3express`.
        .filter(|row| row.operation != "ListDirectoryBuckets")
        .filter(|row| {
            row.constants()
                .all(|(name, value)| query.has(name) && (value.is_empty() || query.is(name, value)))
        })
        .filter(|row| {
            named
                .iter()
                .all(|name| row.constants().any(|(constant, _)| constant == *name) || takes(row, name))
        })
        .filter_map(|row| {
            let names: Vec<_> = row.query_names().filter(|(_, required)| *required).collect();
            let headers: Vec<_> =
                row.header_names().filter(|(name, required)| *required && is_telling(name)).collect();
            let complete = names.iter().all(|(name, _)| query.has(name))
                && headers.iter().all(|(name, _)| request.header(name).is_some());
            let weight = 4 * row.constants().count() + names.len() + headers.len();
            complete.then_some((row, weight))
        })
        .collect();
    if found.is_empty() && named.len() > 1 {
        return Err(ambiguous("the query names several parts of one bucket or object"));
    }
    found.retain(|(row, _)| {
        query.names().all(|name| {
            is_neutral(name) || takes(row, name) || row.constants().any(|(constant, _)| constant == name)
        })
    });
    let best = found.iter().map(|(_, weight)| *weight).max();
    let chosen: Vec<_> =
        found.iter().filter(|(_, weight)| Some(*weight) == best).map(|(row, _)| (service, *row)).collect();
    // A copy is a write whatever the query says; nothing lighter may be taken for it.
    if request.header("x-amz-copy-source").is_some()
        && !chosen.iter().any(|(_, row)| row.operation.contains("Copy"))
    {
        return Err(ambiguous("a copy source on an operation that copies nothing"));
    }
    let routed = strictest(chosen, "s3", protocol)
        .ok_or_else(|| unknown("s3", &format!("{} with this query", request.method), protocol))?;
    if let Some(hint) = query.value("x-id").filter(|hint| *hint != routed.operation) {
        let other = table.get("s3", hint);
        if other.is_none_or(|other| routed.row.is_none_or(|row| severity(other) > severity(row))) {
            return Err(ambiguous("`x-id` names another operation"));
        }
    }
    Ok(routed)
}

/// `/bucket/` is the bucket, as `/bucket` is.
pub(crate) fn scope_path(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(bucket) if bucket.len() > 1 && !bucket.get(1..).is_some_and(|rest| rest.contains('/')) => bucket,
        Some(_) | None => path,
    }
}

/// The query keys that name a part of a bucket or object: every constant of the table.
fn parts(table: &Table) -> BTreeSet<&str> {
    let constants = table.rows_of("s3").iter().flat_map(Row::constants).map(|(name, _)| name);
    constants.filter(|name| *name != "list-type").collect()
}

fn takes(row: &Row, name: &str) -> bool {
    row.query_names().any(|(known, _)| known == name)
}

/// Headers whose presence tells one operation from another; the others are the service's to ask for.
fn is_telling(name: &str) -> bool {
    matches!(name, "x-amz-copy-source" | "x-amz-rename-source")
}

fn twice(query: &Query) -> Option<String> {
    let mut seen = BTreeSet::new();
    query.names().find(|name| !seen.insert(*name)).map(|name| model::sanitize(name, 40))
}
