//! How far a conversation reaches.

/// Whether somebody answers for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Server,
    /// What no server answers is not offered.
    SnapshotAlone,
}
