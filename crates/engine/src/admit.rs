//! The way in: the only maker of [`Permit`].

use std::{fmt, sync::Arc, time::Duration};

use model::{
    Action, AgentId, Answer, AskedBy, Blob, ChangeId, Digest, Fault, History, PersonId, Request, Session,
    Step, Verdict,
};
use policy::{Bundle, Landing, Spent};
use store::WriteError;

use crate::{
    Collector, Engine, Gathered, Permit, Pinned, answer, bodies,
    clock::Stopwatch,
    decide::{Book, DecideError, Decided, Drawn, Question, decide},
    entropy,
    judge::{self, Asker, Case},
    meter::Ending,
    tally::Turned,
};

/// An authenticated request for one action.
#[derive(Debug)]
pub struct Asked {
    pub session: Arc<Session>,
    pub action: Action,
    /// In force when the action was classified: one that is decided under another would be half of each.
    pub under: Arc<Bundle>,
    /// Of the received request's signature: a byte-identical one is a replay.
    pub signature: Digest,
    pub purpose: Purpose,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An agent's own call.
    Agent,
    /// Countersign gathering evidence: plain reads and nothing else.
    Collector,
    /// A captured inverse; the engine alone can mark an action so.
    Undo(Undoing),
}

impl Purpose {
    /// Under a session of its own, which must be open for it.
    pub(crate) const fn by_the_agent(&self) -> bool {
        match self {
            Self::Agent | Self::Undo(Undoing { by: By::Agent(_), .. }) => true,
            Self::Collector | Self::Undo(Undoing { by: By::Person(_), .. }) => false,
        }
    }
}

/// Whose inverse is carried out, and who asked for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undoing {
    pub of: ChangeId,
    /// Of that change, counted from 0.
    pub step: usize,
    pub by: By,
}

/// Who asked for an undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Person(PersonId),
    /// Whose change it is, in the session that ran it.
    Agent(AgentId),
}

impl By {
    pub(crate) const fn as_link(&self) -> AskedBy {
        match self {
            Self::Person(_) => AskedBy::Person,
            Self::Agent(_) => AskedBy::Agent,
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "{person}"),
            Self::Agent(agent) => write!(f, "agent {agent}"),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "made once for a request and taken apart at once")]
#[derive(Debug)]
pub enum Admitted {
    Permit(Permit),
    /// The same call ran a moment ago; its outcome is the answer.
    Recorded {
        change: ChangeId,
        answer: Answer,
    },
    Refused(Refusal),
    /// Another bundle came into force meanwhile, and nothing was decided: here is the request, to be classified and asked
    /// for anew.
    Turned(Box<Request>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    Held,
    /// Asked for before its content came, it would be held: it must be asked for again, whole.
    ContentNeeded,
    Denied,
    /// The session is stopped or expired.
    SessionClosed,
    Replayed,
    /// The same action is being carried out; asking again later gives its outcome.
    InFlight,
    Fault,
    /// Another bundle came into force while this was decided: asking again is decided under that one.
    Turned,
}

/// Why nothing was forwarded, in words for the agent.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub change: Option<ChangeId>,
    pub message: String,
}

impl Refusal {
    fn new(kind: RefusalKind, change: Option<ChangeId>, message: String) -> Self {
        Self { kind, change, message }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::new(RefusalKind::Fault, None, answer::fault(&fault))
    }
}

impl Engine {
    /// Judges one action and, where it may pass, yields the permit that owns it. Everything else is a refusal with
    /// words for the agent. Nothing but a plain read passes before its decision is durable.
    pub async fn admit(&self, asked: Asked, collector: &dyn Collector) -> Admitted {
        let (watch, mut looked) = (Stopwatch::start(), None);
        let own = asked.purpose == Purpose::Collector;
        let admitted = match self.try_admit(asked, collector, &mut looked).await {
            Ok(admitted) => admitted,
            Err(refusal) => Admitted::Refused(refusal),
        };
        if let Some(ending) = Ending::of(&admitted).filter(|_| !own) {
            self.meter.decided(ending, watch.elapsed(), looked);
        }
        admitted
    }

    /// `looked`: how long looking at the target took, where it was looked at.
    async fn try_admit(
        &self,
        asked: Asked,
        collector: &dyn Collector,
        looked: &mut Option<Duration>,
    ) -> Result<Admitted, Refusal> {
        // Our own reads are how a disputed clock is found to be right again.
        let now = if asked.purpose == Purpose::Collector { self.recorded_time()? } else { self.now()? };
        self.recordable()?;
        if asked.purpose.by_the_agent() {
            self.live_session(asked.session.id, now).map_err(|why| {
                Refusal::new(RefusalKind::SessionClosed, None, answer::session_closed(&asked.session, why))
            })?;
        }
        if asked.action.parts().effects.is_plain_read() {
            match self.admit_read(asked, now)? {
                Read::Permit(permit) => return Ok(Admitted::Permit(permit)),
                Read::Alone(asked) => return self.admit_change(asked, &NoCollector, &mut None).await,
                Read::Turned(action) => return Ok(self.again(action.into_request()).await),
            }
        }
        if asked.purpose == Purpose::Collector {
            let message = "Countersign's own collectors only read.".to_owned();
            return Err(Refusal::new(RefusalKind::Denied, None, message));
        }
        self.admit_change(asked, collector, looked).await
    }

    fn admit_read(&self, asked: Asked, now: model::Timestamp) -> Result<Read, Refusal> {
        let bundle = Arc::clone(&asked.under);
        if self.may_be_broken(&asked.session, now) {
            return Ok(Read::Alone(asked));
        }
        let (session, read) = (asked.session.id, asked.action.digest());
        if self.recent.was_allowed(session, read, bundle.digest(), now) {
            return Ok(self.pass_read(asked, now));
        }
        let landing = landing(&bundle, &asked.action, None);
        let parts = asked.action.parts().clone();
        let step = judge::step_of(parts, asked.action.digest(), landing, Gathered::default(), None);
        let verdict = judge::judge(
            &bundle,
            &Case {
                chain: &asked.session.chain,
                scope: &asked.session.scope,
                session_scope: &asked.session.scope,
                autonomy: asked.session.autonomy,
                steps: std::slice::from_ref(&step),
                approvals: &[],
                history: History::default(),
                replaces: false,
                undo: false,
                now,
                spent: &Spent::new(),
                glass: None,
            },
        );
        let parts = asked.action.parts();
        match verdict {
            Verdict::Allow => {
                self.recent.allow(session, read, bundle.digest(), now);
                Ok(self.pass_read(asked, now))
            }
            Verdict::Hold(_) => Ok(Read::Alone(asked)),
            deny @ Verdict::Deny(_) => {
                let rules: Vec<&str> = deny.rules().iter().map(|rule| rule.id.as_str()).collect();
                let line = format!("denied {} {} ({})", parts.operation, names(parts), rules.join(", "));
                match self.tallies.judged(&asked.session, &line, now, bundle.digest()) {
                    Ok(()) => {
                        Err(Refusal::new(RefusalKind::Denied, None, answer::denied(&deny, &parts.summary)))
                    }
                    Err(Turned) => Ok(Read::Turned(asked.action)),
                }
            }
        }
    }

    fn pass_read(&self, asked: Asked, now: model::Timestamp) -> Read {
        let parts = asked.action.parts();
        let line = format!("{} {}", parts.operation, names(parts));
        if let Err(Turned) = self.tallies.judged(&asked.session, &line, now, asked.under.digest()) {
            return Read::Turned(asked.action);
        }
        Read::Permit(Permit::new(asked.action, asked.session.chain.operator.clone(), asked.under, None))
    }

    async fn admit_change(
        &self,
        asked: Asked,
        collector: &dyn Collector,
        looked: &mut Option<Duration>,
    ) -> Result<Admitted, Refusal> {
        let Asked { session, action, under, signature, purpose } = asked;
        let watch = Stopwatch::start();
        let mut gathered = collector.gather(self, &action).await;
        *looked = Some(watch.elapsed());
        let mut received = None;
        let action = match std::mem::take(&mut gathered.pinned) {
            Pinned::NotNeeded => action,
            Pinned::Request(request) => {
                received = Some(action.request().clone());
                action.pinned(*request)
            }
            Pinned::Impossible(why) => return Err(Refusal::from(Fault::Undecodable(why))),
        };
        let (step, captured) = self.step(&under, &session, &action, gathered)?;
        let summary = step.action.summary.clone();
        let mut drawn = self.draw()?;
        let book = self.book_of(Arc::clone(&under));
        let question = Question {
            session: Arc::clone(&session),
            purpose,
            action: action.digest(),
            signature,
            step,
            captured,
            body: action.body(),
        };
        crate::crash::point("before-decision");
        let decided = self.store.write(move |tx| decide(tx, &book, &mut drawn, question)).await;
        crate::crash::point("after-decision");
        let decided = match decided {
            Ok(decided) => decided,
            Err(WriteError::Op(DecideError::Turned)) => {
                return Ok(self.again(received.unwrap_or_else(|| action.into_request())).await);
            }
            Err(WriteError::Op(err)) => return Err(Refusal::from(err.into_fault())),
            Err(WriteError::Storage(err)) => return Err(Refusal::from(Fault::Storage(err.to_string()))),
        };
        if !matches!(decided, Decided::Replayed(_) | Decided::InFlight(_) | Decided::ContentNeeded) {
            self.moved();
        }
        if let Some(why) = unrecorded(&decided) {
            // Refusals that leave no entry of their own go on record with the reads.
            let now = self.recorded_time()?;
            self.tallies.unjudged(&session, &format!("refused {} ({why})", summary), now);
        }
        match decided {
            Decided::Go { step, level } => {
                if let Err(fault) = self.reach(level).await {
                    self.never_sent(step, &fault).await;
                    return Err(Refusal::from(fault));
                }
                crate::crash::point("after-permit");
                let (operator, step) = (session.chain.operator.clone(), Some((step, level)));
                Ok(Admitted::Permit(Permit::new(action, operator, under, step)))
            }
            Decided::ContentNeeded => {
                Err(Refusal::new(RefusalKind::ContentNeeded, None, answer::content_needed()))
            }
            Decided::Held(change, nth) => {
                Err(Refusal::new(RefusalKind::Held, Some(change.id), answer::held(&change, nth)))
            }
            Decided::Denied { change, verdict } => {
                Err(Refusal::new(RefusalKind::Denied, change, answer::denied(&verdict, &summary)))
            }
            Decided::Vetoed(change) => {
                Err(Refusal::new(RefusalKind::Denied, Some(change.id), answer::vetoed(&change)))
            }
            Decided::Recorded(change, answer) => Ok(Admitted::Recorded { change, answer: *answer }),
            Decided::Erased(id, erased) => {
                Err(Refusal::new(RefusalKind::Denied, Some(id), answer::erased(id, &erased)))
            }
            Decided::Damaged(change) => Err(Refusal::from(bodies::damaged(&change))),
            Decided::ReadBack(change) => {
                Err(Refusal::new(RefusalKind::Denied, Some(change.id), answer::read_back(&change)))
            }
            Decided::Unsettled(change, nth) => {
                Err(Refusal::new(RefusalKind::Denied, Some(change.id), answer::unsettled(&change, nth)))
            }
            Decided::InFlight(id) => {
                Err(Refusal::new(RefusalKind::InFlight, Some(id), answer::in_flight(id)))
            }
            Decided::Replayed(id) => Err(Refusal::new(RefusalKind::Replayed, Some(id), answer::replayed(id))),
            Decided::TooManyHolds(limit) => {
                Err(Refusal::new(RefusalKind::Denied, None, answer::too_many_holds(limit)))
            }
            Decided::NotYet(change, first) => {
                Err(Refusal::new(RefusalKind::Denied, Some(change.id), answer::not_yet(&change, first)))
            }
            Decided::NotUndoable { of, state } => {
                Err(Refusal::new(RefusalKind::Denied, Some(of), answer::not_undoable(of, state)))
            }
            Decided::SessionClosed(why) => {
                Err(Refusal::new(RefusalKind::SessionClosed, None, answer::session_closed(&session, why)))
            }
        }
    }

    /// Once it is known what is in force.
    async fn again(&self, request: Request) -> Admitted {
        self.in_force.settled().await;
        Admitted::Turned(Box::new(request))
    }

    /// The step as its document will have it, and the body that this only commits to. What cannot be kept was not
    /// captured.
    pub(crate) fn step(
        &self,
        bundle: &Bundle,
        session: &Session,
        action: &Action,
        mut gathered: Gathered,
    ) -> Result<(Step, Option<Blob>), Fault> {
        let asker = Asker { chain: &session.chain, scope: &session.scope, autonomy: session.autonomy };
        let landing = landing(bundle, action, Some(&gathered));
        let salt = self.salt()?;
        let (undo, body) = match gathered.undo.take().map(|undo| bodies::keep(undo, salt)) {
            Some(Ok((undo, body))) => (Some(undo), Some(body)),
            Some(Err(why)) => {
                gathered.unknowns.push(format!("undo not captured: {why}"));
                (None, None)
            }
            None => (None, None),
        };
        Ok((judge::step(bundle, &asker, action, landing, gathered, undo), body))
    }

    pub(crate) fn book(&self) -> Book {
        self.book_of(self.bundle())
    }

    pub(crate) fn book_of(&self, bundle: Arc<Bundle>) -> Book {
        Book {
            bundle,
            in_force: Arc::clone(&self.in_force),
            installation: self.installation,
            ledger: Arc::clone(&self.ledger),
            witnesses: self.witnesses.present(),
        }
    }

    pub(crate) fn draw(&self) -> Result<Drawn, Fault> {
        self.drawn(self.now()?)
    }

    /// For what only stops something: no disagreement with the upstream's date may stand against it.
    pub(crate) fn draw_to_stop(&self) -> Result<Drawn, Fault> {
        self.drawn(self.recorded_time()?)
    }

    /// For what has happened already: it goes on record by the last time that could be trusted, where none can be now.
    pub(crate) fn draw_after_the_fact(&self) -> Result<Drawn, Fault> {
        self.drawn(self.now().unwrap_or_else(|_| self.watch.last()))
    }

    fn drawn(&self, now: model::Timestamp) -> Result<Drawn, Fault> {
        Ok(Drawn {
            now,
            random: entropy::draw(self.entropy.as_ref())?,
            nonce: hex::encode(entropy::draw::<16>(self.entropy.as_ref())?),
            used: 0,
        })
    }
}

/// Decided only by the account and the bundle's map; a resource in another account, names and tags raise it.
/// `gathered` is `None` for a plain read, whose target is not looked at.
fn landing(bundle: &Bundle, action: &Action, gathered: Option<&Gathered>) -> Landing {
    let inner = gathered.and_then(|it| it.observation.as_ref()).map(|it| it.inner.as_slice());
    let inner = inner.unwrap_or_default().iter().flat_map(|it| &it.resources);
    let tags = gathered.map(|it| &it.tags);
    judge::landing(bundle, action.parts(), action.marks(), inner, tags)
}

/// Why something was refused, where the decision itself wrote no entry.
fn unrecorded(decided: &Decided) -> Option<String> {
    match decided {
        Decided::Replayed(id) => Some(format!("its signature was used for {id}")),
        Decided::Vetoed(change) => Some(format!("{} was rejected", change.id)),
        Decided::TooManyHolds(limit) => Some(format!("{limit} changes are waiting")),
        Decided::SessionClosed(why) => Some(format!("the session is {why}")),
        Decided::NotYet(change, first) => {
            Some(format!("action {} of {} comes first", first.saturating_add(1), change.id))
        }
        Decided::NotUndoable { of, state } => Some(format!("{of} is {}", state.name())),
        Decided::Erased(id, _) => Some(format!("the outcome of {id} was erased")),
        Decided::Unsettled(change, _) => {
            Some(format!("the outcome of another action of {} is not known", change.id))
        }
        Decided::Go { .. }
        | Decided::ContentNeeded
        | Decided::Held(..)
        | Decided::Denied { .. }
        | Decided::Recorded(..)
        | Decided::InFlight(_)
        | Decided::Damaged(_)
        | Decided::ReadBack(_) => None,
    }
}

enum Read {
    Permit(Permit),
    /// A rule holds even this read, or the glass is broken: it becomes a change.
    Alone(Asked),
    Turned(Action),
}

/// Reads of ours are not gathered about.
struct NoCollector;

impl Collector for NoCollector {
    fn gather<'a>(&'a self, _engine: &'a Engine, _action: &'a Action) -> crate::Later<'a, Gathered> {
        Box::pin(async { Gathered::default() })
    }
}

/// The account field of an ARN, where it has one.
fn names(parts: &model::ActionParts) -> String {
    parts.resources.iter().take(3).map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ")
}
