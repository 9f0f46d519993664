//! What the store knows of a case, read in the decision's own transaction: the history, how free the session is, and what
//! was taken out of the bundle's allowances.

use std::collections::BTreeSet;

use model::{Change, ChangeId, Charge, History, LinkKind, PersonId, RuleRef, Session, Timestamp, Verdict};
use policy::{Bundle, Charges, Spent};
use store::{HistoryQuery, Tx};

use crate::{
    admit::{By, Purpose, Undoing},
    decide::{Book, DecideError},
    glass::{self, Broken},
    judge::{self, Case},
};

/// A change as it would be judged now.
pub(crate) struct Facts<'a> {
    bundle: &'a Bundle,
    change: &'a Change,
    session: &'a Session,
    purpose: &'a Purpose,
    now: Timestamp,
    autonomy: model::Autonomy,
    glass: Option<Broken>,
    history: History,
    charges: Vec<(usize, Charges)>,
    spent: Spent,
}

/// What the bundle allowed ahead of time, and what that takes out of its allowances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave {
    pub(crate) charges: Vec<Charge>,
    pub(crate) standing: BTreeSet<RuleRef>,
    /// The change that broke the glass of the session, while it is broken.
    pub(crate) glass: Option<ChangeId>,
}

impl<'a> Facts<'a> {
    pub(crate) fn read(
        tx: &Tx<'_>,
        book: &'a Book,
        change: &'a Change,
        session: &'a Session,
        purpose: &'a Purpose,
        now: Timestamp,
    ) -> Result<Self, DecideError> {
        let bundle = &*book.bundle;
        // What ran before is history itself: whose its targets were is decided.
        let pending = change.steps.iter().filter(|step| step.state == model::StepState::Pending);
        let targets = pending.flat_map(|step| store::Target::all(&step.action)).collect();
        // Carried out under another session, a change gets no more freedom than either of the two.
        let autonomy = match tx.session(change.session)? {
            Some(own) => own.autonomy.min(session.autonomy),
            None => session.autonomy,
        };
        // What was asked for in another session of the same agent has its own, or none.
        let root = if change.session == session.root() { tx.session(session.root())? } else { None };
        let glass = match &root {
            Some(root) => glass::of(tx, book, root, now)?,
            None => None,
        };
        let history = tx.history(&HistoryQuery {
            session: session.root(),
            agent: session.chain.agent.clone(),
            targets,
            since: now.plus_seconds(-bundle.limits().history_window_s),
        })?;
        let mut facts = Self {
            bundle,
            change,
            session,
            purpose,
            now,
            autonomy,
            glass,
            history,
            charges: Vec::new(),
            spent: Spent::new(),
        };
        facts.charges = judge::charges(bundle, &facts.case(&[]));
        facts.spent = facts.spent_with(tx)?;
        Ok(facts)
    }

    /// With these signatures.
    pub(crate) fn verdict(&self, approvals: &[(PersonId, approval::Manner)]) -> Verdict {
        judge::judge(self.bundle, &self.case(approvals))
    }

    /// Whether the rules ask nobody to agree, whoever vouches for it.
    pub(crate) fn asks_nobody(&self) -> bool {
        judge::asks_nobody(self.bundle, &self.case(&[]))
    }

    /// On what the step would rest if nobody had to agree to it.
    pub(crate) fn leave(&self, nth: usize) -> Leave {
        let own = self.charges.iter().filter(|(step, _)| *step == nth).map(|(_, charges)| charges);
        // What cannot be told passes only where no rule asks for a budget, and is not counted there.
        let sums = judge::sum(own).into_iter().filter(|(_, amount)| *amount != u64::MAX);
        Leave {
            charges: sums.map(|(allowance, amount)| Charge { allowance, amount }).collect(),
            standing: judge::standing(self.bundle, &self.case(&[])),
            glass: self.glass.as_ref().map(|broken| broken.change),
        }
    }

    fn case<'c>(&'c self, approvals: &'c [(PersonId, approval::Manner)]) -> Case<'c> {
        Case {
            chain: &self.change.chain,
            scope: &self.change.scope,
            session_scope: &self.session.scope,
            autonomy: self.autonomy,
            steps: &self.change.steps,
            approvals,
            history: self.history,
            replaces: self.change.links.iter().any(|link| link.kind == LinkKind::Recreates),
            // What stands in a rule's way when something is taken back moves for a person, and never for the agent that did it: it
            // could do beforehand what it may have undone later.
            undo: matches!(self.purpose, Purpose::Undo(Undoing { by: By::Person(_), .. })),
            now: self.now,
            spent: &self.spent,
            glass: self.glass.as_ref().map(|broken| &broken.glass),
        }
    }

    /// What others took out by now, and all that this change still has to take out: a loop in one change is a loop.
    fn spent_with(&self, tx: &Tx<'_>) -> Result<Spent, DecideError> {
        let pending = |nth: usize| {
            self.change.steps.get(nth).is_some_and(|step| step.state == model::StepState::Pending)
        };
        let wanted = self.charges.iter().filter(|(nth, _)| pending(*nth)).map(|(_, charges)| charges);
        let mut spent = judge::sum(wanted);
        for (allowance, sum) in &mut spent {
            let Some(window_s) = self.bundle.window_of(allowance) else { continue };
            let before = tx.charged(allowance, self.now.plus_seconds(-window_s))?;
            *sum = sum.saturating_add(before);
        }
        Ok(spent)
    }
}
