//! Each rule's own examples, sent through the whole way from the wire form to the effects.

use std::collections::BTreeMap;

use model::{Account, Partition, Value};

use super::{RULES, Rule, Rules, Truth, views};
use crate::{
    call::{Call, build},
    classify::{Target, classify},
    gather,
    table::Table,
};

#[test]
fn every_rule_has_a_case_that_it_meets_and_one_that_it_does_not() {
    let rules = RULES.as_ref().unwrap();
    let mut wrong = Vec::new();
    for rule in &rules.rules {
        let cases = rule.yes.iter().map(|case| (case, true)).chain(rule.no.iter().map(|case| (case, false)));
        assert!(!rule.yes.is_empty() && !rule.no.is_empty(), "{} needs both", rule.id);
        assert_eq!(rule.add.is_some() && rule.instead.is_some(), false, "{}", rule.id);
        for (case, expected) in cases {
            if let Err(why) = check(rules, rule, case, expected) {
                wrong.push(format!("{}: {case:?}: {why}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(rules: &Rules, rule: &Rule, case: &toml::Table, expected: bool) -> Result<(), String> {
    let mut given = case.clone();
    let name = match given.remove("_") {
        Some(name) => name.as_str().unwrap().to_owned(),
        None => rule.operations.first().unwrap().clone(),
    };
    let (service, operation) = name.split_once(':').unwrap();
    let known = Table::shared().service(service).ok_or("no such service")?;
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: "us-east-1".to_owned(),
        parameters: gather::literal(&toml::Value::Table(given)),
    };
    let request = build(&call).map_err(|err| err.to_string())?;
    let target = Target { partition: Partition("aws".into()), account: Account("111122223333".into()) };
    let classified = classify(request, known.signing, "us-east-1", &target, &BTreeMap::new())
        .map_err(|err| err.to_string())?;
    let parts = classified.action.parts();
    if !rules.of(&read_as(&parts.operation)).any(|one| one.id == rule.id) {
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
    let rules = RULES.as_ref().unwrap();
    let mut ids = BTreeMap::new();
    for rule in &rules.rules {
        assert!(ids.insert(rule.id.as_str(), ()).is_none(), "{} stands twice", rule.id);
        for name in &rule.operations {
            let (service, operation) = name.split_once(':').unwrap();
            assert!(
                name.contains('*') || Table::shared().get(service, operation).is_some(),
                "{}: {name} is no operation",
                rule.id
            );
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
    super::raise(&[operation], &odd, &mut judged);
    assert!(judged.effects.contains(model::Effect::Destroy));
    let before = judged.effects;
    let odd = Value::map([("Statement", Value::Null)]);
    let operation = model::Operation { service: "dynamodb".into(), name: "ExecuteStatement".into() };
    super::lower(&[operation], &odd, &mut judged);
    assert_eq!(judged.effects, before);
}
