//! What the agent has specified and carried out, by the folders that it left: each with its tasks, what is proved of them, what was
//! checked and the change that it became. One page for all of them, and one for each.

use askama::Template;
use model::ChangeId;
use spec::{Matrix, Moment, Outcome, Proof, Record, Specification, State, Status, TaskStatus};

use super::{Frame, plans::Planned};
use crate::{
    shelf::{Read, Wrong},
    text::{Shown, encoded},
};

#[derive(Debug, Template)]
#[template(path = "runs.html")]
pub(crate) struct Runs {
    pub(crate) frame: Frame,
    /// Where they lie; `None` where nobody has said.
    pub(crate) place: Option<Shown>,
    /// Why that cannot be looked at.
    pub(crate) wrong: Option<Shown>,
    pub(crate) rows: Vec<Row>,
    pub(crate) more: usize,
}

#[derive(Debug)]
pub(crate) struct Row {
    name: Shown,
    link: String,
    goal: Option<Shown>,
    counts: Option<Counts>,
    change: Option<ChangeId>,
    /// The first of what is wrong with it, and how much more.
    wrong: Option<(Told, usize)>,
}

#[derive(Debug)]
struct Counts {
    tasks: usize,
    ticked: usize,
    proved: usize,
    records: usize,
    untraced: usize,
    next: Option<Shown>,
}

#[derive(Debug)]
struct Told {
    place: Shown,
    why: Shown,
    hint: &'static str,
}

#[derive(Debug, Template)]
#[template(path = "run.html")]
pub(crate) struct RunPage {
    pub(crate) frame: Frame,
    name: Shown,
    goal: Option<Shown>,
    change: Option<ChangeId>,
    wrong: Vec<Told>,
    of: Option<Shape>,
    planned: Planned,
    command: Option<Shown>,
}

/// What is said of one that can be read.
#[derive(Debug)]
struct Shape {
    told: Shown,
    /// Line by line.
    intent: Vec<Shown>,
    proved: usize,
    all: usize,
    tasks: Vec<Task>,
    more_tasks: usize,
    rows: Vec<Trace>,
    more_rows: usize,
    untraced: Vec<Shown>,
    more_untraced: usize,
    /// The newest last.
    records: Vec<Checked>,
    more_records: usize,
}

#[derive(Debug)]
struct Task {
    mark: &'static str,
    state: &'static str,
    id: Shown,
    title: Shown,
    optional: bool,
    proof: Shown,
    manner: &'static str,
}

#[derive(Debug)]
struct Trace {
    criterion: Shown,
    text: Shown,
    tasks: Shown,
    checks: Shown,
}

#[derive(Debug)]
struct Checked {
    seq: u64,
    at: Shown,
    task: Shown,
    check: Shown,
    moment: &'static str,
    outcome: &'static str,
    manner: &'static str,
    why: Shown,
}

const MOST_TASKS: usize = 300;
const MOST_ROWS: usize = 300;
const MOST_RECORDS: usize = 200;
const MOST_WRONG: usize = 50;
/// Lines of what somebody said.
const MOST_WORDS: usize = 40;

impl Row {
    pub(crate) fn of(read: &Read) -> Self {
        let wrong = read.wrong.first().map(|it| (Told::of(it), read.wrong.len().saturating_sub(1)));
        Self {
            name: Shown::of(&read.name),
            link: format!("/runs?spec={}", encoded(&read.name)),
            goal: goal(read),
            counts: read.spec.as_ref().map(Counts::of),
            change: read.change,
            wrong,
        }
    }
}

/// What its plan is for; without one, what the user said.
fn goal(read: &Read) -> Option<Shown> {
    let said = || read.spec.as_ref()?.intent()?.words().lines().find(|line| !line.trim().is_empty());
    read.plan.as_ref().map(|plan| plan.goal.as_str()).or_else(said).map(Shown::of)
}

impl Counts {
    fn of(spec: &Specification) -> Self {
        let status = Status::of(spec);
        Self {
            tasks: status.tasks.len(),
            ticked: status.tasks.iter().filter(|it| it.state == State::Done).count(),
            proved: status.proved(),
            records: status.records,
            untraced: status.untraced,
            next: status.next.map(Shown::of),
        }
    }
}

impl Told {
    fn of(it: &Wrong) -> Self {
        Self { place: Shown::of(&it.place), why: Shown::of(&it.why), hint: it.hint }
    }
}

impl RunPage {
    /// `place`: where the folder is, as a word of a shell.
    pub(crate) fn of(frame: Frame, read: &Read, place: Option<&Shown>) -> Self {
        let planned = match &read.plan {
            Some(plan) => Planned::of(std::iter::once(plan), &[], None),
            None => Planned::default(),
        };
        // What is all proved is over.
        let open = read.spec.as_ref().map(Status::of).is_some_and(|it| it.proved() < it.tasks.len());
        let command = place.filter(|_| open && read.plan.is_some() && read.wrong.is_empty());
        Self {
            frame,
            name: Shown::of(&read.name),
            goal: goal(read),
            change: read.change,
            wrong: read.wrong.iter().take(MOST_WRONG).map(Told::of).collect(),
            of: read.spec.as_ref().map(Shape::of),
            planned,
            command: command.map(|it| Shown::of(format!("countersign agent run --resume {it}"))),
        }
    }
}

impl Shape {
    fn of(spec: &Specification) -> Self {
        let (status, matrix) = (Status::of(spec), Matrix::of(spec));
        let records = spec.run().records();
        let old = records.len().saturating_sub(MOST_RECORDS);
        Self {
            told: Shown::of(status.told()),
            intent: spec
                .intent()
                .into_iter()
                .flat_map(|it| it.words().lines())
                .take(MOST_WORDS)
                .map(Shown::of)
                .collect(),
            proved: status.proved(),
            all: status.tasks.len(),
            tasks: status.tasks.iter().take(MOST_TASKS).map(Task::of).collect(),
            more_tasks: status.tasks.len().saturating_sub(MOST_TASKS),
            rows: matrix.rows.iter().take(MOST_ROWS).map(Trace::of).collect(),
            more_rows: matrix.rows.len().saturating_sub(MOST_ROWS),
            untraced: crate::text::all(matrix.untraced.iter().take(MOST_ROWS)),
            more_untraced: matrix.untraced.len().saturating_sub(MOST_ROWS),
            records: records.iter().skip(old).map(Checked::of).collect(),
            more_records: old,
        }
    }
}

impl Task {
    fn of(task: &TaskStatus) -> Self {
        Self {
            mark: task.state.mark(),
            state: match task.state {
                State::Todo => "to do",
                State::InProgress => "in progress",
                State::Done => "ticked",
            },
            id: Shown::of(&task.id),
            title: Shown::of(&task.title),
            optional: task.optional,
            proof: Shown::of(task.told()),
            manner: match (&task.proof, task.state) {
                (Proof::Passed, _) => "yes",
                (Proof::Lacks(_), State::Done) => "no",
                (Proof::Lacks(_), State::Todo | State::InProgress) => "",
            },
        }
    }
}

impl Trace {
    fn of(row: &spec::Row) -> Self {
        fn list<T: ToString>(all: &[T]) -> Shown {
            if all.is_empty() {
                return Shown::of("–");
            }
            Shown::of(all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Self {
            criterion: Shown::of(row.criterion),
            text: Shown::of(&row.text),
            tasks: list(&row.tasks),
            checks: list(&row.checks),
        }
    }
}

impl Checked {
    fn of(record: &Record) -> Self {
        let (outcome, manner, why) = match record.outcome() {
            Outcome::Passed { evidence } => ("passed", "yes", format!("evidence {}", evidence.short())),
            Outcome::Failed { evidence, why } => {
                ("failed", "no", format!("{why}; evidence {}", evidence.short()))
            }
            Outcome::Unknown { why } => ("not known", "no", why.clone()),
        };
        Self {
            seq: record.seq(),
            at: Shown::of(record.at()),
            task: Shown::of(record.task()),
            check: Shown::of(record.check()),
            moment: match record.moment() {
                Moment::Before => "before",
                Moment::After => "after",
            },
            outcome,
            manner,
            why: Shown::of(why),
        }
    }
}
