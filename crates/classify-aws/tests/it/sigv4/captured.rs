//! What a real client sent, one request an operation: every signature verifies, and none does once anything it covers
//! is altered. The captured requests are handed in from beside the project; without them nothing is tested here.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use classify_aws::sigv4::{AuthError, PayloadHash, present};
use flate2::read::GzDecoder;
use model::Request;
use serde_json::Value;

use super::judge;

const SECRET: &str = "x";

/// Its body is a stream whose declared hash was made up when it was captured.
const ARTEFACT: &str = "codeartifact.PublishPackageVersion";

#[test]
fn every_signed_request_verifies_and_no_altered_one_does() {
    let Some(lines) = lines() else {
        eprintln!("SKIPPED: no captured requests beside the project");
        return;
    };
    let (mut signed, mut unsigned, mut alterations, mut failed) = (0, 0, 0, Vec::new());
    for (nth, line) in lines.enumerate() {
        let case: Value = serde_json::from_str(&line).unwrap();
        let name = format!("{}.{}", case["svc"].as_str().unwrap(), case["op"].as_str().unwrap());
        let request = read(&case);
        let presented = match present(&request) {
            Ok(presented) => presented,
            Err(AuthError::Unsigned | AuthError::SigV2) => {
                unsigned += 1;
                continue;
            }
            Err(error) if name == ARTEFACT => {
                failed.push(format!("{name}: {error}"));
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        signed += 1;
        let now = presented.signed_at().plus_seconds(60);
        match judge(&request, SECRET, now) {
            Ok(verified) => {
                assert_eq!(
                    (verified.region.as_str(), verified.service.as_str()),
                    presented.scope(),
                    "{name}"
                );
                assert_eq!(verified.unsigned, Vec::<String>::new(), "{name}");
                if nth % 7 == 0 {
                    for (what, altered) in alterations_of(&request, &verified.payload) {
                        assert!(
                            judge(&altered, SECRET, now).is_err(),
                            "{name}: {what} altered, and still believed"
                        );
                        alterations += 1;
                    }
                }
            }
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    println!(
        "{signed} signed, {unsigned} unsigned by design, {alterations} alterations refused; not verified: {failed:#?}"
    );
    assert!(failed.iter().all(|failure| failure.starts_with(ARTEFACT)), "{failed:#?}");
    assert!(signed > 19_000);
}

fn lines() -> Option<impl Iterator<Item = String>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/aws-signed-requests.jsonl.gz");
    let file = File::open(path).ok()?;
    Some(BufReader::new(GzDecoder::new(file)).lines().map(Result::unwrap))
}

fn read(case: &Value) -> Request {
    let (_, url) = case["url"].as_str().unwrap().split_once("://").unwrap();
    let (host, target) = url.split_once('/').unwrap_or((url, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = case["h"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
        .collect();
    headers.push(("host".into(), host.into()));
    Request {
        method: case["m"].as_str().unwrap().to_owned(),
        path: format!("/{path}"),
        query: query.to_owned(),
        headers,
        body: case["b"].as_str().unwrap().chars().map(|letter| u8::try_from(letter).unwrap()).collect(),
    }
}

/// The request with one covered thing altered, each thing once.
fn alterations_of(request: &Request, payload: &PayloadHash) -> Vec<(String, Request)> {
    let mut altered = Vec::new();
    let mut alter = |what: &str, with: &dyn Fn(&mut Request)| {
        let mut copy = request.clone();
        with(&mut copy);
        altered.push((what.to_owned(), copy));
    };
    let authorization = request.header("authorization").unwrap();
    let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    for name in signed.split(';') {
        let at = request.headers.iter().position(|(key, _)| key == name).unwrap();
        alter(name, &|copy| copy.headers[at].1.push('1'));
        alter(&format!("{name} twice"), &|copy| copy.headers.push(copy.headers[at].clone()));
        alter(&format!("{name} gone"), &|copy| {
            copy.headers.remove(at);
        });
    }
    alter("method", &|copy| copy.method.push('X'));
    alter("path", &|copy| copy.path.push('x'));
    if request.path.len() > 1 {
        let last = request.path.len() - 1;
        let other = if request.path.ends_with('z') { "y" } else { "z" };
        alter("path byte", &|copy| copy.path.replace_range(last.., other));
    }
    alter("query", &|copy| copy.query.push_str("&Action=DeleteEverything"));
    if !request.query.is_empty() {
        alter("query gone", &|copy| copy.query.clear());
    }
    if *payload != PayloadHash::Unsigned {
        alter("body longer", &|copy| copy.body.push(0));
        if !request.body.is_empty() {
            alter("body byte", &|copy| copy.body[0] ^= 1);
        }
    }
    alter("another service", &|copy| replace(copy, "/aws4_request", "x/aws4_request"));
    alter("unsigned target", &|copy| copy.headers.push(("x-amz-target-2".into(), "X.Y".into())));
    altered
}

/// Rewrites the Authorization header; altering only the key id cannot be seen in the signature itself, but names
/// another secret.
fn replace(request: &mut Request, from: &str, to: &str) {
    for (name, value) in &mut request.headers {
        if name == "authorization" {
            *value = value.replace(from, to);
        }
    }
}
