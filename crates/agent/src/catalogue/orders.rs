//! Sentences that want something done: each becomes a goal of the planner's closed list, or says what it lacks.

#![expect(clippy::result_large_err, reason = "a person says few sentences")]

use model::sanitize;
use plan::{Deploy, Goal, Kind, RollBack, Tag, Which};
use snapshot::Snapshot;

use super::{
    Understanding,
    names::{self, Named},
    scope::{self, Scope},
    sentence::{Mood, Sentence},
    vocabulary::{
        ALL_THAT_IS_BROKEN, ANEW, CLEAN, DESTROY, EVERYTHING, GENTLE, OFF_HOURS, REPAIR, RIGHTS, RIGHTSIZE,
        ROLL_BACK, SAVE, SERIOUS, STOP, WASTE,
    },
};

#[expect(clippy::large_enum_variant, reason = "a person says few sentences")]
pub(super) enum Order {
    Is(Understanding),
    None,
}

/// What no sentence does, whatever else stands in it.
pub(super) fn refused(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Option<Understanding> {
    if sentence.mood() != Mood::Orders {
        return None;
    }
    if sentence.has(&RIGHTS) {
        let why = "Only people approve, sign, or change rights and rules, each with their own key; nothing that I am told does. I can plan a \
                   change and propose it, and they decide.";
        return Some(Understanding::Refused { why: why.into(), instead: None });
    }
    let destroys = sentence.has(&DESTROY);
    let anew = sentence.has(&ANEW)
        || (destroys && sentence.has(&["replace it", "new one", "create", "make it new"]));
    // What is unused may all go, step by step; that is another sentence.
    let everything = destroys && sentence.has(&EVERYTHING) && !sentence.has(&WASTE);
    if !anew && !everything {
        return None;
    }
    let instead = match names::named(sentence, snapshot) {
        Named::One { id, name, .. } => {
            Some((repair(&id), format!("repair {} where it stands", sanitize(&name, 120))))
        }
        Named::Several { .. } | Named::Unknown { .. } | Named::Nothing => None,
    };
    let why = "I do not plan to delete something and make it anew: what it holds and what depends on it would be gone, and what comes back is \
               something else. What is broken is repaired where it stands; what that would destroy is shown beside the plan as the \
               alternative that was not chosen.";
    Some(Understanding::Refused { why: why.into(), instead })
}

pub(super) fn of(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Order {
    let all = |found: Result<Vec<(Goal, String)>, Understanding>| {
        Order::Is(found.map_or_else(|it| it, Understanding::Goals))
    };
    let is = |found: Result<(Goal, String), Understanding>| all(found.map(|goal| vec![goal]));
    if sentence.has(&STOP)
        && (sentence.has(&OFF_HOURS) || sentence.has(&["weekend", "evening", "evenings", "after hours"]))
    {
        return is(off_hours(sentence, snapshot));
    }
    if sentence.has(&["deploy"]) {
        return is(deploy(sentence, snapshot));
    }
    if sentence.has(&ROLL_BACK) {
        return is(roll_back(sentence, snapshot));
    }
    if sentence.has(&["restore"]) && sentence.has(&["configuration", "settings", "config"]) {
        return is(restore(sentence, snapshot));
    }
    if sentence.has(&REPAIR) {
        return all(about(sentence, snapshot, Kind::Repair));
    }
    if sentence.has(&RIGHTSIZE) || (sentence.has(&["upgrade", "migrate", "move"]) && sentence.has(&["gp3"])) {
        return all(about(sentence, snapshot, Kind::Rightsize));
    }
    if sentence.has(&SAVE) || (sentence.has(&CLEAN) && (sentence.has(&WASTE) || sentence.has(&CLEAN[..6]))) {
        return all(about(sentence, snapshot, Kind::CleanUp));
    }
    if sentence.has(&DESTROY) {
        return Order::Is(delete(sentence, snapshot));
    }
    Order::None
}

/// Goals that answer findings: of what is named, of analyzers, or of all.
fn about(
    sentence: &Sentence,
    snapshot: &Snapshot<'_>,
    kind: Kind,
) -> Result<Vec<(Goal, String)>, Understanding> {
    let verb = match kind {
        Kind::Repair => "repair",
        Kind::Rightsize => "make smaller",
        Kind::CleanUp => "clean up",
    };
    match names::named(sentence, snapshot) {
        Named::One { id, name, kind: of } => {
            let said = format!("{verb} {} ({of})", sanitize(&name, 120));
            Ok(vec![(kind.goal(Which::Resources(vec![id])), said)])
        }
        Named::Several { name, ids } => Err(which(&name, ids)),
        Named::Unknown { name, kind, there } => Err(unknown(&name, kind, &there)),
        Named::Nothing => Ok(match scope::of(sentence, kind)? {
            Scope::Analyzers(names) => names
                .into_iter()
                .map(|one| (kind.goal(Which::Analyzer(one.to_owned())), format!("{verb} what {one} finds")))
                .collect(),
            Scope::Everything if kind == Kind::Repair && !sentence.has(&ALL_THAT_IS_BROKEN) => {
                return Err(Understanding::Asks {
                    ask: "What is to be repaired? Name it, or say “everything that is broken”.".into(),
                    choices: Vec::new(),
                });
            }
            Scope::Everything => {
                let said = match kind {
                    Kind::Repair => "repair everything that is broken, where it stands",
                    Kind::Rightsize => "make smaller everything that is too large",
                    Kind::CleanUp => {
                        "clean up everything that is unused: marked first, and only after the grace gone"
                    }
                };
                vec![(kind.goal(Which::All), said.to_owned())]
            }
        }),
    }
}

fn off_hours(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Result<(Goal, String), Understanding> {
    if sentence.has(&SERIOUS) {
        return Err(Understanding::Refused {
            why: "I do not stop production by the clock: somebody may need it at night. Development, test and staging I can.".into(),
            instead: None,
        });
    }
    let words = || sentence.words.iter();
    let Some(environment) = words().find(|it| GENTLE.contains(&it.text.as_str())) else {
        let ask = "Which environment stops at night? Say dev, test or staging, as its tag has it.".into();
        return Err(Understanding::Asks { ask, choices: Vec::new() });
    };
    let tags: std::collections::BTreeSet<(&str, &str)> = snapshot
        .resources()
        .iter()
        .flat_map(|it| &it.tags)
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, value)| {
            let key = key.to_lowercase();
            value.eq_ignore_ascii_case(&environment.raw) && (key.contains("env") || key.contains("stage"))
        })
        .collect();
    let mut tags = tags.into_iter();
    let (key, value) = match (tags.next(), tags.next()) {
        (Some(tag), None) => tag,
        (None, _) => {
            let ask = format!(
                "Nothing bears a tag that says `{}`: what is not tagged is not stopped.",
                sanitize(&environment.raw, 40)
            );
            return Err(Understanding::Asks { ask, choices: Vec::new() });
        }
        (Some(one), Some(other)) => {
            let choices =
                [one, other].into_iter().chain(tags).map(|(key, value)| format!("{key}={value}")).collect();
            return Err(Understanding::Asks { ask: "Which tag says it?".into(), choices });
        }
    };
    let role = words().find(|it| it.raw.starts_with("arn:") && it.raw.contains(":role/"));
    let mut times = words().filter(|it| is_time(&it.raw));
    let zone = words().find(|it| {
        it.raw == "UTC" || (it.raw.contains('/') && it.raw.starts_with(|c: char| c.is_ascii_uppercase()))
    });
    let (Some(stop), Some(start), Some(zone)) = (times.next(), times.next(), zone) else {
        let ask = format!(
            "To stop {key}={value} at night I need when it stops and starts, and the time zone; for machines and databases the scheduler's role as well: “stop {value} at night from 20:00 to 07:00 Europe/Berlin with arn:aws:iam::…:role/…”."
        );
        return Err(Understanding::Asks { ask: sanitize(&ask, 500), choices: Vec::new() });
    };
    let (value_shown, zone_shown) = (sanitize(value, 80), sanitize(&zone.raw, 60));
    let said = format!(
        "stop {value_shown} at {} and start it at {} on working days ({zone_shown})",
        stop.raw, start.raw
    );
    let tag = Tag { key: key.to_owned(), value: value.to_owned() };
    let (stop, start) = (stop.raw.clone(), start.raw.clone());
    let (days, time_zone, role) = ("MON-FRI".to_owned(), zone.raw.clone(), role.map(|it| it.raw.clone()));
    Ok((Goal::OffHours { tag, stop, start, days, time_zone, role }, said))
}

fn is_time(word: &str) -> bool {
    word.split_once(':').is_some_and(|(hour, minute)| {
        minute.len() == 2
            && hour.parse().is_ok_and(|it: u8| it < 24)
            && minute.parse().is_ok_and(|it: u8| it < 60)
    })
}

fn deploy(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Result<(Goal, String), Understanding> {
    let how = "To deploy I need the service and a task definition that is registered already: “deploy web:8 to the service web”.";
    let revision = sentence.words.iter().find(|it| {
        !it.raw.starts_with("arn:")
            && it
                .raw
                .rsplit_once(':')
                .is_some_and(|(name, number)| !name.is_empty() && number.parse::<u32>().is_ok())
    });
    match (names::named(sentence, snapshot), revision) {
        (Named::One { id, name, kind }, Some(revision)) if kind == "ecs:service" => {
            let said = format!("run {} in the service {}", sanitize(&revision.raw, 80), sanitize(&name, 80));
            Ok((Goal::Deploy(Deploy::Service { service: id, task_definition: revision.raw.clone() }), said))
        }
        (Named::Several { name, ids }, _) => Err(which(&name, ids)),
        (Named::Unknown { name, kind, there }, _) => Err(unknown(&name, kind, &there)),
        (Named::One { .. } | Named::Nothing, _) => {
            Err(Understanding::Asks { ask: how.into(), choices: Vec::new() })
        }
    }
}

fn roll_back(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Result<(Goal, String), Understanding> {
    match names::named(sentence, snapshot) {
        Named::One { id, name, kind } => {
            let name = sanitize(&name, 120);
            match kind.as_str() {
                "ecs:service" => {
                    let goal = Goal::RollBack(RollBack::Service { service: id, to: None });
                    Ok((goal, format!("roll back the service {name} to what ran before")))
                }
                "cloudformation:stack" => Ok((
                    Goal::RollBack(RollBack::Stack { stack: id }),
                    format!("take the stack {name} back to before the update that failed"),
                )),
                other => Err(Understanding::Asks {
                    ask: format!(
                        "{name} is a {other}: I can roll back services and stacks. For a function, say its alias and the version in a plan."
                    ),
                    choices: Vec::new(),
                }),
            }
        }
        Named::Several { name, ids } => Err(which(&name, ids)),
        Named::Unknown { name, kind, there } => Err(unknown(&name, kind, &there)),
        Named::Nothing => Err(Understanding::Asks {
            ask: "What is to be rolled back? Name the service or the stack.".into(),
            choices: Vec::new(),
        }),
    }
}

fn restore(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Result<(Goal, String), Understanding> {
    match names::named(sentence, snapshot) {
        Named::One { id, name, .. } => {
            let said = format!("set {} again as the earlier snapshot says", sanitize(&name, 120));
            Ok((Goal::RestoreConfiguration { resource: Some(id) }, said))
        }
        Named::Several { name, ids } => Err(which(&name, ids)),
        Named::Unknown { name, kind, there } => Err(unknown(&name, kind, &there)),
        Named::Nothing => Ok((
            Goal::RestoreConfiguration { resource: None },
            "set everything that differs again as the earlier snapshot says".into(),
        )),
    }
}

/// A delete of something named is a clean-up: the planner finds out whether it is unused, and marks it first.
fn delete(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Understanding {
    match names::named(sentence, snapshot) {
        Named::One { id, name, .. } => {
            let said = format!("clean up {}, if nothing shows that it is used: marked first, and only after the grace gone", sanitize(&name, 120));
            Understanding::Goals(vec![(Goal::CleanUp { of: Which::Resources(vec![id]) }, said)])
        }
        Named::Several { name, ids } => which(&name, ids),
        Named::Unknown { name, kind, there } => unknown(&name, kind, &there),
        Named::Nothing => Understanding::Asks {
            ask: "What is to go? I clean up what is unused (“clean up unused volumes”), or one thing that you name.".into(),
            choices: Vec::new(),
        },
    }
}

fn repair(id: &str) -> Goal {
    Kind::Repair.goal(Which::Resources(vec![id.to_owned()]))
}

pub(super) fn which(name: &str, ids: Vec<String>) -> Understanding {
    Understanding::Asks {
        ask: format!("`{}` is the name of several. Which one, by its id?", sanitize(name, 120)),
        choices: ids,
    }
}

pub(super) fn unknown(name: &str, kind: Option<&str>, there: &[String]) -> Understanding {
    let name = sanitize(name, 120);
    let of = kind.map_or_else(String::new, |kind| format!(" of {kind}"));
    let ask = format!("The snapshot has no `{name}`{of}. What is not there is not made up.");
    Understanding::Asks { ask, choices: there.to_vec() }
}
