//! What the console costs with ten thousand changes waiting and five hundred pages open, as browsers meet it: the release binary on
//! the first processor, everything else in this process, on the last one.
//!
//! The inbox beside a page that only has to be copied (the description of the API), from the same listener and over a
//! connection of the same kind: until the first byte, and how large each is. One event to five hundred pages beside the same
//! bytes to five hundred bare sockets, read by the same threads. An event begins when the agent asks for what is then held, so it
//! has the whole decision in it.
//!
//! Targets: the first byte within 50 ms, a page of at most 200 kB, and the last of the five hundred pages within 250 ms.

mod audience;
#[path = "../rig/held.rs"]
mod held;
#[path = "../rig/load.rs"]
#[expect(dead_code, reason = "other benches use more of it")]
mod load;
#[path = "../rig/place.rs"]
#[expect(dead_code, reason = "other benches use more of it")]
mod place;
#[path = "../rig/stub.rs"]
mod stub;

/// What is used of it here.
mod rig {
    pub(crate) use crate::{load, place};
}

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::{
    Caller, Key,
    bench::{Contestant, Figure, Target, compare, report},
    send,
};

use crate::{
    audience::{Audience, Echo},
    held::{HELD, hold, many_may_wait, resident},
    load::Latencies,
    place::Place,
    stub::Stub,
};

const PAGES: usize = 500;
const LOADS: u32 = 20;
const EVENTS: u32 = 4;
const LAST: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    many_files()?;
    let stub = Stub::start()?;
    let keys = tempfile::tempdir()?;
    let place = Place::over(keys.path(), stub.authority(), &[], many_may_wait)?;
    hold(&place, HELD)?;
    let [gateway, _, people] = place.serve.authorities();
    let cookie = sign_in(&place, people, &Key::there(keys.path(), "ben"))?;
    let reached = walk(people, &cookie)?;
    ensure!(reached == HELD, "the pages of the inbox have {reached} changes");

    let (inbox, still) = (Latencies::default(), Latencies::default());
    let mut sizes = [0, 0];
    {
        let [inbox_size, still_size] = &mut sizes;
        compare(&mut [
            Contestant::new("the description of the API", LOADS, |times| {
                *still_size = loaded(people, "/v1/openapi.json", "", times, &still)?;
                Ok(())
            }),
            Contestant::new("the inbox", LOADS, |times| {
                *inbox_size = loaded(people, "/inbox", &cookie, times, &inbox)?;
                Ok(())
            }),
        ])?;
    }
    let [inbox_size, still_size] = sizes;
    let beside = format!("the first byte of {} kB that stand still", still_size / 1000);
    let first = |share: f64| -> Result<(f64, f64)> { Ok((inbox.at(share)?, still.at(share)?)) };
    let ((p50, still_p50), (p99, _)) = (first(0.5)?, first(0.99)?);
    report(&[
        figure("the first byte of the inbox, 10,000 held: p50", p50, "µs", Target::AtMost(50_000.0))
            .beside(&beside, still_p50),
        figure("the first byte of the inbox, 10,000 held: p99", p99, "µs", Target::None),
        figure("the inbox, 10,000 held", inbox_size as f64, "B", Target::AtMost(200_000.0))
            .beside("the description of the API", still_size as f64),
        figure("memory with 10,000 held changes", resident(&place)?, "MB", Target::None),
    ])?;

    let agent = place.agent()?;
    let (told, echoed) = (Latencies::default(), Latencies::default());
    let mut pages = Audience::default();
    for _ in 0..PAGES {
        pages.add(listening(people, &cookie)?)?;
    }
    let mut echo = Echo::open(PAGES)?;
    let mut bucket = HELD;
    compare(&mut [
        Contestant::new("bare sockets", EVENTS, |times| {
            (0..times).try_for_each(|_| {
                echoed.extend(vec![echo.tell(LAST)?]);
                Ok(())
            })
        }),
        Contestant::new("pages", EVENTS, |times| {
            (0..times).try_for_each(|_| {
                bucket += 1;
                let hash = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
                let target = format!("/bucket-{bucket}/key");
                let asked =
                    agent.sign_at(testkit::now(), "s3", gateway, "DELETE", &target, &[hash], Vec::new());
                let began = now();
                load::through(gateway, 1, &[load::bytes(&asked)], "403", &Latencies::default())?;
                told.extend(vec![pages.all_heard(began, LAST)?]);
                Ok(())
            })
        }),
    ])?;
    report(&[
        figure("one event, to the last of 500 pages: p50", told.at(0.5)?, "µs", Target::AtMost(250_000.0))
            .beside("the same bytes, to the last of 500 bare sockets", echoed.at(0.5)?),
        figure(
            "one event, to the last of 500 pages: the longest",
            told.at(1.0)?,
            "µs",
            Target::AtMost(250_000.0),
        ),
        figure("memory with 10,000 held changes and 500 pages", resident(&place)?, "MB", Target::None),
    ])
}

/// Five hundred pages, five hundred bare sockets with both their ends, and what else there is.
fn many_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(4096, |maximum| maximum.min(4096));
    ensure!(wanted >= 2048, "this needs 2048 open files, and {wanted} are all that it may have");
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?)
}

fn sign_in(place: &Place, people: &str, key: &Key) -> Result<String> {
    let caller = Caller { people, person: "ben", genesis: place.installation.genesis() };
    let sign = |text: &str| key.sign("countersign-request@v1", text.as_bytes());
    let mut headers = caller.headers(("POST", "/signin", ""), sign)?;
    headers.push(("origin", format!("http://{people}")));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = send(people, "POST", "/signin", &headers, b"")?;
    let cookie = answer.header("set-cookie").with_context(|| answer.text())?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

/// How many changes there are on all pages of the inbox, each reached from the one before.
fn walk(people: &str, cookie: &str) -> Result<usize> {
    let (mut found, mut next) = (0, "/inbox".to_owned());
    loop {
        let page = send(people, "GET", &next, &[("cookie", cookie), ("accept", "text/html")], b"")?;
        let text = page.text();
        ensure!(page.status == 200, "{text}");
        found += text.matches("<li class=\"row\"").count();
        let Some((_, after)) = text.split_once("href=\"/inbox?before=") else { return Ok(found) };
        let id = after.split('"').next().context("no end of a link")?;
        next = format!("/inbox?before={id}");
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn now() -> Instant {
    Instant::now()
}

/// Loads a page over and over on one connection; how large it was, without its head.
fn loaded(people: &str, target: &str, cookie: &str, times: u32, first: &Latencies) -> Result<usize> {
    let mut socket = TcpStream::connect(people)?;
    socket.set_nodelay(true)?;
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: {people}\r\naccept: text/html\r\ncookie: {cookie}\r\n\r\n");
    let (mut size, mut piece) = (0, vec![0; 64 * 1024]);
    for _ in 0..times {
        let began = now();
        socket.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        size = loop {
            let read = socket.read(&mut piece)?;
            ensure!(read > 0, "the connection was closed");
            if answer.is_empty() {
                first.extend(vec![began.elapsed().as_secs_f64() * 1e6]);
            }
            answer.extend_from_slice(piece.get(..read).unwrap_or_default());
            if let Some(size) = whole(&answer)? {
                break size;
            }
        };
    }
    Ok(size)
}

/// How large the body is, once all of it is there.
fn whole(answer: &[u8]) -> Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("a page without its length")?.trim().parse()?;
    Ok((answer.len() >= end + 4 + length).then_some(length))
}

/// A page's stream of events, of which the head has come.
fn listening(people: &str, cookie: &str) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(people)?;
    socket.set_nodelay(true)?;
    write!(socket, "GET /events HTTP/1.1\r\nhost: {people}\r\ncookie: {cookie}\r\n\r\n")?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    match head.starts_with(b"HTTP/1.1 200") {
        true => Ok(socket),
        false => bail!("{}", String::from_utf8_lossy(&head)),
    }
}

fn figure(name: &str, value: f64, unit: &'static str, target: Target) -> Figure {
    Figure { name: name.to_owned(), value, unit, peer: None, target, spread: None }
}

trait Beside {
    fn beside(self, peer: &str, value: f64) -> Self;
}

impl Beside for Figure {
    fn beside(self, peer: &str, value: f64) -> Self {
        Self { peer: Some((peer.to_owned(), value)), ..self }
    }
}
