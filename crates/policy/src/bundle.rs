//! A bundle, loaded: everything that can change a verdict, checked, compiled and immutable. Loading refuses whatever is
//! not understood to the last key; once loaded there is nothing left to go wrong but a verdict.

pub(crate) mod glass;
mod judge;
mod load;
#[cfg(test)]
mod pitfalls;
pub(crate) mod provable;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{
    Account, AgentId, AllowanceId, BundleParts, Digest, Environment, Marks, Operation, Resource, Roster,
    RuleRef, Tags, Timestamp, Verdict,
};

use crate::{
    accounts::{Accounts, Assumable, RoleArn, Roles},
    allowances::{Allowances, Charges},
    ask::{Ahead, Ask},
    calendar::{Calendar, TimeFacts},
    decisions::Decisions,
    examples::{Example, ExampleResult, ShownExample, run},
    facts::Facts,
    invariants::Invariant,
    kinds,
    law::{Grants, Law},
    levels::Levels,
    places::{Landing, Places},
    problem::{LoadError, Problems, Sort},
    registry::Override,
    schema::Vocabulary,
    settings::{FileSignatures, Limits, Profile, Settings},
    tables::Tables,
    witnesses::Witnesses,
};

/// Path relative to the bundle → content.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    made_of: BundleParts,
    settings: Settings,
    roster: Roster,
    places: Places,
    accounts: Accounts,
    allowances: Allowances,
    witnesses: Witnesses,
    tables: Tables,
    calendar: Option<Calendar>,
    overrides: BTreeMap<Operation, Override>,
    vocabulary: Vocabulary,
    law: Law,
    invariants: Vec<Invariant>,
    examples: Vec<Example>,
    decisions: Decisions,
}

/// All of a bundle but its digest and its examples, which decide nothing.
pub(crate) struct Parts<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) roster: &'a Roster,
    pub(crate) places: &'a Places,
    pub(crate) accounts: &'a Accounts,
    pub(crate) allowances: &'a Allowances,
    pub(crate) witnesses: &'a Witnesses,
    pub(crate) tables: &'a Tables,
    pub(crate) calendar: Option<&'a Calendar>,
    pub(crate) overrides: &'a BTreeMap<Operation, Override>,
    pub(crate) law: &'a Law,
}

impl Bundle {
    /// Reads, checks and compiles; then runs every example. Any problem refuses the whole.
    pub fn load(files: &Files) -> Result<Self, LoadError> {
        let bundle = Self::compile(files)?;
        let problems = Problems::default();
        bundle.report_failed_examples(&problems);
        problems.into_result()?;
        Ok(bundle)
    }

    /// How every example of a bundle comes out, those that fail included. What has failing examples can be tested and
    /// looked at, and never loaded.
    pub fn test(files: &Files) -> Result<Vec<ExampleResult>, LoadError> {
        Ok(Self::compile(files)?.run_examples())
    }

    /// A bundle as it is being written, whatever its examples say: to compare and to explain, and nothing else. What
    /// serves or is adopted was loaded.
    pub fn draft(files: &Files) -> Result<Self, LoadError> {
        Self::compile(files)
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

    pub const fn made_of(&self) -> BundleParts {
        self.made_of
    }

    /// The digest that files would have as a bundle, whether or not they load.
    pub fn digest_of(files: &Files) -> Digest {
        load::digest_of(files)
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

    /// Every environment that the map names.
    pub fn environments(&self) -> impl Iterator<Item = Environment> {
        let named = self.places.names.iter();
        named.map(|(name, production)| Environment { name: name.clone(), production: *production })
    }

    /// Every account that the map says is this environment.
    pub fn accounts_of(&self, environment: &Environment) -> impl Iterator<Item = &Account> {
        self.places.accounts().filter(|account| self.places.environment_of(account) == *environment)
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

    /// The operation tables that its verdicts rest on.
    pub const fn tables(&self) -> Tables {
        self.tables
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

    /// When `like` is next true of the hour; `None` where that is not within the calendar's sight.
    pub fn next_time_like(
        &self,
        from: Timestamp,
        environment: &Environment,
        like: &dyn Fn(&TimeFacts) -> bool,
    ) -> Option<Timestamp> {
        match &self.calendar {
            Some(calendar) => calendar.next_like(from, environment, like),
            None => like(&self.time_facts(from, environment)).then_some(from),
        }
    }

    /// As [`Self::time_facts`], of a minute that may have been asked about before.
    fn facts_of_minute(&self, now: Timestamp, environment: &Environment) -> Arc<TimeFacts> {
        match &self.calendar {
            Some(calendar) => self.decisions.minutes.facts(calendar, now, environment),
            None => Arc::new(self.time_facts(now, environment)),
        }
    }

    /// Every rule of the bundle, constitution and grants.
    pub fn rules(&self) -> Vec<RuleRef> {
        let mut rules: Vec<_> = self.law.rules().map(|rule| rule.reference.clone()).collect();
        rules.sort_by(|one, two| (&one.file, one.line).cmp(&(&two.file, two.line)));
        rules
    }

    /// Those of the rules in this file, in its order.
    pub fn examples_of<'b>(&'b self, file: &'b str) -> impl Iterator<Item = ShownExample<'b>> {
        let stem = file.strip_suffix(".cedar").unwrap_or(file);
        let of_file = move |it: &ShownExample<'_>| it.file.strip_suffix(".examples.toml") == Some(stem);
        self.examples.iter().map(Example::shown).filter(of_file)
    }

    pub fn run_examples(&self) -> Vec<ExampleResult> {
        self.examples.iter().map(|example| run(self, example)).collect()
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
        let hours = match &self.calendar {
            Some(calendar) => calendar.hours(ask.environment),
            None => vec![self.time_facts(ask.now, ask.environment)],
        };
        let counted = if adds_only { 1 } else { hours.len() };
        let facts = Facts::of(ask);
        hours.into_iter().take(counted).all(|time| {
            let hour = self.hour(ask, Arc::new(time));
            let verdict = self.judge(&facts, &hour, Grants::enforced(&facts), Some(Ahead::default()));
            matches!(verdict, Verdict::Allow)
        })
    }

    /// The files of the grants without which nothing passes that is asked for so: the agent's, then the operator's.
    pub fn grants_of(&self, chain: &model::Chain) -> Vec<&str> {
        self.law.grants_of(&chain.agent, &chain.operator).collect()
    }

    /// Whether it has budgets or standing approvals at all.
    pub fn has_allowances(&self) -> bool {
        !self.allowances.is_empty()
    }

    /// What `ask` would take out of the bundle's allowances if nobody has to agree to it. (`ask.spent` is not read.)
    pub fn charges(&self, ask: &Ask<'_>) -> Charges {
        self.allowances.charges(&Facts::of(ask))
    }

    /// How far back the allowance looks, in seconds; `None` where nothing of that name is counted.
    pub fn window_of(&self, allowance: &AllowanceId) -> Option<i64> {
        self.allowances.window_s(allowance)
    }

    /// The standing approvals that answer for some part of `ask`.
    pub fn standing(&self, ask: &Ask<'_>) -> Vec<RuleRef> {
        let facts = Facts::of(ask);
        let found: BTreeSet<_> = ask
            .effects
            .iter()
            .flat_map(|effect| ask.resources.iter().map(move |resource| (effect, resource)))
            .filter_map(|(effect, resource)| self.allowances.standing(&facts, effect, resource))
            .collect();
        found.into_iter().cloned().collect()
    }

    fn report_failed_examples(&self, problems: &Problems) {
        // Once is enough.
        let mut hint = Some(
            "`countersign policy explain --file FILE` tells why each example gets its verdict".to_owned(),
        );
        for result in self.run_examples().into_iter().filter(|it| !it.passed) {
            let message = format!("example \"{}\" came out otherwise: {}", result.name, result.detail);
            problems.of(&result.file, Some(result.line), Sort::Example, message, hint.take());
        }
    }

    /// Destructured, so that nothing that decides is left out of a comparison.
    pub(crate) const fn parts(&self) -> Parts<'_> {
        let Self {
            digest: _,
            made_of: _,
            settings,
            roster,
            places,
            accounts,
            allowances,
            witnesses,
            tables,
            calendar,
            overrides,
            vocabulary: _,
            law,
            invariants: _,
            examples: _,
            decisions: _,
        } = self;
        let calendar = calendar.as_ref();
        Parts { settings, roster, places, accounts, allowances, witnesses, tables, calendar, overrides, law }
    }

    pub(crate) const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(crate) fn has_rule(&self, id: &model::RuleId) -> bool {
        self.law.has_rule(id)
    }
}
