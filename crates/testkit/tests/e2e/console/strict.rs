//! The profile `strict`, as people and agents meet it: a page can lie to two people alike, so of those who agree to a loss in
//! production one signs what a machine of their own shows. Each is asked for where they stand: on the page, at the command line,
//! in the agent's answer.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Cli, Key, Output, binary, run};

use super::Site;
use crate::{
    adopt::text,
    lab::{CALL, Lab, enrol},
};

/// Ben and carla have a security key, for their own machines, and a passkey, for the page.
struct Strict {
    site: Site,
    ben: Key,
    carla: Key,
    _folder: tempfile::TempDir,
}

impl Strict {
    /// `None` where there is no browser or no security key made of software, which is said.
    fn open() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let (Some(ben), Some(carla)) =
            (Key::security(folder.path(), "ben")?, Key::security(folder.path(), "carla")?)
        else {
            return Ok(None);
        };
        let Some(browser) = Site::browser()? else { return Ok(None) };
        let mut flags = ["--profile", "strict"].map(str::to_owned).to_vec();
        flags.extend(enrol("--approver", "ben", &ben));
        flags.extend(enrol("--approver", "carla", &carla));
        let site = Site::over(Lab::open_with(&flags)?, browser, [&ben, &carla])?;
        Ok(Some(Self { site, ben, carla, _folder: folder }))
    }

    /// In their browser, by a touch; what the page says then.
    fn touches(&mut self, person: &str, id: &str, state: &str) -> Result<String> {
        let approve = format!(
            r##"await page.goto("{{url}}/changes/{id}");
            await page.click("#approve");
            await page.waitForFunction(() => document.getElementById("said")?.textContent);
            const told = await page.textContent("#said");
            await page.waitForSelector("article[data-state='{state}']");
            return told;"##
        );
        let told = self.site.run(person, &approve)?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    /// On their own machine: they compare the words of the page with those of their own client, and sign what these stand for.
    fn signs_what_they_saw(&mut self, person: &str, id: &str) -> Result<Value> {
        let words = format!(
            r##"await page.goto("{{url}}/changes/{id}"); return page.textContent(".words output");"##
        );
        let words = self.site.run(person, &words)?;
        let key = if person == "ben" { &self.ben } else { &self.carla };
        let shown = self.site.lab.signs(key, &["change", "show", id])?.expect(0)?.json()?;
        ensure!(shown["statement_words"] == words && words.is_string(), "{words} on the page: {shown}");
        let words = words.as_str().context("no words")?;
        let signed = self.site.lab.signs(key, &["change", "approve", id, "--words", words])?.expect(0)?;
        // That is what makes it worth more than a touch on a page.
        says("their own client", &signed.stderr, &["WHAT WILL HAPPEN", "DeleteStack", id])?;
        signed.json()
    }

    fn lab(&self) -> &Lab {
        &self.site.lab
    }
}

/// By the small program that auditors have, which shares no code with the server but what is verified.
fn verified_by_auditors(lab: &Lab) -> Result<Output> {
    let mut command = Command::new(binary("countersign-verify")?);
    command.arg(lab.installation.folder().join("log")).args(["--genesis", lab.installation.genesis()]);
    run(command, CALL)
}

fn says(what: &str, told: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(told.contains(part), "{what} does not say `{part}`: {told}");
    }
    Ok(())
}

#[test]
fn of_two_who_touch_a_page_one_signs_what_their_own_client_shows() -> Result<()> {
    let Some(mut strict) = Strict::open()? else { return Ok(()) };
    strict.site.sign_in("ben")?;
    strict.site.sign_in("carla")?;

    // One on the page, one on a machine of their own: it runs.
    let id = strict.lab().hold("seen")?;
    strict.touches("ben", &id, "held")?;
    let signed = strict.signs_what_they_saw("carla", &id)?;
    ensure!(signed["state"] == "approved", "{signed}");
    ensure!(strict.lab().delete_stack("seen")?.status == 200 && strict.lab().deletes("seen")? == 1);

    // Both on the page: it does not.
    let id = strict.lab().hold("lied")?;
    strict.touches("ben", &id, "held")?;
    let command = format!("countersign change approve {id}");
    let told = strict.touches("carla", &id, "held")?;
    says("what was signed", &told, &["does not count", &command, "2 so far"])?;
    for person in ["ben", "carla"] {
        let page = format!(
            r##"await page.goto("{{url}}/changes/{id}");
            return {{ notice: await page.textContent(".sign"), needs: await page.textContent("section[aria-labelledby=why]"),
              people: await page.textContent(".people"), disabled: await page.isDisabled("#approve") }};"##
        );
        let page = strict.site.run(person, &page)?;
        let part = |name: &str| page[name].as_str().unwrap_or_default().to_owned();
        says("the page", &part("notice"), &["own machine", &command, "does not count for that"])?;
        says("the page", &part("needs"), &["1 by the command line, on a machine of their own"])?;
        says("the page", &part("people"), &["ben", "carla", "touched, on a page"])?;
        ensure!(page["disabled"] == true, "there is nothing that a touch would add: {page}");
    }
    let config = text(strict.lab().installation.config())?.to_owned();
    let shown = Cli::run(["change", "show", &id, "--config", &config])?.expect(0)?.stdout;
    let by_command = "1 of them by the command line, on a machine of their own";
    says("the command line", &shown, &["2 other people", by_command, "touched, on a page"])?;
    let refused = strict.lab().delete_stack("lied")?;
    ensure!(refused.status == 403, "{}", refused.text());
    let asks = "1 of them by the command line, on a machine of their own";
    says("the agent's answer", &refused.text(), &[&id, asks, &command])?;
    ensure!(strict.lab().state(&id)? == "held" && strict.lab().deletes("lied")? == 0);
    // Nor does a key file's signature count here, though its client showed the text.
    let file = strict.lab().approve(&id, &strict.lab().people.ben)?.expect(11)?;
    says("the refusal", &file.stderr, &["key file"])?;

    // The same person, by their own client.
    let signed = strict.signs_what_they_saw("ben", &id)?;
    ensure!(signed["state"] == "approved", "{signed}");
    let change = strict.lab().change(&id)?;
    let approvals = change["approvals"].as_array().context("no approvals")?;
    let shown: Vec<_> = approvals.iter().map(|it| (&it["person"], &it["rendered"])).collect();
    ensure!(
        shown == [(&Value::from("ben"), &Value::from(true)), (&Value::from("carla"), &Value::from(false))],
        "each is one person: {change}"
    );
    ensure!(strict.lab().delete_stack("lied")?.status == 200 && strict.lab().deletes("lied")? == 1);

    // What the log has of it convinces whoever has the log alone.
    strict.lab().verify()?.expect(0)?;
    let told = verified_by_auditors(strict.lab())?.expect(0)?;
    says("the auditors' program", &told.stdout, &["The record holds."])
}
