//! Which checkpoint has which cosignatures. Witnesses are asked side by side and answer when they do, so the lines of one
//! checkpoint come together over time; the newest that has enough of them is what readers are given.

use std::collections::BTreeMap;

/// A witness that answers later than so many checkpoints answers about one that nobody waits for any more.
const REMEMBERED: usize = 64;

#[derive(Clone, Debug)]
pub struct Gathering {
    quorum: usize,
    /// By size; only those newer than what is witnessed, and that itself.
    open: BTreeMap<u64, Cosigned>,
    witnessed: Option<u64>,
}

#[derive(Clone, Debug)]
struct Cosigned {
    /// The log's own note.
    note: String,
    /// By the witness's name in the bundle.
    lines: BTreeMap<String, String>,
}

impl Gathering {
    /// `quorum` is how many witnesses make a checkpoint witnessed; 0 counts as 1.
    pub fn new(quorum: usize) -> Self {
        Self { quorum: quorum.max(1), open: BTreeMap::new(), witnessed: None }
    }

    /// Takes in that `witness` gave `line` (verified by the caller) on the checkpoint of `size` in `note`. The answer is
    /// the note with all its cosignatures where it is the newest that has enough of them.
    pub fn add(&mut self, size: u64, note: &str, witness: &str, line: &str) -> Option<String> {
        if self.witnessed.is_some_and(|newest| size < newest) {
            return None;
        }
        let open = self
            .open
            .entry(size)
            .or_insert_with(|| Cosigned { note: note.to_owned(), lines: BTreeMap::new() });
        open.lines.insert(witness.to_owned(), line.to_owned());
        let enough = open.lines.len() >= self.quorum;
        if enough {
            self.witnessed = Some(size);
            self.open.retain(|known, _| *known >= size);
        }
        while self.open.len() > REMEMBERED {
            let oldest = self.open.keys().find(|known| Some(**known) != self.witnessed).copied();
            match oldest {
                Some(oldest) => self.open.remove(&oldest),
                None => break,
            };
        }
        if enough { self.witnessed() } else { None }
    }

    /// The newest checkpoint that enough witnesses cosigned, with their lines, as a signed note.
    pub fn witnessed(&self) -> Option<String> {
        let newest = self.open.get(&self.witnessed?)?;
        let lines: String = newest.lines.values().map(String::as_str).collect();
        Some(format!("{}{lines}", newest.note))
    }

    /// Its size.
    pub const fn witnessed_size(&self) -> Option<u64> {
        self.witnessed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(quorum: usize, given: &[(u64, &str)], expected: &[Option<&str>]) {
        let mut gathering = Gathering::new(quorum);
        let told: Vec<_> = given
            .iter()
            .map(|(size, witness)| {
                gathering.add(*size, &format!("{size}: "), witness, &format!("{witness} "))
            })
            .collect();
        assert_eq!(told.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{quorum} of {given:?}");
    }

    #[test]
    fn the_newest_that_has_enough_is_witnessed() {
        check(
            1,
            &[(3, "a"), (5, "b"), (4, "a"), (5, "a")],
            &[Some("3: a "), Some("5: b "), None, Some("5: a b ")],
        );
        check(
            2,
            &[(3, "a"), (5, "a"), (3, "b"), (5, "c"), (5, "b"), (3, "c")],
            &[None, None, Some("3: a b "), Some("5: a c "), Some("5: a b c "), None],
        );
        check(2, &[(3, "a"), (3, "a")], &[None, None]);
        check(0, &[(1, "a")], &[Some("1: a ")]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_never_forgets_what_is_witnessed() {
        let mut gathering = Gathering::new(2);
        for witness in ["a", "b"] {
            gathering.add(1, "1: ", witness, witness);
        }
        for size in 2..1000 {
            assert_eq!(gathering.add(size, "n", "a", "a"), None);
        }
        assert_eq!(gathering.open.len(), REMEMBERED);
        assert_eq!(gathering.witnessed().as_deref(), Some("1: ab"));
        assert_eq!(gathering.add(999, "n", "b", "b").as_deref(), Some("nab"));
        assert_eq!((gathering.open.len(), gathering.witnessed_size()), (1, Some(999)));
    }
}
