//! The store from outside: one behaviour on both backends, and what survives a crash, a full disk and an editor.
//! `cfg(test)` tells the lints that helpers, too, are tests.

#[cfg(test)]
mod anew;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod history;
#[cfg(test)]
mod lazy;
#[cfg(test)]
mod open;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod power;
#[cfg(test)]
mod race;
