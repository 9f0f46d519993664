//! What a careless or a hostile caller sends, and what a hostile cloud wrote.

use rmcp::{ServiceError, model::ErrorCode};
use serde_json::{Value, json};

use crate::rig::{CHANGE, Client, VOLUME, secret, text, whole};

#[tokio::test]
async fn what_is_wrong_is_refused_in_words() {
    let (client, plane) = whole().await;
    let long = "x".repeat(300_000);
    let nested = (0..60).fold(json!(1), |inner, _| json!({ "x": inner }));
    let action = |parameters: Value| json!({ "service": "ec2", "operation": "DeleteVolume", "parameters": parameters });
    for (tool, arguments, wanted) in [
        ("inventory", json!({ "kind": 3 }), "invalid type: integer `3`, expected a string"),
        ("inventory", json!({ "filter": "x" }), "unknown field `filter`, expected one of `id`, `kind`"),
        ("inventory", json!({ "limit": 0 }), "`limit` is 1 to 100"),
        ("inventory", json!({ "limit": -1 }), "invalid value: integer `-1`, expected u16"),
        ("inventory", json!({ "cursor": "../etc" }), "`cursor` is none of ours"),
        ("inventory", json!({ "id": "arn:none" }), "there is no resource of this id"),
        ("inventory", json!({ "name": long }), "the arguments are too large"),
        ("findings", json!({ "analyzer": "all" }), "there are: "),
        ("findings", json!({ "class": "bad" }), "`class` is `fault` or `waste`"),
        ("findings", json!({ "confidence": "certain" }), "`confidence` is `low`, `medium` or `high`"),
        ("findings", json!({ "ids": [[[[[[[1]]]]]]] }), "the arguments nest too deeply"),
        ("plan", json!({ "goal": { "kind": "delete everything" } }), "`goal`: unknown variant"),
        ("plan", json!({ "goal": "x" }), "invalid type: string"),
        ("plan", json!({ "findings": ["none"] }), "there is no such finding"),
        (
            "plan",
            json!({ "goal": { "kind": "clean-up", "of": "all" }, "findings": ["x"] }),
            "give `goal` or `findings`, not both",
        ),
        (
            "plan",
            json!({ "goal": { "kind": "roll-back", "what": "stack", "stack": "none" } }),
            "the planner has no plan for it",
        ),
        ("costs", json!({ "by": "mood" }), "`by` is `service`, `finding`, or `tag:`"),
        ("propose", json!({ "actions": [] }), "missing field `intent`"),
        ("propose", json!({ "intent": "x" }), "there is nothing to propose"),
        (
            "propose",
            json!({ "intent": "x", "plan": "p", "actions": [action(json!({}))] }),
            "give `actions` or `plan`, not both",
        ),
        ("propose", json!({ "intent": "x", "plan": "p" }), "no such plan was made here lately"),
        (
            "propose",
            json!({ "intent": "x", "approved": true, "actions": [action(json!({}))] }),
            "unknown field `approved`",
        ),
        ("propose", json!({ "intent": "x", "actions": [action(nested)] }), "the arguments nest too deeply"),
        (
            "propose",
            json!({ "intent": "x", "actions": [action(json!({ "x": long }))] }),
            "the arguments are too large",
        ),
        ("status", json!({ "id": "1; DROP TABLE" }), "this is no id of a change"),
        ("status", json!({ "id": "../sessions" }), "this is no id of a change"),
        ("wait", json!({ "id": CHANGE, "seconds": 0 }), "`seconds` is 1 to 300"),
        ("wait", json!({ "id": CHANGE, "seconds": 100_000 }), "expected u16"),
        ("withdraw", json!({}), "missing field `id`"),
    ] {
        let result = client.call(tool, arguments.clone()).await;
        let told = text(&result);
        assert_eq!(result.is_error, Some(true), "{tool} {arguments}: {told}");
        assert!(told.contains(wanted), "{tool}: {wanted}: {told}");
        assert!(told.len() < 3000, "a refusal is short: {}", told.len());
    }
    assert!(plane.proposed.lock().unwrap().is_empty(), "nothing of it was proposed");
}

#[tokio::test]
async fn what_is_no_tool_cannot_be_called() {
    let (client, _) = whole().await;
    for tool in ["approve", "change_approve", "shell", "aws", "call_aws", "Inventory", "", "session_new"] {
        match client.try_call(tool, json!({})).await {
            Err(ServiceError::McpError(error)) => {
                assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{tool}");
                assert!(error.message.contains("there is no such tool"), "{error:?}");
            }
            other => panic!("{tool}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_it_does_not_claim_it_does_not_do() {
    let (client, _) = whole().await;
    let told = client.running.peer_info().unwrap();
    let claims = serde_json::to_value(&told.capabilities).unwrap();
    assert_eq!(claims, json!({ "tools": {} }));
    for answered in [
        client.running.list_prompts(None).await.err(),
        client.running.list_resources(None).await.err(),
        client.running.list_resource_templates(None).await.err(),
    ] {
        let Some(ServiceError::McpError(error)) = answered else { panic!("{answered:?}") };
        assert_eq!(error.code, ErrorCode::METHOD_NOT_FOUND, "{error:?}");
    }
}

#[tokio::test]
async fn orders_in_tags_are_quoted_and_secrets_stay() {
    let (client, _) = whole().await;
    let close = format!("</quoted {}>", "ab".repeat(16));
    for (tool, arguments) in asked() {
        let (told, structured) = both(&client, tool, arguments).await;
        for secret in [secret(), "hunter2hunter2".to_owned()] {
            assert!(!told.contains(&secret) && !structured.contains(&secret), "{tool} leaks: {told}");
        }
        assert!(!told.contains('\u{202e}') && !structured.contains('\u{202e}'), "{tool}: {told}");
        let ends: Vec<_> = told.lines().filter(|line| *line == close).collect();
        assert_eq!(ends.len(), 1, "one quotation, which nothing in it ends: {told}");
        let open = told.lines().position(|line| line.starts_with("<quoted ")).unwrap();
        let inside = told.lines().skip(open + 1).take_while(|line| *line != close);
        assert!(inside.clone().count() > 0 && inside.clone().all(|line| line.starts_with("| ")), "{told}");
        let outside = told.lines().take(open).chain(told.lines().skip(open + 2 + inside.count()));
        assert!(outside.clone().all(|line| !line.contains("SYSTEM:") && !line.contains("vol-1")), "{told}");
        assert!(structured.contains("never an instruction"), "{structured}");
    }
    let (told, _) = both(&client, "inventory", json!({ "id": VOLUME })).await;
    assert!(told.contains("[removed:"), "{told}");
}

fn asked() -> Vec<(&'static str, Value)> {
    vec![
        ("inventory", json!({})),
        ("inventory", json!({ "id": VOLUME })),
        ("inventory", json!({ "kind": "ec2:instance" })),
        ("findings", json!({})),
        ("costs", json!({ "by": "tag:note" })),
        ("plan", json!({ "findings": [format!("volume-unattached:{VOLUME}")] })),
        ("status", json!({})),
        ("status", json!({ "id": CHANGE })),
    ]
}

async fn both(client: &Client, tool: &str, arguments: Value) -> (String, String) {
    let result = client.call(tool, arguments).await;
    assert_ne!(result.is_error, Some(true), "{}", text(&result));
    (text(&result), result.structured_content.unwrap().to_string())
}
