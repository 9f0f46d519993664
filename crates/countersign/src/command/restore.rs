//! `countersign restore`: puts a backup back where it is the newest state that was signed for, and otherwise, where that was
//! asked for, begins a new log under it (`--new-origin`). Nothing that is there is written over: it is put aside.
//! `countersign rotate` does the latter with what is here, because the log's key is to sign no more.

use std::{fs, path::PathBuf, process::ExitCode};

use engine::{Beginning, Carried, Clock as _, SystemClock, SystemEntropy};
use ledger::{Ledger, Standstill};
use model::{Continuity, Genesis, Ground, Site};
use policy::Bundle;
use serde_json::json;
use store::{OpenError, Store};
use tlog::{Checkpoint, SigningKey, VerifierKey, open_checkpoint, sign_note};

use super::{
    init::{drawn_log, folder},
    resident::secret,
};
use crate::{
    backup::{self, Backup, Here, Journal, MAX_NOTE, Part, Silent, Since, Verdict, judge, put},
    cli::{Format, RestoreArgs, RotateArgs},
    config::Config,
    failure::{Failure, USAGE, VERIFICATION},
    library::Library,
    output::{self, BOLD, GOOD, WARN, styled},
    tables,
};

pub(super) async fn run(args: &RestoreArgs, format: Format) -> Result<ExitCode, Failure> {
    let config = Config::load(&args.config)?;
    for file in [config.checkpoint(), config.database(), config.key("log.key")] {
        folder(file.parent().unwrap_or(&config.dir))?;
    }
    let _still = stand_still(&config)?;
    let _held = Store::hold(&config.database()).map_err(|err| Failure::usage(model::causes(&err)))?;
    if let Some(journal) = Journal::left(&config)? {
        let genesis = carry_out(&config, &journal)?;
        return told(&Restored { genesis, size: None, anew: None, finished: true }, format);
    }
    let backup = Backup::open(&args.dir)?;
    let found = Found::look(&config, &backup, &args.checkpoint)?;
    let verdict =
        judge(&backup.checkpoint, backup.manifest.genesis, &found.here, args.new_origin).map_err(|why| {
            let hint = why.hint();
            Failure::new(VERIFICATION, "CS213", why).hint(hint)
        })?;
    backup::clear(&config)?;
    let restored = match verdict {
        Verdict::PutBack => put_back(&config, &backup, &found)?,
        Verdict::Anew => {
            let ground = ground_of(args.ground.as_deref().unwrap_or_default())?;
            let (since, ground) = since(&config, &backup, &found, ground, args.forget_since)?;
            let site = backup.genesis.site.clone();
            begin_anew(&config, &backup, &found, Beginnings { ground, since, site }).await?
        }
    };
    told(&restored, format)
}

/// A log under a new key, which continues the one that is here and is vouched for by the old key. What is here is backed up
/// first, into a folder of the caller's.
pub(super) async fn rotate(args: &RotateArgs, format: Format) -> Result<ExitCode, Failure> {
    let config = Config::load(&args.config)?;
    let ground = ground_of(&args.ground)?;
    let _still = stand_still(&config)?;
    let _held = Store::hold(&config.database()).map_err(|err| Failure::usage(model::causes(&err)))?;
    if let Some(journal) = Journal::left(&config)? {
        let genesis = carry_out(&config, &journal)?;
        return told(&Restored { genesis, size: None, anew: None, finished: true }, format);
    }
    let (genesis, _) = backup::genesis_in(&config.log())?
        .ok_or_else(|| Failure::usage(format!("there is no log at {}", config.log().display())))?;
    if key_here(&config, &genesis).is_none() {
        let file = config.key("log.key");
        return Err(Failure::usage(format!("{} is not the key of the log", file.display()))
            .hint("a key that is lost vouches for nothing: `countersign restore --new-origin` begins a log without it"));
    }
    super::backup::make(&config, &args.dir)?;
    let backup = Backup::open(&args.dir)?;
    let found = Found::look(&config, &backup, &[])?;
    match judge(&backup.checkpoint, backup.manifest.genesis, &found.here, false) {
        Ok(Verdict::PutBack) => {}
        Ok(Verdict::Anew) => return Err(Failure::unexpected("a new log was not asked of the backup")),
        Err(why) => return Err(Failure::new(VERIFICATION, "CS213", &why).hint(why.hint())),
    }
    backup::clear(&config)?;
    let (since, ground) = since(&config, &backup, &found, ground, false)?;
    let site = args.site.clone().or_else(|| backup.genesis.site.clone());
    told(&begin_anew(&config, &backup, &found, Beginnings { ground, since, site }).await?, format)
}

/// What a new log is told of the old one, and keeps of it.
struct Beginnings {
    ground: Ground,
    since: Option<Since>,
    site: Option<Site>,
}

/// As long as it is held, no server opens the installation.
fn stand_still(config: &Config) -> Result<Standstill, Failure> {
    let in_use = || Failure::usage("a server has this installation open; stop it first");
    Standstill::of(&config.checkpoint()).map_err(Failure::usage)?.ok_or_else(in_use)
}

fn ground_of(text: &str) -> Result<Ground, Failure> {
    text.parse().map_err(|err| Failure::usage(format!("--ground: {err}")))
}

/// Makes the moves that are still missing. The installation must fit together before the lock file is in its place.
fn carry_out(config: &Config, journal: &Journal) -> Result<Genesis, Failure> {
    journal.put_parts(config)?;
    let genesis = fits(config)?;
    journal.put_lock(config)?;
    Ok(genesis)
}

fn fits(config: &Config) -> Result<Genesis, Failure> {
    let (genesis, key) = backup::genesis_in(&config.log())?
        .ok_or_else(|| Failure::usage(format!("there is no log at {}", config.log().display())))?;
    let ready = ledger::read_lock_file(&Part::Lock.staged(config)).map_err(Failure::usage)?;
    let note = match ready {
        Some(note) => Some(note),
        None => ledger::read_lock_file(&config.checkpoint()).map_err(Failure::usage)?,
    };
    if note.and_then(|note| opened(&note, &key)).is_none() {
        return Err(Failure::verification("the lock file that was made ready is not the log's"));
    }
    if key_here(config, &genesis).is_none() {
        return Err(Failure::usage(format!("{} is not the key of the log", config.key("log.key").display())));
    }
    Ok(genesis)
}

fn mark() -> String {
    SystemClock.now().to_string().chars().filter(|it| !matches!(it, ':' | '.')).collect()
}

/// What is known here of the log that the backup is of.
struct Found {
    here: Here,
    /// The largest checkpoint of it that is known, as it was signed.
    newest: Option<String>,
    /// What the lock file has.
    lock: Option<String>,
    /// The largest of the lock file and the log itself.
    own: Option<(String, Checkpoint)>,
    /// Those that had left.
    given: Vec<(String, Checkpoint)>,
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
            .filter_map(|name| opened(&backup::plain(&config.log().join(name), MAX_NOTE).ok()?, &backup.key));
        let given = given.iter().map(|file| {
            let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
            let bytes = backup::bounded(file, MAX_NOTE).map_err(|err| wrong(&err))?;
            opened(&bytes, &backup.key).ok_or_else(|| wrong(&"holds no checkpoint of the backup's log"))
        });
        let given = given.collect::<Result<Vec<_>, Failure>>()?;
        let own = lock.clone().into_iter().chain(published).max_by_key(|(_, it)| it.size);
        let newest = own.iter().chain(&given).max_by_key(|(_, it)| it.size).cloned();
        let (newest, largest) = newest.unzip();
        let (lock, locked) = lock.unzip();
        Ok(Self { here: Here { genesis, lock: locked, newest: largest }, newest, lock, own, given })
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
    /// Nothing was taken from the log that is here, because it does not hold.
    forgot: bool,
}

fn put_back(config: &Config, backup: &Backup, found: &Found) -> Result<Restored, Failure> {
    if key_here(config, &backup.genesis).is_none() {
        return Err(Failure::usage(format!(
            "{} is not the key of the backup's log, which is {}",
            config.key("log.key").display(),
            backup.genesis.vkey
        ))
        .hint("bring the key back; without it nothing can be signed to this log"));
    }
    let database = Part::Database.staged(config);
    backup.stage(&database, &Part::Log.staged(config))?;
    // What was recorded and not yet signed when the server ended is in its database alone.
    let there = Store::reach_of(&database).map_err(|err| backup::unread(&err))?;
    if reach_here(config)? > there.sequenced.saturating_add(there.pending) {
        return Err(Failure::new(
            VERIFICATION,
            "CS213",
            "the database that is here knows entries that the backup does not: it is the newer one",
        )
        .hint(
            "`countersign serve` goes on with what is here; if that cannot be, move the database away first",
        ));
    }
    let note = found.lock.as_ref().ok_or_else(|| Failure::unexpected("the lock file is gone"))?;
    put(&Part::Lock.staged(config), note.as_bytes())?;
    let mut parts = vec![Part::Database, Part::Log];
    parts.extend(staged_bundle(config, backup, backup.manifest.bundle)?);
    backup::settle(config)?;

    engine::crash::point("restore-staged");
    carry_out(config, &Journal::begin(config, &mark(), parts)?)?;
    let size = Some(backup.checkpoint.size);
    Ok(Restored { genesis: backup.genesis.clone(), size, anew: None, finished: false })
}

/// How many entries the database that is here knows. None where there is none; one that cannot be read may know any number.
fn reach_here(config: &Config) -> Result<u64, Failure> {
    match Store::reach_of(&config.database()) {
        Ok(reach) => Ok(reach.sequenced.saturating_add(reach.pending)),
        Err(OpenError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(OpenError::Foreign { .. }) => Ok(0),
        Err(err @ OpenError::Layout { .. }) => Err(Failure::usage(format!(
            "whether the database that is here knows more than the backup cannot be told: {}",
            model::causes(&err)
        ))
        .hint(
            "start `countersign serve` of this version once, which brings an earlier version's up; for a later version's \
             use that version",
        )),
        Err(err) => Err(Failure::new(
            VERIFICATION,
            "CS213",
            format!(
                "whether the database that is here knows more than the backup cannot be told: {}",
                model::causes(&err)
            ),
        )
        .hint("if it is damaged for good, move it away first")),
    }
}

/// What is taken over from the log that is here, and the ground with what was not.
fn since(
    config: &Config,
    backup: &Backup,
    found: &Found,
    ground: Ground,
    forget: bool,
) -> Result<(Option<Since>, Ground), Failure> {
    const FORGOT: &str = " (--forget-since: the log before does not hold, so nothing that it tells after the backup was taken over)";
    let lost = |what: &str| {
        output::note(format!(
            "{} {what}: a bundle that was adopted then is not in force, and bodies that were erased then are there again",
            styled(WARN, "note:")
        ));
    };
    match Since::of(&config.log(), found.own.as_ref(), &found.given, backup)? {
        Ok(since) => {
            match found.here.newest.as_ref().map(|it| it.size) {
                Some(size) if size > since.told_to => {
                    lost(&format!("entries {} to {} are lost", since.told_to, size - 1));
                }
                Some(_) => {}
                None => lost("what was signed for after the backup is not known"),
            }
            Ok((Some(since), ground))
        }
        Err(Silent(why)) if forget => {
            lost(&format!("nothing is taken from the log that is here, which does not hold ({why})"));
            let ground = format!("{ground}{FORGOT}").parse().map_err(|_| {
                let max = Ground::MAX_CHARS.saturating_sub(FORGOT.chars().count());
                Failure::usage(format!("--ground: with --forget-since it has at most {max} characters"))
            })?;
            Ok((None, ground))
        }
        Err(Silent(why)) => Err(Failure::new(
            VERIFICATION,
            "CS213",
            format!(
                "the log that is here does not hold ({why}), so it cannot be told which bundle is in force and which bodies \
                 were erased after the backup was made"
            ),
        )
        .hint(
            "bring its files back from a mirror or a newer backup; where they are lost for good, --forget-since goes on \
             with the bundle and the bodies of the backup",
        )),
    }
}

async fn begin_anew(
    config: &Config,
    backup: &Backup,
    found: &Found,
    beginnings: Beginnings,
) -> Result<Restored, Failure> {
    let Beginnings { ground, since, site } = beginnings;
    let forgot = since.is_none();
    let since = since.unwrap_or_else(|| Since::nothing(backup));
    let pinned = since.bundle.unwrap_or(backup.manifest.bundle);
    let bundle = staged_bundle(config, backup, pinned)?;
    let files = match bundle {
        Some(part) => backup::bundle_if(&part.staged(config), pinned).map(|(files, _)| files),
        None => Library::of(config).files(pinned),
    };
    let rules = files.and_then(|files| Bundle::load(&files).ok());
    let rules = rules.ok_or_else(|| Failure::unexpected("the bundle changed while it was read"))?;

    let (seed, key, genesis) = drawn_log(site)?;
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

    let staged = |part: Part| part.staged(config);
    let (database, log) = (staged(Part::Database), staged(Part::Log));
    backup.stage(&database, &log)?;
    // It was there to verify the database by.
    fs::remove_dir_all(&log).map_err(|err| Failure::usage(format!("{}: {err}", log.display())))?;
    let created = Ledger::create(&log, &staged(Part::Lock), key, genesis.clone())
        .map_err(|err| Failure::unexpected(format!("the new log cannot be made: {err}")))?;
    let erased = since.erased.len();
    let carried = {
        let store = Store::sqlite(&database).map_err(|err| Failure::verification(model::causes(&err)))?;
        let certificate = engine::proof_of(&Library::of(config), &rules).ok().map(|it| it.digest);
        let beginning = Beginning {
            genesis: &genesis,
            continuity: &continuity,
            bundle: &rules,
            certificate,
            erased: since.erased,
        };
        engine::continue_log(&store, created, beginning, &SystemClock, &SystemEntropy)
            .await
            .map_err(|err| Failure::new(VERIFICATION, "CS213", err))?
    };
    put(&staged(Part::LogKey), hex::encode(seed).as_bytes())?;
    backup::settle(config)?;

    engine::crash::point("restore-staged");
    let mut parts = vec![Part::Database, Part::Log, Part::LogKey];
    parts.extend(bundle);
    carry_out(config, &Journal::begin(config, &mark(), parts)?)?;
    let lost = found.here.newest.as_ref().map(|it| it.size.saturating_sub(backup.checkpoint.size));
    let anew = Anew {
        before: backup.genesis.clone(),
        lost,
        vouched: continuity.vouched.is_some(),
        carried,
        erased,
        forgot,
    };
    Ok(Restored { genesis, size: Some(backup.checkpoint.size), anew: Some(anew), finished: false })
}

fn key_here(config: &Config, genesis: &Genesis) -> Option<SigningKey> {
    let key = SigningKey::from_seed(&genesis.origin, &secret(&config.key("log.key")).ok()?).ok()?;
    (key.verifier().to_string() == genesis.vkey).then_some(key)
}

/// The bundle that must be in force, with the operation table that it rests on; staged where it is not here, or where the
/// folder that people edit is gone.
fn staged_bundle(config: &Config, backup: &Backup, pinned: model::Digest) -> Result<Option<Part>, Failure> {
    let library = Library::of(config);
    let here =
        library.files(pinned).and_then(|files| Bundle::load(&files).ok().map(|bundle| (files, bundle)));
    let stays = here.is_some() && library.edited().is_ok();
    let missing = || {
        Failure::new(
            USAGE,
            "CS004",
            format!("neither this folder nor the backup has the bundle in force, {pinned}"),
        )
        .hint("bring back the bundle that was adopted last")
    };
    let found = here.or_else(|| backup::bundle_if(&backup.bundle(), pinned));
    let (files, bundle) = found.ok_or_else(missing)?;
    // A table is named by its content, so nothing is written over, and nothing needs to be put aside.
    if let Some(table) = bundle.tables().aws {
        tables::bring(&config.bundles(), table, &backup.tables())?;
    }
    if stays {
        return Ok(None);
    }
    for (name, content) in &files {
        put(&Part::Bundle.staged(config).join(name), content)?;
    }
    Ok(Some(Part::Bundle))
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
                "forgot": it.forgot,
            })),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if *finished {
        output::line(format!("{} the restore that was broken off", styled(GOOD, "Finished")));
        output::note("The backup that was named now was not looked at; restore again if it is another one.");
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
