//! There is one way out to production, and it takes a permit. What can open a connection is listed here; a new one is
//! argued for in this file before it compiles into the product.

use crate::tree::{none, sources};

/// Words without which nothing leaves the process, and the files that may say them.
const EXITS: [(&str, &[&str]); 7] = [
    ("hyper_util::client", &[]),
    (
        "client::legacy",
        &[
            // The way out: `Upstream::send`, below.
            "crates/gateway-aws/src/forward.rs",
            // Fetches what the way out signs with: from the security token service, a container's agent, a machine's
            // metadata. What agents send never passes here, and no answer goes to them.
            "crates/credentials/src/client.rs",
            // Who may use it is listed below.
            "crates/countersign/src/transport.rs",
        ],
    ),
    (
        "transport::http(",
        &[
            // People's and agents' clients of our own listeners; they run in no server of ours, but for `countersign mcp`, which serves one
            // agent with that agent's own session and asks nothing but the agent listener.
            "crates/countersign/src/client.rs",
            "crates/countersign/src/agent.rs",
            // An agent of ours, with a session's virtual credentials: what it asks for goes to the gateway and is judged there.
            "crates/countersign/src/command/scan/cloud.rs",
            // From `serve` to the witnesses that `countersign.toml` names: checkpoints go out, cosignatures come back.
            // What agents send never passes here, and no credential goes along.
            "crates/countersign/src/witnesses/door.rs",
            // From `serve` to the receivers that `countersign.toml` names: messages made of the record go out, and of the
            // answer only its status is looked at. Nothing that an agent asks for is sent there, and no credential goes along.
            "crates/countersign/src/receivers/door.rs",
            // From `serve` to the OpenID providers that `countersign.toml` names, when a person signs in by one: a code and the
            // client secret go out, who the person is comes back. Nothing of an agent passes here.
            "crates/countersign/src/providers/door.rs",
        ],
    ),
    // The language model, where one is compiled in and configured: scrubbed prompts go to its one address, words come back. Nothing
    // that it says is a request to anything, and no credential of a cloud goes along.
    ("reqwest::Client", &["crates/llm/src/remote.rs"]),
    (
        "genai::",
        &[
            "crates/llm/src/remote.rs",
            "crates/llm/src/remote/failed.rs",
            "crates/llm/src/remote/pieces.rs",
            "crates/llm/src/remote/told.rs",
        ],
    ),
    ("TcpStream::connect", &["crates/countersign/src/command/doctor.rs"]),
    (
        "Command::new",
        &[
            "crates/countersign/src/identity.rs",
            // `countersign-prove`, and by it the solver: neither runs in a server.
            "crates/countersign/src/command/prove.rs",
            "crates/prover/src/solver.rs",
            "crates/engine/src/crash.rs",
            // `credential_process` of the server's own profile.
            "crates/credentials/src/process.rs",
        ],
    ),
];

#[test]
fn production_has_one_door_and_it_takes_a_permit() {
    let mut findings = Vec::new();
    for (path, text) in shipped() {
        for (word, allowed) in EXITS {
            if text.contains(word) && !allowed.contains(&path.as_str()) {
                findings.push(format!("{path} says `{word}`"));
            }
        }
        if path != "crates/gateway-aws/src/forward.rs" && text.contains(".transmit(") {
            findings.push(format!("{path} forwards without a permit"));
        }
    }
    none("only what is listed opens connections", findings);

    let door = read_shipped("crates/gateway-aws/src/forward.rs");
    assert!(
        door.contains("pub(crate) async fn send(") && door.contains("permit: Permit,"),
        "the door takes a permit"
    );
    assert_eq!(door.matches("client.request(").count(), 1, "and is the only one that sends");
    assert_eq!(door.matches("self.transmit(").count(), 1, "and is the only one that calls it");
}

#[test]
fn permits_are_made_in_one_place() {
    let makers: Vec<String> = shipped()
        .into_iter()
        .filter(|(path, text)| text.contains("Permit::new(") && !path.ends_with("permit.rs"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(makers, ["crates/engine/src/admit.rs"]);
}

/// Sources that become part of the binary, without their tests.
fn shipped() -> Vec<(String, String)> {
    sources()
        .into_iter()
        .map(|(path, text)| (path.display().to_string(), text))
        .filter(|(path, _)| {
            path.starts_with("crates/") && path.contains("/src/") && !path.starts_with("crates/testkit/")
        })
        .map(|(path, text)| {
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            (path, code)
        })
        .collect()
}

fn read_shipped(wanted: &str) -> String {
    shipped().into_iter().find(|(path, _)| path == wanted).map(|(_, text)| text).expect(wanted)
}
