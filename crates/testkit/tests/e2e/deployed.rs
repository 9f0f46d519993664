//! Our own agent deploys a stack: what would change is worked out as a change set, shown, and carried out as it was shown; what takes
//! something away waits for people.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::Cli;

use crate::agent_run::Bench;

/// What the account's owner has made.
const MAKE: &str = r#"
import boto3, os
boto3.client("cloudformation").create_stack(StackName="shop", TemplateBody=os.environ["TEMPLATE"])
"#;

/// What the cloud really holds.
const LOOK: &str = r#"
import boto3, json
stacks, queues = boto3.client("cloudformation"), boto3.client("sqs")
def seconds(one):
    url = queues.get_queue_url(QueueName=one["PhysicalResourceId"].rsplit("/", 1)[-1])["QueueUrl"]
    return queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
held = stacks.list_stack_resources(StackName="shop")["StackResourceSummaries"]
print(json.dumps({
    "status": stacks.describe_stacks(StackName="shop")["Stacks"][0]["StackStatus"],
    "stacks": len(stacks.describe_stacks()["Stacks"]),
    "template": stacks.get_template(StackName="shop")["TemplateBody"],
    "queues": {one["LogicalResourceId"]: seconds(one) for one in held},
}))
"#;

/// A queue that waits for so many seconds, and others beside it.
fn template(seconds: Value, beside: &[&str]) -> Value {
    let mut template = json!({
        "Parameters": { "Seconds": { "Type": "Number", "Default": 30 } },
        "Resources": { "Orders": { "Type": "AWS::SQS::Queue", "Properties": { "VisibilityTimeout": seconds } } },
    });
    for name in beside {
        template["Resources"][name] = json!({ "Type": "AWS::SQS::Queue" });
    }
    template
}

/// The stack `shop`, and a snapshot of the account that has it.
struct Shop {
    bench: Bench,
    snapshot: String,
}

impl Shop {
    fn open(made_of: &Value) -> Result<Self> {
        let bench = Bench::open()?;
        let file = bench.top.path().join("snapshot.json");
        let snapshot = file.to_str().context("a path that is not text")?.to_owned();
        let shop = Self { bench, snapshot };
        shop.owner(MAKE, &[("TEMPLATE", &made_of.to_string())])?;
        let scan =
            ["scan", "--snapshot", &shop.snapshot, "--region", "us-east-1", "--days", "30", "--rate", "500"];
        Cli::run_with(scan, &shop.bench.lab.session.env())?.expect(0)?;
        Ok(shop)
    }

    fn owner(&self, script: &str, more: &[(&str, &str)]) -> Result<String> {
        let url = self.bench.lab.moto.url();
        let owner = [("AWS_ENDPOINT_URL", url.as_str())];
        let env = [crate::lab::OWNER.as_slice(), &owner, more].concat();
        Ok(self.bench.lab.venv.python(script, &env)?.expect(0)?.stdout)
    }

    fn look(&self) -> Result<Value> {
        Ok(serde_json::from_str(self.owner(LOOK, &[])?.trim())?)
    }

    /// The two plans, one that makes the change set and one that carries it out, as files.
    fn plans(&self, name: &str, more: &[&str]) -> Result<[String; 2]> {
        let goal =
            ["plan", "--output", "json", "--from", &self.snapshot, "--goal", "deploy", "--stack", "shop"];
        let planned = Cli::run([&goal[..], more].concat())?.expect(0)?.json()?;
        let both = planned["plans"].as_array().filter(|it| it.len() == 2).context("not two plans")?;
        let file = |nth: usize| -> Result<String> {
            let file = self.bench.top.path().join(format!("{name}-{nth}.json"));
            fs::write(&file, both[nth].to_string())?;
            Ok(file.to_str().context("a path that is not text")?.to_owned())
        };
        Ok([file(0)?, file(1)?])
    }

    fn run(&self, args: &[&str], exit: i32) -> Result<Value> {
        let told = self.bench.run(args)?.expect(exit)?.json()?;
        let plans = told["plans"].as_array().filter(|it| it.len() == 1).context("not one plan")?;
        Ok(plans[0].clone())
    }

    /// Makes the change set, which changes nothing yet, and asks for it to be carried out, which ends with `exit`.
    fn deploy(&self, name: &str, more: &[&str], exit: i32) -> Result<Value> {
        let [prepare, execute] = self.plans(name, more)?;
        let before = self.look()?;
        let early = self.run(&["--plan", &execute], 10)?;
        ensure!(early["state"] == "waits" && early["change"].is_null(), "{early:#}");
        let prepared = self.run(&["--plan", &prepare], 0)?;
        ensure!(prepared["state"] == "done" && self.look()? == before, "{prepared:#}");
        self.run(&["--plan", &execute], exit)
    }

    /// What the change would do, as people and the agent are shown it.
    fn shown(&self, plan: &Value) -> Result<Value> {
        self.bench.lab.change(plan["change"].as_str().context("no change")?)
    }

    fn executed(&self) -> Result<usize> {
        self.bench.lab.moto.recorded(&["Action=ExecuteChangeSet"])
    }
}

fn written(folder: &Path, name: &str, template: &Value) -> Result<String> {
    let file = folder.join(name);
    fs::write(&file, template.to_string())?;
    Ok(file.to_str().context("a path that is not text")?.to_owned())
}

#[test]
fn a_stack_is_deployed_by_a_change_set_that_was_shown_and_what_it_takes_away_waits_for_people() -> Result<()>
{
    let by_parameter = json!({ "Ref": "Seconds" });
    let shop = Shop::open(&template(by_parameter.clone(), &[]))?;
    let told = |wanted: &Value, queues: Value| json!({ "status": "UPDATE_COMPLETE", "stacks": 1, "template": wanted, "queues": queues });

    // Another parameter, in place, and undoable: nobody has to agree.
    let plan = shop.deploy("parameter", &["--parameter", "Seconds=45"], 0)?;
    ensure!(plan["state"] == "done", "{plan:#}");
    let inner = shop.shown(&plan)?["actions"][0]["inner"].clone();
    let inner: Vec<&str> = inner.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let in_place = |it: &&str| it.starts_with("change VisibilityTimeout in place: AWS::SQS::Queue Orders");
    ensure!(inner.len() == 1 && inner.iter().all(in_place), "{inner:#?}");
    let seen = shop.look()?;
    ensure!(seen == told(&template(by_parameter.clone(), &[]), json!({ "Orders": "45" })), "{seen:#}");

    // Another template with a queue more.
    let more = template(by_parameter, &["Invoices"]);
    let file = written(shop.bench.top.path(), "more.json", &more)?;
    let plan = shop.deploy("more", &["--template", &file], 0)?;
    let change = shop.shown(&plan)?;
    ensure!(change["state"] == "executed", "{change:#}");
    let inner = change["actions"][0]["inner"].clone();
    ensure!(inner == json!(["create: AWS::SQS::Queue Invoices"]), "{inner:#}");
    let seen = shop.look()?;
    ensure!(seen == told(&more, json!({ "Orders": "45", "Invoices": "30" })), "{seen:#}");

    // One with a queue less: it is carried out once two people have agreed to what the change set shows.
    let less = template(json!(60), &[]);
    let file = written(shop.bench.top.path(), "less.json", &less)?;
    let (before, ran) = (shop.look()?, shop.executed()?);
    let plan = shop.deploy("less", &["--template", &file], 10)?;
    ensure!(plan["state"] == "held", "{plan:#}");
    let change = shop.shown(&plan)?;
    ensure!(change["state"] == "held", "{change:#}");
    let inner = change["actions"][0]["inner"].to_string();
    for what in
        ["delete: AWS::SQS::Queue Invoices", "change VisibilityTimeout in place: AWS::SQS::Queue Orders"]
    {
        ensure!(inner.contains(what), "{what}: {inner}");
    }
    let folder = plan["folder"].as_str().context("no folder")?;
    let id = plan["change"].as_str().context("no change")?;
    let lab = &shop.bench.lab;
    lab.approve(id, &lab.people.ben)?.expect(0)?;
    shop.run(&["--resume", folder], 10)?;
    ensure!(shop.look()? == before && shop.executed()? == ran, "one person is not two");
    lab.approve(id, &lab.people.carla)?.expect(0)?;
    let plan = shop.run(&["--resume", folder], 0)?;
    ensure!(plan["state"] == "done" && lab.state(id)? == "executed", "{plan:#}");
    let seen = shop.look()?;
    ensure!(seen == told(&less, json!({ "Orders": "60" })), "{seen:#}");
    ensure!(shop.executed()? == ran + 1, "it ran once");

    // Every task of the plan is ticked by what was read.
    let tasks = fs::read_to_string(Path::new(folder).join("tasks.md"))?;
    ensure!(tasks.contains("- [x]") && !tasks.contains("- [ ]"), "{tasks}");
    lab.verify()?.expect(0).map(drop)
}
