//! Witnesses beside a running installation: they are given what it signs, one may be away, and what one of them knows is
//! enough to stop a server that has been set back, or that shows another history.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::{Cli, Response, Serve, Witness, binary, send, until};

use crate::lab::{Lab, OWNER, People};

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// An installation with witnesses, and the folder in which they live.
pub(crate) struct Watched {
    pub(crate) lab: Lab,
    pub(crate) witnesses: Vec<Witness>,
    folder: PathBuf,
}

impl Watched {
    pub(crate) fn open(witnesses: usize, quorum: usize) -> Result<Self> {
        Self::open_at(witnesses, quorum, &["--listen", "127.0.0.1:0"], |_, url| format!("\"{url}\""))
    }

    /// `args` are a witness's own, and `address` is what the installation has under [witness] for one of this URL.
    fn open_at(
        witnesses: usize,
        quorum: usize,
        args: &[&str],
        address: impl Fn(usize, &str) -> String,
    ) -> Result<Self> {
        let people = People::enter()?;
        let flags = people.flags()?;
        let mut running = Vec::new();
        let mut folder = PathBuf::new();
        let lab = Lab::over(people, &flags, |config| {
            let dir = config.parent().context("a folder")?;
            folder = dir.parent().context("a folder above")?.join("witnesses");
            fs::create_dir(&folder)?;
            for nth in 1..=witnesses {
                running.push(witness(&folder, nth, dir, args)?);
            }
            let keys = running
                .iter()
                .zip(1..)
                .map(|(it, nth)| format!("[witnesses.w{nth}]\nkey = \"{}\"\n", it.vkey));
            let keys: String = keys.collect();
            fs::write(dir.join("bundle/witnesses.toml"), format!("quorum = {quorum}\n{keys}"))?;
            let addresses =
                running.iter().zip(1..).map(|(it, nth)| format!("w{nth} = {}\n", address(nth, &it.url)));
            let text = fs::read_to_string(config)?;
            let text = text.replace("\n[paths]", &format!("\n{}\n[paths]", addresses.collect::<String>()));
            fs::write(config, text)?;
            Serve::start_with(config, &OWNER)
        })?;
        Ok(Self { lab, witnesses: running, folder })
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.lab.installation.folder()
    }

    pub(crate) fn stop(&self, nth: usize) {
        self.witnesses[nth - 1].kill();
    }

    /// Somebody else's, of whom nobody here knows yet.
    pub(crate) fn another(&mut self) -> Result<&Witness> {
        let nth = self.witnesses.len() + 1;
        self.witnesses.push(witness(&self.folder, nth, &self.dir(), &[])?);
        self.witnesses.last().context("none")
    }

    /// At the address it had.
    pub(crate) fn start_again(&mut self, nth: usize) -> Result<()> {
        let address = self.witnesses[nth - 1].authority().to_owned();
        self.witnesses[nth - 1] = witness(&self.folder, nth, &self.dir(), &["--listen", &address])?;
        Ok(())
    }

    /// The size in the first lines of a note beside the log, 0 where there is none.
    pub(crate) fn size(&self, file: &str) -> u64 {
        fs::read_to_string(self.dir().join("log").join(file))
            .ok()
            .and_then(|note| size_of(&note))
            .unwrap_or(0)
    }

    /// Waits until the note in `file` is of the newest checkpoint there is.
    pub(crate) fn caught_up(&self, file: &str) -> Result<u64> {
        until(&format!("{file} to catch up"), SOON, || {
            let newest = self.size("checkpoint");
            Ok((self.size(file) == newest).then_some(newest))
        })
        .with_context(|| self.lab.serve.log().unwrap_or_default())
    }

    /// Something for the record.
    pub(crate) fn grow(&self, name: &str) -> Result<()> {
        let before = self.size("checkpoint");
        let answer = self.lab.delete_stack(name)?;
        ensure!((400..500).contains(&answer.status), "{}", answer.text());
        until("the log to grow", SOON, || Ok((self.size("checkpoint") > before).then_some(())))
    }

    fn refused(&self) -> Result<testkit::Output> {
        Cli::run(["serve".as_ref(), "--config".as_ref(), self.lab.installation.config().as_os_str()])
    }
}

fn witness(folder: &Path, nth: usize, installation: &Path, more: &[&str]) -> Result<Witness> {
    let genesis: Value = serde_json::from_slice(&fs::read(installation.join("log/genesis.json"))?)?;
    let vkey = genesis["vkey"].as_str().context("no key")?;
    let name = format!("witness.example/w{nth}");
    let args = [["--log", vkey, "--name", &name].as_slice(), more].concat();
    Witness::start(Command::new(binary("countersign")?), &folder.join(format!("w{nth}")), &args)
}

/// The same key and the same beginning: `copied`, whose server has forgotten its witnesses, signs until it is longer than `known`.
pub(crate) fn second_history(watched: &Watched, copied: &Path, known: u64) -> Result<BTreeMap<u64, String>> {
    let config = copied.join("countersign.toml");
    let text = fs::read_to_string(&config)?;
    let forgetful: Vec<_> = text.lines().filter(|line| !line.starts_with("w1 = ")).collect();
    fs::write(&config, forgetful.join("\n"))?;
    let twin = Serve::start_with(&config, &OWNER)?;
    let [gateway, _, _] = twin.authorities();
    let note = || fs::read_to_string(copied.join("log/checkpoint"));
    let at_first = note()?;
    let mut told = BTreeMap::from([(size_of(&at_first).context("no size")?, at_first)]);
    for nth in 0..20 {
        let fields =
            [("Action", "DeleteStack"), ("StackName", &format!("there-{nth}")), ("Version", "2010-05-15")];
        watched.lab.agent.form("cloudformation", gateway, &fields).send(gateway)?;
        let before = told.len();
        until("the copy to grow", SOON, || {
            let note = note()?;
            let size = size_of(&note).context("no size")?;
            told.insert(size, note);
            Ok((told.len() > before).then_some(()))
        })?;
        if told.keys().any(|size| *size > known) {
            break;
        }
    }
    Ok(told)
}

fn size_of(note: &str) -> Option<u64> {
    note.lines().nth(1)?.parse().ok()
}

pub(crate) fn add_checkpoint(witness: &Witness, old: u64, note: &str) -> Result<Response> {
    send(witness.authority(), "POST", "/add-checkpoint", &[], format!("old {old}\n\n{note}").as_bytes())
}

/// A receipt, and the log, bear the signatures that an auditor's policy wants, and not those of a witness that has seen nothing.
fn shows_who_cosigned(watched: &Watched) -> Result<()> {
    let log = watched.dir().join("log").display().to_string();
    let genesis = watched.lab.installation.genesis();
    let document: Value = serde_json::from_slice(&fs::read(format!("{log}/genesis.json"))?)?;
    let vkey = document["vkey"].as_str().context("no key")?;
    let [w1, w2] = watched.witnesses.as_slice() else { anyhow::bail!("two witnesses") };
    let (policy, file) = (watched.folder.join("policy"), watched.folder.join("receipt"));
    let both = format!(
        "log {vkey}\nwitness w1 {}\nwitness w2 {}\ngroup both all w1 w2\nquorum both\n",
        w1.vkey, w2.vkey
    );
    fs::write(&policy, both)?;
    let policy = policy.display().to_string();
    let checked = |text: &str| -> Result<testkit::Output> {
        fs::write(&file, text)?;
        let file = file.display().to_string();
        Cli::run([
            "audit",
            "check-receipt",
            &file,
            "--genesis",
            genesis,
            "--policy",
            &policy,
            "--output",
            "json",
        ])
    };
    let receipt = Cli::run(["audit", "receipt", "0", "--log", &log])?.expect(0)?.stdout;
    ensure!(checked(&receipt)?.expect(0)?.json()?["witnesses"] == serde_json::json!(["w1", "w2"]));
    let without: Vec<_> = receipt.lines().filter(|line| !line.contains("witness.example/w2 ")).collect();
    let told = checked(&(without.join("\n") + "\n"))?.expect(20)?;
    ensure!(told.stdout.contains("too few witnesses"), "{told}");

    let verify = |more: &[&str]| {
        Cli::run(
            [["audit", "verify", "--log", &log, "--genesis", genesis, "--policy", &policy].as_slice(), more]
                .concat(),
        )
    };
    verify(&["--unwitnessed", "10"])?.expect(0)?;
    let noted = fs::read_to_string(format!("{log}/witnessed"))?;
    fs::write(format!("{log}/witnessed"), fs::read(format!("{log}/checkpoint"))?)?;
    let told = verify(&["--output", "json"])?.expect(20)?;
    ensure!(told.stdout.contains("policy_unmet"), "{told}");
    Ok(fs::write(format!("{log}/witnessed"), noted)?)
}

#[test]
fn each_checkpoint_goes_to_every_witness_and_one_may_be_away() -> Result<()> {
    let mut watched = Watched::open(2, 2)?;
    watched.caught_up("witnessed")?;
    watched.grow("one")?;
    let size = watched.caught_up("witnessed")?;
    let note = fs::read_to_string(watched.dir().join("log/witnessed"))?;
    ensure!(
        ["w1", "w2"].iter().all(|name| note.contains(&format!("\u{2014} witness.example/{name} "))),
        "{note}"
    );
    let [_, _, people] = watched.lab.serve.authorities();
    let served = send(people, "GET", "/v1/witnessed", &[], b"")?;
    ensure!(served.status == 200 && size_of(&served.text()) >= Some(size), "{}", served.text());

    shows_who_cosigned(&watched)?;

    // One is away: the log goes on, the other is given everything, and nothing newer is witnessed by two.
    // (That the two have cosigned is an entry of its own, of whose checkpoint the first may not have been given the signature.)
    watched.stop(1);
    for nth in 0..4 {
        watched.grow(&format!("away-{nth}"))?;
    }
    let seen = watched.caught_up("witness/w2")?;
    let before = watched.size("witness/w1");
    ensure!((size..seen).contains(&before), "{size}, {before}, {seen}");
    ensure!((size..=before).contains(&watched.size("witnessed")), "{}, {before}", watched.size("witnessed"));

    // It comes back, and gets what it missed at once: the newest, with the proof from where it was.
    watched.start_again(1)?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.log()?.contains("the witness is there again"), "{}", watched.lab.serve.log()?);

    // Being witnessed is on record for each once, and is no reason for ever more checkpoints.
    let size = watched.caught_up("witnessed")?;
    ensure!(watched.lab.entries("checkpoint_witnessed")?.len() == 2);
    let waited = until("the log to rest", Duration::from_secs(3), || {
        Ok((watched.size("checkpoint") > size).then_some(()))
    });
    ensure!(waited.is_err(), "the log grows by itself");

    // What is known survives a restart, also of one that is away then.
    watched.stop(2);
    watched.lab.restart()?;
    watched.grow("after")?;
    watched.caught_up("witness/w1")?;
    ensure!(watched.size("witnessed") == size && watched.size("witness/w2") == size);
    ensure!(watched.lab.serve.log()?.contains("could not be asked"), "{}", watched.lab.serve.log()?);
    watched.start_again(2)?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.entries("checkpoint_witnessed")?.len() == 2);
    ensure!(watched.lab.serve.stop()? == 0);
    watched.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_backup_put_back_whole_is_not_served_while_a_witness_knows_more() -> Result<()> {
    let mut watched = Watched::open(1, 1)?;
    watched.grow("early")?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.stop()? == 0);
    let backup = watched.lab.installation.beside().join("backup");
    copy(&watched.dir(), &backup)?;

    watched.lab.restart()?;
    for nth in 0..3 {
        watched.grow(&format!("later-{nth}"))?;
    }
    let knows = watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.stop()? == 0);

    let witnessed = fs::read(watched.dir().join("log/witnessed"))?;

    // Log, lock file, database, and what was witnessed: nothing on this disk tells that there was more.
    fs::remove_dir_all(watched.dir())?;
    copy(&backup, &watched.dir())?;
    let before = fs::read(watched.dir().join("log/checkpoint"))?;
    let refused = watched.refused()?.expect(20)?;
    ensure!(
        refused.stderr.contains("CS005") && refused.stderr.contains("this looks like a restored"),
        "{refused}"
    );
    ensure!(refused.stderr.contains("the witness w1 has cosigned"), "{refused}");
    ensure!(fs::read(watched.dir().join("log/checkpoint"))? == before, "something was signed");

    // What the last process was told is on this disk too, if it was not put back with the rest.
    watched.stop(1);
    let old = fs::read(watched.dir().join("log/witnessed"))?;
    fs::write(watched.dir().join("log/witnessed"), &witnessed)?;
    let refused = watched.refused()?.expect(20)?;
    ensure!(refused.stderr.contains("the witness w1 has cosigned"), "{refused}");
    fs::write(watched.dir().join("log/witnessed"), old)?;

    // With the witness away it starts; and stops signing once the witness is there and has shown what it knows.
    watched.lab.restart()?;
    watched.grow("on an old copy")?;
    watched.start_again(1)?;
    until("the contradiction to be found", SOON, || {
        Ok(watched.lab.serve.log()?.contains("this looks like a restored backup").then_some(()))
    })?;
    let stopped = watched.size("checkpoint");
    let answer = watched.lab.delete_stack("none")?;
    ensure!(answer.text().contains("CS102"), "{}", answer.text());
    ensure!(watched.size("checkpoint") == stopped && stopped < knows, "{stopped} of {knows}");
    Ok(())
}

#[test]
fn a_witness_elsewhere_is_reached_over_tls_by_its_own_authority() -> Result<()> {
    let listen = ["--listen", "0.0.0.0:0", "--host", "localhost"];
    let watched = Watched::open_at(2, 1, &listen, |nth, url| match nth {
        1 => format!("{{ url = \"{url}\", ca = \"../witnesses/w1/ca.pem\" }}"),
        // Of an authority that nobody believes.
        _ => format!("\"{url}\""),
    })?;
    watched.grow("over tls")?;
    watched.caught_up("witness/w1")?;
    ensure!(watched.size("witness/w2") == 0, "whoever it was cosigned");
    Ok(())
}

/// What stands where a witness should: it takes connections and says what it likes.
fn liar(answers: Vec<Vec<u8>>) -> Result<(String, Arc<AtomicUsize>)> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", socket.local_addr()?);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            let nth = count.fetch_add(1, Ordering::SeqCst);
            let answer = answers[nth % answers.len()].clone();
            std::thread::spawn(move || -> Result<()> {
                let mut stream = stream;
                let mut head = [0; 4096];
                let _ = stream.read(&mut head)?;
                stream.write_all(&answer)?;
                if answer.is_empty() {
                    // It does not even hang up.
                    let _ = stream.read_to_end(&mut Vec::new());
                }
                Ok(())
            });
        }
    });
    Ok((url, asked))
}

#[test]
fn a_witness_that_lies_or_dawdles_counts_for_nothing_and_holds_nobody_up() -> Result<()> {
    let answer = |status: &str, kind: &str, body: &str| {
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body.as_bytes()].concat()
    };
    // The first is asked before anything is signed; a conflict and a 422 are followed by a look at what it shows.
    let (url, asked) = liar(vec![
        answer("404 Not Found", "text/plain", ""),
        answer("200 OK", "text/plain", "\u{2014} witness.example/w2 AAAAAAAA\n"),
        answer("409 Conflict", "text/x.tlog.size", "18446744073709551615\n"),
        answer("200 OK", "text/plain", &"x".repeat(400_000)),
        answer("422 Unprocessable Entity", "text/plain", "\u{1b}[2Jno\n"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
        answer("409 Conflict", "text/x.tlog.size", "0\n"),
        answer("307 Temporary Redirect", "text/plain", ""),
        b"nonsense".to_vec(),
        Vec::new(),
    ])?;
    let mut watched =
        Watched::open_at(2, 1, &[], |nth, real| format!("\"{}\"", if nth == 2 { &url } else { real }))?;
    for nth in 0..6 {
        watched.grow(&format!("lied-to-{nth}"))?;
        watched.caught_up("witness/w1")?;
    }
    until("every lie to be told", Duration::from_secs(90), || {
        Ok((asked.load(Ordering::SeqCst) > 9).then_some(()))
    })?;
    watched.grow("after all that")?;
    watched.caught_up("witnessed")?;
    ensure!(watched.size("witness/w2") == 0);
    let told = watched.lab.entries("checkpoint_witnessed")?;
    ensure!(told.len() == 1 && told[0]["detail"]["witness"] == "w1", "{told:?}");
    ensure!(watched.lab.serve.is_alive()? && !watched.lab.serve.log()?.contains('\u{1b}'));
    ensure!(watched.lab.serve.stop()? == 0);
    watched.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_second_history_finds_no_witness() -> Result<()> {
    let mut watched = Watched::open(1, 1)?;
    watched.grow("shared")?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.stop()? == 0);
    let copied = watched.lab.installation.beside().join("copy");
    copy(&watched.dir(), &copied)?;
    watched.lab.restart()?;
    watched.grow("here")?;
    watched.grow("and here")?;
    let known = watched.caught_up("witnessed")?;

    let told = second_history(&watched, &copied, known)?;
    let witness = &watched.witnesses[0];
    let mut statuses = BTreeSet::new();
    for (size, note) in &told {
        // From what it knows, and from what the copy would have it know.
        for old in [known, *size].into_iter().filter(|old| old <= size) {
            let answer = add_checkpoint(witness, old, note)?;
            ensure!(
                [409, 422].contains(&answer.status),
                "{old} to {size}: {} {}",
                answer.status,
                answer.text()
            );
            statuses.insert(answer.status);
        }
    }
    ensure!(statuses.len() == 2, "{statuses:?}, {known}, {:?}", told.keys());
    watched.grow("still here")?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.is_alive()?);
    Ok(())
}

/// A folder with its modes.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    testkit::run(command, SOON)?.expect(0).map(drop)
}
