//! The kinds of resources and what each lies in, so that a rule reads `resource in Kind::"data"`. Data, not code: a
//! new kind is one line here. Not here: which request names which kind (that is a classifier's table).

/// `(kind, parents)`. Everything lies in `any` besides.
const KINDS: &[(&str, &[&str])] = &[
    // What holds content that somebody would miss.
    ("data", &[]),
    ("bucket", &["data"]),
    ("cache", &["data"]),
    ("database", &["data"]),
    ("file-system", &["data"]),
    ("item", &["data"]),
    ("log-group", &["data"]),
    ("object", &["data"]),
    ("schema", &["database"]),
    ("search-domain", &["data"]),
    ("stream", &["data"]),
    ("table", &["database"]),
    ("volume", &["data"]),
    ("warehouse", &["database"]),
    // What would bring it back.
    ("backup", &[]),
    ("backup-plan", &["backup"]),
    ("recovery-point", &["backup"]),
    ("snapshot", &["backup"]),
    ("vault", &["backup"]),
    // Who may do what.
    ("identity", &[]),
    ("account", &["identity"]),
    ("credential", &["identity"]),
    ("access-key", &["credential"]),
    ("certificate", &["credential"]),
    ("token", &["credential"]),
    ("group", &["identity"]),
    ("instance-profile", &["identity"]),
    ("organization", &["identity"]),
    ("own-identity", &["identity"]),
    ("policy", &["identity"]),
    ("role", &["identity"]),
    ("user", &["identity"]),
    // What must stay secret.
    ("secret", &[]),
    ("key", &["secret"]),
    ("parameter", &[]),
    // What answers requests.
    ("compute", &[]),
    ("cluster", &["compute"]),
    ("function", &["compute"]),
    ("image", &["compute"]),
    ("instance", &["compute"]),
    ("scaling-group", &["compute"]),
    ("service", &["compute"]),
    ("task", &["compute"]),
    // What connects it.
    ("network", &[]),
    ("address", &["network"]),
    ("distribution", &["network"]),
    ("gateway", &["network"]),
    ("load-balancer", &["network"]),
    ("network-interface", &["network"]),
    ("record", &["network"]),
    ("route", &["network"]),
    ("route-table", &["network"]),
    ("security-group", &["network"]),
    ("subnet", &["network"]),
    ("vpc", &["network"]),
    ("zone", &["network"]),
    // What stands for many others.
    ("stack", &[]),
    ("change-set", &[]),
    ("pipeline", &[]),
    ("template", &[]),
    // The rest.
    ("alarm", &[]),
    ("dashboard", &[]),
    ("metric", &[]),
    ("queue", &[]),
    ("repository", &[]),
    ("rule", &[]),
    ("schedule", &[]),
    ("state-machine", &[]),
    ("tag", &[]),
    ("topic", &[]),
    // Unknown is dangerous: a target that no table knows may be a database and may be a backup.
    ("unknown", &["database", "backup"]),
];

/// `kind`, all it lies in, and `any`. A kind that is not in the table is `unknown` besides.
pub(crate) fn lineage(kind: &str) -> Vec<&str> {
    let mut found = vec![kind, "any"];
    let mut next = 0;
    while let Some(name) = found.get(next).copied() {
        let parents = match KINDS.iter().find(|(known, _)| *known == name) {
            Some((_, parents)) => *parents,
            None if name == "any" => &[],
            None => &["unknown"],
        };
        for parent in parents {
            if !found.contains(parent) {
                found.push(parent);
            }
        }
        next += 1;
    }
    found
}

/// Every kind that a rule may name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    KINDS.iter().map(|(name, _)| *name).chain(["any"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_closed_and_unknown_is_dangerous() {
        for (name, parents) in KINDS {
            assert!(name.parse::<model::Kind>().is_ok(), "{name}");
            assert!(
                parents.iter().all(|parent| names().any(|known| known == *parent)),
                "{name}: {parents:?}"
            );
        }
        assert_eq!(lineage("table"), ["table", "any", "database", "data"]);
        assert_eq!(lineage("unknown"), ["unknown", "any", "database", "backup", "data"]);
        assert_eq!(
            lineage("flux-capacitor"),
            ["flux-capacitor", "any", "unknown", "database", "backup", "data"]
        );
    }
}
