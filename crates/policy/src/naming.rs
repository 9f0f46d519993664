//! What a permit names: a service, a resource, or nothing. A grant that shows data or secrets counts only if it names
//! where; a permit for everything does not name anything. Read from the rule's own text, never from an annotation.

use serde_json::Value as Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    Nothing,
    Service,
    Resource,
}

/// A pattern with fewer plain characters than this could be anything.
const MIN_PATTERN: usize = 3;

/// Of a policy in Cedar's JSON form.
pub(crate) fn naming_of(policy: &Json) -> Naming {
    let scope = policy.get("resource").map_or(Naming::Nothing, |scope| {
        match (scope.get("op").and_then(Json::as_str), scope.get("entity").and_then(kind_of)) {
            (Some("=="), Some("Resource")) => Naming::Resource,
            (Some("in"), Some("Service")) => Naming::Service,
            _ => Naming::Nothing,
        }
    });
    let conditions = policy.get("conditions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    conditions
        .iter()
        .filter(|condition| condition.get("kind").and_then(Json::as_str) == Some("when"))
        .filter_map(|condition| condition.get("body"))
        .map(|body| naming_by(body, 0))
        .fold(scope, Naming::max)
}

/// Whether a policy (in Cedar's JSON form) may depend on which resource it is, rather than on what it lies in: some
/// `name` or `id` is read, or some resource is written out.
pub(crate) fn reads_names(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        Json::Array(items) => items.iter().any(reads_names),
        Json::Object(members) => {
            kind_of(json) == Some("Resource")
                || matches!(members.get("attr").and_then(Json::as_str), Some("name" | "id"))
                || members.values().any(reads_names)
        }
    }
}

/// What must be named for the expression to hold: all parts of `&&` hold, only one of `||` need.
fn naming_by(expression: &Json, depth: usize) -> Naming {
    if depth > 400 {
        return Naming::Nothing;
    }
    let sides = |operator: &str| {
        let node = expression.get(operator)?;
        Some((node.get("left")?, node.get("right")?))
    };
    if let Some((left, right)) = sides("&&") {
        naming_by(left, depth + 1).max(naming_by(right, depth + 1))
    } else if let Some((left, right)) = sides("||") {
        naming_by(left, depth + 1).min(naming_by(right, depth + 1))
    } else if let Some((left, right)) = sides("in") {
        let service =
            right.get("Value").and_then(|value| value.get("__entity")).and_then(kind_of) == Some("Service");
        if is_resource(left) && service { Naming::Service } else { Naming::Nothing }
    } else if let Some((left, right)) = sides("==") {
        let entity = right.get("Value").and_then(|value| value.get("__entity")).is_some();
        let text = right.get("Value").is_some_and(Json::is_string);
        if (is_resource(left) && entity) || (is_its_name(left) && text) {
            Naming::Resource
        } else {
            Naming::Nothing
        }
    } else if let Some(node) = expression.get("like") {
        let narrow = node.get("pattern").and_then(Json::as_array).is_some_and(|parts| is_narrow(parts));
        let named = node.get("left").is_some_and(is_its_name) && narrow;
        if named { Naming::Resource } else { Naming::Nothing }
    } else {
        Naming::Nothing
    }
}

/// Whether a pattern says more than "anything": of an ARN, its part after the account has to.
fn is_narrow(pattern: &[Json]) -> bool {
    let literal =
        |part: &Json| part.get("Literal").and_then(Json::as_str).and_then(|text| text.chars().next());
    says_more(&pattern.iter().map(literal).collect::<Vec<_>>())
}

/// The same of a pattern as it is written elsewhere, with `*` and `?`.
pub(crate) fn is_narrow_text(pattern: &str) -> bool {
    let plain = |character: char| (!matches!(character, '*' | '?')).then_some(character);
    says_more(&pattern.chars().map(plain).collect::<Vec<_>>())
}

fn says_more(parts: &[Option<char>]) -> bool {
    let is_arn = parts.iter().take(4).copied().eq("arn:".chars().map(Some));
    let own = if is_arn {
        let mut colons = 0;
        parts
            .iter()
            .skip_while(|part| {
                colons += usize::from(**part == Some(':'));
                colons < 5
            })
            .skip(1)
            .flatten()
            .count()
    } else {
        parts.iter().flatten().count()
    };
    own >= MIN_PATTERN
}

fn kind_of(entity: &Json) -> Option<&str> {
    entity.get("type").and_then(Json::as_str)
}

fn is_resource(expression: &Json) -> bool {
    expression.get("Var").and_then(Json::as_str) == Some("resource")
}

fn is_its_name(expression: &Json) -> bool {
    expression.get(".").is_some_and(|access| {
        access.get("left").is_some_and(is_resource)
            && matches!(access.get("attr").and_then(Json::as_str), Some("name" | "id"))
    })
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    fn check(scope: &str, condition: &str, expected: Naming) {
        let text = format!("permit (principal, action, {scope}) {condition};");
        let json = Policy::parse(None, &text).unwrap().to_json().unwrap();
        assert_eq!(naming_of(&json), expected, "{text}");
    }

    #[test]
    fn what_tells_resources_apart_is_seen() {
        for (scope, condition, expected) in [
            ("resource", "", false),
            ("resource in Service::\"s3\"", "when { resource in Kind::\"data\" }", false),
            ("resource == Resource::\"x\"", "", true),
            ("resource", "unless { resource.id == \"x\" }", true),
            ("resource", "when { {r: resource}.r.name like \"x*\" }", true),
            ("resource", "when { [Resource::\"x\"].contains(resource) }", true),
            ("resource", "when { resource has name && resource[\"name\"] == \"x\" }", true),
        ] {
            let text = format!("forbid (principal, action, {scope}) {condition};");
            let json = Policy::parse(None, &text).unwrap().to_json().unwrap();
            assert_eq!(reads_names(&json), expected, "{text}");
        }
    }

    #[test]
    fn only_what_must_hold_names() {
        check("resource", "", Naming::Nothing);
        check("resource in Service::\"s3\"", "", Naming::Service);
        check("resource in Kind::\"bucket\"", "", Naming::Nothing);
        check("resource == Resource::\"x\"", "", Naming::Resource);
        check("resource", "when { context.exposes.data && resource in Service::\"s3\" }", Naming::Service);
        check("resource", "when { context.exposes.data || resource in Service::\"s3\" }", Naming::Nothing);
        check("resource", "when { !(resource in Service::\"s3\") }", Naming::Nothing);
        check("resource", "unless { resource in Service::\"s3\" }", Naming::Nothing);
        check("resource", "when { resource.name == \"a\" || resource.id like \"logs-*\" }", Naming::Resource);
        check("resource", "when { resource.name == \"a\" || resource in Service::\"s3\" }", Naming::Service);
        check("resource", "when { resource.name like \"*\" }", Naming::Nothing);
        check("resource", "when { resource.name like \"arn:aws:s3:::logs/*\" }", Naming::Resource);
        check("resource", "when { resource.name like \"arn:aws:s3:::*\" }", Naming::Nothing);
        check("resource", "when { resource.name like \"arn:*\" }", Naming::Nothing);
        check("resource", "when { \"x\" == resource.name }", Naming::Nothing);
    }
}
