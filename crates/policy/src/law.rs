//! The rules of a bundle, evaluated: {permit all} ∪ constitution, the agent's grant, the operator's grant. Allowed only if
//! all three allow and nothing erred. Which rules are put to Cedar at all is `index`'s to find, and `slices` keeps them as
//! sets. Not here: what would have to change for a no to become a yes (that is `search`).

mod index;
mod slices;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request, Response,
};
use model::{AgentId, Effect, Exposure, PersonId, Role, RuleId};

use self::{
    index::{Book, Landmarks, concerns},
    slices::{Aspect, Shown, Slices, set_of},
};
use crate::{
    facts::Facts,
    naming::Naming,
    registry::OWN_NAME,
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
    /// For examples of the constitution, which must not depend on who happens to be in the roster.
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
            }
            law.rules.push(rule);
        }
        Ok(law)
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
                Some([self.agents.get(agent).copied(), self.operators.get(operator).copied()])
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
        let [agent, operator] = grants.unwrap_or_default().map(of_grant);
        let reads = |rule: &&Rule| rule.shape.reads;
        let of_constitution: Vec<_> = constitution.iter().map(reads).collect();
        let of_grants: Vec<_> = agent.iter().chain(&operator).map(reads).collect();
        Ok(Slice::new(
            policies(&constitution, Some(&self.permit_all))?,
            [policies(&agent, None)?, policies(&operator, None)?],
            [&of_constitution, &of_grants],
        ))
    }

    /// `context`: what [`Slice::reads`] of it. An error of any evaluation is the whole answer.
    pub(crate) fn ask(
        &self,
        question: &Question<'_>,
        slice: &Slice,
        context: &Context,
    ) -> Result<Answer, String> {
        let mut answer = Answer::default();
        let by_agent = request(question, question.agent, context)?;
        self.consult_constitution(question, slice.constitution.as_ref(), &by_agent, &mut answer)?;
        self.consult_grants(question, slice, &by_agent, context, &mut answer)?;
        Ok(answer)
    }

    /// The same question once more, where nothing has changed since `before` but what a hold waits for (approvals, evidence
    /// and the hour): what reads none of these answers as it did. `context`: what [`Slice::reads_again`] of it.
    pub(crate) fn ask_again(
        &self,
        question: &Question<'_>,
        slice: &Slice,
        context: &Context,
        before: &Answer,
    ) -> Result<Answer, String> {
        let stays = |number: &usize| {
            let varies = self.rules.get(*number).is_none_or(|rule| rule.shape.reads.vary());
            if self.in_constitution.contains(number) { !varies } else { !slice.grants_vary }
        };
        let mut answer =
            Answer { tripped: before.tripped.iter().copied().filter(stays).collect(), ungranted: Vec::new() };
        let by_agent = request(question, question.agent, context)?;
        let varying = slice.varying(|constitution| {
            let known = constitution.policies().filter(|policy| {
                let rule = self.by_id.get(policy.id()).and_then(|rule| self.rules.get(*rule));
                rule.is_some_and(|rule| rule.shape.reads.vary())
            });
            set_of(Some(&self.permit_all), known)
        })?;
        self.consult_constitution(question, varying, &by_agent, &mut answer)?;
        if slice.grants_vary {
            self.consult_grants(question, slice, &by_agent, context, &mut answer)?;
        } else {
            answer.ungranted.clone_from(&before.ungranted);
        }
        Ok(answer)
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

    pub(crate) fn has_rule(&self, id: &RuleId) -> bool {
        self.rules.iter().any(|rule| rule.reference.id == *id)
    }

    fn consult_constitution(
        &self,
        question: &Question<'_>,
        set: Option<&PolicySet>,
        request: &Request,
        answer: &mut Answer,
    ) -> Result<(), String> {
        // With no rule that can matter there is only the permit for all.
        let Some(set) = set else { return Ok(()) };
        if !self.consult(question, set, request, answer)? {
            return Err("the constitution neither allows nor says why not".to_owned());
        }
        Ok(())
    }

    fn consult_grants(
        &self,
        question: &Question<'_>,
        slice: &Slice,
        by_agent: &Request,
        context: &Context,
        answer: &mut Answer,
    ) -> Result<(), String> {
        match question.grants {
            Grants::Assumed => Ok(()),
            Grants::Enforced { agent, operator } => {
                let granted = match &slice.agent {
                    Some(set) => self.consult(question, set, by_agent, answer)?,
                    None => false,
                };
                if !granted {
                    answer.ungranted.push(self.ungranted(format!("agent {agent}"), self.agents.get(agent)));
                }
                let granted = match &slice.operator {
                    Some(set) => {
                        let by_operator = request(question, question.operator, context)?;
                        self.consult(question, set, &by_operator, answer)?
                    }
                    None => false,
                };
                if !granted {
                    let grant = self.operators.get(operator);
                    answer.ungranted.push(self.ungranted(format!("operator {operator}"), grant));
                }
                Ok(())
            }
        }
    }

    fn ungranted(&self, who: String, grant: Option<&usize>) -> Ungranted {
        let grant = grant.and_then(|grant| self.grants.get(*grant));
        Ungranted {
            who,
            file: grant.map(|grant| grant.file.clone()),
            allows: grant.map_or_else(Vec::new, |grant| grant.allows.clone()),
        }
    }

    /// Adds the tripped forbids to `answer`; false where nothing was tripped and nothing permits either, which of a
    /// grant means that it says nothing of the kind, and of the constitution cannot be.
    fn consult(
        &self,
        question: &Question<'_>,
        set: &PolicySet,
        request: &Request,
        answer: &mut Answer,
    ) -> Result<bool, String> {
        let response = self.evaluate(question, set, request)?;
        match response.decision() {
            Decision::Allow => return Ok(true),
            Decision::Deny => {}
        }
        let mut any = false;
        for id in response.diagnostics().reason() {
            let index =
                self.by_id.get(id).ok_or_else(|| format!("the rule {id} decided and is not known"))?;
            answer.tripped.insert(*index);
            any = true;
        }
        Ok(any)
    }

    fn evaluate(
        &self,
        question: &Question<'_>,
        set: &PolicySet,
        request: &Request,
    ) -> Result<Response, String> {
        let response = self.authorizer.is_authorized(request, set, question.entities);
        if let Some(err) = response.diagnostics().errors().next() {
            return Err(model::sanitize(&err.to_string(), 300));
        }
        Ok(response)
    }
}

fn request(question: &Question<'_>, principal: &EntityUid, context: &Context) -> Result<Request, String> {
    let (action, resource) = (question.action.clone(), question.resource.clone());
    Request::new(principal.clone(), action, resource, context.clone(), None).map_err(|err| err.to_string())
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

#[cfg(test)]
mod tests {
    use cedar_policy::RestrictedExpression;
    use model::{Environment, Resource, RuleRef};

    use super::*;
    use crate::{schema::Ours, shape::Shape};

    /// A law that was never checked: loading would have refused it.
    fn law(text: &str, vocabulary: &Vocabulary) -> Law {
        let policy = Policy::parse(Some(PolicyId::new("own")), text).unwrap();
        let reference =
            RuleRef { id: "own".parse().unwrap(), reason: "r".into(), file: "own.cedar".into(), line: 1 };
        let rule = Rule {
            reference,
            instead: None,
            absolute: false,
            shape: Shape::of(&policy, &policy.to_json().unwrap()),
            policy,
            naming: Naming::Nothing,
            words: Vec::new(),
            reads_names: false,
        };
        Law::new(vec![(Place::Constitution, rule)], vocabulary).unwrap()
    }

    fn check(text: &str, expected: Result<bool, &str>) {
        let vocabulary = Vocabulary::new().unwrap();
        let law = law(text, &vocabulary);
        let resource = Resource { service: "s".into(), kind: "stack".parse().unwrap(), name: "n".into() };
        let about = vocabulary.entities(&resource, &Environment::unknown(), Ours::No).unwrap();
        let (agent, operator) = (vocabulary.agent("a"), vocabulary.person("p"));
        let question = Question {
            effect: Effect::Destroy,
            action: vocabulary.action(Effect::Destroy).unwrap(),
            exposure: Exposure::default(),
            grants: Grants::Assumed,
            agent: &agent,
            operator: &operator,
            resource: &about.resource,
            entities: &about.entities,
        };
        let context =
            Context::from_pairs([("people".to_owned(), RestrictedExpression::new_long(i64::MAX))]).unwrap();
        let answer = law
            .slice(&question)
            .and_then(|slice| law.ask(&question, &slice, &context))
            .map(|answer| answer.allows());
        match (answer, expected) {
            (Ok(allows), Ok(expected)) => assert_eq!(allows, expected, "{text}"),
            (Err(err), Err(part)) => assert!(err.contains(part), "{text}: {err}"),
            (answer, _) => panic!("{text}: {answer:?}"),
        }
    }

    /// Cedar skips a forbid that errs and would allow; here it is no answer at all.
    #[test]
    fn an_error_is_never_an_allow() {
        check("forbid (principal, action, resource) unless { context.people >= 2 };", Ok(true));
        check("forbid (principal, action, resource) unless { context.people * 2 >= 4 };", Err("overflow"));
        check("forbid (principal, action, resource) unless { context.humans >= 2 };", Err("humans"));
        check("forbid (principal, action, resource) when { principal.nothing };", Err("a"));
        check("permit (principal, action, resource) when { context.humans >= 2 };", Err("humans"));
    }

    /// Entities built without the schema would make this silently allow.
    #[test]
    fn groups_of_actions_hold() {
        check("forbid (principal, action in Action::\"irreversible\", resource);", Ok(false));
        check("forbid (principal, action in Action::\"change\", resource);", Ok(false));
        check("forbid (principal, action, resource) when { action in Action::\"change\" };", Ok(false));
        check("forbid (principal, action == Action::\"write\", resource);", Ok(true));
        check(
            "forbid (principal, action, resource) when { resource in Environment::\"production\" };",
            Ok(false),
        );
        check("forbid (principal, action, resource) when { resource in Kind::\"any\" };", Ok(false));
    }
}
