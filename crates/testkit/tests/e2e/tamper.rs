//! Someone with the disk in their hands: rows, bundle and log altered, copies put back. What is altered convicts, and
//! nothing is served or forwarded on top of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::{Cli, Output, Serve};

use crate::lab::{Lab, OWNER, files_below, held};

/// A server that must not come up.
pub(crate) fn refuses_to_start(lab: &Lab) -> Result<Output> {
    Cli::run(["serve".as_ref(), "--config".as_ref(), lab.installation.config().as_os_str()])
}

/// Python at the database file, past the server.
pub(crate) fn database(lab: &Lab, script: &str) -> Result<()> {
    let file = database_file(lab)?;
    let script = format!(
        "import json, os, sqlite3\ndb = sqlite3.connect(os.environ['DB'], timeout=20)\n{script}\ndb.commit()\n"
    );
    lab.venv.python(&script, &[("DB", file.to_str().context("path")?)])?.expect(0).map(drop)
}

fn database_file(lab: &Lab) -> Result<PathBuf> {
    let is_database =
        |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3"));
    files_below(&lab.installation.folder())?.into_iter().find(is_database).context("no database")
}

/// Ben's own approval, once more, as carla's.
pub(crate) const BENS_AS_CARLAS: &str = "
change, document = db.execute('SELECT change, document FROM approvals').fetchone()
text = document if isinstance(document, str) else document.decode()
forged = text.replace('\"person\":\"ben\"', '\"person\":\"carla\"')
assert forged != text
db.execute('INSERT INTO approvals (change, person, document) VALUES (?, ?, ?)', (change, 'carla', forged.encode()))
";

#[test]
fn a_row_written_by_hand_forwards_nothing_and_alarms() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("forged")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    database(&lab, BENS_AS_CARLAS)?;
    let refused = lab.delete_stack("forged")?;
    ensure!(refused.status != 200, "{}", refused.text());
    ensure!(
        lab.deletes("forged")? == 0 && lab.stack_stands("forged")?,
        "nothing is forwarded on a forged row"
    );
    ensure!(lab.serve.is_alive()?, "{}", lab.serve.log()?);
    ensure!(lab.serve.stop()? == 0);
    ensure!(!lab.entries("alarm")?.is_empty(), "no alarm: {}", refused.text());
    let convicted = lab.verify()?.expect(20)?.json()?;
    ensure!(!convicted["problems"].as_array().context("none")?.is_empty());
    refuses_to_start(&lab)?.expect(20)?;
    Ok(())
}

#[test]
fn an_edited_row_is_not_served() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("edited")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);
    lab.verify()?.expect(0)?;
    let data = lab.installation.folder().join("data");
    let before = lab.installation.beside().join("before");
    copy(&data, &before)?;
    for edit in [
        "db.execute(\"UPDATE changes SET state = 'approved'\")",
        "db.execute(\"UPDATE approvals SET person = 'mallory'\")",
        "db.execute('DELETE FROM approvals')",
        "db.execute('DELETE FROM changes')",
        "db.execute('DELETE FROM sessions')",
    ] {
        database(&lab, edit)?;
        let refused = refuses_to_start(&lab)?.expect(20).with_context(|| edit.to_owned())?;
        ensure!(refused.stderr.contains("contradict"), "{edit}: {refused}");
        lab.verify()?.expect(20).with_context(|| edit.to_owned())?;
        put_back(&before, &data)?;
    }
    lab.restart()?;
    ensure!(lab.state(&id)? == "held");
    lab.verify()?.expect(0).map(drop)
}

/// Not even where nothing was adopted yet: what the installation began with is kept, too.
#[test]
fn an_edited_bundle_is_not_served() -> Result<()> {
    let mut lab = Lab::open()?;
    ensure!(lab.serve.stop()? == 0);
    let edited = lab.installation.folder().join("bundle/overrides.toml");
    fs::write(&edited, [fs::read(&edited)?.as_slice(), b"\n# edited\n"].concat())?;
    lab.restart()?;
    lab.hold("as-before")?;
    testkit::until("an alarm", Duration::from_secs(30), || Ok(lab.entries("alarm")?.pop()))?;
    lab.verify()?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);

    let folders = fs::read_dir(lab.installation.folder().join("bundles"))?.map(|it| Ok(it?.path()));
    let folders = folders.collect::<Result<Vec<_>>>()?.into_iter().filter(|path| path.is_dir());
    let [bundle] = <[PathBuf; 1]>::try_from(folders.collect::<Vec<_>>())
        .map_err(|all| anyhow::anyhow!("not one bundle is kept: {all:?}"))?;
    for file in files_below(&bundle)? {
        let before = fs::read(&file)?;
        fs::write(&file, [before.as_slice(), b"\n\n"].concat())?;
        let refused = refuses_to_start(&lab)?;
        ensure!(refused.code == 2, "{} was edited and: {refused}", file.display());
        fs::write(&file, before)?;
    }
    let added = bundle.join("grants").join("zz.cedar");
    fs::write(&added, "permit (principal, action, resource);\n")?;
    refuses_to_start(&lab)?.expect(2)?;
    fs::remove_file(added)?;
    lab.restart()
}

#[test]
fn an_edited_log_convicts() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("logged")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);
    lab.verify()?.expect(0)?;
    let log = lab.installation.folder().join("log");
    let genesis = lab.installation.genesis().to_owned();
    let mut entries = files_below(&log.join("tile/entries"))?;
    entries.sort();
    let last = entries.last().context("no entries")?.clone();
    let bytes = fs::read(&last)?;

    // The middle of what ben said, a byte of it; the last entry gone; half of the file gone; all of it gone.
    let mut edited = bytes.clone();
    let at = edited.windows(5).rposition(|window| window == b"\"ben\"").context("no ben")? + 1;
    edited[at] = b'k';
    let deleted = without_last(&bytes)?;
    let truncated = bytes[..bytes.len() / 2].to_vec();
    for (what, content) in
        [("edited", Some(edited)), ("deleted", Some(deleted)), ("truncated", Some(truncated)), ("gone", None)]
    {
        match content {
            Some(content) => fs::write(&last, content)?,
            None => fs::remove_file(&last)?,
        }
        let log = log.to_str().context("path")?;
        let alone = Cli::run(["audit", "verify", "--log", log, "--genesis", &genesis, "--output", "json"])?;
        let report = alone.expect(20).with_context(|| what.to_owned())?.json()?;
        let problems = report["problems"].as_array().context("none")?.clone();
        ensure!(
            problems.iter().any(|problem| names(problem, &last)),
            "{what}: it is not said where: {report}"
        );
        let refused = refuses_to_start(&lab)?;
        ensure!(refused.code == 20 || refused.code == 2, "{what}: {refused}");
        fs::write(&last, &bytes)?;
    }
    lab.restart()?;
    lab.verify()?.expect(0).map(drop)
}

/// An entry's number, or the file.
fn names(problem: &Value, file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Which one is missing at the end, a log cannot say; that one is, it does.
    let missing = problem["code"] == "entries_missing";
    missing
        || problem["entry"].is_u64()
        || problem["message"].as_str().is_some_and(|message| message.contains(&name))
}

/// A bundle of entries without its last one.
fn without_last(bundle: &[u8]) -> Result<Vec<u8>> {
    let (mut at, mut last) = (0, 0);
    while let Some([high, low]) = bundle.get(at..at + 2) {
        last = at;
        at += 2 + usize::from(u16::from_be_bytes([*high, *low]));
    }
    ensure!(at == bundle.len(), "no bundle of entries");
    Ok(bundle[..last].to_vec())
}

#[test]
fn a_restored_backup_is_not_served_and_clients_notice() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("backup")?;
    ensure!(lab.serve.stop()? == 0);
    let folder = lab.installation.folder();
    let backup = lab.installation.beside().join("backup");
    copy(&folder, &backup)?;
    let data = folder.join("data");

    lab.restart()?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);
    // Ben's client has now seen what the backup does not have.
    lab.restart()?;
    lab.installation.run(["change", "list"])?.expect(0)?;
    let state = lab.installation.beside().join(".local/state");
    ensure!(!files_below(&state)?.is_empty(), "no client kept a checkpoint");
    ensure!(lab.serve.stop()? == 0);

    put_back(&backup.join("data"), &data)?;
    refuses_to_start(&lab)?.expect(20)?;

    // Everything put back together, log and lock and database: only who was outside can tell.
    put_back(&backup, &folder)?;
    lab.serve = Serve::start_with(lab.installation.config(), &OWNER)?;
    let alarmed = lab.installation.run(["change", "list"])?.expect(20)?;
    ensure!(alarmed.stderr.contains("CS211"), "{alarmed}");
    let alarmed = lab.approve(&id, &lab.people.ben)?.expect(20)?;
    ensure!(alarmed.stdout.is_empty(), "something was signed: {alarmed}");
    // Also once the restored log has grown past what they saw.
    for nth in 0..6 {
        held(&lab.delete_stack(&format!("none-{nth}"))?).ok();
    }
    ensure!(lab.serve.stop()? == 0);
    lab.restart()?;
    lab.installation.run(["change", "list"])?.expect(20)?;
    Ok(())
}

fn put_back(copied: &Path, folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder)?;
    copy(copied, folder)
}

/// A folder with its modes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = std::process::Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    testkit::run(command, std::time::Duration::from_secs(30))?.expect(0).map(drop)
}
