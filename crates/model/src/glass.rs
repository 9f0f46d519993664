//! Breaking the glass: two people give one session a grant that the bundle keeps for emergencies, and lift for it what rules
//! marked `@breakglass` ask for, for an hour at most.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{AgentId, ChangeId, Digest, GrantId, Ground, Operation, RuleId, SessionId, Timestamp, Value};

/// The one action of a change of Countersign's own that breaks the glass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Whose calls it is for, and those of sessions that come from it.
    pub session: SessionId,
    /// Of that session: its owner is none of the two.
    pub agent: AgentId,
    /// `grants/breakglass-GRANT.cedar`, besides what the agent and its operator may do already.
    pub grant: Option<GrantId>,
    /// Rules of the constitution that are marked `@breakglass`.
    pub waives: BTreeSet<RuleId>,
    /// From the moment it is carried out.
    pub minutes: u32,
    /// Why, in the words of who asks.
    pub ground: Ground,
}

/// On a session: until when its glass is broken, and by which change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glass {
    pub change: ChangeId,
    pub until: Timestamp,
}

impl BreakGlass {
    /// Who agree to it, besides whoever asks and whoever owns the agent; no bundle asks for fewer.
    pub const PEOPLE: u32 = 2;
    pub const MAX_MINUTES: u32 = 60;
    /// How long it can wait for people: what nobody agrees to within this was no emergency.
    pub const EXPIRY_S: i64 = 3600;

    /// Countersign's own operation, which no protocol has.
    pub fn operation() -> Operation {
        Operation::new("countersign", "BreakGlass")
    }

    pub fn seconds(&self) -> i64 {
        i64::from(self.minutes.min(Self::MAX_MINUTES)).saturating_mul(60)
    }

    /// In the place of an action's digest.
    pub fn digest(&self) -> Digest {
        let grant = self.grant.as_ref().map_or("", GrantId::as_str);
        Value::map([
            ("session", Value::text(self.session.to_string())),
            ("agent", Value::text(self.agent.as_str())),
            ("grant", Value::text(grant)),
            ("waives", Value::List(self.waives.iter().map(|rule| Value::text(rule.as_str())).collect())),
            ("minutes", Value::Int(i64::from(self.minutes))),
            ("ground", Value::text(self.ground.as_str())),
        ])
        .digest("countersign/break-glass/v1")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_digest_is_golden_and_covers_every_member() {
        let base = BreakGlass {
            session: SessionId::new(1, [1; 10]),
            agent: "kiro".parse().unwrap(),
            grant: Some("database".parse().unwrap()),
            waives: ["nothing-in-a-freeze".parse().unwrap()].into(),
            minutes: 30,
            ground: "the shop is down".parse().unwrap(),
        };
        expect!["ab2ab76f955a86e9050f369bb764c9f027fcbd65436ed12828546eec512def3f"]
            .assert_eq(&base.digest().to_string());
        for other in [
            BreakGlass { session: SessionId::new(2, [1; 10]), ..base.clone() },
            BreakGlass { agent: "codex".parse().unwrap(), ..base.clone() },
            BreakGlass { grant: None, ..base.clone() },
            BreakGlass { waives: BTreeSet::new(), ..base.clone() },
            BreakGlass { minutes: 31, ..base.clone() },
            BreakGlass { ground: "no".parse().unwrap(), ..base.clone() },
        ] {
            assert_ne!(other.digest(), base.digest(), "{other:?}");
        }
    }
}
