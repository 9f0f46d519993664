//! The prover with programs that only look like a solver, and with none. Needs no solver.
#![cfg(test)]

mod bad_input;
mod impostors;
mod program;
#[path = "../proof/world.rs"]
mod world;
