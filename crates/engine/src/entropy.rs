//! The only place that draws randomness.

use model::Fault;

pub trait Entropy: Send + Sync {
    /// Fills `out` with unpredictable bytes.
    ///
    /// # Errors
    /// Where the operating system gives none: nothing that needs a nonce or an id can go on.
    fn fill(&self, out: &mut [u8]) -> Result<(), Fault>;
}

#[derive(Clone, Copy, Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    fn fill(&self, out: &mut [u8]) -> Result<(), Fault> {
        getrandom::fill(out).map_err(|err| Fault::Storage(format!("the system gives no randomness: {err}")))
    }
}

/// `N` fresh bytes.
pub(crate) fn draw<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
