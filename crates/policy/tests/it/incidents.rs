//! What agents have done to people, and what the default constitution says of each: one row a technique, not one an
//! incident, so that the next of its kind is met too. `../shared/cases/incidents.jsonl` has the incidents; the test that
//! reads it skips, loudly, where it is not there.
//!
//! A verdict needs a gateway to reach it. Today there is one, for AWS; what came through another door is judged here as that
//! door's gateway will have to put it, and the table says which is still to come.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use expect_test::expect;
use model::{Effect, EffectSet, Exposure, History, Verdict};
use policy::Profile;
use serde::Deserialize;

use crate::world::{NOON, World, bundle};

/// A way in which something was lost.
struct Technique {
    name: &'static str,
    effects: &'static [Effect],
    kind: &'static str,
    shows_credentials: bool,
    history: History,
}

const NONE: History = History {
    destroys: 0,
    agent_destroys: 0,
    protections_lowered: 0,
    backups_touched: 0,
    data_destroyed: 0,
    created_by_session: false,
};

const fn lost(name: &'static str, kind: &'static str) -> Technique {
    Technique { name, effects: &[Effect::Destroy], kind, shows_credentials: false, history: NONE }
}

const TECHNIQUES: &[Technique] = &[
    lost("a database or its rows, by whatever tool", "database"),
    lost("files, by a path that meant something else", "filesystem"),
    lost("what the cloud runs, or what runs in it", "stack"),
    lost("a cluster's namespace, with all that is in it", "cluster"),
    lost("containers together with their volumes", "volume"),
    lost("history that was nowhere else", "repository"),
    Technique {
        effects: &[Effect::Execute, Effect::Destroy],
        ..lost("a server, by a command on it", "instance")
    },
    Technique { effects: &[Effect::Emit], ..lost("messages to people who were not meant", "topic") },
    Technique {
        effects: &[Effect::Read],
        shows_credentials: true,
        ..lost("a credential that works elsewhere", "credential")
    },
    lost("the guard that was in the way", "detector"),
    Technique {
        history: History { protections_lowered: 1, ..NONE },
        ..lost("what a guard protected until just now", "database")
    },
    Technique {
        history: History { backups_touched: 1, ..NONE },
        ..lost("data after its backups", "database")
    },
    Technique {
        history: History { agent_destroys: 30, destroys: 30, ..NONE },
        ..lost("one small thing after the other", "instance")
    },
    Technique {
        effects: &[Effect::Write],
        history: History { destroys: 1, agent_destroys: 1, ..NONE },
        ..lost("more of it, in repairing the first loss", "service")
    },
];

/// Where it happened, and when: at night, unless it says otherwise.
const PLACES: [&str; 2] = ["production", "staging"];

impl Technique {
    fn world(&self, environment: &str) -> World {
        let mut world = World::new(Effect::Read, self.kind, environment);
        world.effects = self.effects.iter().copied().fold(EffectSet::of(self.effects[0]), EffectSet::with);
        world.exposure = Exposure { data: false, credentials: self.shows_credentials };
        world.history = self.history;
        world
    }
}

/// The verdict in a word, and the rules that came to it.
fn told(verdict: &Verdict) -> String {
    let rules: Vec<_> =
        verdict.rules().iter().map(|it| it.id.to_string()).filter(|id| id != "no-grant").collect();
    let head = match verdict {
        Verdict::Allow => return "allow".to_owned(),
        Verdict::Hold(hold) => format!("{}", hold.requirement.people),
        Verdict::Deny(_) => "no".to_owned(),
    };
    format!("{head}: {}", rules.join(", "))
}

#[test]
fn each_way_in_which_something_was_lost_is_met_in_every_profile() {
    let mut table = String::new();
    for technique in TECHNIQUES {
        writeln!(table, "{}", technique.name).unwrap();
        for place in PLACES {
            let verdicts: Vec<_> = Profile::ALL
                .map(|profile| (profile, told(&bundle(profile).decide(&technique.world(place).ask()))))
                .into();
            // Said once where it is the same in all.
            if verdicts.iter().all(|(_, told)| *told == verdicts[0].1) {
                writeln!(table, "  {place:<10}          {}", verdicts[0].1).unwrap();
            } else {
                for (profile, told) in verdicts {
                    writeln!(table, "  {place:<10} {:<8} {told}", profile.to_string()).unwrap();
                }
            }
        }
    }
    expect![[r#"
        a database or its rows, by whatever tool
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        files, by a path that meant something else
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        what the cloud runs, or what runs in it
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      allow
          staging    standard allow
          staging    strict   1: one-person-to-destroy-what-others-made
        a cluster's namespace, with all that is in it
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      allow
          staging    standard allow
          staging    strict   1: one-person-to-destroy-what-others-made
        containers together with their volumes
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        history that was nowhere else
          production lab      2: two-people-to-destroy
          production standard 2: two-people-to-destroy
          production strict   2: one-person-at-night, two-people-to-destroy
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        a server, by a command on it
          production lab      2: two-people-to-destroy, two-people-to-execute
          production standard 2: two-people-to-destroy, two-people-to-execute
          production strict   2: one-person-at-night, two-people-to-destroy, two-people-to-execute
          staging    lab      allow
          staging    standard allow
          staging    strict   1: one-person-to-destroy-what-others-made
        messages to people who were not meant
          production lab      1: one-person-to-emit-or-spend
          production standard 1: one-person-to-emit-or-spend
          production strict   1: one-person-at-night, one-person-to-emit-or-spend
          staging             allow
        a credential that works elsewhere
          production          no: no-minting-credentials
          staging             no: no-minting-credentials
        the guard that was in the way
          production          no: nobody-silences-the-record
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        what a guard protected until just now
          production          no: nothing-lost-once-a-guard-is-down
          staging    lab      1: one-person-to-destroy-data
          staging    standard 1: one-person-to-destroy-data
          staging    strict   1: one-person-to-destroy-what-others-made
        data after its backups
          production          no: no-data-loss-after-backup
          staging             no: no-data-loss-after-backup
        one small thing after the other
          production lab      2: one-person-for-many-small-losses, two-people-to-destroy
          production standard 2: one-person-after-a-loss-at-night, one-person-for-many-small-losses, two-people-to-destroy
          production strict   2: one-person-at-night, one-person-for-many-small-losses, two-people-to-destroy
          staging    lab      1: one-person-for-many-small-losses
          staging    standard 1: one-person-for-many-small-losses
          staging    strict   1: one-person-for-many-small-losses, one-person-to-destroy-what-others-made
        more of it, in repairing the first loss
          production lab      allow
          production standard 1: one-person-after-a-loss-at-night
          production strict   1: one-person-at-night
          staging             allow
    "#]].assert_eq(&table);
}

#[derive(Deserialize)]
struct Incident {
    id: String,
    door: String,
    environment: String,
    expected: String,
    target_kind: String,
    evasion: Vec<String>,
}

/// What the gateway that would have met it is called, and whether there is one.
fn gateway(door: &str) -> Option<&'static str> {
    Some(match door {
        "aws" | "terraform" => "gateway-aws",
        "sql" => "gateway-postgres (to come)",
        "shell" | "git" => "the hook before a shell (to come)",
        "kubernetes" => "gateway-kubernetes (to come)",
        "mcp" => "gateway-mcp (to come)",
        "http" | "other" => {
            "none: an interface of its own, which an agent with our credentials alone cannot sign for"
        }
        _ => return None,
    })
}

fn technique_of(incident: &Incident) -> Option<&'static Technique> {
    let name = match incident.target_kind.as_str() {
        _ if incident.evasion.iter().any(|it| it == "http-loop") => "one small thing after the other",
        "database" => "a database or its rows, by whatever tool",
        "filesystem" => "files, by a path that meant something else",
        "cloud" => "what the cloud runs, or what runs in it",
        "k8s" => "a cluster's namespace, with all that is in it",
        "container" => "containers together with their volumes",
        "server" => "a server, by a command on it",
        "messaging" => "messages to people who were not meant",
        "credential" => "a credential that works elsewhere",
        "guard" => "the guard that was in the way",
        "vcs" => "history that was nowhere else",
        _ => return None,
    };
    TECHNIQUES.iter().find(|it| it.name == name)
}

/// Where an environment is not known it is production; a developer's own machine is none, and its rules are those of a test
/// account.
fn place_of(environment: &str) -> &'static str {
    if matches!(environment, "dev" | "local") { "staging" } else { "production" }
}

fn incidents() -> Option<Vec<Incident>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/incidents.jsonl");
    let Ok(text) = fs::read_to_string(&file) else {
        eprintln!(
            "SKIPPED: {} is not there, so no incident is held against the constitution",
            file.display()
        );
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn no_incident_would_have_passed_unseen() {
    let Some(incidents) = incidents() else { return };
    let (mut passing, mut unmapped) = (Vec::new(), Vec::new());
    let mut sums: BTreeMap<String, usize> = BTreeMap::new();
    for incident in &incidents {
        let (Some(technique), Some(gateway)) = (technique_of(incident), gateway(&incident.door)) else {
            unmapped.push(&incident.id);
            continue;
        };
        *sums.entry(format!("met at {gateway}")).or_default() += 1;
        for profile in Profile::ALL {
            let place = place_of(&incident.environment);
            let verdict = bundle(profile).decide(&technique.world(place).ask());
            let people = match &verdict {
                Verdict::Allow => 0,
                Verdict::Hold(hold) => hold.requirement.people,
                Verdict::Deny(_) => u32::MAX,
            };
            // Outside production one person stands between an agent and what others made; nobody is asked for what only
            // runs and holds nothing.
            if people == 0 && (place == "production" || technique.kind != "stack") {
                passing.push(format!("{profile} {}: {}", incident.id, told(&verdict)));
            }
            let wanted = match incident.expected.as_str() {
                "one-approval" => 1,
                "two-approvals" => 2,
                _ => u32::MAX,
            };
            let how = match people {
                u32::MAX => "denied",
                _ if people >= wanted => "held for as many as the case asks",
                0 => "not held",
                _ if wanted == u32::MAX => "held for people, where the case would deny",
                _ => "held for fewer than the case asks",
            };
            *sums.entry(format!("{profile}: {how}")).or_default() += 1;
        }
    }
    for (what, count) in &sums {
        println!("{count:>4} {what}");
    }
    assert!(unmapped.is_empty(), "a technique, or a door, of which the table knows nothing: {unmapped:?}");
    assert!(passing.is_empty(), "passes unseen:\n{}", passing.join("\n"));
}

/// The twins of the incidents, as far as a verdict can tell them apart: looking, changing by day what can be undone, and
/// tidying up what the session itself made.
#[test]
fn what_looks_like_it_and_does_no_harm_passes() {
    for profile in Profile::ALL {
        for technique in TECHNIQUES.iter().filter(|it| it.history == NONE) {
            for place in PLACES {
                let mut look = World::new(Effect::Read, technique.kind, place);
                look.now = NOON;
                let undoable = World { effects: EffectSet::of(Effect::Write), ..look.clone() };
                for world in [look, undoable] {
                    let verdict = bundle(profile).decide(&world.ask());
                    assert_eq!(verdict, Verdict::Allow, "{profile} {place} {}", technique.name);
                }
            }
            let mut own = World::new(Effect::Destroy, technique.kind, "staging");
            own.history.created_by_session = true;
            assert_eq!(bundle(profile).decide(&own.ask()), Verdict::Allow, "{profile} {}", technique.name);
        }
    }
}
