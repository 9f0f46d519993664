//! Words of agents, operators and clouds that want to be more than words: no page obeys them, and none is moved by them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::Signer;

use super::Site;
use crate::lab::held;

/// Markup, script, what terminals and bidirectional text obey, what nobody sees, and what never ends.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        r##"<script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload="window.ran=1"></svg>"##,
        r##"'"></p></section></main><iframe src="javascript:window.ran=1"></iframe><h1>Approved by carla</h1>"##,
        "<!--<title>{{7*7}}</title>--><style>*{display:none}</style><meta http-equiv=refresh content=0>",
        "&lt;b&gt;twice&lt;/b&gt; &#60;img src=x onerror=window.ran=1&#62; ]]><base href=//evil.example>",
        "\u{1b}[2J\u{1b}[1;31mcleared\u{1b}[0m\u{7}\u{8}\u{9b}31m\u{0}".trim_end_matches('\0'),
        "\u{202e}detcetorp si noitcudorp\u{202c} \u{2066}isolated\u{2069} \u{200f}right\u{200e}left",
        "in\u{200b}vis\u{200d}ible\u{2060}\u{feff}\u{ad} \u{e0041}\u{e0042} \u{2028}\u{2029}next",
        "Z\u{351}\u{34e}\u{36b}\u{35c}\u{301}\u{301}\u{301}\u{301}\u{301}a\u{489}lgo \u{fdfd}",
        "line\r\none\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nDecision: approved\ttab",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("W".repeat(1900));
    all.push("\u{fdfd}".repeat(600));
    all.push("<b>".repeat(600));
    all
}

/// What a page must not have become.
const LOOKED_AT: &str = r##"
  const dialogs = [];
  page.on("dialog", (it) => { dialogs.push(it.message()); it.dismiss(); });
  said.length = 0;
  const found = [];
  for (const path of paths) {
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 720 });
      await page.goto(path);
      found.push(...await page.evaluate(() => {
        const bad = [];
        const own = new Set("HTML HEAD META TITLE LINK SCRIPT BODY A HEADER svg path NAV FORM SPAN BUTTON MAIN P SECTION ARTICLE CODE H1 H2 H3 DL DT DD DIV BLOCKQUOTE OUTPUT BR SMALL LABEL INPUT OL UL LI DETAILS SUMMARY B PRE FOOTER TABLE THEAD TBODY TR TH TD KBD STRONG TIME".split(" "));
        for (const it of document.querySelectorAll("*")) if (!own.has(it.tagName)) bad.push(`an element ${it.tagName}`);
        for (const it of document.querySelectorAll("*")) {
          for (const name of it.getAttributeNames()) if (/^on|^style$|^srcdoc$/.test(name)) bad.push(`an attribute ${name}`);
        }
        if (window.ran !== undefined) bad.push("it ran");
        if (document.scripts.length !== 1) bad.push(`${document.scripts.length} scripts`);
        if (document.querySelectorAll("h1").length !== 1) bad.push("not one heading");
        if (document.documentElement.scrollWidth > innerWidth) bad.push(`wide: ${document.documentElement.scrollWidth}`);
        const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\udb40/;
        const at = document.body.innerText.match(unseen);
        if (at) bad.push(`unseen ${at[0].codePointAt(0).toString(16)} in ${document.body.innerText.slice(Math.max(0, at.index - 30), at.index + 30)}`);
        return bad.map((it) => `${location.pathname} ${innerWidth}: ${it}`);
      }));
    }
  }
  return [...found, ...dialogs, ...said];"##;

/// As a value of an address's query.
fn encoded(words: &str) -> String {
    words.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn look(site: &mut Site, paths: &[String]) -> Result<()> {
    let paths: Vec<String> = paths.iter().map(|path| format!("{}{path}", site.url)).collect();
    let found = site.run("ben", &format!("const paths = {};\n{LOOKED_AT}", json!(paths)))?;
    ensure!(found.as_array().is_some_and(Vec::is_empty), "{found:#}");
    Ok(())
}

#[test]
fn hostile_words_are_shown_and_obeyed_nowhere() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let mut paths = vec!["/inbox".to_owned(), "/sessions".to_owned()];
    for (nth, words) in hostile().into_iter().enumerate() {
        // A session's task is what its changes say of themselves; the cloud's own words are its tags.
        let key = &site.lab.people.olga.private;
        let session = site.lab.installation.session("fixer", "olga", key, &words, &[])?;
        let agent = Signer::of(&session)?;
        let name = format!("words{nth}");
        let tag: String = words.chars().take(200).collect();
        let fields = [
            ("Action", "CreateStack"),
            ("Version", "2010-05-15"),
            ("StackName", name.as_str()),
            ("TemplateBody", r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}"#),
            ("Tags.member.1.Key", tag.as_str()),
            ("Tags.member.1.Value", tag.as_str()),
        ];
        let owner = Signer::owner();
        let moto = site.lab.moto.authority();
        let made = owner.form("cloudformation", moto, &fields).send(moto)?;
        // Not every mock takes every character in a tag.
        if made.status != 200 {
            site.lab.make_stack(&name)?;
        }
        let gateway = site.lab.gateway().to_owned();
        let asked = [
            ("Action", "DeleteStack"),
            ("ClientRequestToken", words.as_str()),
            ("StackName", name.as_str()),
            ("Version", "2010-05-15"),
        ];
        let id = held(&agent.form("cloudformation", &gateway, &asked).send(&gateway)?)
            .with_context(|| format!("{words:?}"))?;
        paths.push(format!("/changes/{id}"));
        let asked: String = words.chars().take(400).collect();
        paths.push(format!("/ask?sentence={}", encoded(&asked)));
        paths.push(format!("/plan?finding={}", encoded(&asked)));

        // What it does is told first, and not in the agent's words; those stand apart, as what it claims.
        let told = site.run(
            "ben",
            &format!(
                r##"await page.goto("{{url}}/changes/{id}");
                return {{ first: await page.textContent("main h1"), claim: await page.textContent(".claim"),
                  above: await page.evaluate(() => document.querySelector("h1").compareDocumentPosition(document.querySelector(".claim")) === Node.DOCUMENT_POSITION_FOLLOWING) }};"##
            ),
        )?;
        let (first, claim) = (&told["first"], &told["claim"]);
        ensure!(first.as_str().is_some_and(|it| it.contains(&name) && it.len() < 200), "{first}");
        ensure!(claim.as_str().is_some_and(|it| it.contains("fixer claims")), "{claim}");
        ensure!(told["above"] == true);

        // The agent's own names of things, and people's reasons.
        let parameter = format!("/{}", words.chars().take(300).collect::<String>());
        let body = json!({ "Name": parameter, "Value": words, "Type": "String", "Description": words });
        let answer = agent.json("ssm", &gateway, "AmazonSSM.PutParameter", &body).send(&gateway)?;
        if let Some(change) = answer.header("x-countersign-change") {
            paths.push(format!("/changes/{change}"));
        }
        if !words.contains('\u{0}') {
            let veto = ["change", "reject", &id, "--reason", &words.chars().take(300).collect::<String>()];
            let vetoed = site.lab.signs(&site.lab.people.ben, &veto)?;
            vetoed.expect(0)?;
        }
    }
    look(&mut site, &paths)?;
    site.lab.verify()?.expect(0).map(drop)
}

/// More than anybody reads: refused where it is asked for, and every page stays as long as pages are.
#[test]
fn a_hundred_kilobytes_reach_no_page() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let much = "<b>much</b> ".repeat(100 * 1024 / 12);
    let proposal = |intent: &str| {
        json!({ "intent": intent, "actions": [{ "service": "cloudformation", "operation": "DeleteStack",
            "parameters": { "StackName": "much" } }] })
    };
    site.lab.make_stack("much")?;
    let refused = site.lab.on_agent_listener("POST", "/v1/changes", Some(&proposal(&much)))?;
    ensure!(refused.status == 400 && refused.text().contains("1 to 2000 characters"), "{}", refused.text());
    let taken = site.lab.on_agent_listener("POST", "/v1/changes", Some(&proposal("<b>little</b>")))?;
    ensure!(taken.status == 200, "{}", taken.text());
    let told: Value = serde_json::from_slice(&taken.body)?;
    let id = told["id"].as_str().context("no id")?.to_owned();
    let task = ["session", "new", "--agent", "fixer", "--operator", "olga", "--task", &much];
    site.lab.signs(&site.lab.people.olga, &task)?.expect(2)?;
    let veto = ["change", "reject", &id, "--reason", &much];
    let vetoed = site.lab.signs(&site.lab.people.carla, &veto)?.expect(2)?;
    ensure!(vetoed.stderr.contains("a reason has at most 1000 characters"), "{}", vetoed.stderr);
    let paths = ["/inbox".to_owned(), "/sessions".to_owned(), format!("/changes/{id}")];
    look(&mut site, &paths)?;
    for path in &paths {
        let size = site.run("ben", &format!(r##"await page.goto("{{url}}/sessions");
            return page.evaluate(async (path) => (await (await fetch(path)).arrayBuffer()).byteLength, "{path}");"##))?;
        ensure!(size.as_u64().is_some_and(|it| it < 60_000), "{path}: {size} ({})", vetoed.code);
    }
    Ok(())
}
