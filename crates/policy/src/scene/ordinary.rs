//! What of a request is ordinary: facts that a reader need not be told, and how to find the others.

use std::collections::BTreeSet;

use serde_json::Value as Json;

/// What a flag is where nothing is said of it.
pub fn flag(path: &[String]) -> bool {
    path.last().is_some_and(|name| name == "in_scope")
}

/// Small numbers, the least remarkable first: a session is autonomous where nothing is said of it.
pub fn numbers(path: &[String]) -> Vec<i64> {
    if path.last().is_some_and(|name| name == "autonomy") { vec![2, 1, 0] } else { (0..8).collect() }
}

/// The path of everything in the context that is no record.
pub fn leaves(context: &Json) -> Vec<Vec<String>> {
    let mut found = BTreeSet::new();
    collect(context, &mut Vec::new(), &mut found);
    found.into_iter().collect()
}

fn collect(json: &Json, path: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
    match json {
        Json::Object(members) => {
            for (name, member) in members {
                path.push(name.clone());
                collect(member, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

/// The fact at this path.
pub fn at<'j>(context: &'j Json, path: &[String]) -> Option<&'j Json> {
    path.iter().try_fold(context, |json, name| json.get(name))
}
