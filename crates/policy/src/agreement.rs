//! That every shortcut agrees with Cedar as it comes: the index and its slices, a context of only what is read, asking
//! again only what varies, and decisions that are kept. The other side is one set per book with every rule in it, the
//! entities and the whole context checked against the schema, and nothing kept.

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Decision, Entities, Policy, PolicyId, PolicySet, Request};
use model::{
    Account, AgentId, Autonomy, Chain, Effect, EffectSet, Environment, EvidenceKind, Exposure, History,
    Operation, PersonId, Quantity, Resource, RuleRef, Tally, Timestamp,
};
use proptest::{prelude::*, sample::select};

use crate::{
    allowances::Spent,
    ask::{Ahead, Ask, ChangeFacts},
    bundle::Bundle,
    context::{Standing, context_of},
    facts::Facts,
    law::{Answer, Grants, Law, Question, Ungranted},
    members::Members,
    naming::{Naming, naming_of},
    rules::{Place, Rule},
    schema::{Ours, Vocabulary},
    settings::Profile,
    shape::Shape,
    starter::{StarterOptions, starter},
};

/// What the schema can say, what only the checks at load keep out (it errs), and what reads the context as a whole.
const ATOMS: [&str; 26] = [
    "resource in Kind::\"data\"",
    "resource in Kind::\"database\"",
    "resource in Environment::\"production\"",
    "resource in Environment::\"staging\"",
    "resource in Service::\"rds\"",
    "resource == Resource::\"r1\"",
    "resource in [Kind::\"data\", Kind::\"backup\"]",
    "principal == Agent::\"kiro\"",
    "principal == Person::\"ana\"",
    "action in Action::\"irreversible\"",
    "resource.name like \"r*\"",
    "context.approvals.people >= 2",
    "context.approvals.roles.contains(\"dba\")",
    "context.evidence.dry_run",
    "context.time.peak",
    "context.change.undo",
    "context.history.destroys >= 1",
    "context.session.autonomy == 1",
    "context.operation like \"a*\"",
    "context.within_budget",
    "context.exposes.data",
    "context has time",
    "context.time == {peak: true, frozen: false}",
    "context.approvals.people * 4611686018427387904 >= 4",
    "context.nothing",
    "principal.name == \"a\"",
];

fn expressions() -> impl Strategy<Value = String> {
    select(&ATOMS[..]).prop_map(str::to_owned).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

#[derive(Clone, Debug)]
struct Written {
    place: Place,
    text: String,
}

prop_compose! {
    fn rules()(
        place in select(vec!["", "", "agent kiro", "agent kiro", "agent other", "operator ana", "operator ana"]),
        permits in any::<bool>(),
        principal in select(vec!["principal", "principal", "principal == Agent::\"kiro\"", "principal is Agent", "principal in Agent::\"other\""]),
        action in select(vec![
            "action", "action", "action == Action::\"destroy\"", "action in Action::\"change\"",
            "action in [Action::\"read\", Action::\"irreversible\"]",
        ]),
        resource in select(vec![
            "resource", "resource", "resource in Kind::\"data\"", "resource in Environment::\"production\"",
            "resource in Service::\"rds\"", "resource == Resource::\"r1\"", "resource is Resource in Kind::\"database\"",
        ]),
        conditions in proptest::collection::vec((any::<bool>(), expressions()), 0..3),
    ) -> Written {
        let (place, stance, principal) = match place.split_once(' ') {
            Some(("agent", name)) => (Place::Agent(name.parse().unwrap()), permits, format!("principal == Agent::\"{name}\"")),
            Some((_, name)) => (Place::Operator(name.parse().unwrap()), permits, format!("principal == Person::\"{name}\"")),
            None => (Place::Constitution, false, principal.to_owned()),
        };
        let stance = if stance { "permit" } else { "forbid" };
        let conditions = conditions.iter().map(|(when, it)| format!(" {} {{ {it} }}", if *when { "when" } else { "unless" }));
        Written { place, text: format!("{stance} ({principal}, {action}, {resource}){};", conditions.collect::<String>()) }
    }
}

fn rule(number: usize, text: &str) -> Rule {
    let id = format!("rule-{number}");
    let policy = Policy::parse(Some(PolicyId::new(&id)), text).unwrap();
    let json = policy.to_json().unwrap();
    Rule {
        reference: RuleRef { id: id.parse().unwrap(), reason: id, file: "own.cedar".into(), line: 1 },
        instead: None,
        absolute: false,
        naming: naming_of(&json),
        words: Vec::new(),
        reads_names: true,
        shape: Shape::of(&policy, &json),
        policy,
    }
}

/// An ask that owns what it points to.
#[derive(Clone, Debug)]
struct World {
    chain: Chain,
    autonomy: Autonomy,
    in_scope: bool,
    operation: Operation,
    effects: EffectSet,
    exposure: Exposure,
    resources: Vec<Resource>,
    environment: Environment,
    change: ChangeFacts,
    approvals: Tally,
    eligible: Tally,
    evidence: BTreeSet<EvidenceKind>,
    gatherable: BTreeSet<EvidenceKind>,
    now: Timestamp,
    history: History,
    quantity: Quantity,
    account: Account,
    spent: Spent,
}

impl World {
    fn ask(&self) -> Ask<'_> {
        Ask {
            chain: &self.chain,
            autonomy: self.autonomy,
            in_scope: self.in_scope,
            operation: &self.operation,
            effects: self.effects,
            listed: self.effects,
            quantity: &self.quantity,
            exposure: self.exposure,
            resources: &self.resources,
            account: &self.account,
            environment: &self.environment,
            change: self.change,
            approvals: &self.approvals,
            eligible: &self.eligible,
            evidence: &self.evidence,
            gatherable: &self.gatherable,
            now: self.now,
            history: self.history,
            spent: &self.spent,
        }
    }
}

fn tallies() -> impl Strategy<Value = Tally> {
    (0u32..4, 0u32..2, 0u32..2, any::<bool>()).prop_map(|(people, touched, owners, dba)| Tally {
        people,
        touched,
        owners,
        roles: dba.then(|| "dba".parse().unwrap()).into_iter().collect(),
    })
}

fn evidence() -> impl Strategy<Value = BTreeSet<EvidenceKind>> {
    proptest::sample::subsequence(EvidenceKind::ALL.to_vec(), 0..=2).prop_map(|all| all.into_iter().collect())
}

/// A Monday, 08:00 UTC, when the starter's peak begins.
const PEAK: Timestamp = Timestamp::from_seconds(1_795_435_200 - 4 * 3_600);

/// Two days in which nothing changes, and then the weekend.
const CALENDAR: &str = "\
timezone = \"UTC\"
[[peak]]
days = [\"mon-fri\"]
from = \"08:00\"
to = \"20:00\"
[[freeze]]
from = 2026-11-20
to = 2026-11-21
reason = \"r\"
";
/// Seconds from [`PEAK`] to when a hold, which lasts for a day, first outlasts that freeze.
const THAW_IN_SIGHT: i64 = -56 * 3_600;

prop_compose! {
    fn worlds()(
        who in (select(vec!["kiro", "other", "none"]), select(vec!["ana", "none"])),
        autonomy in select(vec![Autonomy::Suggest, Autonomy::Supervised, Autonomy::Autonomous]),
        in_scope in proptest::bool::weighted(0.9),
        operation in select(vec!["a", "b"]),
        effect in select([&Effect::ALL[..], &[Effect::Destroy; 3]].concat()),
        shows in (any::<bool>(), any::<bool>()),
        resource in (select(vec!["rds", "s3"]), select(vec!["table", "stack", "snapshot", "unheard-of"]), select(vec!["r1", "r2", "x"])),
        environment in select(vec![("production", true), ("staging", false), ("shop-prod-eu", true)]),
        change in (0u32..2, any::<bool>(), any::<bool>()),
        approvals in tallies(),
        eligible in tallies(),
        evidence in evidence(),
        gatherable in evidence(),
        seconds in prop_oneof![-90i64..90, -100_000i64..100_000, THAW_IN_SIGHT - 90..THAW_IN_SIGHT + 90],
        history in (0u32..2, 0u32..2, 0u32..2),
    ) -> World {
        let (service, kind, name) = resource;
        World {
            chain: Chain { agent: who.0.parse().unwrap(), operator: who.1.parse().unwrap(), launcher: None, owner: None },
            autonomy,
            in_scope,
            operation: Operation::new(operation, "O"),
            effects: EffectSet::of(effect),
            exposure: Exposure { data: shows.0, credentials: shows.1 && shows.0 },
            resources: vec![Resource { service: service.into(), kind: kind.parse().unwrap(), name: name.into() }],
            environment: Environment { name: environment.0.parse().unwrap(), production: environment.1 },
            change: ChangeFacts { destroys: change.0, replaces: change.1, undo: change.2, ..ChangeFacts::default() },
            approvals,
            eligible,
            evidence,
            gatherable,
            now: PEAK.plus_seconds(seconds),
            history: History { destroys: history.0, data_destroyed: history.1, backups_touched: history.2, ..History::default() },
            quantity: Quantity::one(),
            account: Account("111122223333".into()),
            spent: Spent::new(),
        }
    }
}

fn standing(world: &World, peak: bool) -> Standing {
    Standing { tally: world.approvals.clone(), evidence: world.evidence.clone(), peak, frozen: false }
}

/// One set per book, every rule in it, everything checked against the schema.
struct Plain<'a> {
    vocabulary: &'a Vocabulary,
    rules: &'a [(Place, Rule)],
    grants: Enforced<'a>,
}

#[derive(Clone, Copy)]
struct Enforced<'a> {
    agent: &'a AgentId,
    operator: &'a PersonId,
    exposure: Exposure,
}

impl Plain<'_> {
    fn answer(&self, question: &Question<'_>, facts: &Facts<'_>, standing: &Standing) -> Result<Answer, ()> {
        let Enforced { agent, operator, exposure } = self.grants;
        let least = match exposure {
            Exposure { credentials: true, .. } => Naming::Resource,
            Exposure { data: true, .. } => Naming::Service,
            Exposure { .. } => Naming::Nothing,
        };
        let books = [
            (question.agent, Place::Constitution, None, Naming::Nothing),
            (question.agent, Place::Agent(agent.clone()), Some(format!("agent {agent}")), least),
            (
                question.operator,
                Place::Operator(operator.clone()),
                Some(format!("operator {operator}")),
                Naming::Nothing,
            ),
        ];
        let mut answer = Answer::default();
        for (principal, place, who, least) in books {
            let mut set = PolicySet::new();
            if who.is_none() {
                set.add(
                    Policy::parse(Some(PolicyId::new("all")), "permit (principal, action, resource);")
                        .unwrap(),
                )
                .unwrap();
            }
            let written: Vec<_> = self.rules.iter().enumerate().filter(|(_, (of, _))| *of == place).collect();
            for (_, (_, rule)) in
                written.iter().filter(|(_, (_, rule))| !rule.permits() || rule.naming >= least)
            {
                set.add(rule.policy.clone()).unwrap();
            }
            let schema = Some(&self.vocabulary.schema);
            let context = context_of(facts, Ahead::default(), standing, Members::ALL).unwrap();
            let request = Request::new(
                principal.clone(),
                question.action.clone(),
                question.resource.clone(),
                context,
                schema,
            );
            let entity = question.entities.get(question.resource).unwrap().clone();
            let entities = Entities::from_entities([entity], schema).unwrap();
            let response = Authorizer::new().is_authorized(&request.unwrap(), &set, &entities);
            if response.diagnostics().errors().next().is_some() {
                return Err(());
            }
            let reasons: BTreeSet<_> = response.diagnostics().reason().map(ToString::to_string).collect();
            if response.decision() == Decision::Allow {
                continue;
            }
            let tripped =
                written.iter().filter(|(_, (_, rule))| reasons.contains(rule.reference.id.as_str()));
            answer.tripped.extend(tripped.map(|(number, _)| *number));
            if let Some(who) = who.filter(|_| reasons.is_empty()) {
                let permits = written.iter().filter(|(_, (_, rule))| rule.permits());
                answer.ungranted.push(Ungranted {
                    who,
                    file: (!written.is_empty()).then(|| "own.cedar".to_owned()),
                    allows: permits.map(|(_, (_, rule))| rule.reference.reason.clone()).collect(),
                });
            }
        }
        Ok(answer)
    }
}

fn check(written: &[Written], asked: &[(World, World)]) -> Result<(), TestCaseError> {
    let vocabulary = Vocabulary::new().unwrap();
    let rules = || written.iter().enumerate().map(|(number, it)| (it.place.clone(), rule(number, &it.text)));
    let (law, plain) = (Law::new(rules().collect(), &vocabulary).unwrap(), rules().collect::<Vec<_>>());
    // Twice, the second time from what was kept.
    for (world, later) in asked.iter().chain(asked) {
        let ask = world.ask();
        let facts = Facts::of(&ask);
        let effect = world.effects.iter().next().unwrap();
        let about = vocabulary.entities(&world.resources[0], &world.environment, Ours::No).unwrap();
        let (agent, operator) =
            (vocabulary.agent(world.chain.agent.as_str()), vocabulary.person(world.chain.operator.as_str()));
        let question = Question {
            effect,
            action: vocabulary.action(effect).unwrap(),
            exposure: world.exposure,
            grants: Grants::enforced(&facts),
            agent: &agent,
            operator: &operator,
            resource: &about.resource,
            entities: &about.entities,
        };
        let grants =
            Enforced { agent: &world.chain.agent, operator: &world.chain.operator, exposure: world.exposure };
        let plain = Plain { vocabulary: &vocabulary, rules: &plain, grants };
        let slice = law.slice(&question).unwrap();
        let context =
            |standing: &Standing, reads| context_of(&facts, Ahead::default(), standing, reads).unwrap();
        let now = standing(world, true);
        let answer = law.ask(&question, &slice, &context(&now, slice.reads));
        prop_assert_eq!(answer.clone().map_err(|_| ()), plain.answer(&question, &facts, &now));
        let Ok(before) = answer else { continue };
        let then = standing(later, false);
        let again = law.ask_again(&question, &slice, &context(&then, slice.reads_again), &before);
        prop_assert_eq!(again.map_err(|_| ()), plain.answer(&question, &facts, &then));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_left_out_would_have_changed_nothing(
        written in proptest::collection::vec(rules(), 1..16),
        asked in proptest::collection::vec((worlds(), worlds()), 1..6),
    ) {
        check(&written, &asked)?;
    }
}

/// The starter's rules, in every sort of hour, under grants that permit everything, so that the search is reached.
fn bundle() -> Bundle {
    let options = StarterOptions {
        profile: Profile::Standard,
        operators: vec![("ana".parse().unwrap(), vec![key("ana")])],
        approvers: vec![("ben".parse().unwrap(), vec![], vec![key("ben")])],
        agents: vec!["kiro".parse().unwrap()],
        environments: vec![("production".parse().unwrap(), Account("111122223333".into()))],
        calendar: Some(CALENDAR.to_owned()),
    };
    let mut files = starter(&options).unwrap();
    files.remove("grants/agent-kiro.examples.toml");
    for (path, who) in [("agent-kiro", "Agent::\"kiro\""), ("operator-ana", "Person::\"ana\"")] {
        let text = format!(
            "@id(\"{path}-named\")\n@reason(\"r\")\npermit (principal == {who}, action, resource)\n\
             when {{ resource.name like \"*r1*\" || resource.name like \"*r2*\" }};\n"
        );
        files.insert(format!("grants/{path}.cedar"), text.into_bytes());
    }
    Bundle::load(&files).unwrap()
}

fn key(name: &str) -> model::EnrolledKey {
    model::EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"))
}

/// Judged with nothing kept of the decision or the hour.
fn anew(bundle: &Bundle, world: &World) -> model::Verdict {
    let ask = world.ask();
    let facts = Facts::of(&ask);
    let time = bundle.time_facts(ask.now, ask.environment);
    let hour = bundle.hour(&ask, std::sync::Arc::new(time));
    bundle.judge(&facts, &hour, Grants::enforced(&facts), None)
}

/// `world` with one thing of `other`.
fn altered(world: &World, other: &World, what: usize) -> World {
    let (mut altered, other) = (world.clone(), other.clone());
    match what {
        0 => altered.chain = other.chain,
        1 => altered.autonomy = other.autonomy,
        2 => altered.in_scope = other.in_scope,
        3 => altered.operation = other.operation,
        4 => altered.effects = other.effects,
        5 => altered.exposure = other.exposure,
        6 => altered.resources = other.resources,
        7 => altered.environment = other.environment,
        8 => altered.change = other.change,
        9 => altered.approvals = other.approvals,
        10 => altered.eligible = other.eligible,
        11 => altered.evidence = other.evidence,
        12 => altered.gatherable = other.gatherable,
        13 => altered.history = other.history,
        _ => altered.now = other.now,
    }
    altered
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever was decided before, of the same but for one thing, or a moment ago.
    #[test]
    fn what_is_kept_is_what_would_be_decided(
        world in worlds(),
        others in proptest::collection::vec((worlds(), 0usize..15), 1..20),
    ) {
        static BUNDLE: std::sync::LazyLock<Bundle> = std::sync::LazyLock::new(bundle);
        let mut world = world;
        for (other, what) in others {
            let then = other.now;
            world = altered(&world, &other, what);
            for now in [world.now, then, world.now] {
                let world = World { now, ..world.clone() };
                prop_assert_eq!(BUNDLE.decide(&world.ask()), anew(&BUNDLE, &world));
            }
        }
    }
}
