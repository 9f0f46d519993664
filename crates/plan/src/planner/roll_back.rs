//! What ran before runs again: what that was, an earlier snapshot or a person says; it is never guessed.

use findings::Finding;
use model::sanitize;
use serde_json::json;
use snapshot::Resource;

use super::{
    Found,
    deploy::{self, name, not_read, region},
};
use crate::{
    PlanError, RollBack, alternatives,
    make::{Draft, Maker},
    pack::Unit,
    resolve,
    table::text,
};

pub(super) fn units(maker: &Maker<'_, '_, '_>, back: &RollBack) -> Result<Found, PlanError> {
    let unit = match back {
        RollBack::Service { service, to } => {
            let service = resolve::one(maker.given.snapshot, "ecs:service", service)?;
            let to = match to {
                Some(to) => to.clone(),
                None => before(maker, service)?,
            };
            let goal = format!("roll back: {} runs {} again", name(service), sanitize(&to, 300));
            deploy::of_service(maker, service, &to, goal, Vec::new())?
        }
        RollBack::Alias { function, alias, to } => {
            let function = resolve::one(maker.given.snapshot, "lambda:function", function)?;
            let goal = format!(
                "roll back: alias {} of {} leads to version {} again",
                sanitize(alias, 128),
                name(function),
                sanitize(to, 20)
            );
            deploy::of_alias(maker, function, alias, to, goal)?
        }
        RollBack::Stack { stack } => {
            of_stack(maker, resolve::one(maker.given.snapshot, "cloudformation:stack", stack)?)?
        }
    };
    Ok(Found { units: vec![unit], left: Vec::new() })
}

/// What the earlier snapshot saw it run.
fn before(maker: &Maker<'_, '_, '_>, service: &Resource<'_>) -> Result<String, PlanError> {
    let hint = "--against OLD_SNAPSHOT, or --to TASK_DEFINITION";
    let Some(old) = maker.given.before else {
        return Err(PlanError::Needs {
            what: format!(
                "an earlier snapshot that saw {} run, or the task definition to go back to",
                name(service)
            ),
            hint: hint.into(),
        });
    };
    let was = old.resource(service.id.as_str()).and_then(|was| text(was, "taskDefinition"));
    was.ok_or_else(|| PlanError::Needs {
        what: format!("an earlier snapshot in which {} is: this one has not seen it", name(service)),
        hint: hint.into(),
    })
}

fn of_stack(maker: &Maker<'_, '_, '_>, stack: &Resource<'_>) -> Result<Unit, PlanError> {
    let Some(status) = text(stack, "StackStatus") else {
        return Err(not_read(stack, "its status", "cloudformation:DescribeStacks"));
    };
    let call = match status.as_str() {
        "UPDATE_ROLLBACK_FAILED" => "cloudformation:ContinueUpdateRollback",
        "UPDATE_FAILED" | "CREATE_FAILED" => "cloudformation:RollbackStack",
        _ => {
            return Err(PlanError::Needs {
                what: format!(
                    "the template and the parameters as they were: {} is {}, and no read tells what was before",
                    name(stack),
                    sanitize(&status, 60)
                ),
                hint: "deploy the stack with them: --goal deploy --stack NAME --template FILE".into(),
            });
        }
    };
    let step = maker.step(
        Draft {
            call: call.into(),
            region: region(stack),
            parameters: json!({ "StackName": stack.name.as_str() }),
            why: "goes back, in place, to what was before the update that failed".into(),
            findings: vec![],
        },
        stack,
    );
    let mut unit = Unit::new(format!("roll back: {}", name(stack)), vec![step]);
    unit.traps.push("What stopped it is put right first, or it stops there again.".into());
    unit.alternatives.push(alternatives::replace_stack(maker, stack, None));
    Ok(unit)
}

/// For targets that fail: the one service that was deployed since the earlier snapshot, where it is one.
pub(super) fn suspect(maker: &Maker<'_, '_, '_>, finding: &Finding) -> Option<Result<Unit, String>> {
    let old = maker.given.before.filter(|_| finding.analyzer == "target-unhealthy")?;
    let changed: Vec<_> = maker
        .given
        .snapshot
        .of_kind("ecs:service")
        .filter(|service| service.region.as_str() == finding.resource.region)
        .filter_map(|service| {
            let was = text(old.resource(service.id.as_str())?, "taskDefinition")?;
            (text(service, "taskDefinition")? != was).then_some((service, was))
        })
        .collect();
    let [(service, was)] = changed.as_slice() else { return None };
    let goal =
        format!("repair: {} runs {} again ({})", name(service), sanitize(was, 300), finding.resource.name);
    let unit = deploy::of_service(maker, service, was, goal, vec![finding.id.clone()]);
    Some(unit.map_err(|err| err.to_string()).map(|mut unit| {
        unit.unknowns.push(format!(
            "whether the deployment of {} is what broke {}: it is the one that was made since the earlier snapshot, and no read shows more",
            name(service),
            finding.resource.name
        ));
        unit
    }))
}
