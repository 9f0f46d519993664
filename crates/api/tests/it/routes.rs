//! Completeness: every route of both listeners, tried by everyone who should not get through, and by those who should.
//! A route that is not listed here fails the test.

use std::collections::BTreeSet;

use api::people::Access;
use testkit::{now, send};

use crate::house::{House, READER_TOKEN};

const CHANGE: &str = "chg-00000000000000000000000000";
const SESSION: &str = "ses-00000000000000000000000000";
const BUNDLE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A people's route as it is called, and what an enrolled person who may not approve is answered: authenticated, and
/// told that there is nothing, or that the request says nothing.
struct Case {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    body: &'static str,
    public: u16,
    person: u16,
}

const fn case(method: &'static str, path: &'static str, public: u16, person: u16) -> Case {
    Case { method, path, query: "", body: "", public, person }
}

const PEOPLE: [Case; 24] = [
    case("GET", "/v1/openapi.json", 200, 200),
    case("GET", "/v1/genesis", 200, 200),
    case("GET", "/v1/checkpoint", 200, 200),
    // Nobody witnesses the log of these tests.
    case("GET", "/v1/witnessed", 404, 404),
    Case { query: "?from=1", ..case("GET", "/v1/consistency", 200, 200) },
    case("GET", "/v1/nonce", 200, 200),
    // A key that is nobody's.
    Case { query: "?key=AAAA", ..case("GET", "/v1/person", 401, 401) },
    case("GET", "/v1/changes", 401, 200),
    case("GET", "/v1/changes/{id}", 401, 404),
    case("GET", "/v1/changes/{id}/wait", 401, 404),
    Case {
        query: "?act=approve&person=nils&presence=file&checkpoint=x",
        ..case("GET", "/v1/changes/{id}/statement", 401, 404)
    },
    case("POST", "/v1/changes/{id}/signatures", 401, 400),
    case("POST", "/v1/changes/{id}/undo", 401, 404),
    case("POST", "/v1/changes/{id}/erase", 401, 400),
    case("POST", "/v1/bundles", 401, 400),
    case("GET", "/v1/bundles/{id}", 401, 404),
    case("POST", "/v1/simulations", 401, 400),
    case("GET", "/v1/tables/{id}", 401, 404),
    case("GET", "/v1/sessions", 401, 200),
    case("GET", "/v1/sessions/{id}", 401, 404),
    case("POST", "/v1/sessions", 401, 400),
    case("POST", "/v1/sessions/stop", 401, 400),
    case("POST", "/v1/sessions/{id}/stop", 401, 404),
    case("POST", "/v1/sessions/{id}/break-glass", 401, 400),
];

impl Case {
    fn target(&self) -> String {
        let id = match self.path {
            path if path.contains("sessions/") => SESSION,
            path if path.contains("bundles/") || path.contains("tables/") => BUNDLE,
            _ => CHANGE,
        };
        format!("{}{}", self.path.replace("{id}", id), self.query)
    }

    fn access(&self) -> Access {
        let found = api::people::ROUTES
            .iter()
            .find(|route| (route.method.name(), route.path) == (self.method, self.path));
        found.unwrap_or_else(|| panic!("{} {} is no route", self.method, self.path)).access
    }
}

#[test]
fn every_route_is_listed() {
    let routes: BTreeSet<_> =
        api::people::ROUTES.iter().map(|route| (route.method.name(), route.path)).collect();
    let cases: BTreeSet<_> = PEOPLE.iter().map(|case| (case.method, case.path)).collect();
    assert_eq!(routes, cases, "a route of the people listener without a case, or the other way round");
    // What each answers to the operator of a change and to its approver, and leaves in the ledger, is tried from outside.
    let listed = include_str!("../../../testkit/tests/e2e/routes.txt").lines().filter_map(|line| {
        let mut parts = line.split_whitespace();
        Some((parts.next()?, parts.next()?))
    });
    let listed: BTreeSet<_> = listed.filter(|(_, path)| path.starts_with("/v1/")).collect();
    let people: BTreeSet<_> = PEOPLE.iter().map(|case| (case.method, case.path)).collect();
    assert_eq!(people, listed, "a route without a line in routes.txt, or the other way round");
    let routes: BTreeSet<_> = api::agent::ROUTES.iter().copied().collect();
    let cases: BTreeSet<_> = AGENTS.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(routes, cases, "a route of the agent listener without a case, or the other way round");
    // And so is what each leaves in the ledger.
    let listed = include_str!("../../../testkit/tests/e2e/agent_routes.txt").lines();
    let listed = listed.filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut parts = line.split_whitespace();
        Some((parts.next()?, parts.next()?))
    });
    assert_eq!(
        routes,
        listed.collect(),
        "a route without a line in agent_routes.txt, or the other way round"
    );
}

#[test]
fn only_people_get_through_to_the_people_listener() {
    // Whoever fails too often is not asked any more: a house for a few of them each.
    for (house, case) in PEOPLE.chunks(6).flat_map(|few| {
        let house = std::sync::Arc::new(House::open());
        few.iter().map(move |case| (std::sync::Arc::clone(&house), case))
    }) {
        let (method, target, body) = (case.method, case.target(), case.body);
        let what = |who: &str| format!("{who}: {method} {target}");
        let ask = |headers: &[(&str, &str)]| {
            send(&house.people, method, &target, headers, body.as_bytes()).unwrap().status
        };
        assert_eq!(ask(&[]), case.public, "{}", what("nobody"));
        for garbage in ["Bearer ", "Bearer x", "Basic b2xnYTpvbGdh", "AWS4-HMAC-SHA256 Credential=", "\t"] {
            assert_eq!(ask(&[("authorization", garbage)]), case.public, "{}", what(garbage));
        }
        let invented =
            [(api::PERSON_HEADER, "ben"), (api::NONCE_HEADER, "00"), (api::SIGNATURE_HEADER, "bm9uc2Vuc2U=")];
        assert_eq!(ask(&invented), case.public, "{}", what("an invented signature"));

        // No agent gets more than nobody does, and that is never an approval.
        for service in ["countersign", "cloudformation"] {
            let signed =
                house.agent.sign_at(now(), service, &house.people, method, &target, &[], body.into());
            let status = signed.send(&house.people).unwrap().status;
            assert_eq!(status, case.public, "{}", what("an agent"));
            if case.access() != Access::Public {
                assert!(status == 401 || status == 404, "{}", what("an agent"));
            }
        }

        let reader = ask(&[("authorization", &format!("Bearer {READER_TOKEN}"))]);
        let expected = if case.access() == Access::Reader { case.person } else { case.public };
        assert_eq!(reader, expected, "{}", what("whoever can read the folder"));

        let request = (method, target.as_str(), body);
        let nonce = house.nonce();
        assert_eq!(
            house.signed("nils", &house.nils, &nonce, request).status,
            case.person,
            "{}",
            what("nils")
        );
        let replayed = house.signed("nils", &house.nils, &nonce, request).status;
        assert_eq!(replayed, case.public, "{}", what("a nonce used before"));
        let wrong = house.signed("nils", &house.nils, &"0".repeat(nonce.len()), request).status;
        assert_eq!(wrong, case.public, "{}", what("a nonce of one's own"));
        // With a key of one's own under another's name.
        let posing = house.signed("ben", &house.nils, &house.nonce(), request).status;
        assert_eq!(posing, case.public, "{}", what("nils as ben"));
        // A recovery key takes part in a recovery, looks, and does nothing else.
        let safe = house.signed("north", &house.north, &house.nonce(), request).status;
        let expected = if case.access() == Access::Person { 403 } else { case.person };
        assert_eq!(safe, expected, "{}", what("a recovery key"));
    }
}

/// A signature is over one request: not over another target, method or body.
#[test]
fn a_signature_is_for_one_request() {
    let house = House::open();
    let body = r#"{"agent":"fixer","operator":"olga","task":"more","ttl_seconds":60}"#;
    let request = ("POST", "/v1/sessions", body);
    assert_eq!(house.signed("olga", &house.olga, &house.nonce(), request).status, 200);
    // One operator does not open sessions in another's name, and an approver opens none.
    for (name, key) in [("nils", &house.nils), ("ben", &house.ben)] {
        assert_eq!(house.signed(name, key, &house.nonce(), request).status, 403, "{name}");
    }
}

/// Method, path, body, what the session's own agent is answered.
const AGENTS: [(&str, &str, &str, u16); 7] = [
    ("GET", "/v1/changes", "", 200),
    ("POST", "/v1/changes", "{}", 400),
    ("GET", "/v1/changes/{id}", "", 404),
    ("GET", "/v1/changes/{id}/wait", "", 404),
    ("POST", "/v1/changes/{id}/withdraw", "", 404),
    ("POST", "/v1/changes/{id}/undo", "{}", 404),
    ("POST", "/v1/reports", r#"{"asked":"clean up","lines":[{"outcome":"refused","why":"too wide"}]}"#, 200),
];

#[test]
fn only_a_session_gets_through_to_the_agent_listener() {
    let house = House::open();
    for (method, path, body, agent) in AGENTS {
        let target = path.replace("{id}", CHANGE);
        let what = |who: &str| format!("{who}: {method} {target}");
        let ask = |headers: &[(&str, &str)]| {
            send(&house.agents, method, &target, headers, body.as_bytes()).unwrap().status
        };
        assert_eq!(ask(&[]), 401, "{}", what("nobody"));
        for garbage in [&format!("Bearer {READER_TOKEN}"), "Basic x", "AWS4-HMAC-SHA256 Credential="] {
            assert_eq!(ask(&[("authorization", garbage)]), 401, "{}", what(garbage));
        }
        let signed = |at, service, host: &str| {
            let signed = house.agent.sign_at(at, service, host, method, &target, &[], body.into());
            signed.send(&house.agents).unwrap().status
        };
        assert_eq!(signed(now(), "countersign", &house.agents), agent, "{}", what("its agent"));
        assert_eq!(signed(now(), "cloudformation", &house.agents), 401, "{}", what("for another service"));
        assert_eq!(signed(now() - 3600, "countersign", &house.agents), 401, "{}", what("an hour ago"));
        let owner = testkit::Signer::owner();
        let stranger = owner.sign_at(now(), "countersign", &house.agents, method, &target, &[], body.into());
        assert_eq!(stranger.send(&house.agents).unwrap().status, 401, "{}", what("a key of nobody's"));
    }
}

/// Nothing of the people's listener is on the agents'.
#[test]
fn the_agent_listener_has_no_other_door() {
    let house = House::open();
    for case in PEOPLE.iter().filter(|case| !api::agent::ROUTES.contains(&(case.method, case.path))) {
        let target = case.target();
        let signed =
            house.agent.sign_at(now(), "countersign", &house.agents, case.method, &target, &[], Vec::new());
        let status = signed.send(&house.agents).unwrap().status;
        assert!(status == 404 || status == 405, "{} {target}: {status}", case.method);
    }
}
