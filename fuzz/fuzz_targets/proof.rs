//! Proofs from whoever stands in the log's place: two numbers, a root, and hashes. Nothing panics, whatever the sizes;
//! plans are of few tiles, all of the tree; and a true proof with anything changed is none.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use tlog::{Edge, Hash, Plan, Tile, leaf_hash, root_of, verify_consistency, verify_inclusion};

fuzz_target!(|data: &[u8]| {
    let Some((numbers, rest)) = data.split_at_checked(16) else { return };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let (a, b) = (number(&numbers[..8]), number(&numbers[8..]));
    let hashes: Vec<Hash> = rest.as_chunks().0.iter().map(|hash| Hash::from_bytes(*hash)).collect();
    let root = hashes.first().copied().unwrap_or_else(tlog::empty_root);
    let _ = (verify_inclusion(&root, a, b, &hashes, &root), verify_consistency(a, b, &root, &root, &hashes));
    for plan in [Plan::inclusion(a, b), Plan::consistency(a, b), Plan::root(b)].into_iter().flatten() {
        let tiles = plan.tiles();
        assert!(tiles.len() <= 16 && tiles.iter().all(|tile| tile.is_in(b)));
        let _ = plan.fill(&BTreeMap::from([(Tile::new(0, 0, 256).unwrap(), hashes.clone())]));
    }
    changed(a, b, rest);
});

/// A true proof in a small tree, xored with what was given.
fn changed(a: u64, b: u64, xor: &[u8]) {
    let size = b % 600 + 1;
    let index = a % size;
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let (mut edge, mut tiles) = (Edge::new(), BTreeMap::new());
    for leaf in &leaves {
        tiles.extend(edge.append(*leaf).into_iter().map(|full| (full.tile, full.hashes)));
    }
    tiles.extend(edge.tiles().map(|(tile, hashes)| (tile, hashes.to_vec())));
    let (root, old) = (edge.root(), root_of(&leaves[..=index as usize]));

    let mut mask = xor.iter().copied().chain(std::iter::repeat(0));
    let mut spoil = |proof: &[Hash]| -> Vec<Hash> {
        proof.iter().map(|hash| Hash::from_bytes(hash.as_bytes().map(|byte| byte ^ mask.next().unwrap_or(0)))).collect()
    };
    let proof = Plan::inclusion(index, size).unwrap().fill(&tiles).unwrap();
    let spoilt = spoil(&proof);
    let verified = verify_inclusion(&leaves[index as usize], index, size, &spoilt, &root);
    assert_eq!(verified.is_ok(), spoilt == proof);
    let proof = Plan::consistency(index + 1, size).unwrap().fill(&tiles).unwrap();
    let spoilt = spoil(&proof);
    let verified = verify_consistency(index + 1, size, &old, &root, &spoilt);
    assert_eq!(verified.is_ok(), spoilt == proof);
}
