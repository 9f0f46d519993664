//! The crate from outside: bundles as files, asks as the engine makes them, verdicts as people read them.

#[cfg(test)]
mod allowances;
mod decisions;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod requirement;
#[cfg(test)]
mod world;
