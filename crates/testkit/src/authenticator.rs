//! A passkey's authenticator and its browser, in software (Web Authentication Level 3 §5.8.1, §6.1, §6.3.3). It writes
//! every format by itself, and does what it is told: also what no authenticator should.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

#[derive(Clone, Debug)]
pub struct Authenticator {
    pub rp_id: String,
    pub credential_id: Vec<u8>,
    secret: Secret,
}

#[derive(Clone, Debug)]
enum Secret {
    P256(p256::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

/// One signing, as browser and authenticator are about to do it.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// The JSON.
    pub client_data: String,
    /// What the authenticator hashes.
    pub rp_id: String,
    pub flags: u8,
    pub counter: u32,
    /// Behind the counter.
    pub more: Vec<u8>,
}

/// What the page gets.
#[derive(Clone, Debug)]
pub struct Asserted {
    pub credential_id: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub client_data: Vec<u8>,
    pub signature: Vec<u8>,
}

/// What the page gets where a credential was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The JSON.
    pub client_data: String,
    pub authenticator_data: Vec<u8>,
}

impl Authenticator {
    /// User present, user verified.
    pub const PRESENT_AND_VERIFIED: u8 = 0x05;

    /// With an ES256 key; `seed` names it, and is neither 0 nor 255.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that asks for no key should hear of it at once")]
    pub fn p256(seed: u8, rp_id: &str) -> Self {
        let secret = p256::ecdsa::SigningKey::from_slice(&[seed; 32]);
        Self::of(seed, rp_id, Secret::P256(secret.expect("a scalar")))
    }

    /// With an Ed25519 key.
    #[must_use]
    pub fn ed25519(seed: u8, rp_id: &str) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        Self::of(seed, rp_id, Secret::Ed25519(Box::new(secret)))
    }

    fn of(seed: u8, rp_id: &str, secret: Secret) -> Self {
        Self { rp_id: rp_id.to_owned(), credential_id: vec![seed; 32], secret }
    }

    /// With another credential's identifier.
    #[must_use]
    pub fn called(self, credential_id: &[u8]) -> Self {
        Self { credential_id: credential_id.to_vec(), ..self }
    }

    /// As a COSE_Key in canonical CBOR.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        match &self.secret {
            Secret::P256(secret) => {
                let point = secret.verifying_key().to_encoded_point(false);
                let (_, xy) = point.as_bytes().split_at(1);
                let (x, y) = xy.split_at(32);
                [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], x, &[0x22, 0x58, 32], y].concat()
            }
            Secret::Ed25519(secret) => {
                let point = secret.verifying_key();
                [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..], point.as_bytes()].concat()
            }
        }
    }

    /// The line that a roster has of it.
    #[must_use]
    pub fn roster_line(&self) -> String {
        format!("passkey {} {} {}", self.rp_id, base64url(&self.credential_id), base64url(&self.public_key()))
    }

    /// As on the site's own page, by a person who was verified.
    #[must_use]
    pub fn ceremony(&self, challenge: &[u8]) -> Ceremony {
        let challenge = base64url(challenge);
        let client_data = format!(
            r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"https://{}","crossOrigin":false}}"#,
            self.rp_id
        );
        Ceremony {
            client_data,
            rp_id: self.rp_id.clone(),
            flags: Self::PRESENT_AND_VERIFIED,
            counter: 7,
            more: Vec::new(),
        }
    }

    /// This credential as it was made, on the site's own page and by a person who was verified, without attestation (§6.5.1).
    #[must_use]
    pub fn made(&self, challenge: &[u8]) -> Made {
        let client_data = self.ceremony(challenge).client_data.replace("webauthn.get", "webauthn.create");
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(Self::PRESENT_AND_VERIFIED | ATTESTED);
        // No signature yet, and no model that anybody should know.
        data.extend([0; 4 + 16]);
        let length = u16::try_from(self.credential_id.len()).unwrap_or(u16::MAX);
        data.extend(length.to_be_bytes());
        data.extend(&self.credential_id);
        data.extend(self.public_key());
        Made { client_data, authenticator_data: data }
    }

    #[must_use]
    pub fn sign(&self, it: &Ceremony) -> Asserted {
        let mut data = Sha256::digest(&it.rp_id).to_vec();
        data.push(it.flags);
        data.extend(it.counter.to_be_bytes());
        data.extend(&it.more);
        let message = [&data[..], &Sha256::digest(&it.client_data)].concat();
        let signature = match &self.secret {
            Secret::P256(secret) => {
                let signature: p256::ecdsa::Signature = secret.sign(&message);
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Ed25519(secret) => secret.sign(&message).to_bytes().to_vec(),
        };
        Asserted {
            credential_id: self.credential_id.clone(),
            authenticator_data: data,
            client_data: it.client_data.clone().into_bytes(),
            signature,
        }
    }

    /// The usual ceremony, as the text that stands for its signature.
    #[must_use]
    pub fn approve(&self, challenge: &[u8]) -> String {
        self.sign(&self.ceremony(challenge)).text()
    }
}

impl Asserted {
    /// The text that stands where an SSH signature could.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { credential_id, authenticator_data, client_data, signature } = self;
        let [id, data, client, signature] =
            [credential_id, authenticator_data, client_data, signature].map(|bytes| base64url(bytes));
        format!(
            "-----BEGIN PASSKEY ASSERTION-----\ncredential: {id}\nauthenticator data: {data}\n\
             client data: {client}\nsignature: {signature}\n-----END PASSKEY ASSERTION-----\n"
        )
    }
}

const ATTESTED: u8 = 0x40;

fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
