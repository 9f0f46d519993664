//! The witnesses of this log, as `serve` reaches them: asked before anything is signed whether they know more than the
//! disk ([`Reachable::guard`]), and handed each new checkpoint from then on ([`push::start`]). Keys and quorum are the
//! bundle's, addresses the configuration's; a witness away holds nobody up.

mod door;
mod kept;
mod push;

use std::{collections::BTreeMap, path::Path};

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

pub(crate) use push::start;

/// The witnesses of the bundle, and how those are reached that can be.
#[derive(Debug)]
pub(crate) struct Reachable {
    keys: BTreeMap<WitnessId, WitnessKey>,
    doors: BTreeMap<WitnessId, (WitnessKey, Door)>,
}

impl Reachable {
    /// Every address must be that of a witness whom the bundle names. A witness without an address is said.
    pub(crate) fn open(config: &Config, bundle: &Bundle) -> Result<Self, Failure> {
        let keys = keys(bundle)?;
        let mut doors = BTreeMap::new();
        for (name, address) in &config.witness {
            let key = keys.get(name).cloned().ok_or_else(|| {
                Failure::usage(format!("[witness] {name}: the bundle names no such witness"))
                    .hint("who is a witness, and by which key, stands in witnesses.toml of the bundle")
            })?;
            let door = door(name, address, &config.dir)?;
            doors.insert(name.clone(), (key, door));
        }
        for witness in keys.keys().filter(|witness| !doors.contains_key(*witness)) {
            tracing::warn!(%witness, "a witness of the bundle has no address under [witness]: nothing is sent to it");
        }
        Ok(Self { keys, doors })
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
            contradiction(witness.as_str(), seen, ledger.size(), root_at).map_or(Ok(()), |found| {
                let why = format!("the log: {found}");
                Err(Failure::new(VERIFICATION, "CS005", why).hint("`countersign explain CS005`"))
            })
        };
        for (witness, key) in &self.keys {
            for note in Kept::at(folder).notes(witness) {
                if let Ok((seen, _)) = open_witnessed(&note, &log, key) {
                    contradicted(witness, &seen)?;
                }
            }
        }
        let mut asked = tokio::task::JoinSet::new();
        for (name, (key, door)) in &self.doors {
            let (name, key, door, origin) = (name.clone(), key.clone(), door.clone(), genesis.origin.clone());
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
