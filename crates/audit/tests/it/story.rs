//! A small installation's life as its log tells it: a delete held, signed by two people and run once; another vetoed,
//! and reopened by its operator.

use std::collections::BTreeMap;

use approval::{Act, NAMESPACE, Observed, Statement};
use audit::{AuditInput, Body, Code, Database, Report, Row};
use model::{
    Actors, Adoption, Agent, Chain, ChangeId, Digest, EnrolledKey, Entry, EntryId, EntryKind, EvidenceKind,
    Genesis, Person, PersonId, Presence, Roster, SessionId, Subject, Timestamp, change_digest,
};
use ssh_key::{LineEnding, PrivateKey, private::Ed25519Keypair};
use tlog::{Checkpoint, SigningKey, leaf_hash, root_of, sign_checkpoint};

pub(crate) const ORIGIN: &str = "log.example/test";

// Where the story's entries stand.
pub(crate) const GENESIS: usize = 0;
pub(crate) const READS: usize = 2;
pub(crate) const HELD: usize = 3;
pub(crate) const BOB: usize = 4;
pub(crate) const CAROL: usize = 5;
pub(crate) const PERMIT: usize = 7;
pub(crate) const OUTCOME: usize = 8;
pub(crate) const VETO: usize = 10;
pub(crate) const REOPENED: usize = 11;
pub(crate) const COUNT: usize = 12;

/// A log and all around it, open to tampering.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) genesis: Genesis,
    pub(crate) expected: Option<Digest>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) checkpoint: String,
    pub(crate) held: Vec<String>,
    pub(crate) rows: Option<Vec<Row>>,
    pub(crate) bodies: Vec<Body>,
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub(crate) fn sign_log(entries: &[Vec<u8>]) -> String {
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: entries.len() as u64, root: root_of(&leaves) };
    sign_checkpoint(&checkpoint, &log_key())
}

impl Log {
    /// Most logs here leave out the session that they are told in. That it was never issued is `sessions`' to tell, where one is.
    pub(crate) fn verify(&self) -> Report {
        let mut report = self.verify_with_sessions();
        if !self.entries.iter().any(|entry| tells_of_a_session(entry)) {
            report.problems.retain(|it| it.code != Code::SessionClosed);
            report.ok = report.problems.is_empty();
        }
        report
    }

    pub(crate) fn verify_with_sessions(&self) -> Report {
        audit::verify(&AuditInput {
            genesis: self.genesis.to_json(),
            expected_genesis: self.expected,
            checkpoint: self.checkpoint.clone().into_bytes(),
            held_checkpoints: self.held.clone(),
            entries: &self.entries,
            database: self.rows.clone().map(|rows| Database {
                rows,
                bodies: self.bodies.clone(),
                sequenced: self.entries.len() as u64,
                pending: Vec::new(),
            }),
        })
    }

    /// Every problem on a line of its own: `code @entry: message`.
    pub(crate) fn problems(&self) -> String {
        let report = self.verify();
        assert_eq!(report.ok, report.problems.is_empty());
        let line = |it: &audit::Problem| {
            let entry = it.entry.map_or_else(|| "-".to_owned(), |entry| entry.to_string());
            format!("{} @{entry}: {}\n", it.code, it.message)
        };
        report.problems.iter().map(line).collect()
    }

    pub(crate) fn entry(&self, at: usize) -> Entry {
        serde_json::from_slice(&self.entries[at]).unwrap()
    }

    /// Changes one entry, as somebody with a text editor would: nothing is signed anew.
    pub(crate) fn edit(&mut self, at: usize, change: impl FnOnce(&mut Entry)) {
        let mut entry = self.entry(at);
        change(&mut entry);
        self.entries[at] = serde_json::to_vec(&entry).unwrap();
    }

    pub(crate) fn detail(&mut self, at: usize, key: &str, value: &str) {
        self.edit(at, |entry| drop(entry.detail.insert(key.into(), value.into())));
    }

    /// As the holder of the log's key would cover it up: one history, properly signed, and rows that fit.
    pub(crate) fn sign_again(&mut self) {
        self.checkpoint = sign_log(&self.entries);
        self.rows = None;
    }
}

fn tells_of_a_session(entry: &[u8]) -> bool {
    let Ok(entry) = serde_json::from_slice::<Entry>(entry) else { return false };
    entry.kind == EntryKind::SessionIssued
        || (entry.kind == EntryKind::RowCarried && entry.subject.is_some_and(|it| it.table == "session"))
}

pub(crate) fn name(text: &str) -> PersonId {
    text.parse().unwrap()
}

fn private(person: &str) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[person.as_bytes()[0]; 32]))
}

pub(crate) fn public(person: &str) -> EnrolledKey {
    approval::parse_public_key(&private(person).public_key().to_openssh().unwrap()).unwrap()
}

pub(crate) fn sign(person: &str, text: &str) -> String {
    let key = private(person).to_openssh(LineEnding::LF).unwrap().to_string();
    approval::sign::with_key_file(&key, None, NAMESPACE, text).unwrap()
}

/// Alice operates; bob, carol and dave approve, and dave owns the agent.
pub(crate) fn roster() -> Roster {
    let person = |name: &str, operator| Person {
        keys: [public(name)].into(),
        operator,
        approver: !operator,
        ..Person::default()
    };
    Roster {
        people: [("alice", true), ("bob", false), ("carol", false), ("dave", false)]
            .map(|(who, operator)| (name(who), person(who, operator)))
            .into(),
        agents: [("kiro".parse().unwrap(), Agent { owner: Some(name("dave")) })].into(),
        ..Roster::default()
    }
}

pub(crate) fn genesis() -> Genesis {
    Genesis {
        origin: ORIGIN.into(),
        vkey: log_key().verifier().to_string(),
        installation: "00112233445566778899aabbccddeeff".into(),
        created_at: time(0),
        site: None,
    }
}

/// `minutes` after the story begins.
pub(crate) fn time(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_228_800 + 60 * minutes)
}

pub(crate) fn change(nth: u8) -> ChangeId {
    ChangeId::new(1_795_228_800_000, [nth; 10])
}

pub(crate) fn bundle() -> Digest {
    Digest::of(b"bundle")
}

/// `origin size root` of the log at `size`, as a client writes what it has verified.
pub(crate) fn checkpoint_line(entries: &[Vec<u8>]) -> String {
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    format!("{ORIGIN} {} {}", entries.len(), root_of(&leaves))
}

pub(crate) fn statement(
    act: Act,
    person: &str,
    about: ChangeId,
    digest: Digest,
    checkpoint: String,
) -> Statement {
    Statement {
        act,
        installation: genesis().fingerprint(),
        change: about,
        digest,
        agent: "kiro".parse().unwrap(),
        operator: name("alice"),
        person: name(person),
        scope: "the whole grant".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        environment: "production".into(),
        intent: "delete and recreate the environment".into(),
        actions: vec!["deletes the stack cost-explorer".into()],
        observed: vec![Observed { step: 1, fingerprint: Digest::of(b"state"), at: time(1) }],
        parameters: vec![Vec::new()],
        undo: vec!["not captured".into()],
        second_lock: vec!["no: accounts.toml gives no roles".into()],
        unknowns: Vec::new(),
        bundle: bundle(),
        requirement: "2 other people".into(),
        evidence: vec![(EvidenceKind::StateObserved, Some(Digest::of(b"state")))],
        presence: Presence::File,
        presence_rule: "signatures by key files count here (profile lab)".into(),
        expires_at: time(600),
        nonce: "bm9uY2U".into(),
        checkpoint,
        reason: match act {
            Act::Approve => None,
            Act::Reject => Some("the update in place is enough".into()),
            Act::Reopen => Some("the update did not help".into()),
        },
    }
}

/// Writes a log entry by entry, and keeps the rows it leaves.
pub(crate) struct Scribe {
    pub(crate) entries: Vec<Vec<u8>>,
    rows: BTreeMap<(String, String), Vec<u8>>,
    /// Of every change that it writes about.
    pub(crate) digest: Digest,
    /// In force.
    pub(crate) bundle: Digest,
}

impl Scribe {
    pub(crate) fn new() -> Self {
        let mut scribe =
            Self { entries: Vec::new(), rows: BTreeMap::new(), digest: digest(), bundle: bundle() };
        scribe.write(EntryKind::Genesis, |entry| {
            entry.actors = Actors::default();
            entry.detail = details(&[
                ("genesis", &genesis().fingerprint().to_string()),
                ("bundle", &bundle().to_string()),
                ("roster", &serde_json::to_string(&roster()).unwrap()),
            ]);
        });
        scribe
    }

    /// As this version writes: each permit says why, and all is told in a session that was issued, until `time(300)`.
    pub(crate) fn telling() -> Self {
        let mut scribe = Self::new();
        let (key, says) = Entry::PERMITS_SAY_WHY;
        scribe.edit_last(|entry| drop(entry.detail.insert(key.into(), says.into())));
        scribe.write(EntryKind::SessionIssued, |entry| {
            entry.detail = details(&[("task", "tidy up"), ("expires_at", &time(300).to_string())]);
        });
        scribe
    }

    pub(crate) fn edit_last(&mut self, edit: impl FnOnce(&mut Entry)) {
        let last = self.entries.last_mut().unwrap();
        let mut entry: Entry = serde_json::from_slice(last).unwrap();
        edit(&mut entry);
        *last = serde_json::to_vec(&entry).unwrap();
    }

    /// What this version writes where nobody had to agree.
    pub(crate) fn allow(&mut self, nth: u8) {
        let detail = [
            ("step", "0"),
            ("people", "0"),
            ("verdict", "allow"),
            ("why", "the grants let it through, and no rule asks for anything more"),
            ("rules", ""),
            ("grants", "grants/kiro.cedar, grants/alice.cedar"),
        ];
        self.about(EntryKind::PermitIssued, nth, None, &detail);
    }

    pub(crate) fn write(&mut self, kind: EntryKind, fill: impl FnOnce(&mut Entry)) {
        let nth = self.entries.len();
        let at = time(nth as i64);
        let mut entry = Entry::new(EntryId::new(at.millis(), [nth as u8; 10]), at, kind);
        entry.bundle = Some(self.bundle);
        entry.actors = Actors {
            agent: Some("kiro".parse().unwrap()),
            operator: Some(name("alice")),
            session: Some(SessionId::new(1, [1; 10])),
            person: None,
        };
        fill(&mut entry);
        self.entries.push(serde_json::to_vec(&entry).unwrap());
    }

    /// An entry about a change; `row` is the table it leaves a row in.
    pub(crate) fn about(&mut self, kind: EntryKind, nth: u8, row: Option<&str>, detail: &[(&str, &str)]) {
        let document = format!("{{\"entry\":{}}}", self.entries.len()).into_bytes();
        let id = change(nth).to_string();
        let subject =
            row.map(|table| Subject { table: table.into(), id: id.clone(), state: Digest::of(&document) });
        if let Some(table) = row {
            self.rows.insert((table.into(), id), document);
        }
        let of = self.digest;
        self.write(kind, |entry| {
            entry.change = Some(change(nth));
            entry.change_digest = Some(of);
            entry.subject = subject;
            entry.detail = details(detail);
        });
    }

    pub(crate) fn hold(&mut self, nth: u8) {
        let requirement =
            [("verdict", "hold"), ("requirement", "2 other people"), ("people", "2"), ("rules", "")];
        self.about(EntryKind::ChangeHeld, nth, Some("change"), &requirement);
    }

    /// A statement signed by `person` as it is, in an entry that fits it.
    pub(crate) fn signed(&mut self, kind: EntryKind, nth: u8, said: &Statement) {
        self.signed_as(kind, nth, said, &sign(said.person.as_str(), &said.to_text()));
    }

    /// With this signature.
    pub(crate) fn signed_as(&mut self, kind: EntryKind, nth: u8, said: &Statement, signature: &str) {
        let (signer, text) = (said.person.clone(), said.to_text());
        let mut detail = vec![("statement", text.as_str()), ("signature", signature)];
        let vetoed = said.change.to_string();
        let presence = match said.presence {
            Presence::File => "file",
            Presence::Touched => "touched",
        };
        match said.act {
            Act::Approve => detail.push(("presence", presence)),
            Act::Reject => detail.push(("reason", said.reason.as_deref().unwrap_or_default())),
            Act::Reopen => detail.push(("vetoed", &vetoed)),
        }
        let row = match said.act {
            Act::Approve => format!("approval-{signer}"),
            Act::Reject | Act::Reopen => "change".into(),
        };
        self.about(kind, nth, Some(&row), &detail);
        let last = self.entries.last_mut().unwrap();
        let mut entry: Entry = serde_json::from_slice(last).unwrap();
        entry.actors.person = Some(signer);
        *last = serde_json::to_vec(&entry).unwrap();
    }

    pub(crate) fn approve(&mut self, nth: u8, person: &str) {
        let line = checkpoint_line(&self.entries);
        let said = statement(Act::Approve, person, change(nth), self.digest, line);
        self.signed(EntryKind::ApprovalGiven, nth, &Statement { bundle: self.bundle, ..said });
    }

    pub(crate) fn reject(&mut self, nth: u8, person: &str) {
        let line = checkpoint_line(&self.entries);
        self.signed(
            EntryKind::ChangeRejected,
            nth,
            &statement(Act::Reject, person, change(nth), digest(), line),
        );
    }

    pub(crate) fn permit(&mut self, nth: u8, step: &str, people: &str) {
        let detail = [
            ("step", step),
            ("people", people),
            ("operation", "cloudformation:DeleteStack"),
            ("verdict", "hold"),
        ];
        self.about(EntryKind::PermitIssued, nth, Some("change"), &detail);
    }

    /// Two people have this roster and bundle adopted.
    pub(crate) fn adopt(&mut self, nth: u8, roster: &Roster, to: Digest) {
        let text = serde_json::to_string(roster).unwrap();
        let adoption =
            Adoption { from: self.bundle, to, roster: Digest::of(text.as_bytes()), table: Some(table()) };
        let (agent, operator) = ("kiro".parse().unwrap(), name("alice"));
        let chain = Chain { agent, operator, launcher: None, owner: None };
        let before = std::mem::replace(&mut self.digest, change_digest(&chain, [adoption.digest()]));
        self.hold(nth);
        self.approve(nth, "bob");
        self.approve(nth, "carol");
        self.permit(nth, "0", "2");
        let from = self.bundle.to_string();
        self.bundle = to;
        self.about(
            EntryKind::BundleAdopted,
            nth,
            None,
            &[("from", &from), ("roster", &text), ("table", &table().to_string())],
        );
        self.digest = before;
    }

    pub(crate) fn outcome(&mut self, nth: u8, step: &str) {
        self.about(EntryKind::OutcomeRecorded, nth, Some("change"), &[("step", step), ("status", "200")]);
    }

    /// An entry that leaves this document.
    pub(crate) fn leaves(
        &mut self,
        kind: EntryKind,
        nth: u8,
        detail: &[(&str, &str)],
        row: (&str, &str, &[u8]),
    ) {
        let (table, id, document) = row;
        let subject = Subject { table: table.into(), id: id.into(), state: Digest::of(document) };
        self.rows.insert((table.into(), id.into()), document.to_vec());
        self.about(kind, nth, None, detail);
        let last = self.entries.last_mut().unwrap();
        let mut entry: Entry = serde_json::from_slice(last).unwrap();
        entry.subject = Some(subject);
        *last = serde_json::to_vec(&entry).unwrap();
    }

    pub(crate) fn log(self) -> Log {
        let rows = self
            .rows
            .into_iter()
            .map(|((table, id), document)| Row { table, id, document, altered: None })
            .collect();
        Log {
            genesis: genesis(),
            expected: Some(genesis().fingerprint()),
            checkpoint: sign_log(&self.entries),
            held: Vec::new(),
            entries: self.entries,
            rows: Some(rows),
            bodies: Vec::new(),
        }
    }
}

pub(crate) fn digest() -> Digest {
    Digest::of(b"change")
}

fn details(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn story() -> Log {
    let mut scribe = Scribe::new();
    scribe.about(EntryKind::SessionIssued, 0, Some("session"), &[("task", "tidy up")]);
    scribe.write(EntryKind::ReadsAdmitted, |entry| {
        entry.detail = details(&[("count", "3"), ("reads", "s3:ListBuckets")])
    });
    scribe.hold(1);
    scribe.approve(1, "bob");
    scribe.approve(1, "carol");
    scribe.about(EntryKind::ChangeJudged, 1, Some("change"), &[("why", "every signature it needs is there")]);
    scribe.permit(1, "0", "2");
    scribe.outcome(1, "0");
    scribe.hold(2);
    scribe.reject(2, "bob");
    let line = checkpoint_line(&scribe.entries);
    scribe.signed(EntryKind::ChangeReopened, 3, &statement(Act::Reopen, "alice", change(2), digest(), line));
    assert_eq!(scribe.entries.len(), COUNT);
    scribe.log()
}

/// The operation table that adopted bundles rest on.
pub(crate) fn table() -> Digest {
    Digest::of(b"the operation table")
}
