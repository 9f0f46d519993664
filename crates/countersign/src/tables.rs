//! Operation tables on disk, beside the bundles that rest on them: `DIR/bundles/DIGEST.table`, each the text of one, by what it
//! is named by ([`classify_aws::sheet`]). Every version that serves puts its own there, so that a later one finds it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use classify_aws::sheet::{Differences, Sheet, Turn, own_digest, own_text};
use model::Digest;
use policy::{Bundle, Difference, Tables, Way};

use crate::{
    backup::plain,
    failure::{Failure, USAGE},
};

/// Ten times what one takes today.
const MOST: u64 = 16 * 1024 * 1024;

/// Of the text of a statement: other differences need room, too.
const TOLD: usize = 8_000;

/// Where the text of a table lies below `kept`.
pub(crate) fn place(kept: &Path, table: Digest) -> PathBuf {
    kept.join(format!("{table}.table"))
}

/// The text that a file has, where it is the table of this name.
pub(crate) fn read_file(file: &Path, table: Digest) -> Result<String, String> {
    let text = text_of(file)?;
    let found = Sheet::digest_of(&text);
    if found == table {
        Ok(text)
    } else {
        Err(format!("{} is {found}: it was edited or damaged", file.display()))
    }
}

/// Whatever text a file has.
pub(crate) fn text_of(file: &Path) -> Result<String, String> {
    let bytes = plain(file, MOST).map_err(|err| format!("{}: {err}", file.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is no text", file.display()))
}

/// The text of a table: our own, or one that is kept.
pub(crate) fn read(kept: &Path, table: Digest) -> Result<String, String> {
    if table == own_digest() { Ok(own_text().1) } else { read_file(&place(kept, table), table) }
}

/// Puts our own there, where it is not, whole and flushed.
pub(crate) fn keep_own(kept: &Path) -> io::Result<Digest> {
    let (digest, text) = own_text();
    put(kept, digest, &text)?;
    Ok(digest)
}

fn put(kept: &Path, table: Digest, text: &str) -> io::Result<()> {
    let file = place(kept, table);
    if read_file(&file, table).is_ok() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(kept)?;
    let aside = kept.join(format!(".{table}.table"));
    let _ = fs::remove_file(&aside);
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()?;
    fs::rename(&aside, &file)?;
    File::open(kept)?.sync_all()
}

/// Puts a table there that is not, from a folder with others.
pub(crate) fn bring(kept: &Path, table: Digest, from: &Path) -> Result<(), Failure> {
    let read = || read(kept, table).or_else(|_| read_file(&place(from, table), table));
    let text = read().map_err(|why| {
        Failure::new(
            USAGE,
            "CS009",
            format!("the operation table that the bundle rests on is not here: {why}"),
        )
        .hint("bring its file back, or start the version that has this table once: it writes the file anew")
    })?;
    put(kept, table, &text).map_err(|err| Failure::usage(format!("{}: {err}", kept.display())))
}

/// Makes sure that a table is there.
pub(crate) fn keep(kept: &Path, table: Digest) -> Result<(), String> {
    let Err(why) = read_file(&place(kept, table), table) else { return Ok(()) };
    if table == own_digest() {
        return keep_own(kept).map(drop).map_err(|err| format!("the operation table cannot be kept: {err}"));
    }
    Err(format!(
        "{file}: the operation table {table} is not to be had here ({why}); this version's own is {own}, which \
         `countersign policy table --pin` of the same version writes",
        file = Tables::FILE,
        own = own_digest()
    ))
}

/// What is otherwise from one to the other, in as many lines as a statement has room for.
pub(crate) fn between(kept: &Path, old: Tables, new: Tables) -> Result<Vec<Difference>, String> {
    let (Some(old), Some(new)) = (old.aws, new.aws) else { return Ok(Vec::new()) };
    if old == new {
        return Ok(Vec::new());
    }
    let told = |difference: classify_aws::sheet::Difference| Difference {
        way: match difference.turn {
            Turn::Laxer => Way::Laxer,
            Turn::Stricter => Way::Stricter,
        },
        file: Tables::FILE,
        what: difference.what,
    };
    Ok(differences(kept, old, new)?.lines(TOLD).into_iter().map(told).collect())
}

/// All that is otherwise.
pub(crate) fn differences(kept: &Path, old: Digest, new: Digest) -> Result<Differences, String> {
    Ok(sheet(kept, old)?.differences(&sheet(kept, new)?))
}

fn sheet(kept: &Path, table: Digest) -> Result<Sheet, String> {
    if table == own_digest() {
        return Ok(Sheet::own());
    }
    let text = read(kept, table)?;
    Sheet::read(&text, table).map_err(|err| format!("the operation table {table}: {err}"))
}

/// The table that a bundle rests on, where it is to be had.
///
/// # Errors
/// Without it nothing is served: what it said could have been stricter.
pub(crate) fn of_bundle(kept: &Path, bundle: &Bundle) -> Result<Digest, Failure> {
    let failed = |why: String| Failure::new(USAGE, "CS009", why);
    let Some(table) = bundle.tables().aws else {
        return Err(failed(format!("{} of the bundle names no operation table", Tables::FILE)).hint(
            "`countersign policy table --pin BUNDLE_FOLDER` writes the file; once a bundle is in force it takes an adoption, \
             under a version that still serves it",
        ));
    };
    if table != own_digest() {
        let missing = |why| {
            failed(format!("the operation table that the bundle in force rests on is not here: {why}")).hint(
                "bring the file back from a backup, or start the version that has this table once: it writes the file anew",
            )
        };
        let text = read(kept, table).map_err(missing)?;
        Sheet::read(&text, table).map_err(|err| {
            failed(format!("the operation table that the bundle in force rests on, {table}: {err}")).hint(
                "start the version before this one, and adopt a bundle that rests on a table which both of them read",
            )
        })?;
    }
    Ok(table)
}

/// How the table that a bundle rests on stands to ours, in sentences; `None` where it is ours.
pub(crate) fn beside_own(kept: &Path, table: Digest) -> Result<Option<[String; 2]>, String> {
    const NAMED: usize = 5;
    if table == own_digest() {
        return Ok(None);
    }
    let differences = differences(kept, table, own_digest())?;
    let (laxer, stricter) = differences.counts();
    let first = differences.first(NAMED);
    let more = laxer.saturating_add(stricter).saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Ok(Some([
        format!(
            "the operation table that is pinned is not this version's: {laxer} things would be laxer under its own, {stricter} \
             stricter ({}{more}); of each the stricter counts",
            model::sanitize(&first.join(", "), 600)
        ),
        "to adopt this version's: countersign policy table --pin BUNDLE_FOLDER, then policy adopt --bundle BUNDLE_FOLDER"
            .to_owned(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_is_written_once_and_put_right() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("bundles");
        let own = keep_own(&kept).unwrap();
        let file = place(&kept, own);
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!((keep_own(&kept).unwrap(), own), (own_digest(), own));
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
        fs::write(&file, "damaged").unwrap();
        assert!(read_file(&file, own).is_err());
        keep(&kept, own).unwrap();
        assert_eq!(read_file(&file, own).unwrap(), read(&kept, own).unwrap());
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_table_that_is_not_what_it_is_named_by_is_not_to_be_had() {
        let dir = tempfile::tempdir().unwrap();
        let text = own_text().1.replacen("DeleteDBInstance\td\t", "DeleteDBInstance\tw\t", 1);
        let other = Sheet::digest_of(&text);
        assert!(keep(dir.path(), other).unwrap_err().contains(&own_digest().to_string()));
        let file = place(dir.path(), other);
        fs::write(&file, &text).unwrap();
        keep(dir.path(), other).unwrap();
        let [said, advice] = beside_own(dir.path(), other).unwrap().unwrap();
        assert!(
            said.contains("0 things would be laxer under its own, 1 stricter (docdb:DeleteDBInstance);"),
            "{said}"
        );
        assert!(advice.contains("policy table --pin"), "{advice}");
        let tables = |aws| Tables { aws };
        let lines = between(dir.path(), tables(Some(own_digest())), tables(Some(other))).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0].way, &*lines[0].what),
            (Way::Laxer, "from destroy to write: docdb:DeleteDBInstance")
        );
        assert_eq!(between(dir.path(), tables(None), tables(Some(other))), Ok(Vec::new()));
        assert_eq!(beside_own(dir.path(), own_digest()), Ok(None));
        fs::write(&file, text.replacen("service\trds\n", "service\tRDS\n", 1)).unwrap();
        assert!(read(dir.path(), other).unwrap_err().contains("edited or damaged"));
        std::os::unix::fs::symlink("/dev/zero", place(dir.path(), Digest::of(b"x"))).unwrap();
        assert!(read(dir.path(), Digest::of(b"x")).is_err());
    }
}
