//! What a power cut leaves of files whose every operation was written down (`watch.c`): all that was flushed, and of the
//! rest any sectors of any writes, in any mixture. A file's name is sure to be there, or gone, once its folder was flushed.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

const SECTOR: usize = 512;

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Created,
    Written { at: usize, bytes: Vec<u8> },
    Truncated(usize),
    Unlinked,
    Flushed,
}

/// What `watch.c` wrote.
pub(crate) fn parse(mut record: &[u8]) -> Vec<Operation> {
    let mut take = |count: usize| {
        let (taken, rest) = record.split_at_checked(count)?;
        record = rest;
        Some(taken)
    };
    let mut operations = Vec::new();
    while let Some(head) = take(18) {
        let number = |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().unwrap()) as usize;
        let name = String::from_utf8(take(usize::from(head[1])).unwrap().to_vec()).unwrap();
        let what = match head[0] {
            b'c' => What::Created,
            b'w' => What::Written { at: number(2), bytes: take(number(10)).unwrap().to_vec() },
            b't' => What::Truncated(number(2)),
            b'u' => What::Unlinked,
            b'f' => What::Flushed,
            other => panic!("{other}"),
        };
        operations.push(Operation { name, what });
    }
    operations
}

#[derive(Clone, Default)]
struct Kept {
    durable: Vec<u8>,
    /// Since the last flush.
    since: Vec<usize>,
    /// The name, as the folder was last flushed.
    named: bool,
    unlinked: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Disk(BTreeMap<String, Kept>);

impl Disk {
    /// Operation `nth` of all is done.
    pub(crate) fn apply(&mut self, operations: &[Operation], nth: usize) {
        let Operation { name, what } = &operations[nth];
        match what {
            What::Flushed if name.is_empty() => {
                self.0.retain(|_, file| !file.unlinked);
                self.0.values_mut().for_each(|file| file.named = true);
            }
            What::Created => self.0.entry(name.clone()).or_default().unlinked = false,
            What::Unlinked => self.0.entry(name.clone()).or_default().unlinked = true,
            What::Flushed => {
                let file = self.0.entry(name.clone()).or_default();
                for nth in std::mem::take(&mut file.since) {
                    done(&mut file.durable, &operations[nth].what, &mut || true);
                }
            }
            What::Written { .. } | What::Truncated(_) => {
                self.0.entry(name.clone()).or_default().since.push(nth);
            }
        }
    }

    /// The files after a power cut at this moment, which `keeps` what was not flushed where it says so.
    pub(crate) fn cut(&self, operations: &[Operation], keeps: &mut dyn FnMut() -> bool, into: &Path) {
        for (name, file) in &self.0 {
            // The index of the write-ahead log is shared memory, and made anew.
            let gone = if file.named { file.unlinked && keeps() } else { file.unlinked || !keeps() };
            if name.ends_with("-shm") || gone {
                continue;
            }
            let mut bytes = file.durable.clone();
            file.since.iter().for_each(|nth| done(&mut bytes, &operations[*nth].what, keeps));
            let path = into.join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// The part of an operation that is kept.
fn done(file: &mut Vec<u8>, what: &What, keeps: &mut dyn FnMut() -> bool) {
    match what {
        What::Created | What::Unlinked | What::Flushed => {}
        What::Truncated(length) => {
            if keeps() {
                file.resize(*length, 0);
            }
        }
        What::Written { at, bytes } => {
            let (mut from, end) = (*at, at + bytes.len());
            while from < end {
                let to = end.min((from / SECTOR + 1) * SECTOR);
                if keeps() {
                    file.resize(file.len().max(to), 0);
                    file[from..to].copy_from_slice(&bytes[from - at..to - at]);
                }
                from = to;
            }
        }
    }
}
