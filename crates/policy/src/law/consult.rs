//! Putting a question to Cedar, book by book. An error of any evaluation is the whole answer: Cedar skips a rule that errs,
//! and would allow what it forbids.

use cedar_policy::{Context, Decision, EntityUid, PolicySet, Request, Response};

use super::{Answer, Grants, Law, Question, Slice, Ungranted, slices::set_of};

impl Law {
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
        if let Some(glass) = question.glass {
            let waived = |number: &usize| {
                let rule = self.rules.get(*number).filter(|_| self.in_constitution.contains(number));
                rule.is_some_and(|it| it.waivable && glass.waives.contains(&it.reference.id))
            };
            answer.tripped.retain(|number| !waived(number));
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
                if let Some(set) = &slice.glass
                    && self.evaluate(question, set, by_agent)?.decision() == Decision::Allow
                {
                    return Ok(());
                }
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

#[cfg(test)]
mod tests {
    use cedar_policy::{Policy, PolicyId, RestrictedExpression};
    use model::{Effect, Environment, Exposure, Resource, RuleRef};

    use super::*;
    use crate::{
        naming::Naming,
        rules::{Place, Rule},
        schema::{Ours, Vocabulary},
        shape::Shape,
    };

    /// A law that was never checked: loading would have refused it.
    fn law(text: &str, vocabulary: &Vocabulary) -> Law {
        let policy = Policy::parse(Some(PolicyId::new("own")), text).unwrap();
        let reference =
            RuleRef { id: "own".parse().unwrap(), reason: "r".into(), file: "own.cedar".into(), line: 1 };
        let rule = Rule {
            reference,
            instead: None,
            absolute: false,
            waivable: false,
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
            glass: None,
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
