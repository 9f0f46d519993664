//! Beside `tlog_tiles`. It writes the height of its tiles (8) into the path, and calls the bundles `data`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tlog::{Edge, Hash, Plan, Resource, Tile, encode_hashes, grown, leaf_hash, root_of};
use tlog_tiles::{
    Error, HashReader, TileHashReader, TileReader, check_record, check_tree, prove_record, prove_tree,
    record_hash, stored_hash_index, stored_hashes, tree_hash,
};

use crate::entries;

const HEIGHT: u8 = 8;

fn path_of(theirs: &str) -> String {
    theirs.replacen("tile/8/data/", "tile/entries/", 1).replacen("tile/8/", "tile/", 1)
}

fn ours(hash: &tlog_tiles::Hash) -> Hash {
    Hash::from_bytes(hash.0)
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

/// Every node of the tree, in the order in which the crate numbers them.
#[derive(Default)]
struct Nodes(Vec<tlog_tiles::Hash>);

impl Nodes {
    fn of(entries: &[Vec<u8>]) -> Self {
        let mut nodes = Self::default();
        for (n, entry) in (0..).zip(entries) {
            let more = stored_hashes(n, entry, &nodes).unwrap();
            nodes.0.extend(more);
        }
        nodes
    }
}

impl HashReader for Nodes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

/// Our tiles, as files.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// As a writer makes them, entry by entry; what a later tile of the same place replaces is gone.
    fn of(entries: &[Vec<u8>]) -> Self {
        let (mut edge, mut files) = (Edge::new(), BTreeMap::new());
        for entry in entries {
            for full in edge.append(leaf_hash(entry)) {
                files.insert(full.tile.path(), encode_hashes(&full.hashes));
            }
        }
        files.extend(edge.tiles().map(|(tile, hashes)| (tile.path(), encode_hashes(hashes))));
        Self(files)
    }
}

impl TileReader for Files {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, Error> {
        Ok(tiles.iter().map(|tile| self.0[&path_of(&tile.path())].clone()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn growing_trees_have_the_same_tiles_under_the_same_paths(entries in entries(), old in 0.0f64..1.0) {
        let (size, nodes) = (entries.len() as u64, Nodes::of(&entries));
        let files = Files::of(&entries);
        let all = tlog_tiles::Tile::new_tiles(HEIGHT, 0, size);
        prop_assert_eq!(all.len(), files.0.len());
        for tile in all {
            prop_assert_eq!(&files.0[&path_of(&tile.path())], &tile.read_data(&nodes).unwrap());
        }
        let old = (size as f64 * old) as u64;
        let made: Vec<String> = grown(old, size).map(Tile::path).collect();
        let expected: Vec<String> =
            tlog_tiles::Tile::new_tiles(HEIGHT, old, size).iter().map(|tile| path_of(&tile.path())).collect();
        prop_assert_eq!(made, expected);
    }

    /// A reader that is not ours reads our tiles and comes to the same proofs, and each takes the other's.
    #[test]
    fn proofs_out_of_tiles_are_the_same(entries in entries(), at in 0.0f64..1.0) {
        let (size, files) = (entries.len() as u64, Files::of(&entries));
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let root = root_of(&leaves);
        prop_assert_eq!(ours(&tree_hash(size, &Nodes::of(&entries)).unwrap()), root);
        let reader = TileHashReader::new(size, theirs(&root), &files);

        let fill = |plan: Plan| {
            let tiles = plan.tiles().into_iter().map(|tile| (tile, tile.decode(&files.0[&tile.path()]).unwrap()));
            plan.fill(&tiles.collect()).unwrap()
        };
        let index = (size as f64 * at) as u64;
        let made: Vec<_> = prove_record(size, index, &reader).unwrap();
        let ours_made = fill(Plan::inclusion(index, size).unwrap());
        prop_assert_eq!(made.iter().map(ours).collect::<Vec<_>>(), ours_made.clone());
        let leaf = record_hash(&entries[index as usize]);
        let proof = ours_made.iter().map(theirs).collect();
        prop_assert!(check_record(&proof, size, theirs(&root), index, leaf).is_ok());

        let old = index + 1;
        let made: Vec<_> = prove_tree(size, old, &reader).unwrap();
        let ours_made = fill(Plan::consistency(old, size).unwrap());
        prop_assert_eq!(made.iter().map(ours).collect::<Vec<_>>(), ours_made.clone());
        let old_root = root_of(&leaves[..old as usize]);
        let proof = ours_made.iter().map(theirs).collect();
        prop_assert!(check_tree(&proof, size, theirs(&root), old, theirs(&old_root)).is_ok());
        prop_assert_eq!(ours(&tree_hash(old, &reader).unwrap()), old_root);
    }

    #[test]
    fn paths_are_the_same_for_any_tile(level in 0u8..8, index: u64, shift in 0u32..64, width in 1u32..=256, bundle: bool) {
        let level = if bundle { 0 } else { level };
        let Some(tile) = Tile::new(level, index >> shift, u64::from(width)) else { return Ok(()) };
        let resource = if bundle { Resource::Entries(tile) } else { Resource::Hashes(tile) };
        let path = path_of(&tlog_tiles::Tile::new(HEIGHT, level, index >> shift, width, bundle).path());
        prop_assert_eq!(resource.path(), path.clone());
        prop_assert_eq!(path.parse(), Ok(resource));
    }

    /// Of what is no path the two think alike, but that ours knows no level that a `u64` does not reach.
    #[test]
    fn what_is_a_path_is_one_for_both(rest in "(entries|[0-9]{1,2}|0|7)/(x?[0-9]{2,4}/){0,2}x?[0-9]{2,4}(\\.p/[0-9]{1,3})?") {
        let ours = format!("tile/{rest}").parse::<Resource>();
        let their_path = format!("tile/8/{}", rest.replacen("entries", "data", 1));
        // Theirs panics at levels past 63, and takes a width of 0.
        let level = rest.split('/').next().and_then(|level| level.parse::<u8>().ok()).unwrap_or(0);
        let no_width = rest.rsplit_once(".p/").is_some_and(|(_, width)| width.parse() == Ok(0));
        if level < 8 && !no_width {
            let theirs = tlog_tiles::Tile::from_path(&their_path).ok();
            let theirs = theirs.filter(|it| Tile::new(level, it.level_index(), u64::from(it.width())).is_some());
            prop_assert_eq!(ours.is_ok(), theirs.is_some(), "{}", rest);
        } else {
            prop_assert!(ours.is_err());
        }
    }
}

#[test]
fn nodes_are_numbered_by_level_and_place() {
    let nodes = Nodes::of(&[b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(
        nodes.0[stored_hash_index(1, 0) as usize].0,
        *root_of(&[leaf_hash(b"a"), leaf_hash(b"b")]).as_bytes()
    );
}
