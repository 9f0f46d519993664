//! Who has a place, and who gives up theirs when there is none left.
//!
//! A connection that waits for something (a head, the rest of a body, its client to read an answer) may lose its place
//! to a newer one, the longest waiting first; one of which a request is being worked on may not. (Over HTTP/2 it may have many.)

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{Limits, Source};

tokio::task_local! {
    /// The request that this task answers, and the connection that brought it.
    pub(crate) static TURN: Arc<Turn>;
}

#[derive(Debug)]
pub(crate) struct Seats {
    limits: Limits,
    table: Mutex<Table>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Counts everything that happens, which is all of time that is needed here.
    turn: u64,
    taken: BTreeMap<u64, Row>,
    of_source: BTreeMap<Source, usize>,
}

#[derive(Debug)]
struct Row {
    source: Source,
    phase: Phase,
    leave: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting {
        since: u64,
    },
    /// On so many requests.
    Working {
        on: usize,
    },
}

#[derive(Debug)]
pub(crate) enum Place {
    Taken(Seat),
    /// Every connection of this source is being worked on.
    SourceFull,
    /// Every connection there is, is being worked on.
    Full,
}

/// A place among the connections, until dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    id: u64,
    seats: Arc<Seats>,
    leave: Arc<Notify>,
}

/// One request on a connection.
#[derive(Debug)]
pub(crate) struct Turn {
    seat: Arc<Seat>,
    worked_on: AtomicBool,
}

impl Turn {
    pub(crate) const fn on(seat: Arc<Seat>) -> Self {
        Self { seat, worked_on: AtomicBool::new(false) }
    }

    /// The request has come; false where its connection's place was lost before.
    pub(crate) fn work(&self) -> bool {
        if self.worked_on.swap(true, Ordering::SeqCst) {
            return self.seat.is_taken();
        }
        self.seat.work()
    }

    /// The request is answered.
    pub(crate) fn rest(&self) {
        self.seat.rest(self.worked_on.load(Ordering::SeqCst));
    }
}

impl Seats {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default(), freed: Notify::new() })
    }

    pub(crate) fn take(self: &Arc<Self>, source: Source) -> Place {
        let mut table = self.table();
        if table.of_source.get(&source).is_some_and(|count| *count >= self.limits.per_source)
            && !table.make_room(|row| row.source == source)
        {
            return Place::SourceFull;
        }
        if table.taken.len() >= self.limits.connections && !table.make_room(|_| true) {
            return Place::Full;
        }
        let id = table.tick();
        let leave = Arc::new(Notify::new());
        let row = Row { source, phase: Phase::Waiting { since: id }, leave: Arc::clone(&leave) };
        table.taken.insert(id, row);
        let count = table.of_source.entry(source).or_default();
        *count = count.saturating_add(1);
        Place::Taken(Seat { id, seats: Arc::clone(self), leave })
    }

    /// Waits until a place may have become free.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Waits until nobody has a place. Nobody takes one meanwhile: only whoever gives them out waits for this.
    pub(crate) async fn emptied(&self) {
        while !self.table().taken.is_empty() {
            self.freed().await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }

    /// Takes the place of whoever has waited longest among those meant; false where all of them are worked on.
    fn make_room(&mut self, meant: impl Fn(&Row) -> bool) -> bool {
        let waiting =
            self.taken.iter().filter(|(_, row)| meant(row)).filter_map(|(id, row)| match row.phase {
                Phase::Waiting { since } => Some((since, *id)),
                Phase::Working { .. } => None,
            });
        let Some((_, id)) = waiting.min() else { return false };
        if let Some(row) = self.remove(id) {
            row.leave.notify_one();
        }
        true
    }

    fn remove(&mut self, id: u64) -> Option<Row> {
        let row = self.taken.remove(&id)?;
        if let Some(count) = self.of_source.get_mut(&row.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_source.remove(&row.source);
            }
        }
        Some(row)
    }
}

impl Seat {
    fn is_taken(&self) -> bool {
        self.seats.table().taken.contains_key(&self.id)
    }

    fn work(&self) -> bool {
        let mut table = self.seats.table();
        let row = table.taken.get_mut(&self.id);
        row.is_some_and(|row| {
            let on = match row.phase {
                Phase::Waiting { .. } => 0,
                Phase::Working { on } => on,
            };
            row.phase = Phase::Working { on: on.saturating_add(1) };
            true
        })
    }

    /// One request less; where it was worked on, and no other is, its connection waits again.
    fn rest(&self, worked_on: bool) {
        let mut table = self.seats.table();
        let since = table.tick();
        if let Some(row) = table.taken.get_mut(&self.id) {
            row.phase = match row.phase {
                Phase::Working { on } if on > usize::from(worked_on) => {
                    Phase::Working { on: on.saturating_sub(usize::from(worked_on)) }
                }
                Phase::Working { .. } | Phase::Waiting { .. } => Phase::Waiting { since },
            };
        }
        drop(table);
        self.seats.freed.notify_one();
    }

    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.table().remove(self.id);
        self.seats.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { connections: 4, per_source: 3 };

    fn source(host: u8) -> Source {
        Source::of(([192, 0, 2, host], 1).into())
    }

    fn seat(seats: &Arc<Seats>, host: u8) -> Seat {
        match seats.take(source(host)) {
            Place::Taken(seat) => seat,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_waited_longest_makes_room_and_who_is_worked_on_stays() {
        let seats = Seats::new(LIMITS);
        let [first, second, third] = [(); 3].map(|()| seat(&seats, 1));
        assert!(first.work());
        let fourth = seat(&seats, 1);
        assert!(!second.work(), "its place is taken");
        assert!(third.work() && fourth.work());
        assert!(matches!(seats.take(source(1)), Place::SourceFull));
        let other = seat(&seats, 2);
        assert!(other.work());
        assert!(matches!(seats.take(source(3)), Place::Full));
        first.rest(true);
        let newest = seat(&seats, 3);
        assert!(!first.work() && newest.work());
        drop((first, second, third, fourth, other, newest));
        let table = seats.table();
        assert!(table.taken.is_empty() && table.of_source.is_empty(), "{table:?}");
    }

    #[test]
    fn a_connection_of_which_one_request_is_worked_on_stays() {
        let seats = Seats::new(Limits { connections: 2, per_source: 2 });
        let many = Arc::new(seat(&seats, 1));
        let [first, second, third] = [(); 3].map(|()| Turn::on(Arc::clone(&many)));
        assert!(first.work() && first.work() && second.work());
        let other = seat(&seats, 1);
        assert!(other.work());
        third.rest();
        first.rest();
        assert!(matches!(seats.take(source(1)), Place::SourceFull), "the second is worked on");
        second.rest();
        let newest = seat(&seats, 1);
        assert!(!second.work() && !third.work() && newest.work(), "and then none");
    }

    #[test]
    fn losing_a_place_is_counted_once() {
        let seats = Seats::new(LIMITS);
        let held: Vec<Seat> = (0..50).map(|_| seat(&seats, 1)).collect();
        assert_eq!(seats.table().of_source.get(&source(1)), Some(&3));
        drop(held);
        assert!(seats.table().of_source.is_empty());
    }
}
