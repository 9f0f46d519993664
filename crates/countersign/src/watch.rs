//! Served = adopted: while `serve` runs, the files that people edit are looked at, and an edit changes nothing. It is said
//! once for each state of them, on record where nobody has asked for that state to be adopted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use engine::Engine;
use model::Digest;
use policy::Bundle;

use crate::library::Library;

const LOOK: Duration = Duration::from_secs(2);

/// As cheap as a look can be: names, sizes and times.
type Glance = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Looks until the engine is gone.
pub(crate) async fn run(engine: Weak<Engine>, library: Arc<Library>) {
    let mut seen = Seen::default();
    loop {
        let Some(engine) = engine.upgrade() else { return };
        seen.look(&engine, &library).await;
        drop(engine);
        tokio::time::sleep(LOOK).await;
    }
}

#[derive(Debug, Default)]
struct Seen {
    glance: Option<(Glance, Digest)>,
    /// What was said last.
    said: Option<State>,
}

/// How the files stand to what is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Same,
    Other(Digest),
    Unreadable(String),
}

impl Seen {
    async fn look(&mut self, engine: &Engine, library: &Arc<Library>) {
        let in_force = engine.bundle().digest();
        let shelf = Arc::clone(library);
        let known = self.glance.take();
        let looked = tokio::task::spawn_blocking(move || {
            let glance = glance(shelf.folder());
            match known {
                Some((before, digest)) if before == glance => (glance, Ok(digest)),
                _ => {
                    let found = shelf.edited().map(|files| Bundle::digest_of(&files));
                    (glance, found.map_err(|failure| failure.message))
                }
            }
        });
        let Ok((glance, found)) = looked.await else { return };
        let state = match found {
            Ok(digest) => {
                self.glance = Some((glance, digest));
                if digest == in_force { State::Same } else { State::Other(digest) }
            }
            Err(why) => State::Unreadable(why),
        };
        if self.said.as_ref() == Some(&state) {
            return;
        }
        if tell(engine, library, &state, in_force).await {
            self.said = Some(state);
        }
    }
}

/// Whether it is said now; what could not be recorded is said again.
async fn tell(engine: &Engine, library: &Library, state: &State, in_force: Digest) -> bool {
    let folder = library.folder().display();
    let (what, found) = match state {
        State::Same => {
            tracing::info!(bundle = %in_force, "{folder} holds the bundle in force");
            return true;
        }
        State::Other(digest) => (digest.to_string(), Some(digest)),
        State::Unreadable(why) => (why.clone(), None),
    };
    let said = format!(
        "the files in {folder} are not the bundle in force: {what}, not {in_force}. Nothing has changed. To bring them into \
         force: countersign policy adopt --bundle {folder}"
    );
    // Somebody asked for it with their key, or it was in force: that is on record.
    if found.is_some_and(|digest| library.knows(*digest)) {
        tracing::warn!("{said}");
        return true;
    }
    tracing::error!("{said}");
    match engine.alarm(&said).await {
        Ok(()) => true,
        Err(fault) => {
            tracing::error!(%fault, "the alarm could not be recorded");
            false
        }
    }
}

fn glance(folder: &Path) -> Glance {
    let mut found = Glance::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(data) if data.is_dir() => open.push(path),
                Ok(data) => drop(found.insert(path, (data.len(), data.modified().ok()))),
                Err(_) => drop(found.insert(path, (0, None))),
            }
        }
    }
    found
}
