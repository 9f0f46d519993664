//! An ask as Cedar's context: the one place where facts become what rules read.

use std::collections::BTreeSet;

use cedar_policy::{Context, RestrictedExpression};
use model::{Autonomy, EvidenceKind, History, Tally};

use crate::{
    ask::{Ahead, ChangeFacts},
    facts::Facts,
};

/// What may still change while everything else of an ask stays: this is what a requirement is searched over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) tally: Tally,
    pub(crate) evidence: BTreeSet<EvidenceKind>,
    pub(crate) peak: bool,
    pub(crate) frozen: bool,
}

/// Cedar's context; the members are those of `schema.cedarschema`, which a test holds against this.
pub(crate) fn context_of(facts: &Facts<'_>, ahead: Ahead, standing: &Standing) -> Result<Context, String> {
    let Standing { tally, evidence, peak, frozen } = standing;
    let autonomy = match facts.autonomy {
        Autonomy::Suggest => 0,
        Autonomy::Supervised => 1,
        Autonomy::Autonomous => 2,
    };
    let roles = tally.roles.iter().map(|role| text(role.as_str()));
    let ChangeFacts { destroys, replaces, staged, undo, steps } = facts.change;
    let History {
        destroys: session_destroys,
        agent_destroys,
        protections_lowered,
        backups_touched,
        data_destroyed,
        created_by_session,
    } = facts.history;
    let members = [
        ("operation", text(&facts.operation.to_string())),
        ("operator", text(facts.chain.operator.as_str())),
        ("session", record([("in_scope", flag(facts.in_scope)), ("autonomy", long(autonomy))])?),
        (
            "approvals",
            record([
                ("people", count(tally.people)),
                ("touched", count(tally.touched)),
                ("owners", count(tally.owners)),
                ("roles", RestrictedExpression::new_set(roles)),
            ])?,
        ),
        ("evidence", record(EvidenceKind::ALL.map(|kind| (kind.name(), flag(evidence.contains(&kind)))))?),
        (
            "exposes",
            record([("data", flag(facts.exposure.data)), ("credentials", flag(facts.exposure.credentials))])?,
        ),
        ("within_budget", flag(ahead.within_budget)),
        ("standing", flag(ahead.standing)),
        (
            "risk",
            // Not computed yet: losses count as the largest.
            record([
                ("known", flag(false)),
                ("expected_loss", long(i64::MAX)),
                ("tail_loss", long(i64::MAX)),
                ("benefit", long(0)),
            ])?,
        ),
        ("time", record([("peak", flag(*peak)), ("frozen", flag(*frozen))])?),
        (
            "change",
            record([
                ("destroys", count(destroys)),
                ("replaces", flag(replaces)),
                ("staged", flag(staged)),
                ("undo", flag(undo)),
                ("steps", count(steps)),
            ])?,
        ),
        (
            "history",
            record([
                ("destroys", count(session_destroys)),
                ("agent_destroys", count(agent_destroys)),
                ("protections_lowered", count(protections_lowered)),
                ("backups_touched", count(backups_touched)),
                ("data_destroyed", count(data_destroyed)),
                ("created_by_session", flag(created_by_session)),
            ])?,
        ),
    ];
    Context::from_pairs(members.map(|(name, value)| (name.to_owned(), value))).map_err(|err| err.to_string())
}

fn record<const N: usize>(
    members: [(&str, RestrictedExpression); N],
) -> Result<RestrictedExpression, String> {
    RestrictedExpression::new_record(members.map(|(name, value)| (name.to_owned(), value)))
        .map_err(|err| err.to_string())
}

fn flag(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn long(value: i64) -> RestrictedExpression {
    RestrictedExpression::new_long(value)
}

fn count(value: u32) -> RestrictedExpression {
    long(i64::from(value))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

#[cfg(test)]
mod tests {
    use cedar_policy::{EntityUid, Request};
    use model::{Account, Chain, Effect, EffectSet, Environment, Exposure, Operation, Quantity, Timestamp};

    use super::*;
    use crate::{allowances::Spent, ask::Ask, schema::Vocabulary};

    /// Requests are made without the schema's check, for speed; this holds the context against it instead.
    #[test]
    fn the_context_is_what_the_schema_says() {
        let vocabulary = Vocabulary::new().unwrap();
        let chain = Chain {
            agent: "kiro".parse().unwrap(),
            operator: "ana".parse().unwrap(),
            launcher: None,
            owner: None,
        };
        let tally = Tally {
            people: u32::MAX,
            touched: 1,
            owners: 1,
            roles: BTreeSet::from(["dba".parse().unwrap()]),
        };
        let evidence = BTreeSet::from(EvidenceKind::ALL);
        let ask = Ask {
            chain: &chain,
            autonomy: Autonomy::Suggest,
            in_scope: true,
            operation: &Operation::new("s", "O"),
            effects: EffectSet::of(Effect::Destroy),
            listed: EffectSet::of(Effect::Destroy),
            quantity: &Quantity::one(),
            exposure: Exposure::default(),
            resources: &[],
            account: &Account("111122223333".into()),
            environment: &Environment::unknown(),
            change: ChangeFacts::default(),
            approvals: &tally,
            eligible: &tally,
            evidence: &evidence,
            gatherable: &evidence,
            now: Timestamp::from_millis(0),
            history: History::default(),
            spent: &Spent::new(),
        };
        for tally in [Tally::default(), tally.clone()] {
            let standing = Standing { tally, evidence: BTreeSet::new(), peak: true, frozen: false };
            for effect in Effect::ALL {
                let context = context_of(&Facts::of(&ask), Ahead::default(), &standing).unwrap();
                let resource: EntityUid = "Resource::\"r\"".parse().unwrap();
                for principal in [vocabulary.agent("kiro"), vocabulary.person("ana")] {
                    let action = vocabulary.action(effect).unwrap().clone();
                    let schema = Some(&vocabulary.schema);
                    Request::new(principal, action, resource.clone(), context.clone(), schema).unwrap();
                }
            }
        }
    }
}
