//! The newest snapshot of the environment, for the console's pages: found in a folder, read within a bound and analysed beside
//! everything else, whenever another one lies there. Nothing but those pages rests on it.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use console::{Analysed, Estate, Seen};
use engine::{Clock as _, Engine, SystemClock};
use model::Timestamp;

const LOOK: Duration = Duration::from_secs(2);
/// How old everything is moves on.
const ANEW_MS: i64 = 3_600_000;
/// Less than a snapshot may have: it is taken apart in the memory of whoever serves. `countersign findings` reads larger ones.
const MOST_BYTES: u64 = 64 << 20;
/// Of a folder.
const MOST_FILES: usize = 10_000;

/// Which file it is, in what state.
type Glance = (PathBuf, u64, SystemTime);

/// Looks until the engine is gone.
pub(crate) async fn run(engine: Weak<Engine>, estate: Arc<Estate>, folder: PathBuf) {
    let mut known: Option<(Option<Glance>, Timestamp)> = None;
    while engine.strong_count() > 0 {
        let (place, before) = (folder.clone(), known.take());
        let looked = tokio::task::spawn_blocking(move || {
            let (glance, now) = (newest(&place), SystemClock.now());
            match before {
                Some((same, at)) if same == glance && now.since(at) < ANEW_MS => ((same, at), None),
                _ => {
                    let seen = seen(&place, glance.as_ref(), now);
                    ((glance, now), Some(seen))
                }
            }
        });
        if let Ok((glance, seen)) = looked.await {
            known = Some(glance);
            seen.into_iter().for_each(|seen| estate.show(seen));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Before anything was looked for.
pub(crate) fn nothing(folder: &Path) -> Seen {
    Seen::Nothing { folder: folder.display().to_string() }
}

/// Plain files alone: nothing that is waited for, or lies elsewhere.
fn newest(folder: &Path) -> Option<Glance> {
    let files = fs::read_dir(folder).ok()?.flatten().take(MOST_FILES).filter_map(|entry| {
        let (path, about) = (entry.path(), entry.metadata().ok()?);
        let is_json = path.extension().is_some_and(|it| it == "json");
        (is_json && about.is_file()).then_some((path, about.len(), about.modified().ok()?))
    });
    files.max_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)))
}

fn seen(folder: &Path, newest: Option<&Glance>, now: Timestamp) -> Seen {
    let Some((path, ..)) = newest else { return nothing(folder) };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let analysed =
        text_of(path).and_then(|text| Analysed::of(file.clone(), text, now).map_err(|err| err.to_string()));
    match analysed {
        Ok(analysed) => Seen::Read(Box::new(analysed)),
        Err(why) => {
            tracing::warn!(file, "the newest snapshot is none: {why}");
            Seen::Unreadable { file, why }
        }
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|err| err.to_string())?;
    file.take(MOST_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        let most = MOST_BYTES >> 20;
        return Err(format!(
            "it has more than {most} MiB; countersign findings --from FILE reads larger ones"
        ));
    }
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_plain_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let told = || match seen(folder.path(), newest(folder.path()).as_ref(), now) {
            Seen::Nothing { .. } => "nothing".to_owned(),
            Seen::Unreadable { file, why } => format!("{file}: {why}"),
            Seen::Read(_) => "read".to_owned(),
        };
        let put = |name: &str, text: &str, age: u64| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
            fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        };
        assert_eq!(told(), "nothing");
        put("s.json.part", "{", 0);
        fs::create_dir(folder.path().join("d.json")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("z.json")).unwrap();
        assert_eq!(told(), "nothing");
        let taken = snapshot::Taken { from: now, until: now };
        put("good.json", &snapshot::Builder::new("111122223333", &["us-east-1"], taken).draft(), 60);
        assert_eq!(told(), "read");
        put("old.json", "{", 600);
        assert_eq!(told(), "read");
        put("new.json", "\u{202e}{", 10);
        assert!(told().starts_with("new.json: line 1"), "{}", told());
    }
}
