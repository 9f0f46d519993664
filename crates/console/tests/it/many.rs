//! Ten thousand changes that wait for people at once: each is reached, once, page by page, in pages and memory of a size that does
//! not grow with them; and deciding one is what it is with one.

use std::{collections::BTreeSet, fs, sync::Arc};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::place::{HELD_BY_SESSION, Place, READER, asks};

const HELD: usize = 10_000;
const AT_ONCE: usize = 50;
/// What pages are at most, and one answer of the API.
const PAGE: usize = 200_000;
const ANSWER: usize = 1_500_000;
/// What looking at all of them may take of memory, beside what they take themselves.
const WALK_KIB: u64 = 48 * 1024;

/// The most that this process had of memory since [`forget_the_most`], in KiB.
fn the_most() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

fn forget_the_most() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    the_most()
}

async fn hold(place: &Place) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    for group in 0..HELD / HELD_BY_SESSION {
        let session = place.session().await;
        // Side by side, as agents ask: they share what it takes to write.
        for some in (0..HELD_BY_SESSION).collect::<Vec<_>>().chunks(AT_ONCE) {
            let asked = some.iter().map(|nth| {
                let (engine, session) = (Arc::clone(&place.engine), Arc::clone(&session));
                asks(engine, session, format!("stack-{group}-{nth}"))
            });
            let told = asked.collect::<JoinSet<_>>().join_all().await;
            held.extend(told.into_iter().map(|change| change.id.to_string()));
        }
    }
    held
}

/// What stands on the pages of the inbox, from the first to the last.
fn on_the_pages(place: &Place, cookie: &str, said: &str) -> Vec<String> {
    let (mut shown, mut next) = (Vec::new(), Some("/inbox".to_owned()));
    while let Some(target) = next {
        let page = place.get(&target, &[("cookie", cookie), ("accept", "text/html")]).text();
        assert!(page.contains(said), "{target}");
        assert!(page.len() < PAGE, "{target} has {} bytes", page.len());
        let rows = page.split("<li class=\"row\" id=\"").skip(1).filter_map(|row| row.split('"').next());
        shown.extend(rows.map(str::to_owned));
        let older = page.split_once("href=\"/inbox?before=").and_then(|(_, after)| after.split('"').next());
        next = older.map(|id| format!("/inbox?before={id}"));
        assert!(shown.len() <= HELD, "it goes round");
    }
    shown
}

/// What the API lists of them.
fn listed(place: &Place) -> Vec<String> {
    let (mut listed, mut before) = (Vec::<String>::new(), String::new());
    loop {
        let answer = place.get(&format!("/v1/changes?state=held,approved&limit=100000{before}"), &[READER]);
        assert!(answer.body.len() < ANSWER, "{} bytes", answer.body.len());
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        let changes = told["changes"].as_array().unwrap();
        listed.extend(changes.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        let Some(last) = changes.last() else { return listed };
        before = format!("&before={}", last["id"].as_str().unwrap());
        assert!(listed.len() <= HELD, "it goes round");
    }
}

fn approves(place: &Place, person: &str, id: &str) -> Value {
    let checkpoint = place.engine.checkpoint_parts().join("%20").replace('+', "%2B");
    let asked = format!(
        "/v1/changes/{id}/statement?act=approve&person={person}&presence=file&checkpoint={checkpoint}"
    );
    let told: Value = serde_json::from_slice(&place.get(&asked, &[READER]).body).unwrap();
    let statement = told["statement"].as_str().unwrap_or_else(|| panic!("{told}"));
    let signature = place.key(person).sign("countersign-statement@v1", statement.as_bytes()).unwrap();
    let body = json!({ "statement": statement, "signature": signature }).to_string();
    let answer = place.posts(person, &format!("/v1/changes/{id}/signatures"), &body, &[]);
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn ten_thousand_at_once_are_reached_each_once_and_decided_as_one_is() {
    let place = Place::open();
    let held = place.runtime.block_on(hold(&place));
    assert_eq!(held.len(), HELD, "each is a change of its own");

    let cookie = place.sign_in();
    let before = forget_the_most();
    let waiting = format!("of {HELD} waiting");
    let shown = on_the_pages(&place, &cookie, &waiting);
    assert_eq!((shown.len(), shown.into_iter().collect::<BTreeSet<_>>()), (HELD, held.clone()));
    let listed = listed(&place);
    assert_eq!((listed.len(), listed.iter().cloned().collect::<BTreeSet<_>>()), (HELD, held.clone()));
    let more = the_most() - before;
    assert!(more < WALK_KIB, "looking at all of them took {more} KiB");

    // The oldest and the newest, and one in between.
    for id in [&listed[0], &listed[HELD / 2], &listed[HELD - 1]] {
        assert_eq!(approves(&place, "ben", id)["state"], "held", "{id}");
        assert_eq!(approves(&place, "carla", id)["state"], "approved", "{id}");
    }
    // Still each once, whatever was decided.
    let shown = on_the_pages(&place, &cookie, &waiting);
    assert_eq!((shown.len(), shown.into_iter().collect::<BTreeSet<_>>()), (HELD, held));
    place.runtime.block_on(place.engine.close()).unwrap();
}
