//! HTTP as our own clients speak it, with and without TLS. Believed are the public authorities and the one that was
//! given: the installation's own where its folder is at hand, otherwise `$COUNTERSIGN_CA` or `$AWS_CA_BUNDLE`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{failure::Failure, identity::variable};

pub(crate) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// `ca`: a file of certificates in PEM, beside those that everybody believes.
pub(crate) fn http(ca: Option<&Path>) -> Result<Http, Failure> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let named = || variable("COUNTERSIGN_CA").or_else(|| variable("AWS_CA_BUNDLE")).map(PathBuf::from);
    if let Some(file) = ca.map(Path::to_owned).or_else(named) {
        let wrong = |why: String| Failure::usage(format!("{}: {why}", file.display()));
        let text = fs::read(&file).map_err(|err| wrong(err.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|err| wrong(format!("no certificates in PEM: {err}")))?;
            roots.add(certificate).map_err(|err| wrong(err.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Failure::unexpected)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}
