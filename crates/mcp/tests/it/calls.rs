//! Each tool, asked as an agent would.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::rig::{CHANGE, INSTANCE, VOLUME, World, connected, data, text, whole};

#[tokio::test]
async fn a_client_is_told_how_to_work_and_what_there_is() {
    let (client, _) = whole().await;
    let told = client.running.peer_info().unwrap();
    let instructions = told.instructions.clone().unwrap();
    for wanted in ["find, plan, propose, wait", "Approvals are people's", "abababababababababababababababab"]
    {
        assert!(instructions.contains(wanted), "{wanted}: {instructions}");
    }
    let names: Vec<_> =
        client.running.list_all_tools().await.unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["inventory", "findings", "costs", "plan", "propose", "status", "wait", "withdraw"]);
    assert_eq!(names, mcp::names().collect::<Vec<_>>());

    let alone = connected(World { snapshot: Some(crate::rig::snapshot()), plane: None }).await;
    let instructions = alone.running.peer_info().unwrap().instructions.clone().unwrap();
    assert!(instructions.contains("This server has no session"), "{instructions}");
    assert_eq!(
        data(&alone.call("inventory", json!({})).await)["resources"].as_array().map(Vec::len),
        Some(2)
    );
    let refused = alone.call("propose", json!({ "intent": "x", "actions": [action()] })).await;
    assert_eq!(text(&refused), "error CS001: no session\nhint: a person starts one");
    assert_eq!(refused.is_error, Some(true));
}

#[tokio::test]
async fn what_is_asked_is_answered() {
    let (client, _) = whole().await;
    let ids = |result: &Value, list: &str, member: &str| -> Vec<String> {
        let all = result[list].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|it| it[member].as_str().map(str::to_owned)).collect()
    };
    for (asked, wanted) in [
        (json!({}), vec![INSTANCE, VOLUME]),
        (json!({ "kind": "ec2:volume" }), vec![VOLUME]),
        (json!({ "kind": "ec2" }), vec![INSTANCE, VOLUME]),
        (json!({ "kind": "rds" }), vec![]),
        (json!({ "tag": "team" }), vec![INSTANCE, VOLUME]),
        (json!({ "tag": "team=web" }), vec![INSTANCE]),
        (json!({ "name": "VOL-1" }), vec![VOLUME]),
        (json!({ "region": "eu-west-1" }), vec![]),
        (json!({ "limit": 1 }), vec![INSTANCE]),
        (json!({ "limit": 1, "cursor": "1" }), vec![VOLUME]),
    ] {
        let told = data(&client.call("inventory", asked.clone()).await);
        assert_eq!(ids(&told, "resources", "id"), wanted, "{asked}");
    }
    let one = data(&client.call("inventory", json!({ "id": VOLUME })).await);
    assert_eq!(one["edges"], json!([{ "kind": "refers-to", "to": INSTANCE, "read": "r1" }]));
    assert_eq!(one["views"][0]["attributes"]["Size"], 100);
    assert_eq!(one["views"][0]["read"]["operation"], "ec2:DescribeVolumes");
    let gaps = data(&client.call("inventory", json!({})).await)["not_known"].clone();
    assert_eq!(gaps[0]["operation"], "rds:DescribeDBInstances", "what was refused is said: {gaps}");

    let told = data(&client.call("findings", json!({ "analyzer": "volume-unattached" })).await);
    let finding = &told["findings"][0];
    assert_eq!(finding["id"], format!("volume-unattached:{VOLUME}"));
    for member in ["facts", "confidence", "saving", "danger", "traps", "remedy"] {
        assert!(!finding[member].is_null(), "{member}: {finding}");
    }
    for (asked, count) in [
        (json!({ "class": "waste", "resource": VOLUME, "analyzer": "volume-unattached" }), 1),
        (json!({ "ids": ["none"] }), 0),
        (json!({ "region": "eu-west-1" }), 0),
    ] {
        let told = data(&client.call("findings", asked.clone()).await);
        assert_eq!(told["findings"].as_array().map(Vec::len), Some(count), "{asked}");
    }

    let costs = data(&client.call("costs", json!({ "by": "tag:team" })).await);
    assert_eq!(ids(&costs, "lines", "name").first().map(String::as_str), Some("shop"));
    assert_eq!(data(&client.call("costs", json!({})).await)["by"], "service");
}

#[tokio::test]
async fn a_change_is_proposed_looked_at_and_taken_back() {
    let (client, plane) = whole().await;
    let told = client.call("propose", json!({ "intent": "free it", "actions": [action()] })).await;
    let said = text(&told);
    let check = |said: &str, expected: Expect| expected.assert_eq(said.lines().next().unwrap_or_default());
    check(
        &said,
        expect![
            "Change chg-01k0000000000000000000000a is held. Nothing was carried out. It takes 2 people who did not launch this agent, 1 of them by a key that is touched. Nobody has agreed yet. People decide in the console or on their command line; there is no tool for it. Next: `wait` with this id, or `withdraw` it. 1 of its calls is marked as not derived from what there is (`unverified` says why): it takes more people than a plan of `plan`."
        ],
    );
    assert_eq!(data(&told)["needs"]["people"], 2);
    assert_eq!(data(&told)["why"][0]["id"], "two-people");
    let proposed = plane.proposed.lock().unwrap().clone();
    assert_eq!(
        serde_json::to_value(&proposed).unwrap(),
        json!([{ "intent": "free it", "actions": [marked()] }]),
        "no client vouches for a call of its own"
    );
    let why = &data(&told)["unverified"][0];
    assert!(why["action"] == 1 && why["why"].as_str().is_some_and(|it| it.contains("vol-1")), "{why}");

    assert_eq!(data(&client.call("status", json!({ "id": CHANGE })).await)["state"], "held");
    assert_eq!(data(&client.call("status", json!({})).await)["changes"][0]["id"], CHANGE);
    let approved = client.call("wait", json!({ "id": CHANGE, "seconds": 1 })).await;
    assert_eq!(data(&approved)["state"], "approved");
    check(
        &text(&approved),
        expect![
            "Change chg-01k0000000000000000000000a is approved. Next: ask for its calls exactly as they were proposed, by your usual AWS client with this session's credentials; each passes once."
        ],
    );
    assert_eq!(data(&client.call("withdraw", json!({ "id": CHANGE })).await)["state"], "withdrawn");
}

#[tokio::test]
async fn a_plan_is_made_and_proposed_by_its_id() {
    let (client, plane) = whole().await;
    let goals = data(&client.call("plan", json!({})).await);
    assert_eq!(goals["goals"][0]["goal"], json!({ "kind": "clean-up", "of": "all" }), "{goals}");
    let findings = [format!("volume-unattached:{VOLUME}")];
    let told = client.call("plan", json!({ "findings": findings })).await;
    let plan = data(&told)["plans"][0].clone();
    assert_eq!(plan["schema"], "countersign.plan/v1", "{}", text(&told));
    for member in ["steps", "alternatives", "unknowns", "basis", "effects"] {
        assert!(!plan[member].is_null(), "{member}: {plan}");
    }
    let by_goal = json!({ "goal": { "kind": "clean-up", "of": { "findings": findings } } });
    assert_eq!(data(&client.call("plan", by_goal).await)["plans"][0]["id"], plan["id"]);

    client.call("propose", json!({ "intent": "free it", "plan": plan["id"] })).await;
    let told = &plan["steps"][0]["call"];
    let proposed = serde_json::to_value(&plane.proposed.lock().unwrap()[0].actions).unwrap();
    assert_eq!(proposed.as_array().map(Vec::len), plan["steps"].as_array().map(Vec::len));
    assert_eq!(proposed[0]["operation"], told["operation"]);
    let ids = |call: &Value| call["parameters"]["ResourceId"][0].as_str().map(str::to_owned);
    assert_eq!(
        ids(told).as_deref(),
        Some("vol-1\\u{202e}"),
        "what nobody sees is written out where it is told"
    );
    assert_eq!(ids(&proposed[0]).as_deref(), Some("vol-1\u{202e}"), "and proposed is what the planner made");
}

fn action() -> Value {
    json!({ "service": "ec2", "operation": "DeleteVolume", "region": "us-east-1", "parameters": { "VolumeId": "vol-1" } })
}

fn marked() -> Value {
    let mut action = action();
    action["unverified"] = true.into();
    action
}

/// What the planner derives too is no client's word alone, in whatever way it is proposed.
#[tokio::test]
async fn a_call_that_the_planner_takes_is_not_marked() {
    let (client, plane) = whole().await;
    let findings = [format!("volume-unattached:{VOLUME}")];
    let planned = data(&client.call("plan", json!({ "findings": findings })).await)["plans"][0]["id"].clone();
    client.call("propose", json!({ "intent": "by its plan", "plan": planned })).await;
    let by_plan = plane.proposed.lock().unwrap()[0].actions.clone();
    assert!(by_plan.iter().all(|it| !it.unverified), "{by_plan:?}");
    let own: Vec<Value> = by_plan.iter().map(|it| serde_json::to_value(it).unwrap()).collect();
    client.call("propose", json!({ "intent": "written out", "actions": own })).await;
    let own = plane.proposed.lock().unwrap()[1].actions.clone();
    assert_eq!(own, by_plan);
    // What says no region is proposed in the one that it was judged in, whatever the installation's own is.
    let nowhere: Vec<Value> = by_plan
        .iter()
        .map(|it| {
            let mut action = serde_json::to_value(it).unwrap();
            action.as_object_mut().unwrap().remove("region");
            action
        })
        .collect();
    client.call("propose", json!({ "intent": "somewhere", "actions": nowhere })).await;
    let somewhere = plane.proposed.lock().unwrap()[2].actions.clone();
    assert_eq!(somewhere, by_plan);
    // A client does not say of itself that it is verified.
    let mut lies = action();
    lies["unverified"] = false.into();
    let refused = client.call("propose", json!({ "intent": "x", "actions": [lies] })).await;
    assert_eq!(refused.is_error, Some(true), "{}", text(&refused));
}

#[tokio::test]
async fn without_a_snapshot_every_call_is_a_clients_word() {
    let plane = crate::rig::Plane::default();
    let client = connected(World { snapshot: None, plane: Some(plane.clone()) }).await;
    client.call("propose", json!({ "intent": "free it", "actions": [action()] })).await;
    assert!(plane.proposed.lock().unwrap()[0].actions[0].unverified);
}
