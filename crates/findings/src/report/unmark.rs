//! Marks that mean nothing any more: what is marked as unused, and is used again or kept on purpose.

use std::collections::BTreeSet;

use snapshot::{Resource, Snapshot};

use super::remedy::{Owner, Remedies, facts, unchanged};
use crate::{
    Class, Confidence, Danger, Finding, Grace, GraceState, HeldBack, Level, Remedy,
    draft::NotKnown,
    grace::{self, MARK},
    report::named,
    rhythm::day,
    tags,
};

pub(super) const NAME: &str = "mark-outlived";

/// What could bear a mark, and whose tags were not read.
pub(super) fn not_known<'s, 'a>(
    snapshot: &'s Snapshot<'a>,
) -> impl Iterator<Item = (&'s Resource<'a>, NotKnown)> {
    let markable = |resource: &&Resource<'_>| grace::unmark(resource).is_some();
    snapshot
        .resources()
        .iter()
        .filter(|resource| tags::tags_read(resource.kind.as_str()).is_some())
        .filter(markable)
        .filter_map(move |resource| Some((resource, tags::known(snapshot, resource).err()?)))
}

/// `kept`: those that an analyzer still holds unused, or of which it could not tell.
pub(super) fn all(snapshot: &Snapshot<'_>, kept: &BTreeSet<&str>, remedies: &Remedies<'_>) -> Vec<Finding> {
    let judged: BTreeSet<&str> = crate::ANALYZERS
        .iter()
        .filter(|analyzer| analyzer.class == Class::Waste)
        .map(|analyzer| analyzer.kind)
        .collect();
    let mut all = Vec::new();
    for resource in snapshot.resources() {
        let Some(since) = grace::mark_of(resource) else { continue };
        if kept.contains(resource.id.as_str()) || !judged.contains(resource.kind.as_str()) {
            continue;
        }
        let Some(step) = grace::unmark(resource) else { continue };
        let way = vec![remedies.step(step, resource)];
        let (remedy, held_back) = match remedies.owners.owner(snapshot, resource) {
            // A tag that is in no template is taken off beside the stack without a drift.
            Owner::Nobody | Owner::Stack(..) => (Remedy::Steps(way.clone()), None),
            Owner::NotKnown(why) => (
                Remedy::Advice(format!("nothing is changed beside a stack that may own it; {why}")),
                Some(HeldBack::Owner),
            ),
        };
        let stale = remedies.stale();
        let (level, why) = match &stale {
            Some(why) => (Level::Low, why.clone()),
            None => (Level::High, "every analyzer of its kind could look at it".into()),
        };
        let remedy = match stale {
            Some(why) => unchanged(remedy, &why),
            None => remedy,
        };
        let listed = resource.views.iter().take(1).map(|view| view.read).collect();
        all.push(Finding {
            id: format!("{NAME}:{}", model::sanitize(resource.id.as_str(), 2048)),
            analyzer: NAME,
            class: Class::Waste,
            resource: named(resource),
            title: "Marked as unused, and no longer found to be".into(),
            facts: facts(snapshot, vec![(format!("its tag `{MARK}` says {}", day(since)), listed)]),
            confidence: Confidence { level, why: vec![why] },
            saving: None,
            danger: Danger::of(&way),
            traps: Vec::new(),
            grace: Some(Grace {
                state: GraceState::UsedAgain { since },
                days: remedies.parameters.grace_days,
            }),
            remedy,
            held_back,
            way,
        });
    }
    all
}
