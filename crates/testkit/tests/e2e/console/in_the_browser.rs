//! What a browser does when the console refuses: two pages at once, a person who is not verified, a login that ended elsewhere, a
//! passkey that was copied.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Site;

/// Clicks, and gives what the page says then.
const APPROVE: &str = r##"const approve = async (page) => {
  await page.click("#approve");
  await page.waitForFunction(() => document.getElementById("said")?.textContent);
  return page.textContent("#said");
};"##;

/// Another page of the same person, whose authenticator has a copy of their passkeys. `count`: where the copy goes on.
const COPY: &str = r##"const copy = async (to, count) => {
  const { credentials } = await keys.send("getCredentials");
  for (const credential of credentials) {
    await to.send("addCredential", { credential: { ...credential, signCount: count ?? credential.signCount } });
  }
};"##;

fn said(site: &mut Site, person: &str, code: &str) -> Result<String> {
    let told = site.run(person, &format!("{APPROVE}\n{COPY}\n{code}"))?;
    Ok(told.as_str().map_or_else(|| told.to_string(), str::to_owned))
}

fn approvals(site: &Site, id: &str) -> Result<usize> {
    Ok(site.lab.change(id)?["approvals"].as_array().map_or(0, Vec::len))
}

#[test]
fn nobody_signs_who_was_not_verified() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let id = site.lab.hold("unverified")?;
    let go = format!(r##"await page.goto("{{url}}/changes/{id}"); return approve(page);"##);
    let verified =
        |is: bool| format!(r##"await keys.send("setUserVerified", {{ isUserVerified: {is} }}); {go}"##);
    let told = said(&mut site, "ben", &verified(false))?;
    ensure!(told.contains("Nothing was signed"), "{told}");
    ensure!(approvals(&site, &id)? == 0 && site.lab.state(&id)? == "held");
    let told = said(&mut site, "ben", &verified(true))?;
    ensure!(told.contains("recorded"), "{told}");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn two_clicks_at_one_instant_are_as_many_as_people() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    site.sign_in("carla")?;
    let id = site.lab.hold("clicks")?;
    // One person, on two pages.
    let twice = format!(
        r##"const second = await context.newPage();
        await copy(await authenticator(second), 1000);
        await Promise.all([page, second].map((it) => it.goto("{{url}}/changes/{id}")));
        const told = await Promise.all([approve(page), approve(second)]);
        await second.close();
        return told.join(" | ");"##
    );
    let told = said(&mut site, "ben", &twice)?;
    ensure!(told.contains("recorded") && told.contains("counts once"), "{told}");
    ensure!(site.lab.state(&id)? == "held", "{told}");
    let approve = format!(r##"await page.goto("{{url}}/changes/{id}"); return approve(page);"##);
    let told = said(&mut site, "carla", &approve)?;
    ensure!(told.contains("approved"), "{told}");
    ensure!(site.lab.delete_stack("clicks")?.status == 200);

    // Two people.
    let id = site.lab.hold("people")?;
    let both = format!(
        r##"const carla = (await person("carla")).page;
        await Promise.all([page, carla].map((it) => it.goto("{{url}}/changes/{id}")));
        const told = await Promise.all([approve(page), approve(carla)]);
        return told.join(" | ");"##
    );
    // The second page used the numbers up to a thousand and some: this one's next would be a copy's.
    said(
        &mut site,
        "ben",
        r##"const { credentials } = await keys.send("getCredentials");
        await keys.send("clearCredentials");
        for (const it of credentials) await keys.send("addCredential", { credential: { ...it, signCount: 2000 } });"##,
    )?;
    let told = said(&mut site, "ben", &both)?;
    ensure!(told.contains("recorded") && told.contains("approved"), "{told}");
    ensure!(site.lab.state(&id)? == "approved" && site.lab.delete_stack("people")?.status == 200);
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_page_says_that_its_change_was_decided_elsewhere() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let id = site.lab.hold("decided")?;
    site.run("ben", &format!(r##"await page.goto("{{url}}/changes/{id}");"##))?;
    let veto = ["change", "reject", &id, "--reason", "not tonight"];
    site.lab.signs(&site.lab.people.carla, &veto)?.expect(0)?;
    let told = said(&mut site, "ben", "return approve(page);")?;
    ensure!(told.contains("nothing can be signed on it any more"), "{told}");
    // Its page is a record now: there is nothing to press.
    let buttons = site.run("ben", r##"await page.reload(); return page.locator("#approve").count();"##)?;
    ensure!(buttons == 0, "{buttons}");
    let id = site.lab.hold("open")?;
    let approve = format!(r##"await page.goto("{{url}}/changes/{id}"); return approve(page);"##);
    let told = said(&mut site, "ben", &approve)?;
    ensure!(told.contains("recorded"), "{told}");
    Ok(())
}

#[test]
fn signing_out_everywhere_ends_every_page() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    site.sign_in("carla")?;
    let id = site.lab.hold("elsewhere")?;
    // Ben's phone has the same passkey.
    let phone = r##"const phone = await person("ben's phone");
        await copy(phone.keys, 500);
        await phone.page.goto("{url}/signin");
        await phone.page.fill("#person", "ben");
        await phone.page.click("button.approve");
        await phone.page.waitForURL("{url}/inbox");"##;
    said(&mut site, "ben", phone)?;
    let open = format!(r##"await page.goto("{{url}}/changes/{id}");"##);
    site.run("ben", &open)?;
    site.run(
        "ben's phone",
        r##"await page.click("button[formaction='/signout?everywhere=1']"); await page.waitForURL("{url}/signin");"##,
    )?;
    let told = said(&mut site, "ben", "return approve(page);")?;
    ensure!(told.contains("nobody is signed in here"), "{told}");
    ensure!(approvals(&site, &id)? == 0);
    let at = site.run("ben", r##"await page.goto("{url}/inbox"); return page.url();"##)?;
    ensure!(at.as_str().is_some_and(|it| it.ends_with("/signin")), "{at}");
    let told = said(&mut site, "carla", &format!("{open} return approve(page);"))?;
    ensure!(told.contains("recorded"), "{told}");
    Ok(())
}

#[test]
fn a_copied_passkey_is_noticed_in_the_browser() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let first = site.lab.hold("first")?;
    let approve = |id: &str| format!(r##"await page.goto("{{url}}/changes/{id}"); return approve(page);"##);
    let told = said(&mut site, "ben", &approve(&first))?;
    ensure!(told.contains("recorded"), "{told}");
    // Whoever has the copy signs in with it: its count was set back, and is one that was seen before.
    let thief = r##"const thief = await person("thief");
        await copy(thief.keys, 0);
        await thief.page.goto("{url}/signin");
        await thief.page.fill("#person", "ben");
        await thief.page.click("button.approve");
        await thief.page.waitForFunction(() => document.getElementById("said")?.textContent);
        return thief.page.textContent("#said");"##;
    let told = said(&mut site, "ben", thief)?;
    ensure!(told.contains("may exist twice"), "{told}");
    let alarms = site.lab.entries_of("alarm", 1)?;
    let [alarm] = alarms.as_slice() else { anyhow::bail!("{alarms:#?}") };
    ensure!(alarm["actors"]["person"] == "ben", "{alarm:#}");
    ensure!(alarm["detail"]["alarm"].as_str().is_some_and(|it| it.contains("may exist twice")), "{alarm:#}");
    // One that is ahead is not noticed until the original is used again: then it is, and approves nothing.
    let ahead = r##"const thief = await person("thief");
        await thief.keys.send("clearCredentials");
        await copy(thief.keys, 5000);
        await thief.page.click("button.approve");
        await thief.page.waitForURL("{url}/inbox");"##;
    said(&mut site, "ben", ahead)?;
    let second = site.lab.hold("second")?;
    let told = said(&mut site, "ben", &approve(&second))?;
    ensure!(told.contains("may exist twice"), "{told}");
    site.lab.entries_of("alarm", 2)?;
    ensure!(approvals(&site, &first)? == 1 && approvals(&site, &second)? == 0);
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_form_on_another_site_stops_nothing() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let session = site.lab.session.id.clone();
    // The same machine under another name is another site.
    let elsewhere = site.url.replace("localhost", "127.0.0.1");
    let post = format!(
        r##"await page.goto("{elsewhere}/signin");
        await page.evaluate((to) => {{
          const form = document.createElement("form");
          form.method = "post";
          form.action = to;
          document.body.append(form);
          form.submit();
        }}, "{{url}}/sessions/{session}/stop");
        await page.waitForTimeout(1000);
        return said;"##
    );
    let blocked = site.run("ben", &post)?;
    // Our own pages send forms to their own site only, so the browser stopped it; a page without such a policy comes as far as
    // the server, which other tests ask.
    ensure!(blocked.to_string().contains("form-action"), "{blocked}");
    ensure!(site.lab.entries("session_stopped")?.is_empty());
    let stop = format!(
        r##"await page.goto("{{url}}/sessions");
        await page.click("form[action='/sessions/{session}/stop'] button");
        await page.waitForLoadState();
        return page.url();"##
    );
    let at: Value = site.run("ben", &stop)?;
    ensure!(at.as_str().context("no place")?.ends_with("/sessions"), "{at}");
    site.lab.entries_of("session_stopped", 1).map(drop)
}
