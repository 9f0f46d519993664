//! REST other than S3: method, path pattern, constant query, required query parameters and headers. The most literal
//! path wins; where a request satisfies several rows of that path, required parameters may only lead to a more severe
//! one.

use model::Request;

use super::{RouteError, Routed, severity, strictest, unknown};
use crate::{
    params::{decode, match_path},
    table::{Protocol, Row, Service, Table},
};

pub(super) fn route<'t>(
    request: &Request,
    signing: &str,
    services: &[&'t Service],
    table: &'t Table,
) -> Result<Routed<'t>, RouteError> {
    let speaking: Vec<_> = services.iter().copied().filter(|service| service.protocol().is_rest()).collect();
    let fallback = services.first().map_or(Protocol::RestJson, |service| service.protocol());
    let protocol = speaking.first().map_or(fallback, |service| service.protocol());
    if speaking.is_empty() {
        return Err(unknown(signing, "neither X-Amz-Target nor a form with an Action", protocol));
    }
    if !is_plain(&request.path) {
        return Err(unknown(signing, "a path with empty, `.` or `..` segments", protocol));
    }
    let query = Query::parse(&request.query);
    let mut found = candidates(request, &request.path, &query, &speaking, table);
    if found.is_empty() {
        let toggled = match request.path.strip_suffix('/') {
            Some(shorter) => shorter.to_owned(),
            None => format!("{}/", request.path),
        };
        found = candidates(request, &toggled, &query, &speaking, table);
    }
    let Some(best) = found.iter().map(|candidate| candidate.shape.clone()).max() else {
        return Err(unknown(signing, &format!("{} {}", request.method, request.path), protocol));
    };
    found.retain(|candidate| candidate.shape == best);
    let most = found.iter().map(|candidate| candidate.required).max().unwrap_or_default();
    let worst = found.iter().map(|candidate| severity(candidate.row)).max();
    let preferred = |candidate: &&Candidate<'t>| candidate.required == most;
    let deserves = found.iter().filter(preferred).any(|candidate| Some(severity(candidate.row)) == worst);
    let chosen: Vec<_> = found
        .iter()
        .filter(|candidate| !deserves || candidate.required == most)
        .map(|candidate| (candidate.service, candidate.row))
        .collect();
    let mut routed = strictest(chosen, signing, protocol)
        .ok_or_else(|| unknown(signing, &format!("{} {}", request.method, request.path), protocol))?;
    routed.protocol = routed.service.protocol();
    Ok(routed)
}

struct Candidate<'t> {
    service: &'t Service,
    row: &'t Row,
    /// Literal segments first, constant query next: the larger wins.
    shape: (Vec<bool>, usize),
    required: usize,
}

fn candidates<'t>(
    request: &Request,
    path: &str,
    query: &Query,
    services: &[&'t Service],
    table: &'t Table,
) -> Vec<Candidate<'t>> {
    let rows = services
        .iter()
        .flat_map(|service| table.rows_of(service.name).iter().map(move |row| (*service, row)));
    rows.filter(|(_, row)| row.method == request.method && match_path(row.path(), path).is_some())
        .filter_map(|(service, row)| {
            let constants = row.constants().filter(|(name, value)| query.is(name, value)).count();
            let required = row
                .query_names()
                .filter(|(name, required)| *required && *name != "*" && query.has(name))
                .count()
                + row
                    .header_names()
                    .filter(|(name, required)| *required && request.header(name).is_some())
                    .count();
            let wanted = row.query_names().filter(|(name, required)| *required && *name != "*").count()
                + row.header_names().filter(|(_, required)| *required).count();
            let complete = constants == row.constants().count() && required == wanted;
            complete.then(|| Candidate { service, row, shape: (literals(row), constants), required })
        })
        .collect()
}

fn literals(row: &Row) -> Vec<bool> {
    row.path().split('/').map(|segment| !segment.starts_with('{')).collect()
}

/// A path that every server reads alike; the corpus of AWS has no other outside S3.
fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let mut segments = rest.split('/').collect::<Vec<_>>();
    let _ = segments.pop_if(|last| last.is_empty());
    segments.iter().all(|segment| {
        !segment.is_empty() && !decode(segment).is_ok_and(|decoded| decoded == "." || decoded == "..")
    })
}

/// A query string's decoded parameters, in order.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let text = |part: &str| decode(part).unwrap_or_else(|_| part.to_owned());
        let pairs = raw
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        Self { pairs }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// The parameter `name` stands once and has the value; two of them are none.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        let mut found = self.pairs.iter().filter(|(key, _)| key == name);
        found.next().is_some_and(|(_, first)| first == value) && found.next().is_none()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
