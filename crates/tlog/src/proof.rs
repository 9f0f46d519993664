//! Inclusion and consistency proofs (RFC 9162 §2.1.3, §2.1.4): which subtrees a proof consists of, and its check.
//!
//! **Size 0.** Every tree extends the empty one, so a proof from size 0 would say nothing; here it is an error on both
//! sides. The rule at the wire (an empty proof from size 0 is accepted) lives in [`crate::verify_growth`] alone.

use std::ops::Range;

use crate::{Hash, node_hash, root_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("a tree of {size} entries has no entry {index}")]
    IndexOutOfRange { index: u64, size: u64 },
    #[error("no proof leads from a tree of {old} entries to one of {new}")]
    SizesOutOfOrder { old: u64, new: u64 },
    #[error("nothing is proved from the empty tree: every tree extends it")]
    EmptyTree,
    #[error("the proof has the wrong number of hashes")]
    Length,
    #[error("the proof leads to another root")]
    Root,
}

/// The proof that `leaves[index]` is in the tree over the first `size` of `leaves`; `None` where it is not.
pub fn inclusion_proof(leaves: &[Hash], index: u64, size: u64) -> Option<Vec<Hash>> {
    subtree_roots(leaves, size, inclusion_ranges(index, size)?)
}

/// The proof that the tree over the first `new` leaves extends the one over the first `old`; `None` where `old` is 0
/// or more than `new`.
pub fn consistency_proof(leaves: &[Hash], old: u64, new: u64) -> Option<Vec<Hash>> {
    subtree_roots(leaves, new, consistency_ranges(old, new)?)
}

/// The leaves under each hash of an inclusion proof, in the proof's order.
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut low, mut high) = (0, size);
    let mut ranges = Vec::new();
    while high - low > 1 {
        let middle = low + split_point(high - low);
        if index < middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The leaves under each hash of a consistency proof, in the proof's order.
pub fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut low, mut high) = (0, new);
    let mut ranges = Vec::new();
    while old != high {
        let middle = low + split_point(high - low);
        if old <= middle {
            ranges.push(middle..high);
            high = middle;
        } else {
            ranges.push(low..middle);
            low = middle;
        }
    }
    // At `low == 0` what is left is the old tree itself, whose root the verifier holds.
    if low != 0 {
        ranges.push(low..high);
    }
    ranges.reverse();
    Some(ranges)
}

pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange { index, size });
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_right(node) || node == last {
            hash = node_hash(sibling, &hash);
            skip_missing_levels(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last, hash == *root) {
        (0, true) => Ok(()),
        (0, false) => Err(ProofError::Root),
        (1.., _) => Err(ProofError::Length),
    }
}

/// Whether the tree of `new` entries under `new_root` begins with the `old` entries under `old_root`.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old == 0 {
        return Err(ProofError::EmptyTree);
    }
    if old > new {
        return Err(ProofError::SizesOutOfOrder { old, new });
    }
    if old == new {
        return match (proof.is_empty(), old_root == new_root) {
            (false, _) => Err(ProofError::Length),
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
        };
    }
    // Where the old tree is perfect, its root is a node of the new tree and is left out of the proof.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::Length)?
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while is_right(node) {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_right(node) || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_missing_levels(&mut node, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        Err(ProofError::Length)
    } else if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// On the ragged right edge a node without a sibling is its own parent.
const fn skip_missing_levels(node: &mut u64, last: &mut u64) {
    while !is_right(*node) && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

const fn is_right(node: u64) -> bool {
    node & 1 == 1
}

/// The largest power of two below `size`, which is at least 2.
const fn split_point(size: u64) -> u64 {
    1 << (u64::BITS - 1 - size.saturating_sub(1).leading_zeros())
}

fn subtree_roots(leaves: &[Hash], size: u64, ranges: Vec<Range<u64>>) -> Option<Vec<Hash>> {
    let leaves = leaves.get(..usize::try_from(size).ok()?)?;
    let root = |range: Range<u64>| {
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        leaves.get(range).map(root_of)
    };
    ranges.into_iter().map(root).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::leaf_hash;

    const SIZES: u64 = 70;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn spoil(hash: Hash) -> Hash {
        let mut bytes = *hash.as_bytes();
        bytes[7] ^= 1;
        Hash::from_bytes(bytes)
    }

    /// Every way of spoiling one proof: a hash changed, dropped, added, or two swapped.
    fn corruptions(proof: &[Hash]) -> Vec<Vec<Hash>> {
        let mut all = vec![[proof, &[leaf_hash(b"more")]].concat(), [&[leaf_hash(b"more")], proof].concat()];
        for nth in 0..proof.len() {
            let mut changed = proof.to_vec();
            changed[nth] = spoil(changed[nth]);
            all.push(changed);
            let mut dropped = proof.to_vec();
            dropped.remove(nth);
            all.push(dropped);
            if nth > 0 {
                let mut swapped = proof.to_vec();
                swapped.swap(nth, nth - 1);
                all.push(swapped);
            }
        }
        all
    }

    #[test]
    fn every_inclusion_is_proved_and_no_spoiled_proof_passes() {
        let leaves = leaves(SIZES);
        for size in 1..=SIZES {
            let root = root_of(&leaves[..size as usize]);
            for index in 0..size {
                let leaf = leaves[index as usize];
                let proof = inclusion_proof(&leaves, index, size).unwrap();
                assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()), "{index} of {size}");
                for bad in corruptions(&proof) {
                    assert!(verify_inclusion(&leaf, index, size, &bad, &root).is_err(), "{index} of {size}");
                }
                assert!(verify_inclusion(&spoil(leaf), index, size, &proof, &root).is_err());
                assert!(verify_inclusion(&leaf, index, size, &proof, &spoil(root)).is_err());
                for other in (0..size).filter(|other| *other != index) {
                    assert!(
                        verify_inclusion(&leaf, other, size, &proof, &root).is_err(),
                        "{other} for {index}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_growth_is_proved_and_no_spoiled_proof_passes() {
        let leaves = leaves(SIZES);
        for new in 1..=SIZES {
            let new_root = root_of(&leaves[..new as usize]);
            for old in 1..=new {
                let old_root = root_of(&leaves[..old as usize]);
                let proof = consistency_proof(&leaves, old, new).unwrap();
                assert_eq!(
                    verify_consistency(old, new, &old_root, &new_root, &proof),
                    Ok(()),
                    "{old} to {new}"
                );
                for bad in corruptions(&proof) {
                    assert!(
                        verify_consistency(old, new, &old_root, &new_root, &bad).is_err(),
                        "{old} to {new}"
                    );
                }
                assert!(verify_consistency(old, new, &spoil(old_root), &new_root, &proof).is_err());
                assert!(verify_consistency(old, new, &old_root, &spoil(new_root), &proof).is_err());
            }
        }
    }

    /// The recursions of RFC 9162 §2.1.3.1 and §2.1.4.1, written as they stand there.
    #[test]
    fn proofs_are_those_of_the_definition() {
        fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
            if leaves.len() == 1 {
                return Vec::new();
            }
            let k = (1..leaves.len()).rev().find(|n| n.is_power_of_two()).unwrap();
            if index < k {
                [path(index, &leaves[..k]), vec![root_of(&leaves[k..])]].concat()
            } else {
                [path(index - k, &leaves[k..]), vec![root_of(&leaves[..k])]].concat()
            }
        }
        fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
            if old == leaves.len() {
                return if whole { Vec::new() } else { vec![root_of(leaves)] };
            }
            let k = (1..leaves.len()).rev().find(|n| n.is_power_of_two()).unwrap();
            if old <= k {
                [subproof(old, &leaves[..k], whole), vec![root_of(&leaves[k..])]].concat()
            } else {
                [subproof(old - k, &leaves[k..], false), vec![root_of(&leaves[..k])]].concat()
            }
        }
        let leaves = leaves(SIZES);
        for size in 1..=SIZES as usize {
            for n in 0..size {
                assert_eq!(inclusion_proof(&leaves, n as u64, size as u64), Some(path(n, &leaves[..size])));
                let old = n + 1;
                assert_eq!(
                    consistency_proof(&leaves, old as u64, size as u64),
                    Some(subproof(old, &leaves[..size], true))
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_proved_is_refused() {
        let leaves = leaves(4);
        let root = root_of(&leaves);
        assert_eq!(inclusion_proof(&leaves, 4, 4), None);
        assert_eq!(inclusion_proof(&leaves, 0, 5), None);
        assert_eq!(consistency_proof(&leaves, 0, 4), None);
        assert_eq!(consistency_proof(&leaves, 4, 3), None);
        assert_eq!(verify_consistency(0, 4, &crate::empty_root(), &root, &[]), Err(ProofError::EmptyTree));
        assert_eq!(
            verify_consistency(4, 3, &root, &root, &[]),
            Err(ProofError::SizesOutOfOrder { old: 4, new: 3 })
        );
        assert_eq!(
            verify_inclusion(&root, 0, 0, &[], &root),
            Err(ProofError::IndexOutOfRange { index: 0, size: 0 })
        );
    }

    proptest! {
        #[test]
        fn verifiers_never_panic(
            a: u64, b: u64, proof in proptest::collection::vec(any::<[u8; 32]>(), 0..70), root: [u8; 32],
        ) {
            let proof: Vec<Hash> = proof.into_iter().map(Hash::from_bytes).collect();
            let root = Hash::from_bytes(root);
            prop_assert!(verify_inclusion(&root, a, b, &proof, &leaf_hash(b"x")).is_err());
            let _ = verify_consistency(a, b, &root, &root, &proof);
            let _ = (inclusion_ranges(a, b), consistency_ranges(a, b));
        }
    }
}
