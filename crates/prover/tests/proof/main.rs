//! The prover against the real solver: the certificates, what they refute, and how much of the constitution they hold.

mod mutants;
mod mutations;
mod profiles;
mod world;
