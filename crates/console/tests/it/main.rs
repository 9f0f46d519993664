//! The pages over a real engine, in this process.
#![cfg(test)]

mod change;
mod many;
mod place;
mod rules;
mod sessions;
