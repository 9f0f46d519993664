//! Accounts with planted causes: whatever the seed, nothing that somebody needs is proposed to be destroyed, and what is wasted is found.

use std::collections::{BTreeMap, BTreeSet};

use findings::{Parameters, Prices, analyse};
use model::Effect;
use snapshot::Snapshot;
use synth::TAKEN;

#[test]
fn nothing_that_is_needed_is_destroyed_and_most_waste_is_found() {
    let (mut wanted, mut found, mut destroyed) = (0, 0, 0);
    for seed in 1000..1040 {
        let account = synth::account(seed, 400);
        let snapshot = Snapshot::parse(&account.snapshot, TAKEN).unwrap();
        let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), TAKEN);
        let named: BTreeSet<&str> =
            report.findings.iter().map(|finding| finding.resource.id.as_str()).collect();
        let causes: BTreeMap<&str, synth::Cause> =
            account.planted.iter().map(|planted| (planted.resource.as_str(), planted.cause)).collect();
        let mut destroying = BTreeSet::new();
        for finding in &report.findings {
            let id = finding.resource.id.as_str();
            for step in finding.remedy.steps().iter().filter(|it| it.effects.contains(Effect::Destroy)) {
                let operation = format!("{}:{}", step.service, step.operation);
                // What nobody planted something about is there for what was planted.
                let wronged = causes.get(id).is_none_or(|cause| cause.is_wronged_by(&operation));
                assert!(!wronged, "seed {seed}: {operation} of {id}, which is {:?}", causes.get(id));
                destroying.insert(id);
            }
        }
        for planted in &account.planted {
            let calls = planted.cause.calls_for_action();
            wanted += u32::from(calls);
            found += u32::from(calls && named.contains(planted.resource.as_str()));
            destroyed +=
                u32::from(planted.cause.is_expendable() && destroying.contains(planted.resource.as_str()));
        }
    }
    assert!(found * 100 >= wanted * 90, "{found} of {wanted}");
    // Otherwise the first assertion would hold for somebody who does nothing.
    assert!(destroyed > 20, "{destroyed}");
}

/// What only replaces a setting of something that is needed is told from what takes it away.
#[test]
fn taking_away_what_is_too_large_old_untidy_or_broken_is_wrong() {
    use synth::Cause::{Broken, Forgotten, NeverTidied, OldKind, StandsBy, TooLarge};
    for cause in [Broken, NeverTidied, OldKind, StandsBy, TooLarge] {
        assert!(
            cause.is_wronged_by("ec2:TerminateInstances") && cause.is_wronged_by("ec2:DeleteVolume"),
            "{cause:?}"
        );
    }
    assert!(!Forgotten.is_wronged_by("ec2:DeleteVolume"));
    assert!(!OldKind.is_wronged_by("ec2:ModifyVolume") && TooLarge.is_wronged_by("ec2:ModifyVolume"));
}
