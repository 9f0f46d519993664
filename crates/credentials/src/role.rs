//! A role taken on with whatever other credentials there are: the way into an account that is not one's own.

use std::{future::Future, pin::Pin, sync::Arc};

use model::Timestamp;

use crate::{AssumeRole, Cache, CredentialError, Credentials, Sts, Supply};

#[derive(Debug)]
pub struct Role {
    by: Arc<Cache>,
    sts: Sts,
    asked: AssumeRole,
}

impl Role {
    pub const fn new(by: Arc<Cache>, sts: Sts, asked: AssumeRole) -> Self {
        Self { by, sts, asked }
    }

    async fn take_on(&self, now: Timestamp) -> Result<Credentials, CredentialError> {
        let by = self.by.get(now).await?;
        match self.sts.assume(&by, &self.asked, now).await {
            // Nothing was given, so it may be asked for once more.
            Err(CredentialError::Refused { from, why }) if why.starts_with("ExpiredToken") => {
                match self.by.other_than(&by, now).await? {
                    Some(fresh) => self.sts.assume(&fresh, &self.asked, now).await,
                    None => Err(CredentialError::Refused { from, why }),
                }
            }
            given => given,
        }
    }
}

impl Supply for Role {
    fn supply(
        &self,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + '_>> {
        Box::pin(self.take_on(now))
    }
}
