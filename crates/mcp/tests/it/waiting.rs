//! Waiting: with progress, to its end, and broken off.

use std::{sync::atomic::Ordering, time::Duration};

use rmcp::{
    model::{CallToolRequest, CallToolRequestParams, ClientRequest},
    service::PeerRequestOptions,
};
use serde_json::json;

use crate::rig::{CHANGE, Plane, World, connected, data};

#[tokio::test]
async fn progress_is_told_while_people_think() {
    let plane = Plane { agree_after: 3, ..Plane::default() };
    let client = connected(World { snapshot: None, plane: Some(plane.clone()) }).await;
    let told = client.call("wait", json!({ "id": CHANGE, "seconds": 60 })).await;
    assert_eq!(data(&told)["state"], "approved");
    assert_eq!(plane.turns.load(Ordering::SeqCst), 4);
    let heard = client.heard.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 3, "one for each turn that ended held");
    assert!(heard.windows(2).all(|pair| pair[0].progress < pair[1].progress), "{heard:?}");
    assert!(heard.iter().all(|it| it.total == Some(60.0)), "{heard:?}");
}

#[tokio::test]
async fn a_wait_ends_with_its_seconds() {
    let plane = Plane { agree_after: usize::MAX, ..Plane::default() };
    let client = connected(World { snapshot: None, plane: Some(plane) }).await;
    let told = client.call("wait", json!({ "id": CHANGE, "seconds": 1 })).await;
    assert_eq!(data(&told)["state"], "held");
}

#[tokio::test]
async fn a_cancelled_wait_is_let_go() {
    let plane = Plane { agree_after: usize::MAX, ..Plane::default() };
    let client = connected(World { snapshot: None, plane: Some(plane.clone()) }).await;
    let arguments = json!({ "id": CHANGE, "seconds": 300 }).as_object().cloned().unwrap();
    let request = CallToolRequest::new(CallToolRequestParams::new("wait").with_arguments(arguments));
    let options = PeerRequestOptions::no_options();
    let handle = client
        .running
        .send_cancellable_request(ClientRequest::CallToolRequest(request), options)
        .await
        .unwrap();
    let turns = || plane.turns.load(Ordering::SeqCst);
    while turns() == 0 {
        tokio::task::yield_now().await;
    }
    handle.cancel(Some("enough".to_owned())).await.unwrap();
    // What is answered after it was received is answered by a server that has let go.
    client.call("status", json!({})).await;
    let ended = async {
        loop {
            let before = turns();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if turns() == before {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("nobody waits any more");
}
