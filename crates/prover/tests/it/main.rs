//! The prover against the real solver, and against programs that only look like one.

mod profiles;
mod world;
