//! What is near to a held change and would need nobody, found by judging it: the same elsewhere, or some of its actions without the
//! others. Nothing of it is recorded, and no verdict rests on it.
//!
//! It is sound in one direction. Whatever the session has done counts as the most that anybody could have done, and each allowance as
//! used up: what is found here is allowed however that stands, and what an allowance lets through is not found.

use model::{
    Change, ChangeState, Environment, History, LinkKind, Marks, Session, Step, Tags, Timestamp, Verdict,
};
use policy::{Bundle, Spent};

use crate::{
    Engine,
    judge::{self, Case},
};

/// More questions than this are not worth one look at a page.
const PARTS: usize = 200;

impl Engine {
    /// In sentences; none for what is not held, or where nothing is found. `session`: which would carry it out.
    ///
    /// # Errors
    /// Where there is no trustworthy time.
    pub fn nearest(&self, change: &Change, session: &Session) -> Result<Vec<String>, model::Fault> {
        let own = change.erases.is_some() || change.adopts.is_some() || change.breaks.is_some();
        if own || change.state != ChangeState::Held || !matches!(change.verdict, Verdict::Hold(_)) {
            return Ok(Vec::new());
        }
        let inner = |step: &Step| step.observation.as_ref().map_or(0, |it| it.inner.len());
        if change.steps.iter().map(|step| inner(step).saturating_add(1)).sum::<usize>() > PARTS {
            return Ok(Vec::new());
        }
        let near = Near { bundle: &self.bundle(), change, session, now: self.now()? };
        Ok(near.elsewhere().into_iter().chain(near.alone()).collect())
    }
}

struct Near<'a> {
    bundle: &'a Bundle,
    change: &'a Change,
    session: &'a Session,
    now: Timestamp,
}

impl Near<'_> {
    /// The same in an environment that is not production.
    fn elsewhere(&self) -> Option<String> {
        if !self.change.environment.production {
            return None;
        }
        let others = self.bundle.environments().filter(|it| !it.production);
        let passes = |to: &Environment| self.moved(to).is_some_and(|steps| self.passes(&steps));
        let found: Vec<String> = others.filter(passes).map(|it| it.name.to_string()).collect();
        (!found.is_empty()).then(|| format!("in {} the same would need nobody", found.join(" or ")))
    }

    /// Some of its actions, each asked for without the others.
    fn alone(&self) -> Option<String> {
        let steps = &self.change.steps;
        if steps.len() < 2 {
            return None;
        }
        let passes = |step: &Step| self.passes(std::slice::from_ref(step));
        let found: Vec<String> =
            steps.iter().zip(1..).filter(|(step, _)| passes(step)).map(|(_, nth)| nth.to_string()).collect();
        let which = match found.as_slice() {
            [] => return None,
            [one] => format!("action {one}"),
            some if some.len() == steps.len() => "each action".to_owned(),
            some => format!("each of the actions {}", some.join(", ")),
        };
        Some(format!("{which} would need nobody if it were asked for alone"))
    }

    /// Its steps in an account of that environment; `None` where it has none, or names and tags could make something else of it.
    fn moved(&self, to: &Environment) -> Option<Vec<Step>> {
        let account = self.bundle.accounts_of(to).next()?;
        let moved = self.change.steps.iter().cloned().map(|mut step| {
            let listed = step.listed.take().unwrap_or(step.action.effects);
            step.action.effects = judge::as_undoable(listed, step.action.undo, to, step.undo.is_some());
            step.listed = (listed != step.action.effects).then_some(listed);
            step.environment = to.clone();
            step.action.account = account.clone();
            let inner = step.observation.iter().flat_map(|it| &it.inner).flat_map(|it| &it.resources);
            let marks = Marks::default();
            let landing = judge::landing(self.bundle, &step.action, &marks, inner, Some(&Tags::Unread));
            let stays = landing.environment == *to && !landing.changes_the_map;
            stays.then_some(step)
        });
        moved.collect()
    }

    fn passes(&self, steps: &[Step]) -> bool {
        let most = u32::MAX;
        let case = |spent| Case {
            chain: &self.change.chain,
            scope: &self.change.scope,
            session_scope: &self.session.scope,
            autonomy: self.session.autonomy,
            steps,
            approvals: &[],
            history: History {
                destroys: most,
                agent_destroys: most,
                protections_lowered: most,
                backups_touched: most,
                data_destroyed: most,
                created_by_session: false,
            },
            replaces: self.change.links.iter().any(|it| it.kind == LinkKind::Recreates),
            undo: false,
            now: self.now,
            spent,
            glass: None,
        };
        let nothing = Spent::new();
        let charges = judge::charges(self.bundle, &case(&nothing));
        let spent = judge::sum(charges.iter().map(|(_, charges)| charges));
        let spent: Spent = spent.into_keys().map(|allowance| (allowance, u64::MAX)).collect();
        judge::judge(self.bundle, &case(&spent)) == Verdict::Allow
    }
}
