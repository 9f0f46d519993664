//! The client's side: signing a statement or a request with a key file, or with an ssh-agent's answer. Bytes in, text
//! out; who reads files and speaks to agents is the binary.

use model::EnrolledKey;
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use crate::{
    armor,
    key::{self, Key, KeyError},
    sshsig::SignatureError,
};

const MAX_KEY_FILE: usize = 64 * 1024;
const HASH: HashAlg = HashAlg::Sha512;

/// Why nothing was signed. No variant carries anything of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("this is no OpenSSH private key: {0}; it begins with -----BEGIN OPENSSH PRIVATE KEY-----")]
    NotAKey(String),
    #[error(
        "the key is behind a passphrase: give it, or load the key with ssh-add and sign through the ssh-agent"
    )]
    Locked,
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    #[error(
        "the file only points to a security key: load it with ssh-add, or sign with `ssh-keygen -Y sign`"
    )]
    NeedsDevice,
    #[error("a passkey signs in a browser: give an OpenSSH key to sign with here")]
    Passkey,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the signature cannot be made: {0}")]
    Signing(String),
    #[error("the ssh-agent's answer is no signature of this key over this text: {0}")]
    Agent(#[from] SignatureError),
}

/// Signs with an OpenSSH private key. The passphrase is only looked at where the key needs one.
pub fn with_key_file(
    openssh_private: &str,
    passphrase: Option<&str>,
    namespace: &str,
    text: &str,
) -> Result<String, SignError> {
    let mut private = read(openssh_private)?;
    let public = key::enrolled(private.public_key().key_data())?;
    if proves_presence(&public) {
        return Err(SignError::NeedsDevice);
    }
    if private.is_encrypted() {
        let passphrase = passphrase.ok_or(SignError::Locked)?;
        private = private.decrypt(passphrase).map_err(|_| SignError::WrongPassphrase)?;
    }
    private
        .sign(namespace, HASH, text.as_bytes())
        .and_then(|signature| signature.to_pem(LineEnding::LF))
        .map_err(|err| SignError::Signing(err.to_string()))
}

/// The public half of a private key file; no passphrase is needed for it.
pub fn public_of(openssh_private: &str) -> Result<EnrolledKey, SignError> {
    Ok(key::enrolled(read(openssh_private)?.public_key().key_data())?)
}

/// Whether signatures with this key show that its owner was there: a security key's and a passkey's do.
pub fn proves_presence(key: &EnrolledKey) -> bool {
    key::decode(&key.0).is_ok_and(|key| key.proves_presence())
}

/// A key in SSH wire form, as an ssh-agent lists and expects it.
pub fn wire_form(key: &EnrolledKey) -> Result<Vec<u8>, SignError> {
    let Key::Ssh(data) = key::decode(&key.0)? else { return Err(SignError::Passkey) };
    PublicKey::from(data).to_bytes().map_err(|err| SignError::Signing(err.to_string()))
}

/// A key as an ssh-agent lists it.
pub fn from_wire_form(bytes: &[u8]) -> Result<EnrolledKey, KeyError> {
    let key = PublicKey::from_bytes(bytes).map_err(|err| KeyError::Malformed(err.to_string()))?;
    key::enrolled(key.key_data())
}

/// What to hand an ssh-agent so that its answer becomes a signature over `text`.
pub fn to_be_signed(namespace: &str, text: &str) -> Result<Vec<u8>, SignError> {
    SshSig::signed_data(namespace, HASH, text.as_bytes()).map_err(|err| SignError::Signing(err.to_string()))
}

/// The armored signature from an ssh-agent's answer to [`to_be_signed`]; refused if it would not verify.
pub fn with_agents_answer(
    key: &EnrolledKey,
    namespace: &'static str,
    text: &str,
    answer: &[u8],
) -> Result<String, SignError> {
    let armored = armor::armored(&wire_form(key)?, namespace, HASH.as_str(), answer);
    crate::sshsig::Opened::open(&armored, namespace)?.verify(text.as_bytes())?;
    Ok(armored)
}

fn read(openssh_private: &str) -> Result<PrivateKey, SignError> {
    if openssh_private.len() > MAX_KEY_FILE {
        return Err(SignError::NotAKey("it is too long".into()));
    }
    if !openssh_private.contains("BEGIN OPENSSH PRIVATE KEY") {
        return Err(SignError::NotAKey("there is no such block in it".into()));
    }
    PrivateKey::from_openssh(openssh_private.trim()).map_err(|err| SignError::NotAKey(err.to_string()))
}
