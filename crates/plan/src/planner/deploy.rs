//! Something new runs: in place, with what was there before at hand.

use std::collections::{BTreeMap, BTreeSet};

use model::sanitize;
use serde_json::{Value, json};
use snapshot::Resource;

use super::Found;
use crate::{
    Deploy, Left, PlanError, Step, alternatives,
    make::{Draft, Maker},
    pack::Unit,
    resolve,
    table::{attribute, text},
};

/// What CloudFormation takes inline.
const TEMPLATE_MAX: usize = 51_200;
const AT_REST: [&str; 4] =
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"];

pub(super) fn units(maker: &Maker<'_, '_, '_>, deploy: &Deploy) -> Result<Found, PlanError> {
    let units = match deploy {
        Deploy::Service { service, task_definition } => {
            let service = resolve::one(maker.given.snapshot, "ecs:service", service)?;
            let goal = format!("deploy: {} runs {}", name(service), sanitize(task_definition, 200));
            vec![of_service(maker, service, task_definition, goal, Vec::new())?]
        }
        Deploy::Alias { function, alias, version } => {
            let function = resolve::one(maker.given.snapshot, "lambda:function", function)?;
            let goal = format!(
                "deploy: alias {} of {} leads to version {}",
                sanitize(alias, 128),
                name(function),
                sanitize(version, 20)
            );
            vec![of_alias(maker, function, alias, version, goal)?]
        }
        Deploy::Stack { stack, parameters, template, capabilities } => {
            let stack = resolve::one(maker.given.snapshot, "cloudformation:stack", stack)?;
            of_stack(maker, stack, &Wanted { parameters, template: template.as_deref(), capabilities })?
        }
    };
    Ok(Found { units, left: Vec::new() })
}

pub(super) fn name(resource: &Resource<'_>) -> String {
    sanitize(resource.name.as_str(), 200)
}

pub(super) fn of_service(
    maker: &Maker<'_, '_, '_>,
    service: &Resource<'_>,
    to: &str,
    goal: String,
    findings: Vec<String>,
) -> Result<Unit, PlanError> {
    let (Some(cluster), Some(now)) = (text(service, "clusterArn"), text(service, "taskDefinition")) else {
        return Err(not_read(service, "what it runs", "ecs:DescribeServices"));
    };
    let to = match now.rsplit_once('/') {
        Some((before, _)) if !to.starts_with("arn:") => format!("{before}/{to}"),
        _ => to.to_owned(),
    };
    let plain = |text: &str| {
        text.rsplit('/').next().is_some_and(|one| {
            one.rsplit_once(':')
                .is_some_and(|(family, revision)| !family.is_empty() && revision.parse::<u32>().is_ok())
        })
    };
    if !plain(&to) {
        return Err(PlanError::Invalid(format!(
            "`{}` is no task definition with its revision, as `web:7`: the newest one is another tomorrow",
            sanitize(&to, 200)
        )));
    }
    if to == now {
        let left = Left { about: sanitize(service.id.as_str(), 2048), why: "it runs that already".into() };
        return Err(PlanError::NothingToDo { left: vec![left] });
    }
    let parameters = json!({ "cluster": cluster, "service": service.name.as_str(), "taskDefinition": to });
    let why = format!("runs {} in place of {}", sanitize(&to, 300), sanitize(&now, 300));
    let step = maker.step(
        Draft { call: "ecs:UpdateService".into(), region: region(service), parameters, why, findings },
        service,
    );
    let mut unit = Unit::new(goal, vec![step]);
    unit.traps.push("Its tasks are replaced one after the other; what does not come up is put back by its circuit breaker, where it has one, or by the undo.".into());
    if family(&to) != family(&now) {
        unit.traps.push(format!("{} is of another family than {}.", sanitize(&to, 200), sanitize(&now, 200)));
    }
    owned(maker, service, &mut unit);
    unit.alternatives.push(alternatives::replace_service(maker, service));
    Ok(unit)
}

fn family(definition: &str) -> &str {
    definition.rsplit_once(':').map_or(definition, |(family, _)| family)
}

pub(super) fn of_alias(
    maker: &Maker<'_, '_, '_>,
    function: &Resource<'_>,
    alias: &str,
    version: &str,
    goal: String,
) -> Result<Unit, PlanError> {
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PlanError::Invalid(format!(
            "`{}` is no version: a published one is a number, and $LATEST is another tomorrow",
            sanitize(version, 20)
        )));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if alias.is_empty() || alias.len() > 128 || !alias.bytes().all(fits) {
        return Err(PlanError::Invalid(format!("`{}` is no name of an alias", sanitize(alias, 64))));
    }
    let parameters =
        json!({ "FunctionName": function.name.as_str(), "Name": alias, "FunctionVersion": version });
    let why = format!("calls of {alias} go to version {version}");
    let step = maker.step(
        Draft {
            call: "lambda:UpdateAlias".into(),
            region: region(function),
            parameters,
            why,
            findings: vec![],
        },
        function,
    );
    let mut unit = Unit::new(goal, vec![step]);
    unit.unknowns.push(format!(
        "whether version {version} is published, and where {alias} leads now: no scan reads it; the checks do"
    ));
    owned(maker, function, &mut unit);
    Ok(unit)
}

pub(crate) struct Wanted<'w> {
    pub(crate) parameters: &'w BTreeMap<String, String>,
    pub(crate) template: Option<&'w str>,
    pub(crate) capabilities: &'w [String],
}

/// What would change is worked out first, and looked at; then just that is carried out.
fn of_stack(
    maker: &Maker<'_, '_, '_>,
    stack: &Resource<'_>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Unit>, PlanError> {
    let Some(status) = text(stack, "StackStatus") else {
        return Err(not_read(stack, "its status", "cloudformation:DescribeStacks"));
    };
    if !AT_REST.contains(&status.as_str()) {
        return Err(PlanError::Needs {
            what: format!("the stack {} to be at rest: it is {}", name(stack), sanitize(&status, 60)),
            hint: "a stack that is stuck is put right first: --goal repair".into(),
        });
    }
    if wanted.parameters.is_empty() && wanted.template.is_none() {
        return Err(PlanError::Needs {
            what: "the parameters or the template that are to be otherwise".into(),
            hint: "--parameter NAME=VALUE, --template FILE".into(),
        });
    }
    if wanted.template.is_some_and(|template| template.len() > TEMPLATE_MAX) {
        return Err(PlanError::Invalid(format!("a template has at most {TEMPLATE_MAX} bytes")));
    }
    let parameters = members(stack, wanted)?;
    let fingerprint = findings::canonical(&parameters).digest("countersign.plan.change-set/v1");
    let set = format!("countersign-{}-{}", maker.given.digest.short(), fingerprint.short());
    let mut prepare = parameters;
    if let Some(members) = prepare.as_object_mut() {
        members.insert("ChangeSetName".into(), set.clone().into());
        // Left out it is what the service takes it for; a change set of the other type makes a stack of that name.
        members.insert("ChangeSetType".into(), "UPDATE".into());
    }
    let step = |call: &str, parameters: Value, why: String| -> Step {
        maker.step(
            Draft { call: call.into(), region: region(stack), parameters, why, findings: vec![] },
            stack,
        )
    };
    // Their values may be secrets, and a plan's goal goes into intents and ledgers.
    let what: Vec<_> = wanted.parameters.keys().map(|name| sanitize(name, 64)).collect();
    let what = match (wanted.template.is_some(), what.is_empty()) {
        (true, true) => "with the changed template".to_owned(),
        (true, false) => format!("with the changed template and another {}", what.join(", ")),
        (false, _) => format!("with another {}", what.join(", ")),
    };
    let mut first = Unit::new(
        format!("deploy: work out what {} {what} would change", name(stack)),
        vec![step(
            "cloudformation:CreateChangeSet",
            prepare,
            "works out what would change, and changes nothing".into(),
        )],
    );
    let mut second = Unit::new(
        format!("deploy: {} {what}", name(stack)),
        vec![step(
            "cloudformation:ExecuteChangeSet",
            json!({ "StackName": stack.name.as_str(), "ChangeSetName": set }),
            "carries out what was worked out, in place, and nothing else".into(),
        )],
    );
    second.follows = true;
    second.unknowns.push(
        "what the change set changes, and so whom it takes: a server judges the changes that it lists; by the operation alone it counts as code that runs"
            .into(),
    );
    second.traps.push(
        "Look at what the change set says: a property that cannot be changed in place replaces its resource."
            .into(),
    );
    let others = vec![
        alternatives::update_directly(maker, stack, wanted),
        alternatives::replace_stack(maker, stack, wanted.template),
    ];
    first.alternatives.clone_from(&others);
    second.alternatives = others;
    Ok(vec![first, second])
}

pub(crate) fn members(stack: &Resource<'_>, wanted: &Wanted<'_>) -> Result<Value, PlanError> {
    let known = keys(stack)
        .ok_or_else(|| not_read(stack, "which parameters it has", "cloudformation:DescribeStacks"))?;
    let declared = wanted.template.and_then(declared);
    if wanted.template.is_none()
        && let Some(unknown) = wanted.parameters.keys().find(|name| !known.contains(*name))
    {
        return Err(PlanError::Unknown {
            what: "parameter",
            name: sanitize(unknown, 200),
            nearest: known.iter().take(5).map(|name| sanitize(name, 200)).collect(),
        });
    }
    let mut parameters = Vec::new();
    let names: BTreeSet<&String> = known.iter().chain(wanted.parameters.keys()).collect();
    for name in names {
        match wanted.parameters.get(name) {
            Some(value) => parameters.push(json!({ "ParameterKey": name, "ParameterValue": value })),
            // What the new template no longer declares cannot stay.
            None if declared.as_ref().is_some_and(|declared| !declared.contains(name)) => {}
            None => parameters.push(json!({ "ParameterKey": name, "UsePreviousValue": true })),
        }
    }
    let mut members = json!({ "StackName": stack.name.as_str(), "Parameters": parameters });
    if let Some(all) = members.as_object_mut() {
        match wanted.template {
            Some(template) => all.insert("TemplateBody".into(), template.into()),
            None => all.insert("UsePreviousTemplate".into(), true.into()),
        };
        let own = attribute(stack, "Capabilities").and_then(|value| {
            Some(value.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
        });
        let capabilities: BTreeSet<String> =
            own.unwrap_or_default().into_iter().chain(wanted.capabilities.iter().cloned()).collect();
        if !capabilities.is_empty() {
            all.insert("Capabilities".into(), capabilities.into_iter().collect());
        }
    }
    Ok(members)
}

fn keys(stack: &Resource<'_>) -> Option<BTreeSet<String>> {
    let view = stack.views.first()?;
    let attributes: Value = serde_json::from_str(view.text()).ok()?;
    let listed = attributes.get("Parameters")?.as_array()?;
    Some(listed.iter().filter_map(|one| one.get("ParameterKey")?.as_str().map(str::to_owned)).collect())
}

/// Of a template in JSON; another form is not looked into.
fn declared(template: &str) -> Option<BTreeSet<String>> {
    let template: Value = serde_json::from_str(template).ok()?;
    let declared = template.get("Parameters").and_then(Value::as_object);
    Some(declared.into_iter().flatten().map(|(name, _)| name.clone()).collect())
}

pub(super) fn region(resource: &Resource<'_>) -> String {
    sanitize(resource.region.as_str(), 64)
}

pub(super) fn not_read(resource: &Resource<'_>, what: &str, read: &str) -> PlanError {
    PlanError::NotJudged {
        why: format!("{what} was not read of {}", name(resource)),
        reads: vec![read.to_owned()],
    }
}

/// What is changed beside a stack drifts.
pub(super) fn owned(maker: &Maker<'_, '_, '_>, resource: &Resource<'_>, unit: &mut Unit) {
    if let Some(stack) = resolve::owner(maker.given.snapshot, resource) {
        unit.traps.push(format!(
            "{stack} owns {}: its next update puts back what its template says.",
            name(resource)
        ));
    }
}
