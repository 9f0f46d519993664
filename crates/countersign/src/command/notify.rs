//! `countersign notify`: whether messages arrive, and secrets to sign them with.

use std::{fs, process::ExitCode};

use engine::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use model::Genesis;
use notify::{Event, Message, Secret};
use serde_json::json;

use crate::{
    cli::{Format, NotifyCommand},
    config::Config,
    failure::{Failure, UNEXPECTED},
    output::{self, BAD, GOOD, styled},
    receivers, tls,
};

pub(super) async fn run(command: &NotifyCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        NotifyCommand::Test { config } => test(&Config::load(config)?, format).await,
        NotifyCommand::Secret => {
            let mut random = [0; 32];
            SystemEntropy.fill(&mut random).map_err(Failure::unexpected)?;
            output::line(Secret::text_of(random).as_str());
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn test(config: &Config, format: Format) -> Result<ExitCode, Failure> {
    let all = receivers::receivers(config)?;
    if all.is_empty() {
        return Err(Failure::usage("there is no [[notify]] in countersign.toml"));
    }
    let file = config.log().join("genesis.json");
    let genesis = fs::read(&file).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))?;
    let genesis = Genesis::from_json(&genesis).map_err(Failure::usage)?;
    let sender = receivers::sender(genesis.fingerprint(), &tls::url(config, config.listen.people));
    let now = SystemClock.now();
    let id = format!("test-{}", now.millis());
    let said = format!("sent by `countersign notify test` of {}", genesis.fingerprint().short());
    let message = Message::plain(&sender, Event::Test, now, id, said);
    let mut told = Vec::new();
    for receiver in &all {
        let taken = receiver.send(&sender, &message).await.map_err(|why| why.to_string());
        if format == Format::Human {
            let (name, place) = (&receiver.name, receiver.place());
            match &taken {
                Ok(()) => output::line(format!("{}  {name} ({place})", styled(GOOD, "taken"))),
                Err(why) => output::line(format!("{}  {name} ({place}): {why}", styled(BAD, "not taken"))),
            }
        }
        told.push((&receiver.name, taken.err()));
    }
    let ok = told.iter().all(|(_, why)| why.is_none());
    if format == Format::Json {
        let receivers: Vec<_> = told
            .iter()
            .map(|(name, why)| json!({ "name": name, "taken": why.is_none(), "why": why }))
            .collect();
        output::json(&json!({ "ok": ok, "receivers": receivers }))?;
    }
    Ok(ExitCode::from(if ok { 0 } else { UNEXPECTED }))
}
