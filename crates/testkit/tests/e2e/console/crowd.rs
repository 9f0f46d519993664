//! Many at once: more held changes than a page has, pages that read nothing, more tabs than a browser has connections.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Browser, Caller, Serve, now, run, send};

use super::by_hand::{Desk, OF_REQUESTS};
use crate::lab::{Lab, OWNER, People};

/// Two pages of the inbox, and some more.
const MANY: usize = 320;

#[test]
fn whatever_is_held_is_reached_page_by_page() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        let file = config.parent().context("no folder")?.join("bundle/bundle.toml");
        let settings = fs::read_to_string(&file)?;
        let wide = settings.replace("open_holds_per_session = 10\n", "open_holds_per_session = 1000\n");
        ensure!(wide != settings, "the settings have another form");
        fs::write(&file, wide)?;
        Serve::start_with(config, &OWNER)
    })?;
    let hash = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let mut held = BTreeSet::new();
    for nth in 0..MANY {
        let target = format!("/bucket-{nth}/key");
        let asked = lab.agent.sign_at(now(), "s3", lab.gateway(), "DELETE", &target, &[hash], Vec::new());
        let answer = asked.send(lab.gateway())?;
        held.insert(answer.header("x-countersign-change").with_context(|| answer.text())?.to_owned());
    }
    ensure!(held.len() == MANY, "each is a change of its own");

    let [_, _, at] = lab.serve.authorities();
    let caller = Caller { people: at, person: "ben", genesis: lab.installation.genesis() };
    let sign = |text: &str| lab.people.ben.sign(OF_REQUESTS, text.as_bytes());
    let signed = |method: &str, target: &str| caller.headers((method, target, ""), sign);
    let mut headers = signed("POST", "/signin")?;
    headers.push(("origin", format!("http://{at}")));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = send(at, "POST", "/signin", &headers, b"")?;
    let cookie = answer.header("set-cookie").with_context(|| answer.text())?;
    let cookie = cookie.split(';').next().unwrap_or_default();

    let (mut shown, mut pages, mut next) = (BTreeSet::new(), 0, Some("/inbox".to_owned()));
    while let Some(target) = next {
        let page = send(at, "GET", &target, &[("cookie", cookie), ("accept", "text/html")], b"")?.text();
        ensure!(page.contains(&format!("of {MANY} waiting")), "{target}");
        ensure!(page.len() < 200_000, "{target} has {} bytes", page.len());
        // What comes anew belongs on the first: the others do not say that they follow.
        let live = if pages == 0 { "Connecting…" } else { "Not live: a further page" };
        ensure!(page.contains(live), "{target}: not `{live}`");
        shown.extend(
            page.split("<li class=\"row\" id=\"")
                .skip(1)
                .filter_map(|row| row.split('"').next())
                .map(str::to_owned),
        );
        next = page
            .split_once("href=\"/inbox?before=")
            .and_then(|(_, after)| after.split('"').next())
            .map(|id| format!("/inbox?before={id}"));
        pages += 1;
    }
    ensure!(shown == held && pages == 3, "{} of {MANY} on {pages} pages", shown.len());
    let wrong =
        send(at, "GET", "/inbox?before=nonsense", &[("cookie", cookie), ("accept", "text/html")], b"")?;
    ensure!(wrong.status == 400 && wrong.text().contains("nonsense"), "{}", wrong.text());

    let (mut listed, mut before) = (Vec::new(), String::new());
    loop {
        let target = format!("/v1/changes?state=held,approved&limit=100{before}");
        let headers = signed("GET", &target)?;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = send(at, "GET", &target, &headers, b"")?;
        let told: Value = serde_json::from_slice(&answer.body).with_context(|| answer.text())?;
        let page = told["changes"].as_array().context("no changes")?;
        let ids: Vec<_> = page.iter().filter_map(|change| change["id"].as_str().map(str::to_owned)).collect();
        let Some(last) = ids.last() else { break };
        ensure!(ids.len() <= 100);
        before = format!("&before={last}");
        listed.extend(ids);
    }
    ensure!(
        listed.len() == MANY && listed.into_iter().collect::<BTreeSet<_>>() == held,
        "the API lists them all"
    );
    Ok(())
}

/// A page's stream of events, of which nothing has been read.
fn listening(desk: &Desk, cookie: &str) -> Result<TcpStream> {
    let [_, _, people] = desk.lab.serve.authorities();
    let mut socket = TcpStream::connect(people)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(socket, "GET /events HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\n\r\n", desk.host)?;
    Ok(socket)
}

#[test]
fn pages_that_read_nothing_delay_nobody() -> Result<()> {
    let mut desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let unread = (0..200).map(|_| listening(&desk, &cookie)).collect::<Result<Vec<_>>>()?;
    let mut read = listening(&desk, &cookie)?;
    for nth in 0..5 {
        let id = desk.lab.hold(&format!("stack{nth}"))?;
        let (mut said, mut piece) = (String::new(), [0; 4096]);
        while !said.contains(&id) {
            let length = read.read(&mut piece)?;
            ensure!(length > 0, "the stream ended: {said}");
            said.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    }
    let inbox = desk.get(&cookie, "/inbox")?;
    ensure!(inbox.status == 200, "somebody else looks meanwhile");
    ensure!(desk.lab.serve.stop()? == 0, "and it ends when it is told to");
    drop(unread);
    Ok(())
}

/// What curl says of one request: the version of HTTP, and the status.
fn curl(args: &[&str]) -> Result<String> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_version} %{http_code}",
    ]);
    command.args(args);
    let output = run(command, Duration::from_secs(30))?;
    ensure!(output.code == 0, "{output}");
    Ok(output.stdout)
}

fn has_curl() -> bool {
    let mut command = Command::new("curl");
    command.arg("--version");
    run(command, Duration::from_secs(30))
        .is_ok_and(|output| output.code == 0 && output.stdout.contains("HTTP2"))
}

#[test]
fn people_are_spoken_to_in_http2_where_they_ask_for_it() -> Result<()> {
    if !has_curl() {
        eprintln!("SKIPPED: no curl that speaks HTTP/2");
        return Ok(());
    }
    let desk = Desk::open()?;
    let [gateway, agent, people] = desk.lab.serve.authorities();
    let ca = desk.lab.serve.ca.display().to_string();
    let at = |authority: &str, path: &str| {
        format!("https://localhost:{}{path}", authority.rsplit(':').next().unwrap_or_default())
    };
    let ask = |how: &str, url: &str| curl(&["--cacert", &ca, how, url]);
    for (how, url, told) in [
        ("--http2", at(people, "/v1/genesis"), "2 200"),
        ("--http1.1", at(people, "/v1/genesis"), "1.1 200"),
        ("--http2", at(people, "/v1/changes"), "2 401"),
        ("--http2", at(agent, "/v1/changes"), "1.1 401"),
        // Agents' clients sign what they send over HTTP/1.1.
        ("--http2", at(gateway, "/"), "1.1 403"),
    ] {
        let found = ask(how, &url)?;
        ensure!(found == told, "{how} {url}: {found}");
    }

    // The host that a request is for stands elsewhere in HTTP/2: signing in looks at it, and a foreign page is still foreign.
    let host = at(people, "").replace("https://", "");
    for (origin, told) in [(format!("https://{host}"), "2 200"), ("https://evil.example".to_owned(), "2 403")]
    {
        let mut args = vec![
            "--cacert".to_owned(),
            ca.clone(),
            "--http2".to_owned(),
            "--request".to_owned(),
            "POST".to_owned(),
        ];
        let mut headers = desk.signed_request(&desk.ben, ("POST", "/signin", ""))?;
        headers.push(("origin", origin.clone()));
        args.extend(
            headers.iter().flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")]),
        );
        args.push(at(people, "/signin"));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let found = curl(&args)?;
        ensure!(found == told, "from {origin}: {found}");
    }
    Ok(())
}

#[test]
fn more_tabs_than_a_browser_has_connections_are_all_live() -> Result<()> {
    let Some(mut browser) = Browser::open()? else {
        eprintln!("SKIPPED: no Chromium, Node.js or npm, so no tabs are opened");
        return Ok(());
    };
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let (name, value) = cookie.split_once('=').context("no cookie")?;
    let url = format!("https://{}", desk.host);
    let held = json!([{ "name": name, "value": value, "url": url, "httpOnly": true, "secure": true, "sameSite": "Lax" }]);
    // Our own authority is none that this browser believes.
    let options = json!({ "ignoreHTTPSErrors": true });
    let opened = browser.run_as(
        "tabs",
        &options,
        &format!(
            r##"await context.addCookies({held});
            const tabs = [];
            for (let nth = 0; nth < 10; nth += 1) {{
              const tab = await context.newPage();
              await tab.goto("{url}/inbox");
              await tab.waitForFunction(() => document.getElementById("live").textContent === "Live");
              tabs.push(tab);
            }}
            globalThis.tabs = tabs;
            return await tabs[9].evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol);"##
        ),
    )?;
    ensure!(opened == "h2", "{opened}");
    let id = desk.lab.hold("orders")?;
    let heard = browser.run_as(
        "tabs",
        &options,
        &format!(
            r##"for (const tab of globalThis.tabs) await tab.waitForFunction((id) => document.getElementById(id), "{id}");
            return globalThis.tabs.length;"##
        ),
    )?;
    ensure!(heard == 10, "{heard}");
    Ok(())
}
