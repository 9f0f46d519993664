//! The binary as agents and people meet it: its command line, its sockets, its exit codes. It knows nothing of the code
//! behind them. `cargo xtask test e2e` builds the binary first; the demo tells the whole story, here are the corners.

#![cfg(test)]

mod accounts;
mod addressing;
mod adopt;
mod allowances;
mod backup;
mod bad_requests;
mod bad_upstream;
mod bodies;
mod bootstrap;
mod clients;
mod console;
mod crash;
mod crash_plan;
mod credentials;
mod described;
mod erase;
mod findings;
mod flushes;
mod glass;
mod hostile;
mod joint;
mod kept;
mod lab;
mod limits;
mod machine;
mod mcp;
mod newly_witnessed;
mod notify;
mod observe;
mod operate;
mod people;
mod pinned;
mod plans;
mod proved;
mod receipts;
mod reconcile;
mod references;
mod renewed;
mod restore;
mod roles;
mod scan;
mod served;
mod setup;
mod simulate;
mod stopped;
mod tamper;
mod undo;
mod unwritable;
mod witnesses;
