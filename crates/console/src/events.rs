//! What moves, as server-sent events: each change in the queue that is new or otherwise, rendered once for all who look; and
//! each that has left it, with why.
//!
//! One task watches the engine, and has a board of how the queue stands. A page says by what number it was made, or what it heard
//! last; its stream begins with whatever is otherwise since, and goes on so. Nothing is kept for it, so a page that does not keep up, or
//! was away, misses nothing, and nobody waits for it.

use std::{
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
use model::{Approval, Change, ChangeId, ChangeState, Timestamp};
use serde_json::json;
use store::{Filter, StorageError};
use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{
    board::{Board, Look, event},
    pages::inbox::{MOST, Row, signings, why_left},
};

/// Changes that move together are told together.
const SETTLES: Duration = Duration::from_millis(40);
/// Where the queue could not be read.
const AGAIN: Duration = Duration::from_secs(1);
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
    board: watch::Sender<Arc<Board>>,
    /// How often the engine had moved when the board was last looked after.
    looked: watch::Sender<Option<u64>>,
    /// Begun with the first page that is made, or listens.
    begun: Mutex<bool>,
}

/// Changes that wait for people, the newest first, each with what was signed for it.
#[derive(Debug)]
pub(crate) struct Queue {
    changes: Vec<(Change, Vec<Approval>)>,
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
                    let signed = view.approvals(change.id)?;
                    Ok((change, signed))
                })
                .collect::<Result<Vec<(Change, Vec<Approval>)>, StorageError>>()?;
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
}

fn row(engine: &Engine, change: &Change, signed: &[Approval]) -> Option<String> {
    let now = engine.now().ok()?;
    Row::of(change, signed, &engine.could_still_sign(change, signed), now).render().ok()
}

impl Feed {
    pub(crate) fn of(engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::downgrade(engine),
            ending: engine.standing_down(),
            board: watch::Sender::default(),
            looked: watch::Sender::default(),
            begun: Mutex::default(),
        }
    }

    /// By which a page is told later what it has missed: asked for before the page is made.
    pub(crate) fn number(self: &Arc<Self>) -> u64 {
        self.begin();
        self.board.borrow().number()
    }

    /// A stream of events for one page, from the number on that it has `seen` (or from now on, where it does not say), for as long
    /// as `may` says so.
    pub(crate) fn listen(
        self: &Arc<Self>,
        seen: Option<u64>,
        may: impl Fn() -> bool + Send + 'static,
    ) -> Response {
        self.begin();
        let mut ears = Ears {
            moves: self.engine.upgrade().map_or(0, |engine| *engine.changes_moved().borrow()),
            looked: self.looked.subscribe(),
            board: self.board.subscribe(),
        };
        let (engine, mut ending) = (Weak::clone(&self.engine), self.ending.clone());
        let (mut page, body) = Channel::<Bytes, std::convert::Infallible>::new(8);
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(BEAT);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut told = None;
            loop {
                let next = tokio::select! {
                    heard = ears.hear(told.is_some()) => {
                        let Some(board) = heard else { return };
                        let now = engine.upgrade().and_then(|engine| engine.now().ok());
                        let news = board.since(told.unwrap_or_else(|| board.from(seen)), told.is_none(), now);
                        told = Some(board.number());
                        Bytes::from(news.concat())
                    }
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

/// Of one page.
struct Ears {
    /// How often the engine had moved when it came.
    moves: u64,
    looked: watch::Receiver<Option<u64>>,
    board: watch::Receiver<Arc<Board>>,
}

impl Ears {
    /// At first the board as soon as it has all that the page may show, which may be newer than the last look; then each other one.
    /// `None` once there are no more.
    async fn hear(&mut self, begun: bool) -> Option<Arc<Board>> {
        if begun {
            self.board.changed().await.ok()?;
        } else {
            let moves = self.moves;
            self.looked.wait_for(|looked| *looked >= Some(moves)).await.ok()?;
        }
        Some(Arc::clone(&self.board.borrow_and_update()))
    }
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}

/// The page loads itself anew, and is asked to sign in.
const RELOAD: &[u8] = b"event: reload\ndata: {}\n\n";

async fn watch(feed: Weak<Feed>) {
    let Some(engine) = feed.upgrade().and_then(|it| it.engine.upgrade()) else { return };
    let mut moved = engine.changes_moved();
    drop(engine);
    loop {
        let moves = *moved.borrow_and_update();
        let Some((feed, engine)) =
            feed.upgrade().and_then(|it| Some((Arc::clone(&it), it.engine.upgrade()?)))
        else {
            return;
        };
        let before = Arc::clone(&feed.board.borrow());
        match look(&engine, &before).await {
            Ok(look) => {
                if let Some(board) = before.next(look) {
                    feed.board.send_replace(Arc::new(board));
                }
                feed.looked.send_replace(Some(moves));
            }
            Err(err) => {
                tracing::warn!("the queue cannot be read: {err}");
                drop((feed, engine));
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        }
        drop((feed, engine));
        tokio::time::sleep(SETTLES).await;
        if moved.changed().await.is_err() {
            return;
        }
    }
}

async fn look(engine: &Engine, before: &Board) -> Result<Look, StorageError> {
    let queue = Queue::of(engine, None).await?;
    let mut stood = before.stands();
    let mut rows = Vec::with_capacity(queue.changes.len());
    for (change, signed) in &queue.changes {
        let stand = (change.version, signings(signed));
        let told = match stood.remove(&change.id) {
            Some(stood) if stood == stand => None,
            _ => row(engine, change, signed).map(|row| event("row", &json!({ "id": change.id, "row": row }))),
        };
        rows.push((change.id, stand, told));
    }
    let mut left = Vec::new();
    for id in stood.into_keys() {
        let change = engine.read(move |view| view.change(id)).await?;
        // What newer ones pushed out of sight waits as before.
        if !change.as_ref().is_some_and(|change| WAITING.contains(&change.state)) {
            let state = change.as_ref().map_or("gone", |change| change.state.name());
            let why = change.as_ref().and_then(why_left).map(|why| why.to_string());
            left.push((id, event("gone", &json!({ "id": id, "state": state, "why": why }))));
        }
    }
    let at = engine.now().unwrap_or(Timestamp::from_millis(0));
    Ok(Look { at, rows, left, all: queue.all })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt as _;

    use super::*;

    /// That nothing moves by itself in, and what ends it.
    fn feed() -> (Arc<Feed>, watch::Sender<bool>) {
        let (looked, (end, ending)) = (watch::Sender::new(Some(0)), watch::channel(false));
        let (engine, board, begun) = (Weak::new(), watch::Sender::default(), Mutex::default());
        (Arc::new(Feed { engine, ending, board, looked, begun }), end)
    }

    async fn next(body: &mut Body) -> Option<String> {
        let data = body.frame().await?.unwrap().into_data().unwrap();
        Some(String::from_utf8(data.to_vec()).unwrap())
    }

    /// Past the beats.
    async fn news(body: &mut Body) -> Option<String> {
        let mut got = next(body).await?;
        while got == HERE {
            got = next(body).await?;
        }
        Some(got)
    }

    const HERE: &str = ": here\n\n";

    /// One row, in its `nth` version; its event.
    fn moves(feed: &Feed, nth: u64) -> String {
        let id: ChangeId = "chg-01m8na0tq630pm18pd9z5y9evj".parse().unwrap();
        let told = event("row", &json!({ "id": id, "row": nth }));
        let at = Timestamp::from_millis(0);
        let look = Look { at, rows: vec![(id, (nth, 0), Some(told.clone()))], left: Vec::new(), all: 1 };
        let board = feed.board.borrow().next(look).unwrap();
        feed.board.send_replace(Arc::new(board));
        String::from_utf8(told.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_reads_nothing_is_given_up_and_delays_nobody() {
        let (feed, _end) = feed();
        let unread = feed.listen(None, || true);
        let mut read = feed.listen(None, || true).into_body();
        assert!(news(&mut read).await.unwrap().starts_with("event: now\n"));
        for nth in 0..1000 {
            let sent = moves(&feed, nth);
            let got = news(&mut read).await.unwrap();
            assert!(got.starts_with(&sent) && got.contains("event: now\n"), "{got}");
        }
        assert_eq!(feed.board.receiver_count(), 2);
        tokio::time::sleep(UNREAD + BEAT).await;
        assert_eq!(feed.board.receiver_count(), 1);
        drop(unread);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_begins_with_what_its_page_has_missed() {
        let (feed, _end) = feed();
        moves(&feed, 1);
        let shown = feed.board.borrow().number();
        let missed = moves(&feed, 2);
        let heard = feed.board.borrow().number();
        let mut pages = Vec::new();
        for (seen, told) in [(Some(0), true), (Some(shown), true), (Some(heard), false), (None, false)] {
            let mut page = feed.listen(seen, || true).into_body();
            let got = news(&mut page).await.unwrap();
            assert_eq!(got.starts_with(&missed), told, "{seen:?}: {got}");
            assert!(got.contains("\"ids\":[\"chg-") && got.contains(&format!("id: {heard}\n")), "{got}");
            pages.push(page);
        }
        // All of them go on from there.
        let after = moves(&feed, 3);
        for page in &mut pages {
            let got = news(page).await.unwrap();
            assert!(got.starts_with(&after) && !got.contains("\"ids\""), "{got}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_told_before_the_board_has_what_the_page_may_show() {
        let (feed, _end) = feed();
        feed.looked.send_replace(None);
        let mut page = feed.listen(Some(0), || true).into_body();
        assert_eq!(next(&mut page).await.unwrap(), HERE);
        let row = moves(&feed, 1);
        assert_eq!(next(&mut page).await.unwrap(), HERE, "no look has been taken since it came");
        feed.looked.send_replace(Some(0));
        assert!(news(&mut page).await.unwrap().starts_with(&row));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_signed_out_hears_only_that() {
        let ((feed, _end), may) = (feed(), Arc::new(AtomicBool::new(true)));
        let of = Arc::clone(&may);
        let mut read = feed.listen(None, move || of.load(Ordering::SeqCst)).into_body();
        assert!(news(&mut read).await.unwrap().starts_with("event: now\n"));
        may.store(false, Ordering::SeqCst);
        moves(&feed, 1);
        assert_eq!(news(&mut read).await.unwrap().as_bytes(), RELOAD);
        assert_eq!(next(&mut read).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_stream_outlasts_the_server() {
        let (feed, end) = feed();
        let mut read = feed.listen(None, || true).into_body();
        assert!(news(&mut read).await.unwrap().starts_with("event: now\n"));
        end.send(true).unwrap();
        while let Some(got) = next(&mut read).await {
            assert_eq!(got, HERE);
        }
    }
}
