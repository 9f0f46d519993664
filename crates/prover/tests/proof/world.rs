//! The starter's bundle of each profile, and whether there is a solver to ask.

use std::process::{Command, Stdio};

use model::{Account, EnrolledKey};
use policy::{Files, Profile, StarterOptions, starter};

/// The starter's files: ana launches kiro; ben, cem and dot approve.
pub(crate) fn files(profile: Profile) -> Files {
    let key = |name: &str| EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"));
    let approver = |name: &str, roles: &[&str]| {
        (name.parse().unwrap(), roles.iter().map(|role| role.parse().unwrap()).collect(), vec![key(name)])
    };
    let options = StarterOptions {
        profile,
        operators: vec![("ana".parse().unwrap(), vec![key("ana")])],
        recovery: Vec::new(),
        approvers: vec![approver("ben", &["sre"]), approver("cem", &[]), approver("dot", &["dba"])],
        agents: vec!["kiro".parse().unwrap()],
        environments: vec![
            ("production".parse().unwrap(), Account("111122223333".into())),
            ("staging".parse().unwrap(), Account("444455556666".into())),
        ],
        calendar: None,
    };
    starter(&options).unwrap_or_else(|err| panic!("{err}"))
}

/// Says so loudly where there is none; `cargo xtask test` installs it where it may.
pub(crate) fn solver_is_there() -> bool {
    let there = Command::new("cvc5")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: cvc5 is not installed; on Debian: apt-get install cvc5");
    }
    there
}
