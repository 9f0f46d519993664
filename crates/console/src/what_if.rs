//! What the bundle in force would say of a request that somebody pasted, with nothing read and nobody asked: as the operation table knows
//! it, in the account that it is said to be in. An estimate for people: a change is judged when it is asked for, by all that is known then.

use std::{collections::BTreeSet, fmt::Write as _};

use findings::Judge;
use model::{Account, Chain, Effect, Environment, Kind, Timestamp};
use policy::Bundle;

use crate::{
    pages::policy::WhatIf,
    pasted::{self, Call, Pasted},
    text::{Shown, lines},
};

/// What somebody pastes; a URL holds no more.
pub(crate) const MAX_REQUEST: usize = 4000;

/// Of one call no more of what it names are judged, and none with a longer name: one that is cut is the name of something else.
const MOST_NAMED: usize = 20;
const LONGEST: usize = 300;

/// What is said to whoever asked.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// As what it was read.
    pub(crate) read_as: Vec<Shown>,
    pub(crate) answers: Vec<WhatIf>,
    pub(crate) wrong: Option<Vec<Shown>>,
}

/// `account`: where it would land, where what was pasted does not say.
pub(crate) fn answered(bundle: &Bundle, asked: &str, account: &str, now: Timestamp) -> Answered {
    if asked.len() > MAX_REQUEST {
        let why = format!(
            "What you pasted has {} bytes, and at most {MAX_REQUEST} are taken here; nothing of it was judged. Paste one request at a \
             time, or describe it in a file: countersign policy explain --file FILE.",
            asked.len()
        );
        return Answered { wrong: Some(lines(&why)), ..Answered::default() };
    }
    let pasted = match pasted::read(asked) {
        None => return explained(bundle, asked, now),
        Some(Ok(pasted)) => pasted,
        Some(Err(why)) => return Answered { wrong: Some(lines(&why)), ..Answered::default() },
    };
    let account = pasted.account.as_deref().unwrap_or(account).trim();
    match described(bundle, &pasted, account, now) {
        Ok((text, read_as)) => Answered { read_as, ..explained(bundle, &text, now) },
        Err(why) => Answered { wrong: Some(lines(&why)), ..Answered::default() },
    }
}

fn explained(bundle: &Bundle, text: &str, now: Timestamp) -> Answered {
    let eligible = |chain: &Chain, environment: &Environment| {
        approval::eligible(chain, bundle.roster(), engine::file_rule_at(bundle, environment))
    };
    match bundle.explain("the request", text, now, &eligible) {
        Ok(found) => Answered { answers: found.iter().map(WhatIf::of).collect(), ..Answered::default() },
        Err(err) => Answered { wrong: Some(lines(&err.to_string())), ..Answered::default() },
    }
}

/// As a rule's examples would describe it, and in words what that is: one request for each thing that a call names.
fn described(
    bundle: &Bundle,
    pasted: &Pasted,
    account: &str,
    now: Timestamp,
) -> Result<(String, Vec<Shown>), String> {
    let judge = Judge::new(account);
    let judged = |call: &Call| {
        let Call { service, operation, region, parameters } = call;
        let both = judge
            .call(service, operation, region, parameters)
            .and_then(|judged| Ok((judged.effects, judge.action(service, operation, region, parameters)?)));
        both.map_err(|err| format!("{service}:{operation}: {err}"))
    };
    let all = pasted.calls.iter().map(judged).collect::<Result<Vec<_>, String>>()?;
    let lost = all.iter().filter(|(effects, _)| effects.contains(Effect::Destroy)).count();
    let environment = bundle.environment_of(&Account(account.to_owned()));
    let mut text = String::new();
    let mut read_as = Vec::new();
    for (call, (effects, action)) in pasted.calls.iter().zip(&all) {
        let parts = action.parts();
        let operation = parts.operation.to_string();
        let at = if account.is_empty() { "an account that is not said" } else { account };
        let listed: Vec<&str> = effects.iter().map(Effect::name).collect();
        read_as.push(Shown::of(format!(
            "{operation} in {}, {at} ({environment}): {}",
            call.region,
            listed.join(", ")
        )));
        let mut named: BTreeSet<(Kind, &str)> =
            parts.resources.iter().map(|it| (it.kind.clone(), it.name.as_str())).collect();
        if named.len() > MOST_NAMED {
            return Err(format!(
                "{operation} names {} things here, and at most {MOST_NAMED} of one call are judged; nothing of it was. Paste it with fewer \
                 of them.",
                named.len()
            ));
        }
        if let Some(length) = named.iter().map(|(_, name)| name.chars().count()).find(|it| *it > LONGEST) {
            return Err(format!(
                "{operation} names something here by {length} characters, and names of at most {LONGEST} are judged; nothing of it was."
            ));
        }
        if named.is_empty() {
            named.insert((Kind::unknown(), "*"));
        }
        let exposes = [(parts.exposure.data, "data"), (parts.exposure.credentials, "credentials")];
        let exposes: Vec<&str> = exposes.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
        for (kind, name) in named {
            text.push_str("[[example]]\n");
            for (key, value) in [
                ("name", format!("{operation} on {name}")),
                ("kind", kind.to_string()),
                ("resource", name.to_owned()),
                ("operation", operation.clone()),
                ("environment", environment.name.to_string()),
                ("at", now.to_string()),
            ] {
                write(&mut text, key, &value);
            }
            for (key, value) in [("agent", &pasted.agent), ("operator", &pasted.operator)] {
                if let Some(value) = value {
                    write(&mut text, key, value);
                }
            }
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "effects = {listed:?}\nexposes = {exposes:?}\nproduction = {}\nchange = {{ steps = {}, destroys = {lost} }}\n",
                environment.production,
                pasted.calls.len(),
            );
        }
    }
    Ok((text, read_as))
}

/// Of the longest name nothing is cut, nor of the operation in front of it.
const WRITTEN: usize = 2 * LONGEST;

/// A quoted string of JSON is one of TOML, once nothing in it is of the kind that TOML takes in no string.
fn write(text: &mut String, key: &str, value: &str) {
    let value = serde_json::Value::String(model::sanitize(value, WRITTEN));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use policy::{Profile, StarterOptions};

    use super::*;

    fn bundle() -> Bundle {
        let key = |name: &str| model::EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"));
        let options = StarterOptions {
            profile: Profile::Lab,
            operators: vec![("olga".parse().unwrap(), vec![key("olga")])],
            recovery: Vec::new(),
            approvers: ["ben", "carla"].map(|it| (it.parse().unwrap(), Vec::new(), vec![key(it)])).into(),
            agents: vec!["fixer".parse().unwrap()],
            environments: vec![("staging".parse().unwrap(), Account("210987654321".to_owned()))],
            calendar: None,
        };
        Bundle::load(&policy::starter(&options).unwrap()).unwrap()
    }

    fn check(asked: &str, account: &str, told: &Expect) {
        let Answered { read_as, answers, wrong } =
            answered(&bundle(), asked, account, Timestamp::from_seconds(1_780_000_000));
        let mut text: Vec<String> = read_as.iter().map(ToString::to_string).collect();
        text.extend(answers.iter().map(|it| format!("judged: {}", it.name)));
        text.extend(wrong.into_iter().flatten().take(1).map(|it| it.to_string().chars().take(60).collect()));
        told.assert_eq(&text.join("\n"));
    }

    #[test]
    fn a_pasted_command_is_judged_where_it_would_land() {
        let line = "aws cloudformation delete-stack --stack-name shop --region eu-central-1";
        check(
            line,
            "",
            &expect![[r#"
                cloudformation:DeleteStack in eu-central-1, an account that is not said (production): destroy
                judged: cloudformation:DeleteStack on shop"#]],
        );
        check(
            line,
            "210987654321",
            &expect![[r#"
                cloudformation:DeleteStack in eu-central-1, 210987654321 (staging): destroy
                judged: cloudformation:DeleteStack on shop"#]],
        );
        let now = Timestamp::from_seconds(1_780_000_000);
        let lost = answered(&bundle(), line, "", now);
        assert!(lost.answers.iter().all(|it| it.verdict != "allow"), "{lost:?}");
        let read = answered(&bundle(), "aws cloudformation describe-stacks --stack-name shop", "", now);
        assert!(read.answers.iter().all(|it| it.verdict == "allow") && !read.answers.is_empty(), "{read:?}");
    }

    #[test]
    fn a_call_is_judged_with_all_that_it_names_or_not_at_all() {
        let asked = |line: &str| answered(&bundle(), line, "", Timestamp::from_seconds(1_780_000_000));
        let several = |count: usize| {
            let names: Vec<String> = (0..count).map(|nth| format!("i-{nth:017}")).collect();
            asked(&format!("aws ec2 terminate-instances --instance-ids {}", names.join(" ")))
        };
        let long = |length: usize| {
            asked(&format!("aws cloudformation delete-stack --stack-name {}", "x".repeat(length)))
        };
        for (answer, judged, wrong) in [
            (several(MOST_NAMED), MOST_NAMED, None),
            (several(MOST_NAMED + 1), 0, Some("ec2:TerminateInstances names 21 things here")),
            (long(LONGEST), 1, None),
            (long(LONGEST + 1), 0, Some("cloudformation:DeleteStack names something here by 301 characters")),
        ] {
            let told: Vec<String> = answer.wrong.iter().flatten().map(ToString::to_string).collect();
            assert_eq!(answer.answers.len(), judged, "{told:?}");
            match wrong {
                None => assert!(told.is_empty(), "{told:?}"),
                Some(said) => assert!(told.concat().starts_with(said), "{told:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_and_nothing_is_dropped() {
        check("aws rds delete-everything", "", &expect!["`delete-everything` is no operation of rds"]);
        check(
            &"x".repeat(MAX_REQUEST + 1),
            "",
            &expect!["What you pasted has 4001 bytes, and at most 4000 are taken h"],
        );
        let hostile = r#"{"service": "cloudformation", "operation": "DeleteStack", "parameters": {"StackName": "a\"\nkind = \"x\u0007"}}"#;
        let answer = answered(&bundle(), hostile, "", Timestamp::from_seconds(1_780_000_000));
        assert_eq!((answer.answers.len(), answer.wrong.as_deref()), (1, None));
    }
}
