//! What is taken for granted of a request beyond its shape: facts that the host keeps, each with the place where it is
//! tested. In Cedar, as rules that forbid every request of which it is not true. They are few, and the certificate
//! repeats them.

use std::collections::BTreeSet;

use cedar_policy::Policy;

use crate::question::parse;

/// One fact, for people and for the solver.
#[derive(Clone, Debug)]
pub(crate) struct Assumption {
    pub(crate) says: String,
    pub(crate) policies: Vec<Policy>,
}

const FACTS: [(&str, &str); 5] = [
    (
        "counts are never negative",
        "forbid (principal, action, resource) unless {
            context.approvals.people >= 0 && context.approvals.touched >= 0 && context.approvals.rendered >= 0 &&
            context.approvals.owners >= 0 &&
            context.change.destroys >= 0 && context.change.steps >= 0 &&
            context.history.destroys >= 0 && context.history.agent_destroys >= 0 &&
            context.history.protections_lowered >= 0 && context.history.backups_touched >= 0 &&
            context.history.data_destroyed >= 0
        };",
    ),
    (
        "a session's autonomy is 0, 1 or 2",
        "forbid (principal, action, resource)
         unless { context.session.autonomy >= 0 && context.session.autonomy <= 2 };",
    ),
    (
        "only what is sent or spent is within a budget",
        r#"forbid (principal, action, resource)
           when { context.within_budget && action != Action::"emit" && action != Action::"spend" };"#,
    ),
    (
        "a standing approval covers no change of rights, no money, and no target that may hold data or a backup",
        r#"forbid (principal, action, resource)
           when { context.standing }
           when {
               action == Action::"privilege" || action == Action::"spend" ||
               resource in Kind::"data" || resource in Kind::"backup"
           };"#,
    ),
    (
        "Countersign itself launches no agent but its own",
        r#"forbid (principal is Agent, action, resource)
           when { context.operator == "countersign" && principal != Agent::"countersign" };"#,
    ),
];

/// All of them. `policies`: everything that will be asked about, for the kinds that it names.
pub(crate) fn assumptions<'p>(policies: impl Iterator<Item = &'p Policy>) -> Result<Vec<Assumption>, String> {
    let mut found = Vec::new();
    for (says, text) in FACTS {
        found.push(Assumption { says: says.to_owned(), policies: vec![parse(says, text)?] });
    }
    let named: BTreeSet<_> = policies.flat_map(Policy::entity_literals).collect();
    let of_type = |wanted: &str| -> BTreeSet<String> {
        let found = named.iter().filter(|uid| uid.type_name().to_string() == wanted);
        found.map(|uid| uid.id().unescaped().to_owned()).collect()
    };
    let (kinds, services) = (of_type("Kind"), of_type("Service"));
    let mut nested = Vec::new();
    for kind in &kinds {
        for parent in policy::kind_lineage(kind).into_iter().filter(|parent| *parent != kind) {
            let text = format!(
                "forbid (principal, action, resource) when {{ resource in Kind::{kind:?} && !(resource in Kind::{parent:?}) }};"
            );
            nested.push(parse(&format!("{kind} lies in {parent}"), &text)?);
        }
    }
    found.push(Assumption {
        says: "a resource lies in all that its kind lies in by the table of kinds (a database in `data`)"
            .to_owned(),
        policies: nested,
    });
    if (2..=MAX_SERVICES).contains(&services.len()) {
        found.push(Assumption {
            says: "a resource is of one service".to_owned(),
            policies: vec![one_service(&services)?],
        });
    }
    Ok(found)
}

/// Each is held against each; of more than these it is not assumed, and examples may be of two services at once.
const MAX_SERVICES: usize = 32;

fn one_service(services: &BTreeSet<String>) -> Result<Policy, String> {
    let lies_in = |service: &String| format!("resource in Service::{service:?}");
    let pairs = services.iter().enumerate().skip(1).map(|(nth, one)| {
        let others: Vec<_> = services.iter().take(nth).map(lies_in).collect();
        format!("{} && ({})", lies_in(one), others.join(" || "))
    });
    let pairs: Vec<_> = pairs.collect();
    parse("one service", &format!("forbid (principal, action, resource) when {{ {} }};", pairs.join(" || ")))
}
