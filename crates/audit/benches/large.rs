//! A log of ten million entries under the auditor, beside one of a tenth of them: the whole audit (hashing and structure:
//! nobody signs here) grows with the log and with nothing more, and keeps of each entry what later ones can rest on; what
//! came after a checkpoint is verified in a time in which what was before has no part.
//!
//! The entries are of the kinds and lengths that an engine writes: reads in batches; writes permitted, with why, and done;
//! changes held for two people that expire; a session for every 512. They are made bundle by bundle, as a reader would
//! have them from a disk, and the making is not measured; for what came after a checkpoint the making and hashing of the
//! files that are asked for is.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use audit::{Auditor, Given, Report, Since, Step};
use model::{
    Actors, ChangeId, Digest, Entry, EntryId, EntryKind, Genesis, Roster, SessionId, Subject, Timestamp,
};
use testkit::bench::{Contestant, Figure, Target, compare, report};
use tlog::{
    Checkpoint, Frontier, Hash, Resource, SigningKey, bundle, encode_hashes, leaf_hash, root_of,
    sign_checkpoint,
};

const ORIGIN: &str = "log.example/bench";
const WHOLE: u64 = 10_000_000;
const TENTH: u64 = WHOLE / 10;
/// Entries that came after the checkpoint that was verified before.
const SINCE: u64 = 1000;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let tenth = measure(TENTH)?;
    let whole = measure(WHOLE)?;
    let mut figures = Vec::new();
    for (tenth, whole) in tenth.iter().zip(&whole) {
        figures.push(Figure {
            name: format!("{} at {WHOLE} entries", whole.name),
            peer: Some((format!("at {TENTH} entries"), tenth.value)),
            ..whole.clone()
        });
    }
    report(&figures)
}

fn key() -> Result<SigningKey> {
    Ok(SigningKey::from_seed(ORIGIN, &[7; 32])?)
}

/// A hundred a second.
fn at(index: u64) -> Timestamp {
    Timestamp::from_millis(1_795_228_800_000 + 10 * index as i64)
}

fn ten(index: u64) -> [u8; 10] {
    let mut bytes = [7; 10];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    bytes
}

struct Maker {
    genesis: Genesis,
    bundle: Digest,
}

impl Maker {
    fn new() -> Result<Self> {
        let genesis = Genesis {
            origin: ORIGIN.to_owned(),
            vkey: key()?.verifier().to_string(),
            installation: "00112233445566778899aabbccddeeff".to_owned(),
            created_at: at(0),
            site: None,
        };
        Ok(Self { genesis, bundle: Digest::of(b"bundle") })
    }

    fn entry(&self, index: u64) -> Result<Vec<u8>> {
        let (group, place) = (index / 8, index % 8);
        let reads =
            ("reads", "s3:ListBuckets, cloudformation:DescribeStacks, ec2:DescribeInstances".to_owned());
        let digest = Digest::of(&group.to_be_bytes()).to_string();
        let answer = "a commitment to the answer of the upstream ".repeat(4);
        let (kind, change, detail) = match place {
            0 if index == 0 => {
                let roster = serde_json::to_string(&Roster::default())?;
                let genesis = self.genesis.fingerprint().to_string();
                let (key, says) = Entry::PERMITS_SAY_WHY;
                let detail = vec![("genesis", genesis), ("roster", roster), (key, says.to_owned())];
                (EntryKind::Genesis, None, detail)
            }
            // The genesis stands where the first session would be.
            place if group.is_multiple_of(64) && place == u64::from(group == 0) => {
                let task = "restart what hangs and find out why".to_owned();
                let ends = at(index + 1_000_000).to_string();
                let detail = vec![("expires_at", ends), ("launcher", "erin".to_owned()), ("task", task)];
                (EntryKind::SessionIssued, None, detail)
            }
            3 => {
                let more = [
                    ("people", "0".to_owned()),
                    ("step", "0".to_owned()),
                    ("why", "the grants let it through, and no rule asks for anything more".to_owned()),
                    ("grants", "grants/fixers.cedar, grants/alice.cedar".to_owned()),
                ];
                (EntryKind::PermitIssued, Some(3), [self.detail("allow", &digest), more.to_vec()].concat())
            }
            4 => {
                let detail = vec![("answer", answer), ("status", "200".to_owned()), ("step", "0".to_owned())];
                (EntryKind::OutcomeRecorded, Some(3), detail)
            }
            5 => {
                let more = [("people", "2".to_owned()), ("requirement", "2 other people".to_owned())];
                (EntryKind::ChangeHeld, Some(5), [self.detail("hold", &digest), more.to_vec()].concat())
            }
            7 => (EntryKind::ChangeExpired, Some(5), vec![("why", "nobody came".to_owned())]),
            _ => (EntryKind::ReadsAdmitted, None, vec![("count", "3".to_owned()), reads]),
        };
        let mut entry = Entry::new(EntryId::new(at(index).millis(), ten(index)), at(index), kind);
        let made = |place: u64| group * 8 + place;
        entry.actors = Actors {
            agent: Some("kiro".parse()?),
            operator: Some("alice".parse()?),
            session: Some(SessionId::new(at(index - index % 512).millis(), ten(index / 512))),
            person: None,
        };
        entry.change = change.map(|place| ChangeId::new(at(made(place)).millis(), ten(made(place))));
        entry.change_digest = change.map(|place| Digest::of(&made(place).to_be_bytes()));
        entry.bundle = Some(self.bundle);
        entry.subject = entry.change.map(|id| Subject {
            table: "change".to_owned(),
            id: id.to_string(),
            state: Digest::of(&index.to_be_bytes()),
        });
        entry.detail = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(serde_json::to_vec(&entry)?)
    }

    fn detail(&self, verdict: &str, digest: &str) -> Vec<(&'static str, String)> {
        let told = [
            ("digest", digest),
            ("operation", "cloudformation:UpdateStack"),
            (
                "rules",
                "production-writes (constitution/10-production.cedar:14), fixers (grants/fixers.cedar:3)",
            ),
            (
                "summary",
                "updates the stack cost-explorer in production (123456789012, eu-west-1): one parameter",
            ),
            ("verdict", verdict),
        ];
        told.map(|(key, value)| (key, value.to_owned())).to_vec()
    }

    fn bundle(&self, number: u64, size: u64) -> Result<Vec<Vec<u8>>> {
        let first = number * bundle::WIDTH;
        (first..size.min(first + bundle::WIDTH)).map(|index| self.entry(index)).collect()
    }
}

/// The log as its files would be.
struct Log {
    maker: Maker,
    size: u64,
    bytes: u64,
    /// The roots of full tiles of a level, level 0 first.
    above: Vec<Vec<Hash>>,
    checkpoint: String,
    kept: String,
}

impl Log {
    fn of(size: u64) -> Result<Self> {
        let maker = Maker::new()?;
        let (mut frontier, mut kept, mut bytes) = (Frontier::new(), String::new(), 0);
        let mut bundles = Vec::new();
        for number in 0..size.div_ceil(bundle::WIDTH) {
            let mut leaves = Vec::new();
            for entry in maker.bundle(number, size)? {
                bytes += entry.len() as u64;
                leaves.push(leaf_hash(&entry));
                frontier.append(leaf_hash(&entry));
                if frontier.size() == size - SINCE {
                    kept = signed(&frontier)?;
                }
            }
            if leaves.len() as u64 == bundle::WIDTH {
                bundles.push(root_of(&leaves));
            }
        }
        let mut above = vec![bundles];
        while let Some(last) = above.last().filter(|it| it.len() >= 256) {
            let next = last.chunks_exact(256).map(root_of).collect();
            above.push(next);
        }
        Ok(Self { maker, size, bytes, above, checkpoint: signed(&frontier)?, kept })
    }

    fn read(&self, resource: Resource) -> Result<Vec<u8>> {
        let tile = resource.tile();
        Ok(match resource {
            Resource::Entries(_) => bundle::encode(&self.maker.bundle(tile.index(), self.size)?)?,
            Resource::Hashes(_) if tile.level() == 0 => {
                let entries = self.maker.bundle(tile.index(), self.size)?;
                encode_hashes(&entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>())
            }
            Resource::Hashes(_) => {
                let level = self.above.get(usize::from(tile.level()) - 1).context("no such level")?;
                let range = tile.hashes();
                let hashes = level.get(range.start as usize..range.end as usize).context("no such tile")?;
                encode_hashes(hashes)
            }
        })
    }

    fn given<'a>(&'a self, genesis: &'a [u8]) -> Given<'a> {
        Given {
            genesis,
            expected_genesis: Some(self.maker.genesis.fingerprint()),
            checkpoint: self.checkpoint.as_bytes(),
            held_checkpoints: &[],
            database: None,
        }
    }

    /// How long the auditor took for all of it, and the most memory that this process had in the meantime.
    fn audit(&self) -> Result<(f64, f64)> {
        let genesis = self.maker.genesis.to_json();
        let (mut auditor, mut took) = (Auditor::new(self.given(&genesis)), Duration::ZERO);
        for number in 0..self.size.div_ceil(bundle::WIDTH) {
            let entries = self.maker.bundle(number, self.size)?;
            took += timed(|| entries.iter().for_each(|entry| auditor.entry(entry))).1;
        }
        let (told, last) = timed(|| auditor.finish());
        holds(&told)?;
        Ok(((took + last).as_secs_f64(), most_memory()?))
    }

    fn since(&self) -> Result<()> {
        let genesis = self.maker.genesis.to_json();
        let mut since = Since::new(self.given(&genesis), &self.kept)?;
        loop {
            match since.step() {
                Step::Read(resource) => since.take(resource, Some(self.read(resource)?)),
                Step::Told(report) => return holds(&report),
            }
        }
    }
}

fn holds(report: &Report) -> Result<()> {
    ensure!(report.ok && report.authenticated, "{:?}", report.problems.first());
    Ok(())
}

fn signed(tree: &Frontier) -> Result<String> {
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: tree.size(), root: tree.root() };
    Ok(sign_checkpoint(&checkpoint, &key()?))
}

fn measure(size: u64) -> Result<Vec<Figure>> {
    let log = Log::of(size)?;
    let before = most_memory()?;
    let (seconds, memory) = log.audit()?;
    let since =
        compare(&mut [Contestant::new("1000 entries since a checkpoint verified", 1, |_| log.since())])?;
    let flat = Target::RatioAtMost(2.0);
    let figure = |name: &str, value, unit, target| Figure {
        name: name.to_owned(),
        value,
        unit,
        peer: None,
        target,
        spread: None,
    };
    let mut figures = vec![
        figure("the whole audit", size as f64 / seconds, "entries/s", Target::AtLeast(200_000.0)),
        figure(
            "the auditor's memory for an entry",
            (memory - before) * 1e6 / size as f64,
            "bytes",
            Target::AtMost(200.0),
        ),
        figure("the process's memory at most", memory, "MB", Target::None),
        figure("an entry", log.bytes as f64 / size as f64, "bytes", Target::None),
    ];
    figures.extend(since.iter().map(|it| it.figure(None, flat)));
    Ok(figures)
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = run();
    (done, started.elapsed())
}

/// Megabytes that this process had at most.
fn most_memory() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("reading this process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1000.0)
}
