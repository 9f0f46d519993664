//! Our own agent carries out plans: in their order, each step checked, taken back where something is not as it should be, never twice, and
//! nothing past the people who decide.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{CRASH_BINARY, Cli, FakeLlm, Output, Scenario, Serve, Session, crash_binary, stuck, until};

use crate::lab::{Lab, OWNER, People};

/// A command line, and the environment it runs in.
type Line = (Vec<String>, Vec<(String, String)>);

/// A lab, a repository, and parameters that the owner has set to `old!`.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) top: TempDir,
}

fn digest(of: char) -> String {
    of.to_string().repeat(64)
}

/// Overwrites a parameter; afterwards the log group `/gate/NAME` must be there.
pub(crate) fn write(id: &str, name: &str, again: u16) -> Value {
    let gate = format!("/gate/{name}");
    let read = json!({ "service": "logs", "operation": "DescribeLogGroups", "region": "us-east-1",
        "parameters": { "logGroupNamePrefix": gate } });
    let expect = json!({ "any": { "path": "logGroups.logGroupName", "is": { "equals": gate } } });
    json!({
        "id": id, "why": "it is to be new", "about": [name], "effects": ["write"], "undoable": true,
        "call": { "service": "ssm", "operation": "PutParameter", "region": "us-east-1",
            "parameters": { "Name": format!("/{name}"), "Value": "new!", "Type": "String", "Overwrite": true } },
        "before": [],
        "after": [{ "id": format!("gate-{name}"), "verifies": format!("the gate {name} is open"), "read": read,
            "expect": expect, "patience": { "again": again, "every_s": 1 } }],
        "undo": "captured", "origin": { "derived": { "findings": [] } },
    })
}

pub(crate) fn plan(steps: &[Value]) -> Value {
    json!({
        "schema": "countersign.plan/v1", "id": digest('a'), "goal": "renew the parameters",
        "basis": { "snapshot": digest('b'), "taken": "2026-03-01T11:00:00Z", "account": "123456789012", "findings": [] },
        "steps": steps, "effects": ["write", "destroy", "execute", "privilege"],
    })
}

impl Bench {
    pub(crate) fn open() -> Result<Self> {
        Ok(Self { lab: Lab::open()?, top: tempfile::tempdir()? })
    }

    /// Parameters with their gates open or not.
    pub(crate) fn with(parameters: &[(&str, bool)]) -> Result<Self> {
        let bench = Self::open()?;
        for (name, open) in parameters {
            let before = json!({ "Name": format!("/{name}"), "Value": "old!", "Type": "String" });
            ensure!(bench.lab.owner_call("ssm", "AmazonSSM.PutParameter", &before)?.status == 200);
            if *open {
                bench.unlock(name)?;
            }
        }
        Ok(bench)
    }

    fn unlock(&self, name: &str) -> Result<()> {
        let group = json!({ "logGroupName": format!("/gate/{name}") });
        ensure!(self.lab.owner_call("logs", "Logs_20140328.CreateLogGroup", &group)?.status == 200);
        Ok(())
    }

    pub(crate) fn file(&self, plan: &Value) -> Result<PathBuf> {
        let file = self.top.path().join("plan.json");
        fs::write(&file, plan.to_string())?;
        Ok(file)
    }

    pub(crate) fn line(&self, session: &Session, args: &[&str]) -> Result<Line> {
        let top = self.top.path().to_str().context("a path that is not text")?;
        let line = [&["agent", "run", "--output", "json", "--dir", top], args].concat();
        let mut env = session.env.clone();
        env.push(("COUNTERSIGN_AGENT_URL".to_owned(), self.lab.serve.agent.clone()));
        Ok((line.into_iter().map(str::to_owned).collect(), env))
    }

    fn run_as(&self, session: &Session, args: &[&str]) -> Result<Output> {
        let (line, env) = self.line(session, args)?;
        let env: Vec<(&str, &str)> =
            env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Cli::run_with(line, &env)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Result<Output> {
        self.run_as(&self.lab.session, args)
    }

    /// What a run takes that opens a session by itself: by the key of who answers for it.
    fn own_session(&self, more: &[&str]) -> Result<Vec<String>> {
        let top = self.top.path().to_str().context("a path that is not text")?;
        let line = ["agent", "run", "--dir", top, "--agent", "fixer", "--operator", "olga"];
        Ok([&line, more].concat().into_iter().map(str::to_owned).collect())
    }

    fn run_in_own_session(&self, more: &[&str]) -> Result<Output> {
        let line = self.own_session(more)?;
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        self.lab.signs(&self.lab.people.olga, &line)
    }

    /// How each session there is stands, by its id.
    fn sessions(&self) -> Result<BTreeMap<String, String>> {
        let told = self.lab.installation.run(["session", "list"])?.expect(0)?.json()?;
        let text = |of: &Value, name: &str| -> Result<String> {
            Ok(of[name].as_str().with_context(|| name.to_owned())?.to_owned())
        };
        let all = told["sessions"].as_array().context("no sessions")?.iter();
        all.map(|it| Ok((text(it, "id")?, text(it, "state")?))).collect()
    }

    fn begin(&self, plan: &Value) -> Result<Output> {
        let file = self.file(plan)?;
        self.run(&["--plan", file.to_str().context("a path that is not text")?])
    }

    fn folder(&self) -> PathBuf {
        self.top.path().join(".kiro/specs/renew-the-parameters")
    }

    fn resume(&self) -> Result<Output> {
        self.run(&["--resume", self.folder().to_str().context("a path that is not text")?])
    }

    fn read(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.folder().join(name))?)
    }

    pub(crate) fn value(&self, name: &str) -> Result<String> {
        self.lab.parameter(&format!("/{name}"))?.context("no parameter")
    }

    pub(crate) fn sent(&self, name: &str, value: &str) -> Result<usize> {
        self.lab.moto.recorded(&["AmazonSSM.PutParameter", &format!("/{name}"), value])
    }

    fn change(&self) -> Result<String> {
        let of: Value = serde_json::from_str(&self.read("change.json")?)?;
        Ok(of["change"].as_str().context("no change")?.to_owned())
    }
}

fn ticked(text: &str) -> (usize, usize) {
    (text.matches("- [x]").count(), text.matches("- [").count())
}

#[test]
fn a_plan_is_carried_out_in_its_order_and_every_tick_rests_on_what_was_read() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", true), ("three", true)])?;
    let steps = [write("1.1", "one", 0), write("1.2", "two", 0), write("1.3", "three", 0)];
    let told = bench.begin(&plan(&steps))?.expect(0)?.json()?;
    ensure!(told["plans"][0]["state"] == "done", "{told:#}");
    for name in ["one", "two", "three"] {
        ensure!(bench.value(name)? == "new!" && bench.sent(name, "new!")? == 1, "{name}");
    }
    let id = bench.change()?;
    let change = bench.lab.change(&id)?;
    ensure!(change["state"] == "executed" && change["actions"].as_array().is_some_and(|it| it.len() == 3));
    let tasks = bench.read("tasks.md")?;
    let (done, all) = ticked(&tasks);
    ensure!(done == all && all >= 3, "{tasks}");
    // Each record names a file whose digest is its name.
    for line in bench.read("run.jsonl")?.lines() {
        let record: Value = serde_json::from_str(line)?;
        let digest = record["outcome"]["passed"]["evidence"].as_str().with_context(|| line.to_owned())?;
        let file = bench.folder().join("evidence").join(format!("{digest}.json"));
        ensure!(file.is_file(), "{line}");
    }
    // Run again it goes on from its end, and does nothing.
    bench.resume()?.expect(0)?;
    ensure!(bench.sent("one", "new!")? == 1);
    // Also where the world moved on since, and where the same plan is given again.
    let group = json!({ "logGroupName": "/gate/three" });
    ensure!(bench.lab.owner_call("logs", "Logs_20140328.DeleteLogGroup", &group)?.status == 200);
    bench.resume()?.expect(0)?;
    bench.begin(&plan(&steps))?.expect(0)?;
    for name in ["one", "two", "three"] {
        ensure!(bench.value(name)? == "new!" && bench.sent(name, "new!")? == 1, "{name}");
    }
    bench.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_check_that_fails_stops_the_plan_and_what_ran_is_undone() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", false), ("three", true)])?;
    let steps = [write("1.1", "one", 0), write("1.2", "two", 1), write("1.3", "three", 0)];
    let told = bench.begin(&plan(&steps))?.expect(12)?.json()?;
    let stopped = &told["plans"][0];
    ensure!(stopped["state"] == "stopped" && stopped["stopped_at"] == "1.2", "{told:#}");
    let taken: Vec<(&str, bool)> = stopped["taken_back"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| Some((it["step"].as_str()?, it["undone"].as_bool()?)))
        .collect();
    ensure!(taken == [("1.2", true), ("1.1", true)], "{told:#}");
    for name in ["one", "two", "three"] {
        ensure!(bench.value(name)? == "old!", "{name}");
    }
    ensure!(bench.sent("three", "new!")? == 0, "the third was asked for");
    let id = bench.change()?;
    ensure!(bench.lab.state(&id)? == "withdrawn");
    // Who asked for it is on record.
    let permits = bench.lab.entries_of("permit_issued", 4)?;
    let by = permits.iter().filter(|it| it["detail"]["asked_by_agent"] == "fixer").count();
    ensure!(by == 2, "{permits:#?}");
    let (done, _) = ticked(&bench.read("tasks.md")?);
    ensure!(done == 1, "only the first step was ever done");
    bench.lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_was_broken_off_goes_on_and_nothing_runs_twice() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", false), ("three", true)])?;
    let steps = [write("1.1", "one", 0), write("1.2", "two", 600), write("1.3", "three", 0)];
    let file = bench.file(&plan(&steps))?;
    let (line, env) =
        bench.line(&bench.lab.session, &["--plan", file.to_str().context("a path that is not text")?])?;
    let mut child = spawn(&line, &env)?;
    let ran = until("the second step", Duration::from_secs(60), || {
        Ok(Some(bench.sent("two", "new!")?).filter(|sent| *sent > 0))
    });
    let other = bench.resume();
    child.kill()?;
    child.wait()?;
    ran?;
    let other = other?.expect(2)?;
    ensure!(other.stderr.contains("carried out by another process"), "{other}");
    ensure!(bench.sent("three", "new!")? == 0);
    bench.unlock("two")?;
    let told = bench.resume()?.expect(0)?.json()?;
    ensure!(told["plans"][0]["state"] == "done", "{told:#}");
    for name in ["one", "two", "three"] {
        ensure!(bench.value(name)? == "new!" && bench.sent(name, "new!")? == 1, "{name}");
    }
    bench.lab.verify()?.expect(0).map(drop)
}

fn spawn(line: &[String], env: &[(String, String)]) -> Result<Child> {
    let mut command = Command::new(testkit::binary("countersign")?);
    command.args(line).env_clear().envs(env.iter().map(|(name, value)| (name, value)));
    Ok(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

#[test]
fn what_people_decide_waits_for_them_whatever_the_agent_is_allowed() -> Result<()> {
    // A delete, in an autonomous session.
    let bench = Bench::with(&[("one", true), ("two", true)])?;
    bench.lab.make_stack("shop")?;
    let mut delete = write("1.2", "two", 0);
    delete["call"] = json!({ "service": "cloudformation", "operation": "DeleteStack", "region": "us-east-1",
        "parameters": { "StackName": "shop" } });
    delete["effects"] = json!(["write", "destroy", "execute", "privilege"]);
    delete["undoable"] = false.into();
    delete["undo"] = json!({ "impossible": "it is gone" });
    let told = bench.begin(&plan(&[write("1.1", "one", 0), delete]))?.expect(10)?.json()?;
    ensure!(told["plans"][0]["state"] == "held", "{told:#}");
    ensure!(bench.value("one")? == "old!" && bench.lab.stack_stands("shop")?);
    bench.resume()?.expect(10)?;
    let id = bench.change()?;
    for key in [&bench.lab.people.ben, &bench.lab.people.carla] {
        bench.lab.approve(&id, key)?.expect(0)?;
    }
    bench.resume()?.expect(0)?;
    ensure!(bench.value("one")? == "new!" && !bench.lab.stack_stands("shop")?);
    ensure!(bench.lab.state(&id)? == "executed");
    bench.lab.verify()?.expect(0).map(drop)
}

/// What was measured proves no words but those of which it was measured.
#[test]
fn a_line_that_was_edited_is_ticked_by_nothing() -> Result<()> {
    let bench = Bench::with(&[("one", true)])?;
    let lab = &bench.lab;
    let key = &lab.people.olga.private;
    let session = lab.installation.session("fixer", "olga", key, "renew", &["--autonomy", "supervised"])?;
    let file = bench.file(&plan(&[write("1.1", "one", 0)]))?;
    bench.run_as(&session, &["--plan", file.to_str().context("path")?])?.expect(10)?;
    let folder = bench.folder();
    let resume = || bench.run_as(&session, &["--resume", folder.to_str().context("path")?]);

    let own = "SHALL CONTINUE TO pass the checks of each step that ran before";
    let before = bench.read("bugfix.md")?;
    ensure!(before.contains(own), "{before}");
    fs::write(folder.join("bugfix.md"), before.replace(own, "SHALL CONTINUE TO answer within a second"))?;
    // Before it is proposed, nothing is proposed at all.
    let standing = fs::read(folder.join("change.json"))?;
    fs::remove_file(folder.join("change.json"))?;
    let refused = resume()?.expect(2)?;
    let told = refused.json()?;
    ensure!(told["plans"][0]["state"] == "stopped" && told["plans"][0]["change"].is_null(), "{told:#}");
    ensure!(told["plans"][0]["why"].as_str().is_some_and(|it| it.contains("unchanged-3-1")), "{told:#}");
    // Once it is, it is carried out, and says what it does not know.
    fs::write(folder.join("change.json"), standing)?;
    lab.approve(&bench.change()?, &lab.people.ben)?.expect(0)?;
    let told = resume()?.expect(0)?.json()?;
    ensure!(told["plans"][0]["state"] == "done" && bench.value("one")? == "new!", "{told:#}");
    let line = told["plans"][0]["unmeasured"][0].as_str().context("nothing is said of it")?;
    ensure!(line.contains("bugfix.md") && line.contains("no machine knows how to measure it"), "{line}");
    ensure!(ticked(&bench.read("tasks.md")?).0 == 0, "{}", bench.read("tasks.md")?);
    let run = bench.read("run.jsonl")?;
    ensure!(run.lines().any(|it| it.contains("unchanged-3-1") && it.contains("unknown")), "{run}");
    ensure!(!run.lines().any(|it| it.contains("unchanged-3-1") && it.contains("passed")), "{run}");

    // A plan whose checks were edited is none that anybody agreed to.
    let plan = bench.read("plan.json")?.replace("the gate one is open", "all is well");
    fs::write(folder.join("plan.json"), plan)?;
    let refused = resume()?.expect(2)?;
    ensure!(refused.stderr.contains("says something else than what was proposed"), "{refused}");
    Ok(())
}

/// What the session was issued with holds, whatever the agent says of itself.
#[test]
fn how_free_an_agent_is_its_session_says() -> Result<()> {
    for (autonomy, exit) in [("supervised", 10), ("suggest", 11)] {
        let bench = Bench::with(&[("one", true)])?;
        let lab = &bench.lab;
        let key = &lab.people.olga.private;
        let session = lab.installation.session("fixer", "olga", key, "renew", &["--autonomy", autonomy])?;
        let file = bench.file(&plan(&[write("1.1", "one", 0)]))?;
        let file = file.to_str().context("a path that is not text")?;
        bench.run_as(&session, &["--plan", file])?.expect(exit)?;
        ensure!(bench.value("one")? == "old!", "{autonomy}");
        if exit == 11 {
            continue;
        }
        lab.approve(&bench.change()?, &lab.people.ben)?.expect(0)?;
        let folder = bench.folder();
        bench
            .run_as(&session, &["--resume", folder.to_str().context("a path that is not text")?])?
            .expect(0)?;
        ensure!(bench.value("one")? == "new!", "{autonomy}");
    }
    Ok(())
}

#[test]
fn a_plan_that_says_less_of_itself_than_it_does_is_not_carried_out() -> Result<()> {
    let bench = Bench::with(&[("one", true)])?;
    let altered = |alter: &dyn Fn(&mut Value)| {
        let mut step = write("1.1", "one", 0);
        alter(&mut step);
        plan(&[step])
    };
    let delete = json!({ "service": "cloudformation", "operation": "DeleteStack", "region": "us-east-1",
        "parameters": { "StackName": "shop" } });
    for (plan, says) in [
        (altered(&|step| step["effects"] = json!(["read"])), "it is said milder than it is"),
        (altered(&|step| step["call"] = delete.clone()), "it is said milder than it is"),
        (altered(&|step| step["call"]["operation"] = "Burn".into()), "not in the operation table"),
        (altered(&|step| step["after"][0]["read"] = delete.clone()), "a check is a plain read"),
        (altered(&|step| step["id"] = "1.1\u{1b}[2J".into()), "an id is of letters, digits"),
        (
            altered(&|step| step["after"][0]["patience"] = json!({ "again": 9, "every_s": 65_535 })),
            "it would wait",
        ),
        (json!({ "schema": "x" }), "missing field"),
    ] {
        let output = bench.begin(&plan)?.expect(2)?;
        ensure!(output.stderr.contains(says) && !output.stderr.contains('\u{1b}'), "{says}: {output}");
    }
    ensure!(bench.value("one")? == "old!" && !bench.top.path().join(".kiro").exists());
    Ok(())
}

/// On an estate as its owner left it: found, specified, proposed; done what an agent may do alone, and the rest held for people.
#[test]
fn the_whole_way_needs_no_model_and_leads_back_to_what_was_read() -> Result<()> {
    let bench = Bench::open()?;
    let made = crate::scan::estate(&bench.lab)?;
    let file = bench.top.path().join("snapshot.json");
    let file = file.to_str().context("a path that is not text")?;
    let run = ["--region", "us-east-1", "--days", "30", "--rate", "500", "--snapshot", file];
    let output = bench.run(&run)?;
    ensure!([0, 10].contains(&output.code), "{output}");
    let told = output.json()?;
    let plans = told["plans"].as_array().context("no plans")?;
    let states: Vec<&str> = plans.iter().filter_map(|plan| plan["state"].as_str()).collect();
    ensure!(states.contains(&"done") && states.contains(&"held"), "{told:#}");

    let snapshot: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    let reads: Vec<&Value> = snapshot["reads"].as_array().into_iter().flatten().map(|it| &it["id"]).collect();
    for plan in plans {
        let folder = PathBuf::from(plan["folder"].as_str().context("no folder")?);
        let text = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
        // What is broken becomes right again; anything else is something new.
        let repairs = plan["goal"].as_str().is_some_and(|goal| goal.starts_with("repair"));
        let wanted = if repairs { "bugfix.md" } else { "requirements.md" };
        for name in [wanted, "design.md", "tasks.md", "intent.md", "change.json"] {
            ensure!(!text(name)?.is_empty(), "{name}");
        }
        // Nobody said anything, and no words are put into anybody's mouth.
        ensure!(text("intent.md")?.contains("Nobody said a sentence"), "{}", text("intent.md")?);
        let found: Value = serde_json::from_str(&text("findings.json")?)?;
        let named = found["findings"].as_array().context("no findings")?;
        ensure!(!named.is_empty(), "{found:#}");
        for fact in named.iter().flat_map(|it| it["facts"].as_array().into_iter().flatten()) {
            let of = fact["reads"].as_array().context("no reads")?;
            ensure!(!of.is_empty() && of.iter().all(|read| reads.contains(&read)), "{fact}");
        }
        let basis: Value = serde_json::from_str(&text("plan.json")?)?;
        let digest = basis["basis"]["snapshot"].as_str().context("no snapshot")?;
        ensure!(
            folder.join("evidence").join(format!("{digest}.json")).is_file(),
            "what was read is not there"
        );
        let state = bench.lab.state(plan["change"].as_str().context("no change")?)?;
        let (done, all) = ticked(&text("tasks.md")?);
        match plan["state"].as_str() {
            Some("done") => ensure!(state == "executed" && done == all, "{state}, {done} of {all}: {plan:#}"),
            Some("held") => ensure!(state == "held" && done == 0, "{state}, {done}: {plan:#}"),
            other => anyhow::bail!("{other:?}: {plan:#}"),
        }
    }
    // What was planted was found, and each finding is answered by a plan, or left with its reason.
    let found = Cli::run(["findings", "--from", file, "--output", "json"])?.expect(0)?.json()?;
    let found = found["findings"].as_array().context("no findings")?;
    for expected in PLANTED {
        ensure!(found.iter().any(|it| it["analyzer"] == expected), "{expected} was not found: {found:#?}");
    }
    let mut answered: Vec<String> = Vec::new();
    for plan in plans {
        let folder = PathBuf::from(plan["folder"].as_str().context("no folder")?);
        let plan: Value = serde_json::from_str(&fs::read_to_string(folder.join("plan.json"))?)?;
        let of = plan["basis"]["findings"].as_array().into_iter().flatten();
        answered.extend(of.filter_map(|it| it.as_str().map(str::to_owned)));
    }
    let left = told["left"].as_array().into_iter().flatten().filter_map(|it| it["about"].as_str());
    answered.extend(left.map(str::to_owned));
    for finding in found {
        let id = finding["id"].as_str().context("no id")?;
        let about = finding["resource"]["id"].as_str().unwrap_or_default();
        ensure!(
            answered.iter().any(|it| it == id || it == about),
            "{id} is in no plan, and not left: {answered:#?}"
        );
        for fact in finding["facts"].as_array().into_iter().flatten() {
            let of = fact["reads"].as_array().context("no reads")?;
            ensure!(!of.is_empty() && of.iter().all(|read| reads.contains(&read)), "{fact}");
        }
    }
    // Nothing that cannot be undone was sent.
    for action in ["DeleteVolume", "TerminateInstances", "ReleaseAddress", "DeleteSnapshot"] {
        ensure!(bench.lab.moto.recorded(&[&format!("Action={action}")])? == 0, "{action}");
    }
    ensure!(!made.is_empty());
    bench.lab.verify()?.expect(0).map(drop)
}

/// What the estate's owner left that is broken or wasteful.
const PLANTED: [&str; 5] = [
    "database-unprotected",
    "database-in-one-zone",
    "table-unprotected",
    "bucket-abandoned-uploads",
    "repository-without-lifecycle",
];

/// An update that is stuck is gone on with where it stands; what deleting the stack would take with it is shown beside that, and not asked for.
#[test]
fn a_stack_that_is_stuck_is_repaired_in_place() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab =
        Lab::behind(people, &flags, |moto| stuck(moto, "shop"), |config| Serve::start_with(config, &OWNER))?;
    let bench = Bench { lab, top: tempfile::tempdir()? };
    bench.lab.make_stack("shop")?;
    let file = bench.top.path().join("snapshot.json");
    let file = file.to_str().context("a path that is not text")?;
    let run = ["--region", "us-east-1", "--days", "30", "--rate", "500", "--snapshot", file];
    let told = bench.run(&[&["--goal", "repair"][..], &run[..]].concat())?.expect(10)?.json()?;
    let plans = told["plans"].as_array().context("no plans")?;
    let repair = plans
        .iter()
        .find(|it| it["steps"][0]["call"] == "cloudformation:ContinueUpdateRollback")
        .with_context(|| format!("no repair in place: {told:#}"))?;
    ensure!(repair["state"] == "held", "{repair:#}");
    ensure!(!told["plans"].to_string().contains("DeleteStack"), "{told:#}");
    let folder = PathBuf::from(repair["folder"].as_str().context("no folder")?);
    let text = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
    let planned: Value = serde_json::from_str(&text("plan.json")?)?;
    let others = planned["alternatives"].as_array().context("no alternatives")?;
    let other =
        others.iter().find(|it| it["name"] == "delete and recreate").context("nothing was weighed")?;
    ensure!(other["destroys"].as_array().is_some_and(|it| !it.is_empty()), "{other:#}");
    ensure!(text("bugfix.md")?.contains("UPDATE_ROLLBACK_FAILED"), "{}", text("bugfix.md")?);
    ensure!(text("design.md")?.contains("delete and recreate"), "{}", text("design.md")?);
    ensure!(bench.lab.deletes("shop")? == 0 && bench.lab.stack_stands("shop")?);
    bench.lab.verify()?.expect(0).map(drop)
}

/// The same job from one sentence that no catalogue has, by a model over each protocol: what it turns into goals is planned, specified and
/// judged like what anybody asks for.
#[test]
fn a_sentence_that_a_model_understands_goes_the_same_way() -> Result<()> {
    let Some(binary) = crash_binary()? else {
        eprintln!(
            "SKIPPED: no program with a language model ({CRASH_BINARY}); `cargo xtask test e2e` builds it"
        );
        return Ok(());
    };
    let bench = Bench::open()?;
    crate::scan::estate(&bench.lab)?;
    let file = bench.top.path().join("snapshot.json");
    let file = file.to_str().context("a path that is not text")?;
    let scan = ["scan", "--snapshot", file, "--region", "us-east-1", "--days", "30", "--rate", "500"];
    Cli::run_with(scan, &bench.lab.session.env())?.expect(0)?;
    let mut states = Vec::new();
    for (provider, path, goal, sentence) in [
        ("anthropic", "", "clean-up", "we pay for things that stand around for nobody"),
        ("openai", "/v1", "rightsize", "our machines are far too big for what they do"),
        ("bedrock", "", "repair", "something smells in there, would you see to it?"),
    ] {
        let script = format!(
            "[[turns]]\nsay = ['I look.']\ncalls = [{{ id = 'c1', tool = 'findings', arguments = ['{{}}'] }}]\n\
             [[turns]]\ncalls = [{{ id = 'c2', tool = 'propose_plan', arguments = ['{{\"goal\": ', '\"{goal}\"}}'] }}]\n\
             [[turns]]\nsay = ['That is the plan.']\nexpect = {{ results = ['c2'] }}\n"
        );
        let fake = FakeLlm::start(Scenario::parse(&script)?)?;
        let model = bench.top.path().join("model.toml");
        let url = fake.url();
        fs::write(
            &model,
            format!(
                "[model]\nprovider = '{provider}'\nname = 'fake'\nbase_url = '{url}{path}'\nkey = {{ env = 'MODEL_KEY' }}\n"
            ),
        )?;
        let model = model.to_str().context("a path that is not text")?;
        let (line, env) = bench.line(&bench.lab.session, &[sentence, "--from", file, "--model", model])?;
        let ran =
            Command::new(&binary).args(line).envs(env).env("MODEL_KEY", "local-key-of-this-test").output()?;
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        ensure!(matches!(ran.status.code(), Some(0 | 10)), "{provider}: {:?}: {said}", ran.status);
        fake.finished()?;
        let told: Value = serde_json::from_slice(&ran.stdout)?;
        ensure!(told["answer"] == "That is the plan." && told["kept"].is_null(), "{provider}: {told:#}");
        let plans = told["plans"].as_array().filter(|it| !it.is_empty()).context("no plans")?;
        for plan in plans {
            states.push(plan["state"].as_str().context("no state")?.to_owned());
            let folder = PathBuf::from(plan["folder"].as_str().context("no folder")?);
            let text = |name: &str| fs::read_to_string(folder.join(name)).with_context(|| name.to_owned());
            ensure!(text("intent.md")?.contains(sentence), "{}", text("intent.md")?);
            ensure!(!text("plan.json")?.contains("unverified"), "{}", text("plan.json")?);
        }
    }
    ensure!(states.iter().any(|it| it == "done") && states.iter().any(|it| it == "held"), "{states:?}");
    ensure!(bench.lab.entries("agent_reported")?.is_empty());
    bench.lab.verify()?.expect(0).map(drop)
}

/// Asked for out of its turn, an action of a plan is refused, with whose turn it is.
#[test]
fn the_engine_keeps_a_plan_in_its_order() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", true)])?;
    let lab = &bench.lab;
    let body = |name: &str| json!({ "Name": format!("/{name}"), "Value": "new!", "Type": "String", "Overwrite": true });
    let action =
        |name: &str| json!({ "service": "ssm", "operation": "PutParameter", "parameters": body(name) });
    let proposal = json!({ "intent": "both, in this order", "actions": [action("one"), action("two")] });
    let answer = lab.on_agent_listener("POST", "/v1/changes", Some(&proposal))?;
    ensure!(answer.status == 200, "{}", answer.text());
    let change: Value = serde_json::from_slice(&answer.body)?;
    let id = change["id"].as_str().context("no id")?;
    ensure!(change["state"] == "approved", "{change:#}");

    let early = lab.call("ssm", "AmazonSSM.PutParameter", &body("two"))?;
    ensure!(early.status == 400 || early.status == 403, "{}", early.text());
    ensure!(
        early.text().contains("it is the turn of action 1") && early.text().contains(id),
        "{}",
        early.text()
    );
    ensure!(bench.value("two")? == "old!");
    ensure!(lab.call("ssm", "AmazonSSM.PutParameter", &body("one"))?.status == 200);

    // The agent takes back what it ran; then nothing after it runs any more.
    let target = format!("/v1/changes/{id}/undo");
    let undone = lab.on_agent_listener("POST", &target, Some(&json!({ "action": 0 })))?;
    ensure!(undone.status == 200 && bench.value("one")? == "old!", "{}", undone.text());
    let again = lab.on_agent_listener("POST", &target, Some(&json!({ "action": 0 })))?;
    ensure!(again.status == 409, "{}", again.text());
    let late = lab.call("ssm", "AmazonSSM.PutParameter", &body("two"))?;
    ensure!(late.status >= 400 && late.text().contains("it comes after action 1"), "{}", late.text());
    ensure!(bench.value("two")? == "old!");

    // Another session of the same agent has nothing to undo there.
    let own = written(lab, &body("two"), id)?;
    let other = lab.installation.session("fixer", "olga", &lab.people.olga.private, "other", &[])?;
    let env: Vec<(&str, &str)> = other.env();
    Cli::run_with(["agent", "undo", &own], &env)?.expect(4)?;
    ensure!(bench.value("two")? == "new!");
    Cli::run_with(["agent", "undo", &own], &lab.session.env())?.expect(0)?;
    ensure!(bench.value("two")? == "old!");
    lab.verify()?.expect(0).map(drop)
}

/// Withdraws the plan, and writes by itself; its change.
fn written(lab: &Lab, body: &Value, plan: &str) -> Result<String> {
    let withdrawn = lab.on_agent_listener("POST", &format!("/v1/changes/{plan}/withdraw"), None)?;
    ensure!(withdrawn.status == 200, "{}", withdrawn.text());
    let written = lab.call("ssm", "AmazonSSM.PutParameter", body)?;
    ensure!(written.status == 200, "{}", written.text());
    crate::lab::named(&written)
}

/// What waits for people, and what may be under way, is run and taken back in no session but one that is open; every other is closed.
#[test]
fn a_session_that_a_run_opens_ends_with_it_unless_something_of_it_is_not_over() -> Result<()> {
    let mut bench = Bench::with(&[("one", true), ("two", false), ("three", true), ("four", true)])?;
    let mut known = bench.sessions()?;
    let mut waits = None;
    let cases: [(&str, &[&str], i32, &str); 4] = [
        ("one", &[], 0, "stopped"),
        // Its check fails, and what ran is taken back.
        ("two", &[], 12, "stopped"),
        ("three", &["--autonomy", "suggest"], 11, "stopped"),
        ("four", &["--autonomy", "supervised"], 10, "live"),
    ];
    for (name, more, exit, state) in cases {
        bench.top = tempfile::tempdir()?;
        let file = bench.file(&plan(&[write("1.1", name, 0)]))?;
        let file = file.to_str().context("a path that is not text")?;
        let output = bench.run_in_own_session(&[&["--plan", file], more].concat())?.expect(exit)?;
        let id = opened(&bench, &mut known, state).context(name)?;
        ensure!(output.json()?["session"]["id"] == id.as_str(), "{name}: {output}");
        let stays = format!("session {id} stays open");
        ensure!(output.stderr.contains(&stays) == (state == "live"), "{name}: {output}");
        waits = Some(id);
    }
    let waits = waits.context("no session")?;
    ensure!(bench.value("one")? == "new!" && bench.value("two")? == "old!" && bench.value("four")? == "old!");

    // Once people have agreed, another session of the agent goes on with what waits, and ends with its own run.
    bench.lab.approve(&bench.change()?, &bench.lab.people.ben)?.expect(0)?;
    let folder = bench.folder();
    let resume = ["--resume", folder.to_str().context("a path that is not text")?];
    bench.run_in_own_session(&[&resume[..], &["--autonomy", "supervised"]].concat())?.expect(0)?;
    opened(&bench, &mut known, "stopped")?;
    ensure!(bench.value("four")? == "new!");
    let olga = &bench.lab.people.olga;
    bench.lab.signs(olga, &["session", "stop", &waits])?.expect(0)?;
    known.insert(waits, "stopped".to_owned());

    // One that fails before there is a plan leaves none behind; one that is refused before it begins opens none.
    let none = bench.top.path().join("none.json");
    fs::write(&none, "{}")?;
    let none = none.to_str().context("a path that is not text")?;
    bench.run_in_own_session(&["--from", none])?.expect(2)?;
    opened(&bench, &mut known, "stopped")?;
    bench.run_in_own_session(&["--plan", none])?.expect(2)?;
    ensure!(bench.sessions()? == known, "{known:?}");
    let ended = bench.lab.entries_of("session_stopped", 6)?;
    ensure!(ended.iter().all(|it| it["actors"]["person"] == "olga"), "{ended:#?}");
    bench.lab.verify()?.expect(0).map(drop)
}

/// The one session that is new, which must stand so; and no other stands otherwise than it did.
fn opened(bench: &Bench, known: &mut BTreeMap<String, String>, state: &str) -> Result<String> {
    let now = bench.sessions()?;
    let new: Vec<&String> = now.keys().filter(|id| !known.contains_key(*id)).collect();
    let [new] = new.as_slice() else { anyhow::bail!("not one more: {now:?}") };
    let new = (*new).clone();
    known.insert(new.clone(), state.to_owned());
    ensure!(now == *known, "{now:?} where there should be {known:?}");
    Ok(new)
}

#[test]
fn who_interrupts_a_step_keeps_the_session_that_could_take_it_back() -> Result<()> {
    let bench = Bench::with(&[("one", false)])?;
    let mut known = bench.sessions()?;
    let file = bench.file(&plan(&[write("1.1", "one", 600)]))?;
    let line = bench.own_session(&["--plan", file.to_str().context("a path that is not text")?])?;
    let lab = &bench.lab;
    let mut command = Command::new(testkit::binary("countersign")?);
    command.args(line).arg("--config").arg(lab.installation.config());
    command.arg("--key").arg(&lab.people.olga.private);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", lab.installation.beside());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let ran = until("the step", Duration::from_secs(60), || {
        Ok(Some(bench.sent("one", "new!")?).filter(|sent| *sent > 0))
    });
    if ran.is_err() {
        child.kill()?;
    }
    let mut signal = Command::new("kill");
    signal.args(["-INT", &child.id().to_string()]);
    testkit::run(signal, Duration::from_secs(10))?;
    let output = child.wait_with_output()?;
    ran?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(130), "{:?}: {told}", output.status);
    let id = opened(&bench, &mut known, "live")?;
    ensure!(told.contains(&format!("session {id} stays open")), "{told}");
    ensure!(told.contains("agent run --resume"), "{told}");
    lab.verify()?.expect(0).map(drop)
}

/// Where nothing could be looked at, a tick rests on the server's word that the cloud took the call, and on nothing less.
#[test]
fn a_step_that_nothing_can_look_at_is_ticked_by_the_servers_word() -> Result<()> {
    let bench = Bench::with(&[("one", false), ("two", true)])?;
    let mut blind = write("1.1", "one", 0);
    blind["after"] = json!([]);
    bench.begin(&plan(&[blind, write("1.2", "two", 0)]))?.expect(0)?;
    let (done, all) = ticked(&bench.read("tasks.md")?);
    ensure!(done == all && all >= 2, "{}", bench.read("tasks.md")?);
    let lines = bench.read("run.jsonl")?;
    let records: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of_call = |record: &&Value| record["check"] == "answered-1-1";
    let found: Vec<&Value> = records.iter().filter(of_call).collect();
    let [record] = found.as_slice() else { anyhow::bail!("{lines}") };
    ensure!(record["task"] == "1.1" && record["moment"] == "after", "{record:#}");
    let digest = record["outcome"]["passed"]["evidence"].as_str().with_context(|| record.to_string())?;
    let said: Value = serde_json::from_str(&bench.read(&format!("evidence/{digest}.json"))?)?;
    ensure!(said["state"] == "executed" && said["step"] == "1.1", "{said:#}");
    ensure!(said["change"] == bench.change()?.as_str(), "{said:#}");
    ensure!(!records.iter().any(|it| it["check"] == "answered-1-2"), "the other was looked at: {lines}");

    // One that the cloud refuses has no such record, and no tick.
    let other = Bench::with(&[("there", false)])?;
    let mut refused = write("1.1", "there", 0);
    refused["after"] = json!([]);
    refused["call"]["parameters"]["Overwrite"] = false.into();
    other.begin(&plan(&[refused]))?.expect(12)?;
    ensure!(ticked(&other.read("tasks.md")?).0 == 0, "{}", other.read("tasks.md")?);
    ensure!(!other.read("run.jsonl").unwrap_or_default().contains("answered-1-1"));
    other.lab.verify()?.expect(0).map(drop)
}
