//! What a reader of a served log asks for: the paths of tiles and entry bundles, and the bytes behind them. Nothing
//! panics, a path has one spelling and stays below the log's folder, and bytes of another length are no tile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Resource, bundle};

fuzz_target!(|data: &[u8]| {
    let (path, bytes) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let Ok(path) = std::str::from_utf8(path) else { return };
    let Ok(resource) = path.parse::<Resource>() else { return };
    assert_eq!(resource.path(), path);
    assert!(path.split('/').all(|part| !part.is_empty() && part.trim_matches('.') == part));
    let tile = resource.tile();
    assert!(tile.is_in(u64::MAX) && !tile.is_in(0));
    if let Ok(hashes) = tile.decode(bytes) {
        assert_eq!(hashes.len() as u64, tile.width());
        assert!(bytes.starts_with(&tlog::encode_hashes(&hashes)));
    }
    if let Ok(entries) = bundle::decode(bytes) {
        assert_eq!(bundle::encode(&entries).ok().as_deref(), Some(bytes));
    }
});
