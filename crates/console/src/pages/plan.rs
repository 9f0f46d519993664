//! The plan for one finding, as `countersign plan --finding` makes it; or why there is none.

use agent::Rules;
use askama::Template;
use findings::Finding;
use model::Timestamp;
use plan::{Given, Goal, PlanError, Plans, Which};

use super::{Frame, findings::Of, plans::Planned};
use crate::{
    estate::Seen,
    text::{Shown, quoted},
};

/// Bytes of a finding's id: its analyzer, and the id of a resource.
pub(crate) const MOST: usize = 4096;

#[derive(Debug, Template)]
#[template(path = "plan.html")]
pub(crate) struct PlanPage {
    pub(crate) frame: Frame,
    of: Of,
    /// Of which finding it is.
    about: Option<About>,
    /// Why there is no plan.
    none: Option<(Shown, Shown)>,
    planned: Planned,
    command: Option<Shown>,
}

#[derive(Debug)]
struct About {
    id: Shown,
    title: Option<Shown>,
    name: Shown,
}

/// What the planner says of one finding.
#[derive(Debug)]
pub(crate) struct Sought {
    finding: Option<(String, String)>,
    plans: Result<Plans, PlanError>,
}

impl Sought {
    pub(crate) fn of(id: &str, given: &Given<'_, '_>) -> Self {
        let told = |it: &Finding| (it.title.to_string(), it.resource.name.clone());
        Self {
            finding: given.report.findings.iter().find(|it| it.id == id).map(told),
            plans: plan::of(given, &Goal::of_findings(Which::Findings(vec![id.to_owned()]), Vec::new())),
        }
    }
}

impl PlanPage {
    /// Of no finding, or with why it was not looked for.
    pub(crate) fn empty(frame: Frame, seen: &Seen, wrong: Option<(String, String)>, now: Timestamp) -> Self {
        Self {
            frame,
            of: Of::seen(seen, now),
            about: None,
            none: wrong.map(|(why, hint)| (Shown::of(why), Shown::of(hint))),
            planned: Planned::default(),
            command: None,
        }
    }

    pub(crate) fn of(frame: Frame, seen: &Seen, id: &str, sought: &Sought, rules: Rules<'_>) -> Self {
        let empty = Self::empty(frame, seen, None, rules.now);
        let (title, name) =
            sought.finding.as_ref().map(|(title, name)| (Shown::of(title), Shown::of(name))).unzip();
        let about = Some(About { id: Shown::of(id), title, name: name.unwrap_or_default() });
        match &sought.plans {
            Ok(plans) => Self {
                about,
                planned: Planned::of(plans.plans.iter(), &plans.left, Some(rules)),
                command: quoted(id).map(|it| Shown::of(format!("countersign agent run --finding {it}"))),
                ..empty
            },
            Err(err) => Self { about, none: Some((Shown::of(err), Shown::of(err.hint()))), ..empty },
        }
    }
}
