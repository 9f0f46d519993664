//! Each rule's own examples, sent through the whole way from the wire form to the effects.

use std::collections::BTreeSet;

use expect_test::expect;
use model::{Account, Effect, Partition, Value};
use serde::Deserialize;

use super::{Path, Patterns, RULES, Rule, Rules, TEXT, Truth, condition::Condition, views};
use crate::{
    call::{Call, build},
    classify::{Classified, Target, Terms, Told, classify, effects},
    gather,
    table::Table,
};

#[derive(Deserialize)]
struct Examples {
    id: String,
    yes: Vec<toml::Table>,
    no: Vec<toml::Table>,
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Examples>,
}

/// Each rule with its own examples.
fn all() -> (&'static Rules, Vec<(&'static Rule, Examples)>) {
    let rules = RULES.as_ref().unwrap();
    let file: File = toml::from_str(TEXT).unwrap();
    (rules, rules.rules.iter().zip(file.rule).collect())
}

#[test]
fn every_rule_has_a_case_that_it_meets_and_one_that_it_does_not() {
    let (rules, all) = all();
    let mut wrong = Vec::new();
    for (rule, examples) in all {
        let Examples { id, yes, no } = examples;
        assert!(!yes.is_empty() && !no.is_empty(), "{id} needs both");
        assert!(rule.add.is_none() || rule.instead.is_none(), "{id} raises or lowers");
        let cases = yes.iter().map(|case| (case, true)).chain(no.iter().map(|case| (case, false)));
        for (case, expected) in cases {
            if let Err(why) = check(rules, rule, case, expected) {
                wrong.push(format!("{id}: {case:?}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `operation` with these parameters, through the whole way from the wire form.
pub(in crate::classify) fn classified(operation: &str, given: toml::Table) -> Result<Classified, String> {
    let (service, operation) = operation.split_once(':').unwrap();
    let known = Table::shared().service(service).ok_or("no such service")?;
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: "us-east-1".to_owned(),
        parameters: gather::literal(&toml::Value::Table(given)),
    };
    let request = build(&call).map_err(|err| err.to_string())?;
    let target = Target::new(Partition("aws".into()), Account("111122223333".into()));
    classify(request, known.signing, "us-east-1", &target, &Terms::default()).map_err(|err| err.to_string())
}

fn check(rules: &Rules, rule: &Rule, case: &toml::Table, expected: bool) -> Result<(), String> {
    let mut given = case.clone();
    let name = match given.remove("_") {
        Some(name) => name.as_str().unwrap().to_owned(),
        None => rule.operations.first().unwrap().clone(),
    };
    let classified = classified(&name, given)?;
    let parts = classified.action.parts();
    if !rules.of(&read_as(&parts.operation), Patterns::Too).any(|one| std::ptr::eq(one, rule)) {
        return Err(format!("is not about {}", parts.operation));
    }
    let met = rule.holds(&views(&classified.params));
    if (met == Truth::Yes) != expected || met == Truth::Unknown {
        return Err(format!("{met:?} of {:?}", classified.params));
    }
    if expected {
        let there = rule.add.unwrap_or(parts.effects).iter().all(|effect| parts.effects.contains(effect));
        let said = rule.instead.is_some() || parts.summary.contains(&rule.says);
        if !there || !said || rule.instead.is_some_and(|instead| instead != parts.effects) {
            return Err(format!("it has {} and says {}", parts.effects, parts.summary));
        }
    }
    Ok(())
}

/// Members that look dangerous and that nothing speaks of: `cargo xtask gen aws` prints them by running this.
#[test]
fn no_alarming_member_is_left_without_a_rule_or_a_reason() {
    const ALARMING: &str = include_str!("../../../data/aws_alarming.tsv");
    let left: Left = toml::from_str(include_str!("../../../data/left.toml")).unwrap();
    let rules = RULES.as_ref().unwrap();
    let patterns = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let left: Vec<(Vec<String>, Vec<Path>)> = left
        .left
        .iter()
        .map(|row| {
            (patterns(&row.operations), patterns(&row.members).iter().map(|it| Path::parse(it)).collect())
        })
        .collect();
    let mut unspoken = Vec::new();
    for line in ALARMING.lines().skip(1) {
        let [service, operation, members] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let effects = effects::of(Table::shared().get(service, operation).unwrap()).effects;
        if effects.is_plain_read() || effects.contains(Effect::Destroy) || effects.contains(Effect::Privilege)
        {
            continue;
        }
        let name = model::Operation::new(service, operation);
        let reasons = left.iter().filter(|(operations, _)| {
            operations.iter().any(|pattern| model::glob(pattern, &name.to_string()))
        });
        let reasons: Vec<&Path> = reasons.flat_map(|(_, paths)| paths).collect();
        let ours = read_as(&name);
        let speaks: Vec<&Rule> = rules.of(&ours, Patterns::Too).collect();
        for member in members.split(',') {
            let ruled = speaks.iter().flat_map(|rule| rule.when.iter().flatten()).flat_map(Condition::paths);
            if !ruled.chain(reasons.iter().copied()).any(|path| path.leads_to(member)) {
                unspoken.push(format!("{name} {member}"));
            }
        }
    }
    assert!(unspoken.is_empty(), "{} without a rule or a reason:\n{}", unspoken.len(), unspoken.join("\n"));
}

/// Members of whatever operation that name content elsewhere: each is resolved, or the request counts as what the content
/// could do at worst anyway, or it is said why neither is needed. `cargo xtask gen aws` makes the list.
#[test]
fn no_member_that_names_content_is_left_without_a_reference_a_rule_or_a_reason() {
    const REFERRING: &str = include_str!("../../../data/aws_referring.tsv");
    let named: Named = toml::from_str(include_str!("../../../data/named.toml")).unwrap();
    let references: References = toml::from_str(include_str!("../../../data/references.toml")).unwrap();
    let rules = RULES.as_ref().unwrap();
    let about = |operations: &str, name: &str| operations.split_whitespace().any(|it| model::glob(it, name));
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let (mut resolved, mut worst, mut reasoned, mut left) = (0, 0, 0, Vec::new());
    for line in REFERRING.lines().skip(1) {
        let [service, operation, members] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let operation = model::Operation::new(service, operation);
        let name = operation.to_string();
        let dangers = [Effect::Execute, Effect::Privilege, Effect::Destroy];
        let is_worst = |effects: model::EffectSet| dangers.into_iter().any(|it| effects.contains(it));
        let row = Table::shared().get(service, &operation.name).unwrap();
        let always = is_worst(effects::of(row).effects);
        for member in members.split(',') {
            // The header is one member to clients, and its parts are to us.
            let copied = member.starts_with("x-amz-copy-source");
            let is_it = |it: &str| {
                same(it, member)
                    || same(&last(it), &last(member))
                    || member.starts_with(&format!("{it}."))
                    || copied && it.starts_with("copySource.")
            };
            let refers = references
                .reference
                .iter()
                .any(|it| about(&it.operations, &name) && it.member.split('|').any(is_it));
            let ruled = rules.of(&read_as(&operation), Patterns::Too).any(|rule| {
                rule.add.is_some_and(is_worst)
                    && rule.when.iter().flatten().flat_map(Condition::paths).any(|path| {
                        let mut prefixes = member.match_indices('.').filter_map(|(at, _)| member.get(..at));
                        path.leads_to(member) || prefixes.any(|prefix| path.leads_to(prefix))
                    })
            });
            let said = |row: &NamedRow| {
                let lower = member.to_ascii_lowercase();
                about(&row.operations, &name)
                    && row.members.split_whitespace().any(|it| model::glob(&it.to_ascii_lowercase(), &lower))
            };
            if refers {
                resolved += 1;
            } else if always || ruled {
                worst += 1;
            } else if named.named.iter().any(said) {
                reasoned += 1;
            } else {
                left.push(format!("{name} {member}"));
            }
        }
    }
    assert!(left.is_empty(), "{} without a reference, a rule or a reason:\n{}", left.len(), left.join("\n"));
    expect!["21 resolved, 284 at their worst, 430 with a reason"]
        .assert_eq(&format!("{resolved} resolved, {worst} at their worst, {reasoned} with a reason"));
}

#[derive(Deserialize)]
struct References {
    reference: Vec<ReferenceRow>,
}

#[derive(Deserialize)]
struct ReferenceRow {
    operations: String,
    member: String,
}

#[derive(Deserialize)]
struct Named {
    named: Vec<NamedRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedRow {
    operations: String,
    members: String,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Deserialize)]
struct Left {
    left: Vec<LeftRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftRow {
    operations: String,
    members: String,
    #[serde(rename = "reason")]
    _reason: String,
}

/// The databases share requests byte for byte.
fn read_as(operation: &model::Operation) -> Vec<model::Operation> {
    let family = ["rds", "docdb", "neptune"];
    if !family.contains(&operation.service.as_str()) {
        return vec![operation.clone()];
    }
    family.map(|service| model::Operation { service: service.into(), name: operation.name.clone() }).to_vec()
}

#[test]
fn names_are_operations_of_the_table_and_ids_are_used_once() {
    let mut ids = BTreeSet::new();
    for (rule, examples) in all().1 {
        assert!(ids.insert(examples.id.clone()), "{} stands twice", examples.id);
        for name in &rule.operations {
            let (service, operation) = name.split_once(':').unwrap();
            let known = name.contains('*') || Table::shared().get(service, operation).is_some();
            assert!(known, "{}: {name} is no operation", examples.id);
        }
    }
}

#[test]
fn what_cannot_be_read_raises_and_never_lowers() {
    let mut judged = crate::classify::effects::Judged {
        effects: model::EffectSet::of(model::Effect::Write),
        exposure: model::Exposure::default(),
        additive: false,
    };
    let odd = Value::map([("DeletionProtection", Value::map([("x", Value::Null)]))]);
    let operation = model::Operation { service: "rds".into(), name: "ModifyDBInstance".into() };
    super::raise(&[operation], &odd, Told::Whole, Patterns::Too, &mut judged);
    assert!(judged.effects.contains(model::Effect::Destroy));
    let before = judged.effects;
    let odd = Value::map([("Statement", Value::Null)]);
    let operation = model::Operation { service: "dynamodb".into(), name: "ExecuteStatement".into() };
    super::lower(RULES.as_ref().unwrap(), &[operation], &odd, Told::Whole, &mut judged);
    assert_eq!(judged.effects, before);
}
