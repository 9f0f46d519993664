//! What `data/inverse.toml` promises, read apart from the crate's own reading of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    inverse: Vec<Inverse>,
    tags: Vec<Tags>,
}

#[derive(Deserialize)]
struct Inverse {
    service: String,
    operations: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    call: String,
    #[serde(default)]
    removes_created: bool,
}

#[derive(Deserialize)]
struct Tags {
    service: String,
    tag: String,
    untag: String,
}

/// An undo as the table tells it: the operation, and whether it removes what was made.
pub(crate) type Way = (String, bool);

/// By `service:Operation`: the ways in which it is undone.
pub(crate) fn promised() -> BTreeMap<String, BTreeSet<Way>> {
    let table: Table = toml::from_str(include_str!("../../data/inverse.toml")).unwrap();
    let mut promised: BTreeMap<String, BTreeSet<Way>> = BTreeMap::new();
    for entry in table.inverse {
        let ways: BTreeSet<Way> =
            entry.case.into_iter().map(|case| (case.call, case.removes_created)).collect();
        for operation in entry.operations.split_whitespace() {
            let one = format!("{}:{operation}", entry.service);
            let mut ways = ways.clone();
            // A delete that a delete undoes found nothing there.
            ways.retain(|(undo, _)| undo != operation || !operation.starts_with("Delete"));
            assert!(promised.insert(one.clone(), ways).is_none(), "{one} stands twice");
        }
    }
    for Tags { service, tag, untag } in table.tags {
        promised.insert(format!("{service}:{tag}"), BTreeSet::from([(untag.clone(), false)]));
        promised.insert(format!("{service}:{untag}"), BTreeSet::from([(tag, false)]));
    }
    promised
}
