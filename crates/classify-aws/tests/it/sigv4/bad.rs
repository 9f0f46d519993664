//! Requests that are not believed, and what is said about each.

use std::fmt::Write as _;

use classify_aws::sigv4::{SigningCredentials, present, sign, strip_unsigned, verify};
use expect_test::{Expect, expect};
use model::{Request, Timestamp};
use proptest::prelude::*;

use super::{SKEW_S, header, judge};

const SECRET: &str = "sesame";

fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_223_388)
}

fn plain() -> Request {
    Request {
        method: "POST".into(),
        path: "/".into(),
        query: String::new(),
        headers: vec![
            header("host", "gw.example"),
            header("content-type", "application/x-amz-json-1.0"),
            header("x-amz-target", "DynamoDB_20120810.DeleteTable"),
        ],
        body: b"{}".to_vec(),
    }
}

fn signed() -> Request {
    let mut request = plain();
    sign(&mut request, &credentials(), "dynamodb", "us-east-1", now()).unwrap();
    request
}

fn credentials() -> SigningCredentials {
    SigningCredentials { access_key: "AKIAVIRT".into(), secret: SECRET.into(), session_token: None }
}

/// A query that is well formed, under a signature nobody made.
const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAVIRT%2F20261121%2Fus-east-1%2Fs3%2Faws4_request\
    &X-Amz-Date=20261121T010948Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
    &X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000";

fn presigned(query: &str) -> Request {
    Request {
        query: query.into(),
        headers: vec![header("host", "gw.example")],
        method: "GET".into(),
        ..plain()
    }
}

fn check(request: &Request, at: Timestamp, expected: &Expect) {
    expected.assert_eq(&match judge(request, SECRET, at) {
        Ok(_) => "believed".to_owned(),
        Err(error) => format!("{error} [{:?}]", error.refusal()),
    });
}

fn check_header(change: impl Fn(&mut Request), expected: &Expect) {
    let mut request = signed();
    change(&mut request);
    check(&request, now(), expected);
}

fn set(request: &mut Request, name: &str, value: &str) {
    request.headers.retain(|(key, _)| key != name);
    request.headers.push(header(name, value));
}

fn authorize(request: &mut Request, from: &str, to: &str) {
    let text = request.header("authorization").unwrap().replace(from, to);
    set(request, "authorization", &text);
}

#[test]
fn header_form() {
    check_header(|_| {}, &expect!["believed"]);
    check_header(
        |r| r.headers.retain(|(name, _)| name != "authorization"),
        &expect![
            "the request is not signed; set the AWS access key and secret of a Countersign session and sign with SigV4 [Unauthenticated]"
        ],
    );
    check_header(
        |r| set(r, "authorization", "Bearer x"),
        &expect![
            "the request is not signed; set the AWS access key and secret of a Countersign session and sign with SigV4 [Unauthenticated]"
        ],
    );
    check_header(
        |r| set(r, "authorization", "AWS AKIA:c2ln"),
        &expect![
            "the request is signed with Signature Version 2; use Version 4 (boto3: Config(signature_version='s3v4'); AWS CLI: aws configure set default.s3.signature_version s3v4) [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        &expect![
            "the signing algorithm AWS4-ECDSA-P256-SHA256 is not supported; use AWS4-HMAC-SHA256 (unset AWS_SIGV4A_SIGNING_REGION_SET) [Unauthenticated]"
        ],
    );
    check_header(
        |r| set(r, "authorization", "AWS4-HMAC-SHA256"),
        &expect![
            "the Authorization header cannot be read; expected AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=… [Unauthenticated]"
        ],
    );
    check_header(
        |r| set(r, "authorization", &"A".repeat(9_000)),
        &expect!["the Authorization header has more than 8192 bytes [TooLarge]"],
    );
    check_header(
        |r| authorize(r, "AWS4-HMAC-SHA256 ", &format!("AWS4-HMAC-SHA256 {}", "A=".repeat(5_000))),
        &expect!["the Authorization header has more than 8192 bytes [TooLarge]"],
    );
    check_header(
        |r| authorize(r, "Signature=", "Signature=0, Signature="),
        &expect![
            "Signature in the Authorization header stands twice in the request; which one counts would be a guess [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "Signature=", "Signature=z"),
        &expect!["the signature cannot be read; expected 64 lower-case hexadecimal digits [Unauthenticated]"],
    );
    check_header(
        |r| authorize(r, "Signature=", "Extra=1, Signature="),
        &expect![
            "the Authorization header cannot be read; expected AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=… [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "aws4_request", "aws5_request"),
        &expect![
            "the credential scope cannot be read; expected KEY/YYYYMMDD/region/service/aws4_request [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "us-east-1", "us/east"),
        &expect![
            "the credential scope cannot be read; expected KEY/YYYYMMDD/region/service/aws4_request [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "AKIAVIRT", "../../etc"),
        &expect![
            "the credential scope cannot be read; expected KEY/YYYYMMDD/region/service/aws4_request [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "content-type;host", "host;content-type"),
        &expect![
            "SignedHeaders cannot be read; expected lower-case header names, sorted, each once, joined by ; [Unauthenticated]"
        ],
    );
    check_header(
        |r| authorize(r, "content-type;host", "content-type"),
        &expect![
            "the header host is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
    check_header(
        |r| authorize(r, ";x-amz-target", ""),
        &expect![
            "the header x-amz-target is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
    check_header(
        |r| authorize(r, ";x-amz-date", ""),
        &expect![
            "the header x-amz-date is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
    check_header(
        |r| authorize(r, "content-type;", "content-length;content-type;"),
        &expect![
            "the signature covers the header content-length, and the request has none; something in between removed it [SignatureMismatch]"
        ],
    );
    check_header(
        |r| authorize(r, "20261121", "20261120"),
        &expect![
            "the date of the credential scope (20261120) is not the day of the signature (2026-11-21T01:09:48.000Z) [SignatureMismatch]"
        ],
    );
    check_header(
        |r| set(r, "x-amz-date", "yesterday"),
        &expect!["the date of the signature cannot be read; expected YYYYMMDDTHHMMSSZ [Unauthenticated]"],
    );
    check_header(
        |r| r.headers.push(header("x-amz-date", "20261121T010949Z")),
        &expect![
            "the header x-amz-date stands twice in the request; which one counts would be a guess [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.headers.push(header("authorization", "AWS4-HMAC-SHA256 x")),
        &expect![
            "the header authorization stands twice in the request; which one counts would be a guess [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.headers.push(header("content-type", "text/xml")),
        &expect![
            "the header content-type stands twice in the request; which one counts would be a guess [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.headers.push(header("x-amz-meta-\u{1b}[2K", "1")),
        &expect![
            "a header name cannot be read; expected lower-case letters, digits and -_. [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.headers.push(header("X-Amz-Target", "A.B")),
        &expect![
            "a header name cannot be read; expected lower-case letters, digits and -_. [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.headers.push(header("x-amz-acl", "public-read")),
        &expect![
            "the header x-amz-acl is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
    check_header(
        |r| r.headers.push(header("x-amz-security-token", "t")),
        &expect!["a session token was sent that is none of ours; unset AWS_SESSION_TOKEN [UnknownKey]"],
    );
    check_header(
        |r| r.query = PRESIGNED.into(),
        &expect![
            "the request is signed twice, in its headers and in its query; send one of them [Unauthenticated]"
        ],
    );
    check_header(
        |r| r.query = "a=%zz".into(),
        &expect!["the query cannot be read; expected percent-encoded pairs [Unauthenticated]"],
    );
    check_header(|r| r.query = "a&".repeat(3_000), &expect!["the query has more than 2000 pairs [TooLarge]"]);
    check_header(
        |r| r.path = "/a/../b".into(),
        &expect![
            "the path has `.` or `..` segments, so what it names would be a guess; send the path it leads to [SignatureMismatch]"
        ],
    );
    check_header(
        |r| r.path = "/a/%2e%2e/b".into(),
        &expect![
            "the path has `.` or `..` segments, so what it names would be a guess; send the path it leads to [SignatureMismatch]"
        ],
    );
    check_header(
        |r| r.path = "*".into(),
        &expect!["the path cannot be read; expected one that begins with / [Unauthenticated]"],
    );
    check_header(
        |r| r.path = "/".repeat(70_000),
        &expect!["the request target has more than 65536 bytes [TooLarge]"],
    );
    check_header(
        |r| r.method = "post\n".into(),
        &expect!["the method cannot be read; expected upper-case letters [Unauthenticated]"],
    );
    check_header(
        |r| r.body.push(b' '),
        &expect![
            "the signature does not match; check the secret, and that nothing in between changes the request [SignatureMismatch]"
        ],
    );
    check_header(
        |r| (0..300).for_each(|nth| r.headers.push(header("a", &nth.to_string()))),
        &expect!["the header section has more than 256 headers [TooLarge]"],
    );
    check_header(
        |r| authorize(r, "content-type;", &(100..300).map(|nth| format!("a{nth};")).collect::<String>()),
        &expect!["SignedHeaders has more than 128 names [TooLarge]"],
    );
}

#[test]
fn times() {
    let request = signed();
    check(&request, now().plus_seconds(SKEW_S), &expect!["believed"]);
    check(&request, now().plus_seconds(-SKEW_S), &expect!["believed"]);
    check(
        &request,
        now().plus_seconds(SKEW_S + 1),
        &expect![
            "the request was signed at 2026-11-21T01:09:48.000Z and is valid until 2026-11-21T01:24:48.000Z; this server's clock says 2026-11-21T01:24:49.000Z [Expired]"
        ],
    );
    check(
        &request,
        now().plus_seconds(-SKEW_S - 1),
        &expect![
            "the request was signed at 2026-11-21T01:09:48.000Z, in the future: this server's clock says 2026-11-21T00:54:47.000Z; set the client's clock [Expired]"
        ],
    );
    let query = presigned(PRESIGNED);
    check(
        &query,
        now().plus_seconds(60),
        &expect![
            "the signature does not match; check the secret, and that nothing in between changes the request [SignatureMismatch]"
        ],
    );
    check(
        &query,
        now().plus_seconds(61),
        &expect![
            "the request was signed at 2026-11-21T01:09:48.000Z and is valid until 2026-11-21T01:10:48.000Z; this server's clock says 2026-11-21T01:10:49.000Z [Expired]"
        ],
    );
    check(
        &query,
        now().plus_seconds(-SKEW_S - 1),
        &expect![
            "the request was signed at 2026-11-21T01:09:48.000Z, in the future: this server's clock says 2026-11-21T00:54:47.000Z; set the client's clock [Expired]"
        ],
    );
}

#[test]
fn query_form() {
    let c = |from: &str, to: &str, expected: &Expect| {
        check(&presigned(&PRESIGNED.replace(from, to)), now(), expected)
    };
    c(
        "",
        "",
        &expect![
            "the signature does not match; check the secret, and that nothing in between changes the request [SignatureMismatch]"
        ],
    );
    c(
        "Expires=60",
        "Expires=604801",
        &expect!["X-Amz-Expires cannot be read; expected 1 to 604800 seconds (seven days) [Unauthenticated]"],
    );
    c(
        "Expires=60",
        "Expires=0",
        &expect!["X-Amz-Expires cannot be read; expected 1 to 604800 seconds (seven days) [Unauthenticated]"],
    );
    c(
        "Expires=60",
        "Expires=-1",
        &expect!["X-Amz-Expires cannot be read; expected 1 to 604800 seconds (seven days) [Unauthenticated]"],
    );
    c(
        "&X-Amz-Expires=60",
        "",
        &expect![
            "the signature in the query cannot be read; expected X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders and -Signature [Unauthenticated]"
        ],
    );
    c(
        "X-Amz-Expires=60",
        "X-Amz-Expires=60&X-Amz-Expires=61",
        &expect![
            "X-Amz-Expires in the query stands twice in the request; which one counts would be a guess [Unauthenticated]"
        ],
    );
    c(
        "X-Amz-Signature",
        "x-amz-signature",
        &expect![
            "the signature in the query cannot be read; expected X-Amz-… keys in their exact letters [Unauthenticated]"
        ],
    );
    c(
        "X-Amz-Signature",
        "X%2DAmz%2DSignature",
        &expect![
            "the signature does not match; check the secret, and that nothing in between changes the request [SignatureMismatch]"
        ],
    );
    c(
        "SignedHeaders=host",
        "SignedHeaders=",
        &expect![
            "SignedHeaders cannot be read; expected lower-case header names, sorted, each once, joined by ; [Unauthenticated]"
        ],
    );
    c(
        "AWS4-HMAC-SHA256",
        "AWS4-ECDSA-P256-SHA256",
        &expect![
            "the signing algorithm AWS4-ECDSA-P256-SHA256 is not supported; use AWS4-HMAC-SHA256 (unset AWS_SIGV4A_SIGNING_REGION_SET) [Unauthenticated]"
        ],
    );
    c(
        "X-Amz-Date=",
        "X-Amz-Security-Token=t&X-Amz-Date=",
        &expect!["a session token was sent that is none of ours; unset AWS_SESSION_TOKEN [UnknownKey]"],
    );
    c(
        "20261121T",
        "20261122T",
        &expect![
            "the date of the credential scope (20261121) is not the day of the signature (2026-11-22T01:09:48.000Z) [SignatureMismatch]"
        ],
    );
    check(
        &presigned("AWSAccessKeyId=AKIA&Signature=x&Expires=1"),
        now(),
        &expect![
            "the request is signed with Signature Version 2; use Version 4 (boto3: Config(signature_version='s3v4'); AWS CLI: aws configure set default.s3.signature_version s3v4) [Unauthenticated]"
        ],
    );
    check(
        &presigned(""),
        now(),
        &expect![
            "the request is not signed; set the AWS access key and secret of a Countersign session and sign with SigV4 [Unauthenticated]"
        ],
    );
    let mut request = presigned(PRESIGNED);
    request.headers.push(header("x-amz-copy-source", "/b/k"));
    check(
        &request,
        now(),
        &expect![
            "the header x-amz-copy-source is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
    let mut request = presigned(&format!("{PRESIGNED}&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"));
    request.headers.push(header("x-amz-content-sha256", "0"));
    check(
        &request,
        now(),
        &expect![
            "the header x-amz-content-sha256 is not covered by the signature; sign it or leave it out [SignatureMismatch]"
        ],
    );
}

#[test]
fn a_content_type_outside_the_signature_is_taken_away() {
    let mut request = plain();
    request.headers.retain(|(name, _)| name != "content-type");
    sign(&mut request, &credentials(), "dynamodb", "us-east-1", now()).unwrap();
    for (name, value) in
        [("content-type", "text/xml"), ("range", "bytes=0-1"), ("range", "x"), ("user-agent", "curl")]
    {
        request.headers.push(header(name, value));
    }
    let verified = verify(&request, &present(&request).unwrap(), SECRET, now(), SKEW_S).unwrap();
    assert_eq!(verified.unsigned, ["content-type", "range"]);
    strip_unsigned(&mut request, &verified);
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "x-amz-target", "x-amz-date", "authorization", "user-agent"]);
}

#[test]
fn a_signature_has_one_digest() {
    let (one, again) = (present(&signed()).unwrap(), present(&signed()).unwrap());
    assert_eq!(one.signature_digest(), again.signature_digest());
    let mut other = signed();
    other.body.push(b' ');
    sign(&mut other, &credentials(), "dynamodb", "us-east-1", now()).unwrap();
    assert_ne!(one.signature_digest(), present(&other).unwrap().signature_digest());
}

#[test]
fn nothing_shown_holds_the_secret() {
    let request = signed();
    let presented = present(&request).unwrap();
    let verified = verify(&request, &presented, SECRET, now(), SKEW_S).unwrap();
    let mut shown = String::new();
    let _ = write!(shown, "{presented:?} {verified:?} {:?} {request:?}", credentials());
    let _ = write!(shown, "{:?}", judge(&request, "wrong", now()));
    assert!(!shown.contains(SECRET));
}

proptest! {
    #[test]
    fn nothing_panics(
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=)?[ -~]{0,60}(, ?SignedHeaders=[a-z;-]{0,9})?(, ?Signature=[0-9a-f]{0,64})?",
        path in "/?\\PC{0,20}", query in "(X-Amz-[A-Z][a-z]{1,9}=[0-9A-Za-z%/]{0,9}&){0,6}\\PC{0,9}", name in "\\PC{0,9}", value in "\\PC{0,20}",
    ) {
        let mut request = plain();
        request.headers.extend([header("authorization", &authorization), header("x-amz-date", &value), (name, value)]);
        request.path = path;
        request.query = query;
        let _ = judge(&request, SECRET, now());
        let _ = sign(&mut request, &credentials(), "s3", "x", now());
    }
}
