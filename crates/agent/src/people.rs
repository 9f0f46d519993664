//! Whom a server's rules would ask for a plan, and for each other way to do the same: every call judged by a bundle as a server judges it, as far
//! as a snapshot shows what it is about. It says what to expect; what is asked for in the end, the server decides when the plan is proposed.

use std::collections::BTreeSet;

use findings::Judge;
use model::{
    Account, Autonomy, Chain, Effect, Environment, EvidenceKind, History, Tally, Timestamp, Verdict,
};
use plan::{People, Plan, Step};
use policy::{Ask, Bundle, ChangeFacts, Eligible, Spent};

/// By whose rules, and who asks.
pub struct Rules<'r> {
    pub bundle: &'r Bundle,
    pub chain: &'r Chain,
    pub autonomy: Autonomy,
    pub now: Timestamp,
    /// Whom the roster could bring to sign.
    pub eligible: &'r Eligible<'r>,
}

impl std::fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("bundle", &self.bundle.digest()).finish_non_exhaustive()
    }
}

impl Rules<'_> {
    /// Fills in whom the plan and each of its alternatives would take.
    pub fn fill(&self, plan: &mut Plan) {
        let judge = Judge::new(&plan.basis.account);
        let account = Account(plan.basis.account.clone());
        plan.people = Some(self.people(&judge, &account, &plan.steps));
        for other in &mut plan.alternatives {
            other.people = Some(self.people(&judge, &account, &other.steps));
        }
    }

    /// All of it is one change: what its strictest step takes, and nobody at all where one of them is denied.
    fn people(&self, judge: &Judge, account: &Account, steps: &[Step]) -> People {
        let destroys = steps.iter().filter(|step| step.effects.contains(Effect::Destroy)).count();
        let count = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
        let change =
            ChangeFacts { destroys: count(destroys), steps: count(steps.len()), ..ChangeFacts::default() };
        let (mut people, mut rules, mut denied) = (0, BTreeSet::new(), BTreeSet::new());
        for step in steps {
            match self.verdict(judge, account, change, step) {
                Ok(Verdict::Allow) => {}
                Ok(Verdict::Hold(hold)) => {
                    people = hold.requirement.people.max(people);
                    rules.extend(hold.rules.iter().map(|rule| rule.id.to_string()));
                }
                Ok(Verdict::Deny(denial)) => {
                    denied.extend(denial.rules.iter().map(|rule| rule.id.to_string()));
                    denied.extend(denial.fault.iter().map(ToString::to_string));
                }
                Err(why) => {
                    denied.insert(why);
                }
            }
        }
        let listed = |all: BTreeSet<String>| all.into_iter().collect::<Vec<_>>().join(", ");
        if !denied.is_empty() {
            return People { count: None, why: format!("denied: {}", listed(denied)) };
        }
        People { count: Some(people), why: listed(rules) }
    }

    fn verdict(
        &self,
        judge: &Judge,
        account: &Account,
        change: ChangeFacts,
        step: &Step,
    ) -> Result<Verdict, String> {
        let call = &step.call;
        let action = judge
            .action(&call.service, &call.operation, &call.region, &call.parameters)
            .map_err(|err| err.to_string())?;
        let parts = action.parts();
        let own = self.bundle.environment_of(account);
        let landed = self.bundle.landing(own, parts.resources.iter(), action.marks(), None);
        let environment: &Environment = &landed.environment;
        let nobody = Tally::default();
        Ok(self.bundle.decide(&Ask {
            chain: self.chain,
            autonomy: self.autonomy,
            in_scope: true,
            operation: &parts.operation,
            effects: step.effects,
            listed: parts.effects,
            quantity: &parts.quantity,
            exposure: parts.exposure,
            resources: &parts.resources,
            account,
            environment,
            change,
            approvals: &nobody,
            eligible: &(self.eligible)(self.chain, environment),
            evidence: &BTreeSet::new(),
            gatherable: &EvidenceKind::ALL.into_iter().collect(),
            now: self.now,
            history: History::default(),
            spent: &Spent::new(),
            glass: None,
        }))
    }
}
