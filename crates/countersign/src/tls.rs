//! What `serve` shows in TLS handshakes: given certificates where `countersign.toml` names them, otherwise certificates
//! of the installation's own authority, which is made once and signs for the hosts behind the proxy as well.

use std::{
    fs,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use engine::{Clock as _, SystemClock};
use listener::{Authority, Doors, Given, Identity, Limits, Plain, TlsError, new_authority};
use model::Site;
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{config::Config, failure::Failure};

pub(crate) struct Tls {
    pub(crate) authority: Arc<Authority>,
    identity: Identity,
}

/// Where it all lies, and under which names it is shown.
#[derive(Debug)]
pub(crate) struct Place {
    /// Of the authority: its certificate, and its key.
    pub(crate) authority: (PathBuf, PathBuf),
    /// A certificate and its key that clients believe already, in place of one of the authority's.
    pub(crate) given: Option<(PathBuf, PathBuf)>,
    /// Names and addresses by which clients reach us.
    pub(crate) names: Vec<String>,
}

impl Place {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            authority: (config.key("ca.pem"), config.key("ca.key")),
            given: config.certificate(),
            names: names(config),
        }
    }
}

/// Makes the authority where there is none yet.
pub(crate) fn ensure_authority(place: &Place) -> Result<(), Failure> {
    let (certificate_file, key_file) = (&place.authority.0, &place.authority.1);
    match (certificate_file.exists(), key_file.exists()) {
        (true, true) => Ok(()),
        (false, false) => {
            let (certificate, key) = new_authority(now()).map_err(|err| told(&err))?;
            write(key_file, &key)?;
            write(certificate_file, &certificate)
        }
        (has_certificate, _) => {
            let (there, missing) =
                if has_certificate { (certificate_file, key_file) } else { (key_file, certificate_file) };
            Err(Failure::usage(format!("{} is there and {} is not", there.display(), missing.display()))
                .hint("put it back, or remove both: `serve` then makes a new authority, which clients must be given"))
        }
    }
}

impl Tls {
    /// The one that was given, where one was.
    pub(crate) fn given(&self) -> Option<Arc<Given>> {
        match &self.identity {
            Identity::Given(given) => Some(Arc::clone(given)),
            Identity::Own { .. } => None,
        }
    }

    pub(crate) fn load(place: Place) -> Result<Self, Failure> {
        ensure_authority(&place)?;
        let (certificate, key) = place.authority;
        let authority = Authority::load(&read(&certificate)?, &read(&key)?, Arc::new(now))
            .map_err(|err| told(&err).hint(format!("{} and {}", certificate.display(), key.display())))?;
        let authority = Arc::new(authority);
        let identity = match place.given {
            Some((certificate, key)) => {
                let given = Given::new(&read(&certificate)?, &read(&key)?).map_err(|err| {
                    told(&err).hint(format!("given were {} and {}", certificate.display(), key.display()))
                })?;
                Identity::Given(Arc::new(given))
            }
            None => Identity::Own { authority: Arc::clone(&authority), names: place.names.into() },
        };
        let own = Self { authority, identity };
        // A name that no certificate can have is found now rather than in the first handshake.
        if let Identity::Own { authority, names } = &own.identity {
            authority.server(names).map_err(|err| told(&err))?;
        }
        Ok(own)
    }

    /// Plain HTTP is for loopback only: nothing else is there to listen in.
    pub(crate) fn doors(&self, limits: Limits, at: SocketAddr) -> Doors {
        let plain = if at.ip().is_loopback() { Plain::Spoken } else { Plain::Refused };
        Doors::with_tls(limits, self.identity.clone(), plain)
    }
}

/// Looks after a given certificate for as long as the process lives: every minute, and when told to (SIGHUP), as those tools do
/// that renew them. Two files are not replaced at one instant: what does not fit is looked at again, and the one before stays.
pub(crate) async fn renew(given: Arc<Given>, (certificate, key): (PathBuf, PathBuf)) {
    let Ok(mut told) = signal(SignalKind::hangup()) else {
        return tracing::error!("SIGHUP cannot be heard: a renewed certificate counts after the next start");
    };
    let content = || Some((fs::read_to_string(&certificate).ok()?, fs::read_to_string(&key).ok()?));
    // Of both files, the ones that were looked at last.
    let mut known = content();
    loop {
        tokio::select! {
            _ = told.recv() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        let found = content();
        if found == known {
            continue;
        }
        match &found {
            Some((chain, of)) => match given.renew(chain, of) {
                Ok(()) => tracing::info!("another certificate is shown from now on"),
                Err(err) => tracing::warn!(%err, "the certificate is not renewed: the one before is shown"),
            },
            None => tracing::warn!("the certificate or its key is gone: the one before is shown"),
        }
        known = found;
    }
}

const LOOK: Duration = Duration::from_secs(60);

/// How clients write the address of a listener.
pub(crate) fn url(config: &Config, at: SocketAddr) -> String {
    if at.ip().is_loopback() {
        return format!("http://{at}");
    }
    match config.listen.names.first() {
        Some(name) => format!("https://{name}:{}", at.port()),
        None => format!("https://{at}"),
    }
}

/// Where people's browsers have the console: a cookie belongs to a name, and so does a passkey. Behind a listener on loopback
/// that is not for the machine itself, somebody else speaks TLS.
pub(crate) fn console(config: &Config, site: Option<&Site>, at: SocketAddr) -> String {
    let port = at.port();
    match (site, at.ip().is_loopback()) {
        (None, true) => format!("http://{}:{port}", Site::LOCALHOST),
        (None, false) => url(config, at),
        (Some(site), true) if site.is_localhost() => format!("http://{site}:{port}"),
        (Some(site), true) => format!("https://{site}"),
        (Some(site), false) => format!("https://{site}:{port}"),
    }
}

/// Whether browsers would take a certificate (the first of a chain, in PEM) for this host's.
///
/// # Errors
/// Where it is no certificate.
pub(crate) fn covers(chain: &str, host: &str) -> Result<bool, String> {
    let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).map_err(|err| err.to_string())?;
    let certificate = ParsedCertificate::try_from(&certificate).map_err(|err| err.to_string())?;
    let name = ServerName::try_from(host).map_err(|err| err.to_string())?;
    Ok(verify_server_name(&certificate, &name).is_ok())
}

/// Ourselves under every name and address that clients may use; a wildcard for buckets in front of each name.
fn names(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    let own = config.names();
    let names = own.iter().flat_map(|name| [name.clone(), format!("*.{name}")]).collect();
    let listening = [listen.aws, listen.agent, listen.people];
    let further = listen.log.into_iter().chain(listen.metrics);
    with_addresses(names, &listening.into_iter().chain(further).collect::<Vec<_>>())
}

/// And the addresses that are listened on, and loopback.
pub(crate) fn with_addresses(mut names: Vec<String>, listening: &[SocketAddr]) -> Vec<String> {
    let addresses = listening.iter().map(SocketAddr::ip);
    let loopback: [IpAddr; 2] = [[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()];
    for address in addresses.chain(loopback).filter(|ip| !ip.is_unspecified()) {
        let address = address.to_string();
        if !names.contains(&address) {
            names.push(address);
        }
    }
    names
}

fn now() -> SystemTime {
    let millis = u64::try_from(SystemClock.now().millis()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn told(err: &TlsError) -> Failure {
    Failure::usage(format!("TLS: {err}"))
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|err| Failure::usage(format!("{} cannot be read: {err}", file.display())))
}

fn write(file: &Path, content: &str) -> Result<(), Failure> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut open| open.write_all(content.as_bytes()).and_then(|()| open.sync_all()))
        .map_err(|err| Failure::usage(format!("{} cannot be written: {err}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For `console.corp.example` and `*.ops.example`.
    const CHAIN: &str = "\
-----BEGIN CERTIFICATE-----
MIIBnzCCAUWgAwIBAgIUPeAqZUK5HDEtdBRwBNvORRvAVDEwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAeFw0yNjExMzAwMjUyNDhaFw0zNjExMjcwMjUyNDhaMAwx
CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARWN5gHkM/ic+zT
lrSnfB8RDxcdar0AsrpKg/eH9rWoYOB1oaC6wwWk1uJD9Mz8hzy1fuDqhOBzRJr2
05bODrzyo4GEMIGBMB0GA1UdDgQWBBSRRor1JFxKlIhlxYu7EOr9wXsPwjAfBgNV
HSMEGDAWgBSRRor1JFxKlIhlxYu7EOr9wXsPwjAPBgNVHRMBAf8EBTADAQH/MC4G
A1UdEQQnMCWCFGNvbnNvbGUuY29ycC5leGFtcGxlgg0qLm9wcy5leGFtcGxlMAoG
CCqGSM49BAMCA0gAMEUCIC4yTiEAtayg41/qsblnGURhsKL5c3BSt7mV/hPdzCyH
AiEAoXfAJOlz2BelJ974tvnAHV8DPMp3sYToDIPGpr2ySwY=
-----END CERTIFICATE-----
";

    #[test]
    fn a_certificate_is_for_its_names_alone() {
        for (host, expected) in [
            ("console.corp.example", true),
            ("console.ops.example", true),
            ("corp.example", false),
            ("ops.example", false),
            ("a.console.ops.example", false),
            ("localhost", false),
        ] {
            assert_eq!(covers(CHAIN, host), Ok(expected), "{host}");
        }
        assert!(covers("nothing", "localhost").is_err());
    }
}
