//! Every route of the people listener, asked by everybody (`routes.txt`): the answers, and what the ledger has of it afterwards.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{Response, certificate, now, send, until};

use super::by_hand::{Desk, Hand, OF_STATEMENTS};
use crate::{
    adopt::{copied, in_force, text},
    lab::{files_below, named},
};

const TABLE: &str = include_str!("../routes.txt");

struct Row {
    method: &'static str,
    path: &'static str,
    /// Nobody, an agent, the operator, an approver.
    answers: [u16; 4],
    leaves: &'static str,
}

fn rows() -> Result<Vec<Row>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split_whitespace();
            let mut next = || parts.next().with_context(|| line.to_owned());
            let (method, path) = (next()?, next()?);
            let answers = [next()?.parse()?, next()?.parse()?, next()?.parse()?, next()?.parse()?];
            let (_, leaves) = line.split_once("  ->  ").with_context(|| line.to_owned())?;
            Ok(Row { method, path, answers, leaves })
        })
        .collect()
}

/// What is asked about, made anew for each route.
struct Matter {
    change: String,
    session: String,
}

impl Matter {
    fn new(desk: &Desk, name: &str, row: &Row) -> Result<Self> {
        let of_what_ran = row.path.ends_with("/undo") || row.path.ends_with("/erase");
        let change = if of_what_ran { written(desk, name)? } else { desk.lab.hold(name)? };
        let key = &desk.lab.people.olga.private;
        // Of an agent of its own, that can be stopped as a whole.
        let session = desk.lab.installation.session("tidier", "olga", key, "be stopped", &[])?.id;
        Ok(Self { change, session })
    }

    fn target(&self, desk: &Desk, row: &Row) -> Result<String> {
        let id = match row.path {
            path if path.contains("sessions/") => self.session.clone(),
            path if path.contains("bundles/") => in_force(&desk.lab)?,
            path if path.contains("tables/") => "0".repeat(64),
            path if path.starts_with("/audit/") => "0".to_owned(),
            _ => self.change.clone(),
        };
        let query = match row.path {
            "/v1/consistency" => "?from=1",
            "/sessions/stop" => "?agent=tidier",
            "/v1/person" => "?key=AAAA",
            "/v1/changes/{id}/wait" => "?seconds=0",
            "/changes/{id}/statement" => "?act=approve",
            "/v1/changes/{id}/statement" => "?act=approve&person=ben&presence=touched&checkpoint=x",
            _ => "",
        };
        Ok(format!("{}{query}", row.path.replace("{id}", &id).replace("{provider}", "corp")))
    }

    /// What `hand` would send; nobody sends what ben would.
    fn body(&self, desk: &Desk, row: &Row, hand: &Hand, cookie: &str) -> Result<String> {
        Ok(match row.path {
            "/changes/{id}/sign" | "/v1/changes/{id}/signatures" => {
                let statement = desk.statement(cookie, &self.change)?;
                let signature = desk.touched(hand, OF_STATEMENTS, &statement);
                json!({ "statement": statement, "signature": signature }).to_string()
            }
            "/v1/sessions" if row.method == "POST" => {
                json!({ "agent": "fixer", "operator": "olga", "task": "more", "ttl_seconds": 60 }).to_string()
            }
            "/v1/sessions/stop" => json!({ "agent": "tidier" }).to_string(),
            "/enrol" if row.method == "POST" => desk.creation(hand, hand.name).to_string(),
            "/v1/changes/{id}/erase" => json!({ "ground": "asked for" }).to_string(),
            "/v1/sessions/{id}/break-glass" => {
                json!({ "waives": ["nothing-in-a-freeze"], "minutes": 30, "ground": "the shop is down" })
                    .to_string()
            }
            "/v1/bundles" => {
                let (files, certificate) = candidate(desk, &self.change)?;
                json!({ "files": files, "certificate": certificate }).to_string()
            }
            "/v1/simulations" => {
                let (files, _) = candidate(desk, &self.change)?;
                json!({ "files": files, "since": "2020-01-01T00:00:00Z" }).to_string()
            }
            _ => String::new(),
        })
    }
}

/// A change that ran, and what was there before is kept.
fn written(desk: &Desk, name: &str) -> Result<String> {
    let parameter = |value: &str| json!({ "Name": format!("/{name}"), "Value": value, "Type": "String", "Overwrite": true });
    ensure!(desk.lab.owner_call("ssm", "AmazonSSM.PutParameter", &parameter("1"))?.status == 200);
    let ran = desk.lab.call("ssm", "AmazonSSM.PutParameter", &parameter("2"))?;
    ensure!(ran.status == 200, "{}", ran.text());
    named(&ran)
}

/// The files of another bundle with the same rules, and what is proved of it; the same for the same `name`.
fn candidate(desk: &Desk, name: &str) -> Result<(BTreeMap<String, String>, String)> {
    let next = copied(&desk.lab, name)?;
    let file = next.join("overrides.toml");
    fs::write(&file, format!("{}\n# for {name}\n", fs::read_to_string(&file)?))?;
    let mut files = BTreeMap::new();
    for file in files_below(&next)? {
        files.insert(text(file.strip_prefix(&next)?)?.to_owned(), fs::read_to_string(&file)?);
    }
    let proof = fs::read_to_string(certificate(&next)?)?;
    Ok((files, proof))
}

/// A stream of events does not end: only how it begins is looked at.
fn begins(desk: &Desk, headers: &[(&str, &str)]) -> Result<u16> {
    let [_, _, people] = desk.lab.serve.authorities();
    let mut socket = TcpStream::connect(people)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(socket, "GET /events HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", desk.host)?;
    let mut head = [0; 12];
    socket.read_exact(&mut head)?;
    Ok(std::str::from_utf8(&head)?.rsplit(' ').next().unwrap_or_default().parse()?)
}

fn ask(desk: &Desk, row: &Row, target: &str, headers: &[(&str, &str)], body: &str) -> Result<Response> {
    if row.path == "/events" {
        return Ok(Response { status: begins(desk, headers)?, headers: Vec::new(), body: Vec::new() });
    }
    desk.send(row.method, target, headers, body)
}

/// `body` is signed after a login is: a passkey counts up.
fn as_person(
    desk: &Desk,
    row: &Row,
    target: &str,
    hand: &Hand,
    body: impl FnOnce() -> Result<String>,
) -> Result<Response> {
    if row.method == "POST" && row.path == "/signin" {
        return desk.signs_in(hand);
    }
    if row.path.ends_with("/return") {
        return desk.comes_back_as(hand.name);
    }
    if row.path.starts_with("/v1") {
        let body = body()?;
        let headers = desk.signed_request(hand, (row.method, target, &body))?;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        return ask(desk, row, target, &headers, &body);
    }
    // A login of its own: one of them is signed out.
    let (cookie, origin) = (desk.sign_in(hand)?, format!("http://{}", desk.host));
    ask(desk, row, target, &[("cookie", &cookie), ("origin", &origin)], &body()?)
}

#[test]
fn every_route_answers_everybody_and_tells_the_ledger() -> Result<()> {
    let desk = Desk::with_accounts()?;
    let (olgas, bens) = (desk.sign_in(&desk.olga)?, desk.sign_in(&desk.ben)?);
    let origin = format!("http://{}", desk.host);
    let described = desk.send("GET", "/v1/openapi.json", &[], "")?;
    let described: serde_json::Value = serde_json::from_slice(&described.body)?;
    for (nth, row) in rows()?.into_iter().enumerate() {
        let what = format!("{} {}", row.method, row.path);
        let matter = Matter::new(&desk, &format!("route{nth}"), &row)?;
        let target = matter.target(&desk, &row)?;
        let before = if row.leaves.contains(' ') || row.leaves == "reads" {
            Vec::new()
        } else {
            desk.lab.entries(row.leaves)?
        };
        let answers = |body: &str| -> Result<[u16; 2]> {
            let nobody = ask(&desk, &row, &target, &[("origin", &origin)], body)?;
            let agent = if row.path == "/events" {
                begins(&desk, &[("authorization", "AWS4-HMAC-SHA256 Credential=")])?
            } else {
                let kind = [("origin", origin.as_str())];
                let signed = desk.lab.agent.sign_at(
                    now(),
                    "countersign",
                    &desk.host,
                    row.method,
                    &target,
                    &kind,
                    body.into(),
                );
                let [_, _, people] = desk.lab.serve.authorities();
                let headers: Vec<_> =
                    signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                send(people, row.method, &target, &headers, body.as_bytes())?.status
            };
            Ok([nobody.status, agent])
        };
        // Looking at a change as a person is what seals it, so those who are nobody go first, with ben's own words where there
        // are any.
        let words = matter.body(&desk, &row, &desk.ben, &bens)?;
        let [nobody, agent] = answers(&words)?;
        let body = || matter.body(&desk, &row, &desk.olga, &olgas);
        let operator = as_person(&desk, &row, &target, &desk.olga, body)?;
        // What was stopped is stopped, and what was undone undone: the approver has one of their own.
        let used = ["/stop", "/undo", "/erase"].iter().any(|end| row.path.ends_with(end));
        let matter = if used { Matter::new(&desk, &format!("too{nth}"), &row)? } else { matter };
        let target = matter.target(&desk, &row)?;
        let body = || matter.body(&desk, &row, &desk.ben, &bens);
        let approver = as_person(&desk, &row, &target, &desk.ben, body)?;
        let found = [nobody, agent, operator.status, approver.status];
        ensure!(
            found == row.answers,
            "{what}: {found:?}, not {:?}\n{}\n{}",
            row.answers,
            operator.text(),
            approver.text()
        );
        if row.path.starts_with("/v1/") {
            let told = &described["paths"][row.path][row.method.to_lowercase()]["responses"];
            for status in found {
                ensure!(told.get(status.to_string()).is_some(), "{what}: {status} is not described");
            }
        }
        if row.leaves == "reads" {
            ensure!(row.method == "GET", "{what} does more than reading");
        } else if let Some(reason) = row.leaves.strip_prefix("nothing: ") {
            ensure!(reason.len() > 20, "{what}: why?");
        } else {
            let after = until(&format!("{what} to leave {}", row.leaves), Duration::from_secs(10), || {
                Ok(Some(desk.lab.entries(row.leaves)?).filter(|it| it.len() > before.len()))
            })?;
            let named = |entry: &serde_json::Value| {
                entry["actors"]["person"].is_string() || entry["actors"]["operator"].is_string()
            };
            ensure!(after.iter().all(named), "{what}: nobody did it");
        }
        let reject = ["change", "reject", &matter.change, "--reason", "the next route"];
        let _ = desk.lab.signs(&desk.lab.people.ben, &reject)?;
    }
    desk.lab.verify()?.expect(0).map(drop)
}
