//! The faces of the agent in the console: a sentence as a link, the plan for a finding, what the agent left in its folders. What they show
//! is what the command line says; nothing is started, asked for or changed from them, and what is malformed or a link is told.

use std::{fs, os::unix::fs::symlink};

use anyhow::{Context as _, Result, ensure};
use testkit::{Cli, Serve};

use super::{Site, surveyed};
use crate::{
    adopt::text,
    lab::{Lab, OWNER, People},
};

/// Relative to the configuration, as an operator would write it.
const SPECIFICATIONS: &str = "repository/.kiro/specs";

/// The page of what [`carried_out`] left.
pub(super) const RUN: &str = "/runs?spec=the-run";

/// A site whose server has been told where the agent's specifications lie.
pub(super) fn open() -> Result<Option<Site>> {
    let Some(browser) = Site::browser()? else { return Ok(None) };
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        let said = fs::read_to_string(config)?;
        // The last section of the file is that of the paths.
        fs::write(config, format!("{said}specifications = \"{SPECIFICATIONS}\"\n"))?;
        Serve::start_with(config, &OWNER)
    })?;
    let keys = [lab.people.ben.clone(), lab.people.carla.clone()];
    Site::over(lab, browser, keys.each_ref()).map(Some)
}

/// The agent's command line with its session.
fn agent(site: &Site, line: &[&str]) -> Result<testkit::Output> {
    let mut env = site.lab.session.env.clone();
    env.push(("COUNTERSIGN_AGENT_URL".to_owned(), site.lab.serve.agent.clone()));
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Cli::run_with(line, &env)
}

/// The agent has done what a sentence asks for; beside that lie a folder that is malformed, and a link that leads elsewhere.
pub(super) fn carried_out(site: &mut Site) -> Result<()> {
    let folder = site.lab.installation.folder();
    let (top, from) = (folder.join("repository"), folder.join("snapshots/shop.json"));
    let ran = agent(
        site,
        &[
            "agent",
            "run",
            "fix the table orders",
            "--from",
            text(&from)?,
            "--dir",
            text(&top)?,
            "--output",
            "json",
        ],
    )?;
    let told = ran.json().with_context(|| ran.to_string())?;
    let made = told["plans"][0]["folder"].as_str().with_context(|| told.to_string())?.to_owned();
    let specs = folder.join(SPECIFICATIONS);
    fs::rename(made, specs.join("the-run"))?;
    fs::create_dir(specs.join("malformed"))?;
    fs::write(specs.join("malformed/requirements.md"), "# Requirements\n")?;
    fs::write(specs.join("malformed/tasks.md"), "- [ ] 1. One\n- [ ] 1. <script>alert(1)</script>\n")?;
    symlink(folder.join("keys"), specs.join("elsewhere"))?;
    Ok(())
}

/// Where the first finding leads that the planner can act on.
pub(super) fn first_plan(site: &mut Site) -> Result<String> {
    let found = site.run(
        "ben",
        r##"await page.goto("{url}/findings"); return await page.locator("a[href^='/plan?finding=']").first().getAttribute("href");"##,
    )?;
    Ok(found.as_str().context("no finding leads to a plan")?.to_owned())
}

fn main_of(site: &mut Site, path: &str) -> Result<String> {
    let page = site.run(
        "ben",
        &format!(r##"await page.goto("{{url}}{path}"); return await page.innerText("main");"##),
    )?;
    Ok(page.as_str().unwrap_or_default().to_owned())
}

fn says(page: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(page.contains(word), "no `{word}` in {page}");
    }
    Ok(())
}

#[test]
fn the_faces_of_the_agent_show_what_it_would_do_and_do_nothing() -> Result<()> {
    let Some(mut site) = open()? else { return Ok(()) };
    surveyed(&mut site)?;
    let before = (site.lab.entries("change_held")?.len(), site.lab.forwarded()?);

    // A sentence is asked by its form, is a link afterwards, and becomes the plan that the command line makes.
    let asked = site.run(
        "ben",
        r##"await page.goto("{url}/ask");
        await page.fill("#sentence", "fix the table orders");
        await page.press("#sentence", "Enter");
        await page.waitForURL("**/ask?sentence=*");
        return { text: await page.innerText("main"), command: await page.textContent(".copied"),
          buttons: await page.locator("main button:visible").allTextContents() };"##,
    )?;
    let page = asked["text"].as_str().unwrap_or_default();
    says(
        page,
        &[
            "I understand: repair orders",
            "Plan 1:",
            "Ways, side by side",
            "leave it",
            "Nothing happens from here",
        ],
    )?;
    ensure!(asked["buttons"] == serde_json::json!(["Ask"]), "something can be pressed: {asked:#}");
    ensure!(asked["command"] == "countersign agent run 'fix the table orders'", "{asked:#}");
    let from = site.lab.installation.folder().join("snapshots/shop.json");
    let line = ["ask", "fix the table orders", "--from", text(&from)?, "--output", "json"];
    let told = Cli::run(line)?.expect(0)?.json()?;
    let id: String = told["plans"][0]["id"].as_str().context("no plan")?.chars().take(12).collect();
    says(page, &[&id])?;

    // What is not understood is said, with what is near; what is too long is not looked at.
    says(
        &main_of(&mut site, "/ask?sentence=sing+me+a+song+about+volumes")?,
        &["I do not understand that", "Nearest to it"],
    )?;
    let long = format!("/ask?sentence={}", "volumes+".repeat(100));
    let refused = site.run(
        "ben",
        &format!(r##"const answer = await page.goto("{{url}}{long}"); return [answer.status(), await page.innerText("main")];"##),
    )?;
    ensure!(
        refused[0] == 400 && refused[1].as_str().is_some_and(|it| it.contains("was not looked at")),
        "{refused:#}"
    );

    // A finding leads to the plan for it.
    let plan = first_plan(&mut site)?;
    let page = main_of(&mut site, &plan)?;
    says(&page, &["Plan 1:", "Ways, side by side", "countersign agent run --finding "])?;
    let command =
        page.lines().find_map(|line| line.strip_prefix("countersign ")).context("no command")?.to_owned();
    says(&main_of(&mut site, "/plan?finding=nothing")?, &["There is no plan"])?;

    // Nothing came of all that.
    says(&main_of(&mut site, "/runs")?, &["repository/.kiro/specs cannot be looked at"])?;
    ensure!((site.lab.entries("change_held")?.len(), site.lab.forwarded()?) == before, "something happened");

    // What the agent does where it may leaves a folder; what is none is told beside it.
    carried_out(&mut site)?;
    let page = main_of(&mut site, "/runs")?;
    says(
        &page,
        &[
            "the-run",
            "malformed",
            "tasks.md:2:",
            "task 1 is there twice",
            "elsewhere",
            "which is not followed",
        ],
    )?;
    let status =
        ["spec", "status", text(&site.lab.installation.folder().join(SPECIFICATIONS).join("the-run"))?]
            .map(str::to_owned);
    let status =
        Cli::run(status.iter().map(String::as_str).chain(["--output", "json"]))?.expect(0)?.json()?;
    let records = status["records"].as_u64().context("no records")?;
    ensure!(records > 0, "{status:#}");
    let page = main_of(&mut site, RUN)?;
    says(&page, &["What was checked", "What serves what", "fix the table orders", "Plan 1:"])?;
    let tasks = status["tasks"].as_array().context("no tasks")?;
    let proved = tasks.iter().filter(|it| it["proof"] == "passed").count();
    says(&page, &[&format!("{proved} of {} tasks proved", tasks.len())])?;
    let followed = site.run(
        "ben",
        &format!(
            r##"await page.goto("{{url}}{RUN}");
            await page.click(".crumb a[href^='/changes/']");
            await page.waitForURL("**/changes/*");
            return await page.textContent("main");"##
        ),
    )?;
    ensure!(followed.as_str().is_some_and(|it| it.contains("fixer")), "{followed}");

    // The command of a finding's page is one that the agent takes: as it stands, with the snapshot that the page was of.
    let top = tempfile::tempdir()?;
    let more = ["--from", text(&from)?, "--dir", text(top.path())?, "--output", "json"];
    let line: Vec<&str> = command.split_whitespace().chain(more).collect();
    let ran = agent(&site, &line)?;
    let told = ran.json().with_context(|| ran.to_string())?;
    ensure!(page_of_goal(&mut site, &plan, &told)?, "{told:#}");
    site.lab.verify()?.expect(0).map(drop)
}

/// Whether the page shows the one plan that was made.
fn page_of_goal(site: &mut Site, path: &str, told: &serde_json::Value) -> Result<bool> {
    let goal = told["plans"][0]["goal"].as_str().context("no plan")?;
    Ok(told["plans"].as_array().is_some_and(|all| all.len() == 1) && main_of(site, path)?.contains(goal))
}
