//! The inbox while somebody looks at it: it misses nothing, moves nothing that is held, and says what is so when it is not live.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Site;

/// No event comes through; the page is there, and says so. The pointer is on nothing.
const CUT_OFF: &str = r##"await page.route("**/events*", (route) => route.abort("connectionreset"));
    await page.mouse.move(2, 2);
    await page.goto("{url}/inbox");
    await page.waitForFunction(() => document.getElementById("live").textContent.includes("trying again"));"##;

const LIVE: &str =
    r##"await page.waitForFunction(() => document.getElementById("live").textContent === "Live");"##;

fn said(site: &mut Site, code: &str) -> Result<String> {
    let told = site.run("ben", code)?;
    Ok(told.as_str().map_or_else(|| told.to_string(), str::to_owned))
}

/// A change by itself: ben has approved it, and nothing joins it any more.
fn hold(site: &Site, stack: &str) -> Result<String> {
    let id = site.lab.hold(stack)?;
    site.lab.approve(&id, &site.lab.people.ben)?.expect(0)?;
    Ok(id)
}

#[test]
fn what_a_page_has_missed_comes_when_it_listens_again() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let moves = hold(&site, "moves")?;
    let vetoed = hold(&site, "vetoed")?;
    let withdrawn = hold(&site, "withdrawn")?;
    site.sign_in("ben")?;
    let shown = said(
        &mut site,
        &format!("{CUT_OFF} return (await page.locator('.row').allTextContents()).join(' | ');"),
    )?;
    for stack in ["moves", "vetoed", "withdrawn"] {
        ensure!(shown.contains(stack), "{stack}: {shown}");
    }
    // How bad it could be stands in each row, in words.
    for row in shown.split(" | ") {
        let undo = ["no undo", "undo is ready", "only adds or reads"].iter().any(|word| row.contains(word));
        ensure!(undo && row.contains("fixer for olga") && row.contains(" left"), "{row}");
    }
    site.lab.approve(&moves, &site.lab.people.carla)?.expect(0)?;
    let veto = ["change", "reject", &vetoed, "--reason", "not before the backup"];
    site.lab.signs(&site.lab.people.carla, &veto)?.expect(0)?;
    let back = site.lab.on_agent_listener("POST", &format!("/v1/changes/{withdrawn}/withdraw"), None)?;
    ensure!(back.status == 200, "{}", back.text());
    let new = site.lab.hold("new")?;

    site.run("ben", &format!(r##"await page.unroute("**/events*"); {LIVE}"##))?;
    for (id, gone, told) in [
        (&moves, false, "waits for its agent"),
        (&vetoed, true, "by carla: not before the backup"),
        (&withdrawn, true, "by its agent"),
        (&new, false, "0 of 2 approved"),
    ] {
        let row = site.run(
            "ben",
            &format!(
                r##"return page.evaluate((id) => {{
                  const row = document.getElementById(id);
                  return {{ text: row?.textContent, gone: row?.classList.contains("gone") }};
                }}, "{id}");"##
            ),
        )?;
        ensure!(
            row["text"].as_str().is_some_and(|it| it.contains(told)) && row["gone"] == gone,
            "{told}: {row}"
        );
    }
    let first =
        said(&mut site, "return page.evaluate(() => document.getElementById('rows').firstElementChild.id);")?;
    ensure!(first == new, "the newest comes first: {first}");
    let count = said(&mut site, r##"return page.textContent("#count");"##)?;
    ensure!(count == "2", "{count}");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_is_held_on_the_page_neither_moves_nor_is_lost() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let one = hold(&site, "one")?;
    site.sign_in("ben")?;
    let at = format!(
        r##"const place = () => page.evaluate((id) => {{
          const {{ top, left, height }} = document.getElementById(id).getBoundingClientRect();
          return [top, left, height];
        }}, "{one}");"##
    );
    let before = site.run(
        "ben",
        &format!(r##"await page.goto("{{url}}/inbox"); {LIVE} {at} await page.hover("[id='{one}']"); return place();"##),
    )?;
    let two = site.lab.hold("two")?;
    let after = site.run(
        "ben",
        &format!(
            r##"await page.locator("#fresh").waitFor({{ state: "visible" }});
            {at}
            return {{ place: await place(), says: await page.textContent("#fresh"), there: await page.locator("[id='{two}']").count() }};"##
        ),
    )?;
    ensure!(after["place"] == before && after["says"] == "1 new" && after["there"] == 0, "{before} {after}");
    let order = said(
        &mut site,
        r##"await page.click("#fresh");
        await page.locator("#fresh").waitFor({ state: "hidden" });
        return (await page.locator(".row").evaluateAll((rows) => rows.map((it) => it.id))).join(" ");"##,
    )?;
    ensure!(order == format!("{two} {one}"), "{order}");

    // The keyboard is on a row, and it becomes another.
    site.run(
        "ben",
        r##"await page.mouse.move(2, 2); await page.keyboard.press("j"); await page.keyboard.press("j");"##,
    )?;
    site.lab.approve(&one, &site.lab.people.carla)?.expect(0)?;
    let focus = site.run(
        "ben",
        &format!(
            r##"await page.waitForFunction((id) => document.getElementById(id).textContent.includes("waits for its agent"), "{one}");
            return page.evaluate(() => [document.activeElement.closest(".row")?.id, document.querySelector(".row.chosen")?.id]);"##
        ),
    )?;
    ensure!(focus == json!([one, one]), "{focus}");
    site.run(
        "ben",
        &format!(r##"await page.keyboard.press("Enter"); await page.waitForURL("{{url}}/changes/{one}");"##),
    )?;
    Ok(())
}

#[test]
fn times_go_on_while_a_page_is_open_in_the_words_of_the_server() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let list = include_str!("../../../../console/tests/spans.txt");
    let cases = list.lines().filter(|line| !line.starts_with('#'));
    let cases: Vec<Vec<&str>> = cases.map(|line| line.split(" | ").collect()).collect();
    let wrong = site.run(
        "ben",
        &format!(
            r##"await page.goto("{{url}}/signin");
            return page.evaluate(async (cases) => {{
              const text = async (place) => (await fetch(place)).text();
              const inbox = (await text(document.querySelector("script[type=module]").src)).match(/from "(\/assets\/[^"]*\/inbox.js)"/)[1];
              const {{ ago, left }} = await import((await text(inbox)).match(/from "(\/assets\/[^"]*\/when.js)"/)[1]);
              return cases.filter(([seconds, since, until]) => ago(0, seconds * 1000) !== since || left(seconds * 1000, 0) !== until);
            }}, {});"##,
            json!(cases)
        ),
    )?;
    ensure!(wrong == json!([]), "{wrong:#}");
    let id = site.lab.hold("orders")?;
    site.sign_in("ben")?;
    site.run(
        "ben",
        &format!(
            r##"await page.goto("{{url}}/inbox"); {LIVE}
            await page.evaluate((id) => {{
              const [asked, left] = document.getElementById(id).querySelectorAll("time");
              asked.dateTime = new Date(Date.now() - 5.5 * 60000).toISOString();
              left.dateTime = new Date(Date.now() - 1000).toISOString();
            }}, "{id}");
            await page.waitForFunction((id) => {{
              const [asked, left] = document.getElementById(id).querySelectorAll("time");
              return asked.textContent === "5 min ago" && left.textContent === "its time is over";
            }}, "{id}");"##
        ),
    )?;
    Ok(())
}

#[test]
fn whoever_was_signed_out_is_told_so_and_where_to_sign_in() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    // As after a start of the server: the login is gone, and the page is not.
    let told = site.run(
        "ben",
        &format!(
            r##"{CUT_OFF}
            await context.clearCookies();
            await page.unroute("**/events*");
            await page.locator("#live a").waitFor();
            const told = await page.textContent("#live");
            await page.click("#live a");
            await page.waitForURL("{{url}}/signin");
            return told;"##
        ),
    )?;
    ensure!(told == "Not live: you were signed out; sign in again", "{told}");
    // The same break, and the login still stands.
    site.sign_in("ben")?;
    let told: Value = site
        .run("ben", &format!(r##"{CUT_OFF} await page.unroute("**/events*"); {LIVE} return page.url();"##))?;
    ensure!(told.as_str().context("no place")?.ends_with("/inbox"), "{told}");
    Ok(())
}
