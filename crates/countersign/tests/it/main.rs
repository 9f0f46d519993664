//! The binary's own servers with hostile neighbours. What people and agents do with it is in `testkit/tests/e2e`.

#![cfg(test)]

mod diff;
mod prove;
mod spec;
mod tools;
mod witness;
