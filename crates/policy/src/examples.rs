//! Examples: a request, and the verdict it must get. They stand beside the rules (`RULE.examples.toml`), are run whenever
//! a bundle is loaded, and say what a rule means to whoever reads it. Those of the constitution are judged by the
//! constitution alone; those beside a grant, with that agent's and that operator's grants.

use std::{collections::BTreeSet, sync::Arc};

use model::{
    Account, AgentId, Autonomy, BreakGlass, Chain, Effect, EffectSet, Environment, EnvironmentName,
    EvidenceKind, Exposure, History, Kind, Operation, PersonId, Quantity, Resource, Role, RuleId, SessionId,
    Tally, Timestamp, Verdict,
};

use crate::{
    allowances::Spent,
    ask::{Ahead, Ask, ChangeFacts},
    bundle::Bundle,
    calendar::TimeFacts,
    facts::{Facts, Hour},
    law::Grants,
    reader::Section,
};

/// How one example came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleResult {
    pub file: String,
    pub line: u32,
    pub name: String,
    pub passed: bool,
    /// Empty where it passed.
    pub detail: String,
}

/// What a rule's file shows by an example, for people to read; it holds, for a bundle is not loaded otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownExample<'b> {
    pub name: &'b str,
    /// The file and the line it stands at.
    pub file: &'b str,
    pub line: u32,
    /// What comes of it: `allow`, `hold` or `deny`.
    pub verdict: &'static str,
    /// How many people it then takes, where it says so.
    pub people: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) file: String,
    line: u32,
    name: String,
    given: Given,
    expected: Expected,
}

/// A request as it is described by hand.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    agent: AgentId,
    operator: PersonId,
    pub(crate) enforce_grants: GrantsIn,
    operation: Operation,
    effects: EffectSet,
    exposure: Exposure,
    resource: Resource,
    pub(crate) environment: Environment,
    autonomy: Autonomy,
    approvals: Tally,
    pub(crate) eligible: Tally,
    evidence: BTreeSet<EvidenceKind>,
    gatherable: BTreeSet<EvidenceKind>,
    pub(crate) time: TimeFacts,
    pub(crate) at: Timestamp,
    change: ChangeFacts,
    history: History,
    ahead: Ahead,
    /// Broken, beside the grant that is kept for it.
    glass: Option<BreakGlass>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantsIn {
    Force,
    Abeyance,
}

#[derive(Clone, Debug)]
struct Expected {
    verdict: &'static str,
    people: Option<u32>,
    rules: Option<BTreeSet<RuleId>>,
}

impl Example {
    pub(crate) fn shown(&self) -> ShownExample<'_> {
        let Expected { verdict, people, .. } = &self.expected;
        ShownExample { name: &self.name, file: &self.file, line: self.line, verdict, people: *people }
    }

    /// Whether it says that the rule decides.
    pub(crate) fn names(&self, id: &RuleId) -> bool {
        self.expected.rules.as_ref().is_some_and(|rules| rules.contains(id))
    }
}

/// When examples happen; no verdict of theirs depends on it.
const THEN: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn run(bundle: &Bundle, example: &Example) -> ExampleResult {
    let verdict =
        example.given.judge(&|ask, hour, grants, ahead| bundle.judge(ask, hour, grants, ahead), bundle);
    let unknown =
        example.expected.rules.iter().flatten().find(|id| !bundle.has_rule(id) && id.as_str() != "no-grant");
    let detail = match unknown {
        Some(id) => format!("there is no rule {id}"),
        None => difference(&example.expected, &verdict),
    };
    ExampleResult {
        file: example.file.clone(),
        line: example.line,
        name: example.name.clone(),
        passed: detail.is_empty(),
        detail,
    }
}

/// How a question is judged: by the whole law, or by a part of it.
pub(crate) type Judge<'j> = dyn Fn(&Facts<'_>, &Hour, Grants<'_>, Option<Ahead>) -> Verdict + 'j;

impl Given {
    pub(crate) fn judge(&self, judge: &Judge<'_>, bundle: &Bundle) -> Verdict {
        let chain = self.chain();
        let ask = Ask {
            chain: &chain,
            autonomy: self.autonomy,
            in_scope: true,
            operation: &self.operation,
            effects: self.effects,
            listed: self.effects,
            quantity: &Quantity::one(),
            exposure: self.exposure,
            resources: std::slice::from_ref(&self.resource),
            account: &Account("111122223333".to_owned()),
            environment: &self.environment,
            change: self.change,
            approvals: &self.approvals,
            eligible: &self.eligible,
            evidence: &self.evidence,
            gatherable: &self.gatherable,
            now: self.at,
            history: self.history,
            spent: &Spent::new(),
            glass: self.glass.as_ref(),
        };
        let grants = match self.enforce_grants {
            GrantsIn::Force => Grants::Enforced { agent: &self.agent, operator: &self.operator },
            GrantsIn::Abeyance => Grants::Assumed,
        };
        let hour = bundle.hour(&ask, Arc::new(self.time.clone()));
        judge(&Facts::of(&ask), &hour, grants, Some(self.ahead))
    }

    pub(crate) fn chain(&self) -> Chain {
        Chain { agent: self.agent.clone(), operator: self.operator.clone(), launcher: None, owner: None }
    }
}

fn difference(expected: &Expected, verdict: &Verdict) -> String {
    let rules: BTreeSet<RuleId> = verdict.rules().iter().map(|rule| rule.id.clone()).collect();
    let people = match verdict {
        Verdict::Hold(hold) => hold.requirement.people,
        Verdict::Allow | Verdict::Deny(_) => 0,
    };
    let fault = match verdict {
        Verdict::Deny(denial) => denial.fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default(),
        Verdict::Allow | Verdict::Hold(_) => String::new(),
    };
    let same = expected.verdict == verdict.name()
        && expected.people.is_none_or(|wanted| wanted == people)
        && expected.rules.as_ref().is_none_or(|wanted| *wanted == rules);
    if same {
        return String::new();
    }
    let list = |rules: &BTreeSet<RuleId>| rules.iter().map(RuleId::as_str).collect::<Vec<_>>().join(", ");
    let wanted_people = expected.people.map(|count| format!(", people = {count}")).unwrap_or_default();
    let wanted_rules =
        expected.rules.as_ref().map(|rules| format!(", rules = [{}]", list(rules))).unwrap_or_default();
    format!(
        "expected {}{wanted_people}{wanted_rules}; got {}{fault}, people = {people}, rules = [{}]",
        expected.verdict,
        verdict.name(),
        list(&rules)
    )
}

pub(crate) fn read_examples(root: &Section<'_>) -> Vec<Example> {
    let examples: Vec<_> = root.sections("example").iter().filter_map(read_example).collect();
    if examples.is_empty() {
        root.missing("example", "tables, each starting with [[example]]");
    }
    examples
}

fn read_example(section: &Section<'_>) -> Option<Example> {
    let name = section.parsed::<String>("name");
    let grants = if section.file().starts_with("grants/") { GrantsIn::Force } else { GrantsIn::Abeyance };
    let given = read_given(section, grants);
    let verdict = section.choice("expect", &[("allow", "allow"), ("hold", "hold"), ("deny", "deny")]);
    let people = section.count("people", 0..65).and_then(|count| u32::try_from(count).ok());
    let rules = section.has("rules").then(|| section.list::<RuleId>("rules").into_iter().collect());
    section.finish();
    for key in ["name", "effects", "kind", "environment", "expect"] {
        if !section.has(key) {
            section.missing(key, "an example says name, effects, kind, environment and expect");
        }
    }
    Some(Example {
        file: section.file().to_owned(),
        line: section.line(),
        name: name?,
        given: given?,
        expected: Expected { verdict: verdict?, people, rules },
    })
}

pub(crate) fn read_given(section: &Section<'_>, grants: GrantsIn) -> Option<Given> {
    let mut effects = section.list::<Effect>("effects").into_iter();
    let kind = section.parsed::<Kind>("kind");
    let environment = section.parsed::<EnvironmentName>("environment");
    let operation = section.parsed::<String>("operation").unwrap_or_else(|| "example:Operation".to_owned());
    let (service, operation) = operation.split_once(':').unwrap_or(("example", &operation));
    let resource = section.parsed::<String>("resource").unwrap_or_else(|| "shop".to_owned());
    let production = section.flag("production");
    let autonomy = section.parsed::<Autonomy>("autonomy").unwrap_or_default();
    let agent = section.parsed::<AgentId>("agent");
    let operator = section.parsed::<PersonId>("operator");
    let exposes = section.list::<String>("exposes");
    let time = section.list::<String>("time");
    check_words(section, "exposes", &exposes, &["data", "credentials"]);
    check_words(section, "time", &time, &["peak", "frozen"]);
    let given = Given {
        enforce_grants: grants,
        at: THEN,
        agent: agent.or_else(|| "some-agent".parse().ok())?,
        operator: operator.or_else(|| "some-operator".parse().ok())?,
        operation: Operation::new(service, operation),
        exposure: Exposure { data: has(&exposes, "data"), credentials: has(&exposes, "credentials") },
        autonomy,
        approvals: section.section("approvals").map(|tally| read_tally(&tally)).unwrap_or_default(),
        eligible: section.section("eligible").map_or_else(many, |tally| read_tally(&tally)),
        evidence: section.list::<EvidenceKind>("evidence").into_iter().collect(),
        gatherable: section.list::<EvidenceKind>("gatherable").into_iter().collect(),
        time: TimeFacts {
            peak: has(&time, "peak"),
            frozen: has(&time, "frozen"),
            why: time.join(" and "),
            next_open: (!time.is_empty()).then(|| THEN.plus_seconds(3600)),
        },
        change: section.section("change").map(|change| read_change(&change)).unwrap_or_default(),
        ahead: Ahead {
            within_budget: section.flag("within_budget").unwrap_or(false),
            standing: section.flag("standing").unwrap_or(false),
        },
        history: section.section("history").map(|history| read_history(&history)).unwrap_or_default(),
        glass: section.file().strip_prefix("grants/breakglass-").and_then(broken),
        effects: EffectSet::of(effects.next()?),
        resource: Resource { service: service.to_owned(), kind: kind?, name: resource },
        environment: environment.map(|name| Environment {
            production: production.unwrap_or_else(|| name.is_production()),
            name,
        })?,
    };
    Some(Given { effects: effects.fold(given.effects, EffectSet::with), ..given })
}

/// With the grant that the file stands beside, and no rule waived.
fn broken(file: &str) -> Option<BreakGlass> {
    Some(BreakGlass {
        session: SessionId::new(0, [0; 10]),
        agent: "some-agent".parse().ok()?,
        grant: Some(file.strip_suffix(".examples.toml")?.parse().ok()?),
        waives: BTreeSet::new(),
        minutes: BreakGlass::MAX_MINUTES,
        ground: "an example".parse().ok()?,
    })
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|it| it == word)
}

fn check_words(section: &Section<'_>, key: &'static str, words: &[String], known: &[&str]) {
    for word in words.iter().filter(|word| !known.contains(&word.as_str())) {
        let hint = crate::problem::did_you_mean(word, known.iter().copied());
        section.wrong(key, format!("`{key}` cannot contain `{word}`"), hint);
    }
}

/// A roster that could give anything, where an example does not say otherwise.
pub(crate) fn many() -> Tally {
    let roles = ["owner", "sre", "dba", "security"].into_iter().filter_map(|role| role.parse::<Role>().ok());
    Tally { people: 9, touched: 9, rendered: 9, owners: 9, roles: roles.collect() }
}

fn read_tally(section: &Section<'_>) -> Tally {
    let tally = Tally {
        people: small(section, "people"),
        touched: small(section, "touched"),
        rendered: small(section, "rendered"),
        owners: small(section, "owners"),
        roles: section.list::<Role>("roles").into_iter().collect(),
    };
    section.finish();
    tally
}

fn read_change(section: &Section<'_>) -> ChangeFacts {
    let change = ChangeFacts {
        destroys: small(section, "destroys"),
        replaces: section.flag("replaces").unwrap_or(false),
        staged: section.flag("staged").unwrap_or(false),
        undo: section.flag("undo").unwrap_or(false),
        steps: small(section, "steps"),
    };
    section.finish();
    change
}

fn read_history(section: &Section<'_>) -> History {
    let history = History {
        destroys: small(section, "destroys"),
        agent_destroys: small(section, "agent_destroys"),
        protections_lowered: small(section, "protections_lowered"),
        backups_touched: small(section, "backups_touched"),
        data_destroyed: small(section, "data_destroyed"),
        created_by_session: section.flag("created_by_session").unwrap_or(false),
    };
    section.finish();
    history
}

fn small(section: &Section<'_>, key: &'static str) -> u32 {
    section.count(key, 0..1_000_001).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}
