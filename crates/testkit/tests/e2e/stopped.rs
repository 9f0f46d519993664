//! Taking everything from an agent at once, or from all of them, by the command line: needs nobody's agreement, and is on record.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Output, Session, Signer, binary, run};

use crate::{
    adopt::text,
    lab::{CALL, Lab},
};

/// What AWS answers to credentials that are none any more.
const CLOSED: u16 = 400;

/// What a read of this session is answered.
fn looks(lab: &Lab, session: &Session) -> Result<u16> {
    let fields = [("Action", "DescribeStacks"), ("Version", "2010-05-15")];
    Ok(Signer::of(session)?.form("cloudformation", lab.gateway(), &fields).send(lab.gateway())?.status)
}

/// The ids that `session stop` tells it has stopped.
fn stopped(told: Output) -> Result<Vec<String>> {
    let told = told.expect(0)?.json()?;
    let sessions = told["sessions"].as_array().context("no sessions")?;
    ensure!(sessions.iter().all(|it| it["state"] == "stopped"), "{told}");
    let mut ids: Vec<_> = sessions.iter().filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
    ids.sort();
    Ok(ids)
}

#[test]
fn an_agent_is_stopped_as_a_whole_and_so_is_everybody() -> Result<()> {
    let lab = Lab::open()?;
    let key = &lab.people.olga.private;
    let more = lab.installation.session("fixer", "olga", key, "look further", &[])?;
    let others = lab.installation.session("tidier", "olga", key, "tidy up", &[])?;
    let all = [&lab.session, &more, &others];
    let looked = || all.iter().map(|it| looks(&lab, it)).collect::<Result<Vec<_>>>();
    ensure!(looked()? == [200, 200, 200]);

    // Whose is said, once, and is known; otherwise nothing is stopped.
    let (ben, carla) = (&lab.people.ben, &lab.people.carla);
    for wrong in [&[][..], &["--agent", "fixer", "--all"], &[&more.id, "--all"], &["--agent", "no name"]] {
        lab.signs(ben, &[&["session", "stop"], wrong].concat())?.expect(2)?;
    }
    let unknown = lab.signs(ben, &["session", "stop", "--agent", "fxer"])?.expect(4)?;
    ensure!(unknown.stderr.contains("no agent `fxer`"), "{unknown}");
    lab.installation.run(["session", "stop", "--all"])?.expect(3)?;
    ensure!(looked()? == [200, 200, 200] && lab.entries("session_stopped")?.is_empty());

    let mut fixers = [lab.session.id.clone(), more.id.clone()];
    fixers.sort();
    let told = stopped(lab.signs(ben, &["session", "stop", "--agent", "fixer"])?)?;
    ensure!(told == fixers, "{told:?}");
    ensure!(looked()? == [CLOSED, CLOSED, 200], "{:?}", looked()?);
    let told = stopped(lab.signs(carla, &["session", "stop", "--all"])?)?;
    ensure!(told == [others.id.clone()], "{told:?}");
    ensure!(looked()? == [CLOSED; 3], "{:?}", looked()?);
    // There is nobody left, and saying so is no failure.
    ensure!(stopped(lab.signs(ben, &["session", "stop", "--all"])?)?.is_empty());
    ensure!(stopped(lab.signs(ben, &["session", "stop", "--agent", "fixer"])?)?.is_empty());

    let entries = lab.entries_of("session_stopped", 3)?;
    let by = |session: &Session| -> Result<&Value> {
        let found = entries.iter().find(|it| it["actors"]["session"] == session.id.as_str());
        Ok(&found.context("not on record")?["actors"]["person"])
    };
    ensure!(by(&lab.session)? == "ben" && by(&more)? == "ben" && by(&others)? == "carla", "{entries:#?}");
    lab.verify()?.expect(0).map(drop)
}

/// Where there is somebody who can be asked, they are.
#[test]
fn who_stops_many_at_a_terminal_says_yes_first() -> Result<()> {
    let lab = Lab::open()?;
    let config = text(lab.installation.config())?;
    let (program, key) = (binary("countersign")?, text(&lab.people.ben.private)?);
    let stop = format!("{} session stop --agent fixer --config {config} --key {key}", text(&program)?);
    let at_a_terminal = |answer: &str, more: &str| -> Result<Output> {
        let mut shell = Command::new("sh");
        shell.env("HOME", lab.installation.beside());
        shell.arg("-c").arg(format!("printf '{answer}\\n' | script -qec '{stop}{more}' /dev/null"));
        run(shell, CALL)
    };
    let told = at_a_terminal("n", "")?.expect(2)?.stdout;
    ensure!(told.contains("Stop all live sessions of fixer (1 now)? [y/N]"), "{told}");
    ensure!(told.contains("nothing was stopped") && looks(&lab, &lab.session)? == 200, "{told}");
    at_a_terminal("y", "")?.expect(0)?;
    ensure!(looks(&lab, &lab.session)? == CLOSED);
    let told = at_a_terminal("n", " --yes")?.expect(0)?.stdout;
    ensure!(told.contains("no session of fixer was live") && !told.contains("[y/N]"), "{told}");
    lab.entries_of("session_stopped", 1).map(drop)
}
