//! Whether the witnesses that a bundle names can be reached, asked before anybody signs for that bundle: with the addresses that
//! stand in the configuration at that moment. Nothing is sent to them; each is asked what it shows of this log.

use std::path::{Path, PathBuf};

use engine::{Engine, Later, WitnessReach};
use model::WitnessId;
use policy::Bundle;
use tlog::WitnessKey;

use super::{Seat, door::NotShown, needed, read_again, seats};

/// What an adoption goes through.
#[derive(Debug)]
pub(crate) struct Gate {
    file: PathBuf,
}

impl Gate {
    /// `file`: the configuration.
    pub(crate) fn by(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }
}

impl WitnessReach for Gate {
    fn fits<'a>(&'a self, engine: &'a Engine, next: &'a Bundle) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            let in_force = engine.bundle();
            // A witness that is away must not be in the way of a bundle that is about something else.
            if in_force.witnesses() == next.witnesses() && needed(&in_force) == needed(next) {
                return Ok(());
            }
            let (there, away) = reached(engine, next, &self.file).await?;
            let lacks = |bundle: &Bundle, there: usize| needed(bundle).saturating_sub(there);
            // Where too few are there already, what makes it no worse may be what mends it.
            if lacks(next, there) <= lacks(&in_force, engine.witnesses().present()) {
                return Ok(());
            }
            Err(format!(
                "under this bundle {} witnesses must cosign, or what waits for them is refused, and {there} can be reached: {}; \
                 nothing has to be started again, the addresses in countersign.toml are read when it is asked for and when it \
                 comes into force",
                needed(next),
                away.join("; ")
            ))
        })
    }
}

/// How many of its witnesses answer, and why not the others. Refuses where one of them convicts this disk.
async fn reached(engine: &Engine, next: &Bundle, file: &Path) -> Result<(usize, Vec<String>), String> {
    let keys = engine::witness_keys(next)
        .map_err(|(witness, err)| format!("witnesses.toml: the key of {witness}: {err}"))?;
    let doors = read_again(file.to_owned()).await.map_err(|failure| failure.message)?;
    let seats = seats(&keys, &doors);
    let unaddressed = keys.keys().filter(|witness| !seats.contains_key(*witness));
    let mut away: Vec<String> = unaddressed
        .map(|witness| format!("{witness} has no address under [witness] of countersign.toml"))
        .collect();
    let mut asked = tokio::task::JoinSet::new();
    for (witness, Seat { key, door }) in seats {
        let origin = engine.genesis().origin.clone();
        asked.spawn(async move { (witness, key, door.shown(&origin).await) });
    }
    let mut there = 0usize;
    while let Some(answered) = asked.join_next().await {
        let (witness, key, shown) =
            answered.map_err(|_| "asking the witnesses broke off; ask again".to_owned())?;
        match judged(engine, &witness, &key, shown)? {
            None => there = there.saturating_add(1),
            Some(why) => away.push(format!("{witness}: {why}")),
        }
    }
    away.sort();
    Ok((there, away))
}

/// Why it does not count; `None` where it does.
fn judged(
    engine: &Engine,
    witness: &WitnessId,
    key: &WitnessKey,
    shown: Result<Option<String>, NotShown>,
) -> Result<Option<String>, String> {
    let note = match shown {
        Ok(None) => return Ok(None),
        Ok(Some(note)) => note,
        Err(why) => return Ok(Some(why.to_string())),
    };
    match engine.contradicted(witness, key, &note) {
        Ok(None) => Ok(None),
        Ok(Some(found)) => {
            tracing::error!(%witness, "a bundle was asked for that names this witness: {found}");
            Err(format!("{found}; `countersign explain CS005`"))
        }
        Err(err) => Ok(Some(format!("what it shows of this log does not count: {err}"))),
    }
}
