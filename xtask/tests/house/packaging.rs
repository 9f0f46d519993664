//! What `packaging/` holds, as those read it who run it.

use std::{fs, process::Command};

use crate::tree::{files, read};

const UNIT: &str = "packaging/countersign.service";
/// Tenths of what systemd itself calls exposure, of 100: what is below 20 it calls OK.
const EXPOSURE: &str = "15";

#[test]
fn the_unit_is_one_and_leaves_little_open() {
    let unit = read(UNIT.as_ref());
    assert!(!unit.contains("User=root"), "it has a user of its own");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.service");
    // Neither the program nor its man pages need be installed where this runs.
    let here = std::env::current_exe().unwrap().display().to_string();
    let installed = unit.replace("/usr/local/bin/countersign", &here);
    let lines: Vec<&str> = installed.lines().filter(|line| !line.starts_with("Documentation=")).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    for args in [["verify", "--man=no"].as_slice(), &["security", "--offline=true", "--threshold", EXPOSURE]]
    {
        match Command::new("systemd-analyze").args(args).arg(&file).output() {
            Ok(said) => assert!(
                said.status.success(),
                "{args:?}: {}{}",
                String::from_utf8_lossy(&said.stdout),
                String::from_utf8_lossy(&said.stderr)
            ),
            Err(err) => eprintln!("SKIPPED: systemd did not look at the unit: {err}"),
        }
    }
}

#[test]
fn the_image_runs_as_nobody_and_is_built_of_what_is_tracked() {
    let image = read("packaging/Containerfile".as_ref());
    let last = image.rsplit("\nFROM ").next().unwrap();
    assert!(last.contains("\nUSER 65532:65532\n"), "the program is nobody in particular");
    assert!(image.contains("--locked"), "with the versions that were tested");
    let declared = read("Cargo.toml".as_ref());
    let minimum = declared.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(image.contains(&format!("FROM rust:{}-", minimum.trim_matches('"'))), "by the compiler it needs");
    assert!(files().iter().any(|path| path.ends_with("Cargo.lock")));
}
