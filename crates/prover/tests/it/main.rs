//! The prover with programs that only look like a solver, and with none. Needs no solver.
#![cfg(test)]

mod impostors;
#[path = "../proof/world.rs"]
mod world;
