//! The people of the tests, their keys, and the bundle that knows them.

use approval::NAMESPACE;
use model::{Account, EnrolledKey, PersonId};
use policy::{Files, Profile, StarterOptions};
use ssh_key::{LineEnding, PrivateKey, private::Ed25519Keypair};
use testkit::Authenticator;

/// A starter bundle with an owner for the agents, and with `production` below `[environments.production]`.
pub(crate) fn bundle_files(production: &str) -> Files {
    let key = |seed: u8| Person { name: "", seed }.enrolled();
    let options = StarterOptions {
        profile: Profile::Lab,
        operators: vec![(name("ana"), vec![key(1)]), (name("olga"), vec![key(7)])],
        recovery: [NORTH, SOUTH, WEST].map(|safe| (name(safe.name), safe.enrolled())).into(),
        approvers: vec![
            (name("ana"), Vec::new(), vec![key(1)]),
            (name("ben"), vec!["owner".parse().unwrap()], vec![key(2), key(3)]),
            (name("cleo"), Vec::new(), vec![key(4)]),
            (name("dan"), Vec::new(), vec![key(5), dans_passkey()]),
            (name("otto"), Vec::new(), vec![key(6)]),
        ],
        agents: vec!["kiro".parse().unwrap(), "codex".parse().unwrap()],
        environments: vec![
            ("production".parse().unwrap(), Account("123456789012".to_owned())),
            ("staging".parse().unwrap(), Account("210987654321".to_owned())),
        ],
        calendar: None,
    };
    let mut files = policy::starter(&options).unwrap();
    let roster = String::from_utf8(files["roster.toml"].clone()).unwrap();
    let owned = roster.replacen("# owner = \"NAME\"", "owner = \"otto\" #", 2);
    assert_ne!(owned, roster, "the agents have an owner");
    files.insert("roster.toml".to_owned(), owned.into_bytes());
    let map = String::from_utf8(files["environments.toml"].clone()).unwrap();
    let map =
        map.replace("[environments.production]\n", &format!("[environments.production]\n{production}\n"));
    files.insert("environments.toml".to_owned(), map.into_bytes());
    files
}

/// A person with a key file.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    seed: u8,
}

/// Operator of the session; enrolled as an approver too.
pub(crate) const ANA: Person = Person { name: "ana", seed: 1 };
pub(crate) const BEN: Person = Person { name: "ben", seed: 2 };
/// Ben's other key.
pub(crate) const BEN_AGAIN: Person = Person { name: "ben", seed: 3 };
pub(crate) const CLEO: Person = Person { name: "cleo", seed: 4 };
pub(crate) const DAN: Person = Person { name: "dan", seed: 5 };
/// Owns the agents; an approver.
pub(crate) const OTTO: Person = Person { name: "otto", seed: 6 };
/// An operator, no approver.
pub(crate) const OLGA: Person = Person { name: "olga", seed: 7 };
/// Recovery keys, each in a safe of its own.
pub(crate) const NORTH: Person = Person { name: "north", seed: 21 };
pub(crate) const SOUTH: Person = Person { name: "south", seed: 22 };
pub(crate) const WEST: Person = Person { name: "west", seed: 23 };
/// Says she is Cleo; her key is enrolled nowhere.
pub(crate) const MALLORY: Person = Person { name: "cleo", seed: 66 };

impl Person {
    pub(crate) fn sign(&self, text: &str) -> String {
        let private = self.private().to_openssh(LineEnding::LF).unwrap();
        approval::sign::with_key_file(&private, None, NAMESPACE, text).unwrap()
    }

    pub(crate) fn enrolled(&self) -> EnrolledKey {
        approval::parse_public_key(&self.private().public_key().to_openssh().unwrap()).unwrap()
    }

    fn private(&self) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[self.seed; 32]))
    }
}

/// Dan's passkey, in his browser.
pub(crate) fn dans_authenticator() -> Authenticator {
    Authenticator::p256(5, "countersign.example.com")
}

fn dans_passkey() -> EnrolledKey {
    approval::parse_public_key(&dans_authenticator().roster_line()).unwrap()
}

/// The key that Ben and Cleo have after they lost theirs.
pub(crate) const BENS_NEXT: Person = Person { name: "ben", seed: 32 };
pub(crate) const CLEOS_NEXT: Person = Person { name: "cleo", seed: 34 };

pub(crate) fn name(text: &str) -> PersonId {
    text.parse().unwrap()
}
