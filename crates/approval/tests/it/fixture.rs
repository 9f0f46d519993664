//! A realistic statement, people with keys, and a security key in software that can be told not to be touched.

use approval::{Act, Observed, Parameter, Statement};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::Signer as _;
use model::{
    Chain, ChangeId, Digest, EnrolledKey, EvidenceKind, Person, PersonId, Presence, Requirement, Roster,
    Timestamp,
};
use sha2::{Digest as _, Sha256};
use ssh_key::{LineEnding, PrivateKey, SshSig, private::Ed25519Keypair};

pub(crate) fn statement() -> Statement {
    let seen = Timestamp::from_millis(1_795_228_680_000);
    Statement {
        act: Act::Approve,
        installation: Digest::of(b"genesis"),
        change: ChangeId::new(1_795_228_700_000, [7; 10]),
        digest: Digest::of(b"change"),
        agent: "kiro".parse().unwrap(),
        operator: name("alice"),
        person: name("bob"),
        scope: "env:production,service:cloudformation".into(),
        account: "123456789012".into(),
        region: "cn-north-1".into(),
        environment: "production".into(),
        intent: "Cost Explorer shows stale data; the cleanest fix is to delete and recreate the environment. No \
                 customer will notice, approve quickly please."
            .into(),
        actions: vec![
            "cloudformation:DeleteStack deletes the stack cost-explorer and the 7 resources in it, among them the \
             database cost-explorer-orders and the bucket cost-explorer-reports (destroy)"
                .into(),
        ],
        parameters: vec![vec![parameter("StackName", "cost-explorer")]],
        observed: vec![Observed { step: 1, fingerprint: Digest::of(b"state"), at: seen }],
        undo: vec!["not captured".into()],
        second_lock: vec!["no: accounts.toml gives no roles".into()],
        unknowns: vec![
            "whether the database has a snapshot newer than 2026-11-20T03:00:00.000Z".into(),
            "who else reads the bucket".into(),
        ],
        bundle: Digest::of(b"bundle"),
        requirement: Requirement {
            people: 2,
            touched: 1,
            rendered: 0,
            roles: ["owner".parse().unwrap()].into(),
            evidence: [EvidenceKind::StateObserved, EvidenceKind::BackupVerified].into(),
            window: Some("outside peak hours, 20:00 to 06:00 UTC".into()),
        }
        .to_string(),
        evidence: vec![
            (EvidenceKind::StateObserved, Some(Digest::of(b"state"))),
            (EvidenceKind::BackupVerified, None),
        ],
        presence: Presence::File,
        presence_rule: "signatures by key files count here (profile lab)".into(),
        expires_at: Timestamp::from_millis(1_795_232_280_000),
        nonce: "c3RhdGVtZW50LW5vbmNl".into(),
        checkpoint: "countersign/5f1c 4711 Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=".into(),
        reason: None,
    }
}

pub(crate) fn parameter(name: &str, value: &str) -> Parameter {
    Parameter { name: name.into(), value: value.into() }
}

pub(crate) fn name(text: &str) -> PersonId {
    text.parse().unwrap()
}

pub(crate) fn chain() -> Chain {
    Chain { agent: "kiro".parse().unwrap(), operator: name("alice"), launcher: None, owner: None }
}

/// A key file in software; the seed names it.
pub(crate) fn key_file(seed: u8) -> (String, EnrolledKey) {
    let private = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let key = approval::parse_public_key(&private.public_key().to_openssh().unwrap()).unwrap();
    (private.to_openssh(LineEnding::LF).unwrap().to_string(), key)
}

pub(crate) fn sign(seed: u8, namespace: &str, text: &str) -> String {
    approval::sign::with_key_file(&key_file(seed).0, None, namespace, text).unwrap()
}

pub(crate) fn approver(keys: impl IntoIterator<Item = EnrolledKey>) -> Person {
    Person { keys: keys.into_iter().collect(), approver: true, ..Person::default() }
}

/// Approvers by name, each with the keys of these seeds.
pub(crate) fn roster<'a>(people: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Roster {
    let people = people
        .into_iter()
        .map(|(person, seeds)| (name(person), approver(seeds.into_iter().map(|seed| key_file(seed).1))))
        .collect();
    Roster { people, ..Roster::default() }
}

/// How a security key can misbehave.
#[derive(Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) flags: u8,
    /// What the device hashes into what it signs.
    pub(crate) application: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Device {
    Ed25519,
    P256,
}

impl Device {
    pub(crate) const ALL: [Self; 2] = [Self::Ed25519, Self::P256];

    fn kind(self) -> &'static str {
        match self {
            Self::Ed25519 => "sk-ssh-ed25519@openssh.com",
            Self::P256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn wire_key(self, seed: u8, application: &str) -> Vec<u8> {
        let mut wire = string(self.kind().as_bytes());
        match self {
            Self::Ed25519 => {
                wire.extend(string(
                    ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes(),
                ));
            }
            Self::P256 => {
                let secret = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
                wire.extend(string(b"nistp256"));
                wire.extend(string(secret.verifying_key().to_encoded_point(false).as_bytes()));
            }
        }
        wire.extend(string(application.as_bytes()));
        wire
    }

    pub(crate) fn line(self, seed: u8, application: &str) -> String {
        format!("{} {} a comment", self.kind(), STANDARD.encode(self.wire_key(seed, application)))
    }

    pub(crate) fn key(self, seed: u8) -> EnrolledKey {
        approval::parse_public_key(&self.line(seed, "ssh:")).unwrap()
    }

    /// The signature in SSH wire form, as an ssh-agent would answer.
    pub(crate) fn answer(self, seed: u8, touch: Touch, to_be_signed: &[u8]) -> Vec<u8> {
        let trailer = [touch.flags, 0, 0, 0, 9];
        let mut message = Sha256::digest(touch.application).to_vec();
        message.extend(trailer);
        message.extend(Sha256::digest(to_be_signed));
        let signature = match self {
            Self::Ed25519 => {
                ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).sign(&message).to_bytes().to_vec()
            }
            Self::P256 => {
                let secret = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
                let signature: p256::ecdsa::Signature = secret.sign(&message);
                let (r, s) = signature.split_bytes();
                [mpint(&r), mpint(&s)].concat()
            }
        };
        [string(self.kind().as_bytes()), string(&signature), trailer.to_vec()].concat()
    }

    pub(crate) fn sign(self, seed: u8, touch: Touch, namespace: &str, text: &str) -> String {
        let message = approval::sign::to_be_signed(namespace, text).unwrap();
        armor(&Parts {
            key: self.wire_key(seed, "ssh:"),
            namespace: namespace.into(),
            signature: self.answer(seed, touch, &message),
            ..Parts::default()
        })
    }
}

/// The parts of an SSHSIG, to be put together wrongly on purpose.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) version: u32,
    pub(crate) key: Vec<u8>,
    pub(crate) namespace: String,
    pub(crate) reserved: Vec<u8>,
    pub(crate) hash: String,
    pub(crate) signature: Vec<u8>,
    pub(crate) trailing: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            version: 1,
            key: Vec::new(),
            namespace: String::new(),
            reserved: Vec::new(),
            hash: "sha512".into(),
            signature: Vec::new(),
            trailing: Vec::new(),
        }
    }
}

impl Parts {
    pub(crate) fn of(armored: &str) -> Self {
        let signature = SshSig::from_pem(armored).unwrap();
        Self {
            version: signature.version(),
            key: ssh_key::PublicKey::from(signature.public_key().clone()).to_bytes().unwrap(),
            namespace: signature.namespace().into(),
            reserved: signature.reserved().to_vec(),
            hash: signature.hash_alg().as_str().into(),
            signature: Vec::try_from(signature.signature().clone()).unwrap(),
            trailing: Vec::new(),
        }
    }
}

pub(crate) fn armor(parts: &Parts) -> String {
    let mut blob = b"SSHSIG".to_vec();
    blob.extend(parts.version.to_be_bytes());
    for part in
        [&parts.key[..], parts.namespace.as_bytes(), &parts.reserved, parts.hash.as_bytes(), &parts.signature]
    {
        blob.extend(string(part));
    }
    blob.extend(&parts.trailing);
    pem(&blob)
}

pub(crate) fn pem(blob: &[u8]) -> String {
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn mpint(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut positive = if bytes[start] >= 0x80 { vec![0] } else { vec![] };
    positive.extend(&bytes[start..]);
    string(&positive)
}
