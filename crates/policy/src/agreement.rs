//! That every shortcut agrees with Cedar as it comes: the index and its slices, a context of only what is read, asking
//! again only what varies, and decisions that are kept. The other side is one set per book with every rule in it, the
//! entities and the whole context checked against the schema, and nothing kept.

mod plain;
mod worlds;

use cedar_policy::{Policy, PolicyId};
use model::{Account, RuleRef};
use proptest::{prelude::*, sample::select};

use self::{
    plain::{Enforced, Plain},
    worlds::{CALENDAR, World, altered, worlds},
};
use crate::{
    ask::Ahead,
    bundle::Bundle,
    context::{Standing, context_of},
    facts::Facts,
    law::{Grants, Law, Question},
    naming::naming_of,
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
        place in select(vec!["", "", "agent kiro", "agent kiro", "agent other", "operator ana", "operator ana", "glass night"]),
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
            Some(("glass", name)) => (Place::Glass(name.parse().unwrap()), permits, "principal is Agent".to_owned()),
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
        waivable: number.is_multiple_of(2),
        naming: naming_of(&json),
        words: Vec::new(),
        reads_names: true,
        shape: Shape::of(&policy, &json),
        policy,
    }
}

fn standing(world: &World, peak: bool) -> Standing {
    Standing { tally: world.approvals.clone(), evidence: world.evidence.clone(), peak, frozen: false }
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
            glass: world.glass.as_ref(),
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
        recovery: Vec::new(),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever was decided before, of the same but for one thing, or a moment ago.
    #[test]
    fn what_is_kept_is_what_would_be_decided(
        world in worlds(),
        others in proptest::collection::vec((worlds(), 0usize..16), 1..20),
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
