//! Signing in by an account elsewhere, at a real OpenID provider: who looks, and nothing that they agree to. Each refusal is one
//! thing that is otherwise in what goes well.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use testkit::{Browser, Provider, Response, Serve, send, until};

use crate::lab::{Lab, OWNER, People};

/// An installation by whose console one may sign in with `corp`.
struct Entrance {
    lab: Lab,
    provider: Provider,
    browser: Browser,
    /// `localhost:PORT`, as browsers and the provider know the console.
    host: String,
}

/// What each of them has at the provider (see `e2e/provider.mjs`); `both` has a subject of ben's and an address of carla's.
fn accounts(issuer: &str) -> [(&'static str, Vec<String>); 2] {
    [
        ("ben", vec![format!("{issuer} sub ben"), format!("{issuer} sub both")]),
        ("carla", vec![format!("{issuer} email carla@example.com")]),
    ]
}

impl Entrance {
    fn open() -> Result<Option<Self>> {
        let Some(browser) = Browser::open()? else {
            eprintln!("SKIPPED: no Chromium, Node.js or npm, so nobody signs in at an OpenID provider");
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let host = format!("localhost:{port}");
        let provider = Provider::start(&format!("http://{host}/signin/with/corp/return"))?;
        let people = People::enter()?;
        let flags = people.flags()?;
        let lab = Lab::over(people, &flags, |config| {
            configure(config, &provider.issuer, port)?;
            Serve::start_with(config, &OWNER)
        })?;
        Ok(Some(Self { lab, provider, browser, host }))
    }

    fn run(&mut self, who: &str, code: &str) -> Result<String> {
        let code = code.replace("{url}", &format!("http://{}", self.host));
        let told = self.browser.run(who, &code)?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    /// In a browser of their own, from our page over the provider's to where it ends; the text of that page.
    fn signs_in(&mut self, browser: &str, account: &str) -> Result<String> {
        self.run(
            browser,
            &format!("{BEGIN}{}return `${{page.url()}} ${{await page.textContent('body')}}`;", say(account)),
        )
    }

    /// With what the provider sends a browser back that has lost the cookie by then; and the cookie.
    fn on_the_way_back(&mut self, browser: &str, account: &str) -> Result<(String, String)> {
        let told = self.run(
            browser,
            &format!(
                r##"{BEGIN}await page.waitForSelector("input[name=login]");
                const errand = (await context.cookies()).find((it) => it.name === "__Host-countersign-errand");
                await context.clearCookies({{ name: errand.name }});
                {}
                return `${{page.url()}} ${{errand.name}}=${{errand.value}}`;"##,
                say(account)
            ),
        )?;
        let (url, cookie) = told.split_once(' ').context(told.clone())?;
        let target = url.split_once(&self.host).context("another site")?.1;
        Ok((target.to_owned(), cookie.to_owned()))
    }

    fn comes_back(&self, target: &str, cookie: &str) -> Result<Response> {
        let [_, _, people] = self.lab.serve.authorities();
        let headers = [
            ("host", self.host.as_str()),
            ("cookie", cookie),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ];
        send(people, "GET", target, &headers, b"")
    }
}

fn configure(config: &Path, issuer: &str, port: u16) -> Result<()> {
    let folder = config.parent().context("a file without a folder")?;
    let secret = folder.join("keys/corp.secret");
    fs::write(&secret, "hush\n")?;
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let text = fs::read_to_string(config)?;
    let listening = text.replace("people = \"127.0.0.1:0\"", &format!("people = \"127.0.0.1:{port}\""));
    ensure!(listening != text);
    let corp = format!(
        "[[sign_in]]\nname = \"corp\"\nissuer = \"{issuer}\"\nclient_id = \"countersign\"\nsecret = \"keys/corp.secret\"\n"
    );
    fs::write(config, format!("{listening}\n{corp}"))?;
    // Until the first `serve` the bundle may be edited; later this is a change like any other.
    let file = folder.join("bundle/roster.toml");
    let mut roster = fs::read_to_string(&file)?;
    for (person, lines) in accounts(issuer) {
        let head = format!("[people.{person}]\n");
        ensure!(roster.contains(&head), "{roster}");
        roster = roster.replace(&head, &format!("{head}identities = {lines:?}\n"));
    }
    Ok(fs::write(&file, roster)?)
}

const BEGIN: &str = r##"await page.goto("{url}/signin");
    await page.click("a[href='/signin/with/corp']");
"##;

/// At the provider: who one is, and that we may know it.
fn say(account: &str) -> String {
    format!(
        r##"await page.fill("input[name=login]", "{account}");
        await page.fill("input[name=password]", "any");
        await page.click("button[type=submit]");
        if (page.url().includes("/interaction/")) await page.click("button[type=submit]");
        await page.waitForURL((url) => url.href.startsWith("{{url}}"));
        "##
    )
}

fn refused(told: &str, why: &str) -> Result<()> {
    ensure!(told.contains(why) && !told.contains("/inbox "), "not `{why}`: {told}");
    Ok(())
}

#[test]
fn an_account_elsewhere_says_who_looks_and_approves_nothing() -> Result<()> {
    let Some(mut site) = Entrance::open()? else { return Ok(()) };
    let id = site.lab.hold("orders")?;
    let told = site.signs_in("ben", "ben")?;
    ensure!(told.contains("/inbox ") && told.contains("ben") && told.contains("orders"), "{told}");
    let issuer = site.provider.issuer.clone();
    let signed_in = site.lab.entries_of("signed_in", 1)?;
    ensure!(signed_in[0]["actors"]["person"] == "ben", "{signed_in:#?}");
    ensure!(signed_in[0]["detail"]["identity"] == format!("{issuer} sub ben"), "{signed_in:#?}");
    // The page asks for a key of ben's, and nothing but its signature is an approval.
    let page = site.run(
        "ben",
        &format!(r##"await page.goto("{{url}}/changes/{id}"); return await page.textContent(".sign");"##),
    )?;
    ensure!(page.contains("You have no passkey") && page.contains("countersign change approve"), "{page}");
    let told = site.run(
        "ben",
        &format!(
            r##"const told = await page.evaluate(async () => {{
              const statement = document.getElementById("text").textContent;
              const answer = await fetch("/changes/{id}/sign", {{ method: "POST", body: JSON.stringify({{ statement, signature: "" }}) }});
              return `${{answer.status}} ${{await answer.text()}}`;
            }});
            return told;"##
        ),
    )?;
    ensure!(told.starts_with("400 "), "{told}");
    ensure!(site.lab.state(&id)? == "held" && site.lab.change(&id)?["approvals"] == serde_json::json!([]));
    // A second account of the same person is the same person: whoever they came as, ben counts once.
    let again = site.signs_in("ben-elsewhere", "both");
    refused(&again?, "to ben and to carla")?;
    site.lab.approve(&id, &site.lab.people.ben)?.expect(0)?;
    ensure!(site.lab.state(&id)? == "held");
    site.lab.approve(&id, &site.lab.people.carla)?.expect(0)?;
    ensure!(site.lab.state(&id)? == "approved");
    // Out, and only that.
    let out = site.run(
        "ben",
        r##"await page.goto("{url}/inbox");
        await page.click("form.viewer button:not([formaction])");
        await page.waitForURL("{url}/signin");
        await page.goto("{url}/inbox");
        return page.url();"##,
    )?;
    ensure!(out.ends_with("/signin"), "{out}");
    site.lab.verify()?.expect(0).map(drop)
}

#[test]
fn whom_the_roster_does_not_know_is_not_let_in_and_is_on_record() -> Result<()> {
    let Some(mut site) = Entrance::open()? else { return Ok(()) };
    ensure!(site.signs_in("ben", "ben")?.contains("/inbox "));
    let issuer = site.provider.issuer.clone();
    let stranger = site.signs_in("stranger", "mallory")?;
    refused(&stranger, &format!("nobody in the roster has this account: {issuer} sub mallory"))?;
    // The address is carla's in the roster, but the provider has not verified that it is hers.
    refused(&site.signs_in("unverified", "carla")?, &format!("this account: {issuer} sub carla"))?;
    refused(&site.signs_in("ambiguous", "both")?, "so it is neither's")?;
    let no = site.run(
        "no",
        &format!(
            r##"{BEGIN}await page.click("a[href$='/abort']");
            await page.waitForURL((url) => url.href.startsWith("{{url}}"));
            return await page.textContent("main");"##
        ),
    )?;
    refused(&no, "corp did not sign you in")?;
    ensure!(site.lab.entries("signed_in")?.len() == 1);
    // Failures are counted by the minute, and written down at the end at the latest.
    site.lab.serve.stop()?;
    let failed = site.lab.entries("authentication_failed")?;
    for account in ["sub mallory", "sub carla", "sub both"] {
        let of = |entry: &serde_json::Value| {
            entry["detail"]["source"].as_str().is_some_and(|it| it.ends_with(account))
                || entry["detail"]["source"].as_str().is_some_and(|it| it.contains("carla@example.com"))
        };
        ensure!(failed.iter().any(of), "{account}: {failed:#?}");
    }
    Ok(())
}

#[test]
fn a_sign_in_comes_back_once_to_the_browser_that_began_it() -> Result<()> {
    let Some(mut site) = Entrance::open()? else { return Ok(()) };
    let (target, cookie) = site.on_the_way_back("ben", "ben")?;
    let (others, others_cookie) = site.on_the_way_back("dora", "ben")?;
    let state = |target: &str| {
        let (_, rest) = target.split_once("state=").context("no state")?;
        anyhow::Ok(rest.split('&').next().unwrap_or_default().to_owned())
    };
    let check = |target: &str, cookie: &str, why: &str| -> Result<()> {
        let answer = site.comes_back(target, cookie)?;
        ensure!(answer.status == 401 && answer.text().contains(why), "not `{why}`: {}", answer.text());
        ensure!(answer.header("set-cookie").is_none(), "{answer:?}");
        Ok(())
    };
    check(&target, "", "was not begun in this browser")?;
    check(&target, &others_cookie, "another one than was begun last")?;
    check(&target.replace(&state(&target)?, &state(&others)?), &cookie, "another one than was begun last")?;
    check(&target.replace(&state(&target)?, ""), &cookie, "another one than was begun last")?;
    check(&target.replace("/corp/", "/corq/"), &cookie, "").unwrap_err();
    let good = site.comes_back(&target, &cookie)?;
    ensure!(good.status == 303 && good.header("location") == Some("/inbox"), "{}", good.text());
    check(&target, &cookie, "has come back already")?;
    // The other's code, by the other's own way: nobody else's was used up.
    let bad = others.replace("iss=http", "iss=https");
    ensure!(bad != others, "the provider says who it is: {others}");
    check(&bad, &others_cookie, "this answer is not corp's")?;
    // No agent reaches any of it.
    let [aws, agent, _] = site.lab.serve.authorities();
    for door in [aws, agent] {
        let answer = send(door, "GET", &target, &[("host", door), ("cookie", &cookie)], b"")?;
        ensure!(answer.status >= 400 && answer.header("set-cookie").is_none(), "{door}: {}", answer.status);
    }
    site.lab.entries_of("signed_in", 1).map(drop)
}

#[test]
fn what_a_provider_gets_wrong_signs_nobody_in() -> Result<()> {
    let Some(mut site) = Entrance::open()? else { return Ok(()) };
    ensure!(site.signs_in("honest", "ben")?.contains("/inbox "));
    for (lie, why) in
        [("nonce", "nonce"), ("expired", "xpired"), ("client", "did not take the code: invalid_client")]
    {
        site.provider.lies(lie)?;
        refused(&site.signs_in(lie, "ben")?, why).with_context(|| lie.to_owned())?;
        site.provider.lies("")?;
    }
    ensure!(site.signs_in("honest-again", "ben")?.contains("/inbox "));
    // Who it is, it is asked anew after a start.
    site.provider.lies("issuer")?;
    site.lab.restart()?;
    let told = site.run(
        "issuer",
        r##"await page.goto("{url}/signin/with/corp"); return await page.textContent("main");"##,
    )?;
    refused(&told, "not the provider that is configured")?;
    site.provider.lies("")?;
    let (target, cookie) = site.on_the_way_back("late", "ben")?;
    site.provider.kill();
    let answer = site.comes_back(&target, &cookie)?;
    ensure!(answer.status == 502 && answer.text().contains("cannot be asked"), "{}", answer.text());
    site.lab.restart()?;
    let told = until("the page of a provider that is away", Duration::from_secs(20), || {
        let told = site.run(
            "away",
            r##"await page.goto("{url}/signin/with/corp"); return await page.textContent("main");"##,
        )?;
        Ok(Some(told))
    })?;
    refused(&told, "cannot be asked")?;
    ensure!(site.lab.entries("signed_in")?.len() == 2);
    site.lab.verify()?.expect(0).map(drop)
}
