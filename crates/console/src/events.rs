//! What moves, as server-sent events: each change in the queue that is new or otherwise, rendered once for all who look; and
//! each that has left it.
//!
//! One task watches the engine. A page that does not keep up loses events and is told to load itself anew; nobody waits for
//! it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use askama::Template as _;
use axum::{
    body::{Body, Bytes},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use engine::Engine;
use http_body_util::channel::Channel;
use model::{Change, ChangeId, ChangeState, PersonId};
use serde_json::json;
use store::{Filter, StorageError};
use tokio::{
    sync::{broadcast, watch},
    time::MissedTickBehavior,
};

use crate::{
    pages::inbox::{MOST, Row},
    text::Shown,
};

/// Events that a page may be behind.
const BEHIND: usize = 256;
/// Changes that move together are told together.
const SETTLES: Duration = Duration::from_millis(40);
/// A dead connection is noticed, and whether the login still holds is looked at.
const BEAT: Duration = Duration::from_secs(15);
/// A page that reads nothing for so long is given up.
const UNREAD: Duration = Duration::from_secs(60);

/// The queue as it is now, and what moves in it.
#[derive(Debug)]
pub(crate) struct Feed {
    engine: Weak<Engine>,
    /// True once the server ends.
    ending: watch::Receiver<bool>,
    events: broadcast::Sender<Bytes>,
    /// Begun with the first page that listens.
    begun: Mutex<bool>,
}

/// A change's version, and how many people have signed for it: an approval that is not the last leaves the version as it is.
type Stand = (u64, usize);

/// Changes that wait for people, the newest first, each with who has signed for it.
#[derive(Debug)]
pub(crate) struct Queue {
    changes: Vec<(Change, Vec<PersonId>)>,
    /// Not all of them are here.
    pub(crate) more: bool,
    /// How many there are.
    pub(crate) all: u64,
}

const WAITING: [ChangeState; 2] = [ChangeState::Held, ChangeState::Approved];

impl Queue {
    /// Those that come after `before`, or the newest.
    pub(crate) async fn of(engine: &Engine, before: Option<ChangeId>) -> Result<Self, StorageError> {
        let filter = Filter {
            states: WAITING.to_vec(),
            agent: None,
            session: None,
            before,
            limit: MOST.saturating_add(1),
        };
        let found = engine.read(move |view| {
            let all = WAITING.iter().map(|state| view.count_in(*state)).sum::<Result<u64, StorageError>>()?;
            let changes = view.changes(&filter)?;
            let signed = changes
                .into_iter()
                .map(|change| {
                    let signed = view.approvals(change.id)?.into_iter().map(|it| it.person).collect();
                    Ok((change, signed))
                })
                .collect::<Result<Vec<(Change, Vec<PersonId>)>, StorageError>>()?;
            Ok((signed, all))
        });
        let (mut changes, all) = found.await?;
        let more = changes.len() > MOST;
        changes.truncate(MOST);
        Ok(Self { changes, more, all })
    }

    pub(crate) fn rows(&self, engine: &Engine) -> Vec<String> {
        self.changes.iter().filter_map(|(change, signed)| row(engine, change, signed)).collect()
    }

    /// The last one.
    pub(crate) fn end(&self) -> Option<ChangeId> {
        self.changes.last().map(|(change, _)| change.id)
    }

    fn stands(&self) -> HashMap<ChangeId, Stand> {
        self.changes.iter().map(|(change, signed)| (change.id, (change.version, signed.len()))).collect()
    }
}

fn row(engine: &Engine, change: &Change, signed: &[PersonId]) -> Option<String> {
    let now = engine.now().ok()?;
    let mut could = engine.could_sign(change);
    could.retain(|person| !signed.contains(person));
    Row::of(change, signed.len(), &could, now).render().ok()
}

impl Feed {
    pub(crate) fn of(engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::downgrade(engine),
            ending: engine.standing_down(),
            events: broadcast::Sender::new(BEHIND),
            begun: Mutex::default(),
        }
    }

    /// A stream of events for one page, for as long as `may` says so.
    pub(crate) fn listen(self: &Arc<Self>, may: impl Fn() -> bool + Send + 'static) -> Response {
        let mut events = self.events.subscribe();
        self.begin();
        let mut ending = self.ending.clone();
        let (mut page, body) = Channel::<Bytes, std::convert::Infallible>::new(8);
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(BEAT);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let next = tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => event,
                        Err(broadcast::error::RecvError::Lagged(_)) => Bytes::from_static(RELOAD),
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    // No stream outlasts the server: it would keep it from ending.
                    () = ended(&mut ending) => return,
                    _ = beat.tick() => Bytes::from_static(b": here\n\n"),
                };
                // Whoever signed out, or was taken out of the roster, hears of nothing any more.
                let over = !may();
                let next = if over { Bytes::from_static(RELOAD) } else { next };
                let sent = tokio::time::timeout(UNREAD, page.send_data(next)).await;
                if over || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        });
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
        (headers, Body::new(body)).into_response()
    }

    fn begin(self: &Arc<Self>) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *begun, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// The page loads itself anew: what it missed is on it then.
const RELOAD: &[u8] = b"event: reload\ndata: {}\n\n";

async fn watch(feed: Weak<Feed>) {
    let Some(engine) = feed.upgrade().and_then(|it| it.engine.upgrade()) else { return };
    let mut moved = engine.changes_moved();
    drop(engine);
    let mut known: Option<HashMap<ChangeId, Stand>> = None;
    loop {
        moved.borrow_and_update();
        let Some((feed, engine)) =
            feed.upgrade().and_then(|it| Some((Arc::clone(&it), it.engine.upgrade()?)))
        else {
            return;
        };
        match Queue::of(&engine, None).await {
            Ok(queue) => {
                let now = queue.stands();
                if let Some(before) = &known {
                    for event in news(&engine, before, &now, &queue).await {
                        let _ = feed.events.send(event);
                    }
                }
                known = Some(now);
            }
            Err(err) => tracing::warn!("the queue cannot be read: {err}"),
        }
        drop((feed, engine));
        tokio::time::sleep(SETTLES).await;
        if moved.changed().await.is_err() {
            return;
        }
    }
}

/// The oldest first, as they came.
async fn news(
    engine: &Engine,
    before: &HashMap<ChangeId, Stand>,
    now: &HashMap<ChangeId, Stand>,
    queue: &Queue,
) -> Vec<Bytes> {
    let mut events = Vec::new();
    for (change, signed) in queue.changes.iter().rev() {
        if before.get(&change.id) != now.get(&change.id)
            && let Some(row) = row(engine, change, signed)
        {
            events.push(event("row", &json!({ "id": change.id, "row": row })));
        }
    }
    for id in before.keys().filter(|id| !now.contains_key(*id)).copied() {
        let left = engine.read(move |view| view.change(id)).await.ok().flatten();
        // What newer ones pushed out of sight waits as before.
        if !left.as_ref().is_some_and(|change| WAITING.contains(&change.state)) {
            let state = left.as_ref().map_or("gone", |change| change.state.name());
            let why = left.and_then(|change| Some(Shown::of(change.gone?.why).to_string()));
            events.push(event("gone", &json!({ "id": id, "state": state, "why": why })));
        }
    }
    events
}

/// One line of data: JSON has no line breaks of its own.
fn event(name: &str, data: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt as _;

    use super::*;

    /// That nothing moves by itself in, and what ends it.
    fn feed() -> (Arc<Feed>, watch::Sender<bool>) {
        let (events, (end, ending)) = (broadcast::Sender::new(BEHIND), watch::channel(false));
        (Arc::new(Feed { engine: Weak::new(), ending, events, begun: Mutex::default() }), end)
    }

    async fn next(body: &mut Body) -> Option<Bytes> {
        Some(body.frame().await?.unwrap().into_data().unwrap())
    }

    const HERE: &[u8] = b": here\n\n";

    #[tokio::test(start_paused = true)]
    async fn a_page_that_reads_nothing_is_given_up_and_delays_nobody() {
        let (feed, _end) = feed();
        let unread = feed.listen(|| true);
        let mut read = feed.listen(|| true).into_body();
        for nth in 0..BEHIND * 3 {
            let sent = event("row", &json!({ "id": nth }));
            feed.events.send(sent.clone()).unwrap();
            let mut got = next(&mut read).await.unwrap();
            while got == HERE {
                got = next(&mut read).await.unwrap();
            }
            assert_eq!(got, sent);
        }
        assert_eq!(feed.events.receiver_count(), 2);
        tokio::time::sleep(UNREAD + BEAT).await;
        assert_eq!(feed.events.receiver_count(), 1);
        drop(unread);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_signed_out_hears_only_that() {
        let ((feed, _end), may) = (feed(), Arc::new(AtomicBool::new(true)));
        let of = Arc::clone(&may);
        let mut read = feed.listen(move || of.load(Ordering::SeqCst)).into_body();
        assert_eq!(next(&mut read).await.unwrap(), HERE);
        may.store(false, Ordering::SeqCst);
        feed.events.send(event("row", &json!({ "id": 1 }))).unwrap();
        assert_eq!(next(&mut read).await.unwrap(), RELOAD);
        assert_eq!(next(&mut read).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_stream_outlasts_the_server() {
        let (feed, end) = feed();
        let mut read = feed.listen(|| true).into_body();
        assert_eq!(next(&mut read).await.unwrap(), HERE);
        end.send(true).unwrap();
        assert_eq!(next(&mut read).await, None);
    }
}
