//! A browser keeps what it has seen of the log. What does not continue that is an alarm on every page, under which nothing is
//! approved, for as long as it does not.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Serve, until};

use super::Site;
use crate::lab::{Lab, OWNER, held};

/// What a page says of the log once it has looked, whether it lets approve, what it keeps, and what its statement names.
const LOOK: &str = r##"const look = async (page) => {
  await page.waitForFunction(() => "alarm" in document.body.dataset || (document.getElementById("approve")?.disabled ?? false) === false);
  return page.evaluate(() => {
    const place = Object.keys(localStorage).find((it) => it.startsWith("checkpoint "));
    const [origin, size, root] = (localStorage.getItem(place) ?? "").split("\n");
    const hex = [...atob(root ?? "")].map((it) => it.charCodeAt(0).toString(16).padStart(2, "0")).join("");
    const statement = document.getElementById("text")?.textContent ?? "";
    return {
      alarm: document.body.dataset.alarm ?? null,
      says: document.getElementById("alarm").checkVisibility() ? document.getElementById("alarming").textContent : null,
      shows: document.getElementById("witnessed").checkVisibility() ? document.getElementById("witnessed").textContent : null,
      off: document.getElementById("approve")?.disabled ?? null,
      place, note: localStorage.getItem(place), size: Number(size), line: `${origin} ${size} ${hex}`,
      signs: statement.slice(statement.lastIndexOf("checkpoint: ") + 12).replaceAll("\n        ", "").trim(),
    };
  });
};
const approve = async (page) => {
  await page.click("#approve");
  await page.waitForFunction(() => document.getElementById("said")?.textContent);
  return page.textContent("#said");
};"##;

fn look(site: &mut Site, code: &str) -> Result<Value> {
    site.run("ben", &format!("{LOOK}\n{code}"))
}

fn at(site: &mut Site, path: &str) -> Result<Value> {
    look(site, &format!(r##"await page.goto("{{url}}{path}"); return look(page);"##))
}

/// Puts `to` where `from` stands in what the browser keeps of the log, by JavaScript over `note`.
fn rewrite(site: &mut Site, expression: &str) -> Result<()> {
    let code = format!(
        r##"await page.evaluate(() => {{
          const place = Object.keys(localStorage).find((it) => it.startsWith("checkpoint "));
          const note = localStorage.getItem(place);
          const [origin, size, root, ...rest] = note.split("\n");
          {expression}
        }});"##
    );
    site.run("ben", &code).map(drop)
}

#[test]
fn a_browser_keeps_the_newest_checkpoint_and_signs_with_it() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let mut sizes = Vec::new();
    for stack in ["one", "two", "three"] {
        let id = site.lab.hold(stack)?;
        for path in ["/inbox".to_owned(), format!("/changes/{id}"), "/audit".to_owned()] {
            let seen = at(&mut site, &path)?;
            ensure!(seen["alarm"].is_null() && seen["says"].is_null(), "{path}: {seen:#}");
            sizes.push(seen["size"].as_u64().context("nothing is kept")?);
        }
        let seen = at(&mut site, &format!("/changes/{id}"))?;
        ensure!(seen["off"] == false && seen["signs"] == seen["line"], "{seen:#}");
        let told = look(&mut site, "return approve(page);")?;
        ensure!(told.as_str().is_some_and(|it| it.contains("recorded")), "{told}");
        let given = until("the approval to be in the log", Duration::from_secs(10), || {
            Ok(site.lab.entries("approval_given")?.into_iter().find(|it| it["change"] == id.as_str()))
        })?;
        let line = seen["line"].as_str().context("no line")?;
        let joined = given["detail"]["statement"].as_str().context("no statement")?.replace("\n        ", "");
        ensure!(joined.ends_with(&format!("\n  checkpoint: {line}\n")), "{joined}");
    }
    ensure!(sizes.is_sorted() && sizes.first() < sizes.last(), "{sizes:?}");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_a_browser_kept_and_the_log_does_not_hold_stops_its_approvals() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let id = site.lab.hold("kept")?;
    let path = format!("/changes/{id}");
    let good = at(&mut site, &path)?;
    ensure!(good["off"] == false, "{good:#}");
    let never = r##"btoa("x".repeat(32))"##;
    for (what, keeps, says) in [
        ("another root", format!("[origin, size, {never}, ...rest]"), "Sign nothing: the log was rewritten"),
        (
            "another root of a smaller log",
            format!("[origin, 3, {never}, ...rest]"),
            "Sign nothing: the log was rewritten",
        ),
        ("more entries", format!("[origin, 100000, {never}, ...rest]"), "Sign nothing: the log was cut"),
        ("no checkpoint", "[origin]".to_owned(), "Sign nothing: what this browser kept is no checkpoint"),
    ] {
        rewrite(&mut site, &format!("localStorage.setItem(place, {keeps}.join(\"\\n\"));"))?;
        for path in [path.as_str(), "/inbox", &path] {
            let seen = at(&mut site, path)?;
            let said = seen["says"].as_str().unwrap_or_default();
            ensure!(seen["alarm"] == "log" && said.starts_with(says), "{what}: {seen:#}");
            ensure!(said.contains("countersign audit verify"), "{what}: {said}");
            ensure!(
                seen["note"] != good["note"] && seen["shows"] == seen["note"],
                "{what}: overwritten: {seen:#}"
            );
            ensure!(path == "/inbox" || seen["off"] == true, "{what}: {seen:#}");
        }
        let objects = look(&mut site, r##"return axe(page);"##)?;
        ensure!(objects == json!([]), "{what}: {objects:#}");
        let note = good["note"].to_string();
        rewrite(&mut site, &format!("localStorage.setItem(place, {note});"))?;
        let seen = at(&mut site, &path)?;
        ensure!(seen["alarm"].is_null() && seen["off"] == false, "{what}: {seen:#}");
    }
    // A page that was opened before: it looks again before it signs.
    rewrite(
        &mut site,
        &format!("localStorage.setItem(place, [origin, 100000, {never}, ...rest].join(\"\\n\"));"),
    )?;
    let told = look(&mut site, "return approve(page);")?;
    ensure!(told.as_str().is_some_and(|it| it.contains("the log was cut")), "{told}");
    ensure!(
        site.lab.state(&id)? == "held"
            && site.lab.entries("approval_given")?.iter().all(|it| it["change"] != id.as_str())
    );

    // A log of another name begins nothing by itself: somebody says that they compared it.
    let note = good["note"].to_string();
    rewrite(
        &mut site,
        &format!(
            "localStorage.removeItem(place); localStorage.setItem(\"checkpoint another\", {note}.replace(origin, \"another\"));"
        ),
    )?;
    let seen = at(&mut site, &path)?;
    let said = seen["says"].as_str().unwrap_or_default();
    ensure!(
        seen["off"] == true
            && said.contains("this is another log")
            && said.contains("compare its fingerprint"),
        "{seen:#}"
    );
    let seen = look(
        &mut site,
        r##"await page.click("#anew"); await page.waitForSelector("#alarm", { state: "hidden" }); return look(page);"##,
    )?;
    ensure!(seen["alarm"].is_null() && seen["off"] == false, "{seen:#}");
    let told = look(&mut site, "return approve(page);")?;
    ensure!(told.as_str().is_some_and(|it| it.contains("recorded")), "{told}");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_server_that_was_set_back_is_an_alarm_in_the_browser() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let id = site.lab.hold("backup")?;
    let path = format!("/changes/{id}");
    ensure!(site.lab.serve.stop()? == 0);
    // What a browser keeps is of an address, port and all.
    let config = site.lab.installation.config().to_owned();
    let place = site.url.replace("http://localhost", "127.0.0.1");
    let text = fs::read_to_string(&config)?;
    let pinned = text.replace("people = \"127.0.0.1:0\"", &format!("people = \"{place}\""));
    ensure!(pinned != text, "{text}");
    fs::write(&config, pinned)?;
    let (folder, beside) = (site.lab.installation.folder(), site.lab.installation.beside().to_owned());
    let (before, after) = (beside.join("before"), beside.join("after"));
    copy(&folder, &before)?;
    let copied = waiting(&site.lab)?;

    start(&mut site.lab)?;
    site.sign_in("ben")?;
    for nth in 0..3 {
        site.lab.hold(&format!("since-{nth}"))?;
    }
    // A page shows the newest checkpoint, which comes a moment after its entries; an older one would be of what was copied.
    until("everything held to be in the log", Duration::from_secs(10), || {
        Ok((waiting(&site.lab)? == copied + 3).then_some(()))
    })?;
    let kept = at(&mut site, &path)?;
    ensure!(kept["alarm"].is_null() && kept["off"] == false, "{kept:#}");
    ensure!(site.lab.serve.stop()? == 0);
    copy(&folder, &after)?;

    // Database, log and lock put back together: only who was outside can tell.
    put_back(&before, &folder)?;
    start(&mut site.lab)?;
    site.sign_in("ben")?;
    let check = |site: &mut Site, says: &str| -> Result<()> {
        until(says, Duration::from_secs(10), || {
            let seen = at(site, &path)?;
            Ok(seen["says"].as_str().is_some_and(|it| it.contains(says)).then_some(()))
        })?;
        for path in [path.as_str(), "/inbox"] {
            let seen = at(site, path)?;
            ensure!(seen["says"].as_str().is_some_and(|it| it.contains(says)), "{path}: {seen:#}");
            ensure!(seen["note"] == kept["note"] && seen["shows"] == kept["note"], "overwritten: {seen:#}");
            ensure!(path == "/inbox" || seen["off"] == true, "{path}: {seen:#}");
        }
        Ok(())
    };
    check(&mut site, "the log was cut")?;
    // Once it has grown past what was seen, it is another.
    for nth in 0..20 {
        held(&site.lab.delete_stack(&format!("none-{nth}"))?).ok();
    }
    check(&mut site, "the log was rewritten")?;

    ensure!(site.lab.serve.stop()? == 0);
    put_back(&after, &folder)?;
    start(&mut site.lab)?;
    site.sign_in("ben")?;
    let seen = at(&mut site, &path)?;
    ensure!(seen["alarm"].is_null() && seen["off"] == false, "{seen:#}");
    let told = look(&mut site, "return approve(page);")?;
    ensure!(told.as_str().is_some_and(|it| it.contains("recorded")), "{told}");
    site.lab.verify()?.expect(0).map(drop)
}

/// How many actions the log says to be held, each in a change of its own or in one with others.
fn waiting(lab: &Lab) -> Result<usize> {
    Ok(lab.entries("change_held")?.len() + lab.entries("change_joined")?.len())
}

fn start(lab: &mut Lab) -> Result<()> {
    lab.serve = Serve::start_with(lab.installation.config(), &OWNER)?;
    Ok(())
}

fn put_back(copied: &Path, folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder)?;
    copy(copied, folder)
}

/// A folder with its modes.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut command = std::process::Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    testkit::run(command, Duration::from_secs(30))?.expect(0).map(drop)
}

type Hash = [u8; 32];

/// RFC 9162 §2.1.1 and §2.1.4.1, as they stand there.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Sha256::digest([&[1][..], &root(left), &root(right)].concat()).into()
        }
    }
}

fn split(size: usize) -> usize {
    (1..size).rev().find(|it| it.is_power_of_two()).unwrap_or(1)
}

fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if old <= left.len() {
        [subproof(old, left, whole), vec![root(right)]].concat()
    } else {
        [subproof(old - left.len(), right, false), vec![root(left)]].concat()
    }
}

#[test]
fn the_browser_takes_every_growth_and_no_spoiled_proof() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    let leaves: Vec<Hash> = (0..34_u8).map(|nth| Sha256::digest([nth]).into()).collect();
    let mut cases = Vec::new();
    for new in 1..=leaves.len() {
        for old in 1..=new {
            let (from, to) = (root(&leaves[..old]), root(&leaves[..new]));
            cases.push(json!([old, from, new, to, subproof(old, &leaves[..new], true)]));
        }
    }
    let code = format!(
        r##"await page.goto("{{url}}/signin");
        return page.evaluate(async (cases) => {{
          const source = await (await fetch(document.querySelector("script[type=module]").src)).text();
          const {{ continues }} = await import(source.match(/from "(\/assets\/[^"]*\/kept.js)"/)[1]);
          const spoiled = (hash) => hash.map((it, at) => (at === 7 ? it ^ 1 : it));
          const wrong = [];
          let refused = 0;
          for (const [old, from, next, to, proof] of cases) {{
            const is = (from, to, proof, [one, other] = [old, next]) =>
              continues({{ size: one, root: Uint8Array.from(from) }}, {{ size: other, root: Uint8Array.from(to) }}, proof.map((it) => Uint8Array.from(it)));
            if (!(await is(from, to, proof))) wrong.push(`${{old}} to ${{next}} is refused`);
            const bad = [
              is(spoiled(from), to, proof), is(from, spoiled(to), proof), is(from, to, [...proof, to]), is(from, to, [from, ...proof]),
              ...proof.map((_, nth) => is(from, to, proof.map((it, at) => (at === nth ? spoiled(it) : it)))),
              ...proof.map((_, nth) => is(from, to, proof.filter((_, at) => at !== nth))),
              ...(old < next ? [is(to, from, proof, [next, old])] : []),
            ];
            for (const taken of await Promise.all(bad)) taken ? wrong.push(`${{old}} to ${{next}}: a spoiled proof is taken`) : refused++;
          }}
          return {{ wrong, refused }};
        }}, {cases});"##,
        cases = json!(cases)
    );
    let found = site.run("ben", &code)?;
    ensure!(found["wrong"] == json!([]), "{found:#}");
    ensure!(found["refused"].as_u64().is_some_and(|it| it > 5000), "{found:#}");
    Ok(())
}
