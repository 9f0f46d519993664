//! A bundle that somebody wants adopted, before anybody is asked: it loads, its examples hold, a certificate is of it, and
//! adopting it would lock nobody out.

use std::sync::Arc;

use model::{Digest, Environment, EnvironmentName, PersonId};
use policy::{Bundle, Certificate, CertificateError, Files, LoadError};

use crate::{judge::file_rule_at, own, start::roster_of};

/// Files that can be adopted; reading them takes a processor for a while.
#[derive(Debug)]
pub struct Candidate {
    pub(crate) files: Files,
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) certificate: Certificate,
    pub(crate) proof: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    #[error("the bundle does not load:\n{0}")]
    Load(#[source] LoadError),
    #[error("of the bundle's examples some come out otherwise:\n{0}")]
    Examples(#[source] LoadError),
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    #[error("witnesses.toml: the key of {0}: {1}")]
    Witness(model::WitnessId, tlog::KeyError),
    /// Under it the law could never be changed again.
    #[error("{0}")]
    Locked(String),
}

impl Candidate {
    /// `proof`: the certificate, as `countersign policy prove` writes it.
    ///
    /// # Errors
    /// [`CandidateError`], with every place that is wrong.
    pub fn read(files: Files, proof: Vec<u8>) -> Result<Self, CandidateError> {
        let bundle = Bundle::load(&files).map_err(|err| match Bundle::test(&files) {
            Ok(_) => CandidateError::Examples(err),
            Err(_) => CandidateError::Load(err),
        })?;
        crate::witnesses::witness_keys(&bundle)
            .map_err(|(witness, err)| CandidateError::Witness(witness, err))?;
        amendable(&bundle)?;
        let certificate = Certificate::read(&proof, &bundle, &files)?;
        Ok(Self { files, bundle: Arc::new(bundle), certificate, proof })
    }

    pub fn digest(&self) -> Digest {
        self.bundle.digest()
    }
}

/// A bundle as it is being written, whatever its examples say: to judge under it what is on record.
///
/// # Errors
/// [`CandidateError::Load`].
pub fn draft(files: &Files) -> Result<Arc<Bundle>, CandidateError> {
    Bundle::draft(files).map(Arc::new).map_err(CandidateError::Load)
}

/// Why an installation with this bundle could never adopt another one.
///
/// # Errors
/// That it could not: such a bundle is not adopted either.
pub fn could_be_changed(bundle: &Bundle) -> Result<(), CandidateError> {
    amendable(bundle)
}

/// An entry of the ledger has room for it, escaped as it stands there.
const MAX_ROSTER: usize = 40_000;

/// Whether somebody could ask for the next bundle, and two others agree to it: by keys that count in production.
fn amendable(bundle: &Bundle) -> Result<(), CandidateError> {
    let locked = |why: String| Err(CandidateError::Locked(why));
    let roster = bundle.roster();
    let approvers: Vec<&PersonId> =
        roster.people.iter().filter(|(_, person)| person.approver).map(|(name, _)| name).collect();
    if approvers.len() < 2 {
        return locked(format!(
            "roster.toml leaves {} approver(s), and whatever takes two people could never pass, another bundle included",
            approvers.len()
        ));
    }
    let production = Environment { name: EnvironmentName::production(), production: true };
    let rule = file_rule_at(bundle, &production);
    let can_ask = |person: &PersonId| {
        own::chain_of(person).is_ok_and(|chain| approval::eligible(&chain, roster, rule).people >= 2)
    };
    if !roster.people.keys().any(can_ask) {
        let touched = match rule {
            approval::FileRule::Counts => "",
            approval::FileRule::DoesNotCount => {
                ", with security keys or passkeys, since key files do not count in production"
            }
        };
        return locked(format!(
            "under roster.toml nobody could change the bundle again: it takes one person who asks and two other \
             approvers{touched}"
        ));
    }
    let size = serde_json::to_string(&roster_of(bundle)).map_or(usize::MAX, |text| text.len());
    if size > MAX_ROSTER {
        return locked(format!(
            "roster.toml takes {size} bytes in the log's entry, which has room for {MAX_ROSTER}"
        ));
    }
    Ok(())
}
