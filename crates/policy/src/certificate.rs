//! What somebody says to have proved of a bundle, as `countersign policy prove` writes it down: read within bounds, and held
//! against the bundle that it is to be of.
//!
//! Nobody has signed it. What is checked here is that it is of these very files and of this schema, that it leaves out no
//! sentence which the bundle's rules and invariants call for, and that it says of each that it is proved; or, of an invariant
//! that only says what is left alone, that the rules are stricter. That the solver was really asked is known only to whoever
//! asks again.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, RuleId};
use serde::Deserialize;

use crate::{Bundle, Claim, Files, handed_in, schema_digest};

/// A certificate that fits its bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many sentences it says are proved.
    pub proved: usize,
    /// The invariants than which it says the rules are stricter.
    pub stricter: Vec<RuleId>,
    /// Each program that had a part in it, and its version.
    pub made_with: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    #[error("the certificate is of the bundle {found}, and this is {wanted}")]
    OtherBundle { wanted: Digest, found: Digest },
    #[error("the certificate was made with another schema of requests than this version has")]
    OtherSchema,
    #[error("the certificate says of `{id}` that it is {judgement}, not proved")]
    NotProved { id: String, judgement: String },
    #[error("the certificate says nothing of `{0}`")]
    Missing(String),
}

impl Certificate {
    pub const SCHEMA: &str = "countersign.certificate/v1";
    /// More than any bundle that loads has.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// `files`: those that `bundle` was loaded from.
    pub fn read(text: &[u8], bundle: &Bundle, files: &Files) -> Result<Self, CertificateError> {
        let unreadable = CertificateError::Unreadable;
        let written: Written = handed_in::read(text, Self::SCHEMA, Self::MAX_BYTES).map_err(unreadable)?;
        if written.bundle != bundle.digest() {
            return Err(CertificateError::OtherBundle { wanted: bundle.digest(), found: written.bundle });
        }
        if written.cedar_schema != schema_digest() {
            return Err(CertificateError::OtherSchema);
        }
        let read = files.iter().filter(|(path, _)| path.ends_with(".cedar"));
        let read: BTreeMap<_, _> = read.map(|(path, text)| (path.clone(), Digest::of(text))).collect();
        if written.files != read {
            return Err(unreadable("it was not made from these files".to_owned()));
        }
        let lenient: BTreeMap<String, &RuleId> = bundle
            .invariants()
            .iter()
            .filter(|it| it.claim() == Claim::NeverInTheWay)
            .map(|it| (format!("invariant/{}", it.id), &it.id))
            .collect();
        let (mut judged, mut stricter) = (BTreeSet::new(), BTreeSet::new());
        for Said { id, judgement } in written.results {
            let (id, judgement) = (model::sanitize(&id, 200), model::sanitize(&judgement, 40));
            match (judgement.as_str(), lenient.get(&id)) {
                ("proved", _) => {}
                ("stricter", Some(invariant)) => {
                    stricter.insert((*invariant).clone());
                }
                (_, _) => return Err(CertificateError::NotProved { id, judgement }),
            }
            if !judged.insert(id.clone()) {
                return Err(unreadable(format!("it says two things of `{id}`")));
            }
        }
        if let Some(missing) = called_for(bundle).into_iter().find(|id| !judged.contains(id)) {
            return Err(CertificateError::Missing(missing));
        }
        let proved = judged.len().saturating_sub(stricter.len());
        if (written.passed, written.warned, written.failed) != (proved, stricter.len(), 0) {
            return Err(unreadable("its sums are not those of its results".to_owned()));
        }
        let made_with = handed_in::made_with(&written.made_with);
        Ok(Self { digest: Digest::of(text), proved, stricter: stricter.into_iter().collect(), made_with })
    }
}

/// Every sentence that the prover is to judge of a bundle, by its id; `prover/tests/proof` holds the two together.
fn called_for(bundle: &Bundle) -> Vec<String> {
    let rules = bundle.provable();
    let mut ids = vec![
        "no-rule-can-err".to_owned(),
        "agreement/constitution".to_owned(),
        "agreement/grants".to_owned(),
    ];
    // Where there are none, nothing is claimed, and that is never proved.
    if bundle.invariants().is_empty() {
        ids.push("invariants".to_owned());
    }
    ids.extend(bundle.invariants().iter().map(|it| format!("invariant/{}", it.id)));
    ids.extend(rules.iter().filter(|it| it.absolute).map(|it| format!("absolute/{}", it.rule.id)));
    ids.extend(rules.iter().filter(|it| it.breakglass).map(|it| format!("breakglass/{}", it.rule.id)));
    ids
}

/// As far as it is looked at.
#[derive(Debug, Deserialize)]
struct Written {
    bundle: Digest,
    cedar_schema: Digest,
    files: BTreeMap<String, Digest>,
    made_with: BTreeMap<String, String>,
    passed: usize,
    /// Certificates of earlier versions have no such thing.
    #[serde(default)]
    warned: usize,
    failed: usize,
    results: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Said {
    id: String,
    judgement: String,
}
