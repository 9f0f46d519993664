//! Lives of installations at random, honest and not, and ways to tamper with their logs.

use approval::Act;
use model::{
    Actors, Adoption, Chain, ChangeId, Digest, EntryId, EntryKind, PersonId, SessionId, Timestamp,
    change_digest,
};
use proptest::prelude::*;
use tlog::WitnessSigningKey;

use crate::story::{Log, Scribe, checkpoint_line, digest, name, roster, sign, sign_log, statement, time};

/// Something that happens. Numbers name one of what there is by then.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Session {
        launcher: Option<u8>,
    },
    /// The last one.
    Stop,
    Hold {
        people: u8,
    },
    Approve {
        change: u8,
        person: u8,
        seen: Seen,
    },
    Reject {
        change: u8,
        person: u8,
    },
    Judge {
        change: u8,
    },
    Reopen {
        change: u8,
    },
    /// A new one, or one that there is.
    Deny {
        change: Option<u8>,
    },
    Permit {
        change: u8,
        step: u8,
        people: u8,
    },
    Outcome {
        change: u8,
        step: u8,
    },
    /// An approver leaves with this bundle, or comes back.
    Adopt {
        person: u8,
        /// Who agree.
        by: [u8; 2],
    },
    Witness {
        back: u16,
    },
    Reads {
        count: u8,
    },
    /// What the next entries' times differ by, in seconds.
    Jitter(i8),
}

/// What an approver's client had seen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// The log as it was so many entries ago.
    Before(u16),
    /// Another log of that size.
    Another(u16),
    Later,
    Nothing,
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    let seen = prop_oneof![
        8 => (0u16..400).prop_map(Seen::Before),
        1 => (0u16..400).prop_map(Seen::Another),
        1 => prop_oneof![Just(Seen::Later), Just(Seen::Nothing)],
    ];
    prop_oneof![
        1 => proptest::option::of(0u8..4).prop_map(|launcher| Event::Session { launcher }),
        1 => Just(Event::Stop),
        3 => (0u8..3).prop_map(|people| Event::Hold { people }),
        6 => (0u8..4, 0u8..4, seen).prop_map(|(change, person, seen)| Event::Approve { change, person, seen }),
        1 => (0u8..4, 1u8..4).prop_map(|(change, person)| Event::Reject { change, person }),
        1 => (0u8..4).prop_map(|change| Event::Judge { change }),
        1 => (0u8..4).prop_map(|change| Event::Reopen { change }),
        1 => proptest::option::of(0u8..4).prop_map(|change| Event::Deny { change }),
        4 => (0u8..4, 0u8..2, 0u8..3).prop_map(|(change, step, people)| Event::Permit { change, step, people }),
        2 => (0u8..4, 0u8..2).prop_map(|(change, step)| Event::Outcome { change, step }),
        1 => (0u8..4, 1u8..4, 1u8..4).prop_map(|(person, one, two)| Event::Adopt { person, by: [one, two] }),
        1 => (0u16..400).prop_map(|back| Event::Witness { back }),
        2 => (1u8..60).prop_map(|count| Event::Reads { count }),
        1 => (-59i8..59).prop_map(Event::Jitter),
    ]
}

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Writes what happens.
pub(crate) struct Life {
    pub(crate) scribe: Scribe,
    sessions: Vec<SessionId>,
    launchers: Vec<Option<PersonId>>,
    changes: Vec<(ChangeId, SessionId, Digest)>,
    away: Vec<PersonId>,
    jitter: i64,
}

impl Life {
    pub(crate) fn begin() -> Self {
        let (scribe, away) = (Scribe::new(), Vec::new());
        let mut life = Self {
            scribe,
            sessions: Vec::new(),
            launchers: Vec::new(),
            changes: Vec::new(),
            away,
            jitter: 0,
        };
        life.happen(&Event::Session { launcher: None });
        life
    }

    pub(crate) fn size(&self) -> usize {
        self.scribe.entries.len()
    }

    fn now(&self) -> Timestamp {
        time(self.size() as i64).plus_seconds(self.jitter)
    }

    /// The last ones are named most.
    fn change(&self, nth: u8) -> Option<(ChangeId, SessionId, Digest)> {
        self.changes.iter().rev().nth(usize::from(nth)).or(self.changes.last()).copied()
    }

    /// A new change.
    fn asked(&mut self, of: Digest) -> (ChangeId, SessionId, Digest) {
        let id = ChangeId::new(self.now().millis(), [self.changes.len() as u8; 10]);
        let asked = (id, *self.sessions.last().unwrap(), of);
        self.changes.push(asked);
        asked
    }

    fn write(
        &mut self,
        kind: EntryKind,
        about: Option<(ChangeId, SessionId, Digest)>,
        person: Option<&str>,
        detail: &[(&str, &str)],
    ) {
        let (at, session) = (self.now(), about.map(|it| it.1).or(self.sessions.last().copied()));
        let nth = self.size();
        self.scribe.write(kind, |entry| {
            entry.at = at;
            entry.id = EntryId::new(at.millis(), [nth as u8; 10]);
            let (agent, operator) = (Some("kiro".parse().unwrap()), Some(name("alice")));
            entry.actors = Actors { agent, operator, session, person: person.map(name) };
            (entry.change, entry.change_digest) = (about.map(|it| it.0), about.map(|it| it.2));
            entry.detail =
                detail.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        });
    }

    fn sign(
        &mut self,
        kind: EntryKind,
        act: Act,
        about: (ChangeId, SessionId, Digest),
        who: &str,
        line: String,
    ) {
        let mut said = statement(act, who, about.0, about.2, line);
        said.bundle = self.scribe.bundle;
        said.expires_at = time(100_000);
        let text = said.to_text();
        self.write(kind, Some(about), Some(who), &[("signature", &sign(who, &text)), ("statement", &text)]);
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        match event {
            Event::Session { launcher } => {
                self.sessions.push(SessionId::new(self.now().millis(), [self.sessions.len() as u8; 10]));
                let launcher = launcher.map(|it| PEOPLE[usize::from(it)]);
                self.launchers.push(launcher.map(name));
                let detail: Vec<_> = launcher.iter().map(|it| ("launcher", *it)).collect();
                self.write(EntryKind::SessionIssued, None, None, &detail);
            }
            Event::Stop => self.write(EntryKind::SessionStopped, None, None, &[]),
            Event::Hold { people } => {
                self.asked(Digest::of(&[self.changes.len() as u8]));
                let detail = [("people", people.to_string()), ("verdict", "hold".to_owned())];
                let detail = detail.each_ref().map(|(key, value)| (*key, value.as_str()));
                self.write(EntryKind::ChangeHeld, self.changes.last().copied(), None, &detail);
            }
            Event::Approve { change, person, seen } => {
                let Some(about) = self.change(*change) else { return };
                let at = |back: u16| self.size().saturating_sub(usize::from(back));
                let line = match seen {
                    Seen::Before(back) => checkpoint_line(&self.scribe.entries[..at(*back)]),
                    Seen::Another(back) => checkpoint_line(&vec![Vec::new(); at(*back)]),
                    Seen::Later => checkpoint_line(&vec![Vec::new(); self.size() + 1]),
                    Seen::Nothing => "none".to_owned(),
                };
                self.sign(EntryKind::ApprovalGiven, Act::Approve, about, PEOPLE[usize::from(*person)], line);
            }
            Event::Reject { change, person } => {
                let Some(about) = self.change(*change) else { return };
                let line = checkpoint_line(&self.scribe.entries);
                self.sign(EntryKind::ChangeRejected, Act::Reject, about, PEOPLE[usize::from(*person)], line);
            }
            Event::Judge { change } => {
                let Some(about) = self.change(*change) else { return };
                self.write(EntryKind::ChangeJudged, Some(about), None, &[("people", "1")]);
            }
            Event::Reopen { change } => {
                let Some((vetoed, _, of)) = self.change(*change) else { return };
                let mut said =
                    statement(Act::Reopen, "alice", vetoed, of, checkpoint_line(&self.scribe.entries));
                said.bundle = self.scribe.bundle;
                said.expires_at = time(100_000);
                let (text, vetoed) = (said.to_text(), vetoed.to_string());
                let signature = sign("alice", &text);
                self.asked(of);
                let detail = [("signature", signature.as_str()), ("statement", &text), ("vetoed", &vetoed)];
                self.write(EntryKind::ChangeReopened, self.changes.last().copied(), Some("alice"), &detail);
            }
            Event::Deny { change } => {
                let about = match change {
                    Some(nth) => self.change(*nth),
                    None => Some(self.asked(Digest::of(&[self.changes.len() as u8]))),
                };
                self.write(EntryKind::ActionDenied, about, None, &[("verdict", "deny")]);
            }
            Event::Permit { change, step, people } => {
                let Some(about) = self.change(*change) else { return };
                let (step, people) = (step.to_string(), people.to_string());
                let detail = [("people", people.as_str()), ("step", &step), ("verdict", "hold")];
                self.write(EntryKind::PermitIssued, Some(about), None, &detail);
            }
            Event::Outcome { change, step } => {
                let Some(about) = self.change(*change) else { return };
                self.write(EntryKind::OutcomeRecorded, Some(about), None, &[("step", &step.to_string())]);
            }
            Event::Adopt { person, by } => {
                let person = name(PEOPLE[usize::from(*person)]);
                match self.away.iter().position(|it| *it == person) {
                    Some(at) => drop(self.away.remove(at)),
                    None => self.away.push(person),
                }
                let mut there = roster();
                self.away.iter().for_each(|it| drop(there.people.remove(it)));
                let text = serde_json::to_string(&there).unwrap();
                let (from, to) = (self.scribe.bundle, Digest::of(text.as_bytes()));
                let adoption = Adoption { from, to, roster: to, table: None };
                let id = ChangeId::new(self.now().millis(), [self.changes.len() as u8; 10]);
                let launcher = self.launchers.last().cloned().flatten();
                let (agent, operator) = ("kiro".parse().unwrap(), name("alice"));
                let chain = Chain { agent, operator, launcher, owner: None };
                let about = (id, *self.sessions.last().unwrap(), change_digest(&chain, [adoption.digest()]));
                self.changes.push(about);
                self.write(EntryKind::ChangeHeld, Some(about), None, &[("people", "2"), ("verdict", "hold")]);
                for who in by {
                    let line = checkpoint_line(&self.scribe.entries);
                    let who = PEOPLE[usize::from(*who)];
                    self.sign(EntryKind::ApprovalGiven, Act::Approve, about, who, line);
                }
                let permit = [("people", "2"), ("step", "0"), ("verdict", "hold")];
                self.write(EntryKind::PermitIssued, Some(about), None, &permit);
                self.scribe.bundle = to;
                let detail = [("from", from.to_string()), ("roster", text)];
                let detail = detail.each_ref().map(|(key, value)| (*key, value.as_str()));
                self.write(EntryKind::BundleAdopted, Some(about), None, &detail);
            }
            Event::Witness { back } => {
                let witness = WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
                let at = self.size().saturating_sub(usize::from(*back));
                let signed = sign_log(&self.scribe.entries[..at]);
                let (text, _) = signed.split_once("\n\n").unwrap();
                let line = tlog::cosign_text(&format!("{text}\n"), 1_700_000_000, &witness).unwrap();
                let detail =
                    [("checkpoint", format!("{signed}{line}")), ("key", witness.verifier().to_string())];
                let detail = detail.each_ref().map(|(key, value)| (*key, value.as_str()));
                self.write(EntryKind::CheckpointWitnessed, None, None, &detail);
            }
            Event::Reads { count } => {
                for _ in 0..*count {
                    self.write(EntryKind::ReadsAdmitted, None, None, &[("reads", "s3:ListBuckets")]);
                }
            }
            Event::Jitter(seconds) => self.jitter = i64::from(*seconds),
        }
    }
}

/// What somebody does to a log; places are taken within what they may touch.
#[derive(Clone, Debug)]
pub(crate) enum Tamper {
    Detail(prop::sample::Index, &'static str, &'static str),
    Kind(prop::sample::Index, EntryKind),
    Digest(prop::sample::Index),
    Person(prop::sample::Index),
    Time(prop::sample::Index, i32),
    Swap(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index),
    Again(prop::sample::Index),
    Garbage(prop::sample::Index),
}

pub(crate) fn tamper() -> impl Strategy<Value = Tamper> {
    use prop::sample::{Index, select};
    let keys = select(vec!["statement", "signature", "people", "step", "roster", "launcher", "checkpoint"]);
    let values = select(vec!["", "0", "1", "2", "dave", "nothing"]);
    let kinds = select(vec![
        EntryKind::Genesis,
        EntryKind::BundleAdopted,
        EntryKind::ApprovalGiven,
        EntryKind::ChangeRejected,
        EntryKind::PermitIssued,
        EntryKind::OutcomeRecorded,
        EntryKind::ChangeJoined,
        EntryKind::BodyErased,
        EntryKind::Alarm,
    ]);
    prop_oneof![
        3 => (any::<Index>(), keys, values).prop_map(|(at, key, value)| Tamper::Detail(at, key, value)),
        2 => (any::<Index>(), kinds).prop_map(|(at, kind)| Tamper::Kind(at, kind)),
        1 => any::<Index>().prop_map(Tamper::Digest),
        1 => any::<Index>().prop_map(Tamper::Person),
        1 => (any::<Index>(), -10_000i32..10_000).prop_map(|(at, seconds)| Tamper::Time(at, seconds)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Tamper::Swap(one, other)),
        2 => any::<Index>().prop_map(Tamper::Remove),
        1 => any::<Index>().prop_map(Tamper::Again),
        1 => any::<Index>().prop_map(Tamper::Garbage),
    ]
}

impl Tamper {
    /// Touches nothing before `from`.
    pub(crate) fn apply(&self, log: &mut Log, from: usize) {
        let len = log.entries.len();
        if from >= len {
            return;
        }
        let at = |index: &prop::sample::Index| from + index.index(len - from);
        let mut edit = |index: &prop::sample::Index, change: &dyn Fn(&mut model::Entry)| {
            if serde_json::from_slice::<model::Entry>(&log.entries[at(index)]).is_ok() {
                log.edit(at(index), change);
            }
        };
        match self {
            Self::Detail(index, key, value) => edit(index, &|entry| {
                entry.detail.insert((*key).to_owned(), (*value).to_owned());
            }),
            Self::Kind(index, kind) => edit(index, &|entry| entry.kind = *kind),
            Self::Digest(index) => edit(index, &|entry| entry.change_digest = Some(digest())),
            Self::Person(index) => edit(index, &|entry| entry.actors.person = Some(name("carol"))),
            Self::Time(index, seconds) => {
                edit(index, &|entry| entry.at = entry.at.plus_seconds(i64::from(*seconds)));
            }
            Self::Swap(one, other) => log.entries.swap(at(one), at(other)),
            Self::Remove(index) => drop(log.entries.remove(at(index))),
            Self::Again(index) => log.entries.push(log.entries[at(index)].clone()),
            Self::Garbage(index) => log.entries[at(index)] = b"{}".to_vec(),
        }
    }
}
