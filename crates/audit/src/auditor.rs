//! The auditor: takes a log's entries one after the other and keeps of each what later ones can rest on. Every rule is a
//! small machine in a file of its own; what they find is put together at the end, rule by rule.
//!
//! Memory: some 60 bytes an entry (its leaf hash, its id), some 200 for each change (what it was held for, whose
//! approvals it has, which steps were permitted), and the database where one is compared. No entry is kept.

use model::{Digest, Entry, EntryKind, Genesis, Timestamp};
use tlog::{Hash, VerifierKey, leaf_hash};

use crate::{
    Code, Database, Report,
    commitments::Commitments,
    continuity::Continuities,
    decisions::Lacking,
    entries::{Entries, decides, read},
    history::{Digests, First, Times},
    permits::Permits,
    proofs::Proofs,
    report::Findings,
    roots::Roots,
    rows::Rows,
    signatures::Signatures,
};

/// What an auditor is given besides entries.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The bytes of `log/genesis.json`.
    pub genesis: &'a [u8],
    /// The fingerprint the auditor knows from elsewhere.
    pub expected_genesis: Option<Digest>,
    /// The bytes of `log/checkpoint`.
    pub checkpoint: &'a [u8],
    /// Signed checkpoints that left the building: from clients, messages, witnesses.
    pub held_checkpoints: &'a [String],
    /// The database, where it is to be compared; read before the log.
    pub database: Option<&'a Database>,
}

#[derive(Debug)]
pub struct Auditor<'a> {
    given: Given<'a>,
    genesis: Option<Genesis>,
    authenticated: bool,
    /// Of the newest entry that adopted one.
    bundle: Option<Digest>,
    roots: Roots,
    entries: Entries,
    signatures: Signatures,
    /// Only where the genesis names a key to hold them against.
    commitments: Option<Commitments>,
    first: First,
    times: Times,
    digests: Digests,
    continuities: Continuities,
    permits: Permits,
    rows: Option<Rows<'a>>,
    books: Books,
}

/// What each rule has found, in the order in which it is told.
#[derive(Debug, Default)]
pub(crate) struct Books {
    genesis: Findings,
    entries: Findings,
    signatures: Findings,
    commitments: Findings,
    first: Findings,
    times: Findings,
    digests: Findings,
    continuities: Findings,
    permits: Verdicts,
    lacking: Lacking,
    rows: Findings,
    proofs: Proofs,
}

/// Whether people had seen this very log is known once its root is compared with the one that was signed for.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    if_sound: Findings,
    otherwise: Findings,
}

impl Verdicts {
    pub(crate) fn add(&mut self, code: Code, entry: u64, message: &str) {
        self.judge(|_, findings| findings.add(code, Some(entry), message.to_owned()));
    }

    /// Judges in either case; the first parameter is whether the log is sound.
    pub(crate) fn judge(&mut self, mut judge: impl FnMut(bool, &mut Findings)) {
        judge(true, &mut self.if_sound);
        judge(false, &mut self.otherwise);
    }
}

impl<'a> Auditor<'a> {
    pub fn new(given: Given<'a>) -> Self {
        Self::over(given, Roots::default())
    }

    pub(crate) fn over(given: Given<'a>, roots: Roots) -> Self {
        let mut books = Books::default();
        let read = genesis(&given, &mut books.genesis);
        let (genesis, key) = read.unzip();
        let fingerprint = genesis.as_ref().map(Genesis::fingerprint);
        Self {
            given,
            authenticated: given.expected_genesis.is_some() && fingerprint == given.expected_genesis,
            bundle: None,
            roots,
            entries: Entries::default(),
            signatures: Signatures::new(fingerprint),
            commitments: key.map(Commitments::new),
            first: First::new(fingerprint),
            times: Times::default(),
            digests: Digests::default(),
            continuities: Continuities::default(),
            permits: Permits::default(),
            rows: given.database.map(Rows::new),
            genesis,
            books,
        }
    }

    /// The next entry of the log, as its bytes.
    pub fn entry(&mut self, bytes: &[u8]) {
        let index = self.roots.size();
        self.roots.append(leaf_hash(bytes));
        let mut books = std::mem::take(&mut self.books);
        self.take(index, bytes, &mut books);
        self.books = books;
    }

    /// An entry from before those that are audited, which these may rest on: what is wrong with it is not told. Its
    /// signature is held against the roster of the bundle that it names.
    pub(crate) fn known(&mut self, index: u64, bytes: &[u8]) {
        if let Ok(Entry { kind, bundle: Some(bundle), .. }) = read(bytes)
            && !matches!(kind, EntryKind::Genesis | EntryKind::BundleAdopted)
        {
            self.signatures.enforce(bundle);
        }
        self.take(index, bytes, &mut Books::default());
    }

    /// What was the latest time before those that are audited, and of which entry; and the bundle in force.
    pub(crate) fn resume(&mut self, latest: Option<(Timestamp, u64)>, bundle: Option<Digest>) {
        self.times = Times::after(latest);
        self.bundle = bundle;
        if let Some(bundle) = bundle {
            self.signatures.enforce(bundle);
        }
    }

    /// A tree of this log that was verified before.
    pub(crate) fn verified(&mut self, tree: (u64, Hash)) {
        if let Some(commitments) = &mut self.commitments {
            commitments.verified = Some(tree);
        }
    }

    fn take(&mut self, index: u64, bytes: &[u8], books: &mut Books) {
        if let Some(rows) = &self.rows {
            rows.compare_pending(index, bytes, &mut books.rows);
        }
        let Some(placed) = self.entries.take(index, bytes, &mut books.entries) else { return };
        let before = self.bundle;
        if matches!(placed.entry.kind, EntryKind::Genesis | EntryKind::BundleAdopted) {
            self.bundle = placed.entry.bundle;
        }
        if placed.entry.kind == EntryKind::BundleAdopted {
            // By the roster that it replaces.
            self.permits.adopted(&placed, before, &self.signatures, &mut books.permits);
        }
        if decides(placed.entry.kind) && self.bundle.is_some() && placed.entry.bundle != self.bundle {
            let name = |bundle: Option<Digest>| bundle.map_or_else(|| "none".to_owned(), |it| it.to_string());
            let message = format!(
                "entry {index} was decided under the bundle {}, but in force is {}",
                name(placed.entry.bundle),
                name(self.bundle)
            );
            books.permits.add(Code::BundleUnapproved, index, &message);
        }
        let signed = self.signatures.take(&placed, &mut books.signatures);
        if let Some(commitments) = &mut self.commitments {
            commitments.take(&placed, signed.as_ref(), &mut books.commitments);
        }
        books.proofs.take(&placed);
        self.first.take(&placed, &mut books.first);
        self.times.take(&placed, &mut books.times);
        self.digests.take(&placed, &mut books.digests);
        self.continuities.take(&placed, self.genesis.as_ref(), &mut books.continuities);
        let told = (&mut books.permits, &mut books.lacking);
        self.permits.take(&placed, signed, &self.signatures, &self.roots, told);
        if let Some(rows) = &mut self.rows {
            rows.take(&placed);
        }
    }

    /// How many entries the log has so far.
    pub const fn size(&self) -> u64 {
        self.roots.size()
    }

    /// The bundle in force after the entries so far: of the newest entry that adopted one.
    pub const fn bundle(&self) -> Option<Digest> {
        self.bundle
    }

    pub fn finish(self) -> Report {
        let Self { given, roots, mut books, .. } = self;
        let mut findings = books.genesis;
        self.entries.finish(&mut books.entries);
        findings.extend(books.entries);
        findings.extend(books.signatures);
        let committed = self.commitments.map(|commitments| {
            let before = self.continuities.before();
            commitments.finish(&given, &roots, before, books.commitments, &mut findings)
        });
        let sound = committed.as_ref().is_some_and(|committed| committed.sound);
        findings.extend(books.first);
        findings.extend(books.times);
        findings.extend(books.digests);
        findings.extend(books.continuities);
        findings.extend(if sound { books.permits.if_sound } else { books.permits.otherwise });
        if let Some(rows) = self.rows {
            rows.finish(roots.size(), books.rows, &mut findings);
        }
        let checkpoint = committed.and_then(|committed| committed.checkpoint);
        let mut report = findings.into_report(self.authenticated, roots.size(), checkpoint);
        report.unproved = books.proofs.told();
        report.undecided = books.lacking.told();
        report.continues = self.continuities.told();
        report
    }
}

/// The installation's document and the key it names.
pub(crate) fn genesis(given: &Given<'_>, findings: &mut Findings) -> Option<(Genesis, VerifierKey)> {
    let genesis = match Genesis::from_json(given.genesis) {
        Ok(genesis) => genesis,
        Err(err) => {
            findings.add(
                Code::GenesisUnreadable,
                None,
                format!("genesis.json cannot be read as a genesis: {err}"),
            );
            return None;
        }
    };
    let fingerprint = genesis.fingerprint();
    if let Some(expected) = given.expected_genesis.filter(|expected| *expected != fingerprint) {
        findings.add(
            Code::GenesisDiffers,
            None,
            format!("genesis.json has the fingerprint {fingerprint}, not {expected}: this is another installation's log"),
        );
    }
    match genesis.vkey.parse::<VerifierKey>() {
        Ok(key) if key.name() == genesis.origin => Some((genesis, key)),
        Ok(key) => {
            let message =
                format!("genesis.json names the origin {}, but its key is {}'s", genesis.origin, key.name());
            findings.add(Code::GenesisKey, None, message);
            None
        }
        Err(err) => {
            findings.add(Code::GenesisKey, None, format!("genesis.json names no usable key: {err}"));
            None
        }
    }
}
