//! Requests with a true signature and a bad intention: whatever is in them that could be read twice, unpacked without end
//! or never finished is refused or denied, nothing of it is forwarded, and the process goes on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use testkit::Signed;

use crate::lab::Lab;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
const XML: (&str, &str) = ("content-type", "application/xml");
const BOMB: &str = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                    <Delete><Object><Key>&b;</Key></Object></Delete>";

/// What it is, its service, method and target, its headers, its body.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8]);

fn sign(
    lab: &Lab,
    service: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Signed {
    lab.agent.sign_at(testkit::now(), service, lab.gateway(), method, target, headers, body.to_vec())
}

/// Refused, and nothing arrived.
fn check(lab: &mut Lab, what: &str, signed: &Signed) -> Result<()> {
    let before = lab.forwarded()?;
    let host = lab.gateway().to_owned();
    let answer = signed.send(&host).with_context(|| what.to_owned())?;
    ensure!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
    ensure!(lab.forwarded()? == before, "{what}: something was forwarded: {}", answer.text());
    ensure!(lab.serve.is_alive()?, "{what}: the process ended\n{}", lab.serve.log()?);
    Ok(())
}

#[test]
fn what_could_be_read_twice_or_without_end_is_refused() -> Result<()> {
    let mut lab = Lab::open()?;
    // As many parameters as a client could make, as one and as many names.
    let many: String = (0..70_000).map(|nth| format!("&Parameters.member.{nth}.ParameterKey=x")).collect();
    let many = format!("Action=CreateStack&Version=2010-05-15&StackName=a{many}").into_bytes();
    let twice = b"Action=DescribeStacks&Action=DeleteStack&StackName=a&Version=2010-05-15";
    // 1 KiB that would be a mebibyte, in a service that takes compressed requests.
    let packed = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03".as_slice(), &[0xed; 1024]].concat();
    let deep = "[".repeat(100_000);
    let json = ("content-type", "application/x-amz-json-1.1");
    let put = ("x-amz-target", "AmazonSSM.PutParameter");
    let cbor = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    let cases: [Case<'_>; 14] = [
        ("thousands of parameters", "cloudformation", "POST", "/", vec![FORM], &many),
        ("two actions", "cloudformation", "POST", "/", vec![FORM], twice),
        (
            "an action in the form and another in the target",
            "cloudformation",
            "POST",
            "/",
            vec![FORM, ("x-amz-target", "CloudFormation.DescribeStacks")],
            b"Action=DeleteStack&StackName=a&Version=2010-05-15",
        ),
        (
            "an action in the query and another in the form",
            "cloudformation",
            "POST",
            "/?Action=DescribeStacks&Version=2010-05-15",
            vec![FORM],
            b"Action=DeleteStack&StackName=a&Version=2010-05-15",
        ),
        ("a compressed body", "monitoring", "POST", "/", vec![FORM, ("content-encoding", "gzip")], &packed),
        (
            "entities",
            "s3",
            "POST",
            "/bucket?delete=",
            vec![XML, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            BOMB.as_bytes(),
        ),
        ("entities in a form's type", "cloudformation", "POST", "/", vec![XML], BOMB.as_bytes()),
        ("nested without end", "ssm", "POST", "/", vec![json, put], deep.as_bytes()),
        ("a name twice", "ssm", "POST", "/", vec![json, put], br#"{"Name":"/a","Name":"/b","Value":"1"}"#),
        (
            "a target of two operations",
            "ssm",
            "POST",
            "/",
            vec![json, ("x-amz-target", "AmazonSSM.DescribeParameters,AmazonSSM.PutParameter")],
            b"{}",
        ),
        (
            "CBOR without end",
            "monitoring",
            "POST",
            "/service/GraniteServiceVersion20100801/operation/PutMetricData",
            cbor.to_vec(),
            b"\xbf\xff\xff\xff\x9f\x9f\x9f\x9f",
        ),
        (
            "a way up in the path",
            "s3",
            "PUT",
            "/bucket/..%2F..%2Fother/key",
            vec![("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            b"x",
        ),
        (
            "a way up, written plainly",
            "s3",
            "PUT",
            "/bucket/../other/key",
            vec![("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            b"x",
        ),
        ("a slash within a name", "lambda", "DELETE", "/2015-03-31/functions/a%2F..%2Fb", vec![], b""),
    ];
    for (what, service, method, target, headers, body) in cases {
        let signed = sign(&lab, service, method, target, &headers, body);
        check(&mut lab, what, &signed)?;
    }
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn headers_that_stand_twice_are_refused() -> Result<()> {
    let mut lab = Lab::open()?;
    let host = lab.gateway().to_owned();
    let form = b"Action=DescribeStacks&Version=2010-05-15";
    for (name, value) in [
        ("host", "cloudformation.us-east-1.amazonaws.com"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
        ("content-type", "application/json"),
        ("x-amz-date", "20200101T000000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-security-token", "a"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
    ] {
        let mut signed = sign(&lab, "cloudformation", "POST", "/", &[FORM], form);
        if name == "x-amz-content-sha256" {
            signed = sign(&lab, "cloudformation", "POST", "/", &[FORM, (name, &"0".repeat(64))], form);
        }
        if matches!(name, "content-length" | "transfer-encoding") {
            signed.headers.push(("content-length".to_owned(), form.len().to_string()));
        }
        signed.headers.push((name.to_owned(), value.to_owned()));
        check(&mut lab, name, &signed)?;
    }
    ensure!(sign(&lab, "cloudformation", "POST", "/", &[FORM], form).send(&host)?.status == 200);
    Ok(())
}

/// What two parsers in a row could take for one request or for two.
#[test]
fn nothing_is_smuggled_behind_a_request() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.make_stack("kept")?;
    let form = "Action=DescribeStacks&Version=2010-05-15";
    let delete = lab.agent.form(
        "cloudformation",
        lab.gateway(),
        &[("Action", "DescribeStackEvents"), ("StackName", "kept"), ("Version", "2010-05-15")],
    );
    let second = format!("{}{}", delete.head(&[("content-length", "0")]), "");
    let own = sign(&lab, "cloudformation", "POST", "/", &[FORM], form.as_bytes());
    let length = form.len().to_string();
    for (what, more, body) in [
        (
            "both framings",
            vec![("content-length", length.as_str()), ("transfer-encoding", "chunked")],
            format!("0\r\n\r\n{second}"),
        ),
        (
            "two lengths",
            vec![("content-length", length.as_str()), ("content-length", "0")],
            format!("{form}{second}"),
        ),
        ("a length of two", vec![("content-length", "40, 0")], format!("{form}{second}")),
        ("a coding that is none", vec![("transfer-encoding", "xchunked")], format!("0\r\n\r\n{second}")),
        (
            "a coding after chunked",
            vec![("transfer-encoding", "chunked, identity")],
            format!("0\r\n\r\n{second}"),
        ),
        ("a name with a blank", vec![("content-length ", length.as_str())], format!("{form}{second}")),
        (
            "a chunk of wrong size",
            vec![("transfer-encoding", "chunked")],
            format!("5\r\n{form}\r\n0\r\n\r\n{second}"),
        ),
        (
            "a chunk beyond counting",
            vec![("transfer-encoding", "chunked")],
            format!("ffffffffffffffffff\r\n{form}\r\n0\r\n\r\n{second}"),
        ),
    ] {
        let before = lab.forwarded()?;
        let answers = raw(lab.gateway(), &format!("{}{body}", own.head(&more)))?;
        let passed = answers.matches("HTTP/1.1 200").count();
        ensure!(passed == 0, "{what}: {answers}");
        ensure!(lab.forwarded()? == before, "{what}: something was forwarded");
        ensure!(lab.serve.is_alive()?, "{what}: the process ended");
    }
    Ok(())
}

/// Everything that comes back until the other side closes, or falls silent.
fn raw(authority: &str, request: &str) -> Result<String> {
    let mut socket = TcpStream::connect(authority)?;
    socket.set_read_timeout(Some(Duration::from_secs(3)))?;
    // Refused early, the rest is not read.
    let _ = socket.write_all(request.as_bytes());
    let mut answers = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read) = socket.read(&mut piece) {
        if read == 0 {
            break;
        }
        answers.extend_from_slice(&piece[..read]);
    }
    Ok(String::from_utf8_lossy(&answers).into_owned())
}

/// Heads that never end and bodies that never come, hundreds at once: whoever is honest is served all the same.
#[test]
fn slow_clients_keep_nobody_waiting() -> Result<()> {
    let mut lab = Lab::open()?;
    let mut stalled = Vec::new();
    for nth in 0..400 {
        let Ok(mut socket) = TcpStream::connect(lab.gateway()) else { break };
        let part = if nth % 2 == 0 {
            "POST / HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned()
        } else {
            sign(&lab, "cloudformation", "POST", "/", &[FORM], b"Action=x")
                .head(&[("content-length", "900000")])
        };
        // Where it is cut off at once it cannot keep anybody waiting either.
        let _ = socket.write_all(part.as_bytes());
        stalled.push(socket);
    }
    ensure!(stalled.len() >= 200, "only {} were let in at all", stalled.len());
    let host = lab.gateway().to_owned();
    for _ in 0..5 {
        let form = b"Action=DescribeStacks&Version=2010-05-15";
        let answer = sign(&lab, "cloudformation", "POST", "/", &[FORM], form).send(&host)?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    }
    ensure!(lab.serve.is_alive()?);
    drop(stalled);
    lab.verify()?.expect(0).map(drop)
}

/// The largest that S3 takes in one request, and more: whatever would be held is not read for it.
#[test]
fn what_is_announced_as_five_gibibytes_is_not_waited_for() -> Result<()> {
    let mut lab = Lab::open()?;
    let make = "import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='big', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'}); s3.put_object(Bucket='big', Key='k', Body=b'x')";
    let url = lab.moto.url();
    let env = [crate::lab::OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    lab.venv.python(make, &env)?.expect(0)?;
    for length in ["5368709120", "5368709121", "99999999999999"] {
        let before = lab.moto.recorded(&["PUT", "/big/k"])?;
        let signed = lab.agent.put(lab.gateway(), "/big/k", "UNSIGNED-PAYLOAD");
        let answers = raw(lab.gateway(), &signed.head(&[("content-length", length)]))?;
        ensure!(answers.starts_with("HTTP/1.1 4"), "{length}: {answers}");
        ensure!(lab.moto.recorded(&["PUT", "/big/k"])? == before, "{length}: it was forwarded");
        ensure!(lab.serve.is_alive()?);
    }
    Ok(())
}
