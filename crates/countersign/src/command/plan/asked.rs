//! From options to a goal.

use ::plan::{Deploy, Goal, Kind, RollBack, Tag, Which};

use super::{super::findings::text_of, goal_of};
use crate::{
    cli::plan::{GoalArg, MakeArgs},
    failure::Failure,
};

const MOST_GOAL: u64 = 1 << 20;

/// `None`: whatever the findings are a reason for.
pub(super) fn goal(args: &MakeArgs) -> Result<Option<Goal>, Failure> {
    if let Some(file) = &args.goal_file {
        return goal_of(&text_of(file, MOST_GOAL)?).map(Some);
    }
    let Some(goal) = args.goal else {
        return match which(args) {
            Which::All => Ok(None),
            // Their analyzers say which goal it is.
            of @ (Which::Findings(_) | Which::Analyzer(_)) => {
                Ok(Some(Goal::of_findings(of, args.network.clone())))
            }
            Which::Resources(_) => Err(Failure::usage(
                "--goal is missing: what is to become of the resource?",
            )
            .hint("--goal repair, rightsize or clean-up; or restore-configuration --against OLD_SNAPSHOT")),
        };
    };
    Ok(Some(match goal {
        GoalArg::Repair => Goal::Repair { of: which(args), networks: args.network.clone() },
        GoalArg::Rightsize => Kind::Rightsize.goal(which(args)),
        GoalArg::CleanUp => Kind::CleanUp.goal(which(args)),
        GoalArg::OffHours => off_hours(args)?,
        GoalArg::Deploy => Goal::Deploy(deploy(args)?),
        GoalArg::RollBack => Goal::RollBack(roll_back(args)?),
        GoalArg::RestoreConfiguration => match args.resource.as_slice() {
            [] => Goal::RestoreConfiguration { resource: None },
            [one] => Goal::RestoreConfiguration { resource: Some(one.clone()) },
            _ => return Err(Failure::usage("--resource is given once: one resource, or all of them")),
        },
    }))
}

fn which(args: &MakeArgs) -> Which {
    if !args.finding.is_empty() {
        Which::Findings(args.finding.clone())
    } else if !args.resource.is_empty() {
        Which::Resources(args.resource.clone())
    } else {
        args.analyzer.clone().map_or(Which::All, Which::Analyzer)
    }
}

fn off_hours(args: &MakeArgs) -> Result<Goal, Failure> {
    let (key, value) = args.tag.clone().ok_or_else(|| {
        Failure::usage("--tag is missing: only what is tagged for it is switched off")
            .hint("--tag off-hours=yes")
    })?;
    Ok(Goal::OffHours {
        tag: Tag { key, value },
        stop: args.stop.clone(),
        start: args.start.clone(),
        days: args.days.clone(),
        time_zone: args.time_zone.clone(),
        role: args.role.clone(),
    })
}

fn deploy(args: &MakeArgs) -> Result<Deploy, Failure> {
    let to = || args.to.clone().ok_or_else(|| Failure::usage("--to is missing: what is to run"));
    Ok(match (&args.service, &args.function, &args.alias, &args.stack) {
        (Some(service), ..) => Deploy::Service { service: service.clone(), task_definition: to()? },
        (_, Some(function), Some(alias), _) => {
            Deploy::Alias { function: function.clone(), alias: alias.clone(), version: to()? }
        }
        (.., Some(stack)) => Deploy::Stack {
            stack: stack.clone(),
            parameters: args.parameter.iter().cloned().collect(),
            template: args.template.as_ref().map(|file| text_of(file, MOST_GOAL)).transpose()?,
            capabilities: args.capability.clone(),
        },
        _ => return Err(what_is_missing()),
    })
}

fn roll_back(args: &MakeArgs) -> Result<RollBack, Failure> {
    Ok(match (&args.service, &args.function, &args.alias, &args.stack) {
        (Some(service), ..) => RollBack::Service { service: service.clone(), to: args.to.clone() },
        (_, Some(function), Some(alias), _) => RollBack::Alias {
            function: function.clone(),
            alias: alias.clone(),
            to: args
                .to
                .clone()
                .ok_or_else(|| Failure::usage("--to is missing: the version to go back to"))?,
        },
        (.., Some(stack)) => RollBack::Stack { stack: stack.clone() },
        _ => return Err(what_is_missing()),
    })
}

fn what_is_missing() -> Failure {
    Failure::usage("what is it about? --service NAME, --function NAME --alias NAME, or --stack NAME")
}
