//! Every operation of AWS as botocore signs it, one request each (`../shared/cases/aws-signed-requests.jsonl.gz`):
//! routed to its own operation, and never classed less severely than it. Skips, loudly, where the file is not there.
//!
//! Measured with botocore 1.44.5: of 19,684 signed requests 19,434 (98.73 %) reach exactly their operation; 235 more
//! (together 99.92 %) reach the same IAM action of a service that writes the very same request (docdb and neptune as
//! rds, qconnect as wisdom, shared tag routes). Of the other 15, 13 are denied as unknown: importexport and cloudsearch
//! in forms of their own, and what signs as `s3express` or `s3-object-lambda`. Two are taken for an operation that is
//! at least as severe: lex's two `imports` paths, and s3control's CreateBucket for outposts. None is classed less
//! severely than its own operation. Rebuilt from their canonical parse, all 19,533 requests whose body is not content
//! read the same again.

use std::{collections::BTreeMap, fmt::Write as _, io::Read as _, path::Path};

use classify_aws::{
    call::{Call, build},
    classify::{Target, classify, effects},
    params,
    route::{RouteError, route},
    table::{Protocol, Row, Table},
};
use model::{Account, Partition, Request, Value};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    svc: String,
    op: String,
    m: String,
    url: String,
    h: BTreeMap<String, String>,
    b: String,
}

impl Line {
    fn request(&self) -> Request {
        let target = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<_> =
            self.h.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        headers.push(("host".into(), self.url.split('/').nth(2).unwrap_or_default().into()));
        Request {
            method: self.m.clone(),
            path: format!("/{path}"),
            query: query.to_owned(),
            headers,
            body: self.b.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect(),
        }
    }

    /// The service of the credential scope; `None` for what is not signed with SigV4.
    fn signing(&self) -> Option<&str> {
        let header = self.h.get("Authorization")?;
        header.strip_prefix("AWS4-HMAC-SHA256 Credential=")?.split('/').nth(3)
    }
}

fn corpus() -> Option<Vec<Line>> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/aws-signed-requests.jsonl.gz");
    let Ok(compressed) = std::fs::read(file) else {
        eprintln!("SKIPPED: the signed requests are not here");
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[derive(Default)]
struct Score {
    signed: usize,
    exact: usize,
    same_action: usize,
    /// `docdb as rds`: services that cannot be told apart on the wire.
    twins: BTreeMap<String, usize>,
    rest: BTreeMap<String, Vec<String>>,
    lighter: Vec<String>,
}

#[test]
fn every_operation_is_routed_and_none_is_taken_for_a_lighter_one() {
    let Some(lines) = corpus() else { return };
    let table = Table::shared();
    let target = Target::new(Partition("aws".into()), Account("123456789012".into()));
    let mut score = Score::default();
    for line in &lines {
        let Some(signing) = line.signing() else { continue };
        score.signed += 1;
        let own = table
            .get(&line.svc, &line.op)
            .unwrap_or_else(|| panic!("{}:{} is not in the table", line.svc, line.op));
        let service = table.service(&line.svc).unwrap();
        let name = format!("{}:{}", line.svc, line.op);
        match route(&line.request(), signing, table) {
            Ok(routed) if routed.service.name == line.svc && routed.operation == line.op => score.exact += 1,
            Ok(routed) => {
                let row = routed.row.expect("the corpus has no operation that the table does not know");
                if row.iam(routed.service) == own.iam(service) {
                    score.same_action += 1;
                    *score.twins.entry(format!("{} as {}", line.svc, routed.service.name)).or_default() += 1;
                } else {
                    let reason = format!("taken for {}", routed.operation());
                    score
                        .rest
                        .entry("another operation".into())
                        .or_default()
                        .push(format!("{name}: {reason}"));
                }
                let (got, want) = (effects::of(row), effects::of(own));
                if got.effects.worst() < want.effects.worst()
                    || !got.exposure.credentials && want.exposure.credentials
                {
                    score.lighter.push(format!(
                        "{name} taken for {}: {} < {}",
                        routed.operation(),
                        got.effects,
                        want.effects
                    ));
                }
            }
            Err(error) => {
                let kind = match &error {
                    RouteError::UnknownService { .. } => "no such signing name",
                    RouteError::UnknownOperation { .. } => "no row matches",
                    RouteError::Ambiguous { .. } => "two readings",
                    RouteError::Undecodable { .. } => "undecodable",
                };
                score.rest.entry(format!("denied: {kind}")).or_default().push(format!("{name}: {error}"));
            }
        }
        if let Ok(classified) = classify(line.request(), signing, "us-east-1", &target, &Default::default()) {
            let got = classified.action.parts().effects;
            let want = effects::of(own).effects;
            if got.worst() < want.worst() {
                score.lighter.push(format!("{name} classed {got} < {want}"));
            }
        }
    }
    println!("{}", table_of(&score));
    assert!(score.lighter.is_empty(), "less severe:\n{}", score.lighter.join("\n"));
    assert!(score.exact * 1000 >= score.signed * 987, "exact: {} of {}", score.exact, score.signed);
    assert!((score.exact + score.same_action) * 1000 >= score.signed * 999);
}

fn table_of(score: &Score) -> String {
    let mut out = format!(
        "{} signed, {} exact ({:.2} %), {} under the same IAM action",
        score.signed,
        score.exact,
        100.0 * score.exact as f64 / score.signed as f64,
        score.same_action
    );
    for (twins, count) in &score.twins {
        write!(out, "\n  {count} {twins}").unwrap();
    }
    for (reason, names) in &score.rest {
        write!(out, "\n{reason}: {}\n  {}", names.len(), names.join("\n  ")).unwrap();
    }
    out
}

#[test]
fn the_corpus_parses_and_tokens_play_no_part_in_the_digest() {
    let Some(lines) = corpus() else { return };
    let table = Table::shared();
    let mut refused = Vec::new();
    for line in &lines {
        let Some(signing) = line.signing() else { continue };
        let request = line.request();
        let Ok(routed) = route(&request, signing, table) else { continue };
        match params::parse(&request, &routed) {
            Ok(parsed) => {
                let text = format!("{parsed:?}");
                for secret in ["AKIAVIRT", "X-Amz-Signature", "Boto3"] {
                    assert!(!text.contains(secret), "{}:{} keeps {secret}", line.svc, line.op);
                }
            }
            Err(error) => refused.push(format!("{}:{}: {error}", line.svc, line.op)),
        }
    }
    println!("{} refused:\n  {}", refused.len(), refused.join("\n  "));
    assert!(refused.is_empty(), "{refused:?}");
}

/// What `params` reads, `call` writes: built anew from its own parse, every request is the same operation with the same
/// parameters. Not so where the body is content (only its digest is kept), or CBOR.
#[test]
fn every_call_is_built_as_it_was_read() {
    let Some(lines) = corpus() else { return };
    let table = Table::shared();
    let (mut same, mut content, mut failed) = (0, 0, BTreeMap::<String, Vec<String>>::new());
    for line in &lines {
        let Some(signing) = line.signing() else { continue };
        let request = line.request();
        let Ok(routed) = route(&request, signing, table) else { continue };
        let parameters = params::parse(&request, &routed).unwrap();
        let opaque = parameters.get("$body").is_some_and(|body| body.get("body_sha256").is_some());
        if opaque || routed.protocol == Protocol::Cbor {
            content += 1;
            continue;
        }
        let name = format!("{}:{}", line.svc, line.op);
        let parameters = with_tokens(parameters, routed.row.unwrap());
        let call = Call {
            service: routed.service.name.into(),
            operation: routed.operation.clone(),
            region: "us-east-1".into(),
            parameters: parameters.clone(),
        };
        let outcome = build(&call).map_err(|error| error.to_string()).and_then(|built| {
            let again = route(&built, signing, table).map_err(|error| error.to_string())?;
            let reread = params::parse(&built, &again).map_err(|error| error.to_string())?;
            match (
                again.operation() == routed.operation(),
                with_tokens(reread, routed.row.unwrap()) == parameters,
            ) {
                (true, true) => Ok(()),
                (false, _) => Err(format!("another operation: {}", again.operation())),
                (true, false) => Err("other parameters".to_owned()),
            }
        });
        match outcome {
            Ok(()) => same += 1,
            Err(reason) => failed.entry(reason).or_default().push(name),
        }
    }
    println!("{same} built as read, {content} with content, failed: {failed:#?}");
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A few operations will not do without their idempotency token in the query.
fn with_tokens(mut parameters: Value, row: &Row) -> Value {
    let required = |name: &str| row.query_names().any(|(known, required)| required && known == name);
    for token in row.dropped().filter(|token| required(token.name)) {
        if let Value::Map(sections) = &mut parameters
            && let Some(Value::Map(query)) = sections.get_mut("$query")
        {
            query.insert(token.name.to_owned(), Value::text("token"));
        }
    }
    parameters
}
