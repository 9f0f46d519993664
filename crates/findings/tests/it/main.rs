//! The analyzers as whoever runs them meets them: a snapshot in, a report out. Cases are data: a world, and what is told of it.

#![cfg(test)]

mod analyzers;
mod faults;
mod kept;
mod page;
mod places;
mod properties;
mod remedies;
mod synthetic;
mod table;
mod world;
