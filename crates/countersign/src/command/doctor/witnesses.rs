//! What `countersign doctor` finds about the witnesses: who is named, who has an address, and whether those can be enough. None
//! is asked anything.

use policy::Bundle;

use super::{Finding, Grade, finding};
use crate::{
    config::Config,
    witnesses::{doors, keys, needed},
};

pub(super) fn witnesses(config: &Config, bundle: &Bundle, found: &mut Vec<Finding>) {
    let (keys, doors) = match keys(bundle).and_then(|keys| Ok((keys, doors(config)?))) {
        Ok(both) => both,
        Err(failure) => {
            found.push(finding(Grade::Bad, failure.message, "`serve` does not start with it"));
            return;
        }
    };
    for witness in keys.keys() {
        found.push(if doors.contains_key(witness) {
            finding(Grade::Good, format!("the witness {witness} has an address (not tried)"), "")
        } else {
            finding(
                Grade::Warning,
                format!("the witness {witness} has no address: nothing is sent to it"),
                "put it under [witness] of countersign.toml, which is read at a start and whenever a bundle comes into force",
            )
        });
    }
    for witness in doors.keys().filter(|witness| !keys.contains_key(*witness)) {
        found.push(finding(
            Grade::Warning,
            format!(
                "[witness] {witness}: the bundle in force names no such witness, and nothing is sent to it"
            ),
            "mistyped, unless a bundle that names it is about to be adopted",
        ));
    }
    let there = keys.keys().filter(|witness| doors.contains_key(*witness)).count();
    if there < needed(bundle) {
        found.push(finding(
            Grade::Bad,
            format!("{} witnesses must cosign by the bundle, and {there} have an address", needed(bundle)),
            "no checkpoint is witnessed, and what waits for it is refused (CS110): give their addresses",
        ));
    }
}
