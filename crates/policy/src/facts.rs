//! All that a decision can depend on, in one value: [`Facts`], an ask without its instant, and [`Hour`], what the calendar
//! makes of that instant. Judging is given these two and the bundle, and nothing else, so what is kept of a decision
//! under them ([`crate::decisions`]) cannot go stale: there is nothing else that it could have been made of. A new member
//! of [`Ask`] does not compile until it is in here.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use model::{
    Account, Autonomy, BreakGlass, Chain, EffectSet, Environment, EvidenceKind, Exposure, History, Operation,
    Quantity, Resource, Tally, Timestamp,
};

use crate::{
    allowances::Spent,
    ask::{Ask, ChangeFacts},
    calendar::TimeFacts,
};

/// An [`Ask`] but for its instant; borrowed from it while it is judged, owned where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Facts<'a> {
    pub(crate) chain: Cow<'a, Chain>,
    pub(crate) autonomy: Autonomy,
    pub(crate) in_scope: bool,
    pub(crate) operation: Cow<'a, Operation>,
    pub(crate) effects: EffectSet,
    pub(crate) listed: EffectSet,
    pub(crate) quantity: Cow<'a, Quantity>,
    pub(crate) exposure: Exposure,
    pub(crate) resources: Cow<'a, [Resource]>,
    pub(crate) account: Cow<'a, Account>,
    pub(crate) environment: Cow<'a, Environment>,
    pub(crate) change: ChangeFacts,
    pub(crate) approvals: Cow<'a, Tally>,
    pub(crate) eligible: Cow<'a, Tally>,
    pub(crate) evidence: Cow<'a, BTreeSet<EvidenceKind>>,
    pub(crate) gatherable: Cow<'a, BTreeSet<EvidenceKind>>,
    pub(crate) history: History,
    pub(crate) spent: Cow<'a, Spent>,
    pub(crate) glass: Option<Cow<'a, BreakGlass>>,
}

/// What a decision may know of when it is made. Two instants with equal hours are judged alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hour {
    pub(crate) facts: Arc<TimeFacts>,
    /// Whether a hold that is made now is still open when the calendar next is.
    pub(crate) reachable: bool,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(ask: &Ask<'a>) -> Self {
        let Ask {
            chain,
            autonomy,
            in_scope,
            operation,
            effects,
            listed,
            quantity,
            exposure,
            resources,
            account,
            environment,
            change,
            approvals,
            eligible,
            evidence,
            gatherable,
            // Judged as an `Hour`.
            now: _,
            history,
            spent,
            glass,
        } = *ask;
        Self {
            chain: Cow::Borrowed(chain),
            autonomy,
            in_scope,
            operation: Cow::Borrowed(operation),
            // Whoever asks may have left it out.
            effects: effects.showing(exposure),
            listed: listed.showing(exposure),
            quantity: Cow::Borrowed(quantity),
            exposure,
            resources: Cow::Borrowed(resources),
            account: Cow::Borrowed(account),
            environment: Cow::Borrowed(environment),
            change,
            approvals: Cow::Borrowed(approvals),
            eligible: Cow::Borrowed(eligible),
            evidence: Cow::Borrowed(evidence),
            gatherable: Cow::Borrowed(gatherable),
            history,
            spent: Cow::Borrowed(spent),
            glass: glass.map(Cow::Borrowed),
        }
    }

    pub(crate) fn into_owned(self) -> Facts<'static> {
        fn owned<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
            Cow::Owned(value.into_owned())
        }
        let Self {
            chain,
            autonomy,
            in_scope,
            operation,
            effects,
            listed,
            quantity,
            exposure,
            resources,
            account,
            environment,
            change,
            approvals,
            eligible,
            evidence,
            gatherable,
            history,
            spent,
            glass,
        } = self;
        Facts {
            chain: owned(chain),
            autonomy,
            in_scope,
            operation: owned(operation),
            effects,
            listed,
            quantity: owned(quantity),
            exposure,
            resources: owned(resources),
            account: owned(account),
            environment: owned(environment),
            change,
            approvals: owned(approvals),
            eligible: owned(eligible),
            evidence: owned(evidence),
            gatherable: owned(gatherable),
            history,
            spent: owned(spent),
            glass: glass.map(owned),
        }
    }

    /// Bytes of text that were chosen by whoever asks, roughly.
    pub(crate) fn size(&self) -> usize {
        let resource = |it: &Resource| it.service.len() + it.kind.as_str().len() + it.name.len();
        let names: usize = self.resources.iter().map(resource).sum();
        let sizes: usize = self.quantity.sizes.iter().map(String::len).sum();
        let Operation { service, name } = &*self.operation;
        names + sizes + service.len() + name.len() + self.account.0.len()
    }
}

impl Hour {
    pub(crate) fn at(now: Timestamp, facts: Arc<TimeFacts>, hold_expiry_s: i64) -> Self {
        let lasts = hold_expiry_s.saturating_mul(1000);
        let reachable = facts.next_open.is_some_and(|opening| opening.since(now) <= lasts);
        Self { facts, reachable }
    }
}
