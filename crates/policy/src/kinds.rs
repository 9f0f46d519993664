//! The kinds of resources and what each lies in, so that a rule reads `resource in Kind::"data"`. Data, not code: a
//! new kind is one line here. Not here: which request names which kind (that is a classifier's table).

/// `(kind, parents)`. Everything lies in `any` besides.
const KINDS: &[(&str, &[&str])] = &[
    // What holds content that somebody would miss.
    ("data", &[]),
    ("bucket", &["data"]),
    ("cache", &["data"]),
    ("database", &["data"]),
    ("domain", &["data"]),
    ("filesystem", &["data"]),
    ("item", &["data"]),
    ("log-group", &["data"]),
    ("log-stream", &["data"]),
    ("object", &["data"]),
    ("schema", &["database"]),
    ("stream", &["data"]),
    ("table", &["database"]),
    ("volume", &["data"]),
    // What would bring it back.
    ("backup", &[]),
    ("snapshot", &["backup"]),
    // Who may do what, and with what.
    ("identity", &[]),
    ("account", &["identity"]),
    ("credential", &["identity"]),
    ("access-key", &["credential"]),
    ("certificate", &["credential"]),
    ("key-pair", &["credential"]),
    ("group", &["identity"]),
    ("organization", &["identity"]),
    ("own-identity", &["identity"]),
    ("policy", &["identity"]),
    ("role", &["identity"]),
    ("user", &["identity"]),
    ("user-pool", &["identity", "data"]),
    // What must stay secret.
    ("secret", &[]),
    // What is enciphered with a key that is gone is gone.
    ("key", &["secret", "data"]),
    ("parameter", &["secret"]),
    ("alias", &[]),
    // What answers requests.
    ("compute", &[]),
    ("api", &["compute"]),
    ("application", &["compute"]),
    ("cluster", &["compute"]),
    ("environment", &["compute"]),
    ("function", &["compute"]),
    ("image", &["compute"]),
    ("instance", &["compute"]),
    ("job", &["compute"]),
    ("launch-template", &["compute"]),
    ("layer", &["compute"]),
    ("scaling-group", &["compute"]),
    ("service", &["compute"]),
    ("task", &["compute"]),
    ("task-definition", &["compute"]),
    ("workgroup", &["compute"]),
    // What connects it.
    ("network", &[]),
    ("access-point", &["network"]),
    ("connection", &["network"]),
    ("distribution", &["network"]),
    ("dns-record", &["network"]),
    ("dns-zone", &["network"]),
    ("firewall", &["network"]),
    ("load-balancer", &["network"]),
    ("security-group", &["network"]),
    ("subnet-group", &["network"]),
    ("target-group", &["network"]),
    // What stands for many others.
    ("stack", &[]),
    ("change-set", &[]),
    ("build", &[]),
    ("build-project", &[]),
    ("deployment", &[]),
    ("document", &[]),
    ("pipeline", &[]),
    // What watches.
    ("alarm", &[]),
    ("dashboard", &[]),
    ("health-check", &[]),
    // What records who did what, and finds what should not be: somebody would miss it.
    ("record", &["data"]),
    ("analyzer", &["record"]),
    ("configuration-recorder", &["record"]),
    ("delivery-channel", &["record"]),
    ("detector", &["record"]),
    ("flow-log", &["record"]),
    ("logging-configuration", &["record"]),
    ("query-logging-config", &["record"]),
    ("resolver-query-log-config", &["record"]),
    ("trail", &["record"]),
    // The rest.
    ("association", &[]),
    ("event-bus", &[]),
    ("event-source", &[]),
    ("parameter-group", &[]),
    ("queue", &[]),
    ("repository", &["data"]),
    ("rule", &[]),
    ("schedule", &[]),
    ("session", &[]),
    ("state-machine", &[]),
    ("subscription", &[]),
    ("tag", &[]),
    ("topic", &[]),
    // A noun that a classifier found and nobody has placed: it may hold data.
    ("unlisted", &["data"]),
    // A target that nobody could name may be a database, and may be a backup.
    ("unknown", &["database", "backup"]),
];

/// Whether a kind is `group` or lies in it: `table` lies in `database` and in `data`.
pub fn lies_in(kind: &model::Kind, group: &str) -> bool {
    lineage(kind.as_str()).contains(&group)
}

/// `kind`, all it lies in, and `any`. A kind that is not in the table lies in `unlisted`.
pub fn lineage(kind: &str) -> Vec<&str> {
    let mut found = vec![kind, "any"];
    let mut next = 0;
    while let Some(name) = found.get(next).copied() {
        let parents = match KINDS.iter().find(|(known, _)| *known == name) {
            Some((_, parents)) => *parents,
            None if name == "any" => &[],
            None => &["unlisted"],
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

/// Whether `kind` lies in `group` by the table, and is not merely unknown.
pub(crate) fn is_known_in(kind: &str, group: &str) -> bool {
    let lineage = lineage(kind);
    lineage.contains(&group) && !lineage.contains(&"unknown") && !lineage.contains(&"unlisted")
}

/// Each with what it lies in.
pub(crate) fn table() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    KINDS.iter().copied()
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
        assert_eq!(lineage("flux-capacitor"), ["flux-capacitor", "any", "unlisted", "data"]);
    }
}
