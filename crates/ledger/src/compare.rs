//! Tiles beside the entries they are made of, for the auditor. They say nothing that the entries do not say, so a wrong one
//! convicts nobody of a false history; it is named because readers would be given it.

use std::{io, path::Path};

use tlog::{Edge, FullTile, Hash, Resource, Tile, encode_hashes, leaf_hash};

use crate::{
    disk::{Disk as _, RealDisk},
    files::{Files, MAX_TILE},
    read::{FileProblem, problem_at},
};

/// Compares tiles as the entries come that they are made of: those that the checkpoint covers. A log without any tile of
/// leaf hashes is of a version that wrote none. One that is not full may be short or missing: it is not synced, so that a
/// power cut may have taken it, and whoever opens the log makes it anew. It may also be longer: the log grows while it is
/// read.
#[derive(Debug)]
pub(crate) struct TileCheck {
    edge: Edge,
    problems: Vec<FileProblem>,
}

impl TileCheck {
    /// `None` where there are no tiles.
    pub(crate) fn of(files: &Files) -> Option<Self> {
        let first = Tile::new(0, 0, 1).map(|tile| files.tile(tile));
        let there = first.as_deref().and_then(Path::parent).is_some_and(Path::is_dir);
        there.then(|| Self { edge: Edge::new(), problems: Vec::new() })
    }

    pub(crate) fn append(&mut self, files: &Files, entry: &[u8]) {
        for FullTile { tile, hashes } in self.edge.append(leaf_hash(entry)) {
            self.problems.extend(compare(files, tile, &hashes));
        }
    }

    pub(crate) fn finish(self, files: &Files) -> Vec<FileProblem> {
        let Self { edge, mut problems } = self;
        problems.extend(edge.tiles().filter_map(|(tile, hashes)| compare(files, tile, hashes)));
        problems
    }
}

fn compare(files: &Files, tile: Tile, hashes: &[Hash]) -> Option<FileProblem> {
    let name = Resource::Hashes(tile).full_path();
    let wanted = encode_hashes(hashes);
    let message = match RealDisk.read(&files.tile(tile), MAX_TILE) {
        Ok(found) if found.starts_with(&wanted) => return None,
        Ok(found) if wanted.starts_with(&found) && !tile.is_full() => return None,
        Ok(found) if wanted.starts_with(&found) => {
            format!("breaks off after {} of {} hashes", found.len() / 32, hashes.len())
        }
        Ok(found) => {
            let at =
                found.chunks(32).zip(hashes).take_while(|(found, hash)| *found == hash.as_bytes()).count();
            let each = 1u64 << (8 * tile.level());
            let first = (tile.hashes().start + at as u64) * each;
            match each {
                1 => format!("hash {at} is not that of entry {first}"),
                _ => format!("hash {at} is not that of entries {first} to {}", first + each - 1),
            }
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound && !tile.is_full() => return None,
        Err(err) if err.kind() == io::ErrorKind::NotFound => format!("is missing: {} hashes", hashes.len()),
        Err(err) => err.to_string(),
    };
    Some(problem_at(&name, message))
}
