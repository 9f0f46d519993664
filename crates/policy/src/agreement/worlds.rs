//! Asks of every sort, and each but for one thing like another.

use std::collections::BTreeSet;

use model::{
    Account, Autonomy, BreakGlass, Chain, Effect, EffectSet, Environment, EvidenceKind, Exposure, History,
    Operation, Quantity, Resource, SessionId, Tally, Timestamp,
};
use proptest::{prelude::*, sample::select};

use crate::{
    allowances::Spent,
    ask::{Ask, ChangeFacts},
};

/// An ask that owns what it points to.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) chain: Chain,
    pub(super) autonomy: Autonomy,
    pub(super) in_scope: bool,
    pub(super) operation: Operation,
    pub(super) effects: EffectSet,
    pub(super) exposure: Exposure,
    pub(super) resources: Vec<Resource>,
    pub(super) environment: Environment,
    pub(super) change: ChangeFacts,
    pub(super) approvals: Tally,
    pub(super) eligible: Tally,
    pub(super) evidence: BTreeSet<EvidenceKind>,
    pub(super) gatherable: BTreeSet<EvidenceKind>,
    pub(super) now: Timestamp,
    pub(super) history: History,
    pub(super) quantity: Quantity,
    pub(super) account: Account,
    pub(super) spent: Spent,
    pub(super) glass: Option<BreakGlass>,
}

impl World {
    pub(super) fn ask(&self) -> Ask<'_> {
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
            glass: self.glass.as_ref(),
        }
    }
}

fn tallies() -> impl Strategy<Value = Tally> {
    (0u32..4, 0u32..2, 0u32..2, 0u32..2, any::<bool>()).prop_map(
        |(people, touched, rendered, owners, dba)| Tally {
            people,
            touched,
            rendered,
            owners,
            roles: dba.then(|| "dba".parse().unwrap()).into_iter().collect(),
        },
    )
}

fn evidence() -> impl Strategy<Value = BTreeSet<EvidenceKind>> {
    proptest::sample::subsequence(EvidenceKind::ALL.to_vec(), 0..=2).prop_map(|all| all.into_iter().collect())
}

fn glasses() -> impl Strategy<Value = Option<BreakGlass>> {
    let waives =
        proptest::sample::subsequence(vec!["rule-0", "rule-1", "rule-2", "nothing-in-a-freeze"], 0..=3);
    proptest::option::of((select(vec![Some("night"), None]), waives)).prop_map(|broken| {
        broken.map(|(grant, waives)| BreakGlass {
            session: SessionId::new(0, [0; 10]),
            agent: "kiro".parse().unwrap(),
            grant: grant.map(|grant| grant.parse().unwrap()),
            waives: waives.into_iter().map(|rule| rule.parse().unwrap()).collect(),
            minutes: 60,
            ground: "r".parse().unwrap(),
        })
    })
}

/// A Monday, 08:00 UTC, when the starter's peak begins.
const PEAK: Timestamp = Timestamp::from_seconds(1_795_435_200 - 4 * 3_600);

/// Two days in which nothing changes, and then the weekend.
pub(super) const CALENDAR: &str = "\
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
    pub(super) fn worlds()(
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
        glass in glasses(),
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
            glass,
        }
    }
}

/// `world` with one thing of `other`.
pub(super) fn altered(world: &World, other: &World, what: usize) -> World {
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
        14 => altered.glass = other.glass,
        _ => altered.now = other.now,
    }
    altered
}
