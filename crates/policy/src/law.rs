//! The rules of a bundle: {permit all} ∪ constitution, the agent's grant, the operator's grant. Allowed only if all three
//! allow and nothing erred (`consult`). Which rules are put to Cedar at all is `index`'s to find, and `slices` keeps them as
//! sets. Not here: what would have to change for a no to become a yes (that is `search`).

mod consult;
mod index;
mod slices;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use cedar_policy::{Authorizer, Entities, EntityUid, Policy, PolicyId};
use model::{AgentId, BreakGlass, Effect, Exposure, GrantId, OWN_NAME, PersonId, Role, RuleId};

use self::{
    index::{Book, Landmarks, concerns},
    slices::{Aspect, Shown, Slices, set_of},
};
use crate::{
    facts::Facts,
    naming::Naming,
    rules::{Place, Rule},
    schema::Vocabulary,
};

pub(crate) use self::slices::Slice;

#[derive(Debug)]
pub(crate) struct Law {
    authorizer: Authorizer,
    rules: Vec<Rule>,
    by_id: HashMap<PolicyId, usize>,
    permit_all: Policy,
    landmarks: Landmarks,
    in_constitution: BTreeSet<usize>,
    constitution: Book,
    grants: Vec<Grant>,
    agents: BTreeMap<AgentId, usize>,
    operators: BTreeMap<PersonId, usize>,
    /// Kept for when the glass is broken.
    glasses: BTreeMap<GrantId, usize>,
    roles: BTreeSet<Role>,
    slices: Slices,
}

/// Who may do what, as written in one file.
#[derive(Debug, Default)]
struct Grant {
    file: String,
    /// The reasons of its permits: what it allows, in its author's words.
    allows: Vec<String>,
    plain: Book,
    data: Book,
    credentials: Book,
}

/// Whose grants stand between the constitution and the action.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grants<'a> {
    Enforced {
        agent: &'a AgentId,
        operator: &'a PersonId,
    },
    /// For the constitution alone, which must not depend on who happens to be in the roster.
    Assumed,
}

impl<'a> Grants<'a> {
    pub(crate) fn enforced(facts: &'a Facts<'_>) -> Self {
        Self::Enforced { agent: &facts.chain.agent, operator: &facts.chain.operator }
    }
}

/// One question to Cedar, without the parts that a search varies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) effect: Effect,
    pub(crate) action: &'a EntityUid,
    pub(crate) exposure: Exposure,
    pub(crate) grants: Grants<'a>,
    /// That is broken.
    pub(crate) glass: Option<&'a BreakGlass>,
    pub(crate) agent: &'a EntityUid,
    pub(crate) operator: &'a EntityUid,
    pub(crate) resource: &'a EntityUid,
    pub(crate) entities: &'a Entities,
}

/// What Cedar answered; allowed where both are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The forbids that were tripped, as indexes into the rules.
    pub(crate) tripped: BTreeSet<usize>,
    /// The grants that permit nothing of the kind.
    pub(crate) ungranted: Vec<Ungranted>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ungranted {
    pub(crate) who: String,
    /// `None` where the bundle has no grant of theirs at all.
    pub(crate) file: Option<String>,
    pub(crate) allows: Vec<String>,
}

impl Answer {
    pub(crate) fn allows(&self) -> bool {
        self.tripped.is_empty() && self.ungranted.is_empty()
    }
}

/// The id of the one permit that lets the constitution be evaluated alone; no rule can have it.
const PERMIT_ALL: &str = "(permit all)";

impl Law {
    pub(crate) fn new(rules: Vec<(Place, Rule)>, vocabulary: &Vocabulary) -> Result<Self, String> {
        let permit_all =
            Policy::parse(Some(PolicyId::new(PERMIT_ALL)), "permit (principal, action, resource);")
                .map_err(|err| err.to_string())?;
        let landmarks = Landmarks::of(rules.iter().map(|(_, rule)| &rule.shape));
        let mut law = Self {
            authorizer: Authorizer::new(),
            by_id: rules.iter().enumerate().map(|(nth, (_, rule))| (rule.policy.id().clone(), nth)).collect(),
            roles: rules.iter().flat_map(|(_, rule)| rule.words.iter().cloned()).collect(),
            rules: Vec::with_capacity(rules.len()),
            permit_all,
            landmarks,
            in_constitution: BTreeSet::new(),
            constitution: Book::default(),
            grants: Vec::new(),
            agents: BTreeMap::new(),
            operators: BTreeMap::new(),
            glasses: BTreeMap::new(),
            slices: Slices::new(),
        };
        for (number, (place, rule)) in rules.into_iter().enumerate() {
            let concerns = concerns(rule.policy.action_constraint(), vocabulary);
            match place {
                Place::Constitution => {
                    law.in_constitution.insert(number);
                    law.constitution.add(number, &rule.shape, &law.landmarks, concerns);
                }
                Place::Agent(agent) => {
                    // What we read ourselves is shown to no agent.
                    let ours = agent.as_str() == OWN_NAME;
                    let needed =
                        if ours { [Naming::Nothing; 2] } else { [Naming::Service, Naming::Resource] };
                    let grant = *law.agents.entry(agent).or_insert(law.grants.len());
                    law.grant(grant, number, &rule, needed, concerns);
                }
                // What a person may see is not shown to an agent by a grant that is the person's.
                Place::Operator(person) => {
                    let grant = *law.operators.entry(person).or_insert(law.grants.len());
                    law.grant(grant, number, &rule, [Naming::Nothing; 2], concerns);
                }
                Place::Glass(name) => {
                    let grant = *law.glasses.entry(name).or_insert(law.grants.len());
                    law.grant(grant, number, &rule, [Naming::Service, Naming::Resource], concerns);
                }
            }
            law.rules.push(rule);
        }
        Ok(law)
    }

    /// The files of the grants that stand between the constitution and what these two ask for.
    pub(crate) fn grants_of(&self, agent: &AgentId, operator: &PersonId) -> impl Iterator<Item = &str> {
        let both = [self.agents.get(agent), self.operators.get(operator)];
        both.into_iter()
            .flatten()
            .filter_map(|grant| self.grants.get(*grant))
            .map(|grant| grant.file.as_str())
    }

    /// Adds a rule to the grant of this number, which may be the next. `needed`: what a permit must name to count for data,
    /// and for credentials.
    fn grant(
        &mut self,
        grant: usize,
        number: usize,
        rule: &Rule,
        needed: [Naming; 2],
        concerns: impl Fn(Effect) -> bool,
    ) {
        if grant == self.grants.len() {
            self.grants.push(Grant { file: rule.reference.file.clone(), ..Grant::default() });
        }
        let Some(grant) = self.grants.get_mut(grant) else { return };
        if rule.permits() {
            grant.allows.push(rule.reference.reason.clone());
        }
        let [for_data, for_credentials] = needed;
        let books = [
            (Naming::Nothing, &mut grant.plain),
            (for_data, &mut grant.data),
            (for_credentials, &mut grant.credentials),
        ];
        for (least, book) in books {
            if !rule.permits() || rule.naming >= least {
                book.add(number, &rule.shape, &self.landmarks, &concerns);
            }
        }
    }

    /// The rules that can matter to a question.
    pub(crate) fn slice(&self, question: &Question<'_>) -> Result<Arc<Slice>, String> {
        let lies_in = question.entities.ancestors(question.resource).into_iter().flatten();
        let named = [question.agent, question.operator, question.resource].into_iter().chain(lies_in);
        let grants = match question.grants {
            Grants::Assumed => None,
            Grants::Enforced { agent, operator } => {
                let broken = question.glass.and_then(|it| it.grant.as_ref());
                let broken = broken.and_then(|grant| self.glasses.get(grant));
                Some(
                    [self.agents.get(agent), self.operators.get(operator), broken]
                        .map(Option::<&usize>::copied),
                )
            }
        };
        let aspect = Aspect {
            effect: question.effect,
            grants,
            exposure: Shown::of(question.exposure),
            about: self.landmarks.among(named),
        };
        self.slices.of(aspect, |aspect| self.cut(aspect))
    }

    fn cut(&self, aspect: &Aspect) -> Result<Slice, String> {
        let Aspect { effect, grants, exposure, about } = aspect;
        let rules = |book: &Book| -> Vec<&Rule> {
            book.matching(*effect, about).into_iter().filter_map(|rule| self.rules.get(rule)).collect()
        };
        let policies = |rules: &[&Rule], first| set_of(first, rules.iter().map(|rule| &rule.policy));
        let constitution = rules(&self.constitution);
        let of_grant = |grant: Option<usize>| {
            let grant = grant.and_then(|grant| self.grants.get(grant));
            grant.map_or_else(Vec::new, |grant| rules(grant.book(*exposure)))
        };
        let [agent, operator, glass] = grants.unwrap_or_default().map(of_grant);
        let reads = |rule: &&Rule| rule.shape.reads;
        let of_constitution: Vec<_> = constitution.iter().map(reads).collect();
        let of_grants: Vec<_> = agent.iter().chain(&operator).chain(&glass).map(reads).collect();
        Ok(Slice::new(
            policies(&constitution, Some(&self.permit_all))?,
            [policies(&agent, None)?, policies(&operator, None)?, policies(&glass, None)?],
            [&of_constitution, &of_grants],
        ))
    }

    pub(crate) fn rule(&self, index: usize) -> Option<&Rule> {
        self.rules.get(index)
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether two resources of one service and kind could be judged differently.
    pub(crate) fn reads_names(&self) -> bool {
        self.rules.iter().any(|rule| rule.reads_names)
    }

    /// Whether some rule tells resources apart by their names, other than by permitting what it names: what is asked of a
    /// resource that nobody named is no answer for others then.
    pub(crate) fn tells_names_apart(&self) -> bool {
        let only_names = |rule: &Rule| rule.permits() && rule.naming >= Naming::Resource;
        self.rules.iter().any(|rule| rule.reads_names && !only_names(rule))
    }

    /// Every role that some rule could ask for.
    pub(crate) fn roles(&self) -> &BTreeSet<Role> {
        &self.roles
    }

    pub(crate) fn keeps(&self, grant: &GrantId) -> bool {
        self.glasses.contains_key(grant)
    }

    pub(crate) fn kept_grants(&self) -> impl Iterator<Item = &GrantId> {
        self.glasses.keys()
    }

    pub(crate) fn has_rule(&self, id: &RuleId) -> bool {
        self.rules.iter().any(|rule| rule.reference.id == *id)
    }
}

impl Grant {
    fn book(&self, shown: Shown) -> &Book {
        match shown {
            Shown::Neither => &self.plain,
            Shown::Data => &self.data,
            Shown::Credentials => &self.credentials,
        }
    }
}

impl Shown {
    const fn of(exposure: Exposure) -> Self {
        match exposure {
            Exposure { credentials: true, data: _ } => Self::Credentials,
            Exposure { credentials: false, data: true } => Self::Data,
            Exposure { credentials: false, data: false } => Self::Neither,
        }
    }
}
