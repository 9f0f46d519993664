//! Requests that no honest client sends: each is refused in a shape that clients print, nothing is forwarded, and the
//! process lives.

use anyhow::{Context, Result};
use testkit::send;

use crate::lab::Lab;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
const LIST: &[u8] = b"Action=DescribeStacks&Version=2010-05-15";

/// What it is, its headers, its body.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [u8]);

#[test]
fn hostile_requests_are_refused_and_the_process_lives() -> Result<()> {
    let mut lab = Lab::open()?;
    let signed = "AWS4-HMAC-SHA256 Credential=AKIANOBODY/20261121/eu-central-1/cloudformation/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=00";
    let long = "a".repeat(20_000);
    let cases: [Case<'_>; 8] = [
        ("unsigned", vec![FORM], LIST),
        ("no scheme that we know", vec![FORM, ("authorization", "Bearer abc")], LIST),
        ("an authorization cut short", vec![FORM, ("authorization", "AWS4-HMAC-SHA256 Credential=")], LIST),
        (
            "a key that nobody was given",
            vec![FORM, ("authorization", signed), ("x-amz-date", "20261121T000000Z")],
            LIST,
        ),
        ("two authorizations", vec![FORM, ("authorization", signed), ("authorization", signed)], LIST),
        ("an authorization without end", vec![FORM, ("authorization", &long)], LIST),
        ("more announced than anyone reads", vec![FORM, ("content-length", "99999999999")], b""),
        (
            "chunks that are none",
            vec![FORM, ("transfer-encoding", "chunked"), ("content-length", "2")],
            b"ZZ",
        ),
    ];
    let before = lab.forwarded()?;
    for (what, headers, body) in cases {
        let answer = send(lab.gateway(), "POST", "/", &headers, body).with_context(|| what.to_owned())?;
        assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
        assert_eq!(lab.forwarded()?, before, "{what}: something was forwarded");
        assert!(lab.serve.is_alive()?, "{what}: the process ended\n{}", lab.serve.log()?);
    }
    Ok(())
}

#[test]
fn clients_print_why_they_were_refused() -> Result<()> {
    let lab = Lab::open()?;
    let list = "import boto3; boto3.client('cloudformation').describe_stacks()";
    lab.python(list, &[])?.expect(0)?;
    let before = lab.forwarded()?;

    let wrong = lab.python(list, &[("AWS_SECRET_ACCESS_KEY", "wrong")])?;
    assert!(wrong.code != 0 && wrong.stderr.contains("SignatureDoesNotMatch"), "{wrong}");

    let key = lab.people.olga.private.to_str().context("path")?;
    lab.installation.run(["session", "stop", &lab.session.id, "--key", key])?.expect(0)?;
    let stopped = lab.python(list, &[])?;
    assert!(stopped.code != 0 && stopped.stderr.contains("stopped"), "{stopped}");

    assert_eq!(lab.forwarded()?, before, "something was forwarded");
    Ok(())
}
