//! What every tracked file owes its reader.

use crate::tree::{files, none, read, sources};

const MOST_LINES: usize = 800;

#[test]
fn every_source_says_what_it_is_for() {
    // An attribute of the whole file may stand above.
    let mute =
        sources().into_iter().filter(|(_, text)| !text.lines().take(3).any(|line| line.starts_with("//!")));
    none("a file begins with `//!`", mute.map(|(path, _)| path.display().to_string()).collect());
}

#[test]
fn no_source_is_too_long_to_read() {
    let lengths = sources().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > MOST_LINES);
    none(
        "a file has at most 800 lines",
        long.map(|(path, lines)| format!("{}: {lines}", path.display())).collect(),
    );
}

#[test]
fn nothing_is_left_open_or_silenced() {
    // Spelled in two halves, so that this file does not find itself.
    let marks = [
        concat!("#[al", "low("),
        concat!("#![al", "low("),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore]"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut findings = Vec::new();
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            findings.extend(
                marks
                    .iter()
                    .filter(|mark| line.contains(**mark))
                    .map(|mark| format!("{}:{number}: {mark}", path.display())),
            );
        }
    }
    none("exceptions are `#[expect(…, reason)]`, and open ends are issues", findings);
}

#[test]
fn no_file_knows_a_machine_or_a_registry() {
    let marks = [
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("npmjs", ".org"),
        concat!("npmjs", ".com"),
        concat!("deb.deb", "ian.org"),
    ];
    let mut findings = Vec::new();
    for path in files() {
        // The lock file names the default registry by its fixed marker; binary files have no lines.
        let Ok(text) = std::fs::read_to_string(crate::tree::root().join(&path)) else { continue };
        if path.ends_with("Cargo.lock") {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            findings.extend(
                marks
                    .iter()
                    .filter(|mark| line.contains(**mark))
                    .map(|mark| format!("{}:{number}: {mark}", path.display())),
            );
        }
    }
    none("what works only on one machine, or names a registry's host, does not belong in the tree", findings);
}

#[test]
fn documents_link_to_what_exists() {
    let mut findings = Vec::new();
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let folder = path.parent().unwrap_or(&path).to_owned();
        for target in links(&read(&path)) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty()
                || file.contains("://")
                || crate::tree::root().join(&folder).join(file).exists()
            {
                continue;
            }
            findings.push(format!("{}: {target}", path.display()));
        }
    }
    none("a link leads somewhere", findings);
}

fn links(text: &str) -> Vec<String> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}
