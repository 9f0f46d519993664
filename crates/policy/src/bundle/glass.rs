//! What the glass may be broken for: a grant that the bundle keeps for it (`grants/breakglass-NAME.cedar`), and rules of the
//! constitution that their authors marked `@breakglass`. Such a rule counts nobody, which is proved; loading refuses one that
//! says it does, and one that is absolute besides.

use model::{BreakGlass, GrantId, RuleId, RuleRef};

use super::Bundle;
use crate::problem::did_you_mean;

/// Why the bundle in force does not let this glass be broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlassError {
    #[error("it breaks nothing: name a grant, or a rule to be waived")]
    Nothing,
    #[error("a glass is broken for 1 to {max} minutes", max = BreakGlass::MAX_MINUTES)]
    Minutes,
    #[error("the bundle keeps no grant `{0}` for emergencies ({1})")]
    NoGrant(GrantId, String),
    #[error("the bundle has no rule `{0}` ({1})")]
    NoRule(RuleId, String),
    #[error("the rule `{0}` is not marked @breakglass in the bundle, so nobody lifts it ({1})")]
    NotWaivable(RuleId, String),
}

impl Bundle {
    /// Whether its glass can be broken so.
    ///
    /// # Errors
    /// [`GlassError`], with what there is in the place of what there is not.
    pub fn may_break(&self, asked: &BreakGlass) -> Result<(), GlassError> {
        if asked.grant.is_none() && asked.waives.is_empty() {
            return Err(GlassError::Nothing);
        }
        if !(1..=BreakGlass::MAX_MINUTES).contains(&asked.minutes) {
            return Err(GlassError::Minutes);
        }
        if let Some(grant) = asked.grant.as_ref().filter(|grant| !self.law.keeps(grant)) {
            let names: Vec<&str> = self.law.kept_grants().map(GrantId::as_str).collect();
            return Err(GlassError::NoGrant(grant.clone(), listed("it keeps", &names)));
        }
        for id in &asked.waives {
            let waivable: Vec<&str> = self.waivable().map(RuleId::as_str).collect();
            if !self.has_rule(id) {
                let hint = did_you_mean(id.as_str(), waivable.iter().copied());
                let hint = hint.unwrap_or_else(|| listed("what can be waived:", &waivable));
                return Err(GlassError::NoRule(id.clone(), hint));
            }
            if !waivable.contains(&id.as_str()) {
                return Err(GlassError::NotWaivable(id.clone(), listed("what can be waived:", &waivable)));
            }
        }
        Ok(())
    }

    /// What a grant that is kept for emergencies allows.
    pub fn kept_for_emergencies(&self, grant: &GrantId) -> impl Iterator<Item = &RuleRef> {
        let file = format!("grants/breakglass-{grant}.cedar");
        let own = self.law.rules().filter(move |rule| rule.permits() && rule.reference.file == file);
        own.map(|rule| &rule.reference)
    }

    /// The rules that a broken glass may waive.
    pub fn waivable(&self) -> impl Iterator<Item = &RuleId> {
        self.law.rules().filter(|rule| rule.waivable).map(|rule| &rule.reference.id)
    }
}

fn listed(what: &str, names: &[&str]) -> String {
    if names.is_empty() { format!("{what} nothing") } else { format!("{what} {}", names.join(", ")) }
}
