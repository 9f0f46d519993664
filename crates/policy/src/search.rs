//! One effect on one resource: the verdict, and for a hold the least that would allow it, found by evaluating the very
//! text that is enforced. Annotations decide nothing here but one thing, and that in the strict direction: a rule
//! marked `@absolute` that is tripped is never searched around.

use std::{cell::RefCell, collections::BTreeSet};

use cedar_policy::Context;
use model::{
    Alternative, Denial, EvidenceKind, Fault, Hold, Requirement, Role, RuleId, RuleRef, Tally, Timestamp,
    Verdict,
};

use crate::{
    ask::Ahead,
    calendar::{TimeFacts, short},
    context::{Standing, context_of},
    facts::{Facts, Hour},
    law::{Answer, Law, Question, Slice, Ungranted},
    members::Members,
};

/// More people than any rule will ask for.
const CROWD: u32 = 64;

/// Everything one search needs.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) law: &'a Law,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) hour: &'a Hour,
    pub(crate) ahead: Ahead,
    pub(crate) question: Question<'a>,
}

/// What was refused as things are: the rules that can matter to it, and what they said.
#[derive(Debug)]
struct Refused<'a> {
    search: &'a Search<'a>,
    slice: &'a Slice,
    now: &'a Answer,
    /// What was asked already: lowering one part after the other comes by the same place again.
    asked: RefCell<Vec<(Standing, Answer)>>,
}

impl Search<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        self.decide().unwrap_or_else(|err| Verdict::fault(Fault::Evaluation(err)))
    }

    fn decide(&self) -> Result<Verdict, String> {
        let slice = self.law.slice(&self.question)?;
        let actual = self.actual();
        let now = self.law.ask(&self.question, &slice, &self.context(&actual, slice.reads)?)?;
        if now.allows() {
            return Ok(Verdict::Allow);
        }
        let asked = RefCell::new(vec![(actual.clone(), now.clone())]);
        Refused { search: self, slice: &slice, now: &now, asked }.decide(&actual)
    }

    /// Things as they are.
    fn actual(&self) -> Standing {
        Standing {
            tally: self.facts.approvals.clone().into_owned(),
            evidence: self.facts.evidence.clone().into_owned(),
            peak: self.hour.facts.peak,
            frozen: self.hour.facts.frozen,
        }
    }

    fn context(&self, standing: &Standing, reads: Members) -> Result<Context, String> {
        context_of(self.facts, self.ahead, standing, reads)
    }
}

impl Refused<'_> {
    fn decide(&self, actual: &Standing) -> Result<Verdict, String> {
        let absolute: BTreeSet<usize> =
            self.now.tripped.iter().copied().filter(|rule| self.is_absolute(*rule)).collect();
        if !absolute.is_empty() {
            return self.refuse_absolutely(actual, Answer { tripped: absolute, ..self.now.clone() });
        }
        let best = self.best(actual);
        for standing in [Some(best.clone()), self.in_the_open(&best)].into_iter().flatten() {
            if self.answer(&standing)?.allows() {
                return self.hold(&standing);
            }
        }
        self.refuse(&best)
    }

    /// Everyone who could sign has signed, everything that can be gathered is.
    fn best(&self, actual: &Standing) -> Standing {
        let (have, could) = (&actual.tally, &*self.search.facts.eligible);
        Standing {
            tally: Tally {
                people: have.people.max(could.people).min(CROWD),
                touched: have.touched.max(could.touched).min(CROWD),
                rendered: have.rendered.max(could.rendered).min(CROWD),
                owners: have.owners.max(could.owners).min(CROWD),
                roles: have.roles.union(&could.roles).cloned().collect(),
            },
            evidence: actual.evidence.union(&self.search.facts.gatherable).copied().collect(),
            ..*actual
        }
    }

    /// The same in the next open window, where that comes before a hold would expire.
    fn in_the_open(&self, standing: &Standing) -> Option<Standing> {
        (self.opening().is_some() && self.search.hour.reachable).then(|| Standing {
            peak: false,
            frozen: false,
            ..standing.clone()
        })
    }

    fn opening(&self) -> Option<Timestamp> {
        let time = self.time();
        if time.peak || time.frozen { time.next_open } else { None }
    }

    fn time(&self) -> &TimeFacts {
        &self.search.hour.facts
    }

    fn hold(&self, suffices: &Standing) -> Result<Verdict, String> {
        let requirement = self.least(suffices)?;
        Ok(Verdict::Hold(Hold {
            requirement,
            rules: self.references(&self.now.tripped),
            alternatives: self.insteads(&self.now.tripped),
        }))
    }

    /// The least of `suffices`, which is known to suffice: each part lowered on its own while it still does, and the
    /// whole confirmed once more. It names all that is needed, what is there already included, so that the first and
    /// the last to sign read the same.
    fn least(&self, suffices: &Standing) -> Result<Requirement, String> {
        let mut least = suffices.clone();
        if !self.does_without_keys_and_roles(&mut least)? {
            self.lower(&mut least, suffices.tally.touched, |standing, to| standing.tally.touched = to)?;
            self.lower(&mut least, suffices.tally.rendered, |standing, to| standing.tally.rendered = to)?;
            self.lower(&mut least, suffices.tally.owners, |standing, to| standing.tally.owners = to)?;
            self.drop_roles(&mut least)?;
        }
        self.lower(&mut least, suffices.tally.people, |standing, to| standing.tally.people = to)?;
        self.drop_evidence(&mut least)?;
        // By every rule that can matter, those included that were taken to answer as before.
        let Search { law, question, .. } = self.search;
        if !law.ask(question, self.slice, &self.search.context(&least, self.slice.reads)?)?.allows() {
            return Err("the least requirement found does not suffice".to_owned());
        }
        let window = (self.time().peak && !least.peak) || (self.time().frozen && !least.frozen);
        let Standing { tally, evidence, .. } = least;
        let owner = (tally.owners > 0).then(|| "owner".parse::<Role>().ok()).flatten();
        let roles: BTreeSet<Role> = tally.roles.into_iter().chain(owner).collect();
        // Whoever holds a role is a person.
        let marked = tally.touched.max(tally.rendered).max(tally.owners);
        let people = tally.people.max(marked).max(u32::from(!roles.is_empty()));
        Ok(Requirement {
            people,
            touched: tally.touched,
            rendered: tally.rendered,
            roles,
            evidence,
            window: window.then(|| self.window()),
        })
    }

    fn window(&self) -> String {
        match self.opening() {
            Some(from) => format!("from {} ({})", short(from), self.time().why),
            None => self.time().why.clone(),
        }
    }

    /// Most rules count people and ask no more of them: one evaluation says so of all the rest.
    fn does_without_keys_and_roles(&self, standing: &mut Standing) -> Result<bool, String> {
        let tally = Tally { people: standing.tally.people, ..Tally::default() };
        let plain = Standing { tally, ..standing.clone() };
        let suffices = self.answer(&plain)?.allows();
        if suffices {
            *standing = plain;
        }
        Ok(suffices)
    }

    fn lower(&self, standing: &mut Standing, from: u32, set: fn(&mut Standing, u32)) -> Result<(), String> {
        for value in 0..from {
            set(standing, value);
            if self.answer(standing)?.allows() {
                return Ok(());
            }
        }
        set(standing, from);
        Ok(())
    }

    fn drop_roles(&self, standing: &mut Standing) -> Result<(), String> {
        let roles = std::mem::take(&mut standing.tally.roles);
        if self.answer(standing)?.allows() {
            return Ok(());
        }
        standing.tally.roles.clone_from(&roles);
        for role in &roles {
            standing.tally.roles.remove(role);
            if !self.answer(standing)?.allows() {
                standing.tally.roles.insert(role.clone());
            }
        }
        Ok(())
    }

    fn drop_evidence(&self, standing: &mut Standing) -> Result<(), String> {
        let evidence = std::mem::take(&mut standing.evidence);
        if self.answer(standing)?.allows() {
            return Ok(());
        }
        standing.evidence.clone_from(&evidence);
        for kind in evidence {
            standing.evidence.remove(&kind);
            if !self.answer(standing)?.allows() {
                standing.evidence.insert(kind);
            }
        }
        Ok(())
    }

    /// An absolute rule is tripped.
    fn refuse_absolutely(&self, actual: &Standing, why: Answer) -> Result<Verdict, String> {
        let mut alternatives = self.insteads(&why.tripped);
        alternatives.extend(self.about_the_hour(&self.best(actual))?);
        Ok(self.denial(why, alternatives))
    }

    /// Nothing that can be had suffices.
    fn refuse(&self, best: &Standing) -> Result<Verdict, String> {
        let ideal = self.ideal(best);
        let at_best = self.answer(&ideal)?;
        let possible = at_best.allows();
        // Where something would suffice, all that was tripped counts; otherwise what can never be satisfied does.
        let why = if possible { self.now.clone() } else { at_best };
        let mut alternatives = self.insteads(&why.tripped);
        if possible {
            let wanted = self.least(&ideal)?;
            alternatives.extend(self.shortfall(&wanted, best).map(Alternative));
        }
        alternatives.extend(self.about_the_hour(&ideal)?);
        Ok(self.denial(why, alternatives))
    }

    /// Where nothing but the hour is in the way: when to come back, or why no hour will do.
    fn about_the_hour(&self, standing: &Standing) -> Result<Option<Alternative>, String> {
        let shut = Standing { peak: self.time().peak, frozen: self.time().frozen, ..standing.clone() };
        let open = Standing { peak: false, frozen: false, ..standing.clone() };
        if shut == open || self.answer(&shut)?.allows() || !self.answer(&open)?.allows() {
            return Ok(None);
        }
        let Some(from) = self.opening() else {
            return Ok(Some(Alternative(self.time().why.clone())));
        };
        let needs = Requirement { window: None, ..self.least(&open)? };
        let then =
            if needs == Requirement::default() { "is allowed".to_owned() } else { format!("needs {needs}") };
        Ok(Some(Alternative(format!("ask again from {} on, when it {then}", short(from)))))
    }

    /// More people than there are, every role and all evidence, and the window if it ever opens.
    fn ideal(&self, best: &Standing) -> Standing {
        let opens = self.opening().is_some();
        Standing {
            tally: Tally {
                people: CROWD,
                touched: CROWD,
                rendered: CROWD,
                owners: CROWD,
                roles: best.tally.roles.union(self.search.law.roles()).cloned().collect(),
            },
            evidence: EvidenceKind::ALL.into_iter().collect(),
            peak: best.peak && !opens,
            frozen: best.frozen && !opens,
        }
    }

    /// What `wanted` asks for and nobody can give, and what to do about it.
    fn shortfall(&self, wanted: &Requirement, best: &Standing) -> Option<String> {
        let mut parts = Vec::new();
        if wanted.people > best.tally.people {
            parts.push(format!(
                "it needs {} besides whoever launched the agent, and {} of the roster can sign here: enrol {} more as \
                 approver",
                people(wanted.people),
                people(best.tally.people),
                wanted.people.saturating_sub(best.tally.people),
            ));
        }
        if wanted.touched > best.tally.touched {
            parts.push(format!(
                "it needs {} with a key that proves presence, and {} of the roster can: enrol a security key (sk-ssh-…)",
                people(wanted.touched),
                people(best.tally.touched),
            ));
        }
        if wanted.rendered > best.tally.rendered {
            parts.push(format!(
                "it needs {} who sign{} by the command line, on a machine of their own, and {} of the roster can: enrol an SSH \
                 key{}",
                people(wanted.rendered),
                if wanted.rendered == 1 { "s" } else { "" },
                people(best.tally.rendered),
                if best.tally.touched > 0 { " that has to be touched (sk-ssh-…) besides their passkey" } else { "" },
            ));
        }
        let roles: Vec<_> =
            wanted.roles.iter().filter(|role| !self.can_be(role, best)).map(Role::as_str).collect();
        if !roles.is_empty() {
            parts.push(format!("nobody who may sign is {}: give an approver the role", roles.join(" or ")));
        }
        let evidence: Vec<_> = wanted.evidence.difference(&best.evidence).map(|kind| kind.name()).collect();
        if !evidence.is_empty() {
            parts.push(format!("the evidence {} cannot be gathered for it", evidence.join(", ")));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn can_be(&self, role: &Role, best: &Standing) -> bool {
        best.tally.roles.contains(role) || (role.as_str() == "owner" && best.tally.owners > 0)
    }

    fn denial(&self, why: Answer, mut alternatives: Vec<Alternative>) -> Verdict {
        let mut rules = self.references(&why.tripped);
        for ungranted in &why.ungranted {
            let (rule, alternative) = no_grant(ungranted, self.search.question.effect.name());
            rules.extend(rule);
            alternatives.push(alternative);
        }
        alternatives.sort();
        alternatives.dedup();
        Verdict::Deny(Denial { fault: None, rules, alternatives })
    }

    fn answer(&self, standing: &Standing) -> Result<Answer, String> {
        let known =
            self.asked.borrow().iter().find(|(it, _)| it == standing).map(|(_, answer)| answer.clone());
        if let Some(answer) = known {
            return Ok(answer);
        }
        let Search { law, question, .. } = self.search;
        let context = self.search.context(standing, self.slice.reads_again)?;
        let answer = law.ask_again(question, self.slice, &context, self.now)?;
        self.asked.borrow_mut().push((standing.clone(), answer.clone()));
        Ok(answer)
    }

    fn is_absolute(&self, rule: usize) -> bool {
        self.search.law.rule(rule).is_none_or(|rule| rule.absolute)
    }

    fn references(&self, rules: &BTreeSet<usize>) -> Vec<RuleRef> {
        let mut found: Vec<_> = rules
            .iter()
            .filter_map(|rule| self.search.law.rule(*rule))
            .map(|rule| rule.reference.clone())
            .collect();
        found.sort();
        found
    }

    fn insteads(&self, rules: &BTreeSet<usize>) -> Vec<Alternative> {
        let found: BTreeSet<_> = rules
            .iter()
            .filter_map(|rule| self.search.law.rule(*rule)?.instead.clone())
            .map(Alternative)
            .collect();
        found.into_iter().collect()
    }
}

fn people(count: u32) -> String {
    match count {
        0 => "nobody".to_owned(),
        1 => "1 person".to_owned(),
        more => format!("{more} people"),
    }
}

/// The rule that nobody wrote: what no grant permits is denied.
fn no_grant(ungranted: &Ungranted, effect: &str) -> (Option<RuleRef>, Alternative) {
    let Ungranted { who, file, allows } = ungranted;
    let rule = "no-grant".parse::<RuleId>().ok().map(|id| RuleRef {
        id,
        reason: format!("no grant of {who} permits `{effect}` on this"),
        file: file.clone().unwrap_or_else(|| "grants/".to_owned()),
        line: 1,
    });
    let sentence = match file {
        Some(_) if !allows.is_empty() => format!("the grant of {who} allows: {}", allows.join("; ")),
        Some(_) | None => {
            format!("{who} has no grant that allows anything; one is added by a change of the bundle")
        }
    };
    (rule, Alternative(sentence))
}
