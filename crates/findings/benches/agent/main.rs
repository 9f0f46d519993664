//! Two questions. *How fast*: a snapshot of 100,000 resources parsed and analysed, beside the same file parsed into plain JSON values
//! by `serde_json`, each in a process of its own, so that the most memory of each is its own. *How right*: synthetic accounts with
//! planted causes, and what is told of them, beside rules of plain thresholds (`plain.rs`) as they are usually written.

mod plain;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use findings::{Parameters, Prices, Remedy, analyse};
use snapshot::Snapshot;
use synth::{Account, TAKEN};
use testkit::bench::{Contestant, Figure, Target, compare, report};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RESOURCES: usize = 100_000;
const ACCOUNTS: u64 = 40;
const SIZE: usize = 400;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "--alone") {
        let (what, file) = (args.get(at + 1).context("what")?, args.get(at + 2).context("file")?);
        return alone(what, file);
    }
    let mut figures = speed()?;
    figures.extend(accuracy()?);
    report(&figures)
}

/// In a process of its own: the most memory it had, in bytes.
fn alone(what: &str, file: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    match what {
        "ours" => ensure!(ours(&text)? > 0, "nothing was found"),
        _ => ensure!(plainly(&text)? > 0, "nothing was read"),
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let bytes = most.trim().trim_end_matches(" kB").parse::<u64>()? * 1024;
    writeln!(std::io::stdout(), "{bytes}")?;
    Ok(())
}

fn ours(text: &str) -> Result<usize> {
    let snapshot = Snapshot::parse(text, TAKEN)?;
    Ok(analyse(&snapshot, &Parameters::default(), &Prices::shipped(), TAKEN).findings.len())
}

fn plainly(text: &str) -> Result<usize> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    Ok(value.get("resources").and_then(serde_json::Value::as_array).map_or(0, Vec::len))
}

fn speed() -> Result<Vec<Figure>> {
    let text = synth::account(1, RESOURCES).snapshot;
    let file = tempfile(&text)?;
    let ours_name = "parse and analyse 100,000 resources";
    let measured = compare(&mut [
        Contestant::new(ours_name, 1, |_| {
            ours(&text)?;
            Ok(())
        }),
        Contestant::new("serde_json::Value of the same file", 1, |_| {
            plainly(&text)?;
            Ok(())
        }),
    ])?;
    let [ours, plain] = measured.as_slice() else { anyhow::bail!("two contestants") };
    let seconds = |figure: Figure| Figure {
        value: figure.value / 1e6,
        unit: "s",
        peer: figure.peer.map(|(name, value)| (name, value / 1e6)),
        spread: figure.spread.map(|(least, most)| (least / 1e6, most / 1e6)),
        ..figure
    };
    let memory = |what: &str| -> Result<f64> {
        let out = Command::new(std::env::current_exe()?).args(["--alone", what]).arg(file.path()).output()?;
        ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8(out.stdout)?.trim().parse::<f64>()? / 1e6)
    };
    let plain_memory = memory("plain")?;
    Ok(vec![
        seconds(ours.figure(Some(plain), Target::AtMost(3.0))),
        figure(
            "most memory of it",
            memory("ours")?,
            "MB",
            Some(("serde_json::Value of the same file", plain_memory)),
            Target::AtMost(500.0),
        ),
        figure("size of the file", text.len() as f64 / 1e6, "MB", None, Target::None),
    ])
}

fn tempfile(text: &str) -> Result<Temporary> {
    let path = std::env::temp_dir().join(format!("countersign-bench-{}.json", std::process::id()));
    fs::write(&path, text)?;
    Ok(Temporary(path))
}

struct Temporary(std::path::PathBuf);

impl Temporary {
    fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn figure(name: &str, value: f64, unit: &'static str, peer: Option<(&str, f64)>, target: Target) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit,
        peer: peer.map(|(name, value)| (name.to_owned(), value)),
        target,
        spread: None,
    }
}

/// What somebody says of an account: which resources call for action, and of which it would destroy something now.
#[derive(Default)]
struct Told {
    found: BTreeSet<String>,
    /// And by which operations.
    destroys: BTreeMap<String, BTreeSet<String>>,
}

/// Summed over all accounts.
#[derive(Default)]
struct Score {
    right: u64,
    wrong: u64,
    missed: u64,
    money: i64,
    wrongful: u64,
    destroys: u64,
    /// Wrong ones by cause.
    causes: BTreeMap<String, u64>,
}

impl Score {
    fn add(&mut self, account: &Account, told: &Told) {
        for planted in &account.planted {
            let found = told.found.contains(&planted.resource);
            match (found, planted.cause.calls_for_action()) {
                (true, true) => {
                    self.right += 1;
                    self.money += planted.micros;
                }
                (true, false) => {
                    self.wrong += 1;
                    *self.causes.entry(format!("{:?}", planted.cause)).or_default() += 1;
                }
                (false, true) => self.missed += 1,
                (false, false) => {}
            }
            if let Some(operations) = told.destroys.get(&planted.resource) {
                self.destroys += 1;
                // What is too large, old, untidy or broken is needed: only what puts just that right may destroy something of it.
                self.wrongful += u64::from(operations.iter().any(|it| planted.cause.is_wronged_by(it)));
            }
        }
    }

    fn precision(&self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    fn recall(&self) -> f64 {
        share(self.right, self.right + self.missed)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn accuracy() -> Result<Vec<Figure>> {
    let (mut ours, mut plain, mut planted) = (Score::default(), Score::default(), 0);
    for seed in 0..ACCOUNTS {
        let account = synth::account(1000 + seed, SIZE);
        planted += account.planted.iter().map(|planted| planted.micros).sum::<i64>();
        ours.add(&account, &told(&account.snapshot)?);
        plain.add(&account, &plain::told(&account.snapshot)?);
    }
    let money = |score: &Score| 100.0 * score.money as f64 / planted.max(1) as f64;
    let peer = |value: f64| Some(("plain thresholds", value));
    let mut figures = vec![
        figure("precision", ours.precision(), "%", peer(plain.precision()), Target::AtLeast(90.0)),
        figure("recall", ours.recall(), "%", peer(plain.recall()), Target::AtLeast(90.0)),
        figure("planted money found", money(&ours), "%", peer(money(&plain)), Target::AtLeast(90.0)),
        figure(
            "wrongful proposals that destroy",
            ours.wrongful as f64,
            "resources",
            peer(plain.wrongful as f64),
            Target::AtMost(0.0),
        ),
        figure(
            "proposals that destroy",
            ours.destroys as f64,
            "resources",
            peer(plain.destroys as f64),
            Target::None,
        ),
    ];
    let causes: BTreeSet<&String> = ours.causes.keys().chain(plain.causes.keys()).collect();
    for cause in causes {
        let count = |score: &Score| score.causes.get(cause).copied().unwrap_or(0) as f64;
        let name = format!("called waste, and is {cause}");
        figures.push(figure(&name, count(&ours), "resources", peer(count(&plain)), Target::None));
    }
    Ok(figures)
}

fn told(text: &str) -> Result<Told> {
    let snapshot = Snapshot::parse(text, TAKEN)?;
    let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), TAKEN);
    let mut told = Told::default();
    for finding in report.findings {
        let steps = match &finding.remedy {
            Remedy::Steps(steps) => steps.as_slice(),
            Remedy::StackUpdate { .. } | Remedy::Wait { .. } | Remedy::Advice(_) => &[],
        };
        for step in steps.iter().filter(|step| step.effects.contains(model::Effect::Destroy)) {
            let operation = format!("{}:{}", step.service, step.operation);
            told.destroys.entry(finding.resource.id.clone()).or_default().insert(operation);
        }
        if finding.analyzer != "mark-outlived" {
            told.found.insert(finding.resource.id);
        }
    }
    Ok(told)
}
