//! Our reads against AWS's managed policy ReadOnlyAccess, in the text that the mock carries (it is not ours to keep a
//! copy of): whatever disagrees is settled in `data/overrides.toml` or stands in `read_only.toml` with its reason.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use classify_aws::{
    classify::effects::{self, Judged},
    table::{Row, Table},
};
use model::Effect;
use serde::Deserialize;
use testkit::Venv;

const POLICY: &str = "
import json
from moto.iam.aws_managed_policies import aws_managed_policies_data
for statement in json.loads(aws_managed_policies_data)['ReadOnlyAccess']['Document']['Statement']:
    assert statement['Effect'] == 'Allow'
    actions = statement['Action']
    for action in [actions] if isinstance(actions, str) else actions:
        print(action)
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    unnamed: Vec<Unnamed>,
    differ: Vec<Differ>,
    dangerous: Vec<Dangerous>,
}

/// Services of which the policy names nothing, by their prefix in IAM.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unnamed {
    reason: String,
    services: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differ {
    reason: String,
    operations: String,
}

/// Patterns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dangerous {
    operations: String,
}

fn listed() -> Listed {
    toml::from_str(include_str!("read_only.toml")).unwrap()
}

/// By the prefix in lower case: the patterns of its actions.
struct Policy(BTreeMap<String, Vec<String>>);

impl Policy {
    fn read(venv: &Venv) -> Result<Option<Self>> {
        let answer = venv.python(POLICY, &[])?;
        if answer.code != 0 {
            eprintln!("SKIPPED: the mock carries no ReadOnlyAccess to compare with: {answer}");
            return Ok(None);
        }
        let mut actions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in answer.stdout.lines() {
            let (prefix, action) = line.split_once(':').context("an action has a prefix")?;
            actions.entry(prefix.to_lowercase()).or_default().push(action.to_lowercase());
        }
        ensure!(actions.len() > 300, "{} services are not the whole policy", actions.len());
        Ok(Some(Self(actions)))
    }

    fn names(&self, prefix: &str) -> bool {
        self.0.contains_key(&prefix.to_lowercase())
    }

    fn allows(&self, iam: &str) -> bool {
        let iam = iam.to_lowercase();
        let Some((prefix, action)) = iam.split_once(':') else { return false };
        self.0.get(prefix).is_some_and(|patterns| patterns.iter().any(|pattern| matches(pattern, action)))
    }
}

/// `*` stands for any letters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|end| matches(rest, end)))
        }),
    }
}

fn name(row: &Row) -> String {
    format!("{}:{}", row.service, row.operation)
}

fn iam(row: &Row) -> String {
    Table::shared().service(row.service).map_or_else(String::new, |service| row.iam(service))
}

/// Nothing stands in an agent's way but the grant.
fn passes_alone(judged: &Judged) -> bool {
    let held = [Effect::Destroy, Effect::Privilege, Effect::Execute, Effect::Spend, Effect::Emit];
    !judged.exposure.credentials && !held.iter().any(|effect| judged.effects.contains(*effect))
}

#[test]
fn what_we_call_a_read_aws_calls_a_read_or_there_is_a_reason() -> Result<()> {
    let Some(policy) = Policy::read(&Venv::of_checkout()?)? else { return Ok(()) };
    let listed = listed();
    let unnamed: BTreeSet<&str> =
        listed.unnamed.iter().flat_map(|one| one.services.split_whitespace()).collect();
    let differ: BTreeSet<&str> =
        listed.differ.iter().flat_map(|one| one.operations.split_whitespace()).collect();
    let (mut problems, mut seen, mut services) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut agreed, mut shown) = (0, 0);
    for row in Table::shared().rows() {
        let (judged, iam) = (effects::of(row), iam(row));
        let prefix = iam.split(':').next().unwrap_or_default().to_owned();
        let is_read = judged.effects.is_plain_read();
        match (is_read, policy.allows(&iam)) {
            (true, true) => agreed += 1,
            (true, false) if judged.exposure.data || judged.exposure.credentials => shown += 1,
            (true, false) if unnamed.contains(prefix.as_str()) => drop(services.insert(prefix)),
            (true, false) if differ.contains(name(row).as_str()) => drop(seen.insert(name(row))),
            (true, false) => {
                problems.push(format!(
                    "{} ({iam}) is a read to us, and not allowed by ReadOnlyAccess",
                    name(row)
                ));
            }
            (false, true) if passes_alone(&judged) => {
                problems.push(format!(
                    "{} ({iam}) is allowed by ReadOnlyAccess and a {} to us",
                    name(row),
                    judged.effects
                ));
            }
            (false, _) => {}
        }
    }
    problems.extend(
        unnamed
            .iter()
            .filter(|prefix| policy.names(prefix))
            .map(|prefix| format!("the policy names {prefix}")),
    );
    problems.extend(
        unnamed
            .iter()
            .filter(|prefix| !services.contains(**prefix))
            .map(|prefix| format!("{prefix}: no disagreement")),
    );
    problems.extend(
        differ.iter().filter(|one| !seen.contains(**one)).map(|one| format!("{one}: no disagreement")),
    );
    println!(
        "{agreed} reads agree; {shown} more show data and need a grant that names the service; {} are listed; of {} services \
         the policy names nothing",
        seen.len(),
        services.len()
    );
    let reasons =
        listed.unnamed.iter().map(|one| &one.reason).chain(listed.differ.iter().map(|one| &one.reason));
    ensure!(reasons.into_iter().all(|reason| reason.len() > 20), "a disagreement has a reason");
    ensure!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
    Ok(())
}

#[test]
fn what_was_measured_as_dangerous_passes_nobody_alone() {
    let mut problems = Vec::new();
    for pattern in listed().dangerous.iter().flat_map(|one| one.operations.split_whitespace()) {
        let rows: Vec<&Row> =
            Table::shared().rows().iter().filter(|row| matches(pattern, &name(row))).collect();
        if rows.is_empty() {
            problems.push(format!("{pattern} is no operation"));
        }
        let passing = rows.into_iter().filter(|row| passes_alone(&effects::of(row)));
        problems.extend(passing.map(|row| format!("{} is {}", name(row), effects::of(row).effects)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
