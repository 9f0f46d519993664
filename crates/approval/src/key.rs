//! Public keys: which kinds are accepted, their one spelling, and when two of them are one key.

use std::collections::{BTreeMap, BTreeSet};

use model::{EnrolledKey, PersonId, Roster, sanitize};
use ssh_key::{
    HashAlg, PublicKey,
    public::{EcdsaPublicKey, KeyData},
};

const ACCEPTED: &str = "ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted";
const MAX_LINE: usize = 1024;

/// Why a line is no key that can be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("this is a private key: keep it to yourself and give the line of its .pub file")]
    Private,
    #[error(
        "a public key is one line of at most {MAX_LINE} characters, as ssh-keygen writes it into the .pub file"
    )]
    NotOneLine,
    #[error("the key cannot be decoded: {0}; give the line that ssh-keygen wrote into the .pub file")]
    Malformed(String),
    #[error("keys of the kind `{0}` are not accepted; {ACCEPTED}: make one with `ssh-keygen -t ed25519`")]
    Unsupported(String),
    #[error(
        "the key's point is not one that only its owner could sign for; make another with `ssh-keygen -t ed25519`"
    )]
    Weak,
    #[error("the security key is bound to the application `{0}`; SSH keys are bound to `ssh:`")]
    Application(String),
}

/// An OpenSSH public key line in its one spelling: algorithm and base64; the comment is dropped.
pub fn parse_public_key(line: &str) -> Result<EnrolledKey, KeyError> {
    let data = decode(line)?;
    check_point(&data)?;
    spell(&data)
}

/// `SHA256:…`, as `ssh-keygen -l` and `ssh-add -l` show a key.
pub fn fingerprint(key: &EnrolledKey) -> Result<String, KeyError> {
    Ok(decode(&key.0)?.fingerprint(HashAlg::Sha256).to_string())
}

/// As [`parse_public_key`], for a key in its decoded form.
pub(crate) fn enrolled(data: &KeyData) -> Result<EnrolledKey, KeyError> {
    let key = spell(data)?;
    check_point(data)?;
    Ok(key)
}

pub(crate) fn is_security_key(key: &EnrolledKey) -> bool {
    decode(&key.0).is_ok_and(|data| is_security_key_data(&data))
}

const fn is_security_key_data(data: &KeyData) -> bool {
    matches!(data, KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_))
}

pub(crate) fn decode(line: &str) -> Result<KeyData, KeyError> {
    let line = line.trim();
    if line.contains("PRIVATE KEY") {
        return Err(KeyError::Private);
    }
    if line.len() > MAX_LINE || line.is_empty() || line.contains(['\n', '\r', '\0']) {
        return Err(KeyError::NotOneLine);
    }
    let kind = line.split([' ', '\t']).next().unwrap_or_default();
    match kind {
        "ssh-ed25519"
        | "ecdsa-sha2-nistp256"
        | "sk-ssh-ed25519@openssh.com"
        | "sk-ecdsa-sha2-nistp256@openssh.com" => PublicKey::from_openssh(line)
            .map(|key| key.key_data().clone())
            .map_err(|err| KeyError::Malformed(err.to_string())),
        other => Err(KeyError::Unsupported(sanitize(other, 64))),
    }
}

/// The key's one spelling, if its kind is accepted; no arithmetic.
pub(crate) fn spell(data: &KeyData) -> Result<EnrolledKey, KeyError> {
    if material(data).is_none() {
        return Err(not_accepted(data));
    }
    let application = match data {
        KeyData::SkEd25519(key) => key.application(),
        KeyData::SkEcdsaSha2NistP256(key) => key.application(),
        _ => "ssh:",
    };
    if !application.starts_with("ssh:") || application.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(KeyError::Application(sanitize(application, 64)));
    }
    let line =
        PublicKey::from(data.clone()).to_openssh().map_err(|err| KeyError::Malformed(err.to_string()))?;
    Ok(EnrolledKey(line))
}

/// Refuses points for which others could make signatures, or nobody could.
pub(crate) fn check_point(data: &KeyData) -> Result<(), KeyError> {
    let sound = match material(data) {
        Some(Material::Ed25519(point)) => {
            ed25519_dalek::VerifyingKey::from_bytes(&point).is_ok_and(|key| !key.is_weak())
        }
        Some(Material::P256(point)) => p256::PublicKey::from_sec1_bytes(&point).is_ok(),
        None => return Err(not_accepted(data)),
    };
    if sound { Ok(()) } else { Err(KeyError::Weak) }
}

fn not_accepted(data: &KeyData) -> KeyError {
    match data {
        KeyData::Ecdsa(EcdsaPublicKey::NistP256(_)) | KeyData::SkEcdsaSha2NistP256(_) => {
            KeyError::Malformed("its point is not written in full".into())
        }
        // `KeyData` is not ours and may grow: every other kind is refused by its name.
        other => KeyError::Unsupported(sanitize(other.algorithm().as_str(), 64)),
    }
}

/// What a private key belongs to, whatever the public key calls itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Material {
    Ed25519([u8; 32]),
    /// Uncompressed, as OpenSSH has it: a point has one spelling.
    P256([u8; 65]),
}

fn material(data: &KeyData) -> Option<Material> {
    match data {
        KeyData::Ed25519(key) => Some(Material::Ed25519(key.0)),
        KeyData::SkEd25519(key) => Some(Material::Ed25519(key.public_key().0)),
        KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => {
            point.as_bytes().try_into().ok().map(Material::P256)
        }
        KeyData::SkEcdsaSha2NistP256(key) => key.ec_point().as_bytes().try_into().ok().map(Material::P256),
        // `KeyData` is not ours and may grow; what is not listed above is not accepted.
        _ => None,
    }
}

/// The roster's keys, decoded once: who a key belongs to, and whose key is another's too.
pub(crate) struct Enrolment<'a> {
    owners: BTreeMap<KeyData, &'a PersonId>,
    sharing: BTreeMap<&'a PersonId, &'a PersonId>,
    touchable: BTreeSet<&'a PersonId>,
}

impl<'a> Enrolment<'a> {
    pub(crate) fn of(roster: &'a Roster) -> Self {
        let mut enrolment =
            Self { owners: BTreeMap::new(), sharing: BTreeMap::new(), touchable: BTreeSet::new() };
        let mut holders: BTreeMap<Material, &'a PersonId> = BTreeMap::new();
        for (name, person) in &roster.people {
            for data in person.keys.iter().filter_map(|key| decode(&key.0).ok()) {
                let Some(material) = material(&data) else { continue };
                if is_security_key_data(&data) {
                    enrolment.touchable.insert(name);
                }
                enrolment.owners.entry(data).or_insert(name);
                let first = *holders.entry(material).or_insert(name);
                if first != name {
                    enrolment.sharing.insert(first, name);
                    enrolment.sharing.insert(name, first);
                }
            }
        }
        enrolment
    }

    pub(crate) fn person_of(&self, data: &KeyData) -> Option<&'a PersonId> {
        self.owners.get(data).copied()
    }

    /// Another name that holds one of this person's keys: then neither is known to be a person of their own.
    pub(crate) fn shares_with(&self, person: &PersonId) -> Option<&'a PersonId> {
        self.sharing.get(person).copied()
    }

    /// Whether the person has a key that can prove presence.
    pub(crate) fn can_touch(&self, person: &PersonId) -> bool {
        self.touchable.contains(person)
    }
}
