//! `docs/findings.md` is made of the analyzers, their thresholds and their traps as they stand in the source.

use std::fmt::Write as _;

use expect_test::expect_file;
use findings::{ANALYZERS, Class, Parameters};

const HEAD: &str = "# Findings and costs

```
countersign findings --from snapshot.json
countersign costs --from snapshot.json --by service      # or tag:KEY, or finding
```

Both run from a snapshot alone (`countersign.snapshot/v1`; its form stands at the top of `crates/snapshot/src/lib.rs`): no server, no
network, no credentials. Nothing is changed by them. `--output json` has everything, `--only ANALYZER` one analyzer's part.

The console shows both as pages (*Findings*, and *Where the money goes* from there), of the newest `.json` file in `DIR/snapshots/` (`[paths]
snapshots` in `countersign.toml`), with its age: `countersign scan --snapshot DIR/snapshots/NAME.json` puts one there whole. It is read
beside the requests, up to 64 MiB and again whenever another one lies there; nothing else rests on it.

## What a finding is

Each has its facts with the ids of the reads that showed them; how sure it is and why; what it is worth a month, with each price, its source
and its date; whether the way to its remedy can be undone, by the operation table; traps in plain words; and a remedy as operations in the
table's spelling, which `countersign propose` takes. Beside the findings stand what *looks like one and is not claimed* (a schedule starts
it, it is used once a quarter, its name says that it stands by) and what is *not known*.

- **What was refused is not known.** Where a list was refused, cut off, or asked with filters, an analyzer that rests on it claims nothing in
  that region and says so. Tags that are read apart from the list (of tables, functions, load balancers, buckets, log groups, repositories)
  are not absent where they were refused: nothing is claimed of what may be kept by one. A snapshot older than `stale_days` lowers every confidence, and nothing is
  proposed by it.
- **Quiet is not idle.** Something has stopped only where it is quiet for `pauses` times its longest pause before; what was used after
  pauses like the one it is in is spared. Confidence is at most medium until it has been quiet for a year and a month (`season_days`),
  because what runs once a year may still come.
- **Nothing is destroyed at once.** What is to be retired is marked (the tag `countersign:unused-since`), and only after `grace_days` of
  staying unused, on high confidence, are the steps proposed that take it away. A mark counts only from when metrics show it quiet, so that
  one written far back shortens nothing. What is used again loses its mark. The tag `countersign:keep` spares a resource for good.
- **A stack's resources are changed in the stack.** Where a stack owns it, the remedy is an update of that stack; where it is not known
  whether one does, nothing is proposed.
- **What cannot be undone needs high confidence** to be proposed at all; who must agree to it is the policy's to say, as for everyone.

Tags and names are text that others write. They can spare a resource, never accuse it.

Prices are on-demand list prices of us-east-1, marked approximate; elsewhere they are not known, and said to be. `--prices FILE` takes a table
of your own, in the form of `crates/findings/data/prices.toml`. Money is counted in whole millionths. What is paid for by what it holds or by
what is asked of it (buckets, repositories, functions, tables on demand) is not priced, and is counted as that, with how many there are.

How well this does is measured on accounts with planted causes: `cargo xtask bench agent`.

";

pub(crate) const SOURCES: [&str; 8] = [
    include_str!("../../src/analyzers/buckets.rs"),
    include_str!("../../src/analyzers/compute.rs"),
    include_str!("../../src/analyzers/containers.rs"),
    include_str!("../../src/analyzers/data.rs"),
    include_str!("../../src/analyzers/faults.rs"),
    include_str!("../../src/analyzers/network.rs"),
    include_str!("../../src/analyzers/storage.rs"),
    include_str!("../../src/analyzers/zones.rs"),
];

#[test]
fn the_page_says_what_the_analyzers_do() {
    let mut page = HEAD.to_owned();
    page.push_str("## Thresholds\n\nA file of `--parameters FILE` (TOML) gives those that are to be otherwise.\n\n| name | default | |\n|---|---|---|\n");
    let defaults = serde_json::to_value(Parameters::default()).unwrap();
    for (name, about) in documented(include_str!("../../src/parameters.rs")) {
        let default = match &defaults[&name] {
            serde_json::Value::Array(all) => {
                all.iter().map(|one| one.to_string().replace('"', "")).collect::<Vec<_>>().join(" ")
            }
            one => one.to_string(),
        };
        writeln!(page, "| `{name}` | {default} | {about} |").unwrap();
    }
    for (class, title) in [(Class::Fault, "Faults"), (Class::Waste, "Waste")] {
        writeln!(page, "\n## {title}").unwrap();
        for analyzer in ANALYZERS.iter().filter(|analyzer| analyzer.class == class) {
            let quoted =
                |all: &[&str]| all.iter().map(|read| format!("`{read}`")).collect::<Vec<_>>().join(", ");
            writeln!(page, "\n### {}\n\n{}\n", analyzer.name, analyzer.about).unwrap();
            writeln!(page, "- lists: `{}`", analyzer.listing).unwrap();
            if !analyzer.against.is_empty() {
                writeln!(page, "- cannot do without: {}", quoted(analyzer.against)).unwrap();
            }
            if !analyzer.each.is_empty() {
                writeln!(page, "- asks of each: {}", quoted(analyzer.each)).unwrap();
            }
            for trap in traps(analyzer.name) {
                writeln!(page, "- trap: {trap}").unwrap();
            }
        }
    }
    expect_file!["../../../../docs/findings.md"].assert_eq(&page);
}

/// Each public member with the comment above it.
fn documented(source: &str) -> Vec<(String, String)> {
    let (mut all, mut about) = (Vec::new(), String::new());
    let members = source.split("pub struct Parameters {").nth(1).unwrap().split("\n}\n").next().unwrap();
    for line in members.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about = text.to_owned();
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(':')) {
            all.push((name.to_owned(), std::mem::take(&mut about)));
        }
    }
    assert!(all.len() > 20 && all.iter().all(|(_, about)| !about.is_empty()), "{all:?}");
    all
}

/// The literal traps between this analyzer's name and the next analyzer.
fn traps(name: &str) -> Vec<&'static str> {
    let from = SOURCES.iter().find_map(|source| source.split_once(&format!("name: \"{name}\","))).unwrap().1;
    let own = from.split("pub(crate) const ").next().unwrap();
    own.split("\"")
        .filter(|text| {
            text.ends_with('.') && text.contains(' ') && own.contains(&format!("trap(\"{text}\")"))
        })
        .collect()
}
