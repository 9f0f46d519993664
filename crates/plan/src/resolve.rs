//! Which resource a name means.

use model::sanitize;
use snapshot::{EdgeKind, Resource, Snapshot};

use crate::PlanError;

/// How many near names are told.
const NEAREST: usize = 3;

/// The one of this kind (any, where it is empty) with this id or name.
pub(crate) fn one<'s, 'a>(
    snapshot: &'s Snapshot<'a>,
    kind: &str,
    name: &str,
) -> Result<&'s Resource<'a>, PlanError> {
    let fits = |one: &&Resource<'_>| kind.is_empty() || one.kind.as_str() == kind;
    if let Some(found) = snapshot.resource(name).filter(fits) {
        return Ok(found);
    }
    let found: Vec<_> =
        snapshot.resources().iter().filter(fits).filter(|one| one.name.as_str() == name).collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => Err(PlanError::Unknown {
            what: noun(kind),
            name: sanitize(name, 200),
            nearest: nearest(snapshot, kind, name),
        }),
        many => Err(PlanError::Ambiguous {
            name: sanitize(name, 200),
            count: many.len(),
            ids: many.iter().take(NEAREST).map(|one| sanitize(one.id.as_str(), 300)).collect(),
        }),
    }
}

/// The stack that owns it, where one is known to.
pub(crate) fn owner(snapshot: &Snapshot<'_>, resource: &Resource<'_>) -> Option<String> {
    let edge = snapshot.edges_to(resource.id.as_str()).find(|edge| edge.kind == EdgeKind::Owns);
    edge.map(|edge| edge.from.as_str())
        .or_else(|| resource.tag("aws:cloudformation:stack-name"))
        .map(|stack| sanitize(stack, 512))
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "ecs:service" => "service",
        "lambda:function" => "function",
        "cloudformation:stack" => "stack",
        _ => "resource",
    }
}

fn nearest(snapshot: &Snapshot<'_>, kind: &str, name: &str) -> Vec<String> {
    // What is far longer than any name is near to none.
    const LONGEST: usize = 256;
    if name.len() > LONGEST {
        return Vec::new();
    }
    let short = name.rsplit(['/', ':']).next().unwrap_or(name);
    let near = |one: &Resource<'_>| {
        let own = one.name.as_str();
        (own.len() <= LONGEST).then(|| distance(own, short)).filter(|far| *far <= short.len().div_ceil(2))
    };
    let mut all: Vec<_> = snapshot
        .resources()
        .iter()
        .filter(|one| kind.is_empty() || one.kind.as_str() == kind)
        .filter_map(|one| Some((near(one)?, sanitize(one.name.as_str(), 200))))
        .collect();
    all.sort();
    all.dedup();
    all.into_iter().take(NEAREST).map(|(_, name)| name).collect()
}

/// How many bytes are put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (nth, a) in one.bytes().enumerate() {
        let mut last = nth;
        let mut left = nth + 1;
        let mut next = vec![left];
        for (b, above) in other.bytes().zip(row.iter().skip(1)) {
            left = (last + usize::from(a != b)).min(left + 1).min(above + 1);
            last = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_two_names_are_apart() {
        let check = |one, other, expected| assert_eq!(distance(one, other), expected, "{one} {other}");
        check("", "", 0);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("cost-explorer", "cost-explorer", 0);
        check("cost-explorer", "costexplorer", 1);
    }
}
