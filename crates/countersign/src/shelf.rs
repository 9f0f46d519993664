//! Specifications for the console's page of runs: the folders of one place, read when somebody looks, within bounds. Whoever can write there
//! chooses every name in it, so nothing is opened by a path of theirs: each folder is opened in the place and each file in its folder, and
//! what is a link, or no plain file, is said to be that and not followed.

use std::{
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use console::{Folder, Shelf, WANTED, most};
use rustix::{
    fs::{Mode, OFlags, open, openat},
    io::Errno,
};
use spec::Files;

/// Of a place.
const MOST_ENTRIES: usize = 10_000;
const MOST_FOLDERS: usize = 100;
/// Bytes of all folders together that are looked at at once.
const MOST_BYTES: usize = 64 << 20;

pub(crate) fn of(place: PathBuf) -> Arc<dyn Shelf> {
    Arc::new(Place(place))
}

#[derive(Debug)]
struct Place(PathBuf);

impl Shelf for Place {
    fn place(&self) -> String {
        self.0.display().to_string()
    }

    fn look(&self) -> Result<(Vec<Folder>, usize), String> {
        let mut found = entries(&self.0)?;
        // The newest first; of one moment, by name.
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let more = found.len().saturating_sub(MOST_FOLDERS);
        let place = opened(&self.0)?;
        let mut room = MOST_BYTES;
        let folders = found.into_iter().take(MOST_FOLDERS).map(|(_, name)| read(&place, &name, &mut room));
        Ok((folders.collect(), more))
    }

    fn folder(&self, name: &str) -> Option<Folder> {
        let place = opened(&self.0).ok()?;
        let (_, name) = entries(&self.0).ok()?.into_iter().find(|(_, it)| it.to_str() == Some(name))?;
        let mut room = MOST_BYTES;
        Some(read(&place, &name, &mut room))
    }
}

/// Folders, and what stands in their place; when each was last written to.
fn entries(place: &Path) -> Result<Vec<(SystemTime, PathBuf)>, String> {
    let all = std::fs::read_dir(place).map_err(|err| err.to_string())?;
    let folders = all.flatten().take(MOST_ENTRIES).filter_map(|entry| {
        // Of the entry itself, and of nothing that it leads to.
        let about = entry.metadata().ok()?;
        let at = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        (!about.is_file()).then(|| (at, PathBuf::from(entry.file_name())))
    });
    Ok(folders.collect())
}

/// The place itself is where the server's own configuration says.
fn opened(place: &Path) -> Result<OwnedFd, String> {
    open(place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|err| err.to_string())
}

/// `room`: bytes that may still be read.
fn read(place: &OwnedFd, name: &Path, room: &mut usize) -> Folder {
    let mut folder =
        Folder { name: name.to_string_lossy().into_owned(), files: Files::new(), unread: Vec::new() };
    if name.to_str().is_none() {
        folder.unread.push((String::new(), "its name is no UTF-8 text".to_owned()));
        return folder;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match openat(place, name, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(err) => {
            folder.unread.push((String::new(), told(err)));
            return folder;
        }
    };
    for file in WANTED {
        match bytes(&dir, file, most(file).saturating_add(1).min(room.saturating_add(1))) {
            Ok(None) => {}
            Ok(Some(bytes)) if bytes.len() > *room => {
                let mib = MOST_BYTES >> 20;
                let why =
                    format!("together with those above it has more than {mib} MiB: look at it by itself");
                folder.unread.push((file.to_owned(), why));
                *room = 0;
            }
            Ok(Some(bytes)) => {
                *room = room.saturating_sub(bytes.len());
                folder.files.insert(file.to_owned(), bytes);
            }
            Err(why) => folder.unread.push((file.to_owned(), why)),
        }
    }
    folder
}

/// None where there is no such file.
fn bytes(dir: &OwnedFd, file: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
    // What would make whoever opens it wait is not waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = match openat(dir, file, flags, Mode::empty()) {
        Ok(opened) => File::from(opened),
        Err(Errno::NOENT) => return Ok(None),
        Err(err) => return Err(told(err)),
    };
    let about = opened.metadata().map_err(|err| err.to_string())?;
    if !about.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    opened.take(most).read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    Ok(Some(bytes))
}

fn told(err: Errno) -> String {
    match err {
        // What a link is told as, where none is followed; of a folder, on some systems, the second.
        Errno::LOOP | Errno::MLINK => "it is a link, which is not followed".to_owned(),
        Errno::NOTDIR => "it is a link, which is not followed, or no folder".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn unread(folder: &Folder) -> Vec<String> {
        folder.unread.iter().map(|(file, why)| format!("{file}: {why}")).collect()
    }

    #[test]
    fn folders_are_read_and_links_are_not() {
        let top = tempfile::tempdir().unwrap();
        let specs = top.path().join("specs");
        let elsewhere = top.path().join("elsewhere");
        for dir in [&specs, &elsewhere] {
            fs::create_dir(dir).unwrap();
        }
        fs::write(elsewhere.join("requirements.md"), "secret").unwrap();
        let shelf = of(specs.clone());
        let put = |name: &str, file: &str, text: &str| {
            fs::create_dir_all(specs.join(name)).unwrap();
            fs::write(specs.join(name).join(file), text).unwrap();
        };
        put("good", "bugfix.md", "fine");
        put("good", "notes.md", "not ours");
        put("large", "requirements.md", &"a".repeat(most("requirements.md") + 10));
        fs::write(specs.join("file"), "no folder").unwrap();
        symlink(&elsewhere, specs.join("linked")).unwrap();
        symlink("../../elsewhere/requirements.md", specs.join("good").join("tasks.md")).unwrap();
        fs::create_dir_all(specs.join("odd").join("run.jsonl")).unwrap();
        symlink("/dev/zero", specs.join("odd").join("plan.json")).unwrap();

        let (all, more) = shelf.look().unwrap();
        let mut names: Vec<_> = all.iter().map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names, more), (vec!["good", "large", "linked", "odd"], 0));
        let good = shelf.folder("good").unwrap();
        assert_eq!(good.files.keys().collect::<Vec<_>>(), ["bugfix.md"]);
        assert_eq!(unread(&good), ["tasks.md: it is a link, which is not followed"]);
        let linked = shelf.folder("linked").unwrap();
        assert!(linked.files.is_empty() && unread(&linked)[0].contains("a link, which is not followed"));
        let large = shelf.folder("large").unwrap();
        assert_eq!(large.files["requirements.md"].len(), most("requirements.md") + 1, "and no more of it");
        let odd = unread(&shelf.folder("odd").unwrap());
        assert_eq!(odd, ["run.jsonl: it is no plain file", "plan.json: it is a link, which is not followed"]);

        for none in ["", ".", "..", "../elsewhere", "good/", "./good", "file", "absent", "/etc"] {
            assert!(shelf.folder(none).is_none(), "{none}");
        }
        assert!(of(top.path().join("absent")).look().is_err());
    }

    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        let top = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(top.path().join(name)).unwrap();
            fs::write(top.path().join(name).join("bugfix.md"), "0123456789").unwrap();
        }
        let place = opened(top.path()).unwrap();
        let mut room = 15;
        assert!(read(&place, Path::new("a"), &mut room).unread.is_empty());
        let second = read(&place, Path::new("b"), &mut room);
        assert!(second.files.is_empty() && unread(&second)[0].contains("look at it by itself"), "{second:?}");
    }
}
