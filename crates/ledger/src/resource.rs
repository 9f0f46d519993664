//! The log's files as a reader of a served log asks for them (C2SP `tlog-tiles`), whoever serves them.
//!
//! On disk a tile or bundle that is not full lies under the name that it has when it is full, and grows there; of it
//! every `….p/W` is the beginning. So a file server that knows nothing of logs can serve what is full; the rest takes
//! this one rule: `X.p/W` is the first W hashes, or entries, of `X`, and `X` is there once it is full.

use std::{io, path::Path};

use tlog::{Resource, bundle};

use crate::{
    disk::{Disk as _, RealDisk},
    files::{Failed, MAX_BUNDLE, MAX_TILE, at},
};

/// The bytes of `resource` in the log in `log_dir`, where the tree of `size` entries has it; `None` where it has not. The
/// size is that of the checkpoint that is served beside it: what lies beyond was not signed for and may yet be cut off.
pub fn read_resource(log_dir: &Path, resource: Resource, size: u64) -> Result<Option<Vec<u8>>, Failed> {
    if !resource.tile().is_in(size) {
        return Ok(None);
    }
    let path = log_dir.join(resource.full_path());
    let most = match resource {
        Resource::Hashes(_) => MAX_TILE,
        Resource::Entries(_) => MAX_BUNDLE,
    };
    let mut bytes = match RealDisk.read(&path, most) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(at("read", &path)(err)),
    };
    let width = resource.tile().width();
    let len = match resource {
        Resource::Hashes(_) => usize::try_from(width * 32).unwrap_or(usize::MAX),
        Resource::Entries(_) => {
            let part = bundle::whole_entries(&bytes, width);
            if part.entries.len() as u64 == width { part.len } else { usize::MAX }
        }
    };
    if bytes.len() < len {
        return Ok(None);
    }
    bytes.truncate(len);
    Ok(Some(bytes))
}
