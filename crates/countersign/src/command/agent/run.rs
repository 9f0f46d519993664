//! `countersign agent run`: read, find, plan, specify, propose, carry out. What people decide stays held, and everything is told at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

use ::agent::{Facts, Held, Measured, Order, Reach, Understanding, sort_of, understand};
use ::plan::{Asker, Given, Goal, Kind, MOST_BYTES, Plan, PlanError, Which, conduct::Guard, lint};
use ::spec::Sort;
use engine::{Clock as _, SystemClock};
use findings::{Prices, Report, analyse};
use model::Digest;
use snapshot::{Snapshot, Taken};

use super::{
    super::{
        ask::{Desk, Helper},
        findings::{MOST_SNAPSHOT, parameters, prices, snapshot, text_of},
        resident::Signals,
        scan::{self, Asked, Session, cloud::Cloud},
        session::seconds,
        specified::Specified,
    },
    asked,
    carry_out::Hands,
    folder::{self, Folder},
    outcome::{Left, Outcome, Planned, State, StepDone},
};
use crate::{
    agent::Agent,
    cli::{Format, agent::RunArgs},
    failure::{Failure, INTERRUPTED},
    output,
};

const MOST_TOLD: usize = 5;

pub(super) async fn run(args: &RunArgs, format: Format) -> Result<ExitCode, Failure> {
    // Who ends it must not leave a session behind that lives on for hours.
    let mut signals = Signals::heard()?;
    let wait = args.wait.as_deref().map(seconds).transpose()?.unwrap_or(0);
    scan::possible(&args.read)?;
    let mut helper = match (&args.sentence, &args.model) {
        (Some(_), Some(file)) => Some(Helper::of(Some(file), &args.dir, Reach::Server)?),
        _ => None,
    };
    let begun = match (&args.resume, &args.plan) {
        (Some(dir), _) => {
            let (plan, folder) = Folder::open(dir)?;
            Some((fit(plan)?, folder))
        }
        (None, Some(file)) => Some(given(args, file)?),
        (None, None) => None,
    };
    let session = Session::open(&Asked {
        agent: args.agent.as_deref(),
        operator: args.operator.as_deref(),
        task: args.sentence.as_deref().unwrap_or("find what is wrong or wasteful, and put it right"),
        scope: "",
        autonomy: args.autonomy.as_deref(),
        server: &args.server,
    })
    .await?;
    let mut outcome = Outcome::default();
    let ran = tokio::select! {
        ran = within(args, format, helper.as_mut(), begun, wait, &session.env, &mut outcome) => ran,
        _ = signals.next() => Err(outcome.interrupted()),
    };
    if ran.as_ref().err().is_none_or(|failure| failure.exit != INTERRUPTED) {
        outcome.session = tokio::select! {
            view = session.view() => view,
            _ = signals.next() => None,
        };
    }
    // What waits for people, or may still be under way, runs and is taken back in no other session than one that is still open.
    let stays = outcome.plans.iter().any(Planned::needs_session)
        || ran.as_ref().is_err_and(|failure| failure.exit == INTERRUPTED && outcome.under_way);
    match session.made() {
        Some(id) if stays => output::note(format!(
            "session {id} stays open for what is not over; countersign session stop {id} ends it"
        )),
        Some(_) | None => tokio::select! {
            () = session.close() => {}
            _ = signals.next() => {}
        },
    }
    match ran {
        Err(failure) if outcome.plans.is_empty() => Err(failure),
        Err(failure) => {
            outcome.told(format)?;
            Err(failure)
        }
        Ok(()) => outcome.told(format),
    }
}

/// What needs a session; whatever came of it so far is in the outcome.
async fn within(
    args: &RunArgs,
    format: Format,
    helper: Option<&mut Helper>,
    begun: Option<(Plan, Folder)>,
    wait: i64,
    env: &BTreeMap<String, String>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let agent = Agent::from(|name| env.get(name).cloned())?;
    let region = env.get("AWS_REGION").map_or("us-east-1", String::as_str);
    let cloud = Cloud::from(env, region)?;
    let alone = begun.is_some();
    let begun = match begun {
        Some(one) => vec![one],
        None => found(args, format, helper, &agent, env, outcome).await?,
    };
    let mut open: BTreeSet<Digest> = begun.iter().map(|(plan, _)| plan.id).collect();
    for (plan, mut folder) in begun {
        let mut planned = begin(&plan, &folder);
        let waits =
            |first: &Digest| open.contains(first) || (alone && !folder::carried_out(folder.beside(), *first));
        if let Some(first) = plan.follows.filter(waits) {
            planned.why = Some(format!("it comes after the plan {}, which is not done", first.short()));
            outcome.plans.push(planned);
            continue;
        }
        let held = folder.held(&plan, SystemClock.now())?;
        planned.unmeasured = held.not.iter().map(|it| model::sanitize(&it.to_string(), 400)).collect();
        if !held.not.is_empty() && folder.change().is_none() {
            let lines = planned.unmeasured.iter().take(MOST_TOLD).cloned().collect::<Vec<_>>().join("; ");
            let why = format!("nothing is proposed, for nobody could say that it holds: {lines}");
            output::note(format!("{why}; {}", Held::HINT));
            (planned.state, planned.why) = (State::Stopped, Some(why));
            outcome.failures.push(crate::failure::USAGE);
            outcome.plans.push(planned);
            continue;
        }
        let around: Vec<Guard<'_>> = held
            .guards
            .iter()
            .map(|measured| match measured {
                Measured::WhatRan => Guard::WhatRan,
                Measured::Check(check) => Guard::Check(check),
            })
            .collect();
        output::note(format!("{}: {}", folder.path().display(), model::sanitize(&plan.goal, 200)));
        let done = folder.known(&plan).checked;
        let mut hands = Hands {
            agent: &agent,
            cloud: &cloud,
            plan: &plan,
            folder: &mut folder,
            held: &held,
            until: SystemClock.now().plus_seconds(wait),
            looks: 0,
            done,
            guarded: BTreeMap::new(),
        };
        // Who interrupts it is told of it, too.
        outcome.plans.push(planned);
        outcome.under_way = true;
        let ended = hands.carry_out(&around).await;
        outcome.under_way = false;
        let done = std::mem::take(&mut hands.done);
        outcome.looks = outcome.looks.saturating_add(hands.looks);
        let Some(planned) = outcome.plans.last_mut() else { continue };
        planned.change = folder.change();
        match ended {
            Ok(ending) => planned.end(ending),
            Err(failure) => {
                output::note(model::sanitize(&failure.message, 600));
                planned.broke_off(&failure);
                outcome.failures.push(failure.exit);
            }
        }
        let all = planned.state == State::Done;
        for (step, done) in planned.steps.iter_mut().zip(done) {
            let back = planned.taken_back.iter().any(|taken| taken.undone && taken.step == step.id);
            let stopped = planned.stopped_at.as_ref() == Some(&step.id);
            step.done = all || (done && !back && !stopped);
        }
        if all {
            open.remove(&plan.id);
        }
    }
    Ok(())
}

fn begin(plan: &Plan, folder: &Folder) -> Planned {
    let step = |step: &::plan::Step| StepDone {
        id: step.id.clone(),
        call: format!("{}:{}", step.call.service, step.call.operation),
        done: false,
    };
    Planned {
        goal: model::sanitize(&plan.goal, 400),
        folder: folder.path().display().to_string(),
        change: folder.change(),
        state: State::Waits,
        why: None,
        stopped_at: None,
        steps: plan.steps.iter().map(step).collect(),
        unmeasured: Vec::new(),
        taken_back: Vec::new(),
        broke_off: false,
    }
}

/// Nothing in a file is believed that can be computed.
fn fit(plan: Plan) -> Result<Plan, Failure> {
    let problems = lint(&plan);
    if problems.is_empty() {
        return Ok(plan);
    }
    let told: Vec<String> =
        problems.iter().take(MOST_TOLD).map(|it| model::sanitize(&it.to_string(), 300)).collect();
    Err(Failure::usage(format!("this plan is not carried out: {}", told.join("; "))))
}

/// A plan from a file, in a folder of its own; what is not fit leaves no folder behind.
fn given(args: &RunArgs, file: &Path) -> Result<(Plan, Folder), Failure> {
    let mut plan: Plan = folder::json(file, MOST_BYTES)?
        .ok_or_else(|| Failure::usage(format!("there is no {}", file.display())))?;
    plan.id = Plan::id_of(&plan.steps);
    let plan = fit(plan)?;
    let taken = Taken { from: plan.basis.taken, until: plan.basis.taken };
    let report = Report::none(&plan.basis.account, taken, SystemClock.now());
    specified(args, (plan, Sort::Bugfix), &report, ("", None))
}

/// Everything that a snapshot gives reason for and that is asked for, each plan in its folder.
async fn found(
    args: &RunArgs,
    format: Format,
    helper: Option<&mut Helper>,
    agent: &Agent,
    env: &BTreeMap<String, String>,
    outcome: &mut Outcome,
) -> Result<Vec<(Plan, Folder)>, Failure> {
    let (text, file) = match &args.from {
        Some(file) => (text_of(file, MOST_SNAPSHOT)?, file),
        None => (scan::taken(&args.read, false, env).await?, &args.read.snapshot),
    };
    let now = SystemClock.now();
    let old = args.before.as_deref().map(|file| text_of(file, MOST_SNAPSHOT)).transpose()?;
    let before = match (&old, &args.before) {
        (Some(text), Some(file)) => Some(snapshot(text, now, file)?),
        _ => None,
    };
    let snapshot = snapshot(&text, now, file)?;
    let parameters = parameters(args.parameters.as_deref())?;
    let prices = prices(args.prices.as_deref())?;
    let prices: &Prices = &prices;
    let report = analyse(&snapshot, &parameters, prices, now);
    output::note(format!("{} findings", report.findings.len()));
    let given = Given {
        snapshot: &snapshot,
        digest: Digest::of(text.as_bytes()),
        report: &report,
        now,
        before: before.as_ref(),
        stale_days: parameters.stale_days,
        asker: Asker::Person,
    };
    let words = args.sentence.as_deref().unwrap_or_default();
    let plans = match helper {
        Some(helper) => {
            let facts = Facts { snapshot: &snapshot, report: &report, prices };
            let desk = Desk {
                facts,
                given: &given,
                format,
                #[cfg(feature = "llm")]
                agent: Some(agent),
            };
            asked::plans(helper, &desk, words, agent, outcome).await?
        }
        None => planned(&given, goals(args, &snapshot)?, asked_for(args), outcome),
    };
    let mut begun = Vec::with_capacity(plans.len());
    for plan in each_once(plans) {
        let (plan, folder) = specified(args, plan, &report, (words, outcome.said.as_deref()))?;
        // What findings lead back to; a larger one stays where it is, and the plan has its digest.
        if text.len() <= folder::MOST_KEPT {
            folder.put(text.as_bytes())?;
        }
        begun.push((plan, folder));
    }
    Ok(begun)
}

/// What several goals lead to alike is one plan, carried out once.
fn each_once(mut plans: Vec<(Plan, Sort)>) -> Vec<(Plan, Sort)> {
    let mut seen = BTreeSet::new();
    plans.retain(|(plan, _)| seen.insert(plan.id));
    plans
}

/// Whose goals these are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goals {
    /// Somebody's: where one has no plan, that is told by the exit code, too.
    AskedFor,
    /// Whatever a snapshot gives reason for.
    All,
}

const fn asked_for(args: &RunArgs) -> Goals {
    if args.sentence.is_some() || !args.goal.is_empty() { Goals::AskedFor } else { Goals::All }
}

/// The planner's plans for each of these; why there is none for one is in the outcome.
fn planned(
    given: &Given<'_, '_>,
    goals: Vec<Goal>,
    whose: Goals,
    outcome: &mut Outcome,
) -> Vec<(Plan, Sort)> {
    let (mut planned, mut refused) = (Vec::new(), None);
    for goal in goals {
        match ::plan::of(given, &goal) {
            Ok(plans) => {
                outcome.left.extend(plans.left.into_iter().map(|it| Left { about: it.about, why: it.why }));
                planned.extend(plans.plans.into_iter().map(|plan| (plan, sort_of(&goal))));
            }
            Err(PlanError::NothingToDo { left }) => {
                outcome.left.extend(left.into_iter().map(|it| Left { about: it.about, why: it.why }));
            }
            Err(err) => {
                refused = refused.or(Some(super::super::plan::refused(&err).exit));
                let why = model::sanitize(&err.to_string(), 400);
                outcome.left.push(Left { about: goal.to_string(), why });
                output::note(format!("{goal}: {err}; {}", model::sanitize(&err.hint(), 400)));
            }
        }
    }
    if whose == Goals::AskedFor || planned.is_empty() {
        outcome.failures.extend(refused);
    }
    planned
}

fn goals(args: &RunArgs, snapshot: &Snapshot<'_>) -> Result<Vec<Goal>, Failure> {
    if let Some(sentence) = &args.sentence {
        let understood = understand(sentence, snapshot);
        output::note(understood.said());
        return match understood {
            Understanding::Goals(goals) => Ok(goals.into_iter().map(|(goal, _)| goal).collect()),
            Understanding::Question(_)
            | Understanding::Asks { .. }
            | Understanding::Refused { .. }
            | Understanding::NotUnderstood => Err(Failure::usage("nothing is planned of this sentence")
                .hint("say what is to be done, or give --goal repair, rightsize or clean-up")),
        };
    }
    if !args.finding.is_empty() {
        return Ok(vec![Goal::of_findings(Which::Findings(args.finding.clone()), Vec::new())]);
    }
    let asked = |kind: &Kind| args.goal.is_empty() || args.goal.contains(kind);
    Ok(Kind::ALL.into_iter().filter(asked).map(|kind| kind.goal(Which::All)).collect())
}

/// What stands where a person's words stand, where nobody said a sentence: that, and what was asked for in its place.
fn unsaid(args: &RunArgs) -> String {
    let what = if args.plan.is_some() {
        "to carry out a plan from a file".to_owned()
    } else if !args.finding.is_empty() {
        format!("to answer these findings: {}", args.finding.join(", "))
    } else if args.goal.is_empty() {
        "for everything that the snapshot gives reason for".to_owned()
    } else {
        let kinds: Vec<&str> = args.goal.iter().map(|kind| kind.name()).collect();
        format!("for everything of these kinds that the snapshot gives reason for: {}", kinds.join(", "))
    };
    let what = model::sanitize(&what, 4_000);
    format!(
        "(Nobody said a sentence. Whoever ran `countersign agent run` asked {what}. The goal is the planner's.)"
    )
}

/// The plan's specification, written.
fn specified(
    args: &RunArgs,
    (plan, sort): (Plan, Sort),
    report: &Report,
    (words, said): (&str, Option<&str>),
) -> Result<(Plan, Folder), Failure> {
    let words = if words.is_empty() { unsaid(args) } else { words.to_owned() };
    let specified = Specified::of(Order { sort, plan: &plan, report, words: &words, said })?;
    let folder = Folder::begin(&args.dir, &plan, &specified)?;
    Ok((plan, folder))
}

#[cfg(test)]
mod tests {
    use findings::Parameters;
    use model::Timestamp;
    use serde_json::json;
    use snapshot::Builder;

    use super::*;

    /// A stack that is stuck, and nothing else that was read.
    fn account(at: Timestamp) -> String {
        let mut builder = Builder::new("123456789012", &["us-east-1"], Taken { from: at, until: at });
        let whole = snapshot::Outcome::Complete;
        let read = builder.read("cloudformation:DescribeStacks", "us-east-1", whole);
        let id = "arn:aws:cloudformation:us-east-1:123456789012:stack/stuck/1";
        let attributes = json!({ "StackName": "stuck", "StackStatus": "UPDATE_ROLLBACK_FAILED",
            "CreationTime": "2026-11-01T00:00:00Z" });
        builder.resource(read, [id, "cloudformation:stack", "stuck", "us-east-1"], &json!({}), attributes);
        builder.read_about("cloudformation:ListStackResources", id, whole);
        builder.to_text(at).unwrap()
    }

    #[test]
    fn a_goal_that_was_asked_for_and_has_no_plan_is_told_whatever_becomes_of_the_others() {
        let now: Timestamp = "2026-11-29T06:00:00Z".parse().unwrap();
        let text = account(now);
        let snapshot = Snapshot::parse(&text, now).unwrap();
        let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), now);
        let given = Given {
            snapshot: &snapshot,
            digest: Digest::of(text.as_bytes()),
            report: &report,
            now,
            before: None,
            stale_days: 7,
            asker: Asker::Person,
        };
        let check = |whose: Goals, kinds: &[Kind], plans: usize, failures: &[u8]| {
            let mut outcome = Outcome::default();
            let goals = kinds.iter().map(|kind| kind.goal(Which::All)).collect();
            let planned = planned(&given, goals, whose, &mut outcome);
            assert_eq!((each_once(planned).len(), outcome.failures.as_slice()), (plans, failures));
        };
        use Kind::{CleanUp, Repair};
        check(Goals::AskedFor, &[Repair], 1, &[]);
        check(Goals::AskedFor, &[Repair, CleanUp], 1, &[crate::failure::USAGE]);
        check(Goals::All, &[Repair, CleanUp], 1, &[]);
        check(Goals::All, &[CleanUp], 0, &[crate::failure::USAGE]);
        // Two goals that come to the same are carried out once.
        check(Goals::AskedFor, &[Repair, Repair], 1, &[]);
    }
}
