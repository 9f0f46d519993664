//! Real parts: OpenSSH's own `ssh-keygen` signs for us and verifies what we sign, security keys through the software
//! device of Debian's `openssh-tests`.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use approval::{ApprovalError, NAMESPACE, SignatureError, Statement, parse_public_key, sign, verify};
use model::{EnrolledKey, Presence, Roster};
use tempfile::TempDir;

use crate::fixture::{approver, name, statement, string};

const DEVICE: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// `ssh-keygen`, or a loud skip.
fn openssh() -> Option<TempDir> {
    let found = Command::new("ssh-keygen").arg("-?").stdin(Stdio::null()).output().is_ok();
    if !found {
        eprintln!(
            "SKIPPED: ssh-keygen is not installed (Debian: openssh-client); nothing was checked against OpenSSH"
        );
    }
    found.then(|| tempfile::tempdir().unwrap())
}

fn device() -> Option<&'static str> {
    let found = Path::new(DEVICE).exists();
    if !found {
        eprintln!("SKIPPED: no {DEVICE} (Debian: openssh-tests); no real security key signature was checked");
    }
    found.then_some(DEVICE)
}

fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn keygen() -> Command {
    let mut command = Command::new("ssh-keygen");
    command.env_remove("SSH_AUTH_SOCK").env("SSH_SK_PROVIDER", DEVICE);
    command
}

fn make_key(folder: &TempDir, kind: &str, options: &[&str]) -> (PathBuf, EnrolledKey) {
    let path = folder.path().join(format!("key-{kind}"));
    run(keygen().args(["-q", "-t", kind, "-C", "bob@laptop"]).args(options).arg("-f").arg(&path));
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, parse_public_key(&public).unwrap())
}

fn sign_with_openssh(folder: &TempDir, key: &Path, options: &[&str], text: &str) -> String {
    let file = folder.path().join("statement.txt");
    fs::write(&file, text).unwrap();
    let signature = folder.path().join("statement.txt.sig");
    let _ = fs::remove_file(&signature);
    run(keygen().args(["-q", "-Y", "sign", "-n", NAMESPACE]).args(options).arg("-f").arg(key).arg(&file));
    fs::read_to_string(signature).unwrap()
}

fn accepted_by_openssh(folder: &TempDir, key: &EnrolledKey, signature: &str, text: &str) -> bool {
    let (signers, file) = (folder.path().join("signers"), folder.path().join("sig"));
    fs::write(&signers, format!("bob namespaces=\"{NAMESPACE}\" {}\n", key.0)).unwrap();
    fs::write(&file, signature).unwrap();
    let text_file = folder.path().join("text");
    fs::write(&text_file, text).unwrap();
    let mut command = keygen();
    command.args(["-Y", "verify", "-I", "bob", "-n", NAMESPACE, "-f"]).arg(&signers).arg("-s").arg(&file);
    command.stdin(fs::File::open(text_file).unwrap()).output().unwrap().status.success()
}

fn bob(key: EnrolledKey) -> Roster {
    let mut roster = Roster::default();
    roster.people.insert(name("bob"), approver([key]));
    roster
}

#[test]
fn openssh_signs_and_we_verify() {
    let Some(folder) = openssh() else { return };
    let text = statement().to_text();
    for kind in ["ed25519", "ecdsa"] {
        let (path, key) = make_key(&folder, kind, &["-N", ""]);
        for hash in ["hashalg=sha512", "hashalg=sha256"] {
            let signature = sign_with_openssh(&folder, &path, &["-O", hash], &text);
            let verified = verify(&text, &signature, &bob(key.clone())).unwrap();
            assert_eq!((verified.presence, verified.key), (Presence::File, key.clone()), "{kind} {hash}");
            let altered = text.replace("production", "staging");
            assert!(verify(&altered, &signature, &bob(key.clone())).is_err(), "{kind} {hash}");
        }
    }
}

#[test]
fn we_sign_and_openssh_verifies() {
    let Some(folder) = openssh() else { return };
    let text = statement().to_text();
    for kind in ["ed25519", "ecdsa"] {
        let (path, key) = make_key(&folder, kind, &["-N", ""]);
        let private = fs::read_to_string(&path).unwrap();
        assert_eq!(sign::public_of(&private).as_ref(), Ok(&key));
        let listed = run(keygen().arg("-lf").arg(path.with_extension("pub"))).stdout;
        assert!(String::from_utf8(listed).unwrap().contains(&approval::fingerprint(&key).unwrap()));
        let signature = sign::with_key_file(&private, None, NAMESPACE, &text).unwrap();
        assert!(accepted_by_openssh(&folder, &key, &signature, &text), "{kind}");
        assert!(!accepted_by_openssh(&folder, &key, &signature, &text.replace("bob", "eve")), "{kind}");
        assert!(verify(&text, &signature, &bob(key)).is_ok(), "{kind}");
    }
}

#[test]
fn a_key_behind_a_passphrase_signs_with_it() {
    let Some(folder) = openssh() else { return };
    let (path, key) = make_key(&folder, "ed25519", &["-N", "correct horse", "-a", "1"]);
    let private = fs::read_to_string(path).unwrap();
    assert_eq!(sign::public_of(&private), Ok(key.clone()));
    let text = statement().to_text();
    let signature = sign::with_key_file(&private, Some("correct horse"), NAMESPACE, &text).unwrap();
    assert!(verify(&text, &signature, &bob(key)).is_ok());
    let refuse = |passphrase| sign::with_key_file(&private, passphrase, NAMESPACE, &text).unwrap_err();
    assert_eq!(refuse(None), sign::SignError::Locked);
    assert_eq!(refuse(Some("battery staple")), sign::SignError::WrongPassphrase);
}

#[test]
fn security_keys_prove_presence() {
    let (Some(folder), Some(_)) = (openssh(), device()) else { return };
    let text = Statement { presence: Presence::Touched, ..statement() }.to_text();
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        let (path, key) = make_key(&folder, kind, &["-N", ""]);
        assert!(sign::proves_presence(&key), "{kind}");
        let signature = sign_with_openssh(&folder, &path, &[], &text);
        let verified = verify(&text, &signature, &bob(key.clone())).unwrap();
        assert_eq!(verified.presence, Presence::Touched, "{kind}");
        let file = statement().to_text();
        let signature = sign_with_openssh(&folder, &path, &[], &file);
        assert!(
            matches!(verify(&file, &signature, &bob(key)), Err(ApprovalError::Presence { .. })),
            "{kind}"
        );
        let private = fs::read_to_string(&path).unwrap();
        let refused = sign::with_key_file(&private, None, NAMESPACE, &text);
        assert_eq!(refused, Err(sign::SignError::NeedsDevice), "{kind}");
    }
}

#[test]
fn a_security_key_made_for_no_touch_proves_nothing() {
    let (Some(folder), Some(_)) = (openssh(), device()) else { return };
    let text = Statement { presence: Presence::Touched, ..statement() }.to_text();
    for kind in ["ed25519-sk", "ecdsa-sk"] {
        let (path, key) = make_key(&folder, kind, &["-N", "", "-O", "no-touch-required"]);
        let signature = sign_with_openssh(&folder, &path, &[], &text);
        let refused = verify(&text, &signature, &bob(key));
        assert_eq!(refused, Err(ApprovalError::Signature(SignatureError::NotTouched)), "{kind}");
    }
}

#[test]
fn keys_that_are_refused_are_refused_from_real_files() {
    let Some(folder) = openssh() else { return };
    let path = folder.path().join("key-rsa");
    run(keygen().args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f"]).arg(&path));
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    assert!(parse_public_key(&public).unwrap_err().to_string().contains("ssh-rsa"));
    let text = statement().to_text();
    let signature = sign_with_openssh(&folder, &path, &[], &text);
    let refused = verify(&text, &signature, &Roster::default());
    assert!(matches!(refused, Err(ApprovalError::Signature(_))), "{refused:?}");
}

/// A real ssh-agent in the foreground; killed when dropped.
struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(folder: &TempDir) -> Self {
        let socket = folder.path().join("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-P", DEVICE, "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // It prints its address once it listens.
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { process, socket }
    }

    fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        run(command.env("SSH_AUTH_SOCK", &self.socket).args(["-q", "-S", DEVICE]).arg(key));
    }

    /// SSH_AGENTC_SIGN_REQUEST, and the signature in its answer.
    fn sign(&self, key: &EnrolledKey, message: &[u8]) -> Vec<u8> {
        let wire = sign::wire_form(key).unwrap();
        let request = [vec![13], string(&wire), string(message), vec![0; 4]].concat();
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.write_all(&string(&request)).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], 14, "the agent refuses to sign");
        answer.split_off(5)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_real_ssh_agents_answer_becomes_a_signature() {
    let Some(folder) = openssh() else { return };
    if Command::new("ssh-agent").arg("-?").stdin(Stdio::null()).output().is_err() {
        eprintln!("SKIPPED: ssh-agent is not installed (Debian: openssh-client)");
        return;
    }
    let agent = Agent::start(&folder);
    let mut kinds = vec![("ed25519", Presence::File), ("ecdsa", Presence::File)];
    if device().is_some() {
        kinds.extend([("ed25519-sk", Presence::Touched), ("ecdsa-sk", Presence::Touched)]);
    }
    for (kind, presence) in kinds {
        let (path, key) = make_key(&folder, kind, &["-N", ""]);
        agent.add(&path);
        let text = Statement { presence, ..statement() }.to_text();
        let answer = agent.sign(&key, &sign::to_be_signed(NAMESPACE, &text).unwrap());
        let signature = sign::with_agents_answer(&key, NAMESPACE, &text, &answer).unwrap();
        assert!(accepted_by_openssh(&folder, &key, &signature, &text), "{kind}");
        assert_eq!(verify(&text, &signature, &bob(key)).unwrap().presence, presence, "{kind}");
    }
}
