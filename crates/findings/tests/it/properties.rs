//! What holds for every account: made by chance, with reads refused by chance.

use findings::{Parameters, Prices, Report, analyse};
use proptest::prelude::*;
use serde_json::Value;
use snapshot::Snapshot;

use crate::world::time;

const SIZE: usize = 60;
const MARKS: &str = "mark-outlived";

fn account(seed: u64) -> String {
    synth::account(seed, SIZE).snapshot
}

fn report(text: &str, parameters: &Parameters) -> Report {
    let now = time("2026-11-29T06:00:00Z");
    let snapshot = Snapshot::parse(text, now).unwrap();
    analyse(&snapshot, parameters, &Prices::shipped(), now)
}

fn ids(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id.as_str()).collect()
}

fn json_of(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

/// As if the read had been refused: what it said of a resource is not in the snapshot, nor are tags that it gave.
fn refuse(document: &mut Value, nth: usize) {
    let read = &mut document["reads"][nth];
    read["outcome"] = "denied".into();
    let Some(about) = read["about"].as_str().map(str::to_owned) else { return };
    let (id, gives_tags) = (read["id"].clone(), read["operation"].as_str().unwrap().contains("Tag"));
    let mut resources = document["resources"].as_array_mut().unwrap().iter_mut();
    let resource = resources.find(|it| it["id"] == about).unwrap();
    if gives_tags {
        resource["tags"] = serde_json::json!({});
    }
    if let Some(more) = resource.get_mut("more").and_then(Value::as_array_mut) {
        more.retain(|view| view["read"] != id);
    }
    document["edges"].as_array_mut().unwrap().retain(|edge| edge["read"] != id);
}

/// Tags that are read apart spare what bears them; refused, all of them at once, they make nobody claim more.
#[test]
fn refused_tags_never_widen_what_is_claimed() {
    for kind in [
        "dynamodb:table",
        "ecr:repository",
        "elbv2:load-balancer",
        "lambda:function",
        "logs:log-group",
        "s3:bucket",
    ] {
        let operation = findings::tags_read(kind).unwrap();
        let mut spared = 0;
        for seed in 0..12 {
            let text = synth::account(seed, 200).snapshot;
            let mut document: Value = serde_json::from_str(&text).unwrap();
            let reads = document["reads"].as_array().unwrap().iter().enumerate();
            let refused: Vec<usize> =
                reads.filter(|(_, read)| read["operation"] == operation).map(|(nth, _)| nth).collect();
            refused.into_iter().for_each(|nth| refuse(&mut document, nth));
            let (before, after) = (
                report(&text, &Parameters::default()),
                report(&document.to_string(), &Parameters::default()),
            );
            let had = ids(&before);
            for id in ids(&after) {
                assert!(had.contains(&id), "seed {seed}: {id} is claimed because {operation} was refused");
            }
            let waste = after.findings.iter().filter(|it| it.class == findings::Class::Waste);
            assert!(waste.filter(|it| it.resource.kind == kind).count() == 0, "seed {seed}: {operation}");
            spared += before.spared.iter().filter(|it| it.why.contains("countersign:keep")).count();
        }
        assert!(spared > 0, "no account has anything that is kept");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_finding_without_evidence(seed: u64) {
        let text = account(seed);
        let report = report(&text, &Parameters::default());
        let document: Value = serde_json::from_str(&text).unwrap();
        let reads: Vec<&str> = document["reads"].as_array().unwrap().iter().map(|read| read["id"].as_str().unwrap()).collect();
        prop_assert!(!report.findings.is_empty());
        for finding in &report.findings {
            prop_assert!(!finding.facts.is_empty() && !finding.confidence.why.is_empty(), "{finding:?}");
            for fact in &finding.facts {
                prop_assert!(!fact.reads.is_empty(), "{fact:?}");
                prop_assert!(fact.reads.iter().all(|read| reads.contains(&read.as_str())), "{fact:?}");
            }
        }
    }

    #[test]
    fn the_order_of_the_file_plays_no_part(seed: u64) {
        let text = account(seed);
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for list in ["reads", "resources", "edges", "metrics", "regions"] {
            document[list].as_array_mut().unwrap().reverse();
        }
        let parameters = Parameters::default();
        prop_assert_eq!(json_of(&report(&text, &parameters)), json_of(&report(&document.to_string(), &parameters)));
    }

    /// Stricter thresholds find no more.
    #[test]
    fn findings_are_monotone_in_their_thresholds(seed: u64, days in 14_u32..120, more in 1_u32..200) {
        let text = account(seed);
        let of = |days: u32, share: f64| Parameters {
            idle_days: days, volume_days: days, snapshot_days: days, image_days: days, stopped_days: days, upload_days: days,
            idle_requests: share, oversized_memory: share, capacity_used: share, log_bytes: u64::from(days) * 1_000_000,
            ..Parameters::default()
        };
        let lenient = report(&text, &of(days, 60.0));
        let strict = report(&text, &of(days + more, 20.0));
        let found = ids(&lenient);
        // A mark that means nothing any more is told of because something else is not claimed.
        for finding in strict.findings.iter().filter(|finding| finding.analyzer != MARKS) {
            prop_assert!(found.contains(&finding.id.as_str()), "{} appears with stricter thresholds", finding.id);
        }
    }

    /// Of every read that is refused it is said what is no longer known; nothing is claimed that was not claimed before, and what
    /// is no longer claimed is named by its analyzer and region.
    #[test]
    fn a_refused_read_never_hides_anything(seed: u64, refused: prop::sample::Index) {
        let text = account(seed);
        let mut document: Value = serde_json::from_str(&text).unwrap();
        let nth = refused.index(document["reads"].as_array().unwrap().len());
        refuse(&mut document, nth);
        let parameters = Parameters::default();
        let before = report(&text, &parameters);
        let after = report(&document.to_string(), &parameters);
        let (had, has) = (ids(&before), ids(&after));
        for id in &has {
            prop_assert!(had.contains(id), "{id} is claimed because a read was refused");
        }
        for finding in before.findings.iter().filter(|finding| !has.contains(&finding.id.as_str())) {
            let told = after.unjudged.iter().any(|it| (it.analyzer == finding.analyzer || finding.analyzer == MARKS) && it.region == finding.resource.region);
            prop_assert!(told, "{} went without a word", finding.id);
        }
        let destroys = |report: &Report| report.findings.iter().filter(|it| it.danger.destroys() && !it.remedy.steps().is_empty()).count();
        prop_assert!(destroys(&after) <= destroys(&before));
    }
}
