//! Gathering facts: the reads that the tables ask for, each admitted like any other, as Countersign's own session.

use std::collections::BTreeMap;

use classify_aws::{
    answer::{JsonVersion, Shape},
    call::{self, Call},
    classify::{Classified, ClassifyError, Target, classify},
    gather::{self, Progress, ReadAnswer},
    rights,
    table::Table,
};
use engine::{Admitted, Asked, Collector, Engine, Gathered, Later, Pinned, Purpose};
use model::{Account, Action, Digest, Fault, Partition, Request, Value};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use policy::Bundle;

use crate::{
    Gateway, Upstream, UpstreamError,
    forward::{Content, Route, whole},
    rights::NOT_KNOWN_YET,
    terms::Kept,
};

/// Gathers for one classified request.
pub(crate) struct Gatherer<'g> {
    pub(crate) gateway: &'g Gateway,
    pub(crate) params: Value,
}

impl Collector for Gatherer<'_> {
    fn gather<'a>(&'a self, engine: &'a Engine, action: &'a Action) -> Later<'a, Gathered> {
        Box::pin(gather(self.gateway, engine, action, &self.params))
    }
}

pub(crate) async fn gather(gateway: &Gateway, engine: &Engine, action: &Action, params: &Value) -> Gathered {
    let Ok(now) = engine.now() else { return Gathered::default() };
    let Some(mut gathering) = gather::start(action.parts(), action.marks(), params, now) else {
        return Gathered::default();
    };
    // Looked at with our own rights there, whoever the action would be done as.
    let target = Target::new(action.parts().partition.clone(), action.parts().account.clone());
    let mut answers = Vec::new();
    loop {
        match gathering.step(answers) {
            Progress::Done(found) => {
                let found = *found;
                let pinned = pin(action.request(), params, &found.pins);
                return Gathered {
                    observation: found.observation,
                    sought: found.sought,
                    undo: found.undo,
                    effects: found.effects,
                    pinned,
                    tags: found.tags,
                    handed: found.handed.map(|handed| {
                        let terms =
                            gateway.terms.of(engine, &engine.bundle()).map_err(|err| err.to_string())?;
                        let region = &action.parts().region;
                        handed.map(|it| rights::as_actions(&it, region, &target, &terms))
                    }),
                    unknowns: found.unknowns,
                };
            }
            Progress::Read(calls) => {
                answers = Vec::with_capacity(calls.len());
                for call in calls {
                    answers.push(read(gateway, engine, &target, &call).await);
                }
            }
        }
    }
}

/// One read; whatever goes wrong is an answer without content, which the tables count as not known.
async fn read(gateway: &Gateway, engine: &Engine, target: &Target, call: &Call) -> ReadAnswer {
    if let Some(answer) = gateway.change_sets.answer(call) {
        return answer;
    }
    match submit(engine, &gateway.upstream, &gateway.terms, target, call).await {
        Ok(answer) => answer,
        Err(why) => {
            tracing::warn!(operation = %format!("{}:{}", call.service, call.operation), %why, "a fact could not be gathered");
            ReadAnswer { status: 0, headers: Vec::new(), body: Vec::new() }
        }
    }
}

pub(crate) async fn submit(
    engine: &Engine,
    upstream: &Upstream,
    terms: &Kept,
    target: &Target,
    call: &Call,
) -> Result<ReadAnswer, String> {
    let mut request = call::build(call).map_err(|err| err.to_string())?;
    loop {
        let under = engine.bundle();
        let classified =
            understand(terms, (engine, &under), request, signing_name(&call.service), &call.region, target)
                .map_err(|(_, why)| why)?;
        let route = route(&classified, &call.region, target);
        let asked = Asked {
            session: engine.own_session(),
            action: classified.action,
            under,
            signature: Digest::of(b""),
            purpose: Purpose::Collector,
        };
        let permit = match engine.admit(asked, &Nothing).await {
            Admitted::Permit(permit) => permit,
            Admitted::Refused(refusal) => return Err(refusal.message),
            Admitted::Recorded { .. } => return Err("a read has no recorded outcome".to_owned()),
            Admitted::Turned(again) => {
                request = *again;
                continue;
            }
        };
        let (receipt, result) = upstream.send(engine, permit, &route, Content::Whole).await;
        // A plain read leaves nothing to settle.
        drop(receipt);
        let answered = result.map_err(|settled| format!("{settled:?}"))?;
        let status = answered.status;
        let headers = answered.headers.clone();
        let (_, body) = whole(answered).await.map_err(|settled| format!("{settled:?}"))?;
        return Ok(ReadAnswer { status, headers, body });
    }
}

/// A collector's own reads gather nothing in turn.
struct Nothing;

impl Collector for Nothing {
    fn gather<'a>(&'a self, _: &'a Engine, _: &'a Action) -> Later<'a, Gathered> {
        Box::pin(async { Gathered::default() })
    }
}

/// What requests of a service are signed for; its own name where the table does not know it.
pub(crate) fn signing_name(service: &str) -> &str {
    Table::shared().service(service).map_or(service, |known| known.signing)
}

/// Classifies under a bundle; what is admitted says under which.
pub(crate) fn understand(
    terms: &Kept,
    (engine, bundle): (&Engine, &Bundle),
    request: Request,
    service: &str,
    region: &str,
    target: &Target,
) -> Result<Classified, (Box<ClassifyError>, String)> {
    let terms = terms.of(engine, bundle).map_err(|err| ClassifyError {
        shape: Shape::Json { version: JsonVersion::V1_1 },
        operation: None,
        hint: err.hint().to_owned(),
        fault: Fault::NoPolicy(err.to_string()),
    });
    terms.and_then(|terms| classify(request, service, region, target, &terms)).map_err(|err| {
        let text = format!("{} {}", err.fault, err.hint);
        (Box::new(err), text)
    })
}

pub(crate) fn route(classified: &Classified, region: &str, target: &Target) -> Route {
    Route {
        signing_name: classified.signing_name.clone(),
        endpoint_prefix: classified.endpoint_prefix.clone(),
        host_prefix: classified.host_prefix.clone(),
        region: region.to_owned(),
        partition: target.partition.0.clone(),
    }
}

/// Which account the real credentials belong to: `sts:GetCallerIdentity`, as a read of our own.
pub(crate) async fn identify(
    engine: &Engine,
    upstream: &Upstream,
    terms: &Kept,
) -> Result<Target, UpstreamError> {
    let unknown = Target::new(Partition("aws".to_owned()), Account(NOT_KNOWN_YET.to_owned()));
    let call = Call {
        service: "sts".to_owned(),
        operation: "GetCallerIdentity".to_owned(),
        region: "us-east-1".to_owned(),
        parameters: Value::map::<String>([]),
    };
    let answer = submit(engine, upstream, terms, &unknown, &call).await.map_err(UpstreamError::Identity)?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let between = |open: &str, close: &str| {
        let (_, rest) = text.split_once(open)?;
        Some(rest.split_once(close)?.0.trim().to_owned())
    };
    let wrong = || UpstreamError::Identity(format!("it answered {} and no account", answer.status));
    let account = between("<Account>", "</Account>").ok_or_else(wrong)?;
    let arn = between("<Arn>", "</Arn>").ok_or_else(wrong)?;
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Target::new(Partition(partition), Account(account)))
}

/// Puts resolved references into a request, written anew from its one parse, so that no second spelling of a parameter
/// survives beside the pinned one.
fn pin(request: &Request, params: &Value, pins: &[gather::Pin]) -> Pinned {
    if pins.is_empty() {
        return Pinned::NotNeeded;
    }
    let in_parts = params.get("$path").is_some();
    let json = request.header("x-amz-target").is_some() && !in_parts;
    let cbor = request.header("smithy-protocol").is_some();
    let pinned = match (in_parts, json) {
        _ if cbor => None,
        (true, _) => pin_parts(request, pins),
        (false, true) => pin_json(request.clone(), pins),
        (false, false) => pin_form(request, pins),
    };
    match pinned {
        Some(request) => Pinned::Request(Box::new(request)),
        None => Pinned::Impossible("what it refers to by name cannot be put into this request".to_owned()),
    }
}

fn pin_form(request: &Request, pins: &[gather::Pin]) -> Option<Request> {
    let form = if request.body.is_empty() { request.query.as_bytes() } else { request.body.as_slice() };
    let mut members: BTreeMap<String, String> = form_pairs(form)?;
    for pin in pins {
        members.insert(pin.parameter.clone(), pin.value.clone());
        if let Some(left_out) = &pin.instead_of {
            members.remove(left_out);
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let body: Vec<String> =
        members.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let mut headers: Vec<(String, String)> =
        request.headers.iter().filter(|(name, _)| name != "content-type").cloned().collect();
    headers.push(("content-type".to_owned(), FORM.to_owned()));
    Some(Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: body.join("&").into_bytes(),
    })
}

/// By dots into the objects of a JSON body; each object on the way must be there.
fn pin_json(mut request: Request, pins: &[gather::Pin]) -> Option<Request> {
    let mut body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
    for pin in pins {
        let mut steps: Vec<&str> = pin.parameter.split('.').collect();
        let last = steps.pop()?;
        let place = steps.into_iter().try_fold(&mut body, |place, step| place.get_mut(step))?;
        let object = place.as_object_mut()?;
        object.insert(last.to_owned(), pin.value.clone().into());
        if let Some(left_out) = &pin.instead_of {
            object.remove(left_out);
        }
    }
    request.body = serde_json::to_vec(&body).ok()?;
    Some(request)
}

/// Of REST requests by place.
fn pin_parts(request: &Request, pins: &[gather::Pin]) -> Option<Request> {
    let mut request = request.clone();
    for pin in pins {
        let (place, name) = pin.parameter.split_once('.')?;
        match place {
            "body" => {
                let pin = gather::Pin { parameter: name.to_owned(), ..pin.clone() };
                request = pin_json(request, &[pin])?;
            }
            "headers" => {
                request.headers.retain(|(header, _)| header != name);
                request.headers.push((name.to_owned(), pin.value.clone()));
            }
            _ => return None,
        }
    }
    Some(request)
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The pairs of a form, decoded; `None` where one stands twice or is no text.
fn form_pairs(form: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    for pair in std::str::from_utf8(form).ok()?.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
        };
        if pairs.insert(decode(name)?, decode(value)?).is_some() {
            return None;
        }
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, query: &str, body: &str, expected: Option<&str>) {
        let request = Request {
            method: method.to_owned(),
            path: "/".to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), FORM.to_owned())],
            body: body.as_bytes().to_vec(),
        };
        let params = Value::map([("ChangeSetName", Value::text("k"))]);
        let pins = [gather::Pin {
            parameter: "ChangeSetName".to_owned(),
            value: "arn:k/1".to_owned(),
            instead_of: None,
        }];
        let pinned = match pin(&request, &params, &pins) {
            Pinned::Request(request) => {
                assert!(request.query.is_empty() && request.method == "POST");
                Some(String::from_utf8(request.body).unwrap())
            }
            Pinned::NotNeeded | Pinned::Impossible(_) => None,
        };
        assert_eq!(pinned.as_deref(), expected);
    }

    #[test]
    fn a_reference_is_pinned_in_every_protocol() {
        let request = |target: bool, body: &str| Request {
            method: "PUT".to_owned(),
            path: "/x".to_owned(),
            query: String::new(),
            headers: if target { vec![("x-amz-target".to_owned(), "A.B".to_owned())] } else { Vec::new() },
            body: body.as_bytes().to_vec(),
        };
        let pins = |parameter: &str| {
            [gather::Pin { parameter: parameter.to_owned(), value: "7".to_owned(), instead_of: None }]
        };
        let (flat, parts) = (Value::map::<String>([]), Value::map([("$path", Value::map::<String>([]))]));
        let body = |pinned: Pinned| match pinned {
            Pinned::Request(request) => String::from_utf8(request.body).unwrap(),
            Pinned::NotNeeded | Pinned::Impossible(_) => "impossible".to_owned(),
        };
        let json = r#"{"A":{"V":"1"}}"#;
        assert_eq!(body(pin(&request(true, json), &flat, &pins("A.V"))), r#"{"A":{"V":"7"}}"#);
        assert_eq!(body(pin(&request(true, json), &flat, &pins("B.V"))), "impossible");
        assert_eq!(body(pin(&request(true, "[]"), &flat, &pins("V"))), "impossible");
        assert_eq!(body(pin(&request(false, json), &parts, &pins("body.W"))), r#"{"A":{"V":"1"},"W":"7"}"#);
        let mut cbor = request(false, "A=1");
        cbor.headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
        assert_eq!(body(pin(&cbor, &flat, &pins("A"))), "impossible");
        match pin(&request(false, ""), &parts, &pins("headers.x-if")) {
            Pinned::Request(request) => assert_eq!(request.header("x-if"), Some("7")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reference_is_pinned_however_it_was_spelt() {
        let pinned = Some("Action=ExecuteChangeSet&ChangeSetName=arn%3Ak%2F1&StackName=a%20b");
        check("POST", "", "Action=ExecuteChangeSet&ChangeSetName=k&StackName=a+b", pinned);
        check("POST", "", "Change%53etName=k&Action=ExecuteChangeSet&StackName=a%20b", pinned);
        check("GET", "StackName=a+b&Action=ExecuteChangeSet&ChangeSetName=k", "", pinned);
        check("POST", "", "ChangeSetName=k&Change%53etName=j", None);
        check("POST", "", "\u{1}=%ff", None);
    }
}
