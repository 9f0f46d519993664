//! Off-hours: what people have tagged for it stops in the evening and starts in the morning. Nothing without the tag, and nothing that
//! says it is production.

use model::sanitize;
use serde_json::{Value, json};
use snapshot::{EdgeKind, Resource};

use super::{
    Found,
    deploy::{name, region},
};
use crate::{
    Goal, PlanError,
    make::{Draft, Maker},
    pack::Unit,
    table::attribute,
};

const STAGES: [&str; 3] = ["environment", "env", "stage"];
const PRODUCTION: [&str; 4] = ["production", "prod", "prd", "live"];
/// Before one of these: `non-prod`, `pre-production`.
const NOT_YET: [&str; 3] = ["non", "not", "pre"];
const OTHERS: [&str; 14] = [
    "dev",
    "development",
    "test",
    "testing",
    "staging",
    "stage",
    "qa",
    "uat",
    "sandbox",
    "preview",
    "demo",
    "nonprod",
    "preprod",
    "integration",
];

/// What its tags say of where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Other,
    NotKnown,
    Production,
}

impl Stage {
    fn of(resource: &Resource<'_>) -> Self {
        let said = resource.tags.iter().filter(|(key, _)| {
            words(key.as_str()).any(|word| STAGES.iter().any(|stage| word.ends_with(stage)))
        });
        said.map(|(_, value)| Self::said(value.as_str())).max().unwrap_or(Self::NotKnown)
    }

    fn said(value: &str) -> Self {
        let all: Vec<String> = words(value).collect();
        let before = |nth: usize| nth.checked_sub(1).and_then(|it| all.get(it)).map(String::as_str);
        let not_yet = |nth: usize| before(nth).is_some_and(|it| NOT_YET.contains(&it));
        let produces =
            |word: &str| PRODUCTION.contains(&word.trim_end_matches(|it: char| it.is_ascii_digit()));
        if all.iter().enumerate().any(|(nth, word)| produces(word) && !not_yet(nth)) {
            return Self::Production;
        }
        let known = |(nth, word): (usize, &String)| {
            OTHERS.contains(&word.trim_end_matches(|it: char| it.is_ascii_digit()))
                || (produces(word) && not_yet(nth))
        };
        if all.iter().enumerate().any(known) { Self::Other } else { Self::NotKnown }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase)
}
const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

struct Hours<'h> {
    stop: (u8, u8),
    start: (u8, u8),
    days: &'h str,
    zone: &'h str,
    role: Option<&'h str>,
}

pub(super) fn units(maker: &Maker<'_, '_, '_>, goal: &Goal) -> Result<Found, PlanError> {
    let Goal::OffHours { tag, stop, start, days, time_zone, role } = goal else {
        return Ok(Found::default());
    };
    let hours = Hours {
        stop: time(stop)?,
        start: time(start)?,
        days: checked_days(days)?,
        zone: checked_zone(time_zone)?,
        role: role.as_deref(),
    };
    let mut found = Found::default();
    let mut tagged = 0_usize;
    for resource in maker.given.snapshot.resources() {
        if resource.tag(&tag.key) != Some(tag.value.as_str()) {
            continue;
        }
        tagged += 1;
        match unit(maker, resource, &hours) {
            Ok(unit) => found.units.push(unit),
            Err(why) => found.leave(&sanitize(resource.id.as_str(), 2048), why),
        }
    }
    if tagged == 0 {
        return Err(PlanError::Unknown {
            what: "resource that bears the tag",
            name: format!("{}={}", sanitize(&tag.key, 128), sanitize(&tag.value, 128)),
            nearest: Vec::new(),
        });
    }
    Ok(found)
}

fn unit(maker: &Maker<'_, '_, '_>, resource: &Resource<'_>, hours: &Hours<'_>) -> Result<Unit, String> {
    let stage = Stage::of(resource);
    if stage == Stage::Production {
        return Err("it says that it is production: it is not switched off".into());
    }
    let grouped = maker
        .given
        .snapshot
        .edges_from(resource.id.as_str())
        .iter()
        .any(|edge| edge.kind == EdgeKind::MemberOf);
    let drafts = match resource.kind.as_str() {
        "autoscaling:group" => of_group(resource, hours)?,
        "ec2:instance" | "rds:db-instance" if grouped => {
            return Err("what it is a member of would start it again, or stop with it".into());
        }
        "ec2:instance" => {
            scheduled(resource, hours, ["ec2:stopInstances", "ec2:startInstances"], "InstanceIds")?
        }
        "rds:db-instance" => {
            scheduled(resource, hours, ["rds:stopDBInstance", "rds:startDBInstance"], "DbInstanceIdentifier")?
        }
        other => return Err(format!("nothing is known that stops and starts a {}", sanitize(other, 60))),
    };
    let steps = drafts
        .into_iter()
        .map(|(call, parameters, why)| {
            let draft =
                Draft { call: call.into(), region: region(resource), parameters, why, findings: vec![] };
            maker.step(draft, resource)
        })
        .collect();
    let mut unit = Unit::new(format!("off-hours: {}", name(resource)), steps);
    if stage == Stage::NotKnown {
        unit.unknowns
            .push(format!("whether {} is production: no tag of it says that it is not", name(resource)));
    }
    unit.traps.push("Whatever runs at night (a backup, a batch) finds it switched off.".into());
    if resource.kind.as_str() == "ec2:instance" {
        unit.traps.push("A stopped machine loses what is on its instance store, and its public address unless that is an elastic one.".into());
    }
    Ok(unit)
}

type Drafts = Vec<(&'static str, Value, String)>;

fn of_group(group: &Resource<'_>, hours: &Hours<'_>) -> Result<Drafts, String> {
    let size = |path: &str| attribute(group, path).and_then(|value| value.as_i64());
    let (Some(least), Some(most), Some(wanted)) = (size("MinSize"), size("MaxSize"), size("DesiredCapacity"))
    else {
        return Err("how large it is was not read".into());
    };
    if wanted == 0 {
        return Err("it has no machines now: what to start with in the morning is not known".into());
    }
    let action = |which: &str, (hour, minute): (u8, u8), [least, wanted]: [i64; 2]| {
        json!({
            "AutoScalingGroupName": group.name.as_str(), "ScheduledActionName": format!("countersign-off-hours-{which}"),
            "Recurrence": format!("{minute} {hour} * * {}", hours.days), "TimeZone": hours.zone,
            "MinSize": least, "MaxSize": most, "DesiredCapacity": wanted,
        })
    };
    const CALL: &str = "autoscaling:PutScheduledUpdateGroupAction";
    Ok(vec![
        (CALL, action("start", hours.start, [least, wanted]), format!("starts {wanted} machines again")),
        (CALL, action("stop", hours.stop, [0, 0]), "stops its machines".into()),
    ])
}

fn scheduled(
    resource: &Resource<'_>,
    hours: &Hours<'_>,
    [stop, start]: [&str; 2],
    member: &str,
) -> Result<Drafts, String> {
    let Some(role) = hours.role else {
        return Err("it needs a role with which the scheduler may stop and start it".into());
    };
    let named = resource.name.as_str();
    let input = if member == "InstanceIds" { json!({ member: [named] }) } else { json!({ member: named }) };
    let short = named
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.'))
        .take(40)
        .collect::<String>();
    let schedule = |which: &str, (hour, minute): (u8, u8), does: &str| {
        json!({
            "Name": format!("countersign-off-hours-{short}-{which}"),
            "ScheduleExpression": format!("cron({minute} {hour} ? * {} *)", hours.days),
            "ScheduleExpressionTimezone": hours.zone, "FlexibleTimeWindow": { "Mode": "OFF" },
            "Target": { "Arn": format!("arn:aws:scheduler:::aws-sdk:{does}"), "RoleArn": role, "Input": input.to_string() },
        })
    };
    const CALL: &str = "scheduler:CreateSchedule";
    Ok(vec![
        (CALL, schedule("start", hours.start, start), "starts it in the morning".into()),
        (CALL, schedule("stop", hours.stop, stop), "stops it in the evening".into()),
    ])
}

fn time(text: &str) -> Result<(u8, u8), PlanError> {
    let parsed =
        text.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    match parsed {
        Some((hour, minute)) if hour < 24 && minute < 60 => Ok((hour, minute)),
        Some(_) | None => Err(PlanError::Invalid(format!("`{}` is no time as 20:00", sanitize(text, 20)))),
    }
}

fn checked_days(text: &str) -> Result<&str, PlanError> {
    let day = |one: &str| DAYS.contains(&one);
    let fits = match text.split_once('-') {
        Some((from, to)) => day(from) && day(to),
        None => text.split(',').all(day),
    };
    if fits {
        Ok(text)
    } else {
        Err(PlanError::Invalid(format!("`{}` are no days as MON-FRI", sanitize(text, 40))))
    }
}

fn checked_zone(text: &str) -> Result<&str, PlanError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(fits) {
        return Ok(text);
    }
    Err(PlanError::Invalid(format!("`{}` is no time zone as Europe/Berlin", sanitize(text, 40))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_known_however_it_is_written() {
        let check = |values: &[&str], expected: Stage| {
            for value in values {
                assert_eq!(Stage::said(value), expected, "{value}");
            }
        };
        check(
            &[
                "production",
                "PROD",
                "prod-eu",
                "eu_prod",
                "prd",
                "Live",
                "prod2",
                "prod.eu/1",
                "dev-and-prod",
            ],
            Stage::Production,
        );
        check(&["dev", "Staging", "test-2", "qa1", "non-prod", "pre-production", "nonprod"], Stage::Other);
        check(&["", "customer-a", "blue", "product", "reproduction", "olive"], Stage::NotKnown);
    }
}
