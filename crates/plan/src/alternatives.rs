//! Other ways, told honestly: what each would destroy, whom it would stop, and why it is not the one that is proposed. The foremost is
//! *delete and recreate*: it looks clean, and is how environments are lost.

use std::collections::BTreeSet;

use findings::{Finding, GraceState, Remedy, Saving};
use model::sanitize;
use serde_json::{Value, json};
use snapshot::{EdgeKind, Resource, Snapshot};

use crate::{
    Alternative, Step,
    make::{Draft, Maker},
    pack,
    planner::{Wanted, change_members, grace_is_over, own_parameters},
    table::{attribute, text},
};

/// What is told by its name; how many more there are is said after it. A stack holds 500 resources at most, and others within them.
const MOST: usize = 2_000;

/// Nothing is done.
pub(crate) fn leave(why_not: String) -> Alternative {
    Alternative {
        name: "leave it".into(),
        steps: Vec::new(),
        effects: pack::effects(&[]),
        interrupts: Vec::new(),
        destroys: Vec::new(),
        loses: Vec::new(),
        undoable: true,
        people: None,
        why_not,
    }
}

pub(crate) fn of_finding(
    maker: &Maker<'_, '_, '_>,
    finding: &Finding,
    resource: &Resource<'_>,
    proposed: &[Step],
) -> Vec<Alternative> {
    let mut all = Vec::new();
    let marks = matches!(finding.grace.as_ref().map(|grace| &grace.state), Some(GraceState::NotMarked));
    if marks && matches!(finding.remedy, Remedy::Steps(_)) {
        let steps: Vec<Step> = finding
            .way
            .iter()
            .map(|step| {
                let call = format!("{}:{}", step.service, step.operation);
                let draft = Draft {
                    parameters: own_parameters(maker, &call, &step.parameters),
                    call,
                    region: step.region.clone(),
                    why: step.why.clone(),
                    findings: vec![finding.id.clone()],
                };
                maker.step(draft, resource)
            })
            .collect();
        let destroys = if finding.danger.destroys() { vec![finding.resource.id.clone()] } else { Vec::new() };
        let why_not =
            "nothing that looks unused goes at once: who needs it takes the mark off within the grace".into();
        all.push(alternative("at once", steps, destroys, why_not));
    }
    if proposed.iter().any(|step| step.call.operation == "ContinueUpdateRollback") {
        all.push(replace_stack(maker, resource, None));
    }
    let costs = match &finding.saving {
        Some(Saving::Known(_)) => "what it costs goes on".to_owned(),
        Some(Saving::NotKnown(_)) => "what it costs, if anything, goes on".to_owned(),
        None => finding.facts.first().map_or_else(String::new, |fact| fact.text.clone()),
    };
    let grace = if grace_is_over(finding) { "; nobody took the mark off within the grace" } else { "" };
    all.push(leave(format!("{costs}{grace}")));
    all
}

/// The stack is deleted and made again: what Countersign is there to prevent.
pub(crate) fn replace_stack(
    maker: &Maker<'_, '_, '_>,
    stack: &Resource<'_>,
    template: Option<&str>,
) -> Alternative {
    let snapshot = maker.given.snapshot;
    let mut steps = vec![step(
        maker,
        "cloudformation:DeleteStack",
        json!({ "StackName": stack.name.as_str() }),
        "takes everything away that the stack holds",
        stack,
    )];
    if let Some(template) = template {
        let parameters = json!({ "StackName": stack.name.as_str(), "TemplateBody": template });
        steps.push(step(
            maker,
            "cloudformation:CreateStack",
            parameters,
            "makes another one of the same name",
            stack,
        ));
    }
    let lost = Lost::of(snapshot, stack);
    let mut interrupts = lost.interrupts;
    interrupts.extend(steps.iter().filter_map(|step| step.interrupts.clone()));
    let known = snapshot.answer("cloudformation:ListStackResources", stack.id.as_str());
    let whole = known.is_some_and(|(_, read)| read.outcome.is_whole());
    let mut why_not = format!(
        "it destroys {} things for good to repair one, and none of them comes back as it was",
        lost.count
    );
    if !whole {
        why_not.push_str("; what else the stack holds was not read whole, and would go with it");
    }
    if template.is_none() {
        why_not.push_str("; the template to make it of is not at hand");
    }
    Alternative {
        interrupts,
        loses: lost.loses,
        ..alternative("delete and recreate", steps, lost.destroys, why_not)
    }
}

pub(crate) fn replace_service(maker: &Maker<'_, '_, '_>, service: &Resource<'_>) -> Alternative {
    let cluster = text(service, "clusterArn");
    let parameters = json!({ "cluster": cluster, "service": service.name.as_str(), "force": true });
    let steps = vec![step(
        maker,
        "ecs:DeleteService",
        parameters,
        "takes the service away with every task of it",
        service,
    )];
    let lost = Lost::of(maker.given.snapshot, service);
    let running = attribute(service, "runningCount").map_or_else(String::new, |count| {
        format!("all {count} running tasks of {}", sanitize(service.name.as_str(), 200))
    });
    let mut interrupts = lost.interrupts;
    interrupts.extend(Some(running).filter(|words| !words.is_empty()));
    let why_not = "everything that it runs stops until it is made anew, for what one update in place does without a pause".into();
    Alternative {
        interrupts,
        loses: lost.loses,
        ..alternative("delete and recreate", steps, lost.destroys, why_not)
    }
}

/// One call in place of two: nobody sees beforehand what it would replace.
pub(crate) fn update_directly(
    maker: &Maker<'_, '_, '_>,
    stack: &Resource<'_>,
    wanted: &Wanted<'_>,
) -> Alternative {
    let steps = change_members(stack, wanted).ok().map(|parameters| {
        step(maker, "cloudformation:UpdateStack", parameters, "changes the stack at once", stack)
    });
    let why_not =
        "what it would replace shows only while it runs, and the table knows no inverse of it".into();
    let mut way = alternative("update at once", steps.into_iter().collect(), Vec::new(), why_not);
    way.interrupts
        .push("whatever the update replaces or restarts; which that is, nothing says beforehand".into());
    way
}

fn step(
    maker: &Maker<'_, '_, '_>,
    call: &str,
    parameters: serde_json::Value,
    why: &str,
    subject: &Resource<'_>,
) -> Step {
    let region = sanitize(subject.region.as_str(), 64);
    maker.step(Draft { call: call.into(), region, parameters, why: why.into(), findings: vec![] }, subject)
}

fn alternative(name: &str, steps: Vec<Step>, destroys: Vec<String>, why_not: String) -> Alternative {
    Alternative {
        name: name.into(),
        effects: pack::effects(&steps),
        interrupts: steps.iter().filter_map(|step| step.interrupts.clone()).collect(),
        undoable: steps.iter().all(|step| step.undoable),
        destroys,
        loses: Vec::new(),
        people: None,
        why_not,
        steps,
    }
}

/// What goes with a resource, and who notices.
struct Lost {
    /// How many are destroyed, told by name or not.
    count: usize,
    destroys: Vec<String>,
    interrupts: Vec<String>,
    loses: Vec<String>,
}

impl Lost {
    fn of(snapshot: &Snapshot<'_>, root: &Resource<'_>) -> Self {
        let mut gone: BTreeSet<&str> = BTreeSet::from([root.id.as_str()]);
        let mut open = vec![root.id.as_str()];
        while let Some(id) = open.pop() {
            let owned = snapshot
                .edges_from(id)
                .iter()
                .filter(|edge| edge.kind == EdgeKind::Owns)
                .map(|edge| edge.to.as_str());
            // A replica of what is gone has no source, what is attached to it is attached to nothing; a root disk goes with its machine.
            let on_it = snapshot
                .edges_to(id)
                .filter(|edge| lies_in(snapshot, edge.from.as_str(), edge.kind))
                .map(|edge| edge.from.as_str());
            for next in owned.chain(on_it) {
                if gone.insert(next) {
                    open.push(next);
                }
            }
        }
        let mut interrupts = BTreeSet::new();
        for id in &gone {
            for edge in snapshot.edges_to(id).filter(|edge| !gone.contains(edge.from.as_str())) {
                let from = sanitize(edge.from.as_str(), 300);
                let to = short(snapshot, id);
                let words = match edge.kind {
                    EdgeKind::RefersTo | EdgeKind::RoutesTo => format!("{from} leads to {to}"),
                    EdgeKind::Triggers => format!("{from} starts {to}"),
                    EdgeKind::Targets => format!("{from} sends traffic to {to}"),
                    EdgeKind::Owns
                    | EdgeKind::AttachedTo
                    | EdgeKind::MemberOf
                    | EdgeKind::MadeFrom
                    | EdgeKind::SharedWith => continue,
                };
                interrupts.insert(words);
            }
        }
        let loses: BTreeSet<String> =
            gone.iter().filter_map(|id| snapshot.resource(id).and_then(never_returns)).collect();
        let mut destroys: BTreeSet<String> = gone.iter().map(|id| sanitize(id, 2048)).collect();
        let stacks = gone.iter().filter_map(|id| snapshot.resource(id));
        destroys.extend(stacks.flat_map(|stack| unlisted(snapshot, stack, &gone)));
        Self {
            count: destroys.len(),
            destroys: named(destroys),
            interrupts: named(interrupts),
            loses: named(loses),
        }
    }
}

/// The first of them by their names, and how many more there are.
fn named(all: BTreeSet<String>) -> Vec<String> {
    let more = all.len().saturating_sub(MOST);
    let mut told: Vec<String> = all.into_iter().take(MOST).collect();
    told.extend((more > 0).then(|| format!("and {more} more that are not named here")));
    told
}

/// What a stack holds of kinds that no scan lists: `AWS::SQS::Queue cost-jobs`.
fn unlisted(snapshot: &Snapshot<'_>, stack: &Resource<'_>, gone: &BTreeSet<&str>) -> Vec<String> {
    let listed = attribute(stack, "StackResourceSummaries");
    let listed = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
    let is_told = |physical: &str| {
        gone.iter().any(|id| {
            *id == physical || snapshot.resource(id).is_some_and(|one| one.name.as_str() == physical)
        })
    };
    listed
        .filter_map(|one| {
            Some((one.get("ResourceType")?.as_str()?, one.get("PhysicalResourceId")?.as_str()?))
        })
        .filter(|(_, physical)| !is_told(physical))
        .map(|(kind, physical)| sanitize(&format!("{kind} {physical}"), 2048))
        .collect()
}

fn lies_in(snapshot: &Snapshot<'_>, from: &str, kind: EdgeKind) -> bool {
    let kind_of = || snapshot.resource(from).map_or("", |one| one.kind.as_str());
    match kind {
        EdgeKind::AttachedTo => kind_of() == "ec2:volume" && deleted_with(snapshot, from),
        EdgeKind::MemberOf => kind_of() == "ec2:instance",
        EdgeKind::Owns
        | EdgeKind::Targets
        | EdgeKind::RefersTo
        | EdgeKind::Triggers
        | EdgeKind::MadeFrom
        | EdgeKind::RoutesTo
        | EdgeKind::SharedWith => false,
    }
}

/// A disk that is marked to go with its machine.
fn deleted_with(snapshot: &Snapshot<'_>, volume: &str) -> bool {
    let attachments = snapshot.resource(volume).and_then(|volume| attribute(volume, "Attachments"));
    attachments
        .and_then(|all| {
            all.as_array()
                .map(|all| all.iter().any(|one| one.get("DeleteOnTermination") == Some(&true.into())))
        })
        .unwrap_or(false)
}

fn short(snapshot: &Snapshot<'_>, id: &str) -> String {
    snapshot.resource(id).map_or_else(|| sanitize(id, 300), |one| sanitize(one.name.as_str(), 200))
}

/// What of it never comes back, in words.
fn never_returns(resource: &Resource<'_>) -> Option<String> {
    let name = sanitize(resource.name.as_str(), 200);
    let said = |path: &str| {
        attribute(resource, path)
            .map(|value| value.as_str().map_or_else(|| value.to_string(), |text| sanitize(text, 300)))
    };
    Some(match resource.kind.as_str() {
        "rds:db-instance" => format!(
            "{} GB of data in the database {name}, and its automated backups with it",
            said("AllocatedStorage")?
        ),
        "dynamodb:table" => format!(
            "{} items in the table {name}",
            said("ItemCount").unwrap_or_else(|| "an unknown number of".into())
        ),
        "s3:bucket" => format!("whatever lies in the bucket {name}; its name may be taken by somebody else"),
        "ec2:volume" => format!("{} GB on the disk {name}", said("Size")?),
        "logs:log-group" => format!("the logs in {name}"),
        "elbv2:load-balancer" => format!("the address {}", said("DNSName").unwrap_or(name)),
        "ec2:elastic-ip" => format!("the address {}", said("PublicIp").unwrap_or(name)),
        "ecr:repository" => format!("the images in {name}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_counted() {
        let of = |count: usize| named((0..count).map(|nth| format!("{nth:05}")).collect());
        assert_eq!(of(MOST).len(), MOST);
        assert_eq!(of(MOST + 7).last().unwrap(), "and 7 more that are not named here");
        assert!(of(0).is_empty());
    }
}
