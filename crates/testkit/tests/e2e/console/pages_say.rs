//! What the pages say whose content is figures and entries, asked for as a browser asks: the policy's answer to a pasted request, the
//! log and its receipts, health and what asking people costs, and the buttons that stop many sessions.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use testkit::{Cli, Response, until};

use super::by_hand::{Desk, told};
use crate::adopt::text;

/// A page that is there, and says all of this.
fn says(desk: &Desk, cookie: &str, target: &str, parts: &[&str]) -> Result<String> {
    let answer = desk.get(cookie, target)?;
    let page = answer.text();
    ensure!(answer.status == 200, "{target}: {} {page}", answer.status);
    for part in parts {
        ensure!(page.contains(part), "{target} does not say `{part}`: {page}");
    }
    Ok(page)
}

/// As a button of ours sends it.
fn press(desk: &Desk, cookie: &str, target: &str) -> Result<Response> {
    let origin = format!("http://{}", desk.host);
    let headers = [("cookie", cookie), ("origin", &origin), ("sec-fetch-site", "same-origin")];
    desk.send("POST", target, &headers, "")
}

#[test]
fn the_policy_page_says_what_would_come_of_a_pasted_request() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let asked = |query: &str, parts: &[&str]| says(&desk, &cookie, &format!("/policy?{query}"), parts);

    let lost = "request=aws+cloudformation+delete-stack+--stack-name+shop&account=123456789012";
    asked(
        lost,
        &[
            "cloudformation:DeleteStack in us-east-1, 123456789012 (production): destroy",
            "cloudformation:DeleteStack on shop",
            "<span class=\"state hold\">hold</span>",
            "It would need",
            "the constitution alone",
            "value=\"123456789012\"",
        ],
    )?;
    let json = "request=%7B%22service%22%3A%22cloudformation%22%2C%22operation%22%3A%22DescribeStacks%22%2C%22parameters%22%3A%7B%7D%7D";
    asked(
        json,
        &["cloudformation:DescribeStacks in us-east-1, an account that is not said (production): read"],
    )?;
    asked(json, &["<span class=\"state allow\">allow</span>"])?;
    let described = "request=effects+%3D+%5B%22destroy%22%5D%0Akind+%3D+%22database%22%0Aenvironment+%3D+%22production%22";
    asked(described, &["<span class=\"state hold\">hold</span>"])?;

    for (wrong, why) in [
        ("request=aws+rds+delete-everything".to_owned(), "`delete-everything` is no operation of rds"),
        ("request=efects+%3D+1".to_owned(), "efects"),
        (format!("request={}", "x".repeat(4001)), "has 4001 bytes, and at most 4000 are taken here"),
        ("request=aws+rds+%3Cscript%3Ealert(1)%3C/script%3E".to_owned(), "&#60;script&#62;"),
    ] {
        let page = asked(&wrong, &[why, "role=\"alert\""])?;
        ensure!(!page.contains("class=\"answer\"") && !page.contains("<script>alert"), "{wrong}: {page}");
    }
    Ok(())
}

#[test]
fn the_log_is_listed_and_an_entry_of_it_is_taken_along() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let id = desk.lab.hold("orders")?;
    told(&desk.approves(&desk.ben, &cookie, &id)?, 200, "recorded")?;
    desk.lab.entries_of("approval_given", 1)?;

    // The list is of what is signed, which the files are a moment later than.
    let list = until("the approval to be listed", Duration::from_secs(10), || {
        let page = says(&desk, &cookie, "/audit", &["The newest entries", "The newest checkpoint"])?;
        Ok(page.contains("An approval was given.").then_some(page))
    })?;
    for part in
        ["<code>approval_given</code> ben", "Asked for, and held for people: ", &id, "The bundle names none"]
    {
        ensure!(list.contains(part), "the list does not say `{part}`: {list}");
    }
    let (before, _) = list.split_once("An approval was given.").context("it is not there")?;
    let (_, index) = before.rsplit_once("href=\"/audit/").context("no link")?;
    let index: u64 = index.split('"').next().unwrap_or_default().parse()?;

    let place = format!("/audit/{index}");
    let own = [
        "I, ben, APPROVE this change",
        "WHAT WILL HAPPEN",
        "hashes lead from entry",
        "<svg class=\"proof\"",
        &id,
    ];
    let page = says(&desk, &cookie, &place, &own)?;
    ensure!(page.contains(&format!("href=\"/audit/{}\"", index - 1)), "{page}");
    let receipt = desk.get(&cookie, &format!("{place}/receipt"))?;
    ensure!(receipt.status == 200, "{}", receipt.text());
    let named = receipt.header("content-disposition").unwrap_or_default();
    ensure!(named == format!("attachment; filename=\"entry-{index}.tlog-proof\""), "{named}");
    let file = desk.lab.installation.beside().join("taken.tlog-proof");
    fs::write(&file, &receipt.body)?;
    let genesis = desk.lab.installation.genesis();
    let check = ["audit", "check-receipt", text(&file)?, "--genesis", genesis, "--output", "json"];
    let shown = Cli::run(check)?.expect(0)?.json()?;
    ensure!(shown["index"] == index && shown["authenticated"] == true, "{shown:#}");
    ensure!(
        shown["entry"]["kind"] == "approval_given" && shown["entry"]["change"] == id.as_str(),
        "{shown:#}"
    );
    // One byte of it is another entry.
    fs::write(&file, String::from_utf8_lossy(&receipt.body).replacen('A', "B", 1))?;
    Cli::run(check)?.expect(20)?;

    let first = says(
        &desk,
        &cookie,
        "/audit?before=1",
        &["The entries before 1", "The log begins", "The newest</a>"],
    )?;
    ensure!(!first.contains("Those before"), "there is nothing before entry 0: {first}");
    says(&desk, &cookie, "/audit/0", &["The log begins", "Entry 1, after it"])?;
    let by_number = desk.get(&cookie, &format!("/audit?entry={index}"))?;
    ensure!(by_number.status == 303 && by_number.header("location") == Some(place.as_str()), "{by_number:?}");
    says(&desk, &cookie, "/audit?entry=-1", &["a whole number from 0 on"])?;
    for (target, status) in
        [("/audit/999999", 404), ("/audit/x", 404), ("/audit/999999/receipt", 404), ("/audit?before=x", 400)]
    {
        let answer = desk.get(&cookie, target)?;
        ensure!(answer.status == status, "{target}: {} {}", answer.status, answer.text());
    }
    Ok(())
}

#[test]
fn health_says_what_is_there_and_what_asking_people_costs() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let id = desk.lab.hold("orders")?;
    told(&desk.approves(&desk.ben, &cookie, &id)?, 200, "recorded")?;
    let vetoed = desk.lab.hold("bills")?;
    ensure!(id != vetoed);
    let veto = ["change", "reject", &vetoed, "--reason", "not tonight"];
    desk.lab.signs(&desk.lab.people.ben, &veto)?.expect(0)?;

    let cell = |name: &str, value: &str| format!("<td>{name}</td><td>{value}</td>");
    let rows = [
        cell("Changes held for people", "2"),
        cell("Expired unanswered", "0 %"),
        cell("Changes that wait", "1 for people, 0 for their agent"),
        cell("Live sessions", "1"),
        cell("Refused for a fault", "0"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let page = says(&desk, &cookie, "/health", &rows)?;
    for part in
        ["<b>Ready</b>", "as it must be", "Until people decided", "Per agent and hour", "entries</td>"]
    {
        ensure!(page.contains(part), "it does not say `{part}`: {page}");
    }
    ensure!(!page.contains("nothing to measure"), "{page}");
    Ok(())
}

#[test]
fn one_button_stops_an_agent_and_one_stops_all() -> Result<()> {
    let desk = Desk::open()?;
    let lab = &desk.lab;
    let cookie = desk.sign_in(&desk.ben)?;
    let key = &lab.people.olga.private;
    let session = |agent: &str, task: &str| lab.installation.session(agent, "olga", key, task, &[]);
    let (one, two) = (session("tidier", "one")?, session("tidier", "two")?);
    let state = |id: &str| -> Result<String> {
        let told = lab.installation.run(["session", "show", id])?.expect(0)?.json()?;
        Ok(told["state"].as_str().unwrap_or_default().to_owned())
    };
    let buttons =
        ["Stop all 2 of tidier", "action=\"/sessions/stop?agent=tidier\"", "Stop all 3 of everybody"];
    let page = says(&desk, &cookie, "/sessions", &buttons)?;
    ensure!(!page.contains("of fixer</button>"), "one session needs no button for many: {page}");

    let pressed = press(&desk, &cookie, "/sessions/stop?agent=tidier")?;
    ensure!(pressed.status == 303 && pressed.header("location") == Some("/sessions"), "{}", pressed.text());
    ensure!([&one.id, &two.id].iter().all(|id| state(id).is_ok_and(|it| it == "stopped")));
    ensure!(state(&lab.session.id)? == "live", "another agent's goes on");
    let stopped = lab.entries_of("session_stopped", 2)?;
    ensure!(stopped.iter().all(|entry| entry["actors"]["person"] == "ben"), "{stopped:#?}");

    let wrong = press(&desk, &cookie, "/sessions/stop?agent=no+name")?;
    ensure!(wrong.status == 400 && state(&lab.session.id)? == "live", "{}", wrong.text());
    session("tidier", "three")?;
    says(&desk, &cookie, "/sessions", &["Stop all 2 of everybody"])?;
    let pressed = press(&desk, &cookie, "/sessions/stop")?;
    ensure!(pressed.status == 303, "{}", pressed.text());
    ensure!(state(&lab.session.id)? == "stopped");
    says(&desk, &cookie, "/sessions", &["<b>0</b> live"])?;
    lab.entries_of("session_stopped", 4)?;
    ensure!(lab.delete_stack("orders")?.status >= 400, "nobody acts any more");
    lab.verify()?.expect(0).map(drop)
}
