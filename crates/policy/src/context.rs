//! An ask as Cedar's context: the one place where facts become what rules read.

use std::collections::BTreeSet;

use cedar_policy::{Context, RestrictedExpression};
use model::{Autonomy, EvidenceKind, History, Tally};

use crate::{
    ask::{Ahead, ChangeFacts},
    facts::Facts,
    members::{Member, Members},
};

/// What may still change while everything else of an ask stays: this is what a requirement is searched over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) tally: Tally,
    pub(crate) evidence: BTreeSet<EvidenceKind>,
    pub(crate) peak: bool,
    pub(crate) frozen: bool,
}

/// Cedar's context, as far as `reads` asks for it; the members are those of `schema.cedarschema`, which a test holds
/// against this.
pub(crate) fn context_of(
    facts: &Facts<'_>,
    ahead: Ahead,
    standing: &Standing,
    reads: Members,
) -> Result<Context, String> {
    let mut context = Vec::new();
    for records in Member::ALL.chunk_by(|(_, one, _), (_, next, _)| one == next) {
        let read = records.iter().filter(|(member, _, _)| reads.contains(*member));
        let mut members = read
            .map(|(member, _, name)| ((*name).to_owned(), value_of(*member, facts, ahead, standing)))
            .peekable();
        match records.first() {
            Some((_, "", _)) => context.extend(members),
            Some((_, record, _)) if members.peek().is_some() => {
                let record_of = RestrictedExpression::new_record(members).map_err(|err| err.to_string())?;
                context.push(((*record).to_owned(), record_of));
            }
            Some(_) | None => {}
        }
    }
    Context::from_pairs(context).map_err(|err| err.to_string())
}

fn value_of(member: Member, facts: &Facts<'_>, ahead: Ahead, standing: &Standing) -> RestrictedExpression {
    let Standing { tally, evidence, peak, frozen } = standing;
    let Tally { people, touched, rendered, owners, roles } = tally;
    let Ahead { within_budget, standing } = ahead;
    let ChangeFacts { destroys, replaces, staged, undo, steps } = facts.change;
    let History {
        destroys: session_destroys,
        agent_destroys,
        protections_lowered,
        backups_touched,
        data_destroyed,
        created_by_session,
    } = facts.history;
    let has = |kind| flag(evidence.contains(&kind));
    match member {
        Member::Operation => text(&facts.operation.to_string()),
        Member::Operator => text(facts.chain.operator.as_str()),
        Member::WithinBudget => flag(within_budget),
        Member::Standing => flag(standing),
        Member::InScope => flag(facts.in_scope),
        Member::Autonomy => long(match facts.autonomy {
            Autonomy::Suggest => 0,
            Autonomy::Supervised => 1,
            Autonomy::Autonomous => 2,
        }),
        Member::People => count(*people),
        Member::Touched => count(*touched),
        Member::Rendered => count(*rendered),
        Member::Owners => count(*owners),
        Member::Roles => RestrictedExpression::new_set(roles.iter().map(|role| text(role.as_str()))),
        Member::StateObserved => has(EvidenceKind::StateObserved),
        Member::UndoCaptured => has(EvidenceKind::UndoCaptured),
        Member::InnerListed => has(EvidenceKind::InnerListed),
        Member::BackupVerified => has(EvidenceKind::BackupVerified),
        Member::DryRun => has(EvidenceKind::DryRun),
        Member::Rehearsal => has(EvidenceKind::Rehearsal),
        Member::ShowsData => flag(facts.exposure.data),
        Member::ShowsCredentials => flag(facts.exposure.credentials),
        // Not computed yet: losses count as the largest.
        Member::RiskKnown => flag(false),
        Member::ExpectedLoss | Member::TailLoss => long(i64::MAX),
        Member::Benefit => long(0),
        Member::Peak => flag(*peak),
        Member::Frozen => flag(*frozen),
        Member::ChangeDestroys => count(destroys),
        Member::Replaces => flag(replaces),
        Member::Staged => flag(staged),
        Member::Undo => flag(undo),
        Member::Steps => count(steps),
        Member::SessionDestroys => count(session_destroys),
        Member::AgentDestroys => count(agent_destroys),
        Member::ProtectionsLowered => count(protections_lowered),
        Member::BackupsTouched => count(backups_touched),
        Member::DataDestroyed => count(data_destroyed),
        Member::CreatedBySession => flag(created_by_session),
    }
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
            rendered: 1,
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
            glass: None,
        };
        for tally in [Tally::default(), tally.clone()] {
            let standing = Standing { tally, evidence: BTreeSet::new(), peak: true, frozen: false };
            for effect in Effect::ALL {
                let context =
                    context_of(&Facts::of(&ask), Ahead::default(), &standing, Members::ALL).unwrap();
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
