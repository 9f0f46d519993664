//! `countersign witness` as it runs: against exchanges that it did not write, killed at any moment, asked for many
//! histories at once, and by clients that never finish.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use testkit::{Witness, send, until};
use tlog::{
    Checkpoint, Hash, SigningKey, WitnessKey, consistency_proof, leaf_hash, open_cosigned, root_of,
    sign_checkpoint,
};
use witness::{Request, checkpoint_path};

const ORIGIN: &str = "log.example/1";

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
}

fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn start(dir: &Path) -> Result<Witness> {
    Witness::start(binary(), dir, &["--log", &key().verifier().to_string()])
}

/// The first five entries are everybody's; what follows is a history of its own for each `name`.
fn leaves(count: usize, name: u8) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&[n as u8, (n >> 8) as u8, if n < 5 { 0 } else { name }])).collect()
}

fn checkpoint(size: usize, name: u8) -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: size as u64, root: root_of(&leaves(size, name)) }
}

fn body(old: usize, new: usize, name: u8) -> Vec<u8> {
    let proof = consistency_proof(&leaves(new, name), old as u64, new as u64).unwrap_or_default();
    let note = sign_checkpoint(&checkpoint(new, name), &key());
    Request { old: old as u64, proof, note: &note }.to_text().into_bytes()
}

/// What monitors are shown; its size, 0 where there is nothing.
fn shown(witness: &Witness) -> Result<usize> {
    let answer = send(witness.authority(), "GET", &checkpoint_path(ORIGIN), &[], b"")?;
    match answer.status {
        200 => {
            let key: WitnessKey = witness.vkey.parse()?;
            Ok(open_cosigned(&answer.text(), &key)?.0.size as usize)
        }
        404 => Ok(0),
        other => anyhow::bail!("{other}"),
    }
}

/// The exchanges of `crates/witness`; only the times in cosignatures are this machine's.
#[test]
fn recorded_exchanges_are_answered_by_the_binary() -> Result<()> {
    let text = include_str!("../../../witness/tests/it/exchanges.txt");
    let (head, sections) = text.split_once("\n== ").context("no exchanges")?;
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("witness");
    // The key of the exchanges; the witness makes its public half itself.
    std::fs::create_dir(&dir)?;
    std::fs::write(dir.join("witness.key"), "09".repeat(32))?;
    for (path, mode) in [(dir.clone(), 0o700), (dir.join("witness.key"), 0o600)] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    }
    let logs: String =
        head.lines().filter_map(|line| line.strip_prefix("log ")).map(|key| format!("{key}\n")).collect();
    std::fs::write(dir.join("logs"), format!("# as listed\n{logs}"))?;
    let witness = Witness::start(binary(), &dir, &["--name", "witness.example/w1"])?;
    ensure!(head.lines().any(|line| line == format!("witness {}", witness.vkey)), "{}", witness.vkey);

    for section in sections.split("\n== ") {
        let title = section.lines().next().unwrap_or_default();
        let of = |mark: &'static str| section.lines().filter_map(move |line| line.strip_prefix(mark));
        let request: String = section.lines().filter_map(|line| quoted(line, ">")).collect();
        let answer = match of("monitor ").next() {
            Some(origin) => send(witness.authority(), "GET", &checkpoint_path(origin), &[], b"")?,
            None => witness.add_checkpoint(request.as_bytes())?,
        };
        let (status, kind) =
            of("< ").next().map(|it| it.split_once(' ').unwrap_or((it, ""))).context(title)?;
        ensure!(answer.status.to_string() == status, "{title}: {} {}", answer.status, answer.text());
        ensure!(
            kind.is_empty() || answer.header("content-type") == Some(kind),
            "{title}: {:?}",
            answer.headers
        );
        let expected: String = section.lines().filter_map(|line| quoted(line, "<<")).collect();
        match status {
            "409" => ensure!(answer.text() == expected, "{title}: {}", answer.text()),
            // Name, key id and the length of a cosignature.
            "200" => {
                let alike = answer.text().len() == expected.len()
                    && expected.lines().zip(answer.text().lines()).all(|(one, other)| {
                        let name = |line: &str| {
                            line.rsplit_once(' ')
                                .map(|(name, rest)| (name.to_owned(), rest.get(..5).map(str::to_owned)))
                        };
                        name(one) == name(other)
                    });
                ensure!(alike, "{title}: {}", answer.text());
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a line marked so says.
fn quoted(line: &str, mark: &str) -> Option<String> {
    let rest = line.strip_prefix(mark)?;
    if let Some(cut) = rest.strip_prefix('|') {
        return Some(cut.trim_start().to_owned());
    }
    let whole = rest.strip_prefix(' ').or_else(|| rest.is_empty().then_some(""))?;
    Some(format!("{whole}\n"))
}

#[test]
fn killed_at_any_moment_it_goes_on_where_it_was_and_cosigns_one_history() -> Result<()> {
    const ROUNDS: usize = 50;
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("witness");
    // By size: which history, of what was cosigned in all rounds.
    let cosigned: Mutex<BTreeMap<usize, u8>> = Mutex::default();
    let answered = AtomicUsize::new(0);
    let mut vkey = None;
    for round in 0..ROUNDS {
        let witness = start(&dir)?;
        ensure!(vkey.get_or_insert_with(|| witness.vkey.clone()) == &witness.vkey, "the key changed");
        let newest = cosigned.lock().unwrap().keys().last().copied().unwrap_or(0);
        let found = shown(&witness)?;
        ensure!(found >= newest, "round {round}: {found} after {newest} was cosigned");
        let (over, before) = (AtomicBool::new(false), answered.load(Ordering::SeqCst));
        std::thread::scope(|scope| -> Result<()> {
            for name in 1..=4 {
                let (witness, over, cosigned, answered) = (&witness, &over, &cosigned, &answered);
                let vkey: WitnessKey = witness.vkey.parse()?;
                scope.spawn(move || {
                    let mut old = found;
                    while !over.load(Ordering::SeqCst) {
                        let Ok(answer) = witness.add_checkpoint(&body(old, old + 1, name)) else { return };
                        match answer.status {
                            200 => {
                                let note = sign_checkpoint(&checkpoint(old + 1, name), &key());
                                open_cosigned(&format!("{note}{}", answer.text()), &vkey).unwrap();
                                old += 1;
                                let whose = if old <= 5 { 0 } else { name };
                                let other = cosigned.lock().unwrap().insert(old, whose);
                                assert!(
                                    other.is_none_or(|other| other == whose),
                                    "{old}: {other:?} and {whose}"
                                );
                                answered.fetch_add(1, Ordering::SeqCst);
                            }
                            409 => old = answer.text().trim().parse().unwrap(),
                            422 => {}
                            other => panic!("{other} {}", answer.text()),
                        }
                    }
                });
            }
            // It has answered a few, and is in the middle of others.
            until("some cosignatures", Duration::from_secs(30), || {
                Ok((answered.load(Ordering::SeqCst) > before + round % 5).then_some(()))
            })?;
            witness.kill();
            over.store(true, Ordering::SeqCst);
            Ok(())
        })?;
    }
    let cosigned = cosigned.into_inner().unwrap();
    let histories: std::collections::BTreeSet<u8> =
        cosigned.values().copied().filter(|name| *name > 0).collect();
    ensure!(histories.len() == 1, "{cosigned:?}");
    ensure!(cosigned.len() >= ROUNDS, "{}", cosigned.len());
    Ok(())
}

#[test]
fn forks_handed_in_side_by_side_lead_to_one_history_and_a_conviction() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let witness = start(&folder.path().join("w"))?;
    ensure!(witness.add_checkpoint(&body(0, 4, 0))?.status == 200);
    let statuses: Vec<(u8, u16)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (1..=16u8)
            .map(|name| {
                scope.spawn({
                    let witness = &witness;
                    move || (name, witness.add_checkpoint(&body(4, 9, name)).unwrap().status)
                })
            })
            .collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let won: Vec<u8> = statuses.iter().filter(|(_, status)| *status == 200).map(|(name, _)| *name).collect();
    ensure!(won.len() == 1 && statuses.iter().all(|(_, status)| [200, 409].contains(status)), "{statuses:?}");
    // Who lost tries again from where the witness is.
    let other = if won == [1] { 2 } else { 1 };
    ensure!(witness.add_checkpoint(&body(9, 9, other))?.status == 422);
    ensure!(witness.add_checkpoint(&body(9, 12, other))?.status == 422);
    ensure!(shown(&witness)? == 9);
    let forks: Vec<_> = std::fs::read_dir(folder.path().join("w/forks"))?.flatten().collect();
    ensure!(forks.len() == 1 && witness.log()?.contains("different roots"), "{}", witness.log()?);
    Ok(())
}

#[test]
fn what_is_too_long_too_slow_or_elsewhere_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let witness = start(&folder.path().join("w"))?;
    // Clients that never finish; they hold nobody up.
    let mut slow = Vec::new();
    for head in
        ["POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 500\r\n\r\nold 0\n", "POST /add-che"]
    {
        for _ in 0..60 {
            let mut stream = TcpStream::connect(witness.authority())?;
            stream.write_all(head.as_bytes())?;
            slow.push(stream);
        }
    }
    ensure!(witness.add_checkpoint(&body(0, 3, 0))?.status == 200);
    let long = witness.add_checkpoint(&vec![b'a'; 128 * 1024 + 1])?;
    ensure!(long.status == 413, "{}", long.status);
    let mut endless = TcpStream::connect(witness.authority())?;
    endless.write_all(b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    // It stops reading, and closes, long before so much has been sent.
    let sent = (0..1000).take_while(|_| endless.write_all(chunk.as_bytes()).is_ok()).count();
    let mut answer = String::new();
    let _ = endless.read_to_string(&mut answer);
    ensure!(sent < 1000 && (answer.is_empty() || answer.starts_with("HTTP/1.1 413")), "{sent} {answer}");

    for (method, path, status) in [
        ("GET", "/add-checkpoint", 405),
        ("POST", "/", 404),
        ("GET", "/", 404),
        ("POST", "/sign-subtree", 404),
        ("GET", "/../witness.key", 404),
        ("POST", &checkpoint_path(ORIGIN), 404),
        ("GET", &checkpoint_path("other"), 404),
        ("GET", &checkpoint_path(ORIGIN).to_uppercase(), 404),
    ] {
        let answer = send(witness.authority(), method, path, &[], b"")?;
        ensure!(answer.status == status, "{method} {path}: {}", answer.status);
    }
    ensure!(shown(&witness)? == 3);
    let secret = std::fs::read_to_string(folder.path().join("w/witness.key"))?;
    ensure!(!witness.log()?.contains(secret.trim()), "its key is in its log");
    Ok(())
}

/// Off loopback it speaks TLS, and for itself it has one key and one folder.
#[test]
fn a_folder_is_one_witness_under_one_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("w");
    let vkey = key().verifier().to_string();
    let witness = Witness::start(binary(), &dir, &["--log", &vkey, "--name", "witness.example/a"])?;
    ensure!(witness.vkey.starts_with("witness.example/a+"), "{}", witness.vkey);
    let refused = |args: &[&str], says: &str| -> Result<()> {
        let mut command = binary();
        command.arg("witness").arg(&dir).args(["--listen", "127.0.0.1:0"]).args(args);
        let output = testkit::run(command, Duration::from_secs(30))?.expect(2)?;
        ensure!(output.stderr.contains(says), "{output}");
        Ok(())
    };
    refused(&["--log", &vkey], "another witness runs in")?;
    witness.kill();
    refused(&["--log", &vkey, "--name", "witness.example/b"], "signs as witness.example/a, not as")?;
    refused(&[], "no log to witness")?;
    refused(&["--log", "nonsense"], "--log nonsense:")?;
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    refused(&["--log", &vkey], "can be read by others")?;
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;

    let far =
        Witness::start(binary(), &dir, &["--log", &vkey, "--listen", "0.0.0.0:0", "--host", "localhost"])?;
    ensure!(far.url.starts_with("https://localhost:"), "{}", far.url);
    let port = far.url.rsplit(':').next().unwrap_or_default();
    let plain = send(&format!("127.0.0.1:{port}"), "GET", "/", &[], b"")?;
    ensure!(plain.status == 400 && plain.text().contains("speaks TLS"), "{}", plain.text());
    Ok(())
}
