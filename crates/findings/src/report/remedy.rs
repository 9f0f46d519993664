//! From a claim to a finding: what may be proposed of what would help.
//!
//! | | |
//! |---|---|
//! | a stack owns it | the stack is updated, nothing is changed beside it |
//! | which stack owns it is not known | nothing is proposed |
//! | the snapshot is old | confidence is low, and nothing is proposed |
//! | the steps destroy something (by the operation table), and confidence is not high | nothing is proposed |
//! | something is to be retired | a mark; a wait; and only then, on high confidence, its steps |

use std::collections::{BTreeMap, BTreeSet};

use model::{Timestamp, sanitize};
use serde_json::json;
use snapshot::{EdgeKind, ReadRef, Resource, Snapshot, Taken};

use crate::{
    Analyzer, Confidence, Danger, Fact, Finding, Grace, GraceState, HeldBack, Level, Parameters, Remedy,
    Step, asked,
    danger::Judge,
    draft::{Draft, Proposal, StepDraft},
    grace, kind, parameters,
    report::named,
    rhythm::day,
    subject::Subject,
    tags,
};

pub(super) struct Remedies<'s> {
    pub(super) judge: &'s Judge,
    pub(super) owners: Owners,
    pub(super) parameters: &'s Parameters,
    pub(super) now: Timestamp,
    pub(super) taken: Taken,
}

/// In which regions it is known what stacks own.
pub(super) struct Owners(BTreeMap<String, Result<(), String>>);

pub(super) enum Owner {
    Stack(String, Option<ReadRef>),
    Nobody,
    NotKnown(String),
}

impl Owners {
    pub(super) fn of(snapshot: &Snapshot<'_>) -> Self {
        let mut regions: BTreeSet<&str> = snapshot.regions().collect();
        regions.extend(snapshot.resources().iter().map(|resource| resource.region.as_str()));
        let stacks: Vec<_> = snapshot.of_kind(kind::STACK).collect();
        let known = |region: &str| {
            asked::whole(snapshot, "cloudformation:DescribeStacks", region).map_err(|missing| missing.why)?;
            let unread = stacks.iter().filter(|stack| stack.region.as_str() == region).find(|stack| {
                let answer = snapshot.answer("cloudformation:ListStackResources", stack.id.as_str());
                answer.is_none_or(|(_, read)| !read.outcome.is_whole())
            });
            match unread {
                Some(stack) => {
                    let name = sanitize(stack.name.as_str(), 120);
                    Err(format!("cloudformation:ListStackResources of {name} was not answered"))
                }
                None => Ok(()),
            }
        };
        Self(regions.into_iter().map(|region| (region.to_owned(), known(region))).collect())
    }

    pub(super) fn owner(&self, snapshot: &Snapshot<'_>, resource: &Resource<'_>) -> Owner {
        if let Some(edge) = snapshot.edges_to(resource.id.as_str()).find(|edge| edge.kind == EdgeKind::Owns) {
            return Owner::Stack(sanitize(edge.from.as_str(), 512), Some(edge.read));
        }
        if let Some(stack) = resource.tag("aws:cloudformation:stack-name") {
            return Owner::Stack(sanitize(stack, 512), None);
        }
        if let Err(why) = tags::known(snapshot, resource) {
            return Owner::NotKnown(why.0);
        }
        match self.0.get(resource.region.as_str()) {
            Some(Ok(())) => Owner::Nobody,
            Some(Err(why)) => Owner::NotKnown(why.clone()),
            None => Owner::NotKnown("its region was not read".into()),
        }
    }
}

impl Remedies<'_> {
    pub(super) fn finish(&self, analyzer: &Analyzer, subject: &Subject<'_, '_>, mut draft: Draft) -> Finding {
        let (snapshot, resource) = (subject.snapshot, subject.resource);
        let stale = self.stale();
        if let Some(why) = &stale {
            draft.cap(Level::Low, why.clone());
        }
        let owner = self.owners.owner(snapshot, resource);
        match &owner {
            Owner::Stack(stack, read) => {
                draft.facts.push((
                    format!("{stack} owns it"),
                    read.map_or_else(|| subject.listed(), |read| vec![read]),
                ));
            }
            Owner::NotKnown(why) => draft.cap(Level::Low, format!("which stack owns it is not known: {why}")),
            Owner::Nobody => {}
        }
        let (level, quiet) = (draft.level, draft.quiet_since);
        let way = self.way(&draft.proposal, resource);
        let mut marked = None;
        let (remedy, held_back) = match (owner, draft.proposal) {
            (_, Proposal::Advice(text)) => (Remedy::Advice(text), None),
            (Owner::Stack(stack, _), _) => (Remedy::StackUpdate { stack, change: draft.in_template }, None),
            (Owner::NotKnown(why), _) => (
                Remedy::Advice(format!("nothing is changed beside a stack that may own it; {why}")),
                Some(HeldBack::Owner),
            ),
            (Owner::Nobody, Proposal::Change(_)) => self.at_once(&way, level),
            (Owner::Nobody, Proposal::Retire(_)) => {
                let state = grace::state(
                    grace::mark_of(resource),
                    quiet,
                    self.taken.until,
                    self.parameters.grace_days,
                );
                marked = Some(state.clone());
                self.retire(subject, &state, &way, level)
            }
        };
        let remedy = match stale {
            Some(why) => unchanged(remedy, &why),
            None => remedy,
        };
        let danger = match &remedy {
            Remedy::StackUpdate { stack, .. } => Danger::of(&[self.stack_update(stack, subject.region())]),
            Remedy::Steps(_) | Remedy::Wait { .. } | Remedy::Advice(_) if way.is_empty() => Danger::NONE,
            Remedy::Steps(_) | Remedy::Wait { .. } | Remedy::Advice(_) => Danger::of(&way),
        };
        Finding {
            id: format!("{}:{}", analyzer.name, sanitize(resource.id.as_str(), 2048)),
            analyzer: analyzer.name,
            class: analyzer.class,
            resource: named(resource),
            title: draft.title,
            facts: facts(snapshot, draft.facts),
            confidence: Confidence { level, why: draft.why },
            saving: draft.saving,
            danger,
            traps: draft.traps,
            grace: marked,
            remedy,
            held_back,
            way,
        }
    }

    /// Why nothing is changed any more by what this snapshot shows.
    pub(super) fn stale(&self) -> Option<String> {
        let days = parameters::stale(self.taken.until, self.now, self.parameters.stale_days)?;
        Some(format!("the snapshot is {days} days old: take it anew"))
    }

    /// Every step of a proposal, as the operation table sees it.
    fn way(&self, proposal: &Proposal, resource: &Resource<'_>) -> Vec<Step> {
        let drafts = match proposal {
            Proposal::Change(steps) | Proposal::Retire(steps) => steps.as_slice(),
            Proposal::Advice(_) => &[],
        };
        drafts.iter().map(|step| self.step(step.clone(), resource)).collect()
    }

    pub(super) fn step(&self, draft: StepDraft, resource: &Resource<'_>) -> Step {
        let names = [resource.name.as_str(), resource.id.as_str()];
        self.judge.step(draft, &names, resource.region.as_str())
    }

    fn stack_update(&self, stack: &str, region: &str) -> Step {
        let parameters = json!({ "StackName": stack, "UsePreviousTemplate": false });
        self.judge.step(
            StepDraft::new("cloudformation:UpdateStack", parameters, "with the changed template"),
            &[stack],
            region,
        )
    }

    fn at_once(&self, way: &[Step], level: Level) -> (Remedy, Option<HeldBack>) {
        if Danger::of(way).destroys() && level < Level::High {
            let advice = format!(
                "{}: not proposed, because it cannot be undone and confidence is {}",
                names(way),
                level.name()
            );
            return (Remedy::Advice(advice), Some(HeldBack::Confidence));
        }
        (Remedy::Steps(way.to_vec()), None)
    }

    fn retire(
        &self,
        subject: &Subject<'_, '_>,
        grace: &Grace,
        way: &[Step],
        level: Level,
    ) -> (Remedy, Option<HeldBack>) {
        match grace.state {
            GraceState::NotMarked | GraceState::UsedAgain { .. } => {
                match grace::mark(subject.resource, &day(self.now)) {
                    Some(mark) => (Remedy::Steps(vec![self.step(mark, subject.resource)]), None),
                    None => (
                        Remedy::Advice(format!("{}: it cannot be marked, so people decide", names(way))),
                        Some(HeldBack::Mark),
                    ),
                }
            }
            GraceState::Marked { until, .. } => (Remedy::Wait { until }, None),
            GraceState::Over { .. } if level == Level::High => (Remedy::Steps(way.to_vec()), None),
            GraceState::Over { .. } => (
                Remedy::Advice(format!(
                    "{}: the grace is over, but confidence is {}, so people decide",
                    names(way),
                    level.name()
                )),
                Some(HeldBack::Confidence),
            ),
        }
    }
}

/// What was advice stays it.
pub(super) fn unchanged(remedy: Remedy, why: &str) -> Remedy {
    match remedy {
        Remedy::Advice(text) => Remedy::Advice(text),
        Remedy::Steps(_) | Remedy::Wait { .. } | Remedy::StackUpdate { .. } => {
            Remedy::Advice(format!("nothing is proposed: {why}"))
        }
    }
}

pub(super) fn facts(snapshot: &Snapshot<'_>, facts: Vec<(String, Vec<ReadRef>)>) -> Vec<Fact> {
    let fact = |(text, mut reads): (String, Vec<ReadRef>)| {
        reads.sort_unstable();
        reads.dedup();
        Fact { text, reads: reads.into_iter().map(|read| sanitize(snapshot.id_of(read), 80)).collect() }
    };
    facts.into_iter().map(fact).collect()
}

fn names(way: &[Step]) -> String {
    way.iter().map(|step| format!("{}:{}", step.service, step.operation)).collect::<Vec<_>>().join(", then ")
}
