//! A passkey's assertion where a signature is expected: over a request, and over a statement.

use approval::{Act, NAMESPACE, Statement, passkey::challenge, request};
use model::{ChangeId, Digest, Presence, Timestamp};
use serde_json::json;
use testkit::Response;

use crate::house::House;

impl House {
    fn asserts(&self, namespace: &str, text: &str) -> String {
        self.bens_passkey.approve(challenge(namespace, text.as_bytes()).as_bytes())
    }

    fn gives(&self, id: ChangeId, statement: &str, signature: &str) -> Response {
        let body = json!({"statement": statement, "signature": signature}).to_string();
        let request = ("POST", &*format!("/v1/changes/{id}/signatures"), &*body);
        self.signed("ben", &self.ben, &self.nonce(), request)
    }
}

#[test]
fn a_request_may_be_signed_by_a_passkey() {
    let house = House::open();
    let list = ("GET", "/v1/changes", "");
    let by =
        |namespace| house.signed_with("ben", &house.nonce(), list, |text| house.asserts(namespace, text));
    assert_eq!(by(request::NAMESPACE).status, 200);
    assert_eq!(by(NAMESPACE).status, 401, "as a statement");
    let nils =
        house.signed_with("nils", &house.nonce(), list, |text| house.asserts(request::NAMESPACE, text));
    assert_eq!(nils.status, 401, "in another's name");
}

/// A signature that holds is told that there is no such change here; one that does not hold gets no further than itself.
#[test]
fn an_approval_by_passkey_is_taken_where_every_signature_is() {
    let house = House::open();
    let id = ChangeId::new(1, [1; 10]);
    let said = said(id);
    let (text, file) = (said.to_text(), Statement { presence: Presence::File, ..said.clone() }.to_text());
    let altered = Statement { act: Act::Reject, ..said.clone() }.to_text();
    let carols = Statement { person: "carol".parse().unwrap(), ..said }.to_text();
    for (what, text, signature, status) in [
        ("as it is", &text, house.asserts(NAMESPACE, &text), 404),
        ("over another text", &altered, house.asserts(NAMESPACE, &text), 400),
        ("over a request", &text, house.asserts(request::NAMESPACE, &text), 400),
        ("cut off", &text, house.asserts(NAMESPACE, &text).replace("signature: ", "signature: AAAA"), 400),
        ("no text of one", &text, house.asserts(NAMESPACE, &text).replace("client data", "data"), 400),
        ("as if by a file", &file, house.asserts(NAMESPACE, &file), 401),
        ("in another's name", &carols, house.asserts(NAMESPACE, &carols), 401),
    ] {
        let answer = house.gives(id, text, &signature);
        assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
    }
}

fn said(change: ChangeId) -> Statement {
    Statement {
        act: Act::Approve,
        installation: Digest::of(b"genesis"),
        change,
        digest: Digest::of(b"change"),
        agent: "fixer".parse().unwrap(),
        operator: "olga".parse().unwrap(),
        person: "ben".parse().unwrap(),
        scope: "the whole grant".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        environment: "production".into(),
        intent: "tidy up".into(),
        actions: vec!["deletes the user ci".into()],
        parameters: vec![Vec::new()],
        observed: Vec::new(),
        undo: vec!["not captured".into()],
        second_lock: vec!["no: accounts.toml gives no roles".into()],
        unknowns: Vec::new(),
        bundle: Digest::of(b"bundle"),
        requirement: "2 other people".into(),
        evidence: Vec::new(),
        presence: Presence::Touched,
        presence_rule: "signatures by key files count here (profile lab)".into(),
        expires_at: Timestamp::from_seconds(1_795_232_280),
        nonce: "bm9uY2U".into(),
        checkpoint: "log.example/api 1 AAAA".into(),
        reason: None,
    }
}
