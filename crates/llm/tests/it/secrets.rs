//! Canaries of many kinds, planted wherever text comes from, are in no request that a model was sent.

use llm::Bound;
use testkit::canary::{canaries, core};

use crate::fixture::{PROVIDERS, Rig, scrubber};

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
