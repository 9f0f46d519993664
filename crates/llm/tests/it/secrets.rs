//! Canaries of many kinds, planted wherever text comes from, are in no request that a model was sent.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llm::Bound;

use crate::fixture::{PROVIDERS, Rig, scrubber};

/// Put together here, so that this file has none.
fn canaries() -> Vec<(&'static str, String)> {
    let long = |letters: &str, length: usize| letters.chars().cycle().take(length).collect::<String>();
    let mixed = |length| long("aB3dE5gH7jK9", length);
    let hex = |length| long("0a1b2c3d4e5f", length);
    vec![
        ("access key", format!("AKIA{}", long("QRSTUVWX234567", 16))),
        ("secret key", mixed(40)),
        ("session token", format!("IQoJb3JpZ2lu{}", mixed(200))),
        (
            "private key",
            format!(
                "-----BEGIN RSA {} KEY-----\n{}\n{}\n-----END RSA {0} KEY-----",
                "PRIVATE",
                mixed(64),
                mixed(32)
            ),
        ),
        ("json web token", format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}", mixed(40), mixed(43))),
        ("github", format!("ghp_{}", mixed(36))),
        ("gitlab", format!("glpat-{}", mixed(20))),
        ("slack", format!("xoxb-{}-{}", long("123456789", 12), mixed(24))),
        ("payments", format!("sk_live_{}", mixed(24))),
        ("model", format!("sk-ant-api03-{}", mixed(80))),
        ("google", format!("AIza{}", mixed(35))),
        ("packages", format!("npm_{}", mixed(36))),
        ("mail", format!("SG.{}.{}", mixed(22), mixed(43))),
        ("vault", format!("hvs.{}", mixed(90))),
        ("hash", format!("$6$salt${}", mixed(86))),
        ("connection string", format!("postgres://app:{}@db:5432/shop", hex(20))),
        ("header", format!("Authorization: Bearer {}", hex(40))),
        ("signed url", format!("https://b.s3.amazonaws.com/k?X-Amz-Signature={}", hex(64))),
        ("statement", format!("CREATE USER a IDENTIFIED BY '{}'", hex(18))),
        ("password", format!("DB_PASSWORD={}", hex(16))),
        ("container", format!(r#"{{"name":"API_TOKEN","value":"{}"}}"#, hex(22))),
        ("user data", BASE64_STANDARD.encode(format!("#!/bin/sh\nexport DB_PASSWORD={}\n", hex(24)))),
    ]
}

/// What must not be seen of one: its longest run of letters and digits, and that as a whole.
fn core(canary: &str) -> &str {
    canary.split(|it: char| !it.is_ascii_alphanumeric()).max_by_key(|it| it.len()).unwrap()
}

#[tokio::test]
async fn no_planted_secret_is_in_any_request() {
    let canaries = canaries();
    assert!(canaries.len() >= 12);
    for provider in PROVIDERS {
        for (name, canary) in &canaries {
            // The model repeats it, as one does that was told it by other means.
            let said = canary.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let argument = serde_json::json!({"id": canary}).to_string();
            let argument = argument.replace('\\', "\\\\").replace('"', "\\\"");
            let script = format!(
                "[[turns]]\nsay = [\"It is {said} .\"]\ncalls = [{{ id = 'c1', tool = 'look_up', arguments = [\"{argument}\"] }}]\n[[turns]]\nsay = ['ok']\n"
            );
            let mut rig = Rig::new(provider, &script);
            rig.conversation.say(rig.scrubber.scrub(&format!("I use {canary} , is it good?"))).unwrap();
            let turn = rig.ask().await.unwrap();
            rig.tell(&turn, &format!("line one\nvalue: {canary}\nline three"));
            rig.ask().await.unwrap();
            let core = core(canary);
            assert!(core.len() >= 12, "{name}");
            for heard in rig.fake.heard() {
                assert!(!heard.says(core), "{provider:?} was told {name}: {}", heard.text);
            }
            assert!(rig.fake.heard()[1].says("[removed:"), "{provider:?} {name}");
        }
    }
}

/// All of them in one answer of a cloud, cut at any place.
#[tokio::test]
async fn no_cut_leaves_a_part_of_a_secret() {
    let canaries = canaries();
    let everything: Vec<&str> = canaries.iter().map(|(_, canary)| canary.as_str()).collect();
    let everything = everything.join("\n");
    let scrubber = scrubber();
    let fence = llm::Fence::new([1; 16]);
    for bound in (0..everything.len()).step_by(7) {
        let untrusted = llm::Untrusted::new(&scrubber, "x", &everything, Bound::bytes(bound));
        let quoted = fence.enclose(&untrusted);
        for (name, canary) in &canaries {
            let core = core(canary);
            assert!(
                !quoted.as_str().contains(core.get(..12).unwrap()),
                "{name} at {bound}: {}",
                quoted.as_str()
            );
        }
    }
}
