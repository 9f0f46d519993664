//! What a call asks for, read from its arguments into what the rest can work with; and why it is not carried out.

use findings::By;
use plan::{Call, Deploy, Goal, PlanError, Refused, RollBack, Which};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::catalogue::{Question, analyzer_named, kind_named};

pub(super) enum Wanted {
    Question(Question),
    Resource(String),
    Change(String),
    Goal(Goal),
    Steps { calls: Vec<(Call, String)>, why: String },
}

/// In words that are told to the model, kept in the record, and shown to the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no tool of that name")]
    NoTool,
    #[error("the arguments do not fit: {0}")]
    Arguments(String),
    #[error("the snapshot has no `{0}`: what is not there is not planned with")]
    NotThere(String),
    #[error("`{0}` means more than it names: a step names each thing that it is about")]
    Wide(String),
    #[error("{0} would change rights: no such step is planned on a model's word")]
    Rights(String),
    #[error("there are {0} plans already, which is the most")]
    TooMany(usize),
    #[error(
        "there are {plans} plans for it, and only {free} more are kept; name what it is to be for, and fewer"
    )]
    NoRoom { plans: usize, free: usize },
    #[error("this cannot be planned: {0}")]
    Refused(#[from] Refused),
    #[error("{error}; {}", error.hint())]
    Planner {
        #[from]
        error: PlanError,
    },
}

pub(super) fn read(tool: &str, arguments: &Map<String, Value>) -> Result<Wanted, Refusal> {
    match tool {
        "inventory" => {
            let Inventory { kind } = of(arguments)?;
            let kind = kind
                .map(|it| kind_named(&it).ok_or_else(|| misfit("there is no kind of that name")))
                .transpose()?;
            Ok(Wanted::Question(Question::Inventory(kind)))
        }
        "findings" => {
            let Findings { analyzer } = of(arguments)?;
            let analyzer = analyzer
                .map(|it| analyzer_named(&it).ok_or_else(|| misfit("there is no analyzer of that name")))
                .transpose()?;
            Ok(Wanted::Question(Question::Findings(analyzer.into_iter().collect())))
        }
        "costs" => {
            let Costs { by, tag } = of(arguments)?;
            let by = match (by.as_str(), tag) {
                ("service", None) => By::Service,
                ("finding", None) => By::Finding,
                ("tag", Some(key)) => By::Tag(key),
                _ => return Err(misfit("`tag` goes with by = tag, and with nothing else")),
            };
            Ok(Wanted::Question(Question::Costs(by)))
        }
        "explain" => of(arguments).map(|Explain { finding }| Wanted::Question(Question::Explain(finding))),
        "resource" => of(arguments).map(|Named { name }| Wanted::Resource(name)),
        "change_status" => of(arguments).map(|Change { change }| Wanted::Change(change)),
        "propose_plan" => goal(of(arguments)?).map(Wanted::Goal),
        "propose_steps" => steps(of(arguments)?),
        _ => Err(Refusal::NoTool),
    }
}

fn of<T: for<'de> Deserialize<'de>>(arguments: &Map<String, Value>) -> Result<T, Refusal> {
    // Of what serde says, only the kind: the rest may repeat what a model wrote.
    serde_json::from_value(Value::Object(arguments.clone()))
        .map_err(|_| misfit("they are not what the tool takes"))
}

fn misfit(why: &str) -> Refusal {
    Refusal::Arguments(why.to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inventory {
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Findings {
    analyzer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Costs {
    by: String,
    tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    finding: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    change: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aim {
    goal: String,
    analyzer: Option<String>,
    resources: Option<Vec<String>>,
    findings: Option<Vec<String>>,
    name: Option<String>,
    task_definition: Option<String>,
}

fn goal(aim: Aim) -> Result<Goal, Refusal> {
    let Aim { goal, analyzer, resources, findings, name, task_definition } = aim;
    let which = |analyzer: Option<String>, resources, findings| match (analyzer, resources, findings) {
        (None, None, None) => Ok(Which::All),
        (Some(it), None, None) => analyzer_named(&it)
            .map(|it| Which::Analyzer(it.to_owned()))
            .ok_or_else(|| misfit("there is no analyzer of that name")),
        (None, Some(all), None) => Ok(Which::Resources(all)),
        (None, None, Some(all)) => Ok(Which::Findings(all)),
        _ => Err(misfit("`analyzer`, `resources` and `findings` exclude each other")),
    };
    let kind = plan::Kind::ALL.into_iter().find(|it| it.name() == goal);
    if let Some(kind) = kind {
        if name.is_some() || task_definition.is_some() {
            return Err(misfit("this goal takes neither `name` nor `task_definition`"));
        }
        return Ok(kind.goal(which(analyzer, resources, findings)?));
    }
    if analyzer.is_some() || resources.is_some() || findings.is_some() {
        return Err(misfit("this goal takes `name`"));
    }
    match (goal.as_str(), name, task_definition) {
        ("roll-back-service", Some(service), to) => Ok(Goal::RollBack(RollBack::Service { service, to })),
        ("roll-back-stack", Some(stack), None) => Ok(Goal::RollBack(RollBack::Stack { stack })),
        ("deploy-service", Some(service), Some(task_definition)) => {
            Ok(Goal::Deploy(Deploy::Service { service, task_definition }))
        }
        ("restore-configuration", resource, None) => Ok(Goal::RestoreConfiguration { resource }),
        _ => Err(misfit("something that this goal needs is missing, or something else is there")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    why: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    service: String,
    operation: String,
    region: String,
    parameters: String,
    why: String,
}

/// A change has at most as many.
const MOST_STEPS: usize = 20;

fn steps(Steps { why, steps }: Steps) -> Result<Wanted, Refusal> {
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(misfit("a plan has 1 to 20 steps"));
    }
    let call = |Step { service, operation, region, parameters, why }: Step| {
        let parameters: Value =
            serde_json::from_str(&parameters).map_err(|_| misfit("`parameters` is no JSON"))?;
        if !parameters.is_object() {
            return Err(misfit("`parameters` is a JSON object"));
        }
        Ok((Call { service, operation, region, parameters }, why))
    };
    Ok(Wanted::Steps { calls: steps.into_iter().map(call).collect::<Result<_, _>>()?, why })
}
