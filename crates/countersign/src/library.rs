//! Bundles on disk, by their digest, beside the one that people edit:
//!
//! ```text
//! DIR/bundles/DIGEST/…                  the files of a bundle that was asked for, or that the installation began with, whole
//! DIR/bundles/DIGEST.certificate.json   what came with it as proved, or was proved of it before it came into force
//! DIR/bundles/DIGEST.comparison.json    what came with it as newly allowed by its rules, where they were others
//! DIR/bundles/DIGEST.table              an operation table ([`crate::tables`])
//! ```
//!
//! A folder has its name only once everything in it is on disk, and is never written again. Nothing here is believed unread:
//! what is found under a digest is that bundle, or none.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use classify_aws::{classify::effects, table::Table};
use engine::{Kept, Shown};
use ledger::LogReader;
use model::{Digest, EffectSet, Operation};
use policy::{Bundle, Certificate, Comparison, Difference, Files, Tables};

use crate::{command::bundle_files, config::Config, failure::Failure, tables};

const CERTIFICATE: &str = "certificate";
const COMPARISON: &str = "comparison";
/// More than an installation adopts in years; each was asked for by a person with a key.
const MOST: usize = 500;

/// Why a certificate is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unkept {
    #[error("the bundle is not the one in force, and an adoption brings its certificate with it")]
    Adopts,
    #[error("there is one already, {0}")]
    Has(PathBuf),
    #[error("{0}")]
    Unwritable(#[from] io::Error),
}

/// What `serve` finds and keeps.
#[derive(Debug)]
pub(crate) struct Library {
    /// What people edit.
    edited: PathBuf,
    kept: PathBuf,
    /// One writes at a time.
    writing: Mutex<()>,
}

impl Library {
    pub(crate) fn of(config: &Config) -> Self {
        Self { edited: config.bundle(), kept: config.bundles(), writing: Mutex::default() }
    }

    /// Where bundles and tables are kept.
    pub(crate) fn kept(&self) -> &Path {
        &self.kept
    }

    /// What people edit, as it is now.
    pub(crate) fn edited(&self) -> Result<Files, Failure> {
        bundle_files(&self.edited)
    }

    /// The folder that people edit.
    pub(crate) fn folder(&self) -> &Path {
        &self.edited
    }

    /// Whether it was asked for once or in force, and so is on record.
    pub(crate) fn knows(&self, digest: Digest) -> bool {
        self.kept.join(digest.to_string()).is_dir()
    }

    /// Keeps what is served, so that an edit of the other folder changes nothing.
    pub(crate) fn keep_served(&self, files: &Files) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_files(Bundle::digest_of(files), files)
    }

    /// The files that have this digest: the ones that were kept, or those that people edit.
    pub(crate) fn files(&self, digest: Digest) -> Option<Files> {
        let places = [self.kept.join(digest.to_string()), self.edited.clone()];
        let found = places.iter().filter_map(|dir| bundle_files(dir).ok());
        found.into_iter().find(|files| Bundle::digest_of(files) == digest)
    }

    /// Keeps a certificate of what people edit, for the start that brings it into force, and of what is in force without one.
    ///
    /// # Errors
    /// [`Unkept`].
    pub(crate) fn keep_certificate(
        &self,
        bundle: &Bundle,
        certificate: &[u8],
        in_force: Option<Digest>,
    ) -> Result<PathBuf, Unkept> {
        let place = self.beside(bundle.digest(), CERTIFICATE);
        if in_force.is_some_and(|it| it != bundle.digest()) {
            return Err(Unkept::Adopts);
        }
        if engine::proof_of(self, bundle).is_ok() {
            return Err(Unkept::Has(place));
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_beside(bundle.digest(), CERTIFICATE, Some(certificate))?;
        Ok(place)
    }

    /// Where the certificate of a bundle lies, or would.
    pub(crate) fn certificate_of(&self, digest: Digest) -> PathBuf {
        self.beside(digest, CERTIFICATE)
    }

    /// Whether there is a certificate of any bundle.
    pub(crate) fn proved_anything(&self) -> bool {
        let names = fs::read_dir(&self.kept).into_iter().flatten().filter_map(Result::ok);
        let suffix = format!(".{CERTIFICATE}.json");
        names.map(|it| it.file_name()).any(|name| name.to_string_lossy().ends_with(&suffix))
    }

    /// Why neither place has the bundle in force.
    pub(crate) fn missing(&self, digest: Digest) -> Failure {
        let found = self.edited().map_or_else(
            |failure| failure.message,
            |files| format!("{} is {}", self.edited.display(), Bundle::digest_of(&files)),
        );
        let (kept, message) = (self.kept.join(digest.to_string()), "the bundle in force is not here");
        let message = format!("{message}: the log has {digest}; {found}; and {} is not it", kept.display());
        Failure::new(crate::failure::USAGE, "CS006", message).hint(
            "an edited file takes effect only as an approved change: put the files back as they were, or bring back the \
             bundle that was adopted last",
        )
    }

    /// What came with a bundle.
    fn beside(&self, digest: Digest, what: &str) -> PathBuf {
        self.kept.join(format!("{digest}.{what}.json"))
    }

    fn put_files(&self, digest: Digest, files: &Files) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.kept)?;
        let place = self.kept.join(digest.to_string());
        let whole = bundle_files(&place).is_ok_and(|files| Bundle::digest_of(&files) == digest);
        if !whole {
            let known = fs::read_dir(&self.kept)?.filter_map(Result::ok);
            if known.filter(|it| it.path().is_dir()).count() >= MOST {
                let full = format!("{MOST} bundles are kept in {} already", self.kept.display());
                return Err(io::Error::other(format!("{full}; remove those that were never adopted")));
            }
            let aside = self.kept.join(format!(".{digest}"));
            for stale in [&aside, &place] {
                if stale.exists() {
                    fs::remove_dir_all(stale)?;
                }
            }
            for (name, content) in files {
                write(&aside.join(name), content)?;
            }
            sync_all(&aside)?;
            fs::rename(&aside, &place)?;
        }
        File::open(&self.kept)?.sync_all()
    }

    fn put(&self, digest: Digest, files: &Files, shown: &Shown) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_files(digest, files)?;
        self.put_beside(digest, CERTIFICATE, Some(&shown.certificate))?;
        self.put_beside(digest, COMPARISON, shown.comparison.as_deref())
    }

    fn put_beside(&self, digest: Digest, what: &str, text: Option<&[u8]>) -> io::Result<()> {
        let (place, aside) = (self.beside(digest, what), self.kept.join(format!(".{digest}.{what}.json")));
        match text {
            Some(text) if fs::read(&place).ok().as_deref() != Some(text) => {
                let _ = fs::remove_file(&aside);
                write(&aside, text)?;
                fs::rename(&aside, &place)?;
            }
            None if place.exists() => fs::remove_file(&place)?,
            Some(_) | None => {}
        }
        File::open(&self.kept)?.sync_all()
    }
}

impl engine::Library for Library {
    fn keep(&self, bundle: Digest, files: &Files, shown: &Shown) -> Result<(), String> {
        let names = files.keys().all(|name| {
            name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')) && !name.contains('\\')
        });
        if !names || Bundle::digest_of(files) != bundle {
            return Err("the bundle's files are not what they are said to be".to_owned());
        }
        self.put(bundle, files, shown).map_err(|err| format!("the bundle cannot be kept: {err}"))
    }

    fn find(&self, bundle: Digest) -> Result<Kept, String> {
        let files = self.files(bundle).ok_or_else(|| format!("no bundle {bundle} is kept here"))?;
        let beside = |what, most| fs::read(self.beside(bundle, what)).ok().filter(|it| it.len() <= most);
        let comparison = beside(COMPARISON, Comparison::MAX_BYTES);
        let certificate = beside(CERTIFICATE, Certificate::MAX_BYTES);
        Ok(Kept { files, shown: certificate.map(|certificate| Shown { certificate, comparison }) })
    }

    fn listed(&self, operation: &Operation) -> Option<EffectSet> {
        listed(operation)
    }

    fn table(&self, table: Digest) -> Result<String, String> {
        tables::read(&self.kept, table)
    }

    fn keep_table(&self, table: Digest) -> Result<(), String> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        tables::keep(&self.kept, table)
    }

    fn between(&self, old: Tables, new: Tables) -> Result<Vec<Difference>, String> {
        tables::between(&self.kept, old, new)
    }
}

/// The bundle that the log has in force last; the log is not verified here.
pub(crate) fn in_force(config: &Config) -> Option<Digest> {
    let mut log = LogReader::open(&config.log()).ok()?;
    let mut newest = None;
    while let Some(entries) = log.next_bundle() {
        newest = entries.iter().rev().find_map(|entry| audit::decided_under(entry)).or(newest);
    }
    newest
}

/// What an operation does where no bundle says so.
pub(crate) fn listed(operation: &Operation) -> Option<EffectSet> {
    let row = Table::shared().get(&operation.service, &operation.name)?;
    Some(effects::of(row).effects)
}

/// A new file and its folders, for our eyes only; flushed.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    open.write_all(content)?;
    open.sync_all()
}

/// The names in a folder and in all below it.
fn sync_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_all(&path)?;
        }
    }
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use engine::Library as _;

    use super::*;

    fn library(dir: &Path) -> Library {
        let (edited, kept) = (dir.join("bundle"), dir.join("bundles"));
        fs::create_dir_all(&edited).unwrap();
        Library { edited, kept, writing: Mutex::default() }
    }

    fn files(text: &str) -> Files {
        let path = |name: &str| name.to_owned();
        Files::from([(path("bundle.toml"), text.into()), (path("constitution/a.cedar"), b"x".to_vec())])
    }

    #[test]
    fn what_is_kept_is_found_by_its_digest_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let library = library(dir.path());
        let (one, other) = (files("one"), files("other"));
        let digest = Bundle::digest_of(&one);
        assert!(library.find(digest).is_err() && !library.knows(digest));
        let shown = |certificate: &str, comparison: Option<&str>| Shown {
            certificate: certificate.into(),
            comparison: comparison.map(Into::into),
        };
        for (certificate, comparison) in
            [("one", None), ("two", Some("a")), ("two", Some("b")), ("three", None)]
        {
            library.keep(digest, &one, &shown(certificate, comparison)).unwrap();
            let kept = library.find(digest).unwrap();
            assert_eq!(kept.files, one);
            let found = kept.shown.unwrap();
            assert_eq!(found.certificate, certificate.as_bytes());
            assert_eq!(found.comparison, comparison.map(Vec::from), "none is left of what was shown before");
        }
        assert!(library.keep(digest, &other, &Shown::default()).is_err(), "another bundle under its name");
        assert!(library.find(Bundle::digest_of(&other)).is_err());

        // A file that somebody edited there is no bundle of that digest; asked for again it is put right.
        let file = dir.path().join(format!("bundles/{digest}/bundle.toml"));
        fs::write(&file, "edited").unwrap();
        assert!(library.find(digest).is_err());
        library.keep(digest, &one, &Shown::default()).unwrap();
        assert_eq!(library.find(digest).unwrap().files, one);
        // What people edit counts where it is the one.
        for (name, content) in &other {
            write(&dir.path().join("bundle").join(name), content).unwrap();
        }
        assert_eq!(library.find(Bundle::digest_of(&other)).unwrap().files, other);
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let library = library(dir.path());
        for name in ["../x", "/x", "a//b", "a/../b", ".hidden", "a\\b", ""] {
            let files = Files::from([(name.to_owned(), b"x".to_vec())]);
            assert!(library.keep(Bundle::digest_of(&files), &files, &Shown::default()).is_err(), "{name}");
        }
    }
}
