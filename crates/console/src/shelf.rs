//! Specifications that lie in a folder, for the page of the agent's runs: what is in each, or where it is malformed. Who reads files is the
//! caller, within its bounds; here their bytes become what is shown. Nothing rests on it.

use std::fmt;

use model::{ChangeId, Digest};
use plan::{Plan, Problem};
use spec::{Files, OfChange, Specification, Unreadable, layout};

/// Reads the folders. It follows no link, and reads no more of a file than its bound.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// In words, for people.
    fn place(&self) -> String;

    /// The newest, each with its files; and how many more there are.
    ///
    /// # Errors
    /// Why the place cannot be looked at.
    fn look(&self) -> Result<(Vec<Folder>, usize), String>;

    /// One of them; `None` where none that stands there has this name.
    fn folder(&self, name: &str) -> Option<Folder>;
}

/// What was read of one folder.
#[derive(Debug)]
pub struct Folder {
    /// Whatever somebody called it.
    pub name: String,
    pub files: Files,
    /// Files that were not read, and why; of the folder itself: no name.
    pub unread: Vec<(String, String)>,
}

/// The files that a folder is read for.
pub const WANTED: [&str; 8] = [
    layout::REQUIREMENTS,
    layout::BUGFIX,
    layout::DESIGN,
    layout::TASKS,
    layout::INTENT,
    layout::RUN,
    layout::PLAN,
    layout::CHANGE,
];

/// How much of each.
pub fn most(name: &str) -> usize {
    match name {
        layout::PLAN => plan::MOST_BYTES,
        layout::CHANGE => OfChange::MOST,
        other => layout::bounds(other).bytes,
    }
}

/// A folder, read as what it says it is.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) name: String,
    /// Where there is none, `wrong` says why.
    pub(crate) spec: Option<Specification>,
    pub(crate) change: Option<ChangeId>,
    pub(crate) plan: Option<Plan>,
    pub(crate) wrong: Vec<Wrong>,
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// As `tasks.md:3:1`.
    pub(crate) place: String,
    pub(crate) why: String,
    pub(crate) hint: &'static str,
}

impl Read {
    pub(crate) fn of(folder: Folder) -> Self {
        let Folder { name, files, unread } = folder;
        let mut wrong: Vec<Wrong> =
            unread.into_iter().map(|(place, why)| Wrong { place, why, hint: "" }).collect();
        // Of half a folder nothing is said: what is missing could be what counts.
        let spec = if wrong.is_empty() { specification(&files, &mut wrong) } else { None };
        let change = files.get(layout::CHANGE).and_then(|bytes| change(bytes, &mut wrong));
        let plan = files.get(layout::PLAN).and_then(|bytes| plan_of(bytes, &mut wrong));
        let (of, change) = change.unzip();
        if let (Some(plan), Some(of)) = (&plan, of)
            && plan.id != of
        {
            wrong.push(at(layout::CHANGE, "it is of another plan than plan.json"));
        }
        Self { name, spec, change, plan, wrong }
    }
}

fn specification(files: &Files, wrong: &mut Vec<Wrong>) -> Option<Specification> {
    match Specification::read(files) {
        Ok(spec) => Some(spec),
        Err(err @ Unreadable::NoSpecification) => {
            let hint = "a specification has requirements.md or bugfix.md";
            wrong.push(Wrong { place: String::new(), why: err.to_string(), hint });
            None
        }
        Err(Unreadable::Malformed(problems)) => {
            wrong.extend(problems.iter().map(|it| Wrong {
                place: format!("{}:{}:{}", it.file, it.line, it.column),
                why: format!("{} [{}]", it.cause, it.code()),
                hint: it.hint(),
            }));
            None
        }
    }
}

fn change(bytes: &[u8], wrong: &mut Vec<Wrong>) -> Option<(Digest, ChangeId)> {
    let why = match serde_json::from_slice::<OfChange>(bytes) {
        _ if bytes.len() > OfChange::MOST => format!("it has more than {} bytes", OfChange::MOST),
        Ok(of) if of.is_known() => return Some((of.plan, of.change)),
        Ok(_) => "it is of a form that is not known".to_owned(),
        Err(err) => err.to_string(),
    };
    wrong.push(at(layout::CHANGE, &why));
    None
}

/// What the plan says of itself is computed again, as of any plan.
fn plan_of(bytes: &[u8], wrong: &mut Vec<Wrong>) -> Option<Plan> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        wrong.push(at(layout::PLAN, "it is no UTF-8 text"));
        return None;
    };
    match plan::read(text) {
        Ok(plan) => Some(plan),
        Err(problems) => {
            wrong.extend(problems.iter().take(MOST_PROBLEMS).map(|Problem { place, what }| Wrong {
                place: format!("{}: {place}", layout::PLAN),
                why: what.clone(),
                hint: "",
            }));
            None
        }
    }
}

const MOST_PROBLEMS: usize = 20;

fn at(file: &str, why: &str) -> Wrong {
    Wrong { place: file.to_owned(), why: why.to_owned(), hint: "" }
}
