//! What takes a step back takes back all of it, or is no undo: rules of security groups of both families of addresses, and calls that change
//! more than one thing.

use findings::Judge;
use plan::{Call, Check, Comparison, Expectation, Origin, Plan, Step, Undo};
use serde_json::{Value, json};
use snapshot::EdgeKind;

use crate::world::{ACCOUNT, REGION, World, arn, planned};

const STACKS: &[&str] = &["cloudformation:DescribeStacks"];

/// A group that is in use, with this one rule.
fn group(rule: &Value) -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("ec2:DescribeSecurityGroups");
    world.list("ec2:DescribeNetworkInterfaces");
    let attributes = json!({ "GroupId": "sg-1", "IpPermissions": [rule] });
    let group = world.resource(read, "ec2:security-group", "sg-1", json!({}), attributes);
    world.builder.edge(read, &arn("ec2:network-interface", "eni-1"), EdgeKind::RefersTo, &group);
    world.text()
}

/// Of SSH, with these networks.
fn rule(four: &[&str], six: &[&str]) -> Value {
    let mut rule = json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22 });
    for (name, member, networks) in [("IpRanges", "CidrIp", four), ("Ipv6Ranges", "CidrIpv6", six)] {
        if !networks.is_empty() {
            rule[name] = networks.iter().map(|it| json!({ member: it })).collect();
        }
    }
    rule
}

fn call(operation: &str, rule: &Value) -> Call {
    Call {
        service: "ec2".to_owned(),
        operation: operation.to_owned(),
        region: REGION.to_owned(),
        parameters: json!({ "GroupId": "sg-1", "IpPermissions": [rule] }),
    }
}

/// What is looked for among the rules of the group, and whether it is to be there.
fn looked_for(checks: &[Check]) -> Vec<(bool, Value)> {
    let one = |check: &Check| match &check.expect {
        Expectation::Any { is: Comparison::Has(part), .. } => Some((true, part.clone())),
        Expectation::None { is: Comparison::Has(part), .. } => Some((false, part.clone())),
        _ => None,
    };
    checks.iter().filter_map(one).collect()
}

/// What is opened before it is closed, and what is closed; each is looked at network by network, and undone by the whole of its reverse.
#[test]
fn a_port_is_closed_and_opened_for_both_families_of_addresses() {
    const WORLD: (&str, &str) = ("0.0.0.0/0", "::/0");
    let check = |open: Value, networks: &[&str], opened: Value, closed: Value| {
        let goal = json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": networks });
        let plans = planned(&group(&open), None, goal).unwrap().plans;
        let [plan] = plans.as_slice() else { panic!("{plans:?}") };
        assert_eq!(plan::lint(plan), vec![]);
        let [open, close] = plan.steps.as_slice() else { panic!("{plan:?}") };
        assert_eq!(open.call, call("AuthorizeSecurityGroupIngress", &opened));
        assert_eq!(open.undo, Undo::Captured);
        assert_eq!(close.call, call("RevokeSecurityGroupIngress", &closed));
        assert_eq!(close.undo, Undo::Calls(vec![call("AuthorizeSecurityGroupIngress", &closed)]));
        for (step, given, there) in [(open, &opened, true), (close, &closed, false)] {
            let networks = |name: &str| given[name].as_array().map_or(&[][..], Vec::as_slice);
            let each = ["IpRanges", "Ipv6Ranges"].into_iter().flat_map(|name| {
                let alone = |network: &Value| {
                    let mut part = rule(&[], &[]);
                    part[name] = json!([network]);
                    (there, part)
                };
                networks(name).iter().map(alone).collect::<Vec<_>>()
            });
            assert_eq!(looked_for(&step.after), each.collect::<Vec<_>>());
        }
    };
    let (four, six) = WORLD;
    check(rule(&[four], &[six]), &["10.0.0.0/8"], rule(&["10.0.0.0/8"], &[]), rule(&[four], &[six]));
    check(
        rule(&[four], &[six]),
        &["10.0.0.0/8", "2001:db8::/32", "192.0.2.0/24"],
        rule(&["10.0.0.0/8", "192.0.2.0/24"], &["2001:db8::/32"]),
        rule(&[four], &[six]),
    );
    check(rule(&[], &[six]), &["2001:db8::/32"], rule(&[], &["2001:db8::/32"]), rule(&[], &[six]));
    check(rule(&[four], &[]), &["2001:db8::/32"], rule(&[], &["2001:db8::/32"]), rule(&[four], &[]));
    // What else the rule lets in stays as it is.
    check(
        rule(&[four, "203.0.113.0/24"], &[six, "2001:db8:1::/48"]),
        &["10.0.0.0/8"],
        rule(&["10.0.0.0/8"], &[]),
        rule(&[four], &[six]),
    );
}

#[test]
fn the_whole_world_is_no_network_of_either_family() {
    for network in ["0.0.0.0/0", "::/0", "2001:db8::/129", "2001:db8::", "10.0.0.0/33", "::/x"] {
        let goal = json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": [network] });
        let refused = planned(&group(&rule(&["0.0.0.0/0"], &["::/0"])), None, goal).unwrap_err();
        assert!(refused.to_string().contains("is no network as"), "{network}: {refused}");
    }
}

/// Of one step, said to be undone by this call.
fn undone_by(of: Call, undo: Call) -> Plan {
    let judge = Judge::new(ACCOUNT);
    let judged = judge.call(&of.service, &of.operation, &of.region, &of.parameters).unwrap();
    let mut plan = planned(
        &group(&rule(&["0.0.0.0/0"], &[])),
        None,
        json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": ["10.0.0.0/8"] }),
    )
    .unwrap()
    .plans
    .remove(0);
    plan.steps = vec![Step {
        id: "1".to_owned(),
        call: of,
        why: "it is to be so".to_owned(),
        about: vec!["whatever it names".to_owned()],
        effects: judged.effects,
        undoable: judged.undoable(),
        interrupts: None,
        before: Vec::new(),
        after: Vec::new(),
        undo: Undo::Calls(vec![undo]),
        origin: Origin::Derived { findings: Vec::new() },
    }];
    plan.effects = judged.effects;
    plan.id = Plan::id_of(&plan.steps);
    plan
}

/// What takes back only a part leaves the rest as somebody made it: it is no undo, whoever says that it is one.
#[test]
fn an_undo_that_covers_only_a_part_of_its_step_is_none() {
    const NONE: &str = "the planner knows no such inverse of its step";
    let check = |of: Call, undo: Call, expected: &str| {
        let said: Vec<String> = plan::lint(&undone_by(of, undo)).into_iter().map(|it| it.what).collect();
        assert_eq!(said.join("; "), expected);
    };
    let close = |rule: &Value| call("RevokeSecurityGroupIngress", rule);
    let open = |rule: &Value| call("AuthorizeSecurityGroupIngress", rule);
    let both = rule(&["0.0.0.0/0"], &["::/0"]);
    check(close(&both), open(&both), "");
    check(close(&both), open(&rule(&["0.0.0.0/0"], &[])), NONE);
    check(close(&both), open(&rule(&[], &["::/0"])), NONE);
    check(close(&rule(&[], &["2001:db8::/32"])), open(&rule(&[], &["::/0"])), NONE);
    let two = |of: Call| Call {
        parameters: json!({ "GroupId": "sg-1", "IpPermissions": [both, rule(&["10.0.0.0/8"], &[])] }),
        ..of
    };
    check(two(close(&both)), two(open(&both)), "");
    check(two(close(&both)), open(&both), NONE);
    // A member that the table does not name: what it does stands, whatever the undo says.
    let mut more = close(&both);
    more.parameters["SecurityGroupRuleId"] = json!(["sgr-1"]);
    check(more, open(&both), NONE);

    let modify = |parameters: Value| Call {
        service: "rds".to_owned(),
        operation: "ModifyDBInstance".to_owned(),
        region: REGION.to_owned(),
        parameters,
    };
    let zones = |multi: bool| json!({ "DBInstanceIdentifier": "costs", "MultiAZ": multi });
    check(modify(zones(true)), modify(zones(false)), "");
    let larger =
        json!({ "DBInstanceIdentifier": "costs", "MultiAZ": true, "DBInstanceClass": "db.m5.large" });
    for part in [zones(false), json!({ "DBInstanceIdentifier": "costs", "DBInstanceClass": "db.t3.micro" })] {
        check(modify(larger.clone()), modify(part), NONE);
    }
}
