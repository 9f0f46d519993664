//! Somebody new, from the link that they are sent to the first thing that they approve; and one more key of somebody who is there.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use testkit::certificate;

use super::Site;
use crate::adopt::text;

impl Site {
    /// Makes a passkey in `person`'s own browser, by the link that they were sent; the command that the page gives them.
    fn makes_a_passkey(&mut self, person: &str) -> Result<Vec<String>> {
        let command = self.run(
            person,
            &format!(
                r##"await page.goto("{{url}}/enrol?as={person}");
                await page.check("input[type=checkbox]");
                await page.click("button.approve");
                await page.waitForSelector("#made:not([hidden])");
                return await page.textContent("#command");"##
            ),
        )?;
        let command = command.as_str().context("no command")?.to_owned();
        let (before, rest) = command.split_once('\'').context(command.clone())?;
        let (line, after) = rest.split_once('\'').context(command.clone())?;
        let words = before.split_whitespace().chain([line]).chain(after.split_whitespace());
        let words: Vec<_> = words.map(str::to_owned).collect();
        let words = words.strip_prefix(["countersign".to_owned()].as_slice()).context(command.clone())?;
        // Who runs it has a key of their own in the place of the last word, and here the folder for the server.
        let (words, rest) =
            words.split_at(words.iter().position(|it| it == "--server").context("no server")?);
        let expected = ["--server", &self.url, "--genesis", self.lab.installation.genesis(), "--key", "KEY"];
        ensure!(rest == expected, "{command}");
        Ok(words.to_vec())
    }
}

#[test]
fn somebody_new_is_enrolled_by_two_and_approves() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    // What is in a link becomes part of a command only where it is a name.
    let told = site.run(
        "mallory",
        r##"await page.goto("{url}/enrol?as=x%3Bcurl"); return await page.inputValue("#person");"##,
    )?;
    ensure!(told == "", "{told}");
    let enrol = site.makes_a_passkey("dora")?;
    let enrol = [enrol, vec!["--role".to_owned(), "sre".to_owned()]].concat();
    let command = |more: &[&str]| -> Vec<String> {
        enrol.iter().cloned().chain(more.iter().map(|it| (*it).to_owned())).collect()
    };
    let signs = |site: &Site, more: &[&str]| {
        let command = command(more);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        site.lab.signs(&site.lab.people.olga, &command)
    };
    // Olga looks at what would change, and proves it.
    let next = site.lab.installation.beside().join("with-dora");
    signs(&site, &["--into", text(&next)?])?.expect(0)?;
    let roster = fs::read_to_string(next.join("roster.toml"))?;
    ensure!(roster.contains("[people.dora]") && roster.contains("# "), "{roster}");
    let proof = certificate(&next)?;
    let ask = ["--certificate", text(&proof)?];
    let held = signs(&site, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    // Not before two others have agreed.
    let early = site.sign_in("dora").map_err(|err| err.to_string());
    ensure!(early.is_err(), "dora signed in before anybody agreed");
    ensure!(signs(&site, &ask)?.expect(10)?.json()?["id"] == id.as_str());
    for (person, state) in [("ben", "held"), ("carla", "approved")] {
        site.sign_in(person)?;
        let approve = format!(
            r##"await page.goto("{{url}}/changes/{id}");
            const statement = await page.textContent("#text");
            await page.click("#approve");
            await page.waitForSelector("article[data-state='{state}']");
            return statement;"##
        );
        let statement = site.run(person, &approve)?;
        let statement = statement.as_str().unwrap_or_default();
        ensure!(statement.contains("dora is newly enrolled") && statement.contains("dora may newly approve"));
    }
    signs(&site, &ask)?.expect(0)?;
    // And once more changes nothing.
    let again = signs(&site, &[])?.expect(0)?.json()?;
    ensure!(again["enrolled"] == "dora", "{again}");
    site.sign_in("dora")?;
    let change = site.lab.hold("orders")?;
    let approve = format!(
        r##"await page.goto("{{url}}/changes/{change}");
        await page.click("#approve");
        await page.waitForFunction(() => document.querySelector(".people")?.textContent.includes("dora"));"##
    );
    site.run("dora", &approve)?;
    let approvals = site.lab.change(&change)?["approvals"].clone();
    ensure!(approvals[0]["person"] == "dora" && approvals[0]["presence"] == "touched", "{approvals}");
    site.lab.approve(&change, &site.lab.people.ben)?.expect(0)?;
    ensure!(site.lab.delete_stack("orders")?.status == 200);
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_enrols_somebody_changes_nobody_else() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let enrol = site.makes_a_passkey("dora")?;
    let line = enrol.iter().find(|it| it.starts_with("passkey ")).context("no passkey")?.clone();
    let olga = &site.lab.people.olga;
    let asks = |args: &[&str]| site.lab.signs(olga, &[&["people", "enrol"], args].concat());
    let refused = |args: &[&str], why: &str| -> Result<()> {
        let told = asks(args)?.expect(2)?.stderr;
        ensure!(told.contains(why), "not `{why}`: {told}");
        Ok(())
    };
    let into = site.lab.installation.beside().join("looked-at");
    asks(&["dora", "--approver", "--passkey", &line, "--into", text(&into)?])?.expect(0)?;
    refused(&["dora", "--passkey", &line], "is new: say --approver")?;
    refused(&["dora", "--approver"], "nothing to enrol")?;
    refused(&["dora", "--approver", "--account", "https://idp.example sub 1"], "takes a key")?;
    refused(&["ben", "--operator", "--passkey", &line], "ben is enrolled")?;
    refused(&["dora", "--approver", "--passkey", "passkey localhost"], "not a passkey")?;
    // One key is one person.
    let bens = site.lab.people.ben.public.display().to_string();
    refused(&["dora", "--approver", "--public-key", &bens], "the same key")?;
    // A second passkey, or an account, of somebody who is there.
    let more = site.lab.installation.beside().join("more-of-ben");
    let account = "https://idp.example sub 1";
    asks(&["ben", "--passkey", &line, "--account", account, "--into", text(&more)?])?.expect(0)?;
    let roster = fs::read_to_string(more.join("roster.toml"))?;
    ensure!(roster.contains(&line) && roster.contains(account), "{roster}");
    Ok(())
}
