//! The site that passkeys are bound to: chosen once, at `init`, and what is opened or enrolled under another name.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use testkit::{Authenticator, Cli, Installation, Serve};

use super::by_hand::{Desk, told};
use crate::{
    adopt::{copied, text},
    lab::{Lab, OWNER, People},
};

#[test]
fn the_site_is_chosen_once_and_stands_in_what_people_compare() -> Result<()> {
    let people = People::enter()?;
    let flags = |more: &[&str]| -> Result<Vec<String>> {
        Ok([people.flags()?, more.iter().map(|it| (*it).to_owned()).collect()].concat())
    };
    let lab = Installation::init(flags(&[])?)?;
    let genesis = |it: &Installation| fs::read_to_string(it.folder().join("log/genesis.json"));
    ensure!(genesis(&lab)?.contains("\"site\": \"localhost\""), "{}", genesis(&lab)?);
    let named = Installation::init(flags(&["--site", "console.corp.example"])?)?;
    ensure!(genesis(&named)?.contains("\"site\": \"console.corp.example\""), "{}", genesis(&named)?);
    let config = fs::read_to_string(named.config())?;
    ensure!(config.contains("names = [\"console.corp.example\"]"), "{config}");

    for (people, certificate, expected) in [
        ("127.0.0.1:0", "own", "the people listener is on this machine alone"),
        ("0.0.0.0:0", "own", "the certificate is one for console.corp.example"),
        ("0.0.0.0:0", "given", "the certificate is none for console.corp.example"),
    ] {
        let mut text = config.replace("people = \"127.0.0.1:0\"", &format!("people = \"{people}\""));
        if certificate == "given" {
            text = text
                .replace("# certificate = \"tls.pem\"", "certificate = \"keys/ca.pem\"")
                .replace("# key = \"tls.key\"", "key = \"keys/ca.key\"");
        }
        fs::write(named.config(), text)?;
        let doctor = named.run(["doctor"])?;
        ensure!(doctor.stdout.contains(expected), "{people} {certificate}: {doctor}");
    }

    let folder = tempfile::tempdir()?;
    for wrong in ["127.0.0.1", "intranet", "https://a.example", "a.example:443", "A.example", "a.example."] {
        let place = folder.path().join("none").display().to_string();
        let line = [vec!["init".to_owned(), place], flags(&["--unproved", "--site", wrong])?].concat();
        let refused = Cli::run(line)?.expect(2)?;
        ensure!(refused.stderr.contains("is no site"), "{refused}");
    }
    // Somebody's passkey is of another site already.
    let line = folder.path().join("dora.pub");
    fs::write(&line, Authenticator::p256(9, "old.example").roster_line())?;
    let dora = format!("dora={}", line.display());
    let place = folder.path().join("none").display().to_string();
    let line = [vec!["init".to_owned(), place], flags(&["--unproved", "--approver", &dora])?].concat();
    let refused = Cli::run(line)?.expect(2)?;
    ensure!(refused.stderr.contains("belongs to `old.example`"), "{refused}");
    ensure!(fs::read_dir(folder.path())?.count() == 1, "something was made");
    Ok(())
}

#[test]
fn a_page_that_was_opened_by_another_name_says_where_passkeys_work() -> Result<()> {
    let desk = Desk::open()?;
    let port = desk.host.rsplit(':').next().context("no port")?;
    let cookie = desk.sign_in(&desk.ben)?;
    let open = |host: &str, path: &str| -> Result<String> {
        let [_, _, people] = desk.lab.serve.authorities();
        let headers = [("host", host), ("cookie", cookie.as_str()), ("accept", "text/html")];
        let answer = testkit::send(people, "GET", path, &headers, b"")?;
        ensure!(answer.status == 200, "{path} {host}: {}", answer.text());
        Ok(answer.text())
    };
    for path in ["/signin", "/enrol", "/inbox", "/sessions"] {
        let here = open(&desk.host, path)?;
        ensure!(!here.contains("id=\"elsewhere\"") && here.contains("data-site=\"localhost\""), "{here}");
        for host in
            [format!("127.0.0.1:{port}"), "evil.example".to_owned(), "localhost.evil.example".to_owned()]
        {
            let there = open(&host, path)?;
            let link = format!("<a href=\"http://{}{path}\">", desk.host);
            ensure!(there.contains("id=\"elsewhere\"") && there.contains(&link), "{there}");
        }
        // Where no passkey works none is asked for.
        let form = |page: &str| page.contains("<form id=");
        let there = open(&format!("127.0.0.1:{port}"), path)?;
        ensure!(form(&here) == ["/signin", "/enrol"].contains(&path) && !form(&there), "{path}");
    }
    for site in ["127.0.0.1", "old.example", "sub.localhost"] {
        let body = json!({ "person": "dora", "client_data": "", "authenticator_data": "", "site": site });
        told(
            &desk.post(&cookie, "/enrol", &body)?,
            400,
            if site == "127.0.0.1" { "is no site" } else { "at `localhost` alone" },
        )?;
    }
    Ok(())
}

#[test]
fn a_passkey_of_another_site_comes_into_no_roster() -> Result<()> {
    let lab = Lab::open()?;
    let line = Authenticator::p256(9, "old.example").roster_line();
    let refused = lab.signs(&lab.people.olga, &["people", "enrol", "ben", "--passkey", &line])?.expect(2)?;
    ensure!(refused.stderr.contains("belongs to `old.example`"), "{refused}");
    // Nor past the client.
    let next = copied(&lab, "another-site")?;
    let file = next.join("roster.toml");
    let roster = fs::read_to_string(&file)?;
    let with = roster.replacen("[people.ben]\nkeys = [", &format!("[people.ben]\nkeys = [\"{line}\", "), 1);
    ensure!(with != roster, "{roster}");
    fs::write(&file, with)?;
    let proof = testkit::certificate(&next)?;
    let ask = ["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?];
    let refused = lab.signs(&lab.people.olga, &ask)?;
    ensure!(refused.code != 10 && refused.stderr.contains("belongs to `old.example`"), "{refused}");
    Ok(())
}

#[test]
fn another_log_keeps_the_site_or_has_another() -> Result<()> {
    let mut desk = Desk::open()?;
    ensure!(desk.lab.serve.stop()? == 0);
    let installation = &desk.lab.installation;
    let rotate = |name: &str, more: &[&str]| -> Result<String> {
        let into = installation.beside().join(name);
        let line = [&["rotate", text(&into)?, "--ground", "a year is over"], more].concat();
        installation.run(line)?.expect(0)?;
        Ok(fs::read_to_string(installation.folder().join("log/genesis.json"))?)
    };
    ensure!(rotate("kept", &[])?.contains("\"site\": \"localhost\""));
    ensure!(!installation.run(["doctor"])?.stdout.contains("belongs to"));
    ensure!(rotate("moved", &["--site", "new.example"])?.contains("\"site\": \"new.example\""));
    let doctor = installation.run(["doctor"])?.stdout;
    ensure!(doctor.contains("a passkey of ben belongs to `localhost`"), "{doctor}");
    // It is served: keys of other kinds sign, and take out what is of no use.
    let mut serve = Serve::start_with(installation.config(), &OWNER)?;
    ensure!(serve.log()?.contains("https://new.example"), "{}", serve.log()?);
    ensure!(serve.stop()? == 0);
    Ok(())
}

/// Before sites were fixed.
#[test]
fn an_installation_without_a_site_goes_on_as_before() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        let file = config.parent().context("no folder")?.join("log/genesis.json");
        let genesis: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
        let mut genesis = genesis.as_object().context("no object")?.clone();
        genesis.remove("site").context("no site")?;
        fs::write(&file, serde_json::to_string(&genesis)?)?;
        Serve::start_with(config, &OWNER)
    })?;
    let [_, _, people] = lab.serve.authorities();
    let page =
        testkit::send(people, "GET", "/enrol", &[("host", people), ("accept", "text/html")], b"")?.text();
    ensure!(page.contains("<form id=\"enrol\"") && !page.contains("data-site"), "{page}");
    let doctor = lab.installation.run(["doctor"])?.stdout;
    ensure!(doctor.contains("no site is fixed"), "{doctor}");
    Ok(())
}
