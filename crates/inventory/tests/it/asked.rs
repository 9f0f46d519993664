//! What a scan asks so that the answer is whole: pages of a stack's resources, every bus, tags that are read apart, where buckets lie.

use inventory::Answered;
use snapshot::{EdgeKind, Outcome, Snapshot};

use super::{FUNCTIONS, STACKS, VOLUMES, answer, cloud, drive, now};

fn operation(call: &classify_aws::call::Call) -> String {
    format!("{}:{}", call.service, call.operation)
}

fn scanned(cloud: impl FnMut(&classify_aws::call::Call) -> Answered) -> String {
    drive(false, cloud).finish(now()).unwrap()
}

/// A stack of more than a hundred resources: what only the second page says counts as well.
#[test]
fn every_page_of_what_a_stack_owns_is_read() {
    let page = |next: &str, id: &str| {
        format!(
            "<ListStackResourcesResponse><ListStackResourcesResult>{next}<StackResourceSummaries><member>\
             <ResourceType>AWS::EC2::Volume</ResourceType><PhysicalResourceId>{id}</PhysicalResourceId></member>\
             </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
        )
    };
    let owned = |cut: bool| {
        scanned(|call| match (operation(call).as_str(), call.parameters.get("NextToken").is_some()) {
            ("cloudformation:ListStackResources", false) => {
                answer(200, &page("<NextToken>t1</NextToken>", "vol-elsewhere"))
            }
            ("cloudformation:ListStackResources", true) if cut => answer(403, ""),
            ("cloudformation:ListStackResources", true) => answer(200, &page("", "vol-1")),
            ("cloudformation:DescribeStacks", _) => answer(200, STACKS),
            ("ec2:DescribeVolumes", _) => answer(200, VOLUMES),
            _ => cloud(&[], call),
        })
    };
    let of = |text: &str| {
        let snapshot = Snapshot::parse(text, now()).unwrap();
        let stack = snapshot.of_kind("cloudformation:stack").next().unwrap();
        let outcome =
            snapshot.answer("cloudformation:ListStackResources", stack.id.as_str()).unwrap().1.outcome;
        let view = snapshot.view(stack, "cloudformation:ListStackResources").unwrap().text().to_owned();
        let owns = snapshot.edges().iter().filter(|edge| edge.kind == EdgeKind::Owns).count();
        (outcome, owns, view.contains("vol-elsewhere"))
    };
    assert_eq!(of(&owned(false)), (Outcome::Complete, 1, true));
    assert_eq!(of(&owned(true)), (Outcome::Truncated, 0, true));
}

#[test]
fn rules_of_every_bus_start_functions_by_whatever_name_they_call_them() {
    let buses = r#"{"EventBuses":[{"Name":"default","Arn":"arn:aws:events:us-east-1:1:event-bus/default"},
        {"Name":"orders","Arn":"arn:aws:events:us-east-1:1:event-bus/orders"}]}"#;
    let mut asked = Vec::new();
    let text = scanned(|call| {
        let bus =
            call.parameters.get("EventBusName").and_then(|it| it.as_text()).unwrap_or_default().to_owned();
        match operation(call).as_str() {
            "events:ListEventBuses" => answer(200, buses),
            "events:ListRules" => {
                asked.push(bus.clone());
                answer(
                    200,
                    &format!(
                        r#"{{"Rules":[{{"Name":"yearly","Arn":"arn:aws:events:us-east-1:1:rule/{bus}/yearly","EventBusName":"{bus}"}}]}}"#
                    ),
                )
            }
            "events:ListTargetsByRule" if bus == "orders" => answer(
                200,
                r#"{"Targets":[{"Id":"1","Arn":"arn:aws:lambda:us-east-1:111122223333:function:close:live"}]}"#,
            ),
            "lambda:ListFunctions" => answer(200, FUNCTIONS),
            _ => cloud(&[], call),
        }
    });
    assert_eq!(asked, ["default", "orders"]);
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let starts: Vec<_> = snapshot
        .edges()
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Triggers)
        .map(|edge| (edge.from.as_str(), edge.to.as_str()))
        .collect();
    let function = "arn:aws:lambda:us-east-1:111122223333:function:close";
    assert_eq!(starts, [("arn:aws:events:us-east-1:1:rule/orders/yearly", function)]);
    for operation in ["events:ListRules", "events:ListTargetsByRule"] {
        assert!(snapshot.coverage(operation, "us-east-1").is_whole(), "{operation}");
    }
}

/// Tags that a list does not have are read apart, and a map of them is a map whatever they are called.
#[test]
fn tags_are_read_where_lists_do_not_have_them() {
    let groups = r#"{"logGroups":[{"logGroupName":"/shop","storedBytes":1}]}"#;
    let text = scanned(|call| match operation(call).as_str() {
        "lambda:ListFunctions" => answer(200, FUNCTIONS),
        "lambda:ListTags" => answer(200, r#"{"Tags":{"Key":"a","countersign:keep":"yes"}}"#),
        "logs:DescribeLogGroups" => answer(200, groups),
        "logs:ListTagsForResource" => {
            let given = call.parameters.get("resourceArn").and_then(|it| it.as_text());
            assert_eq!(given, Some("arn:aws:logs:us-east-1:111122223333:log-group:/shop"));
            answer(200, r#"{"tags":{"team":"shop"}}"#)
        }
        _ => cloud(&[], call),
    });
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let function = snapshot.of_kind("lambda:function").next().unwrap();
    assert_eq!((function.tag("Key"), function.tag("countersign:keep")), (Some("a"), Some("yes")));
    assert_eq!(snapshot.of_kind("logs:log-group").next().unwrap().tag("team"), Some("shop"));
}

#[test]
fn a_bucket_is_asked_about_where_it_lies() {
    let buckets = "<ListAllMyBucketsResult><Buckets><Bucket><Name>photos</Name><BucketRegion>eu-west-1</BucketRegion>\
        </Bucket></Buckets></ListAllMyBucketsResult>";
    let (mut given, mut there) = (Vec::new(), Vec::new());
    scanned(|call| match operation(call).as_str() {
        "s3:ListBuckets" => {
            given.push(call.parameters.get("max-buckets").is_some());
            answer(200, buckets)
        }
        "s3:GetBucketVersioning" => {
            there.push(call.region.clone());
            cloud(&[], call)
        }
        _ => cloud(&[], call),
    });
    assert_eq!((given, there), (vec![true], vec!["eu-west-1".to_owned()]));
}
