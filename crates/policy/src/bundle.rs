//! A bundle, loaded: everything that can change a verdict, checked, compiled and immutable. Loading refuses whatever is
//! not understood to the last key; once loaded there is nothing left to go wrong but a verdict.

mod load;

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Account, AgentId, AllowanceId, Digest, Effect, EffectSet, Environment, Fault, History, Marks, Operation,
    Resource, Roster, RuleRef, Tags, Timestamp, Verdict,
};

use crate::{
    accounts::{Accounts, Assumable, RoleArn, Roles},
    allowances::{Allowances, Charges},
    ask::{Ahead, Ask},
    calendar::{Calendar, TimeFacts},
    examples::{Example, ExampleResult, run},
    kinds,
    law::{Grants, Law, Question},
    levels::Levels,
    places::{Landing, Places},
    problem::{LoadError, Problems},
    registry::Override,
    schema::{Ours, Vocabulary},
    search::Search,
    settings::{FileSignatures, Limits, Profile, Settings},
    witnesses::Witnesses,
};

/// Path relative to the bundle → content.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    settings: Settings,
    roster: Roster,
    places: Places,
    accounts: Accounts,
    allowances: Allowances,
    witnesses: Witnesses,
    calendar: Option<Calendar>,
    overrides: BTreeMap<Operation, Override>,
    vocabulary: Vocabulary,
    law: Law,
    examples: Vec<Example>,
}

/// All of a bundle but its digest and its examples, which decide nothing.
pub(crate) struct Parts<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) roster: &'a Roster,
    pub(crate) places: &'a Places,
    pub(crate) accounts: &'a Accounts,
    pub(crate) allowances: &'a Allowances,
    pub(crate) witnesses: &'a Witnesses,
    pub(crate) calendar: Option<&'a Calendar>,
    pub(crate) overrides: &'a BTreeMap<Operation, Override>,
    pub(crate) law: &'a Law,
}

/// A request with more targets than this is too large to judge; it is refused, not judged in part.
const MAX_RESOURCES: usize = 1_000;
/// Longer than any name a protocol allows.
const MAX_NAME: usize = 4_096;

impl Bundle {
    /// Reads, checks and compiles; then runs every example. Any problem refuses the whole.
    pub fn load(files: &Files) -> Result<Self, LoadError> {
        let bundle = Self::compile(files)?;
        let problems = Problems::default();
        bundle.report_failed_examples(&problems);
        problems.into_result()?;
        Ok(bundle)
    }

    /// How every example of a bundle comes out, those that fail included. What has failing examples can be tested, and
    /// never loaded.
    pub fn test(files: &Files) -> Result<Vec<ExampleResult>, LoadError> {
        Ok(Self::compile(files)?.run_examples())
    }

    fn compile(files: &Files) -> Result<Self, LoadError> {
        let problems = Problems::default();
        let bundle = load::read(files, &problems);
        if bundle.is_none() && problems.is_empty() {
            problems.add("(bundle)", None, "the bundle could not be read", None);
        }
        problems.into_result()?;
        bundle.ok_or_else(|| LoadError { problems: Vec::new() })
    }

    /// The content address: over every file's content and the compiled-in schema.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    pub fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// Whether a signature by a key file counts in `environment`.
    pub fn file_signatures(&self, environment: &Environment) -> FileSignatures {
        self.settings.file_signatures.at(environment)
    }

    /// An account that the bundle does not know is production.
    pub fn environment_of(&self, account: &Account) -> Environment {
        self.places.environment_of(account)
    }

    /// What Countersign acts as in `account`; `None` where that is whatever the server's own credentials are.
    pub fn roles_of(&self, account: &Account) -> Option<&Roles> {
        self.accounts.roles.get(account)
    }

    /// Every account with roles of its own.
    pub fn accounts(&self) -> impl Iterator<Item = (&Account, &Roles)> {
        self.accounts.roles.iter()
    }

    /// Every role that agents may take on.
    pub fn assumable(&self) -> impl Iterator<Item = (&RoleArn, &Assumable)> {
        self.accounts.assumable.iter()
    }

    /// The role of this name, where the agent may take it on.
    pub fn assumable_by(&self, agent: &AgentId, role: &str) -> Option<(&RoleArn, &Assumable)> {
        let role: RoleArn = role.parse().ok()?;
        let found = self.accounts.assumable.get_key_value(&role)?;
        found.1.agents.contains(agent).then_some(found)
    }

    /// Where sessions act; `None`: in the account of the server's own credentials.
    pub fn default_account(&self) -> Option<&Account> {
        self.accounts.default.as_ref()
    }

    /// Whether the map names the account at all.
    pub fn knows(&self, account: &Account) -> bool {
        self.places.accounts().any(|known| known == account)
    }

    /// From the environment that the accounts decide to the one that names and tags raise it to. `tags`: of the target,
    /// as they are now; `None` where the target is not looked at (a plain read).
    pub fn landing<'r>(
        &self,
        decided: Environment,
        resources: impl Iterator<Item = &'r Resource> + Clone,
        marks: &Marks,
        tags: Option<&Tags>,
    ) -> Landing {
        self.places.landing(decided, resources, marks, tags)
    }

    pub fn overrides(&self) -> &BTreeMap<Operation, Override> {
        &self.overrides
    }

    /// Whose cosignatures of the log's checkpoints count.
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub fn levels(&self) -> &Levels {
        &self.settings.levels
    }

    pub fn time_facts(&self, now: Timestamp, environment: &Environment) -> TimeFacts {
        match &self.calendar {
            Some(calendar) => calendar.facts(now, environment),
            None => TimeFacts::closed(
                "the bundle has no calendar.toml, so every hour counts as peak and as frozen",
            ),
        }
    }

    /// Every rule of the bundle, constitution and grants.
    pub fn rules(&self) -> Vec<RuleRef> {
        let mut rules: Vec<_> = self.law.rules().map(|rule| rule.reference.clone()).collect();
        rules.sort_by(|one, two| (&one.file, one.line).cmp(&(&two.file, two.line)));
        rules
    }

    pub fn run_examples(&self) -> Vec<ExampleResult> {
        self.examples.iter().map(|example| run(self, example)).collect()
    }

    pub fn decide(&self, ask: &Ask<'_>) -> Verdict {
        let grants = Grants::Enforced { agent: &ask.chain.agent, operator: &ask.chain.operator };
        self.judge(ask, &self.time_facts(ask.now, ask.environment), grants, None)
    }

    /// Whether the agent alone may do what `ask` says, out of no allowance and whatever the target is called, also where
    /// its name is not known. Never, where a rule tells names apart, nor for a change of who may do what.
    ///
    /// In every hour that the calendar has, but for what only adds: what runs goes on writing its logs in a freeze.
    pub fn allows_alone(&self, ask: &Ask<'_>, adds_only: bool) -> bool {
        let of_identities = ask.resources.iter().any(|it| kinds::is_known_in(it.kind.as_str(), "identity"));
        if self.law.tells_names_apart() || of_identities && !ask.effects.is_plain_read() {
            return false;
        }
        let grants = Grants::Enforced { agent: &ask.chain.agent, operator: &ask.chain.operator };
        let hours = match &self.calendar {
            Some(calendar) => calendar.hours(ask.environment),
            None => vec![self.time_facts(ask.now, ask.environment)],
        };
        let counted = if adds_only { 1 } else { hours.len() };
        hours
            .iter()
            .take(counted)
            .all(|time| matches!(self.judge(ask, time, grants, Some(Ahead::default())), Verdict::Allow))
    }

    /// Whether it has budgets or standing approvals at all.
    pub fn has_allowances(&self) -> bool {
        !self.allowances.is_empty()
    }

    /// What `ask` would take out of the bundle's allowances if nobody has to agree to it. (`ask.spent` is not read.)
    pub fn charges(&self, ask: &Ask<'_>) -> Charges {
        self.allowances.charges(ask)
    }

    /// How far back the allowance looks, in seconds; `None` where nothing of that name is counted.
    pub fn window_of(&self, allowance: &AllowanceId) -> Option<i64> {
        self.allowances.window_s(allowance)
    }

    /// The standing approvals that answer for some part of `ask`.
    pub fn standing(&self, ask: &Ask<'_>) -> Vec<RuleRef> {
        let found: BTreeSet<_> = ask
            .effects
            .iter()
            .flat_map(|effect| ask.resources.iter().map(move |resource| (effect, resource)))
            .filter_map(|(effect, resource)| self.allowances.standing(ask, effect, resource))
            .collect();
        found.into_iter().cloned().collect()
    }

    /// Each effect on each resource is decided; the strictest wins.
    /// `ahead`: what an example says was allowed ahead of time, in place of the bundle's own allowances.
    pub(crate) fn judge(
        &self,
        ask: &Ask<'_>,
        time: &TimeFacts,
        grants: Grants<'_>,
        ahead: Option<Ahead>,
    ) -> Verdict {
        if ask.resources.len() > MAX_RESOURCES {
            let detail =
                format!("{} targets; at most {MAX_RESOURCES} are judged at once", ask.resources.len());
            return Verdict::fault(Fault::Oversized(detail));
        }
        if ask.resources.iter().any(|resource| resource.name.len() > MAX_NAME) {
            return Verdict::fault(Fault::Oversized(format!(
                "a target's name is longer than {MAX_NAME} bytes"
            )));
        }
        if !ask.in_scope {
            return out_of_scope();
        }
        let nowhere = [Resource::unknown(&ask.operation.service)];
        let resources = if ask.resources.is_empty() { &nowhere[..] } else { ask.resources };
        let distinct: BTreeSet<&Resource> = resources.iter().collect();
        let together = Together::of(ask.effects, &distinct);
        // A delete of a thousand objects is judged once where no rule can tell them apart.
        let alike = !self.law.reads_names() && !self.allowances.names_resources();
        let mut seen = BTreeSet::new();
        distinct
            .into_iter()
            .filter(|resource| {
                !alike || seen.insert((&resource.service, &resource.kind, self.places.is_own(resource)))
            })
            .map(|resource| {
                let ask = Ask { history: together.besides(resource, ask.history), ..ask.clone() };
                self.judge_one(&ask, time, grants, resource, ahead)
            })
            .fold(Verdict::Allow, Verdict::join)
    }

    fn judge_one(
        &self,
        ask: &Ask<'_>,
        time: &TimeFacts,
        grants: Grants<'_>,
        resource: &Resource,
        ahead: Option<Ahead>,
    ) -> Verdict {
        let ours = if self.places.is_own(resource) { Ours::Yes } else { Ours::No };
        let about = match self.vocabulary.entities(resource, ask.environment, ours) {
            Ok(built) => built,
            Err(err) => return Verdict::fault(Fault::Evaluation(err)),
        };
        let agent = self.vocabulary.agent(ask.chain.agent.as_str());
        let operator = self.vocabulary.person(ask.chain.operator.as_str());
        ask.effects
            .iter()
            .map(|effect| {
                let Some(action) = self.vocabulary.action(effect) else {
                    return Verdict::fault(Fault::Evaluation(format!("there is no action {effect}")));
                };
                let question = Question {
                    effect,
                    action,
                    exposure: ask.exposure,
                    grants,
                    agent: &agent,
                    operator: &operator,
                    resource: &about.resource,
                    entities: &about.entities,
                };
                let hold_expiry_s = self.settings.limits.hold_expiry_s;
                let ahead = ahead.unwrap_or_else(|| Ahead {
                    within_budget: self.allowances.within_budget(ask, effect),
                    standing: self.allowances.standing(ask, effect, resource).is_some(),
                });
                let verdict = Search { law: &self.law, ask, ahead, question, time, hold_expiry_s }.verdict();
                self.allowances.explained(verdict, ask, effect)
            })
            .fold(Verdict::Allow, Verdict::join)
    }

    fn report_failed_examples(&self, problems: &Problems) {
        for result in self.run_examples() {
            if !result.passed {
                let message = format!("example \"{}\" came out otherwise: {}", result.name, result.detail);
                problems.add(&result.file, Some(result.line), message, None);
            }
        }
    }

    /// Destructured, so that nothing that decides is left out of a comparison.
    pub(crate) const fn parts(&self) -> Parts<'_> {
        let Self {
            digest: _,
            settings,
            roster,
            places,
            accounts,
            allowances,
            witnesses,
            calendar,
            overrides,
            vocabulary: _,
            law,
            examples: _,
        } = self;
        let calendar = calendar.as_ref();
        Parts { settings, roster, places, accounts, allowances, witnesses, calendar, overrides, law }
    }

    pub(crate) fn has_rule(&self, id: &model::RuleId) -> bool {
        self.law.has_rule(id)
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
