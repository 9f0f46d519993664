//! The tables: which reads a scan makes and what it makes of their answers (`data/collectors.toml`, by hand), and how the
//! answers of just these are formed (`data/answers.json`, made by `cargo xtask gen aws`). No service has code of its own.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use snapshot::EdgeKind;

use crate::{condition::Condition, shape::Shape};

#[derive(Debug)]
pub(crate) struct Table {
    /// `AWS::EC2::Volume` → `ec2:volume`.
    pub(crate) stack_kinds: BTreeMap<String, String>,
    pub(crate) collectors: Vec<Collector>,
    pub(crate) answers: BTreeMap<String, Answer>,
    /// Reads that no scan makes and a plan's checks do.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "its answers are what is used; that it leads to them, a test holds")
    )]
    pub(crate) checks: Vec<Look>,
}

/// A read whose answer is understood, and of which nothing is written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "as above"))]
pub(crate) struct Look {
    pub(crate) call: String,
    /// Where in the answer checks look.
    pub(crate) keep: Vec<String>,
}

/// One operation, asked once in each region or for each resource of a kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Collector {
    /// In the operation table's spelling.
    pub(crate) call: String,
    /// Asked for each resource of this kind.
    #[serde(default, rename = "for")]
    pub(crate) each: Option<String>,
    /// Only for those of which this holds.
    #[serde(default)]
    pub(crate) when: Vec<Condition>,
    /// The answer is of that one resource and no list: a view of it.
    #[serde(default)]
    pub(crate) view: bool,
    /// The reads of all of them together tell of the whole: none is of one resource alone.
    #[serde(default)]
    pub(crate) covers: bool,
    /// One answer for all regions.
    #[serde(default)]
    pub(crate) global: bool,
    /// Parameters as they stand on the wire; texts are templates.
    #[serde(default)]
    pub(crate) with: toml::Table,
    /// Error codes that say that there is no such thing.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    /// Where the items are.
    #[serde(default)]
    pub(crate) under: String,
    /// The kind of resource that an item is; none: it only tells how others hang together.
    #[serde(default)]
    pub(crate) kind: Option<String>,
    /// Asked about further, and not written down.
    #[serde(default)]
    pub(crate) hidden: bool,
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    /// Where the item is, if not where it was asked for.
    #[serde(default)]
    pub(crate) region: String,
    /// A list of keys and values, or a map.
    #[serde(default)]
    pub(crate) tags: String,
    /// The members of an item that are written down.
    #[serde(default)]
    pub(crate) keep: Vec<String>,
    #[serde(default, rename = "edge")]
    pub(crate) edges: Vec<EdgeRule>,
    #[serde(default, rename = "metric")]
    pub(crate) metrics: Vec<MetricRule>,
}

/// How an item hangs together with something else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EdgeRule {
    pub(crate) kind: EdgeKind,
    /// For each of these within the item.
    #[serde(default)]
    pub(crate) each: String,
    #[serde(default)]
    pub(crate) when: Vec<Condition>,
    /// Templates over that part; without one, the item itself, or what was asked about.
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// The other end is whichever resource these say it is, once all are known.
    #[serde(default)]
    pub(crate) find: Option<Find>,
}

/// A resource by one of its attributes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Find {
    /// Its kind; none: by what `type` says of it, as stacks name kinds.
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) r#type: Option<String>,
    /// The path of the attribute; none: its name, or its id.
    #[serde(default)]
    pub(crate) by: Option<String>,
    /// A template: what stands there.
    pub(crate) is: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricRule {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    pub(crate) statistic: String,
    pub(crate) dimensions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) when: Vec<Condition>,
}

/// How an operation answers, cut down to what is used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) shape: Shape,
    #[serde(default)]
    pub(crate) pages: Option<Pages>,
}

/// How an operation goes on: members of the answer, and the parameters that take them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pages {
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    /// The member that says whether there is more; none: as long as there is a token.
    #[serde(default)]
    pub(crate) more: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stack_kinds: BTreeMap<String, String>,
    #[serde(rename = "collect")]
    collectors: Vec<Collector>,
    #[serde(default, rename = "check")]
    checks: Vec<Look>,
}

impl Table {
    /// The one that is built in; a test reads it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Table> = LazyLock::new(|| read().unwrap_or_else(Table::broken));
        &SHARED
    }

    /// A scan that asks for nothing: the test fails long before.
    fn broken(_: String) -> Self {
        Self {
            stack_kinds: BTreeMap::new(),
            collectors: Vec::new(),
            answers: BTreeMap::new(),
            checks: Vec::new(),
        }
    }
}

fn read() -> Result<Table, String> {
    let file: File = toml::from_str(include_str!("../data/collectors.toml"))
        .map_err(|err| format!("collectors.toml: {err}"))?;
    let answers = serde_json::from_str(include_str!("../data/answers.json"))
        .map_err(|err| format!("answers.json: {err}"))?;
    Ok(Table { stack_kinds: file.stack_kinds, collectors: file.collectors, answers, checks: file.checks })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::template;

    /// Every place that the table names is there in the answer's form, and what one collector needs another one gives.
    #[test]
    fn every_path_leads_somewhere() {
        let table = read().unwrap();
        let wrong = RefCell::new(Vec::new());
        let by_kind = |kind: &str| {
            table.collectors.iter().filter(|it| it.kind.as_deref() == Some(kind)).collect::<Vec<_>>()
        };
        for collector in &table.collectors {
            let call = &collector.call;
            let Some(answer) = table.answers.get(call) else {
                wrong.borrow_mut().push(format!("{call}: no answer; run `cargo xtask gen aws`"));
                continue;
            };
            let Some(item) = answer.shape.at(&collector.under) else {
                wrong.borrow_mut().push(format!("{call}: nothing is under `{}`", collector.under));
                continue;
            };
            let mut about_kinds = Vec::new();
            if let Some(kind) = &collector.each {
                about_kinds = by_kind(kind);
                if about_kinds.is_empty() {
                    wrong.borrow_mut().push(format!("{call}: no collector gives `{kind}`"));
                }
            }
            if collector.view && (collector.each.is_none() || collector.kind.is_some()) {
                wrong.borrow_mut().push(format!(
                    "{call}: a view is of a resource that was asked about, and no resource itself"
                ));
            }
            if collector.kind.is_some() && (collector.id.is_empty() || collector.name.is_empty()) {
                wrong.borrow_mut().push(format!("{call}: a resource has an id and a name"));
            }
            let check = |place: &str, part: &Shape, about: &[&Collector]| {
                let path = place.split('|').next().unwrap_or_default();
                if ["partition", "account", "region"].contains(&path) {
                    return;
                }
                let there = match path.strip_prefix('^') {
                    Some(path) => !about.is_empty() && about.iter().all(|it| keeps(&table, it, path)),
                    None => part.at(path).is_some(),
                };
                if !there {
                    wrong.borrow_mut().push(format!("{call}: nothing is at `{place}`"));
                }
            };
            for text in [&collector.id, &collector.name, &collector.region] {
                template::places(text).iter().for_each(|place| check(place, item, &about_kinds));
            }
            for path in collector.keep.iter().chain([&collector.tags]) {
                check(path, item, &about_kinds);
            }
            let with = toml::to_string(&collector.with).unwrap();
            let ambient = |place: &String| ["partition", "account", "region"].contains(&place.as_str());
            for place in template::places(&with).into_iter().filter(|place| !ambient(place)) {
                let about = place.strip_prefix('^').map_or(place.clone(), str::to_owned);
                check(&format!("^{about}"), item, &about_kinds);
            }
            for rule in &collector.edges {
                let Some(part) = item.at(&rule.each) else {
                    wrong.borrow_mut().push(format!("{call}: nothing is at each `{}`", rule.each));
                    continue;
                };
                let find = rule.find.as_ref();
                let texts = [
                    rule.from.as_ref(),
                    rule.to.as_ref(),
                    find.map(|it| &it.is),
                    find.and_then(|it| it.r#type.as_ref()),
                ];
                for place in texts.into_iter().flatten().flat_map(|text| template::places(text)) {
                    check(&place, part, &about_kinds);
                }
                if rule.to.is_some() && rule.find.is_some()
                    || rule.from.is_none() && rule.to.is_none() && rule.find.is_none()
                {
                    wrong
                        .borrow_mut()
                        .push(format!("{call}: an edge has two ends, one of which may be the item itself"));
                }
                if let (Some(kind), Some(by)) =
                    (find.and_then(|it| it.kind.as_ref()), find.and_then(|it| it.by.as_ref()))
                {
                    let found = by_kind(kind);
                    if found.is_empty() || !found.iter().all(|it| keeps(&table, it, by)) {
                        wrong.borrow_mut().push(format!("{call}: `{kind}` has no `{by}` to be found by"));
                    }
                }
            }
            for rule in &collector.metrics {
                for place in rule.dimensions.values().flat_map(|text| template::places(text)) {
                    check(&place, item, &about_kinds);
                }
            }
        }
        for look in &table.checks {
            let shape = table.answers.get(&look.call).map(|answer| &answer.shape);
            let lost = look.keep.iter().filter(|path| shape.is_none_or(|shape| shape.at(path).is_none()));
            wrong.borrow_mut().extend(lost.map(|path| format!("{}: nothing is at `{path}`", look.call)));
        }
        let asked = |call: &String| {
            table.collectors.iter().any(|it| it.call == *call)
                || table.checks.iter().any(|it| it.call == *call)
        };
        let unused: Vec<_> = table.answers.keys().filter(|call| !asked(call)).collect();
        assert_eq!((wrong.into_inner(), unused), (vec![], vec![]));
    }

    /// Whether what is written down of a collector's items has this path.
    fn keeps(table: &Table, collector: &Collector, path: &str) -> bool {
        let item = table.answers.get(&collector.call).and_then(|answer| answer.shape.at(&collector.under));
        let first = path.split('.').next().unwrap_or_default();
        item.is_some_and(|item| item.at(path).is_some())
            && (first.is_empty() || collector.keep.iter().any(|kept| kept.split('.').next() == Some(first)))
    }

    /// What a call is given has the names that its request takes.
    #[test]
    fn every_call_can_be_built() {
        let table = read().unwrap();
        let mut wrong = Vec::new();
        for collector in &table.collectors {
            let (service, operation) = collector.call.split_once(':').unwrap();
            let members = serde_json::to_string(&collector.with).unwrap();
            let call = classify_aws::call::Call {
                service: service.to_owned(),
                operation: operation.to_owned(),
                region: "us-east-1".to_owned(),
                parameters: classify_aws::gather::understood(members.as_bytes()).unwrap(),
            };
            wrong.extend(classify_aws::call::build(&call).err());
        }
        assert_eq!(wrong, vec![]);
    }

    #[test]
    fn nothing_is_asked_but_what_the_operation_table_knows_as_a_read() {
        let known = classify_aws::table::Table::shared();
        let table = read().unwrap();
        let checks = table.checks.iter().map(|look| look.call.as_str());
        let asked = table.collectors.iter().map(|collector| collector.call.as_str()).chain(checks);
        let wrong: Vec<_> = asked
            .chain([crate::metrics::CALL])
            .filter(|operation| {
                let row = operation.split_once(':').and_then(|(service, name)| known.get(service, name));
                row.is_none_or(|row| row.class != classify_aws::table::Class::Read)
            })
            .collect();
        assert_eq!(wrong, Vec::<&str>::new());
    }
}
