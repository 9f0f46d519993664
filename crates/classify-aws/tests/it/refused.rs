//! Requests that could be read twice, or that hide what they are: each is refused, in its protocol's shape.

use expect_test::expect;

use crate::requests::{FORM, check, form, json, request};

#[test]
fn what_can_be_read_twice_is_refused() {
    let both = request(
        "POST",
        "/",
        &[FORM, ("x-amz-target", "AmazonSQS.ListQueues")],
        "Action=PurgeQueue&Version=2012-11-05",
    );
    check(
        "sqs",
        both,
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request can be read as two different operations (both X-Amz-Target and a form body)
    "#]],
    );
    check(
        "ec2",
        request(
            "POST",
            "/?Action=DescribeInstances&Version=2016-11-15",
            &[FORM],
            "Action=TerminateInstances&Version=2016-11-15",
        ),
        &expect![[r#"
        Ec2 CS107: the request cannot be understood: the request can be read as two different operations (parameters both in the query and in the body)
    "#]],
    );
    check(
        "ec2",
        form("Action=DescribeInstances&Action=TerminateInstances&Version=2016-11-15"),
        &expect![[r#"
        Ec2 CS107: the request cannot be understood: the request cannot be decoded (`Action` stands twice, and two readers may take different ones)
    "#]],
    );
    check(
        "ec2",
        form("Action=DescribeInstances&Version=2016-11-15&Version=2010-01-01"),
        &expect![[r#"
        Ec2 CS107: the request cannot be understood: the request cannot be decoded (`Version` stands twice, and two readers may take different ones)
    "#]],
    );
    check(
        "ec2",
        form("Action=DescribeInstances&Version=1999-01-01"),
        &expect![[r#"
        Ec2 CS106: unknown operation: no operation of `ec2` matches this request (no such Version)
    "#]],
    );
    check(
        "ec2",
        request("POST", "/?InstanceId.1=i-1", &[FORM], "Action=DescribeInstances&Version=2016-11-15"),
        &expect![[r#"
        Ec2 CS107: the request cannot be understood: the request can be read as two different operations (parameters both in the query and in the body)
    "#]],
    );
    check(
        "dynamodb",
        request("POST", "/?Action=x", &[("x-amz-target", "DynamoDB_20120810.ListTables")], "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request can be read as two different operations (both X-Amz-Target and an Action in the query)
    "#]],
    );
    check(
        "dynamodb",
        request(
            "POST",
            "/",
            &[
                ("x-amz-target", "DynamoDB_20120810.ListTables"),
                ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
            ],
            "{}",
        ),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request can be read as two different operations (a header that chooses the operation stands twice)
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.DeleteTable", r#"{"TableName":"a","TableName":"b"}"#),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: dynamodb:DeleteTable: `TableName` stands twice, and two readers may take different ones
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.DeleteTable", r#"["a"]"#),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: dynamodb:DeleteTable: the body is no JSON object at byte 0
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.DeleteTable", r#"{"$path":{}}"#),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: dynamodb:DeleteTable: a member's name starts with `$` at byte 0
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.DropEverything", "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS106: unknown operation: dynamodb:DropEverything is not in the operation table
    "#]],
    );
    check(
        "dynamodb",
        json("AmazonSQS.PurgeQueue", "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS106: unknown operation: no operation of `dynamodb` matches this request (no such X-Amz-Target prefix)
    "#]],
    );
    check(
        "lambda",
        request("DELETE", "/2015-03-31/functions/../functions/fn", &[], ""),
        &expect![[r#"
        RestJson CS106: unknown operation: no operation of `lambda` matches this request (a path with empty, `.` or `..` segments)
    "#]],
    );
    check(
        "lambda",
        request("DELETE", "/2015-03-31/functions/%2e%2e", &[], ""),
        &expect![[r#"
        RestJson CS106: unknown operation: no operation of `lambda` matches this request (a path with empty, `.` or `..` segments)
    "#]],
    );
    check(
        "lambda",
        request("DELETE", "/2015-03-31//functions/fn", &[], ""),
        &expect![[r#"
        RestJson CS106: unknown operation: no operation of `lambda` matches this request (a path with empty, `.` or `..` segments)
    "#]],
    );
    check(
        "lambda",
        request("DELETE", "/nothing/like/it", &[], ""),
        &expect![[r#"
        RestJson CS106: unknown operation: no operation of `lambda` matches this request (DELETE /nothing/like/it)
    "#]],
    );
    check(
        "nosuchservice",
        form("Action=X&Version=1"),
        &expect![[r#"
        Json { version: V1_1 } CS106: unknown operation: no service signs as `nosuchservice`
    "#]],
    );
    check(
        "route53",
        request("POST", "/2013-04-01/hostedzone/Z1/rrset/", &[], "<!DOCTYPE a><a/>"),
        &expect![[r#"
        RestXml CS107: the request cannot be understood: route53:ChangeResourceRecordSets: a document type at byte 0
    "#]],
    );
}

#[test]
fn disguises_are_refused() {
    let target = ("x-amz-target", "DynamoDB_20120810.ListTables");
    let cbor = ("smithy-protocol", "rpc-v2-cbor");
    check(
        "dynamodb",
        request("POST", "/", &[target, ("content-type", "application/cbor")], "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request can be read as two different operations (X-Amz-Target with a body that is not JSON)
    "#]],
    );
    check(
        "dynamodb",
        request("POST", "/", &[target, ("content-encoding", "gzip")], "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request cannot be decoded (a compressed body)
    "#]],
    );
    check(
        "dynamodb",
        request("POST", "/", &[target, ("content-type", "application/x-amz-json-1.0; charset=utf-7")], "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: dynamodb:ListTables: a content type with parameters other than charset=utf-8 at byte 0
    "#]],
    );
    check(
        "dynamodb",
        request("POST", "/", &[target, cbor], "{}"),
        &expect![[r#"
        Json { version: V1_0 } CS107: the request cannot be understood: the request can be read as two different operations (both a CBOR path and X-Amz-Target)
    "#]],
    );
    check(
        "dynamodb",
        request("GET", "/", &[target], ""),
        &expect![[r#"
        Json { version: V1_0 } CS106: unknown operation: no operation of `dynamodb` matches this request (X-Amz-Target goes with POST / and no query)
    "#]],
    );
    check(
        "monitoring",
        request("POST", "/service/GraniteServiceVersion20100801/operation/DeleteAlarms", &[cbor], "xx"),
        &expect![[r#"
            Cbor CS107: the request cannot be understood: cloudwatch:DeleteAlarms: text that is none or breaks off at byte 0
        "#]],
    );
    check(
        "monitoring",
        request("POST", "/service/Other/operation/DeleteAlarms", &[cbor], "xx"),
        &expect![[r#"
        Cbor CS106: unknown operation: no operation of `monitoring` matches this request (the operation's name)
    "#]],
    );
    check(
        "lambda",
        request("GET", "/2015-03-31/functions/f", &[("x-http-method-override", "DELETE")], ""),
        &expect![[r#"
        RestJson CS107: the request cannot be understood: the request can be read as two different operations (a header that asks for another method)
    "#]],
    );
    check(
        "s3",
        request("PUT", "/b/k", &[("x-amz-acl", "public-read")], "x"),
        &expect![[r#"
            s3:PutObject [write, privilege] Capturable
            Puts the S3 object b/k. It gives others access to what is stored.
            - s3 object b/k
              body_sha256 = 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
              length = 1
              x-amz-acl = public-read
              Bucket = b
              Key = k
            ? 1 bytes of the body are not shown, sha256 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
        "#]],
    );
    check(
        "s3",
        request("GET", &format!("/b?{}", "a&".repeat(40_000)), &[], ""),
        &expect![[r#"
        S3 CS107: the request cannot be understood: the request cannot be decoded (a path or query of more than 65536 bytes)
    "#]],
    );
}
