//! `countersign ask`: one question, or one a line. What is understood is said first; an answer is made of the snapshot, and what is to be done
//! becomes a plan that is shown, and written as a specification where that is asked for. Nothing here asks for a change.

mod markdown;
#[cfg(feature = "llm")]
mod model;
mod show;
mod write;

use std::{
    io::{BufRead as _, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use ::model::{Digest, sanitize};
use agent::{Asked, Claim, Event, Facts, Proposed, Reach, asked};
use engine::{Clock as _, SystemClock};
use findings::{Prices, Report, analyse};
use plan::{Asker, Given, Left};
use serde::Serialize;

use super::findings::{MOST_SNAPSHOT, parameters, prices, snapshot, text_of};
#[cfg(feature = "llm")]
use crate::{agent::Agent, identity::variable};
use crate::{
    cli::{Format, ask::AskArgs},
    failure::Failure,
    output,
};

/// A question is a sentence or two.
const MOST_QUESTION: usize = 16 * 1024;

/// What became of one question.
#[derive(Debug, Default, Serialize)]
pub(super) struct Outcome {
    question: String,
    /// `catalogue`, or the model's name.
    by: String,
    /// In plain words; empty where a model answered.
    understood: String,
    /// Markdown.
    pub(super) answer: String,
    plans: Vec<plan::Plan>,
    /// What no plan does, and why.
    pub(super) left: Vec<Left>,
    /// Folders that were written.
    specifications: Vec<String>,
    /// What a model says that only people, checks or rules can make so.
    claims: Vec<Claim>,
    pub(super) record: Vec<Event>,
    /// Why a model gave no answer; then the catalogue did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_failed: Option<String>,
    /// A model's answer, also where it was shown while it arrived.
    #[serde(skip)]
    pub(super) said: Option<String>,
    #[serde(skip)]
    pub(super) proposed: Vec<Proposed>,
}

/// What every question is asked of.
pub(super) struct Desk<'d> {
    pub(super) facts: Facts<'d, 'd>,
    pub(super) given: &'d Given<'d, 'd>,
    pub(super) format: Format,
    /// Who is asked how a change stands; `None`: nobody.
    #[cfg(feature = "llm")]
    pub(super) agent: Option<&'d Agent>,
}

pub(super) async fn run(args: &AskArgs, format: Format) -> Result<ExitCode, Failure> {
    let parameters = parameters(args.snapshot.parameters.as_deref())?;
    let prices = prices(args.snapshot.prices.as_deref())?;
    let text = text_of(&args.snapshot.from, MOST_SNAPSHOT)?;
    let old = args.before.as_deref().map(|file| text_of(file, MOST_SNAPSHOT)).transpose()?;
    let now = SystemClock.now();
    let before = match (&old, &args.before) {
        (Some(text), Some(file)) => Some(snapshot(text, now, file)?),
        _ => None,
    };
    let snapshot = snapshot(&text, now, &args.snapshot.from)?;
    let report: Report = analyse(&snapshot, &parameters, &prices, now);
    let given = Given {
        snapshot: &snapshot,
        digest: Digest::of(text.as_bytes()),
        report: &report,
        now,
        before: before.as_ref(),
        stale_days: parameters.stale_days,
        asker: Asker::Person,
    };
    let prices: &Prices = &prices;
    // Without a session's credentials nobody is asked.
    #[cfg(feature = "llm")]
    let agent = variable("COUNTERSIGN_AGENT_URL").and_then(|_| Agent::from_environment().ok());
    #[cfg(feature = "llm")]
    let reach = if agent.is_some() { Reach::Server } else { Reach::SnapshotAlone };
    #[cfg(not(feature = "llm"))]
    let reach = Reach::SnapshotAlone;
    let desk = Desk {
        facts: Facts { snapshot: &snapshot, report: &report, prices },
        given: &given,
        format,
        #[cfg(feature = "llm")]
        agent: agent.as_ref(),
    };
    let top = args.specify.as_deref().unwrap_or(Path::new("."));
    let mut helper = Helper::of(args.model.as_deref(), top, reach)?;
    match &args.question {
        Some(question) => one(&desk, args, &mut helper, question).await,
        None => each(&desk, args, &mut helper).await,
    }
}

/// Every line of the input, until it ends.
async fn each(desk: &Desk<'_>, args: &AskArgs, helper: &mut Helper) -> Result<ExitCode, Failure> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut code = ExitCode::SUCCESS;
    loop {
        if terminal {
            output::passing("? ");
        }
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.map_err(|err| Failure::usage(format!("the question cannot be read: {err}")))? == 0 {
            return Ok(code);
        }
        let line = line.trim();
        if terminal && line.is_empty() {
            return Ok(code);
        }
        if !line.is_empty() {
            code = one(desk, args, helper, line).await?;
        }
    }
}

async fn one(
    desk: &Desk<'_>,
    args: &AskArgs,
    helper: &mut Helper,
    question: &str,
) -> Result<ExitCode, Failure> {
    if question.len() > MOST_QUESTION {
        return Err(Failure::usage(format!("a question has at most {MOST_QUESTION} bytes")));
    }
    let mut outcome = helper.asked(desk, question).await?;
    if let Some(top) = &args.specify {
        write::all(top, question, desk.facts.report, &mut outcome)?;
    }
    outcome.plans = outcome.proposed.iter().map(|it| it.plan.clone()).collect();
    match desk.format {
        Format::Json => output::json(&outcome)?,
        Format::Human => show::outcome(&outcome),
    }
    Ok(ExitCode::SUCCESS)
}

/// Who understands a question.
pub(super) enum Helper {
    Catalogue,
    #[cfg(feature = "llm")]
    Model(Box<model::Model>),
}

impl Helper {
    #[cfg(feature = "llm")]
    pub(super) fn of(model: Option<&Path>, top: &Path, reach: Reach) -> Result<Self, Failure> {
        match model {
            None => Ok(Self::Catalogue),
            Some(file) => Ok(Self::Model(Box::new(model::Model::read(file, top, reach)?))),
        }
    }

    #[cfg(not(feature = "llm"))]
    pub(super) fn of(model: Option<&Path>, _: &Path, _: Reach) -> Result<Self, Failure> {
        match model {
            None => Ok(Self::Catalogue),
            Some(_) => Err(Failure::usage("this program was built without a language model")
                .hint("without --model and $COUNTERSIGN_MODEL, a closed catalogue is understood; or build it with `--features llm`")),
        }
    }

    pub(super) async fn asked(&mut self, desk: &Desk<'_>, question: &str) -> Result<Outcome, Failure> {
        match self {
            Self::Catalogue => Ok(by_catalogue(desk, question)),
            #[cfg(feature = "llm")]
            Self::Model(model) => model.asked(desk, question).await,
        }
    }
}

fn by_catalogue(desk: &Desk<'_>, question: &str) -> Outcome {
    let Asked { understood, answer, proposed, left } = asked(question, desk.facts, desk.given);
    Outcome {
        question: sanitize(question, 2_000),
        by: "catalogue".into(),
        understood: understood.said(),
        answer,
        proposed,
        left,
        ..Outcome::default()
    }
}
