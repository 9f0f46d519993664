//! What the bundle allows ahead of time: budgets (`budgets.toml`: what may be sent or spent without asking anybody) and
//! standing approvals (`standing.toml`: a named operation on named resources, agreed to by the two people whom it takes
//! to change the bundle). Both only ever answer one question of a rule, `context.within_budget` and `context.standing`;
//! which rules ask, the constitution says.
//!
//! A standing approval never answers for what the tables call `destroy`, for rights, for money, nor for a target that
//! holds data or may do so: what those do is in parameters and content that nobody saw when it was given.
//!
//! What was taken out of an allowance is not known here: the caller reads it and gives it back ([`Spent`]).

mod coverage;
mod read;

use std::{collections::BTreeMap, fmt};

use model::{AllowanceId, Alternative, Charge, Effect, EffectSet, RuleRef, Verdict};

use crate::{facts::Facts, kinds, problem::Problems};

use coverage::Coverage;
pub(crate) use read::{Known, read_budgets, read_standing};

/// What was taken out of each allowance within its window so far, and what the rest of the same change would take.
pub type Spent = BTreeMap<AllowanceId, u64>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Allowances {
    pub(crate) budgets: Vec<Budget>,
    pub(crate) standing: Vec<Standing>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    name: AllowanceId,
    effect: Counted,
    coverage: Coverage,
    /// Money that one unit is taken to cost; 1 where messages are counted.
    each: u64,
    limit: Limit,
}

/// What a budget may be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Emit,
    Spend,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    name: AllowanceId,
    coverage: Coverage,
    limit: Option<Limit>,
    reference: RuleRef,
}

impl Budget {
    pub(crate) const fn name(&self) -> &AllowanceId {
        &self.name
    }

    pub(crate) const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Of the same sort: both may cover one action.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.effect == other.effect
    }

    /// Whether `next` differs in nothing but less room.
    pub(crate) fn is_narrowed_to(&self, next: &Self) -> bool {
        let limit = Limit { amount: next.limit.amount, ..self.limit };
        next.limit.amount <= self.limit.amount && Self { limit, ..self.clone() } == *next
    }
}

impl Standing {
    pub(crate) const fn name(&self) -> &AllowanceId {
        &self.name
    }

    /// Whether `next` allows just the same, wherever it stands and whatever it is called to people.
    pub(crate) fn says_what(&self, next: &Self) -> bool {
        self.coverage == next.coverage && self.limit == next.limit
    }

    /// Whether `next` differs in nothing but less room.
    pub(crate) fn is_narrowed_to(&self, next: &Self) -> bool {
        let less = match (self.limit, next.limit) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(after)) => after.per == before.per && after.amount <= before.amount,
        };
        less && self.coverage == next.coverage
    }
}

/// At most so much within a window that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    amount: u64,
    per: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Hour,
    Day,
    Week,
    Month,
}

impl Window {
    const fn seconds(self) -> i64 {
        const DAY: i64 = 86_400;
        match self {
            Self::Hour => 3_600,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 30 * DAY,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Window::Hour => "an hour",
            Window::Day => "a day",
            Window::Week => "a week",
            Window::Month => "a month",
        };
        write!(f, "{} {per}", self.amount)
    }
}

/// What one action would take out of the bundle's allowances if nobody is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    /// Of every budget and of every limited standing approval that covers it.
    pub charges: Vec<Charge>,
    /// It is covered, and by how much cannot be told: then it is beyond each of these.
    pub beyond: Vec<AllowanceId>,
}

impl Allowances {
    pub(crate) fn charges(&self, facts: &Facts<'_>) -> Charges {
        let mut found = Charges::default();
        for budget in &self.budgets {
            if facts.effects.contains(budget.effect.effect()) && budget.coverage.covers_all(facts) {
                let amount = facts.quantity.units.and_then(|units| units.checked_mul(budget.each));
                match amount {
                    Some(amount) => found.charges.push(Charge { allowance: budget.name.clone(), amount }),
                    None => found.beyond.push(budget.name.clone()),
                }
            }
        }
        for standing in self.standing.iter().filter(|it| it.limit.is_some()) {
            if facts.resources.iter().any(|resource| standing.coverage.covers(facts, resource)) {
                found.charges.push(Charge { allowance: standing.name.clone(), amount: 1 });
            }
        }
        found
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.budgets.is_empty() && self.standing.is_empty()
    }

    /// How far back each allowance looks.
    pub(crate) fn window_s(&self, name: &AllowanceId) -> Option<i64> {
        let budgets = self.budgets.iter().map(|it| (&it.name, Some(it.limit)));
        let standing = self.standing.iter().map(|it| (&it.name, it.limit));
        let (_, limit) = budgets.chain(standing).find(|(known, _)| *known == name)?;
        limit.map(|limit| limit.per.seconds())
    }

    /// Whether `effect` is covered by a budget, and every budget that covers it has room.
    pub(crate) fn within_budget(&self, facts: &Facts<'_>, effect: Effect) -> bool {
        let mut covering = self
            .budgets
            .iter()
            .filter(|it| it.effect.effect() == effect && it.coverage.covers_all(facts))
            .peekable();
        covering.peek().is_some()
            && facts.quantity.units.is_some()
            && covering.all(|budget| budget.limit.has_room(facts.spent.get(&budget.name)))
    }

    /// The standing approval that answers for `effect` on `resource`, if one does.
    pub(crate) fn standing(
        &self,
        facts: &Facts<'_>,
        effect: Effect,
        resource: &model::Resource,
    ) -> Option<&RuleRef> {
        if !may_stand(effect, facts.listed) || may_hold_data(resource) {
            return None;
        }
        self.standing
            .iter()
            .find(|it| {
                it.coverage.covers(facts, resource)
                    && it.limit.is_none_or(|limit| limit.has_room(facts.spent.get(&it.name)))
            })
            .map(|it| &it.reference)
    }

    /// A verdict other than `allow`, with why a budget that is about `effect` does not cover it.
    pub(crate) fn explained(&self, verdict: Verdict, facts: &Facts<'_>, effect: Effect) -> Verdict {
        let covering =
            self.budgets.iter().filter(|it| it.effect.effect() == effect && it.coverage.covers_all(facts));
        let why = covering.filter_map(|budget| {
            let Budget { name, limit, .. } = budget;
            if facts.quantity.units.is_none() {
                Some(format!(
                    "the budget {name} is about it, but the request does not say how much it asks for"
                ))
            } else if limit.has_room(facts.spent.get(name)) {
                None
            } else {
                Some(format!("the budget {name} ({limit}) has no room for it now"))
            }
        });
        let why: Vec<Alternative> = why.map(Alternative).collect();
        match verdict {
            Verdict::Allow => Verdict::Allow,
            Verdict::Hold(mut hold) => {
                hold.alternatives.extend(why);
                Verdict::Hold(hold)
            }
            Verdict::Deny(mut denial) => {
                denial.alternatives.extend(why);
                Verdict::Deny(denial)
            }
        }
    }

    /// No two have one name: what was taken out is kept under it.
    pub(crate) fn check_names(&self, problems: &Problems) {
        for standing in &self.standing {
            if self.budgets.iter().any(|budget| budget.name == standing.name) {
                let message = format!("`{}` is also a budget's name", standing.name);
                let RuleRef { file, line, .. } = &standing.reference;
                problems.add(file, Some(*line), message, Some("give one of them another".to_owned()));
            }
        }
    }

    pub(crate) fn names_resources(&self) -> bool {
        !self.standing.is_empty()
    }
}

impl Limit {
    /// `spent` includes what is asked for; absent, nothing was counted and so nothing may pass.
    fn has_room(self, spent: Option<&u64>) -> bool {
        spent.is_some_and(|spent| *spent <= self.amount)
    }
}

impl Counted {
    const fn effect(self) -> Effect {
        match self {
            Self::Emit => Effect::Emit,
            Self::Spend => Effect::Spend,
        }
    }
}

/// `listed`: what the tables call the action, before it counted as `destroy` for want of an undo.
const fn may_stand(effect: Effect, listed: EffectSet) -> bool {
    let excluded = listed.contains(Effect::Destroy) || listed.contains(Effect::Privilege);
    match effect {
        Effect::Emit | Effect::Write | Effect::Execute | Effect::Destroy => !excluded,
        Effect::Read | Effect::Spend | Effect::Privilege => false,
    }
}

fn may_hold_data(resource: &model::Resource) -> bool {
    let lineage = kinds::lineage(resource.kind.as_str());
    lineage.contains(&"data") || lineage.contains(&"backup") || resource.name == model::Resource::UNKNOWN
}
