//! Bodies: judged by their heads, passed on as they come, held with their content, and never whole in part.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};
use testkit::Signed;

use crate::lab::{Lab, OWNER};

impl Lab {
    /// The account's owner looks, past Countersign.
    fn owner_python(&self, script: &str) -> Result<String> {
        let url = self.moto.url();
        let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
        Ok(self.venv.python(script, &env)?.expect(0)?.stdout.trim().to_owned())
    }

    fn bucket(&self, name: &str) -> Result<()> {
        self.owner_python(&format!("import boto3; boto3.client('s3').create_bucket(Bucket='{name}')"))?;
        Ok(())
    }

    /// Content of an object, or what S3 says instead.
    fn object(&self, bucket: &str, key: &str) -> Result<String> {
        self.owner_python(&format!(
            "import boto3\n\
             try: print(boto3.client('s3').get_object(Bucket='{bucket}', Key='{key}')['Body'].read(200).decode())\n\
             except Exception as err: print(err.response['Error']['Code'])"
        ))
    }

    /// Waits until nothing is being carried out any more.
    fn settled(&self) -> Result<()> {
        testkit::until("everything to be settled", Duration::from_secs(30), || {
            let listed =
                self.installation.run(["change", "list", "--state", "executing"])?.expect(0)?.json()?;
            Ok(listed["changes"].as_array().is_some_and(Vec::is_empty).then_some(()))
        })
    }

    /// Peak resident memory of `serve`, in MiB.
    fn peak(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.serve.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.split_whitespace().next().context("no figure")?.parse()?;
        Ok(kib / 1024)
    }
}

const PUT: &str = "import boto3, botocore, sys\n\
    from botocore.config import Config\n\
    s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}, **OPTIONS))\n\
    try:\n\
    \x20   s3.put_object(Bucket='bkt', Key=KEY, Body=BODY); print('stored')\n\
    except botocore.exceptions.ClientError as err:\n\
    \x20   h = err.response['ResponseMetadata']['HTTPHeaders']\n\
    \x20   print(err.response['Error']['Code'], h.get('x-countersign-change'), err.response['Error']['Message'])";

fn put(key: &str, body: &str, options: &str) -> String {
    format!("KEY = '{key}'\nBODY = {body}\nOPTIONS = {options}\n{PUT}")
}

#[test]
fn an_overwrite_is_held_with_its_content_and_runs_once_with_that_content() -> Result<()> {
    let lab = Lab::open()?;
    lab.bucket("bkt")?;
    let stored = lab.python(&put("k", "b'one'", "{}"), &[])?.expect(0)?;
    assert_eq!(stored.stdout.trim(), "stored", "a new object can be taken away again");
    let hold = |body: &str| -> Result<String> {
        let told = lab.python(&put("k", body, "{}"), &[])?.expect(0)?;
        let change = told.stdout.split_whitespace().nth(1).unwrap_or_default().to_owned();
        assert!(told.stdout.contains("Countersign holds this") && change.starts_with("chg-"), "{told}");
        Ok(change)
    };
    let two = hold("b'two'")?;
    assert_eq!(hold("b'two'")?, two, "the same content is the same change");
    assert_ne!(hold("b'three'")?, two, "other content is another");
    lab.approve(&two, &lab.people.ben)?.expect(0)?;
    lab.approve(&two, &lab.people.carla)?.expect(0)?;
    hold("b'three'")?;
    assert_eq!(lab.object("bkt", "k")?, "one");
    let ran = lab.python(&put("k", "b'two'", "{}"), &[])?.expect(0)?;
    assert_eq!(ran.stdout.trim(), "stored");
    assert_eq!(lab.object("bkt", "k")?, "two");
    assert_eq!(lab.state(&two)?, "executed");
    lab.verify()?.expect(0)?;
    Ok(())
}

#[test]
fn every_way_of_signing_a_body_arrives_as_its_content() -> Result<()> {
    let lab = Lab::open()?;
    lab.bucket("bkt")?;
    let ca = lab.serve.ca.to_str().context("path")?.to_owned();
    let secure = lab.serve.aws.replacen("http://127.0.0.1", "https://localhost", 1);
    let https = [("AWS_ENDPOINT_URL", secure.as_str()), ("AWS_CA_BUNDLE", ca.as_str())];
    // 9 MB: longer than what is read before a verdict.
    let long = "b'0123456789' * 900_000";
    for (key, options, env) in [
        (
            "signed",
            "{'s3': {'payload_signing_enabled': True}, 'request_checksum_calculation': 'when_required'}",
            &[][..],
        ),
        (
            "unsigned",
            "{'s3': {'payload_signing_enabled': False}, 'request_checksum_calculation': 'when_required'}",
            &https,
        ),
        ("trailer", "{}", &https),
        ("signed-and-checked", "{'s3': {'payload_signing_enabled': True}}", &[]),
    ] {
        for (size, body) in [("short", "b'0123456789' * 7"), ("long", long)] {
            let key = format!("{key}-{size}");
            let told = lab.python(&put(&key, body, options), env)?.expect(0)?;
            assert_eq!(told.stdout.trim(), "stored", "{key}: {told}");
            let expected = if size == "short" { 70 } else { 9_000_000 };
            let script = format!(
                "import boto3; o = boto3.client('s3').get_object(Bucket='bkt', Key='{key}')\n\
                 b = o['Body'].read(); print(len(b), b == b'0123456789' * (len(b) // 10), o.get('ContentEncoding'))"
            );
            assert_eq!(lab.owner_python(&script)?, format!("{expected} True None"), "{key}");
        }
    }
    // What was passed on as it came is kept by its digest, in the body that the log commits to.
    let digest = "import hashlib; print(hashlib.sha256(b'0123456789' * 900_000).hexdigest())";
    let digest = lab.owner_python(digest)?;
    let kept = walk(&lab.installation.folder().join("data"))?;
    assert!(kept.contains(&format!("\"content\":\"{}\"", digest.trim())), "the content is not named");
    let entries = walk(&lab.installation.folder().join("log"))?;
    assert!(entries.contains("\"answer\":\"") && !entries.contains(digest.trim()), "nor is it in the log");
    Ok(())
}

fn walk(folder: &std::path::Path) -> Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text.push_str(&walk(&path)?);
        } else {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(&path)?));
        }
    }
    Ok(text)
}

/// 1 GiB through the gateway, in one request and in parts, while it holds no more than a few pieces of it.
#[test]
fn a_gibibyte_passes_in_flat_memory() -> Result<()> {
    let lab = Lab::open()?;
    lab.bucket("bkt")?;
    lab.python(&put("warm", "b'x' * 9_000_000", "{}"), &[])?.expect(0)?;
    let before = lab.peak()?;
    let upload = "import boto3, io\n\
        from boto3.s3.transfer import TransferConfig\n\
        class Zeros(io.RawIOBase):\n\
        \x20   def __init__(self, size): self.size, self.at = size, 0\n\
        \x20   def readable(self): return True\n\
        \x20   def seekable(self): return True\n\
        \x20   def tell(self): return self.at\n\
        \x20   def seek(self, to, whence=0):\n\
        \x20       self.at = [0, self.at, self.size][whence] + to; return self.at\n\
        \x20   def readinto(self, buffer):\n\
        \x20       n = min(len(buffer), self.size - self.at); buffer[:n] = bytes(n); self.at += n; return n\n\
        s3 = boto3.client('s3')\n\
        s3.put_object(Bucket='bkt', Key='whole', Body=Zeros(1 << 30)); print('whole')";
    lab.python(upload, &[])?.expect(0)?;
    let after = lab.peak()?;
    let size =
        "import boto3; print(boto3.client('s3').head_object(Bucket='bkt', Key='whole')['ContentLength'])";
    assert_eq!(lab.owner_python(size)?, (1u64 << 30).to_string());
    assert!(after - before < 40, "1 GiB cost {} MiB of memory ({before} before)", after - before);
    eprintln!("peak memory of serve: {before} MiB before, {after} MiB after 1 GiB");
    Ok(())
}

#[test]
fn what_is_denied_is_told_so_before_its_body_is_asked_for() -> Result<()> {
    let lab = Lab::open()?;
    lab.bucket("bkt")?;
    let key = &lab.people.olga.private;
    let looking = lab.installation.session("fixer", "olga", key, "look", &["--scope", "effect:read"])?;
    let agent = testkit::Signer::of(&looking)?;
    let head = |signed: &Signed| signed.head(&[("expect", "100-continue"), ("content-length", "5368709120")]);
    let signed = agent.put(lab.gateway(), "/bkt/k", "UNSIGNED-PAYLOAD");
    let mut stream = TcpStream::connect(lab.gateway())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head(&signed).as_bytes())?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");

    // Allowed: told to go on; broken off: nothing is there.
    let signed = lab.agent.put(lab.gateway(), "/bkt/half", "UNSIGNED-PAYLOAD");
    let mut stream = TcpStream::connect(lab.gateway())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head(&signed).replace("5368709120", "1000000").as_bytes())?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
    stream.write_all(&[b'x'; 500_000])?;
    drop(stream);
    lab.settled()?;
    assert_eq!(lab.object("bkt", "half")?, "NoSuchKey");

    // Not what was signed: refused, and nothing is there.
    let other = "0000000000000000000000000000000000000000000000000000000000000000";
    let signed = lab.agent.put(lab.gateway(), "/bkt/other", other);
    let mut stream = TcpStream::connect(lab.gateway())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(head(&signed).replace("5368709120", "100000").as_bytes())?;
    let _ = stream.read(&mut [0; 4096])?;
    stream.write_all(&[b'x'; 100_000])?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.contains("not the one whose digest was signed"), "{answer}");
    assert_eq!(lab.object("bkt", "other")?, "NoSuchKey");
    Ok(())
}
