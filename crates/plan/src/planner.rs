//! From a goal to plans. One file a kind of goal; what they have in common (steps, packing, other ways) is beside this folder.

mod deploy;
mod found;
mod hours;
mod restore;
mod roll_back;

use std::collections::BTreeMap;

pub(crate) use deploy::{Wanted, members as change_members};
pub(crate) use found::{grace_is_over, parameters as own_parameters};

use findings::Report;
use model::Change;

use crate::{
    Given, Goal, Kind, Left, PlanError, Plans, Which,
    make::Maker,
    pack::{self, Unit},
};

/// What a goal leads to before it is packed.
#[derive(Debug, Default)]
struct Found {
    units: Vec<Unit>,
    left: Vec<Left>,
}

/// The plans for one goal.
///
/// # Errors
/// Where there is nothing to do, or where what it takes is not known; never a plan in its place that rests on less.
pub fn of(given: &Given<'_, '_>, goal: &Goal) -> Result<Plans, PlanError> {
    given.check()?;
    let maker = Maker::new(given);
    let mut found = match goal {
        Goal::Rightsize { of } => found::units(&maker, Kind::Rightsize, of, &[])?,
        Goal::CleanUp { of } => found::units(&maker, Kind::CleanUp, of, &[])?,
        Goal::Repair { of, networks } => found::units(&maker, Kind::Repair, of, networks)?,
        Goal::OffHours { .. } => hours::units(&maker, goal)?,
        Goal::Deploy(deploy) => deploy::units(&maker, deploy)?,
        Goal::RollBack(back) => roll_back::units(&maker, back)?,
        Goal::RestoreConfiguration { resource } => restore::units(&maker, resource.as_deref())?,
    };
    found.leave_too_long();
    found.left.sort();
    found.left.dedup();
    if found.units.is_empty() {
        return Err(PlanError::NothingToDo { left: found.left });
    }
    Ok(Plans { plans: pack::plans(given, found.units), left: found.left })
}

/// The plans for everything that the findings are a reason for.
///
/// # Errors
/// As [`of`]; where one goal has nothing to do, the others still have.
pub fn all(given: &Given<'_, '_>) -> Result<Plans, PlanError> {
    given.check()?;
    let mut all = Plans { plans: Vec::new(), left: Vec::new() };
    for (goal, _) in goals(given.report) {
        match of(given, &goal) {
            Ok(plans) => {
                all.plans.extend(plans.plans);
                all.left.extend(plans.left);
            }
            Err(PlanError::NothingToDo { left }) => all.left.extend(left),
            Err(other) => return Err(other),
        }
    }
    match given.report.unjudged.first() {
        _ if !all.plans.is_empty() => Ok(all),
        Some(first) if given.report.findings.is_empty() => Err(PlanError::NotJudged {
            why: format!("{} in {}: {}", first.analyzer, first.region, first.why),
            reads: found::missing(&given.report.unjudged),
        }),
        Some(_) | None => Err(PlanError::NothingToDo { left: all.left }),
    }
}

/// The goals that a report is a reason for, each with the ids of its findings.
pub fn goals(report: &Report) -> Vec<(Goal, Vec<String>)> {
    let mut by_kind: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for finding in &report.findings {
        by_kind.entry(Kind::of(finding.analyzer)).or_default().push(finding.id.clone());
    }
    by_kind.into_iter().map(|(kind, ids)| (kind.goal(Which::All), ids)).collect()
}

impl Found {
    /// What hangs together is not torn apart.
    fn leave_too_long(&mut self) {
        let (kept, long): (Vec<_>, Vec<_>) = std::mem::take(&mut self.units)
            .into_iter()
            .partition(|unit| unit.steps.len() <= Change::MAX_STEPS);
        self.units = kept;
        for unit in long {
            let why = format!(
                "it takes {} steps, and a plan has at most {}: people take it in parts",
                unit.steps.len(),
                Change::MAX_STEPS
            );
            self.leave(&unit.goal, why);
        }
    }

    fn leave(&mut self, about: &str, why: impl Into<String>) {
        self.left.push(Left { about: about.to_owned(), why: why.into() });
    }
}
