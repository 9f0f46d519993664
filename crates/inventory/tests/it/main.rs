//! Scans driven by hand: answers as a cloud gives them, and clouds that refuse, break off, repeat themselves or answer nonsense.
#![cfg(test)]

mod asked;

use std::collections::BTreeMap;

use classify_aws::{call::Call, gather::ReadAnswer};
use inventory::{Answered, Place, Scan, Understood};
use model::Timestamp;
use snapshot::{Coverage, EdgeKind, Outcome, Snapshot};

fn now() -> Timestamp {
    "2026-11-29T22:00:00Z".parse().unwrap()
}

fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        regions: vec!["us-east-1".to_owned()],
    }
}

fn answer(status: u16, body: &str) -> Answered {
    Answered::Answer(ReadAnswer { status, body: body.as_bytes().to_vec(), headers: Vec::new() })
}

/// A cloud that has what it was given and nothing else, in each operation's own protocol.
fn cloud(has: &[(&str, &str)], call: &Call) -> Answered {
    let operation = format!("{}:{}", call.service, call.operation);
    match has.iter().find(|(of, _)| *of == operation) {
        Some((_, body)) => answer(200, body),
        None if ["ec2", "elbv2", "rds", "autoscaling", "cloudformation", "s3", "route53"]
            .contains(&call.service.as_str()) =>
        {
            answer(200, "<Response><requestId>1</requestId></Response>")
        }
        None => answer(200, "{}"),
    }
}

/// Answers in the order of asking, or turned around.
fn drive(turned: bool, mut cloud: impl FnMut(&Call) -> Answered) -> Scan {
    let mut scan = Scan::begin(place(), now(), 30);
    let mut under_way = Vec::new();
    while !scan.is_done() {
        while let Some(ask) = scan.next() {
            under_way.push(ask);
        }
        let ask = if turned { under_way.pop() } else { Some(under_way.remove(0)) }.unwrap();
        let understood = scan.read(ask.id, &cloud(&ask.call));
        scan.take(ask.id, now(), understood);
    }
    scan
}

const INSTANCES: &str = "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
    <imageId>ami-1</imageId><instanceState><code>16</code><name>running</name></instanceState><instanceType>t3.large</instanceType>\
    <launchTime>2026-01-01T00:00:00.000Z</launchTime><tagSet><item><key>team</key><value>shop</value></item></tagSet>\
    </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
const VOLUMES: &str = "<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><size>100</size><status>in-use</status>\
    <createTime>2025-01-01T00:00:00.000Z</createTime><volumeType>gp2</volumeType><attachmentSet><item><instanceId>i-1</instanceId>\
    </item></attachmentSet></item></volumeSet></DescribeVolumesResponse>";
const FUNCTIONS: &str = r#"{"Functions":[{"FunctionName":"close","FunctionArn":"arn:aws:lambda:us-east-1:111122223333:function:close",
    "MemorySize":128,"Environment":{"Variables":{"PASSWORD":"hunter2"}}}]}"#;
const MAPPINGS: &str = r#"{"EventSourceMappings":[{"EventSourceArn":"arn:aws:sqs:us-east-1:111122223333:q",
    "FunctionArn":"arn:aws:lambda:us-east-1:111122223333:function:close"}]}"#;
const ZONES: &str = "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone>\
    </HostedZones><IsTruncated>false</IsTruncated></ListHostedZonesResponse>";
const RECORDS: &str = "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>www.example.com.</Name>\
    <Type>A</Type><ResourceRecords><ResourceRecord><Value>192.0.2.7</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
    </ResourceRecordSets><IsTruncated>false</IsTruncated></ListResourceRecordSetsResponse>";
const ADDRESSES: &str = "<DescribeAddressesResponse><addressesSet><item><publicIp>192.0.2.7</publicIp>\
    <allocationId>eipalloc-1</allocationId><domain>vpc</domain></item></addressesSet></DescribeAddressesResponse>";
const STACKS: &str = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>arn:aws:cloudformation:us-east-1:111122223333:stack/web/1</StackId>\
    <StackName>web</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
    </member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
const OWNED: &str = "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>\
    <member><ResourceType>AWS::EC2::Volume</ResourceType><PhysicalResourceId>vol-1</PhysicalResourceId></member>\
    <member><ResourceType>AWS::EC2::Volume</ResourceType><PhysicalResourceId>vol-gone</PhysicalResourceId></member>\
    <member><ResourceType>AWS::Unheard::Of</ResourceType><PhysicalResourceId>x</PhysicalResourceId></member>\
    </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>";
const METRICS: &str =
    r#"{"MetricDataResults":[{"Id":"m0","StatusCode":"Complete","Timestamps":[1795737600],"Values":[3.5]}]}"#;
const HAS: &[(&str, &str)] = &[
    ("ec2:DescribeInstances", INSTANCES),
    ("ec2:DescribeVolumes", VOLUMES),
    ("ec2:DescribeAddresses", ADDRESSES),
    ("lambda:ListFunctions", FUNCTIONS),
    ("lambda:ListEventSourceMappings", MAPPINGS),
    ("route53:ListHostedZones", ZONES),
    ("route53:ListResourceRecordSets", RECORDS),
    ("cloudformation:DescribeStacks", STACKS),
    ("cloudformation:ListStackResources", OWNED),
    ("cloudwatch:GetMetricData", METRICS),
];

#[test]
fn an_environment_becomes_a_snapshot_whatever_the_order_of_the_answers() {
    let text = drive(false, |call| cloud(HAS, call)).finish(now()).unwrap();
    let turned = drive(true, |call| cloud(HAS, call)).finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let other = Snapshot::parse(&turned, now()).unwrap();
    let ids =
        |of: &Snapshot<'_>| of.resources().iter().map(|it| it.id.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&snapshot), ids(&other));
    assert_eq!(
        (snapshot.edges().len(), snapshot.metrics().len()),
        (other.edges().len(), other.metrics().len())
    );

    let edges: Vec<String> = snapshot
        .edges()
        .iter()
        .map(|edge| {
            let last = |id: &str| id.rsplit(['/', ':']).next().unwrap().to_owned();
            format!("{} {:?} {}", last(edge.from.as_str()), edge.kind, last(edge.to.as_str()))
        })
        .collect();
    assert_eq!(
        edges,
        [
            "1 Owns vol-1",
            "i-1 MadeFrom ami-1",
            "vol-1 AttachedTo i-1",
            "www.example.com. RefersTo eipalloc-1",
            "q Triggers close",
        ]
    );
    let instance = snapshot.of_kind("ec2:instance").next().unwrap();
    assert_eq!((instance.name.as_str(), instance.tag("team")), ("i-1", Some("shop")));
    assert!(
        instance.views[0].text().contains(r#""State":{"Code":16,"Name":"running"}"#),
        "{}",
        instance.views[0].text()
    );
    let cpu = snapshot
        .metrics_of(instance.id.as_str())
        .iter()
        .find(|it| it.metric.as_str() == "CPUUtilization")
        .unwrap();
    let points: Vec<_> = cpu.points().unwrap().map(|(at, value)| (at.to_string(), value)).collect();
    assert_eq!(points, [("2026-11-27T00:00:00.000Z".to_owned(), 3.5)]);
    assert!(!text.contains("hunter2"), "what is not kept is not written down");
    let stack = snapshot.of_kind("cloudformation:stack").next().unwrap();
    let held = snapshot.view(stack, "cloudformation:ListStackResources").unwrap();
    assert!(held.text().contains("vol-gone"), "what only a stack speaks of, only it says");
    let there = |id: &str| id.contains("vol-gone");
    assert!(!snapshot.resources().iter().any(|one| there(one.id.as_str())));
    assert!(!snapshot.edges().iter().any(|edge| there(edge.to.as_str())));
    let owned = snapshot.answer("cloudformation:ListStackResources", stack.id.as_str());
    assert_eq!(
        owned.map(|(_, read)| read.outcome),
        Some(Outcome::Complete),
        "what a stack owns is known of it"
    );
}

#[test]
fn what_is_refused_or_breaks_off_is_known_not_to_be_known() {
    let volumes_page = VOLUMES.replace("<volumeSet>", "<nextToken>t1</nextToken><volumeSet>");
    let scan = drive(false, |call| match format!("{}:{}", call.service, call.operation).as_str() {
        "ec2:DescribeInstances" => answer(
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>",
        ),
        "ec2:DescribeVolumes" if call.parameters.get("NextToken").is_some() => {
            answer(400, "<R><Errors><Error><Code>Gone</Code></Error></Errors></R>")
        }
        "ec2:DescribeVolumes" => answer(200, &volumes_page),
        "rds:DescribeDBInstances" => answer(200, "not an answer at all {"),
        "dynamodb:ListTables" => Answered::Nothing("it gave no answer within 30 seconds".to_owned()),
        "s3:ListBuckets" => answer(403, ""),
        _ => cloud(&[], call),
    });
    let text = scan.finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let check = |operation: &str, expected: Option<Outcome>| {
        let found = match snapshot.coverage(operation, "us-east-1") {
            Coverage::Whole(_) => None,
            Coverage::Lacking(_, outcome) => Some(outcome),
            other => panic!("{operation}: {other:?}"),
        };
        assert_eq!(found, expected, "{operation}");
    };
    check("ec2:DescribeInstances", Some(Outcome::Denied));
    check("ec2:DescribeVolumes", Some(Outcome::Truncated));
    check("rds:DescribeDBInstances", Some(Outcome::Failed));
    check("dynamodb:ListTables", Some(Outcome::Failed));
    check("s3:ListBuckets", Some(Outcome::Denied));
    check("ec2:DescribeAddresses", None);
    // What could be asked of each only is as well known as what there is of it.
    check("dynamodb:DescribeTable", Some(Outcome::Failed));
    check("route53:ListResourceRecordSets", None);
    assert_eq!(snapshot.of_kind("ec2:volume").count(), 1, "the first page is there");
}

#[test]
fn what_a_cut_list_did_not_name_was_not_asked_about() {
    let zones = ZONES.replace(
        "<IsTruncated>false</IsTruncated>",
        "<IsTruncated>true</IsTruncated><NextMarker>Z2</NextMarker>",
    );
    let addresses = ADDRESSES.replace("<allocationId>eipalloc-1</allocationId>", "");
    let scan = drive(false, |call| match format!("{}:{}", call.service, call.operation).as_str() {
        "route53:ListHostedZones" if call.parameters.get("marker").is_some() => answer(403, ""),
        "route53:ListHostedZones" => answer(200, &zones),
        "route53:ListResourceRecordSets" => answer(200, RECORDS),
        "ec2:DescribeAddresses" => answer(200, &addresses),
        _ => cloud(&[], call),
    });
    let text = scan.finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    for operation in ["route53:ListHostedZones", "route53:ListResourceRecordSets", "ec2:DescribeAddresses"] {
        let coverage = snapshot.coverage(operation, "us-east-1");
        assert!(matches!(coverage, Coverage::Lacking(_, Outcome::Truncated)), "{operation}: {coverage:?}");
    }
}

#[test]
fn pages_are_followed_and_never_in_a_circle() {
    let mut asked = Vec::new();
    let names = |call: &Call| {
        call.parameters.get("ExclusiveStartTableName").and_then(|it| it.as_text()).map(str::to_owned)
    };
    let scan = drive(false, |call| {
        if call.operation != "ListTables" {
            return cloud(&[], call);
        }
        let from = names(call);
        asked.push(from.clone());
        match from.as_deref() {
            None => answer(200, r#"{"TableNames":["a"],"LastEvaluatedTableName":"a"}"#),
            _ => answer(200, r#"{"TableNames":["a","b"],"LastEvaluatedTableName":"a"}"#),
        }
    });
    assert_eq!(asked, [None, Some("a".to_owned())]);
    let text = scan.finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    assert!(matches!(
        snapshot.coverage("dynamodb:ListTables", "us-east-1"),
        Coverage::Lacking(_, Outcome::Truncated)
    ));
}

#[test]
fn a_scan_goes_on_from_what_was_understood_before() {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    let mut scan = Scan::begin(place(), now(), 30);
    for _ in 0..20 {
        let ask = scan.next().unwrap();
        let understood = scan.read(ask.id, &cloud(HAS, &ask.call));
        kept.insert(ask.key, serde_json::to_string(&understood).unwrap());
        scan.take(ask.id, now(), understood);
    }
    drop(scan);
    let (mut scan, mut asked) = (Scan::begin(place(), now(), 30), 0);
    while let Some(ask) = scan.next() {
        let understood: Understood = match kept.get(&ask.key) {
            Some(known) => serde_json::from_str(known).unwrap(),
            None => {
                asked += 1;
                scan.read(ask.id, &cloud(HAS, &ask.call))
            }
        };
        scan.take(ask.id, now(), understood);
    }
    let whole = drive(false, |call| cloud(HAS, call));
    assert_eq!(asked + 20, whole.progress().answered);
    assert_eq!(scan.finish(now()).unwrap(), whole.finish(now()).unwrap());
}

#[test]
fn being_asked_to_wait_is_no_answer() {
    let mut scan = Scan::begin(place(), now(), 30);
    let ask = scan.next().unwrap();
    for (status, body) in [
        (429, ""),
        (503, "<R><Errors><Error><Code>Unavailable</Code></Error></Errors></R>"),
        (400, r#"{"__type":"ThrottlingException"}"#),
        (400, "<R><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></R>"),
    ] {
        assert!(matches!(scan.read(ask.id, &answer(status, body)), Understood::Later(_)), "{status} {body}");
    }
    assert!(scan.finish(now()).is_err(), "what is not answered yet is no snapshot");
}

#[test]
fn edges_say_which_read_showed_them() {
    let text = drive(false, |call| cloud(HAS, call)).finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let shown: Vec<_> = snapshot
        .edges()
        .iter()
        .map(|edge| (edge.kind, snapshot.read(edge.read).unwrap().operation.as_str().to_owned()))
        .collect();
    assert!(shown.contains(&(EdgeKind::Owns, "cloudformation:ListStackResources".to_owned())), "{shown:?}");
    assert!(shown.contains(&(EdgeKind::AttachedTo, "ec2:DescribeVolumes".to_owned())), "{shown:?}");
}

const BUCKETS: &str = "<ListAllMyBucketsResult><Buckets><Bucket><Name>photos</Name><CreationDate>2020-01-01T00:00:00Z</CreationDate>\
    <BucketRegion>us-east-1</BucketRegion></Bucket></Buckets></ListAllMyBucketsResult>";

/// More pages than a resource may have views.
#[test]
fn the_pages_of_one_view_are_one_view() {
    const PAGES: usize = 60;
    let scan = drive(false, |call| match call.operation.as_str() {
        "ListBuckets" => answer(200, BUCKETS),
        "ListMultipartUploads" => {
            let given = ["key-marker", "KeyMarker"].iter().find_map(|it| call.parameters.get(it));
            let page: usize = given.and_then(|it| it.as_text()).map_or(0, |it| it.parse().unwrap());
            let upload = format!(
                "<Upload><Key>k{page}</Key><UploadId>u{page}</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
            );
            let next = page + 1;
            answer(
                200,
                &format!(
                    "<ListMultipartUploadsResult><Bucket>photos</Bucket><IsTruncated>{}</IsTruncated>\
                     <NextKeyMarker>{next}</NextKeyMarker><NextUploadIdMarker>{next}</NextUploadIdMarker>{upload}\
                     </ListMultipartUploadsResult>",
                    next < PAGES
                ),
            )
        }
        _ => cloud(&[], call),
    });
    let text = scan.finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let bucket = snapshot.of_kind("s3:bucket").next().unwrap();
    let view = snapshot.view(bucket, "s3:ListMultipartUploads").unwrap();
    assert_eq!(view.text().matches("\"UploadId\"").count(), PAGES, "{}", view.text());
    assert!(view.text().find("u7\"").unwrap() < view.text().find("u59\"").unwrap(), "in their order");
    let of = bucket.views.iter().filter(|it| it.read == view.read).count();
    assert_eq!(of, 1, "{} views", bucket.views.len());
}

#[test]
fn what_a_scan_asks_keeps_nothing_back() {
    let mut has = HAS.to_vec();
    has.push(("s3:ListBuckets", BUCKETS));
    let text = drive(false, |call| cloud(&has, call)).finish(now()).unwrap();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let lists = snapshot.reads().iter().filter(|read| read.about.is_none());
    let mut wrong = Vec::new();
    for read in lists {
        let coverage = snapshot.coverage(read.operation.as_str(), "us-east-1");
        if !coverage.is_whole() {
            wrong.push(format!("{} {:?}: {coverage:?}", read.operation.as_str(), read.parameters));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn how_much_there_is_is_known_while_it_is_read() {
    let volumes: String = (0..500)
        .map(|n| {
            format!(
                "<item><volumeId>vol-{n}</volumeId><size>100</size><status>available</status><volumeType>gp2</volumeType>\
                 <createTime>2025-01-01T00:00:00.000Z</createTime></item>"
            )
        })
        .collect();
    let answers =
        format!("<DescribeVolumesResponse><volumeSet>{volumes}</volumeSet></DescribeVolumesResponse>");
    let scan = drive(false, |call| cloud(&[("ec2:DescribeVolumes", &answers)], call));
    let (weight, text) = (scan.weight(), scan.finish(now()).unwrap());
    assert!((text.len() / 4..text.len() * 2).contains(&weight), "{weight} of {}", text.len());
}
