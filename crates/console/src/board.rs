//! What the first page of the inbox shows now, row by row since when, and what a page has to be told that shows how it stood at some
//! number. Pure, and bounded: rows that have left are remembered for pages that were away, up to a count; one that was away for
//! longer is told which are there.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;
use model::{ChangeId, Timestamp};
use serde_json::json;

/// A change's version, and what was signed for it as a number: an approval that is not the last leaves the version as it is.
pub(crate) type Stand = (u64, i64);

const LEFT: usize = 500;

#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Of the look that this is of. Each number is greater than the one before, also than every one before the server was started.
    number: u64,
    /// Every row that has left since is in `left`.
    reach: u64,
    /// The newest first.
    rows: Vec<Row>,
    left: VecDeque<(u64, ChangeId, Bytes)>,
    all: u64,
}

#[derive(Clone, Debug)]
struct Row {
    id: ChangeId,
    stand: Stand,
    /// The number since which it stands so.
    since: u64,
    told: Bytes,
}

/// What was found by a look.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) at: Timestamp,
    /// The newest first; each with the event that tells of it, where it does not stand as on the board before.
    pub(crate) rows: Vec<(ChangeId, Stand, Option<Bytes>)>,
    /// What has left, each with the event that tells of it.
    pub(crate) left: Vec<(ChangeId, Bytes)>,
    /// How many there are, on all pages.
    pub(crate) all: u64,
}

impl Board {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn stands(&self) -> HashMap<ChangeId, Stand> {
        self.rows.iter().map(|row| (row.id, row.stand)).collect()
    }

    /// `None` where everything stands as it did.
    pub(crate) fn next(&self, look: Look) -> Option<Self> {
        let first = self.number == 0;
        let number = u64::try_from(look.at.millis()).unwrap_or_default().max(self.number.saturating_add(1));
        let mut same =
            !first && look.left.is_empty() && look.all == self.all && look.rows.len() == self.rows.len();
        let mut known: HashMap<ChangeId, &Row> = self.rows.iter().map(|row| (row.id, row)).collect();
        let mut rows = Vec::with_capacity(look.rows.len());
        for (id, stand, told) in look.rows {
            same &= told.is_none();
            match (told, known.remove(&id)) {
                (Some(told), _) => rows.push(Row { id, stand, since: number, told }),
                (None, Some(row)) => rows.push(row.clone()),
                (None, None) => {}
            }
        }
        if same {
            return None;
        }
        let mut left = self.left.clone();
        left.extend(look.left.into_iter().map(|(id, told)| (number, id, told)));
        // What came back has not left.
        left.retain(|(_, id, _)| rows.iter().all(|row| row.id != *id));
        let mut reach = if first { number } else { self.reach };
        while left.len() > LEFT {
            reach = left.pop_front().map_or(reach, |(since, ..)| since);
        }
        Some(Self { number, reach, rows, left, all: look.all })
    }

    /// The number from which on a page has to be told: what it says that it has seen, nothing where that is none of ours, or
    /// everything there is where it does not say.
    pub(crate) const fn from(&self, seen: Option<u64>) -> u64 {
        match seen {
            Some(number) if number <= self.number => number,
            Some(_) => 0,
            None => self.number,
        }
    }

    /// What has become otherwise since, the oldest first, and in the end that this is all. `begins`: nothing was told to that page
    /// yet, and it may show what no look has found.
    pub(crate) fn since(&self, seen: u64, begins: bool, now: Option<Timestamp>) -> Vec<Bytes> {
        let rows = self.rows.iter().rev().filter(|row| row.since > seen).map(|row| row.told.clone());
        let left = self.left.iter().filter(|(since, ..)| *since > seen).map(|(.., told)| told.clone());
        let mut news: Vec<Bytes> = rows.chain(left).collect();
        let mut told = json!({ "all": self.all, "now": now.map(Timestamp::millis) });
        if let Some(told) = told.as_object_mut().filter(|_| begins || seen < self.reach) {
            let ids: Vec<_> = self.rows.iter().map(|row| row.id).collect();
            told.insert("ids".to_owned(), json!(ids));
        }
        let number = self.number;
        news.push(Bytes::from(format!("event: now\nid: {number}\ndata: {told}\n\n")));
        news
    }
}

/// One line of data: JSON has no line breaks of its own.
pub(crate) fn event(name: &str, data: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn id(nth: usize) -> ChangeId {
        format!("chg-01m8na0tq630pm18pd9z5y{nth:04}").parse().unwrap()
    }

    /// Rows by their numbers, each with its version; what is otherwise than on `before` is told.
    fn look(before: &Board, at: i64, rows: &[(usize, u64)], left: &[usize]) -> Look {
        let stands = before.stands();
        let row = |(nth, version): &(usize, u64)| {
            let (id, stand) = (id(*nth), (*version, 0));
            let told = event("row", &json!(format!("{nth}.{version}")));
            (id, stand, (stands.get(&id) != Some(&stand)).then_some(told))
        };
        let left = left.iter().map(|nth| (id(*nth), event("gone", &json!(nth)))).collect();
        Look {
            at: Timestamp::from_millis(at),
            rows: rows.iter().map(row).collect(),
            left,
            all: rows.len() as u64,
        }
    }

    fn told(board: &Board, seen: Option<u64>, begins: bool) -> String {
        let news = board.since(board.from(seen), begins, None);
        let lines = news.iter().map(|it| String::from_utf8(it.to_vec()).unwrap().replace('\n', " "));
        lines.map(|it| it.replace("chg-01m8na0tq630pm18pd9z5y", "").trim_end().to_owned() + "\n").collect()
    }

    fn check(board: &Board, seen: Option<u64>, begins: bool, expected: &Expect) {
        expected.assert_eq(&told(board, seen, begins));
    }

    #[test]
    fn a_page_is_told_what_it_has_missed_and_nothing_twice() {
        let none = Board::default();
        let first = none.next(look(&none, 1000, &[(2, 1), (1, 1)], &[])).unwrap();
        assert!(first.next(look(&first, 2000, &[(2, 1), (1, 1)], &[])).is_none(), "nothing is otherwise");
        // A second change of the first, a third one, and the second has left; the clock stands still.
        let second = first.next(look(&first, 1000, &[(3, 1), (1, 2)], &[2])).unwrap();
        assert_eq!((first.number(), second.number()), (1000, 1001));
        check(
            &second,
            Some(1000),
            false,
            &expect![[r#"
                event: row data: "1.2"
                event: row data: "3.1"
                event: gone data: 2
                event: now id: 1001 data: {"all":2,"now":null}
            "#]],
        );
        let up_to_date = expect![[r#"
            event: now id: 1001 data: {"all":2,"now":null,"ids":["0003","0001"]}
        "#]];
        check(&second, Some(1001), true, &up_to_date);
        // Whoever does not say is told from now on.
        check(&second, None, true, &up_to_date);
        // Of a server before, of none, or of a clock that was set back.
        for seen in [0, 999, 5000] {
            check(
                &second,
                Some(seen),
                true,
                &expect![[r#"
                    event: row data: "1.2"
                    event: row data: "3.1"
                    event: gone data: 2
                    event: now id: 1001 data: {"all":2,"now":null,"ids":["0003","0001"]}
                "#]],
            );
        }
    }

    #[test]
    fn what_came_back_has_not_left() {
        let none = Board::default();
        let first = none.next(look(&none, 1000, &[(1, 1)], &[])).unwrap();
        let away = first.next(look(&first, 2000, &[], &[1])).unwrap();
        let back = away.next(look(&away, 3000, &[(1, 2)], &[])).unwrap();
        let rows = expect![[r#"
            event: row data: "1.2"
            event: now id: 3000 data: {"all":1,"now":null}
        "#]];
        check(&back, Some(1000), false, &rows);
        check(&back, Some(2000), false, &rows);
    }

    #[test]
    fn what_has_left_is_remembered_up_to_a_count_and_then_the_rest_is_named() {
        let mut board = Board::default().next(look(&Board::default(), 1000, &[(1, 1)], &[])).unwrap();
        for nth in 2..=LEFT + 2 {
            board = board.next(look(&board, 0, &[(1, 1)], &[nth])).unwrap();
        }
        assert_eq!(board.left.len(), LEFT);
        // The first of them was of the number after the first look: whoever saw that has missed nothing.
        for (seen, named) in [(1000, true), (1001, false), (board.number(), false)] {
            assert_eq!(told(&board, Some(seen), false).contains("\"ids\""), named, "{seen}");
        }
    }
}
