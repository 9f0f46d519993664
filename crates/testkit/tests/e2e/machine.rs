//! The machine and the cloud misbehave: a clock that is set back, a disk that is really full, a cloud so slow that the
//! session is stopped or the process killed while a request is on its way.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{Response, Serve, Stall, until};

use crate::lab::{Lab, OWNER, People, held, named};

const PUT: &str = "AmazonSSM.PutParameter";

fn put(lab: &Lab, name: &str) -> Result<Response> {
    lab.call("ssm", PUT, &json!({ "Name": name, "Value": "1", "Type": "String" }))
}

/// Debian's `faketime`: what the process reads as the time of day is moved by what a file says.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[test]
fn a_clock_set_back_is_said_and_nothing_passes() -> Result<()> {
    if !Path::new(FAKETIME).exists() {
        eprintln!(
            "SKIPPED: the clock is not set back, as faketime is not installed; on Debian: apt-get install faketime"
        );
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("offset");
    let set = |offset: &str| std::fs::write(&file, offset);
    set("+0")?;
    let people = People::enter()?;
    let flags = people.flags()?;
    let named_by = file.to_str().context("a folder whose path is not text")?;
    let env = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", named_by),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let env = [OWNER.as_slice(), &env].concat();
    let mut lab = Lab::over(people, &flags, |config| Serve::start_with(config, &env))?;
    ensure!(put(&lab, "/before")?.status == 200);
    let id = lab.hold("clock")?;

    set("-2h")?;
    let write = put(&lab, "/back")?;
    ensure!(write.status >= 400 && write.text().contains("CS103"), "{} {}", write.status, write.text());
    ensure!(lab.delete_stack("clock")?.text().contains("CS103"));
    let read = lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?;
    ensure!(read.status >= 400 && read.text().contains("CS103"), "{} {}", read.status, read.text());
    ensure!(lab.approve(&id, &lab.people.ben)?.code != 0, "signed at no time");
    ensure!(lab.parameter("/back")?.is_none() && lab.deletes("clock")? == 0);
    ensure!(lab.serve.is_alive()?, "{}", lab.serve.log()?);

    set("+0")?;
    ensure!(put(&lab, "/after")?.status == 200, "it works again once the clock does");
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    ensure!(lab.delete_stack("clock")?.status == 200);
    ensure!(lab.serve.stop()? == 0);
    lab.verify()?.expect(0).map(drop)
}

/// A file system of its own, small enough to be filled, laid over the folder of an installation.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing where one may not mount.
    fn over(folder: &Path) -> Result<Option<Self>> {
        let kept = tempfile::tempdir()?;
        let (from, aside) = (folder.to_str().context("not text")?, kept.path().to_str().context("not text")?);
        if sh(&format!("cp -a '{from}/.' '{aside}' && mount -t tmpfs -o size=4m,mode=700 tmpfs '{from}'"))?
            != 0
        {
            return Ok(None);
        }
        let disk = Self(folder.to_owned());
        ensure!(sh(&format!("cp -a '{aside}/.' '{from}'"))? == 0, "the folder does not fit on the disk");
        Ok(Some(disk))
    }

    fn fill(&self) -> Result<()> {
        let filler = self.0.join("filler");
        ensure!(
            sh(&format!("cat /dev/zero > '{}' 2>/dev/null", filler.display()))? != 0,
            "it did not get full"
        );
        Ok(())
    }

    fn empty(&self) -> Result<()> {
        std::fs::remove_file(self.0.join("filler")).map_err(Into::into)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whatever still has a file open keeps it, and the folder can be removed.
        let _ = sh(&format!("umount -l '{}'", self.0.display()));
    }
}

fn sh(script: &str) -> Result<i32> {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Ok(testkit::run(command, Duration::from_secs(30))?.code)
}

/// Whether the server ends by itself, which takes it a moment.
fn ended(lab: &mut Lab) -> Result<()> {
    until("`serve` to end", Duration::from_secs(2), || Ok((!lab.serve.is_alive()?).then_some(())))
}

#[test]
fn a_disk_without_any_room_is_said_and_survived() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut disk = None;
    let mut lab = Lab::over(people, &flags, |config| {
        disk = SmallDisk::over(config.parent().context("a file without a folder")?)?;
        Serve::start_with(config, &OWNER)
    })?;
    let Some(disk) = disk else {
        eprintln!("SKIPPED: no disk is filled, as mounting one takes root");
        return Ok(());
    };
    ensure!(put(&lab, "/before")?.status == 200);
    lab.make_stack("full")?;

    disk.fill()?;
    let mut stopped = None;
    // What the database and the log had reserved is used up first.
    for nth in 0..400 {
        let name = format!("/full/{nth}");
        let answer = match put(&lab, &name) {
            Ok(answer) => answer,
            Err(_) if ended(&mut lab).is_ok() => {
                stopped = Some(nth);
                break;
            }
            Err(error) => return Err(error),
        };
        if answer.status != 200 {
            ensure!(answer.text().contains("CS10"), "{} {}", answer.status, answer.text());
            ensure!(lab.parameter(&name)?.is_none(), "{name} was forwarded");
            stopped = Some(nth);
            break;
        }
    }
    ensure!(stopped.is_some(), "it wrote on although the disk was full");
    ensure!(lab.deletes("full")? == 0);
    // Where the log itself was caught by it, the server has ended: only a start reads back what is on the disk.
    if ended(&mut lab).is_ok() {
        ensure!(lab.serve.log()?.contains("CS008"), "{}", lab.serve.log()?);
        disk.empty()?;
        lab.restart()?;
    } else {
        let delete = lab.delete_stack("full")?;
        ensure!(delete.status >= 400 && held(&delete).is_err(), "{}", delete.text());
        ensure!(lab.deletes("full")? == 0 && lab.serve.is_alive()?, "{}", lab.serve.log()?);
        disk.empty()?;
    }
    until("writing to work again", Duration::from_secs(5), || {
        Ok((put(&lab, &format!("/after/{}", lab.forwarded()?))?.status == 200).then_some(()))
    })?;
    let id = held(&lab.delete_stack("full")?).context("holding works again")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    ensure!(lab.delete_stack("full")?.status == 200);
    ensure!(lab.serve.stop()? == 0);
    lab.verify()?.expect(0)?;
    drop(lab);
    drop(disk);
    Ok(())
}

/// A lab whose cloud can be made slow.
fn slow() -> Result<(Lab, Stall)> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut stall = None;
    let lab = Lab::behind(
        people,
        &flags,
        |moto| Ok(stall.insert(Stall::before(moto.authority())?).url()),
        |config| Serve::start_with(config, &OWNER),
    )?;
    Ok((lab, stall.context("no relay was made")?))
}

/// Does `deed` while the agent's delete of `stack` is kept back before the cloud; then lets go, and has its answer.
fn while_on_its_way(
    lab: &mut Lab,
    stall: &Stall,
    stack: &str,
    text: &str,
    deed: impl FnOnce(&mut Lab) -> Result<()>,
) -> Result<Result<Response>> {
    let host = lab.gateway().to_owned();
    let fields = [("Action", "DeleteStack"), ("StackName", stack), ("Version", "2010-05-15")];
    let signed = lab.agent.form("cloudformation", &host, &fields);
    stall.hold(text)?;
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| signed.send(&host));
        stall.until_one_waits()?;
        deed(lab)?;
        stall.release()?;
        answer.join().ok().context("the agent panicked")
    })
}

fn approved(lab: &Lab, stack: &str) -> Result<String> {
    let id = lab.hold(stack)?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    Ok(id)
}

#[test]
fn a_session_stopped_while_the_target_is_read_forwards_nothing() -> Result<()> {
    let (mut lab, stall) = slow()?;
    approved(&lab, "looking")?;
    let answer = while_on_its_way(&mut lab, &stall, "looking", "Action=Describe", stop_session)??;
    ensure!(answer.status >= 400 && answer.text().contains("stopped"), "{}", answer.text());
    ensure!(lab.deletes("looking")? == 0 && lab.stack_stands("looking")?);
    lab.verify()?.expect(0).map(drop)
}

/// What has left cannot be called back: it is carried to its end, its outcome is on record, and nothing follows it.
#[test]
fn a_session_stopped_while_bytes_are_in_flight_is_on_record_to_the_end() -> Result<()> {
    let (mut lab, stall) = slow()?;
    let id = approved(&lab, "flying")?;
    let answer = while_on_its_way(&mut lab, &stall, "flying", "Action=DeleteStack", stop_session)??;
    ensure!(answer.status == 200 && named(&answer)? == id, "{}", answer.text());
    ensure!(lab.deletes("flying")? == 1 && lab.state(&id)? == "executed");
    let after = put(&lab, "/after")?;
    ensure!(after.status >= 400 && after.text().contains("stopped"), "{}", after.text());
    ensure!(lab.parameter("/after")?.is_none());
    lab.verify()?.expect(0).map(drop)
}

/// The cloud got it after the process was gone: read back at the next start, and never sent again.
#[test]
fn a_process_killed_while_bytes_are_in_flight_sends_nothing_twice() -> Result<()> {
    let (mut lab, stall) = slow()?;
    let id = approved(&lab, "killed")?;
    let cut = while_on_its_way(&mut lab, &stall, "killed", "Action=DeleteStack", |lab| {
        lab.serve.kill();
        Ok(())
    })?;
    ensure!(cut.is_err(), "an answer came from a process that is gone");
    until("the cloud to receive it", Duration::from_secs(10), || {
        Ok((lab.deletes("killed")? == 1).then_some(()))
    })?;
    lab.restart()?;
    // Asked again, the agent is told how it ended.
    let _again = lab.delete_stack("killed")?;
    let state = until("the outcome to be read back", Duration::from_secs(20), || {
        let state = lab.state(&id)?;
        Ok(["executed", "failed"].contains(&state.as_str()).then_some(state))
    })?;
    ensure!(state == "executed" && lab.deletes("killed")? == 1, "{state}");
    ensure!(!lab.stack_stands("killed")?);
    lab.verify()?.expect(0).map(drop)
}

fn stop_session(lab: &mut Lab) -> Result<()> {
    let session = lab.session.id.clone();
    lab.signs(&lab.people.olga, &["session", "stop", &session])?.expect(0).map(drop)
}
