//! What a verdict says of why can be looked up: the rule's file, its line, and its author's sentence.

use model::{Effect, Verdict};
use policy::Profile;

use crate::world::{World, bundle, files};

/// The rule that starts on this line, up to its semicolon.
fn written(profile: Profile, file: &str, line: u32) -> String {
    let files = files(profile);
    let text = std::str::from_utf8(&files[file]).unwrap();
    let from: Vec<_> = text.lines().skip(line as usize - 1).collect();
    from.join("\n").split_once("\nforbid").or(from.join("\n").split_once("\npermit")).unwrap().0.to_owned()
}

#[test]
fn every_rule_is_where_it_says_with_its_authors_sentence() {
    for profile in Profile::ALL {
        let rules = bundle(profile).rules();
        assert!(rules.len() > 15);
        for rule in rules {
            let written = written(profile, &rule.file, rule.line);
            assert!(written.starts_with(&format!("@id(\"{}\")", rule.id)), "{rule:?}: {written}");
            assert!(written.contains(&format!("@reason(\"{}\")", rule.reason)), "{rule:?}: {written}");
        }
    }
}

#[test]
fn a_verdict_names_the_rules_that_decided_and_no_others() {
    let known = bundle(Profile::Standard).rules();
    let verdict = bundle(Profile::Standard).decide(&World::new(Effect::Destroy, "stack", "production").ask());
    let Verdict::Hold(hold) = verdict else { panic!("{verdict:?}") };
    assert!(hold.rules.iter().all(|rule| known.contains(rule)));
    let told: Vec<_> = hold.rules.iter().map(|rule| (rule.id.as_str(), rule.reason.as_str())).collect();
    assert_eq!(
        told,
        [(
            "two-people-to-destroy",
            "what cannot be undone in production takes two people, neither of whom launched the agent"
        )]
    );
    assert_eq!(
        hold.alternatives.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
        ["change it in place, in a way that can be undone (for a stack: update it through a change set)"]
    );
}
