//! Somebody new, from the link that they are sent to the first thing that they approve; and one more key of somebody who is there.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use testkit::certificate;

use super::{
    Site,
    by_hand::{Desk, told},
};
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

#[test]
fn no_passkey_is_made_in_the_place_of_one_that_is_enrolled() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let make = r##"await page.goto("{url}/enrol?as=ben");
        await page.check("input[type=checkbox]");
        await page.click("button.approve");
        await page.waitForFunction(() => document.getElementById("said")?.textContent);
        const { credentials } = await keys.send("getCredentials");
        return { said: await page.textContent("#said"), has: credentials.length };"##;
    let same = site.run("ben", make)?;
    let said = same["said"].as_str().unwrap_or_default();
    ensure!(said.contains("has a passkey of yours already") && same["has"] == 1, "{same}");
    // It is the one that the roster has.
    site.sign_in("ben")?;
    // Another device has none of his.
    let other = site.run("ben's phone", make)?;
    ensure!(other["said"] == "The passkey is made." && other["has"] == 1, "{other}");
    // One that is under way into the roster is not written over by the next.
    let again = site.run("ben's phone", make)?;
    ensure!(again["has"] == 2, "{again}");
    let of = |site: &mut Site, person: &str| {
        let ask = r##"await page.goto("{url}/signin");
            return page.evaluate(async (person) => (await (await fetch(`/enrol?passkeys_of=${person}`)).json()).passkeys, "PERSON");"##;
        site.run("ben", &ask.replace("PERSON", person))
    };
    ensure!(of(&mut site, "ben")?.as_array().is_some_and(|it| it.len() == 1));
    ensure!(of(&mut site, "nobody")?.as_array().is_some_and(Vec::is_empty));
    Ok(())
}

#[test]
fn a_passkey_that_no_page_of_ours_made_for_this_installation_becomes_no_line() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let good = desk.creation(&desk.dora, "dora");
    let ask = |body: &Value| desk.post(&cookie, "/enrol", body);
    let line = ask(&good)?;
    told(&line, 200, &desk.dora.key.roster_line())?;
    let said = |from: &str, to: &str| -> Result<Value> {
        let text = BASE64_URL_SAFE_NO_PAD.decode(good["client_data"].as_str().context("no client data")?)?;
        let text = String::from_utf8(text)?;
        let altered = text.replace(from, to);
        ensure!(altered != text, "{text}");
        let mut body = good.clone();
        body["client_data"] = BASE64_URL_SAFE_NO_PAD.encode(altered).into();
        Ok(body)
    };
    let mut bens = good.clone();
    bens["person"] = "ben".into();
    let mut bare = good.clone();
    bare.as_object_mut().context("no object")?.remove("client_data");
    for (what, body, why) in [
        ("an assertion", said("webauthn.create", "webauthn.get")?, "not for `webauthn.create`"),
        ("another site's page", said("://localhost", "://evil.example")?, "was made on a page of"),
        ("inside another page", said("false}", "true}")?, "inside another site's page"),
        ("another challenge", said("\"challenge\":\"", "\"challenge\":\"A")?, "for another installation"),
        ("another name", bens, "or under another name"),
        ("without what the browser said", bare, "client_data"),
    ] {
        told(&ask(&body)?, 400, why).with_context(|| what.to_owned())?;
    }
    Ok(())
}
