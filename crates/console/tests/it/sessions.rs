//! A session's own page stays as long as pages are, however much the session did.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use crate::place::{Place, READER, asks};

#[test]
fn a_hundred_thousand_reads_are_one_page() {
    let place = Place::open();
    let cookie = place.sign_in();
    let session = place.runtime.block_on(place.session());
    place.runtime.block_on(async {
        for nth in 0..30 {
            asks(Arc::clone(&place.engine), Arc::clone(&session), format!("stack-{nth}")).await;
        }
    });
    for nth in 0..100_000 {
        place.engine.note_unjudged(&session, &format!("svc{}:Read{} thing-{nth}", nth % 40, nth % 400));
        place.engine.note_unjudged(&session, &format!("denied svc:Look <thing>-{nth} (secrets-stay)"));
    }
    let shown = |target: &str| {
        let page = place.get(target, &[("cookie", &cookie), ("accept", "text/html")]);
        assert_eq!(page.status, 200, "{}", page.text());
        page.text()
    };
    let target = format!("/sessions/{}", session.id);
    let counted = testkit::until("what was asked in passing is counted", Duration::from_secs(60), || {
        let text = shown(&target);
        Ok((text.contains("Read: 100000") && text.contains("100000 denied in passing")).then_some(text))
    });
    let text = counted.unwrap();
    for said in ["Held: 30", "And 20 more.", "&#60;thing&#62;", "more different things than are told apart"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.len() < 60_000, "{} bytes", text.len());
    let answer = place.get(&format!("/v1{target}"), &[READER]);
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["summary"]["held"]["more"], 20, "{told:#}");
    assert!(answer.body.len() < 30_000, "{} bytes", answer.body.len());
    place.runtime.block_on(place.engine.close()).unwrap();
}
