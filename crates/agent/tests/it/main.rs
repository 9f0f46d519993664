//! The agent's thinking over synthetic accounts and made-up sentences.

#![cfg(test)]

mod catalogue;
mod held;
mod model;
mod people;
mod plans;
mod rig;
mod specify;
mod world;
