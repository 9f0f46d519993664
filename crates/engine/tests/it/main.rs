//! The engine as a whole: the promises of SPECIFICATION.md as far as its operations reach, over a real store, a real
//! ledger, a real starter bundle and real signatures. The gateway, the upstream, the clock and chance are ours.
//! `cfg(test)` tells the lints that helpers, too, are tests.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod adopt;
#[cfg(test)]
mod allowances;
#[cfg(test)]
mod assumed;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod between;
#[cfg(test)]
mod binding;
#[cfg(test)]
mod cast;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod flushed;
#[cfg(test)]
mod glass;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod handed;
#[cfg(test)]
mod joint;
#[cfg(test)]
mod nearest;
#[cfg(test)]
mod once;
#[cfg(test)]
mod passkey;
#[cfg(test)]
mod people;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod ui;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod unverified;
#[cfg(test)]
mod vitals;
#[cfg(test)]
mod witnesses;
#[cfg(test)]
mod world;
