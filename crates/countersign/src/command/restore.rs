//! `countersign restore`: puts a backup back where it is the newest state that was signed for, and otherwise, where that was
//! asked for, begins a new log under it (`--new-origin`). Nothing that is there is written over: it is put aside.

use std::{fs, path::PathBuf, process::ExitCode};

use engine::{Beginning, Carried, Clock as _, ErasedSince, SystemClock, SystemEntropy};
use ledger::{Ledger, Standstill};
use model::{Continuity, Entry, EntryKind, Genesis, Ground};
use serde_json::json;
use store::Store;
use tlog::{Checkpoint, SigningKey, VerifierKey, open_checkpoint, sign_note};

use super::{
    backup::put,
    bundle_files,
    init::{drawn_log, folder},
    resident::secret,
};
use crate::{
    audited::audit,
    backup::{self, Backup, Here, Moves, Staged, Verdict, judge},
    cli::{Format, RestoreArgs},
    config::Config,
    failure::{Failure, USAGE, VERIFICATION},
    output::{self, BOLD, GOOD, WARN, styled},
};

pub(super) async fn run(args: &RestoreArgs, format: Format) -> Result<ExitCode, Failure> {
    let config = Config::load(&args.config)?;
    for file in [config.checkpoint(), config.database(), config.key("log.key")] {
        folder(file.parent().unwrap_or(&config.dir))?;
    }
    let in_use = || Failure::usage("a server has this installation open; stop it first");
    let _still = Standstill::of(&config.checkpoint()).map_err(Failure::usage)?.ok_or_else(in_use)?;
    let _held = Store::hold(&config.database()).map_err(|err| Failure::usage(model::causes(&err)))?;
    if let Some(genesis) = finish(&config)? {
        return told(&Restored { genesis, size: None, anew: None, finished: true }, format);
    }
    let backup = Backup::open(&args.dir)?;
    let found = Found::look(&config, &backup, &args.checkpoint)?;
    let verdict =
        judge(&backup.checkpoint, backup.manifest.genesis, &found.here, args.new_origin).map_err(|why| {
            let hint = why.hint();
            Failure::new(VERIFICATION, "CS213", why).hint(hint)
        })?;
    let mark: String = SystemClock.now().to_string().chars().filter(|it| !matches!(it, ':' | '.')).collect();
    let restored = match verdict {
        Verdict::PutBack => put_back(&config, &backup, &Moves::marked(&mark))?,
        Verdict::Anew => {
            let ground = args.ground.as_deref().unwrap_or_default();
            let ground: Ground = ground.parse().map_err(|err| Failure::usage(format!("--ground: {err}")))?;
            begin_anew(&config, &backup, &found, ground, &Moves::marked(&mark)).await?
        }
    };
    told(&restored, format)
}

/// What is known here of the log that the backup is of.
struct Found {
    here: Here,
    /// The largest checkpoint of it that is here, as it was signed.
    newest: Option<String>,
}

impl Found {
    fn look(config: &Config, backup: &Backup, given: &[PathBuf]) -> Result<Self, Failure> {
        let genesis = backup::genesis_in(&config.log())?.map(|(genesis, _)| genesis.fingerprint());
        let lock = ledger::read_lock_file(&config.checkpoint()).map_err(Failure::usage)?;
        let lock = match lock {
            None => None,
            Some(bytes) => Some(opened(&bytes, &backup.key).ok_or_else(|| {
                Failure::new(
                    VERIFICATION,
                    "CS213",
                    format!(
                        "the lock file {} holds no checkpoint of the backup's log",
                        config.checkpoint().display()
                    ),
                )
                .hint("bring the right one back, or move it away if it is lost for good")
            })?),
        };
        let published = ["checkpoint", "witnessed"]
            .iter()
            .filter_map(|name| opened(&fs::read(config.log().join(name)).ok()?, &backup.key));
        let given = given.iter().map(|file| {
            let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
            let bytes = fs::read(file).map_err(|err| wrong(&err))?;
            opened(&bytes, &backup.key).ok_or_else(|| wrong(&"holds no checkpoint of the backup's log"))
        });
        let given = given.collect::<Result<Vec<_>, Failure>>()?;
        let known = lock.clone().into_iter().chain(published).chain(given);
        let newest = known.max_by_key(|(_, checkpoint)| checkpoint.size);
        let (note, checkpoint) = newest.unzip();
        Ok(Self { here: Here { genesis, lock: lock.map(|(_, it)| it), newest: checkpoint }, newest: note })
    }
}

fn opened(note: &[u8], key: &VerifierKey) -> Option<(String, Checkpoint)> {
    let note = std::str::from_utf8(note).ok()?;
    Some((note.to_owned(), open_checkpoint(note, key).ok()?))
}

/// What came of it.
struct Restored {
    genesis: Genesis,
    size: Option<u64>,
    anew: Option<Anew>,
    /// Only the end of an earlier restore was left to do.
    finished: bool,
}

struct Anew {
    before: Genesis,
    lost: Option<u64>,
    vouched: bool,
    carried: Carried,
    erased: usize,
}

fn put_back(config: &Config, backup: &Backup, moves: &Moves) -> Result<Restored, Failure> {
    if key_here(config, &backup.genesis).is_none() {
        return Err(Failure::usage(format!(
            "{} is not the key of the backup's log, which is {}",
            config.key("log.key").display(),
            backup.genesis.vkey
        ))
        .hint("bring the key back; without it nothing can be signed to this log"));
    }
    // What was recorded and not yet signed when the server ended is in its database alone.
    let here = Store::reach_of(&config.database()).ok().map_or(0, |reach| reach.sequenced + reach.pending);
    let there =
        Store::reach_of(&backup.database()).map_err(|err| Failure::verification(model::causes(&err)))?;
    if here > there.sequenced.saturating_add(there.pending) {
        return Err(Failure::new(
            VERIFICATION,
            "CS213",
            "the database that is here knows entries that the backup does not: it is the newer one",
        )
        .hint(
            "`countersign serve` goes on with what is here; if that cannot be, move the database away first",
        ));
    }
    let held_back = held_back(config);
    let (database, log) = (Staged::beside(config.database())?, Staged::beside(config.log())?);
    copy_file(&backup.database(), &database)?;
    ledger::copy(&backup.log(), &log.path(), &backup.note, backup.checkpoint.size)
        .map_err(Failure::verification)?;
    let bundle = staged_bundle(config, backup, backup.manifest.bundle)?;

    backup::rename(&config.checkpoint(), &held_back)?;
    engine::crash::point("restore-held-back");
    put_database(moves, &database)?;
    bundle.iter().try_for_each(|bundle| moves.put(bundle))?;
    engine::crash::point("restore-database");
    moves.put(&log)?;
    engine::crash::point("restore-log");
    backup::rename(&held_back, &config.checkpoint())?;
    let size = Some(backup.checkpoint.size);
    Ok(Restored { genesis: backup.genesis.clone(), size, anew: None, finished: false })
}

async fn begin_anew(
    config: &Config,
    backup: &Backup,
    found: &Found,
    ground: Ground,
    moves: &Moves,
) -> Result<Restored, Failure> {
    let since = Since::of(config, backup);
    let pinned = since.bundle.unwrap_or(backup.manifest.bundle);
    let bundle = staged_bundle(config, backup, pinned)?;
    let bundle_dir = bundle.as_ref().map_or_else(|| config.bundle(), Staged::path);
    let (_, rules) = backup::bundle_if(&bundle_dir, pinned)
        .ok_or_else(|| Failure::unexpected("the bundle changed while it was read"))?;

    let (seed, key, genesis) = drawn_log()?;
    let signed = found.newest.clone().map(|note| {
        // A lock file that was set back says less than the backup itself.
        match found.here.newest.as_ref().is_some_and(|it| it.size < backup.checkpoint.size) {
            true => backup.note.clone(),
            false => note,
        }
    });
    let mut continuity = Continuity {
        before: backup.genesis.clone(),
        restored: backup.note.clone(),
        signed,
        ground,
        vouched: None,
    };
    continuity.vouched = key_here(config, &backup.genesis)
        .map(|old| sign_note(&continuity.succession(genesis.fingerprint()), &old));

    let database = Staged::beside(config.database())?;
    let (log, lock) = (Staged::beside(config.log())?, Staged::beside(config.checkpoint())?);
    let log_key = Staged::beside(config.key("log.key"))?;
    copy_file(&backup.database(), &database)?;
    let created = Ledger::create(&log.path(), &lock.path(), key, genesis.clone())
        .map_err(|err| Failure::unexpected(format!("the new log cannot be made: {err}")))?;
    let carried = {
        let store =
            Store::sqlite(&database.path()).map_err(|err| Failure::verification(model::causes(&err)))?;
        let erased = since.erased.clone();
        let beginning = Beginning { genesis: &genesis, continuity: &continuity, bundle: &rules, erased };
        engine::continue_log(&store, created, beginning, &SystemClock, &SystemEntropy)
            .await
            .map_err(|err| Failure::new(VERIFICATION, "CS213", err))?
    };
    put(&log_key.path(), hex::encode(seed).as_bytes())?;

    engine::crash::point("restore-staged");
    moves.aside(&config.checkpoint())?;
    moves.aside(&held_back(config))?;
    engine::crash::point("restore-held-back");
    put_database(moves, &database)?;
    bundle.iter().try_for_each(|bundle| moves.put(bundle))?;
    engine::crash::point("restore-database");
    moves.put(&log)?;
    engine::crash::point("restore-log");
    moves.put(&log_key)?;
    engine::crash::point("restore-key");
    moves.put(&lock)?;
    for stray in [lock.path(), database.path()] {
        // Locks that were held on what was made ready; they mean nothing any more.
        for suffix in [".held", ".lock"] {
            let _ = fs::remove_file(backup::aside(&stray, suffix));
        }
    }
    let lost = found.here.newest.as_ref().map(|it| it.size.saturating_sub(backup.checkpoint.size));
    let anew = Anew {
        before: backup.genesis.clone(),
        lost,
        vouched: continuity.vouched.is_some(),
        carried,
        erased: since.erased.len(),
    };
    Ok(Restored { genesis, size: Some(backup.checkpoint.size), anew: Some(anew), finished: false })
}

/// What the log that is here tells of the time after the backup, if it is the backup's own and holds.
#[derive(Default)]
struct Since {
    bundle: Option<model::Digest>,
    erased: Vec<ErasedSince>,
}

impl Since {
    fn of(config: &Config, backup: &Backup) -> Self {
        let held = [backup.note.clone()];
        let (mut index, mut since) = (0, Self::default());
        let show = |bytes: &[u8]| {
            index += 1;
            if index > backup.checkpoint.size
                && let Ok(entry) = serde_json::from_slice::<Entry>(bytes)
            {
                if matches!(entry.kind, EntryKind::Genesis | EntryKind::BundleAdopted) {
                    since.bundle = entry.bundle;
                }
                since.erased.extend(ErasedSince::of(&entry));
            }
        };
        let Ok(audited) = audit(&config.log(), Some(backup.manifest.genesis), &held, None, show) else {
            return Self::default();
        };
        if !audited.told().ok {
            output::note(format!(
                "{} the log that is here does not hold, so nothing is taken from it: bodies that were erased after the \
                 backup was made are there again",
                styled(WARN, "note:")
            ));
            return Self::default();
        }
        since
    }
}

/// Ends a restore that was broken off after its new log was in place.
fn finish(config: &Config) -> Result<Option<Genesis>, Failure> {
    if config.checkpoint().exists() {
        return Ok(None);
    }
    let held_back = held_back(config);
    if held_back.exists() {
        // A backup was being put back: what it was signed for is as it was.
        backup::rename(&held_back, &config.checkpoint())?;
        return Ok(None);
    }
    let lock = Staged { place: config.checkpoint() };
    let Some(note) = ledger::read_lock_file(&lock.path()).map_err(Failure::usage)? else { return Ok(None) };
    let Some((genesis, key)) = backup::genesis_in(&config.log())? else { return Ok(None) };
    if opened(&note, &key).is_none() {
        return Ok(None);
    }
    let log_key = Staged { place: config.key("log.key") };
    if log_key.path().exists() {
        Moves::marked("finished").put(&log_key)?;
    }
    if key_here(config, &genesis).is_none() {
        return Err(Failure::usage(format!("{} is not the key of the log", config.key("log.key").display())));
    }
    Moves::marked("finished").put(&lock)?;
    Ok(Some(genesis))
}

/// Where the lock file is while a backup is put back.
fn held_back(config: &Config) -> PathBuf {
    backup::aside(&config.checkpoint(), ".held-back")
}

fn key_here(config: &Config, genesis: &Genesis) -> Option<SigningKey> {
    let key = SigningKey::from_seed(&genesis.origin, &secret(&config.key("log.key")).ok()?).ok()?;
    (key.verifier().to_string() == genesis.vkey).then_some(key)
}

/// The bundle that must be in force; staged where the one that is there is another.
fn staged_bundle(config: &Config, backup: &Backup, pinned: model::Digest) -> Result<Option<Staged>, Failure> {
    if backup::bundle_if(&config.bundle(), pinned).is_some() {
        return Ok(None);
    }
    let missing = || {
        Failure::new(
            USAGE,
            "CS004",
            format!("neither this folder nor the backup has the bundle in force, {pinned}"),
        )
        .hint("bring back the bundle that was adopted last")
    };
    backup::bundle_if(&backup.bundle(), pinned).ok_or_else(missing)?;
    let staged = Staged::beside(config.bundle())?;
    for (name, content) in bundle_files(&backup.bundle())? {
        put(&staged.path().join(name), &content)?;
    }
    Ok(Some(staged))
}

fn copy_file(from: &std::path::Path, staged: &Staged) -> Result<(), Failure> {
    let content_failed =
        |err: std::io::Error| Failure::usage(format!("{} cannot be copied: {err}", from.display()));
    put(&staged.path(), &[])?;
    let mut read = fs::File::open(from).map_err(content_failed)?;
    let mut written = fs::OpenOptions::new().write(true).open(staged.path()).map_err(content_failed)?;
    std::io::copy(&mut read, &mut written).and_then(|_| written.sync_all()).map_err(content_failed)
}

/// With what SQLite keeps beside it.
fn put_database(moves: &Moves, staged: &Staged) -> Result<(), Failure> {
    for suffix in ["-wal", "-shm"] {
        moves.aside(&backup::aside(&staged.place, suffix))?;
        let beside = backup::aside(&staged.path(), suffix);
        if beside.exists() {
            backup::rename(&beside, &backup::aside(&staged.place, suffix))?;
        }
    }
    moves.put(staged)
}

fn told(restored: &Restored, format: Format) -> Result<ExitCode, Failure> {
    let Restored { genesis, size, anew, finished } = restored;
    if format == Format::Json {
        output::json(&json!({
            "genesis": genesis.fingerprint(),
            "vkey": genesis.vkey,
            "entries": size,
            "finished": finished,
            "continues": anew.as_ref().map(|it| json!({
                "genesis": it.before.fingerprint(),
                "lost": it.lost,
                "vouched": it.vouched,
                "sessions": it.carried.sessions,
                "changes": it.carried.changes,
                "approvals": it.carried.approvals,
                "erased": it.erased,
            })),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if *finished {
        output::line(format!("{} the restore that was broken off", styled(GOOD, "Finished")));
    } else {
        output::line(styled(GOOD, "Restored"));
    }
    output::line(format!("  genesis  {}", styled(BOLD, genesis.fingerprint())));
    let Some(anew) = anew else { return Ok(ExitCode::SUCCESS) };
    let lost = match anew.lost {
        Some(lost) => format!("{lost} entries that were signed for are lost"),
        None => "how much was signed for after the backup is not known".to_owned(),
    };
    output::line(format!("  a new log continues {}: {lost}", anew.before.fingerprint().short()));
    output::line(format!(
        "  {} sessions are stopped, {} changes and {} approvals came over, and what was open is closed",
        anew.carried.sessions, anew.carried.changes, anew.carried.approvals
    ));
    if !anew.vouched {
        output::note(format!(
            "{} the key of the log before is not here, so nothing vouches for the new one",
            styled(WARN, "note:")
        ));
    }
    output::note(format!(
        "Everybody who compared the old fingerprint must compare this one anew, and witnesses need the new log's key:\n  {}\n\
         What was here before was put aside, under names that end in .before-…: keep it, with the old log, for auditors.",
        genesis.vkey
    ));
    Ok(ExitCode::SUCCESS)
}
