//! Waiting for something that another process does. The only place in the tree that waits for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again and again until there is an answer, at most for `limit`. An error ends the wait at once; `what` names
/// the thing waited for in the error of a wait that was in vain.
#[expect(clippy::disallowed_methods, reason = "other processes tell of their state only when asked")]
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if started.elapsed() >= limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
