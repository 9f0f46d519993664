//! The page of a change, part by part: while it waits, once somebody has signed, and when it is decided and a record.

use std::sync::Arc;

use engine::Gathered;
use model::{Change, ChangeId, ChangeState, Entry, EntryKind, Session, Verdict, Vouched};
use serde_json::{Value, json};
use testkit::Response;

use crate::place::{Place, READER, asks, deletes};

/// `reason` stands in a URL as it is.
fn says(place: &Place, person: &str, id: ChangeId, act: &str, reason: &str) -> Value {
    let checkpoint = place.engine.checkpoint_parts().join("%20").replace('+', "%2B");
    let why =
        if reason.is_empty() { String::new() } else { format!("&reason={}", reason.replace(' ', "%20")) };
    let asked = format!(
        "/v1/changes/{id}/statement?act={act}&person={person}&presence=file&checkpoint={checkpoint}{why}"
    );
    let told: Value = serde_json::from_slice(&place.get(&asked, &[READER]).body).unwrap();
    let statement = told["statement"].as_str().unwrap_or_else(|| panic!("{told}"));
    let signature = place.key(person).sign("countersign-statement@v1", statement.as_bytes()).unwrap();
    let body = json!({ "statement": statement, "signature": signature }).to_string();
    let answer = place.posts(person, &format!("/v1/changes/{id}/signatures"), &body, &[]);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Both stacks, in one plan.
async fn plan(place: &Place, session: &Arc<Session>, stacks: [&str; 2]) -> Change {
    let actions = stacks.map(|it| (deletes(it), Gathered::default(), Vouched::ByAgent)).into();
    let (under, intent) = (place.engine.bundle(), "tidy up".to_owned());
    place.engine.propose(Arc::clone(session), actions, intent, under).await.unwrap()
}

struct Pages {
    place: Place,
    cookie: String,
}

impl Pages {
    fn open() -> Self {
        let place = Place::open();
        let cookie = place.sign_in();
        Self { place, cookie }
    }

    fn get(&self, target: &str, more: &[(&str, &str)]) -> Response {
        let own = [("cookie", self.cookie.as_str()), ("accept", "text/html")];
        self.place.get(target, &[&own[..], more].concat())
    }

    /// With all that was recorded standing in the log.
    fn page(&self, id: ChangeId) -> String {
        self.place.runtime.block_on(self.place.engine.sequence()).unwrap();
        let page = self.get(&format!("/changes/{id}"), &[]);
        assert_eq!(page.status, 200, "{}", page.text());
        page.text()
    }

    fn close(self) {
        self.place.runtime.block_on(self.place.engine.close()).unwrap();
    }
}

/// Each part, by what shows that it is there.
fn shows(page: &str, parts: &[&str]) {
    for part in parts {
        // Markup stands for itself; what others wrote is escaped, and compared as far as nothing had to be.
        let plain = if part.contains('<') { part } else { part.split(['"', '\'', '&', '>']).next().unwrap() };
        assert!(page.contains(plain), "no `{part}` in {page}");
    }
}

/// What the log has of a change, the oldest first.
fn recorded(pages: &Pages, id: ChangeId) -> Vec<(Entry, Option<u64>)> {
    let read = move |view: &store::View<'_>| view.recorded_of(id, 50);
    pages.place.runtime.block_on(pages.place.engine.read(read)).unwrap()
}

/// The eight words by which a statement is known.
fn words_of(page: &str) -> String {
    let (_, after) = page.split_once("<output>").unwrap();
    after.split("</output>").next().unwrap().to_owned()
}

#[test]
fn every_part_of_the_page_is_there_while_it_waits_and_once_it_is_decided() {
    let pages = Pages::open();
    let place = &pages.place;
    let session = place.runtime.block_on(place.session());
    let vetoed =
        place.runtime.block_on(asks(Arc::clone(&place.engine), Arc::clone(&session), "orders".into()));
    assert_eq!(says(place, "carla", vetoed.id, "reject", "not before the backup")["state"], "rejected");
    let change = place.runtime.block_on(plan(place, &session, ["billing", "orders"]));
    assert_eq!(change.state, ChangeState::Held);
    let (id, genesis) = (change.id, place.engine.installation());

    let held = pages.page(id);
    let Verdict::Hold(hold) = &change.verdict else { panic!("{:?}", change.verdict) };
    assert!(!hold.rules.is_empty() && !hold.alternatives.is_empty(), "{hold:?}");
    for rule in &hold.rules {
        let place = format!("<code>{}</code> {}:{}</small>", rule.id, rule.file, rule.line);
        shows(&held, &[&place, &rule.reason]);
    }
    for it in &hold.alternatives {
        shows(
            &held,
            &[&format!("<b>Instead</b> {}", it.0.split(['"', '\'', '&', '<', '>']).next().unwrap())],
        );
    }
    let words = words_of(&held);
    assert_eq!(words.split(' ').count(), 8, "{words}");
    let earlier = format!("<a href=\"/changes/{0}\"><code>{0}</code></a>", vetoed.id);
    let check = |page: &str| {
        let newest = recorded(&pages, id).last().and_then(|(_, index)| *index).unwrap();
        let line =
            format!("countersign audit check-receipt entry-{newest}.tlog-proof --genesis {genesis}</pre>");
        shows(
            page,
            &[&line, &format!("<a href=\"/audit/{newest}/receipt\" download=\"entry-{newest}.tlog-proof\"")],
        );
    };
    let make = format!("countersign audit receipt {id} --kind change_held --log DIR</pre>");
    shows(
        &held,
        &[
            // What it does, how bad it is, and what is not known.
            "<span class=\"clamped\">Deletes the stack billing</span>",
            "and 1 more, which destroys or cannot be undone",
            "<dt>Does</dt><dd class=\"no\"><span class=\"clamped\">destroys or interrupts</span>",
            "<a href=\"#unknown\">2 things</a>",
            "<h2 id=\"unknown\">What is not known</h2>",
            "<li>state not observed</li>",
            // That it was rejected before, by whom, for whom, and why.
            "<a href=\"#vetoes\">Rejected before</a> by carla",
            "<h2 id=\"vetoes\">Rejected before</h2>",
            "when fixer asked for olga",
            "<blockquote>not before the backup</blockquote>",
            &earlier,
            // Whom it waits for, and what for.
            "<p>Could still approve: ben, carla</p>",
            "<p><b>It needs</b> 2 other people",
            "<h2 id=\"evidence\">Evidence</h2>",
            "missing. state not observed",
            "<pre id=\"text\"",
            // What happened, and how to check it.
            "<h2 id=\"happened\">What happened</h2>",
            "asked for, and held",
            "receipt of ",
            &make,
        ],
    );
    check(&held);

    assert_eq!(says(place, "carla", id, "approve", "")["state"], "held");
    let signed = pages.page(id);
    shows(
        &signed,
        &[
            "<p>Could still approve: ben</p>",
            "<span class=\"mark yes\">approved</span> carla",
            "approved by carla (file)",
            "<h2 id=\"signed\">Signed, word for word</h2>",
            "<summary>carla approved",
            &format!("<b class=\"words\">{words}</b>"),
            "<pre tabindex=\"0\" aria-label=\"The statement that carla signed\">",
            "<pre tabindex=\"0\" aria-label=\"The signature of carla\">",
            "-----BEGIN SSH SIGNATURE-----",
        ],
    );
    assert_eq!(signed.matches("class=\"given\"").count(), 1);

    assert_eq!(says(place, "ben", id, "reject", "wait for finance")["state"], "rejected");
    let decided = pages.page(id);
    shows(
        &decided,
        &[
            "<span class=\"state rejected\">rejected</span>",
            "<span class=\"mark no\">rejected</span> ben",
            "rejected by ben: wait for finance",
            "<summary>carla approved",
            "<summary>ben rejected",
            &change.digest.to_string(),
            &make.replace("change_held", "change_rejected"),
        ],
    );
    check(&decided);
    assert_eq!(decided.matches(&format!("<b class=\"words\">{words}</b>")).count(), 2, "both read the same");
    assert_eq!(decided.matches("-----BEGIN SSH SIGNATURE-----").count(), 2);
    assert!(!decided.contains("Could still approve") && !decided.contains("id=\"approve\""));
    pages.close();
}

#[test]
fn the_record_of_a_change_can_be_taken_along() {
    let pages = Pages::open();
    let place = &pages.place;
    let session = place.runtime.block_on(place.session());
    let asked = asks(Arc::clone(&place.engine), Arc::clone(&session), "one".to_owned());
    let id = place.runtime.block_on(asked).id;
    place.runtime.block_on(place.engine.withdraw(&session, id)).unwrap();
    let page = pages.page(id);
    shows(&page, &["withdrawn by its agent", "<p>Nobody has signed anything about it.</p>"]);

    let genesis = place.engine.installation();
    // Each of its entries has one, which the page leads to.
    let entries = recorded(&pages, id);
    assert_eq!(entries.len(), 2);
    for (entry, index) in &entries {
        let index = index.unwrap();
        let receipt = pages.get(&format!("/audit/{index}/receipt"), &[]);
        let named = receipt.header("content-disposition").unwrap_or_default();
        assert_eq!(named, format!("attachment; filename=\"entry-{index}.tlog-proof\""));
        let shown = audit::check_receipt(&receipt.text(), Some(genesis)).unwrap();
        assert!(shown.authenticated);
        assert_eq!(shown.entry, *entry);
        let link = format!(
            "<a href=\"/audit/{index}\">entry {index}</a>, <a href=\"/audit/{index}/receipt\" download>"
        );
        assert!(page.contains(&link), "{page}");
    }
    assert_eq!(entries.last().map(|(entry, _)| entry.kind), Some(EntryKind::ChangeWithdrawn));
    pages.close();
}

#[test]
fn another_sites_page_leads_here_and_opens_nothing() {
    let pages = Pages::open();
    let place = &pages.place;
    let session = place.runtime.block_on(place.session());
    let asked = asks(Arc::clone(&place.engine), session, "orders".to_owned());
    let target = format!("/changes/{}", place.runtime.block_on(asked).id);
    let from =
        |site: &'static str| pages.get(&target, &[("sec-fetch-site", site), ("sec-fetch-mode", "navigate")]);
    for site in ["cross-site", "same-site"] {
        let page = from(site).text();
        shows(&page, &["Deletes the stack orders", "Open it to decide</a>", "Nobody has signed anything"]);
        assert!(!page.contains("id=\"approve\"") && !page.contains("<output>"), "{page}");
        let statement = format!("{target}/statement?act=approve");
        let of = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
        assert_eq!(pages.get(&statement, &of).status, 403);
    }
    for site in ["same-origin", "none"] {
        let page = from(site).text();
        shows(&page, &["id=\"approve\"", "<output>"]);
        assert!(!page.contains("Open it to decide"), "{page}");
    }
    pages.close();
}

#[test]
fn whoever_has_to_sign_in_first_comes_to_where_they_were_going() {
    let pages = Pages::open();
    let place = &pages.place;
    let html = ("accept", "text/html");
    let target = "/changes/chg-01m7yzmhg00w3ge1r70w3ge1r7?a=b";
    let sent = place.get(target, &[html]);
    assert_eq!((sent.status, sent.header("location")), (303, Some("/signin")));
    let way = sent.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let both = format!("{}; {way}", pages.cookie);
    let back = place.get("/inbox", &[("cookie", &both), html]);
    assert_eq!((back.status, back.header("location")), (303, Some(target)));
    assert!(back.header("set-cookie").is_some_and(|it| it.contains("countersign-way=;")), "once");
    assert_eq!(pages.get("/inbox", &[]).status, 200);
    // The way lets nobody in.
    let out = place.get("/inbox", &[("cookie", &way), html]);
    assert_eq!((out.status, out.header("location")), (303, Some("/signin")));
    assert_eq!(out.header("set-cookie"), None);
    pages.close();
}
