//! The tree's hashes, with the domain separation of RFC 6962 §2.1: a leaf can never pass for an inner node.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of the tree; its text is standard base64, as checkpoints write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tree hash is the base64 of 32 bytes")]
pub struct HashError;

impl Hash {
    /// Characters of its base64 text.
    pub(crate) const TEXT_LEN: usize = 44;

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Only the one canonical spelling is read: padded, no stray bits.
impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        if text.len() != Self::TEXT_LEN {
            return Err(HashError);
        }
        let bytes = STANDARD.decode(text).map_err(|_| HashError)?;
        bytes.try_into().map(Self).map_err(|_| HashError)
    }
}

/// `SHA-256(0x00 || entry)`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new_with_prefix([0x00]).chain_update(entry).finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new_with_prefix([0x01]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of a tree without leaves: the hash of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The root over `leaves` (leaf hashes) by the definition in RFC 6962 §2.1; linear in their number. A list of roots
/// of perfect subtrees of one size, of which only the last may be ragged, has the same root as all their leaves.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        more => match more.split_at_checked(split_point(more.len())) {
            // The recursion is at most 64 deep: every left half is a power of two, every right half smaller.
            Some((left, right)) => node_hash(&root_of(left), &root_of(right)),
            None => empty_root(),
        },
    }
}

/// The largest power of two below `len`, which is at least 2.
const fn split_point(len: usize) -> usize {
    1 << (usize::BITS - 1 - len.saturating_sub(1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tree over these eight entries is the one that implementations of RFC 6962 compare themselves by.
    pub(crate) fn known_entries() -> Vec<Vec<u8>> {
        let text = [
            &[][..],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        text.into_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn roots_are_the_known_ones() {
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves: Vec<Hash> = known_entries().iter().map(|entry| leaf_hash(entry)).collect();
        for (size, root) in roots.into_iter().enumerate() {
            let hex: String =
                root_of(&leaves[..size]).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, root, "size {size}");
        }
    }

    #[test]
    fn a_list_of_perfect_subtrees_has_the_root_of_its_leaves() {
        let leaves: Vec<Hash> = (0u32..1030).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for size in [1, 255, 256, 257, 511, 512, 513, 768, 1024, 1025, 1030] {
            let bundles: Vec<Hash> = leaves[..size].chunks(256).map(root_of).collect();
            assert_eq!(root_of(&bundles), root_of(&leaves[..size]), "size {size}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips_and_parsing_never_panics(bytes: [u8; 32], text in ".{0,60}") {
            let hash = Hash::from_bytes(bytes);
            prop_assert_eq!(hash.to_string().parse::<Hash>(), Ok(hash));
            if let Ok(parsed) = text.parse::<Hash>() {
                prop_assert_eq!(parsed.to_string(), text);
            }
        }
    }
}
