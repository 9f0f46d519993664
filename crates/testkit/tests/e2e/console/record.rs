//! The page of a decided change as its record: what it says how to check can be checked so, by commands as they stand there. And who is
//! led to a change by another site's page has not opened it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use testkit::{Cli, until};

use super::by_hand::{Desk, told};
use crate::adopt::text;

/// What stands in the page between these.
fn between<'p>(page: &'p str, before: &str, after: &str) -> Result<&'p str> {
    let (_, rest) = page.split_once(before).with_context(|| format!("no {before} in {page}"))?;
    rest.split(after).next().context("it has no end")
}

/// The page, once its newest entry stands in the log and has a receipt.
fn in_the_log(page: impl Fn() -> Result<String>) -> Result<String> {
    until("its newest entry in the log", Duration::from_secs(10), || {
        Ok(Some(page()?).filter(|it| it.contains(" id=\"receipt\"")))
    })
}

#[test]
fn a_decided_change_is_checked_by_the_commands_of_its_page() -> Result<()> {
    let desk = Desk::open()?;
    let cookies = [desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?];
    let id = desk.lab.hold("orders")?;
    told(&desk.approves(&desk.ben, &cookies[0], &id)?, 200, "recorded")?;
    told(&desk.approves(&desk.carla, &cookies[1], &id)?, 200, "approved")?;
    ensure!(desk.lab.delete_stack("orders")?.status == 200);
    let page = in_the_log(|| Ok(desk.get(&cookies[0], &format!("/changes/{id}"))?.text()))?;
    ensure!(page.contains("<summary>ben approved") && page.contains("<summary>carla approved"), "{page}");
    ensure!(page.contains("opened for the first time by ben"), "{page}");
    let words: Vec<&str> =
        page.split("<b class=\"words\">").skip(1).filter_map(|it| it.split("</b>").next()).collect();
    ensure!(words.len() == 2 && words[0] == words[1] && words[0].split(' ').count() == 8, "{words:?}");

    let folder = tempfile::tempdir()?;
    let command = |label: &str| -> Result<Vec<String>> {
        let label = format!("aria-label=\"The command that {label} the receipt\">countersign ");
        Ok(between(&page, &label, "</pre>")?.split(' ').map(str::to_owned).collect())
    };
    let (link, _) = page.split_once(" id=\"receipt\"").context("no receipt")?;
    let link = link.rsplit("<a href=\"").next().and_then(|it| it.split('"').next()).context("no link")?;
    let taken = desk.get(&cookies[0], link)?.text();
    let check = command("checks")?;
    let file = folder.path().join(check.get(2).context("no file")?);
    fs::write(&file, &taken)?;
    let place = text(&file)?.to_owned();
    let checked = |receipt: &str| -> Result<serde_json::Value> {
        fs::write(&file, receipt)?;
        let line: Vec<&str> = check.iter().map(String::as_str).collect();
        let line = [&line[..2], &[place.as_str()], &line[3..], &["--output", "json"]].concat();
        Cli::run(line)?.expect(0)?.json()
    };
    let shown = checked(&taken)?;
    ensure!(shown["entry"]["change"] == id.as_str() && shown["authenticated"] == true, "{shown}");

    let make = command("makes")?;
    let log = desk.lab.installation.folder().join("log");
    let log = text(&log)?;
    let line: Vec<&str> = make.iter().map(|it| if it == "DIR" { log } else { it.as_str() }).collect();
    let made = Cli::run(line)?.expect(0)?.stdout;
    ensure!(checked(&made)?["entry"] == shown["entry"], "{made}");
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_link_on_another_site_opens_no_change() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let id = desk.lab.hold("orders")?;
    let asks = |site: &str| {
        let headers = [
            ("cookie", cookie.as_str()),
            ("accept", "text/html"),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
        ];
        Ok::<_, anyhow::Error>(desk.send("GET", &format!("/changes/{id}"), &headers, "")?.text())
    };
    ensure!(asks("cross-site")?.contains("Open it to decide"));
    // Whatever that recorded stands in the log.
    ensure!(in_the_log(|| asks("cross-site"))?.contains("Open it to decide"));
    ensure!(desk.lab.entries("change_sealed")?.is_empty());
    ensure!(asks("same-origin")?.contains("id=\"approve\""));
    let opened = desk.lab.entries_of("change_sealed", 1)?;
    ensure!(opened[0]["actors"]["person"] == "ben", "{opened:#?}");
    Ok(())
}
