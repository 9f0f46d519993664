//! Our own certificate authority: certificates for the listeners' own names, and for the hosts that clients reach
//! through the proxy. Its key never leaves the server's folder; clients are given its certificate.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _},
};
use time::OffsetDateTime;

const DAY: Duration = Duration::from_secs(86_400);
/// Of the authority itself: it is given to clients by hand.
const AUTHORITY_DAYS: u32 = 3650;
/// Of what it signs. Some clients refuse certificates of more than 397 days (CA/Browser Forum, 6.3.2).
const LEAF_DAYS: u32 = 30;
/// A certificate is made anew long before it ends.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 86_400);
/// Hosts remembered at a time; each costs a few kilobytes.
const HOSTS_MAX: usize = 512;

/// Signs certificates for hosts, each made when it is first asked for.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    clock: Clock,
    made: Mutex<HashMap<Vec<String>, Made>>,
}

/// Reads the time; certificates begin and end by it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

struct Made {
    at: SystemTime,
    config: Arc<ServerConfig>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate authority's {0} cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("no certificate can be made for {0}: {1}")]
    Unmakeable(String, String),
    #[error("the certificate and its key do not fit: {0}")]
    Unfit(String),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority(its key is not shown)")
    }
}

/// A new authority as (certificate, key), both in PEM.
///
/// # Errors
/// Where there is no randomness to make a key of.
pub fn new_authority(now: SystemTime) -> Result<(String, String), TlsError> {
    let failed = |err: rcgen::Error| TlsError::Unmakeable("the authority".to_owned(), err.to_string());
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = authority_params(&key);
    (params.not_before, params.not_after) = validity(now, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

impl Authority {
    /// # Errors
    /// Where one of the two is no PEM of its kind, or they are not each other's.
    pub fn load(certificate: &str, key: &str, clock: Clock) -> Result<Self, TlsError> {
        let pair = KeyPair::from_pem(key).map_err(|err| TlsError::Unreadable("key", err.to_string()))?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|err| TlsError::Unreadable("certificate", err.to_string()))?;
        if !contains(&der, pair.public_key_raw()) {
            return Err(TlsError::Unfit("the authority's certificate is of another key".to_owned()));
        }
        let issuer = Issuer::new(authority_params(&pair), pair);
        Ok(Self { issuer, certificate: der, pem: certificate.to_owned(), clock, made: Mutex::default() })
    }

    /// What clients are given (`AWS_CA_BUNDLE`).
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A TLS server that is all of `names` (DNS names, `*.` wildcards and IP addresses).
    ///
    /// # Errors
    /// Where one of them is no name.
    pub fn server(&self, names: &[String]) -> Result<Arc<ServerConfig>, TlsError> {
        let now = (self.clock)();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) =
            made.get(names).filter(|it| now.duration_since(it.at).is_ok_and(|age| age < RENEW_AFTER))
        {
            return Ok(Arc::clone(&known.config));
        }
        let config = self.make(names, now)?;
        if made.len() >= HOSTS_MAX {
            made.clear();
        }
        made.insert(names.to_vec(), Made { at: now, config: Arc::clone(&config) });
        Ok(config)
    }

    fn make(&self, names: &[String], now: SystemTime) -> Result<Arc<ServerConfig>, TlsError> {
        let failed = |err: rcgen::Error| TlsError::Unmakeable(names.join(", "), err.to_string());
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        // At most 64 characters (RFC 5280, appendix A.1); the names that count are the alternative ones.
        let common: String = names.first().map(String::as_str).unwrap_or_default().chars().take(64).collect();
        params.distinguished_name.push(DnType::CommonName, common);
        (params.not_before, params.not_after) = validity(now, LEAF_DAYS);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        server(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

/// A TLS server with a given certificate (chain, in PEM) and key.
///
/// # Errors
/// Where one of the two is no PEM of its kind, or they are not each other's.
pub fn server_of(chain: &str, key: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |what, err: rustls::pki_types::pem::Error| TlsError::Unreadable(what, err.to_string());
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|err| unreadable("certificate", err))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|err| unreadable("key", err))?;
    if chain.is_empty() {
        return Err(TlsError::Unreadable("certificate", "it holds none".to_owned()));
    }
    server(chain, key)
}

fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let unfit = |err: rustls::Error| TlsError::Unfit(err.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Follows from the key alone, so that what is signed later names the issuer that the certificate names.
fn authority_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = rcgen::DistinguishedName::new();
    let id: String = key.public_key_raw().iter().rev().take(6).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name.push(DnType::OrganizationName, "Countersign");
    params.distinguished_name.push(DnType::CommonName, format!("Countersign gateway authority {id}"));
    params
}

/// From a day ago, for clients whose clocks are behind.
fn validity(now: SystemTime, days: u32) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(now);
    (now - DAY, now + DAY * days)
}

fn contains(certificate: &[u8], key: &[u8]) -> bool {
    !key.is_empty() && certificate.windows(key.len()).any(|window| window == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// An authority by a clock of the test's own.
    fn timed(certificate: &str, key: &str) -> (Result<Authority, TlsError>, Arc<Mutex<SystemTime>>) {
        let time = Arc::new(Mutex::new(NOW));
        let read = Arc::clone(&time);
        (Authority::load(certificate, key, Arc::new(move || *read.lock().unwrap())), time)
    }

    #[test]
    fn an_authority_is_loaded_only_with_its_own_key() {
        let (certificate, key) = new_authority(NOW).unwrap();
        let (other, _) = new_authority(NOW).unwrap();
        let authority = timed(&certificate, &key).0.unwrap();
        assert_eq!(authority.pem(), certificate);
        assert!(!format!("{authority:?}").contains("PRIVATE"));
        let told = |certificate: &str, key: &str| timed(certificate, key).0.unwrap_err().to_string();
        assert!(told(&other, &key).contains("another key"));
        assert!(told("", &key).contains("certificate"));
        assert!(told(&certificate, "-----BEGIN").contains("key"));
        let wrong = server_of(&other, &key).unwrap_err().to_string();
        assert!(wrong.contains("do not fit"), "{wrong}");
        assert!(server_of("", &key).unwrap_err().to_string().contains("holds none"));
    }

    #[test]
    fn certificates_are_kept_renewed_and_bounded() {
        let (certificate, key) = new_authority(NOW).unwrap();
        let (authority, time) = timed(&certificate, &key);
        let authority = authority.unwrap();
        let name = ["s3.amazonaws.com".to_owned()];
        let first = authority.server(&name).unwrap();
        *time.lock().unwrap() = NOW + DAY;
        assert!(Arc::ptr_eq(&first, &authority.server(&name).unwrap()));
        *time.lock().unwrap() = NOW + DAY * 11;
        assert!(!Arc::ptr_eq(&first, &authority.server(&name).unwrap()), "renewed");
        for nth in 0..HOSTS_MAX + 9 {
            authority.server(&[format!("b{nth}.s3.amazonaws.com")]).unwrap();
        }
        assert!(authority.made.lock().unwrap().len() <= HOSTS_MAX);
        assert!(authority.server(&["ä".to_owned()]).is_err());
    }
}
