//! December 2025: an environment has a small defect, and an agent would rather delete and recreate it. The planner proposes the fix in
//! place, and shows what the other way destroys.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use snapshot::{EdgeKind, Outcome};

use crate::world::{REGION, World, arn, noted, planned};

fn check(text: &str, goal: Value, expected: Expect) {
    expected.assert_eq(&noted(&planned(text, None, goal)));
}

/// A stack with a database, a table, a bucket and a load balancer whose name partners have.
fn environment(status: &str) -> String {
    let mut world = World::new();
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": "costs", "AllocatedStorage": 500, "DBInstanceStatus": "available", "DBInstanceClass": "db.m5.large",
        "Engine": "postgres", "MultiAZ": true, "BackupRetentionPeriod": 7, "DeletionProtection": true,
        "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    let database = world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let read = world.list("dynamodb:ListTables");
    let table = world.resource(
        read,
        "dynamodb:table",
        "reports",
        json!({}),
        json!({ "TableName": "reports", "ItemCount": 1_200_000 }),
    );
    let read = world.list("s3:ListBuckets");
    let bucket =
        world.resource(read, "s3:bucket", "cost-exports", json!({}), json!({ "Name": "cost-exports" }));
    let read = world.list("elbv2:DescribeLoadBalancers");
    let balancer = world.resource(
        read,
        "elbv2:load-balancer",
        "costs-lb",
        json!({}),
        json!({ "DNSName": "costs-lb-1.elb.amazonaws.com", "Type": "application" }),
    );
    let read = world.list("route53:ListResourceRecordSets");
    world.builder.edge(read, "arn:aws:route53:::record/A/costs.example.com.", EdgeKind::RefersTo, &balancer);
    let queue = format!("arn:aws:sqs:{REGION}:123456789012:cost-jobs");
    let attributes = json!({
        "StackName": "cost-explorer", "StackStatus": status, "CreationTime": "2024-01-01T00:00:00Z",
        "LastUpdatedTime": "2026-11-28T00:00:00Z", "Parameters": [{ "ParameterKey": "Timeout" }, { "ParameterKey": "Size" }],
        "Capabilities": ["CAPABILITY_IAM"],
    });
    world.stack("cost-explorer", attributes, &[&database, &table, &bucket, &balancer, &queue]);
    world.text()
}

/// What a scan of the demo's environment shows: a stack whose queue and parameter are of kinds that no scan lists.
fn demo() -> String {
    let mut world = World::new();
    let attributes = json!({
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/cost-explorer", "StackName": "cost-explorer",
        "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-01T00:00:00Z", "EnableTerminationProtection": false,
        "DriftInformation": { "StackDriftStatus": "NOT_CHECKED" }, "Parameters": [], "Capabilities": [],
    });
    world.stack("cost-explorer", attributes, &[]);
    let read = world.builder.read_about(
        "cloudformation:ListStackResources",
        &arn("cloudformation:stack", "cost-explorer"),
        Outcome::Complete,
    );
    let held = json!([
        { "ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "https://sqs.us-east-1.amazonaws.com/123456789012/cost-jobs" },
        { "ResourceType": "AWS::SSM::Parameter", "PhysicalResourceId": "/cost/rate" },
    ]);
    world.builder.view(read, json!({ "StackResourceSummaries": held }));
    world.text()
}

#[test]
fn a_small_defect_is_put_right_in_place() {
    check(
        &environment("UPDATE_COMPLETE"),
        json!({ "kind": "deploy", "what": "stack", "stack": "cost-explorer", "parameters": { "Timeout": "60" } }),
        expect![[r#"
            deploy: work out what cost-explorer with another Timeout would change: write
              1 cloudformation:CreateChangeSet {Capabilities=[CAPABILITY_IAM] ChangeSetName=countersign-217ef73b9281-faf66961cda6 ChangeSetType=UPDATE Parameters=[{ParameterKey=Size UsePreviousValue=true} {ParameterKey=Timeout ParameterValue=60}] StackName=cost-explorer UsePreviousTemplate=true}
                write
                before: cost-explorer is at rest (cloudformation:DescribeStacks, 0 s)
                after: what would change is worked out (cloudformation:DescribeChangeSet, 300 s)
                undo: captured
              or update at once [UpdateStack] write, execute, destroy, cannot be undone: not chosen, what it would replace shows only while it runs, and the table knows no inverse of it
                interrupts whatever the update replaces or restarts; which that is, nothing says beforehand
              or delete and recreate [DeleteStack] destroy, cannot be undone: not chosen, it destroys 6 things for good to repair one, and none of them comes back as it was; the template to make it of is not at hand
                destroys cloudformation:stack/cost-explorer
                destroys dynamodb:table/reports
                destroys elbv2:load-balancer/costs-lb
                destroys rds:db-instance/costs
                destroys s3:bucket/cost-exports
                destroys sqs:cost-jobs
                loses 1200000 items in the table reports
                loses 500 GB of data in the database costs, and its automated backups with it
                loses the address costs-lb-1.elb.amazonaws.com
                loses whatever lies in the bucket cost-exports; its name may be taken by somebody else
                interrupts arn:aws:route53:::record/A/costs.example.com. leads to costs-lb
                interrupts everything that cost-explorer holds
            deploy: cost-explorer with another Timeout: write, execute (follows)
              1 cloudformation:ExecuteChangeSet {ChangeSetName=countersign-217ef73b9281-faf66961cda6 StackName=cost-explorer}
                write, execute
                interrupts what the change set says it replaces or restarts; nothing else of cost-explorer
                before: cost-explorer is at rest (cloudformation:DescribeStacks, 0 s)
                before: the change set can be carried out (cloudformation:DescribeChangeSet, 0 s)
                after: the change set was carried out (cloudformation:DescribeChangeSet, 3600 s)
                after: cost-explorer is updated (cloudformation:DescribeStacks, 3600 s)
                undo: captured
              or update at once [UpdateStack] write, execute, destroy, cannot be undone: not chosen, what it would replace shows only while it runs, and the table knows no inverse of it
                interrupts whatever the update replaces or restarts; which that is, nothing says beforehand
              or delete and recreate [DeleteStack] destroy, cannot be undone: not chosen, it destroys 6 things for good to repair one, and none of them comes back as it was; the template to make it of is not at hand
                destroys cloudformation:stack/cost-explorer
                destroys dynamodb:table/reports
                destroys elbv2:load-balancer/costs-lb
                destroys rds:db-instance/costs
                destroys s3:bucket/cost-exports
                destroys sqs:cost-jobs
                loses 1200000 items in the table reports
                loses 500 GB of data in the database costs, and its automated backups with it
                loses the address costs-lb-1.elb.amazonaws.com
                loses whatever lies in the bucket cost-exports; its name may be taken by somebody else
                interrupts arn:aws:route53:::record/A/costs.example.com. leads to costs-lb
                interrupts everything that cost-explorer holds
              not known: what the change set changes, and so whom it takes: a server judges the changes that it lists; by the operation alone it counts as code that runs
              mind: Look at what the change set says: a property that cannot be changed in place replaces its resource.
        "#]],
    );
}

#[test]
fn an_update_that_is_stuck_goes_back_in_place() {
    check(
        &environment("UPDATE_ROLLBACK_FAILED"),
        json!({ "kind": "repair", "of": "all" }),
        expect![[r#"
            repair: Stack that is stuck (cost-explorer): write, execute, destroy
              1 cloudformation:ContinueUpdateRollback {StackName=cost-explorer}
                write, execute, destroy, cannot be undone
                interrupts what the rollback puts back, while it does
                before: cost-explorer is stuck where the snapshot saw it (cloudformation:DescribeStacks, 0 s)
                after: cost-explorer is at rest (cloudformation:DescribeStacks, 3600 s)
                undo: impossible, it goes back to what was before the update that failed: the update itself is made again, once what stopped it is put right
              or delete and recreate [DeleteStack] destroy, cannot be undone: not chosen, it destroys 6 things for good to repair one, and none of them comes back as it was; the template to make it of is not at hand
                destroys cloudformation:stack/cost-explorer
                destroys dynamodb:table/reports
                destroys elbv2:load-balancer/costs-lb
                destroys rds:db-instance/costs
                destroys s3:bucket/cost-exports
                destroys sqs:cost-jobs
                loses 1200000 items in the table reports
                loses 500 GB of data in the database costs, and its automated backups with it
                loses the address costs-lb-1.elb.amazonaws.com
                loses whatever lies in the bucket cost-exports; its name may be taken by somebody else
                interrupts arn:aws:route53:::record/A/costs.example.com. leads to costs-lb
                interrupts everything that cost-explorer holds
              or leave it [] read: not chosen, UPDATE_ROLLBACK_FAILED since 2026-11-28
              mind: Deleting the stack and making it anew destroys everything that it owns: that is no repair.
              mind: Resources that are skipped when a rollback is continued no longer are what the stack says.
        "#]],
    );
    check(
        &environment("UPDATE_ROLLBACK_FAILED"),
        json!({ "kind": "roll-back", "what": "stack", "stack": "cost-explorer" }),
        expect![[r#"
            roll back: cost-explorer: write, execute, destroy
              1 cloudformation:ContinueUpdateRollback {StackName=cost-explorer}
                write, execute, destroy, cannot be undone
                interrupts what the rollback puts back, while it does
                before: cost-explorer is stuck where the snapshot saw it (cloudformation:DescribeStacks, 0 s)
                after: cost-explorer is at rest (cloudformation:DescribeStacks, 3600 s)
                undo: impossible, it goes back to what was before the update that failed: the update itself is made again, once what stopped it is put right
              or delete and recreate [DeleteStack] destroy, cannot be undone: not chosen, it destroys 6 things for good to repair one, and none of them comes back as it was; the template to make it of is not at hand
                destroys cloudformation:stack/cost-explorer
                destroys dynamodb:table/reports
                destroys elbv2:load-balancer/costs-lb
                destroys rds:db-instance/costs
                destroys s3:bucket/cost-exports
                destroys sqs:cost-jobs
                loses 1200000 items in the table reports
                loses 500 GB of data in the database costs, and its automated backups with it
                loses the address costs-lb-1.elb.amazonaws.com
                loses whatever lies in the bucket cost-exports; its name may be taken by somebody else
                interrupts arn:aws:route53:::record/A/costs.example.com. leads to costs-lb
                interrupts everything that cost-explorer holds
              mind: What stopped it is put right first, or it stops there again.
        "#]],
    );
    check(
        &environment("UPDATE_ROLLBACK_FAILED"),
        json!({ "kind": "deploy", "what": "stack", "stack": "cost-explorer", "parameters": { "Timeout": "60" } }),
        expect![[r#"
            no plan: it needs the stack cost-explorer to be at rest: it is UPDATE_ROLLBACK_FAILED
              hint: a stack that is stuck is put right first: --goal repair
        "#]],
    );
}

#[test]
fn the_demos_environment_is_changed_by_its_template() {
    let template = r#"{"Resources":{"Jobs":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"cost-jobs","VisibilityTimeout":60}}}}"#;
    check(
        &demo(),
        json!({ "kind": "deploy", "what": "stack", "stack": "cost-explorer", "template": template }),
        expect![[r#"
            deploy: work out what cost-explorer with the changed template would change: write
              1 cloudformation:CreateChangeSet {ChangeSetName=countersign-fcd634e8b2d0-fc38c7325af3 ChangeSetType=UPDATE Parameters=[] StackName=cost-explorer TemplateBody={"Resources":{"Jobs":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"cost-jobs","VisibilityTimeout":60}}}}}
                write
                before: cost-explorer is at rest (cloudformation:DescribeStacks, 0 s)
                after: what would change is worked out (cloudformation:DescribeChangeSet, 300 s)
                undo: captured
              or update at once [UpdateStack] write, execute, destroy, cannot be undone: not chosen, what it would replace shows only while it runs, and the table knows no inverse of it
                interrupts whatever the update replaces or restarts; which that is, nothing says beforehand
              or delete and recreate [DeleteStack, CreateStack] write, execute, destroy, cannot be undone: not chosen, it destroys 3 things for good to repair one, and none of them comes back as it was
                destroys AWS::SQS::Queue https://sqs.us-east-1.amazonaws.com/123456789012/cost-jobs
                destroys AWS::SSM::Parameter /cost/rate
                destroys cloudformation:stack/cost-explorer
                interrupts everything that cost-explorer holds
            deploy: cost-explorer with the changed template: write, execute (follows)
              1 cloudformation:ExecuteChangeSet {ChangeSetName=countersign-fcd634e8b2d0-fc38c7325af3 StackName=cost-explorer}
                write, execute
                interrupts what the change set says it replaces or restarts; nothing else of cost-explorer
                before: cost-explorer is at rest (cloudformation:DescribeStacks, 0 s)
                before: the change set can be carried out (cloudformation:DescribeChangeSet, 0 s)
                after: the change set was carried out (cloudformation:DescribeChangeSet, 3600 s)
                after: cost-explorer is updated (cloudformation:DescribeStacks, 3600 s)
                undo: captured
              or update at once [UpdateStack] write, execute, destroy, cannot be undone: not chosen, what it would replace shows only while it runs, and the table knows no inverse of it
                interrupts whatever the update replaces or restarts; which that is, nothing says beforehand
              or delete and recreate [DeleteStack, CreateStack] write, execute, destroy, cannot be undone: not chosen, it destroys 3 things for good to repair one, and none of them comes back as it was
                destroys AWS::SQS::Queue https://sqs.us-east-1.amazonaws.com/123456789012/cost-jobs
                destroys AWS::SSM::Parameter /cost/rate
                destroys cloudformation:stack/cost-explorer
                interrupts everything that cost-explorer holds
              not known: what the change set changes, and so whom it takes: a server judges the changes that it lists; by the operation alone it counts as code that runs
              mind: Look at what the change set says: a property that cannot be changed in place replaces its resource.
        "#]],
    );
}

/// Whatever is asked for, no plan of the planner's deletes what a stack holds.
#[test]
fn no_plan_deletes_an_environment() {
    let goals = [
        json!({ "kind": "repair", "of": "all" }),
        json!({ "kind": "repair", "of": { "resources": ["cost-explorer"] } }),
        json!({ "kind": "clean-up", "of": "all" }),
        json!({ "kind": "rightsize", "of": "all" }),
        json!({ "kind": "deploy", "what": "stack", "stack": "cost-explorer", "parameters": { "Timeout": "60" } }),
        json!({ "kind": "roll-back", "what": "stack", "stack": "cost-explorer" }),
    ];
    for status in
        ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "ROLLBACK_COMPLETE", "DELETE_FAILED"]
    {
        for goal in &goals {
            let Ok(plans) = planned(&environment(status), None, goal.clone()) else { continue };
            for step in plans.plans.iter().flat_map(|plan| &plan.steps) {
                assert!(
                    !step.call.operation.starts_with("Delete"),
                    "{status} {goal}: {}",
                    step.call.operation
                );
            }
        }
    }
}
