//! What can go wrong with credentials, said without saying any.

/// `source` is the place they were looked for in, such as "the profile `prod`".
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(
        "no AWS credentials were found: not in the environment, a profile, a container or the machine's metadata"
    )]
    Nowhere,
    #[error("{from} cannot be used: {why}")]
    Unusable { from: String, why: String },
    #[error("{from} did not answer: {why}")]
    Unanswered { from: String, why: String },
    #[error("{from} refused: {why}")]
    Refused { from: String, why: String },
}

impl CredentialError {
    pub(crate) fn unusable(from: impl Into<String>, why: impl ToString) -> Self {
        Self::Unusable { from: from.into(), why: why.to_string() }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Nowhere => {
                "give `serve` a role (instance profile, task role, web identity), a profile (AWS_PROFILE), or \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; and give them to nothing an agent can read"
            }
            Self::Unusable { .. } => {
                "the first place in the chain that is configured is the one that must work"
            }
            Self::Unanswered { .. } => "is it reachable from where `serve` runs?",
            Self::Refused { .. } => {
                "do the role's trust policy and the external id name what `serve` runs as?"
            }
        }
    }
}
