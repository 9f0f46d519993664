//! What people are told, seen from outside.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod slack;
