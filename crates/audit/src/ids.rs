//! Which id stands in the log more than once, found without a table of all: they are sorted in pieces as they come, and
//! the pieces merged at the end.

use std::{cmp::Reverse, collections::BinaryHeap};

use model::EntryId;

/// Entries to a piece; an offset in it takes two bytes.
const PIECE: u64 = 1 << 16;

#[derive(Debug, Default)]
pub(crate) struct Ids {
    pieces: Vec<Piece>,
    /// Of the piece with this number, as they came.
    open: (u64, Vec<(EntryId, u16)>),
}

#[derive(Debug)]
struct Piece {
    number: u64,
    /// Ascending, and where each stands.
    ids: Box<[EntryId]>,
    offsets: Box<[u16]>,
}

impl Piece {
    fn at(&self, nth: usize) -> Option<(EntryId, u64)> {
        let offset = u64::from(*self.offsets.get(nth)?);
        Some((*self.ids.get(nth)?, self.number * PIECE + offset))
    }
}

/// An id, and two entries that have it, the earlier one first.
pub(crate) type Repeated = (EntryId, u64, u64);

impl Ids {
    /// Indices ascend.
    pub(crate) fn add(&mut self, index: u64, id: EntryId) {
        if self.open.0 != index / PIECE {
            self.seal();
            self.open.0 = index / PIECE;
        }
        self.open.1.push((id, u16::try_from(index % PIECE).unwrap_or(u16::MAX)));
    }

    fn seal(&mut self) {
        let (number, open) = &mut self.open;
        if open.is_empty() {
            return;
        }
        open.sort_unstable();
        let (ids, offsets): (Vec<_>, Vec<_>) = open.drain(..).unzip();
        self.pieces.push(Piece { number: *number, ids: ids.into(), offsets: offsets.into() });
    }

    /// Every entry whose id an earlier one has, with the last that has it; by its place.
    pub(crate) fn repeated(mut self) -> Vec<Repeated> {
        self.seal();
        let head = |piece: usize, nth: usize| {
            let (id, index) = self.pieces.get(piece)?.at(nth)?;
            Some(Reverse((id, index, piece, nth)))
        };
        let mut heads: BinaryHeap<_> = (0..self.pieces.len()).filter_map(|piece| head(piece, 0)).collect();
        let (mut last, mut repeated) = (None, Vec::new());
        while let Some(mut top) = heads.peek_mut() {
            let Reverse((id, index, piece, nth)) = *top;
            match head(piece, nth + 1) {
                Some(next) => *top = next,
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
            if let Some((known, first)) = last.replace((id, index))
                && known == id
            {
                repeated.push((id, first, index));
            }
        }
        repeated.sort_unstable_by_key(|(_, _, index)| *index);
        repeated
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a table of all, over pieces that are full, empty or overlap.
        #[test]
        fn what_repeats_is_what_a_table_finds(
            ids in proptest::collection::vec((0i64..30, prop_oneof![Just(1u64), Just(PIECE / 3), Just(PIECE * 2)]), 0..60)
        ) {
            let (mut table, mut expected) = (HashMap::new(), Vec::new());
            let (mut found, mut index) = (Ids::default(), 0);
            for (id, step) in ids {
                let id = EntryId::new(id, [0; 10]);
                index += step;
                found.add(index, id);
                if let Some(first) = table.insert(id, index) {
                    expected.push((id, first, index));
                }
            }
            prop_assert_eq!(found.repeated(), expected);
        }
    }
}
