//! The command line asks what the description of the API describes, and nothing else: `docs/openapi.json` is made of the routes.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::tree::{none, read, sources};

/// On the agent listener, which has another description.
const OF_AGENTS: [&str; 4] = [
    "crates/countersign/src/command/propose.rs",
    "crates/countersign/src/command/agent/asked.rs",
    "crates/countersign/src/command/agent/carry_out.rs",
    "crates/countersign/src/command/mcp/backend.rs",
];

#[test]
fn the_command_line_uses_the_api_that_is_described() {
    let described: Value = serde_json::from_str(&read(Path::new("docs/openapi.json"))).unwrap();
    let paths: BTreeSet<_> = described["paths"].as_object().unwrap().keys().cloned().collect();
    let (mut findings, mut asked) = (Vec::new(), 0);
    for (path, text) in sources() {
        let path = path.display().to_string();
        if !path.starts_with("crates/countersign/src/") || OF_AGENTS.contains(&path.as_str()) {
            continue;
        }
        for literal in text.split("\"/v1/").skip(1).filter_map(|rest| rest.split(['"', '?']).next()) {
            asked += 1;
            let route = format!("/v1/{}", with_ids(literal));
            if !paths.contains(&route) {
                findings.push(format!("{path} asks {route}"));
            }
        }
    }
    none("the command line asks what is described", findings);
    assert!(asked > 15, "the sources have another form: {asked}");
}

/// Whatever is put into a path is an id.
fn with_ids(literal: &str) -> String {
    let parts = literal.split('/').map(|part| if part.starts_with('{') { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
