//! Who has a place, and who gives up theirs when there is none left.
//!
//! A connection that waits for something (a head, the rest of a body, its client to read an answer) may lose its place
//! to a newer one, the longest waiting first; one whose request is being worked on may not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{Limits, Source};

tokio::task_local! {
    /// Of the connection that brought the request this task answers.
    pub(crate) static SEAT: Arc<Seat>;
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
    Waiting { since: u64 },
    Working,
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
                Phase::Working => None,
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
    /// The request has come; false where the place was lost before.
    pub(crate) fn work(&self) -> bool {
        let mut table = self.seats.table();
        let row = table.taken.get_mut(&self.id);
        row.is_some_and(|row| {
            row.phase = Phase::Working;
            true
        })
    }

    /// The request is answered.
    pub(crate) fn rest(&self) {
        let mut table = self.seats.table();
        let since = table.tick();
        if let Some(row) = table.taken.get_mut(&self.id) {
            row.phase = Phase::Waiting { since };
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
        first.rest();
        let newest = seat(&seats, 3);
        assert!(!first.work() && newest.work());
        drop((first, second, third, fourth, other, newest));
        let table = seats.table();
        assert!(table.taken.is_empty() && table.of_source.is_empty(), "{table:?}");
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
