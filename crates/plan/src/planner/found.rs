//! Rightsizing, cleaning up and repairing: what findings propose, as far as it may be proposed.

use std::collections::BTreeSet;

use findings::{ANALYZERS, Finding, GraceState, HeldBack, Level, Remedy, Report, Step as Found_, Unjudged};
use model::sanitize;
use serde_json::{Value, json};
use snapshot::Resource;

use super::{Found, roll_back};
use crate::{
    Asker, Kind, PlanError, Which, alternatives,
    make::{Draft, Maker},
    pack::Unit,
    resolve,
};

const COPY: &str = "ec2:CreateSnapshot";
const CLOSE: &str = "ec2:RevokeSecurityGroupIngress";
const PORTS: &str = "admin-port-open";
const NETWORKS: &str = "it needs the networks from which it is administered (--network): the narrower rule comes first, or whoever comes in that way is locked out";
const PEOPLE: &str = "a person may ask for it all the same, by its name";
const OPEN: &str = "ec2:AuthorizeSecurityGroupIngress";

pub(super) fn units(
    maker: &Maker<'_, '_, '_>,
    kind: Kind,
    of: &Which,
    networks: &[String],
) -> Result<Found, PlanError> {
    if let Some(wrong) = networks.iter().find(|network| !is_network(network)) {
        return Err(PlanError::Invalid(format!("`{}` is no network as `10.0.0.0/8`", sanitize(wrong, 64))));
    }
    let report = maker.given.report;
    let chosen = chosen(maker, kind, of)?;
    if chosen.findings.is_empty() {
        return Err(nothing(report, &chosen));
    }
    let mut found = Found::default();
    for finding in &chosen.findings {
        let Some(resource) = maker.given.snapshot.resource(&finding.resource.id) else {
            found.leave(&finding.id, "its resource is not in the snapshot");
            continue;
        };
        // Whoever says from where ports are administered asks for them to be closed.
        let named = chosen.by_name || (finding.analyzer == PORTS && !networks.is_empty());
        let asked = named.then_some(maker.given.asker);
        match unit(maker, finding, resource, asked, networks) {
            Ok(unit) => found.units.push(unit),
            Err(why) => found.leave(&finding.id, why),
        }
    }
    Ok(found)
}

struct Chosen<'r> {
    /// In the report's order, whatever order they were asked for in.
    findings: Vec<&'r Finding>,
    analyzers: BTreeSet<&'static str>,
    resources: BTreeSet<String>,
    /// Somebody named the resource or the finding.
    by_name: bool,
}

fn chosen<'r>(maker: &Maker<'r, '_, '_>, kind: Kind, of: &Which) -> Result<Chosen<'r>, PlanError> {
    let report = maker.given.report;
    let of_kind = |finding: &&&Finding| Kind::of(finding.analyzer) == kind;
    let analyzers = ANALYZERS.iter().map(|one| one.name).filter(|name| Kind::of(name) == kind).collect();
    let mut chosen = Chosen { findings: Vec::new(), analyzers, resources: BTreeSet::new(), by_name: false };
    match of {
        Which::All => chosen.findings = report.findings.iter().filter(|it| of_kind(&it)).collect(),
        Which::Analyzer(name) => {
            if !ANALYZERS.iter().any(|one| one.name == name) {
                let nearest = ANALYZERS.iter().map(|one| one.name).filter(|one| Kind::of(one) == kind);
                return Err(PlanError::Unknown {
                    what: "analyzer",
                    name: sanitize(name, 64),
                    nearest: nearest.map(str::to_owned).collect(),
                });
            }
            chosen.analyzers.retain(|one| one == name);
            chosen.findings = report.findings.iter().filter(|one| one.analyzer == name).collect();
        }
        Which::Resources(names) => {
            chosen.by_name = true;
            for name in names {
                let id = resolve::one(maker.given.snapshot, "", name)?.id.as_str();
                chosen.resources.insert(sanitize(id, 2048));
            }
            let named = |finding: &&Finding| chosen.resources.contains(&finding.resource.id);
            chosen.findings = report.findings.iter().filter(|it| of_kind(&it)).filter(named).collect();
        }
        Which::Findings(ids) => {
            chosen.by_name = true;
            for id in ids {
                let found = report.findings.iter().find(|finding| finding.id == *id);
                let Some(found) = found else {
                    let analyzer = id.split(':').next().unwrap_or_default();
                    let near = report.findings.iter().filter(|one| one.analyzer == analyzer).take(3);
                    return Err(PlanError::Unknown {
                        what: "finding",
                        name: sanitize(id, 300),
                        nearest: near.map(|one| one.id.clone()).collect(),
                    });
                };
                chosen.resources.insert(found.resource.id.clone());
            }
            let asked: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
            chosen.findings = report.findings.iter().filter(|one| asked.contains(one.id.as_str())).collect();
        }
    }
    Ok(chosen)
}

/// Nothing was found: because nothing is there, or because it could not be judged.
fn nothing(report: &Report, chosen: &Chosen<'_>) -> PlanError {
    let concerns = |unjudged: &&Unjudged| {
        chosen.analyzers.contains(unjudged.analyzer)
            && (chosen.resources.is_empty()
                || unjudged.resources.is_none()
                || unjudged.examples.iter().any(|one| chosen.resources.contains(one)))
    };
    let unjudged: Vec<&Unjudged> = report.unjudged.iter().filter(concerns).collect();
    if let Some(first) = unjudged.first() {
        return PlanError::NotJudged {
            why: format!("{} in {}: {}", first.analyzer, first.region, first.why),
            reads: missing(unjudged.iter().copied()),
        };
    }
    let spared = report.spared.iter().filter(|one| {
        chosen.analyzers.contains(one.analyzer)
            && (chosen.resources.is_empty() || chosen.resources.contains(&one.resource))
    });
    PlanError::NothingToDo {
        left: spared.map(|one| crate::Left { about: one.resource.clone(), why: one.why.clone() }).collect(),
    }
}

/// The operations that are named in what could not be judged.
pub(super) fn missing<'u>(unjudged: impl IntoIterator<Item = &'u Unjudged>) -> Vec<String> {
    let reads: BTreeSet<&str> = unjudged
        .into_iter()
        .filter_map(|one| one.why.split_whitespace().find(|word| word.contains(':')))
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| word.contains(':'))
        .collect();
    reads.into_iter().map(str::to_owned).collect()
}

/// The steps for one finding, or why there are none.
fn unit(
    maker: &Maker<'_, '_, '_>,
    finding: &Finding,
    resource: &Resource<'_>,
    asked: Option<Asker>,
    networks: &[String],
) -> Result<Unit, String> {
    let unsure = finding.held_back == Some(HeldBack::Confidence);
    let steps = match &finding.remedy {
        Remedy::Steps(steps) => steps.as_slice(),
        Remedy::Wait { until } => return Err(format!("it is marked; nothing is done before {until}")),
        Remedy::StackUpdate { stack, change } => {
            return Err(format!(
                "{stack} owns it: in its template, {change}; deploy the stack with the changed template"
            ));
        }
        // People may want what is not proposed by itself; but nothing that could not be marked, and nothing beside a stack.
        Remedy::Advice(_) if unsure && asked == Some(Asker::Person) => finding.way.as_slice(),
        Remedy::Advice(_) if unsure && asked.is_none() && finding.analyzer == PORTS => {
            return Err(NETWORKS.into());
        }
        Remedy::Advice(text) => {
            let why = match asked {
                Some(Asker::Model) if unsure => format!("{text}; {PEOPLE}"),
                Some(_) | None => text.clone(),
            };
            return roll_back::suspect(maker, finding).unwrap_or(Err(why));
        }
    };
    let mut made = Vec::new();
    for step in steps {
        let call = format!("{}:{}", step.service, step.operation);
        if call == CLOSE {
            made.extend(narrower(maker, finding, resource, step, networks)?);
        }
        let parameters = parameters(maker, &call, &step.parameters);
        made.push(maker.step(draft(finding, &call, step, parameters, &step.why), resource));
    }
    let first = made.first().map_or("", |step| step.call.operation.as_str());
    let interrupts = made.iter().any(|step| step.interrupts.is_some());
    let what = Kind::of(finding.analyzer).name();
    let goal = if interrupts {
        format!("{what}: {} ({})", finding.title, finding.resource.name)
    } else {
        format!("{what}: {} ({first})", finding.title)
    };
    let mut unit = Unit::new(goal, made);
    unit.traps = finding.traps.iter().map(|trap| trap.to_string()).collect();
    if finding.confidence.level < Level::High {
        let why = finding.confidence.why.join("; ");
        unit.unknowns.push(format!(
            "{}: confidence is {}: {why}",
            finding.resource.name,
            finding.confidence.level.name()
        ));
    }
    unit.alternatives = alternatives::of_finding(maker, finding, resource, &unit.steps);
    Ok(unit)
}

fn draft(finding: &Finding, call: &str, step: &Found_, parameters: Value, why: &str) -> Draft {
    Draft {
        call: call.to_owned(),
        region: step.region.clone(),
        parameters,
        why: why.to_owned(),
        findings: vec![finding.id.clone()],
    }
}

pub(crate) fn parameters(maker: &Maker<'_, '_, '_>, call: &str, parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    // So that the check afterwards finds this copy, and none of another day.
    if call == COPY
        && let Some(Value::String(text)) = parameters.get_mut("Description")
    {
        text.push_str(&format!(" ({})", maker.given.digest.short()));
    }
    parameters
}

/// Before a rule goes: those through which people still come in.
fn narrower(
    maker: &Maker<'_, '_, '_>,
    finding: &Finding,
    resource: &Resource<'_>,
    step: &Found_,
    networks: &[String],
) -> Result<Vec<crate::Step>, String> {
    if networks.is_empty() {
        return Err(NETWORKS.into());
    }
    let rules = step.parameters.get("IpPermissions").and_then(Value::as_array).into_iter().flatten();
    Ok(rules
        .filter_map(|rule| {
            let mut rule = rule.as_object()?.clone();
            rule.remove("Ipv6Ranges");
            rule.remove("IpRanges");
            for (member, one, six) in [("IpRanges", "CidrIp", false), ("Ipv6Ranges", "CidrIpv6", true)] {
                let ranges: Vec<Value> = networks
                    .iter()
                    .filter(|network| network.contains(':') == six)
                    .map(|it| json!({ one: it }))
                    .collect();
                if !ranges.is_empty() {
                    rule.insert(member.into(), Value::Array(ranges));
                }
            }
            let parameters = json!({ "GroupId": resource.name.as_str(), "IpPermissions": [rule] });
            let why = "lets in the networks from which it is administered, before it is closed to the world";
            Some(maker.step(draft(finding, OPEN, step, parameters, why), resource))
        })
        .collect())
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(bits) = bits.parse::<u8>() else { return false };
    match address.parse::<core::net::IpAddr>() {
        // The whole world is no narrower rule.
        Ok(core::net::IpAddr::V4(_)) => (1..=32).contains(&bits),
        Ok(core::net::IpAddr::V6(_)) => (1..=128).contains(&bits),
        Err(_) => false,
    }
}

/// Whether its way has led over a mark, and the grace is over.
pub(crate) fn grace_is_over(finding: &Finding) -> bool {
    matches!(finding.grace.as_ref().map(|grace| &grace.state), Some(GraceState::Over { .. }))
}
