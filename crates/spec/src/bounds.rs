//! How much is read at all. Whatever exceeds a bound is refused before it is parsed.

/// What a file may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub bytes: usize,
    pub lines: usize,
    /// Bytes of one line.
    pub line: usize,
}

impl Bounds {
    /// Documents that people write: the longest known have 4,000 lines.
    pub const DOCUMENT: Self = Self { bytes: 1 << 20, lines: 20_000, line: 16 << 10 };
    /// Records of machine checks, which only grow.
    pub const RUN: Self = Self { bytes: 16 << 20, lines: 50_000, line: 8 << 10 };
    /// What somebody said they want.
    pub const INTENT: Self = Self { bytes: 128 << 10, lines: 5_000, line: 64 << 10 };
}

/// Numbers in ids.
pub(crate) const NUMBER: u32 = 9_999;
/// `1.2.3` is a task; nothing lies deeper.
pub(crate) const TASK_DEPTH: usize = 3;
/// Tasks, criteria, properties: of one document.
pub(crate) const ITEMS: usize = 5_000;
/// Of a whole specification: a criterion and something that serves it, as many times as that makes rows longer.
pub(crate) const LINKS: usize = 250_000;
/// References in one list.
pub(crate) const REFERENCES: usize = 500;
/// What a title or a criterion may have when it is put in.
pub(crate) const INSERTED: usize = 4_000;
