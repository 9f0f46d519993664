//! Credentials that are kept while they are good: fetched anew a while before they end, by one of those who wait and
//! not by all, and once more when the cloud says that they have ended already.

use std::{future::Future, pin::Pin};

use model::Timestamp;
use tokio::sync::Mutex;

use crate::{Chain, CredentialError, Credentials};

/// So long before the end new ones are asked for.
const AHEAD_S: i64 = 300;
/// After a failed attempt the old ones serve for as long as they are good, and are not asked for again at once.
const RETRY_S: i64 = 10;

/// Whatever hands out credentials.
pub trait Supply: Send + Sync + std::fmt::Debug {
    fn supply(
        &self,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + '_>>;
}

impl Supply for Chain {
    fn supply(
        &self,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + '_>> {
        Box::pin(self.load(now))
    }
}

/// Credentials that were given once and for all.
impl Supply for Credentials {
    fn supply(
        &self,
        _: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

#[derive(Debug)]
pub struct Cache {
    supply: Box<dyn Supply>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    credentials: Option<Credentials>,
    not_before: Option<Timestamp>,
}

impl Cache {
    pub fn new(supply: impl Supply + 'static) -> Self {
        Self { supply: Box::new(supply), kept: Mutex::default() }
    }

    /// # Errors
    /// Where there are none that are still good, and none can be had.
    pub async fn get(&self, now: Timestamp) -> Result<Credentials, CredentialError> {
        let mut kept = self.kept.lock().await;
        let left = kept.credentials.as_ref().map(|it| it.expires.map_or(i64::MAX, |end| end.since(now)));
        let soon = left.is_none_or(|left| left < AHEAD_S.saturating_mul(1_000));
        let waits = kept.not_before.is_some_and(|moment| now < moment);
        match &kept.credentials {
            Some(good) if !soon || (waits && left > Some(0)) => return Ok(good.clone()),
            _ => {}
        }
        match self.supply.supply(now).await {
            Ok(fresh) => {
                *kept = Kept { credentials: Some(fresh.clone()), not_before: None };
                // What is handed out may itself be near its end: not again for every request.
                if fresh.expires.is_some_and(|end| end.since(now) < AHEAD_S.saturating_mul(1_000)) {
                    kept.not_before = Some(now.plus_seconds(RETRY_S));
                }
                Ok(fresh)
            }
            Err(err) => match kept.credentials.clone().filter(|_| left > Some(0)) {
                Some(good) => {
                    tracing::warn!(%err, "the credentials end soon, and new ones could not be had");
                    kept.not_before = Some(now.plus_seconds(RETRY_S));
                    Ok(good)
                }
                None => Err(err),
            },
        }
    }

    /// The cloud says that `used` have ended: others, or `None` where there are none but these.
    ///
    /// # Errors
    /// Where none can be had.
    pub async fn other_than(
        &self,
        used: &Credentials,
        now: Timestamp,
    ) -> Result<Option<Credentials>, CredentialError> {
        {
            let mut kept = self.kept.lock().await;
            if kept.credentials.as_ref().is_some_and(|it| same(it, used)) {
                *kept = Kept::default();
            }
        }
        Ok(Some(self.get(now).await?).filter(|fresh| !same(fresh, used)))
    }
}

fn same(one: &Credentials, two: &Credentials) -> bool {
    one.access_key == two.access_key && one.session_token == two.session_token && one.secret == two.secret
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    /// Hands out a new key each time, good for an hour; from the `fails`th on, nothing.
    #[derive(Clone, Debug)]
    struct Hourly {
        asked: Arc<AtomicI64>,
        fails: i64,
    }

    impl Supply for Hourly {
        fn supply(
            &self,
            now: Timestamp,
        ) -> Pin<Box<dyn Future<Output = Result<Credentials, CredentialError>> + Send + '_>> {
            let nth = self.asked.fetch_add(1, Ordering::SeqCst);
            let fails = nth >= self.fails;
            let fresh = Credentials {
                expires: Some(now.plus_seconds(3_600)),
                ..Credentials::lasting(&format!("A{nth}"), "s")
            };
            Box::pin(async move { if fails { Err(CredentialError::Nowhere) } else { Ok(fresh) } })
        }
    }

    async fn check(fails: i64, moments: &[(i64, Option<&str>)]) {
        let cache = Cache::new(Hourly { asked: Arc::default(), fails });
        for (second, expected) in moments {
            let found = cache.get(Timestamp::from_seconds(*second)).await.ok().map(|it| it.access_key);
            assert_eq!(found.as_deref(), *expected, "at {second}");
        }
    }

    #[tokio::test]
    async fn they_are_fetched_ahead_of_their_end_and_old_ones_serve_while_they_are_good() {
        let (first, second) = (Some("A0"), Some("A1"));
        check(9, &[(0, first), (3_299, first), (3_301, second), (6_500, second), (6_700, Some("A2"))]).await;
        check(1, &[(0, first), (3_400, first), (3_405, first), (3_599, first), (3_600, None), (3_700, None)])
            .await;
        check(0, &[(0, None)]).await;
    }

    #[tokio::test]
    async fn many_who_wait_cause_one_fetch_and_so_do_many_refusals() {
        let asked = Arc::<AtomicI64>::default();
        let cache = Arc::new(Cache::new(Hourly { asked: Arc::clone(&asked), fails: 9 }));
        let now = Timestamp::from_seconds(0);
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { cache.get(now).await.unwrap() })
            })
            .collect();
        let mut used = None;
        for one in waiting {
            used = Some(one.await.unwrap());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let used = used.unwrap();
        for _ in 0..5 {
            assert_eq!(cache.other_than(&used, now).await.unwrap().unwrap().access_key, "A1");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let fixed = Cache::new(Credentials::lasting("A", "s"));
        let same = fixed.get(now).await.unwrap();
        assert!(fixed.other_than(&same, now).await.unwrap().is_none(), "the same ones again are no others");
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let shown = format!("{:?}", Cache::new(Credentials::lasting("AKIA", "hush")));
        assert!(!shown.contains("AKIA") && !shown.contains("hush"), "{shown}");
    }
}
