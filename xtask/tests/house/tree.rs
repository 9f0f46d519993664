//! The checkout as the other tests read it. Nothing is checked here.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use cargo_metadata::{Metadata, MetadataCommand};

pub(crate) fn root() -> &'static Path {
    testkit::root()
}

/// Asked once: it takes longer than all tests together.
pub(crate) fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo metadata")
    })
}

/// A tool's standard output in the checkout.
pub(crate) fn stdout_of(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(root()).output().expect(program);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {stderr}", args.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// Tracked files, and those about to be: relative to the root, without what git ignores.
pub(crate) fn files() -> Vec<PathBuf> {
    let listed = stdout_of("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    let mut paths: Vec<_> =
        listed.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect();
    paths.sort();
    paths.dedup();
    assert!(paths.len() > 50, "git lists only {} files", paths.len());
    paths
}

/// Rust files with their text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let paths = files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    paths.map(|path| (path.clone(), read(&path))).collect()
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with all findings at once.
pub(crate) fn none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
