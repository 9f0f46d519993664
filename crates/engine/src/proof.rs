//! What is at hand of a bundle's proof: the certificate that lies beside it, held against it. A bundle that was adopted came
//! with one; the one that an installation begins with has one if somebody had it proved, and goes into force without one too,
//! which the log then says, and whoever looks is told.

use std::sync::Arc;

use model::Digest;
use policy::{Bundle, Certificate, CertificateError};

use crate::{Engine, Library};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    #[error("there is no certificate of it")]
    Nothing,
    #[error("what lies beside it as its certificate is none: {0}")]
    Unfit(#[from] CertificateError),
}

impl Engine {
    /// Of the bundle in force. Reads the disk.
    ///
    /// # Errors
    /// [`Unproved`]: nothing is known to have been proved of it.
    pub fn proof(&self) -> Result<Certificate, Unproved> {
        proof_of(self.library.as_ref(), &self.bundle())
    }

    /// As [`Engine::proof`], where there is no thread to wait on.
    ///
    /// # Errors
    /// [`Unproved`].
    pub async fn proof_at_hand(self: &Arc<Self>) -> Result<Certificate, Unproved> {
        let engine = Arc::clone(self);
        tokio::task::spawn_blocking(move || engine.proof()).await.unwrap_or(Err(Unproved::Nothing))
    }
}

/// What the library has as this bundle's certificate.
///
/// # Errors
/// [`Unproved`].
pub fn proof_of(library: &dyn Library, bundle: &Bundle) -> Result<Certificate, Unproved> {
    let kept = library.find(bundle.digest()).map_err(|_| Unproved::Nothing)?;
    let shown = kept.shown.ok_or(Unproved::Nothing)?;
    Ok(Certificate::read(&shown.certificate, bundle, &kept.files)?)
}

/// As the entry has it that brings a bundle into force.
pub(crate) fn on_record(certificate: Option<Digest>) -> (String, String) {
    let said = certificate.map_or_else(|| audit::UNPROVED.to_owned(), |it| it.to_string());
    (audit::CERTIFICATE.to_owned(), said)
}
