//! `countersign plan`: from a snapshot's file and a goal, without a network; `plan lint`: a plan of anybody, computed again.

mod asked;
mod show;

use std::{path::Path, process::ExitCode};

use ::plan::{Asker, Given, Goal, PlanError, Plans, Problem};
use agent::{Law, Rules};
use engine::{Clock as _, SystemClock};
use findings::Parameters;
use model::{AgentId, Autonomy, Chain, Digest, Environment, PersonId};
use policy::Bundle;
use serde_json::json;
use snapshot::Snapshot;

use super::{
    bundle_files,
    findings::{analysed_of, parameters, snapshot_text, text_of},
};
use crate::{
    cli::{
        Format,
        findings::SnapshotArgs,
        plan::{MakeArgs, PlanArgs, PlanCommand},
    },
    failure::{Failure, NOT_FOUND, PROOF, USAGE},
    output::{self, BAD, GOOD, styled},
};

pub(super) fn run(args: &PlanArgs, format: Format) -> Result<ExitCode, Failure> {
    match &args.command {
        Some(PlanCommand::Lint { file }) => lint(file, format),
        None => make(&args.make, format),
    }
}

fn make(args: &MakeArgs, format: Format) -> Result<ExitCode, Failure> {
    let Some(from) = &args.from else {
        return Err(Failure::usage("--from is missing: a plan is made from a snapshot")
            .hint("`countersign scan` takes one; `countersign plan lint FILE` looks at a plan"));
    };
    let goal = asked::goal(args)?;
    let files =
        SnapshotArgs { from: from.clone(), parameters: args.parameters.clone(), prices: args.prices.clone() };
    let Parameters { stale_days, .. } = parameters(files.parameters.as_deref())?;
    let old = args.against.as_ref().map(|file| snapshot_text(file)).transpose()?;
    let text = snapshot_text(from)?;
    let digest = Digest::of(text.as_bytes());
    let now = SystemClock.now();
    let before = match (&old, &args.against) {
        (Some(text), Some(file)) => Some(Snapshot::parse(text, now).map_err(|err| {
            Failure::new(USAGE, "CS011", format!("{}: {err}", file.display())).hint(err.hint())
        })?),
        _ => None,
    };
    let (_, planned) = analysed_of(&files, &text, |snapshot, _, report| {
        let (now, before, asker) = (report.now, before.as_ref(), Asker::Person);
        let given = Given { snapshot, digest, report, now, before, stale_days, asker };
        match &goal {
            Some(goal) => ::plan::of(&given, goal),
            None => ::plan::all(&given),
        }
    })?;
    let mut plans = planned.map_err(|err| refused(&err))?;
    if let (Some(dir), Some(agent), Some(operator)) = (&args.bundle, &args.agent, &args.operator) {
        ask_rules(dir, agent, operator, &mut plans)?;
    }
    match format {
        Format::Json => output::json(&plans)?,
        Format::Human => show::plans(&plans),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn refused(err: &PlanError) -> Failure {
    let exit = match err {
        PlanError::NothingToDo { .. } | PlanError::Unknown { .. } => NOT_FOUND,
        PlanError::Ambiguous { .. }
        | PlanError::NotJudged { .. }
        | PlanError::Stale { .. }
        | PlanError::Future { .. }
        | PlanError::OtherAccount { .. }
        | PlanError::Needs { .. }
        | PlanError::Invalid(_) => USAGE,
    };
    Failure::new(exit, "CS012", format!("no plan: {err}")).hint(err.hint())
}

/// How many people each way takes, by the rules of the bundle in `dir`.
fn ask_rules(dir: &Path, agent: &str, operator: &str, plans: &mut Plans) -> Result<(), Failure> {
    let bundle = Bundle::load(&bundle_files(dir)?).map_err(|err| {
        Failure::new(USAGE, "CS004", format!("the bundle in {} does not load:\n{err}", dir.display()))
    })?;
    let agent: AgentId = agent.parse().map_err(Failure::usage)?;
    let operator: PersonId = operator.parse().map_err(Failure::usage)?;
    let Some(known) = bundle.roster().agents.get(&agent) else {
        return Err(Failure::usage(format!("the bundle's roster has no agent {agent}")));
    };
    let chain = Chain { owner: known.owner.clone(), agent, operator, launcher: None };
    let eligible = |chain: &Chain, environment: &Environment| {
        approval::eligible(chain, bundle.roster(), engine::file_rule_at(&bundle, environment))
    };
    let law = Law::WithGrants { chain: &chain, autonomy: Autonomy::default(), eligible: &eligible };
    let rules = Rules { bundle: &bundle, now: SystemClock.now(), law };
    plans.plans.iter_mut().for_each(|plan| rules.fill(plan));
    Ok(())
}

fn lint(file: &std::path::Path, format: Format) -> Result<ExitCode, Failure> {
    let text = text_of(file, ::plan::MOST_BYTES as u64)?;
    let problems = match serde_json::from_str::<Plans>(&text) {
        Ok(plans) => {
            let each = plans.plans.iter().enumerate();
            each.flat_map(|(nth, plan)| ::plan::lint(plan).into_iter().map(move |one| within(nth, one)))
                .collect()
        }
        Err(_) => ::plan::read(&text).err().unwrap_or_default(),
    };
    match format {
        Format::Json => output::json(&json!({ "problems": problems }))?,
        Format::Human => {
            for problem in &problems {
                output::line(format!("{}: {} {problem}", file.display(), styled(BAD, "error")));
            }
            let sum = format!("{} error(s)", problems.len());
            output::line(if problems.is_empty() { styled(GOOD, sum) } else { styled(BAD, sum) });
        }
    }
    Ok(ExitCode::from(if problems.is_empty() { 0 } else { PROOF }))
}

fn within(nth: usize, problem: Problem) -> Problem {
    Problem { place: format!("plans[{nth}].{}", problem.place), ..problem }
}

/// A goal as JSON says it.
fn goal_of(text: &str) -> Result<Goal, Failure> {
    serde_json::from_str(text).map_err(|err| {
        Failure::usage(format!("the goal is not understood: {}", model::sanitize(&err.to_string(), 300)))
            .hint("docs/plans.md has every goal as JSON")
    })
}
