//! The prover against the real solver: the certificates, what they refute, and how much of the constitution they hold.
#![cfg(test)]

mod differences;
mod edits;
mod mutants;
mod mutations;
mod profiles;
mod refutations;
mod world;
