//! The witnesses of this log, as `serve` reaches them: asked before anything is signed whether they know more than the
//! disk ([`Reachable::guard`]), and handed each new checkpoint from then on ([`start`]). Keys and quorum are the
//! bundle's, addresses the configuration's, which is read again whenever another bundle comes into force; a witness away holds
//! nobody up.

mod attend;
mod door;
mod gate;
mod kept;
mod push;
mod tend;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ledger::{Genesis, Ledger};
use model::WitnessId;
use policy::Bundle;
use tlog::{Checkpoint, WitnessKey};
use witness::{contradiction, open_witnessed};

use crate::{
    config::{Config, WitnessAddress, WitnessPlace},
    failure::{Failure, USAGE, VERIFICATION},
};
use door::Door;
use kept::Kept;

pub(crate) use gate::Gate;
pub(crate) use tend::start;

/// By the name that a bundle gives each, or will.
pub(crate) type Doors = BTreeMap<WitnessId, Door>;

/// The witnesses of the bundle, and how those are reached that can be.
#[derive(Debug)]
pub(crate) struct Reachable {
    keys: BTreeMap<WitnessId, WitnessKey>,
    doors: Doors,
}

/// A witness that the bundle names and that has an address.
#[derive(Clone, Debug)]
struct Seat {
    key: WitnessKey,
    door: Door,
}

impl Seat {
    fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.door.leads_where(&other.door)
    }
}

impl Reachable {
    pub(crate) fn open(config: &Config, bundle: &Bundle) -> Result<Self, Failure> {
        Ok(Self { keys: keys(bundle)?, doors: doors(config)? })
    }

    /// Asks every witness what it last cosigned of this log, looks at what earlier processes kept of their answers beside it
    /// in `folder`, and refuses where the log on this disk does not contain it.
    pub(crate) async fn guard(
        &self,
        ledger: &Ledger,
        genesis: &Genesis,
        folder: &Path,
    ) -> Result<(), Failure> {
        let refused = |why: &dyn std::fmt::Display| Failure::new(USAGE, "CS005", format!("the log: {why}"));
        let log = genesis
            .vkey
            .parse()
            .map_err(|err| refused(&format!("the genesis names no usable key: {err}")))?;
        let contradicted = |witness: &WitnessId, seen: &Checkpoint| {
            let root_at = |size| ledger.root_at(size);
            match contradiction(witness.as_str(), seen, ledger.size(), root_at) {
                Ok(None) => Ok(()),
                Ok(Some(found)) => {
                    let why = format!("the log: {found}");
                    Err(Failure::new(VERIFICATION, "CS005", why).hint("`countersign explain CS005`"))
                }
                Err(err) => Err(refused(&err)),
            }
        };
        for (witness, key) in &self.keys {
            for note in Kept::at(folder).notes(witness) {
                if let Ok((seen, _)) = open_witnessed(&note, &log, key) {
                    contradicted(witness, &seen)?;
                }
            }
        }
        let mut asked = tokio::task::JoinSet::new();
        for (name, Seat { key, door }) in seats(&self.keys, &self.doors) {
            let origin = genesis.origin.clone();
            asked.spawn(async move { (name, key, door.shown(&origin).await) });
        }
        while let Some(answered) = asked.join_next().await {
            let (witness, key, shown) = answered.map_err(Failure::unexpected)?;
            let note = match shown {
                Ok(Some(note)) => note,
                Ok(None) => {
                    tracing::info!(%witness, "this witness has cosigned nothing of this log yet");
                    continue;
                }
                Err(why) => {
                    tracing::warn!(%witness, "this witness could not be asked how far it knows the log: {why}");
                    continue;
                }
            };
            match open_witnessed(&note, &log, &key) {
                Ok((seen, _)) => {
                    contradicted(&witness, &seen)?;
                    tracing::info!(%witness, size = seen.size, "this witness knows a beginning of this log");
                }
                Err(err) => {
                    tracing::warn!(%witness, "what this witness shows of the log does not verify: {err}");
                }
            }
        }
        Ok(())
    }
}

/// The keys of the bundle's witnesses. That they look like keys was seen when it was loaded; here each is one.
pub(crate) fn keys(bundle: &Bundle) -> Result<BTreeMap<WitnessId, WitnessKey>, Failure> {
    engine::witness_keys(bundle).map_err(|(witness, err)| {
        Failure::new(USAGE, "CS004", format!("witnesses.toml: the key of {witness}: {err}"))
    })
}

/// Every address that the configuration has, of whomever: one may stand there before a bundle names its witness.
pub(crate) fn doors(config: &Config) -> Result<Doors, Failure> {
    config
        .witness
        .iter()
        .map(|(name, address)| Ok((name.clone(), door(name, address, &config.dir)?)))
        .collect()
}

/// How many witnesses there must be, or something that waits for them under this bundle waits in vain.
pub(crate) fn needed(bundle: &Bundle) -> usize {
    let quorum = usize::try_from(bundle.witnesses().quorum).unwrap_or(usize::MAX);
    quorum.max(usize::from(bundle.levels().witnesses()))
}

/// As the file says at this moment.
async fn read_again(file: PathBuf) -> Result<Doors, Failure> {
    let read = tokio::task::spawn_blocking(move || doors(&Config::load(&file)?));
    read.await.map_err(Failure::unexpected)?
}

fn seats(keys: &BTreeMap<WitnessId, WitnessKey>, doors: &Doors) -> BTreeMap<WitnessId, Seat> {
    keys.iter()
        .filter_map(|(name, key)| {
            Some((name.clone(), Seat { key: key.clone(), door: doors.get(name)?.clone() }))
        })
        .collect()
}

fn door(name: &WitnessId, address: &WitnessAddress, dir: &Path) -> Result<Door, Failure> {
    let (url, monitor, ca) = match address {
        WitnessAddress::Url(url) => (url, url, None),
        WitnessAddress::More(WitnessPlace { url, monitor, ca }) => {
            (url, monitor.as_ref().unwrap_or(url), ca.as_ref().map(|file| dir.join(file)))
        }
    };
    Door::new(url, monitor, ca.as_deref())
        .map_err(|failure| Failure { message: format!("[witness] {name}: {}", failure.message), ..failure })
}
