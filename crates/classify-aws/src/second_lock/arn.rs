//! ARNs and their patterns: `arn:${Partition}:rds:${Region}:${Account}:db:${DbInstanceName}`.

/// The variables of an ARN's pattern, in their order.
pub(super) fn variables(arn: &str) -> Vec<&str> {
    let parts = arn.split("${").skip(1);
    parts.filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

/// `DbInstanceName` → `DbInstance`.
pub(super) fn stem(variable: &str) -> &str {
    ["Name", "Identifier", "Id"].iter().find_map(|end| variable.strip_suffix(end)).unwrap_or(variable)
}

/// The pattern with `name` in place of its variables, from the first to the last.
pub(super) fn put(arn: &str, name: &str) -> String {
    match (arn.find("${"), arn.rfind('}')) {
        (Some(from), Some(to)) => {
            let (before, after) = (arn.get(..from).unwrap_or(arn), arn.get(to + 1..).unwrap_or_default());
            format!("{before}{name}{after}")
        }
        (Some(_) | None, _) => arn.to_owned(),
    }
}

/// The pattern with `*` in place of each variable.
pub(super) fn every(arn: &str) -> String {
    let mut out = String::new();
    let mut parts = arn.split("${");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (_, rest) = part.split_once('}').unwrap_or(("", part));
        out.push('*');
        out.push_str(rest);
    }
    out
}

/// Whether an ARN is one of the pattern's.
pub(super) fn matches(arn: &str, name: &str) -> bool {
    let pattern = every(arn);
    let mut rest = name;
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    open || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DB: &str = "arn:aws:rds:eu-west-1:1:db:${DbInstanceName}";
    const SERVICE: &str = "arn:aws:ecs:eu-west-1:1:service/${ClusterName}/${ServiceName}";

    #[test]
    fn a_pattern_is_filled_or_opened() {
        assert_eq!(variables(SERVICE), ["ClusterName", "ServiceName"]);
        assert_eq!(stem("DbInstanceName"), "DbInstance");
        assert_eq!(put(DB, "orders"), "arn:aws:rds:eu-west-1:1:db:orders");
        assert_eq!(put(SERVICE, "*/web"), "arn:aws:ecs:eu-west-1:1:service/*/web");
        assert_eq!(every(SERVICE), "arn:aws:ecs:eu-west-1:1:service/*/*");
    }

    #[test]
    fn only_what_a_pattern_covers_matches_it() {
        for (pattern, name, expected) in [
            (DB, "arn:aws:rds:eu-west-1:1:db:orders", true),
            (DB, "arn:aws:rds:eu-west-1:2:db:orders", false),
            (DB, "arn:aws:rds:eu-west-1:1:cluster:orders", false),
            (SERVICE, "arn:aws:ecs:eu-west-1:1:service/main/web", true),
            (SERVICE, "arn:aws:ecs:eu-west-1:1:service/web", false),
            ("arn:aws:s3:::${BucketName}", "arn:aws:s3:::b", true),
            ("arn:aws:x:::a", "arn:aws:x:::ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
