//! Tiles (C2SP `tlog-tiles`): the tree cut into pieces that are served as files. A tile of level 0 has up to 256 leaf
//! hashes; one of level L has the roots of up to 256 full tiles of level L − 1. This is where a tile stands, how its
//! path and its bytes are written, and which tiles a log has to write when it grows.
//!
//! ```text
//! tile/0/x001/234             a full tile, number 1234 of level 0: 8192 bytes
//! tile/1/004.p/17             the same at the right edge, 17 hashes wide: a prefix of what it will be
//! tile/entries/x001/234       the entries under tile 1234 of level 0 (`bundle`)
//! ```
//!
//! The format has room for 64 levels. A tree whose size is a `u64` has eight, so that a path beyond them is refused: no
//! log that we can name has such a tile. A tile of no hashes is none (the specification forbids serving it), and so the
//! empty tree has no tiles at all.

use std::{
    fmt::{self, Write as _},
    ops::Range,
    str::FromStr,
};

use crate::{Hash, bundle::WIDTH};

/// Levels of the largest tree.
pub const LEVELS: u8 = 8;
/// `tile/entries/x018/x446/x744/x073/x709/x551/615.p/255`, and room.
const MAX_PATH: usize = 64;
const HASH_LEN: usize = 32;

/// Where a tile stands, and how many hashes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    /// 1 to 256.
    width: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tile has {found} bytes and not {expected}")]
pub struct TileError {
    pub found: usize,
    pub expected: usize,
}

impl Tile {
    /// `None` where no tree of a `u64`'s size has such a tile.
    pub fn new(level: u8, index: u64, width: u64) -> Option<Self> {
        let end = index.checked_mul(WIDTH)?.checked_add(width)?;
        let exists = (1..=WIDTH).contains(&width) && end <= hashes_at(level, u64::MAX);
        exists.then_some(Self { level, index, width: u16::try_from(width).ok()? })
    }

    /// The tile that the tree of `size` entries has there: full, or as wide as the tree reaches.
    pub fn of_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = hashes_at(level, size).checked_sub(index.checked_mul(WIDTH)?)?;
        Self::new(level, index, width.min(WIDTH))
    }

    pub const fn level(self) -> u8 {
        self.level
    }

    pub const fn index(self) -> u64 {
        self.index
    }

    /// 1 to 256.
    pub fn width(self) -> u64 {
        u64::from(self.width)
    }

    pub fn is_full(self) -> bool {
        self.width() == WIDTH
    }

    /// What this tile becomes; its first hashes are this tile's. `None` where the largest tree never fills it.
    pub fn full(self) -> Option<Self> {
        Self::new(self.level, self.index, WIDTH)
    }

    /// The tile above that has, or will have, this one's root, and the place of that among its hashes.
    pub fn parent(self) -> Option<(Self, usize)> {
        let place = self.index % WIDTH;
        let parent = Self::new(self.level.checked_add(1)?, self.index / WIDTH, place + 1)?;
        Some((parent, usize::try_from(place).ok()?))
    }

    /// The numbers of its hashes among those of its level.
    pub fn hashes(self) -> Range<u64> {
        let start = self.index.saturating_mul(WIDTH);
        start..start.saturating_add(self.width())
    }

    /// Whether the tree of `size` entries has all of it.
    pub fn is_in(self, size: u64) -> bool {
        self.hashes().end <= hashes_at(self.level, size)
    }

    pub fn path(self) -> String {
        Resource::Hashes(self).path()
    }

    /// The hashes in the tile's bytes: its own, or those of the full tile that it becomes, of which it takes its part.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let expected = usize::from(self.width) * HASH_LEN;
        if bytes.len() != expected && bytes.len() as u64 != WIDTH * HASH_LEN as u64 {
            return Err(TileError { found: bytes.len(), expected });
        }
        let (hashes, _) = bytes.as_chunks::<HASH_LEN>();
        Ok(hashes.iter().take(usize::from(self.width)).map(|hash| Hash::from_bytes(*hash)).collect())
    }
}

/// A tile's bytes, or part of them: one hash after the other.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// The tiles that the tree of `new` entries has and that of `old` has not, or not so wide; lower levels first, each
/// from the left. None where the tree does not grow.
pub fn grown(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    (0..LEVELS).flat_map(move |level| {
        let (before, after) = (hashes_at(level, old), hashes_at(level, new));
        let indices = if before < after { before / WIDTH..after.div_ceil(WIDTH) } else { 0..0 };
        indices.filter_map(move |index| Tile::of_tree(level, index, new))
    })
}

/// How many hashes the tree of `size` entries has at `level`: roots of full tiles below, or at level 0 leaf hashes.
const fn hashes_at(level: u8, size: u64) -> u64 {
    if level < LEVELS { size >> (8 * level) } else { 0 }
}

/// One file of a served log besides its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    Hashes(Tile),
    /// The entries whose leaf hashes are this tile of level 0.
    Entries(Tile),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is the path of no tile and no entry bundle (`tile/L/N`, `tile/entries/N`, each with or without `.p/W`)"
)]
pub struct PathError;

impl Resource {
    pub const fn tile(self) -> Tile {
        match self {
            Self::Hashes(tile) | Self::Entries(tile) => tile,
        }
    }

    /// Below the log's folder or URL; also [`fmt::Display`].
    pub fn path(self) -> String {
        self.to_string()
    }

    /// The path of what this becomes once it is full, and is a prefix of: without `.p/W`.
    pub fn full_path(self) -> String {
        match self {
            Self::Hashes(tile) => format!("tile/{}/{}", tile.level, number_path(tile.index)),
            Self::Entries(tile) => format!("tile/entries/{}", number_path(tile.index)),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tile = self.tile();
        f.write_str(&self.full_path())?;
        if tile.is_full() { Ok(()) } else { write!(f, ".p/{}", tile.width) }
    }
}

/// Only the one spelling that [`Resource::path`] writes is read.
impl FromStr for Resource {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        if path.len() > MAX_PATH {
            return Err(PathError);
        }
        let resource = parse(path).ok_or(PathError)?;
        if resource.path() == path { Ok(resource) } else { Err(PathError) }
    }
}

/// Accepts other spellings too, such as leading zeros.
fn parse(path: &str) -> Option<Resource> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (rest, WIDTH),
    };
    let index = number.split('/').try_fold(0u64, |index, group| {
        let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index.checked_mul(1000)?.checked_add(group)
    })?;
    match kind {
        "entries" => Tile::new(0, index, width).map(Resource::Entries),
        level => Tile::new(level.parse().ok()?, index, width).map(Resource::Hashes),
    }
}

/// `x001/x234/067` for 1234067.
pub(crate) fn number_path(number: u64) -> String {
    let mut groups = vec![number % 1000];
    let mut rest = number / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    let mut path = String::new();
    for (nth, group) in groups.iter().enumerate().rev() {
        // Writing to a String cannot fail.
        let _ = if nth == 0 { write!(path, "{group:03}") } else { write!(path, "x{group:03}/") };
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(path: &str, expected: Option<(u8, u64, u64)>) {
        let parsed = path.parse::<Resource>();
        assert_eq!(
            parsed.ok().map(Resource::tile),
            expected.and_then(|(l, n, w)| Tile::new(l, n, w)),
            "{path}"
        );
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.path(), path);
            assert_eq!(matches!(parsed, Resource::Entries(_)), path.contains("entries"));
        }
        assert_eq!(parsed.is_ok(), expected.is_some(), "{path}");
    }

    #[test]
    fn a_tile_has_one_path() {
        check("tile/0/000", Some((0, 0, 256)));
        check("tile/1/004.p/17", Some((1, 4, 17)));
        check("tile/0/x001/x234/067", Some((0, 1_234_067, 256)));
        check("tile/0/x001/x234/067.p/1", Some((0, 1_234_067, 1)));
        check("tile/entries/x001/234", Some((0, 1234, 256)));
        check("tile/entries/999.p/255", Some((0, 999, 255)));
        check("tile/7/000.p/255", Some((7, 0, 255)));
        check("tile/6/000", Some((6, 0, 256)));
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile//000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/x001/x002",
            "tile/0/xx01/002",
            "tile/0/x1/002",
            "tile/00/000",
            "tile/+1/000",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/-01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/+1",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/.p/1",
            "tile/0/000.P/1",
            "Tile/0/000",
            "tile/entries",
            "tile/entries/",
            "tile/entries/0",
            "tile/data/000",
            "tile/8/000.p/1",
            "tile/63/000.p/1",
            "tile/7/000",
            "tile/7/001.p/1",
            "tile/0/x018/x446/x744/x073/x709/x551/615",
            "tile/0/../0/000",
            "tile/0/٠٠٠",
            "tile/0/x099/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn a_tree_has_the_tiles_of_the_specifications_examples() {
        let tiles = |size| grown(0, size).map(Tile::path).collect::<Vec<_>>();
        let of_70_000 = tiles(70_000);
        assert_eq!(of_70_000.len(), 273 + 1 + 1 + 1 + 1);
        let right = ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"];
        assert_eq!(of_70_000[273..], right);
        assert_eq!(tiles(256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles(0), Vec::<String>::new());
        assert_eq!(tiles(1), ["tile/0/000.p/1"]);
    }

    #[test]
    fn what_grows_is_what_has_to_be_written() {
        let grown = |old, new| grown(old, new).map(Tile::path).collect::<Vec<_>>();
        assert_eq!(grown(5, 5), Vec::<String>::new());
        assert_eq!(grown(6, 5), Vec::<String>::new());
        assert_eq!(grown(5, 7), ["tile/0/000.p/7"]);
        assert_eq!(grown(255, 256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(grown(256, 257), ["tile/0/001.p/1"]);
        assert_eq!(grown(300, 600), ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]);
        assert_eq!(super::grown(u64::MAX - 1, u64::MAX).map(Tile::level).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn the_last_tile_of_the_largest_tree_is_never_full() {
        let last = Tile::of_tree(0, u64::MAX / 256, u64::MAX).unwrap();
        assert_eq!((last.width(), last.full()), (255, None));
        assert_eq!(Tile::of_tree(8, 0, u64::MAX), None);
        assert_eq!(Tile::of_tree(0, 1, 256), None);
    }

    #[test]
    fn the_bytes_are_the_hashes_and_a_part_is_read_from_the_whole() {
        let hashes: Vec<Hash> = (0..=255).map(|n| Hash::from_bytes([n; 32])).collect();
        let whole = encode_hashes(&hashes);
        assert_eq!(whole.len(), 8192);
        let tile = Tile::new(0, 3, 17).unwrap();
        assert_eq!(tile.decode(&whole).unwrap(), hashes[..17]);
        assert_eq!(tile.decode(&whole[..17 * 32]).unwrap(), hashes[..17]);
        assert_eq!(tile.full().unwrap().decode(&whole).unwrap(), hashes);
        for found in [0, 31, 17 * 32 - 1, 17 * 32 + 1, 18 * 32, 8191] {
            assert_eq!(tile.decode(&whole[..found]), Err(TileError { found, expected: 544 }));
        }
    }

    #[test]
    fn a_tile_lies_under_its_parent() {
        let (parent, place) = Tile::new(0, 273, 256).unwrap().parent().unwrap();
        assert_eq!((parent.path(), place), ("tile/1/001.p/18".to_owned(), 17));
        assert_eq!(Tile::new(7, 0, 255).unwrap().parent(), None);
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0u8..9, index: u64, width in 0u64..300, shift in 0u32..64) {
            if let Some(tile) = Tile::new(level, index >> shift, width) {
                for resource in [Resource::Hashes(tile), Resource::Entries(Tile { level: 0, ..tile })] {
                    prop_assert!(resource.path().len() <= MAX_PATH);
                    prop_assert_eq!(resource.path().parse(), Ok(resource));
                }
                prop_assert!(tile.is_in(u64::MAX));
            }
        }

        #[test]
        fn parsing_never_panics_and_paths_are_unique(path in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,7}[0-9]{2,4}(\\.p/[0-9]{1,4})?") {
            if let Ok(resource) = path.parse::<Resource>() {
                prop_assert_eq!(resource.path(), path);
            }
        }

        #[test]
        fn growing_writes_each_tile_of_the_new_tree_that_the_old_had_not(old in 0u64..200_000, more in 0u64..200_000) {
            let new = old + more;
            let had: std::collections::BTreeSet<Tile> = grown(0, old).collect();
            let wanted: Vec<Tile> = grown(0, new).filter(|tile| !had.contains(tile)).collect();
            prop_assert_eq!(grown(old, new).collect::<Vec<_>>(), wanted);
        }
    }
}
