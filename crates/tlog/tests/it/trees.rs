//! Beside `ct-merkle`, which keeps its trees in memory, has no tiles, and has the hashes of a proof in one string.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use proptest::prelude::*;
use sha2_next::Sha256;
use tlog::{
    Frontier, Hash, consistency_proof, inclusion_proof, leaf_hash, root_of, verify_consistency,
    verify_inclusion,
};

use crate::entries;

fn tree_of(entries: &[Vec<u8>]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    entries.iter().for_each(|entry| tree.push(entry.clone()));
    tree
}

fn theirs(root: Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

fn joined(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(Hash::as_bytes).copied().collect()
}

fn parted(proof: &[u8]) -> Vec<Hash> {
    proof.chunks(32).map(|hash| Hash::from_bytes(hash.try_into().unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn roots_and_proofs_are_the_same_and_taken_by_both(entries in entries(), at in 0.0f64..1.0, spoil in any::<(usize, u8)>()) {
        let size = entries.len() as u64;
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let (tree, root) = (tree_of(&entries), root_of(&leaves));
        prop_assert_eq!(tree.root().as_bytes().to_vec(), root.as_bytes().to_vec());
        prop_assert_eq!(Frontier::from_leaves(&leaves).root(), root);

        let index = (size as f64 * at) as usize;
        let ours = inclusion_proof(&leaves, index as u64, size).unwrap();
        let made = tree.prove_inclusion(index);
        prop_assert_eq!(made.as_bytes().to_vec(), joined(&ours));
        prop_assert_eq!(verify_inclusion(&leaves[index], index as u64, size, &parted(made.as_bytes()), &root), Ok(()));

        let old = index + 1;
        let old_root = root_of(&leaves[..old]);
        let ours_grown = consistency_proof(&leaves, old as u64, size).unwrap();
        let made = tree.prove_consistency(entries.len() - old);
        prop_assert_eq!(made.as_bytes().to_vec(), joined(&ours_grown));
        prop_assert_eq!(verify_consistency(old as u64, size, &old_root, &root, &parted(made.as_bytes())), Ok(()));

        // Of a proof with one changed byte, or cut, both think the same: it is none.
        for (proof, grows) in [(&ours, false), (&ours_grown, true)] {
            let mut bytes = joined(proof);
            let (place, bit) = (spoil.0 % bytes.len().max(1), 1 << (spoil.1 % 8));
            let Some(byte) = bytes.get_mut(place) else { continue };
            *byte ^= bit;
            let cut = bytes[..bytes.len() - 32].to_vec();
            for bytes in [bytes, cut] {
                let proof = parted(&bytes);
                let (us, them) = if grows {
                    let theirs_old = theirs(old_root, old as u64);
                    let proof_of_theirs = ConsistencyProof::try_from_bytes(bytes).unwrap();
                    (
                        verify_consistency(old as u64, size, &old_root, &root, &proof).is_ok(),
                        theirs(root, size).verify_consistency(&theirs_old, &proof_of_theirs).is_ok(),
                    )
                } else {
                    let proof_of_theirs = InclusionProof::try_from_bytes(bytes).unwrap();
                    (
                        verify_inclusion(&leaves[index], index as u64, size, &proof, &root).is_ok(),
                        theirs(root, size).verify_inclusion(&entries[index], index as u64, &proof_of_theirs).is_ok(),
                    )
                };
                prop_assert_eq!((us, them), (false, false));
            }
        }
    }
}
