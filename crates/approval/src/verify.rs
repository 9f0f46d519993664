//! A statement's text and a signature in, by an SSH key or by a passkey; who signed and how in return. Pure: the same
//! answer today, at execution time, and offline in ten years, from the same roster.

use model::{EnrolledKey, PersonId, Presence, Roster};

use crate::{
    Manner,
    key::{self, Enrolment},
    passkey::{self, Assertion, AssertionError},
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
    Assertion(#[from] AssertionError),
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
    /// The authenticator's count of its signatures, where it was a passkey; to be held against the last one known
    /// ([`passkey::compare_counters`]).
    pub counter: Option<u32>,
}

impl Verified {
    /// What it shows of its signer.
    pub fn manner(&self) -> Manner {
        Manner::of(&self.key, self.presence)
    }
}

/// Who signed this statement, by the roster's keys.
pub fn verify(statement_text: &str, signature: &str, roster: &Roster) -> Result<Verified, ApprovalError> {
    if statement_text.len() > Statement::MAX_BYTES {
        let bytes = statement_text.len();
        return Err(StatementError::TooLarge { bytes, max: Statement::MAX_BYTES }.into());
    }
    let Signer { person, presence, key, counter } =
        signer(statement_text.as_bytes(), signature, NAMESPACE, roster)?;
    let statement = Statement::parse(statement_text)?;
    own(&person, &statement.person)?;
    if presence != statement.presence {
        return Err(ApprovalError::Presence { stated: statement.presence, shown: presence });
    }
    Ok(Verified { person, presence, statement, key, counter })
}

/// Whether the roster gives `key` to `person` and to nobody else: all that [`verify`] asks of a roster, for a signature
/// that has held under another one.
pub fn holds_key(person: &PersonId, key: &EnrolledKey, roster: &Roster) -> bool {
    let enrolment = Enrolment::of(roster);
    let holder = key::decode(&key.0).ok().and_then(|key| enrolment.person_of(&key).cloned());
    holder.as_ref() == Some(person) && enrolment.shares_with(person).is_none()
}

/// Who made a signature, and what it shows of them.
pub(crate) struct Signer {
    pub(crate) person: PersonId,
    pub(crate) presence: Presence,
    pub(crate) key: EnrolledKey,
    pub(crate) counter: Option<u32>,
}

/// The enrolled person whose key made `signature` over `message`: an armored SSH signature, or an [`Assertion`]'s text.
/// Unknown keys are refused before any arithmetic on the signature.
pub(crate) fn signer(
    message: &[u8],
    signature: &str,
    namespace: &'static str,
    roster: &Roster,
) -> Result<Signer, ApprovalError> {
    if Assertion::begins(signature) {
        by_passkey(message, &Assertion::parse(signature)?, namespace, roster)
    } else {
        by_ssh_key(message, &Opened::open(signature, namespace)?, roster)
    }
}

fn by_ssh_key(message: &[u8], opened: &Opened, roster: &Roster) -> Result<Signer, ApprovalError> {
    let enrolment = Enrolment::of(roster);
    let Some(person) = enrolment.owner(opened.key_data()) else {
        let fingerprint = key::fingerprint(&opened.key).map_err(SignatureError::Key)?;
        return Err(ApprovalError::NotEnrolled { fingerprint });
    };
    alone(&enrolment, person)?;
    let presence = opened.verify(message)?;
    Ok(Signer { person: person.clone(), presence, key: opened.key.clone(), counter: None })
}

fn by_passkey(
    message: &[u8],
    assertion: &Assertion,
    namespace: &'static str,
    roster: &Roster,
) -> Result<Signer, ApprovalError> {
    let enrolment = Enrolment::of(roster);
    let Some((passkey, person)) = enrolment.passkey(&assertion.credential_id) else {
        let fingerprint = assertion.fingerprint();
        return Err(ApprovalError::NotEnrolled { fingerprint });
    };
    alone(&enrolment, person)?;
    let proven = passkey::check(assertion, passkey, &passkey::challenge(namespace, message))?;
    Ok(Signer {
        person: person.clone(),
        presence: Presence::Touched,
        key: passkey.to_key(),
        counter: Some(proven.counter),
    })
}

fn alone(enrolment: &Enrolment<'_>, person: &PersonId) -> Result<(), ApprovalError> {
    match enrolment.shares_with(person) {
        Some(other) => Err(ApprovalError::SharedKey { first: person.clone(), second: other.clone() }),
        None => Ok(()),
    }
}

pub(crate) fn own(signer: &PersonId, named: &PersonId) -> Result<(), ApprovalError> {
    if signer == named {
        return Ok(());
    }
    Err(ApprovalError::OtherPerson { signer: signer.clone(), named: named.clone() })
}
