//! A call that comes again, because its answer was not heard or because somebody tries once more: one change while people decide, and once it
//! ran, what it was answered. The cloud hears it once.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::{Response, Signer};

use crate::lab::{Lab, held, named};

#[test]
fn what_is_asked_for_again_is_one_change_and_reaches_the_cloud_once() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("shop")?;
    let other = lab.installation.session("fixer", "olga", &lab.people.olga.private, "look around", &[])?;
    let by_another = || -> Result<Response> {
        let fields = [("Action", "DeleteStack"), ("StackName", "shop"), ("Version", "2010-05-15")];
        Signer::of(&other)?.form("cloudformation", lab.gateway(), &fields).send(lab.gateway())
    };
    for again in [lab.delete_stack("shop")?, by_another()?, lab.delete_stack("shop")?] {
        ensure!(held(&again)? == id, "{}", again.text());
    }
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    ensure!(lab.deletes("shop")? == 0);
    let first = lab.delete_stack("shop")?;
    ensure!(first.status == 200 && named(&first)? == id, "{}", first.text());
    ensure!(lab.deletes("shop")? == 1);
    let told = |again: &Response| -> Result<()> {
        ensure!(again.status == 200 && named(again)? == id, "{} {}", again.status, again.text());
        ensure!(again.body == first.body, "{}\nin place of\n{}", again.text(), first.text());
        Ok(())
    };
    told(&lab.delete_stack("shop")?)?;
    told(&by_another()?)?;
    // What was answered is on disk.
    lab.restart()?;
    told(&lab.delete_stack("shop")?)?;

    ensure!(lab.deletes("shop")? == 1 && lab.state(&id)? == "executed");
    for kind in ["change_held", "permit_issued"] {
        lab.entries_of(kind, 1)?;
    }
    let listed = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
    ensure!(listed["changes"].as_array().is_some_and(|all| all.len() == 1), "{listed:#}");
    lab.verify()?.expect(0).map(drop)
}

/// An agent that did not hear what came of its proposal proposes it once more.
#[test]
fn the_same_proposal_is_answered_with_the_change_that_it_made() -> Result<()> {
    let lab = Lab::open()?;
    let proposed = |names: &[&str]| -> Result<Value> {
        let action = |name: &&str| {
            let put = json!({ "Name": name, "Value": "1", "Type": "String", "Overwrite": true });
            json!({ "service": "ssm", "operation": "PutParameter", "parameters": put })
        };
        let actions: Vec<Value> = names.iter().map(action).collect();
        let proposal = json!({ "intent": "both, in this order", "actions": actions });
        let answer = lab.on_agent_listener("POST", "/v1/changes", Some(&proposal))?;
        ensure!(answer.status == 200, "{}", answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    };
    let first = proposed(&["/one", "/two"])?;
    let again = proposed(&["/one", "/two"])?;
    ensure!(first["id"].is_string() && again["id"] == first["id"], "{first:#}\n{again:#}");
    ensure!(again["state"] == first["state"], "{first:#}\n{again:#}");
    let turned = proposed(&["/two", "/one"])?;
    ensure!(turned["id"] != first["id"], "{turned:#}");
    let listed = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
    ensure!(listed["changes"].as_array().is_some_and(|all| all.len() == 2), "{listed:#}");
    ensure!(lab.moto.recorded(&["AmazonSSM.PutParameter"])? == 0, "nothing was asked for yet");
    lab.verify()?.expect(0).map(drop)
}
