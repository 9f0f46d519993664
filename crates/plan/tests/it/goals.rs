//! One table of worlds for each kind of goal.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use snapshot::EdgeKind;

use crate::world::{World, arn, noted, planned, with};

const STACKS: &[&str] = &["cloudformation:DescribeStacks"];

fn check(text: &str, goal: Value, expected: Expect) {
    expected.assert_eq(&noted(&planned(text, None, goal)));
}

fn against(before: &str, text: &str, goal: Value, expected: Expect) {
    expected.assert_eq(&noted(&planned(text, Some(before), goal)));
}

fn service(revision: u32, count: u32) -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("ecs:DescribeServices");
    let attributes = json!({
        "serviceName": "web", "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/main", "desiredCount": count, "runningCount": count,
        "taskDefinition": format!("arn:aws:ecs:us-east-1:123456789012:task-definition/web:{revision}"), "launchType": "FARGATE", "status": "ACTIVE",
    });
    world.resource(read, "ecs:service", "web", json!({}), attributes);
    let groups = world.list("elbv2:DescribeTargetGroups");
    let group = world.resource(
        groups,
        "elbv2:target-group",
        "web-tg",
        json!({}),
        json!({ "TargetGroupName": "web-tg" }),
    );
    let read = world.builder.read_about("elbv2:DescribeTargetHealth", &group, snapshot::Outcome::Complete);
    let state = if revision == 8 { "unhealthy" } else { "healthy" };
    world.builder.view(read, json!({ "TargetHealthDescriptions": [{ "Target": { "Id": "10.0.0.1" }, "TargetHealth": { "State": state, "Reason": "Target.FailedHealthChecks" } }] }));
    world.builder.edge(groups, &arn("elbv2:load-balancer", "lb"), EdgeKind::Targets, &group);
    world.text()
}

#[test]
fn deploying_and_rolling_back_a_service() {
    check(
        &service(7, 2),
        json!({ "kind": "deploy", "what": "service", "service": "web", "task_definition": "web:8" }),
        expect![[r#"
            deploy: web runs web:8: write, execute, destroy
              1 ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:8}
                write, execute, destroy, cannot be undone
                before: web is in service (ecs:DescribeServices, 0 s)
                before: web still runs what the snapshot saw (ecs:DescribeServices, 0 s)
                before: arn:aws:ecs:us-east-1:123456789012:task-definition/web:8 is registered (ecs:DescribeTaskDefinition, 0 s)
                after: web is to run arn:aws:ecs:us-east-1:123456789012:task-definition/web:8 (ecs:DescribeServices, 30 s)
                after: only arn:aws:ecs:us-east-1:123456789012:task-definition/web:8 is left of its deployments (ecs:DescribeServices, 900 s)
                after: web runs as often as it should (ecs:DescribeServices, 900 s)
                undo: ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:7}
              or delete and recreate [DeleteService] destroy, cannot be undone: not chosen, everything that it runs stops until it is made anew, for what one update in place does without a pause
                destroys ecs:service/web
                interrupts all 2 running tasks of web
              mind: Its tasks are replaced one after the other; what does not come up is put back by its circuit breaker, where it has one, or by the undo.
        "#]],
    );
    against(
        &service(7, 2),
        &service(8, 2),
        json!({ "kind": "roll-back", "what": "service", "service": "web" }),
        expect![[r#"
            roll back: web runs arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 again: write, execute, destroy
              1 ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:7}
                write, execute, destroy, cannot be undone
                before: web is in service (ecs:DescribeServices, 0 s)
                before: web still runs what the snapshot saw (ecs:DescribeServices, 0 s)
                before: arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 is registered (ecs:DescribeTaskDefinition, 0 s)
                after: web is to run arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 (ecs:DescribeServices, 30 s)
                after: only arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 is left of its deployments (ecs:DescribeServices, 900 s)
                after: web runs as often as it should (ecs:DescribeServices, 900 s)
                undo: ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:8}
              or delete and recreate [DeleteService] destroy, cannot be undone: not chosen, everything that it runs stops until it is made anew, for what one update in place does without a pause
                destroys ecs:service/web
                interrupts all 2 running tasks of web
              mind: Its tasks are replaced one after the other; what does not come up is put back by its circuit breaker, where it has one, or by the undo.
        "#]],
    );
}

/// Six small tasks, of which three would do.
fn oversized() -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("ecs:ListServices");
    let id = world.resource(read, "ecs:service", "web", json!({}), json!({}));
    let views = [
        (
            "ecs:DescribeServices",
            json!({
                "serviceName": "web", "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/main", "desiredCount": 6, "runningCount": 6,
                "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7", "launchType": "FARGATE", "status": "ACTIVE",
            }),
        ),
        ("ecs:DescribeTaskDefinition", json!({ "taskDefinition": { "cpu": "256", "memory": "512" } })),
        ("application-autoscaling:DescribeScalableTargets", json!({ "ScalableTargets": [] })),
    ];
    for (operation, view) in views {
        let read = world.builder.read_about(operation, &id, snapshot::Outcome::Complete);
        world.builder.view(read, view);
    }
    let read = world.builder.read_about("cloudwatch:GetMetricData", &id, snapshot::Outcome::Complete);
    let from = crate::world::time("2026-11-29T00:00:00Z").plus_seconds(-60 * 86_400);
    for metric in ["CPUUtilization", "MemoryUtilization"] {
        world.builder.metric(read, [&id, "AWS/ECS", metric, "Maximum"], (from, 86_400), &[Some(20.0); 60]);
    }
    world.text()
}

/// Scaling in is put back by the number before; the engine captures no inverse of what interrupts, and so it counts as that.
#[test]
fn a_service_with_too_many_tasks_has_fewer() {
    // Held back by itself: what destroys takes high confidence, or a person who names it.
    let all = planned(&oversized(), None, json!({ "kind": "rightsize", "of": "all" }));
    assert!(noted(&all).contains("it cannot be undone and confidence is medium"), "{}", noted(&all));
    let goal = || json!({ "kind": "rightsize", "of": { "resources": ["web"] } });
    check(
        &oversized(),
        goal(),
        expect![[r#"
            rightsize: Service that is too large (UpdateService): write, destroy
              1 ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main desiredCount=3 service=web}
                write, destroy, cannot be undone
                before: web is in service (ecs:DescribeServices, 0 s)
                before: web still runs what the snapshot saw (ecs:DescribeServices, 0 s)
                before: web is still to run 6 times (ecs:DescribeServices, 0 s)
                before: no deployment of web is under way (ecs:DescribeServices, 0 s)
                before: no deployment of web is being rolled out (ecs:DescribeServices, 0 s)
                before: nothing is registered that sets how often web runs (application-autoscaling:DescribeScalableTargets, 0 s)
                after: web is to run 3 times (ecs:DescribeServices, 30 s)
                after: web runs 3 times (ecs:DescribeServices, 900 s)
                undo: ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main desiredCount=6 service=web}
              or leave it [] read: not chosen, what it costs goes on
              not known: web: confidence is medium: observed for 60 days: a yearly peak would not show
              mind: Load that is not spread evenly (a queue's partitions, sticky sessions) may come to one task alone.
              mind: Tasks that are stopped lose what they hold and have under way, unless they end it when they are told to.
        "#]],
    );
    let mut plans = planned(&oversized(), None, goal()).unwrap().plans;
    let step = &mut plans[0].steps[0];
    let scaling = step.before.iter().find(|it| it.read.service == "application-autoscaling").unwrap();
    assert_eq!(scaling.read.parameters["ResourceIds"], json!(["service/main/web"]));
    // As what the engine captures it is not told, nor is a smaller number what puts it back.
    step.undoable = true;
    let problems = |plan: &plan::Plan| plan::lint(plan).iter().map(|it| it.place.clone()).collect::<Vec<_>>();
    assert_eq!(problems(&plans[0]), ["steps[0].undoable"]);
    let plan::Undo::Calls(calls) = &mut plans[0].steps[0].undo else { panic!("no calls") };
    calls[0].parameters["desiredCount"] = json!(1);
    assert_eq!(problems(&plans[0]), ["steps[0].undo"]);
}

#[test]
fn a_failing_health_check_leads_back_to_the_one_deployment_that_was_made() {
    against(
        &service(7, 2),
        &service(8, 2),
        json!({ "kind": "repair", "of": "all" }),
        expect![[r#"
        repair: web runs arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 again (web-tg): write, execute, destroy
          1 ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:7}
            write, execute, destroy, cannot be undone
            before: web is in service (ecs:DescribeServices, 0 s)
            before: web still runs what the snapshot saw (ecs:DescribeServices, 0 s)
            before: arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 is registered (ecs:DescribeTaskDefinition, 0 s)
            after: web is to run arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 (ecs:DescribeServices, 30 s)
            after: only arn:aws:ecs:us-east-1:123456789012:task-definition/web:7 is left of its deployments (ecs:DescribeServices, 900 s)
            after: web runs as often as it should (ecs:DescribeServices, 900 s)
            undo: ecs:UpdateService {cluster=arn:aws:ecs:us-east-1:123456789012:cluster/main service=web taskDefinition=arn:aws:ecs:us-east-1:123456789012:task-definition/web:8}
          or delete and recreate [DeleteService] destroy, cannot be undone: not chosen, everything that it runs stops until it is made anew, for what one update in place does without a pause
            destroys ecs:service/web
            interrupts all 2 running tasks of web
          not known: whether the deployment of web is what broke web-tg: it is the one that was made since the earlier snapshot, and no read shows more
          mind: Its tasks are replaced one after the other; what does not come up is put back by its circuit breaker, where it has one, or by the undo.
    "#]],
    );
    check(
        &service(8, 2),
        json!({ "kind": "repair", "of": "all" }),
        expect![[r#"
        no plan: there is nothing to do
          hint: target-unhealthy:arn:aws:elbv2:us-east-1:123456789012:target-group/web-tg: find out why before anything is replaced: logs of the targets, their last change, the check itself
    "#]],
    );
}

#[test]
fn deploying_an_alias() {
    let mut world = World::new().listed(STACKS);
    let read = world.list("lambda:ListFunctions");
    world.resource(read, "lambda:function", "nightly", json!({}), json!({ "FunctionName": "nightly" }));
    let goal =
        json!({ "kind": "deploy", "what": "alias", "function": "nightly", "alias": "live", "version": "4" });
    check(
        &world.text(),
        goal,
        expect![[r#"
            deploy: alias live of nightly leads to version 4: write, execute
              1 lambda:UpdateAlias {FunctionName=nightly FunctionVersion=4 Name=live}
                write, execute
                interrupts every call of live of nightly, where the other version does not work, until it is undone
                before: the alias live is there (lambda:GetAlias, 0 s)
                after: the alias live leads to version 4 (lambda:GetAlias, 15 s)
                undo: captured
              not known: whether version 4 is published, and where live leads now: no scan reads it; the checks do
        "#]],
    );
}

#[test]
fn off_hours_for_what_is_tagged() {
    let mut world = World::new().listed(STACKS);
    let read = world.list("autoscaling:DescribeAutoScalingGroups");
    let tag = json!({ "off-hours": "yes" });
    world.resource(
        read,
        "autoscaling:group",
        "dev",
        tag.clone(),
        json!({ "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 2 }),
    );
    world.resource(
        read,
        "autoscaling:group",
        "live",
        json!({ "off-hours": "yes", "env": "prod" }),
        json!({ "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 2 }),
    );
    world.resource(
        read,
        "autoscaling:group",
        "other",
        json!({}),
        json!({ "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 2 }),
    );
    let read = world.list("ec2:DescribeInstances");
    world.resource(read, "ec2:instance", "i-1", tag, json!({ "InstanceId": "i-1" }));
    let goal = |role: Value| json!({ "kind": "off-hours", "tag": { "key": "off-hours", "value": "yes" }, "stop": "20:00", "start": "07:30", "days": "MON-FRI", "time_zone": "Europe/Berlin", "role": role });
    check(
        &world.text(),
        goal(Value::Null),
        expect![[r#"
            off-hours: dev: write, execute, destroy
              1 autoscaling:PutScheduledUpdateGroupAction {AutoScalingGroupName=dev DesiredCapacity=2 MaxSize=4 MinSize=1 Recurrence=30 7 * * MON-FRI ScheduledActionName=countersign-off-hours-start TimeZone=Europe/Berlin}
                write, execute
                interrupts what runs on the machines of dev, each time they are stopped
                before: dev has no such schedule yet (autoscaling:DescribeScheduledActions, 0 s)
                after: the schedule stands (autoscaling:DescribeScheduledActions, 15 s)
                undo: captured
              2 autoscaling:PutScheduledUpdateGroupAction {AutoScalingGroupName=dev DesiredCapacity=0 MaxSize=4 MinSize=0 Recurrence=0 20 * * MON-FRI ScheduledActionName=countersign-off-hours-stop TimeZone=Europe/Berlin}
                write, execute, destroy, cannot be undone
                interrupts what runs on the machines of dev, each time they are stopped
                before: dev has no such schedule yet (autoscaling:DescribeScheduledActions, 0 s)
                after: the schedule stands (autoscaling:DescribeScheduledActions, 15 s)
                undo: captured
              not known: whether dev is production: no tag of it says that it is not
              mind: Whatever runs at night (a backup, a batch) finds it switched off.
            left autoscaling:group/live: it says that it is production: it is not switched off
            left ec2:instance/i-1: it needs a role with which the scheduler may stop and start it
        "#]],
    );
    let outcome =
        planned(&world.text(), None, goal(json!("arn:aws:iam::123456789012:role/scheduler"))).unwrap();
    let machine = outcome.plans.iter().find(|plan| plan.goal.contains("i-1")).unwrap();
    expect![[r#"
        off-hours: i-1: write, execute, privilege
          1 scheduler:CreateSchedule {FlexibleTimeWindow={Mode=OFF} Name=countersign-off-hours-i-1-start ScheduleExpression=cron(30 7 ? * MON-FRI *) ScheduleExpressionTimezone=Europe/Berlin Target={Arn=arn:aws:scheduler:::aws-sdk:ec2:startInstances Input={"InstanceIds":["i-1"]} RoleArn=arn:aws:iam::123456789012:role/scheduler}}
            write, execute, privilege
            interrupts whatever needs i-1, each time it is stopped
            before: there is no such schedule yet (scheduler:GetSchedule, 0 s)
            after: the schedule stands (scheduler:GetSchedule, 15 s)
            undo: captured
          2 scheduler:CreateSchedule {FlexibleTimeWindow={Mode=OFF} Name=countersign-off-hours-i-1-stop ScheduleExpression=cron(0 20 ? * MON-FRI *) ScheduleExpressionTimezone=Europe/Berlin Target={Arn=arn:aws:scheduler:::aws-sdk:ec2:stopInstances Input={"InstanceIds":["i-1"]} RoleArn=arn:aws:iam::123456789012:role/scheduler}}
            write, execute, privilege
            interrupts whatever needs i-1, each time it is stopped
            before: there is no such schedule yet (scheduler:GetSchedule, 0 s)
            after: the schedule stands (scheduler:GetSchedule, 15 s)
            undo: captured
          not known: whether i-1 is production: no tag of it says that it is not
          mind: A stopped machine loses what is on its instance store, and its public address unless that is an elastic one.
          mind: Whatever runs at night (a backup, a batch) finds it switched off.
    "#]].assert_eq(&noted(&Ok(plan::Plans { plans: vec![machine.clone()], left: vec![] })));
}

#[test]
fn production_is_never_switched_off_however_its_tags_are_written() {
    for (key, value) in [
        ("Environment", "production"),
        ("Stage", "prod"),
        ("env", "prod-eu"),
        ("env", "prd"),
        ("ENV", "PROD"),
        ("app:environment", "Live"),
    ] {
        let mut world = World::new().listed(STACKS);
        let read = world.list("autoscaling:DescribeAutoScalingGroups");
        let size = json!({ "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 2 });
        // Of two tags that say it, the stricter counts.
        world.resource(
            read,
            "autoscaling:group",
            "a",
            json!({ "off-hours": "yes", "stage": "dev", key: value }),
            size,
        );
        let goal = json!({ "kind": "off-hours", "tag": { "key": "off-hours", "value": "yes" }, "stop": "20:00", "start": "07:30", "days": "MON-FRI", "time_zone": "UTC", "role": null });
        let said = noted(&planned(&world.text(), None, goal));
        assert!(said.contains("it says that it is production"), "{key}={value}: {said}");
    }
}

fn settings(protected: bool, class: &str, threshold: u32) -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({ "DBInstanceIdentifier": "costs", "DBInstanceStatus": "available", "DeletionProtection": protected, "DBInstanceClass": class, "BackupRetentionPeriod": 7, "EngineVersion": format!("16.{threshold}") });
    world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let read = world.list("autoscaling:DescribeAutoScalingGroups");
    world.resource(
        read,
        "autoscaling:group",
        "fleet",
        json!({}),
        json!({ "MinSize": threshold, "MaxSize": threshold * 2, "DesiredCapacity": threshold }),
    );
    let read = world.list("dynamodb:ListTables");
    let units = json!({ "ReadCapacityUnits": threshold * 10, "WriteCapacityUnits": 5, "NumberOfDecreasesToday": threshold });
    world.resource(read, "dynamodb:table", "reports", json!({}), json!({ "TableName": "reports", "TableStatus": "ACTIVE", "ProvisionedThroughput": units, "ItemCount": threshold }));
    world.text()
}

#[test]
fn settings_go_back_to_what_they_were() {
    let goal = || json!({ "kind": "restore-configuration" });
    against(
        &settings(true, "db.m5.large", 4),
        &settings(false, "db.m5.2xlarge", 2),
        goal(),
        expect![[r#"
            restore configuration: costs: write
              1 rds:ModifyDBInstance {DBInstanceIdentifier=costs DeletionProtection=true}
                write
                before: costs is available (rds:DescribeDBInstances, 0 s)
                before: costs is still protected against deletion: false (rds:DescribeDBInstances, 0 s)
                after: costs is protected against deletion: true (rds:DescribeDBInstances, 120 s)
                after: costs is available (rds:DescribeDBInstances, 3600 s)
                undo: captured
              or leave it [] read: not chosen, what it is now stays, and what relies on the setting fails or is not protected
              mind: Somebody had a reason for what it is now: ask before it is put back.
            restore configuration: fleet: write
              1 autoscaling:UpdateAutoScalingGroup {AutoScalingGroupName=fleet DesiredCapacity=4 MaxSize=8 MinSize=4}
                write
                before: fleet still has at least 2 machines (autoscaling:DescribeAutoScalingGroups, 0 s)
                before: fleet still has at most 4 machines (autoscaling:DescribeAutoScalingGroups, 0 s)
                before: fleet is still to have 2 machines (autoscaling:DescribeAutoScalingGroups, 0 s)
                after: fleet has at least 4 machines (autoscaling:DescribeAutoScalingGroups, 15 s)
                after: fleet has at most 8 machines (autoscaling:DescribeAutoScalingGroups, 15 s)
                after: fleet is to have 4 machines (autoscaling:DescribeAutoScalingGroups, 15 s)
                undo: captured
              or leave it [] read: not chosen, what it is now stays, and what relies on the setting fails or is not protected
              mind: Somebody had a reason for what it is now: ask before it is put back.
            restore configuration: reports: spend, write
              1 dynamodb:UpdateTable {ProvisionedThroughput={ReadCapacityUnits=40 WriteCapacityUnits=5} TableName=reports}
                spend, write
                before: reports is not being changed (dynamodb:DescribeTable, 0 s)
                before: reports still has 20 read units (dynamodb:DescribeTable, 0 s)
                before: reports still has 5 write units (dynamodb:DescribeTable, 0 s)
                after: reports has 40 read units (dynamodb:DescribeTable, 300 s)
                after: reports has 5 write units (dynamodb:DescribeTable, 300 s)
                after: reports is in service (dynamodb:DescribeTable, 300 s)
                undo: captured
              or leave it [] read: not chosen, what it is now stays, and what relies on the setting fails or is not protected
              mind: Somebody had a reason for what it is now: ask before it is put back.
            restore configuration: costs: spend, write, destroy
              1 rds:ModifyDBInstance {ApplyImmediately=false DBInstanceClass=db.m5.large DBInstanceIdentifier=costs}
                spend, write, destroy, cannot be undone
                before: costs is available (rds:DescribeDBInstances, 0 s)
                before: costs is still db.m5.2xlarge (rds:DescribeDBInstances, 0 s)
                after: costs is available; that it becomes db.m5.large shows only after its maintenance window (rds:DescribeDBInstances, 3600 s)
                after: costs is available (rds:DescribeDBInstances, 3600 s)
                undo: rds:ModifyDBInstance {ApplyImmediately=false DBInstanceClass=db.m5.2xlarge DBInstanceIdentifier=costs}
              or leave it [] read: not chosen, what it is now stays, and what relies on the setting fails or is not protected
              mind: Somebody had a reason for what it is now: ask before it is put back.
            left rds:db-instance/costs: EngineVersion is 16.2 and was 16.4: no call is known that puts just this back
        "#]],
    );
    against(
        &settings(true, "db.m5.large", 4),
        &settings(true, "db.m5.large", 4),
        goal(),
        expect![[r#"
        no plan: there is nothing to do
          hint: `countersign findings` tells what was looked at, and what could not be judged
    "#]],
    );
    let only = json!({ "kind": "restore-configuration", "resource": "fleet" });
    let outcome =
        planned(&settings(false, "db.m5.2xlarge", 2), Some(&settings(true, "db.m5.large", 4)), only).unwrap();
    assert_eq!(outcome.plans.len(), 1);
}

/// A volume, and that it was changed.
fn volume_changed(changed: bool) -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("ec2:DescribeVolumes");
    world.resource(read, "ec2:volume", "vol-1", json!({}), json!({ "VolumeId": "vol-1", "Size": 8 }));
    let read = world.list("ec2:DescribeVolumesModifications");
    if changed {
        let id = arn("ec2:volume-modification", "vol-1");
        let named = [&id, "ec2:volume-modification", "modification of vol-1", crate::world::REGION];
        world.builder.resource(read, named, &json!({}), json!({ "ModificationState": "completed" }));
    }
    world.text()
}

#[test]
fn that_a_volume_was_changed_is_no_setting_and_bears_no_name_of_it() {
    for (before, now) in [(true, false), (false, true)] {
        let (before, now) = (volume_changed(before), volume_changed(now));
        for goal in [
            json!({ "kind": "restore-configuration" }),
            json!({ "kind": "restore-configuration", "resource": "vol-1" }),
        ] {
            against(
                &before,
                &now,
                goal,
                expect![[r#"
                    no plan: there is nothing to do
                      hint: `countersign findings` tells what was looked at, and what could not be judged
                "#]],
            );
        }
    }
}

fn unprotected() -> String {
    let mut world = World::new().listed(STACKS);
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": "costs", "DBInstanceStatus": "available", "DBInstanceClass": "db.m5.large", "Engine": "postgres", "MultiAZ": false,
        "AllocatedStorage": 100, "BackupRetentionPeriod": 7, "DeletionProtection": false, "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let read = world.list("ec2:DescribeSecurityGroups");
    world.list("ec2:DescribeNetworkInterfaces");
    let rule = json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }]);
    let group = world.resource(
        read,
        "ec2:security-group",
        "sg-1",
        json!({}),
        json!({ "GroupId": "sg-1", "IpPermissions": rule }),
    );
    world.builder.edge(read, &arn("ec2:network-interface", "eni-1"), EdgeKind::RefersTo, &group);
    world.text()
}

#[test]
fn what_is_unprotected_or_open_is_repaired() {
    check(
        &unprotected(),
        json!({ "kind": "repair", "of": "all" }),
        expect![[r#"
            repair: Database without protection (ModifyDBInstance): write
              1 rds:ModifyDBInstance {DBInstanceIdentifier=costs DeletionProtection=true}
                write
                before: costs is available (rds:DescribeDBInstances, 0 s)
                before: costs is still protected against deletion: false (rds:DescribeDBInstances, 0 s)
                after: costs is protected against deletion: true (rds:DescribeDBInstances, 120 s)
                after: costs is available (rds:DescribeDBInstances, 3600 s)
                undo: captured
              or leave it [] read: not chosen, no deletion protection
            repair: Database in one zone only (ModifyDBInstance): write, destroy
              1 rds:ModifyDBInstance {ApplyImmediately=false DBInstanceIdentifier=costs MultiAZ=true}
                write, destroy, cannot be undone
                before: costs is available (rds:DescribeDBInstances, 0 s)
                before: costs is still in more than one zone: false (rds:DescribeDBInstances, 0 s)
                after: costs is available; that MultiAZ becomes true shows only after its maintenance window (rds:DescribeDBInstances, 3600 s)
                after: costs is available (rds:DescribeDBInstances, 3600 s)
                undo: rds:ModifyDBInstance {ApplyImmediately=false DBInstanceIdentifier=costs MultiAZ=false}
              or leave it [] read: not chosen, no second zone and no replica
              mind: A second zone doubles what is paid for it.
              mind: With ApplyImmediately, every other change that waits for the maintenance window is made at once, too.
            left admin-port-open:ec2:security-group/sg-1: it needs the networks from which it is administered (--network): the narrower rule comes first, or whoever comes in that way is locked out
        "#]],
    );
    let networks = json!(["10.0.0.0/8"]);
    check(
        &unprotected(),
        json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": networks }),
        expect![[r#"
            repair: Port that is open to the world (sg-1): write, privilege, destroy
              1 ec2:AuthorizeSecurityGroupIngress {GroupId=sg-1 IpPermissions=[{FromPort=22 IpProtocol=tcp IpRanges=[{CidrIp=10.0.0.0/8}] ToPort=22}]}
                write, privilege
                before: sg-1 is there (ec2:DescribeSecurityGroups, 0 s)
                after: sg-1 lets in FromPort 22, IpProtocol tcp, IpRanges CidrIp 10.0.0.0/8, ToPort 22 (ec2:DescribeSecurityGroups, 15 s)
                undo: captured
              2 ec2:RevokeSecurityGroupIngress {GroupId=sg-1 IpPermissions=[{FromPort=22 IpProtocol=tcp IpRanges=[{CidrIp=0.0.0.0/0}] ToPort=22}]}
                destroy, cannot be undone
                interrupts whoever comes in through this rule of sg-1 and is in none of the networks that stay
                before: sg-1 is there (ec2:DescribeSecurityGroups, 0 s)
                after: sg-1 is still there (ec2:DescribeSecurityGroups, 15 s)
                after: sg-1 no longer lets in FromPort 22, IpProtocol tcp, IpRanges CidrIp 0.0.0.0/0, ToPort 22 (ec2:DescribeSecurityGroups, 15 s)
                undo: ec2:AuthorizeSecurityGroupIngress {GroupId=sg-1 IpPermissions=[{FromPort=22 IpProtocol=tcp IpRanges=[{CidrIp=0.0.0.0/0}] ToPort=22}]}
              or leave it [] read: not chosen, 22 from anywhere
              not known: sg-1: confidence is medium: who comes in through it, flow logs would tell; they were not read
              mind: Closing it locks out whoever comes in that way, perhaps the only way: the narrower rule comes first.
        "#]],
    );
    check(
        &unprotected(),
        json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": ["0.0.0.0/0"] }),
        expect![[r#"
            no plan: `0.0.0.0/0` is no network as `10.0.0.0/8`
              hint: docs/plans.md tells what a goal must say
        "#]],
    );
}

/// A model names whatever it was told to.
#[test]
fn what_is_held_back_is_planned_where_a_person_names_it_and_no_model() {
    let goals = [
        json!({ "kind": "repair", "of": { "resources": ["sg-1"] }, "networks": ["10.0.0.0/8"] }),
        json!({ "kind": "repair", "of": { "analyzer": "admin-port-open" }, "networks": ["10.0.0.0/8"] }),
    ];
    for goal in goals {
        assert!(planned(&unprotected(), None, goal.clone()).is_ok(), "{goal}");
        let goal = serde_json::from_value(goal).unwrap();
        let of_model = with(&unprotected(), None, |given| {
            plan::of(&plan::Given { asker: plan::Asker::Model, ..*given }, &goal)
        });
        expect![[r#"
            no plan: there is nothing to do
              hint: admin-port-open:arn:aws:ec2:us-east-1:123456789012:security-group/sg-1: ec2:RevokeSecurityGroupIngress: not proposed, because it cannot be undone and confidence is medium; a person may ask for it all the same, by its name
        "#]].assert_eq(&noted(&of_model));
    }
}

/// Unattached for more than a year; `mark`: since when it is marked.
fn volume(mark: Option<&str>) -> String {
    let mut world = World::new().listed(STACKS).listed(&["ec2:DescribeInstances"]);
    let read = world.list("ec2:DescribeVolumes");
    let tags = mark.map_or(json!({}), |since| json!({ "countersign:unused-since": since }));
    let attributes = json!({ "VolumeId": "vol-1", "Size": 100, "VolumeType": "gp2", "State": "available", "CreateTime": "2024-01-01T00:00:00Z" });
    let id = world.resource(read, "ec2:volume", "vol-1", tags, attributes);
    let read = world.builder.read_about("cloudwatch:GetMetricData", &id, snapshot::Outcome::Complete);
    let from =
        model::Timestamp::from_seconds(crate::world::time("2026-11-29T00:00:00Z").seconds() - 450 * 86_400);
    for metric in ["VolumeReadOps", "VolumeWriteOps"] {
        world.builder.metric(read, [&id, "AWS/EBS", metric, "Sum"], (from, 86_400), &[Some(0.0); 450]);
    }
    world.text()
}

#[test]
fn what_is_unused_is_marked_waits_and_goes() {
    let goal = || json!({ "kind": "clean-up", "of": "all" });
    check(
        &volume(None),
        goal(),
        expect![[r#"
        clean-up: Volume that nothing is attached to (CreateTags): write
          1 ec2:CreateTags {ResourceId=[vol-1] Tag=[{Key=countersign:unused-since Value=2026-11-29}]}
            write
            after: vol-1 bears the mark (ec2:DescribeVolumes, 30 s)
            undo: captured
          or at once [CreateSnapshot, DeleteVolume] write, destroy, cannot be undone: not chosen, nothing that looks unused goes at once: who needs it takes the mark off within the grace
            destroys ec2:volume/vol-1
          or leave it [] read: not chosen, what it costs goes on
          mind: A restored volume has another id, and is slow until all of it was read once.
          mind: An unattached volume may be a data disk of something that is started by hand.
    "#]],
    );
    check(
        &volume(Some("2026-11-20")),
        goal(),
        expect![[r#"
        no plan: there is nothing to do
          hint: volume-unattached:arn:aws:ec2:us-east-1:123456789012:volume/vol-1: it is marked; nothing is done before 2026-12-20T00:00:00.000Z
    "#]],
    );
    check(
        &volume(Some("2026-09-01")),
        goal(),
        expect![[r#"
        clean-up: Volume that nothing is attached to (CreateSnapshot): write, destroy
          1 ec2:CreateSnapshot {Description=before the unused volume is deleted (6f13479bd475) VolumeId=vol-1}
            write
            after: the copy of vol-1 is whole (ec2:DescribeSnapshots, 3600 s)
            undo: not needed, it adds something that harms nobody, and changes nothing that is there
          2 ec2:DeleteVolume {VolumeId=vol-1}
            destroy, cannot be undone
            before: vol-1 is attached to nothing (ec2:DescribeVolumes, 0 s)
            before: vol-1 still bears the mark (ec2:DescribeVolumes, 0 s)
            after: vol-1 is gone (ec2:DescribeVolumes, 120 s)
            undo: impossible, a volume made of the copy has another id, and is slow until all of it was read once
          or leave it [] read: not chosen, what it costs goes on; nobody took the mark off within the grace
          mind: A restored volume has another id, and is slow until all of it was read once.
          mind: An unattached volume may be a data disk of something that is started by hand.
    "#]],
    );
}
