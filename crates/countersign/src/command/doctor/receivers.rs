//! What `countersign doctor` finds about the receivers of messages: whether each is one, answers, and takes what it is sent. Nothing
//! is sent; that is what `countersign notify test` is for.

use std::fs;

use super::{Finding, Grade, finding};
use crate::{
    config::Config,
    receivers::{self, Receiver, Told},
};

pub(super) async fn receivers(config: &Config, found: &mut Vec<Finding>) {
    let receivers = match receivers::receivers(config) {
        Ok(receivers) => receivers,
        Err(failure) => {
            found.push(finding(Grade::Bad, failure.message, "`serve` does not start with it"));
            return;
        }
    };
    if receivers.is_empty() {
        found.push(finding(
            Grade::Warning,
            "nobody is told of held changes and alarms",
            "put a [[notify]] into countersign.toml; people then hear of what waits for them",
        ));
    }
    for receiver in receivers {
        found.push(look(&receiver).await);
        found.extend(backlog(config, &receiver));
    }
}

async fn look(receiver: &Receiver) -> Finding {
    let (name, place) = (&receiver.name, receiver.place());
    match receiver.answers().await {
        Ok(()) => finding(Grade::Good, format!("the receiver {name} answers ({place})"), ""),
        Err(why) => finding(
            Grade::Warning,
            format!("the receiver {name} does not answer ({place}): {why}"),
            "what it is to be told waits for a day at most",
        ),
    }
}

/// What it was sent and has not taken.
fn backlog(config: &Config, receiver: &Receiver) -> Option<Finding> {
    let bytes = fs::read(Told::file(&config.database(), &receiver.name)).ok()?;
    let waiting = serde_json::from_slice::<Told>(&bytes).ok()?.trying?;
    Some(finding(
        Grade::Warning,
        format!(
            "the receiver {} has not taken a message that it is sent since {}",
            receiver.name, waiting.since
        ),
        "countersign notify test --config FILE says what it answers",
    ))
}
