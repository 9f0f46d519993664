//! The planner as whoever runs it meets it: snapshots and a goal in, plans out. Cases are data: a world, and what is planned in it.

#![cfg(test)]

mod goals;
mod incident;
mod inverses;
mod properties;
mod proposals;
mod refusals;
mod stays;
mod texts;
mod world;
