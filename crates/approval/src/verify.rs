//! A statement's text and a signature in, who signed and how in return. Pure: the same answer today, at execution
//! time, and offline in ten years, from the same roster.

use model::{EnrolledKey, PersonId, Presence, Roster};

use crate::{
    key::{self, Enrolment},
    sshsig::{Opened, SignatureError},
    statement::{Statement, StatementError},
};

/// The namespace of signatures over statements: one made for anything else is none here.
pub const NAMESPACE: &str = "countersign-statement@v1";

/// Why a signature is no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(
        "the key {fingerprint} is not enrolled here: sign with a key that the roster has under your name"
    )]
    NotEnrolled { fingerprint: String },
    #[error("{first} and {second} have one key in common, so neither is known to be a person of their own")]
    SharedKey { first: PersonId, second: PersonId },
    #[error("the key is {signer}'s, but the text is {named}'s: everyone signs their own")]
    OtherPerson { signer: PersonId, named: PersonId },
    #[error(
        "the statement says that presence is shown as `{stated}`, but the key shows `{shown}`; ask for it anew"
    )]
    Presence { stated: Presence, shown: Presence },
    #[error("the request's {0} cannot be signed: use plain ASCII, within its bounds")]
    Request(&'static str),
}

/// A statement that its signer signed. Whether it fits the change in force is the engine's to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub person: PersonId,
    pub presence: Presence,
    pub statement: Statement,
    pub key: EnrolledKey,
}

/// Who signed this statement, by the roster's keys.
pub fn verify(
    statement_text: &str,
    armored_signature: &str,
    roster: &Roster,
) -> Result<Verified, ApprovalError> {
    if statement_text.len() > Statement::MAX_BYTES {
        let bytes = statement_text.len();
        return Err(StatementError::TooLarge { bytes, max: Statement::MAX_BYTES }.into());
    }
    let (person, presence, key) = signer(statement_text.as_bytes(), armored_signature, NAMESPACE, roster)?;
    let statement = Statement::parse(statement_text)?;
    own(&person, &statement.person)?;
    if presence != statement.presence {
        return Err(ApprovalError::Presence { stated: statement.presence, shown: presence });
    }
    Ok(Verified { person, presence, statement, key })
}

/// Whether the roster gives `key` to `person` and to nobody else: all that [`verify`] asks of a roster, for a signature
/// that has held under another one.
pub fn holds_key(person: &PersonId, key: &EnrolledKey, roster: &Roster) -> bool {
    let enrolment = Enrolment::of(roster);
    let holder = key::decode(&key.0).ok().and_then(|key| enrolment.person_of(&key).cloned());
    holder.as_ref() == Some(person) && enrolment.shares_with(person).is_none()
}

/// The enrolled person whose key made `armored` over `message`. Unknown keys are refused before any arithmetic on the
/// signature.
pub(crate) fn signer(
    message: &[u8],
    armored: &str,
    namespace: &'static str,
    roster: &Roster,
) -> Result<(PersonId, Presence, EnrolledKey), ApprovalError> {
    let opened = Opened::open(armored, namespace)?;
    let enrolment = Enrolment::of(roster);
    let Some(person) = enrolment.person_of(opened.key_data()) else {
        let fingerprint = key::fingerprint(&opened.key).map_err(SignatureError::Key)?;
        return Err(ApprovalError::NotEnrolled { fingerprint });
    };
    if let Some(other) = enrolment.shares_with(person) {
        return Err(ApprovalError::SharedKey { first: person.clone(), second: other.clone() });
    }
    let presence = opened.verify(message)?;
    Ok((person.clone(), presence, opened.key))
}

pub(crate) fn own(signer: &PersonId, named: &PersonId) -> Result<(), ApprovalError> {
    if signer == named {
        return Ok(());
    }
    Err(ApprovalError::OtherPerson { signer: signer.clone(), named: named.clone() })
}
