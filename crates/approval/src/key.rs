//! Public keys: which kinds are accepted, their one spelling, and when two of them are one key.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use model::{EnrolledKey, PersonId, Presence, Roster, sanitize};
use ssh_key::{
    HashAlg, PublicKey,
    public::{EcdsaPublicKey, KeyData},
};

use crate::{
    Manner, Rendering,
    passkey::{Passkey, PasskeyError},
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
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

/// A line of a roster in its one spelling: of an OpenSSH public key algorithm and base64, without the comment; of a
/// [`Passkey`] all of it.
pub fn parse_public_key(line: &str) -> Result<EnrolledKey, KeyError> {
    match decode(line.trim())? {
        Key::Ssh(data) => enrolled(&data),
        Key::Passkey(passkey) => {
            passkey.check_point()?;
            Ok(passkey.to_key())
        }
    }
}

/// `SHA256:…`: as `ssh-keygen -l` and `ssh-add -l` show a key; of a passkey, over its line.
pub fn fingerprint(key: &EnrolledKey) -> Result<String, KeyError> {
    Ok(match decode(&key.0)? {
        Key::Ssh(data) => data.fingerprint(HashAlg::Sha256).to_string(),
        Key::Passkey(passkey) => {
            format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(passkey.digest().as_bytes()))
        }
    })
}

/// As [`parse_public_key`], for an SSH key in its decoded form.
pub(crate) fn enrolled(data: &KeyData) -> Result<EnrolledKey, KeyError> {
    let key = spell(data)?;
    check_point(data)?;
    Ok(key)
}

/// A line of a roster, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Ssh(KeyData),
    Passkey(Passkey),
}

impl Key {
    /// Whether its signatures show that a person was there.
    pub(crate) const fn proves_presence(&self) -> bool {
        match self {
            Self::Ssh(data) => matches!(data, KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_)),
            Self::Passkey(_) => true,
        }
    }

    fn manner(&self) -> Manner {
        let presence = if self.proves_presence() { Presence::Touched } else { Presence::File };
        let rendering = match self {
            Self::Ssh(_) => Rendering::Own,
            Self::Passkey(_) => Rendering::Page,
        };
        Manner { presence, rendering }
    }

    fn material(&self) -> Option<Material> {
        match self {
            Self::Ssh(data) => material(data),
            Self::Passkey(passkey) => Some(passkey.public_key().clone()),
        }
    }
}

pub(crate) fn decode(line: &str) -> Result<Key, KeyError> {
    if Passkey::is_line(line) {
        return Ok(Key::Passkey(Passkey::parse(line)?));
    }
    decode_ssh(line).map(Key::Ssh)
}

fn decode_ssh(line: &str) -> Result<KeyData, KeyError> {
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
    match material(data) {
        Some(material) if material.is_sound() => Ok(()),
        Some(_) => Err(KeyError::Weak),
        None => Err(not_accepted(data)),
    }
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
pub(crate) enum Material {
    Ed25519([u8; 32]),
    /// Uncompressed, as OpenSSH has it: a point has one spelling.
    P256([u8; 65]),
}

impl Material {
    /// Whether only its owner could sign for it.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Ed25519(point) => {
                ed25519_dalek::VerifyingKey::from_bytes(point).is_ok_and(|key| !key.is_weak())
            }
            Self::P256(point) => p256::PublicKey::from_sec1_bytes(point).is_ok(),
        }
    }
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

/// What no two people may both hold. Authenticators draw credential identifiers so that none comes twice (§4 of WebAuthn),
/// and an assertion says whose it is by nothing else.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Holding {
    Material(Material),
    CredentialId(Vec<u8>),
}

/// The roster's keys, decoded once: who a key belongs to, and whose key is another's too.
pub(crate) struct Enrolment<'a> {
    ssh: BTreeMap<KeyData, &'a PersonId>,
    passkeys: BTreeMap<Vec<u8>, (Passkey, &'a PersonId)>,
    sharing: BTreeMap<&'a PersonId, &'a PersonId>,
    /// What each key could show of its person.
    manners: Vec<(&'a PersonId, Manner)>,
}

impl<'a> Enrolment<'a> {
    pub(crate) fn of(roster: &'a Roster) -> Self {
        let mut enrolment = Self {
            ssh: BTreeMap::new(),
            passkeys: BTreeMap::new(),
            sharing: BTreeMap::new(),
            manners: Vec::new(),
        };
        let mut holders: BTreeMap<Holding, &'a PersonId> = BTreeMap::new();
        for (name, person) in &roster.people {
            for key in person.keys.iter().filter_map(|key| decode(&key.0).ok()) {
                let Some(material) = key.material() else { continue };
                enrolment.manners.push((name, key.manner()));
                enrolment.held(&mut holders, Holding::Material(material), name);
                match key {
                    Key::Ssh(data) => {
                        enrolment.ssh.entry(data).or_insert(name);
                    }
                    Key::Passkey(passkey) => {
                        let id = passkey.credential_id().to_vec();
                        enrolment.held(&mut holders, Holding::CredentialId(id.clone()), name);
                        enrolment.passkeys.entry(id).or_insert((passkey, name));
                    }
                }
            }
        }
        enrolment
    }

    pub(crate) fn person_of(&self, key: &Key) -> Option<&'a PersonId> {
        match key {
            Key::Ssh(data) => self.owner(data),
            Key::Passkey(passkey) => {
                let (enrolled, person) = self.passkey(passkey.credential_id())?;
                (enrolled == passkey).then_some(person)
            }
        }
    }

    pub(crate) fn owner(&self, data: &KeyData) -> Option<&'a PersonId> {
        self.ssh.get(data).copied()
    }

    pub(crate) fn passkey(&self, credential_id: &[u8]) -> Option<(&Passkey, &'a PersonId)> {
        self.passkeys.get(credential_id).map(|(passkey, person)| (passkey, *person))
    }

    /// Another name that holds one of this person's keys: then neither is known to be a person of their own.
    pub(crate) fn shares_with(&self, person: &PersonId) -> Option<&'a PersonId> {
        self.sharing.get(person).copied()
    }

    /// The best that anybody could show, key by key.
    pub(crate) fn manners(&self) -> impl Iterator<Item = (&'a PersonId, Manner)> {
        self.manners.iter().copied()
    }

    fn held(&mut self, holders: &mut BTreeMap<Holding, &'a PersonId>, it: Holding, name: &'a PersonId) {
        let first = *holders.entry(it).or_insert(name);
        if first != name {
            self.sharing.insert(first, name);
            self.sharing.insert(name, first);
        }
    }
}
