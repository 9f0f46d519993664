//! Test rigs: a mock AWS, the real `aws` CLI and boto3, keys as `ssh-keygen` makes them, installations of the
//! real `countersign` binary, a language model by script, and the harness of the benches.
//!
//! Knows the product only from outside: its command line, its ready file, its sockets. It links none of our crates,
//! so a rig cannot reach around a gateway, and `xtask` builds it before anything else. Nothing that ships uses it.

mod authenticator;
pub mod bench;
mod browser;
pub mod canary;
mod certificate;
mod fake_llm;
mod http;
mod idp;
mod installation;
mod key;
mod key_agent;
mod mcp_suite;
mod moto;
mod node;
mod npm;
mod once;
mod person;
mod place;
mod preload;
mod process;
mod provider;
mod receiver;
mod relay;
mod signed;
mod stall;
mod stuck;
mod venv;
mod wait;
mod witness;

pub use authenticator::{Asserted, Authenticator, Ceremony, Made};
pub use browser::Browser;
pub use certificate::{certificate, checked, comparison, files_below};
pub use fake_llm::{FakeLlm, Fault, Heard, Protocol, Scenario};
pub use http::{Response, send};
pub use idp::Idp;
pub use installation::{Cli, Installation, Serve, Session};
pub use key::Key;
pub use key_agent::KeyAgent;
pub use mcp_suite::{McpSuite, Relay};
pub use moto::Moto;
pub use node::Node;
pub use person::Caller;
pub use place::{CRASH_BINARY, binary, crash_binary, python_home, root};
pub use preload::Preload;
pub use process::{Output, run};
pub use provider::Provider;
pub use receiver::{Received, Receiver};
pub use relay::{Relayed, relay};
pub use signed::{Signed, Signer, now, stamp};
pub use stall::Stall;
pub use stuck::stuck;
pub use venv::Venv;
pub use wait::until;
pub use witness::Witness;
