//! Judging: an ask, each effect of it on each resource, the strictest verdict. What is given to it is all that a verdict
//! can depend on besides the bundle (see [`crate::facts`]).

use std::{collections::BTreeSet, sync::Arc};

use model::{Effect, EffectSet, Fault, History, Resource, RuleRef, Verdict};

use super::Bundle;
use crate::{
    ask::{Ahead, Ask},
    calendar::TimeFacts,
    examples::many,
    facts::{Facts, Hour},
    kinds,
    law::{Grants, Law, Question},
    schema::Ours,
    search::Search,
};

/// A request with more targets than this is too large to judge; it is refused, not judged in part.
const MAX_RESOURCES: usize = 1_000;
/// Longer than any name a protocol allows.
const MAX_NAME: usize = 4_096;

impl Bundle {
    pub fn decide(&self, ask: &Ask<'_>) -> Verdict {
        let hour = self.hour(ask, self.facts_of_minute(ask.now, ask.environment));
        self.decisions
            .of(Facts::of(ask), hour, |facts, hour| self.judge(facts, hour, Grants::enforced(facts), None))
    }

    /// By the constitution alone, as its examples are judged: whoever asks, whoever could agree, and out of no allowance.
    pub fn by_constitution(&self, ask: &Ask<'_>) -> Verdict {
        let anybody = many();
        let ask = Ask { eligible: &anybody, ..ask.clone() };
        let hour = self.hour(&ask, self.facts_of_minute(ask.now, ask.environment));
        self.judge(&Facts::of(&ask), &hour, Grants::Assumed, Some(Ahead::default()))
    }

    pub(crate) fn hour(&self, ask: &Ask<'_>, facts: Arc<TimeFacts>) -> Hour {
        Hour::at(ask.now, facts, self.settings.limits.hold_expiry_s)
    }

    /// Each effect on each resource is decided; the strictest wins.
    /// `ahead`: what an example says was allowed ahead of time, in place of the bundle's own allowances.
    pub(crate) fn judge(
        &self,
        facts: &Facts<'_>,
        hour: &Hour,
        grants: Grants<'_>,
        ahead: Option<Ahead>,
    ) -> Verdict {
        self.judge_by(&self.law, facts, hour, grants, ahead)
    }

    /// By another law than the bundle's own: a part of it, to tell what that part asks for.
    pub(crate) fn judge_by(
        &self,
        law: &Law,
        facts: &Facts<'_>,
        hour: &Hour,
        grants: Grants<'_>,
        ahead: Option<Ahead>,
    ) -> Verdict {
        if facts.resources.len() > MAX_RESOURCES {
            let detail =
                format!("{} targets; at most {MAX_RESOURCES} are judged at once", facts.resources.len());
            return Verdict::fault(Fault::Oversized(detail));
        }
        if facts.resources.iter().any(|resource| resource.name.len() > MAX_NAME) {
            return Verdict::fault(Fault::Oversized(format!(
                "a target's name is longer than {MAX_NAME} bytes"
            )));
        }
        if !facts.in_scope {
            return out_of_scope();
        }
        let nowhere = [Resource::unknown(&facts.operation.service)];
        let resources = if facts.resources.is_empty() { &nowhere[..] } else { &*facts.resources };
        let distinct: BTreeSet<&Resource> = resources.iter().collect();
        let together = Together::of(facts.effects, &distinct);
        // A delete of a thousand objects is judged once where no rule can tell them apart.
        let alike = !law.reads_names() && !self.allowances.names_resources();
        let mut seen = BTreeSet::new();
        distinct
            .into_iter()
            .filter(|resource| {
                !alike || seen.insert((&resource.service, &resource.kind, self.places.is_own(resource)))
            })
            .map(|resource| {
                let facts = Facts { history: together.besides(resource, facts.history), ..facts.clone() };
                self.judge_one(law, &facts, hour, grants, resource, ahead)
            })
            .fold(Verdict::Allow, Verdict::join)
    }

    fn judge_one(
        &self,
        law: &Law,
        facts: &Facts<'_>,
        hour: &Hour,
        grants: Grants<'_>,
        resource: &Resource,
        ahead: Option<Ahead>,
    ) -> Verdict {
        let ours = if self.places.is_own(resource) { Ours::Yes } else { Ours::No };
        let about = match self.vocabulary.entities(resource, &facts.environment, ours) {
            Ok(built) => built,
            Err(err) => return Verdict::fault(Fault::Evaluation(err)),
        };
        let agent = self.vocabulary.agent(facts.chain.agent.as_str());
        let operator = self.vocabulary.person(facts.chain.operator.as_str());
        facts
            .effects
            .iter()
            .map(|effect| {
                let Some(action) = self.vocabulary.action(effect) else {
                    return Verdict::fault(Fault::Evaluation(format!("there is no action {effect}")));
                };
                let question = Question {
                    effect,
                    action,
                    exposure: facts.exposure,
                    grants,
                    glass: facts.glass.as_deref(),
                    agent: &agent,
                    operator: &operator,
                    resource: &about.resource,
                    entities: &about.entities,
                };
                let ahead = ahead.unwrap_or_else(|| Ahead {
                    within_budget: self.allowances.within_budget(facts, effect),
                    standing: self.allowances.standing(facts, effect, resource).is_some(),
                });
                let verdict = Search { law, facts, hour, ahead, question }.verdict();
                self.allowances.explained(verdict, facts, effect)
            })
            .fold(Verdict::Allow, Verdict::join)
    }
}

/// What one action destroys on several targets at once: for each of them, the others are history already.
#[derive(Debug, Default)]
struct Together {
    data: u32,
    backups: u32,
}

impl Together {
    fn of(effects: EffectSet, resources: &BTreeSet<&Resource>) -> Self {
        if !effects.contains(Effect::Destroy) {
            return Self::default();
        }
        let count = |group: &str| {
            let found =
                resources.iter().filter(|resource| kinds::is_known_in(resource.kind.as_str(), group)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        Self { data: count("data"), backups: count("backup") }
    }

    fn besides(&self, resource: &Resource, history: History) -> History {
        if self.data == 0 && self.backups == 0 {
            return history;
        }
        let own = |group: &str| u32::from(kinds::is_known_in(resource.kind.as_str(), group));
        History {
            data_destroyed: history.data_destroyed.saturating_add(self.data.saturating_sub(own("data"))),
            backups_touched: history
                .backups_touched
                .saturating_add(self.backups.saturating_sub(own("backup"))),
            ..history
        }
    }
}

fn out_of_scope() -> Verdict {
    let rules = "out-of-scope".parse().ok().map(|id| RuleRef {
        id,
        reason: "the session's scope does not cover this".to_owned(),
        file: "(session)".to_owned(),
        line: 0,
    });
    Verdict::Deny(model::Denial {
        fault: None,
        rules: rules.into_iter().collect(),
        alternatives: vec![model::Alternative(
            "stay within the session's scope, or ask the operator for a session whose scope covers it"
                .to_owned(),
        )],
    })
}
