//! One message, of whatever form: made of an entry, and of the change that it is about as it is now.

use model::{Change, ChangeId, ChangeState, Digest, Effect, Entry, PersonId, Step, Timestamp, Verdict};

use crate::Event;

/// Who tells: the installation, and where its pages are.
#[derive(Clone, Debug)]
pub struct Sender {
    pub installation: Digest,
    /// Without a slash at the end.
    pub console: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same for the same news, however often it is sent.
    pub id: String,
    pub event: Event,
    /// When it happened, which is not when it is sent.
    pub at: Timestamp,
    /// Our own words.
    pub title: String,
    /// What it is about, in words that others had a part in: cleaned and bounded, and to be escaped by each form.
    pub sentence: Option<String>,
    /// Who did it, where a person did.
    pub person: Option<PersonId>,
    pub about: Option<About>,
    /// The page that shows it.
    pub link: String,
    /// Of the ledger.
    pub entry: Option<(String, u64)>,
    /// What else happened meanwhile, the first of it.
    pub others: Vec<Message>,
    /// And how much is in neither.
    pub more: u64,
}

/// The change that a message is about, as it is when the message is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub id: ChangeId,
    pub state: ChangeState,
    pub environment: String,
    pub production: bool,
    pub agent: String,
    pub operator: PersonId,
    /// In words; `None` where nobody has to agree to anything.
    pub needs: Option<String>,
    pub approved_by: Vec<PersonId>,
    /// While it waits.
    pub could_approve: Vec<PersonId>,
    pub expires_at: Timestamp,
    /// `None` where it is decided or over.
    pub seconds_left: Option<i64>,
}

/// A change, and what only its surroundings know of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub change: &'a Change,
    pub approved_by: &'a [PersonId],
    /// Who could give what is wanted beside what was signed, by what they have not shown yet: also somebody who has signed.
    pub could_sign: &'a [PersonId],
}

/// As much as anybody reads of one thing.
const MOST: usize = 400;

/// What a change does, derived from its actions and from nothing that its agent says: not from the order in which it lists them
/// either, so that a harmless one in front hides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The worst of its actions; of several that are as bad, the first.
    pub worst: String,
    /// How many more there are, and how bad those are; empty where it is the only one.
    pub others: String,
}

impl Derived {
    pub fn of(change: &Change) -> Self {
        // Of equals `max_by_key` has the last.
        let Some((nth, worst)) = change.steps.iter().enumerate().rev().max_by_key(|(_, it)| badness(it))
        else {
            return Self { worst: "nothing".to_owned(), others: String::new() };
        };
        let others: Vec<&Step> =
            change.steps.iter().zip(0..).filter(|(_, other)| *other != nth).map(|(it, _)| it).collect();
        let destroying = others.iter().filter(|it| it.effects().contains(Effect::Destroy)).count();
        let more = others.len();
        let others = match (more, destroying) {
            (0, _) => String::new(),
            (more, 0) => format!("and {more} more"),
            (1, _) => "and 1 more, which destroys or cannot be undone".to_owned(),
            (more, bad) if more == bad => {
                format!("and {more} more, all of which destroy or cannot be undone")
            }
            (more, 1) => format!("and {more} more, 1 of which destroys or cannot be undone"),
            (more, bad) => format!("and {more} more, {bad} of which destroy or cannot be undone"),
        };
        Self { worst: model::sanitize(worst.action.summary.trim_end_matches('.'), MOST), others }
    }
}

/// What destroys or interrupts comes before what only cannot be undone, and that before all else, by severity.
fn badness(step: &Step) -> (bool, Effect) {
    (step.destroys(), step.effects().worst())
}

/// In one line.
pub fn sentence(change: &Change) -> String {
    let Derived { worst, others } = Derived::of(change);
    if others.is_empty() { worst } else { format!("{worst} ({others})") }
}

impl Message {
    /// `None` where the entry is nobody's news. `index` is its place in the ledger.
    pub fn of_entry(
        sender: &Sender,
        entry: &Entry,
        index: u64,
        subject: Option<Subject<'_>>,
        now: Timestamp,
    ) -> Option<Self> {
        let decided = subject.is_some_and(|it| !it.approved_by.is_empty());
        let event = Event::of(entry, subject.map(|it| it.change), decided)?;
        let said = |name: &str| entry.detail.get(name).map(|it| model::sanitize(it, MOST));
        let own = match event {
            Event::Alarm | Event::BreakGlass => said("alarm"),
            Event::SessionStopped => {
                let agent = entry.actors.agent.as_ref().map(ToString::to_string).unwrap_or_default();
                entry.actors.session.map(|session| format!("{session} of {agent}"))
            }
            Event::BundleAdopted => entry.bundle.map(|bundle| format!("bundle {bundle}")),
            Event::ContinuityBroken => said("ground"),
            Event::ChangeRejected => {
                let reason = said("reason").unwrap_or_default();
                subject.map(|it| format!("{} (the reason: {reason})", sentence(it.change)))
            }
            // That its agent withdrew it needs no words.
            Event::ChangeWithdrawn => {
                said("why").and_then(|why| Some(format!("{} ({why})", sentence(subject?.change))))
            }
            _ => None,
        };
        let about = subject.map(|it| About::of(it, now));
        Some(Self {
            id: entry.id.to_string(),
            event,
            at: entry.at,
            title: title(event, about.as_ref()),
            sentence: own.or_else(|| subject.map(|it| sentence(it.change))),
            person: entry.actors.person.clone(),
            link: sender.link(event, entry.change),
            about,
            entry: Some((entry.id.to_string(), index)),
            others: Vec::new(),
            more: 0,
        })
    }

    /// That nobody has decided yet. `event` says how much of its time is over.
    pub fn of_waiting(sender: &Sender, event: Event, subject: Subject<'_>, now: Timestamp) -> Self {
        let about = About::of(subject, now);
        Self {
            id: format!("{}-{}", about.id, event.name()),
            title: title(event, Some(&about)),
            sentence: Some(sentence(subject.change)),
            link: sender.link(event, Some(about.id)),
            about: Some(about),
            ..Self::plain(sender, event, now, String::new(), String::new())
        }
    }

    /// In words alone, about no change; `id` is whatever makes it one message.
    pub fn plain(sender: &Sender, event: Event, at: Timestamp, id: String, said: String) -> Self {
        Self {
            id,
            event,
            at,
            title: title(event, None),
            sentence: Some(model::sanitize(&said, MOST)).filter(|it| !it.is_empty()),
            person: None,
            about: None,
            link: sender.link(event, None),
            entry: None,
            others: Vec::new(),
            more: 0,
        }
    }
}

impl Sender {
    fn link(&self, event: Event, change: Option<ChangeId>) -> String {
        let place = match (event, change) {
            (_, Some(change)) => format!("changes/{change}"),
            (Event::SessionStopped, None) => "sessions".to_owned(),
            (Event::BundleAdopted, None) => "policy".to_owned(),
            (Event::ContinuityBroken | Event::Alarm | Event::VerificationFailed, None) => "audit".to_owned(),
            (_, None) => "inbox".to_owned(),
        };
        format!("{}/{place}", self.console)
    }
}

impl About {
    fn of(subject: Subject<'_>, now: Timestamp) -> Self {
        let Subject { change, approved_by, could_sign } = subject;
        let waits = change.state == ChangeState::Held;
        let needs = match &change.verdict {
            Verdict::Hold(hold) => Some(model::sanitize(&hold.requirement.to_string(), MOST)),
            Verdict::Allow | Verdict::Deny(_) => None,
        };
        Self {
            id: change.id,
            state: change.state,
            environment: change.environment.to_string(),
            production: change.environment.production,
            agent: change.chain.agent.to_string(),
            operator: change.chain.operator.clone(),
            needs: needs.filter(|_| waits),
            approved_by: approved_by.to_vec(),
            could_approve: if waits { could_sign.to_vec() } else { Vec::new() },
            expires_at: change.expires_at,
            seconds_left: change.state.is_open().then(|| change.expires_at.since(now).max(0) / 1000),
        }
    }
}

fn title(event: Event, about: Option<&About>) -> String {
    let place = if about.is_some_and(|it| it.production) { " in production" } else { "" };
    match event {
        Event::ChangeHeld => format!("Held{place}: people have to agree"),
        Event::ChangeApproved => format!("Approved{place}: it runs when its agent asks again"),
        Event::ChangeRejected => format!("Rejected{place}"),
        Event::ChangeExpired => format!("Expired{place}: nobody decided in time, so nothing happens"),
        Event::ChangeWithdrawn => format!("Withdrawn{place}"),
        Event::ChangeExecuted => format!("Carried out{place}"),
        Event::ChangeFailed => format!("Failed{place}"),
        Event::ChangeUnknown => format!("Outcome unknown{place}: it is read back"),
        Event::ChangeReminder => format!("Still held{place}, and half of its time is over"),
        Event::ChangeEscalated => format!("Still held{place}, and a tenth of its time is left"),
        Event::SessionStopped => "A session was stopped".to_owned(),
        Event::BundleAdopted => "What decides is another: a bundle was adopted".to_owned(),
        Event::BreakGlass => "Break-glass".to_owned(),
        Event::ContinuityBroken => "The log does not continue the one before".to_owned(),
        Event::Alarm => "Alarm".to_owned(),
        Event::VerificationFailed => "Verification failed: the server does not start".to_owned(),
        Event::Test => "A test: messages arrive".to_owned(),
    }
}
