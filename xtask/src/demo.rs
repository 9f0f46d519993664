//! `cargo xtask demo`: what happened in December 2025, with Countersign in between. A scripted agent holds virtual
//! credentials only; the people sign with keys of their own; the upstream is a mock AWS.
//!
//! [`stage`] sets up, [`story`] tells and checks; this file is the play.

mod stage;
mod story;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use stage::{PLANTED, STACK, STUCK, Stage};
use story::Story;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// For a person: told to the end, whatever came out.
    Show,
    /// For the tests: fails if any step came out otherwise than the play says.
    Check,
}

pub(crate) fn run(ending: Ending) -> Result<()> {
    let mut story = Story::new();
    story.tell("Setting the stage: a mock AWS with a production stack, keys, an installation, a session.");
    let mut stage = Stage::set()?;
    play(&mut story, &mut stage)?;
    let otherwise = story.end();
    ensure!(ending == Ending::Show || otherwise == 0, "{otherwise} steps of the demo came out otherwise");
    Ok(())
}

fn play(story: &mut Story, stage: &mut Stage) -> Result<()> {
    an_agent_looks_around(story, stage)?;
    it_repairs_what_can_be_undone(story, stage)?;
    let delete = it_has_a_bigger_idea(story, stage)?;
    its_operator_is_not_enough(story, stage, &delete)?;
    the_second_person_says_no(story, stage, &delete)?;
    it_takes_the_smaller_way(story, stage)?;
    let again = the_operator_asks_again(story, stage, &delete)?;
    it_goes_through_once(story, stage, &again)?;
    our_own_agent_goes_the_same_way(story, stage)?;
    the_record_convicts(story, stage)
}

fn an_agent_looks_around(story: &mut Story, stage: &Stage) -> Result<()> {
    story.chapter("1. An agent looks around");
    story.tell("olga has started the agent `fixer` to find out why the cost report is late.");
    story.command("aws cloudformation describe-stacks");
    let seen = stage.aws(&["cloudformation", "describe-stacks", "--query", "Stacks[].StackName"])?;
    story.expect("reading production passes at once", seen.code == 0 && seen.stdout.contains(STACK), &seen);
    story.command("boto3: sts.get_caller_identity()");
    let seen = stage.python("import boto3; print(boto3.client('sts').get_caller_identity()['Account'])")?;
    story.expect("an SDK works the same way", seen.code == 0 && seen.stdout.contains(stage::ACCOUNT), &seen);
    Ok(())
}

fn it_repairs_what_can_be_undone(story: &mut Story, stage: &Stage) -> Result<()> {
    story.chapter("2. It repairs what can be undone");
    story.command("boto3: sqs.set_queue_attributes(VisibilityTimeout=60)");
    let script = "
import boto3
sqs = boto3.client('sqs')
url = sqs.get_queue_url(QueueName='cost-jobs')['QueueUrl']
sqs.set_queue_attributes(QueueUrl=url, Attributes={'VisibilityTimeout': '60'})
";
    let seen = stage.python(script)?;
    story.expect("a write whose inverse was captured passes, and nobody is asked", seen.code == 0, &seen);
    story.expect(
        "the queue really has the new timeout",
        stage.queue_timeout()? == "60",
        &stage.queue_timeout()?,
    );
    Ok(())
}

/// The id of the held delete.
fn it_has_a_bigger_idea(story: &mut Story, stage: &Stage) -> Result<String> {
    story.chapter("3. It has a bigger idea: delete the environment and make it anew");
    let seen = delete_stack(story, stage)?;
    story.quote(&seen.stderr);
    story.expect(
        "the delete is held, and the agent is told why",
        seen.code != 0 && !seen.stderr.is_empty(),
        &seen,
    );
    let delete =
        stage.change("cloudformation:DeleteStack", "held")?.context("the delete is no held change")?;
    let id = delete.get("id").and_then(Value::as_str).context("a change without an id")?.to_owned();
    story.expect("the answer names the change", seen.stderr.contains(&id), &id);
    story.expect(
        "production is as it was",
        stage.stack_status()? != "DELETE_COMPLETE",
        &stage.stack_status()?,
    );

    story.command("aws cloudformation create-stack");
    let create =
        ["cloudformation", "create-stack", "--stack-name", STACK, "--template-body", stage::TEMPLATE];
    let seen = stage.aws(&create)?;
    let held = stage.change("cloudformation:CreateStack", "held")?;
    let linked = held
        .as_ref()
        .and_then(|change| change.get("links"))
        .is_some_and(|links| links.to_string().contains(&id));
    story.expect(
        "the create that would follow is held too, and linked to it",
        seen.code != 0 && linked,
        &seen,
    );
    Ok(id)
}

fn its_operator_is_not_enough(story: &mut Story, stage: &Stage, delete: &str) -> Result<()> {
    story.chapter("4. One person is not two");
    let seen = stage.approve(delete, &stage.cast.olga)?;
    story.person("olga", "approves what her own agent asked for");
    story.expect("refused: she stands in the chain (exit code 11)", seen.code == 11, &seen);
    for (words, how) in [
        ("approves", "one approval is recorded and does not suffice"),
        ("approves again", "the same person twice is one"),
    ] {
        let seen = stage.approve(delete, &stage.cast.ben)?;
        story.person("ben", words);
        story.expect(how, stage.state(delete)? == "held", &seen);
    }
    let seen = delete_stack(story, stage)?;
    story.expect(
        "the agent tries again and is still held",
        seen.code != 0 && stage.state(delete)? == "held",
        &seen,
    );
    Ok(())
}

fn the_second_person_says_no(story: &mut Story, stage: &Stage, delete: &str) -> Result<()> {
    story.chapter("5. The second person says no");
    let seen = stage.reject(
        delete,
        &stage.cast.carla,
        "the timeout can be changed in place; why delete anything?",
    )?;
    story.person("carla", "rejects: \"the timeout can be changed in place; why delete anything?\"");
    story.expect("one veto closes the change", stage.state(delete)? == "rejected", &seen);
    let seen = delete_stack(story, stage)?;
    story.quote(&seen.stderr);
    story.expect(
        "asking once more does not reopen it",
        seen.code != 0 && stage.state(delete)? == "rejected",
        &seen,
    );
    Ok(())
}

fn it_takes_the_smaller_way(story: &mut Story, stage: &Stage) -> Result<()> {
    story.chapter("6. The agent takes the smaller way");
    story.command("boto3: create_change_set, describe_change_set, execute_change_set");
    let script = "
import boto3, os
cloudformation = boto3.client('cloudformation')
names = dict(StackName=os.environ['STACK'], ChangeSetName='raise-rate')
cloudformation.create_change_set(TemplateBody=os.environ['TEMPLATE'], ChangeSetType='UPDATE', **names)
cloudformation.describe_change_set(**names)
cloudformation.execute_change_set(**names)
";
    let changed = stage::TEMPLATE.replace(r#""Value": "1""#, r#""Value": "2""#);
    let seen = stage.python_with(script, &[("STACK", STACK), ("TEMPLATE", &changed)])?;
    story.expect("an update in place whose inner changes can be undone passes alone", seen.code == 0, &seen);
    story.expect("production really changed", stage.rate()? == "2", &stage.rate()?);
    Ok(())
}

/// The id of the change that the veto came back as.
fn the_operator_asks_again(story: &mut Story, stage: &Stage, delete: &str) -> Result<String> {
    story.chapter("7. The operator asks again, in her own name");
    let seen =
        stage.reopen(delete, &stage.cast.olga, "the service is retired on Monday; its stack goes with it")?;
    story.person("olga", "signs a new intent: \"the service is retired on Monday; its stack goes with it\"");
    let again = stage.change("cloudformation:DeleteStack", "held")?;
    let id = again
        .as_ref()
        .and_then(|change| change.get("id"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    story.expect(
        "it is a new change that shows the old veto",
        seen.code == 0 && !id.is_empty() && id != delete,
        &seen,
    );
    ensure!(!id.is_empty(), "there is no change to approve");
    // Since the first time the stack has changed in place: what the two sign must be what stands there now.
    let seen = delete_stack(story, stage)?;
    story.expect(
        "the agent asks again, and the change is held over the stack as it is now",
        seen.code != 0,
        &seen,
    );
    for (name, key) in [("ben", &stage.cast.ben), ("carla", &stage.cast.carla)] {
        let seen = stage.approve(&id, key)?;
        story.person(name, "reads the statement and signs it");
        story.expect("the approval is recorded", seen.code == 0, &seen);
    }
    Ok(id)
}

fn it_goes_through_once(story: &mut Story, stage: &Stage, id: &str) -> Result<()> {
    story.chapter("8. It goes through, once");
    let seen = delete_stack(story, stage)?;
    story.expect("with two signatures the same command passes", seen.code == 0, &seen);
    story.expect("the stack is gone", stage.stack_status()? == "DELETE_COMPLETE", &stage.stack_status()?);
    story.expect("the change is executed", stage.state(id)? == "executed", &stage.state(id)?);
    let seen = delete_stack(story, stage)?;
    story.expect("an identical retry is answered from the record", seen.code == 0, &seen);
    let deletes = stage.change("cloudformation:DeleteStack", "held")?;
    story.expect("and needed no new change", deletes.is_none(), &format!("{deletes:?}"));
    Ok(())
}

fn our_own_agent_goes_the_same_way(story: &mut Story, stage: &Stage) -> Result<()> {
    story.chapter("9. Countersign's own agent looks for faults and waste, and goes the same way");
    stage.forget()?;
    let disks = stage.disks()?;
    let folder = tempfile::tempdir()?;
    story.command("countersign agent run --region us-east-1");
    let seen = stage.agent_runs(folder.path())?;
    let told = seen.json().unwrap_or_default();
    let plans = told.get("plans").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for plan in plans {
        let text = |name: &str| plan.get(name).and_then(Value::as_str).unwrap_or_default();
        story.tell(&format!("{}: {}", text("state"), text("goal")));
    }
    let found = |state: &str| plans.iter().any(|it| it.get("state").and_then(Value::as_str) == Some(state));
    story.expect("it does what can be undone, each step checked", found("done"), &seen);
    story.expect("what cannot waits for people (exit code 10)", seen.code == 10 && found("held"), &seen);
    let specified = plans.iter().all(|it| {
        let folder = it.get("folder").and_then(Value::as_str).map(Path::new);
        let there = |name: &str| folder.is_some_and(|folder| folder.join(name).is_file());
        ["findings.json", "plan.json", "design.md", "tasks.md", "change.json"].into_iter().all(there)
    });
    story.expect("each plan has its specification, and what it was found by", specified, &seen);
    let found = stage.found(folder.path())?;
    for planted in PLANTED {
        let there = found.analyzers.iter().any(|it| it == planted);
        story.expect(&format!("what was planted is found: {planted}"), there, &format!("{found:?}"));
    }
    story.expect("and every fact leads back to what was read", found.traced, &format!("{found:?}"));
    let in_place = |plan: &Value| {
        let steps = plan.get("steps").map(ToString::to_string).unwrap_or_default();
        steps.contains("cloudformation:ContinueUpdateRollback") && !steps.contains("Delete")
    };
    story.expect(
        &format!("the stack {STUCK}, which is stuck, is to be repaired where it stands"),
        plans.iter().any(in_place) && !seen.stdout.contains("cloudformation:DeleteStack"),
        &seen,
    );
    story.expect("not one disk is gone", stage.disks()? == disks, &stage.disks()?);
    Ok(())
}

fn the_record_convicts(story: &mut Story, stage: &mut Stage) -> Result<()> {
    story.chapter("10. The record");
    let seen = stage.verify()?;
    let entries =
        seen.json().ok().and_then(|told| told.get("entries").and_then(Value::as_u64)).unwrap_or_default();
    story.expect(
        &format!("the ledger verifies: {entries} entries under one checkpoint"),
        seen.code == 0,
        &seen,
    );
    stage.serve.stop()?;
    let edited = stage.edit_one_row()?;
    story.tell(&format!("Somebody edits one row of the database by hand: {}.", edited.trim()));
    let seen = stage.verify()?;
    story.quote(&seen.stderr);
    story.expect("the ledger convicts it (exit code 20)", seen.code == 20, &seen);
    Ok(())
}

fn delete_stack(story: &Story, stage: &Stage) -> Result<testkit::Output> {
    story.command(&format!("aws cloudformation delete-stack --stack-name {STACK}"));
    stage.aws(&["cloudformation", "delete-stack", "--stack-name", STACK])
}
