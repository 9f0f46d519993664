//! The console in a real browser: a passkey is made, counts once two people have adopted it, signs in, approves and rejects.

mod by_hand;
mod crowd;
mod enrolled;
mod every_route;
mod faces;
mod gone;
mod hostile_words;
mod in_the_browser;
mod kept;
mod live;
mod pages_say;
mod record;
mod refusals;
mod second_account;
mod session_page;
mod sign_in;
mod site_name;
mod strict;
mod surroundings;

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Browser, Key, certificate, until};

use crate::{
    adopt::{copied, text},
    lab::Lab,
};

/// An installation whose approvers have passkeys, and their browser; `None` where there is none, which is said.
struct Site {
    lab: Lab,
    browser: Browser,
    url: String,
}

impl Site {
    fn open() -> Result<Option<Self>> {
        let Some(browser) = Self::browser()? else { return Ok(None) };
        let lab = Lab::open()?;
        let keys = [lab.people.ben.clone(), lab.people.carla.clone()];
        Self::over(lab, browser, keys.each_ref()).map(Some)
    }

    fn browser() -> Result<Option<Browser>> {
        let browser = Browser::open()?;
        if browser.is_none() {
            eprintln!("SKIPPED: no Chromium, Node.js or npm, so the console is not tried in a browser");
        }
        Ok(browser)
    }

    /// `keys`: with which ben and carla agree that their passkeys count.
    fn over(lab: Lab, mut browser: Browser, keys: [&Key; 2]) -> Result<Self> {
        let [_, _, people] = lab.serve.authorities();
        let port = people.rsplit(':').next().context("no port")?;
        let url = format!("http://localhost:{port}");
        let mut lines = Vec::new();
        for person in ["ben", "carla"] {
            let made = browser.run(
                person,
                &format!(
                    r##"await page.goto("{url}/enrol");
                    await page.fill("#person", "{person}");
                    await page.check("input[type=checkbox]");
                    await page.click("button.approve");
                    await page.waitForSelector("#made:not([hidden])");
                    return await page.textContent("#line");"##
                ),
            )?;
            lines.push((person, made.as_str().context("no line")?.to_owned()));
        }
        enrol(&lab, &lines, keys)?;
        Ok(Self { lab, browser, url })
    }

    fn sign_in(&mut self, person: &str) -> Result<()> {
        let url = &self.url;
        let code = format!(
            r##"await page.goto("{url}/signin");
            await page.fill("#person", "{person}");
            await page.click("button.approve");
            await page.waitForURL("{url}/inbox");"##
        );
        self.browser.run(person, &code).map(drop)
    }

    fn run(&mut self, person: &str, code: &str) -> Result<Value> {
        let code = code.replace("{url}", &self.url);
        self.browser.run(person, &code)
    }
}

/// By a bundle that olga asks for and both approve with the keys they have.
fn enrol(lab: &Lab, lines: &[(&str, String)], keys: [&Key; 2]) -> Result<()> {
    let next = copied(lab, "passkeys")?;
    let file = next.join("roster.toml");
    let mut roster = fs::read_to_string(&file)?;
    for (person, line) in lines {
        let head = format!("[people.{person}]\n");
        let at = roster.find(&head).context("no such person in the roster")? + head.len();
        let (before, after) = roster.split_at(at);
        let keys = after.find("keys = [").context("no keys")? + "keys = [".len();
        let (middle, rest) = after.split_at(keys);
        roster = format!("{before}{middle}\"{line}\", {rest}");
    }
    fs::write(&file, roster)?;
    let proof = certificate(&next)?;
    let ask = ["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?];
    let held = lab.signs(&lab.people.olga, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    for key in keys {
        lab.approve(&id, key)?.expect(0)?;
    }
    lab.signs(&lab.people.olga, &ask)?.expect(0).map(drop)
}

#[test]
fn two_people_approve_live_on_two_pages() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    site.sign_in("carla")?;
    for person in ["ben", "carla"] {
        site.run(
            person,
            r##"await page.waitForFunction(() => document.getElementById("live").textContent === "Live");"##,
        )?;
    }
    let id = site.lab.hold("orders")?;
    for person in ["ben", "carla"] {
        let row = format!(
            r##"const row = page.locator("[id='{id}']");
            await row.waitFor();
            return await row.textContent();"##
        );
        let row = site.run(person, &row)?;
        let row = row.as_str().unwrap_or_default();
        ensure!(row.contains("orders") && row.contains("0 of 2 approved"), "{row}");
    }
    for (person, state) in [("ben", "held"), ("carla", "approved")] {
        let approve = format!(
            r##"await page.goto("{{url}}/changes/{id}");
            await page.click("#approve");
            await page.waitForFunction(() => document.getElementById("said")?.textContent);
            const told = await page.textContent("#said");
            await page.waitForSelector("article[data-state='{state}']").catch((error) => {{ throw new Error(`${{told}}: ${{error}}`) }});
            return told;"##
        );
        site.run(person, &approve)?;
        if state == "held" {
            let row = format!(
                r##"await page.waitForFunction(() => document.getElementById("{id}")?.textContent.includes("1 of 2 approved"));"##
            );
            site.run("carla", &row)?;
        }
    }
    ensure!(site.lab.state(&id)? == "approved");
    ensure!(site.lab.delete_stack("orders")?.status == 200, "its agent may now");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_veto_says_why_and_closes_the_change_for_everybody() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("carla")?;
    let id = site.lab.hold("orders")?;
    let reject = format!(
        r##"await page.goto("{{url}}/changes/{id}");
        await page.keyboard.press("r");
        await page.keyboard.type("not before the backup is verified");
        await page.keyboard.press("Enter");
        await page.waitForSelector("#vetoing:not([hidden])");
        const shown = await page.textContent("#veto");
        if (!shown.includes("not before the backup is verified")) throw new Error(`signed unseen: ${{shown}}`);
        await page.keyboard.type("!");
        if (await page.textContent("#said")) throw new Error("signed without a press");
        await page.keyboard.press("Enter");
        await page.waitForSelector("article[data-state='rejected']");
        return await page.textContent(".people");"##
    );
    let people = site.run("carla", &reject)?;
    let people = people.as_str().unwrap_or_default();
    ensure!(people.contains("carla") && people.contains("not before the backup is verified"), "{people}");
    ensure!(site.lab.state(&id)? == "rejected");
    let again = site.lab.delete_stack("orders")?;
    ensure!(
        again.status == 403 && again.text().contains("not before the backup is verified"),
        "{}",
        again.text()
    );
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn the_keys_of_the_inbox_lead_to_what_decides_and_decide_nothing() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let first = site.lab.hold("orders")?;
    for (key, place) in [("a", "approve"), ("r", "reason"), ("Enter", "")] {
        let at = site.run(
            "ben",
            &format!(
                r##"await page.goto("{{url}}/inbox");
                await page.keyboard.press("{key}");
                await page.keyboard.press("j");
                if (!page.url().endsWith("/inbox")) throw new Error("nothing was chosen yet");
                await page.keyboard.press("{key}");
                await page.waitForURL("{{url}}/changes/**");
                await page.waitForFunction((place) => (document.activeElement?.id ?? "") === place, "{place}");
                return new URL(page.url()).pathname;"##
            ),
        )?;
        ensure!(at == format!("/changes/{first}"), "{key}: {at}");
    }
    let decided = site.lab.entries("approval_given")?.iter().any(|it| it["change"] == first.as_str());
    ensure!(site.lab.state(&first)? == "held" && !decided);
    Ok(())
}

/// An environment that was read into the folder where the console looks.
fn surveyed(site: &mut Site) -> Result<()> {
    crate::scan::estate(&site.lab)?;
    let folder = site.lab.installation.folder().join("snapshots");
    fs::create_dir(&folder)?;
    let file = folder.join("shop.json");
    let scan = ["scan", "--agent", "tidier", "--operator", "olga", "--region", "us-east-1", "--days", "30"];
    let args = [&scan[..], &["--rate", "500", "--snapshot", text(&file)?]].concat();
    site.lab.signs(&site.lab.people.olga, &args)?.expect(0)?;
    site.sign_in("ben")?;
    until("the console to have read the snapshot", Duration::from_secs(30), || {
        let page =
            site.run("ben", r##"await page.goto("{url}/findings"); return page.textContent("main");"##)?;
        Ok(page.as_str().is_some_and(|it| it.contains("shop.json")).then_some(()))
    })
}

/// Every page, light and dark, on a desk and on a phone: nothing that axe objects to, nothing that the page's own policy stops,
/// and what matters of a change in the first 400 pixels. The pictures are left in `target/console/`; those of `docs/console/` are made
/// of them where that is asked for (`cargo xtask gen screenshots`).
#[test]
fn every_page_can_be_read_by_everybody() -> Result<()> {
    let Some(mut site) = faces::open()? else { return Ok(()) };
    let id = site.lab.hold("orders")?;
    surveyed(&mut site)?;
    faces::carried_out(&mut site)?;
    let planned = faces::first_plan(&mut site)?;
    let folder = testkit::root().join("target/console");
    fs::create_dir_all(&folder)?;
    let change = format!("/changes/{id}");
    let session = format!("/sessions/{}", site.lab.session.id);
    let entrances = [("signin", "/signin"), ("enrol", "/enrol")];
    let pages = [
        ("inbox", "/inbox"),
        ("change", change.as_str()),
        ("sessions", "/sessions"),
        ("session", session.as_str()),
        ("findings", "/findings"),
        ("costs", "/costs"),
        ("costs-by-tag", "/costs?by=tag:team"),
        ("costs-by-nothing", "/costs?by=nothing"),
        ("ask", "/ask?sentence=fix+the+table+orders"),
        ("ask-nothing", "/ask"),
        ("ask-not-understood", "/ask?sentence=sing+me+a+song+about+volumes"),
        ("ask-answered", "/ask?sentence=what+is+wrong"),
        ("plan", planned.as_str()),
        ("plan-none", "/plan?finding=nothing"),
        ("runs", "/runs"),
        ("run", faces::RUN),
        ("run-malformed", "/runs?spec=malformed"),
        ("policy", "/policy"),
        (
            "what-if",
            "/policy?request=effects+%3D+%5B%22destroy%22%5D%0Akind+%3D+%22database%22%0Aenvironment+%3D+%22production%22",
        ),
        ("what-if-wrong", "/policy?request=efects+%3D+1"),
        ("audit", "/audit"),
        ("entry", "/audit/5"),
        ("proof", "/audit/5#root"),
        ("health", "/health"),
    ];
    let look = |site: &mut Site, pages: &[(&str, &str)]| -> Result<()> {
        for (name, path) in pages {
            for (scheme, size, [width, height]) in [
                ("light", "desk", [1280, 720]),
                ("dark", "desk", [1280, 720]),
                ("light", "phone", [390, 844]),
                ("dark", "phone", [390, 844]),
            ] {
                let picture = folder.join(format!("{name}-{scheme}-{size}.png"));
                let code = format!(
                    r##"await page.emulateMedia({{ colorScheme: "{scheme}", reducedMotion: "reduce" }});
                    await page.setViewportSize({{ width: {width}, height: {height} }});
                    await page.goto("{{url}}{path}");
                    const found = await axe(page);
                    await page.goto("{{url}}{path}");
                    await page.waitForFunction(() => !document.getElementById("live")?.textContent.startsWith("Connecting"));
                    await page.screenshot({{ path: "{picture}" }});
                    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
                    return [...found, ...said, ...(wide ? ["wider than the screen"] : [])];"##,
                    picture = text(&picture)?
                );
                let found = site.run("ben", &code)?;
                ensure!(found.as_array().is_some_and(Vec::is_empty), "{name} {scheme} {size}: {found:#}");
            }
        }
        Ok(())
    };
    look(&mut site, &entrances)?;
    site.sign_in("ben")?;
    look(&mut site, &pages)?;
    let worst = format!("/changes/{}", pushy(&site)?);
    look(&mut site, &[("change-pushy", &worst)])?;
    for path in [&change, &worst] {
        first_400_pixels(&mut site, path)?;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let names = entrances.iter().chain(&pages).map(|(name, _)| *name);
        keep_pictures(&folder, names)?;
    }
    Ok(())
}

/// What an approver has to know stands there, whatever the names are that somebody chose: each part, and nothing above it.
fn first_400_pixels(site: &mut Site, path: &str) -> Result<()> {
    for (width, height) in [(1280, 720), (390, 844)] {
        let code = format!(
            r##"await page.setViewportSize({{ width: {width}, height: {height} }});
            await page.goto("{{url}}{path}");
            const ends = [];
            for (const it of await page.locator("#sentence, .facts > div").all()) {{
              const box = await it.boundingBox();
              ends.push(box.y + box.height);
            }}
            const facts = await page.textContent(".facts");
            const notices = [];
            for (const it of await page.locator(".notice:visible").all()) notices.push((await it.boundingBox()).y);
            return {{ ends, facts, notices }};"##
        );
        let seen = site.run("ben", &code)?;
        let numbers = |of: &Value| -> Vec<f64> {
            of.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        let (ends, notices) = (numbers(&seen["ends"]), numbers(&seen["notices"]));
        let last = ends.iter().copied().fold(0.0, f64::max);
        ensure!(ends.len() == 6 && last <= 400.0, "{path} {width}: {ends:?}");
        ensure!(notices.iter().all(|top| *top >= last), "a notice is above: {seen}");
        let facts = seen["facts"].as_str().unwrap_or_default();
        for fact in ["Does", "destroys or interrupts", "Undo", "no: ", "Where", "production", "Not known"] {
            ensure!(facts.contains(fact), "{path} {width}: no {fact} in {facts}");
        }
    }
    Ok(())
}

/// Pages that say that something is wrong, or that there is nothing: looked at, but nothing to show.
const NOT_SHOWN: [&str; 6] =
    ["costs-by-nothing", "ask-nothing", "ask-not-understood", "plan-none", "run-malformed", "what-if-wrong"];
/// What people open on a phone.
const ON_A_PHONE: [&str; 7] = ["signin", "inbox", "change", "sessions", "session", "policy", "audit"];

/// Light and dark on a desk, and light on a phone, in place of all that was there.
fn keep_pictures<'n>(from: &std::path::Path, names: impl Iterator<Item = &'n str>) -> Result<()> {
    let kept = testkit::root().join("docs/console");
    for old in fs::read_dir(&kept)? {
        let old = old?.path();
        if old.extension().is_some_and(|it| it == "png") {
            fs::remove_file(old)?;
        }
    }
    for name in names.filter(|name| !NOT_SHOWN.contains(name)) {
        let phone = ON_A_PHONE.contains(&name).then_some(("light-phone", "phone"));
        for (taken, named) in [("light-desk", "light"), ("dark-desk", "dark")].into_iter().chain(phone) {
            fs::copy(from.join(format!("{name}-{taken}.png")), kept.join(format!("{name}-{named}.png")))?;
        }
    }
    Ok(())
}

/// A plan as an agent would write it that wants to push out of sight what it does: a harmless step first, names without an end, and a
/// veto of the same before it.
fn pushy(site: &Site) -> Result<String> {
    let lab = &site.lab;
    let deletes = |name: &str| json!({ "service": "cloudformation", "operation": "DeleteStack", "parameters": { "StackName": name } });
    let propose = |actions: Vec<Value>| -> Result<String> {
        let asked = json!({ "intent": "no-op placeholder", "actions": actions });
        let answer = lab.on_agent_listener("POST", "/v1/changes", Some(&asked))?;
        let told: Value = serde_json::from_slice(&answer.body)?;
        ensure!(answer.status == 200 && told["state"] == "held", "{told:#}");
        Ok(told["id"].as_str().context("no id")?.to_owned())
    };
    let long = |letter: &str| letter.repeat(400);
    let vetoed = propose(vec![deletes(&long("w"))])?;
    let veto = ["change", "reject", &vetoed, "--reason", &"finance reads it ".repeat(40)];
    lab.signs(&lab.people.carla, &veto)?.expect(0)?;
    let harmless = json!({ "service": "ssm", "operation": "PutParameter",
        "parameters": { "Name": "/a", "Value": "1", "Type": "String" } });
    propose(vec![harmless, deletes(&long("w")), deletes(&long("i"))])
}
