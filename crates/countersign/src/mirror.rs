//! A served log (C2SP `tlog-tiles`), fetched whole into a folder that is laid out as the server's own: whatever reads a
//! log's folder reads it then. What is there already and full is not fetched again. What the log contains is not believed
//! here, that is for who verifies it; but nothing is fetched on the word of a checkpoint that the log's own key did not sign.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::StatusCode;
use model::{Digest, Genesis};
use tlog::{Resource, Tile, VerifierKey, bundle};

use crate::{
    failure::{Failure, VERIFICATION},
    transport::{Http, http},
};

const MAX_NOTE: usize = 64 * 1024;
/// 256 entries of 65,535 bytes, each after its length.
const MAX_BUNDLE: usize = 256 * (65_535 + 2);
const MAX_TILE: usize = 8192;
const PATIENCE: Duration = Duration::from_secs(60);
/// Below a copy: the checkpoints of the times before.
const EARLIER: &str = "earlier";
const MAX_EARLIER: usize = 10_000;
/// A log of more is not read through a wire.
const MAX_ENTRIES: u64 = 1 << 32;

/// Fetches the log at `url` into `dir`, which is made where it is not there; only that of the installation `expected`, where one is.
pub(crate) async fn fetch(
    url: &str,
    dir: &Path,
    ca: Option<&Path>,
    expected: Option<Digest>,
) -> Result<(), Failure> {
    let source = Source::at(url, ca)?;
    // Before the checkpoint: of a log that grows meanwhile it is the older.
    let witnessed = source.find("witnessed", MAX_NOTE).await?;
    let genesis = source.get("genesis.json", MAX_NOTE).await?;
    let note = source.get("checkpoint", MAX_NOTE).await?;
    let size = claimed(&source.base, &genesis, &note, expected)?;
    keep_earlier(dir, &genesis, size)?;
    put(&dir.join("genesis.json"), &genesis)?;
    let mut level = 0;
    let mut hashes = size;
    while hashes > 0 {
        for index in 0..hashes.div_ceil(bundle::WIDTH) {
            let Some(tile) = Tile::of_tree(level, index, size) else { break };
            if level == 0 {
                source.copy(Resource::Entries(tile), MAX_BUNDLE, dir).await?;
            }
            source.copy(Resource::Hashes(tile), MAX_TILE, dir).await?;
        }
        (level, hashes) = (level + 1, hashes / bundle::WIDTH);
    }
    // Last: they speak of what is there by now.
    put(&dir.join("checkpoint"), &note)?;
    witnessed.map_or(Ok(()), |note| put(&dir.join("witnessed"), &note))
}

/// How many entries the checkpoint covers that the log's own key has signed: what there is to fetch, and no more.
fn claimed(base: &str, genesis: &[u8], note: &[u8], expected: Option<Digest>) -> Result<u64, Failure> {
    let wrong = |what: &str, why: &dyn std::fmt::Display| {
        Failure::verification(format!("{base}/{what}: {why}")).hint("nothing of it was fetched")
    };
    let genesis = Genesis::from_json(genesis).map_err(|err| wrong("genesis.json", &err))?;
    if let Some(expected) = expected.filter(|it| *it != genesis.fingerprint()) {
        let why = format!("another installation: expected {expected}, found {}", genesis.fingerprint());
        return Err(wrong("genesis.json", &why));
    }
    let key: VerifierKey = genesis.vkey.parse().map_err(|err| wrong("genesis.json", &err))?;
    let note = std::str::from_utf8(note).map_err(|err| wrong("checkpoint", &err))?;
    let signed = tlog::open_checkpoint(note, &key).map_err(|err| wrong("checkpoint", &err))?;
    if signed.size > MAX_ENTRIES {
        return Err(wrong("checkpoint", &format!("{} entries are not read through a wire", signed.size)));
    }
    Ok(signed.size)
}

/// What an earlier copy has seen is evidence, and is not written over: its checkpoint is kept beside the new one, and a log
/// that is another, or shorter by now, is not copied over it.
fn keep_earlier(dir: &Path, genesis: &[u8], size: u64) -> Result<(), Failure> {
    let Ok(before) = fs::read(dir.join("checkpoint")) else { return Ok(()) };
    let alarm = |why: String| {
        Err(Failure::new(VERIFICATION, "CS211", why)
            .hint("the copy was left as it was: keep it, and ask why"))
    };
    if fs::read(dir.join("genesis.json")).is_ok_and(|own| own != genesis) {
        return alarm(format!("the log at this address is not the one that {} is a copy of", dir.display()));
    }
    match size_of(&before) {
        Some(known) if known > size => {
            alarm(format!("the log was truncated: it had {known} entries, and has {size}"))
        }
        Some(known) if known < size => put(&dir.join(EARLIER).join(known.to_string()), &before),
        Some(_) | None => Ok(()),
    }
}

/// The checkpoints that earlier copies into `dir` saw: the log must contain each.
pub(crate) fn earlier_checkpoints(dir: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(dir.join(EARLIER)) else { return Vec::new() };
    let small = |it: &fs::DirEntry| it.metadata().is_ok_and(|it| it.is_file() && it.len() <= MAX_NOTE as u64);
    let notes = listed.flatten().take(MAX_EARLIER).filter(small);
    notes.filter_map(|it| fs::read_to_string(it.path()).ok()).collect()
}

/// Whether what was given as a log is to be fetched.
pub(crate) fn is_url(log: &str) -> bool {
    log.starts_with("http://") || log.starts_with("https://")
}

/// Where a log is served.
pub(crate) struct Source {
    http: Http,
    base: String,
}

impl Source {
    pub(crate) fn at(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self { http: http(ca)?, base: url.trim_end_matches('/').to_owned() })
    }

    /// A checkpoint, or the genesis; `None` where there is none.
    pub(crate) async fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.find(name, MAX_NOTE).await?.map(Into::into))
    }

    /// A tile or an entry bundle; `None` where there is none.
    pub(crate) async fn read(&self, resource: Resource) -> Result<Option<Vec<u8>>, Failure> {
        let most = match resource {
            Resource::Hashes(_) => MAX_TILE,
            Resource::Entries(_) => MAX_BUNDLE,
        };
        Ok(self.find(&resource.path(), most).await?.map(Into::into))
    }

    pub(crate) fn missing(&self, name: &str) -> Failure {
        Failure::unreachable_server(&format!("{}/{name}", self.base), "it has no such file")
    }

    async fn copy(&self, resource: Resource, most: usize, dir: &Path) -> Result<(), Failure> {
        let to = dir.join(resource.full_path());
        if resource.tile().is_full() && to.exists() && is_whole(resource, &to) {
            return Ok(());
        }
        let path = resource.path();
        let bytes = self.find(&path, most).await?.ok_or_else(|| {
            Failure::verification(format!(
                "{}/{path}: there is none, and the checkpoint covers it",
                self.base
            ))
        })?;
        put(&to, &bytes)
    }

    async fn get(&self, path: &str, most: usize) -> Result<Bytes, Failure> {
        self.find(path, most).await?.ok_or_else(|| self.missing(path))
    }

    /// `None` where the server says that there is none.
    async fn find(&self, path: &str, most: usize) -> Result<Option<Bytes>, Failure> {
        let url = format!("{}/{path}", self.base);
        let failed = |why: String| Failure::unreachable_server(&url, &why);
        let request = hyper::Request::get(&url)
            .body(Full::default())
            .map_err(|err| Failure::usage(format!("{}: {err}", self.base)))?;
        let answer = tokio::time::timeout(PATIENCE, async {
            let answer = self.http.request(request).await.map_err(|err| failed(model::causes(&err)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), most).collect().await;
            let body = body.map_err(|err| match err.is::<LengthLimitError>() {
                true => {
                    Failure::verification(format!("{url}: longer than the {most} bytes that it can have"))
                }
                false => failed(err.to_string()),
            })?;
            let body = body.to_bytes();
            match status {
                StatusCode::OK => Ok(Some(body)),
                StatusCode::NOT_FOUND => Ok(None),
                other => Err(failed(format!("it answered {other}"))),
            }
        });
        answer.await.map_err(|_| failed("it did not answer in time".to_owned()))?
    }
}

/// What an earlier copy left may have been cut short.
fn is_whole(resource: Resource, file: &Path) -> bool {
    let Ok(bytes) = fs::read(file) else { return false };
    match resource {
        Resource::Hashes(_) => bytes.len() == MAX_TILE,
        Resource::Entries(_) => {
            bundle::decode(&bytes).is_ok_and(|entries| entries.len() as u64 == bundle::WIDTH)
        }
    }
}

/// What a checkpoint claims; whether it is signed is for who verifies it.
pub(crate) fn size_of(note: &[u8]) -> Option<u64> {
    std::str::from_utf8(note).ok()?.lines().nth(1)?.parse().ok()
}

fn put(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    let parent = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    fs::create_dir_all(&parent).map_err(failed)?;
    let partial = file.with_extension("new");
    fs::write(&partial, content).map_err(failed)?;
    fs::rename(&partial, file).map_err(failed)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use tlog::{Checkpoint, Hash, SigningKey};

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("log.example/1", &[seed; 32]).unwrap()
    }

    fn genesis() -> Genesis {
        let vkey = key(1).verifier().to_string();
        let text = serde_json::json!({ "origin": "log.example/1", "vkey": vkey, "installation": "00",
            "created_at": "2026-11-21T00:00:00Z" });
        Genesis::from_json(text.to_string().as_bytes()).unwrap()
    }

    fn check(signer: u8, size: u64, expected: Option<Digest>, told: &Expect) {
        let checkpoint =
            Checkpoint { origin: "log.example/1".to_owned(), size, root: Hash::from_bytes([7; 32]) };
        let note = tlog::sign_checkpoint(&checkpoint, &key(signer));
        let found = claimed("http://log", &genesis().to_json(), note.as_bytes(), expected);
        told.assert_eq(
            &found.map_or_else(|err| format!("{}: {}", err.exit, err.message), |it| it.to_string()),
        );
    }

    #[test]
    fn nothing_is_fetched_on_an_unsigned_word() {
        check(1, 5, None, &expect!["5"]);
        check(1, 5, Some(genesis().fingerprint()), &expect!["5"]);
        check(2, 5, None, &expect!["20: http://log/checkpoint: the note has no signature by log.example/1"]);
        check(
            1,
            5,
            Some(Digest::of(b"another")),
            &expect![
                "20: http://log/genesis.json: another installation: expected ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5, found 721eb922530e0fd53de8cb98b9f0e5821eaefdf474fc483ed590c829eb5b6070"
            ],
        );
        check(
            1,
            MAX_ENTRIES + 1,
            None,
            &expect!["20: http://log/checkpoint: 4294967297 entries are not read through a wire"],
        );
    }
}
