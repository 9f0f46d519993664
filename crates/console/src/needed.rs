//! Whom the constitution in force would ask for, of a plan's calls as the operation table knows them: for the page on which ways stand side
//! by side. An estimate for people, and said to be one; a change is judged when it is proposed, by all that is known of it then.

use std::{collections::BTreeSet, fmt::Write as _};

use findings::Judge;
use model::{Account, Effect, EffectSet, Kind, Tally, Timestamp, Verdict};
use plan::Step;
use policy::Bundle;

use crate::text::Shown;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'b> {
    pub(crate) bundle: &'b Bundle,
    pub(crate) now: Timestamp,
}

impl Rules<'_> {
    /// In words; `None` where nothing would be called.
    pub(crate) fn ask(self, account: &str, steps: &[Step]) -> Option<Shown> {
        if steps.is_empty() {
            return None;
        }
        Some(match self.judged(account, steps) {
            Some(Verdict::Allow) => Shown::of("nobody"),
            Some(Verdict::Hold(hold)) => Shown::of(hold.requirement),
            Some(Verdict::Deny(denial)) => {
                let why = denial.rules.first().map_or_else(String::new, |rule| format!(": {}", rule.reason));
                Shown::of(format!("not even with people, now{why}"))
            }
            None => Shown::of("not known"),
        })
    }

    /// The strictest of all steps; `None` where a call cannot be judged.
    fn judged(self, account: &str, steps: &[Step]) -> Option<Verdict> {
        let judge = Judge::new(account);
        let mut asked = BTreeSet::new();
        for step in steps {
            let call = &step.call;
            let judged = judge.call(&call.service, &call.operation, &call.region, &call.parameters).ok()?;
            let (effects, destroys) = (quoted(judged.effects), judged.effects.contains(Effect::Destroy));
            let kinds =
                if judged.kinds.is_empty() { BTreeSet::from([Kind::unknown()]) } else { judged.kinds };
            asked.extend(kinds.into_iter().map(|kind| One {
                effects: effects.clone(),
                destroys,
                kind,
                operation: format!("{}:{}", call.service, call.operation),
            }));
        }
        let lost = steps.iter().filter(|step| step.effects.contains(Effect::Destroy)).count();
        let text = self.described(account, &asked, (steps.len(), lost));
        let nobody = |_: &model::Chain, _: &model::Environment| Tally::default();
        let found = self.bundle.explain("the plan", &text, self.now, &nobody).ok()?;
        found.into_iter().map(|it| it.verdict).reduce(Verdict::join)
    }

    /// As a rule's examples describe requests, without an agent: then the constitution alone is asked.
    fn described(self, account: &str, asked: &BTreeSet<One>, (steps, lost): (usize, usize)) -> String {
        let environment = self.bundle.environment_of(&Account(account.to_owned()));
        let (name, production, now) = (&environment.name, environment.production, self.now);
        let mut text = String::new();
        for One { effects, destroys, kind, operation } in asked {
            let others = lost.saturating_sub(usize::from(*destroys));
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "[[example]]\neffects = [{effects}]\nkind = \"{kind}\"\nenvironment = \"{name}\"\nproduction = {production}\n\
                 at = \"{now}\"\nchange = {{ steps = {steps}, destroys = {lost} }}\n\
                 history = {{ destroys = {others}, agent_destroys = {others} }}\n"
            );
            if operation.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-.".contains(&byte)) {
                let _ = writeln!(text, "operation = \"{operation}\"");
            }
        }
        text
    }
}

/// Steps that differ in nothing that a rule looks at are asked about once.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct One {
    effects: String,
    destroys: bool,
    kind: Kind,
    operation: String,
}

fn quoted(effects: EffectSet) -> String {
    effects.iter().map(|effect| format!("\"{effect}\"")).collect::<Vec<_>>().join(", ")
}
