//! The AWS API front: receives signed requests of agents, asks the engine, and forwards what it permits under the real
//! credentials, which no agent ever sees.
//!
//! Invariant: [`forward`](forward::Upstream::send) takes a permit by value; there is no other way to the upstream.

mod assume;
mod body;
mod change_sets;
mod collect;
mod connector;
mod expired;
mod forward;
mod listen;
mod overrides;
mod queue_url;
mod receive;
mod rights;
mod serve;
mod terms;
mod tunnel;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use classify_aws::{address::Hosts, classify::Target};
use engine::Engine;
use model::{AssumedRole, Session, Timestamp};
use policy::Bundle;

pub use forward::{Upstream, UpstreamError};
pub use listen::listen;
pub use overrides::{objections, overrides_of};
pub use terms::TermsError;

/// One gateway for one account of one partition.
pub struct Gateway {
    engine: Arc<Engine>,
    upstream: Upstream,
    /// The account of the server's own credentials.
    own: Target,
    hosts: Hosts,
    change_sets: change_sets::ChangeSets,
    terms: terms::Kept,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({} {})", self.own.partition, self.own.account)
    }
}

impl Gateway {
    /// `hosts`: the names by which clients reach the gateway.
    ///
    /// Finds out which account the server's own credentials belong to, as a read of Countersign's own, takes on every role
    /// that the bundle gives, and stands ready.
    ///
    /// The account of a request is decided here and nowhere later: it is that of the role which its session took on, else
    /// the bundle's `default`, or else the account of the server's own credentials; nothing in a request speaks of it, and
    /// nothing goes out with another's rights ([`rights::Rights::of`]).
    ///
    /// # Errors
    /// Where the upstream does not answer, does not say who we are, or a role is not ours to act as.
    pub async fn connect(
        engine: Arc<Engine>,
        upstream: Upstream,
        hosts: Hosts,
    ) -> Result<Arc<Self>, UpstreamError> {
        let terms = terms::Kept::default();
        terms.ahead(&engine, &engine.bundle()).await?;
        let own = collect::identify(&engine, &upstream, &terms).await?;
        upstream.rights.belong_to(&own.account);
        let change_sets = change_sets::ChangeSets::default();
        let gateway = Arc::new(Self { engine, upstream, own, hosts, change_sets, terms });
        let now = gateway.engine.recorded_time();
        let now = now.map_err(|fault| UpstreamError::Identity(fault.to_string()))?;
        gateway.check(&gateway.engine.bundle(), now).await?;
        gateway.engine.connect(Arc::<Self>::clone(&gateway));
        tokio::spawn(settle_the_time(Arc::downgrade(&gateway)));
        Ok(gateway)
    }

    /// Whether it can act under a bundle: has the operation table that this one rests on, and takes on every role that it
    /// gives.
    pub(crate) async fn check(&self, bundle: &Bundle, now: Timestamp) -> Result<(), UpstreamError> {
        self.terms.ahead(&self.engine, bundle).await?;
        for (account, roles) in bundle.accounts() {
            self.upstream.rights.check(account, roles, now).await?;
        }
        for (role, assumable) in bundle.assumable() {
            self.upstream.rights.check_assumable(role, assumable, now).await?;
        }
        let Some(account) = bundle.default_account() else { return Ok(()) };
        let own = &self.own.partition;
        let given = bundle.roles_of(account).map_or(own, |roles| roles.read.partition());
        if given == own {
            Ok(())
        } else {
            let (default, given, own) = (account.clone(), given.0.clone(), own.0.clone());
            Err(UpstreamError::Partition { default, given, own })
        }
    }

    /// Where sessions act that have taken on no role, under the bundle in force.
    pub fn target(&self) -> Target {
        self.target_under(&self.engine.bundle())
    }

    fn target_under(&self, bundle: &Bundle) -> Target {
        match bundle.default_account() {
            Some(account) => Target::new(self.own.partition.clone(), account.clone()),
            None => self.own.clone(),
        }
    }

    /// Where what a session asks for is done, and as whom.
    pub(crate) fn target_of(&self, bundle: &Bundle, session: &Session) -> Target {
        match &session.assumed {
            Some(AssumedRole { role, partition, account }) => Target {
                partition: partition.clone(),
                account: account.clone(),
                acting_as: Some(role.clone()),
            },
            None => self.target_under(bundle),
        }
    }
}

const ASK_AGAIN: Duration = Duration::from_secs(20);

/// While this clock and the upstream's are apart, asks the upstream again from time to time: an agent's requests wait
/// until the two agree.
async fn settle_the_time(gateway: Weak<Gateway>) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        let Some(gateway) = gateway.upgrade() else { return };
        if let Err(fault) = gateway.engine.now() {
            tracing::warn!(%fault, "asking the upstream for the time");
            // Its answer's date is what counts; the engine takes note of it.
            let _ = collect::identify(&gateway.engine, &gateway.upstream, &gateway.terms).await;
        }
    }
}
