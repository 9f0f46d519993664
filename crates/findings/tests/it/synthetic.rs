//! Accounts with planted causes: whatever the seed, nothing that somebody needs is proposed to be destroyed, and what is wasted is found.

use std::collections::BTreeSet;

use findings::{Parameters, Prices, analyse};
use model::Effect;
use snapshot::Snapshot;
use synth::TAKEN;

#[test]
fn nothing_that_is_needed_is_destroyed_and_most_waste_is_found() {
    let (mut wanted, mut found, mut destroyed) = (0, 0, 0);
    for seed in 1000..1020 {
        let account = synth::account(seed, 400);
        let snapshot = Snapshot::parse(&account.snapshot, TAKEN).unwrap();
        let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), TAKEN);
        let named: BTreeSet<&str> =
            report.findings.iter().map(|finding| finding.resource.id.as_str()).collect();
        let destroys = |finding: &&findings::Finding| {
            finding.remedy.steps().iter().any(|step| step.effects.contains(Effect::Destroy))
        };
        let destroying: BTreeSet<&str> =
            report.findings.iter().filter(destroys).map(|finding| finding.resource.id.as_str()).collect();
        for planted in &account.planted {
            let calls = planted.cause.calls_for_action();
            assert!(
                calls || !destroying.contains(planted.resource.as_str()),
                "seed {seed}: {planted:?} is needed"
            );
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
