//! `countersign ask` over a snapshot's file: without a model, and with one that speaks each of three wire protocols.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{CRASH_BINARY, Cli, FakeLlm, Output, Scenario, crash_binary, now, stamp};

const DAY: u64 = 86_400;

/// `20261130T031500Z` as a snapshot has it.
pub(crate) fn instant(at: u64) -> String {
    let stamp = stamp(at);
    let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default();
    format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15))
}

/// Two volumes of an older generation in use, one of which is named by somebody who wants something of a terminal.
fn snapshot() -> Value {
    let (at, made) = (instant(now() - 60), instant(now() - 800 * DAY));
    let list = |id: &str, operation: &str| json!({ "id": id, "operation": operation, "region": "us-east-1", "at": at, "outcome": "complete" });
    let volume = |name: &str, tag: &str| {
        json!({ "id": format!("arn:aws:ec2:us-east-1:111122223333:volume/{name}"), "kind": "ec2:volume", "name": name, "region": "us-east-1",
            "read": "r1", "tags": { "Name": tag },
            "attributes": { "VolumeId": name, "Size": 100, "VolumeType": "gp2", "Iops": 300, "State": "in-use", "CreateTime": made } })
    };
    json!({
        "schema": "countersign.snapshot/v1", "account": "111122223333", "regions": ["us-east-1"],
        "taken": { "from": at, "until": at },
        "reads": [list("r1", "ec2:DescribeVolumes"), list("r2", "ec2:DescribeInstances"), list("r3", "ec2:DescribeVolumesModifications"), list("r4", "cloudformation:DescribeStacks")],
        "resources": [volume("vol-0aaaaaaaaaaaaaaa1", "data"), volume("vol-0aaaaaaaaaaaaaaa2", "\u{1b}[2Jdata")],
        "edges": [], "metrics": [],
    })
}

fn ask(from: &Path, more: &[&str]) -> Result<Output> {
    let from = from.to_str().context("a path that is not text")?;
    Cli::run([&["ask", "--from", from], more].concat())
}

#[test]
fn a_sentence_becomes_a_plan_and_a_specification_without_a_model() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let from = folder.path().join("snapshot.json");
    fs::write(&from, snapshot().to_string())?;
    let top = folder.path().to_str().context("a path that is not text")?;

    let told =
        ask(&from, &["move volumes to gp3", "--specify", top, "--output", "json"])?.expect(0)?.json()?;
    ensure!(
        told["by"] == "catalogue"
            && told["understood"].as_str().is_some_and(|it| it.contains("volume-old-generation")),
        "{told}"
    );
    ensure!(told["plans"][0]["steps"][0]["call"]["operation"] == "ModifyVolume", "{told}");
    let written = told["specifications"][0].as_str().context("nothing was written")?;
    Cli::run(["spec", "lint", written])?.expect(0)?;
    let traced = Cli::run(["spec", "trace", written, "--output", "json"])?.expect(0)?.json()?;
    ensure!(traced["untraced"] == json!([]), "{traced}");
    ensure!(fs::read_to_string(Path::new(written).join("intent.md"))?.ends_with("move volumes to gp3"));
    // Nothing is written over.
    let again =
        ask(&from, &["move volumes to gp3", "--specify", top, "--output", "json"])?.expect(0)?.json()?;
    ensure!(again["specifications"][0] != told["specifications"][0], "{again}");

    let told = ask(&from, &["list volumes"])?.expect(0)?.stdout;
    ensure!(
        told.contains("I understand") && told.contains("vol-0aaaaaaaaaaaaaaa1") && !told.contains('\u{1b}'),
        "{told}"
    );
    let told =
        ask(&from, &["delete the volume vol-0aaaaaaaaaaaaaaa1 and create it again"])?.expect(0)?.stdout;
    ensure!(told.contains("I do not plan to delete") && told.contains("where it stands"), "{told}");
    let told = ask(&from, &["sing me a song"])?.expect(0)?.stdout;
    ensure!(told.contains("I do not understand that") && told.contains("clean up"), "{told}");
    Ok(())
}

/// The same job from a sentence that no catalogue has, over each of three wire protocols.
#[test]
fn a_model_turns_free_text_into_the_same_plan() -> Result<()> {
    let Some(binary) = crash_binary()? else {
        eprintln!(
            "SKIPPED: no program with a language model ({CRASH_BINARY}); `cargo xtask test e2e` builds it"
        );
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let from = folder.path().join("snapshot.json");
    fs::write(&from, snapshot().to_string())?;
    let own = ask(&from, &["move volumes to gp3", "--output", "json"])?.expect(0)?.json()?;
    let goal = r#"{"goal": "rightsize", "analyzer": "volume-old-generation"}"#;
    let script = format!(
        "[[turns]]\nsay = ['I look. ']\ncalls = [{{ id = 'c1', tool = 'propose_plan', arguments = ['{goal}'] }}]\n\
         [[turns]]\nsay = ['The disks ', 'can be **cheaper**.']\nexpect = {{ results = ['c1'], says = ['ModifyVolume'] }}\n"
    );
    for (provider, path) in [("anthropic", ""), ("openai", "/v1"), ("bedrock", "")] {
        let fake = FakeLlm::start(Scenario::parse(&script)?)?;
        let model = folder.path().join("model.toml");
        let url = fake.url();
        fs::write(
            &model,
            format!(
                "[model]\nprovider = '{provider}'\nname = 'fake'\nbase_url = '{url}{path}'\nkey = {{ env = 'MODEL_KEY' }}\n"
            ),
        )?;
        let output = Command::new(&binary)
            .args(["ask", "our disks feel old and dear, do something", "--output", "json", "--from"])
            .arg(&from)
            .arg("--model")
            .arg(&model)
            .arg("--specify")
            .arg(folder.path().join(provider))
            .env("MODEL_KEY", "local-key-of-this-test")
            .output()?;
        ensure!(output.status.success(), "{provider}: {}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout)?;
        fake.finished()?;
        ensure!(told["answer"].as_str().is_some_and(|it| it.contains("cheaper")), "{provider}: {told}");
        ensure!(told["plans"] == own["plans"], "{provider}: {told}");
        let written = told["specifications"][0].as_str().context("nothing was written")?;
        Cli::run(["spec", "lint", written])?.expect(0)?;
        ensure!(!String::from_utf8_lossy(&output.stdout).contains("local-key-of-this-test"));
    }
    Ok(())
}

/// `[model]` of a file, for a model that speaks this protocol there.
pub(crate) fn model(provider: &str, url: &str) -> String {
    let path = if provider == "openai" { "/v1" } else { "" };
    format!(
        "[model]\nprovider = '{provider}'\nname = 'fake'\nbase_url = '{url}{path}'\nkey = {{ env = 'MODEL_KEY' }}\n"
    )
}

/// Whole lines while they arrive, however the pieces are cut; what broke off is said not to count.
#[test]
fn an_answer_is_shown_while_it_arrives() -> Result<()> {
    let Some(binary) = crash_binary()? else {
        eprintln!(
            "SKIPPED: no program with a language model ({CRASH_BINARY}); `cargo xtask test e2e` builds it"
        );
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let from = folder.path().join("snapshot.json");
    fs::write(&from, snapshot().to_string())?;
    let text = "# Disks\n\nThey can be **cheaper**, \u{1b}[2Jsee `vol-0aaaaaaaaaaaaaaa1`.\n- one\n- two\n";
    let characters: Vec<char> = text.chars().collect();
    for (provider, size) in [("anthropic", 1), ("openai", 3), ("bedrock", 7)] {
        let pieces: Vec<String> = characters.chunks(size).map(|it| it.iter().collect()).collect();
        // What JSON says of a text, TOML says of it too.
        let script = format!(
            "[[turns]]\nsay = [\"Half an answer.\\n\", \"and more\"]\nfault = 'cut'\n[[turns]]\nsay = {}\n",
            serde_json::to_string(&pieces)?
        );
        let fake = FakeLlm::start(Scenario::parse(&script)?)?;
        let file = folder.path().join("model.toml");
        fs::write(&file, model(provider, &fake.url()))?;
        let output = Command::new(&binary)
            .args(["ask", "our disks feel old and dear", "--from"])
            .arg(&from)
            .arg("--model")
            .arg(&file)
            .env("MODEL_KEY", "local-key-of-this-test")
            .output()?;
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
        ensure!(output.status.success(), "{provider}: {err}");
        fake.finished()?;
        let whole = "Disks\n\nThey can be cheaper, \\u{1b}[2Jsee vol-0aaaaaaaaaaaaaaa1.\n• one\n• two\n";
        ensure!(out.contains(whole) && !out.contains('\u{1b}'), "{provider}: {out}");
        let (half, rest) = out.split_once("Half an answer.").with_context(|| out.to_string())?;
        ensure!(
            !half.contains("Disks") && rest.contains("broke off and does not count"),
            "{provider}: {out}"
        );
        ensure!(!out.contains("and more"), "{provider}: {out}");
    }
    Ok(())
}

/// Steering files are read where one works: a malformed one is told with its line, and what always applies is put before who works there.
#[test]
fn steering_applies_where_one_works() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let top = folder.path().to_str().context("a path that is not text")?;
    let steering = folder.path().join(".kiro/steering");
    fs::create_dir_all(&steering)?;
    fs::write(steering.join("product.md"), "# Product\n\nA shop that never sleeps.\n")?;
    fs::write(steering.join("tests.md"), "---\ninclusion: manual\n---\nOnly when asked.\n")?;
    let new = ["spec", "new", "slow-search", "--dir", top, "--output", "json"];
    let begun = Cli::run(new)?.expect(0)?.json()?;
    ensure!(begun["steering"] == json!(["product.md"]), "{begun}");
    let dir = begun["dir"].as_str().context("no folder")?.to_owned();
    ensure!(fs::read_to_string(Path::new(&dir).join("design.md"))?.contains("`product.md`"));
    let lint = |dir: &str| Cli::run(["spec", "lint", dir, "--output", "json"]);
    let before = lint(&dir)?.json()?;
    ensure!(before["problems"] == json!([]), "{before}");
    fs::write(steering.join("wrong.md"), "---\ninclusion: sometimes\n---\n")?;
    let after = lint(&dir)?.expect(21)?.json()?;
    ensure!(
        after["problems"][0]["file"] == "steering/wrong.md" && after["problems"][0]["line"] == 2,
        "{after}"
    );

    let Some(binary) = crash_binary()? else {
        eprintln!("SKIPPED: no program with a language model ({CRASH_BINARY})");
        return Ok(());
    };
    let script = "[[turns]]\nsay = ['I look.']\nexpect = { says = ['A shop that never sleeps.'] }\n";
    let fake = FakeLlm::start(Scenario::parse(script)?)?;
    let (from, file) = (folder.path().join("snapshot.json"), folder.path().join("model.toml"));
    fs::write(&from, snapshot().to_string())?;
    fs::write(&file, model("anthropic", &fake.url()))?;
    let output = Command::new(&binary)
        .args(["ask", "what do you see?", "--output", "json", "--specify", top, "--from"])
        .arg(&from)
        .arg("--model")
        .arg(&file)
        .env("MODEL_KEY", "local-key-of-this-test")
        .env_remove("COUNTERSIGN_AGENT_URL")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fake.finished()?;
    let heard = fake.heard();
    ensure!(heard.iter().all(|it| !it.says("Only when asked")));
    // No server is known here, so nobody is offered to ask one.
    ensure!(heard.iter().all(|it| !it.tools().contains(&"change_status".to_owned())));
    Ok(())
}
