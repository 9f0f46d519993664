//! Beside implementations by others, over random trees: roots, proofs, tiles, paths and notes agree, and each takes
//! what the other makes. `cfg(test)` tells the lints that helpers, too, are tests.

#[cfg(test)]
mod notes;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod trees;

/// Entries of various lengths; equal ones occur.
#[cfg(test)]
fn entries() -> impl proptest::strategy::Strategy<Value = Vec<Vec<u8>>> {
    use proptest::prelude::*;
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..5), 1..700)
}
