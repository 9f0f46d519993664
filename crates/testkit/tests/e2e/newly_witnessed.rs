//! Witnesses that come and go with a bundle, while everything is served: reached at once, and only where they know nothing of
//! this log that the disk does not contain.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use testkit::{Output, certificate, until};

use crate::{
    adopt::{copied, in_force, text},
    lab::named,
    witnesses::{SOON, Watched, add_checkpoint, copy, second_history},
};

/// The bundle that is edited, with these witnesses; what destroys waits for as many as make a quorum.
fn naming(watched: &Watched, name: &str, quorum: usize, witnesses: usize) -> Result<PathBuf> {
    let next = copied(&watched.lab, name)?;
    let keys = watched.witnesses.iter().zip(1..).take(witnesses);
    let keys: String = keys.map(|(it, nth)| format!("[witnesses.w{nth}]\nkey = \"{}\"\n", it.vkey)).collect();
    fs::write(next.join("witnesses.toml"), format!("quorum = {quorum}\n{keys}"))?;
    let settings = fs::read_to_string(next.join("bundle.toml"))?;
    let (before, _) = settings.split_once("[levels.production]").context("no levels")?;
    let levels = format!("{before}[levels.production]\ndestroy = \"witnessed({quorum})\"\n");
    fs::write(next.join("bundle.toml"), levels)?;
    Ok(next)
}

/// Asks for it, as whoever asks does each time.
fn ask(watched: &Watched, next: &Path, proof: &Path) -> Result<Output> {
    let args = ["policy", "adopt", "--bundle", text(next)?, "--certificate", text(proof)?];
    watched.lab.signs(&watched.lab.people.olga, &args)
}

/// From asking to its being in force.
fn adopt(watched: &Watched, next: &Path) -> Result<()> {
    let proof = certificate(next)?;
    let held = ask(watched, next, &proof)?.expect(10)?.json()?;
    agree(watched, held["id"].as_str().context("no id")?)?;
    ask(watched, next, &proof)?.expect(0).map(drop)
}

fn agree(watched: &Watched, id: &str) -> Result<()> {
    let lab = &watched.lab;
    lab.approve(id, &lab.people.ben)?.expect(0)?;
    lab.approve(id, &lab.people.carla)?.expect(0).map(drop)
}

/// An address for the second, in the file of the server that runs.
fn address(watched: &Watched, url: &str) -> Result<()> {
    let config = watched.lab.installation.config();
    let own = fs::read_to_string(config)?;
    Ok(fs::write(config, own.replace("\n[paths]", &format!("w2 = \"{url}\"\n\n[paths]")))?)
}

/// What stands where a witness is: whatever it is asked, it shows this, unless it is away.
#[derive(Debug)]
struct Shows {
    url: String,
    away: Arc<AtomicBool>,
    /// The first words of what came.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Shows {
    fn start(note: &str) -> Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", socket.local_addr()?);
        let shows = Self { url, away: Arc::default(), asked: Arc::default() };
        let (away, asked) = (Arc::clone(&shows.away), Arc::clone(&shows.asked));
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length";
        let answer = format!("{head}: {}\r\n\r\n{note}", note.len());
        std::thread::spawn(move || -> Result<()> {
            for stream in socket.incoming() {
                let mut stream = stream?;
                if away.load(Ordering::SeqCst) {
                    continue;
                }
                let mut head = [0; 4096];
                let read = stream.read(&mut head)?;
                let words = String::from_utf8_lossy(&head[..read]);
                asked.lock().unwrap().push(words.split(' ').next().unwrap_or_default().to_owned());
                stream.write_all(answer.as_bytes())?;
            }
            Ok(())
        });
        Ok(shows)
    }
}

#[test]
fn a_witness_that_a_bundle_newly_names_is_reached_while_everything_is_served() -> Result<()> {
    let mut watched = Watched::open(1, 1)?;
    watched.grow("before")?;
    watched.caught_up("witnessed")?;
    watched.another()?;
    let (first, next) = (copied(&watched.lab, "first")?, naming(&watched, "next", 2, 2)?);
    let proof = certificate(&next)?;
    let before = in_force(&watched.lab)?;

    // Nobody is asked to sign for what would wait in vain.
    let refused = ask(&watched, &next, &proof)?.expect(12)?;
    ensure!(
        refused.stderr.contains("2 witnesses must cosign") && refused.stderr.contains("CS215"),
        "{refused}"
    );
    ensure!(refused.stderr.contains("w2 has no address under [witness] of countersign.toml"), "{refused}");
    address(&watched, &watched.witnesses[1].url)?;
    watched.stop(2);
    let refused = ask(&watched, &next, &proof)?.expect(12)?;
    ensure!(refused.stderr.contains("1 can be reached: w2: it cannot be reached"), "{refused}");
    watched.start_again(2)?;
    let held = ask(&watched, &next, &proof)?.expect(10)?.json()?;
    agree(&watched, held["id"].as_str().context("no id")?)?;
    // It may be gone again when it comes into force.
    watched.stop(2);
    ask(&watched, &next, &proof)?.expect(12)?;
    ensure!(in_force(&watched.lab)? == before);
    watched.start_again(2)?;
    ensure!(watched.size("witness/w2") == 0, "nothing is sent to whom the bundle in force does not name");
    ask(&watched, &next, &proof)?.expect(0)?;

    let size = watched.caught_up("witnessed")?;
    ensure!(watched.size("witness/w2") >= size);
    let note = fs::read_to_string(watched.dir().join("log/witnessed"))?;
    ensure!(
        ["w1", "w2"].iter().all(|name| note.contains(&format!("\u{2014} witness.example/{name} "))),
        "{note}"
    );
    // What waits for both goes through.
    watched.lab.make_stack("doomed")?;
    let answer = watched.lab.delete_stack("doomed")?;
    let id = named(&answer)?;
    agree(&watched, &id)?;
    let answer = watched.lab.delete_stack("doomed")?;
    ensure!(answer.status == 200, "{}", answer.text());
    ensure!(watched.lab.state(&id)? == "executed");
    ensure!(watched.size("witnessed") > size);

    // Dismissed it gets nothing more, and the other goes on.
    let told = watched.lab.installation.run(["doctor"])?;
    ensure!(told.stdout.contains("the witness w2 has an address"), "{told}");
    adopt(&watched, &first)?;
    watched.grow("after")?;
    let alone = watched.caught_up("witnessed")?;
    ensure!(watched.size("witness/w1") >= alone && watched.size("witness/w2") < alone);
    let told = watched.lab.installation.run(["doctor"])?;
    ensure!(told.stdout.contains("[witness] w2: the bundle in force names no such witness"), "{told}");
    // Back, it gets what it missed; and so it is after a restart with an address that nobody named meanwhile.
    adopt(&watched, &next)?;
    watched.caught_up("witnessed")?;
    ensure!(watched.size("witness/w2") > alone);
    adopt(&watched, &first)?;
    watched.lab.restart()?;
    ensure!(watched.lab.serve.log()?.contains("nobody whom the bundle in force names"));
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.stop()? == 0);
    watched.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_newly_named_witness_that_knows_another_history_is_refused_and_ends_all_signing_once_it_is_named()
-> Result<()> {
    let mut watched = Watched::open(1, 1)?;
    watched.grow("shared")?;
    watched.caught_up("witnessed")?;
    ensure!(watched.lab.serve.stop()? == 0);
    let twin = watched.lab.installation.beside().join("copy");
    copy(&watched.dir(), &twin)?;
    watched.lab.restart()?;
    watched.grow("here")?;
    let known = watched.caught_up("witnessed")?;

    // What it has cosigned this log's own key has signed, and it is in no log here.
    let told = second_history(&watched, &twin, known)?;
    let (_, note) = told.last_key_value().context("no second history")?;
    let answer = add_checkpoint(watched.another()?, 0, note)?;
    ensure!(answer.status == 200, "{}", answer.text());
    let second = Shows::start(&format!("{note}{}", answer.text()))?;
    address(&watched, &second.url)?;
    let next = naming(&watched, "next", 1, 2)?;
    let refused = ask(&watched, &next, &certificate(&next)?)?.expect(12)?;
    ensure!(
        refused.stderr.contains("the witness w2 has cosigned") && refused.stderr.contains("CS005"),
        "{refused}"
    );
    watched.grow("a refused bundle ends nothing")?;
    watched.caught_up("witnessed")?;

    // Away it is not needed; there again it is asked before anything is sent to it.
    second.away.store(true, Ordering::SeqCst);
    adopt(&watched, &next)?;
    watched.grow("without it")?;
    watched.caught_up("witnessed")?;
    second.away.store(false, Ordering::SeqCst);
    until("the contradiction to be found", SOON, || {
        Ok(watched.lab.delete_stack("none")?.text().contains("CS102").then_some(()))
    })?;
    let log = watched.lab.serve.log()?;
    ensure!(log.contains("the witness w2 has cosigned"), "{log}");
    let stopped = watched.size("checkpoint");
    watched.lab.delete_stack("none")?;
    ensure!(watched.size("checkpoint") == stopped && watched.size("witness/w2") == 0);
    let asked = second.asked.lock().unwrap();
    ensure!(asked.len() >= 2 && asked.iter().all(|it| it == "GET"), "{asked:?}");
    Ok(())
}
