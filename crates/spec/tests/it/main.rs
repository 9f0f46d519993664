//! Specifications as people and other programs write them.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod ears;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod page;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod run;
#[cfg(test)]
mod trace;
