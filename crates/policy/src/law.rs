//! The rules of a bundle, sorted for speed and evaluated: {permit all} ∪ constitution, the agent's grant, the
//! operator's grant. Allowed only if all three allow and nothing erred. Not here: what would have to change for a no to
//! become a yes (that is `search`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request, Response,
};
use model::{AgentId, Effect, Exposure, PersonId, Role, RuleId};

use crate::{
    naming::Naming,
    registry::OWN_NAME,
    rules::{Place, Rule},
    schema::Vocabulary,
};

/// A policy set for each effect: a rule whose scope rules an effect out need not be looked at for it.
type ByEffect = [PolicySet; Effect::ALL.len()];

#[derive(Debug)]
pub(crate) struct Law {
    authorizer: Authorizer,
    rules: Vec<Rule>,
    by_id: HashMap<PolicyId, usize>,
    constitution: ByEffect,
    agents: BTreeMap<AgentId, Grant>,
    operators: BTreeMap<PersonId, Grant>,
    roles: BTreeSet<Role>,
}

/// Who may do what, as written in one file.
#[derive(Debug)]
struct Grant {
    file: String,
    /// The reasons of its permits: what it allows, in its author's words.
    allows: Vec<String>,
    /// By what the answer would show: only permits that name a service, or a resource, count for data and secrets.
    plain: ByEffect,
    data: ByEffect,
    credentials: ByEffect,
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
        let mut files: BTreeMap<Place, Vec<&Rule>> = BTreeMap::new();
        for (place, rule) in &rules {
            files.entry(place.clone()).or_default().push(rule);
        }
        let permit_all =
            Policy::parse(Some(PolicyId::new(PERMIT_ALL)), "permit (principal, action, resource);")
                .map_err(|err| err.to_string())?;
        let all = files.get(&Place::Constitution).into_iter().flatten().map(|rule| &rule.policy);
        let constitution = by_effect(std::iter::once(&permit_all).chain(all), vocabulary)?;
        let (mut agents, mut operators) = (BTreeMap::new(), BTreeMap::new());
        for (place, rules) in &files {
            match place {
                Place::Constitution => {}
                Place::Agent(agent) => {
                    // What we read ourselves is shown to no agent.
                    let ours = agent.as_str() == OWN_NAME;
                    let needed =
                        if ours { [Naming::Nothing; 2] } else { [Naming::Service, Naming::Resource] };
                    agents.insert(agent.clone(), Grant::new(rules, needed, vocabulary)?);
                }
                // What a person may see is not shown to an agent by a grant that is the person's.
                Place::Operator(person) => {
                    operators.insert(person.clone(), Grant::new(rules, [Naming::Nothing; 2], vocabulary)?);
                }
            }
        }
        let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
        let by_id = rules.iter().enumerate().map(|(nth, rule)| (rule.policy.id().clone(), nth)).collect();
        let roles = rules.iter().flat_map(|rule| rule.words.iter().cloned()).collect();
        Ok(Self { authorizer: Authorizer::new(), rules, by_id, constitution, agents, operators, roles })
    }

    /// An error of any evaluation is the whole answer.
    pub(crate) fn ask(&self, question: &Question<'_>, context: &Context) -> Result<Answer, String> {
        let mut answer = Answer::default();
        if !self.consult(question, question.agent, &self.constitution, context, &mut answer)? {
            return Err("the constitution neither allows nor says why not".to_owned());
        }
        match question.grants {
            Grants::Assumed => {}
            Grants::Enforced { agent, operator } => {
                let who = format!("agent {agent}");
                self.consult_grant(
                    question,
                    question.agent,
                    self.agents.get(agent),
                    who,
                    context,
                    &mut answer,
                )?;
                let who = format!("operator {operator}");
                let grant = self.operators.get(operator);
                self.consult_grant(question, question.operator, grant, who, context, &mut answer)?;
            }
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

    fn consult_grant(
        &self,
        question: &Question<'_>,
        principal: &EntityUid,
        grant: Option<&Grant>,
        who: String,
        context: &Context,
        answer: &mut Answer,
    ) -> Result<(), String> {
        let Some(grant) = grant else {
            answer.ungranted.push(Ungranted { who, file: None, allows: Vec::new() });
            return Ok(());
        };
        if !self.consult(question, principal, grant.sets(question.exposure), context, answer)? {
            answer.ungranted.push(Ungranted {
                who,
                file: Some(grant.file.clone()),
                allows: grant.allows.clone(),
            });
        }
        Ok(())
    }

    /// Adds the tripped forbids to `answer`; false where nothing was tripped and nothing permits either, which of a
    /// grant means that it says nothing of the kind, and of the constitution cannot be.
    fn consult(
        &self,
        question: &Question<'_>,
        principal: &EntityUid,
        sets: &ByEffect,
        context: &Context,
        answer: &mut Answer,
    ) -> Result<bool, String> {
        let set = set_of(sets, question.effect);
        let response = self.evaluate(question, principal, set, context)?;
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
        principal: &EntityUid,
        set: &PolicySet,
        context: &Context,
    ) -> Result<Response, String> {
        let request = Request::new(
            principal.clone(),
            question.action.clone(),
            question.resource.clone(),
            context.clone(),
            None,
        )
        .map_err(|err| err.to_string())?;
        let response = self.authorizer.is_authorized(&request, set, question.entities);
        if let Some(err) = response.diagnostics().errors().next() {
            return Err(model::sanitize(&err.to_string(), 300));
        }
        Ok(response)
    }
}

impl Grant {
    /// `needed`: what a permit must name to count for data, and for credentials.
    fn new(rules: &[&Rule], needed: [Naming; 2], vocabulary: &Vocabulary) -> Result<Self, String> {
        let [for_data, for_credentials] = needed;
        let naming = |least: Naming| {
            let rules = rules.iter().filter(move |rule| !rule.permits() || rule.naming >= least);
            by_effect(rules.map(|rule| &rule.policy), vocabulary)
        };
        Ok(Self {
            file: rules.first().map_or_else(String::new, |rule| rule.reference.file.clone()),
            allows: rules
                .iter()
                .filter(|rule| rule.permits())
                .map(|rule| rule.reference.reason.clone())
                .collect(),
            plain: naming(Naming::Nothing)?,
            data: naming(for_data)?,
            credentials: naming(for_credentials)?,
        })
    }

    fn sets(&self, exposure: Exposure) -> &ByEffect {
        match exposure {
            Exposure { credentials: true, data: _ } => &self.credentials,
            Exposure { credentials: false, data: true } => &self.data,
            Exposure { credentials: false, data: false } => &self.plain,
        }
    }
}

fn by_effect<'a>(
    policies: impl Iterator<Item = &'a Policy> + Clone,
    vocabulary: &Vocabulary,
) -> Result<ByEffect, String> {
    let mut sets = Effect::ALL.map(|_| PolicySet::new());
    for (effect, set) in Effect::ALL.into_iter().zip(&mut sets) {
        for policy in policies.clone() {
            if vocabulary.concerns(&policy.action_constraint(), effect) {
                set.add(policy.clone()).map_err(|err| err.to_string())?;
            }
        }
    }
    Ok(sets)
}

fn set_of(sets: &ByEffect, effect: Effect) -> &PolicySet {
    let [read, emit, spend, write, execute, privilege, destroy] = sets;
    match effect {
        Effect::Read => read,
        Effect::Emit => emit,
        Effect::Spend => spend,
        Effect::Write => write,
        Effect::Execute => execute,
        Effect::Privilege => privilege,
        Effect::Destroy => destroy,
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::RestrictedExpression;
    use model::{Environment, Resource, RuleRef};

    use super::*;
    use crate::schema::Ours;

    /// A law that was never checked: loading would have refused it.
    fn law(text: &str, vocabulary: &Vocabulary) -> Law {
        let policy = Policy::parse(Some(PolicyId::new("own")), text).unwrap();
        let reference =
            RuleRef { id: "own".parse().unwrap(), reason: "r".into(), file: "own.cedar".into(), line: 1 };
        let rule = Rule {
            reference,
            instead: None,
            absolute: false,
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
        let answer = law.ask(&question, &context).map(|answer| answer.allows());
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
