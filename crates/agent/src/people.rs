//! Whom a server's rules would ask for a plan, and for each other way to do the same: every call judged by a bundle as a server judges it, as far
//! as a snapshot shows what it is about. It says what to expect; what is asked for in the end, the server decides when the plan is proposed.

use std::collections::BTreeSet;

use findings::Judge;
use model::{
    Account, Action, Autonomy, Chain, Effect, EvidenceKind, History, NameError, Requirement, Tally,
    Timestamp, Verdict,
};
use plan::{People, Plan, Step};
use policy::{Ask, Bundle, ChangeFacts, Eligible, Spent};

/// What is asked, and when.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    pub bundle: &'r Bundle,
    pub now: Timestamp,
    pub law: Law<'r>,
}

/// How much of a bundle.
#[derive(Clone, Copy)]
pub enum Law<'r> {
    /// What it takes whoever asks, and whatever is granted.
    Constitution,
    /// All of it, for somebody.
    WithGrants {
        chain: &'r Chain,
        autonomy: Autonomy,
        /// Whom the roster could bring to sign.
        eligible: &'r Eligible<'r>,
    },
}

impl std::fmt::Debug for Law<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constitution => f.write_str("Constitution"),
            Self::WithGrants { chain, .. } => write!(f, "WithGrants({})", chain.agent),
        }
    }
}

impl Rules<'_> {
    /// Fills in whom the plan and each of its alternatives would take.
    pub fn fill(&self, plan: &mut Plan) {
        let account = &plan.basis.account;
        plan.people = Some(self.people(account, &plan.steps));
        for other in &mut plan.alternatives {
            other.people = Some(self.people(account, &other.steps));
        }
    }

    /// All of it is one change: what its strictest step takes, and nobody at all where one of them is denied or cannot be judged.
    pub fn people(&self, account: &str, steps: &[Step]) -> People {
        match self.verdict(account, steps) {
            Ok(verdict) => said(&verdict),
            Err(why) => People { count: None, why },
        }
    }

    fn verdict(&self, account: &str, steps: &[Step]) -> Result<Verdict, String> {
        let judge = Judge::new(account);
        let parts = steps.iter().map(|step| Part::of(&judge, step)).collect::<Result<Vec<_>, _>>()?;
        let change = ChangeFacts {
            destroys: count(parts.iter().filter(|part| part.destroys()).count()),
            steps: count(parts.len()),
            ..ChangeFacts::default()
        };
        let account = Account(account.to_owned());
        let mut verdict = Verdict::Allow;
        for (nth, part) in parts.iter().enumerate() {
            let judged = self.judged(&account, change, beside(&parts, nth), part);
            verdict = verdict.join(judged.map_err(|err| err.to_string())?);
        }
        Ok(verdict)
    }

    fn judged(
        &self,
        account: &Account,
        change: ChangeFacts,
        history: History,
        part: &Part<'_>,
    ) -> Result<Verdict, NameError> {
        let action = part.action.parts();
        let own = self.bundle.environment_of(account);
        let landed = self.bundle.landing(own, action.resources.iter(), part.action.marks(), None);
        let environment = &landed.environment;
        let (chain, autonomy, eligible) = match self.law {
            Law::Constitution => (anybody()?, Autonomy::default(), Tally::default()),
            Law::WithGrants { chain, autonomy, eligible } => {
                (chain.clone(), autonomy, eligible(chain, environment))
            }
        };
        let effects = part.step.effects;
        let ask = Ask {
            chain: &chain,
            autonomy,
            in_scope: true,
            operation: &action.operation,
            effects: if landed.changes_the_map { effects.with(Effect::Privilege) } else { effects },
            listed: action.effects,
            quantity: &action.quantity,
            exposure: action.exposure,
            resources: &action.resources,
            account,
            environment,
            change,
            approvals: &Tally::default(),
            eligible: &eligible,
            evidence: &BTreeSet::new(),
            gatherable: &EvidenceKind::ALL.into_iter().collect(),
            now: self.now,
            history,
            spent: &Spent::new(),
            glass: None,
        };
        Ok(match self.law {
            Law::Constitution => self.bundle.by_constitution(&ask),
            Law::WithGrants { .. } => self.bundle.decide(&ask),
        })
    }
}

/// A step, and what its call comes to.
struct Part<'s> {
    step: &'s Step,
    action: Action,
}

impl<'s> Part<'s> {
    fn of(judge: &Judge, step: &'s Step) -> Result<Self, String> {
        let call = &step.call;
        let action = judge.action(&call.service, &call.operation, &call.region, &call.parameters);
        Ok(Self { step, action: action.map_err(|err| err.to_string())? })
    }

    fn destroys(&self) -> bool {
        self.step.effects.contains(Effect::Destroy)
    }
}

/// What the rest of the plan would destroy counts as destroyed, as when all of it is proposed as one change.
fn beside(parts: &[Part<'_>], own: usize) -> History {
    let others: Vec<&Part<'_>> = parts
        .iter()
        .enumerate()
        .filter(|(nth, part)| *nth != own && part.destroys())
        .map(|(_, part)| part)
        .collect();
    let lost = |kinds: &[&str]| {
        let resources = others.iter().flat_map(|part| &part.action.parts().resources);
        count(resources.filter(|it| kinds.iter().any(|group| policy::lies_in(&it.kind, group))).count())
    };
    History {
        destroys: count(others.len()),
        agent_destroys: count(others.len()),
        data_destroyed: lost(&["data", "unknown"]),
        backups_touched: lost(&["backup"]),
        ..History::default()
    }
}

/// A constitution is asked about somebody, and tells nobody apart.
fn anybody() -> Result<Chain, NameError> {
    Ok(Chain {
        agent: "some-agent".parse()?,
        operator: "some-operator".parse()?,
        launcher: None,
        owner: None,
    })
}

fn said(verdict: &Verdict) -> People {
    let rules: BTreeSet<String> = verdict.rules().iter().map(|rule| rule.id.to_string()).collect();
    let mut why = vec![Vec::from_iter(rules).join(", ")];
    let count = match verdict {
        Verdict::Allow => Some(0),
        Verdict::Hold(hold) => {
            let besides = Requirement { people: 0, touched: 0, rendered: 0, ..hold.requirement.clone() };
            if besides != Requirement::default() {
                why.push(besides.to_string());
            }
            Some(hold.requirement.people)
        }
        Verdict::Deny(denial) => {
            why.extend(denial.fault.iter().map(ToString::to_string));
            None
        }
    };
    why.retain(|it| !it.is_empty());
    People { count, why: why.join("; ") }
}

fn count(all: usize) -> u32 {
    u32::try_from(all).unwrap_or(u32::MAX)
}
