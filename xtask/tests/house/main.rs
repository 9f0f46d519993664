//! The rules of the house, checked over `cargo metadata` and the tracked files: which crate may use which, what pure
//! means, how a file begins, what the specification may claim, what comes in from outside.

#![cfg(test)]

mod api;
mod exits;
mod files;
mod floors;
mod packaging;
mod promises;
mod pure;
mod supply;
mod tree;
