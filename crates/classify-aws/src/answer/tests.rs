//! Every refusal in every protocol, as a client would read it.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

const SHAPES: [Shape; 7] = [
    Shape::Query,
    Shape::Ec2,
    Shape::Json { version: JsonVersion::V1_0 },
    Shape::RestJson,
    Shape::RestXml,
    Shape::S3,
    Shape::Cbor,
];

fn check(shape: Shape, refusal: Refusal, message: &str, method: &str, expected: &Expect) {
    let answer = refuse_as(shape, refusal, message, "ch_1", method);
    let mut text = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    match String::from_utf8(answer.body) {
        Ok(body) if shape != Shape::Cbor => text.push_str(&body),
        Ok(body) => text.push_str(&hex::encode(body)),
        Err(error) => text.push_str(&hex::encode(error.into_bytes())),
    }
    expected.assert_eq(&text);
}

#[test]
fn each_protocol_in_its_own_words() {
    let message = "held: ch_1 <needs> \"2\" people & a window\u{1b}[0m";
    let c = |shape, expected: &Expect| check(shape, Refusal::Held, message, "POST", expected);
    c(
        Shape::Query,
        &expect![[r#"
        403
        content-type: text/xml;charset=UTF-8
        x-amzn-requestid: ch_1
        <ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>held: ch_1 &lt;needs&gt; &quot;2&quot; people &amp; a window\u{1b}[0m</Message></Error><RequestId>ch_1</RequestId></ErrorResponse>"#]],
    );
    c(
        Shape::Ec2,
        &expect![[r#"
        403
        content-type: text/xml;charset=UTF-8
        x-amzn-requestid: ch_1
        <?xml version="1.0" encoding="UTF-8"?>
        <Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>held: ch_1 &lt;needs&gt; &quot;2&quot; people &amp; a window\u{1b}[0m</Message></Error></Errors><RequestID>ch_1</RequestID></Response>"#]],
    );
    c(
        Shape::Json { version: JsonVersion::V1_0 },
        &expect![[r#"
        400
        content-type: application/x-amz-json-1.0
        x-amzn-requestid: ch_1
        {"__type":"AccessDeniedException","message":"held: ch_1 <needs> \"2\" people & a window\\u{1b}[0m"}"#]],
    );
    c(
        Shape::RestJson,
        &expect![[r#"
        403
        content-type: application/json
        x-amzn-requestid: ch_1
        x-amzn-errortype: AccessDeniedException
        {"message":"held: ch_1 <needs> \"2\" people & a window\\u{1b}[0m"}"#]],
    );
    c(
        Shape::RestXml,
        &expect![[r#"
        403
        content-type: text/xml;charset=UTF-8
        x-amzn-requestid: ch_1
        <ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>held: ch_1 &lt;needs&gt; &quot;2&quot; people &amp; a window\u{1b}[0m</Message></Error><RequestId>ch_1</RequestId></ErrorResponse>"#]],
    );
    c(
        Shape::S3,
        &expect![[r#"
        403
        content-type: application/xml
        x-amz-request-id: ch_1
        <?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>AccessDenied</Code><Message>held: ch_1 &lt;needs&gt; &quot;2&quot; people &amp; a window\u{1b}[0m</Message><RequestId>ch_1</RequestId></Error>"#]],
    );
    c(
        Shape::Cbor,
        &expect![[r#"
        400
        content-type: application/cbor
        x-amzn-requestid: ch_1
        smithy-protocol: rpc-v2-cbor
        a2665f5f747970657541636365737344656e696564457863657074696f6e676d657373616765783168656c643a2063685f31203c6e656564733e202232222070656f706c65202620612077696e646f775c757b31627d5b306d"#]],
    );
}

#[test]
fn a_head_has_no_body() {
    check(
        Shape::S3,
        Refusal::Held,
        "held – “ch_1”\r\nset-cookie: x",
        "HEAD",
        &expect![[r#"
        403
        content-type: application/xml
        x-amz-request-id: ch_1
        x-countersign-message: held ? ?ch_1?\u{d}\u{a}set-cookie: x
    "#]],
    );
}

#[test]
fn statuses_and_codes() {
    let mut text = String::new();
    for refusal in Refusal::ALL {
        let _ = writeln!(text, "{refusal:?}");
        for shape in SHAPES {
            let (status, code) = refusal.status_and_code(shape);
            let _ = writeln!(text, "  {shape:?}: {status} {code}");
        }
    }
    expect![[r#"
        Held
          Query: 403 AccessDenied
          Ec2: 403 UnauthorizedOperation
          Json { version: V1_0 }: 400 AccessDeniedException
          RestJson: 403 AccessDeniedException
          RestXml: 403 AccessDenied
          S3: 403 AccessDenied
          Cbor: 400 AccessDeniedException
        Denied
          Query: 403 AccessDenied
          Ec2: 403 UnauthorizedOperation
          Json { version: V1_0 }: 400 AccessDeniedException
          RestJson: 403 AccessDeniedException
          RestXml: 403 AccessDenied
          S3: 403 AccessDenied
          Cbor: 400 AccessDeniedException
        Unauthenticated
          Query: 403 MissingAuthenticationToken
          Ec2: 401 AuthFailure
          Json { version: V1_0 }: 400 MissingAuthenticationTokenException
          RestJson: 403 MissingAuthenticationTokenException
          RestXml: 403 MissingAuthenticationToken
          S3: 403 AccessDenied
          Cbor: 400 MissingAuthenticationTokenException
        UnknownKey
          Query: 403 InvalidClientTokenId
          Ec2: 401 AuthFailure
          Json { version: V1_0 }: 400 UnrecognizedClientException
          RestJson: 403 UnrecognizedClientException
          RestXml: 403 InvalidClientTokenId
          S3: 403 InvalidAccessKeyId
          Cbor: 400 UnrecognizedClientException
        SignatureMismatch
          Query: 403 SignatureDoesNotMatch
          Ec2: 403 SignatureDoesNotMatch
          Json { version: V1_0 }: 400 InvalidSignatureException
          RestJson: 403 InvalidSignatureException
          RestXml: 403 SignatureDoesNotMatch
          S3: 403 SignatureDoesNotMatch
          Cbor: 400 InvalidSignatureException
        Expired
          Query: 400 RequestExpired
          Ec2: 400 RequestExpired
          Json { version: V1_0 }: 400 InvalidSignatureException
          RestJson: 403 InvalidSignatureException
          RestXml: 400 RequestExpired
          S3: 403 RequestTimeTooSkewed
          Cbor: 400 InvalidSignatureException
        Replayed
          Query: 403 AccessDenied
          Ec2: 403 UnauthorizedOperation
          Json { version: V1_0 }: 400 AccessDeniedException
          RestJson: 403 AccessDeniedException
          RestXml: 403 AccessDenied
          S3: 403 AccessDenied
          Cbor: 400 AccessDeniedException
        TooLarge
          Query: 413 RequestEntityTooLarge
          Ec2: 413 RequestEntityTooLarge
          Json { version: V1_0 }: 413 RequestEntityTooLargeException
          RestJson: 413 RequestEntityTooLargeException
          RestXml: 413 RequestEntityTooLarge
          S3: 400 EntityTooLarge
          Cbor: 413 RequestEntityTooLargeException
        Unknown
          Query: 400 InvalidAction
          Ec2: 400 InvalidAction
          Json { version: V1_0 }: 400 UnknownOperationException
          RestJson: 403 UnknownOperationException
          RestXml: 400 InvalidAction
          S3: 405 MethodNotAllowed
          Cbor: 400 UnknownOperationException
        Fault
          Query: 403 CountersignUnavailable
          Ec2: 403 CountersignUnavailable
          Json { version: V1_0 }: 403 CountersignUnavailable
          RestJson: 403 CountersignUnavailable
          RestXml: 403 CountersignUnavailable
          S3: 403 CountersignUnavailable
          Cbor: 403 CountersignUnavailable
        Throttled
          Query: 400 Throttling
          Ec2: 503 RequestLimitExceeded
          Json { version: V1_0 }: 400 ThrottlingException
          RestJson: 429 ThrottlingException
          RestXml: 400 Throttling
          S3: 503 SlowDown
          Cbor: 400 ThrottlingException
    "#]]
    .assert_eq(&text);
}

/// What botocore, and with it the CLI, sends again: statuses and codes of its standard and legacy modes.
#[test]
fn nothing_but_throttling_is_sent_again() {
    const STATUSES: [u16; 6] = [429, 500, 502, 503, 504, 509];
    const CODES: [&str; 19] = [
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "IDPCommunicationError",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TimeoutError",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "ReplicatedWriteConflictException",
    ];
    for refusal in Refusal::ALL {
        for shape in SHAPES {
            let (status, code) = refusal.status_and_code(shape);
            let sent_again = STATUSES.contains(&status) || CODES.contains(&code);
            assert_eq!(sent_again, refusal == Refusal::Throttled, "{refusal:?} {shape:?}");
        }
    }
}

#[test]
fn shapes_guessed() {
    let guess = |path: &str, headers: &[(&str, &str)], service: Option<&str>| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: "POST".into(),
            path: path.into(),
            query: query.into(),
            headers,
            body: Vec::new(),
        };
        format!("{:?}", Shape::guess(&request, service))
    };
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let json = [("content-type", "application/x-amz-json-1.1")];
    for (found, expected) in [
        (guess("/", &form, Some("iam")), expect!["Query"]),
        (guess("/", &form, Some("ec2")), expect!["Ec2"]),
        (guess("/", &form, None), expect!["Query"]),
        (guess("/", &json, Some("kms")), expect!["Json { version: V1_1 }"]),
        (guess("/service/X/operation/Y", &[("smithy-protocol", "rpc-v2-cbor")], Some("x")), expect!["Cbor"]),
        (guess("/b/k", &[], Some("s3")), expect!["S3"]),
        (guess("/b/k?AWSAccessKeyId=A&Signature=x", &[], None), expect!["S3"]),
        (guess("/b/k", &[], None), expect!["S3"]),
        (guess("/2013-04-01/hostedzone", &[], Some("route53")), expect!["RestXml"]),
        (guess("/2015-03-31/functions/f", &[], None), expect!["RestJson"]),
        (guess("/clusters/c", &[("content-type", "application/json")], Some("eks")), expect!["RestJson"]),
    ] {
        expected.assert_eq(&found);
    }
}

#[test]
fn cbor_lengths_are_in_their_shortest_form() {
    let head = |length| {
        let mut out = Vec::new();
        put_cbor_head(&mut out, 3, length);
        hex::encode(out)
    };
    assert_eq!([head(0), head(23), head(24), head(255)], ["60", "77", "7818", "78ff"]);
    assert_eq!([head(256), head(65_535), head(65_536)], ["790100", "79ffff", "7b0000000000010000"]);
}

#[test]
fn codes_and_ids_cannot_break_out() {
    let answer = refuse(Shape::S3, "A<b>\r\n", 403, "m", "x\r\ny: <z>", "GET");
    assert_eq!(answer.headers[1], ("x-amz-request-id", "xyz".to_owned()));
    assert!(String::from_utf8(answer.body).unwrap().contains("<Code>Ab</Code>"));
    let long = refuse(Shape::RestJson, "C", 403, &"x".repeat(1_000_000), "r", "GET");
    assert!(long.body.len() < 5_000);
}
