//! Entry bundles (C2SP `tlog-tiles`): up to 256 entries, each after its length as a big-endian `u16`, one after the
//! other; and the path at which a bundle lies. A bundle that is not full is a prefix of what it will be. It stands at
//! the coordinates of the tile of its leaf hashes ([`crate::Resource::Entries`]).

use crate::tile::number_path;

/// Entries to a full bundle.
pub const WIDTH: u64 = 256;
/// The longest entry a `u16` length can announce.
pub const MAX_ENTRY: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("an entry of {0} bytes is longer than the 65535 that a bundle can hold")]
    EntryTooLong(usize),
    #[error("a bundle holds at most 256 entries")]
    TooManyEntries,
    #[error(
        "the bundle breaks off in entry {entry} (counted from 0), {bytes} bytes after its last whole entry"
    )]
    Torn { entry: usize, bytes: usize },
}

/// The bundle's path below the log's folder, as of one that is full: `tile/entries/x001/x234/067` for 1234067.
pub fn entry_path(bundle: u64) -> String {
    format!("tile/entries/{}", number_path(bundle))
}

pub fn encode<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.len() as u64 > WIDTH {
        return Err(BundleError::TooManyEntries);
    }
    let mut out = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for entry in entries {
        let entry = entry.as_ref();
        let len = u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLong(entry.len()))?;
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// The entries of a bundle that is whole.
pub fn decode(bytes: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let Prefix { entries, len } = whole_entries(bytes, WIDTH);
    if len == bytes.len() {
        return Ok(entries);
    }
    if entries.len() as u64 == WIDTH {
        return Err(BundleError::TooManyEntries);
    }
    Err(BundleError::Torn { entry: entries.len(), bytes: bytes.len() - len })
}

/// The entries that are whole, from the front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix<'a> {
    pub entries: Vec<&'a [u8]>,
    /// The bytes they take.
    pub len: usize,
}

/// At most `limit` whole entries from the front of `bytes`, for a bundle that may be torn.
pub fn whole_entries(bytes: &[u8], limit: u64) -> Prefix<'_> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while (entries.len() as u64) < limit {
        let Some((len, after)) = rest.split_first_chunk::<2>() else { break };
        let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*len))) else {
            break;
        };
        entries.push(entry);
        rest = after;
    }
    Prefix { entries, len: bytes.len() - rest.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_format() {
        for (bundle, path) in [
            (0, "tile/entries/000"),
            (67, "tile/entries/067"),
            (999, "tile/entries/999"),
            (1000, "tile/entries/x001/000"),
            (1234, "tile/entries/x001/234"),
            (1_234_067, "tile/entries/x001/x234/067"),
            (u64::MAX, "tile/entries/x018/x446/x744/x073/x709/x551/615"),
        ] {
            assert_eq!(entry_path(bundle), path);
        }
    }

    #[test]
    fn the_layout_is_length_and_bytes() {
        assert_eq!(encode(&[&b"ab"[..], b"", b"c"]).unwrap(), b"\0\x02ab\0\0\0\x01c");
        assert_eq!(encode(&[vec![0; MAX_ENTRY + 1]]), Err(BundleError::EntryTooLong(65_536)));
        assert_eq!(encode(&vec![b""; 257]), Err(BundleError::TooManyEntries));
        let longest = encode(&[vec![1; MAX_ENTRY]]).unwrap();
        assert_eq!(decode(&longest).unwrap(), [&[1; MAX_ENTRY][..]]);
    }

    #[test]
    fn a_torn_bundle_gives_its_whole_entries_only() {
        let bytes = encode(&[&b"ab"[..], b"", b"cde"]).unwrap();
        for cut in 0..bytes.len() {
            let prefix = whole_entries(&bytes[..cut], WIDTH);
            let whole = [4, 6].iter().filter(|end| cut >= **end).count();
            assert_eq!(prefix.entries.len(), whole, "cut at {cut}");
            assert_eq!(decode(&bytes[..cut]).is_ok(), cut == prefix.len, "cut at {cut}");
        }
        assert_eq!(decode(b"\0\x02a"), Err(BundleError::Torn { entry: 0, bytes: 3 }));
        assert_eq!(decode(&[0; 514]), Err(BundleError::TooManyEntries));
        assert_eq!(whole_entries(&bytes, 1).len, 4);
    }

    proptest! {
        #[test]
        fn bundles_round_trip(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..=256)) {
            let bytes = encode(&entries).unwrap();
            prop_assert_eq!(decode(&bytes).unwrap(), entries);
        }

        #[test]
        fn decoding_never_panics_and_is_exact(bytes in proptest::collection::vec(0u8..4, 0..300)) {
            if let Ok(entries) = decode(&bytes) {
                prop_assert_eq!(encode(&entries).unwrap(), bytes);
            }
        }
    }
}
