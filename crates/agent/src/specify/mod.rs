//! From a plan to a specification: what is wanted in EARS, how it holds together, and tasks that are the plan's steps with the plan's
//! checks. The words are this program's, and the figures the plan's: the same plan and the same intent make the same files, byte for byte. What a
//! language model said of it stands in the design, marked as that.
//!
//! What a machine will verify stands under each task as the check of that id in the plan; what shall continue is [`guards`].

mod design;
mod guard;
mod held;
mod outline;
mod tasks;
mod wanted;
mod words;

use findings::Report;
use plan::Plan;
use spec::{Files, Intent, IntentError, Sort, SpecName, layout};

pub use guard::{Guard, Measured, guards};
pub use held::{Held, NotHeld};
use outline::Outline;
pub use outline::answered;

/// What a specification is written of.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Something new, or something that is to be right again.
    pub sort: Sort,
    pub plan: &'a Plan,
    /// Of the snapshot that the plan was made of.
    pub report: &'a Report,
    /// What the person said, byte for byte.
    pub words: &'a str,
    /// What a language model said of it, where one was asked: prose of the design, marked as its words, outside of everything that is checked.
    pub said: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum SpecifyError {
    #[error(transparent)]
    Intent(#[from] IntentError),
    #[error("step `{0}`: its id is no task's: `1`, `1.2` or `1.2.3`")]
    StepId(String),
    #[error("step {0} is there twice")]
    StepTwice(String),
    #[error("step {0} has steps below it, so nothing could say when it is done")]
    StepAbove(String),
    #[error("check `{0}` has a name that is none, or is there twice")]
    CheckId(String),
    #[error("a plan of {steps} steps; a specification has at most {MOST_STEPS}")]
    TooManySteps { steps: usize },
    #[error("a plan without a step is nothing to specify")]
    NoSteps,
    #[error("what was written of the plan cannot be read: {0}")]
    Unread(String),
    #[error("writing {0}")]
    Written(&'static str, #[source] serde_json::Error),
}

/// More than one person reads with care.
const MOST_STEPS: usize = 400;

/// # Errors
/// [`SpecifyError`]: a plan that could not be carried out as tasks, or words that are no intent.
pub fn specify(order: Order<'_>) -> Result<Files, SpecifyError> {
    let intent = Intent::new(order.words)?;
    let outline = Outline::of(order.plan, order.report)?;
    let mut found = order.report.clone();
    found.findings.retain(|finding| order.plan.basis.findings.contains(&finding.id));
    found.recount();
    let (wanted, text) = match order.sort {
        Sort::Feature => (layout::REQUIREMENTS, wanted::requirements(&outline, &order)),
        Sort::Bugfix => (layout::BUGFIX, wanted::bugfix(&outline, &order)),
    };
    let files = [
        (wanted, text),
        (layout::DESIGN, design::text(&outline, &order)),
        (layout::TASKS, tasks::text(&outline, order.sort)),
        (layout::INTENT, intent.file()),
        (layout::FINDINGS, json(layout::FINDINGS, &found)?),
        (layout::PLAN, json(layout::PLAN, order.plan)?),
    ];
    Ok(files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into())
}

/// What the folder is called: the goal's words.
pub fn folder(plan: &Plan) -> Option<SpecName> {
    let words: String = plan
        .goal
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { ' ' })
        .collect();
    let mut name = String::new();
    for word in words.split_whitespace() {
        if name.len() + word.len() >= 48 {
            break;
        }
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(word);
    }
    name.parse().ok()
}

fn json<T: serde::Serialize>(name: &'static str, value: &T) -> Result<String, SpecifyError> {
    let text = serde_json::to_string_pretty(value).map_err(|err| SpecifyError::Written(name, err))?;
    Ok(text + "\n")
}
