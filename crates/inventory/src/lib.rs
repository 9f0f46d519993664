//! Reading an environment into a [`snapshot`]: which reads are made (`data/collectors.toml`), how their answers are read
//! (`data/answers.json`, from the cloud's own models), what of them is kept, and how resources hang together. Pure: calls come out,
//! answers go in, in any order; who sends them through a gateway, how fast, and what happens when it must wait is the caller.
//!
//! A [`Scan`] is a machine: [`Scan::next`] gives a call, [`Scan::read`] understands what was answered, [`Scan::take`] goes on from
//! there. What was understood ([`Understood`]) can be kept and given again: a scan that was broken off goes on by being given
//! what it had.
//!
//! Nothing is made up: what is refused, cut short or not understood is a read of the snapshot that says so, and what could be
//! found out only through it is missing *and known to be missing*.

mod answer;
mod condition;
mod finish;
mod kept;
mod metrics;
mod scan;
mod shape;
mod table;
mod template;

pub use answer::{Answered, Understood, read};
pub use finish::ScanError;
pub use scan::{Ask, AskId, Place, Progress, Scan};
