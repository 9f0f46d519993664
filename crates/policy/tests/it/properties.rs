//! What holds for every ask that can be made, not only for those somebody thought of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use model::{
    Autonomy, Effect, EffectSet, Environment, EvidenceKind, Exposure, History, Operation, Resource, Role,
    Tally, Timestamp, Verdict,
};
use policy::{Bundle, ChangeFacts, Profile};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use crate::world::{NOON, World, bundle, files};

const KINDS: [&str; 12] = [
    "stack",
    "database",
    "table",
    "bucket",
    "snapshot",
    "volume",
    "role",
    "access-key",
    "secret",
    "instance",
    "unknown",
    "flux-capacitor",
];
const ROLES: [&str; 4] = ["owner", "sre", "dba", "security"];

fn effects() -> impl Strategy<Value = EffectSet> {
    proptest::sample::subsequence(Effect::ALL.to_vec(), 1..=3)
        .prop_map(|effects| effects.iter().skip(1).fold(EffectSet::of(effects[0]), |set, it| set.with(*it)))
}

fn tallies() -> impl Strategy<Value = Tally> {
    (0u32..5, 0u32..5, 0u32..3, 0u32..3, proptest::sample::subsequence(ROLES.to_vec(), 0..=4)).prop_map(
        |(people, touched, rendered, owners, roles)| Tally {
            rendered: rendered.min(people),
            people,
            touched: touched.min(people),
            owners: owners.min(people),
            roles: if people == 0 { BTreeSet::new() } else { roles.iter().map(|it| role(it)).collect() },
        },
    )
}

fn role(name: &str) -> Role {
    name.parse().unwrap()
}

fn kinds_of_evidence() -> impl Strategy<Value = BTreeSet<EvidenceKind>> {
    proptest::sample::subsequence(EvidenceKind::ALL.to_vec(), 0..=6)
        .prop_map(|kinds| kinds.into_iter().collect())
}

fn resources() -> impl Strategy<Value = Vec<Resource>> {
    let resource = (proptest::sample::select(KINDS.to_vec()), "shop[a-z:/*\\PC]{0,12}")
        .prop_map(|(kind, name)| Resource { service: "example".into(), kind: kind.parse().unwrap(), name });
    proptest::collection::vec(resource, 0..3)
}

fn environments() -> impl Strategy<Value = Environment> {
    proptest::sample::select(vec![
        ("production", true),
        ("shop-prod-eu", true),
        ("staging", false),
        ("production", false),
    ])
    .prop_map(|(name, production)| Environment { name: name.parse().unwrap(), production })
}

fn histories() -> impl Strategy<Value = History> {
    (0u32..3, 0u32..3, 0u32..2, 0u32..2, 0u32..2, any::<bool>()).prop_map(
        |(
            destroys,
            agent_destroys,
            protections_lowered,
            backups_touched,
            data_destroyed,
            created_by_session,
        )| History {
            destroys,
            agent_destroys,
            protections_lowered,
            backups_touched,
            data_destroyed,
            created_by_session,
        },
    )
}

fn changes() -> impl Strategy<Value = ChangeFacts> {
    (0u32..3, any::<bool>(), any::<bool>(), any::<bool>(), 0u32..4).prop_map(
        |(destroys, replaces, staged, undo, steps)| ChangeFacts { destroys, replaces, staged, undo, steps },
    )
}

prop_compose! {
    fn worlds()(
        effects in effects(),
        exposure in (any::<bool>(), any::<bool>()),
        resources in resources(),
        environment in environments(),
        autonomy in proptest::sample::select(vec![Autonomy::Suggest, Autonomy::Supervised, Autonomy::Autonomous]),
        change in changes(),
        approvals in tallies(),
        eligible in tallies(),
        evidence in kinds_of_evidence(),
        gatherable in kinds_of_evidence(),
        hours in 0i64..24 * 14,
        history in histories(),
        operation in "[a-zA-Z]{1,12}",
    ) -> World {
        World {
            effects,
            exposure: Exposure { data: exposure.0, credentials: exposure.1 },
            resources,
            environment,
            autonomy,
            change,
            approvals,
            eligible,
            evidence,
            gatherable,
            now: NOON.plus_seconds(hours * 3600),
            history,
            operation: Operation::new("example", operation),
            ..World::new(Effect::Read, "stack", "staging")
        }
    }
}

/// The starter's constitution, under grants that permit everything: the constitution has to hold by itself.
fn wide_open() -> &'static Bundle {
    static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
        let mut files = files(Profile::Standard);
        for (path, who) in [("agent-kiro", "Agent::\"kiro\""), ("operator-ana", "Person::\"ana\"")] {
            let text = format!(
                "@id(\"{path}-all\")\n@reason(\"all\")\npermit (principal == {who}, action, resource);\n\
                 @id(\"{path}-named\")\n@reason(\"named\")\npermit (principal == {who}, action, resource)\n\
                 when {{ resource.name like \"shop*\" }};\n"
            );
            files.insert(format!("grants/{path}.cedar"), text.into_bytes());
        }
        files.remove("grants/agent-kiro.examples.toml");
        Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"))
    });
    &BUNDLE
}

fn is_production(world: &World) -> bool {
    world.environment.production || world.environment.name.is_production()
}

/// Properties of a generator that only ever made one sort of ask would say little.
#[test]
fn the_asks_are_of_every_sort() {
    let mut runner = TestRunner::deterministic();
    let mut counts = BTreeMap::new();
    for _ in 0..600 {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        *counts.entry(wide_open().decide(&world.ask()).name()).or_insert(0) += 1;
    }
    assert!(["allow", "hold", "deny"].iter().all(|name| counts.get(name) > Some(&20)), "{counts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The second sentence of the rule.
    #[test]
    fn nothing_destroys_in_production_with_fewer_than_two_people(world in worlds(), effect in 0usize..3) {
        let effect = [Effect::Destroy, Effect::Execute, Effect::Privilege][effect];
        let mut world = World { effects: world.effects.with(effect), ..world };
        world.approvals.people = world.approvals.people.min(1);
        world.approvals.touched = world.approvals.touched.min(world.approvals.people);
        world.approvals.rendered = world.approvals.rendered.min(world.approvals.people);
        prop_assume!(is_production(&world));
        for bundle in [bundle(Profile::Lab), wide_open()] {
            match bundle.decide(&world.ask()) {
                Verdict::Allow => prop_assert!(false, "allowed"),
                Verdict::Hold(hold) => prop_assert!(hold.requirement.people >= 2, "{:?}", hold),
                Verdict::Deny(_) => {}
            }
        }
    }

    /// The absolute rules: nobody's signature, and nothing else in the ask, makes these anything but a no.
    #[test]
    fn nobody_can_agree_to_what_is_absolute(world in worlds(), which in 0usize..4) {
        let mut world = world;
        let kind = |name: &str| vec![Resource { service: "example".into(), kind: name.parse().unwrap(), name: "shop".into() }];
        match which {
            0 => {
                world.effects = world.effects.with(Effect::Privilege);
                world.exposure.credentials = true;
                world.resources = kind(["role", "access-key", "instance", "unknown"][world.approvals.people as usize % 4]);
            }
            1 => {
                world.effects = world.effects.with(Effect::Destroy);
                world.resources = kind(["database", "table", "unknown"][world.approvals.people as usize % 3]);
                world.environment = Environment::unknown();
                world.change.undo = false;
                world.now = NOON;
            }
            2 => {
                world.effects = world.effects.with(Effect::Destroy);
                world.resources = kind("snapshot");
                world.history.data_destroyed += 1;
            }
            _ => {
                world.effects = world.effects.with(Effect::Destroy);
                world.resources = [kind("volume"), kind("backup")].concat();
            }
        }
        prop_assert!(matches!(wide_open().decide(&world.ask()), Verdict::Deny(_)));
    }

    #[test]
    fn more_people_and_more_evidence_never_turn_an_allow_into_less(
        world in worlds(),
        more in tallies(),
        evidence in kinds_of_evidence(),
    ) {
        let bundle = wide_open();
        let before = bundle.decide(&world.ask());
        let mut after = world.clone();
        after.approvals = Tally {
            people: world.approvals.people + more.people,
            touched: world.approvals.touched + more.touched,
            rendered: world.approvals.rendered + more.rendered,
            owners: world.approvals.owners + more.owners,
            roles: world.approvals.roles.union(&more.roles).cloned().collect(),
        };
        after.evidence.extend(evidence);
        let after = bundle.decide(&after.ask());
        if before == Verdict::Allow {
            prop_assert_eq!(after, Verdict::Allow);
        } else if matches!(before, Verdict::Hold(_)) {
            prop_assert!(!matches!(after, Verdict::Deny(_)), "{:?}", after);
        }
    }

    /// A requirement is enough, as far as it is people and evidence, and every part of it is needed.
    #[test]
    fn a_requirement_is_the_least_that_suffices(world in worlds()) {
        let bundle = wide_open();
        let Verdict::Hold(hold) = bundle.decide(&world.ask()) else { return Ok(()) };
        let need = &hold.requirement;
        prop_assume!(need.window.is_none());
        let mut met = world.clone();
        met.approvals = Tally {
            people: need.people,
            touched: need.touched,
            rendered: need.rendered,
            owners: u32::from(need.roles.contains("owner")),
            roles: need.roles.clone(),
        };
        met.evidence.extend(need.evidence.iter().copied());
        prop_assert_eq!(bundle.decide(&met.ask()), Verdict::Allow);
        if need.people > 0 {
            met.approvals.people = need.people - 1;
            prop_assert_ne!(bundle.decide(&met.ask()), Verdict::Allow);
        }
        prop_assert!(need.people <= world.eligible.people.max(world.approvals.people));
    }

    #[test]
    fn nothing_is_a_fault_and_every_no_says_why(world in worlds()) {
        for bundle in [bundle(Profile::Standard), wide_open()] {
            match bundle.decide(&world.ask()) {
                Verdict::Allow => {}
                Verdict::Hold(hold) => prop_assert!(!hold.rules.is_empty() && hold.requirement != model::Requirement::default()),
                Verdict::Deny(denial) => prop_assert!(denial.fault.is_none() && !denial.rules.is_empty() && !denial.alternatives.is_empty()),
            }
        }
    }

    /// The starter's grants only narrow: whatever they allow, the constitution alone allows.
    #[test]
    fn grants_only_narrow(world in worlds()) {
        if bundle(Profile::Standard).decide(&world.ask()) == Verdict::Allow {
            prop_assert_eq!(wide_open().decide(&world.ask()), Verdict::Allow);
        }
    }

    #[test]
    fn the_order_of_targets_does_not_matter(world in worlds()) {
        let mut other = world.clone();
        other.resources.reverse();
        prop_assert_eq!(wide_open().decide(&world.ask()), wide_open().decide(&other.ask()));
    }

    #[test]
    fn any_instant_has_an_hour(millis in any::<i64>()) {
        let world = World::new(Effect::Read, "stack", "production");
        let facts = bundle(Profile::Standard).time_facts(Timestamp::from_millis(millis), &world.environment);
        prop_assert_eq!(facts.why.is_empty(), !facts.peak && !facts.frozen);
    }

    #[test]
    fn the_next_opening_is_open_and_the_minute_before_is_not(minutes in 0i64..60 * 24 * 400) {
        let world = World::new(Effect::Read, "stack", "production");
        let facts = |now| bundle(Profile::Standard).time_facts(now, &world.environment);
        let now = NOON.plus_seconds(minutes * 60);
        prop_assert_eq!(facts(now).next_open.is_some(), facts(now).peak);
        if let Some(opening) = facts(now).next_open {
            prop_assert!(opening > now && !facts(opening).peak && facts(opening.plus_seconds(-60)).peak);
        }
    }

    #[test]
    fn an_edited_bundle_loads_or_says_why(at in 0usize..4_000, byte in any::<u8>(), file in 0usize..40) {
        let mut files = files(Profile::Lab);
        let (path, content) = files.iter_mut().nth(file % 38).map(|(path, content)| (path.clone(), content)).unwrap();
        let at = at % content.len();
        content[at] = byte;
        match Bundle::load(&files) {
            Ok(_) => {}
            Err(err) => prop_assert!(err.problems.iter().all(|it| !it.message.is_empty()) && !err.problems.is_empty(), "{}", path),
        }
    }
}
