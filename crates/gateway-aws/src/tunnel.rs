//! The second entry: clients that cannot be pointed at an endpoint reach AWS's own hosts through us as their proxy
//! (`HTTPS_PROXY`), and find at the tunnel's end this gateway with a certificate of our own authority. Nothing is ever
//! connected through: a host that is not AWS's is refused.

use std::sync::Arc;

use classify_aws::address::is_aws;
use listener::{Authority, Tunnels};
use rustls::ServerConfig;

const HTTPS: u16 = 443;

#[derive(Debug)]
pub(crate) struct AwsOnly {
    pub(crate) authority: Arc<Authority>,
}

impl Tunnels for AwsOnly {
    fn open(&self, host: &str, port: u16) -> Result<Arc<ServerConfig>, String> {
        let host = host.to_ascii_lowercase();
        if port != HTTPS || !is_aws(&host) {
            return Err(format!(
                "{}:{port} is not AWS. This proxy leads to the AWS API and nowhere else; list other hosts in NO_PROXY.",
                model::sanitize(&host, 100)
            ));
        }
        self.authority.server(&[host]).map_err(|err| err.to_string())
    }
}
