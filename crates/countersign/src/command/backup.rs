//! `countersign backup`: beside a running server or without one. What it made is verified before it has its name.

use std::{fs, path::Path, process::ExitCode};

use engine::{Clock as _, SystemClock};
use policy::Bundle;
use store::Store;
use tlog::{Checkpoint, VerifierKey, open_checkpoint};

use crate::{
    backup::{self, DATABASE, MAX_NOTE, Manifest, TABLES, plain, put},
    cli::{BackupArgs, Format},
    config::Config,
    failure::{Failure, USAGE},
    library::Library,
    output::{self, GOOD, styled},
    tables,
};

/// A server that appends all the time has a new checkpoint every few milliseconds, and one of them must go with the copy.
const ATTEMPTS: usize = 50;

pub(super) fn run(args: &BackupArgs, format: Format) -> Result<ExitCode, Failure> {
    let manifest = make(&Config::load(&args.config)?, &args.dir)?;
    match format {
        Format::Json => output::json(&manifest)?,
        Format::Human => {
            output::line(format!("{} {}", styled(GOOD, "Made"), args.dir.display()));
            output::line(format!("  {} entries, of the installation {}", manifest.size, manifest.genesis));
            output::note(
                "The lock file and the keys are not in it: the lock file must never be set back, and keys are kept apart \
                 from what they sign.",
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes and verifies one; `dir` is not there yet.
pub(super) fn make(config: &Config, dir: &Path) -> Result<Manifest, Failure> {
    let (genesis, key) = backup::genesis_in(&config.log())?
        .ok_or_else(|| Failure::usage(format!("there is no log at {}", config.log().display())))?;
    if fs::symlink_metadata(dir).is_ok() {
        return Err(Failure::usage(format!("{} is there already", dir.display()))
            .hint("every backup goes into a new folder"));
    }
    let into = std::path::absolute(dir).map_err(Failure::usage)?;
    let parent = into.parent().ok_or_else(|| Failure::usage("a backup needs a folder to be made in"))?;
    let failed = |err: std::io::Error| Failure::usage(format!("{}: {err}", into.display()));
    let made = tempfile::Builder::new().prefix(".countersign-backup-").tempdir_in(parent).map_err(failed)?;
    let dir = made.path();

    let (note, checkpoint) = copy_state(config, &key, dir)?;
    ledger::copy(&config.log(), &dir.join("log"), &note, checkpoint.size).map_err(Failure::verification)?;
    let (report, pinned) = backup::verify(&dir.join(DATABASE), &dir.join("log"), &genesis)?;
    backup::sound(&report, "no backup was made, because what is here does not hold")?;
    let pinned = pinned
        .ok_or_else(|| Failure::verification("the log names no bundle; run `countersign audit verify`"))?;
    let Some(bundle) = Library::of(config).files(pinned) else {
        return Err(Failure::new(
            USAGE,
            "CS004",
            format!("{} does not hold the bundle in force, which is {pinned}", config.bundle().display()),
        )
        .hint("an edited file takes effect only as an approved change: put the files back as they were"));
    };
    for (name, content) in &bundle {
        put(&dir.join("bundle").join(name), content)?;
    }
    if let Some(table) = Bundle::load(&bundle).ok().and_then(|bundle| bundle.tables().aws) {
        tables::bring(&dir.join(TABLES), table, &config.bundles())?;
    }

    let manifest = Manifest {
        schema: Manifest::SCHEMA.to_owned(),
        made_at: SystemClock.now(),
        genesis: genesis.fingerprint(),
        size: checkpoint.size,
        database: backup::digest_of(&dir.join(DATABASE))?,
        bundle: pinned,
    };
    let json = serde_json::to_vec_pretty(&manifest).map_err(Failure::unexpected)?;
    put(&dir.join("manifest.json"), &json)?;
    sync(dir)?;
    let kept = made.keep();
    fs::rename(&kept, &into).map_err(failed)?;
    sync(parent)?;

    Ok(manifest)
}

/// The database in one state, and the checkpoint that this state goes with.
fn copy_state(config: &Config, key: &VerifierKey, dir: &Path) -> Result<(String, Checkpoint), Failure> {
    let into = dir.join(DATABASE);
    let newest = || -> Result<(String, Checkpoint), Failure> {
        let file = config.log().join("checkpoint");
        let note =
            plain(&file, MAX_NOTE).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))?;
        let note = String::from_utf8(note)
            .map_err(|err| Failure::verification(format!("{}: {err}", file.display())))?;
        let checkpoint = open_checkpoint(&note, key)
            .map_err(|err| Failure::verification(format!("{}: {err}", file.display())))?;
        Ok((note, checkpoint))
    };
    for _ in 0..ATTEMPTS {
        let before = newest()?;
        let reach = Store::copy(&config.database(), &into).map_err(|err| {
            Failure::usage(format!("the database cannot be copied: {}", model::causes(&err)))
        })?;
        for known in [before, newest()?] {
            if reach.holds(known.1.size) {
                return Ok(known);
            }
        }
        remove(&into)?;
    }
    Err(Failure::verification("no checkpoint of the log goes with the database as it is")
        .hint("run `countersign audit verify`; if all is well there, the server is too busy: try again"))
}

fn remove(database: &Path) -> Result<(), Failure> {
    fs::remove_file(database).map_err(|err| Failure::usage(format!("{}: {err}", database.display())))
}

fn sync(dir: &Path) -> Result<(), Failure> {
    fs::File::open(dir)
        .and_then(|open| open.sync_all())
        .map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))
}
