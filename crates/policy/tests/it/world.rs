//! A small world to ask questions in: ana launches kiro; ben and cem approve; dot is a dba.

use std::{collections::BTreeSet, sync::LazyLock};

use model::{
    Account, Autonomy, Chain, Effect, EffectSet, EnrolledKey, Environment, EvidenceKind, Exposure, History,
    Operation, Quantity, Resource, Tally, Timestamp, Verdict,
};
use policy::{Ask, Bundle, ChangeFacts, Files, Profile, Spent, StarterOptions, starter};

/// A Monday, 12:00 UTC.
pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_435_200);
/// The Saturday before it, 12:00 UTC.
pub(crate) const WEEKEND: Timestamp = Timestamp::from_seconds(1_795_435_200 - 2 * 86_400);

pub(crate) fn key(name: &str) -> EnrolledKey {
    EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"))
}

pub(crate) fn options(profile: Profile) -> StarterOptions {
    let approver = |name: &str, roles: &[&str]| {
        (name.parse().unwrap(), roles.iter().map(|role| role.parse().unwrap()).collect(), vec![key(name)])
    };
    StarterOptions {
        profile,
        operators: vec![("ana".parse().unwrap(), vec![key("ana")])],
        recovery: Vec::new(),
        approvers: vec![approver("ben", &["sre"]), approver("cem", &[]), approver("dot", &["dba"])],
        agents: vec!["kiro".parse().unwrap()],
        environments: vec![
            ("production".parse().unwrap(), Account("111122223333".into())),
            ("staging".parse().unwrap(), Account("444455556666".into())),
            ("shop-prod-eu".parse().unwrap(), Account("777788889999".into())),
        ],
        calendar: None,
    }
}

/// The starter's files, written once for each profile.
pub(crate) fn files(profile: Profile) -> Files {
    static FILES: LazyLock<[Files; 3]> = LazyLock::new(|| {
        Profile::ALL.map(|profile| starter(&options(profile)).unwrap_or_else(|err| panic!("{err}")))
    });
    pick(&FILES, profile).clone()
}

fn pick<T>(all: &[T; 3], profile: Profile) -> &T {
    let [lab, standard, strict] = all;
    match profile {
        Profile::Lab => lab,
        Profile::Standard => standard,
        Profile::Strict => strict,
    }
}

/// The starter bundle of a profile, loaded once.
pub(crate) fn bundle(profile: Profile) -> &'static Bundle {
    static BUNDLES: LazyLock<[Bundle; 3]> =
        LazyLock::new(|| Profile::ALL.map(|profile| Bundle::load(&files(profile)).unwrap()));
    pick(&BUNDLES, profile)
}

/// An ask that owns what it points to.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) autonomy: Autonomy,
    pub(crate) in_scope: bool,
    pub(crate) operation: Operation,
    pub(crate) effects: EffectSet,
    /// `None`: the same.
    pub(crate) listed: Option<EffectSet>,
    pub(crate) quantity: Quantity,
    pub(crate) account: Account,
    pub(crate) spent: Spent,
    pub(crate) glass: Option<model::BreakGlass>,
    pub(crate) exposure: Exposure,
    pub(crate) resources: Vec<Resource>,
    pub(crate) environment: Environment,
    pub(crate) change: ChangeFacts,
    pub(crate) approvals: Tally,
    pub(crate) eligible: Tally,
    pub(crate) evidence: BTreeSet<EvidenceKind>,
    pub(crate) gatherable: BTreeSet<EvidenceKind>,
    pub(crate) now: Timestamp,
    pub(crate) history: History,
}

impl World {
    /// `effect` on one `kind` in `environment`, on a weekend, nobody having signed and three people able to.
    pub(crate) fn new(effect: Effect, kind: &str, environment: &str) -> Self {
        Self {
            chain: Chain {
                agent: "kiro".parse().unwrap(),
                operator: "ana".parse().unwrap(),
                launcher: None,
                owner: None,
            },
            autonomy: Autonomy::Autonomous,
            in_scope: true,
            operation: Operation::new("example", "Operation"),
            effects: EffectSet::of(effect),
            listed: None,
            quantity: Quantity::one(),
            account: Account("111122223333".into()),
            spent: Spent::new(),
            glass: None,
            exposure: Exposure::default(),
            resources: vec![Resource {
                service: "example".into(),
                kind: kind.parse().unwrap(),
                name: "shop".into(),
            }],
            environment: Environment {
                name: environment.parse().unwrap(),
                production: environment != "staging",
            },
            change: ChangeFacts::default(),
            approvals: Tally::default(),
            eligible: Tally { rendered: 3, ..tally(3) },
            evidence: BTreeSet::new(),
            gatherable: BTreeSet::new(),
            now: WEEKEND,
            history: History::default(),
        }
    }

    pub(crate) fn ask(&self) -> Ask<'_> {
        Ask {
            chain: &self.chain,
            autonomy: self.autonomy,
            in_scope: self.in_scope,
            operation: &self.operation,
            effects: self.effects,
            listed: self.listed.unwrap_or(self.effects),
            quantity: &self.quantity,
            account: &self.account,
            spent: &self.spent,
            glass: self.glass.as_ref(),
            exposure: self.exposure,
            resources: &self.resources,
            environment: &self.environment,
            change: self.change,
            approvals: &self.approvals,
            eligible: &self.eligible,
            evidence: &self.evidence,
            gatherable: &self.gatherable,
            now: self.now,
            history: self.history,
        }
    }
}

pub(crate) fn tally(people: u32) -> Tally {
    Tally { people, ..Tally::default() }
}

/// A verdict as the CLI would tell it, more or less.
pub(crate) fn told(verdict: &Verdict) -> String {
    let (head, alternatives) = match verdict {
        Verdict::Allow => return "allow".to_owned(),
        Verdict::Hold(hold) => (format!("hold: {}", hold.requirement), &hold.alternatives),
        Verdict::Deny(denial) => match &denial.fault {
            Some(fault) => (format!("deny: {} {fault}", fault.code()), &denial.alternatives),
            None => ("deny".to_owned(), &denial.alternatives),
        },
    };
    let rules = verdict.rules().iter().map(|rule| format!("\n  {} ({}:{})", rule.id, rule.file, rule.line));
    let alternatives = alternatives.iter().map(|alternative| format!("\n  instead: {}", alternative.0));
    std::iter::once(head).chain(rules).chain(alternatives).collect()
}
