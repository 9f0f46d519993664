//! The way to the cloud as `serve` was started for it: the address, and the real credentials by AWS's standard chain.

use credentials::{Cache, Chain, CredentialError, Credentials, Surroundings};
use engine::Engine;
use gateway_aws::Upstream;

use crate::{config::Config, failure::Failure, identity::variable};

/// Credentials that cannot be had stop the start.
pub(super) async fn open(config: &Config, engine: &Engine) -> Result<Upstream, Failure> {
    let base = config.aws.upstream.as_deref();
    let unavailable = |err: CredentialError| Failure::usage(&err).hint(err.hint());
    let chain = chain(config, base).map_err(unavailable)?;
    let now = engine.recorded_time().map_err(Failure::usage)?;
    let sts = chain.sts().clone();
    let cache = Cache::new(chain);
    cache.get(now).await.map_err(unavailable)?;
    Upstream::new(base, cache, sts).map_err(Failure::usage)
}

/// An emulator on this machine takes any credentials, so none are asked for there, and no machine is asked for its own.
fn chain(config: &Config, base: Option<&str>) -> Result<Chain, CredentialError> {
    let region = variable("AWS_REGION").unwrap_or_else(|| config.aws.region.clone());
    let mut around = Surroundings::new(region, variable);
    if let Some(base) = base {
        around = around.with_sts(base);
    }
    if base.is_some_and(is_loopback) {
        let emulator = Credentials::lasting("AKIAEMULATOR00000000", "emulator");
        return Ok(Chain::new(around.off_machine())?.or(emulator));
    }
    Chain::new(around)
}

fn is_loopback(url: &str) -> bool {
    let host = url.trim_start_matches("http://");
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}
