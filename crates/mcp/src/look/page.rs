//! A part of a long list: as many as were asked for, and no more than a client takes in one answer.

use serde_json::Value;

use crate::backend::{Document, Refusal};

const MOST: u16 = 100;
const USUAL: u16 = 20;
/// Of JSON. Clients cut answers of some ten thousand tokens.
const BYTES: usize = 24 << 10;

/// Where a page begins, and how long it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    from: usize,
    limit: usize,
}

pub(super) struct Cut {
    pub(super) items: Vec<Value>,
    /// The cursor of the next page.
    pub(super) next: Option<String>,
}

impl Page {
    pub(super) fn of(cursor: Option<&str>, limit: Option<u16>) -> Result<Self, Refusal> {
        let from = match cursor {
            None => 0,
            Some(cursor) => cursor.parse::<u32>().map_err(|_| {
                Refusal::usage("`cursor` is none of ours").hint("take `next` of the answer before")
            })? as usize,
        };
        match limit.unwrap_or(USUAL) {
            limit @ 1..=MOST => Ok(Self { from, limit: limit.into() }),
            _ => Err(Refusal::usage(format!("`limit` is 1 to {MOST}"))),
        }
    }

    pub(super) const fn is_first(self) -> bool {
        self.from == 0
    }

    /// At least one item, where there is one.
    pub(super) fn cut<T>(self, all: &[T], told: impl Fn(&T) -> Value) -> Cut {
        let (mut items, mut bytes) = (Vec::new(), 0);
        for one in all.iter().skip(self.from).take(self.limit) {
            let item = told(one);
            bytes += item.to_string().len();
            if bytes > BYTES && !items.is_empty() {
                break;
            }
            items.push(item);
        }
        let at = self.from.saturating_add(items.len());
        let next = (at < all.len() && !items.is_empty()).then(|| at.to_string());
        Cut { items, next }
    }
}

impl Cut {
    /// `, of which these are the first 20`.
    pub(super) fn said(&self, page: Page) -> String {
        match (&self.next, self.items.len()) {
            (Some(next), count) => {
                format!(
                    "; here are {count} from number {}, and `cursor` \"{next}\" has the next",
                    page.from + 1
                )
            }
            (None, _) if page.is_first() => String::new(),
            (None, count) => format!("; here are the last {count}"),
        }
    }

    pub(super) fn put(self, name: &str, data: &mut Document) {
        data.insert(name.to_owned(), self.items.into());
        if let Some(next) = self.next {
            data.insert("next".to_owned(), next.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<usize> = (0..250).collect();
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = Page::of(cursor.as_deref(), Some(100)).unwrap();
            let cut = page.cut(&all, |one| Value::from(*one));
            seen.extend(cut.items.iter().filter_map(Value::as_u64));
            pages += 1;
            match cut.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (250, 3));
        assert!(seen.iter().zip(0..).all(|(one, nth)| *one == nth));
    }

    #[test]
    fn a_page_is_as_long_as_a_client_takes() {
        let all = vec!["x".repeat(10_000); 9];
        let page = Page::of(None, None).unwrap();
        assert_eq!(page.cut(&all, |one| Value::from(one.as_str())).items.len(), 2);
        let one = page.cut(&["x".repeat(100_000)], |one| Value::from(one.as_str()));
        assert_eq!((one.items.len(), one.next), (1, None), "one is told, however long");
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (cursor, limit) in [(Some("-1"), None), (Some("x"), None), (None, Some(0)), (None, Some(101))] {
            assert!(Page::of(cursor, limit).is_err(), "{cursor:?} {limit:?}");
        }
        let beyond = Page::of(Some("4000000000"), None).unwrap().cut(&[1], |one| Value::from(*one));
        assert_eq!((beyond.items.len(), beyond.next), (0, None));
    }
}
