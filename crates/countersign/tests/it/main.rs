//! The binary's own servers with hostile neighbours. What people and agents do with it is in `testkit/tests/e2e`.

#![cfg(test)]

mod prove;
mod witness;
