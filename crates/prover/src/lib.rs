//! Proofs about a bundle: what its constitution cannot let through, whatever the grants, over every request that the
//! schema can express. Cedar's symbolic compiler writes the questions, a solver in a process of its own answers them.
//!
//! [`prove`] makes the [`Certificate`] of a bundle, [`compare`] finds what one bundle allows and another does not. A
//! counterexample is believed only where the decision itself agrees ([`policy::Bundle::replay_constitution`]), is cut
//! down to what matters, and is told as a sentence ([`Scene::told`]).
//!
//! Whatever is not a proof is a failure: `unknown`, a solver that dies, prints rubbish or exceeds its time. It is asked
//! a question with a known answer before each start, and its answers are told apart by numbered marks.
//!
//! What is *absent*: no files and no network; nothing here is linked into what serves. It runs one program, the solver.

mod assumptions;
mod certificate;
mod clock;
mod compose;
mod found;
mod gate;
mod prove;
mod question;
mod refine;
mod rewrite;
mod run;
mod shrink;
mod solver;
mod theorems;

pub use certificate::{Certificate, Counterexample, Judgement, Outcome};
pub use gate::{Broken, broken, same};
pub use prove::{ProveError, prove};
pub use refine::{Comparison, Refinement, Widening, compare, refine};
pub use solver::{SolverChoice, SolverError};
